/* Preemption: willing work stops so that a demand which does not fit gets its place. Requeued, it waits at its old age.
 *
 * Who may take from whom. A demand is sure when its tenant, holding it too, stays within its quota (match/shares.h); a work is
 * sure when it was when it was placed, or when its tenant is within its quota now. Rank demands and work by (sure or not,
 * priority), in this order. One may take only from work of strictly lower rank, and only from work that said it may be stopped.
 * So quotas are reclaimed from those who borrowed, and among equals priority decides.
 *
 * Never in a circle. Each work keeps the rank it had when it was placed; what it counts as later is that or more. For
 * each rank, from the highest down, count the work that runs with it, and read the counts as one number, the highest rank
 * first. A preemption with the placement that follows adds one at some rank and takes away only below it, and a placement by
 * itself only adds: the number rises. While no demand arrives and none ends there are only so many numbers, so it comes to an end;
 * a circle would have to come back to a lower one. tests/unit/test_preempt.c plays random tenants until nothing moves.
 *
 * Loss: what the work has used so far, at its site's prices; it is done again. The least loss goes first, and those
 * that turn out not to be needed are spared, the dearest first. One step O(willing work of a few sites * log). */
#ifndef WEIR_MATCH_PREEMPT_H
#define WEIR_MATCH_PREEMPT_H

#include "match/round.h"

/* Makes room for the entry by stopping willing work, when its rank allows, and holds the place. True also when work that was
 * told to stop before makes the room. False when it is not to be had. */
bool round_preempt(struct round *round, size_t stream, const struct match_entry *entry);

#endif
