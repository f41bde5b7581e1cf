/* Fair shares over months of a simulated queue: what tenants use under overload comes to what their weights promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "base/mem.h"
#include "share_queue.h"

#define HOUR_US INT64_C(3600000000)
#define DAY_US (24 * HOUR_US)
#define WEEK_US (7 * DAY_US)
#define HOURS(most) .time_min_us = HOUR_US / 10, .time_max_us = (most) * HOUR_US

static const struct amounts supply = { 8000000, 64000000, 1000000 };

static struct shares *shares_of(struct tenant_spec *tenants, size_t count)
{
	struct policy_spec policy;

	policy_defaults(&policy);
	policy.tenants = tenants;
	policy.tenant_count = count;
	return shares_new(&policy);
}

/* Each of `weeks` from the second on, every tenant has its part of what all used, within 2 %. */
static void check_parts(struct share_queue *queue, int weeks, const double *parts)
{
	for (int week = 0; week < weeks; week++) {
		double shares[QUEUE_TENANTS_MAX], sum = 0;

		share_queue_run(queue, (week + 1) * WEEK_US);
		share_queue_measure(queue, shares);
		for (size_t i = 0; i < queue->tenant_count; i++)
			sum += shares[i];
		assert_true(sum > 0.9);
		for (size_t i = 0; week > 0 && i < queue->tenant_count; i++)
			assert_true(fabs(shares[i] / sum - parts[i]) <= 0.02 * parts[i]);
	}
}

static void weights_of_one_and_three(void **state)
{
	struct tenant_spec tenants[] = { { .name = "one", .parent = "", .weight = 1 }, { .name = "three", .parent = "", .weight = 3 } };
	const double parts[] = { 0.25, 0.75 };

	(void)state;
	for (uint64_t seed = 0; seed < 10; seed++) {
		struct share_queue queue = {
			.shares = shares_of(tenants, 2), .supply = supply, .tenant_count = 2,
			.tenants = {
				{ .name = "one", .unit = { 8000, 64000, 1000 }, .units_max = seed % 2 ? 4 : 32, .time_min_us = HOUR_US / 60,
				  .time_max_us = 20 * HOUR_US },
				{ .name = "three", .unit = { 6000, 32000, 1000 }, .units_max = 16, .time_min_us = HOUR_US / 6,
				  .time_max_us = seed % 3 ? 4 * HOUR_US : 30 * HOUR_US },
			},
		};

		share_queue_init(&queue, seed);
		check_parts(&queue, 5, parts);
		share_queue_done(&queue);
		shares_free(queue.shares);
	}
}

static void dominant_resources_count(void **state)
{
	struct tenant_spec tenants[] = { { .name = "chips", .parent = "", .weight = 3 }, { .name = "cores", .parent = "", .weight = 1 },
					 { .name = "memory", .parent = "", .weight = 1 } };
	const double parts[] = { 0.6, 0.2, 0.2 };

	(void)state;
	for (uint64_t seed = 0; seed < 5; seed++) {
		struct share_queue queue = {
			.shares = shares_of(tenants, 3), .supply = supply, .tenant_count = 3,
			.tenants = {
				{ .name = "chips", .unit = { 2000, 16000, 1000 }, .units_max = 8, HOURS(8) },
				{ .name = "cores", .unit = { 16000, 8000, 250 }, .units_max = 8, HOURS(4) },
				{ .name = "memory", .unit = { 1000, 100000, 0 }, .units_max = 8, HOURS(9) },
			},
		};

		share_queue_init(&queue, seed);
		check_parts(&queue, 5, parts);
		share_queue_done(&queue);
		shares_free(queue.shares);
	}
}

/* north (1): alpha (1), beta (1: left 1, right 3); south (3): gamma (2), delta (1). */
static struct tenant_spec tree[] = {
	{ .name = "north", .parent = "", .weight = 1 },      { .name = "south", .parent = "", .weight = 3 },
	{ .name = "alpha", .parent = "north", .weight = 1 }, { .name = "beta", .parent = "north", .weight = 1 },
	{ .name = "left", .parent = "beta", .weight = 1 },   { .name = "right", .parent = "beta", .weight = 3 },
	{ .name = "gamma", .parent = "south", .weight = 2 }, { .name = "delta", .parent = "south", .weight = 1 },
};

static void tree_queue(struct share_queue *queue, uint64_t seed)
{
	static const char *const names[] = { "alpha", "left", "right", "gamma", "delta" };

	*queue = (struct share_queue){ .shares = shares_of(tree, ARRAY_COUNT(tree)), .supply = supply, .tenant_count = ARRAY_COUNT(names) };
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		queue->tenants[i] = (struct queue_tenant){ .name = names[i], .unit = { 8000, 64000, 1000 }, .units_max = 1 + (int64_t)(3 * i),
							   HOURS(2 + (int64_t)i) };
	share_queue_init(queue, seed);
}

static void three_levels(void **state)
{
	const double parts[] = { 1 / 8.0, 1 / 32.0, 3 / 32.0, 1 / 2.0, 1 / 4.0 };

	(void)state;
	for (uint64_t seed = 0; seed < 5; seed++) {
		struct share_queue queue;

		tree_queue(&queue, seed);
		check_parts(&queue, 5, parts);
		share_queue_done(&queue);
		shares_free(queue.shares);
	}
}

/* What a group's idle tenant leaves goes to those of its group first. */
static void what_is_idle_stays_in_the_group(void **state)
{
	const double parts[] = { 1 / 4.0, 0, 0, 1 / 2.0, 1 / 4.0 };
	struct share_queue queue;

	(void)state;
	tree_queue(&queue, 1);
	queue.tenants[1].from_us = queue.tenants[2].from_us = INT64_MAX;
	check_parts(&queue, 4, parts);
	share_queue_done(&queue);
	shares_free(queue.shares);
}

static void restart(struct share_queue *queue)
{
	cleanup_arena struct arena arena = { 0 };
	struct share_account *accounts;
	struct shares *fresh = shares_of(tree, ARRAY_COUNT(tree));
	size_t count;

	arena_init(&arena);
	count = shares_export(queue->shares, &arena, &accounts);
	shares_import(fresh, accounts, count);
	shares_free(queue->shares);
	queue->shares = fresh;
	share_queue_charge_again(queue, accounts[0].at_us);
}

static void restarts_in_the_middle_change_nothing(void **state)
{
	struct share_queue whole, broken;
	double whole_shares[QUEUE_TENANTS_MAX], broken_shares[QUEUE_TENANTS_MAX];

	(void)state;
	tree_queue(&whole, 3);
	tree_queue(&broken, 3);
	for (int day = 1; day <= 28; day++) {
		share_queue_run(&whole, day * DAY_US);
		share_queue_run(&broken, day * DAY_US);
		restart(&broken);
	}
	share_queue_measure(&whole, whole_shares);
	share_queue_measure(&broken, broken_shares);
	assert_int_equal(whole.picks, broken.picks);
	assert_memory_equal(whole_shares, broken_shares, whole.tenant_count * sizeof(double));
	share_queue_done(&whole);
	share_queue_done(&broken);
	shares_free(whole.shares);
	shares_free(broken.shares);
}

/* Equal weights; one was idle for ten half-lives. It displaces the other until 0.917 u = 0.917 (1 - u) + 0.083, u = 2^-t: 0.88
 * half-lives, and no longer. */
static void who_was_idle_displaces_others_for_less_than_a_half_life(void **state)
{
	struct tenant_spec tenants[] = { { .name = "busy", .parent = "", .weight = 1 }, { .name = "idle", .parent = "", .weight = 1 } };
	struct share_queue queue = {
		.shares = shares_of(tenants, 2), .supply = supply, .tenant_count = 2,
		.tenants = {
			{ .name = "busy", .unit = { 8000, 64000, 1000 }, .units_max = 8, HOURS(4) },
			{ .name = "idle", .unit = { 8000, 64000, 1000 }, .units_max = 8, HOURS(4),
			  .from_us = 10 * WEEK_US },
		},
	};
	double shares[2];

	(void)state;
	share_queue_init(&queue, 1);
	share_queue_run(&queue, 10 * WEEK_US);
	share_queue_measure(&queue, shares);
	assert_true(shares[0] > 0.95 && shares[1] == 0);
	share_queue_run(&queue, 10 * WEEK_US + DAY_US);
	share_queue_measure(&queue, shares);
	assert_true(shares[1] > 0.8); /* what ran ends first */
	share_queue_run(&queue, 10 * WEEK_US + 5 * DAY_US);
	share_queue_measure(&queue, shares);
	assert_true(shares[1] > 0.95);
	share_queue_run(&queue, 10 * WEEK_US + 7 * DAY_US);
	share_queue_measure(&queue, shares);
	assert_true(shares[0] > 0.02);
	share_queue_run(&queue, 12 * WEEK_US);
	share_queue_measure(&queue, shares);
	assert_true(shares[0] > 0.4);
	share_queue_run(&queue, 13 * WEEK_US);
	share_queue_measure(&queue, shares);
	assert_true(fabs(shares[0] - shares[1]) < 0.01);
	share_queue_done(&queue);
	shares_free(queue.shares);
}

static void a_limit_leaves_the_rest_to_others(void **state)
{
	struct amounts half = { .chip_milli = 500000 };
	struct tenant_spec tenants[] = { { .name = "one", .parent = "", .weight = 1 },
					 { .name = "three", .parent = "", .weight = 3, .limit = &half } };
	struct share_queue queue = {
		.shares = shares_of(tenants, 2), .supply = supply, .tenant_count = 2,
		.tenants = {
			{ .name = "one", .unit = { 8000, 64000, 1000 }, .units_max = 8, HOURS(4) },
			{ .name = "three", .unit = { 8000, 64000, 1000 }, .units_max = 8, HOURS(4) },
		},
	};
	double shares[2];

	(void)state;
	share_queue_init(&queue, 1);
	for (int hour = 1; hour < 24 * 20; hour++) {
		share_queue_run(&queue, hour * HOUR_US);
		assert_true(queue.tenants[1].held[2] <= half.chip_milli);
	}
	share_queue_measure(&queue, shares);
	assert_true(shares[1] > 0.47 && shares[1] <= 0.5);
	assert_true(shares[0] > 0.47);
	share_queue_done(&queue);
	shares_free(queue.shares);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_of_one_and_three),
		cmocka_unit_test(dominant_resources_count),
		cmocka_unit_test(three_levels),
		cmocka_unit_test(what_is_idle_stays_in_the_group),
		cmocka_unit_test(restarts_in_the_middle_change_nothing),
		cmocka_unit_test(who_was_idle_displaces_others_for_less_than_a_half_life),
		cmocka_unit_test(a_limit_leaves_the_rest_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
