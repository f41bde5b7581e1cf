/* The platform's ways: from a submission to its end, and what can happen in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../platform_world.h"
#include "base/mem.h"

static struct chip_count four_alpha[] = { { "alpha", 4 } };
static struct node_group hub_groups[] = { { .name = "train", .count = 2, .cpu_milli = 8000, .memory_mib = 16384, .chips = four_alpha, .chip_count = 1 } };
static struct node_group edge_groups[] = { { .name = "serve", .count = 1, .cpu_milli = 4000, .memory_mib = 8192 } };
static struct region regions[] = { { "west", "West" }, { "east", "East" } };
static struct site_spec sites[] = {
	{ .name = "hub", .title = "Hub", .tier = TIER_HUB, .region = "west", .operator_name = "op", .latitude_udeg = 26000000,
	  .longitude_udeg = 106000000, .engine = ENGINE_LOCAL, .groups = hub_groups, .group_count = 1, .price = { 100, 10, 4000 } },
	{ .name = "edge", .title = "Edge", .tier = TIER_EDGE, .region = "east", .operator_name = "op", .latitude_udeg = 31000000,
	  .longitude_udeg = 121000000, .engine = ENGINE_LOCAL, .groups = edge_groups, .group_count = 1, .price = { 200, 20, 8000 } },
};
static const struct network_spec network = { .name = "test", .title = "Test", .note = "", .currency = "CNY", .regions = regions,
					     .region_count = 2, .sites = sites, .site_count = 2, .link_rule = { 1000, 9800, 1500 } };

struct fixture {
	struct world world;
	struct arena arena;
};

static int setup(void **state)
{
	struct fixture *fixture = mem_alloc(sizeof(*fixture));

	world_init(&fixture->world, NULL, &network, NULL);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	world_check_rebuild(&fixture->world);
	world_done(&fixture->world);
	arena_done(&fixture->arena);
	free(fixture);
	return 0;
}

static void test_a_job_runs_to_its_end(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("hello");
	uint64_t id = world_submit(&f->world, &spec);
	struct sync_reply reply;
	struct attempt_report report;
	struct demand_view view = world_demand(&f->world, id, &f->arena);
	struct story_line *lines;
	size_t count;

	assert_int_equal(view.state, STATE_PENDING);
	assert_string_equal(view.reason, "waiting for the next round");
	world_round(&f->world);
	view = world_demand(&f->world, id, &f->arena);
	assert_int_equal(view.state, STATE_PENDING);
	assert_string_equal(view.reason, "waits; nearest: no agent has reported yet (hub)");

	reply = world_report(&f->world, "hub", 10, 1, NULL, 0, &f->arena);
	assert_int_equal(reply.run_count, 0);
	world_round(&f->world);
	view = world_demand(&f->world, id, &f->arena);
	assert_int_equal(view.state, STATE_PLACED);
	assert_string_equal(view.sites, "hub");

	reply = world_report(&f->world, "hub", 10, 2, NULL, 0, &f->arena);
	assert_int_equal(reply.run_count, 1);
	assert_int_equal(reply.run[0].demand, id);
	assert_string_equal(reply.run[0].spec->command[0], "true");
	assert_string_equal(reply.run[0].workers[0].node, "train/0");
	report = world_attempt(id, 0, 1, reply.run[0].token, ATTEMPT_RUNNING, OUTCOME_NONE);
	reply = world_report(&f->world, "hub", 10, 3, &report, 1, &f->arena);
	assert_int_equal(reply.run_count, 1);
	assert_null(reply.run[0].spec);
	view = world_demand(&f->world, id, &f->arena);
	assert_int_equal(view.state, STATE_RUNNING);
	assert_int_equal(view.progress_permille, 500);
	assert_string_equal(view.reason, "running at hub");

	report = world_attempt(id, 0, 1, report.token, ATTEMPT_ENDED, OUTCOME_SUCCEEDED);
	reply = world_report(&f->world, "hub", 10, 4, &report, 1, &f->arena);
	assert_int_equal(reply.run_count, 0);
	assert_int_equal(reply.forget_count, 1);
	view = world_demand(&f->world, id, &f->arena);
	assert_int_equal(view.state, STATE_SUCCEEDED);
	assert_string_equal(view.reason, "succeeded at hub");
	assert_int_equal(view_story(f->world.platform, id, &f->arena, &lines, &count), 0);
	assert_int_equal(count, 5);
	assert_string_equal(lines[1].sentence, "hello placed on hub");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_job_runs_to_its_end, setup, teardown),
	};

	return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
