#include "contract/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct weir_engine_ops *subject;
static bool subject_is_real;

static int setup(void **state)
{
	struct engine_fixture *fixture = calloc(1, sizeof(*fixture));

	fixture_open_scratch(fixture, subject, subject_is_real);
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	fixture_done(*state);
	free(*state);
	return 0;
}

static void stop(struct engine_fixture *fixture, unsigned number)
{
	struct weir_attempt_key key = key_of(number);

	assert_int_equal(fixture->ops->stop(fixture->engine, &key, 5000000), 0);
}

static int forget(struct engine_fixture *fixture, unsigned number)
{
	struct weir_attempt_key key = key_of(number);

	return fixture->ops->forget(fixture->engine, &key);
}

static void start_work(struct engine_fixture *fixture, unsigned number, enum work work)
{
	struct weir_start start = start_of(fixture, number, work);

	fixture_start(fixture, &start);
}

static void test_outcomes(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status status;
	struct weir_start limited;

	start_work(fixture, 1, WORK_SUCCEED);
	start_work(fixture, 2, WORK_FAIL);
	limited = start_of(fixture, 3, WORK_LAST);
	limited.time_limit_us = 200000;
	fixture_start(fixture, &limited);
	status = wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	assert_int_equal(status.token, 101);
	assert_int_equal(status.exit_code, 0);
	assert_int_equal(status.failed_worker, -1);
	assert_true(status.started_us > 0 && status.ended_us >= status.started_us);
	status = wait_for_end(fixture, 2, WEIR_FAILED);
	assert_int_equal(status.exit_code, 3);
	assert_int_equal(status.exit_signal, 0);
	assert_int_equal(status.failed_worker, 0);
	status = wait_for_end(fixture, 3, WEIR_TIMED_OUT);
	assert_non_null(strstr(status.message, "allowed 200ms"));
	assert_true(status.ended_us - status.started_us >= 200000);
	assert_true(fixture->changes > 0);
}

static void test_e1_never_runs_twice(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status before, after;

	start_work(fixture, 1, WORK_LAST);
	start_work(fixture, 1, WORK_LAST);
	before = wait_for_state(fixture, 1, WEIR_RUNNING);
	wait_for_runs(fixture, 1, 1);
	start_work(fixture, 1, WORK_LAST);
	stop(fixture, 1);
	start_work(fixture, 1, WORK_LAST);
	wait_for_end(fixture, 1, WEIR_STOPPED);
	start_work(fixture, 1, WORK_LAST);
	fixture_close(fixture);
	fixture_open(fixture);
	start_work(fixture, 1, WORK_LAST);
	after = wait_for_end(fixture, 1, WEIR_STOPPED);
	assert_int_equal(after.started_us, before.started_us);
	wait_for_runs(fixture, 1, 1);
}

static void test_e2_stop(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status status;

	stop(fixture, 99);
	assert_false(fixture_find(fixture, 99, &status));
	start_work(fixture, 1, WORK_LAST);
	start_work(fixture, 2, WORK_LAST);
	stop(fixture, 2); /* before it runs, perhaps */
	wait_for_state(fixture, 1, WEIR_RUNNING);
	stop(fixture, 1);
	stop(fixture, 1);
	wait_for_end(fixture, 1, WEIR_STOPPED);
	wait_for_end(fixture, 2, WEIR_STOPPED);
	stop(fixture, 1);
	start_work(fixture, 3, WORK_FAIL);
	wait_for_end(fixture, 3, WEIR_FAILED);
	stop(fixture, 3);
	fixture_turn(fixture);
	wait_for_end(fixture, 3, WEIR_FAILED);
	wait_for_end(fixture, 1, WEIR_STOPPED);
}

static void test_e3_listed_until_forgotten(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status status;

	start_work(fixture, 1, WORK_SUCCEED);
	start_work(fixture, 2, WORK_LAST);
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	wait_for_state(fixture, 2, WEIR_RUNNING);
	assert_int_equal(forget(fixture, 2), -EBUSY);
	assert_int_equal(forget(fixture, 1), 0);
	assert_int_equal(forget(fixture, 1), 0);
	assert_false(fixture_find(fixture, 1, &status));
	assert_true(fixture_find(fixture, 2, &status));
	fixture_close(fixture);
	fixture_open(fixture);
	assert_false(fixture_find(fixture, 1, &status));
	stop(fixture, 2);
	wait_for_end(fixture, 2, WEIR_STOPPED);
}

static void live_through_four(struct engine_fixture *fixture)
{
	start_work(fixture, 1, WORK_SUCCEED);
	start_work(fixture, 2, WORK_FAIL);
	start_work(fixture, 3, WORK_LAST);
	start_work(fixture, 4, WORK_NAP);
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	wait_for_end(fixture, 2, WEIR_FAILED);
	wait_for_state(fixture, 3, WEIR_RUNNING);
}

static void test_e4_found_again(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status before, after;

	start_work(fixture, 5, WORK_LAST);
	before = wait_for_state(fixture, 5, WEIR_RUNNING);
	fixture_close(fixture);
	fixture_killed_agent(fixture, live_through_four, 0);
	fixture_open(fixture);
	after = wait_for_end(fixture, 2, WEIR_FAILED);
	assert_int_equal(after.exit_code, 3);
	assert_int_equal(after.token, 102);
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	wait_for_state(fixture, 3, WEIR_RUNNING);
	after = wait_for_state(fixture, 5, WEIR_RUNNING);
	assert_int_equal(after.started_us, before.started_us);
	wait_for_end(fixture, 4, WEIR_SUCCEEDED);
	for (unsigned number = 1; number <= 5; number++)
		wait_for_runs(fixture, number, 1);
	stop(fixture, 3);
	stop(fixture, 5);
	wait_for_end(fixture, 3, WEIR_STOPPED);
	wait_for_end(fixture, 5, WEIR_STOPPED);
}

static void live_starting(struct engine_fixture *fixture)
{
	for (unsigned number = 0; number < 8; number++)
		start_work(fixture, number, WORK_SUCCEED);
	for (;;)
		fixture_turn(fixture);
}

/* Killed at moments spread over its starts, then told the same again: each ran once. */
static void test_e4_killed_while_starting(void **state)
{
	struct engine_fixture *fixture = *state;
	const int64_t moments_us[] = { 1000, 3000, 6000, 10000, 20000, 40000 };

	for (size_t i = 0; i < sizeof(moments_us) / sizeof(moments_us[0]); i++) {
		fixture_killed_agent(fixture, live_starting, moments_us[i]);
		for (unsigned number = 0; number < 8; number++)
			start_work(fixture, number, WORK_SUCCEED);
		for (unsigned number = 0; number < 8; number++) {
			wait_for_end(fixture, number, WEIR_SUCCEEDED);
			wait_for_runs(fixture, number, (unsigned)i + 1);
		}
		for (unsigned number = 0; number < 8; number++)
			assert_int_equal(forget(fixture, number), 0);
	}
}

static void test_e5_lease(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_start short_lease = start_of(fixture, 1, WORK_LAST);

	short_lease.lease_until_us = boottime_us() + 300000;
	fixture_start(fixture, &short_lease);
	wait_for_end(fixture, 1, WEIR_LEASE_EXPIRED);
	assert_true(boottime_us() >= short_lease.lease_until_us);
}

static void test_e5_lease_renewed(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_start short_lease = start_of(fixture, 1, WORK_LAST);
	int64_t until_us;

	short_lease.lease_until_us = boottime_us() + 2000000;
	fixture_start(fixture, &short_lease);
	until_us = short_lease.lease_until_us + 500000;
	while (boottime_us() < until_us) {
		assert_int_equal(fixture->ops->lease(fixture->engine, boottime_us() + FOREVER_US), 0);
		fixture_turn(fixture);
	}
	/* A message that comes late takes nothing back. */
	assert_int_equal(fixture->ops->lease(fixture->engine, boottime_us() - 1), 0);
	fixture_turn(fixture);
	wait_for_state(fixture, 1, WEIR_RUNNING);
	stop(fixture, 1);
	wait_for_end(fixture, 1, WEIR_STOPPED);
}

static int64_t dead_lease_us;

static void live_with_short_lease(struct engine_fixture *fixture)
{
	struct weir_start start = start_of(fixture, 1, WORK_LAST);
	struct weir_attempt_status status;

	start.lease_until_us = boottime_us() + 100000;
	assert_int_equal(fixture->ops->lease(fixture->engine, dead_lease_us), 0);
	fixture_start(fixture, &start);
	do
		fixture_turn(fixture);
	while (fixture_find(fixture, 1, &status) && status.state == WEIR_STARTING);
}

static bool lease_is_over(void *context)
{
	struct engine_fixture *fixture = context;

	return boottime_us() > dead_lease_us && processes_left(fixture) == 0;
}

static void test_e5_without_an_agent(void **state)
{
	struct engine_fixture *fixture = *state;

	fixture_close(fixture);
	dead_lease_us = boottime_us() + 1500000;
	fixture_killed_agent(fixture, live_with_short_lease, 0);
	wait_until(fixture, lease_is_over, fixture, "the attempt to be stopped");
	fixture_open(fixture);
	wait_for_end(fixture, 1, WEIR_LEASE_EXPIRED);
}

static void test_e6_output(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_key key = key_of(1), unknown = key_of(98);
	char *whole, piece[8];
	int64_t first = -1;
	size_t length;

	start_work(fixture, 1, WORK_SUCCEED);
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	assert_int_equal(fixture->ops->read_log(fixture->engine, &unknown, 0, 1, 0, piece, 1, &first), -ENOENT);
	assert_int_equal(fixture->ops->read_log(fixture->engine, &key, 77, 1, 0, piece, 1, &first), -ENOENT);
	whole = read_stream(fixture, 1, 0, 1);
	length = strlen(whole);
	if (fixture->real)
		assert_string_equal(whole, "out\n");
	else
		assert_non_null(strstr(whole, "simulated"));
	for (size_t at = 0; at < length; at++) {
		assert_int_equal(fixture->ops->read_log(fixture->engine, &key, 0, 1, (int64_t)at, piece, 1, &first), 1);
		assert_int_equal(piece[0], whole[at]);
		assert_int_equal(first, 0);
	}
	assert_int_equal(fixture->ops->read_log(fixture->engine, &key, 0, 1, (int64_t)length, piece, 8, &first), 0);
	free(whole);
	whole = read_stream(fixture, 1, 0, 2);
	assert_string_equal(whole, fixture->real ? "err\n" : "");
	free(whole);
}

static void test_listing_is_sorted(void **state)
{
	struct engine_fixture *fixture = *state;
	const unsigned order[] = { 7, 2, 9, 4, 1, 8 };
	const struct weir_attempt_status *listed;
	size_t count;

	for (size_t i = 0; i < 6; i++)
		start_work(fixture, order[i], WORK_SUCCEED);
	fixture->ops->attempts(fixture->engine, &listed, &count);
	assert_int_equal(count, 6);
	for (size_t i = 1; i < count; i++)
		assert_true(listed[i - 1].key.demand < listed[i].key.demand);
	for (size_t i = 0; i < 6; i++)
		wait_for_end(fixture, order[i], WEIR_SUCCEEDED);
	assert_int_equal(forget(fixture, 4), 0);
	fixture->ops->attempts(fixture->engine, &listed, &count);
	assert_int_equal(count, 5);
	assert_int_equal(listed[2].key.demand, key_of(7).demand);
}

static void test_supply_as_told(void **state)
{
	struct engine_fixture *fixture = *state;
	const struct weir_supply_group *groups;
	const char *const *notes;
	size_t count, note_count;

	fixture->ops->supply(fixture->engine, &groups, &count, &notes, &note_count);
	assert_int_equal(count, 2);
	assert_string_equal(groups[0].name, "machine");
	assert_int_equal(groups[0].count, 2);
	assert_string_equal(groups[0].chip_models[1], "h100");
	assert_int_equal(groups[0].chip_counts[1], 4);
	assert_int_equal(groups[0].resource_count, 1);
	assert_string_equal(groups[0].resource_names[0], "rdma");
	assert_int_equal(groups[0].resource_counts[0], 2);
	assert_int_equal(groups[1].resource_count, 0);
	assert_int_equal(groups[1].memory_mib, 1024);
	for (size_t i = 0; i < note_count; i++)
		assert_true(notes[i][0] != 0);
}

static void test_the_other_kind_is_refused(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_start start = start_of(fixture, 1, WORK_SUCCEED);
	struct weir_attempt_status status;
	char message[200] = "";

	start.simulated = !start.simulated;
	assert_true(fixture->ops->start(fixture->engine, &start, message, sizeof(message)) < 0);
	assert_true(message[0] != 0);
	assert_false(fixture_find(fixture, 1, &status));
}

#define CONTRACT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int engine_contract_run(const char *name, const struct weir_engine_ops *ops, bool real)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(test_outcomes),
		CONTRACT(test_e1_never_runs_twice),
		CONTRACT(test_e2_stop),
		CONTRACT(test_e3_listed_until_forgotten),
		CONTRACT(test_e4_found_again),
		CONTRACT(test_e4_killed_while_starting),
		CONTRACT(test_e5_lease),
		CONTRACT(test_e5_lease_renewed),
		CONTRACT(test_e5_without_an_agent),
		CONTRACT(test_e6_output),
		CONTRACT(test_listing_is_sorted),
		CONTRACT(test_supply_as_told),
		CONTRACT(test_the_other_kind_is_refused),
	};

	subject = ops;
	subject_is_real = real;
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
