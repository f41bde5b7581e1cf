/* How fast the matcher places, from one small site to a national network: arrivals and departures, one by one, at 90 % load.
 *
 *   build/bench/scale [--sites S] [--nodes N] [--demands D] [--json]
 *
 * Each arrival is a round of its own with one entry, as when demands trickle in; for each there is a departure of
 * something random. What is timed is the round and the booking; the rate counts the departures' time too. With no sizes
 * given it goes through the sizes of bench/RESULTS.md. The demand: 96 distinct asks, shares of chips up to gangs of 16 workers,
 * some bound to models, tiers or regions. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "match/match.h"

#define ASKS 96
#define REGIONS 31
#define MODELS 4
#define LOAD_PERCENT 90
#define DEMANDS_DEFAULT 400000

struct world {
	struct rng rng;
	struct arena arena;
	struct network_spec network;
	struct topology *topology;
	struct catalogue catalogue;
	struct supply *supplies;
	struct site_view *views;
	struct policy_spec policy;
	struct matcher *matcher;
	struct shares *shares;
	uint32_t tenant;
	uint32_t classes[ASKS];
	int64_t chips_milli[ASKS]; /* of one placement */
	unsigned cumulated[ASKS];  /* how often each is asked for */
	int64_t chips_all, chips_used_milli;
	struct match_work **works;
	size_t work_count, work_capacity;
	uint64_t demand;
};

static const char *const model_names[MODELS] = { "ascend-910b", "mlu370-x8", "biren-br106", "h20" };
static const char *region_names[REGIONS];

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int64_t between(struct world *world, int64_t low, int64_t high)
{
	return low + (int64_t)rng_below(&world->rng, (uint64_t)(high - low + 1));
}

/* A twentieth of the sites are hubs with half of the nodes, a quarter regional ones with 30 %, the rest edge rooms. */
static void make_sites(struct world *world, size_t sites, size_t nodes)
{
	size_t hubs = sites / 20 ? sites / 20 : 1, regionals = sites / 4;
	struct network_spec *network = &world->network;
	size_t left = nodes;

	network->name = "scale";
	network->link_rule = (struct link_rule){ 1000, 9800, 1500 };
	network->sites = ARENA_ARRAY(&world->arena, struct site_spec, sites);
	network->site_count = sites;
	for (size_t s = 0; s < sites; s++) {
		struct site_spec *site = &network->sites[s];
		enum tier tier = s < hubs ? TIER_HUB : s < hubs + regionals ? TIER_REGIONAL : TIER_EDGE;
		size_t of_tier = tier == TIER_HUB ? hubs : tier == TIER_REGIONAL ? regionals : sites - hubs - regionals;
		size_t share = nodes * (tier == TIER_HUB ? 50 : tier == TIER_REGIONAL ? 30 : 20) / 100 / of_tier;
		size_t most = left - (sites - s - 1); /* each that follows gets one at least */
		size_t count = s + 1 == sites || share > most ? most : share > 0 ? share : 1;

		*site = (struct site_spec){
			.name = arena_printf(&world->arena, "site-%zu", s), .title = "", .tier = tier, .region = region_names[s % REGIONS],
			.latitude_udeg = between(world, 20000000, 45000000), .longitude_udeg = between(world, 85000000, 125000000),
			.price = { between(world, 40000, 90000), between(world, 4000, 9000), between(world, 3000000, 9000000) },
			.groups = ARENA_ARRAY(&world->arena, struct node_group, 2), .group_count = count > 3 ? 2 : 1,
		};
		for (size_t g = 0; g < site->group_count; g++) {
			struct chip_count *chips = ARENA_NEW(&world->arena, struct chip_count);

			*chips = (struct chip_count){ model_names[(s + g) % MODELS], 8 };
			site->groups[g] = (struct node_group){ .name = g ? "b" : "a", .count = (int64_t)(g ? count / 3 : count - (site->group_count > 1 ? count / 3 : 0)),
							       .cpu_milli = 128000 + 64000 * (int64_t)g, .memory_mib = 1 << 20, .chips = chips, .chip_count = 1 };
		}
		left -= count;
	}
}

static void open_sites(struct world *world)
{
	size_t count = world->network.site_count;

	world->supplies = mem_alloc(count * sizeof(*world->supplies));
	world->views = mem_alloc(count * sizeof(*world->views));
	for (size_t s = 0; s < count; s++) {
		const struct site_spec *spec = &world->network.sites[s];

		supply_init(&world->supplies[s], spec->groups, spec->group_count);
		for (size_t g = 0; g < spec->group_count; g++)
			world->chips_all += spec->groups[g].count * 8;
		world->views[s] = (struct site_view){ .index = (uint32_t)s, .name = spec->name, .tier = spec->tier, .region = spec->region,
						      .engine = ENGINE_LOCAL, .condition = CONDITION_UP, .price = spec->price,
						      .supply = &world->supplies[s] };
	}
}

/* The mix: shares, single chips, whole nodes, gangs; the smaller the more often. */
static void make_asks(struct world *world, size_t sites)
{
	static const struct { int64_t milli, workers; unsigned often; } sizes[] = {
		{ 0, 1, 8 }, { 250, 1, 10 }, { 460, 1, 6 }, { 500, 1, 10 }, { 810, 1, 10 }, { 1000, 1, 24 }, { 2000, 1, 10 }, { 4000, 1, 8 },
		{ 8000, 1, 6 }, { 8000, 2, 3 }, { 8000, 4, 2 }, { 1000, 16, 1 },
	};
	unsigned sum = 0;

	for (size_t a = 0; a < ASKS; a++) {
		size_t size = a % ARRAY_COUNT(sizes);
		int64_t chips = (sizes[size].milli + 999) / 1000;
		enum tier *tier = ARENA_NEW(&world->arena, enum tier);
		struct ask ask = { .kind = DEMAND_JOB, .workers = sizes[size].workers, .priority = 100 };
		const char **names = ARENA_ARRAY(&world->arena, const char *, 1);

		ask.shape.cpu_milli = (chips ? chips : 1) * 1000 * between(world, 2, 12);
		ask.shape.memory_mib = (chips ? chips : 1) * 1024 * between(world, 8, 64);
		ask.shape.chips.milli = sizes[size].milli;
		/* A single site has two models. */
		names[0] = a % 3 ? model_names[a % (sites > 1 ? MODELS : 2)] : region_names[a % REGIONS];
		if (a % 3 && sizes[size].milli) {
			ask.shape.chips.models = names;
			ask.shape.chips.model_count = 1;
		} else if (sites >= 1000 && a % 4 == 0) {
			ask.where.regions = names;
			ask.where.region_count = a % 3 == 0;
		}
		if (sites >= 20 && a % 5 == 0) {
			*tier = a % 2 ? TIER_HUB : TIER_EDGE;
			ask.where.tiers = tier;
			ask.where.tier_count = sizes[size].workers == 1;
		}
		world->classes[a] = matcher_class_add(world->matcher, &ask);
		world->chips_milli[a] = sizes[size].milli * sizes[size].workers;
		world->cumulated[a] = sum += sizes[size].often;
	}
}

static size_t draw_ask(struct world *world)
{
	uint64_t at = rng_below(&world->rng, world->cumulated[ASKS - 1]);
	size_t a = 0;

	while (world->cumulated[a] <= at)
		a++;
	return a;
}

/* One arrival: a round with one entry. False when it found no place. */
static bool arrive(struct world *world, size_t a, struct arena *arena, int64_t now_us)
{
	struct match_entry entry = { .demand = ++world->demand, .order = world->demand };
	struct match_stream stream = { world->classes[a], world->tenant, &entry, 1 };
	struct match_input input = { .matcher = world->matcher, .shares = world->shares, .streams = &stream, .stream_count = 1, .now_us = now_us };
	struct match_plan plan;
	struct match_work *work;
	struct slot *slots;

	arena_reset(arena);
	matcher_learn(world->matcher, stream.class, 1);
	match_round(&input, arena, &plan);
	if (plan.placement_count == 0)
		return false;
	work = mem_alloc(sizeof(*work) + plan.placements[0].slot_count * sizeof(*slots));
	slots = (struct slot *)(work + 1);
	memcpy(slots, plan.placements[0].slots, plan.placements[0].slot_count * sizeof(*slots));
	*work = (struct match_work){ .demand = entry.demand, .class = stream.class, .tenant = world->tenant, .site = plan.placements[0].site,
				     .slots = slots, .slot_count = (uint32_t)plan.placements[0].slot_count, .started_us = now_us,
				     .ends_us = INT64_MAX };
	matcher_begin(world->matcher, work);
	ARRAY_RESERVE(world->works, world->work_capacity, world->work_count + 1);
	world->works[world->work_count++] = work;
	world->chips_used_milli += world->chips_milli[a];
	return true;
}

static void depart(struct world *world)
{
	size_t at = (size_t)rng_below(&world->rng, world->work_count);
	struct match_work *work = world->works[at];

	for (size_t a = 0; a < ASKS; a++)
		if (world->classes[a] == work->class)
			world->chips_used_milli -= world->chips_milli[a];
	world->works[at] = world->works[--world->work_count];
	matcher_end(world->matcher, work);
	free(work);
}

static bool is_loaded(const struct world *world)
{
	return world->chips_used_milli >= world->chips_all * 10 * LOAD_PERCENT;
}

static int compare_times(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static void world_open(struct world *world, size_t sites, size_t nodes)
{
	struct rule_context context;

	*world = (struct world){ 0 };
	rng_init(&world->rng, 1);
	arena_init(&world->arena);
	for (size_t r = 0; r < REGIONS; r++)
		region_names[r] = arena_printf(&world->arena, "region-%zu", r);
	make_sites(world, sites, nodes);
	world->topology = topology_new(&world->network);
	open_sites(world);
	policy_defaults(&world->policy);
	context = (struct rule_context){ &world->catalogue, world->topology };
	world->matcher = matcher_new(&world->policy, &context, 1);
	matcher_set_sites(world->matcher, &context, world->views, sites);
	world->shares = shares_new(NULL);
	world->tenant = shares_tenant(world->shares, "all");
	make_asks(world, sites);
}

static void world_close(struct world *world)
{
	matcher_free(world->matcher);
	shares_free(world->shares);
	topology_free(world->topology);
	for (size_t w = 0; w < world->work_count; w++)
		free(world->works[w]);
	free(world->works);
	for (size_t s = 0; s < world->network.site_count; s++)
		supply_done(&world->supplies[s]);
	free(world->supplies);
	free(world->views);
	arena_done(&world->arena);
}

static double peak_mib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

static void run(size_t sites, size_t nodes, size_t demands, bool json)
{
	struct world world;
	struct arena arena = { 0 };
	uint32_t *times = mem_alloc(demands * sizeof(*times));
	size_t placed = 0, refused = 0, refused_running;
	uint64_t begin, filled;

	arena_init(&arena);
	begin = now_ns();
	world_open(&world, sites, nodes);
	for (size_t misses = 0; !is_loaded(&world) && misses < 1000;)
		if (!arrive(&world, draw_ask(&world), &arena, 1))
			misses++, refused++;
	filled = now_ns();
	refused_running = refused;
	refused = 0;
	for (size_t d = 0; d < demands; d++) {
		size_t a = draw_ask(&world);
		uint64_t from;

		while (is_loaded(&world))
			depart(&world);
		from = now_ns();
		if (arrive(&world, a, &arena, 1))
			times[placed++] = (uint32_t)(now_ns() - from);
		else
			refused++;
	}
	begin = filled - begin;
	filled = now_ns() - filled;
	qsort(times, placed, sizeof(*times), compare_times);
	if (json)
		printf("{\"sites\": %zu, \"nodes\": %zu, \"chips\": %" PRId64 ", \"placements_per_s\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f, "
		       "\"p999_us\": %.2f, \"peak_mib\": %.0f, \"placed\": %zu, \"refused\": %zu, \"running\": %zu, \"fill_s\": %.1f}\n",
		       sites, nodes, world.chips_all, (double)placed * 1e9 / (double)filled, times[placed / 2] / 1e3, times[placed * 99 / 100] / 1e3,
		       times[placed * 999 / 1000] / 1e3, peak_mib(), placed, refused, world.work_count, (double)begin / 1e9);
	else
		printf("%zu sites, %zu nodes, %" PRId64 " chips: %.0f placements/s, p50 %.2f us, p99 %.2f us, p99.9 %.2f us, %.0f MiB; %zu placed, "
		       "%zu found no place (%zu while filling), %zu running, filled in %.1f s\n",
		       sites, nodes, world.chips_all, (double)placed * 1e9 / (double)filled, times[placed / 2] / 1e3, times[placed * 99 / 100] / 1e3,
		       times[placed * 999 / 1000] / 1e3, peak_mib(), placed, refused, refused_running, world.work_count, (double)begin / 1e9);
	fflush(stdout);
	world_close(&world);
	arena_done(&arena);
	free(times);
}

static size_t number(const char *text, const char *option)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end || end == text || value == 0 || value > 100000000) {
		fprintf(stderr, "scale: --%s %s, expected a number from 1 to 100,000,000\n", option, text);
		exit(2);
	}
	return (size_t)value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "sites", required_argument, NULL, 's' }, { "nodes", required_argument, NULL, 'n' },
						 { "demands", required_argument, NULL, 'd' }, { "json", no_argument, NULL, 'j' }, { 0 } };
	static const struct { size_t sites, nodes; } ladder[] = { { 1, 1000 }, { 1, 10000 }, { 1, 100000 }, { 1, 1250000 }, { 20000, 1250000 } };
	size_t sites = 0, nodes = 0, demands = DEMANDS_DEFAULT;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			sites = number(optarg, "sites");
		else if (option == 'n')
			nodes = number(optarg, "nodes");
		else if (option == 'd')
			demands = number(optarg, "demands");
		else if (option == 'j')
			json = true;
		else
			return 2;
	}
	if (sites || nodes) {
		sites = sites ? sites : 1;
		run(sites, nodes > sites ? nodes : sites, demands, json);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_COUNT(ladder); i++)
		run(ladder[i].sites, ladder[i].nodes, demands, json);
	return 0;
}
