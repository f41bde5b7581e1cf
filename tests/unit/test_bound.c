/* The bound is never below what the best plan places: against an exact solver (CBC, the command `cbc`), against trying
 * everything on tiny instances, against what the matcher places; and it meets the optimum where the relaxation is exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../random_input.h"
#include "base/mem.h"
#include "match/bound.h"

#define SITES_MAX 4
#define CLASSES_MAX 5
#define SOLVED_INSTANCES 400
#define TINY_INSTANCES 1500
#define NODE_LIMIT "200000" /* of the solver's tree: small instances end far below it */

static const char *const model_names[] = { "alpha", "beta" };

struct instance {
	struct arena arena;
	struct rng rng;
	struct catalogue catalogue;
	struct supply supplies[SITES_MAX];
	const struct supply *borrowed[SITES_MAX];
	size_t site_count;
	struct ask asks[CLASSES_MAX];
	uint64_t allowed[CLASSES_MAX];
	struct bound_demand demands[CLASSES_MAX];
	struct bound_input input;
};

struct sizes {
	unsigned sites_max, groups_max, nodes_max, chips_max, classes_max, count_max, workers_max;
};

static unsigned below(struct instance *instance, unsigned bound)
{
	return (unsigned)rng_below(&instance->rng, bound);
}

static void use_some(struct instance *instance, struct supply *supply)
{
	for (unsigned i = below(instance, 8); i > 0; i--) {
		struct slot slot = { .group = below(instance, (unsigned)supply->group_count) };
		const struct supply_group *group = &supply->groups[slot.group];
		struct shape shape = { .cpu_milli = 500 * (int64_t)below(instance, 6), .memory_mib = 512 * (int64_t)below(instance, 6) };

		slot.node = below(instance, group->node_count);
		if (group->chips_per_node > 0 && below(instance, 3)) {
			slot.chips = (uint64_t)1 << below(instance, group->chips_per_node);
			slot.chip_milli = below(instance, 2) ? 300 : CHIP_MILLI;
			shape.chips.milli = slot.chip_milli;
		}
		if (supply_fits(supply, &slot, &shape))
			supply_take(supply, &slot, &shape);
	}
}

static void make_site(struct instance *instance, const struct sizes *sizes, struct supply *supply)
{
	struct node_group groups[4];
	struct chip_count chips[4][2];
	struct countable ports[4];
	unsigned count = 1 + below(instance, sizes->groups_max);

	for (unsigned g = 0; g < count; g++) {
		unsigned models = below(instance, 4);

		models = models == 3 ? 1 : models;
		for (unsigned m = 0; m < models; m++)
			chips[g][m] = (struct chip_count){ model_names[below(instance, 2)], 1 + below(instance, sizes->chips_max) };
		groups[g] = (struct node_group){ .name = "g", .count = 1 + below(instance, sizes->nodes_max),
						 .cpu_milli = 1000 * (int64_t)(2 + below(instance, 8)),
						 .memory_mib = 1024 * (int64_t)(2 + below(instance, 8)), .chips = chips[g], .chip_count = models };
		if (below(instance, 3) == 0)
			continue;
		ports[g] = (struct countable){ "port", 1 + below(instance, 4) };
		groups[g].resources = &ports[g];
		groups[g].resource_count = 1;
	}
	supply_init(supply, groups, count);
	if (below(instance, 2))
		use_some(instance, supply);
}

static void make_ask(struct instance *instance, const struct sizes *sizes, struct ask *ask)
{
	static const int64_t milli[] = { 0, 0, 250, 300, 500, 640, 810, 1000, 1000, 2000, 3000, 4000 };

	*ask = (struct ask){ .kind = below(instance, 5) ? DEMAND_JOB : DEMAND_SERVICE, .workers = 1 };
	if (below(instance, 2))
		ask->workers = 1 + below(instance, sizes->workers_max);
	ask->shape.cpu_milli = 500 * (int64_t)below(instance, 8);
	ask->shape.memory_mib = 512 * (int64_t)below(instance, 8);
	ask->shape.chips.milli = milli[below(instance, ARRAY_COUNT(milli))];
	if (ask->shape.chips.milli && below(instance, 2)) {
		ask->shape.chips.models = ARENA_ARRAY(&instance->arena, const char *, 1);
		ask->shape.chips.models[0] = model_names[below(instance, 2)];
		ask->shape.chips.model_count = 1;
	}
	if (ask->shape.chips.milli == 0 && ask->shape.cpu_milli == 0)
		ask->shape.cpu_milli = 1000;
	if (below(instance, 5) == 0) {
		ask->shape.resources = ARENA_NEW(&instance->arena, struct countable);
		ask->shape.resources[0] = (struct countable){ "port", 1 + below(instance, 2) };
		ask->shape.resource_count = 1;
	}
	if (below(instance, 5) == 0)
		ask->where.together = TOGETHER_NODE;
}

static void instance_init(struct instance *instance, uint64_t seed, const struct sizes *sizes)
{
	*instance = (struct instance){ 0 };
	arena_init(&instance->arena);
	rng_init(&instance->rng, seed);
	instance->site_count = 1 + below(instance, sizes->sites_max);
	for (size_t s = 0; s < instance->site_count; s++) {
		make_site(instance, sizes, &instance->supplies[s]);
		instance->borrowed[s] = &instance->supplies[s];
	}
	instance->input = (struct bound_input){ .supplies = instance->borrowed, .site_count = instance->site_count,
						.demands = instance->demands, .demand_count = 1 + below(instance, sizes->classes_max),
						.context = { &instance->catalogue, NULL } };
	for (size_t d = 0; d < instance->input.demand_count; d++) {
		make_ask(instance, sizes, &instance->asks[d]);
		instance->allowed[d] = below(instance, 3) ? UINT64_MAX : rng_next(&instance->rng);
		instance->demands[d] = (struct bound_demand){ &instance->asks[d], 1 + below(instance, sizes->count_max), &instance->allowed[d],
							      bound_value_of(&instance->asks[d]) };
		if (seed % 2)
			instance->demands[d].value = 1 + below(instance, 5000);
	}
}

static void instance_done(struct instance *instance)
{
	for (size_t s = 0; s < instance->site_count; s++)
		supply_done(&instance->supplies[s]);
	arena_done(&instance->arena);
}

static int64_t bound_of(const struct bound_input *input)
{
	cleanup_arena struct arena arena = { 0 };
	struct bound bound, again;

	bound_compute(input, &arena, &bound);
	bound_compute(input, &arena, &again);
	assert_int_equal(bound.value, again.value);
	return bound.value;
}

static bool listed(const struct chip_ask *chips, const char *model)
{
	bool found = chips->model_count == 0;

	for (size_t i = 0; i < chips->model_count; i++)
		found = found || strcmp(chips->models[i], model) == 0;
	return found;
}

static int64_t workers_of(const struct ask *ask)
{
	return ask->kind == DEMAND_JOB ? ask->workers : 1;
}

static bool keeps_to_a_node(const struct ask *ask)
{
	return ask->where.together == TOGETHER_NODE && workers_of(ask) > 1;
}

/* --- the exact program ---
 * x_d_s: jobs of demand d at site s. w_d_s_g_n_m: its workers in a node on chips of model m (9: without chips). h_..._c: its
 * shares on one chip. u_s_g_n_c: 1 when the chip is taken whole. j_d_s_g_n: jobs of a demand that keep to the node. */

struct program {
	FILE *file;
	const struct instance *instance;
	size_t rows;
};

static unsigned model_number(const char *model)
{
	return strcmp(model, model_names[0]) == 0 ? 0 : 1;
}

/* Calls that visit each worker variable: what they share is the walk. */
static bool worker_possible(const struct instance *instance, size_t d, size_t s, const struct supply_group *group, unsigned m)
{
	const struct chip_ask *chips = &instance->asks[d].shape.chips;
	bool there = false;

	if (!(instance->allowed[d] >> s & 1))
		return false;
	if (m == 9 || chips->milli == 0)
		return m == 9 && chips->milli == 0;
	for (uint32_t c = 0; c < group->chips_per_node; c++)
		there = there || model_number(group->chip_names[c]) == m;
	return there && listed(chips, model_names[m]);
}

static const unsigned model_choices[] = { 0, 1, 9 };

static void write_job_rows(struct program *program)
{
	const struct instance *instance = program->instance;

	for (size_t d = 0; d < instance->input.demand_count; d++) {
		fprintf(program->file, "c%zu:", program->rows++);
		for (size_t s = 0; s < instance->site_count; s++)
			fprintf(program->file, " + x_%zu_%zu", d, s);
		fprintf(program->file, " <= %lld\n", (long long)instance->demands[d].count);
		for (size_t s = 0; s < instance->site_count; s++) {
			fprintf(program->file, "c%zu: - %lld x_%zu_%zu", program->rows++, (long long)workers_of(&instance->asks[d]), d, s);
			for (size_t g = 0; g < instance->supplies[s].group_count; g++)
				for (uint32_t n = 0; n < instance->supplies[s].groups[g].node_count; n++)
					for (size_t m = 0; m < 3; m++)
						if (worker_possible(instance, d, s, &instance->supplies[s].groups[g], model_choices[m]))
							fprintf(program->file, " + w_%zu_%zu_%zu_%u_%u", d, s, g, n, model_choices[m]);
			fprintf(program->file, " = 0\n");
		}
	}
}

/* Workers of jobs that keep to one node come in whole jobs there. */
static void write_together_rows(struct program *program, size_t s, size_t g, uint32_t n)
{
	const struct instance *instance = program->instance;

	for (size_t d = 0; d < instance->input.demand_count; d++) {
		if (!keeps_to_a_node(&instance->asks[d]))
			continue;
		fprintf(program->file, "c%zu: - %lld j_%zu_%zu_%zu_%u", program->rows++, (long long)workers_of(&instance->asks[d]), d, s, g, n);
		for (size_t m = 0; m < 3; m++)
			if (worker_possible(instance, d, s, &instance->supplies[s].groups[g], model_choices[m]))
				fprintf(program->file, " + w_%zu_%zu_%zu_%u_%u", d, s, g, n, model_choices[m]);
		fprintf(program->file, " = 0\n");
	}
}

enum node_row { NODE_CPU, NODE_MEMORY, NODE_PORTS };

static int64_t ports_free(const struct supply_group *group, uint32_t n)
{
	return group->resource_count ? group->resource_free[n] : 0;
}

static void write_node_row(struct program *program, size_t s, size_t g, uint32_t n, enum node_row row)
{
	const struct instance *instance = program->instance;
	const struct supply_group *group = &instance->supplies[s].groups[g];
	bool any = false;

	for (size_t d = 0; d < instance->input.demand_count; d++) {
		const struct shape *shape = &instance->asks[d].shape;
		int64_t ports = shape->resource_count ? shape->resources[0].count : 0;
		int64_t amount = row == NODE_CPU ? shape->cpu_milli : row == NODE_MEMORY ? shape->memory_mib : ports;

		for (size_t m = 0; m < 3 && amount > 0; m++) {
			if (!worker_possible(instance, d, s, group, model_choices[m]))
				continue;
			if (!any)
				fprintf(program->file, "c%zu:", program->rows++);
			any = true;
			fprintf(program->file, " + %lld w_%zu_%zu_%zu_%u_%u", (long long)amount, d, s, g, n, model_choices[m]);
		}
	}
	if (any)
		fprintf(program->file, " <= %lld\n",
			(long long)(row == NODE_CPU ? group->cpu_free[n] : row == NODE_MEMORY ? group->memory_free[n] : ports_free(group, n)));
}

/* Chips of one model in one node: shares lie on chips, and whole chips are taken whole. */
static void write_chip_rows(struct program *program, size_t s, size_t g, uint32_t n, unsigned m)
{
	const struct instance *instance = program->instance;
	const struct supply_group *group = &instance->supplies[s].groups[g];

	for (size_t d = 0; d < instance->input.demand_count; d++) {
		int64_t milli = instance->asks[d].shape.chips.milli;

		if (milli == 0 || milli >= CHIP_MILLI || !worker_possible(instance, d, s, group, m))
			continue;
		fprintf(program->file, "c%zu: - w_%zu_%zu_%zu_%u_%u", program->rows++, d, s, g, n, m);
		for (uint32_t c = 0; c < group->chips_per_node; c++)
			if (model_number(group->chip_names[c]) == m)
				fprintf(program->file, " + h_%zu_%zu_%zu_%u_%u", d, s, g, n, c);
		fprintf(program->file, " = 0\n");
	}
	for (uint32_t c = 0; c < group->chips_per_node; c++) {
		uint16_t milli_free = group->chip_free[(size_t)n * group->chips_per_node + c];

		if (model_number(group->chip_names[c]) != m)
			continue;
		fprintf(program->file, "c%zu: 1000 u_%zu_%zu_%u_%u", program->rows++, s, g, n, c);
		for (size_t d = 0; d < instance->input.demand_count; d++) {
			int64_t milli = instance->asks[d].shape.chips.milli;

			if (milli > 0 && milli < CHIP_MILLI && worker_possible(instance, d, s, group, m))
				fprintf(program->file, " + %lld h_%zu_%zu_%zu_%u_%u", (long long)milli, d, s, g, n, c);
		}
		fprintf(program->file, " <= %u\n", milli_free);
	}
	fprintf(program->file, "c%zu: 0 x_0_0", program->rows++);
	for (uint32_t c = 0; c < group->chips_per_node; c++)
		if (model_number(group->chip_names[c]) == m)
			fprintf(program->file, " - u_%zu_%zu_%u_%u", s, g, n, c);
	for (size_t d = 0; d < instance->input.demand_count; d++) {
		int64_t milli = instance->asks[d].shape.chips.milli;

		if (milli >= CHIP_MILLI && worker_possible(instance, d, s, group, m))
			fprintf(program->file, " + %lld w_%zu_%zu_%zu_%u_%u", (long long)(milli / CHIP_MILLI), d, s, g, n, m);
	}
	fprintf(program->file, " <= 0\n");
}

static void write_integers(struct program *program)
{
	const struct instance *instance = program->instance;

	fprintf(program->file, "General\n");
	for (size_t d = 0; d < instance->input.demand_count; d++)
		for (size_t s = 0; s < instance->site_count; s++)
			fprintf(program->file, "x_%zu_%zu\n", d, s);
	for (size_t s = 0; s < instance->site_count; s++)
		for (size_t g = 0; g < instance->supplies[s].group_count; g++) {
			const struct supply_group *group = &instance->supplies[s].groups[g];

			for (uint32_t n = 0; n < group->node_count; n++) {
				for (uint32_t c = 0; c < group->chips_per_node; c++)
					fprintf(program->file, "u_%zu_%zu_%u_%u\n", s, g, n, c);
				for (size_t d = 0; d < instance->input.demand_count; d++)
					if (keeps_to_a_node(&instance->asks[d]))
						fprintf(program->file, "j_%zu_%zu_%zu_%u\n", d, s, g, n);
				for (size_t d = 0; d < instance->input.demand_count; d++)
					for (size_t m = 0; m < 3; m++) {
						int64_t milli = instance->asks[d].shape.chips.milli;

						if (!worker_possible(instance, d, s, group, model_choices[m]))
							continue;
						fprintf(program->file, "w_%zu_%zu_%zu_%u_%u\n", d, s, g, n, model_choices[m]);
						for (uint32_t c = 0; c < group->chips_per_node && milli > 0 && milli < CHIP_MILLI; c++)
							if (model_number(group->chip_names[c]) == model_choices[m])
								fprintf(program->file, "h_%zu_%zu_%zu_%u_%u\n", d, s, g, n, c);
					}
			}
		}
	fprintf(program->file, "End\n");
}

static void write_program(const struct instance *instance, const char *path)
{
	struct program program = { .file = fopen(path, "w"), .instance = instance };

	assert_non_null(program.file);
	fprintf(program.file, "Minimize\nobj:");
	for (size_t d = 0; d < instance->input.demand_count; d++)
		for (size_t s = 0; s < instance->site_count; s++)
			fprintf(program.file, " - %lld x_%zu_%zu\n", (long long)instance->demands[d].value, d, s);
	fprintf(program.file, "Subject To\n");
	write_job_rows(&program);
	for (size_t s = 0; s < instance->site_count; s++)
		for (size_t g = 0; g < instance->supplies[s].group_count; g++) {
			const struct supply_group *group = &instance->supplies[s].groups[g];

			for (uint32_t n = 0; n < group->node_count; n++) {
				bool has[2] = { false, false };

				for (int row = NODE_CPU; row <= NODE_PORTS; row++)
					write_node_row(&program, s, g, n, (enum node_row)row);
				write_together_rows(&program, s, g, n);
				for (uint32_t c = 0; c < group->chips_per_node; c++)
					has[model_number(group->chip_names[c])] = true;
				for (unsigned m = 0; m < 2; m++)
					if (has[m])
						write_chip_rows(&program, s, g, n, m);
			}
		}
	write_integers(&program);
	assert_int_equal(fclose(program.file), 0);
}

/* Runs the solver and waits; false when there is none. */
static bool run_solver(const char *program, const char *solution)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(126);
		execlp("cbc", "cbc", program, "-ratioGap", "0", "-allowableGap", "0", "-maxNodes", NODE_LIMIT, "-threads", "0", "-solve",
		       "-solution", solution, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return false;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return true;
}

/* The value of the plan that the solver found: its jobs are counted here, so that no decimals are trusted. */
static int64_t read_solution(const struct instance *instance, const char *path, uint64_t seed)
{
	FILE *file = fopen(path, "r");
	char line[256];
	int64_t value = 0;

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	if (strncmp(line, "Optimal", 7) != 0)
		fail_msg("seed %llu: the solver did not end: %s", (unsigned long long)seed, line);
	while (fgets(line, sizeof(line), file)) {
		unsigned d, s;
		double jobs;

		if (sscanf(line, " %*d x_%u_%u %lf", &d, &s, &jobs) == 3)
			value += instance->demands[d].value * (int64_t)(jobs + 0.5);
	}
	fclose(file);
	return value;
}

struct solver {
	char folder[64], program[96], solution[96];
};

static void solver_init(struct solver *solver)
{
	snprintf(solver->folder, sizeof(solver->folder), "%s", "/tmp/weir-bound-XXXXXX");
	assert_non_null(mkdtemp(solver->folder));
	snprintf(solver->program, sizeof(solver->program), "%s/program.lp", solver->folder);
	snprintf(solver->solution, sizeof(solver->solution), "%s/solution", solver->folder);
}

static void solver_done(struct solver *solver)
{
	unlink(solver->program);
	unlink(solver->solution);
	rmdir(solver->folder);
}

/* -1: there is no solver. */
static int64_t solve(struct solver *solver, const struct instance *instance, uint64_t seed)
{
	write_program(instance, solver->program);
	unlink(solver->solution);
	return run_solver(solver->program, solver->solution) ? read_solution(instance, solver->solution, seed) : -1;
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
		optimum = solve(&solver, &instance, seed);
		instance_done(&instance);
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
	if (worker == workers_of(ask)) {
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

				if ((uint32_t)__builtin_popcountll(set) != chips || (model && !listed(&ask->shape.chips, model)))
					continue;
				for (uint64_t rest = set; rest; rest &= rest - 1)
					alike = alike && !strcmp(supply->groups[g].chip_names[__builtin_ctzll(rest)], model);
				slot.chip_milli = (uint16_t)(ask->shape.chips.milli < CHIP_MILLI ? ask->shape.chips.milli : CHIP_MILLI);
				if (!alike || !supply_fits(supply, &slot, &ask->shape))
					continue;
				supply_take(supply, &slot, &ask->shape);
				if (worker == 0 || !keeps_to_a_node(ask) || (g == from_group && n == from_node))
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
		optimum = solve(&solver, &instance, seed);
		tried = try_everything(&instance);
		instance_done(&instance);
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
