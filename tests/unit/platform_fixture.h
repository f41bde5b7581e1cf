/* A platform with two sites, and short ways to say what happens to it: for the tests of its parts. Include after cmocka. */
#ifndef TESTS_PLATFORM_FIXTURE_H
#define TESTS_PLATFORM_FIXTURE_H

#include <string.h>

#include "../platform_world.h"
#include "base/mem.h"
#include "platform/state.h"

static struct chip_count four_alpha[] = { { "alpha", 4 } };
static struct node_group hub_groups[] = {
	{ .name = "train", .count = 2, .cpu_milli = 8000, .memory_mib = 16384, .chips = four_alpha, .chip_count = 1 }
};
static struct node_group edge_groups[] = { { .name = "serve", .count = 1, .cpu_milli = 4000, .memory_mib = 8192 } };
static struct region regions[] = { { "west", "West" }, { "east", "East" } };
static struct site_spec sites[] = {
	{ .name = "hub", .title = "Hub", .tier = TIER_HUB, .region = "west", .operator_name = "op", .latitude_udeg = 26000000,
	  .longitude_udeg = 106000000, .engine = ENGINE_LOCAL, .groups = hub_groups, .group_count = 1 },
	{ .name = "edge", .title = "Edge", .tier = TIER_EDGE, .region = "east", .operator_name = "op", .latitude_udeg = 31000000,
	  .longitude_udeg = 121000000, .engine = ENGINE_LOCAL, .groups = edge_groups, .group_count = 1 },
};
static const struct network_spec network = { .name = "test", .title = "Test", .note = "", .currency = "CNY", .regions = regions,
					     .region_count = 2, .sites = sites, .site_count = 2, .link_rule = { 1000, 9800, 1500 } };

struct fixture {
	struct world world;
	struct arena arena;
	uint64_t sequence; /* of the agents' syncs */
};

static inline int fixture_setup_with(void **state, const struct platform_settings *settings)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	world_init(&f->world, settings, &network, NULL);
	*state = f;
	return 0;
}

static inline int setup(void **state)
{
	return fixture_setup_with(state, NULL);
}

/* Each test ends with both ways of rebuilding its state. */
static inline int teardown(void **state)
{
	struct fixture *f = *state;

	platform_check(f->world.platform);
	world_check_rebuild(&f->world);
	world_done(&f->world);
	arena_done(&f->arena);
	free(f);
	return 0;
}

/* A site says that it is there and has nothing else to tell: what it was given starts. */
static inline struct sync_reply hear(struct fixture *f, const char *site)
{
	return world_report(&f->world, site, 10, ++f->sequence, NULL, 0, &f->arena);
}

static inline void both_up(struct fixture *f)
{
	hear(f, "hub");
	hear(f, "edge");
}

static inline struct demand_view look(struct fixture *f, uint64_t id)
{
	return world_demand(&f->world, id, &f->arena);
}

static inline enum demand_state state_of(struct fixture *f, uint64_t id)
{
	return look(f, id).state;
}

static inline const char *reason_of(struct fixture *f, uint64_t id)
{
	return look(f, id).reason;
}

/* What the agent says of the demand's current attempt, the others of that site left out: they were never reported. */
static inline struct sync_reply tell(struct fixture *f, uint64_t id, enum attempt_state state, enum outcome outcome)
{
	struct demand_view view = look(f, id);
	const struct placement_view *placement = &view.placements[0];
	struct attempt_report report = world_attempt(id, placement->replica, placement->attempt, placement->token, state, outcome);

	assert_true(view.placement_count > 0);
	return world_report(&f->world, placement->site, 10, ++f->sequence, &report, 1, &f->arena);
}

static inline void end_as(struct fixture *f, uint64_t id, enum outcome outcome)
{
	tell(f, id, ATTEMPT_ENDED, outcome);
}

/* Time passes; ticks come when they are due, at the second. */
static inline void pass_s(struct fixture *f, int64_t seconds)
{
	for (; seconds > 0; seconds--) {
		f->world.now_us += 1000000;
		while (platform_next_tick_us(f->world.platform) <= f->world.now_us)
			world_tick(&f->world);
	}
}

/* What is due now. */
static inline void settle(struct fixture *f)
{
	while (platform_next_tick_us(f->world.platform) <= f->world.now_us)
		world_tick(&f->world);
	world_round(&f->world);
}

static inline const struct story_line *story_of(struct fixture *f, uint64_t id, size_t *ret_count)
{
	struct story_line *lines;

	assert_int_equal(view_story(f->world.platform, id, &f->arena, &lines, ret_count), 0);
	return lines;
}

#endif
