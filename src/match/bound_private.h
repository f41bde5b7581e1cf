/* The parts of bound.c: what is free, read into kinds (bound_supply.c), and the relaxation made of it (bound_model.c). */
#ifndef WEIR_MATCH_BOUND_PRIVATE_H
#define WEIR_MATCH_BOUND_PRIVATE_H

#include "match/bound.h"

/* --- byte strings, each once, numbered in the order they came --- */
struct numbering {
	struct arena *arena;
	struct numbered {
		void *bytes;
		uint64_t hash;
		uint32_t size;
	} *items;
	uint32_t count, capacity;
	uint32_t *places; /* number + 1; 0 free. A power of two */
	uint32_t place_count;
};

void numbering_init(struct numbering *numbering, struct arena *arena);
/* The number of these bytes; they are copied when they are new. */
uint32_t numbering_put(struct numbering *numbering, const void *bytes, size_t size);

/* --- what is free --- */

/* What nodes are made of: models in the order they come, with their chips, and names of further resources. */
struct bound_layout {
	uint32_t model_count, chip_count, resource_count;
	const uint32_t *models, *chips; /* numbers of models, chips of each */
	const uint32_t *resources;      /* numbers of names */
};

/* A node's state: what it has free, its chips by model, most free first. */
struct bound_state {
	uint32_t layout;
	int32_t cpu, memory;
	const int32_t *resources;
	const uint16_t *chips;
};

/* So many nodes alike of one site kind. */
struct bound_lot {
	int64_t count;
	uint64_t state; /* its number; its atom's after pooling */
};

/* Sites with equal nodes and equal rules, or several such pooled into one. */
struct bound_kind {
	uint32_t rules;  /* number of its rules: which demands are allowed */
	uint32_t count;  /* sites; 1 when they are pooled */
	bool pooled;
	struct bound_lot *lots; /* of one site (of all when pooled) */
	uint32_t lot_count;
	/* No member has more free than this. */
	int64_t nodes_most, cpu_most, memory_most, chips_most, chip_milli_most;
};

struct bound_kinds {
	struct bound_kind *items;
	uint32_t count;
	size_t lot_count; /* of all */
};

struct bound_supply {
	struct arena *arena;
	struct numbering models, resources, layouts_by_bytes, states_by_bytes;
	struct bound_layout *layouts;
	size_t layout_capacity;
	struct bound_state *states; /* states_by_bytes.count */
	size_t state_capacity;
	struct bound_kinds kinds;
	uint32_t rules_count;
	uint64_t **rules_allow; /* per demand: bit set over the numbers of rules */
	bool pooled; /* or rounded up */
};

/* How kinds of sites are put together: not at all; those under equal rules that have about as much free; those under equal
 * rules; all. */
enum bound_pooling { BOUND_POOL_NONE, BOUND_POOL_ALIKE, BOUND_POOL_RULES, BOUND_POOL_ALL };

/* Reads supplies and rules. O(nodes + sites * sets of allowed sites). */
void bound_supply_read(struct bound_supply *supply, const struct bound_input *input, struct arena *arena);
/* The kinds pooled; their lots hold map[state], a number below `map_count`, in place of the state. The rules of all kinds are 0
 * at BOUND_POOL_ALL. O(lots). */
void bound_supply_pool(struct bound_supply *supply, const uint32_t *map, uint32_t map_count, enum bound_pooling level,
		       struct bound_kinds *ret);

/* --- needs, and what holds them --- */

#define BOUND_CHIP_ROWS 4 /* of each model: whole chips, and three measures of its milli-chips */
#define BOUND_CLUSTER_LEVELS 8 /* 0: equal states; 1 to 6: equal but for the lower bits; 7: equal layouts */

/* What a worker needs of a node, once for all demands that need the same. */
struct bound_need {
	struct worker_need worker;
	int64_t multiple; /* workers that go to one node together; 1 */
	const uint64_t *models; /* bit set */
	uint32_t resource_count;
	uint32_t resources[RESOURCES_MAX];
	int64_t resource_counts[RESOURCES_MAX];
};

struct bound_atom {
	struct bound_state most;
	uint32_t option; /* where its models' numbers begin in `model_fits` */
};

/* What chips of one model can be used for. */
struct bound_use {
	uint8_t whole[NODE_CHIPS_MAX + 1];              /* of so many free chips, those that whole-chip needs can take */
	uint16_t held[BOUND_CHIP_ROWS - 1][CHIP_MILLI + 1]; /* the most of each measure that so many free milli hold */
};

struct bound_model {
	const struct bound_input *input;
	struct arena *arena;
	struct bound_supply supply;
	struct bound_need *needs;
	uint32_t need_count;
	uint32_t *need_of; /* per demand */
	struct bound_use *uses; /* per model */
	/* A state, or several nearly the same, seen as one that has the most of each. */
	uint32_t *atom_of; /* per state */
	struct bound_atom *atoms;
	uint32_t atom_count;
	unsigned atom_level;
	uint32_t option_count;
	int64_t *fits, *model_fits; /* workers: needs * atoms, needs * options */
};

/* O(nodes + sites * sets of allowed sites + needs * atoms). */
void bound_model_make(struct bound_model *model, const struct bound_input *input, struct arena *arena);
/* The number of the state's cluster; states of one cluster are in one at each higher level too. */
uint32_t bound_cluster_of(const struct bound_supply *supply, const struct bound_state *state, unsigned level, struct numbering *clusters);
/* A share of so many milli (CHIP_MILLI: a whole chip) by one of the measures, 0 to BOUND_CHIP_ROWS - 2. */
unsigned bound_measure(unsigned kind, unsigned milli);
int64_t bound_job_workers(const struct ask *ask); /* placed together: 1 of a service */

/* --- the relaxation --- */

#define BOUND_AMOUNTS_MAX (2 + BOUND_CHIP_ROWS + RESOURCES_MAX)

/* Something that is free in a kind of node. */
struct bound_row {
	int64_t capacity;
	uint32_t tie; /* rows of the same resource share it */
};

/* A demand; its columns are the kinds of nodes (and chip models in them) that its workers may go to. */
struct bound_class {
	int64_t value;   /* of one job */
	int64_t workers; /* of one job */
	int64_t total;   /* workers that can be placed at most */
	uint32_t amount_count;
	int64_t amounts[BOUND_AMOUNTS_MAX]; /* what a worker takes */
	uint32_t column_count;
	const uint32_t *rows;  /* column_count times amount_count: whose */
	const int64_t *boxes;  /* workers, per column */
};

struct bound_problem {
	struct bound_row *rows;
	uint32_t row_count, tie_count;
	struct bound_class *classes;
	size_t class_count;
	size_t column_count; /* of all classes */
	uint32_t site_kinds, node_kinds;
	bool pooled;
};

void bound_problem_make(const struct bound_input *input, struct arena *arena, struct bound_problem *ret);
/* The same with the rows of each resource put together, whatever the node: a small problem. `*ret_column_of`: per column of
 * the problem its column in the small one. */
void bound_problem_tie(const struct bound_problem *problem, struct arena *arena, struct bound_problem *ret, uint32_t **ret_column_of);

/* --- prices --- */

typedef __int128 wide;

/* What prices are worth. Values are scaled by 2^shift. */
struct bound_dual {
	const struct bound_problem *problem;
	unsigned shift;
	int64_t *unit;  /* per class: the scaled value of a worker, rounded up */
	int64_t *price; /* per row: scaled, of one unit; to be tried */
	int64_t *best;  /* per row: those of the least value so far */
	wide value;     /* that least value */
	int64_t divisor; /* of all values */
	int64_t placed;  /* known; 0 */
	size_t *order;  /* scratch: columns in a heap */
	int64_t *gain;  /* scratch: per column */
};

/* Works out `price` and keeps it when it is better than the best. Exact. O(columns log columns). */
void bound_dual_try(struct bound_dual *dual);
/* Whether it is known that no smaller bound can be had. */
bool bound_dual_is_met(const struct bound_dual *dual);

/* An answer to begin with, and the one that was reached; NULLs: everything that is asked for. */
struct bound_guess {
	int64_t *fills;        /* per column */
	int64_t *class_worths; /* per class */
};

/* Looks for better prices, from the dual's best on. Gives the steps made. O(steps * columns). */
uint32_t bound_prices_search(const struct bound_problem *problem, struct bound_dual *dual, uint32_t steps, struct arena *arena,
			     struct bound_guess *guess);

#endif
