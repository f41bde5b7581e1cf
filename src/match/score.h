/* What it costs to place an ask at a site, in micro-units of money an hour; the weights are the network's policy.
 *
 * The parts, each 0 or more and saturating:
 *   price          the shapes of all workers of a job, or of one replica, at the site's prices
 *   tier, latency  shares of the price: for a tier better kept for others, and for the way to a service's callers
 *   data, wait     moving the data that lies elsewhere: the links' prices, and the time it takes, during which the
 *                  job waits. Both fall once and are spread over the time that it runs
 *   energy, carbon of the chips, where the site says what they cost and emit
 *   scarcity       a share of the price, for places that others depend on more (scarce.c); not in score_site()
 *   fragmentation  chips that the choice of nodes makes useless for the demand to come, at the site's price of chips.
 *                  Known only once nodes were chosen; score_site() leaves it 0
 * All but the last depend on ask and site alone, and are kept per class and site.
 */
#ifndef WEIR_MATCH_SCORE_H
#define WEIR_MATCH_SCORE_H

#include "model/policy.h"
#include "policy/price.h"

#define SCORE_MAX ((int64_t)1 << 58)

struct score {
	int64_t price, tier, latency, wait, data, energy, carbon, fragmentation;
	int64_t total;
};

void score_site(const struct ask *ask, const struct site_view *site, const struct rule_context *context,
		const struct score_weights *weights, struct score *ret);
/* What scarcity adds at a site that is `scarcity_permille` as scarce as the scarcest. The permille itself orders sites that are free of
 * charge. */
int64_t score_scarcity(const struct ask *ask, const struct site_view *site, int64_t scarcity_permille, const struct score_weights *weights);
/* What `loss_milli` chips made useless cost an hour at the site. */
int64_t score_fragmentation(const struct site_view *site, int64_t loss_milli, const struct score_weights *weights);

#endif
