/* Matching: supply and demand in, plan out. Pure, deterministic, integers only.
 *
 * A round walks the queue by priority, then age, and binds what fits. Demands with equal asks stand in
 * one class: when one of them does not fit, the rest of its class is passed over for this round, so a
 * round costs what it places plus one attempt per class, however long the queue is.
 *
 * The input borrows the state's supply and never changes it: what the round gives out is kept in an
 * overlay of the nodes it touched, in the arena.
 *
 * Where: the sites that the hard rules allow (a bit set per class), in the order of what an hour there
 * costs: the shapes of all workers at the site's prices, plus a share of it for the tier (jobs: 5 % for
 * regional, 10 % for edge; services: 5 % for regional, 10 % for hub) and, for services that are to be
 * near a place, 5 % per millisecond to it; ties by the sites' order. The first that has room takes it.
 * Within a site: best fit, see match/room.h. A job's workers are placed all or none, on one site; each
 * replica of a service by itself.
 */
#ifndef WEIR_MATCH_MATCH_H
#define WEIR_MATCH_MATCH_H

#include "base/arena.h"
#include "policy/rules.h"

/* One thing to place: a job, or one replica of a service. */
struct match_entry {
	uint64_t demand;
	uint32_t replica;
	uint64_t order; /* age: smaller is older; unique */
};

/* Entries of equal ask, oldest first. */
struct match_class {
	const struct ask *ask;
	const struct match_entry *entries;
	size_t entry_count;
};

struct match_limits {
	size_t placements_max; /* then the round ends; the rest goes on in the next. 0: none */
	size_t slots_max;      /* workers over all placements of the round; one larger job may be its only one. 0: none */
};

struct match_input {
	const struct site_view *sites;
	size_t site_count;
	const struct match_class *classes; /* any order */
	size_t class_count;
	struct rule_context context;
	struct match_limits limits;
};

struct match_placement {
	uint64_t demand;
	uint32_t replica;
	uint32_t site;  /* index into input->sites */
	size_t class_index;
	struct slot *slots; /* one per worker */
	size_t slot_count;
	int64_t score;      /* what this site's choice cost, in micro-units of money an hour; smaller was better */
	uint32_t candidates; /* sites that the rules allowed and that this round had not found full for its class */
};

struct match_class_result {
	size_t placed;
	bool tried;               /* false: the limits ended the round before */
	bool stuck;               /* one did not fit, so the rest of the class was passed over */
	struct verdict nearest;   /* when one did not fit: the verdict of the site that came closest */
	uint32_t nearest_site;
};

struct match_plan {
	struct match_placement *placements; /* in the order of decision */
	size_t placement_count;
	struct match_class_result *classes; /* one per input class */
	bool complete; /* false: a limit ended it */
};

/* Everything in the plan is the arena's. Cost: per class one pass over the sites and the totals of those
 * without room; per placement the nodes of its site, shared by up to 64 like ones that follow each other. */
void match_round(const struct match_input *input, struct arena *arena, struct match_plan *ret);

#endif
