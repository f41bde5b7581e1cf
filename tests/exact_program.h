/* Small random instances of the bound's problem, and their exact optimum by CBC, the command `cbc`.
 *
 * Everything an instance holds is in its arena apart from supplies, which instance_done() frees. The exact program shares no
 * code with the bound. */
#ifndef TESTS_EXACT_PROGRAM_H
#define TESTS_EXACT_PROGRAM_H

#include "base/rng.h"
#include "match/bound.h"

#define SITES_MAX 4
#define CLASSES_MAX 5

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

void instance_init(struct instance *instance, uint64_t seed, const struct sizes *sizes);
void instance_done(struct instance *instance);

/* Whether the ask may use the model; workers that are placed together; whether they go to one node. */
bool instance_listed(const struct chip_ask *chips, const char *model);
int64_t instance_workers(const struct ask *ask);
bool instance_keeps_to_a_node(const struct ask *ask);

/* Where the solver's files lie. */
struct solver {
	char folder[64], program[96], solution[96];
};
void solver_init(struct solver *solver);
void solver_done(struct solver *solver);
/* The most that any plan places, in value; -1: there is no solver; -2: it did not end. */
int64_t solver_solve(struct solver *solver, const struct instance *instance);

#endif
