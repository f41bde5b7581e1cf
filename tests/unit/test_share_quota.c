/* Quotas and limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "share_model.h"

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
			struct amounts ask = model_amounts(&model, 600);
			int tenant = (int)model_random(&model, model.count);
			struct verdict verdict = shares_admit(shares, model_number(shares, &model, tenant), &ask);

			refused += check_admit(&model, tenant, &ask, &verdict);
			model_step(&model, shares);
		}
		pick = share_pick_new(shares, model.now_us);
		for (int step = 0; step < 100; step++) {
			struct amounts ask = model_amounts(&model, 600);
			int tenant = (int)model_random(&model, model.count);
			struct verdict verdict = share_pick_admit(pick, model_number(shares, &model, tenant), &ask);

			refused_in_round += check_admit(&model, tenant, &ask, &verdict);
			if (step % 8 == 0 || verdict.code == VERDICT_FITS) { /* also past a limit, as when it was lowered */
				share_pick_charge(pick, model_number(shares, &model, tenant), &ask);
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
			int a = (int)model_random(&model, model.count), b = (int)model_random(&model, model.count);
			uint32_t a_number = model_number(shares, &model, a), b_number = model_number(shares, &model, b);
			struct amounts ask = model_amounts(&model, 50);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_hold_at_every_level),
		cmocka_unit_test(quotas_are_as_the_rules_say),
		cmocka_unit_test(quotas_by_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
