/* How much of what was possible a round placed: cases whose bound can be told by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../platform_world.h"
#include "base/mem.h"
#include "platform/state.h"

#define SECOND_US INT64_C(1000000)

static struct chip_count eight[] = { { "alpha", 8 } };
static struct node_group groups[] = {
	{ .name = "train", .count = 2, .cpu_milli = 64000, .memory_mib = 65536, .chips = eight, .chip_count = 1 },
};
static struct region regions[] = { { "here", "Here" } };
static struct site_spec sites[] = {
	{ .name = "one", .title = "", .tier = TIER_HUB, .region = "here", .operator_name = "op", .engine = ENGINE_LOCAL, .groups = groups,
	  .group_count = 1, .price = { 100, 10, 4000 } },
	{ .name = "two", .title = "", .tier = TIER_HUB, .region = "here", .operator_name = "op", .engine = ENGINE_LOCAL, .groups = groups,
	  .group_count = 1, .price = { 100, 10, 4000 } },
};
static const struct network_spec network = { .name = "test", .title = "Test", .note = "", .currency = "CNY", .regions = regions,
					     .region_count = 1, .sites = sites, .site_count = 2, .link_rule = { 1000, 9800, 1500 } };
static struct chip_model models[] = { { .name = "alpha", .title = "Alpha", .vendor = "Home", .origin = ORIGIN_DOMESTIC } };
static const struct catalogue catalogue = { models, 1 };

struct fixture {
	struct world world;
	struct arena arena;
};

static void fixture_init(struct fixture *fixture)
{
	*fixture = (struct fixture){ 0 };
	world_init(&fixture->world, NULL, &network, &catalogue);
	arena_init(&fixture->arena);
	world_report(&fixture->world, "one", 1, 1, NULL, 0, &fixture->arena);
	world_report(&fixture->world, "two", 1, 1, NULL, 0, &fixture->arena);
}

static void fixture_done(struct fixture *fixture)
{
	world_done(&fixture->world);
	arena_done(&fixture->arena);
}

static void submit(struct fixture *fixture, int count, int64_t workers, int64_t chips)
{
	struct demand_spec spec = world_job("job");

	spec.ask.workers = workers;
	spec.ask.shape.chips.milli = chips * CHIP_MILLI;
	for (int i = 0; i < count; i++)
		world_submit(&fixture->world, &spec);
}

static struct gap_measure last(struct fixture *fixture)
{
	struct summary summary;

	view_summary(fixture->world.platform, fixture->world.now_us, &fixture->arena, &summary);
	return summary.round ? *summary.round : (struct gap_measure){ 0 };
}

static struct gap_view ask(struct fixture *fixture)
{
	struct gap_view gap;

	view_gap(fixture->world.platform, fixture->world.now_us, &fixture->arena, &gap);
	return gap;
}

static void test_a_round_that_places_all_has_no_gap(void **state)
{
	struct fixture fixture;

	fixture_init(&fixture);
	assert_int_equal(last(&fixture).measured_us, 0);
	submit(&fixture, 3, 1, 4);
	world_round(&fixture.world);
	assert_int_equal(last(&fixture).measured_us, fixture.world.now_us);
	assert_int_equal(last(&fixture).placed_chip_milli, 12000);
	assert_int_equal(last(&fixture).bound_chip_milli, 12000);
	assert_int_equal(last(&fixture).gap_permille, 0);
	assert_int_equal(last(&fixture).demands, 3);
	fixture_done(&fixture);
}

static void test_a_full_network_is_the_bound(void **state)
{
	struct fixture fixture;

	fixture_init(&fixture);
	submit(&fixture, 40, 1, 1);
	world_round(&fixture.world);
	assert_int_equal(last(&fixture).placed_chip_milli, 32000);
	assert_int_equal(last(&fixture).bound_chip_milli, 32000);
	fixture_done(&fixture);
}

/* Five chips of each eight are all that such jobs can use of a node. */
static void test_what_nodes_cannot_hold_is_no_gap(void **state)
{
	struct fixture fixture;

	fixture_init(&fixture);
	submit(&fixture, 9, 1, 5);
	world_round(&fixture.world);
	assert_int_equal(last(&fixture).placed_chip_milli, 20000);
	assert_int_equal(last(&fixture).bound_chip_milli, 20000);
	fixture_done(&fixture);
}

/* The first job takes a chip of the site that it finds; the second needs all of a site, and gets the other: no gap. But the
 * third, at the first's site, would have fitted had there been no first. */
static void test_what_was_missed_shows(void **state)
{
	struct fixture fixture;

	fixture_init(&fixture);
	submit(&fixture, 1, 1, 1);
	submit(&fixture, 2, 2, 8);
	world_round(&fixture.world);
	assert_int_equal(last(&fixture).placed_chip_milli, 17000);
	assert_true(last(&fixture).bound_chip_milli >= 32000);
	assert_true(last(&fixture).bound_chip_milli <= 33000);
	assert_in_range(last(&fixture).gap_permille, 460, 490);
	fixture_done(&fixture);
}

static void test_a_tenants_limit_is_no_gap(void **state)
{
	struct fixture fixture;
	struct amounts limit = { .chip_milli = 6000 };
	struct tenant_spec tenants[] = { { .name = "lab", .parent = "", .weight = 1, .limit = &limit } };
	struct policy_spec policy;
	struct arena arena = { 0 };
	struct event_list list;
	struct err err = { "" };

	fixture_init(&fixture);
	policy_defaults(&policy);
	policy.tenants = tenants;
	policy.tenant_count = 1;
	event_list_init(&list, &arena);
	if (decide_load_policy(fixture.world.platform, fixture.world.now_us, &policy, &list, &err) < 0)
		fail_msg("%s", err.text);
	world_apply(&fixture.world, &list);
	submit(&fixture, 20, 1, 2);
	world_round(&fixture.world);
	assert_int_equal(last(&fixture).placed_chip_milli, 6000);
	assert_int_equal(last(&fixture).bound_chip_milli, 6000);
	arena_done(&arena);
	fixture_done(&fixture);
}

static void test_it_is_measured_once_a_second(void **state)
{
	struct fixture fixture;
	int64_t first_us;

	fixture_init(&fixture);
	first_us = fixture.world.now_us;
	submit(&fixture, 1, 1, 1);
	world_round(&fixture.world);
	fixture.world.now_us += SECOND_US - 1;
	submit(&fixture, 1, 1, 2);
	world_round(&fixture.world);
	assert_int_equal(last(&fixture).measured_us, first_us);
	fixture.world.now_us += 1;
	submit(&fixture, 1, 1, 4);
	world_round(&fixture.world);
	assert_int_equal(last(&fixture).measured_us, first_us + SECOND_US);
	assert_int_equal(last(&fixture).placed_chip_milli, 4000);
	fixture_done(&fixture);
}

static void test_asking_tries_a_round_and_gives_it_back(void **state)
{
	struct fixture fixture;
	uint8_t before[32], after[32];

	fixture_init(&fixture);
	assert_int_equal(ask(&fixture).now.demands, 0);
	assert_int_equal(ask(&fixture).now.bound_chip_milli, 0);
	submit(&fixture, 3, 1, 8);
	submit(&fixture, 3, 1, 1);
	platform_hash(fixture.world.platform, before);
	for (int i = 0; i < 2; i++) {
		struct gap_view gap = ask(&fixture);

		assert_null(gap.last);
		assert_int_equal(gap.now.placed_chip_milli, 27000);
		assert_int_equal(gap.now.bound_chip_milli, 27000);
		assert_int_equal(gap.now.demands, 6);
		assert_true(gap.now.complete);
		assert_false(gap.now.coarse);
	}
	platform_hash(fixture.world.platform, after);
	assert_memory_equal(before, after, sizeof(before));
	assert_true(platform_round_wanted(fixture.world.platform));
	platform_check(fixture.world.platform);
	world_round(&fixture.world);
	assert_int_equal(ask(&fixture).last->placed_chip_milli, 27000);
	assert_int_equal(ask(&fixture).now.demands, 0);
	world_check_rebuild(&fixture.world);
	fixture_done(&fixture);
}

/* Too many nodes to look at each: neither on its way, nor, but coarsely, on request. */
static void test_a_large_network_is_measured_coarsely(void **state)
{
	static struct node_group many[] = {
		{ .name = "m", .count = 100001, .cpu_milli = 8000, .memory_mib = 65536, .chips = eight, .chip_count = 1 },
	};
	struct site_spec *one = &sites[0];
	struct fixture fixture;
	struct gap_measure now;

	one->groups = many;
	fixture_init(&fixture);
	one->groups = groups;
	submit(&fixture, 5, 1, 8);
	submit(&fixture, 4, 1, 0);
	now = ask(&fixture).now;
	assert_true(now.coarse);
	assert_int_equal(now.placed_chip_milli, 40000 + 4 * 125);
	assert_int_equal(now.bound_chip_milli, now.placed_chip_milli);
	world_round(&fixture.world);
	assert_int_equal(last(&fixture).measured_us, 0);
	/* The answer is kept for a while. */
	submit(&fixture, 1, 1, 8);
	assert_int_equal(ask(&fixture).now.demands, 9);
	fixture.world.now_us += 10 * SECOND_US;
	assert_int_equal(ask(&fixture).now.demands, 1);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_round_that_places_all_has_no_gap),
		cmocka_unit_test(test_a_full_network_is_the_bound),
		cmocka_unit_test(test_what_nodes_cannot_hold_is_no_gap),
		cmocka_unit_test(test_what_was_missed_shows),
		cmocka_unit_test(test_a_tenants_limit_is_no_gap),
		cmocka_unit_test(test_it_is_measured_once_a_second),
		cmocka_unit_test(test_asking_tries_a_round_and_gives_it_back),
		cmocka_unit_test(test_a_large_network_is_measured_coarsely),
	};

	return cmocka_run_group_tests_name("platform gap", tests, NULL, NULL);
}
