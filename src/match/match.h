/* A round: queued demands and the matcher's books in, plan out. Pure, deterministic, integers only.
 *
 * Order: first what its tenant's quota covers, then the rest, which borrows; within both by priority; then those whose deadline is
 * near, the nearest first; then the tenant that is furthest below its share (match/shares.h); then age. Demands of equal ask and tenant stand in one stream: when one of them does not fit,
 * the rest of its stream is passed over, except where a shorter one may use what is reserved (below). So a round costs
 * what it places plus one attempt per stream, however long the queue is.
 *
 * Where: of the sites that the rules allow and that have room, the one that costs least (match/score.h), looking at the
 * cheapest few so that what the choice of nodes spoils can count. Within the site: match/pool.h. A job's workers are placed all
 * or none, on one site; each replica of a service by itself.
 *
 * Reservations: the first demands of the order that do not fit get one: the place and moment at which they will
 * fit if everything that runs goes on to its time limit. What is free of it now is held; others may use it if they end
 * before. So what comes behind never delays it: EASY backfill with one reservation, and with more towards conservative backfill
 * (Mu'alem and Feitelson, IEEE TPDS 2001).
 *
 * Preemption: see match/preempt.h.
 *
 * The plan is promised: what it places stays booked until matcher_begin() says that it came about, or the next
 * round or matcher_settle() gives it back.
 */
#ifndef WEIR_MATCH_MATCH_H
#define WEIR_MATCH_MATCH_H

#include "match/matcher.h"

/* One thing to place: a job, or one replica of a service. */
struct match_entry {
	uint64_t demand;
	uint32_t replica;
	uint64_t order;      /* age: smaller is older; unique */
	int64_t time_us;     /* it ends so long after its start at the latest; 0: not known */
	int64_t deadline_us; /* at which it must have ended; 0: none */
	int64_t since_us;    /* it waits since then; 0 not known. For QUEUE_SHORT */
};

/* Entries of one class and one tenant; oldest first, or, when they have deadlines, nearest first. Under QUEUE_SHORT those of different
 * match_time_band() stand in streams of their own, or short ones wait behind long ones. */
struct match_stream {
	uint32_t class;  /* of matcher_class_add() */
	uint32_t tenant; /* of shares_tenant() */
	const struct match_entry *entries;
	size_t entry_count;
};

struct match_limits {
	size_t placements_max; /* then the round ends; the rest goes on in the next. 0: none */
	size_t slots_max;      /* workers over all placements of the round; one larger job may be its only one. 0: none */
};

/* A round that only asks what would become of one stream's first entry: it ends once that was tried. See match/relax.h. */
struct match_probe {
	size_t stream;
	struct amounts raise;     /* the limits of its tenant and of those above are higher by this much, for all who share them */
	struct amounts lacking;   /* filled: what these limits lacked for it without, the most over the tenants, resource by resource */
	const char *limited_name; /* filled: the tenant whose limit still refuses it; NULL none */
};

struct match_input {
	struct matcher *matcher;
	const struct shares *shares;
	const struct match_stream *streams; /* any order */
	size_t stream_count;
	int64_t now_us;
	struct match_limits limits;
	struct match_probe *probe; /* NULL: none */
};

struct match_placement {
	uint64_t demand;
	uint32_t replica;
	uint32_t site;
	size_t stream;       /* index into input->streams */
	struct slot *slots;  /* one per worker */
	size_t slot_count;
	int64_t score;       /* what this choice costs, in micro-units of money an hour; smaller was better */
	int64_t second_score; /* of the second best that was looked at; -1 none had room */
	uint32_t second_site;
	uint32_t candidates; /* sites that the rules allow and that were not known to be full for it */
	bool backfilled;     /* into what is reserved for another later on */
	bool borrowed;       /* with it its tenant holds more than its quota, or has none; see match/preempt.h */
};

/* A place kept for a demand that does not fit yet. */
struct match_reservation {
	uint64_t demand;
	uint32_t replica;
	uint32_t site;
	size_t stream;
	struct slot *slots;
	size_t slot_count;
	int64_t start_us; /* at the latest, if nothing takes longer than it may */
};

/* Work that is to stop for another. */
struct match_preemption {
	struct match_work *victim;
	uint64_t by; /* the demand that it makes room for */
	uint32_t by_replica;
	bool reclaimed; /* it had borrowed what the other is sure of; else the other's priority is higher */
};

struct match_stream_result {
	size_t placed;
	bool tried;             /* false: the limits ended the round before */
	bool stuck;             /* one did not fit */
	struct verdict nearest; /* when one did not fit: of the sites looked at, the verdict of that which came closest, or the tenant's limit */
	uint32_t nearest_site;
	int64_t reserved_us;    /* when the first that did not fit will start at the latest; 0 not known */
};

struct match_plan {
	struct match_placement *placements; /* in the order of decision */
	size_t placement_count;
	struct match_reservation *reservations;
	size_t reservation_count;
	struct match_preemption *preemptions;
	size_t preemption_count;
	struct match_stream_result *streams; /* one per input stream */
	bool complete; /* false: a limit ended it */
};

/* 0 for all unless QUEUE_SHORT; else a quarter of an octave each. */
uint32_t match_time_band(const struct policy_spec *policy, int64_t time_us);

/* Everything in the plan is the arena's. */
void match_round(const struct match_input *input, struct arena *arena, struct match_plan *ret);

/* Whether the class would find a place now, the queue apart; what is reserved does not count. Books stay as they are. */
bool match_fits_now(struct matcher *matcher, uint32_t class, uint32_t *ret_site);

#endif
