/* What an ask costs at a site, in micro-units of money an hour. */
#ifndef WEIR_POLICY_PRICE_H
#define WEIR_POLICY_PRICE_H

#include "policy/rules.h"

#define PRICE_HOUR_MAX (INT64_C(1) << 49) /* beyond any price; leaves room for the shares that are added to it */

/* The ask's shapes at the site's prices: all workers of a job, one replica of a service. 0 to PRICE_HOUR_MAX; saturates. */
int64_t price_at_site(const struct ask *ask, const struct site_view *site);

#endif
