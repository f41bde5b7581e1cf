#include "check_order.h"

#include <string.h>

#include "base/mem.h"

#define TEN_MINUTES_US INT64_C(600000000)

void check_accounts_open(struct check_accounts *accounts, const struct policy_spec *policy)
{
	*accounts = (struct check_accounts){ .policy = policy };
	accounts->held = mem_alloc(((policy ? policy->tenant_count : 0) + 1) * sizeof(*accounts->held));
}

void check_accounts_close(struct check_accounts *accounts)
{
	free(accounts->held);
}

/* The tenant's place in the policy; -1 when it names none. */
static int place_of(const struct policy_spec *policy, const char *name)
{
	for (size_t t = 0; policy && t < policy->tenant_count; t++)
		if (strcmp(policy->tenants[t].name, name) == 0)
			return (int)t;
	return -1;
}

static int64_t entries_workers(const struct ask *ask)
{
	return ask->kind == DEMAND_JOB ? ask->workers : 1;
}

static void resources_of(const struct amounts *amounts, int64_t ret[3])
{
	ret[0] = amounts->cpu_milli;
	ret[1] = amounts->memory_mib;
	ret[2] = amounts->chip_milli;
}

static void wanted(const struct ask *ask, int64_t ret[3])
{
	ret[0] = ask->shape.cpu_milli * entries_workers(ask);
	ret[1] = ask->shape.memory_mib * entries_workers(ask);
	ret[2] = ask->shape.chips.milli * entries_workers(ask);
}

void check_charge(struct check_accounts *accounts, const char *tenant, const struct ask *ask)
{
	int64_t want[3];

	wanted(ask, want);
	for (int t = place_of(accounts->policy, tenant); t >= 0; t = place_of(accounts->policy, accounts->policy->tenants[t].parent)) {
		accounts->held[t].cpu_milli += want[0];
		accounts->held[t].memory_mib += want[1];
		accounts->held[t].chip_milli += want[2];
	}
}

bool check_limited(const struct check_accounts *accounts, const char *tenant, const struct ask *ask)
{
	int64_t want[3], held[3], limit[3];

	wanted(ask, want);
	for (int t = place_of(accounts->policy, tenant); t >= 0; t = place_of(accounts->policy, accounts->policy->tenants[t].parent)) {
		if (!accounts->policy->tenants[t].limit)
			continue;
		resources_of(&accounts->held[t], held);
		resources_of(accounts->policy->tenants[t].limit, limit);
		for (int r = 0; r < 3; r++)
			if (limit[r] && want[r] && held[r] + want[r] > limit[r])
				return true;
	}
	return false;
}

/* Whether a quota of the tenant or above it covers one more. */
static bool is_covered(const struct check_accounts *accounts, const char *tenant, const struct ask *ask)
{
	int64_t want[3], held[3], quota[3];

	wanted(ask, want);
	for (int t = place_of(accounts->policy, tenant); t >= 0; t = place_of(accounts->policy, accounts->policy->tenants[t].parent)) {
		bool names = false, within = true;

		if (!accounts->policy->tenants[t].quota)
			continue;
		resources_of(&accounts->held[t], held);
		resources_of(accounts->policy->tenants[t].quota, quota);
		for (int r = 0; r < 3; r++) {
			if (!quota[r] || !want[r])
				continue;
			names = true;
			within = within && held[r] + want[r] <= quota[r];
		}
		if (names && within)
			return true;
	}
	return false;
}

static bool is_urgent(const struct match_input *input, const struct match_entry *entry)
{
	int64_t near_us = entry->time_us > TEN_MINUTES_US ? entry->time_us : TEN_MINUTES_US;

	return entry->deadline_us && entry->deadline_us - entry->time_us - input->now_us <= near_us;
}

/* A placement's rank in the order: first what quotas cover, then priority, then near deadlines. */
struct rank {
	bool borrowed;
	int64_t priority;
	bool urgent;
	int64_t deadline_us;
};

static const char *compare_ranks(const struct rank *before, const struct rank *after)
{
	if (before->borrowed != after->borrowed)
		return before->borrowed ? "is sure of its place, but comes after what is borrowed" : NULL;
	if (before->priority != after->priority)
		return before->priority < after->priority ? "comes after something less urgent" : NULL;
	if (after->urgent && (!before->urgent || before->deadline_us > after->deadline_us))
		return "has the nearer deadline, but comes later";
	return NULL;
}

/* Each stream is served from its oldest entry on, without gaps, but for those that slip in before what is reserved. */
static const struct match_entry *find_entry(const struct match_stream *stream, const struct match_placement *placement, size_t served,
					    const char **wrong)
{
	for (size_t e = 0; e < stream->entry_count; e++) {
		if (stream->entries[e].demand != placement->demand || stream->entries[e].replica != placement->replica)
			continue;
		if (!placement->backfilled && e != served)
			*wrong = "passes over an older entry of its class";
		return &stream->entries[e];
	}
	*wrong = "is not in the queue";
	return stream->entries;
}

const char *check_order(const struct once *once, const struct match_plan *plan, struct check_accounts *accounts, size_t *ret_at)
{
	const struct match_input *input = &once->input;
	size_t *served = mem_alloc((input->stream_count + 1) * sizeof(*served));
	const char *wrong = NULL;
	struct rank last = { .priority = INT64_MAX };

	for (size_t p = 0; p < plan->placement_count && !wrong; p++) {
		const struct match_placement *placement = &plan->placements[p];
		const struct match_stream *stream = &input->streams[placement->stream];
		const struct match_entry *entry = find_entry(stream, placement, served[placement->stream], &wrong);
		const struct ask *ask = matcher_class_ask(once->matcher, stream->class);
		const char *tenant = shares_tenant_name(input->shares, stream->tenant);
		struct rank rank = { !is_covered(accounts, tenant, ask), ask->priority, is_urgent(input, entry), entry->deadline_us };

		*ret_at = p;
		served[placement->stream]++;
		if (!wrong && rank.borrowed != placement->borrowed)
			wrong = "is wrong about its tenant's quota";
		if (!wrong && check_limited(accounts, tenant, ask))
			wrong = "passes a limit of its tenant";
		if (!wrong)
			wrong = compare_ranks(&last, &rank);
		check_charge(accounts, tenant, ask);
		last = rank;
	}
	for (size_t s = 0; s < input->stream_count && !wrong; s++)
		if (plan->streams[s].placed != served[s])
			wrong = "is counted wrongly";
	free(served);
	return wrong;
}
