/* Fair shares against a slow model of their own: accounts in long doubles that are settled at every step, trees as plain lists, and
 * the rules of shares.h written down once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "match/shares_private.h"

#define HOUR_US INT64_C(3600000000)
#define DAY_US (24 * HOUR_US)
#define MODEL_TENANTS_MAX 24
#define MODEL_HELD_MAX 64

struct model_tenant {
	char name[16];
	int parent; /* -1 the root */
	struct tenant_spec spec;
	struct amounts quota, limit;
	long double used[3]; /* the decayed mean of what it held itself */
	int64_t held[3];     /* itself */
};

struct model {
	struct rng rng;
	struct policy_spec policy;
	struct tenant_spec specs[MODEL_TENANTS_MAX];
	struct model_tenant tenants[MODEL_TENANTS_MAX];
	int count;
	int64_t supply[3];
	int64_t now_us;
	long double changed[3]; /* all amounts that ever came or went */
	struct model_held {
		int tenant;
		struct amounts amounts;
	} held[MODEL_HELD_MAX];
	int held_count;
};

static int64_t random_below(struct model *model, int64_t bound)
{
	return (int64_t)rng_below(&model->rng, (uint64_t)bound);
}

static struct amounts random_amounts(struct model *model, int64_t most)
{
	return (struct amounts){ random_below(model, 3) ? random_below(model, most * 1000) : 0, random_below(model, most * 4096),
				 random_below(model, 2) ? random_below(model, most) * 1000 : random_below(model, 1000) };
}

static int model_depth(const struct model *model, int tenant)
{
	int depth = 0;

	for (; tenant >= 0; tenant = model->tenants[tenant].parent)
		depth++;
	return depth;
}

static void model_init(struct model *model, uint64_t seed)
{
	memset(model, 0, sizeof(*model));
	rng_init(&model->rng, seed);
	model->count = 2 + (int)random_below(model, MODEL_TENANTS_MAX - 2);
	for (int r = 0; r < 3; r++)
		model->supply[r] = random_below(model, 8) ? 1 + random_below(model, 3000000) : 0;
	for (int i = 0; i < model->count; i++) {
		struct model_tenant *tenant = &model->tenants[i];

		snprintf(tenant->name, sizeof(tenant->name), "t%04d", (int)random_below(model, 100) * 100 + i);
		tenant->parent = (int)random_below(model, i + 1) - 1;
		if (tenant->parent >= 0 && model_depth(model, tenant->parent) >= POLICY_DEPTH_MAX)
			tenant->parent = -1;
		tenant->quota = random_amounts(model, 400);
		tenant->limit = random_amounts(model, 900);
		tenant->spec = (struct tenant_spec){
			.name = tenant->name, .parent = tenant->parent < 0 ? "" : model->tenants[tenant->parent].name,
			.weight = random_below(model, 3) ? 1 + random_below(model, 5) : 1 + random_below(model, POLICY_WEIGHT_MAX),
			.quota = random_below(model, 2) ? &tenant->quota : NULL, .limit = random_below(model, 2) ? &tenant->limit : NULL,
		};
		model->specs[i] = tenant->spec;
	}
	for (int i = model->count - 1; i > 0; i--) { /* any order */
		int other = (int)random_below(model, i + 1);
		struct tenant_spec kept = model->specs[i];

		model->specs[i] = model->specs[other];
		model->specs[other] = kept;
	}
	policy_defaults(&model->policy);
	model->policy.half_life_us = random_below(model, 2) ? 7 * DAY_US : 1000000 + random_below(model, HOUR_US);
	model->policy.tenants = model->specs;
	model->policy.tenant_count = (size_t)model->count;
}

static struct shares *model_shares(const struct model *model)
{
	struct amounts supply = { model->supply[0], model->supply[1], model->supply[2] };
	struct shares *shares = shares_new(&model->policy);

	shares_set_supply(shares, &supply);
	return shares;
}

static bool model_below(const struct model *model, int tenant, int node)
{
	for (; tenant >= 0; tenant = model->tenants[tenant].parent)
		if (tenant == node)
			return true;
	return node < 0;
}

static int64_t model_total(const struct model *model, int node, int r)
{
	int64_t total = 0;

	for (int i = 0; i < model->count; i++)
		total += model_below(model, i, node) ? model->tenants[i].held[r] : 0;
	return total;
}

static void model_pass(struct model *model, int64_t to_us)
{
	long double left = exp2l(-(long double)(to_us - model->now_us) / (long double)model->policy.half_life_us);

	for (int i = 0; i < model->count; i++)
		for (int r = 0; r < 3; r++) {
			struct model_tenant *tenant = &model->tenants[i];

			tenant->used[r] = tenant->used[r] * left + (long double)tenant->held[r] * (1 - left);
		}
	model->now_us = to_us;
}

static void model_hold(struct model *model, int tenant, const struct amounts *amounts, int sign)
{
	int64_t values[3];

	amounts_split(amounts, values);
	for (int r = 0; r < 3; r++) {
		model->tenants[tenant].held[r] += sign * values[r];
		model->changed[r] += (long double)values[r];
	}
}

static uint32_t number_of(struct shares *shares, const struct model *model, int tenant)
{
	return shares_tenant(shares, tenant < 0 ? "" : model->tenants[tenant].name);
}

/* A random step of time, and something held or released. Asks that a limit refuses are not held. */
static void model_step(struct model *model, struct shares *shares)
{
	int64_t step_us = (int64_t)rng_below(&model->rng, (uint64_t)model->policy.half_life_us);

	step_us >>= random_below(model, 50);
	if (random_below(model, 60) == 0)
		step_us += model->policy.half_life_us * random_below(model, 20);
	model_pass(model, model->now_us + step_us);
	if (model->held_count && (model->held_count == MODEL_HELD_MAX || random_below(model, 2))) {
		int place = (int)random_below(model, model->held_count);
		struct model_held *held = &model->held[place];

		model_hold(model, held->tenant, &held->amounts, -1);
		shares_release(shares, number_of(shares, model, held->tenant), &held->amounts, model->now_us);
		*held = model->held[--model->held_count];
	} else {
		struct model_held held = { (int)random_below(model, model->count), random_amounts(model, 300) };
		uint32_t number = number_of(shares, model, held.tenant);

		if (shares_admit(shares, number, &held.amounts).code != VERDICT_FITS)
			return;
		model_hold(model, held.tenant, &held.amounts, 1);
		shares_charge(shares, number, &held.amounts, model->now_us);
		model->held[model->held_count++] = held;
	}
}

/* --- growth and decay --- */

static void powers_are_within_their_bound(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 1);
	assert_int_equal(decay_power(0), UINT64_C(1) << 62);
	for (int i = 0; i < 200000; i++) {
		uint64_t fraction = rng_next(&rng) >> rng_below(&rng, 64);
		long double exact = exp2l((long double)fraction / 0x1p64L) * 0x1p62L, got = (long double)decay_power(fraction);

		assert_true(got <= exact + 1 && got >= exact - 257);
	}
}

static void growth_never_falls(void **state)
{
	static const int64_t half_lives_us[] = { DECAY_HALF_LIFE_MIN_US, 3600000001, 7 * DAY_US, DECAY_HALF_LIFE_MAX_US };
	struct rng rng;

	(void)state;
	rng_init(&rng, 2);
	for (size_t i = 0; i < ARRAY_COUNT(half_lives_us); i++) {
		int64_t half_us = half_lives_us[i];

		for (int n = 0; n < 40000; n++) {
			/* Also about the bounds of halves of half-lives, where most bits of the fraction change. */
			int64_t time_us = n % 2 ? half_us / 16 * (int64_t)rng_below(&rng, 400) : (int64_t)rng_below(&rng, (uint64_t)half_us * 20);
			struct decay_moment before, after;
			long double exact;

			decay_at(half_us, time_us, &before);
			decay_at(half_us, time_us + 1, &after);
			exact = exp2l((long double)(time_us % (half_us * DECAY_EPOCH_HALVES)) / (long double)half_us + DECAY_FRACTION_BITS);
			assert_int_equal(before.epoch, time_us / half_us / DECAY_EPOCH_HALVES);
			assert_true(after.epoch > before.epoch || after.growth > before.growth);
			assert_true(before.growth >> (DECAY_FRACTION_BITS + DECAY_EPOCH_HALVES) == 0);
			assert_true(fabsl((long double)before.growth - exact) <= exact * 0x1p-54L);
		}
	}
}

static void sums_are_shifted_towards_zero(void **state)
{
	(void)state;
	assert_true(decay_shift(129, 1) == 2);
	assert_true(decay_shift(-129, 1) == -2);
	assert_true(decay_shift(-63, 1) == 0);
	assert_true(decay_shift(-129, 0) == -129);
	assert_true(decay_shift((__int128)1 << 125, 20) == 32);
	assert_true(decay_shift((__int128)1 << 126, 21) == 1);
	assert_true(decay_shift((__int128)1 << 126, 22) == 0);
	assert_true(decay_shift(-((__int128)1 << 126), 1000000) == 0);
}

/* The decayed mean of what a node itself held, as it is kept. */
static long double kept(const struct shares *shares, uint32_t number, int r, bool total)
{
	const struct share_node *node = &shares->nodes[number];
	const struct account *account = total ? &node->total : &node->own;
	__int128 value = account->sum[r] + (__int128)account->held[r] * shares->now.growth;

	assert_true(value >= 0);
	return (long double)value / (long double)shares->now.growth;
}

static void accounts_decay_as_the_closed_form_says(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 150; seed++) {
		struct model model;
		struct shares *shares;

		model_init(&model, seed);
		shares = model_shares(&model);
		for (int step = 0; step < 200; step++) {
			model_step(&model, shares);
			if (shares->now_us != model.now_us)
				continue;
			for (int i = 0; i < model.count; i++)
				for (int r = 0; r < 3; r++) {
					long double got = kept(shares, number_of(shares, &model, i), r, false);

					/* The stated bound, and the model's own rounding. */
					assert_true(fabsl(got - model.tenants[i].used[r]) <= model.changed[r] * 0x1p-53L + 0x1p-40L);
				}
		}
		shares_free(shares);
	}
}

static void totals_are_exact_sums(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct model model;
		struct shares *shares;

		model_init(&model, seed + 1000);
		shares = model_shares(&model);
		for (int step = 0; step < 100; step++)
			model_step(&model, shares);
		for (int i = -1; i < model.count; i++)
			for (int r = 0; r < 3; r++) {
				const struct account *total = &shares->nodes[number_of(shares, &model, i)].total;
				__int128 sum = 0;

				for (int j = 0; j < model.count; j++)
					if (model_below(&model, j, i))
						sum += shares->nodes[number_of(shares, &model, j)].own.sum[r];
				assert_true(sum == total->sum[r]);
				assert_int_equal(total->held[r], model_total(&model, i, r));
			}
		shares_free(shares);
	}
}

static void ten_million_chips_for_thirty_years(void **state)
{
	/* A thousand tenants hold all of 1,250,000 nodes with 2 TiB and 256 cores each. */
	struct amounts all = { INT64_C(320000000000), INT64_C(2621440000000), INT64_C(10000000000) }, part = all;
	struct shares *shares = shares_new(NULL);
	struct share_view view;
	char name[16];

	(void)state;
	part.cpu_milli /= 1000;
	part.memory_mib /= 1000;
	part.chip_milli /= 1000;
	shares_set_supply(shares, &all);
	for (int year = 0; year < 30; year++)
		for (int i = 0; i < 1000; i++) {
			int64_t now_us = (year * INT64_C(365) + i / 4) * DAY_US;
			uint32_t tenant;

			snprintf(name, sizeof(name), "t%d", i);
			tenant = shares_tenant(shares, name);
			if (year)
				shares_release(shares, tenant, &part, now_us);
			shares_charge(shares, tenant, &part, now_us);
		}
	shares_view(shares, TENANT_ROOT, 30 * 365 * DAY_US, &view);
	assert_in_range(view.used_ppm, 999999, 1000000);
	shares_view(shares, shares_tenant(shares, "t7"), 30 * 365 * DAY_US, &view);
	assert_in_range(view.used_ppm, 999, 1000);
	assert_int_equal(view.promised_ppm, 1000);
	assert_true(view.borrows);
	assert_null(view.quota);
	shares_free(shares);
}

/* --- the order --- */

static long double model_standing(const struct model *model, int node, bool itself)
{
	long double most = 0, kept_part = exp2l(-1.0L / 8);

	for (int r = 0; r < 3; r++) {
		long double value = 0;

		for (int i = 0; i < model->count; i++)
			if (itself ? i == node : model_below(model, i, node))
				value += model->tenants[i].used[r] * kept_part + (long double)model->tenants[i].held[r] * (1 - kept_part);
		if (model->supply[r])
			most = fmaxl(most, value / (long double)model->supply[r]);
	}
	return most;
}

/* Whether a quota of the node is not used up in any resource that it names. */
static bool model_short(const struct model *model, int node)
{
	const struct tenant_spec *spec = &model->tenants[node].spec;
	int64_t quota[3];
	int named = 0, below = 0;

	if (!spec->quota)
		return false;
	amounts_split(spec->quota, quota);
	for (int r = 0; r < 3; r++) {
		named += quota[r] > 0;
		below += quota[r] > 0 && model_total(model, node, r) < quota[r];
	}
	return named && named == below;
}

/* The nodes from below the root to the tenant. */
static int model_path(const struct model *model, int tenant, int *path)
{
	int depth = model_depth(model, tenant);

	for (int i = depth; i > 0; i--, tenant = model->tenants[tenant].parent)
		path[i - 1] = tenant;
	return depth;
}

/* -1, 0, 1; 2 where the two are so near that rounding may decide. */
static int model_compare(const struct model *model, int a, int b)
{
	int a_path[POLICY_DEPTH_MAX], b_path[POLICY_DEPTH_MAX], a_depth = model_path(model, a, a_path), b_depth = model_path(model, b, b_path);
	int shared = 0;
	bool a_sure = false, b_sure = false;
	long double a_share, b_share;

	if (a == b)
		return 0;
	while (shared < a_depth && shared < b_depth && a_path[shared] == b_path[shared])
		shared++;
	for (int i = shared; i < a_depth; i++)
		a_sure |= model_short(model, a_path[i]);
	for (int i = shared; i < b_depth; i++)
		b_sure |= model_short(model, b_path[i]);
	if (a_sure != b_sure)
		return a_sure ? -1 : 1;
	a_share = shared == a_depth ? model_standing(model, a, true)
				    : model_standing(model, a_path[shared], false) / (long double)model->tenants[a_path[shared]].spec.weight;
	b_share = shared == b_depth ? model_standing(model, b, true)
				    : model_standing(model, b_path[shared], false) / (long double)model->tenants[b_path[shared]].spec.weight;
	if (fabsl(a_share - b_share) <= (a_share + b_share) * 1e-12L + 0x1p-48L)
		return a_share == 0 && b_share == 0 && shared < a_depth && shared < b_depth
			       ? (strcmp(model->tenants[a_path[shared]].name, model->tenants[b_path[shared]].name) < 0 ? -1 : 1)
			       : 2;
	return a_share < b_share ? -1 : 1;
}

static int sign_of(int order)
{
	return (order > 0) - (order < 0);
}

static void orders_of(struct model *model, struct shares *shares, struct share_pick *pick, int ret[][MODEL_TENANTS_MAX])
{
	memset(ret, 0, sizeof(int) * MODEL_TENANTS_MAX * MODEL_TENANTS_MAX);
	for (int a = 0; a < model->count; a++)
		for (int b = 0; b < model->count; b++)
			ret[a][b] = sign_of(share_pick_compare(pick, number_of(shares, model, a), number_of(shares, model, b)));
}

static void check_order(struct model *model, struct shares *shares, struct share_pick *pick)
{
	int order[MODEL_TENANTS_MAX][MODEL_TENANTS_MAX];

	orders_of(model, shares, pick, order);
	for (int a = 0; a < model->count; a++)
		for (int b = 0; b < model->count; b++) {
			int expected = model_compare(model, a, b);

			assert_true(expected == 2 || expected == order[a][b]);
			assert_int_equal(order[a][b], -order[b][a]);
			assert_true((order[a][b] == 0) == (a == b));
			for (int c = 0; c < model->count; c++)
				assert_true(!(order[a][b] < 0 && order[b][c] < 0) || order[a][c] < 0);
		}
}

/* The next is the first of a scan over all that have work. */
static void check_next(struct model *model, struct shares *shares, struct share_pick *pick, const bool *has_work)
{
	uint32_t next = share_pick_next(pick), best = TENANT_NONE;

	for (int i = 0; i < model->count; i++)
		if (has_work[i] && (best == TENANT_NONE || share_pick_compare(pick, number_of(shares, model, i), best) < 0))
			best = number_of(shares, model, i);
	assert_int_equal(next, best);
}

static void a_pick_is_in_order_whatever_it_is_charged(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 120; seed++) {
		bool has_work[MODEL_TENANTS_MAX] = { false };
		struct share_pick *pick;
		struct shares *shares;
		struct model model;

		model_init(&model, seed + 2000);
		shares = model_shares(&model);
		for (int step = 0; step < 60; step++)
			model_step(&model, shares);
		model_pass(&model, model.now_us + random_below(&model, model.policy.half_life_us));
		pick = share_pick_new(shares, model.now_us);
		check_order(&model, shares, pick);
		for (int step = 0; step < 150; step++) {
			int tenant = (int)random_below(&model, model.count);
			struct amounts amounts = random_amounts(&model, 100);

			switch (random_below(&model, 4)) {
			case 0:
				model_hold(&model, tenant, &amounts, 1);
				share_pick_charge(pick, number_of(shares, &model, tenant), &amounts);
				break;
			case 1: /* what was held before the round goes, too */
				amounts.cpu_milli = random_below(&model, model.tenants[tenant].held[0] + 1);
				amounts.memory_mib = random_below(&model, model.tenants[tenant].held[1] + 1);
				amounts.chip_milli = random_below(&model, model.tenants[tenant].held[2] + 1);
				model_hold(&model, tenant, &amounts, -1);
				share_pick_release(pick, number_of(shares, &model, tenant), &amounts);
				break;
			default:
				has_work[tenant] = random_below(&model, 3);
				share_pick_set(pick, number_of(shares, &model, tenant), has_work[tenant]);
			}
			check_next(&model, shares, pick, has_work);
			if (step % 30 == 0)
				check_order(&model, shares, pick);
		}
		share_pick_free(pick);
		shares_free(shares);
	}
}

static void a_charged_pick_is_a_pick_of_charged_shares(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct amounts given[MODEL_TENANTS_MAX];
		int before[MODEL_TENANTS_MAX][MODEL_TENANTS_MAX], after[MODEL_TENANTS_MAX][MODEL_TENANTS_MAX];
		struct share_pick *charged;
		struct shares *shares;
		struct model model;

		model_init(&model, seed + 3000);
		shares = model_shares(&model);
		for (int step = 0; step < 60; step++)
			model_step(&model, shares);
		shares_charge(shares, TENANT_ROOT, &(struct amounts){ 0 }, model.now_us);
		charged = share_pick_new(shares, model.now_us);
		for (int i = 0; i < model.count; i++) {
			given[i] = random_amounts(&model, 100);
			share_pick_charge(charged, number_of(shares, &model, i), &given[i]);
		}
		orders_of(&model, shares, charged, before);
		share_pick_free(charged);
		for (int i = 0; i < model.count; i++)
			shares_charge(shares, number_of(shares, &model, i), &given[i], model.now_us);
		charged = share_pick_new(shares, model.now_us);
		orders_of(&model, shares, charged, after);
		share_pick_free(charged);
		assert_memory_equal(before, after, sizeof(before));
		shares_free(shares);
	}
}

/* --- quotas and limits --- */

static struct amounts chips(int64_t count)
{
	return (struct amounts){ .cpu_milli = count * 8000, .memory_mib = count * 65536, .chip_milli = count * 1000 };
}

/* Whether the verdict names the nearest limit that is in the way, and the numbers. */
static bool check_admit(const struct model *model, int tenant, const struct amounts *ask, const struct verdict *verdict)
{
	int64_t wanted[3], limit[3], left = 0, want = 0;
	int breached = -1;

	amounts_split(ask, wanted);
	for (int at = tenant; at >= 0 && breached < 0; at = model->tenants[at].parent) {
		if (!model->tenants[at].spec.limit)
			continue;
		amounts_split(model->tenants[at].spec.limit, limit);
		for (int r = 2; r >= 0; r--)
			if (limit[r] && wanted[r] && model_total(model, at, r) + wanted[r] > limit[r]) {
				breached = at;
				left = limit[r] > model_total(model, at, r) ? limit[r] - model_total(model, at, r) : 0;
				want = wanted[r];
				if (r == 2 && left % 1000 == 0 && want % 1000 == 0) {
					left /= 1000;
					want /= 1000;
				}
			}
	}
	assert_int_equal(verdict->code, breached < 0 ? VERDICT_FITS : VERDICT_LIMIT);
	if (breached < 0)
		return false;
	assert_string_equal(verdict->name, model->tenants[breached].name);
	assert_int_equal(verdict->have, left);
	assert_int_equal(verdict->want, want);
	return true;
}

static void limits_hold_at_every_level(void **state)
{
	int refused = 0, refused_in_round = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct share_pick *pick;
		struct shares *shares;
		struct model model;

		model_init(&model, seed + 4000);
		shares = model_shares(&model);
		for (int step = 0; step < 150; step++) {
			struct amounts ask = random_amounts(&model, 600);
			int tenant = (int)random_below(&model, model.count);
			struct verdict verdict = shares_admit(shares, number_of(shares, &model, tenant), &ask);

			refused += check_admit(&model, tenant, &ask, &verdict);
			model_step(&model, shares);
		}
		pick = share_pick_new(shares, model.now_us);
		for (int step = 0; step < 100; step++) {
			struct amounts ask = random_amounts(&model, 600);
			int tenant = (int)random_below(&model, model.count);
			struct verdict verdict = share_pick_admit(pick, number_of(shares, &model, tenant), &ask);

			refused_in_round += check_admit(&model, tenant, &ask, &verdict);
			if (step % 8 == 0 || verdict.code == VERDICT_FITS) { /* also past a limit, as when it was lowered */
				share_pick_charge(pick, number_of(shares, &model, tenant), &ask);
				model_hold(&model, tenant, &ask, 1);
			}
		}
		share_pick_free(pick);
		shares_free(shares);
	}
	assert_true(refused > 1000 && refused_in_round > 1000);
}

static bool model_covers(const struct model *model, int node, const int64_t *wanted, bool *ret_keeps)
{
	const struct tenant_spec *spec = &model->tenants[node].spec;
	int64_t quota[3];
	int named = 0, covered = 0, kept_to = 0;

	*ret_keeps = false;
	if (!spec->quota)
		return false;
	amounts_split(spec->quota, quota);
	for (int r = 0; r < 3; r++) {
		if (!quota[r] || !wanted[r])
			continue;
		named++;
		covered += model_total(model, node, r) + wanted[r] <= quota[r];
		kept_to += model_total(model, node, r) <= quota[r];
	}
	*ret_keeps = kept_to == named;
	return named && covered == named;
}

static bool model_may_reclaim(const struct model *model, int tenant, const int64_t *wanted, int from)
{
	bool covered = false, kept_to = false, keeps;

	for (int at = tenant; at >= 0 && !model_below(model, from, at); at = model->tenants[at].parent)
		covered |= model_covers(model, at, wanted, &keeps);
	for (int at = from; at >= 0 && !model_below(model, tenant, at); at = model->tenants[at].parent) {
		model_covers(model, at, wanted, &keeps);
		kept_to |= keeps;
	}
	return covered && !kept_to;
}

static void quotas_are_as_the_rules_say(void **state)
{
	int reclaims = 0, covers = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct model model;
		struct shares *shares;
		struct share_pick *pick;

		model_init(&model, seed + 5000);
		shares = model_shares(&model);
		for (int step = 0; step < 60; step++)
			model_step(&model, shares);
		pick = share_pick_new(shares, model.now_us);
		for (int step = 0; step < 300; step++) {
			int a = (int)random_below(&model, model.count), b = (int)random_below(&model, model.count);
			uint32_t a_number = number_of(shares, &model, a), b_number = number_of(shares, &model, b);
			struct amounts ask = random_amounts(&model, 50);
			bool covered = false, may, keeps;
			int64_t wanted[3];

			amounts_split(&ask, wanted);
			for (int at = a; at >= 0; at = model.tenants[at].parent)
				covered |= model_covers(&model, at, wanted, &keeps);
			assert_int_equal(share_pick_within_quota(pick, a_number, &ask), covered);
			may = model_may_reclaim(&model, a, wanted, b);
			assert_int_equal(share_pick_may_reclaim(pick, a_number, &ask, b_number), may);
			covers += covered;
			reclaims += may;
			if (step % 3)
				continue;
			share_pick_charge(pick, b_number, &ask);
			model_hold(&model, b, &ask, 1);
			/* Never in a circle: who was just given what a quota covers does not lose it to the others' quotas for the same. */
			if (step % 2 && may) {
				share_pick_charge(pick, a_number, &ask);
				model_hold(&model, a, &ask, 1);
				assert_false(share_pick_may_reclaim(pick, b_number, &ask, a_number));
			}
		}
		share_pick_free(pick);
		shares_free(shares);
	}
	assert_true(reclaims > 500 && covers > 2000);
}

static void quotas_by_example(void **state)
{
	struct amounts all = chips(100), forty = { .chip_milli = 40000 }, thirty = { .chip_milli = 30000 }, sixty = { .chip_milli = 60000 };
	struct amounts ten = chips(10), one = chips(1), cores = { .cpu_milli = 1000, .memory_mib = 1024 };
	struct tenant_spec tenants[] = {
		{ .name = "lab", .parent = "", .weight = 1, .quota = &sixty },
		{ .name = "vision", .parent = "lab", .weight = 1, .quota = &forty },
		{ .name = "speech", .parent = "lab", .weight = 1 },
		{ .name = "shop", .parent = "", .weight = 1, .quota = &thirty },
		{ .name = "guest", .parent = "", .weight = 1 },
	};
	struct policy_spec policy;
	struct shares *shares;
	uint32_t vision, speech, shop, guest;

	(void)state;
	policy_defaults(&policy);
	policy.tenants = tenants;
	policy.tenant_count = ARRAY_COUNT(tenants);
	shares = shares_new(&policy);
	shares_set_supply(shares, &all);
	vision = shares_tenant(shares, "vision");
	speech = shares_tenant(shares, "speech");
	shop = shares_tenant(shares, "shop");
	guest = shares_tenant(shares, "guest");
	assert_false(shares_within_quota(shares, guest, &one));
	assert_true(shares_within_quota(shares, speech, &one)); /* the lab's */
	assert_false(shares_within_quota(shares, speech, &cores)); /* the quota names chips only */
	assert_false(shares_borrows(shares, guest));
	for (int i = 0; i < 6; i++)
		shares_charge(shares, speech, &ten, 0);
	for (int i = 0; i < 4; i++)
		shares_charge(shares, guest, &ten, 0);
	assert_false(shares_within_quota(shares, speech, &one));
	assert_true(shares_within_quota(shares, vision, &ten)); /* its own, though the lab's is used up */
	assert_false(shares_borrows(shares, speech));
	assert_true(shares_borrows(shares, guest));
	assert_true(shares_may_reclaim(shares, shop, &one, guest));
	assert_false(shares_may_reclaim(shares, shop, &one, speech)); /* the lab keeps to its quota */
	assert_true(shares_may_reclaim(shares, vision, &one, speech)); /* within the lab, speech has none */
	assert_true(shares_may_reclaim(shares, vision, &one, guest));
	assert_false(shares_may_reclaim(shares, speech, &one, guest));
	assert_false(shares_may_reclaim(shares, vision, &one, vision));
	assert_false(shares_may_reclaim(shares, guest, &one, shop));
	shares_charge(shares, speech, &ten, 0);
	assert_true(shares_borrows(shares, speech)); /* the lab is over its quota */
	assert_true(shares_may_reclaim(shares, shop, &ten, speech));
	assert_false(shares_may_reclaim(shares, shop, &all, speech));
	shares_free(shares);
}

static void who_is_short_of_a_quota_comes_first(void **state)
{
	struct amounts all = chips(100), quota = { .chip_milli = 20000 }, one = chips(1), some = chips(19);
	struct tenant_spec tenants[] = {
		{ .name = "group", .parent = "", .weight = 1 },
		{ .name = "sure", .parent = "group", .weight = 1, .quota = &quota },
		{ .name = "other", .parent = "group", .weight = 1 },
		{ .name = "alone", .parent = "", .weight = 100 },
	};
	struct policy_spec policy;
	struct share_pick *pick;
	struct shares *shares;
	uint32_t sure, other, alone;

	(void)state;
	policy_defaults(&policy);
	policy.tenants = tenants;
	policy.tenant_count = ARRAY_COUNT(tenants);
	shares = shares_new(&policy);
	shares_set_supply(shares, &all);
	sure = shares_tenant(shares, "sure");
	other = shares_tenant(shares, "other");
	alone = shares_tenant(shares, "alone");
	shares_charge(shares, sure, &some, 0);
	pick = share_pick_new(shares, DAY_US);
	share_pick_set(pick, other, true);
	share_pick_set(pick, alone, true);
	assert_int_equal(share_pick_next(pick), alone);
	share_pick_set(pick, sure, true);
	assert_int_equal(share_pick_next(pick), sure);
	assert_true(share_pick_compare(pick, other, alone) > 0); /* it has nothing of it */
	share_pick_charge(pick, sure, &one); /* now the quota is used up */
	assert_int_equal(share_pick_next(pick), alone);
	share_pick_release(pick, sure, &one);
	assert_int_equal(share_pick_next(pick), sure);
	share_pick_free(pick);
	shares_free(shares);
}

/* --- the tree and the policy --- */

static void numbers_stay_and_names_are_found(void **state)
{
	struct shares *shares = shares_new(NULL);
	char name[16];

	(void)state;
	assert_int_equal(shares_tenant_count(shares), 1);
	assert_int_equal(shares_tenant(shares, ""), TENANT_ROOT);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < POLICY_TENANTS_MAX; i++) {
			snprintf(name, sizeof(name), "tenant-%u", i);
			assert_int_equal(shares_tenant(shares, name), i + 1);
			assert_string_equal(shares_tenant_name(shares, i + 1), name);
		}
	assert_int_equal(shares_tenant_count(shares), POLICY_TENANTS_MAX + 1);
	shares_free(shares);
}

static void circles_and_depths_go_to_the_root(void **state)
{
	struct tenant_spec tenants[POLICY_DEPTH_MAX + 4];
	char names[ARRAY_COUNT(tenants)][16];
	struct policy_spec policy;
	struct shares *shares;
	struct share_view view;
	int at_root = 0;

	(void)state;
	policy_defaults(&policy);
	policy.tenants = tenants;
	policy.tenant_count = ARRAY_COUNT(tenants);
	for (int order = 0; order < 2; order++) {
		for (size_t i = 0; i < ARRAY_COUNT(tenants); i++) {
			size_t place = order ? ARRAY_COUNT(tenants) - 1 - i : i;

			snprintf(names[i], sizeof(names[i]), "t%zu", i);
			tenants[place] = (struct tenant_spec){ .name = names[i], .parent = i ? names[i - 1] : names[1], .weight = 0 };
		}
		shares = shares_new(&policy);
		at_root = 0;
		for (uint32_t i = 1; i < shares_tenant_count(shares); i++) {
			shares_view(shares, i, 0, &view);
			at_root += view.parent[0] == '\0';
			assert_int_equal(view.weight, 1);
			assert_in_range(shares->nodes[i].depth, 1, POLICY_DEPTH_MAX);
		}
		assert_true(at_root >= 1);
		shares_free(shares);
	}
}

static void a_new_policy_keeps_what_was_used(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct model model, next;
		struct shares *shares;

		model_init(&model, seed + 6000);
		shares = model_shares(&model);
		for (int step = 0; step < 60; step++)
			model_step(&model, shares);
		shares_charge(shares, TENANT_ROOT, &(struct amounts){ 0 }, model.now_us);
		model_init(&next, seed + 6001); /* another tree, of which most names are new */
		snprintf(next.tenants[0].name, sizeof(next.tenants[0].name), "%s", model.tenants[0].name);
		shares_set_policy(shares, &next.policy);
		assert_int_equal(shares->half_life_us, next.policy.half_life_us);
		for (int r = 0; r < 3; r++) {
			long double root = 0;

			for (int i = 0; i < model.count; i++) {
				uint32_t number = number_of(shares, &model, i);

				root += model.tenants[i].used[r];
				assert_int_equal(shares->nodes[number].own.held[r], model.tenants[i].held[r]);
				assert_true(fabsl(kept(shares, number, r, false) - model.tenants[i].used[r]) <= model.changed[r] * 0x1p-52L + 0x1p-40L);
			}
			assert_true(fabsl(kept(shares, TENANT_ROOT, r, true) - root) <= model.changed[r] * 0x1p-48L + 0x1p-36L);
		}
		for (int i = 0; i < model.count; i++)
			model.tenants[i].parent = -1;
		shares_set_policy(shares, &model.policy);
		shares_free(shares);
	}
}

/* --- kept over restarts --- */

static void import(struct model *model, const struct shares *old, struct shares *fresh)
{
	cleanup_arena struct arena arena = { 0 };
	struct share_account *accounts;
	size_t count;
	int64_t at_us;

	arena_init(&arena);
	count = shares_export(old, &arena, &accounts);
	assert_true(count > 0);
	at_us = accounts[0].at_us;
	for (size_t i = count; i > 1; i--) { /* any order */
		size_t other = (size_t)random_below(model, (int64_t)i);
		struct share_account last = accounts[i - 1];

		assert_true(last.used[0].part >= 0 && last.used[1].part >= 0 && last.used[2].part >= 0);
		accounts[i - 1] = accounts[other];
		accounts[other] = last;
	}
	shares_import(fresh, accounts, count);
	for (int i = model->held_count - 1; i >= 0; i--)
		shares_charge(fresh, number_of(fresh, model, model->held[i].tenant), &model->held[i].amounts, at_us);
}

static void a_restart_changes_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct model model, copy;
		struct shares *old, *fresh;

		model_init(&model, seed + 7000);
		old = model_shares(&model);
		for (int step = 0; step < 80; step++)
			model_step(&model, old);
		fresh = model_shares(&model);
		import(&model, old, fresh);
		for (int step = 0; step < 80; step++) {
			copy = model;
			copy.policy.tenants = model.specs;
			model_step(&copy, fresh);
			model_step(&model, old);
			for (int i = -1; i < model.count; i++) {
				uint32_t old_number = number_of(old, &model, i), number = number_of(fresh, &model, i);

				assert_memory_equal(&old->nodes[old_number].own, &fresh->nodes[number].own, sizeof(struct account));
				assert_memory_equal(&old->nodes[old_number].total, &fresh->nodes[number].total, sizeof(struct account));
			}
			assert_int_equal(old->now_us, fresh->now_us);
		}
		shares_free(old);
		shares_free(fresh);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(powers_are_within_their_bound),
		cmocka_unit_test(growth_never_falls),
		cmocka_unit_test(sums_are_shifted_towards_zero),
		cmocka_unit_test(accounts_decay_as_the_closed_form_says),
		cmocka_unit_test(totals_are_exact_sums),
		cmocka_unit_test(ten_million_chips_for_thirty_years),
		cmocka_unit_test(a_pick_is_in_order_whatever_it_is_charged),
		cmocka_unit_test(a_charged_pick_is_a_pick_of_charged_shares),
		cmocka_unit_test(limits_hold_at_every_level),
		cmocka_unit_test(quotas_are_as_the_rules_say),
		cmocka_unit_test(quotas_by_example),
		cmocka_unit_test(who_is_short_of_a_quota_comes_first),
		cmocka_unit_test(numbers_stay_and_names_are_found),
		cmocka_unit_test(circles_and_depths_go_to_the_root),
		cmocka_unit_test(a_new_policy_keeps_what_was_used),
		cmocka_unit_test(a_restart_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
