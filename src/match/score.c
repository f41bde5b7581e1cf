#include "match/score.h"

#define PRICE_LIMIT ((int64_t)1 << 49) /* beyond any price; leaves room for the shares that are added */
#define PERMILLE_MAX 8000
#define MIB_PER_GIB 1024

/* Of the price, in thousandths: what it counts as worse to use a tier that is better kept for others. */
static const int tier_permille[DEMAND_KIND_COUNT][TIER_COUNT] = {
	[DEMAND_JOB] = { [TIER_HUB] = 0, [TIER_REGIONAL] = 50, [TIER_EDGE] = 100 },
	[DEMAND_SERVICE] = { [TIER_HUB] = 100, [TIER_REGIONAL] = 50, [TIER_EDGE] = 0 },
};

static int64_t times_limited(int64_t a, int64_t b)
{
	int64_t product;

	return __builtin_mul_overflow(a, b, &product) || product > PRICE_LIMIT * 1024 ? PRICE_LIMIT * 1024 : product;
}

int64_t price_at_site(const struct ask *ask, const struct site_view *site)
{
	const struct shape *shape = &ask->shape;
	int64_t price = times_limited(site->price.core_hour_micro, shape->cpu_milli) / 1000 +
			times_limited(site->price.gib_hour_micro, shape->memory_mib) / MIB_PER_GIB +
			times_limited(site->price.chip_hour_micro, shape->chips.milli) / CHIP_MILLI;

	price = times_limited(price, ask->kind == DEMAND_JOB ? ask->workers : 1);
	return price > PRICE_LIMIT ? PRICE_LIMIT : price;
}

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
