/* The mix of demand, and the effective sizes that come from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "match/mix.h"
#include "match/sizes.h"

static uint64_t count_of(const struct mix *mix, uint32_t need)
{
	return need < mix->place_count && mix->places[need] ? mix->entries[mix->places[need] - 1].count : 0;
}

static void old_needs_are_forgotten(void **state)
{
	const uint32_t *dropped;
	struct mix mix;

	(void)state;
	mix_init(&mix);
	assert_true(mix_add(&mix, 7, 1));
	assert_false(mix_add(&mix, 7, 1));
	for (int i = 0; i < MIX_HALF_LIFE; i++)
		mix_add(&mix, 3, 1);
	assert_int_equal(count_of(&mix, 7), 64);
	for (int i = 0; i < MIX_HALF_LIFE * 8; i++)
		mix_add(&mix, 3, 1);
	assert_int_equal(count_of(&mix, 7), 0);
	assert_int_equal(mix_take_dropped(&mix, &dropped), 1);
	assert_int_equal(dropped[0], 7);
	assert_int_equal(mix.count, 1);
	mix_done(&mix);
}

static void too_many_needs_leave_the_heaviest(void **state)
{
	const uint32_t *dropped;
	struct mix mix;

	(void)state;
	mix_init(&mix);
	for (uint32_t need = 0; need < MIX_NEEDS_MAX; need++)
		mix_add(&mix, need, need % 3 == 0 ? 2 : 1);
	assert_int_equal(mix.count, MIX_NEEDS_MAX);
	assert_true(mix_add(&mix, MIX_NEEDS_MAX, 1));
	assert_int_equal(mix.count, MIX_NEEDS_MAX / 2 + 1);
	assert_int_equal(mix_take_dropped(&mix, &dropped), MIX_NEEDS_MAX / 2);
	for (uint32_t need = 0; need < MIX_NEEDS_MAX; need += 3)
		assert_true(count_of(&mix, need) > 0);
	for (size_t i = 0; i < mix.count; i++)
		assert_int_equal(mix.places[mix.entries[i].need], i + 1);
	mix_done(&mix);
}

static void looks_depend_on_arrivals_only(void **state)
{
	struct mix mix;
	unsigned looks = 0;

	(void)state;
	mix_init(&mix);
	for (int i = 0; i < 100000; i++) {
		mix_add(&mix, 1, 1);
		looks += mix_look_due(&mix);
	}
	assert_in_range(looks, 30, 60);
	mix.fixed = true;
	mix.next_look = 0;
	assert_false(mix_look_due(&mix));
	mix_done(&mix);
}

/* --- sizes --- */

static void is_sound(const int64_t *worth)
{
	assert_int_equal(worth[0], 0);
	assert_int_equal(worth[CHIP_MILLI], SIZE_ONE);
	for (int a = 1; a <= CHIP_MILLI; a++) {
		assert_true(worth[a] >= worth[a - 1]);
		/* No pattern is worth more than the chip it is cut from: what is cut in two is worth no more. */
		for (int b = 1; b <= a / 2; b++)
			assert_true(worth[b] + worth[a - b] <= worth[a]);
	}
}

static void no_pattern_is_worth_more_than_a_chip(void **state)
{
	struct share shares[40];
	int64_t worth[CHIP_MILLI + 1];
	struct rng rng;

	(void)state;
	rng_init(&rng, 5);
	for (int round = 0; round < 60; round++) {
		size_t count = rng_below(&rng, 41);

		for (size_t i = 0; i < count; i++)
			shares[i] = (struct share){ 1 + (int)rng_below(&rng, 999), 1 + rng_below(&rng, 100000) };
		sizes_compute(shares, count, worth);
		is_sound(worth);
	}
}

/* The shares of a real cluster; the sizes are the dual values of the exact program. */
static void sizes_of_a_real_mix(void **state)
{
	const struct share shares[] = { { 810, 1078 }, { 470, 750 }, { 320, 328 }, { 650, 253 }, { 230, 140 }, { 460, 128 }, { 590, 75 },
					{ 160, 74 },   { 550, 72 },  { 220, 62 },  { 370, 47 },	 { 110, 24 },  { 480, 19 },  { 50, 7 },
					{ 330, 7 },    { 350, 6 },   { 270, 4 },   { 440, 2 },	 { 290, 1 },   { 140, 1 } };
	int64_t worth[CHIP_MILLI + 1];

	(void)state;
	sizes_compute(shares, sizeof(shares) / sizeof(shares[0]), worth);
	is_sound(worth);
	assert_int_equal(worth[810], SIZE_ONE * 1 / 1);
	assert_int_equal(worth[190], SIZE_ONE * 0 / 1);
	assert_int_equal(worth[470], SIZE_ONE * 1 / 2);
	assert_int_equal(worth[590], SIZE_ONE * 2 / 3);
	assert_int_equal(worth[320], SIZE_ONE * 1 / 3);
	assert_int_equal(worth[230], SIZE_ONE * 1 / 4);
}

static void without_shares_only_whole_chips_count(void **state)
{
	int64_t worth[CHIP_MILLI + 1];

	(void)state;
	sizes_compute(NULL, 0, worth);
	assert_int_equal(worth[CHIP_MILLI - 1], 0);
	assert_int_equal(worth[CHIP_MILLI], SIZE_ONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_needs_are_forgotten),     cmocka_unit_test(too_many_needs_leave_the_heaviest),
		cmocka_unit_test(looks_depend_on_arrivals_only), cmocka_unit_test(no_pattern_is_worth_more_than_a_chip),
		cmocka_unit_test(sizes_of_a_real_mix),	       cmocka_unit_test(without_shares_only_whole_chips_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
