/* How much any plan could have placed at most: the dual value of a relaxation.
 *
 * Relaxation: workers may be cut into pieces and what is free at a site (by chip models) is pooled. Any prices on what is
 * free, zero or more, give a bound by weak duality:
 *   sum(price * free) + sum over demands of max(0, value - cheapest allowed way to place it at these prices)
 * and a few rounds of integer subgradient steps make it tight. Exact integers: it is never below the optimum.
 */
#ifndef WEIR_MATCH_BOUND_H
#define WEIR_MATCH_BOUND_H

#include "base/arena.h"
#include "policy/fit.h"

/* Demands of equal ask that the round had before it. */
struct bound_demand {
	const struct ask *ask;
	int64_t count;
	const uint64_t *allowed; /* bit set over the sites: those that the hard rules allow */
	int64_t value;           /* of placing one of them, more than 0 */
};

struct bound_input {
	const struct supply *const *supplies; /* one per site, as they were before the round */
	size_t site_count;
	const struct bound_demand *demands;
	size_t demand_count;
	struct rule_context context;
	uint32_t steps; /* of the subgradient method; 0: 100 */
};

struct bound {
	int64_t value; /* no plan places more than this, in value */
	uint32_t steps; /* made */
};

/* O(steps * (demands * site kinds)), where sites with equal allowed sets and layouts are one kind. */
void bound_compute(const struct bound_input *input, struct arena *arena, struct bound *ret);

#endif
