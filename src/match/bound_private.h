/* The parts of the bound, in their order: what sites are made of (bound_supply.c), what demands need (bound_model.c), nodes
 * (bound_nodes.c), kinds of sites (bound_kinds.c), the relaxation made of them (bound_problem.c), prices for it
 * (bound_prices.c), and its value at given prices (bound.c). */
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

/* --- what there is, and what is needed of it --- */

#define BOUND_CHIP_ROWS 4 /* of each model: whole chips, and three measures of its milli-chips */
#define BOUND_CLUSTER_LEVELS 8 /* 0: equal states; 1 to 6: equal but for the lower bits; 7: equal layouts */

/* What is counted in a node: CPU, memory, BOUND_CHIP_ROWS for each model, further resources. */
enum { BOUND_ROW_CPU, BOUND_ROW_MEMORY, BOUND_ROW_CHIPS };
#define BOUND_ROWS_MAX (BOUND_ROW_CHIPS + BOUND_CHIP_ROWS * NODE_CHIPS_MAX + RESOURCES_MAX)

/* What nodes are made of: models in the order they come, with their chips, and names of further resources. */
struct bound_layout {
	uint32_t model_count, chip_count, resource_count;
	const uint32_t *models, *chips; /* numbers of models, chips of each */
	const uint32_t *resources;      /* numbers of names */
};

static inline uint32_t bound_layout_rows(const struct bound_layout *layout)
{
	return BOUND_ROW_CHIPS + BOUND_CHIP_ROWS * layout->model_count + layout->resource_count;
}

struct bound_supply {
	struct arena *arena;
	struct numbering models, resources, layouts_by_bytes; /* models, resources: texts with their ends */
	struct bound_layout *layouts;
	size_t layout_capacity;
	uint32_t *rules; /* per site: sites of one number are allowed to the same demands */
	uint32_t rules_count;
	uint64_t **rules_allow; /* per demand: bit set over the numbers of rules */
	bool pooled; /* something that differs was taken as alike, here or later */
};

/* Reads names, layouts and rules. O(groups + sites * sets of allowed sites). */
void bound_supply_open(struct bound_supply *supply, const struct bound_input *input, struct arena *arena);

/* A group as it is read: its layout, and its chips by model. */
struct bound_group {
	const struct supply_group *group;
	uint32_t layout;
	unsigned char order[NODE_CHIPS_MAX];
	uint32_t parts[NODE_CHIPS_MAX]; /* chips of each model */
	uint32_t part_count;
};
void bound_group_open(struct bound_supply *supply, const struct supply_group *group, struct bound_group *ret);

/* What a worker needs of a node, once for all demands that need the same. */
struct bound_need {
	struct worker_need worker;
	int64_t multiple; /* workers that go to one node together; 1 */
	const uint64_t *models; /* bit set */
	uint32_t resource_count;
	uint32_t resources[RESOURCES_MAX];
	int64_t resource_counts[RESOURCES_MAX];
};

/* What chips of one model can be used for. */
struct bound_use {
	uint8_t whole[NODE_CHIPS_MAX + 1]; /* of so many free chips, those that whole-chip needs can take */
	uint16_t held[CHIP_MILLI + 1][BOUND_CHIP_ROWS - 1]; /* the most of each measure that so many free milli hold */
};

/* A share of so many milli (CHIP_MILLI: a whole chip) by one of the measures, 0 to BOUND_CHIP_ROWS - 2. */
unsigned bound_measure(unsigned kind, unsigned milli);
int64_t bound_job_workers(const struct ask *ask); /* placed together: 1 of a service */

/* --- nodes --- */

/* A node's state: what it has free, its chips by model, most free first. */
struct bound_state {
	uint32_t layout;
	int32_t cpu, memory;
	int32_t *resources;
	uint16_t *chips;
};

/* A state, or several nearly the same, seen as one that has the most of each. */
struct bound_atom {
	struct bound_state most;
	uint32_t option; /* where its models' numbers begin in `model_fits` */
};

/* An atom under the rules of its sites. */
struct bound_spot {
	uint32_t rules, atom, cell;
	bool used;     /* a demand fits there */
	int64_t *sums; /* what is free and of use, per row */
};

struct bound_site_lot {
	uint32_t spot, count;
};

struct bound_nodes {
	struct arena *arena;
	unsigned level; /* of BOUND_CLUSTER_LEVELS */
	struct bound_atom *atoms;
	uint32_t atom_count;
	struct bound_spot *spots;
	uint32_t spot_count;
	struct bound_site_lot *lots; /* of all sites, in their order */
	size_t lot_count;
	size_t *site_first; /* site_count + 1 */
};

/* O(nodes). */
void bound_nodes_read(struct bound_nodes *nodes, struct bound_supply *supply, const struct bound_use *uses, uint32_t need_count,
		      const struct bound_input *input);
/* All spots under one number of rules, 0. Gives their new numbers. */
uint32_t *bound_nodes_unite_rules(struct bound_nodes *nodes, const struct bound_supply *supply);
/* The number of the state's cluster at a level. */
uint32_t bound_cluster_of(const struct bound_supply *supply, const struct bound_state *state, unsigned level, struct numbering *clusters);

/* --- kinds of sites --- */

/* So many nodes alike. */
struct bound_lot {
	int64_t count;
	uint64_t spot;
};

struct bound_kind {
	uint32_t rules;
	uint32_t count; /* sites; 1 for a pool */
	const struct bound_lot *lots; /* of one site; of all of a pool */
	uint32_t lot_count;
	/* No member has more free than this. */
	int64_t nodes_most, cpu_most, memory_most, chips_most, chip_milli_most;
};

struct bound_kinds {
	struct bound_kind *items;
	uint32_t count;
	size_t lot_count; /* of all */
};

/* How sites are put together: only equal ones; those under equal rules that have about as much free; those under equal
 * rules; all. */
enum bound_pooling { BOUND_POOL_NONE, BOUND_POOL_ALIKE, BOUND_POOL_RULES, BOUND_POOL_ALL };

void bound_kinds_read(const struct bound_nodes *nodes, const struct bound_supply *supply, const struct bound_input *input,
		      struct bound_kinds *ret);
/* `names`: new numbers of spots, or NULL. O(lots). */
void bound_kinds_pool(const struct bound_kinds *kinds, enum bound_pooling level, const uint32_t *names, uint32_t spot_count,
		      struct arena *arena, struct bound_kinds *ret);

/* --- all of that, and what holds what --- */

struct bound_model {
	const struct bound_input *input;
	struct arena *arena;
	struct bound_supply supply;
	struct bound_need *needs;
	uint32_t need_count;
	uint32_t *need_of; /* per demand */
	struct bound_use *uses; /* per model */
	struct bound_nodes nodes;
	uint32_t option_count;
	int64_t *fits, *model_fits; /* workers: needs * atoms, needs * options */
};

/* O(nodes + sites * sets of allowed sites + needs * atoms). */
void bound_model_make(struct bound_model *model, const struct bound_input *input, struct arena *arena);

#define BOUND_MANY (INT64_MAX / 4) /* beyond all numbers that occur */

static inline int64_t bound_add(int64_t a, int64_t b)
{
	return a > BOUND_MANY - b ? BOUND_MANY : a + b;
}

static inline int64_t bound_times(int64_t a, int64_t b)
{
	int64_t product;

	return __builtin_mul_overflow(a, b, &product) || product > BOUND_MANY ? BOUND_MANY : product;
}

static inline int64_t bound_least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

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
