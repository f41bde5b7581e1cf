/* Small random networks and queues for property tests: everything from one seed, all in one arena
 * apart from supplies and topology, which random_input_done() frees. */
#ifndef TESTS_RANDOM_INPUT_H
#define TESTS_RANDOM_INPUT_H

#include "base/rng.h"
#include "match/once.h"

struct random_input {
	struct arena arena;
	struct rng rng;
	struct catalogue catalogue;
	struct network_spec network;
	struct topology *topology;
	struct supply *supplies;
	struct once_input match;
};

struct random_limits {
	unsigned sites_max;   /* at least 1 */
	unsigned nodes_max;   /* of a group */
	unsigned classes_max;
	unsigned entries_max; /* of a class */
	bool all_up;          /* every site up and none draining */
	bool used;            /* part of the supply is taken already */
	bool wide;            /* further resources, closeness, prices, callers, tenants, times, deadlines, energy, data to move too */
};

void random_input_init(struct random_input *input, uint64_t seed, const struct random_limits *limits);
void random_input_done(struct random_input *input);
/* One more ask for the same network. */
struct ask *random_ask(struct random_input *input, bool wide);

#endif
