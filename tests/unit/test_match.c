#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../check_plan.h"
#include "../random_input.h"
#include "base/mem.h"

/* A network written down by hand: a cheap hub, a regional site, an edge site. */
static struct chip_count eight_alpha[] = { { "alpha", 8 } };
static struct chip_count two_beta[] = { { "beta", 2 } };
static struct node_group hub_groups[] = {
	{ .name = "train", .count = 4, .cpu_milli = 64000, .memory_mib = 262144, .chips = eight_alpha, .chip_count = 1 },
	{ .name = "plain", .count = 2, .cpu_milli = 16000, .memory_mib = 65536 },
};
static struct node_group regional_groups[] = {
	{ .name = "train", .count = 2, .cpu_milli = 64000, .memory_mib = 262144, .chips = eight_alpha, .chip_count = 1 },
};
static struct node_group edge_groups[] = {
	{ .name = "serve", .count = 2, .cpu_milli = 8000, .memory_mib = 16384, .chips = two_beta, .chip_count = 1 },
};
static struct site_spec specs[] = {
	{ .name = "hub", .tier = TIER_HUB, .region = "west", .latitude_udeg = 26000000, .longitude_udeg = 106000000, .groups = hub_groups,
	  .group_count = 2, .price = { 100000, 10000, 4000000 } },
	{ .name = "regional", .tier = TIER_REGIONAL, .region = "middle", .latitude_udeg = 34000000, .longitude_udeg = 113000000,
	  .groups = regional_groups, .group_count = 1, .price = { 150000, 15000, 6000000 } },
	{ .name = "edge", .tier = TIER_EDGE, .region = "east", .latitude_udeg = 31000000, .longitude_udeg = 120000000, .groups = edge_groups,
	  .group_count = 1, .price = { 160000, 15000, 5000000 } },
};
static const struct network_spec network = { .sites = specs, .site_count = 3, .link_rule = { 1000, 9800, 1500 } };
static const struct catalogue no_catalogue;

#define CLASSES_MAX 8
#define ENTRIES_MAX 64

struct fixture {
	struct arena arena;
	struct topology *topology;
	struct supply supplies[3];
	struct site_view views[3];
	struct ask asks[CLASSES_MAX];
	struct match_entry entries[CLASSES_MAX][ENTRIES_MAX];
	struct once_class classes[CLASSES_MAX];
	struct once_input input;
	struct once once;
	struct match_plan plan;
};

static int setup(void **state)
{
	struct fixture *fixture = mem_alloc(sizeof(*fixture));

	fixture->topology = topology_new(&network);
	for (uint32_t s = 0; s < 3; s++) {
		supply_init(&fixture->supplies[s], specs[s].groups, specs[s].group_count);
		fixture->views[s] = (struct site_view){ .index = s, .name = specs[s].name, .tier = specs[s].tier, .region = specs[s].region,
							.engine = ENGINE_LOCAL, .condition = CONDITION_UP, .price = specs[s].price,
							.supply = &fixture->supplies[s] };
	}
	fixture->input = (struct once_input){ .sites = fixture->views, .site_count = 3, .classes = fixture->classes,
					       .context = { &no_catalogue, fixture->topology } };
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	for (int s = 0; s < 3; s++)
		supply_done(&fixture->supplies[s]);
	topology_free(fixture->topology);
	arena_done(&fixture->arena);
	free(fixture);
	return 0;
}

/* Adds a class of `count` entries whose orders are first, first + step, ... */
static struct ask *add_class(struct fixture *fixture, size_t count, uint64_t first, uint64_t step)
{
	size_t c = fixture->input.class_count++;

	for (size_t e = 0; e < count; e++)
		fixture->entries[c][e] = (struct match_entry){ .demand = first + e * step, .order = first + e * step };
	fixture->asks[c] = (struct ask){ .kind = DEMAND_JOB, .workers = 1, .priority = 100, .shape = { .cpu_milli = 1000, .memory_mib = 1024 } };
	fixture->classes[c] = (struct once_class){ .ask = &fixture->asks[c], .entries = fixture->entries[c], .entry_count = count };
	return &fixture->asks[c];
}

static void run(struct fixture *fixture)
{
	char why[200] = "";

	once_open(&fixture->once, &fixture->input, &fixture->arena);
	match_round(&fixture->once.input, &fixture->arena, &fixture->plan);
	if (!check_plan(&fixture->input, &fixture->once, &fixture->plan, why, sizeof(why)))
		fail_msg("%s", why);
	once_close(&fixture->once);
}

static void priority_then_age_decides(void **state)
{
	struct fixture *fixture = *state;

	add_class(fixture, 3, 10, 2); /* 10, 12, 14 */
	add_class(fixture, 3, 11, 2); /* 11, 13, 15 */
	add_class(fixture, 1, 90, 1)->priority = 200;
	run(fixture);
	assert_int_equal(fixture->plan.placement_count, 7);
	assert_int_equal(fixture->plan.placements[0].demand, 90);
	for (size_t p = 1; p < 7; p++)
		assert_int_equal(fixture->plan.placements[p].demand, 9 + p);
	assert_true(fixture->plan.complete);
}

static void jobs_go_to_the_cheap_hub_and_spare_its_chips(void **state)
{
	struct fixture *fixture = *state;

	add_class(fixture, 1, 1, 1);
	run(fixture);
	assert_int_equal(fixture->plan.placements[0].site, 0);
	assert_int_equal(fixture->plan.placements[0].candidates, 3);
	assert_int_equal(fixture->plan.placements[0].score, 110000);
	assert_int_equal(fixture->plan.placements[0].slots[0].group, 1); /* the nodes without chips */
}

static void services_go_near_their_callers(void **state)
{
	struct near near = { .site = "edge", .within_us = 50000 };
	struct fixture *fixture = *state;
	struct ask *ask = add_class(fixture, 3, 1, 1);

	ask->kind = DEMAND_SERVICE;
	ask->workers = 3;
	ask->where.near = &near;
	run(fixture);
	assert_int_equal(fixture->plan.placement_count, 3);
	for (size_t p = 0; p < 3; p++) {
		assert_int_equal(fixture->plan.placements[p].slot_count, 1);
		assert_int_equal(fixture->plan.placements[p].site, 2);
	}
}

static void gangs_are_all_or_nothing_on_one_site(void **state)
{
	struct fixture *fixture = *state;
	struct ask *gang = add_class(fixture, 2, 1, 1);

	gang->workers = 3;
	gang->shape.chips.milli = 8000;
	run(fixture); /* four nodes at the hub, two at the regional site: the second gang waits */
	assert_int_equal(fixture->plan.placement_count, 1);
	assert_int_equal(fixture->plan.placements[0].slot_count, 3);
	assert_int_equal(fixture->plan.streams[0].placed, 1);
	assert_int_equal(fixture->plan.streams[0].nearest.code, VERDICT_CHIPS_BUSY);
	assert_int_equal(fixture->plan.streams[0].nearest.have, 8);
	assert_int_equal(fixture->plan.streams[0].nearest.want, 24);
	assert_int_equal(fixture->plan.streams[0].nearest_site, 0);
}

static void partly_used_chips_and_nodes_fill_first(void **state)
{
	struct fixture *fixture = *state;
	struct ask *shares = add_class(fixture, 6, 1, 1);
	struct ask *whole = add_class(fixture, 4, 100, 1);
	const struct match_placement *placements;

	shares->shape.chips.milli = 300;
	whole->shape.chips.milli = 8000;
	shares->where.sites = whole->where.sites = (const char *[]){ "hub" };
	shares->where.site_count = whole->where.site_count = 1;
	run(fixture);
	placements = fixture->plan.placements;
	assert_int_equal(fixture->plan.placement_count, 9); /* six shares on two chips of one node leave three whole nodes */
	for (size_t p = 0; p < 6; p++) {
		assert_int_equal(placements[p].slots[0].node, placements[0].slots[0].node);
		assert_int_equal(placements[p].slots[0].chips, p < 3 ? 1 : 2);
		assert_int_equal(placements[p].slots[0].chip_milli, 300);
	}
	assert_int_equal(fixture->plan.streams[1].nearest.code, VERDICT_CHIPS_BUSY);
	assert_int_equal(fixture->plan.streams[1].nearest.have, 6);
}

static void what_is_taken_in_the_round_is_gone(void **state)
{
	struct fixture *fixture = *state;
	struct ask *ask = add_class(fixture, 60, 1, 1);

	ask->shape.chips.milli = 1000;
	run(fixture); /* 32 + 16 + 4 chips */
	assert_int_equal(fixture->plan.placement_count, 52);
	assert_int_equal(fixture->plan.placements[51].candidates, 1);
	assert_int_equal(fixture->plan.streams[0].placed, 52);
	assert_int_equal(fixture->supplies[0].groups[0].chips_free_total, 32); /* the supply itself is untouched */
}

static void limits_end_the_round(void **state)
{
	struct fixture *fixture = *state;

	add_class(fixture, 10, 1, 1);
	add_class(fixture, 10, 100, 1)->priority = 50;
	fixture->input.limits.placements_max = 4;
	run(fixture);
	assert_int_equal(fixture->plan.placement_count, 4);
	assert_false(fixture->plan.complete);
	assert_true(fixture->plan.streams[0].tried);
	assert_false(fixture->plan.streams[1].tried);
	fixture->input.limits = (struct match_limits){ .slots_max = 7 };
	fixture->asks[0].workers = 3;
	run(fixture);
	assert_int_equal(fixture->plan.placement_count, 2);
	fixture->asks[0].workers = 9; /* larger than the limit: the round's only one */
	run(fixture);
	assert_int_equal(fixture->plan.placement_count, 1);
	assert_false(fixture->plan.complete);
}

static void nothing_to_do_is_a_round_too(void **state)
{
	struct fixture *fixture = *state;

	run(fixture);
	assert_int_equal(fixture->plan.placement_count, 0);
	assert_true(fixture->plan.complete);
	add_class(fixture, 0, 1, 1);
	add_class(fixture, 1, 1, 1);
	fixture->input.site_count = 0;
	run(fixture);
	assert_int_equal(fixture->plan.placement_count, 0);
	assert_false(fixture->plan.streams[0].tried);
	assert_true(fixture->plan.streams[1].tried);
}

static bool same_plan(const struct match_plan *a, const struct match_plan *b)
{
	if (a->placement_count != b->placement_count || a->complete != b->complete)
		return false;
	for (size_t p = 0; p < a->placement_count; p++) {
		const struct match_placement *left = &a->placements[p], *right = &b->placements[p];

		if (left->demand != right->demand || left->site != right->site || left->score != right->score ||
		    left->slot_count != right->slot_count)
			return false;
		for (size_t w = 0; w < left->slot_count; w++)
			if (left->slots[w].group != right->slots[w].group || left->slots[w].node != right->slots[w].node ||
			    left->slots[w].chips != right->slots[w].chips)
				return false;
	}
	return true;
}

/* Any network, any queue: the second opinion agrees, and a second round over the same input is the same. */
static void random_rounds_hold_up(void **state)
{
	struct random_limits limits = { .sites_max = 10, .nodes_max = 6, .classes_max = 12, .entries_max = 8, .used = true };
	size_t placed = 0, left = 0, limited = 0, apart = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 1500; seed++) {
		struct random_input input;
		struct match_plan first, second;
		struct once once;
		char why[200];

		limits.wide = seed % 3 != 0;
		random_input_init(&input, seed, &limits);
		if (seed % 5 == 0)
			input.match.limits = (struct match_limits){ .placements_max = seed % 7, .slots_max = seed % 11 };
		once_open(&once, &input.match, &input.arena);
		match_round(&once.input, &input.arena, &first);
		match_round(&once.input, &input.arena, &second);
		if (!check_plan(&input.match, &once, &first, why, sizeof(why)))
			fail_msg("seed %llu: %s", (unsigned long long)seed, why);
		if (!same_plan(&first, &second))
			fail_msg("seed %llu: two rounds differ", (unsigned long long)seed);
		for (size_t c = 0; c < once.input.stream_count; c++) {
			bool all = first.streams[c].placed == once.input.streams[c].entry_count;

			placed += first.streams[c].placed;
			left += once.input.streams[c].entry_count - first.streams[c].placed;
			if (first.streams[c].tried && !all && first.complete)
				assert_int_not_equal(first.streams[c].nearest.code, VERDICT_FITS);
			limited += first.streams[c].nearest.code == VERDICT_LIMIT;
			apart += first.streams[c].nearest.code == VERDICT_APART;
		}
		once_close(&once);
		random_input_done(&input);
	}
	/* Both outcomes are common, or the test proves little. */
	assert_true(placed > 3000);
	assert_true(left > 3000);
	assert_true(limited > 100);
	assert_true(apart > 20);
}

/* More sites and nodes than the windows hold, so that they are refilled. */
static void windows_are_refilled(void **state)
{
	const struct random_limits limits = { .sites_max = 400, .nodes_max = 300, .classes_max = 4, .entries_max = 600, .all_up = true,
					      .used = true };

	(void)state;
	for (uint64_t seed = 0; seed < 12; seed++) {
		struct random_input input;
		struct match_plan plan;
		struct once once;
		char why[200];

		random_input_init(&input, seed, &limits);
		once_open(&once, &input.match, &input.arena);
		match_round(&once.input, &input.arena, &plan);
		if (!check_plan(&input.match, &once, &plan, why, sizeof(why)))
			fail_msg("seed %llu: %s", (unsigned long long)seed, why);
		once_close(&once);
		random_input_done(&input);
	}
}

#define MATCH_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MATCH_TEST(priority_then_age_decides),
		MATCH_TEST(jobs_go_to_the_cheap_hub_and_spare_its_chips),
		MATCH_TEST(services_go_near_their_callers),
		MATCH_TEST(gangs_are_all_or_nothing_on_one_site),
		MATCH_TEST(partly_used_chips_and_nodes_fill_first),
		MATCH_TEST(what_is_taken_in_the_round_is_gone),
		MATCH_TEST(limits_end_the_round),
		MATCH_TEST(nothing_to_do_is_a_round_too),
		cmocka_unit_test(random_rounds_hold_up),
		cmocka_unit_test(windows_are_refilled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
