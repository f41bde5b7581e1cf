/* The matcher at the bounds of its input, and beyond where a library's caller may go: the largest gangs, nodes, groups and networks,
 * figures that only just fit their type, networks without anything. The sanitizers look for what overflows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "match/forecast.h"
#include "match/once.h"
#include "model/network.h"

#define NOW_US INT64_C(1700000000000000)

struct world {
	struct arena arena;
	struct network_spec network;
	struct topology *topology;
	struct catalogue catalogue;
	struct supply *supplies;
	struct site_view *views;
	struct once_input input;
	struct once once;
	struct match_plan plan;
};

static void open_world(struct world *world, size_t sites, const struct node_group *group)
{
	*world = (struct world){ .network = { .link_rule = { 1000, 9800, 1500 }, .site_count = sites } };
	world->network.sites = ARENA_ARRAY(&world->arena, struct site_spec, sites + 1);
	world->supplies = ARENA_ARRAY(&world->arena, struct supply, sites + 1);
	world->views = ARENA_ARRAY(&world->arena, struct site_view, sites + 1);
	for (size_t s = 0; s < sites; s++) {
		const char *name = arena_printf(&world->arena, "site-%zu", s);

		world->network.sites[s] = (struct site_spec){ .name = name, .tier = TIER_HUB, .region = "r" };
		supply_init(&world->supplies[s], group, group != NULL);
		world->views[s] = (struct site_view){ .index = (uint32_t)s, .name = name, .tier = TIER_HUB, .region = "r", .engine = ENGINE_LOCAL,
						      .condition = CONDITION_UP, .price = { 1000, 100, 1000000 }, .supply = &world->supplies[s] };
	}
	world->topology = topology_new(&world->network);
	world->input = (struct once_input){ .sites = world->views, .site_count = sites, .context = { &world->catalogue, world->topology },
					    .now_us = NOW_US };
}

static void close_world(struct world *world)
{
	once_close(&world->once);
	for (size_t s = 0; s < world->network.site_count; s++)
		supply_done(&world->supplies[s]);
	topology_free(world->topology);
	arena_done(&world->arena);
}

static struct ask ask_of(int64_t workers, int64_t chips_milli)
{
	return (struct ask){ .kind = DEMAND_JOB, .workers = workers, .priority = 100,
			     .shape = { .cpu_milli = 1000, .memory_mib = 1024, .chips = { .milli = chips_milli } } };
}

/* One round over classes of `each` entries. */
static void run(struct world *world, const struct ask *asks, size_t count, size_t each, int64_t time_us)
{
	struct once_class *classes = ARENA_ARRAY(&world->arena, struct once_class, count + 1);

	for (size_t c = 0; c < count; c++) {
		struct match_entry *entries = ARENA_ARRAY(&world->arena, struct match_entry, each);

		for (size_t e = 0; e < each; e++)
			entries[e] = (struct match_entry){ .demand = c * each + e + 1, .order = e * count + c + 1, .time_us = time_us };
		classes[c] = (struct once_class){ .ask = &asks[c], .entries = entries, .entry_count = each };
	}
	world->input.classes = classes;
	world->input.class_count = count;
	once_close(&world->once);
	once_open(&world->once, &world->input, &world->arena);
	match_round(&world->once.input, &world->arena, &world->plan);
	for (size_t s = 0; s < world->once.input.stream_count; s++)
		if (world->plan.streams[s].stuck && world->input.site_count > 0)
			assert_int_not_equal(world->plan.streams[s].nearest.code, VERDICT_FITS);
}

static void the_largest_gang(void **state)
{
	struct chip_count chips = { "alpha", 8 };
	const struct node_group group = { .name = "g", .count = DEMAND_WORKERS_MAX / 8 + 100, .cpu_milli = 64000, .memory_mib = 65536,
					  .chips = &chips, .chip_count = 1 };
	struct ask asks[] = { ask_of(DEMAND_WORKERS_MAX, 1000), ask_of(DEMAND_WORKERS_MAX, 1000), ask_of(801, 1000), ask_of(800, 1000) };
	struct world world;
	uint8_t *used;

	(void)state;
	open_world(&world, 1, &group);
	used = ARENA_ARRAY(&world.arena, uint8_t, (size_t)group.count);
	asks[0].priority = 200;
	asks[1].where.arrange = ARRANGE_SPREAD;
	run(&world, asks, ARRAY_COUNT(asks), 1, 0);
	assert_int_equal(world.plan.placement_count, 2); /* the first, and what is left over */
	for (size_t p = 0; p < 2; p++)
		for (size_t w = 0; w < world.plan.placements[p].slot_count; w++) {
			const struct slot *slot = &world.plan.placements[p].slots[w];

			assert_int_equal(slot->worker, w);
			assert_int_equal(__builtin_popcountll(slot->chips), 1);
			assert_false(used[slot->node] & slot->chips);
			used[slot->node] |= (uint8_t)slot->chips;
		}
	assert_int_equal(world.plan.placements[1].slot_count, 800);
	assert_int_equal(world.plan.streams[1].nearest.want, DEMAND_WORKERS_MAX);
	asks[0].priority = 100;
	asks[1].priority = 200; /* now the one that is spread goes first */
	run(&world, asks, ARRAY_COUNT(asks), 1, 0);
	assert_int_equal(world.plan.placement_count, 2);
	assert_true(pool_is_consistent(matcher_pool(world.once.matcher, 0)));
	close_world(&world);
}

static void the_largest_node(void **state)
{
	struct chip_count chips = { "alpha", NODE_CHIPS_MAX };
	const struct node_group group = { .name = "g", .count = 2, .cpu_milli = 1000000000, .memory_mib = 1 << 30, .chips = &chips, .chip_count = 1 };
	struct ask asks[] = { ask_of(1, NODE_CHIPS_MAX * 1000), ask_of(1, 1), ask_of(1, (NODE_CHIPS_MAX + 1) * 1000), ask_of(1, INT64_MAX / 1000 * 1000),
			      ask_of(1, 999), ask_of(1, 0) };
	struct world world;

	(void)state;
	open_world(&world, 1, &group);
	asks[0].priority = 200;
	asks[5].shape.cpu_milli = INT64_MAX;
	asks[5].shape.memory_mib = INT64_MAX;
	asks[5].workers = 1;
	run(&world, asks, ARRAY_COUNT(asks), 1, 0);
	assert_int_equal(world.plan.placement_count, 3);
	assert_int_equal(world.plan.placements[0].slots[0].chips, UINT64_MAX);
	assert_int_equal(world.plan.streams[2].nearest.code, VERDICT_NODE_TOO_SMALL);
	assert_int_equal(world.plan.streams[3].nearest.code, VERDICT_NODE_TOO_SMALL);
	assert_int_equal(world.plan.streams[5].nearest.code, VERDICT_NODE_TOO_SMALL);
	close_world(&world);
}

static void the_dearest_prices(void **state)
{
	struct chip_count chips = { "alpha", 8 };
	const struct node_group group = { .name = "g", .count = 4, .cpu_milli = 64000, .memory_mib = 65536, .chips = &chips, .chip_count = 1 };
	struct ask asks[2] = { ask_of(4, 8000), ask_of(4, 8000) };
	struct world world;

	(void)state;
	open_world(&world, 3, &group);
	world.views[0].price = world.views[2].price = (struct price){ INT64_MAX, INT64_MAX, INT64_MAX };
	world.views[0].energy = (struct energy){ INT64_MAX, INT64_MAX, INT64_MAX };
	asks[1].price_max_micro = INT64_MAX;
	run(&world, asks, 2, 2, INT64_MAX);
	assert_int_equal(world.plan.placement_count, 3);
	assert_int_equal(world.plan.placements[0].site, 1);
	assert_true(world.plan.placements[1].score > world.plan.placements[0].score);
	assert_true(world.plan.placements[2].score >= world.plan.placements[1].score);
	close_world(&world);
}

static void the_most_sites(void **state)
{
	const struct node_group group = { .name = "g", .count = 1, .cpu_milli = 2000, .memory_mib = 4096 };
	struct ask asks[] = { ask_of(1, 0), ask_of(1, 0), ask_of(2, 0), ask_of(3, 0) };
	struct world world;

	(void)state;
	open_world(&world, NETWORK_SITES_MAX, &group);
	asks[1].where.sites = (const char *[]){ "site-49999" };
	asks[1].where.site_count = 1;
	for (size_t s = 0; s < NETWORK_SITES_MAX; s++)
		world.views[s].price.core_hour_micro = 1000 + (int64_t)(s * 7919 % NETWORK_SITES_MAX);
	run(&world, asks, ARRAY_COUNT(asks), 4, 0);
	assert_int_equal(world.plan.placement_count, 4 + 2 + 4);
	assert_int_equal(world.plan.streams[1].placed, 2);
	assert_int_equal(world.plan.streams[1].nearest_site, NETWORK_SITES_MAX - 1);
	assert_int_equal(world.plan.streams[3].nearest.code, VERDICT_SITE_TOO_SMALL);
	assert_int_equal(world.plan.placements[0].site, 0); /* the cheapest */
	close_world(&world);
}

static void the_largest_group(void **state)
{
	const struct node_group group = { .name = "g", .count = GROUP_NODES_MAX, .cpu_milli = 1000, .memory_mib = 1024 };
	struct ask asks[] = { ask_of(DEMAND_WORKERS_MAX, 0), ask_of(1, 0) };
	struct world world;

	(void)state;
	open_world(&world, 1, &group);
	asks[0].where.arrange = ARRANGE_SPREAD;
	run(&world, asks, 2, 11, 0); /* ten fit, and then nothing more does */
	assert_int_equal(world.plan.streams[0].placed + world.plan.streams[1].placed, world.plan.placement_count);
	assert_int_equal(world.plan.streams[0].placed, 9);
	assert_int_equal(world.plan.streams[1].placed, 11);
	close_world(&world);
}

static void nothing_at_all(void **state)
{
	struct ask asks[] = { ask_of(1, 0), ask_of(5, 1000) };
	struct world world;

	(void)state;
	open_world(&world, 0, NULL);
	run(&world, asks, 2, 2, 0);
	assert_int_equal(world.plan.placement_count, 0);
	close_world(&world);
	open_world(&world, 5, NULL); /* no groups */
	world.views[1].supply = NULL;
	world.views[2].condition = CONDITION_UNSEEN;
	world.views[2].supply = NULL;
	run(&world, asks, 2, 2, 0);
	assert_int_equal(world.plan.placement_count, 0);
	run(&world, asks, 0, 0, 0);
	assert_true(world.plan.complete);
	close_world(&world);
	asks[0].shape = (struct shape){ 0 }; /* asks for nothing, and there is nothing */
	open_world(&world, 1, NULL);
	run(&world, asks, 1, 2, 0);
	assert_int_equal(world.plan.placement_count, 0);
	close_world(&world);
}

/* Ten thousand streams: a few fit, some fit no more, most never would. */
static void many_streams(void **state)
{
	struct chip_count chips = { "alpha", 8 };
	const struct node_group group = { .name = "g", .count = 10, .cpu_milli = 64000, .memory_mib = 65536, .chips = &chips, .chip_count = 1 };
	const size_t count = 10000;
	struct match_stream *streams;
	struct match_entry *entries;
	struct world world;
	struct ask *asks;

	(void)state;
	open_world(&world, 12, &group);
	asks = ARENA_ARRAY(&world.arena, struct ask, count);
	for (size_t c = 0; c < count; c++) {
		asks[c] = ask_of(1 + (int64_t)(c % 7), 1000 * (int64_t)(1 + c % 12));
		asks[c].shape.cpu_milli = 1 + (int64_t)c;
		asks[c].priority = (int64_t)(c % 3);
	}
	run(&world, asks, count, 3, 3600000000);
	assert_true(world.plan.placement_count > 30);
	for (size_t c = 0; c < count; c++)
		assert_true(world.plan.streams[c].stuck || world.plan.streams[c].placed == 3);
	/* The same with deadlines at the ends of time. */
	streams = (struct match_stream *)world.once.input.streams;
	for (size_t c = 0; c < count; c++) {
		entries = (struct match_entry *)streams[c].entries;
		for (size_t e = 0; e < 3; e++) {
			entries[e].time_us = c % 5 == 0 ? INT64_MAX : 60000000;
			entries[e].deadline_us = c % 2 ? INT64_MAX : c % 3 ? 1 : NOW_US + 120000000 + (int64_t)c;
		}
	}
	match_round(&world.once.input, &world.arena, &world.plan);
	assert_true(world.plan.placement_count > 30);
	close_world(&world);
}

/* All work ends at the end of time, or ended long ago, and forecasts look as far. */
static void the_ends_of_time(void **state)
{
	struct chip_count chips = { "alpha", 1 };
	const struct node_group group = { .name = "g", .count = 2, .cpu_milli = 64000, .memory_mib = 65536, .chips = &chips, .chip_count = 1 };
	const struct forecast_settings settings = { .time_permille = 1000 };
	struct ask asks[] = { ask_of(1, 1000), ask_of(2, 1000) };
	struct match_work works[2];
	struct forecast forecast;
	struct world world;

	(void)state;
	open_world(&world, 1, &group);
	run(&world, asks, 2, 2, INT64_MAX - 1);
	assert_int_equal(world.plan.placement_count, 2);
	for (size_t p = 0; p < 2; p++) {
		const struct match_placement *placement = &world.plan.placements[p];

		works[p] = (struct match_work){ .demand = 100 + p, .class = world.once.input.streams[placement->stream].class, .slots = placement->slots,
						.slot_count = (uint32_t)placement->slot_count, .started_us = p ? 0 : INT64_MIN / 2,
						.ends_us = p ? INT64_MAX - 1 : 1 };
		matcher_begin(world.once.matcher, &works[p]);
		shares_charge((struct shares *)world.once.input.shares, 0, &(struct amounts){ 1000, 1024, 1000 }, NOW_US);
	}
	match_round(&world.once.input, &world.arena, &world.plan);
	assert_true(world.plan.reservation_count >= 1);
	assert_true(world.plan.reservations[0].start_us >= NOW_US);
	match_forecast(&world.once.input, &settings, &world.arena, &forecast);
	match_round(&world.once.input, &world.arena, &world.plan);
	assert_true(pool_is_consistent(matcher_pool(world.once.matcher, 0)));
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_gang),
		cmocka_unit_test(the_largest_node),
		cmocka_unit_test(the_dearest_prices),
		cmocka_unit_test(the_most_sites),
		cmocka_unit_test(the_largest_group),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(many_streams),
		cmocka_unit_test(the_ends_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
