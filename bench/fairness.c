/* How fair the order is, and how fast: what tenants use of a simulated queue under overload (tests/share_queue.h), week by week,
 * beside what their weights promise; and how many picks a second a round makes with many tenants. */
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "share_queue.h"

#define HOUR_US INT64_C(3600000000)
#define WEEK_US (7 * 24 * HOUR_US)
#define PICKS 2000000
#define GROUP_TENANTS 100

struct settings {
	bool json;
	const char *only;
	long weeks;
};

struct fair_case {
	const char *name;
	struct tenant_spec *specs;
	size_t spec_count;
	struct queue_tenant tenants[QUEUE_TENANTS_MAX];
	double promised_percent[QUEUE_TENANTS_MAX];
	size_t tenant_count;
	int restart_week; /* the shares are exported and imported after so many weeks; 0: never */
};

static const char usage[] = "usage: fairness [--json] [--only CASE] [--weeks N]\n"
			    "cases: two-tenants, two-tenants-restart, dominant-resource, late-tenant, hierarchy, picks\n";

static struct tenant_spec two[] = { { .name = "one", .parent = "", .weight = 1 }, { .name = "three", .parent = "", .weight = 3 } };
static struct tenant_spec equal[] = { { .name = "early", .parent = "", .weight = 1 }, { .name = "late", .parent = "", .weight = 1 } };
static struct tenant_spec tree[] = {
	{ .name = "north", .parent = "", .weight = 1 },      { .name = "south", .parent = "", .weight = 3 },
	{ .name = "alpha", .parent = "north", .weight = 1 }, { .name = "beta", .parent = "north", .weight = 1 },
	{ .name = "left", .parent = "beta", .weight = 1 },   { .name = "right", .parent = "beta", .weight = 3 },
	{ .name = "gamma", .parent = "south", .weight = 2 }, { .name = "delta", .parent = "south", .weight = 1 },
};

/* 1,000 chips, and 8 cores and 64 GiB for each. */
static const struct amounts supply = { 8000000, 65536000, 1000000 };

#define CHIP_JOBS(name_, units, minimum_us, maximum_us)                                                                                    \
	{ .name = (name_), .unit = { 8000, 65536, 1000 }, .units_max = (units), .time_min_us = (minimum_us), .time_max_us = (maximum_us) }
#define TWO_TENANTS                                                                                                                        \
	{ CHIP_JOBS("one", 32, HOUR_US / 60, 20 * HOUR_US), CHIP_JOBS("three", 8, HOUR_US / 60, 4 * HOUR_US) }

static const struct fair_case cases[] = {
	{ "two-tenants", two, ARRAY_COUNT(two), TWO_TENANTS, { 25, 75 }, 2, 0 },
	{ "two-tenants-restart", two, ARRAY_COUNT(two), TWO_TENANTS, { 25, 75 }, 2, 2 },
	{ "dominant-resource", two, ARRAY_COUNT(two),
	  { { .name = "one", .unit = { 16000, 16384, 250 }, .units_max = 8, .time_min_us = HOUR_US / 60, .time_max_us = 8 * HOUR_US },
	    { .name = "three", .unit = { 2000, 16384, 1000 }, .units_max = 16, .time_min_us = HOUR_US / 60, .time_max_us = 8 * HOUR_US } },
	  { 25, 75 }, 2, 0 },
	{ "late-tenant", equal, ARRAY_COUNT(equal),
	  { CHIP_JOBS("early", 8, HOUR_US / 60, 8 * HOUR_US),
	    { .name = "late", .unit = { 8000, 65536, 1000 }, .units_max = 8, .time_min_us = HOUR_US / 60, .time_max_us = 8 * HOUR_US,
	      .from_us = 2 * WEEK_US } },
	  { 50, 50 }, 2, 0 },
	{ "hierarchy", tree, ARRAY_COUNT(tree),
	  { CHIP_JOBS("alpha", 8, HOUR_US / 60, 4 * HOUR_US), CHIP_JOBS("left", 2, HOUR_US / 60, 8 * HOUR_US),
	    CHIP_JOBS("right", 4, HOUR_US / 60, 2 * HOUR_US), CHIP_JOBS("gamma", 16, HOUR_US / 60, 12 * HOUR_US),
	    CHIP_JOBS("delta", 8, HOUR_US / 60, 6 * HOUR_US) },
	  { 12.5, 3.125, 9.375, 50, 25 }, 5, 0 },
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct shares *shares_of(const struct fair_case *fair)
{
	struct policy_spec policy;

	policy_defaults(&policy);
	policy.tenants = fair->specs;
	policy.tenant_count = fair->spec_count;
	return shares_new(&policy);
}

static void restart(struct share_queue *queue, const struct fair_case *fair)
{
	cleanup_arena struct arena arena = { 0 };
	struct share_account *accounts;
	struct shares *fresh = shares_of(fair);
	size_t count = shares_export(queue->shares, &arena, &accounts);

	shares_import(fresh, accounts, count);
	shares_free(queue->shares);
	queue->shares = fresh;
	share_queue_charge_again(queue, count ? accounts[0].at_us : queue->now_us);
}

static int64_t weight_of(const struct fair_case *fair, const char *name)
{
	for (size_t i = 0; i < fair->spec_count; i++)
		if (strcmp(fair->specs[i].name, name) == 0)
			return fair->specs[i].weight;
	return 1;
}

static void print_list(const struct settings *settings, const char *key, const double *values, size_t count)
{
	if (settings->json)
		printf(",\"%s\":[", key);
	for (size_t i = 0; i < count; i++)
		printf(settings->json ? "%s%.3f" : "%s%6.2f %%", i ? (settings->json ? "," : " ") : "", values[i]);
	if (settings->json)
		printf("]");
}

/* Shares of what all of them used, and the farthest that one is off what its weights promise among those with work, in percent of that. */
static void print_week(const struct settings *settings, const struct fair_case *fair, long week, const double *shares)
{
	double percent[QUEUE_TENANTS_MAX], promised[QUEUE_TENANTS_MAX], used = 0, all = 0, deviation = 0;

	for (size_t i = 0; i < fair->tenant_count; i++) {
		promised[i] = fair->tenants[i].from_us < week * WEEK_US ? fair->promised_percent[i] : 0;
		all += promised[i];
		used += shares[i];
	}
	for (size_t i = 0; i < fair->tenant_count; i++) {
		promised[i] *= 100 / all;
		percent[i] = shares[i] / used * 100;
		if (promised[i] > 0)
			deviation = fmax(deviation, fabs(percent[i] / promised[i] - 1) * 100);
	}
	if (!settings->json) {
		printf("%-20s week %2ld  ", fair->name, week);
		print_list(settings, "", percent, fair->tenant_count);
		printf("   off by %.2f %%   used %.1f %%\n", deviation, used * 100);
	} else {
		printf("{\"case\":\"%s\",\"tenants\":%zu,\"week\":%ld,\"weights\":[", fair->name, fair->tenant_count, week);
		for (size_t i = 0; i < fair->tenant_count; i++)
			printf("%s%lld", i ? "," : "", (long long)weight_of(fair, fair->tenants[i].name));
		printf("]");
		print_list(settings, "promised_percent", promised, fair->tenant_count);
		print_list(settings, "share_percent", percent, fair->tenant_count);
		printf(",\"deviation_percent\":%.3f,\"used_percent\":%.2f}\n", deviation, used * 100);
	}
	fflush(stdout);
}

static void run_case(const struct settings *settings, const struct fair_case *fair)
{
	struct share_queue queue = { .shares = shares_of(fair), .supply = supply, .tenant_count = fair->tenant_count };
	double shares[QUEUE_TENANTS_MAX];

	memcpy(queue.tenants, fair->tenants, sizeof(queue.tenants));
	share_queue_init(&queue, 1);
	for (long week = 1; week <= settings->weeks; week++) {
		share_queue_run(&queue, week * WEEK_US);
		share_queue_measure(&queue, shares);
		print_week(settings, fair, week, shares);
		if (week == fair->restart_week)
			restart(&queue, fair);
	}
	share_queue_done(&queue);
	shares_free(queue.shares);
}

/* Tenants in groups of a hundred, all with work and with a past. */
static struct shares *many_tenants(size_t count, uint32_t *numbers)
{
	struct tenant_spec *specs = mem_alloc(count * sizeof(*specs));
	char (*names)[24] = mem_alloc(count * sizeof(*names)), (*groups)[24] = mem_alloc(count * sizeof(*groups));
	struct policy_spec policy;
	struct shares *shares;

	policy_defaults(&policy);
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "t%zu", i);
		snprintf(groups[i], sizeof(groups[i]), "g%zu", i / GROUP_TENANTS);
		specs[i] = (struct tenant_spec){ .name = names[i], .parent = groups[i], .weight = 1 + (int64_t)(i % 7) };
	}
	policy.tenants = specs;
	policy.tenant_count = count;
	shares = shares_new(&policy);
	shares_set_supply(shares, &supply);
	for (size_t i = 0; i < count; i++) {
		numbers[i] = shares_tenant(shares, names[i]);
		shares_charge(shares, numbers[i], &(struct amounts){ 8000, 65536, 1000 }, (int64_t)i * 1000000);
	}
	free(specs);
	free(names);
	free(groups);
	return shares;
}

static void run_picks(const struct settings *settings, size_t count)
{
	uint32_t *numbers = mem_alloc(count * sizeof(*numbers));
	struct shares *shares = many_tenants(count, numbers);
	struct amounts job = { 800, 6554, 100 };
	double begin_s = now_s(), ready_s, picked_s, end_s;
	struct share_pick *pick = share_pick_new(shares, WEEK_US);

	for (size_t i = 0; i < count; i++)
		share_pick_set(pick, numbers[i], true);
	ready_s = now_s();
	for (int i = 0; i < PICKS; i++)
		share_pick_charge(pick, share_pick_next(pick), &job);
	picked_s = now_s();
	share_pick_free(pick);
	for (int i = 0; i < PICKS; i++)
		shares_charge(shares, numbers[(size_t)i % count], &job, WEEK_US + i);
	end_s = now_s();
	if (settings->json)
		printf("{\"case\":\"picks\",\"tenants\":%zu,\"picks_per_s\":%.0f,\"begin_us\":%.0f,\"charges_per_s\":%.0f}\n", count,
		       PICKS / (picked_s - ready_s), (ready_s - begin_s) * 1e6, PICKS / (end_s - picked_s));
	else
		printf("%6zu tenants: %8.0f picks/s   a round begins in %.0f us   %.0f charges/s between rounds\n", count,
		       PICKS / (picked_s - ready_s), (ready_s - begin_s) * 1e6, PICKS / (end_s - picked_s));
	fflush(stdout);
	shares_free(shares);
	free(numbers);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },   { "only", required_argument, NULL, 'o' }, { "weeks", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },   { NULL, 0, NULL, 0 },
	};
	static const size_t counts[] = { 10, 1000, 10000 };
	struct settings settings = { .weeks = 6 };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j')
			settings.json = true;
		else if (option == 'o')
			settings.only = optarg;
		else if (option == 'w')
			settings.weeks = atol(optarg);
		else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		if (!settings.only || strcmp(settings.only, cases[i].name) == 0)
			run_case(&settings, &cases[i]);
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++)
		if (!settings.only || strcmp(settings.only, "picks") == 0)
			run_picks(&settings, counts[i]);
	return 0;
}
