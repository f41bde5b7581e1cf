/* Dependencies: who waits for whom, and what becomes of those who wait in vain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/id.h"
#include "platform_fixture.h"

static int submit(struct fixture *f, const char *key, const struct demand_spec *specs, size_t count, struct submit_result *results,
		  struct err *err)
{
	struct event_list list;
	int code;

	event_list_init(&list, &f->arena);
	code = decide_submit(f->world.platform, f->world.now_us, "lab", key, specs, count, results, &list, err);
	if (code == 0)
		world_apply(&f->world, &list);
	f->world.now_us += 1000;
	return code;
}

/* A job that waits for one other. */
static uint64_t after(struct fixture *f, const char *name, const char *other, enum after_when when)
{
	struct after one = { other, when };
	struct demand_spec spec = world_job(name);

	spec.after = &one;
	spec.after_count = other ? 1 : 0;
	f->world.now_us += 1000;
	return world_submit(&f->world, &spec);
}

static uint64_t plain(struct fixture *f, const char *name)
{
	return after(f, name, NULL, AFTER_OK);
}

static void finish(struct fixture *f, uint64_t id, enum outcome outcome)
{
	both_up(f);
	settle(f);
	end_as(f, id, outcome);
}

static void test_after_success(void **state)
{
	struct fixture *f = *state;
	uint64_t first = plain(f, "train"), second = after(f, "judge", "train", AFTER_OK), third = after(f, "tell", "judge", AFTER_OK);
	struct demand_view view = look(f, second);
	const struct story_line *lines;
	size_t count;

	assert_string_equal(view.reason, "waits for the success of train");
	assert_int_equal(view.after_count, 1);
	assert_int_equal(view.after[0].demand, first);
	assert_string_equal(view.after[0].name, "train");
	assert_int_equal(view.after[0].state, EDGE_WAITS);
	world_check_rebuild(&f->world);
	finish(f, first, OUTCOME_SUCCEEDED);
	world_restart(&f->world, true);
	finish(f, second, OUTCOME_SUCCEEDED);
	world_restart(&f->world, false);
	finish(f, third, OUTCOME_SUCCEEDED);
	assert_int_equal(state_of(f, third), STATE_SUCCEEDED);
	assert_int_equal(look(f, third).after[0].state, EDGE_MET);
	lines = story_of(f, third, &count);
	assert_int_equal(count, 4);
	assert_string_equal(lines[0].sentence, "tell accepted from lab");
}

static void test_in_vain(void **state)
{
	struct fixture *f = *state;
	uint64_t first = plain(f, "train"), second = after(f, "judge", "train", AFTER_OK), third = after(f, "tell", "judge", AFTER_OK);
	uint64_t comfort = after(f, "comfort", "train", AFTER_FAILURE), report = after(f, "report", "train", AFTER_ANY);

	finish(f, first, OUTCOME_FAILED);
	assert_string_equal(reason_of(f, second), "about to be cancelled");
	settle(f);
	assert_int_equal(state_of(f, second), STATE_CANCELLED);
	assert_string_equal(reason_of(f, second), "cancelled: train ended as failed, and this waits for its success");
	assert_int_equal(state_of(f, third), STATE_CANCELLED);
	assert_string_equal(reason_of(f, third), "cancelled: judge ended as cancelled, and this waits for its success");
	assert_int_equal(state_of(f, comfort), STATE_PLACED);
	assert_int_equal(state_of(f, report), STATE_PLACED);
}

static void test_a_failure_that_does_not_come(void **state)
{
	struct fixture *f = *state;
	uint64_t first = plain(f, "train"), comfort = after(f, "comfort", "train", AFTER_FAILURE);

	finish(f, first, OUTCOME_SUCCEEDED);
	settle(f);
	assert_string_equal(reason_of(f, comfort), "cancelled: train succeeded, and this waits for its failure");
}

/* One that is over before somebody asks counts; one that nobody remembers is unknown. */
static void test_what_is_over(void **state)
{
	struct fixture *f = *state;
	uint64_t first = plain(f, "train"), second;
	struct after wait = { "train", AFTER_OK };
	struct demand_spec spec = world_job("late");
	struct submit_result result;
	struct err err = { "" };

	finish(f, first, OUTCOME_SUCCEEDED);
	second = after(f, "judge", "train", AFTER_OK);
	assert_int_equal(look(f, second).after_count, 1);
	settle(f);
	assert_int_equal(state_of(f, second), STATE_PLACED);
	second = after(f, "comfort", "train", AFTER_FAILURE);
	settle(f);
	assert_int_equal(state_of(f, second), STATE_CANCELLED);
	spec.after = &wait;
	spec.after_count = 1;
	wait.demand = "nobody";
	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), -EINVAL);
	assert_string_equal(err.text, "late: after: lab has no demand nobody; what is waited for must have been submitted before, and not be "
				      "forgotten");
	wait.demand = "late";
	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), -EINVAL);
}

static void test_what_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct platform_settings settings;
	struct after wait = { "train", AFTER_OK };
	struct demand_spec spec = world_job("late");
	struct submit_result result;
	struct err err = { "" };

	platform_settings_defaults(&settings);
	settings.ended_kept = 1;
	world_done(&f->world);
	world_init(&f->world, &settings, &network, NULL);
	spec.after = &wait;
	spec.after_count = 1;
	finish(f, plain(f, "train"), OUTCOME_SUCCEEDED);
	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), 0);
	settle(f);
	end_as(f, result.id, OUTCOME_SUCCEEDED);
	world_check_rebuild(&f->world); /* what was met is met, whoever remembers */
	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), -EINVAL);
}

/* Ids as well as names, the newest of a name, and only the tenant's own. */
static void test_who_is_meant(void **state)
{
	struct fixture *f = *state;
	uint64_t old = plain(f, "train"), newer = plain(f, "train"), others, waits;
	struct demand_spec spec = world_job("train");
	char id[ID_TEXT_SIZE];

	spec.tenant = "other";
	others = world_submit(&f->world, &spec);
	waits = after(f, "judge", "train", AFTER_OK);
	assert_int_equal(look(f, waits).after[0].demand, newer);
	waits = after(f, "judge", id_format(old, id), AFTER_OK);
	assert_int_equal(look(f, waits).after[0].demand, old);
	spec = world_job("thief");
	spec.after = &(struct after){ id_format(others, id), AFTER_ANY };
	spec.after_count = 1;
	struct submit_result result;
	struct err err = { "" };
	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), -EINVAL);
}

static void test_within_one_submission(void **state)
{
	struct fixture *f = *state;
	struct after waits[] = { { "sweep", AFTER_OK }, { "sweep.1", AFTER_ANY }, { "sweep.3", AFTER_ANY } };
	struct array array = { 3, 0 };
	struct demand_spec specs[4] = { world_job("sweep"), world_job("sum"), world_job("one"), world_job("sum") };
	struct submit_result results[4], again[4];
	struct err err = { "" };

	plain(f, "sweep"); /* an older one of the name */
	specs[0].array = &array;
	specs[1].after = &waits[0];
	specs[2].after = &waits[1];
	specs[3].after = waits;
	specs[1].after_count = specs[2].after_count = 1;
	specs[3].after_count = 2;
	assert_int_equal(submit(f, "key", specs, 4, results, &err), 0);
	assert_int_equal(look(f, results[1].id).after[0].demand, results[0].id);
	assert_true(look(f, results[1].id).after[0].array);
	assert_int_equal(look(f, results[2].id).after[0].demand, id_next(results[0].id, 0, 0));
	assert_string_equal(reason_of(f, results[1].id), "waits for the success of all of sweep");
	assert_string_equal(reason_of(f, results[3].id), "waits for the success of all of sweep and for 1 other");
	/* The same key again: the names may mean others by now, but it is the same request. */
	plain(f, "sweep");
	assert_int_equal(submit(f, "key", specs, 4, again, &err), 0);
	assert_true(again[0].repeated);
	assert_int_equal(again[3].id, results[3].id);
	specs[2].after = &waits[2];
	assert_int_equal(submit(f, NULL, specs, 3, again, &err), -EINVAL); /* there is no fourth member */
}

static void test_an_array_as_a_whole(void **state)
{
	struct fixture *f = *state;
	struct array array = { 3, 0 };
	struct demand_spec spec = world_job("sweep");
	uint64_t first, all, any, failed;

	spec.array = &array;
	first = world_submit(&f->world, &spec);
	all = after(f, "all", "sweep", AFTER_OK);
	any = after(f, "any", "sweep", AFTER_ANY);
	failed = after(f, "failed", "sweep", AFTER_FAILURE);
	finish(f, first, OUTCOME_SUCCEEDED);
	settle(f);
	assert_string_equal(reason_of(f, all), "waits for the success of all of sweep");
	world_check_rebuild(&f->world);
	finish(f, id_next(first, 0, 0), OUTCOME_FAILED);
	settle(f);
	assert_string_equal(reason_of(f, all), "cancelled: 1 of 3 members of sweep did not succeed, and this waits for the success of all");
	assert_int_equal(state_of(f, any), STATE_PENDING);
	assert_int_equal(state_of(f, failed), STATE_PENDING);
	finish(f, id_next(id_next(first, 0, 0), 0, 0), OUTCOME_SUCCEEDED);
	settle(f);
	assert_int_equal(state_of(f, any), STATE_PLACED);
	assert_int_equal(state_of(f, failed), STATE_PLACED);
	/* It is over: it counts at once. */
	assert_int_equal(demand_find(f->world.platform, after(f, "later", "sweep", AFTER_FAILURE))->single.place, REPLICA_QUEUED);
}

/* An array that waits: all of it, and then as many at once as it says. */
static void test_an_array_that_waits(void **state)
{
	struct fixture *f = *state;
	uint64_t gate = plain(f, "gate"), first;
	struct after wait = { "gate", AFTER_OK };
	struct array array = { 4, 2 };
	struct demand_spec spec = world_job("sweep");

	spec.array = &array;
	spec.after = &wait;
	spec.after_count = 1;
	first = world_submit(&f->world, &spec);
	assert_string_equal(reason_of(f, first), "waits for the success of gate");
	finish(f, gate, OUTCOME_SUCCEEDED);
	settle(f);
	assert_int_equal(state_of(f, first), STATE_PLACED);
	assert_int_equal(state_of(f, id_next(first, 0, 0)), STATE_PLACED);
	assert_int_equal(hold_find(f->world.platform, first)->held_count, 2);
	gate = plain(f, "gate");
	first = world_submit(&f->world, &spec);
	world_cancel(&f->world, gate);
	settle(f);
	for (int i = 0; i < 4; i++, first = id_next(first, 0, 0))
		assert_int_equal(state_of(f, first), STATE_CANCELLED);
}

/* One that is cancelled while it waits is forgotten before what it waited for ends. */
static void test_gone_before_its_target(void **state)
{
	struct fixture *f = *state;
	uint64_t gate = plain(f, "gate"), waits = after(f, "waits", "gate", AFTER_OK), other = after(f, "other", "gate", AFTER_OK);

	world_cancel(&f->world, waits);
	assert_int_equal(state_of(f, waits), STATE_CANCELLED);
	world_check_rebuild(&f->world);
	f->world.platform->settings.ended_kept = f->world.settings.ended_kept = 1;
	world_cancel(&f->world, plain(f, "dust"));
	assert_null(demand_find(f->world.platform, waits));
	finish(f, gate, OUTCOME_SUCCEEDED);
	settle(f);
	assert_int_equal(state_of(f, other), STATE_PLACED);
}

/* What one end sets free is more than a tick settles: the next goes on. */
static void test_many_wait_for_one(void **state)
{
	struct fixture *f = *state;
	uint64_t gate = plain(f, "gate");
	struct after wait = { "gate", AFTER_OK };
	struct demand_spec spec = world_job("waits");
	int ticks = 0;

	spec.after = &wait;
	spec.after_count = 1;
	for (int i = 0; i < 5000; i++)
		world_submit(&f->world, &spec);
	world_cancel(&f->world, gate);
	for (; platform_next_tick_us(f->world.platform) <= f->world.now_us; ticks++)
		world_tick(&f->world);
	assert_int_equal(ticks, 2);
	assert_int_equal(f->world.platform->state_counts[STATE_CANCELLED], 5001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_after_success, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_vain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_failure_that_does_not_come, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_is_meant, setup, teardown),
		cmocka_unit_test_setup_teardown(test_within_one_submission, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_array_as_a_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_array_that_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone_before_its_target, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_wait_for_one, setup, teardown),
	};

	return cmocka_run_group_tests_name("platform_after", tests, NULL, NULL);
}
