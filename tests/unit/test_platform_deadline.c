/* Deadlines: work that would come too late is not begun, and work that is late is stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform_fixture.h"

static uint64_t job(struct fixture *f, const char *name, int64_t deadline_s, int64_t limit_s)
{
	struct demand_spec spec = world_job(name);

	spec.deadline_us = deadline_s * 1000000;
	spec.time_limit_us = limit_s * 1000000;
	return world_submit(&f->world, &spec);
}

static uint64_t running_job(struct fixture *f, int64_t deadline_s, int64_t limit_s)
{
	uint64_t id = job(f, "work", deadline_s, limit_s);

	both_up(f);
	world_round(&f->world);
	tell(f, id, ATTEMPT_RUNNING, OUTCOME_NONE);
	assert_int_equal(state_of(f, id), STATE_RUNNING);
	return id;
}

static void test_one_that_is_never_placed(void **state)
{
	struct fixture *f = *state;
	uint64_t id = job(f, "late", 100, 0);
	const struct story_line *lines;
	size_t count;

	assert_int_equal(look(f, id).deadline_us, f->world.now_us + 100000000);
	assert_int_equal(platform_next_tick_us(f->world.platform), f->world.now_us + 100000000);
	pass_s(f, 99);
	assert_int_equal(state_of(f, id), STATE_PENDING);
	world_check_rebuild(&f->world);
	pass_s(f, 1);
	assert_int_equal(state_of(f, id), STATE_TIMED_OUT);
	assert_string_equal(reason_of(f, id), "could not be placed before its deadline");
	assert_true(platform_next_tick_us(f->world.platform) == INT64_MAX);
	lines = story_of(f, id, &count);
	assert_int_equal(count, 3);
	assert_string_equal(lines[1].sentence, "late can no longer end before its deadline");
}

static void test_one_that_would_not_fit_any_more(void **state)
{
	struct fixture *f = *state;
	uint64_t id = job(f, "late", 100, 70), other = job(f, "other", 100, 71), third = job(f, "third", 30, 30);

	assert_true(platform_next_tick_us(f->world.platform) == f->world.now_us);
	settle(f);
	assert_int_equal(state_of(f, third), STATE_TIMED_OUT);
	assert_int_equal(platform_next_tick_us(f->world.platform), f->world.now_us + 29000000);
	pass_s(f, 29);
	assert_int_equal(state_of(f, other), STATE_TIMED_OUT);
	assert_int_equal(state_of(f, id), STATE_PENDING);
	world_restart(&f->world, false);
	pass_s(f, 1);
	assert_int_equal(state_of(f, id), STATE_TIMED_OUT);
	assert_string_equal(reason_of(f, id), "could not be placed before its deadline: its time limit is 1 min 10 s, and 1 min 10 s are left");
}

/* Once it has an attempt the deadline itself counts. */
static void test_one_that_runs_is_stopped(void **state)
{
	struct fixture *f = *state;
	uint64_t id = running_job(f, 10, 8);
	struct sync_reply reply;

	assert_int_equal(deadline_next_us(f->world.platform), look(f, id).deadline_us);
	pass_s(f, 9);
	assert_int_equal(state_of(f, id), STATE_RUNNING);
	pass_s(f, 1);
	assert_int_equal(state_of(f, id), STATE_STOPPING);
	assert_string_equal(reason_of(f, id), "past its deadline, waiting for its attempt to stop");
	world_restart(&f->world, false);
	reply = tell(f, id, ATTEMPT_STOPPING, OUTCOME_NONE);
	assert_int_equal(reply.run_count, 0);
	world_cancel(&f->world, id); /* too late to be that */
	end_as(f, id, OUTCOME_STOPPED);
	assert_int_equal(state_of(f, id), STATE_TIMED_OUT);
	assert_string_equal(reason_of(f, id), "ran past its deadline and was stopped");
}

/* What had succeeded by then succeeded, however late the word of it comes; what succeeded later is late. */
static void test_word_that_comes_late(void **state)
{
	struct fixture *f = *state;

	for (int64_t late = 0; late < 2; late++) {
		uint64_t id = running_job(f, 10, 8);
		struct demand_view view = look(f, id);
		struct attempt_report report = world_attempt(id, 0, 1, view.placements[0].token, ATTEMPT_ENDED, OUTCOME_SUCCEEDED);

		pass_s(f, 12);
		assert_int_equal(state_of(f, id), STATE_STOPPING);
		report.ended_us = view.deadline_us + late;
		world_report(&f->world, view.placements[0].site, 10, ++f->sequence, &report, 1, &f->arena);
		assert_int_equal(state_of(f, id), late ? STATE_TIMED_OUT : STATE_SUCCEEDED);
	}
}

/* Back in the queue, what is left must hold its time limit again. */
static void test_an_attempt_that_is_lost(void **state)
{
	struct fixture *f = *state;
	uint64_t id = running_job(f, 100, 60);

	pass_s(f, 46); /* both are silent, and lost by now */
	assert_int_equal(state_of(f, id), STATE_TIMED_OUT);
	assert_int_equal(look(f, id).placement_count, 1);
	id = running_job(f, 46, 1); /* the loss and the deadline fall together */
	pass_s(f, 60);
	assert_int_equal(state_of(f, id), STATE_TIMED_OUT);
}

static void test_one_that_is_held(void **state)
{
	struct fixture *f = *state;
	uint64_t gate = job(f, "gate", 0, 0), id;
	struct demand_spec spec = world_job("waits");

	spec.after = &(struct after){ "gate", AFTER_OK };
	spec.after_count = 1;
	spec.deadline_us = 10000000;
	id = world_submit(&f->world, &spec);
	pass_s(f, 10);
	assert_int_equal(state_of(f, id), STATE_TIMED_OUT);
	id = world_submit(&f->world, &spec);
	f->world.now_us += 10000000;
	world_cancel(&f->world, gate); /* hopeless and late at once: the first counts */
	settle(f);
	assert_int_equal(state_of(f, id), STATE_CANCELLED);
	assert_true(platform_next_tick_us(f->world.platform) == INT64_MAX);
}

/* The heap, against the plain minimum. */
static void test_many(void **state)
{
	struct fixture *f = *state;
	uint64_t ids[300];
	int64_t begin_us = f->world.now_us;

	for (int i = 0; i < 300; i++)
		ids[i] = job(f, "work", 1 + i * 7919 % 300, 0);
	for (int i = 0; i < 300; i += 5)
		world_cancel(&f->world, ids[i]);
	platform_check(f->world.platform);
	for (int second = 1; second <= 300; second += 25) {
		f->world.now_us = begin_us + second * 1000000;
		settle(f);
		platform_check(f->world.platform);
		for (int i = 0; i < 300; i++)
			assert_int_equal(state_of(f, ids[i]), i % 5 == 0			? STATE_CANCELLED
							      : 1 + i * 7919 % 300 <= second ? STATE_TIMED_OUT
											     : STATE_PENDING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_that_is_never_placed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_would_not_fit_any_more, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_runs_is_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_word_that_comes_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_attempt_that_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_is_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return cmocka_run_group_tests_name("platform_deadline", tests, NULL, NULL);
}
