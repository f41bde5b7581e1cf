#include "sim/replay_sum.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MINUTE_US INT64_C(60000000)

static int compare_values(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

int64_t *replay_sorted_waits(const struct replay_trace *trace, const struct replay *replay, struct arena *arena, size_t *ret_count)
{
	int64_t *waits = ARENA_ARRAY(arena, int64_t, trace->job_count + 1);
	size_t count = 0;

	for (size_t j = 0; j < trace->job_count; j++)
		if (replay->outcomes[j].start_us >= 0)
			waits[count++] = replay->outcomes[j].start_us - trace->jobs[j].submit_us;
	if (count > 1)
		qsort(waits, count, sizeof(*waits), compare_values);
	*ret_count = count;
	return waits;
}

static void sum_waits(const struct replay_trace *trace, const struct replay *replay, struct arena *arena, struct replay_waits *ret)
{
	__int128 wait = 0, slowdown = 0;
	size_t count;
	int64_t *waits = replay_sorted_waits(trace, replay, arena, &count);

	*ret = (struct replay_waits){ .count = count };
	if (count == 0)
		return;
	for (size_t j = 0; j < trace->job_count; j++) {
		int64_t run_us = trace->jobs[j].run_us, own_us = replay->outcomes[j].start_us - trace->jobs[j].submit_us;
		int64_t bound_us = run_us > SLOWDOWN_BOUND_US ? run_us : SLOWDOWN_BOUND_US;
		__int128 milli;

		if (replay->outcomes[j].start_us < 0)
			continue;
		milli = (__int128)(own_us + run_us) * 1000 / bound_us;
		wait += own_us;
		slowdown += milli > 1000 ? milli : 1000;
	}
	ret->mean_us = (int64_t)(wait / (__int128)count);
	ret->slowdown_milli = (int64_t)(slowdown / (__int128)count);
	ret->median_us = waits[count / 2];
	ret->p95_us = waits[count * 95 / 100];
	ret->p99_us = waits[count * 99 / 100];
	ret->most_us = waits[count - 1];
}

/* --- tenants --- */

static const struct tenant_spec *policy_find(const struct policy_spec *policy, const char *name)
{
	for (size_t i = 0; i < policy->tenant_count; i++)
		if (strcmp(policy->tenants[i].name, name) == 0)
			return &policy->tenants[i];
	return NULL;
}

/* The tenant below the root that it is or stands below. */
static const char *top_of(const struct policy_spec *policy, const struct replay_tenant *tenant)
{
	const struct tenant_spec *spec = policy_find(policy, tenant->name);
	const char *name = tenant->name, *parent = spec ? spec->parent : tenant->parent;

	for (int depth = 0; parent[0] && depth < POLICY_DEPTH_MAX; depth++) {
		name = parent;
		spec = policy_find(policy, name);
		parent = spec ? spec->parent : "";
	}
	return name;
}

static int compare_sums(const void *left, const void *right)
{
	return strcmp(((const struct replay_tenant_sum *)left)->name, ((const struct replay_tenant_sum *)right)->name);
}

static struct replay_tenant_sum *find_sum(const struct replay_summary *summary, const char *name)
{
	const struct replay_tenant_sum key = { .name = name };

	return bsearch(&key, summary->tenants, summary->tenant_count, sizeof(*summary->tenants), compare_sums);
}

static void list_tenants(const struct replay_trace *trace, const struct policy_spec *policy, struct arena *arena, struct replay_summary *ret)
{
	size_t count = 0;

	ret->tenants = ARENA_ARRAY(arena, struct replay_tenant_sum, trace->tenant_count + 1);
	for (size_t t = 0; t < trace->tenant_count; t++)
		ret->tenants[t].name = top_of(policy, &trace->tenants[t]);
	qsort(ret->tenants, trace->tenant_count, sizeof(*ret->tenants), compare_sums);
	for (size_t t = 0; t < trace->tenant_count; t++) {
		const struct tenant_spec *spec = policy_find(policy, ret->tenants[t].name);

		if (count > 0 && strcmp(ret->tenants[count - 1].name, ret->tenants[t].name) == 0)
			continue;
		ret->tenants[count++] = (struct replay_tenant_sum){ .name = ret->tenants[t].name, .weight = spec ? spec->weight : 1 };
	}
	ret->tenant_count = count;
}

static int64_t job_use(const struct replay *replay, const struct ask *ask)
{
	int64_t workers = ask->kind == DEMAND_JOB ? ask->workers : 1;

	return workers * (replay->by_chips ? ask->shape.chips.milli : ask->shape.cpu_milli);
}

static void sum_tenants(const struct replay_trace *trace, const struct policy_spec *policy, const struct replay *replay, struct arena *arena,
			struct replay_summary *ret)
{
	__int128 *used, *waited, all = 0;
	int64_t weights = 0;
	size_t *top_index;

	list_tenants(trace, policy, arena, ret);
	used = ARENA_ARRAY(arena, __int128, ret->tenant_count + 1);
	waited = ARENA_ARRAY(arena, __int128, ret->tenant_count + 1);
	top_index = ARENA_ARRAY(arena, size_t, trace->tenant_count + 1);
	for (size_t t = 0; t < trace->tenant_count; t++)
		top_index[t] = (size_t)(find_sum(ret, top_of(policy, &trace->tenants[t])) - ret->tenants);
	for (size_t j = 0; j < trace->job_count; j++) {
		const struct replay_job *job = &trace->jobs[j];
		size_t top = top_index[job->tenant];
		__int128 use = (__int128)job_use(replay, trace->asks[job->ask]) * job->run_us;

		ret->tenants[top].jobs++;
		if (replay->outcomes[j].start_us < 0) {
			ret->tenants[top].never++;
			continue;
		}
		used[top] += use;
		all += use;
		waited[top] += replay->outcomes[j].start_us - job->submit_us;
	}
	for (size_t t = 0; t < ret->tenant_count; t++)
		weights += ret->tenants[t].weight;
	for (size_t t = 0; t < ret->tenant_count; t++) {
		struct replay_tenant_sum *sum = &ret->tenants[t];
		size_t started = sum->jobs - sum->never;

		sum->used_ppm = all > 0 ? (int64_t)(used[t] * 1000000 / all) : 0;
		sum->promised_ppm = sum->weight * 1000000 / weights;
		sum->wait_mean_us = started > 0 ? (int64_t)(waited[t] / (__int128)started) : 0;
	}
}

/* --- what was foretold --- */

static void sum_foretold(const struct replay_trace *trace, const struct replay *replay, struct arena *arena, struct replay_foretold *ret)
{
	int64_t *errors = ARENA_ARRAY(arena, int64_t, trace->job_count + 1);
	__int128 off = 0;

	*ret = (struct replay_foretold){ 0 };
	for (size_t j = 0; j < trace->job_count; j++) {
		const struct replay_outcome *outcome = &replay->outcomes[j];
		int64_t late_us = outcome->start_us - outcome->predicted_us, error_us = late_us < 0 ? -late_us : late_us;
		int64_t tenth_us = (outcome->start_us - trace->jobs[j].submit_us) / 10;

		if (outcome->predicted_us < 0 || outcome->start_us < 0)
			continue;
		off += late_us;
		errors[ret->count++] = error_us;
		ret->within_tenth += error_us <= (tenth_us > MINUTE_US ? tenth_us : MINUTE_US);
	}
	if (ret->count == 0)
		return;
	qsort(errors, ret->count, sizeof(*errors), compare_values);
	ret->median_error_us = errors[ret->count / 2];
	ret->mean_off_us = (int64_t)(off / (__int128)ret->count);
}

void replay_sum(const struct replay_trace *trace, const struct policy_spec *policy, const struct replay *replay, struct arena *arena,
		struct replay_summary *ret)
{
	__int128 offered = (__int128)replay->capacity_milli * (replay->end_us - replay->begin_us);

	*ret = (struct replay_summary){ .span_us = replay->end_us - replay->begin_us };
	ret->used_permille = offered > 0 ? (int64_t)(replay->used_milli_us * 1000 / offered) : 0;
	sum_waits(trace, replay, arena, &ret->waits);
	sum_tenants(trace, policy, replay, arena, ret);
	sum_foretold(trace, replay, arena, &ret->foretold);
}
