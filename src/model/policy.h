/* The network's policy as its operator writes it: what counts in the choice of a site, who may use how much, and how
 * the queue moves. The hard rules (clearance, residency, origin) are not here: they belong to demands, chips and sites. */
#ifndef WEIR_MODEL_POLICY_H
#define WEIR_MODEL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/demand.h"

#define POLICY_TENANTS_MAX 10000
#define POLICY_DEPTH_MAX 8          /* of the tree of tenants */
#define POLICY_WEIGHT_MAX 1000000
#define POLICY_RESERVATIONS_MAX 256
#define POLICY_BACKFILL_MAX 100000
#define POLICY_PERMILLE_MAX 100000  /* of each weight: a hundred times */
#define AMOUNT_MAX INT64_C(1000000000000) /* milli-cores, MiB, milli-chips of one tenant */

/* The rules for nodes; see match/pool.h. */
enum node_policy { NODE_POLICY_WEIR, NODE_POLICY_FGD, NODE_POLICY_BESTFIT, NODE_POLICY_RANDOM, NODE_POLICY_COUNT };
STRING_TABLE_DECLARE(enum node_policy, node_policy); /* weir, fgd, bestfit, random */

/* Who comes next within a priority: by share and age, or so that waits are short (match/turn.c). */
enum queue_order { QUEUE_AGE, QUEUE_SHORT, QUEUE_ORDER_COUNT };
STRING_TABLE_DECLARE(enum queue_order, queue_order); /* age, short */

/* Amounts of what every demand uses; the dominant resource is found among them. */
struct amounts {
	int64_t cpu_milli;
	int64_t memory_mib;
	int64_t chip_milli;
};

/* A tenant, or a group of tenants when others name it as their parent. One that no policy names stands below the root
 * with weight 1, no quota and no limit. */
struct tenant_spec {
	const char *name;
	const char *parent;    /* "" : the root */
	int64_t weight;        /* against its siblings; default 1 */
	struct amounts *quota; /* what it is sure of; NULL: nothing. Others may borrow what it leaves idle */
	struct amounts *limit; /* never more at once; NULL: no limit. A 0 in it is no limit for that resource */
};

/* What counts, in thousandths of the price at the site unless it says otherwise. The score of a site (match/score.h) is
 *
 *   price  * (1000 + tier + latency) / 1000      price: the ask's shapes at the site's prices, an hour
 * + data moved * the links' prices               these two spread over the hours that it may run
 * + wait   * price of the time that moving the data takes
 * + energy at the site's price + carbon at `carbon_micro_per_kg`
 * + scarcity: of the price, the more the more work there is that can go nowhere else
 * + fragmentation: chips that the placement makes useless, at the site's price for chips
 */
struct score_weights {
	int64_t tier_permille[DEMAND_KIND_COUNT][TIER_COUNT]; /* default: jobs 0, 50, 100; services 100, 50, 0 */
	int64_t latency_permille_per_ms; /* services, to their callers; default 50 */
	int64_t wait_permille;           /* an hour of waiting, of the price of an hour; default 1000 */
	int64_t data_permille;           /* of the links' prices; default 1000 */
	int64_t energy_permille;         /* of the site's price of energy; default 1000 */
	int64_t carbon_micro_per_kg;     /* default 0 */
	int64_t fragmentation_permille;  /* default 1000 */
	int64_t scarcity_permille;       /* of the price, at the site that narrow work depends on most (match/scarce.c); default 0 */
};

struct policy_spec {
	const char *name;
	const char *title;
	struct score_weights weights;
	struct tenant_spec *tenants;
	size_t tenant_count;
	int64_t half_life_us;     /* of used time in the fair share; default 7 days */
	int64_t reservations;     /* demands at the head of the queue that get one: 1 is EASY backfill, more is towards
				     conservative, 0 none; default 8 */
	int64_t backfill_depth;   /* entries of each class looked at behind one that does not fit; default 256 */
	bool preemption;          /* default true: willing work gives way to higher priorities and to quotas */
	enum node_policy nodes;   /* default weir */
	enum queue_order order;   /* default age */
};

void policy_defaults(struct policy_spec *policy);

#endif
