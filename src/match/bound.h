/* How much any plan could have placed at most: the dual value of a relaxation.
 *
 * Relaxation: workers may be cut into pieces, and what is free is pooled over nodes that are alike. Any prices on what is
 * free, zero or more, give a bound by weak duality:
 *   sum(price * free) + the most that the demands, each by itself, could gain at these prices
 * and a few steps of a first-order method make it tight. Exact integers, rounded so that it is never below the optimum.
 *
 * What the relaxation keeps: per kind of node its CPU, memory, further resources, whole chips and milli-chips of each
 * model, cut down to what shapes of this size can use of them; how many workers of a demand a node holds by itself; that
 * the workers of a job go to one site, and so to none that holds fewer; how many demands there are. What it gives up:
 * different demands in one node may be cut, and so may jobs between sites that each hold one.
 *
 * Scale comes from sameness: sites with equal nodes and equal rules are one kind of site, nodes in equal states one kind
 * of node; where there are still too many, states that are nearly the same are pooled (their sums stay exact), then sites
 * under equal rules, then all. Pooling only ever raises the bound.
 *
 * Source: Held and Karp 1971 for bounds by prices; Chambolle and Pock 2011 for the steps (bound_prices.c).
 */
#ifndef WEIR_MATCH_BOUND_H
#define WEIR_MATCH_BOUND_H

#include "base/arena.h"
#include "policy/fit.h"

/* Demands of equal ask that the round had before it: jobs, or single replicas of services. */
struct bound_demand {
	const struct ask *ask;
	int64_t count;
	const uint64_t *allowed; /* bit set over the sites: those that the hard rules allow */
	int64_t value;           /* of placing one of them, more than 0 */
};

struct bound_input {
	const struct supply *const *supplies; /* one per site, as they were before the round; NULL: none known */
	size_t site_count;
	const struct bound_demand *demands;
	size_t demand_count;
	struct rule_context context;
	uint32_t steps; /* at most, of each of two passes; 0: 160, or fewer where the problem is large */
	uint32_t kinds_max; /* kinds of nodes and of sites to keep apart; 0: as many as time allows. Fewer give a larger bound */
	int64_t placed; /* what a plan is known to place, in value: the steps end when the bound meets it. 0: not known */
};

struct bound {
	int64_t value; /* no plan places more than this, in value; INT64_MAX when it is beyond that */
	uint32_t steps; /* made */
	uint32_t site_kinds, node_kinds; /* after pooling */
	bool pooled;    /* there were too many kinds of nodes or sites to keep them apart */
};

/* All memory is the arena's. O(nodes + demands * kinds of nodes * steps), where the last product is kept below
 * BOUND_WORK_MAX by fewer kinds and steps. */
void bound_compute(const struct bound_input *input, struct arena *arena, struct bound *ret);

#define BOUND_WORK_MAX 40000000
#define BOUND_CPU_OF_CHIP_MILLI 8000   /* milli-cores that count like a chip, for demands without chips */
#define BOUND_MEMORY_OF_CHIP_MIB 65536 /* likewise */

/* A value to count by when there is no better one: the milli-chips that placing one of these takes, over all workers of
 * a job, of one replica of a service. A demand without chips counts by the larger of its CPU (8 cores are a chip) and its
 * memory (64 GiB are a chip). At least 1; saturates. */
int64_t bound_value_of(const struct ask *ask);

#endif
