/* Needs: what asks want of nodes, once for all asks alike, and which chips of a layout each may use.
 *
 * A handle stands for shape, models, rules on chips, together and arrange. Which parts of a layout a need
 * may use comes from the hard rules and is worked out once per need and layout, until the catalogue changes.
 *
 * A bundle is so many workers of one need in one node. Bundles are what nodes are chosen for; each has a row
 * of scores by class (match/chooser.h).
 */
#ifndef WEIR_MATCH_NEEDS_H
#define WEIR_MATCH_NEEDS_H

#include "match/states.h"
#include "policy/fit.h"

struct bundle {
	uint64_t id; /* never reused; not 0 */
	uint32_t need;
	uint32_t workers;
	/* the chooser's own */
	uint16_t *row;
	uint32_t row_size;
	uint64_t row_epoch;
	struct bundle *newer, *older;
};

struct need_layout {
	uint64_t serial; /* of the layout this speaks of; 0 none */
	bool possible;  /* it has all that is asked for, however little of it */
	uint64_t parts; /* bit p: part p may be used; 0 without chips */
	uint8_t resource_place[RESOURCES_MAX];
};

struct need {
	uint32_t handle;
	uint32_t refs;
	uint64_t serial; /* never reused; from 1 */
	uint64_t hash;
	struct ask *ask; /* what counts of it; one block */
	int64_t cpu, memory;
	uint32_t chips; /* 0 none; 1 for a share */
	uint16_t milli; /* per chip; 0 without chips */
	uint32_t resource_count;
	int64_t resources[RESOURCES_MAX];
	struct need_layout *layouts; /* by layout id */
	size_t layout_count;
	struct bundle **bundles; /* by workers, rising */
	size_t bundle_count;
};

struct need_table {
	struct need **needs; /* by handle; NULL never used */
	size_t count;
	uint32_t *free_handles;
	size_t free_count, free_capacity;
	uint32_t *index; /* handle + 1 by hash; 0 free */
	size_t index_capacity, index_used;
	size_t in_use;
	uint64_t serial; /* of the newest */
};

/* With one ref more. */
struct need *need_ref(struct need_table *table, const struct ask *ask);
/* Whether they want the same of nodes apart from memory (from CPU and memory) and from how workers are arranged. */
bool need_alike(const struct need *a, const struct need *b);
bool need_alike_chips(const struct need *a, const struct need *b);
/* Gives true when that was the last: then the caller drops the bundles' rows and calls need_free(). */
bool need_unref(struct need *need);
void need_free(struct need_table *table, struct need *need);
void need_table_done(struct need_table *table);

static inline struct need *need_at(const struct need_table *table, uint32_t handle)
{
	return table->needs[handle];
}

const struct need_layout *need_layout_fill(struct need *need, const struct layout *layout, const struct rule_context *context);

/* What the need may use of the layout. O(1) but for the first time. */
static inline const struct need_layout *need_layout_of(struct need *need, const struct layout *layout, const struct rule_context *context)
{
	if (layout->id < need->layout_count && need->layouts[layout->id].serial == layout->serial)
		return &need->layouts[layout->id];
	return need_layout_fill(need, layout, context);
}

/* Forgets the layouts: the catalogue changed. */
void need_forget(struct need *need);
/* The bundle of so many workers, made at first use. O(bundles of the need). */
struct bundle *need_bundle(struct need *need, uint32_t workers);

/* How often `part` goes into `whole`, `limit` at most. */
int64_t need_times(int64_t whole, int64_t part, int64_t limit);
/* Workers of the need, `limit` at most, that a node with this much free holds. */
int64_t need_workers(const struct need *need, const struct need_layout *in, const struct node_free *free, int64_t limit);

#endif
