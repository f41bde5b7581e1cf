/* QUEUE_SHORT: who comes next, and where what has a choice goes. One-core slots, as everything here is about order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "match/match.h"

#define HOUR_US INT64_C(3600000000)
#define NOW_US (INT64_C(1000000) * HOUR_US)
#define SITES 3
#define JOBS_MAX 8

static const char *const site_names[SITES] = { "a", "b", "c" };

struct world {
	struct policy_spec policy;
	struct tenant_spec tenants[4];
	struct supply supplies[SITES];
	struct topology *topology;
	struct rule_context context;
	struct catalogue catalogue;
	struct matcher *matcher;
	struct shares *shares;
	struct match_entry entries[JOBS_MAX];
	struct match_stream streams[JOBS_MAX];
	size_t count;
	struct arena arena;
	struct match_plan plan;
};

static void world_open(struct world *world, const int64_t *slots, int64_t scarcity_permille)
{
	struct region region = { .name = "r", .title = "r" };
	struct site_spec sites[SITES];
	struct site_view views[SITES];
	struct network_spec network = { .name = "n", .title = "", .currency = "", .regions = &region, .region_count = 1, .sites = sites,
					.site_count = SITES };
	struct amounts all = { 0 };

	memset(world, 0, sizeof(*world));
	arena_init(&world->arena);
	policy_defaults(&world->policy);
	world->policy.order = QUEUE_SHORT;
	world->policy.weights.scarcity_permille = scarcity_permille;
	world->tenants[0] = (struct tenant_spec){ .name = "x1", .parent = "x", .weight = 1 };
	world->tenants[1] = (struct tenant_spec){ .name = "x2", .parent = "x", .weight = 1 };
	world->tenants[2] = (struct tenant_spec){ .name = "y1", .parent = "y", .weight = 1 };
	world->policy.tenants = world->tenants;
	world->policy.tenant_count = 3;
	for (size_t s = 0; s < SITES; s++) {
		struct node_group group = { .name = "g", .count = slots[s], .cpu_milli = 1000 };

		sites[s] = (struct site_spec){ .name = site_names[s], .title = "", .region = "r", .operator_name = "", .engine = ENGINE_SIMULATED,
					       .groups = &group, .group_count = 1 };
		supply_init(&world->supplies[s], &group, 1);
		views[s] = (struct site_view){ .index = (uint32_t)s, .name = site_names[s], .title = "", .region = "r", .engine = ENGINE_SIMULATED,
					       .condition = CONDITION_UP, .supply = &world->supplies[s] };
		all.cpu_milli += slots[s] * 1000;
	}
	world->topology = topology_new(&network);
	world->context = (struct rule_context){ &world->catalogue, world->topology };
	world->matcher = matcher_new(&world->policy, &world->context, 1);
	matcher_set_sites(world->matcher, &world->context, views, SITES);
	world->shares = shares_new(&world->policy);
	shares_set_supply(world->shares, &all);
}

static void world_close(struct world *world)
{
	matcher_free(world->matcher);
	shares_free(world->shares);
	topology_free(world->topology);
	for (size_t s = 0; s < SITES; s++)
		supply_done(&world->supplies[s]);
	arena_done(&world->arena);
}

/* A class for jobs of one core at the sites of the letters in `sites`. */
static uint32_t add_class(struct world *world, const char *sites)
{
	const char *names[SITES];
	struct ask ask = { .kind = DEMAND_JOB, .workers = 1, .shape = { .cpu_milli = 1000 }, .priority = 100, .simulated = true };
	uint32_t class;

	ask.where.sites = names;
	for (; *sites; sites++)
		names[ask.where.site_count++] = site_names[*sites - 'a'];
	class = matcher_class_add(world->matcher, &ask);
	matcher_learn(world->matcher, class, 1);
	return class;
}

/* Jobs are numbered from 1, which is their age too. */
static void add_job(struct world *world, uint32_t class, const char *tenant, int64_t time_us, int64_t waited_us)
{
	size_t at = world->count++;

	world->entries[at] = (struct match_entry){ .demand = at + 1, .order = at + 1, .time_us = time_us, .since_us = NOW_US - waited_us };
	world->streams[at] = (struct match_stream){ class, shares_tenant(world->shares, tenant), &world->entries[at], 1 };
}

static void decide(struct world *world)
{
	struct match_input input = { .matcher = world->matcher, .shares = world->shares, .streams = world->streams, .stream_count = world->count,
				     .now_us = NOW_US };

	match_round(&input, &world->arena, &world->plan);
}

static void assert_first(const struct world *world, uint64_t demand)
{
	assert_int_equal(world->plan.placement_count, 1);
	assert_int_equal(world->plan.placements[0].demand, demand);
}

static void test_the_short_come_first(void **state)
{
	struct world world;
	uint32_t class;

	world_open(&world, (int64_t[]){ 1, 0, 0 }, 0);
	class = add_class(&world, "a");
	add_job(&world, class, "x1", 0, 0); /* no limit: a week */
	add_job(&world, class, "x1", 8 * HOUR_US, 0);
	add_job(&world, class, "x2", 2 * HOUR_US, 0);
	decide(&world);
	assert_first(&world, 3);
	world_close(&world);
}

static void test_what_waited_long_for_its_length_comes_before(void **state)
{
	struct world world;
	uint32_t class;

	world_open(&world, (int64_t[]){ 1, 0, 0 }, 0);
	class = add_class(&world, "a");
	add_job(&world, class, "x1", 8 * HOUR_US, 8 * HOUR_US);
	add_job(&world, class, "x2", 2 * HOUR_US, HOUR_US);
	decide(&world);
	assert_first(&world, 1);
	world_close(&world);
}

static void test_among_equals_who_holds_least(void **state)
{
	struct world world;
	uint32_t class;

	world_open(&world, (int64_t[]){ 1, 0, 0 }, 0);
	class = add_class(&world, "a");
	add_job(&world, class, "x1", HOUR_US, 0);
	add_job(&world, class, "x2", HOUR_US, 0);
	shares_charge(world.shares, shares_tenant(world.shares, "x1"), &(struct amounts){ .cpu_milli = 1000 }, NOW_US);
	decide(&world);
	assert_first(&world, 2);
	world_close(&world);
}

/* Time is compared within a group below the root; between groups their shares decide. */
static void test_groups_share_before(void **state)
{
	struct world world;
	uint32_t class;

	world_open(&world, (int64_t[]){ 1, 0, 0 }, 0);
	class = add_class(&world, "a");
	add_job(&world, class, "x1", HOUR_US, 0);
	add_job(&world, class, "y1", 8 * HOUR_US, 0);
	shares_charge(world.shares, shares_tenant(world.shares, "x2"), &(struct amounts){ .cpu_milli = 1000 }, NOW_US);
	decide(&world);
	assert_first(&world, 2);
	world_close(&world);
}

static void test_few_places_to_go_come_first(void **state)
{
	struct world world;
	uint32_t wide, narrow;

	world_open(&world, (int64_t[]){ 1, 1, 1 }, 0);
	wide = add_class(&world, "ab");
	narrow = add_class(&world, "a");
	add_job(&world, wide, "x1", HOUR_US, 0);
	add_job(&world, wide, "x1", HOUR_US, 0);
	add_job(&world, narrow, "x1", 8 * HOUR_US, 0);
	decide(&world);
	assert_int_equal(world.plan.placement_count, 2);
	assert_int_equal(world.plan.placements[0].demand, 3);
	assert_int_equal(world.plan.placements[1].demand, 1);
	world_close(&world);
}

static void test_what_has_a_choice_leaves_room(void **state)
{
	static const int64_t scarcities[] = { 0, 100 };

	for (size_t i = 0; i < ARRAY_COUNT(scarcities); i++) {
		struct world world;
		uint32_t wide;

		world_open(&world, (int64_t[]){ 1, 1, 1 }, scarcities[i]);
		add_class(&world, "a");
		wide = add_class(&world, "ab");
		for (int n = 0; n < 100; n++)
			matcher_learn(world.matcher, wide, 1);
		add_job(&world, wide, "x1", HOUR_US, 0);
		decide(&world);
		assert_first(&world, 1);
		assert_int_equal(world.plan.placements[0].site, scarcities[i] ? 1 : 0);
		world_close(&world);
	}
}

static void test_time_bands(void **state)
{
	struct policy_spec policy;

	policy_defaults(&policy);
	assert_int_equal(match_time_band(&policy, HOUR_US), 0);
	policy.order = QUEUE_SHORT;
	assert_int_equal(match_time_band(&policy, 0), 0);
	for (int64_t time_us = 1, last = 0; time_us < INT64_MAX / 2; time_us += time_us / 7 + 1) {
		uint32_t band = match_time_band(&policy, time_us);

		assert_true(band >= last);
		last = band;
	}
	assert_int_equal(match_time_band(&policy, 4 * HOUR_US) - match_time_band(&policy, 2 * HOUR_US), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_short_come_first),
		cmocka_unit_test(test_what_waited_long_for_its_length_comes_before),
		cmocka_unit_test(test_among_equals_who_holds_least),
		cmocka_unit_test(test_groups_share_before),
		cmocka_unit_test(test_few_places_to_go_come_first),
		cmocka_unit_test(test_what_has_a_choice_leaves_room),
		cmocka_unit_test(test_time_bands),
	};

	return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
