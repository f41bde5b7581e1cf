#include "match/score.h"

#define PERMILLE_MAX 8000 /* of the price, for tier or latency */
#define MIB_PER_GIB 1024
#define HOUR_US (INT64_C(3600) * 1000000)

/* a * b / c without overflow, at most SCORE_MAX. */
static int64_t scale(int64_t a, int64_t b, int64_t c)
{
	__int128 product = (__int128)a * b / c;

	return product > SCORE_MAX ? SCORE_MAX : (int64_t)product;
}

/* The data that lies elsewhere: what the links ask for it, and how long it is under way, one after the other. */
static void data_cost(const struct ask *ask, const struct site_view *site, const struct rule_context *context, int64_t *ret_price,
		      int64_t *ret_time_us)
{
	*ret_price = *ret_time_us = 0;
	for (size_t i = 0; i < ask->data_count; i++) {
		const struct data_reference *data = &ask->data[i];
		int64_t bandwidth_mbit, price_micro_per_gib;
		uint32_t from;

		if (data->size_mib == 0 || topology_site(context->topology, data->site, &from) < 0 || from == site->index)
			continue;
		topology_path(context->topology, from, site->index, &bandwidth_mbit, &price_micro_per_gib);
		*ret_price += scale(data->size_mib, price_micro_per_gib, MIB_PER_GIB);
		/* A MiB is 8.388608 Mbit. */
		*ret_time_us += scale(data->size_mib, 8388608, bandwidth_mbit);
		*ret_price = *ret_price > SCORE_MAX ? SCORE_MAX : *ret_price;
		*ret_time_us = *ret_time_us > SCORE_MAX ? SCORE_MAX : *ret_time_us;
	}
}

/* What the chips of one of the site's models that the ask may use draw, in milliwatts. */
static int64_t chip_power_mw(const struct ask *ask, const struct site_view *site, const struct rule_context *context)
{
	for (size_t g = 0; site->supply && g < site->supply->group_count; g++) {
		const struct supply_group *group = &site->supply->groups[g];
		uint64_t mask = rules_chip_mask(ask, group, context);
		const struct chip_model *model = NULL;

		if (mask && context->catalogue)
			model = catalogue_find(context->catalogue, group->chip_names[__builtin_ctzll(mask)]);
		if (model)
			return scale(model->power_w * (ask->kind == DEMAND_JOB ? ask->workers : 1), ask->shape.chips.milli, 1);
	}
	return 0;
}

static void energy_cost(const struct ask *ask, const struct site_view *site, const struct rule_context *context,
			const struct score_weights *weights, struct score *ret)
{
	const struct energy *energy = &site->energy;
	int64_t power_mw;

	if (ask->shape.chips.milli == 0 || (energy->price_micro_per_kwh == 0 && (energy->carbon_g_per_kwh == 0 || weights->carbon_micro_per_kg == 0)))
		return;
	power_mw = chip_power_mw(ask, site, context);
	if (energy->overhead_permille > 0)
		power_mw = scale(power_mw, energy->overhead_permille, 1000);
	ret->energy = scale(scale(power_mw, energy->price_micro_per_kwh, 1000000), weights->energy_permille, 1000);
	ret->carbon = scale(scale(power_mw, energy->carbon_g_per_kwh, 1000000), weights->carbon_micro_per_kg, 1000);
}

static int64_t limited(int64_t permille)
{
	return permille > PERMILLE_MAX ? PERMILLE_MAX : permille;
}

void score_site(const struct ask *ask, const struct site_view *site, const struct rule_context *context,
		const struct score_weights *weights, struct score *ret)
{
	int64_t tier = limited(weights->tier_permille[ask->kind][site->tier]), latency = 0, near_us, move_price, move_us;
	int64_t hours = ask->data_hours > 0 ? ask->data_hours : 1;

	*ret = (struct score){ .price = price_at_site(ask, site) };
	if (ask->kind == DEMAND_SERVICE && ask->where.near && topology_near_us(context->topology, site->index, ask->where.near, &near_us) == 0)
		latency = limited(scale(near_us, weights->latency_permille_per_ms, 1000));
	/* The permille itself orders sites that are free of charge. */
	ret->tier = scale(ret->price, tier, 1000) + tier;
	ret->latency = scale(ret->price, latency, 1000) + latency;
	if (ask->data_count > 0) {
		data_cost(ask, site, context, &move_price, &move_us);
		ret->data = scale(move_price, weights->data_permille, 1000 * hours);
		ret->wait = scale(scale(ret->price, move_us, HOUR_US), weights->wait_permille, 1000 * hours) + move_us / 1000000 / hours;
	}
	energy_cost(ask, site, context, weights, ret);
	for (const int64_t *part = &ret->price; part < &ret->total; part++)
		ret->total = *part > SCORE_MAX - ret->total ? SCORE_MAX : ret->total + *part;
}

int64_t score_scarcity(const struct ask *ask, const struct site_view *site, int64_t scarcity_permille,
		       const struct score_weights *weights)
{
	int64_t permille = limited(scale(scarcity_permille, weights->scarcity_permille, 1000));

	return scale(price_at_site(ask, site), permille, 1000) + permille;
}

int64_t score_fragmentation(const struct site_view *site, int64_t loss_milli, const struct score_weights *weights)
{
	return scale(scale(site->price.chip_hour_micro, loss_milli, CHIP_MILLI), weights->fragmentation_permille, 1000);
}
