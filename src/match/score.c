#include "match/score.h"

#define PERMILLE_MAX 8000

/* Of the price, in thousandths: what it counts as worse to use a tier that is better kept for others. */
static const int tier_permille[DEMAND_KIND_COUNT][TIER_COUNT] = {
	[DEMAND_JOB] = { [TIER_HUB] = 0, [TIER_REGIONAL] = 50, [TIER_EDGE] = 100 },
	[DEMAND_SERVICE] = { [TIER_HUB] = 100, [TIER_REGIONAL] = 50, [TIER_EDGE] = 0 },
};

int64_t score_site(const struct ask *ask, const struct site_view *site, const struct rule_context *context)
{
	int64_t permille = tier_permille[ask->kind][site->tier];
	int64_t price = price_at_site(ask, site);
	int64_t near_us = 0;

	if (ask->kind == DEMAND_SERVICE && ask->where.near && topology_near_us(context->topology, site->index, ask->where.near, &near_us) == 0)
		permille += near_us / 20; /* 5 % a millisecond */
	permille = permille > PERMILLE_MAX ? PERMILLE_MAX : permille;
	/* The permille itself orders sites that are free of charge. */
	return price + price * permille / 1000 + permille;
}
