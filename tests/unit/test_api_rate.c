#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "api/rate.h"

static bool take(struct rate *rate, const char *key, int64_t now_us, unsigned *ret_wait_s)
{
	return rate_take(rate, key, strlen(key), now_us, ret_wait_s);
}

static void test_burst_then_rate(void **state)
{
	struct rate *rate = rate_new(10, 20);
	int64_t now_us = INT64_C(1700000000000000);
	unsigned wait_s = 0;

	for (int i = 0; i < 20; i++)
		assert_true(take(rate, "a", now_us, &wait_s));
	assert_false(take(rate, "a", now_us, &wait_s));
	assert_int_equal(wait_s, 1);
	/* Another key has a bucket of its own. */
	assert_true(take(rate, "b", now_us, &wait_s));
	/* One a tenth of a second comes back, and no more. */
	now_us += 100000;
	assert_true(take(rate, "a", now_us, &wait_s));
	assert_false(take(rate, "a", now_us, &wait_s));
	/* Never more than the burst, however long it was quiet. */
	now_us += INT64_C(3600000000);
	for (int i = 0; i < 20; i++)
		assert_true(take(rate, "a", now_us, &wait_s));
	assert_false(take(rate, "a", now_us, &wait_s));
	rate_free(rate);
}

static void test_no_limit(void **state)
{
	struct rate *rate = rate_new(0, 0);
	unsigned wait_s;

	for (int i = 0; i < 1000; i++)
		assert_true(take(rate, "a", 1, &wait_s));
	rate_free(rate);
}

/* Many keys do not free one that is used up. */
static void test_many_keys(void **state)
{
	struct rate *rate = rate_new(1, 50);
	int64_t now_us = INT64_C(1700000000000000);
	unsigned wait_s;

	for (int i = 0; i < 50; i++)
		assert_true(take(rate, "busy", now_us, &wait_s));
	for (int i = 0; i < 100000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		assert_true(take(rate, key, now_us, &wait_s));
	}
	assert_false(take(rate, "busy", now_us, &wait_s));
	rate_free(rate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_rate),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
