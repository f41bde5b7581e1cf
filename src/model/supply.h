/* Supply: what a site offers and what of it is free, node by node and chip by chip.
 *
 * Invariants: 0 <= free <= capacity for each node and chip; the totals are the sums over the nodes.
 * supply_take() and supply_give() are the only functions that change what is free, and they abort on a
 * breach: giving anything out twice is a bug, never an input.
 */
#ifndef WEIR_MODEL_SUPPLY_H
#define WEIR_MODEL_SUPPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/demand.h"
#include "model/network.h"

#define MODEL_UNKNOWN UINT16_MAX /* a chip model that is not in the catalogue: matches by name only */

struct supply_group {
	const char *name;
	uint32_t node_count;
	uint32_t chips_per_node;
	int64_t cpu_milli;  /* of each node */
	int64_t memory_mib; /* of each node */
	const char **chip_names;   /* chips_per_node entries: the model of chip i */
	int32_t *cpu_free;         /* node_count: milli-cores */
	int32_t *memory_free;      /* node_count: MiB */
	uint16_t *chip_free;       /* node_count * chips_per_node: milli-chips */
	uint32_t resource_count;   /* further resources of each node */
	const char **resource_names; /* resource_count */
	int64_t *resource_capacity;  /* resource_count: of each node */
	int32_t *resource_free;      /* node_count * resource_count */
	int64_t *resource_free_total; /* resource_count */
	int64_t cpu_free_total;
	int64_t memory_free_total;
	int64_t chips_free_total;       /* chips that are wholly free */
	int64_t chip_milli_free_total;
};

/* Groups of a site, in its order. Owned memory is one block per group. */
struct supply {
	struct supply_group *groups;
	size_t group_count;
};

/* One worker's share of one node. */
struct slot {
	uint32_t worker;
	uint32_t group;
	uint32_t node;
	uint16_t chip_milli; /* per chip: 1000, or the share of the single chip; 0 without chips */
	uint64_t chips;      /* bit i: chip i of the node */
};

/* Everything free. `groups` is copied. Counts beyond the limits of model/site.h are a caller's bug. */
void supply_init(struct supply *supply, const struct node_group *groups, size_t group_count);
void supply_done(struct supply *supply);
/* The number of a further resource among those of the group's nodes; -1 when they have none of this name. O(resources). */
int supply_group_resource(const struct supply_group *group, const char *name);
/* Whether the shape's share fits at the slot now. */
bool supply_fits(const struct supply *supply, const struct slot *slot, const struct shape *shape);
void supply_take(struct supply *supply, const struct slot *slot, const struct shape *shape);
void supply_give(struct supply *supply, const struct slot *slot, const struct shape *shape);
/* Recounts the totals from the nodes and compares; for debug builds and checkers. */
bool supply_is_consistent(const struct supply *supply);

#endif
