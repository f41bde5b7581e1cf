/* The bound is never below what the best plan places: against an exact solver (CBC, the command `cbc`), against trying
 * everything on tiny instances, against what the matcher places; and it meets the optimum where the relaxation is exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "../exact_program.h"
#include "../random_input.h"
#include "base/mem.h"
#include "match/bound.h"

#define SOLVED_INSTANCES 400
#define TINY_INSTANCES 1500

static int64_t bound_of(const struct bound_input *input)
{
	cleanup_arena struct arena arena = { 0 };
	struct bound bound, again;

	bound_compute(input, &arena, &bound);
	bound_compute(input, &arena, &again);
	assert_int_equal(bound.value, again.value);
	return bound.value;
}

static void never_below_the_exact_optimum(void **state)
{
	const struct sizes sizes = { 4, 2, 2, 3, CLASSES_MAX, 5, 4 };
	int64_t bounds = 0, optima = 0;
	unsigned solved = 0, met = 0;
	struct solver solver;

	(void)state;
	solver_init(&solver);
	for (uint64_t seed = 0; seed < SOLVED_INSTANCES; seed++) {
		struct instance instance;
		int64_t bound, pooled, optimum;

		instance_init(&instance, seed, &sizes);
		bound = bound_of(&instance.input);
		instance.input.kinds_max = 1 + (uint32_t)(seed % 5);
		pooled = bound_of(&instance.input);
		optimum = solver_solve(&solver, &instance);
		instance_done(&instance);
		if (optimum < -1)
			fail_msg("seed %llu: the solver did not end", (unsigned long long)seed);
		if (optimum < 0) {
			solver_done(&solver);
			print_message("# no solver: install coinor-cbc to run this\n");
			skip();
		}
		if (bound < optimum || pooled < optimum)
			fail_msg("seed %llu: bound %lld or %lld is below the optimum %lld", (unsigned long long)seed, (long long)bound,
				 (long long)pooled, (long long)optimum);
		bounds += bound;
		optima += optimum;
		met += bound == optimum;
		solved++;
	}
	solver_done(&solver);
	print_message("# %u instances solved; the bound met %u optima; over all it is %lld.%02lld %% above them\n", solved, met,
		      (long long)((bounds - optima) * 100 / optima), (long long)((bounds - optima) * 10000 / optima % 100));
	assert_true(solved == SOLVED_INSTANCES);
	assert_true((bounds - optima) * 100 <= optima * 8); /* and it is of use */
}

/* --- trying everything --- */

struct search {
	const struct instance *instance;
	struct supply supplies[SITES_MAX];
	int64_t best, value;
	uint64_t steps;
};

static void search_jobs(struct search *search, size_t d, int64_t done, size_t from_site);

/* Places worker `worker` of a job in all ways, at places that do not come before (group, node). */
static void search_workers(struct search *search, size_t d, int64_t done, size_t s, int64_t worker, size_t from_group, uint32_t from_node)
{
	const struct ask *ask = &search->instance->asks[d];
	struct supply *supply = &search->supplies[s];
	uint32_t chips = (uint32_t)((ask->shape.chips.milli + CHIP_MILLI - 1) / CHIP_MILLI);

	search->steps++;
	if (worker == instance_workers(ask)) {
		search->value += search->instance->demands[d].value;
		search_jobs(search, d, done + 1, s);
		search->value -= search->instance->demands[d].value;
		return;
	}
	for (size_t g = from_group; g < supply->group_count; g++)
		for (uint32_t n = g == from_group ? from_node : 0; n < supply->groups[g].node_count; n++)
			for (uint64_t set = 0; set < (uint64_t)1 << supply->groups[g].chips_per_node; set++) {
				struct slot slot = { .group = (uint32_t)g, .node = n, .chips = set };
				const char *model = set ? supply->groups[g].chip_names[__builtin_ctzll(set)] : NULL;
				bool alike = true;

				if ((uint32_t)__builtin_popcountll(set) != chips || (model && !instance_listed(&ask->shape.chips, model)))
					continue;
				for (uint64_t rest = set; rest; rest &= rest - 1)
					alike = alike && !strcmp(supply->groups[g].chip_names[__builtin_ctzll(rest)], model);
				slot.chip_milli = (uint16_t)(ask->shape.chips.milli < CHIP_MILLI ? ask->shape.chips.milli : CHIP_MILLI);
				if (!alike || !supply_fits(supply, &slot, &ask->shape))
					continue;
				supply_take(supply, &slot, &ask->shape);
				if (worker == 0 || !instance_keeps_to_a_node(ask) || (g == from_group && n == from_node))
					search_workers(search, d, done, s, worker + 1, g, n);
				supply_give(supply, &slot, &ask->shape);
			}
}

static void search_jobs(struct search *search, size_t d, int64_t done, size_t from_site)
{
	const struct instance *instance = search->instance;

	search->best = search->value > search->best ? search->value : search->best;
	if (d == instance->input.demand_count)
		return;
	for (size_t s = from_site; s < instance->site_count && done < instance->demands[d].count; s++)
		if (instance->allowed[d] >> s & 1)
			search_workers(search, d, done, s, 0, 0, 0);
	search_jobs(search, d + 1, 0, 0);
}

static int64_t try_everything(const struct instance *instance)
{
	struct search search = { .instance = instance };

	memcpy(search.supplies, instance->supplies, sizeof(search.supplies)); /* what is free is taken and given back */
	search_jobs(&search, 0, 0, 0);
	return search.best;
}

static const struct sizes tiny = { 2, 1, 2, 2, 3, 2, 2 };

static void never_below_what_trying_everything_finds(void **state)
{
	int64_t bounds = 0, optima = 0;

	(void)state;
	for (uint64_t seed = 0; seed < TINY_INSTANCES; seed++) {
		struct instance instance;
		int64_t bound, optimum;

		instance_init(&instance, seed, &tiny);
		bound = bound_of(&instance.input);
		optimum = try_everything(&instance);
		for (unsigned kinds = 1; kinds <= 4 && bound >= optimum; kinds++) { /* pooled as in a large network */
			instance.input.kinds_max = kinds;
			instance.input.steps = kinds * 10;
			bound = bound_of(&instance.input) < optimum ? -1 : bound;
		}
		if (bound < optimum)
			fail_msg("seed %llu: bound %lld is below the optimum %lld", (unsigned long long)seed, (long long)bound,
				 (long long)optimum);
		bounds += bound;
		optima += optimum;
		instance_done(&instance);
	}
	print_message("# %d tiny instances; over all the bound is %lld.%02lld %% above\n", TINY_INSTANCES,
		      (long long)((bounds - optima) * 100 / optima), (long long)((bounds - optima) * 10000 / optima % 100));
}

/* The exact program is itself right: it finds what trying everything finds. */
static void the_exact_program_is_exact(void **state)
{
	struct solver solver;

	(void)state;
	solver_init(&solver);
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct instance instance;
		int64_t optimum, tried;

		instance_init(&instance, seed, &tiny);
		optimum = solver_solve(&solver, &instance);
		tried = try_everything(&instance);
		instance_done(&instance);
		if (optimum < -1)
			fail_msg("seed %llu: the solver did not end", (unsigned long long)seed);
		if (optimum < 0) {
			solver_done(&solver);
			print_message("# no solver: install coinor-cbc to run this\n");
			skip();
		}
		assert_int_equal(optimum, tried);
	}
	solver_done(&solver);
}

/* --- the matcher --- */

static void never_below_what_the_matcher_places(void **state)
{
	const struct random_limits limits = { .sites_max = 12, .nodes_max = 6, .classes_max = 12, .entries_max = 8, .used = true };
	int64_t bounds = 0, values = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct random_input input;
		struct match_plan plan;
		struct once once;
		const struct supply **supplies;
		struct bound_demand *demands;
		struct bound_input bound_input;
		int64_t bound, value = 0;

		random_input_init(&input, seed, &limits);
		once_open(&once, &input.match, &input.arena);
		match_round(&once.input, &input.arena, &plan);
		supplies = ARENA_ARRAY(&input.arena, const struct supply *, input.match.site_count);
		demands = ARENA_ARRAY(&input.arena, struct bound_demand, input.match.class_count);
		for (size_t s = 0; s < input.match.site_count; s++)
			supplies[s] = input.match.sites[s].supply;
		for (size_t d = 0; d < input.match.class_count; d++) {
			uint64_t *allowed = ARENA_NEW(&input.arena, uint64_t);

			for (size_t s = 0; s < input.match.site_count; s++)
				if (rules_check_site(input.match.classes[d].ask, &input.match.sites[s], &input.match.context).code == VERDICT_FITS)
					*allowed |= (uint64_t)1 << s;
			demands[d] = (struct bound_demand){ input.match.classes[d].ask, (int64_t)input.match.classes[d].entry_count, allowed,
							    bound_value_of(input.match.classes[d].ask) };
		}
		for (size_t p = 0; p < plan.placement_count; p++)
			value += demands[once.class_of[plan.placements[p].stream]].value;
		bound_input = (struct bound_input){ .supplies = supplies, .site_count = input.match.site_count, .demands = demands,
						    .demand_count = input.match.class_count, .context = input.match.context,
						    .placed = seed % 2 ? value : 0 };
		bound = bound_of(&bound_input);
		if (bound < value)
			fail_msg("seed %llu: bound %lld is below what was placed, %lld", (unsigned long long)seed, (long long)bound,
				 (long long)value);
		bounds += bound;
		values += value;
		once_close(&once);
		random_input_done(&input);
	}
	print_message("# 1000 rounds; over all the bound is %lld.%02lld %% above what they placed\n",
		      (long long)((bounds - values) * 100 / values), (long long)((bounds - values) * 10000 / values % 100));
}

/* --- where the relaxation is exact --- */

static int64_t bound_of_one(const struct node_group *group, size_t sites, struct ask *ask, int64_t count)
{
	static const struct catalogue no_catalogue;
	const struct supply *borrowed[64];
	struct supply supply;
	uint64_t allowed = UINT64_MAX;
	struct bound_demand demand = { ask, count, &allowed, bound_value_of(ask) };
	struct bound_input input = { .supplies = borrowed, .site_count = sites, .demands = &demand, .demand_count = 1,
				     .context = { &no_catalogue, NULL } };
	int64_t bound;

	supply_init(&supply, group, 1);
	for (size_t s = 0; s < sites; s++)
		borrowed[s] = &supply;
	bound = bound_of(&input);
	supply_done(&supply);
	return bound;
}

static void one_demand_and_empty_sites_meet_the_optimum(void **state)
{
	struct chip_count chips = { "alpha", 8 };
	struct node_group group = { .name = "g", .count = 5, .cpu_milli = 64000, .memory_mib = 262144, .chips = &chips, .chip_count = 1 };
	struct ask ask = { .kind = DEMAND_JOB, .workers = 1, .shape = { .cpu_milli = 4000, .memory_mib = 8192, .chips.milli = 3000 } };

	(void)state;
	assert_int_equal(bound_of_one(&group, 3, &ask, 7), 7 * 3000);
	assert_int_equal(bound_of_one(&group, 3, &ask, 1000), 3 * 5 * 2 * 3000); /* two of three in eight chips */
	ask.workers = 4; /* ten workers at each site: two jobs of four */
	assert_int_equal(bound_of_one(&group, 3, &ask, 1000), 3 * 2 * 4 * 3000);
	ask.workers = 11; /* more than a site holds, though not more than all */
	assert_int_equal(bound_of_one(&group, 3, &ask, 1000), 0);
	ask.workers = 3;
	ask.where.together = TOGETHER_NODE; /* a node holds two */
	assert_int_equal(bound_of_one(&group, 3, &ask, 1000), 0);
	ask.where.together = TOGETHER_SITE;
	ask.kind = DEMAND_SERVICE; /* replicas are placed one by one */
	assert_int_equal(bound_of_one(&group, 3, &ask, 1000), 3 * 5 * 2 * 3000);
	ask.shape.chips.milli = 300; /* three to a chip */
	ask.shape.cpu_milli = 0;
	assert_int_equal(bound_of_one(&group, 2, &ask, 1000), 2 * 5 * 8 * 3 * 300);
	ask.shape.chips.milli = 0;
	ask.shape.cpu_milli = 48000; /* one to a node, and counted as six chips */
	assert_int_equal(bound_of_one(&group, 2, &ask, 1000), 2 * 5 * 6000);
}

static void shares_above_a_half_do_not_share_a_chip(void **state)
{
	static const struct catalogue no_catalogue;
	struct chip_count chips = { "alpha", 4 };
	struct node_group group = { .name = "g", .count = 1, .cpu_milli = 64000, .memory_mib = 262144, .chips = &chips, .chip_count = 1 };
	struct ask asks[2] = { { .kind = DEMAND_JOB, .workers = 1, .shape.chips.milli = 600 },
			       { .kind = DEMAND_JOB, .workers = 1, .shape.chips.milli = 510 } };
	uint64_t allowed = 1;
	struct bound_demand demands[2] = { { &asks[0], 2, &allowed, 10 }, { &asks[1], 9, &allowed, 10 } };
	struct supply supply;
	const struct supply *borrowed = &supply;
	struct bound_input input = { .supplies = &borrowed, .site_count = 1, .demands = demands, .demand_count = 2,
				     .context = { &no_catalogue, NULL } };

	(void)state;
	supply_init(&supply, &group, 1);
	assert_int_equal(bound_of(&input), 40);
	supply_done(&supply);
}

/* What nobody can use must not be paid for: jobs fit one site, a service may go to the other only. */
static void idle_sites_cost_nothing(void **state)
{
	static const struct catalogue no_catalogue;
	struct chip_count chips = { "alpha", 8 };
	struct node_group groups[2] = {
		{ .name = "g", .count = 4, .cpu_milli = 192000, .memory_mib = 1048576, .chips = &chips, .chip_count = 1 },
		{ .name = "g", .count = 1, .cpu_milli = 192000, .memory_mib = 1048576, .chips = &chips, .chip_count = 1 },
	};
	struct ask asks[3] = {
		{ .kind = DEMAND_JOB, .workers = 3, .shape = { .cpu_milli = 64000, .chips.milli = 8000 } },
		{ .kind = DEMAND_JOB, .workers = 2, .shape = { .cpu_milli = 64000, .chips.milli = 8000 } },
		{ .kind = DEMAND_SERVICE, .workers = 3, .shape = { .cpu_milli = 4000, .chips.milli = 200 } },
	};
	uint64_t first = 1, second = 2;
	struct bound_demand demands[3] = { { &asks[0], 1, &first, 24000 }, { &asks[1], 1, &first, 16000 }, { &asks[2], 3, &second, 200 } };
	struct supply supplies[2];
	const struct supply *borrowed[2] = { &supplies[0], &supplies[1] };
	struct bound_input input = { .supplies = borrowed, .site_count = 2, .demands = demands, .demand_count = 3,
				     .context = { &no_catalogue, NULL } };

	(void)state;
	supply_init(&supplies[0], &groups[0], 1);
	supply_init(&supplies[1], &groups[1], 1);
	assert_int_equal(bound_of(&input), 32600); /* four nodes of eight chips, and the service */
	supply_done(&supplies[0]);
	supply_done(&supplies[1]);
}

static void nothing_gives_nothing(void **state)
{
	struct bound_input input = { .site_count = 0 };
	struct ask ask = { .kind = DEMAND_JOB, .workers = 1, .shape.cpu_milli = 1000 };
	uint64_t allowed = 1;
	struct bound_demand demand = { &ask, 5, &allowed, 7 };
	const struct supply *unknown = NULL;

	(void)state;
	assert_int_equal(bound_of(&input), 0);
	input.demands = &demand;
	input.demand_count = 1;
	assert_int_equal(bound_of(&input), 0);
	input.supplies = &unknown;
	input.site_count = 1;
	assert_int_equal(bound_of(&input), 0);
}

static void values_count_chips(void **state)
{
	struct ask ask = { .kind = DEMAND_JOB, .workers = 3, .shape = { .cpu_milli = 16000, .memory_mib = 1024, .chips.milli = 2000 } };

	(void)state;
	assert_int_equal(bound_value_of(&ask), 6000);
	ask.shape.chips.milli = 300;
	assert_int_equal(bound_value_of(&ask), 900);
	ask.shape.chips.milli = 0;
	assert_int_equal(bound_value_of(&ask), 6000); /* 16 cores count as two chips */
	ask.shape.memory_mib = 4 * 65536;
	assert_int_equal(bound_value_of(&ask), 12000); /* and 64 GiB as one */
	ask.kind = DEMAND_SERVICE;
	assert_int_equal(bound_value_of(&ask), 4000);
	ask.shape.cpu_milli = ask.shape.memory_mib = 0;
	assert_int_equal(bound_value_of(&ask), 1);
	ask.kind = DEMAND_JOB;
	ask.workers = INT64_MAX / 2;
	ask.shape.chips.milli = 64000;
	assert_int_equal(bound_value_of(&ask), INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_demand_and_empty_sites_meet_the_optimum),
		cmocka_unit_test(shares_above_a_half_do_not_share_a_chip),
		cmocka_unit_test(idle_sites_cost_nothing),
		cmocka_unit_test(nothing_gives_nothing),
		cmocka_unit_test(values_count_chips),
		cmocka_unit_test(never_below_what_trying_everything_finds),
		cmocka_unit_test(never_below_what_the_matcher_places),
		cmocka_unit_test(the_exact_program_is_exact),
		cmocka_unit_test(never_below_the_exact_optimum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
