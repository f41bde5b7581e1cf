/* How long the bound of a round takes, and how far above a plain first fit it is: networks of a few sizes, empty and half
 * used, and queues that ask for more than is free. `ms` is processor time. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "match/bound.h"

#define SITE_NODES 62 /* of a site, over its groups */
#define ASKED_PERCENT 130 /* of the chips that are free */

struct settings {
	bool json;
	long sites, classes; /* 0: all sizes */
};

static const char usage[] = "usage: bound [--json] [--sites N] [--classes N]\n";

static const char *const model_names[] = { "alpha", "beta", "gamma", "delta", "epsilon", "zeta" };

struct world {
	struct arena arena;
	struct rng rng;
	struct catalogue catalogue;
	struct supply *supplies;
	const struct supply **borrowed;
	size_t site_count, nodes;
	int64_t chips_free_milli;
	struct ask *asks;
	struct bound_demand *demands;
	size_t class_count;
};

static unsigned below(struct world *world, unsigned bound)
{
	return (unsigned)rng_below(&world->rng, bound);
}

static void make_site(struct world *world, struct supply *supply)
{
	struct chip_count big = { model_names[below(world, 6)], 8 }, small = { model_names[below(world, 6)], 4 };
	struct node_group groups[] = {
		{ .name = "train", .count = 24, .cpu_milli = 128000, .memory_mib = 1048576, .chips = &big, .chip_count = 1 },
		{ .name = "serve", .count = 24, .cpu_milli = 64000, .memory_mib = 262144, .chips = &small, .chip_count = 1 },
		{ .name = "plain", .count = SITE_NODES - 48, .cpu_milli = 96000, .memory_mib = 393216 },
	};

	supply_init(supply, groups, ARRAY_COUNT(groups));
}

/* About `percent` of the chips are taken, in shares and wholes, with some CPU and memory. */
static void use_site(struct world *world, struct supply *supply, unsigned percent)
{
	for (uint32_t g = 0; g < supply->group_count; g++)
		for (uint32_t n = 0; n < supply->groups[g].node_count; n++)
			for (uint32_t c = 0; c < supply->groups[g].chips_per_node; c++) {
				struct slot slot = { .group = g, .node = n, .chips = (uint64_t)1 << c, .chip_milli = CHIP_MILLI };
				struct shape shape = { .cpu_milli = 1000 * (int64_t)(1 + below(world, 12)),
						       .memory_mib = 4096 * (int64_t)(1 + below(world, 16)) };

				if (below(world, 100) >= percent)
					continue;
				if (below(world, 4) == 0)
					slot.chip_milli = (uint16_t)(100 * (1 + below(world, 9)));
				shape.chips.milli = slot.chip_milli;
				if (supply_fits(supply, &slot, &shape))
					supply_take(supply, &slot, &shape);
			}
}

static void make_ask(struct world *world, struct ask *ask)
{
	static const int64_t milli[] = { 0, 0, 220, 320, 460, 500, 650, 810, 1000, 1000, 1000, 2000, 4000, 8000, 8000 };
	static const int64_t gangs[] = { 2, 4, 8, 8, 16, 32, 64 };

	*ask = (struct ask){ .kind = DEMAND_JOB, .workers = 1 };
	ask->shape.chips.milli = milli[below(world, ARRAY_COUNT(milli))];
	ask->shape.cpu_milli = ask->shape.chips.milli ? (ask->shape.chips.milli * (int64_t)(2 + below(world, 12)) / 1000 + 1) * 1000
						      : 1000 * (int64_t)(1 + below(world, 32));
	ask->shape.memory_mib = ask->shape.cpu_milli * (int64_t)(2 + below(world, 6)) * 1024 / 1000;
	if (ask->shape.chips.milli >= 4000 && below(world, 2))
		ask->workers = gangs[below(world, ARRAY_COUNT(gangs))];
	if (ask->shape.chips.milli && below(world, 2)) {
		ask->shape.chips.models = ARENA_ARRAY(&world->arena, const char *, 2);
		ask->shape.chips.models[0] = model_names[below(world, 6)];
		ask->shape.chips.models[1] = model_names[below(world, 6)];
		ask->shape.chips.model_count = 2;
	}
}

/* Sites that the rules allow: all, or those of one of a few sets. */
static uint64_t **make_allowed(struct world *world, size_t sets)
{
	uint64_t **allowed = ARENA_ARRAY(&world->arena, uint64_t *, sets);

	for (size_t i = 0; i < sets; i++) {
		allowed[i] = ARENA_ARRAY(&world->arena, uint64_t, (world->site_count + 63) / 64);
		for (size_t s = 0; s < world->site_count; s++)
			if (i == 0 || s % sets == i || s % 3 == i % 3)
				allowed[i][s / 64] |= (uint64_t)1 << (s % 64);
	}
	return allowed;
}

static void world_init(struct world *world, size_t sites, size_t classes, unsigned percent)
{
	uint64_t **allowed;

	*world = (struct world){ .site_count = sites, .class_count = classes, .nodes = sites * SITE_NODES };
	rng_init(&world->rng, 7);
	arena_init(&world->arena);
	world->supplies = ARENA_ARRAY(&world->arena, struct supply, sites);
	world->borrowed = ARENA_ARRAY(&world->arena, const struct supply *, sites);
	for (size_t s = 0; s < sites; s++) {
		make_site(world, &world->supplies[s]);
		use_site(world, &world->supplies[s], percent);
		world->borrowed[s] = &world->supplies[s];
		for (size_t g = 0; g < world->supplies[s].group_count; g++)
			world->chips_free_milli += world->supplies[s].groups[g].chip_milli_free_total;
	}
	allowed = make_allowed(world, 8);
	world->asks = ARENA_ARRAY(&world->arena, struct ask, classes);
	world->demands = ARENA_ARRAY(&world->arena, struct bound_demand, classes);
	for (size_t c = 0; c < classes; c++) {
		int64_t value, count;

		make_ask(world, &world->asks[c]);
		value = bound_value_of(&world->asks[c]);
		count = world->chips_free_milli / (int64_t)classes * ASKED_PERCENT / 100 / value;
		world->demands[c] = (struct bound_demand){ &world->asks[c], count > 0 ? count : 1, allowed[below(world, 2) ? 0 : below(world, 8)],
							   value };
	}
}

static void world_done(struct world *world)
{
	for (size_t s = 0; s < world->site_count; s++)
		supply_done(&world->supplies[s]);
	arena_done(&world->arena);
}

/* --- first fit: sites, groups and nodes in their order, from a site of each class's own on --- */

static bool usable(const struct ask *ask, const char *model)
{
	const struct chip_ask *chips = &ask->shape.chips;

	for (size_t i = 0; i < chips->model_count; i++)
		if (strcmp(chips->models[i], model) == 0)
			return true;
	return chips->model_count == 0;
}

static bool find_chips(const struct supply_group *group, const struct ask *ask, struct slot *slot)
{
	uint32_t want = (uint32_t)((ask->shape.chips.milli + CHIP_MILLI - 1) / CHIP_MILLI);

	slot->chips = 0;
	slot->chip_milli = (uint16_t)(ask->shape.chips.milli < CHIP_MILLI ? ask->shape.chips.milli : CHIP_MILLI);
	if (want == 0)
		return true;
	if (group->chips_per_node == 0 || !usable(ask, group->chip_names[0])) /* the groups here have one model each */
		return false;
	for (uint32_t c = 0; c < group->chips_per_node && want > 0; c++)
		if (group->chip_free[(size_t)slot->node * group->chips_per_node + c] >= slot->chip_milli) {
			slot->chips |= (uint64_t)1 << c;
			want--;
		}
	return want == 0;
}

/* Places one job at the site; false, and nothing taken, when it does not fit. */
static bool place(struct supply *supply, const struct ask *ask, struct slot *slots)
{
	int64_t placed = 0;
	struct slot slot = { 0 };

	for (; slot.group < supply->group_count && placed < ask->workers; slot.group++)
		for (slot.node = 0; slot.node < supply->groups[slot.group].node_count && placed < ask->workers;) {
			if (find_chips(&supply->groups[slot.group], ask, &slot) && supply_fits(supply, &slot, &ask->shape)) {
				supply_take(supply, &slot, &ask->shape);
				slots[placed++] = slot;
			} else {
				slot.node++;
			}
		}
	if (placed == ask->workers)
		return true;
	while (placed > 0)
		supply_give(supply, &slots[--placed], &ask->shape);
	return false;
}

static int64_t first_fit(struct world *world)
{
	struct slot slots[64];
	int64_t value = 0;

	for (size_t c = 0; c < world->class_count; c++) {
		const struct bound_demand *demand = &world->demands[c];
		int64_t left = demand->count;

		for (size_t i = 0; i < world->site_count && left > 0; i++) {
			size_t s = (c * world->site_count / world->class_count + i) % world->site_count;

			if (!(demand->allowed[s / 64] >> (s % 64) & 1))
				continue;
			while (left > 0 && place(&world->supplies[s], demand->ask, slots)) {
				value += demand->value;
				left--;
			}
		}
	}
	return value;
}

/* --- figures --- */

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void measure(const struct settings *settings, size_t sites, size_t classes, unsigned percent)
{
	struct world world;
	struct bound_input input;
	struct bound bound;
	cleanup_arena struct arena arena = { 0 };
	double begin_ms, ms, gap;
	int64_t placed;

	world_init(&world, sites, classes, percent);
	input = (struct bound_input){ .supplies = world.borrowed, .site_count = sites, .demands = world.demands, .demand_count = classes,
				      .context = { &world.catalogue, NULL } };
	begin_ms = now_ms();
	bound_compute(&input, &arena, &bound);
	ms = now_ms() - begin_ms;
	placed = first_fit(&world);
	gap = placed > 0 ? (double)(bound.value - placed) * 100 / (double)placed : 0;
	if (settings->json)
		printf("{\"sites\":%zu,\"nodes\":%zu,\"classes\":%zu,\"used_percent\":%u,\"placed\":%lld,\"bound\":%lld,\"gap_percent\":%.2f,"
		       "\"ms\":%.1f,\"steps\":%u,\"site_kinds\":%u,\"node_kinds\":%u,\"mib\":%zu}\n",
		       sites, world.nodes, classes, percent, (long long)placed, (long long)bound.value, gap, ms, bound.steps, bound.site_kinds,
		       bound.node_kinds, arena.used >> 20);
	else
		printf("%6zu sites %8zu nodes %5zu classes, %2u %% used: placed %13lld, bound %13lld, gap %6.2f %%, %7.1f ms  (%u steps, %u kinds of "
		       "sites, %u of nodes, %zu MiB)\n",
		       sites, world.nodes, classes, percent, (long long)placed, (long long)bound.value, gap, ms, bound.steps, bound.site_kinds,
		       bound.node_kinds, arena.used >> 20);
	fflush(stdout);
	world_done(&world);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "sites", required_argument, NULL, 'S' },
		{ "classes", required_argument, NULL, 'C' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static const long all_sites[] = { 10, 1000, 20000 }, all_classes[] = { 10, 100, 1000 };
	struct settings settings = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j')
			settings.json = true;
		else if (option == 'S')
			settings.sites = atol(optarg);
		else if (option == 'C')
			settings.classes = atol(optarg);
		else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	for (size_t s = 0; s < (settings.sites > 0 ? 1 : ARRAY_COUNT(all_sites)); s++)
		for (size_t c = 0; c < (settings.classes > 0 ? 1 : ARRAY_COUNT(all_classes)); c++)
			for (unsigned percent = 0; percent <= 50; percent += 50)
				measure(&settings, (size_t)(settings.sites > 0 ? settings.sites : all_sites[s]),
					(size_t)(settings.classes > 0 ? settings.classes : all_classes[c]), percent);
	return 0;
}
