#include "exact_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#define NODE_LIMIT "200000" /* of the solver's tree: small instances end far below it */

/* What cannot fail here unless the machine does. */
#define REQUIRE(condition)                                                                                                                 \
	do {                                                                                                                               \
		if (!(condition))                                                                                                          \
			abort();                                                                                                           \
	} while (0)

static const char *const model_names[] = { "alpha", "beta" };

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

void instance_init(struct instance *instance, uint64_t seed, const struct sizes *sizes)
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

void instance_done(struct instance *instance)
{
	for (size_t s = 0; s < instance->site_count; s++)
		supply_done(&instance->supplies[s]);
	arena_done(&instance->arena);
}

bool instance_listed(const struct chip_ask *chips, const char *model)
{
	bool found = chips->model_count == 0;

	for (size_t i = 0; i < chips->model_count; i++)
		found = found || strcmp(chips->models[i], model) == 0;
	return found;
}

int64_t instance_workers(const struct ask *ask)
{
	return ask->kind == DEMAND_JOB ? ask->workers : 1;
}

bool instance_keeps_to_a_node(const struct ask *ask)
{
	return ask->where.together == TOGETHER_NODE && instance_workers(ask) > 1;
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

/* Whether a demand may have workers in nodes of the group on chips of model m (9: without chips). */
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
	return there && instance_listed(chips, model_names[m]);
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
			fprintf(program->file, "c%zu: - %lld x_%zu_%zu", program->rows++, (long long)instance_workers(&instance->asks[d]), d, s);
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
		if (!instance_keeps_to_a_node(&instance->asks[d]))
			continue;
		fprintf(program->file, "c%zu: - %lld j_%zu_%zu_%zu_%u", program->rows++, (long long)instance_workers(&instance->asks[d]), d, s, g, n);
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
					if (instance_keeps_to_a_node(&instance->asks[d]))
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

	REQUIRE(program.file);
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
	REQUIRE(fclose(program.file) == 0);
}

/* Runs the solver and waits; false when there is none. */
static bool run_solver(const char *program, const char *solution)
{
	int status;
	pid_t child = fork();

	REQUIRE(child >= 0);
	if (child == 0) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(126);
		execlp("cbc", "cbc", program, "-ratioGap", "0", "-allowableGap", "0", "-maxNodes", NODE_LIMIT, "-threads", "0", "-solve",
		       "-solution", solution, (char *)NULL);
		_exit(127);
	}
	REQUIRE(waitpid(child, &status, 0) == child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return false;
	REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return true;
}

/* The value of the plan that the solver found: its jobs are counted here, so that no decimals are trusted. */
static int64_t read_solution(const struct instance *instance, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256];
	int64_t value = 0;

	REQUIRE(file && fgets(line, sizeof(line), file));
	if (strncmp(line, "Optimal", 7) != 0) {
		fclose(file);
		return -2;
	}
	while (fgets(line, sizeof(line), file)) {
		unsigned d, s;
		double jobs;

		if (sscanf(line, " %*d x_%u_%u %lf", &d, &s, &jobs) == 3)
			value += instance->demands[d].value * (int64_t)(jobs + 0.5);
	}
	fclose(file);
	return value;
}

void solver_init(struct solver *solver)
{
	snprintf(solver->folder, sizeof(solver->folder), "%s", "/tmp/weir-bound-XXXXXX");
	REQUIRE(mkdtemp(solver->folder));
	snprintf(solver->program, sizeof(solver->program), "%s/program.lp", solver->folder);
	snprintf(solver->solution, sizeof(solver->solution), "%s/solution", solver->folder);
}

void solver_done(struct solver *solver)
{
	unlink(solver->program);
	unlink(solver->solution);
	rmdir(solver->folder);
}

int64_t solver_solve(struct solver *solver, const struct instance *instance)
{
	write_program(instance, solver->program);
	unlink(solver->solution);
	return run_solver(solver->program, solver->solution) ? read_solution(instance, solver->solution) : -1;
}
