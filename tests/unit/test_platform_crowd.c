/* A site takes no more attempts than its syncs can carry; the rest goes elsewhere or waits with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../platform_world.h"
#include "base/mem.h"

#define ATTEMPTS_MAX 3
#define JOBS 5

static struct node_group groups[] = { { .name = "machine", .count = 1, .cpu_milli = 64000, .memory_mib = 65536 } };
static struct region regions[] = { { "here", "Here" } };
static struct site_spec sites[] = {
	{ .name = "only", .title = "Only", .tier = TIER_HUB, .region = "here", .operator_name = "op", .engine = ENGINE_LOCAL, .groups = groups,
	  .group_count = 1, .price = { 100, 10, 4000 } },
};
static const struct network_spec network = { .name = "test", .title = "Test", .note = "", .currency = "CNY", .regions = regions,
					     .region_count = 1, .sites = sites, .site_count = 1, .link_rule = { 1000, 9800, 1500 } };

static size_t count_placed(struct world *world, const uint64_t *ids, struct arena *arena)
{
	size_t placed = 0;

	for (size_t i = 0; i < JOBS; i++)
		placed += world_demand(world, ids[i], arena).state == STATE_PLACED;
	return placed;
}

static void test_a_full_list_takes_no_more(void **state)
{
	struct platform_settings settings;
	struct arena arena = { 0 };
	struct world world;
	struct attempt_report ended;
	struct sync_reply reply;
	uint64_t ids[JOBS];

	platform_settings_defaults(&settings);
	settings.site_attempts_max = ATTEMPTS_MAX;
	settings.round_placements_max = 1; /* a round may overshoot by as many, less one */
	world_init(&world, &settings, &network, NULL);
	for (size_t i = 0; i < JOBS; i++) {
		struct demand_spec spec = world_job("many");

		ids[i] = world_submit(&world, &spec);
	}
	world_report(&world, "only", 1, 1, NULL, 0, &arena);
	for (int i = 0; i < JOBS; i++)
		world_round(&world);
	assert_int_equal(count_placed(&world, ids, &arena), ATTEMPTS_MAX);
	assert_non_null(strstr(world_demand(&world, ids[JOBS - 1], &arena).reason, "as many attempts as one site may report"));
	world_check_rebuild(&world);
	/* One ends: there is room for just one more. */
	reply = world_report(&world, "only", 1, 2, NULL, 0, &arena);
	ended = world_attempt(ids[0], 0, 1, reply.run[0].token, ATTEMPT_ENDED, OUTCOME_SUCCEEDED);
	for (size_t i = 0; i < reply.run_count; i++)
		if (reply.run[i].demand == ids[0])
			ended.token = reply.run[i].token;
	world_report(&world, "only", 1, 3, &ended, 1, &arena);
	for (int i = 0; i < JOBS; i++)
		world_round(&world);
	assert_int_equal(world_demand(&world, ids[0], &arena).state, STATE_SUCCEEDED);
	assert_int_equal(count_placed(&world, ids, &arena), ATTEMPTS_MAX);
	world_check_rebuild(&world);
	world_done(&world);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_list_takes_no_more),
	};

	return cmocka_run_group_tests_name("platform crowd", tests, NULL, NULL);
}
