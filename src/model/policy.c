#include "model/policy.h"

static const char *const node_policy_words[] = { "weir", "fgd", "bestfit", "random" };
STRING_TABLE_DEFINE(enum node_policy, node_policy, NODE_POLICY_COUNT);

static const char *const queue_order_words[] = { "age", "short" };
STRING_TABLE_DEFINE(enum queue_order, queue_order, QUEUE_ORDER_COUNT);

void policy_defaults(struct policy_spec *policy)
{
	*policy = (struct policy_spec){
		.name = "", .title = "",
		.weights = {
			.tier_permille = {
				[DEMAND_JOB] = { [TIER_HUB] = 0, [TIER_REGIONAL] = 50, [TIER_EDGE] = 100 },
				[DEMAND_SERVICE] = { [TIER_HUB] = 100, [TIER_REGIONAL] = 50, [TIER_EDGE] = 0 },
			},
			.latency_permille_per_ms = 50, .wait_permille = 1000, .data_permille = 1000, .energy_permille = 1000,
			.fragmentation_permille = 1000,
		},
		.half_life_us = INT64_C(7) * 86400 * 1000000, .reservations = 8, .backfill_depth = 256, .preemption = true,
		.nodes = NODE_POLICY_WEIR,
	};
}
