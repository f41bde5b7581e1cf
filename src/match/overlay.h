/* What a round has given out so far, without changing or copying the supply.
 *
 * Per site that was looked at: the totals, and copies of the nodes that were touched, found by a bit
 * set first, so that reading an untouched node costs one test. Everything is the arena's.
 */
#ifndef WEIR_MATCH_OVERLAY_H
#define WEIR_MATCH_OVERLAY_H

#include "policy/fit.h"

struct node_state {
	int32_t cpu_free;
	int32_t memory_free;
	uint16_t chip_free[]; /* one per chip of the node */
};

struct group_overlay {
	int64_t cpu_free_total;
	int64_t memory_free_total;
	int64_t chips_free_total;
	int64_t chip_milli_free_total;
	/* No node has more free than this. Learned by whole scans; true for the rest of the round, as free only shrinks. */
	int64_t cpu_most;
	int64_t memory_most;
	uint32_t chips_most;
	uint64_t *touched; /* NULL: no node */
	struct touched_node {
		struct node_state *state; /* NULL: a free place of the table */
		uint32_t node;
	} *table;
	size_t table_count, table_capacity; /* capacity: a power of two */
};

struct site_overlay {
	struct group_overlay *groups;
	uint64_t serial; /* rises with each take */
};

struct overlay {
	struct arena *arena;
	struct site_overlay **sites; /* NULL: not looked at yet */
};

/* A node as it is now. Valid until the next take. */
struct node_now {
	int64_t cpu_free;
	int64_t memory_free;
	const uint16_t *chips;
};

void overlay_init(struct overlay *overlay, size_t site_count, struct arena *arena);
/* The overlay of a site, made at the first call. */
struct site_overlay *overlay_site(struct overlay *overlay, size_t index, const struct supply *supply);
struct node_state *overlay_find(const struct group_overlay *group, uint32_t node);
/* Takes the slot's share. Aborts when it is not free. */
void overlay_take(struct overlay *overlay, struct site_overlay *site, const struct supply *supply, const struct slot *slot,
		  const struct worker_need *need);

static inline struct node_now overlay_node(const struct group_overlay *overlay, const struct supply_group *group, uint32_t node)
{
	if (overlay->touched && overlay->touched[node / 64] >> (node % 64) & 1) {
		const struct node_state *state = overlay_find(overlay, node);

		return (struct node_now){ state->cpu_free, state->memory_free, state->chip_free };
	}
	return (struct node_now){ group->cpu_free[node], group->memory_free[node], group->chip_free + (size_t)node * group->chips_per_node };
}

#endif
