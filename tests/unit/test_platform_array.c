/* Arrays: one submission, many jobs alike, as many at once as it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/id.h"
#include "platform_fixture.h"

static struct demand_spec array_of(const char *name, int64_t count, int64_t at_once, struct array *ret)
{
	struct demand_spec spec = world_job(name);

	*ret = (struct array){ count, at_once };
	spec.array = ret;
	return spec;
}

static uint64_t member(uint64_t first, int64_t index)
{
	for (; index > 0; index--)
		first = id_next(first, 0, 0);
	return first;
}

static int submit(struct fixture *f, const char *key, const struct demand_spec *specs, size_t count, struct submit_result *results,
		  struct err *err)
{
	struct event_list list;
	int code;

	event_list_init(&list, &f->arena);
	code = decide_submit(f->world.platform, f->world.now_us, "lab", key, specs, count, results, &list, err);
	if (code == 0)
		world_apply(&f->world, &list);
	return code;
}

static const char *variable(const struct demand_view *view, const char *name)
{
	for (size_t i = 0; i < view->spec->environment_count; i++)
		if (strcmp(view->spec->environment[i].name, name) == 0)
			return view->spec->environment[i].value;
	return NULL;
}

static void test_members_are_demands(void **state)
{
	struct fixture *f = *state;
	struct variable own[] = { { "A", "1" }, { "WEIR_ARRAY_INDEX", "mine" } };
	struct array array;
	struct demand_spec spec = array_of("sweep", 12, 0, &array);
	struct demand_view view;
	uint64_t first;

	spec.environment = own;
	spec.environment_count = 2;
	first = world_submit(&f->world, &spec);
	view = look(f, member(first, 11));
	assert_string_equal(view.name, "sweep.11");
	assert_int_equal(view.array, first);
	assert_int_equal(view.index, 11);
	assert_int_equal(view.array_count, 12);
	assert_int_equal(view.state, STATE_PENDING);
	assert_string_equal(variable(&view, "A"), "1");
	assert_string_equal(variable(&view, "WEIR_ARRAY_INDEX"), "11");
	assert_string_equal(variable(&view, "WEIR_ARRAY_COUNT"), "12");
	assert_int_equal(view.spec->environment_count, 3);
	assert_null(view.spec->array);
	both_up(f);
	world_round(&f->world);
	for (int i = 0; i < 12; i++)
		assert_int_equal(state_of(f, member(first, i)), STATE_PLACED);
}

static void test_at_once(void **state)
{
	struct fixture *f = *state;
	struct array array;
	struct demand_spec spec = array_of("sweep", 5, 2, &array);
	uint64_t first = world_submit(&f->world, &spec);
	const struct story_line *lines;
	size_t count;

	both_up(f);
	settle(f);
	assert_int_equal(state_of(f, member(first, 1)), STATE_PLACED);
	assert_int_equal(state_of(f, member(first, 2)), STATE_PENDING);
	assert_string_equal(reason_of(f, member(first, 2)), "waits: 2 members of sweep are under way, and no more than 2 may be");
	world_check_rebuild(&f->world);
	end_as(f, member(first, 1), OUTCOME_FAILED);
	assert_string_equal(reason_of(f, member(first, 2)), "about to be queued");
	assert_true(platform_next_tick_us(f->world.platform) <= f->world.now_us);
	settle(f);
	assert_int_equal(state_of(f, member(first, 2)), STATE_PLACED);
	assert_int_equal(state_of(f, member(first, 3)), STATE_PENDING);
	lines = story_of(f, member(first, 2), &count);
	assert_string_equal(lines[1].event, "placed");
	/* One that is held and cancelled makes no room; one that is loose does. */
	world_cancel(&f->world, member(first, 3));
	assert_int_equal(state_of(f, member(first, 3)), STATE_CANCELLED);
	settle(f);
	assert_int_equal(state_of(f, member(first, 4)), STATE_PENDING);
	world_restart(&f->world, false);
	both_up(f);
	end_as(f, first, OUTCOME_SUCCEEDED);
	settle(f);
	assert_int_equal(state_of(f, member(first, 4)), STATE_PLACED);
	world_restart(&f->world, true);
	assert_int_equal(state_of(f, member(first, 4)), STATE_PLACED);
}

static void test_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct platform_settings settings;
	struct demand_spec specs[2];
	struct submit_result results[2];
	struct array array;
	struct err err = { "" };

	platform_settings_defaults(&settings);
	settings.demands_live_max = 10;
	world_done(&f->world);
	world_init(&f->world, &settings, &network, NULL);
	specs[0] = world_job("one");
	specs[1] = array_of("sweep", 10, 1, &array);
	assert_int_equal(submit(f, NULL, specs, 2, results, &err), -ENOSPC);
	assert_int_equal(f->world.platform->row_count, 0);
	array.count = 9;
	assert_int_equal(submit(f, NULL, specs, 2, results, &err), 0);
	assert_int_equal(results[1].id, member(results[0].id, 1));
	assert_int_equal(results[1].members, 9);
	assert_int_equal(submit(f, NULL, specs, 1, results, &err), -ENOSPC);
}

static void test_one_key_for_all(void **state)
{
	struct fixture *f = *state;
	struct demand_spec specs[2];
	struct submit_result results[2], again[2];
	struct array array;
	struct err err = { "" };

	specs[0] = array_of("sweep", 7, 3, &array);
	specs[1] = world_job("behind");
	assert_int_equal(submit(f, "k", specs, 2, results, &err), 0);
	assert_false(results[0].repeated);
	f->world.now_us += 5000000;
	assert_int_equal(submit(f, "k", specs, 2, again, &err), 0);
	assert_true(again[0].repeated && again[1].repeated);
	assert_int_equal(again[0].id, results[0].id);
	assert_int_equal(again[1].id, results[1].id);
	assert_int_equal(f->world.platform->live_count, 8);
	array.at_once = 2;
	assert_int_equal(submit(f, "k", specs, 2, again, &err), -EEXIST);
	array.at_once = 3;
	array.count = 8;
	assert_int_equal(submit(f, "k", specs, 2, again, &err), -EEXIST);
}

static void test_cancel_of_all(void **state)
{
	struct fixture *f = *state;
	struct array array;
	struct demand_spec spec = array_of("sweep", 6, 2, &array);
	uint64_t old = world_submit(&f->world, &spec), first;
	struct event_list list;
	struct err err = { "" };
	size_t count;

	f->world.now_us += 1000000;
	first = world_submit(&f->world, &spec);
	both_up(f);
	settle(f);
	event_list_init(&list, &f->arena);
	assert_int_equal(decide_cancel_array(f->world.platform, f->world.now_us, "lab", "none", "ann", &list, &count, &err), -ENOENT);
	assert_int_equal(decide_cancel_array(f->world.platform, f->world.now_us, "other", "sweep", "ann", &list, &count, &err), -ENOENT);
	assert_int_equal(decide_cancel_array(f->world.platform, f->world.now_us, "lab", "sweep", "ann", &list, &count, &err), 0);
	assert_int_equal(count, 6);
	world_apply(&f->world, &list);
	assert_int_equal(state_of(f, first), STATE_STOPPING);
	assert_int_equal(state_of(f, member(first, 5)), STATE_CANCELLED);
	assert_int_equal(state_of(f, old), STATE_PLACED);
	/* Once the newer one is forgotten, the name means the older. */
	end_as(f, first, OUTCOME_STOPPED);
	end_as(f, member(first, 1), OUTCOME_STOPPED);
	assert_ptr_equal(array_find(f->world.platform, "lab", "sweep"), hold_find(f->world.platform, first));
	f->world.platform->settings.ended_kept = 0;
	f->world.settings.ended_kept = 0;
	world_cancel(&f->world, member(old, 5));
	assert_ptr_equal(array_find(f->world.platform, "lab", "sweep"), hold_find(f->world.platform, old));
	assert_null(hold_find(f->world.platform, first));
}

/* Members are forgotten one by one; a snapshot begins with any of them. */
static void test_members_are_forgotten(void **state)
{
	struct fixture *f = *state;
	struct platform_settings settings;
	struct array array;
	struct demand_spec spec = array_of("sweep", 8, 3, &array);
	uint64_t first;

	platform_settings_defaults(&settings);
	settings.ended_kept = 2;
	world_done(&f->world);
	world_init(&f->world, &settings, &network, NULL);
	first = world_submit(&f->world, &spec);
	for (int i = 0; i < 8; i++) {
		both_up(f);
		settle(f);
		end_as(f, member(first, i), i == 4 ? OUTCOME_FAILED : OUTCOME_SUCCEEDED);
		world_check_rebuild(&f->world);
		if (i % 3 == 1)
			world_restart(&f->world, i == 4);
	}
	assert_int_equal(f->world.platform->ended_count, 2);
	assert_int_equal(hold_find(f->world.platform, first)->failed, 1);
}

/* A snapshot in which one that is held comes before one that is under way. */
static void test_held_before_loose(void **state)
{
	struct fixture *f = *state;
	struct array array;
	struct demand_spec spec = array_of("sweep", 3, 1, &array);
	uint64_t first = world_submit(&f->world, &spec);
	struct event_list list;
	struct released_body *body;

	event_list_init(&list, &f->arena);
	body = event_add(&list, f->world.now_us, EVENT_DEMAND_RELEASED); /* which no tick would do */
	body->demand = member(first, 2);
	world_apply(&f->world, &list);
	world_cancel(&f->world, first);
	assert_int_equal(hold_find(f->world.platform, first)->loose, 1);
	assert_int_equal(f->world.platform->due_hold_count, 0);
	world_restart(&f->world, false);
	platform_check(f->world.platform);
	assert_int_equal(f->world.platform->due_hold_count, 0);
}

static void test_what_cannot_be(void **state)
{
	struct fixture *f = *state;
	struct variable variables[DEMAND_ENVIRONMENT_MAX];
	struct submit_result result;
	struct err err = { "" };
	struct array array;
	struct demand_spec spec = array_of("sweep", 0, 0, &array);

	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), -EINVAL);
	array.count = DEMAND_ARRAY_MAX + 1;
	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), -EINVAL);
	array.count = 100;
	spec.name = "a-name-of-sixty-one-bytes-and-so-too-long-for-two-digits-more-";
	assert_int_equal(strlen(spec.name), 62);
	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), -EINVAL);
	spec.name = "sweep";
	spec.ask.kind = DEMAND_SERVICE;
	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), -EINVAL);
	spec.ask.kind = DEMAND_JOB;
	for (int i = 0; i < DEMAND_ENVIRONMENT_MAX; i++)
		variables[i] = (struct variable){ arena_printf(&f->arena, "V%d", i), "" };
	spec.environment = variables;
	spec.environment_count = DEMAND_ENVIRONMENT_MAX - 1;
	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), -EINVAL);
	spec.environment_count--;
	assert_int_equal(submit(f, NULL, &spec, 1, &result, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_members_are_demands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_key_for_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel_of_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_members_are_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_before_loose, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be, setup, teardown),
	};

	return cmocka_run_group_tests_name("platform_array", tests, NULL, NULL);
}
