#include "share_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HOUR_US INT64_C(3600000000)
#define DAY_US (24 * HOUR_US)

int64_t model_random(struct model *model, int64_t bound)
{
	return (int64_t)rng_below(&model->rng, (uint64_t)bound);
}

struct amounts model_amounts(struct model *model, int64_t most)
{
	return (struct amounts){ model_random(model, 3) ? model_random(model, most * 1000) : 0, model_random(model, most * 4096),
				 model_random(model, 2) ? model_random(model, most) * 1000 : model_random(model, 1000) };
}

int model_depth(const struct model *model, int tenant)
{
	int depth = 0;

	for (; tenant >= 0; tenant = model->tenants[tenant].parent)
		depth++;
	return depth;
}

void model_init(struct model *model, uint64_t seed)
{
	memset(model, 0, sizeof(*model));
	rng_init(&model->rng, seed);
	model->count = 2 + (int)model_random(model, MODEL_TENANTS_MAX - 2);
	for (int r = 0; r < 3; r++)
		model->supply[r] = model_random(model, 8) ? 1 + model_random(model, 3000000) : 0;
	for (int i = 0; i < model->count; i++) {
		struct model_tenant *tenant = &model->tenants[i];

		snprintf(tenant->name, sizeof(tenant->name), "t%04d", (int)model_random(model, 100) * 100 + i);
		tenant->parent = (int)model_random(model, i + 1) - 1;
		if (tenant->parent >= 0 && model_depth(model, tenant->parent) >= POLICY_DEPTH_MAX)
			tenant->parent = -1;
		tenant->quota = model_amounts(model, 400);
		tenant->limit = model_amounts(model, 900);
		tenant->spec = (struct tenant_spec){
			.name = tenant->name, .parent = tenant->parent < 0 ? "" : model->tenants[tenant->parent].name,
			.weight = model_random(model, 3) ? 1 + model_random(model, 5) : 1 + model_random(model, POLICY_WEIGHT_MAX),
			.quota = model_random(model, 2) ? &tenant->quota : NULL, .limit = model_random(model, 2) ? &tenant->limit : NULL,
		};
		model->specs[i] = tenant->spec;
	}
	for (int i = model->count - 1; i > 0; i--) { /* any order */
		int other = (int)model_random(model, i + 1);
		struct tenant_spec kept = model->specs[i];

		model->specs[i] = model->specs[other];
		model->specs[other] = kept;
	}
	policy_defaults(&model->policy);
	model->policy.half_life_us = model_random(model, 2) ? 7 * DAY_US : 1000000 + model_random(model, HOUR_US);
	model->policy.tenants = model->specs;
	model->policy.tenant_count = (size_t)model->count;
}

struct shares *model_shares(const struct model *model)
{
	struct amounts supply = { model->supply[0], model->supply[1], model->supply[2] };
	struct shares *shares = shares_new(&model->policy);

	shares_set_supply(shares, &supply);
	return shares;
}

bool model_below(const struct model *model, int tenant, int node)
{
	for (; tenant >= 0; tenant = model->tenants[tenant].parent)
		if (tenant == node)
			return true;
	return node < 0;
}

int64_t model_total(const struct model *model, int node, int r)
{
	int64_t total = 0;

	for (int i = 0; i < model->count; i++)
		total += model_below(model, i, node) ? model->tenants[i].held[r] : 0;
	return total;
}

void model_pass(struct model *model, int64_t to_us)
{
	long double left = exp2l(-(long double)(to_us - model->now_us) / (long double)model->policy.half_life_us);

	for (int i = 0; i < model->count; i++)
		for (int r = 0; r < 3; r++) {
			struct model_tenant *tenant = &model->tenants[i];

			tenant->used[r] = tenant->used[r] * left + (long double)tenant->held[r] * (1 - left);
		}
	model->now_us = to_us;
}

void model_hold(struct model *model, int tenant, const struct amounts *amounts, int sign)
{
	int64_t values[3];

	amounts_split(amounts, values);
	for (int r = 0; r < 3; r++) {
		model->tenants[tenant].held[r] += sign * values[r];
		model->changed[r] += (long double)values[r];
	}
}

uint32_t model_number(struct shares *shares, const struct model *model, int tenant)
{
	return shares_tenant(shares, tenant < 0 ? "" : model->tenants[tenant].name);
}

void model_step(struct model *model, struct shares *shares)
{
	int64_t step_us = (int64_t)rng_below(&model->rng, (uint64_t)model->policy.half_life_us);

	step_us >>= model_random(model, 50);
	if (model_random(model, 60) == 0)
		step_us += model->policy.half_life_us * model_random(model, 20);
	model_pass(model, model->now_us + step_us);
	if (model->held_count && (model->held_count == MODEL_HELD_MAX || model_random(model, 2))) {
		int place = (int)model_random(model, model->held_count);
		struct model_held *held = &model->held[place];

		model_hold(model, held->tenant, &held->amounts, -1);
		shares_release(shares, model_number(shares, model, held->tenant), &held->amounts, model->now_us);
		*held = model->held[--model->held_count];
	} else {
		struct model_held held = { (int)model_random(model, model->count), model_amounts(model, 300) };
		uint32_t number = model_number(shares, model, held.tenant);

		if (shares_admit(shares, number, &held.amounts).code != VERDICT_FITS)
			return;
		model_hold(model, held.tenant, &held.amounts, 1);
		shares_charge(shares, number, &held.amounts, model->now_us);
		model->held[model->held_count++] = held;
	}
}
