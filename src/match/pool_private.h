/* Inside of a pool: nodes in buckets.
 *
 * A bucket holds the nodes of one group that are in one class, as a heap with the lowest node on top. A bucket's number
 * stays while it has nodes; numbers are reused. Nodes are numbered through the pool, group by group.
 *
 * What a bundle of workers gets is, of the nodes whose class holds it for sure, the one with the best score, and of those the
 * lowest. Only when there is none, the nodes whose class may hold it are asked one by one. That is a property of what is
 * free, the grain and the mix alone; how it is found (by a scan over the buckets, or from a window) changes nothing.
 *
 * Invariants, between calls and after pool_refresh(): each node that is not set aside is in the bucket of its group and class;
 * a bucket holds one ref of its class; the group's totals are sums over its nodes.
 */
#ifndef WEIR_MATCH_POOL_PRIVATE_H
#define WEIR_MATCH_POOL_PRIVATE_H

#include "match/chooser.h"
#include "match/pool.h"

#define BUCKET_NONE UINT32_MAX           /* of a node: set aside */
#define BUCKET_PENDING (UINT32_MAX - 1) /* of a node: to be put into one */
#define NODE_NONE UINT32_MAX
#define GROUP_ALL UINT32_MAX

struct bucket {
	uint32_t group;
	uint32_t count, capacity; /* nodes; 0: the number is free. Capacity 0: at most one node, which is in `one` */
	union {
		uint32_t one;
		uint32_t *heap;
	};
};

#define LEFT_STEPS 16 /* of a chip, by which chips are counted */

/* Free chips of a part of the group's layout. */
struct part_totals {
	int64_t whole, milli;
	uint32_t by_left[LEFT_STEPS + 1]; /* chips by what is left of them, in steps, rounded down */
};

static inline uint32_t left_step(uint32_t milli)
{
	return milli * LEFT_STEPS / CHIP_MILLI;
}

struct pool_group {
	struct layout *layout;
	int64_t cpu_milli, memory_mib; /* of each node */
	int64_t cpu_free, memory_free; /* of all nodes */
	struct part_totals *parts; /* layout->part_count */
	uint32_t *by_whole;        /* nodes by how many wholly free chips of a part they have; group_by_whole() */
	uint32_t first; /* the number of its first node */
	uint32_t node_count;
	uint8_t *place;            /* of each chip, in the layout's order */
	uint8_t *part;             /* of each chip */
	uint16_t *chips;           /* node_count * chip_count, in the group's own order */
	int32_t *resources;        /* node_count * resource_count, in the layout's order */
	int64_t resource_capacity[RESOURCES_MAX], resource_free[RESOURCES_MAX]; /* in the layout's order */
};

/* The counts of a part: [0] to [its chips]. */
static inline uint32_t *group_by_whole(const struct pool_group *group, uint32_t part)
{
	return group->by_whole + group->layout->part_start[part] + part;
}

struct windows;

struct pool {
	struct chooser *chooser;
	struct pool_group *groups;
	size_t group_count;
	uint32_t node_count;
	int32_t *node_cpu, *node_memory; /* free */
	uint32_t *node_bucket;
	uint32_t *node_place;   /* in the bucket's heap */
	struct bucket *buckets;
	uint32_t *bucket_class; /* beside them, for scans; CLASS_NONE when free */
	uint32_t bucket_count;  /* numbers in use or free */
	size_t bucket_capacity;
	uint32_t *bucket_free;
	size_t bucket_free_count, bucket_free_capacity;
	uint32_t *index; /* bucket number + 1 by class and group */
	size_t index_capacity, live; /* live: buckets with nodes */
	uint64_t class_epoch;
	uint64_t gives; /* rises when something becomes free */
	struct windows *windows; /* NULL: buckets are scanned */
};

/* --- pool_nodes.c --- */

/* Wholly free chips of the part in one node. */
uint32_t node_whole(const struct pool_group *group, const uint16_t *chips, uint32_t part);

/* Puts the nodes into buckets anew when the chooser made the classes anew. */
void pool_refresh(struct pool *pool);
/* All nodes into buckets, for the first time. */
void pool_fill(struct pool *pool);
void pool_empty(struct pool *pool); /* before it is freed */
/* Sets the node aside, so that it is not chosen, and brings it back. */
void node_hide(struct pool *pool, uint32_t node);
void node_show(struct pool *pool, uint32_t node);

static inline uint32_t bucket_lowest(const struct bucket *bucket)
{
	return bucket->capacity ? bucket->heap[0] : bucket->one;
}

static inline const uint32_t *bucket_nodes(const struct bucket *bucket)
{
	return bucket->capacity ? bucket->heap : &bucket->one;
}

static inline uint16_t *node_chips(const struct pool_group *group, uint32_t node)
{
	return group->chips + (size_t)(node - group->first) * group->layout->chip_count;
}

static inline int32_t *node_resources(const struct pool_group *group, uint32_t node)
{
	return group->resources + (size_t)(node - group->first) * group->layout->resource_count;
}

/* What is taken from a node, or given back. */
struct node_share {
	int64_t cpu, memory;
	int64_t resources[RESOURCES_MAX]; /* in the layout's order */
	uint64_t chips;
	uint16_t milli;       /* of each chip, when `each` is NULL */
	const uint16_t *each; /* of each chip, lowest first */
};

/* The share that a slot of the need stands for. */
struct node_share slot_share(struct pool *pool, const struct slot *slot, struct need *need);
/* Takes it (gives it back, with `sign` -1). Aborts when it is not free (not taken). O(chips + log nodes). */
void node_change(struct pool *pool, uint32_t group, uint32_t node, const struct node_share *share, int sign);
/* The node's amounts, chips in the layout's order. O(chips). */
void node_amounts(const struct pool *pool, const struct pool_group *group, uint32_t node, struct node_copy *ret);
/* Workers, `limit` at most, that the node holds now. */
int64_t node_workers_now(struct pool *pool, const struct pool_group *group, uint32_t node, struct need *need, int64_t limit);
/* The slot of one more worker in the node, by the policy, without its number. The worker fits. `ret_useless`: see worth_choice. */
struct slot node_slot(struct pool *pool, uint32_t group, uint32_t node, struct need *need, int64_t *ret_useless);

/* --- pool_count.c --- */

/* Whether an empty node of the group holds a worker of the need. */
bool group_holds(struct pool *pool, const struct pool_group *group, struct need *need);
/* No more workers than this fit into the group (GROUP_ALL: all), by what is free in total. O(groups). */
int64_t bound_in(struct pool *pool, struct need *need, uint32_t group, int64_t limit);
/* The workers that fit, at most `limit`. O(buckets, and nodes of classes that hold the need only in part). */
int64_t count_in(struct pool *pool, struct need *need, uint32_t group, int64_t limit);
/* The most workers that fit as close together as the need asks. */
int64_t count_together(struct pool *pool, struct need *need, int64_t limit);

/* --- pool_find.c --- */

/* The node that should take the bundle; NODE_NONE when none holds it. Only in one group unless GROUP_ALL. */
uint32_t pool_find(struct pool *pool, struct bundle *bundle, uint32_t group);
/* The same for one worker, by totals first. */
uint32_t pool_find_one(struct pool *pool, struct need *need, uint32_t group);
uint32_t group_of(const struct pool *pool, uint32_t node); /* O(log groups) */

/* --- pool_window.c --- */

/* The bucket whose nodes hold the bundle for sure with the best score and lowest node; BUCKET_NONE when there is none.
 * `ret_note`: a number that the caller keeps with the window, 0 at first. */
uint32_t window_find(struct pool *pool, struct bundle *bundle, uint32_t group, uint64_t **ret_note);
/* The bucket is new, or its lowest node became lower. */
void windows_note(struct pool *pool, uint32_t bucket);
void windows_free(struct windows *windows); /* takes NULL */

/* Where a node stands among those of equal score: less is better. */
static inline uint64_t rank_of(unsigned score, uint32_t node)
{
	return (uint64_t)score << 32 | node;
}

#endif
