/* The platform's clock: even, never back, near the system's in the long run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock.h"

#define SECOND INT64_C(1000000)
#define START (INT64_C(1700000000) * SECOND)

static void test_a_step_forward_is_made_up_for_slowly(void **state)
{
	struct core_clock clock;

	core_clock_init(&clock, 5 * SECOND, START, 0);
	/* The system's clock is set an hour ahead: a minute later only a hundredth of the minute was made up. */
	assert_int_equal(core_clock_turn(&clock, 65 * SECOND, START + 3660 * SECOND), START + 60 * SECOND + 60 * SECOND / 100);
}

static void test_a_step_back_slows_the_clock_and_never_turns_it(void **state)
{
	struct core_clock clock;
	int64_t last = START;

	core_clock_init(&clock, 0, START, 0);
	for (int i = 1; i <= 1000; i++) {
		int64_t now = core_clock_turn(&clock, i * 7, START - 3600 * SECOND);

		assert_true(now >= last);
		last = now;
	}
	assert_true(last > START); /* time goes on, so that what is due comes */
	assert_true(last < START + 7000);
}

static void test_many_short_turns_add_up_to_one_long(void **state)
{
	struct core_clock often, seldom;

	core_clock_init(&often, 0, START, 0);
	core_clock_init(&seldom, 0, START, 0);
	for (int64_t i = 1; i <= 100000; i++)
		core_clock_turn(&often, i * 3, START + 3600 * SECOND);
	assert_int_equal(often.now_us, core_clock_turn(&seldom, 300000, START + 3600 * SECOND));
}

static void test_it_meets_the_system_again(void **state)
{
	struct core_clock clock;

	core_clock_init(&clock, 0, START, 0);
	for (int64_t i = 1; i <= 200; i++)
		core_clock_turn(&clock, i * SECOND, START + i * SECOND + SECOND);
	assert_int_equal(clock.now_us, START + 201 * SECOND);
}

static void test_it_begins_after_what_the_log_holds(void **state)
{
	struct core_clock clock;

	core_clock_init(&clock, 0, START, START + 60 * SECOND);
	assert_int_equal(clock.now_us, START + 60 * SECOND);
	assert_int_equal(core_clock_turn(&clock, 10 * SECOND, START + 10 * SECOND), START + 65 * SECOND);
}

static void test_a_boot_clock_that_stands_still_changes_nothing(void **state)
{
	struct core_clock clock;

	core_clock_init(&clock, 10, START, 0);
	assert_int_equal(core_clock_turn(&clock, 10, START + 3600 * SECOND), START);
	assert_int_equal(core_clock_turn(&clock, 3, START - 3600 * SECOND), START);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_step_forward_is_made_up_for_slowly),
		cmocka_unit_test(test_a_step_back_slows_the_clock_and_never_turns_it),
		cmocka_unit_test(test_many_short_turns_add_up_to_one_long),
		cmocka_unit_test(test_it_meets_the_system_again),
		cmocka_unit_test(test_it_begins_after_what_the_log_holds),
		cmocka_unit_test(test_a_boot_clock_that_stands_still_changes_nothing),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
