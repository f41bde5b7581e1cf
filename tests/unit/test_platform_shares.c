/* The policy and the fair-share accounts as part of the state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/snapshot.h"
#include "platform_fixture.h"

static struct amounts some = { .chip_milli = 2000 };
static struct tenant_spec tenants[] = {
	{ .name = "science", .parent = "", .weight = 3, .quota = &some },
	{ .name = "lab", .parent = "science", .weight = 2 },
	{ .name = "other", .parent = "", .weight = 1, .limit = &some },
};

static struct policy_spec make_policy(const char *name)
{
	struct policy_spec policy;

	policy_defaults(&policy);
	policy.name = name;
	policy.tenants = tenants;
	policy.tenant_count = ARRAY_COUNT(tenants);
	return policy;
}

static size_t load(struct fixture *f, const struct policy_spec *policy)
{
	struct event_list list;
	struct err err = { "" };

	event_list_init(&list, &f->arena);
	assert_int_equal(decide_load_policy(f->world.platform, f->world.now_us, policy, &list, &err), 0);
	world_apply(&f->world, &list);
	return list.count;
}

static struct share_view share_of(const struct platform *platform, const char *tenant, int64_t now_us)
{
	struct share_view view;

	shares_view(platform->shares, shares_tenant(platform->shares, tenant), now_us, &view);
	return view;
}

static uint64_t work_of(struct fixture *f, const char *tenant, int64_t chips)
{
	struct demand_spec spec = world_job("work");

	spec.tenant = tenant;
	spec.ask.shape.chips.milli = chips * 1000;
	return world_submit(&f->world, &spec);
}

static void test_a_policy_is_state(void **state)
{
	struct fixture *f = *state;
	struct policy_spec policy = make_policy("first");

	assert_int_equal(load(f, &policy), 1);
	assert_int_equal(load(f, &policy), 0);
	world_check_rebuild(&f->world);
	world_restart(&f->world, false);
	assert_string_equal(view_policy(f->world.platform)->name, "first");
	assert_int_equal(view_policy(f->world.platform)->tenants[0].quota->chip_milli, 2000);
	assert_int_equal(share_of(f->world.platform, "lab", f->world.now_us).weight, 2);
	policy.half_life_us = 3600000000;
	assert_int_equal(load(f, &policy), 1);
	world_restart(&f->world, true);
	assert_int_equal(view_policy(f->world.platform)->half_life_us, 3600000000);
}

static void test_what_cannot_be(void **state)
{
	struct fixture *f = *state;
	struct policy_spec policy = make_policy("wrong");
	struct event_list list;
	struct err err = { "" };

	event_list_init(&list, &f->arena);
	policy.half_life_us = 0;
	assert_int_equal(decide_load_policy(f->world.platform, f->world.now_us, &policy, &list, &err), -EINVAL);
	policy = make_policy("wrong");
	policy.weights.wait_permille = -1;
	assert_int_equal(decide_load_policy(f->world.platform, f->world.now_us, &policy, &list, &err), -EINVAL);
	policy = make_policy("wrong");
	tenants[0].weight = 0;
	assert_int_equal(decide_load_policy(f->world.platform, f->world.now_us, &policy, &list, &err), -EINVAL);
	tenants[0].weight = 3;
	assert_int_equal(list.count, 0);
}

static void test_what_is_held(void **state)
{
	struct fixture *f = *state;
	struct policy_spec policy = make_policy("first");
	uint64_t mine, theirs;

	load(f, &policy);
	both_up(f);
	assert_int_equal(f->world.platform->supply_total.chip_milli, 8000);
	assert_int_equal(f->world.platform->supply_total.cpu_milli, 20000);
	mine = work_of(f, "lab", 3);
	theirs = work_of(f, "other", 1);
	world_round(&f->world);
	assert_int_equal(share_of(f->world.platform, "science", f->world.now_us).held.chip_milli, 3000);
	assert_int_equal(share_of(f->world.platform, "lab", f->world.now_us).held.cpu_milli, 1000);
	assert_int_equal(share_of(f->world.platform, "other", f->world.now_us).held.chip_milli, 1000);
	world_check_rebuild(&f->world);
	end_as(f, mine, OUTCOME_SUCCEEDED);
	assert_int_equal(share_of(f->world.platform, "science", f->world.now_us).held.chip_milli, 0);
	world_cancel(&f->world, theirs);
	assert_int_equal(share_of(f->world.platform, "other", f->world.now_us).held.chip_milli, 1000); /* until it has stopped */
	end_as(f, theirs, OUTCOME_STOPPED);
	assert_int_equal(share_of(f->world.platform, "", f->world.now_us).held.cpu_milli, 0);
	pass_s(f, 60);
	assert_int_equal(f->world.platform->supply_total.chip_milli, 0); /* nobody is up */
}

/* Accounts decay, and are the same to the last bit however the state was rebuilt in between. */
static void test_usage_is_remembered(void **state)
{
	struct fixture *f = *state;
	struct policy_spec policy = make_policy("first");
	struct platform *from_log, *from_snapshot;
	int64_t used;

	policy.half_life_us = INT64_C(3600) * 1000000;
	load(f, &policy);
	for (int hour = 0; hour < 6; hour++) {
		uint64_t ids[2];

		both_up(f);
		ids[0] = work_of(f, "lab", 4);
		f->world.now_us += 1234567;
		ids[1] = work_of(f, "other", 1 + hour % 2);
		world_round(&f->world);
		f->world.now_us += INT64_C(1800) * 1000000 + 77777;
		if (hour == 3) {
			policy.half_life_us /= 2;
			load(f, &policy);
		}
		world_check_rebuild(&f->world);
		if (hour % 2)
			world_restart(&f->world, hour == 1);
		both_up(f);
		end_as(f, ids[0], OUTCOME_SUCCEEDED);
		f->world.now_us += 987654;
		end_as(f, ids[1], OUTCOME_FAILED);
	}
	used = share_of(f->world.platform, "lab", f->world.now_us).used_ppm;
	assert_in_range(used, 100000, 900000);
	from_log = world_rebuild(&f->world, true);
	from_snapshot = world_rebuild(&f->world, false);
	for (int64_t later = 0; later < INT64_C(40) * 3600000000; later += INT64_C(1800000000)) {
		for (size_t t = 0; t < ARRAY_COUNT(tenants); t++) {
			struct share_view now = share_of(f->world.platform, tenants[t].name, f->world.now_us + later);

			assert_int_equal(now.used_ppm, share_of(from_log, tenants[t].name, f->world.now_us + later).used_ppm);
			assert_int_equal(now.used_ppm, share_of(from_snapshot, tenants[t].name, f->world.now_us + later).used_ppm);
		}
	}
	assert_true(share_of(f->world.platform, "lab", f->world.now_us + INT64_C(1800000000)).used_ppm < used * 51 / 100);
	platform_free(from_log);
	platform_free(from_snapshot);
}

/* The order in which tenants came to be known is no part of the state. */
static void test_numbers_do_not_matter(void **state)
{
	struct fixture *f = *state;
	uint64_t ids[3];
	static const char *const names[] = { "zoe", "amy", "max" };

	both_up(f);
	for (int i = 0; i < 3; i++)
		ids[i] = work_of(f, names[i], 1);
	world_round(&f->world);
	f->world.now_us += 5000000;
	end_as(f, ids[0], OUTCOME_SUCCEEDED);
	world_restart(&f->world, false);
	world_check_rebuild(&f->world);
	both_up(f);
	world_check_rebuild(&f->world);
}

/* A snapshot from before there were accounts. */
struct filter {
	struct platform *platform;
	unsigned left_out;
};

static int replay_filtered(void *context, uint32_t type, const void *payload, size_t length)
{
	struct filter *filter = context;
	struct err err = { "" };

	if (type == SNAP_SHARES || type == SNAP_POLICY)
		filter->left_out++;
	else
		assert_int_equal(platform_replay(filter->platform, 0, 0, type, payload, length, &err), 0);
	return 0;
}

static void test_an_old_snapshot(void **state)
{
	struct fixture *f = *state;
	struct policy_spec policy = make_policy("first");
	struct filter filter = { platform_new(&f->world.settings), 0 };

	load(f, &policy);
	both_up(f);
	work_of(f, "lab", 2);
	world_round(&f->world);
	platform_snapshot(f->world.platform, replay_filtered, &filter);
	platform_replay_snapshot_end(filter.platform, platform_sequence(f->world.platform));
	assert_int_equal(filter.left_out, 2);
	platform_check(filter.platform);
	assert_int_equal(share_of(filter.platform, "lab", f->world.now_us).held.chip_milli, 2000);
	platform_free(filter.platform);
}

static void test_the_view(void **state)
{
	struct fixture *f = *state;
	struct policy_spec policy = make_policy("first");
	struct tenant_view *rows;
	size_t count;
	bool more;

	load(f, &policy);
	both_up(f);
	work_of(f, "lab", 3);
	work_of(f, "stranger", 1);
	world_round(&f->world);
	f->world.now_us += INT64_C(3600) * 1000000;
	count = view_tenants(f->world.platform, f->world.now_us, NULL, "", 10, &f->arena, &rows, &more);
	assert_int_equal(count, 4);
	assert_false(more);
	assert_string_equal(rows[0].name, "lab");
	assert_string_equal(rows[0].parent, "science");
	assert_int_equal(rows[0].held.chip_milli, 3000);
	assert_true(rows[0].borrows); /* 3 of 2 */
	assert_true(rows[0].used_ppm > 0);
	assert_null(rows[0].quota);
	assert_string_equal(rows[1].name, "other");
	assert_int_equal(rows[1].limit->chip_milli, 2000);
	assert_string_equal(rows[2].name, "science");
	assert_int_equal(rows[2].quota->chip_milli, 2000);
	assert_string_equal(rows[3].name, "stranger");
	assert_int_equal(rows[3].weight, 1);
	count = view_tenants(f->world.platform, f->world.now_us, NULL, "other", 1, &f->arena, &rows, &more);
	assert_int_equal(count, 1);
	assert_true(more);
	assert_string_equal(rows[0].name, "science");
	assert_int_equal(view_tenants(f->world.platform, f->world.now_us, "lab", "", 10, &f->arena, &rows, &more), 1);
	assert_int_equal(view_tenants(f->world.platform, f->world.now_us, "nobody", "", 10, &f->arena, &rows, &more), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_policy_is_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_usage_is_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers_do_not_matter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_old_snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_view, setup, teardown),
	};

	return cmocka_run_group_tests_name("platform_shares", tests, NULL, NULL);
}
