/* The order of one round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "share_model.h"

#define DAY_US INT64_C(86400000000)

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

/* Over weight: of the node, or where that is the tenant's own group (-1), of its own work. */
static long double model_share(const struct model *model, int tenant, int node)
{
	if (node < 0)
		return model_standing(model, tenant, true);
	return model_standing(model, node, false) / (long double)model->tenants[node].spec.weight;
}

/* -1, 0, 1; 2 where the two are so near that rounding may decide. */
static int model_compare(const struct model *model, int a, int b)
{
	int a_path[POLICY_DEPTH_MAX], b_path[POLICY_DEPTH_MAX], shared = 0;
	int a_depth = model_path(model, a, a_path), b_depth = model_path(model, b, b_path);
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
	a_share = model_share(model, a, shared == a_depth ? -1 : a_path[shared]);
	b_share = model_share(model, b, shared == b_depth ? -1 : b_path[shared]);
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
			ret[a][b] = sign_of(share_pick_compare(pick, model_number(shares, model, a), model_number(shares, model, b)));
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
		if (has_work[i] && (best == TENANT_NONE || share_pick_compare(pick, model_number(shares, model, i), best) < 0))
			best = model_number(shares, model, i);
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
		model_pass(&model, model.now_us + model_random(&model, model.policy.half_life_us));
		pick = share_pick_new(shares, model.now_us);
		check_order(&model, shares, pick);
		for (int step = 0; step < 150; step++) {
			int tenant = (int)model_random(&model, model.count);
			struct amounts amounts = model_amounts(&model, 100);

			switch (model_random(&model, 4)) {
			case 0:
				model_hold(&model, tenant, &amounts, 1);
				share_pick_charge(pick, model_number(shares, &model, tenant), &amounts);
				break;
			case 1: /* what was held before the round goes, too */
				amounts.cpu_milli = model_random(&model, model.tenants[tenant].held[0] + 1);
				amounts.memory_mib = model_random(&model, model.tenants[tenant].held[1] + 1);
				amounts.chip_milli = model_random(&model, model.tenants[tenant].held[2] + 1);
				model_hold(&model, tenant, &amounts, -1);
				share_pick_release(pick, model_number(shares, &model, tenant), &amounts);
				break;
			default:
				has_work[tenant] = model_random(&model, 3);
				share_pick_set(pick, model_number(shares, &model, tenant), has_work[tenant]);
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
			given[i] = model_amounts(&model, 100);
			share_pick_charge(charged, model_number(shares, &model, i), &given[i]);
		}
		orders_of(&model, shares, charged, before);
		share_pick_free(charged);
		for (int i = 0; i < model.count; i++)
			shares_charge(shares, model_number(shares, &model, i), &given[i], model.now_us);
		charged = share_pick_new(shares, model.now_us);
		orders_of(&model, shares, charged, after);
		share_pick_free(charged);
		assert_memory_equal(before, after, sizeof(before));
		shares_free(shares);
	}
}

static struct amounts chips(int64_t count)
{
	return (struct amounts){ .cpu_milli = count * 8000, .memory_mib = count * 65536, .chip_milli = count * 1000 };
}

/* Whether the verdict names the nearest limit that is in the way, and the numbers. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pick_is_in_order_whatever_it_is_charged),
		cmocka_unit_test(a_charged_pick_is_a_pick_of_charged_shares),
		cmocka_unit_test(who_is_short_of_a_quota_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
