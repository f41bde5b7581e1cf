/* Node states: what nodes have free, and the classes of states that scores are kept for.
 *
 * A layout is what of a node's make-up decides what fits into it: its chip models and how many of each, and
 * the names of its further resources. How large the node is when empty is not part of it. A state is a layout with
 * amounts: what is free of CPU, memory and each resource, and what each chip has left, chip by chip in
 * the layout's order (models by name), rising within a model; so nodes that differ only in which chip is used
 * are in one state.
 *
 * A class is a set of states alike: those whose amounts, rounded down to the cuts of a grain, are equal. Its cell holds the
 * rounded amounts. Nodes with 100 cores and shares of 8 chips are hardly ever in equal states, so keeping scores by
 * state costs (states made) x (needs) evaluations, which is what grows when nodes become many. The cuts lie where it
 * matters: at what the needs of the mix ask for and where a chip's worth changes; on the traces this places no worse
 * than exact states. A need that the mix knows fits all of a class or nothing of it; for others the node is asked.
 */
#ifndef WEIR_MATCH_STATES_H
#define WEIR_MATCH_STATES_H

#include "model/supply.h"

struct layout {
	uint64_t serial; /* never reused; from 1 */
	uint32_t id;     /* small and reused */
	uint32_t refs;
	uint32_t chip_count;
	uint32_t part_count;     /* a part: the chips of one model */
	uint32_t resource_count;
	const char **models;     /* part_count, in order of their names */
	const char **resources;  /* resource_count, in order of their names */
	uint8_t part_start[NODE_CHIPS_MAX + 1]; /* part p: chips part_start[p] to part_start[p + 1] - 1 */
};

/* What a node has free. Borrowed. */
struct node_free {
	const struct layout *layout;
	int32_t cpu, memory;
	const int32_t *resources; /* layout->resource_count */
	const uint16_t *chips;    /* layout->chip_count, rising within each part */
};

/* The same with room of its own. */
struct node_copy {
	const struct layout *layout;
	int32_t cpu, memory;
	int32_t resources[RESOURCES_MAX];
	uint16_t chips[NODE_CHIPS_MAX];
};

struct cell {
	uint64_t hash;
	struct layout *layout;
	int32_t cpu, memory;
	uint32_t refs;   /* buckets (pool_private.h) */
	uint32_t number; /* small and reused */
	int32_t tail[];  /* resources, then chips */
};

struct cell_table {
	struct cell **cells;
	size_t count, capacity; /* capacity: a power of two, or 0 */
	size_t bytes;
};

static inline struct node_free cell_free(const struct cell *cell)
{
	return (struct node_free){ cell->layout, cell->cpu, cell->memory, cell->tail,
				   (const uint16_t *)(const void *)(cell->tail + cell->layout->resource_count) };
}

static inline struct node_free copy_free(const struct node_copy *copy)
{
	return (struct node_free){ copy->layout, copy->cpu, copy->memory, copy->resources, copy->chips };
}

void copy_set(struct node_copy *copy, const struct node_free *from);
/* Orders the chips of each part. */
void copy_order(struct node_copy *copy);

uint64_t node_free_hash(const struct node_free *of);
/* The cell with these amounts, or NULL. O(1) expected. */
struct cell *cell_find(const struct cell_table *table, const struct node_free *of, uint64_t hash);
/* Makes one with no refs; there is none yet. */
struct cell *cell_add(struct cell_table *table, const struct node_free *of, uint64_t hash);
void cell_remove(struct cell_table *table, struct cell *cell); /* frees it */
void cell_table_done(struct cell_table *table);                /* frees the cells too */

/* Layouts by content. */
struct layout_table {
	struct layout **layouts; /* by id; NULL free */
	size_t count;            /* ids in use or free */
	uint64_t serial;         /* of the last one made */
};

/* The layout of the group's nodes, with one ref more. `place[i]`: where chip i of the group's nodes stands in the layout's
 * order; `resource_place[r]` likewise. O(layouts). */
struct layout *layout_ref(struct layout_table *table, const struct supply_group *group, uint8_t *place, uint8_t *resource_place);
void layout_unref(struct layout_table *table, struct layout *layout);
void layout_table_done(struct layout_table *table);

/* How amounts are rounded down. Level 0 keeps them as they are. Cuts rise and begin with 0. */
#define GRAIN_LEVEL_MAX 3
#define GRAIN_CUTS_MAX 512

struct grain {
	unsigned level;
	size_t cpu_count, memory_count;
	int32_t cpu_cuts[GRAIN_CUTS_MAX], memory_cuts[GRAIN_CUTS_MAX];
	uint16_t chip_floor[CHIP_MILLI + 1], chip_ceil[CHIP_MILLI + 1]; /* the least and the most that has this floor */
};

/* Amounts that matter by themselves: what needs ask for, heaviest first, and the points at which a chip's worth
 * changes (`chips[g]`: g differs from g - 1). */
#define GRAIN_MARKS_MAX 256

struct grain_marks {
	size_t count;
	int32_t cpu[GRAIN_MARKS_MAX], memory[GRAIN_MARKS_MAX];
	bool chips[CHIP_MILLI + 1];
};

void grain_init(struct grain *grain, unsigned level, const struct grain_marks *marks);
/* Whether the grain tells apart the amounts of chips that the marks do. */
bool grain_follows(const struct grain *grain, const struct grain_marks *marks);
/* Whether a need for so much (chips 0 to 1000 milli) fits all of a class or nothing of it, as far as a single worker goes. */
bool grain_cuts(const struct grain *grain, int64_t cpu, int64_t memory, uint16_t chip_milli);
/* The least, and the most, that a node of the same class has free. */
void grain_floor(const struct grain *grain, const struct node_free *of, struct node_copy *ret);
void grain_ceil(const struct grain *grain, const struct node_free *floor, struct node_copy *ret);

#endif
