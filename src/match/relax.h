/* Relax: the smallest change that would let a demand start now.
 *
 * Dimension by dimension as much as there is to give is given up; where the demand then finds a place, what need not be given
 * is taken back: of a number the least that does (binary search), of a list the one word that the place found asks for. Only
 * when no single change helps, pairs are tried. Each try is a round of the real books and queue with the changed demand in its place
 * (match_probe), so what is proposed has been placed once, reservations of others and limits of tenants included. Then it is
 * taken back: the books are as they were.
 *
 * The law stays. Residency, clearance and origin, and whether something is simulated, are not the tenant's to relax; but when
 * nothing else helps and one of them alone is in the way, that is said.
 *
 * Order: single changes before pairs, then by what is given up, in thousandths. Of a number that is the part of it that is
 * given up or asked for on top, 900 at most; of a word it is fixed: 100 preemptible or together, 150 tier, 200 region or site,
 * 300 chip models; 400 and the part of all priorities for a priority, since others pay for it; 600 for a tenant's limit, since
 * somebody else has to raise it. A pair gives up the sum.
 *
 * Rejected: to solve for the least change over all dimensions at once. What people can act on is one thing, or two.
 */
#ifndef WEIR_MATCH_RELAX_H
#define WEIR_MATCH_RELAX_H

#include "match/match.h"

#define RELAX_TRIES_MAX 192
#define RELAX_STREAMS_MAX 256 /* of the queue, the first by priority and age, take part in a try */
#define RELAX_PAIRS_MAX 3     /* that are told */

enum relax_dimension {
	RELAX_TOGETHER, /* workers less close to each other */
	RELAX_TIER,
	RELAX_SITE,     /* a site beside those named */
	RELAX_REGION,
	RELAX_LATENCY,  /* microseconds */
	RELAX_PRICE,    /* micro-units of money an hour */
	RELAX_MODEL,    /* a chip model beside those named */
	RELAX_TIME,     /* a shorter time limit, so that it ends before what is reserved begins; microseconds */
	RELAX_WORKERS,
	RELAX_PREEMPTIBLE,
	RELAX_PRIORITY,
	RELAX_LIMIT,    /* more room below the limits of its tenant and of those above it */
	RELAX_COUNT
};
STRING_TABLE_DECLARE(enum relax_dimension, relax_dimension); /* together, tier, ... */

struct relax_step {
	enum relax_dimension dimension;
	const char *from, *to;         /* for people; "" none, "any" */
	int64_t from_value, to_value;  /* of dimensions that are numbers; else 0. A time limit of 0 is none */
	struct amounts lacking;        /* of RELAX_LIMIT: the limits must be higher by this much */
	const char *limited;           /* of RELAX_LIMIT: the nearest tenant whose limit it is */
	int64_t given_up;              /* thousandths, see above */
};

struct relax_change {
	struct relax_step steps[2];
	size_t step_count;
	struct ask ask;        /* what would start */
	int64_t time_us;       /* its time limit; 0 none */
	uint32_t site;         /* where */
	const char *site_name;
	size_t stops;          /* others there that said they may be stopped and would be, first; 0: it starts at once */
	int64_t given_up;
	const char *sentence;  /* "with 8 instead of 12 workers it would start now at guian-hub" */
};

struct relaxation {
	bool fits_now;         /* nothing has to change */
	struct relax_change *changes; /* the smallest first */
	size_t change_count;
	const char *sentence;  /* never empty: the smallest change; or that it starts by itself; or that none helps, and what is in the way */
	const char *obstacle;  /* "the work may not leave north": a rule that alone is in the way; NULL none, or changes help */
	int64_t reserved_us;   /* when it starts at the latest as it is, if the round reserves for it; 0 not known */
	size_t tries;
};

/* For what is queued, or would be: `entry` NULL asks for one at the head of its tenant's queue, without a time limit. The books are
 * left as found, the next round decides as if nobody had asked. Everything is the arena's.
 * O(tries * (sites + streams)), RELAX_TRIES_MAX tries at most. */
void relax_ask(const struct match_input *input, uint32_t class, uint32_t tenant, const struct match_entry *entry, struct arena *arena,
	       struct relaxation *ret);

#endif
