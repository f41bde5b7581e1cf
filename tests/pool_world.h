/* A random pool with the test's own books of it: every node and chip, slow and simple, sharing nothing with the pool
 * but the supply that both begin with. */
#ifndef TESTS_POOL_WORLD_H
#define TESTS_POOL_WORLD_H

#include "base/rng.h"
#include "match/pool_private.h"

#define WORLD_GROUPS_MAX 5
#define WORLD_NODES_MAX 40 /* of a group */
#define WORLD_CHIPS_MAX 8
#define WORLD_NEEDS 12

struct book_node {
	int64_t cpu, memory, resources[2]; /* free */
	int64_t chips[WORLD_CHIPS_MAX];
	int models[WORLD_CHIPS_MAX];
	uint32_t chip_count;
};

struct world {
	struct rng rng;
	struct supply supply;
	struct book_node books[WORLD_GROUPS_MAX][WORLD_NODES_MAX];
	struct chooser *chooser;
	struct pool *pool;
	struct ask asks[WORLD_NEEDS];
	struct countable countables[WORLD_NEEDS][2];
	uint32_t needs[WORLD_NEEDS];
};

/* With three models of chips, two of them in the catalogue. `used_most`: of the chooser, 0 as it is. */
struct world *world_new(uint64_t seed, enum node_policy policy, size_t used_most);
void world_free(struct world *world);
unsigned world_below(struct world *world, unsigned bound);
/* Puts the books back to the supply as it was at first. */
void world_reset_books(struct world *world);

/* By the books: workers that the node holds, that the group holds, that all hold; whether so many fit, as close as asked. */
int64_t book_node_holds(const struct book_node *node, const struct ask *ask);
int64_t book_group_holds(const struct world *world, uint32_t group, const struct ask *ask);
int64_t book_all_hold(const struct world *world, const struct ask *ask);
bool book_fits(const struct world *world, const struct ask *ask, int64_t workers);
/* Books the slot (gives it back); fails the test when it is unsound or not free. */
void book_slot(struct world *world, const struct slot *slot, const struct ask *ask, int sign);
/* Fails the test unless the pool says of every node what the books say. */
void book_compare(const struct world *world);

/* The catalogue that worlds use; its first model is domestic and passed, its second is neither. */
extern const struct rule_context world_context;
extern const struct chip_model world_models[2];

#endif
