/* A second opinion on the matcher, slow and simple, sharing none of its code: it keeps its own books
 * of every node and chip and its own reading of the rules.
 *
 * check_plan() replays a plan and says what is wrong with it: something booked twice, a gang torn
 * apart or not as close together as asked, workers not packed or spread where that can be proved, a rule broken, a chip that the
 * ask may not use, a price above its bound, a replica too far from its caller, a limit passed, an order that quotas,
 * priority, deadlines and age forbid, or work left out that fits. check_holds() says by trying whether a site holds an ask.
 */
#ifndef TESTS_CHECK_PLAN_H
#define TESTS_CHECK_PLAN_H

#include "match/once.h"

/* True when all is well; else a sentence in `why`. */
bool check_plan(const struct once_input *input, const struct once *once, const struct match_plan *plan, char *why, size_t why_size);
/* Whether the site may and can take the whole ask (one replica of a service): as it is now, or when it were empty and up. */
bool check_holds(const struct once_input *input, const struct ask *ask, size_t site, bool empty);

#endif
