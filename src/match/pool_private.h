/* Inside of a pool: nodes in buckets.
 *
 * A bucket holds the nodes of one group that are in one state, as a heap with the lowest node on top. A bucket's number
 * stays while it has nodes; numbers are reused. For a search only two things of a bucket count: its class,
 * by which it is scored, and its lowest node, by which ties are decided. Nodes are numbered through the pool, group by group.
 *
 * Invariants: a node that is not set aside is in the bucket of its state; the group's totals are sums over its
 * nodes; a bucket's class is its state's, after pool_refresh().
 */
#ifndef WEIR_MATCH_POOL_PRIVATE_H
#define WEIR_MATCH_POOL_PRIVATE_H

#include "match/chooser.h"
#include "match/pool.h"

#define BUCKET_NONE UINT32_MAX
#define NODE_NONE UINT32_MAX
#define GROUP_ALL UINT32_MAX

struct bucket {
	struct cell *state; /* NULL: the number is free */
	uint32_t group;
	uint32_t count, capacity; /* nodes; capacity 0: none or one, which is in `one` */
	union {
		uint32_t one;
		uint32_t *heap;
	};
};

struct part_totals {
	int64_t whole, milli; /* free chips of a part of the group's layout */
};

struct pool_group {
	struct layout *layout;
	uint32_t first; /* the number of its first node */
	uint32_t node_count;
	int64_t cpu_milli, memory_mib; /* of each node */
	int64_t cpu_free, memory_free; /* of all nodes */
	int64_t resource_capacity[RESOURCES_MAX], resource_free[RESOURCES_MAX]; /* in the layout's order */
	struct part_totals *parts;    /* layout->part_count */
	uint8_t *place; /* of each chip, in the layout's order */
	uint8_t *part;  /* of each chip */
	uint16_t *chips; /* node_count * chip_count, in the group's own order */
};

struct pool {
	struct chooser *chooser;
	struct pool_group *groups;
	size_t group_count;
	uint32_t node_count;
	uint32_t *node_bucket; /* BUCKET_NONE: set aside */
	uint32_t *node_place;  /* in the bucket's heap */
	struct cell **aside;   /* states of nodes set aside; NULL but while a gang is spread */
	struct bucket *buckets;
	uint32_t *bucket_class; /* beside them, for scans; CLASS_NONE when free */
	uint32_t bucket_count;  /* numbers in use or free */
	size_t bucket_capacity;
	uint32_t *bucket_free;
	size_t bucket_free_count, bucket_free_capacity;
	uint32_t *index; /* bucket number + 1 by state and group */
	size_t index_capacity, live; /* live: buckets with nodes */
	uint64_t class_epoch;
};

/* --- pool_nodes.c --- */

void pool_refresh(struct pool *pool); /* classes after the chooser made them anew */
void node_insert(struct pool *pool, uint32_t node, struct cell *state); /* the ref is the caller's gift */
struct cell *node_remove(struct pool *pool, uint32_t node); /* gives the ref back */

static inline uint32_t bucket_lowest(const struct bucket *bucket)
{
	return bucket->capacity ? bucket->heap[0] : bucket->one;
}

static inline const struct cell *node_state(const struct pool *pool, uint32_t node)
{
	return pool->node_bucket[node] == BUCKET_NONE ? pool->aside[node] : pool->buckets[pool->node_bucket[node]].state;
}

static inline uint16_t *node_chips(const struct pool_group *group, uint32_t node)
{
	return group->chips + (size_t)(node - group->first) * group->layout->chip_count;
}

/* What is taken from a node, or given back. */
struct node_share {
	int64_t cpu, memory;
	int64_t resources[RESOURCES_MAX]; /* in the layout's order */
	uint64_t chips;
	uint16_t milli;        /* of each chip, when `each` is NULL */
	const uint16_t *each;  /* of each chip, lowest first */
};

/* The share that a slot of the need stands for; it exists: slot_is_sound(). */
struct node_share slot_share(struct pool *pool, const struct slot *slot, struct need *need);
/* Takes it (gives it back, with `sign` -1). Aborts when it is not free (not taken). O(chips + log nodes). */
void node_change(struct pool *pool, uint32_t group, uint32_t node, const struct node_share *share, int sign);
/* The same by amounts for a node without a state yet: when the pool is made. */
void node_fill(struct pool *pool, uint32_t node, struct node_copy *amounts);
/* Whether an empty node of the group holds a worker of the need. */
bool group_holds(struct pool *pool, const struct pool_group *group, struct need *need);
/* The slot of one more worker in the node, by the policy, without its number. The worker fits. `ret_useless`: see worth_choice. */
struct slot node_slot(struct pool *pool, uint32_t group, uint32_t node, struct need *need, int64_t *ret_useless);

/* --- pool.c --- */

/* The most workers that fit as close together as the need asks. O(states). */
int64_t pool_together(struct pool *pool, struct need *need, int64_t limit);

/* --- pool_find.c --- */

/* The bucket whose lowest node should take the bundle; BUCKET_NONE when none holds it. Only in one group unless GROUP_ALL. */
uint32_t pool_find(struct pool *pool, struct bundle *bundle, uint32_t group);
/* The node of the bucket to use: the lowest, or any for the random choice. */
uint32_t pool_pick(struct pool *pool, uint32_t bucket);

#endif
