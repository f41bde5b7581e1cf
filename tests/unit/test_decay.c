#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "match/decay.h"

#define HOUR_US INT64_C(3600000000)
#define DAY_US (24 * HOUR_US)

static void powers_are_within_their_bound(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 1);
	assert_int_equal(decay_power(0), UINT64_C(1) << 62);
	for (int i = 0; i < 200000; i++) {
		uint64_t fraction = rng_next(&rng) >> rng_below(&rng, 64);
		long double exact = exp2l((long double)fraction / 0x1p64L) * 0x1p62L, got = (long double)decay_power(fraction);

		assert_true(got <= exact + 1 && got >= exact - 257);
	}
}

static void growth_never_falls(void **state)
{
	static const int64_t half_lives_us[] = { DECAY_HALF_LIFE_MIN_US, 3600000001, 7 * DAY_US, DECAY_HALF_LIFE_MAX_US };
	struct rng rng;

	(void)state;
	rng_init(&rng, 2);
	for (size_t i = 0; i < ARRAY_COUNT(half_lives_us); i++) {
		int64_t half_us = half_lives_us[i];

		for (int n = 0; n < 40000; n++) {
			/* Also about the bounds of halves of half-lives, where most bits of the fraction change. */
			int64_t random_us = (int64_t)rng_below(&rng, (uint64_t)half_us * 20);
			int64_t time_us = n % 2 ? half_us / 16 * (random_us % 400) : random_us;
			struct decay_moment before, after;
			long double exact;

			decay_at(half_us, time_us, &before);
			decay_at(half_us, time_us + 1, &after);
			exact = exp2l((long double)(time_us % (half_us * DECAY_EPOCH_HALVES)) / (long double)half_us + DECAY_FRACTION_BITS);
			assert_int_equal(before.epoch, time_us / half_us / DECAY_EPOCH_HALVES);
			assert_true(after.epoch > before.epoch || after.growth > before.growth);
			assert_true(before.growth >> (DECAY_FRACTION_BITS + DECAY_EPOCH_HALVES) == 0);
			assert_true(fabsl((long double)before.growth - exact) <= exact * 0x1p-54L);
		}
	}
}

static void sums_are_shifted_towards_zero(void **state)
{
	(void)state;
	assert_true(decay_shift(129, 1) == 2);
	assert_true(decay_shift(-129, 1) == -2);
	assert_true(decay_shift(-63, 1) == 0);
	assert_true(decay_shift(-129, 0) == -129);
	assert_true(decay_shift((__int128)1 << 125, 20) == 32);
	assert_true(decay_shift((__int128)1 << 126, 21) == 1);
	assert_true(decay_shift((__int128)1 << 126, 22) == 0);
	assert_true(decay_shift(-((__int128)1 << 126), 1000000) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(powers_are_within_their_bound),
		cmocka_unit_test(growth_never_falls),
		cmocka_unit_test(sums_are_shifted_towards_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
