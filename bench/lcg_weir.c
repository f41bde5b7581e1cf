/* weir on the trace: sim/replay.h with a network of one group a site and a group's sites as the sites of its demands. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lcg.h"
#include "sim/replay.h"

#define SECOND_US INT64_C(1000000)
/* examples/policies/grid.yaml */
#define SCARCITY_PERMILLE 100
#define HALF_LIFE_US (INT64_C(86400) * SECOND_US)

static void make_network(const struct lcg *lcg, struct arena *arena, struct network_spec *ret)
{
	struct region *region = ARENA_NEW(arena, struct region);

	*region = (struct region){ .name = "grid", .title = "grid" };
	*ret = (struct network_spec){ .name = "grid", .title = "grid", .currency = "", .regions = region, .region_count = 1,
				      .sites = ARENA_ARRAY(arena, struct site_spec, lcg->site_count), .site_count = lcg->site_count };
	for (size_t s = 0; s < lcg->site_count; s++) {
		struct node_group *group = ARENA_NEW(arena, struct node_group);

		*group = (struct node_group){ .name = "slots", .count = lcg->capacity[s], .cpu_milli = 1000 };
		ret->sites[s] = (struct site_spec){ .name = arena_printf(arena, "site-%zu", s + 1), .title = "", .tier = TIER_HUB,
						    .region = "grid", .operator_name = "", .engine = ENGINE_SIMULATED, .groups = group,
						    .group_count = 1 };
	}
}

/* Distinct asks: a group and a width. Gives the ask's index. */
static uint32_t ask_of(const struct lcg *lcg, const struct network_spec *network, const struct lcg_job *job, struct ask **asks,
		       size_t *count, uint32_t *groups, struct arena *arena)
{
	struct ask *ask;

	for (size_t a = 0; a < *count; a++)
		if (groups[a] == job->group && asks[a]->workers == job->slots)
			return (uint32_t)a;
	ask = ARENA_NEW(arena, struct ask);
	*ask = (struct ask){ .kind = DEMAND_JOB, .workers = job->slots, .shape = { .cpu_milli = 1000 }, .priority = PRIORITY_DEFAULT,
			     .simulated = true };
	ask->where.sites = ARENA_ARRAY(arena, const char *, lcg->site_count);
	for (size_t s = 0; s < lcg->site_count; s++)
		if (lcg->may_run[job->group * lcg->site_count + s])
			ask->where.sites[ask->where.site_count++] = network->sites[s].name;
	ask_canonicalize(ask);
	groups[*count] = job->group;
	asks[*count] = ask;
	return (uint32_t)(*count)++;
}

static void run_order(struct lcg *lcg, enum queue_order order)
{
	cleanup_arena struct arena arena = { 0 };
	struct replay_job *jobs = ARENA_ARRAY(&arena, struct replay_job, lcg->job_count);
	struct replay_tenant *tenants = ARENA_ARRAY(&arena, struct replay_tenant, lcg->user_count);
	struct ask **asks = ARENA_ARRAY(&arena, struct ask *, lcg->job_count);
	uint32_t *groups = ARENA_ARRAY(&arena, uint32_t, lcg->job_count);
	struct replay_trace trace = { .tenants = tenants, .tenant_count = lcg->user_count, .jobs = jobs, .job_count = lcg->job_count };
	const struct catalogue no_catalogue = { 0 };
	struct network_spec network;
	struct policy_spec policy;
	struct replay_settings settings = { .network = &network, .catalogue = &no_catalogue, .policy = &policy };
	struct replay replay;

	make_network(lcg, &arena, &network);
	policy_defaults(&policy);
	policy.order = order;
	if (order == QUEUE_SHORT) {
		policy.weights.scarcity_permille = SCARCITY_PERMILLE;
		policy.half_life_us = HALF_LIFE_US;
	}
	for (size_t u = 0; u < lcg->user_count; u++)
		tenants[u] = (struct replay_tenant){ arena_printf(&arena, "user-%zu", u + 1),
						     arena_printf(&arena, "group-%u", lcg->user_group[u] + 1) };
	for (size_t j = 0; j < lcg->job_count; j++) {
		const struct lcg_job *job = &lcg->jobs[j];

		jobs[j] = (struct replay_job){ .submit_us = job->submit_s * SECOND_US, .run_us = job->run_s * SECOND_US,
					       .limit_us = (job->asked_s > job->run_s ? job->asked_s : job->run_s) * SECOND_US,
					       .ask = ask_of(lcg, &network, job, asks, &trace.ask_count, groups, &arena), .tenant = job->user };
	}
	trace.asks = (const struct ask *const *)asks;
	replay_run(&trace, &settings, &arena, &replay);
	for (size_t j = 0; j < lcg->job_count; j++)
		lcg->jobs[j].start_s = replay.outcomes[j].start_us < 0 ? -1 : replay.outcomes[j].start_us / SECOND_US;
}

void lcg_weir(struct lcg *lcg)
{
	run_order(lcg, QUEUE_SHORT);
}

void lcg_weir_age(struct lcg *lcg)
{
	run_order(lcg, QUEUE_AGE);
}
