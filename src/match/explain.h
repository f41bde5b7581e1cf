/* Explain: for one ask, what each site says, grouped. Pure. */
#ifndef WEIR_MATCH_EXPLAIN_H
#define WEIR_MATCH_EXPLAIN_H

#include "match/match.h"
#include "match/score.h"

/* Sites with the same first obstacle. */
struct explain_group {
	enum verdict_code code;
	bool never;
	uint32_t *sites; /* their numbers, nearest to fitting first */
	size_t site_count;
	struct verdict best; /* of sites[0] */
	const char *sentence; /* "31 sites: too few free ascend-910b, best has 12 of 64 (guian-hub)" */
};

#define EXPLAIN_AHEAD_MAX 5

struct explain_ahead {
	const char *tenant;
	size_t count;
};

struct explanation {
	struct explain_group *groups; /* those that waiting may cure first, then by number of sites */
	size_t group_count;
	bool fits_now;       /* some site could take it at this moment */
	bool never;          /* no site could ever take it as things are */
	const char *summary; /* one sentence; never empty */
	struct verdict limit; /* of its tenant; VERDICT_FITS when none is in the way */
	size_t ahead;        /* entries of the queue that the next round tries before it, when an entry was given */
	struct explain_ahead *ahead_by; /* the tenants that they are of, the most first, EXPLAIN_AHEAD_MAX at most */
	size_t ahead_by_count;
	struct verdict *verdicts; /* one per site */
	int64_t start_us;    /* the estimated start; -1 not known */
	int64_t reserved_us; /* the latest start, of what the last round reserved for; 0 nothing */
	const char *start;   /* "in about 2 h, in 3 h at the latest"; of explain_start(), NULL before */
};

/* Explains the class against the books' sites, for the tenant. `entry` NULL: not in the queue. `replica_backoff_s` > 0: it is
 * waiting for that long whatever the sites say. Everything is the arena's. O(sites * distinct node states). */
void explain_ask(const struct match_input *input, uint32_t class, uint32_t tenant, const struct match_entry *entry,
		 int64_t replica_backoff_s, struct arena *arena, struct explanation *ret);
/* The parts of what a place at the site costs the class; `recorded` is what it cost when nodes were chosen: what the other parts leave
 * of it is what the choice of nodes spoilt. */
void explain_score(struct matcher *matcher, uint32_t class, uint32_t site, int64_t recorded, struct score *ret);
/* Why it is there, in one sentence: "at guian-hub for 12.30 CNY an hour, the best of 12 sites; next would have been gui-an-2 for 14.00".
 * `second_site` NULL: none was found with room. */
struct explain_choice {
	const char *site, *second_site, *currency;
	int64_t score, second_score;
	uint32_t candidates;
	bool backfilled, borrowed;
};
const char *explain_choice(const struct explain_choice *choice, struct arena *arena);
/* Says when it starts: the estimate of match/forecast.h (-1: not known) and the reservation of the last round (0: none). */
void explain_start(struct explanation *explanation, int64_t now_us, int64_t start_us, int64_t reserved_us, struct arena *arena);

#endif
