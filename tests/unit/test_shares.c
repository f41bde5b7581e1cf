/* Accounts, the tree and restarts of fair shares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "share_model.h"

#define DAY_US INT64_C(86400000000)

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
					long double got = kept(shares, model_number(shares, &model, i), r, false);

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
				const struct account *total = &shares->nodes[model_number(shares, &model, i)].total;
				__int128 sum = 0;

				for (int j = 0; j < model.count; j++)
					if (model_below(&model, j, i))
						sum += shares->nodes[model_number(shares, &model, j)].own.sum[r];
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
				uint32_t number = model_number(shares, &model, i);

				root += model.tenants[i].used[r];
				assert_int_equal(shares->nodes[number].own.held[r], model.tenants[i].held[r]);
				assert_true(fabsl(kept(shares, number, r, false) - model.tenants[i].used[r]) <=
					    model.changed[r] * 0x1p-52L + 0x1p-40L);
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
		size_t other = (size_t)model_random(model, (int64_t)i);
		struct share_account last = accounts[i - 1];

		assert_true(last.used[0].part >= 0 && last.used[1].part >= 0 && last.used[2].part >= 0);
		accounts[i - 1] = accounts[other];
		accounts[other] = last;
	}
	shares_import(fresh, accounts, count);
	for (int i = model->held_count - 1; i >= 0; i--)
		shares_charge(fresh, model_number(fresh, model, model->held[i].tenant), &model->held[i].amounts, at_us);
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
				uint32_t old_number = model_number(old, &model, i), number = model_number(fresh, &model, i);

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
		cmocka_unit_test(accounts_decay_as_the_closed_form_says),
		cmocka_unit_test(totals_are_exact_sums),
		cmocka_unit_test(ten_million_chips_for_thirty_years),
		cmocka_unit_test(numbers_stay_and_names_are_found),
		cmocka_unit_test(circles_and_depths_go_to_the_root),
		cmocka_unit_test(a_new_policy_keeps_what_was_used),
		cmocka_unit_test(a_restart_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
