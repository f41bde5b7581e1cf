#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/replay_trace.h"

#define SECOND_US INT64_C(1000000)
#define KIB_PER_MIB 1024
#define CORE_MILLI 1000
#define MEMORY_MIB_MOST (INT64_C(1) << 30)

/* What makes asks, and tenants, distinct. The index within `keys` is that in the trace. */
struct key {
	int64_t a, b, c;
	uint32_t index;
};

struct keys {
	struct key *table; /* index plus 1; 0 free */
	size_t size, count;
};

static size_t key_place(const struct keys *keys, const struct key *key)
{
	uint64_t hash = (uint64_t)key->a;

	hash = (hash ^ hash >> 31) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)key->b;
	hash = (hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9) + (uint64_t)key->c;
	return (size_t)((hash ^ hash >> 32) * UINT64_C(0x94d049bb133111eb) >> 20) & (keys->size - 1);
}

static void keys_grow(struct keys *keys)
{
	struct keys grown = { .size = keys->size ? keys->size * 2 : 256, .count = keys->count };

	grown.table = mem_alloc(grown.size * sizeof(*grown.table));
	for (size_t i = 0; i < keys->size; i++) {
		size_t at;

		if (!keys->table[i].index)
			continue;
		for (at = key_place(&grown, &keys->table[i]); grown.table[at].index; at = (at + 1) & (grown.size - 1))
			;
		grown.table[at] = keys->table[i];
	}
	free(keys->table);
	*keys = grown;
}

/* The key's index; one that was not there gets the next. */
static uint32_t keys_get(struct keys *keys, int64_t a, int64_t b, int64_t c)
{
	struct key key = { a, b, c, 0 };
	size_t at;

	if (keys->count * 2 >= keys->size)
		keys_grow(keys);
	for (at = key_place(keys, &key); keys->table[at].index; at = (at + 1) & (keys->size - 1))
		if (keys->table[at].a == a && keys->table[at].b == b && keys->table[at].c == c)
			return keys->table[at].index - 1;
	key.index = (uint32_t)++keys->count;
	keys->table[at] = key;
	return key.index - 1;
}

struct mapping {
	const struct swf *swf;
	const struct network_spec *network; /* NULL: partitions do not count */
	struct arena *arena;
	struct err *err;
	struct keys ask_keys, tenant_keys;
	struct ask **asks;
	struct replay_tenant *tenants;
	size_t ask_capacity, tenant_capacity;
	size_t ask_count, tenant_count;
};

static int64_t width_of(const struct swf_job *job)
{
	return job->processors_asked > 0 ? job->processors_asked : job->processors_used;
}

static const char *site_of(const struct mapping *mapping, int64_t partition)
{
	const char *name = swf_partition_name(mapping->swf, partition);
	char number[40];

	snprintf(number, sizeof(number), "partition-%" PRId64, partition);
	for (size_t s = 0; s < mapping->network->site_count; s++)
		if ((name && strcmp(mapping->network->sites[s].name, name) == 0) || strcmp(mapping->network->sites[s].name, number) == 0)
			return mapping->network->sites[s].name;
	return NULL;
}

static int make_ask(struct mapping *mapping, const struct swf_job *job, int64_t memory_mib)
{
	struct ask *ask = ARENA_NEW(mapping->arena, struct ask);

	*ask = (struct ask){ .kind = DEMAND_JOB, .workers = width_of(job), .shape = { .cpu_milli = CORE_MILLI, .memory_mib = memory_mib },
			     .priority = PRIORITY_DEFAULT, .simulated = true };
	if (mapping->network && job->partition >= 0) {
		const char *name = swf_partition_name(mapping->swf, job->partition);

		ask->where.sites = ARENA_NEW(mapping->arena, const char *);
		ask->where.sites[0] = site_of(mapping, job->partition);
		ask->where.site_count = 1;
		if (!ask->where.sites[0])
			return err_set(mapping->err, -ENOENT,
				       "partition %" PRId64 " is no site of the network: expected one named \"%.60s\" or partition-%" PRId64,
				       job->partition, name ? name : "", job->partition);
	}
	ARRAY_RESERVE(mapping->asks, mapping->ask_capacity, mapping->ask_count + 1);
	mapping->asks[mapping->ask_count++] = ask;
	return 0;
}

static const char *number_name(struct arena *arena, const char *prefix, int64_t number)
{
	return number < 0 ? arena_printf(arena, "%s-none", prefix) : arena_printf(arena, "%s-%" PRId64, prefix, number);
}

static int map_job(struct mapping *mapping, const struct swf_job *job, struct replay_job *ret)
{
	int64_t memory_mib = job->memory_asked_kib > 0 ? (job->memory_asked_kib + KIB_PER_MIB - 1) / KIB_PER_MIB : 0;
	int64_t limit_s = job->time_asked_s > 0 ? job->time_asked_s : 0;
	int code = 0;

	memory_mib = memory_mib > MEMORY_MIB_MOST ? MEMORY_MIB_MOST : memory_mib;
	if (limit_s > 0 && limit_s < job->run_s)
		limit_s = job->run_s;
	*ret = (struct replay_job){ .submit_us = job->submit_s * SECOND_US, .run_us = job->run_s * SECOND_US, .limit_us = limit_s * SECOND_US,
				    .ask = keys_get(&mapping->ask_keys, width_of(job), memory_mib, mapping->network ? job->partition : -1),
				    .tenant = keys_get(&mapping->tenant_keys, job->group, job->user, 0) };
	if (ret->ask == mapping->ask_count)
		code = make_ask(mapping, job, memory_mib);
	if (ret->tenant == mapping->tenant_count) {
		const char *group = number_name(mapping->arena, "group", job->group);

		ARRAY_RESERVE(mapping->tenants, mapping->tenant_capacity, mapping->tenant_count + 1);
		mapping->tenants[mapping->tenant_count++] =
			(struct replay_tenant){ number_name(mapping->arena, arena_printf(mapping->arena, "%s-user", group), job->user), group };
	}
	return code;
}

struct sorted {
	const struct swf_job *job;
};

static int compare_jobs(const void *left, const void *right)
{
	const struct swf_job *a = ((const struct sorted *)left)->job, *b = ((const struct sorted *)right)->job;

	if (a->submit_s != b->submit_s)
		return a->submit_s < b->submit_s ? -1 : 1;
	return (a > b) - (a < b);
}

static size_t sort_jobs(const struct swf *swf, struct sorted *sorted, struct replay_left_out *left_out)
{
	size_t count = 0;

	for (size_t j = 0; j < swf->job_count; j++) {
		const struct swf_job *job = &swf->jobs[j];

		if (job->run_s < 0)
			left_out->no_run_time++;
		else if (width_of(job) < 1 || width_of(job) > DEMAND_WORKERS_MAX)
			left_out->no_size++;
		else
			sorted[count++].job = job;
	}
	if (count > 1)
		qsort(sorted, count, sizeof(*sorted), compare_jobs);
	return count;
}

int replay_trace_swf(const struct swf *swf, const struct network_spec *network, struct arena *arena, struct replay_trace *ret,
		     struct replay_left_out *ret_left_out, struct err *err)
{
	struct mapping mapping = { .swf = swf, .network = network, .arena = arena, .err = err };
	cleanup_free struct sorted *sorted = mem_alloc((swf->job_count + 1) * sizeof(*sorted));
	struct replay_left_out left_out = { 0 };
	size_t count = sort_jobs(swf, sorted, &left_out);
	struct replay_job *jobs = ARENA_ARRAY(arena, struct replay_job, count + 1);
	int code = count > 0 ? 0 : err_set(err, -EINVAL, "no job in it has a run time and a size");

	for (size_t j = 0; j < count && code == 0; j++)
		code = map_job(&mapping, sorted[j].job, &jobs[j]);
	if (code == 0 && mapping.tenant_count > REPLAY_TENANTS_MAX)
		code = err_set(err, -E2BIG, "it has %zu users, at most %d are replayed", mapping.tenant_count, REPLAY_TENANTS_MAX);
	if (code == 0) {
		*ret = (struct replay_trace){ .asks = arena_dup(arena, mapping.asks, mapping.ask_count * sizeof(*mapping.asks)),
					      .ask_count = mapping.ask_count,
					      .tenants = arena_dup(arena, mapping.tenants, mapping.tenant_count * sizeof(*mapping.tenants)),
					      .tenant_count = mapping.tenant_count, .jobs = jobs, .job_count = count };
		*ret_left_out = left_out;
	}
	free(mapping.ask_keys.table);
	free(mapping.tenant_keys.table);
	free(mapping.asks);
	free(mapping.tenants);
	return code;
}
