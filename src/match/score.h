/* What a site costs an ask, in micro-units of money an hour: the first, simple rule for where. */
#ifndef WEIR_MATCH_SCORE_H
#define WEIR_MATCH_SCORE_H

#include "policy/price.h"

/* 0 or more; saturates instead of overflowing. `context` for the way to a service's callers. */
int64_t score_site(const struct ask *ask, const struct site_view *site, const struct rule_context *context);

#endif
