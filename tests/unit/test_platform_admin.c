/* Submitting, and what operators do: keys, references, limits, tokens, drains, new networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../platform_world.h"
#include "base/mem.h"

static struct node_group groups[] = { { .name = "plain", .count = 4, .cpu_milli = 8000, .memory_mib = 16384 } };
static struct region regions[] = { { "west", "West" }, { "east", "East" } };
static struct site_spec sites[] = {
	{ .name = "hub",
	  .title = "",
	  .tier = TIER_HUB,
	  .region = "west",
	  .operator_name = "",
	  .engine = ENGINE_LOCAL,
	  .groups = groups,
	  .group_count = 1 },
	{ .name = "edge",
	  .title = "",
	  .tier = TIER_EDGE,
	  .region = "east",
	  .operator_name = "",
	  .engine = ENGINE_LOCAL,
	  .groups = groups,
	  .group_count = 1 },
};
static const struct network_spec network = { .name = "test",
					     .title = "",
					     .note = "",
					     .currency = "CNY",
					     .regions = regions,
					     .region_count = 2,
					     .sites = sites,
					     .site_count = 2,
					     .link_rule = { 1000, 9800, 1500 } };

struct fixture {
	struct world world;
	struct arena arena;
	struct event_list list;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	struct platform_settings settings;

	platform_settings_defaults(&settings);
	settings.ended_kept = 3;
	settings.demands_live_max = 20;
	world_init(&f->world, &settings, &network, NULL);
	event_list_init(&f->list, &f->arena);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	world_check_rebuild(&f->world);
	world_done(&f->world);
	arena_done(&f->arena);
	free(f);
	return 0;
}

static void apply(struct fixture *f)
{
	world_apply(&f->world, &f->list);
	event_list_init(&f->list, &f->arena);
}

static int submit(struct fixture *f, const char *tenant, const char *key, const struct demand_spec *specs, size_t count,
		  struct submit_result *results)
{
	return decide_submit(f->world.platform, f->world.now_us, tenant, key, specs, count, results, &f->list, &f->err);
}

static void test_ids_grow_and_names_may_repeat(void **state)
{
	struct fixture *f = *state;
	struct demand_spec specs[5];
	struct submit_result results[5];

	for (int i = 0; i < 5; i++)
		specs[i] = world_job("same");
	assert_int_equal(submit(f, "lab", NULL, specs, 5, results), 0);
	assert_int_equal(f->list.count, 5);
	apply(f);
	for (int i = 1; i < 5; i++)
		assert_true(results[i].id > results[i - 1].id);
	/* Also when the clock goes back. */
	f->world.now_us -= 1000000000;
	assert_true(world_submit(&f->world, &specs[0]) > results[4].id);
}

static void test_a_key_gives_the_first_answer(void **state)
{
	struct fixture *f = *state;
	struct demand_spec specs[3] = { world_job("a"), world_job("b"), world_job("c") };
	struct submit_result first[3], again[3];

	assert_int_equal(submit(f, "lab", "key-1", specs, 3, first), 0);
	apply(f);
	world_restart(&f->world, true);
	world_restart(&f->world, false);
	assert_int_equal(submit(f, "lab", "key-1", specs, 3, again), 0);
	assert_int_equal(f->list.count, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(again[i].id, first[i].id);
		assert_true(again[i].repeated);
		assert_false(first[i].repeated);
	}
	/* The same key for something else, and of somebody else. */
	assert_int_equal(submit(f, "lab", "key-1", specs, 2, again), -EEXIST);
	specs[0].ask.priority++;
	assert_int_equal(submit(f, "lab", "key-1", specs, 3, again), -EEXIST);
	specs[0].tenant = specs[1].tenant = specs[2].tenant = "other";
	assert_int_equal(submit(f, "other", "key-1", specs, 3, again), 0);
	assert_int_equal(f->list.count, 3);
	apply(f);
	assert_true(again[0].id > first[2].id);
}

static void test_a_key_that_is_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("a");
	struct submit_result result;
	char key[IDEMPOTENCY_KEY_LENGTH_MAX + 2];

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = 0;
	assert_int_equal(submit(f, "lab", key, &spec, 1, &result), -EINVAL);
	key[sizeof(key) - 2] = 0;
	assert_int_equal(submit(f, "lab", key, &spec, 1, &result), 0);
	apply(f);
}

static void test_what_is_unknown_is_named(void **state)
{
	struct fixture *f = *state;
	static const char *nowhere[] = { "nowhere" };
	static const char *west[] = { "west" };
	struct near near = { .site = "nowhere", .within_us = 1000 };
	struct data_reference data = { .name = "corpus", .site = "hub", .residency = nowhere, .residency_count = 1 };
	struct demand_spec specs[2] = { world_job("good"), world_job("bad") };
	struct submit_result results[2];
	struct ask *ask = &specs[1].ask;

	ask->where.regions = nowhere;
	ask->where.region_count = 1;
	assert_int_equal(submit(f, "lab", NULL, specs, 2, results), -EINVAL);
	assert_string_equal(f->err.text, "bad: where.regions: the region nowhere is unknown");
	assert_int_equal(f->list.count, 0);
	ask->where.regions = west;
	ask->where.sites = nowhere;
	ask->where.site_count = 1;
	assert_int_equal(submit(f, "lab", NULL, specs, 2, results), -EINVAL);
	assert_string_equal(f->err.text, "bad: where.sites: the site nowhere is unknown");
	ask->where.site_count = 0;
	ask->where.near = &near;
	assert_int_equal(submit(f, "lab", NULL, specs, 2, results), -EINVAL);
	assert_string_equal(f->err.text, "bad: where.near: the site nowhere is unknown");
	ask->where.near = NULL;
	ask->data = &data;
	ask->data_count = 1;
	assert_int_equal(submit(f, "lab", NULL, specs, 2, results), -EINVAL);
	assert_string_equal(f->err.text, "bad: data.residency: the region nowhere is unknown");
	data.residency = west;
	assert_int_equal(submit(f, "lab", NULL, specs, 2, results), 0);
	apply(f);
}

static void test_equal_asks_are_one_class(void **state)
{
	struct fixture *f = *state;
	static const char *one[] = { "west", "east" }, *two[] = { "east", "west", "east" };
	struct demand_spec specs[2] = { world_job("a"), world_job("b") };
	struct submit_result results[2];
	struct demand_view view;

	specs[0].ask.where.regions = one;
	specs[0].ask.where.region_count = 2;
	specs[1].ask.where.regions = two;
	specs[1].ask.where.region_count = 3;
	assert_int_equal(submit(f, "lab", NULL, specs, 2, results), 0);
	apply(f);
	assert_string_equal(two[0], "east"); /* the caller's lists stay as they are */
	assert_string_equal(two[1], "west");
	view = world_demand(&f->world, results[1].id, &f->arena);
	assert_int_equal(view.spec->ask.where.region_count, 2);
	assert_string_equal(view.spec->ask.where.regions[0], "east");
}

static void test_live_demands_and_replicas_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("service"), job = world_job("job");
	struct submit_result result;
	uint64_t id;

	spec.ask.kind = DEMAND_SERVICE;
	spec.ask.workers = 20;
	id = world_submit(&f->world, &spec);
	assert_int_equal(submit(f, "lab", NULL, &job, 1, &result), -ENOSPC);
	assert_int_equal(f->list.count, 0);
	world_cancel(&f->world, id);
	world_submit(&f->world, &job);
}

static void test_ended_demands_are_forgotten_in_order(void **state)
{
	struct fixture *f = *state;
	struct demand_spec job = world_job("job");
	struct demand_view view;
	uint64_t ids[5];

	for (int i = 0; i < 5; i++)
		ids[i] = world_submit(&f->world, &job);
	for (int i = 4; i >= 0; i--)
		world_cancel(&f->world, ids[i]);
	for (int i = 0; i < 5; i++)
		assert_int_equal(view_demand(f->world.platform, f->world.now_us, ids[i], false, &f->arena, &view), i < 3 ? 0 : -ENOENT);
	world_restart(&f->world, false);
	job.name = "more";
	world_cancel(&f->world, world_submit(&f->world, &job));
	assert_int_equal(view_demand(f->world.platform, f->world.now_us, ids[2], false, &f->arena, &view), -ENOENT);
	assert_int_equal(view_demand(f->world.platform, f->world.now_us, ids[1], false, &f->arena, &view), 0);
}

static void test_tokens(void **state)
{
	struct fixture *f = *state;
	struct token_view token = { .name = "ann", .role = ROLE_TENANT, .tenant = "lab", .site = "", .hash = { 1, 2, 3 } };
	struct platform *platform = f->world.platform;
	struct token_view *tokens;
	uint8_t other[32] = { 9 };

	assert_int_equal(decide_token_create(platform, f->world.now_us, &token, &f->list, &f->err), 0);
	apply(f);
	assert_string_equal(platform_token(platform, token.hash)->tenant, "lab");
	assert_null(platform_token(platform, other));
	assert_int_equal(decide_token_create(platform, f->world.now_us, &token, &f->list, &f->err), -EEXIST);
	token.hash[0] = 7;
	assert_int_equal(decide_token_create(platform, f->world.now_us, &token, &f->list, &f->err), -EEXIST);
	token.name = "Not a name";
	assert_int_equal(decide_token_create(platform, f->world.now_us, &token, &f->list, &f->err), -EINVAL);
	token.name = "agent";
	token.site = "nowhere";
	assert_int_equal(decide_token_create(platform, f->world.now_us, &token, &f->list, &f->err), -EINVAL);
	token.site = "hub";
	assert_int_equal(decide_token_create(platform, f->world.now_us, &token, &f->list, &f->err), 0);
	apply(f);
	assert_int_equal(view_tokens(platform, &f->arena, &tokens), 2);
	assert_string_equal(tokens[0].name, "agent");
	world_restart(&f->world, false);
	platform = f->world.platform;
	assert_int_equal(platform_token(platform, token.hash)->role, ROLE_TENANT);
	assert_int_equal(decide_token_revoke(platform, f->world.now_us, "agent", &f->list, &f->err), 0);
	apply(f);
	assert_null(platform_token(platform, token.hash));
	assert_int_equal(decide_token_revoke(platform, f->world.now_us, "agent", &f->list, &f->err), -ENOENT);
}

static void test_a_drained_site_takes_nothing_new(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("job");
	struct platform *platform = f->world.platform;
	struct site_status site;
	struct demand_view view;
	uint64_t id;

	world_report(&f->world, "hub", 1, 1, NULL, 0, &f->arena);
	assert_int_equal(decide_drain(platform, f->world.now_us, "nowhere", "ann", "", &f->list, &f->err), -ENOENT);
	assert_int_equal(decide_drain(platform, f->world.now_us, "hub", "ann", "new floor", &f->list, &f->err), 0);
	apply(f);
	assert_int_equal(decide_drain(platform, f->world.now_us, "hub", "ann", "new floor", &f->list, &f->err), 0);
	assert_int_equal(f->list.count, 0);
	id = world_submit(&f->world, &spec);
	world_round(&f->world);
	view = world_demand(&f->world, id, &f->arena);
	assert_int_equal(view.state, STATE_PENDING);
	assert_string_equal(view.reason, "waits; nearest: draining (hub)");
	view_site(platform, f->world.now_us, "hub", false, &f->arena, &site);
	assert_true(site.draining);
	assert_string_equal(site.drain_reason, "new floor");
	assert_int_equal(decide_undrain(platform, f->world.now_us, "hub", "ann", &f->list, &f->err), 0);
	apply(f);
	world_round(&f->world);
	assert_int_equal(world_demand(&f->world, id, &f->arena).state, STATE_PLACED);
}

static void test_a_new_network_keeps_what_runs(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("job");
	struct platform *platform = f->world.platform;
	struct site_spec others[3] = { { .name = "third", .title = "", .region = "west", .operator_name = "", .engine = ENGINE_LOCAL },
				       sites[0],
				       sites[1] };
	struct network_spec changed = network;
	struct placement_view *placement;
	struct site_status site;
	struct attempt_report end;
	uint64_t id;

	assert_int_equal(decide_load_network(platform, f->world.now_us, &network, &f->list, &f->err), 0);
	assert_int_equal(f->list.count, 0);
	world_report(&f->world, "hub", 1, 1, NULL, 0, &f->arena);
	id = world_submit(&f->world, &spec);
	world_round(&f->world);
	changed.sites = others;
	changed.site_count = 1;
	assert_int_equal(decide_load_network(platform, f->world.now_us, &changed, &f->list, &f->err), -EBUSY);
	others[2].region = "nowhere";
	changed.site_count = 3;
	assert_int_equal(decide_load_network(platform, f->world.now_us, &changed, &f->list, &f->err), -EINVAL);
	changed.site_count = 2; /* "edge" was never seen, so it may go */
	assert_int_equal(decide_load_network(platform, f->world.now_us, &changed, &f->list, &f->err), 0);
	apply(f);
	assert_int_equal(view_site(platform, f->world.now_us, "edge", false, &f->arena, &site), -ENOENT);
	assert_int_equal(view_site(platform, f->world.now_us, "hub", false, &f->arena, &site), 0);
	assert_int_equal(site.placements, 1);
	placement = world_demand(&f->world, id, &f->arena).placements;
	assert_string_equal(placement[0].site, "hub");
	end = world_attempt(id, 0, 1, placement[0].token, ATTEMPT_ENDED, OUTCOME_SUCCEEDED);
	world_report(&f->world, "hub", 1, 2, &end, 1, &f->arena);
	assert_int_equal(decide_drain(platform, f->world.now_us, "hub", "ann", "", &f->list, &f->err), 0);
	apply(f);
	changed.site_count = 1;
	assert_int_equal(decide_load_network(platform, f->world.now_us, &changed, &f->list, &f->err), 0);
	apply(f);
	/* Its past is still told. */
	assert_string_equal(world_demand(&f->world, id, &f->arena).placements[0].site, "hub");
}

static void test_each_life_is_later(void **state)
{
	struct fixture *f = *state;
	struct summary summary;

	view_summary(f->world.platform, f->world.now_us, &f->arena, &summary);
	assert_int_equal(summary.epoch, 1);
	assert_int_equal(decide_open(f->world.platform, f->world.now_us, 1, &f->list, &f->err), 0);
	apply(f);
	view_summary(f->world.platform, f->world.now_us, &f->arena, &summary);
	assert_int_equal(summary.epoch, 2);
}

static void test_a_broken_log_is_refused(void **state)
{
	struct fixture *f = *state;
	struct platform *platform = platform_new(&f->world.settings);
	const struct world_record *record = &f->world.log[0];

	assert_int_equal(platform_replay(platform, 2, 0, record->type, record->payload, record->length, &f->err), -EINVAL);
	assert_string_equal(f->err.text, "record 2 does not follow 0");
	assert_int_equal(platform_replay(platform, 1, 0, 99, record->payload, record->length, &f->err), -EINVAL);
	assert_string_equal(f->err.text, "record 1 has the unknown type 99");
	assert_int_equal(platform_replay(platform, 1, 0, record->type, record->payload, record->length - 1, &f->err), -EINVAL);
	assert_int_equal(platform_replay(platform, 1, 0, record->type, record->payload, record->length, &f->err), 0);
	assert_int_equal(platform_replay(platform, 2, 0, record->type, record->payload, record->length, &f->err), -EINVAL);
	assert_string_equal(f->err.text, "record 2: epoch 1 does not follow 1");
	platform_free(platform);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ids_grow_and_names_may_repeat, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_key_gives_the_first_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_key_that_is_too_long_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_unknown_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_equal_asks_are_one_class, setup, teardown),
		cmocka_unit_test_setup_teardown(test_live_demands_and_replicas_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended_demands_are_forgotten_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tokens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_drained_site_takes_nothing_new, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_new_network_keeps_what_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_life_is_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_broken_log_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests_name("platform_admin", tests, NULL, NULL);
}
