/* Explain: for one ask, what each site says, grouped. Pure. */
#ifndef WEIR_MATCH_EXPLAIN_H
#define WEIR_MATCH_EXPLAIN_H

#include "match/match.h"

/* Sites with the same first obstacle. */
struct explain_group {
	enum verdict_code code;
	bool never;
	uint32_t *sites; /* indexes into input->sites, nearest to fitting first */
	size_t site_count;
	struct verdict best; /* of sites[0] */
	const char *sentence; /* "31 sites: too few free ascend-910b, best has 12 of 64 (guian-hub)" */
};

struct explanation {
	struct explain_group *groups; /* those that waiting may cure first, then by number of sites */
	size_t group_count;
	bool fits_now;       /* some site could take it at this moment */
	bool never;          /* no site could ever take it as things are */
	const char *summary; /* one sentence; never empty */
	size_t ahead;        /* entries of the queue before it, when `order` was given */
	struct verdict *verdicts; /* one per input site */
};

/* Explains one ask against the sites of `input`. `order` 0: not in the queue. `replica_backoff_s` > 0:
 * it is waiting for that long whatever the sites say. Everything is the arena's. O(sites * nodes). */
void explain_ask(const struct match_input *input, const struct ask *ask, uint64_t order, int64_t replica_backoff_s, struct arena *arena,
		 struct explanation *ret);

#endif
