/* A round while it runs, for match.c, reserve.c and preempt.c. */
#ifndef WEIR_MATCH_ROUND_H
#define WEIR_MATCH_ROUND_H

#include "match/books.h"
#include "match/match.h"

#define RESERVE_SITES 8      /* of a class, the cheapest, that are asked when they have room */
#define RESERVE_WORKS_MAX 4096 /* ends of a site that are looked at */
#define RESERVE_TRIES_MAX 1024 /* demands that look for a reservation, in one round */
#define TRIALS_MAX 1000000 /* slots that are moved to try something, in one round; then it only places what fits */
#define TRIAL_FITS 8       /* what asking whether a gang fits counts as */
#define PREEMPT_HEADS_MAX 64 /* demands that others stop for, in one round */
#define PREEMPT_TRIES_MAX 256 /* demands that ask whether others would have to */
#define PREEMPT_VICTIMS_MAX 1024 /* of one demand */

/* A reservation and what is held for it at present. */
struct reserved {
	struct match_reservation *record;
	uint32_t need;
	int64_t end_us; /* of the demand it is for; INT64_MAX not known */
	struct pool_hold *hold; /* NULL while it is lifted */
	int64_t held_cpu_milli; /* by it */
	bool claimed;           /* its slots are taken whole */
};

struct work_end {
	int64_t us; /* now or later */
	struct match_work *work;
};

/* A site's work in the order of its ends, made once a round. */
struct timeline {
	uint32_t site;
	struct work_end *ends;
	size_t count;
	struct timeline *next;
};

struct round {
	const struct match_input *input;
	struct matcher *matcher;
	struct match_plan *plan;
	struct arena *arena;
	struct share_pick *pick;
	struct stream_state *streams;
	struct reserved *reserved;
	size_t reserved_count, reserved_max;
	struct timeline *timelines;
	struct amounts smallest; /* of the streams' workers, each resource by itself */
	size_t placement_capacity, preemption_capacity;
	size_t slots;
	size_t heads_preempting, preempt_tries, reserve_tries, backfill_tries, trials;
	struct slot *scratch; /* for reserve() */
	size_t scratch_capacity;
};

/* --- reserve.c --- */
/* Finds place and moment for the entry, and holds it. False when the end of what is in the way is not known at any site asked.
 * `start_us` is the latest start. */
bool reserve(struct round *round, size_t stream, const struct match_entry *entry, int64_t *ret_start_us);
/* Holds slots of the site for the entry from `start_us` on. */
void reserve_slots(struct round *round, size_t stream, const struct match_entry *entry, uint32_t site, const struct slot *slots,
		   int64_t start_us);
/* Lifts the holds at the site that begin at `until_us` or later; gives their number. reserve_hold() puts all back. */
size_t reserve_lift(struct round *round, uint32_t site, int64_t until_us);
/* The CPU that would be free at the site with the holds that begin at `until_us` or later lifted, at most. O(groups of the site). */
int64_t reserve_room(const struct round *round, uint32_t site, int64_t until_us);
void reserve_hold(struct round *round, uint32_t site);
/* Takes the slots of the site's reservations whole where they are free, else what is free of them. Nothing is held there before. */
void reserve_claim(struct round *round, uint32_t site);
void reserve_unclaim(struct round *round, uint32_t site); /* leaves the holds lifted */
/* In between: those that are not taken whole let go of what they hold, and hold what is free of their slots again. */
void reserve_loosen(struct round *round, uint32_t site);
void reserve_tighten(struct round *round, uint32_t site);
/* Something at the site is to stop: when its work ends has to be looked at anew. */
void reserve_forget(struct round *round, uint32_t site);
/* All sites with something held. */
void reserve_end(struct round *round);

#endif
