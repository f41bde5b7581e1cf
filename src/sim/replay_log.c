/* The event log as a trace. One pass notes what was asked for, when, and how long it ran; then the jobs are sorted by the moment from
 * which they could have been placed. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "platform/body.h"
#include "sim/replay_trace.h"
#include "wire/files.h"

/* A job, or one replica. */
struct noted {
	int64_t submit_us; /* when it was accepted, or let go */
	int64_t first_us, last_us; /* its first start, and the last end; 0 never */
	int64_t ran_us;    /* of the last attempt that ended; -1 none did */
	int64_t limit_us, deadline_us;
	uint32_t ask, tenant, replica;
	bool service, running;
	uint64_t order;
};

struct found {
	uint64_t demand;
	size_t first; /* of `noted` */
	int64_t replicas;
};

struct log {
	struct arena *arena;
	struct noted *noted;
	size_t noted_count, noted_capacity;
	struct found *found; /* by demand */
	size_t found_count, found_capacity;
	struct ask **asks;
	size_t ask_count, ask_capacity;
	struct known_ask {
		struct bytes key;
		const struct ask *whole;
		uint32_t first; /* of `asks`: one, or one for each caller of a service */
	} *known;
	size_t known_count, known_capacity;
	const char **tenants;
	size_t tenant_count, tenant_capacity;
	int64_t last_us;
};

static uint32_t tenant_of(struct log *log, const char *name)
{
	for (size_t t = 0; t < log->tenant_count; t++)
		if (strcmp(log->tenants[t], name) == 0)
			return (uint32_t)t;
	ARRAY_RESERVE(log->tenants, log->tenant_capacity, log->tenant_count + 1);
	log->tenants[log->tenant_count] = arena_strdup(log->arena, name);
	return (uint32_t)log->tenant_count++;
}

/* Asks that follow each other are mostly equal, so the newest are looked at first. */
static int ask_of(struct log *log, const struct bytes *key, const struct known_ask **ret, struct err *err)
{
	struct ask *ask = ARENA_NEW(log->arena, struct ask);
	size_t parts;
	int code;

	for (size_t k = log->known_count; k-- > 0;)
		if (log->known[k].key.length == key->length && memcmp(log->known[k].key.data, key->data, key->length) == 0) {
			*ret = &log->known[k];
			return 0;
		}
	code = schema_decode(&ask_schema, key->data, key->length, log->arena, ask, err);
	if (code < 0)
		return code;
	ask->simulated = true; /* as all sites are */
	parts = ask->where.caller_count ? ask->where.caller_count : 1;
	ARRAY_RESERVE(log->known, log->known_capacity, log->known_count + 1);
	log->known[log->known_count++] = (struct known_ask){ { arena_dup(log->arena, key->data, key->length), key->length }, ask,
							     (uint32_t)log->ask_count };
	*ret = &log->known[log->known_count - 1];
	for (size_t c = 0; c < parts; c++) {
		struct ask own = ask->where.caller_count ? ask_at_caller(ask, c) : *ask;

		ARRAY_RESERVE(log->asks, log->ask_capacity, log->ask_count + 1);
		log->asks[log->ask_count++] = ask_copy(&own, log->arena);
	}
	return 0;
}

static int note_accepted(struct log *log, const struct accepted_body *body, int64_t time_us, struct err *err)
{
	const struct known_ask *known;
	uint32_t tenant;
	bool service;
	int64_t replicas;
	int code = ask_of(log, &body->ask, &known, err);

	if (code < 0)
		return code;
	tenant = tenant_of(log, body->tenant);
	service = known->whole->kind == DEMAND_SERVICE;
	replicas = service ? known->whole->workers : 1;
	if (log->noted_count + (size_t)replicas > REPLAY_JOBS_MAX)
		return err_set(err, -E2BIG, "more than %d jobs, at most so many are replayed", REPLAY_JOBS_MAX);
	ARRAY_RESERVE(log->found, log->found_capacity, log->found_count + 1);
	log->found[log->found_count++] = (struct found){ body->demand, log->noted_count, replicas };
	for (int64_t r = 0; r < replicas; r++) {
		ARRAY_RESERVE(log->noted, log->noted_capacity, log->noted_count + 1);
		log->noted[log->noted_count] = (struct noted){
			.submit_us = time_us, .ran_us = -1, .limit_us = body->time_limit_us,
			.deadline_us = body->deadline_us ? time_us + body->deadline_us : 0, .tenant = tenant, .replica = (uint32_t)r,
			.ask = known->first + (known->whole->where.caller_count ? (uint32_t)ask_caller_of(known->whole, (uint32_t)r) : 0),
			.service = service, .order = log->noted_count,
		};
		log->noted_count++;
	}
	return 0;
}

static int compare_found(const void *left, const void *right)
{
	uint64_t a = ((const struct found *)left)->demand, b = ((const struct found *)right)->demand;

	return (a > b) - (a < b);
}

/* Ids grow as demands are accepted. NULL: accepted before the log begins. */
static struct noted *find(struct log *log, uint64_t demand, int64_t replica)
{
	const struct found key = { .demand = demand };
	const struct found *found = log->found_count ? bsearch(&key, log->found, log->found_count, sizeof(*log->found), compare_found) : NULL;

	return found && replica >= 0 && replica < found->replicas ? &log->noted[found->first + (size_t)replica] : NULL;
}

static void note_released(struct log *log, const struct released_body *body, int64_t time_us)
{
	struct noted *noted = find(log, body->demand, 0);

	if (noted)
		noted->submit_us = time_us;
}

static void note_changed(struct log *log, const struct changed_body *body)
{
	struct noted *noted = find(log, body->demand, body->replica);

	if (!noted || body->started_us <= 0)
		return;
	noted->first_us = noted->first_us ? noted->first_us : body->started_us;
	noted->running = true;
}

static void note_ended(struct log *log, const struct attempt_ended_body *body)
{
	struct noted *noted = find(log, body->demand, body->replica);

	if (!noted || body->started_us <= 0 || body->ended_us < body->started_us)
		return;
	noted->first_us = noted->first_us ? noted->first_us : body->started_us;
	noted->last_us = body->ended_us;
	noted->ran_us = body->ended_us - body->started_us;
	noted->running = false;
}

static int note_record(void *context, const struct record *record, struct err *err)
{
	struct log *log = context;
	const struct schema *schema;
	cleanup_arena struct arena arena = { 0 };
	union {
		struct accepted_body accepted;
		struct released_body released;
		struct changed_body changed;
		struct attempt_ended_body ended;
	} body = { 0 };
	int code;

	log->last_us = record->time_us > log->last_us ? record->time_us : log->last_us;
	if (record->type != EVENT_DEMAND_ACCEPTED && record->type != EVENT_DEMAND_RELEASED && record->type != EVENT_ATTEMPT_CHANGED &&
	    record->type != EVENT_ATTEMPT_ENDED)
		return 0;
	schema = event_schema((enum event_type)record->type);
	code = schema_decode(schema, record->payload, record->payload_length, &arena, &body, err);
	if (code < 0)
		return err_prefix(err, code, "record %llu", (unsigned long long)record->sequence);
	switch (record->type) {
	case EVENT_DEMAND_ACCEPTED:
		return note_accepted(log, &body.accepted, record->time_us, err);
	case EVENT_DEMAND_RELEASED:
		note_released(log, &body.released, record->time_us);
		break;
	case EVENT_ATTEMPT_CHANGED:
		note_changed(log, &body.changed);
		break;
	default:
		note_ended(log, &body.ended);
	}
	return 0;
}

/* How long it ran, as far as the log knows; -1 not at all. */
static int64_t run_time(const struct log *log, const struct noted *noted)
{
	if (noted->service && noted->first_us)
		return (noted->running ? log->last_us : noted->last_us) - noted->first_us;
	return noted->running ? -1 : noted->ran_us;
}

static int compare_noted(const void *left, const void *right)
{
	const struct noted *a = left, *b = right;

	if (a->submit_us != b->submit_us)
		return a->submit_us < b->submit_us ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static size_t make_jobs(struct log *log, struct replay_job *jobs, struct replay_left_out *left_out)
{
	size_t count = 0;

	if (log->noted_count > 1)
		qsort(log->noted, log->noted_count, sizeof(*log->noted), compare_noted);
	for (size_t n = 0; n < log->noted_count; n++) {
		const struct noted *noted = &log->noted[n];
		int64_t run_us = run_time(log, noted);

		if (run_us < 0) {
			left_out->no_run_time++;
			continue;
		}
		jobs[count++] = (struct replay_job){ .submit_us = noted->submit_us, .run_us = run_us,
						     .limit_us = noted->limit_us && noted->limit_us < run_us ? run_us : noted->limit_us,
						     .deadline_us = noted->deadline_us, .replica = noted->replica, .ask = noted->ask,
						     .tenant = noted->tenant };
	}
	return count;
}

static void fill_trace(struct log *log, struct replay_trace *ret, struct replay_left_out *left_out)
{
	struct replay_job *jobs = ARENA_ARRAY(log->arena, struct replay_job, log->noted_count + 1);
	struct replay_tenant *tenants = ARENA_ARRAY(log->arena, struct replay_tenant, log->tenant_count + 1);

	*left_out = (struct replay_left_out){ 0 };
	for (size_t t = 0; t < log->tenant_count; t++)
		tenants[t] = (struct replay_tenant){ log->tenants[t], "" };
	*ret = (struct replay_trace){ .asks = arena_dup(log->arena, log->asks, log->ask_count * sizeof(*log->asks)), .ask_count = log->ask_count,
				      .tenants = tenants, .tenant_count = log->tenant_count, .jobs = jobs };
	ret->job_count = make_jobs(log, jobs, left_out);
}

int replay_trace_log(struct store *store, struct arena *arena, struct replay_trace *ret, struct replay_left_out *ret_left_out,
		     struct err *err)
{
	struct log log = { .arena = arena };
	struct replay_left_out left_out;
	struct replay_trace trace;
	uint64_t first, last;
	int code = store_last(store, &first, &last, err);

	if (code == 0)
		code = store_read(store, first - 1, 0, note_record, &log, err);
	if (code == 0) {
		fill_trace(&log, &trace, &left_out);
		if (trace.job_count == 0)
			code = err_set(err, -EINVAL, "no demand in the log ran to an end");
	}
	if (code == 0) {
		*ret = trace;
		*ret_left_out = left_out;
	}
	free(log.noted);
	free(log.found);
	free(log.asks);
	free(log.known);
	free(log.tenants);
	return code;
}
