#include "policy/price.h"

#define PRODUCT_MAX (PRICE_HOUR_MAX * 1024)
#define MIB_PER_GIB 1024

static int64_t times_limited(int64_t a, int64_t b)
{
	int64_t product;

	return __builtin_mul_overflow(a, b, &product) || product > PRODUCT_MAX ? PRODUCT_MAX : product;
}

int64_t price_at_site(const struct ask *ask, const struct site_view *site)
{
	const struct shape *shape = &ask->shape;
	int64_t price = times_limited(site->price.core_hour_micro, shape->cpu_milli) / 1000 +
			times_limited(site->price.gib_hour_micro, shape->memory_mib) / MIB_PER_GIB +
			times_limited(site->price.chip_hour_micro, shape->chips.milli) / CHIP_MILLI;

	price = times_limited(price, ask->kind == DEMAND_JOB ? ask->workers : 1);
	return price > PRICE_HOUR_MAX ? PRICE_HOUR_MAX : price;
}
