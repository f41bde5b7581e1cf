/* Accepting demands: references checked, asks brought into their canonical form, ids given.
 *
 * This is the hot path of a submission. An ask that is known by its bytes was checked before and is not
 * checked again until the network changes; each text is encoded once, and apply keeps those bytes.
 */
#include <string.h>

#include "base/id.h"
#include "model/name.h"
#include "platform/submission.h"
#include "wire/files.h"

static int check_regions(const struct platform *platform, const char **regions, size_t count, const char *what, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (!region_find(platform, regions[i]))
			return err_set(err, -EINVAL, "%s: the region %s is unknown", what, regions[i]);
	return 0;
}

static int check_references(const struct platform *platform, const struct ask *ask, struct err *err)
{
	int code = check_regions(platform, ask->where.regions, ask->where.region_count, "where.regions", err);

	if (code == 0)
		code = check_regions(platform, ask->rules.residency, ask->rules.residency_count, "rules.residency", err);
	for (size_t i = 0; code == 0 && i < ask->where.site_count; i++)
		if (!site_find(platform, ask->where.sites[i]))
			code = err_set(err, -EINVAL, "where.sites: the site %s is unknown", ask->where.sites[i]);
	if (code == 0 && ask->where.near && !ask->where.near->has_coordinates && !site_find(platform, ask->where.near->site))
		code = err_set(err, -EINVAL, "where.near: the site %s is unknown", ask->where.near->site);
	for (size_t i = 0; code == 0 && i < ask->where.caller_count; i++) {
		const struct near *place = &ask->where.callers[i].place;

		if (!place->has_coordinates && !site_find(platform, place->site))
			code = err_set(err, -EINVAL, "where.callers: the site %s is unknown", place->site);
	}
	for (size_t i = 0; code == 0 && i < ask->data_count; i++) {
		const struct data_reference *data = &ask->data[i];

		if (*data->site && !site_find(platform, data->site))
			code = err_set(err, -EINVAL, "data: the site %s is unknown", data->site);
		else
			code = check_regions(platform, data->residency, data->residency_count, "data.residency", err);
	}
	return code;
}

static void *copy_list(const void *list, size_t count, size_t size, struct arena *arena)
{
	return count ? arena_dup(arena, list, count * size) : NULL;
}

/* The ask in canonical form; the caller's lists stay as they are. */
static struct ask canonical_ask(const struct demand_spec *spec, struct arena *arena)
{
	struct ask ask = spec->ask;

	ask.simulated = spec->simulate != NULL;
	ask.shape.chips.models = copy_list(ask.shape.chips.models, ask.shape.chips.model_count, sizeof(char *), arena);
	ask.shape.chips.needs.software =
		copy_list(ask.shape.chips.needs.software, ask.shape.chips.needs.software_count, sizeof(char *), arena);
	ask.shape.chips.needs.throughputs = copy_list(ask.shape.chips.needs.throughputs, ask.shape.chips.needs.throughput_count,
						      sizeof(struct throughput), arena);
	ask.shape.resources = copy_list(ask.shape.resources, ask.shape.resource_count, sizeof(struct countable), arena);
	ask.where.callers = copy_list(ask.where.callers, ask.where.caller_count, sizeof(struct caller_place), arena);
	ask.where.tiers = copy_list(ask.where.tiers, ask.where.tier_count, sizeof(enum tier), arena);
	ask.where.regions = copy_list(ask.where.regions, ask.where.region_count, sizeof(char *), arena);
	ask.where.sites = copy_list(ask.where.sites, ask.where.site_count, sizeof(char *), arena);
	ask.rules.residency = copy_list(ask.rules.residency, ask.rules.residency_count, sizeof(char *), arena);
	ask.data = copy_list(ask.data, ask.data_count, sizeof(struct data_reference), arena);
	for (size_t i = 0; i < ask.data_count; i++)
		ask.data[i].residency = copy_list(ask.data[i].residency, ask.data[i].residency_count, sizeof(char *), arena);
	ask_canonicalize(&ask);
	return ask;
}

static struct bytes copy_bytes(const struct strbuf *buf, struct arena *arena)
{
	return (struct bytes){ arena_dup(arena, buf->data, buf->length), buf->length };
}

/* The ask's bytes, the same for all members of an array; checked when they are not known. */
static int encode_ask(const struct platform *platform, const struct demand_spec *spec, struct strbuf *scratch, struct arena *arena,
		      struct bytes *ret, struct err *err)
{
	struct ask ask = canonical_ask(spec, arena);
	const struct class *class;
	int code;

	strbuf_reset(scratch);
	schema_encode(&ask_schema, &ask, scratch);
	*ret = copy_bytes(scratch, arena);
	class = class_find(platform, ret);
	if (class && class->network_serial == platform->network_serial)
		return 0;
	code = ask_check(&ask, err);
	return code == 0 ? check_references(platform, &ask, err) : code;
}

static bool is_array_variable(const char *name)
{
	return strcmp(name, ARRAY_INDEX_VARIABLE) == 0 || strcmp(name, ARRAY_COUNT_VARIABLE) == 0;
}

/* Room for the two variables of a member; the caller's of these names are left out. */
static int array_environment(struct demand_spec *bare, struct arena *arena, struct err *err)
{
	struct variable *variables = ARENA_ARRAY(arena, struct variable, bare->environment_count + 2);
	size_t count = 0;

	for (size_t i = 0; i < bare->environment_count; i++)
		if (!is_array_variable(bare->environment[i].name))
			variables[count++] = bare->environment[i];
	if (count + 2 > DEMAND_ENVIRONMENT_MAX)
		return err_set(err, -EINVAL, "environment: has %zu variables, expected at most %d beside the two of an array", count,
			       DEMAND_ENVIRONMENT_MAX - 2);
	bare->environment = variables;
	bare->environment_count = count + 2;
	variables[count] = (struct variable){ ARRAY_INDEX_VARIABLE, "" };
	variables[count + 1] = (struct variable){ ARRAY_COUNT_VARIABLE, arena_printf(arena, "%lld", (long long)bare->array->count) };
	return 0;
}

static int check_spec(const struct demand_spec *spec, const char *tenant, struct err *err)
{
	bool is_job = spec->ask.kind == DEMAND_JOB;

	if (name_check(spec->name, err) < 0 || (*tenant && name_check(tenant, err) < 0))
		return -EINVAL;
	if (!is_job && (spec->array || spec->deadline_us || spec->time_limit_us))
		return err_set(err, -EINVAL, "a service has no array, deadline or time limit");
	if (spec->deadline_us < 0 || spec->time_limit_us < 0 || spec->after_count > DEMAND_AFTER_MAX)
		return err_set(err, -EINVAL, "a time or a list that cannot be");
	if (spec->array && (spec->array->count < 1 || spec->array->count > DEMAND_ARRAY_MAX || spec->array->at_once < 0 ||
			    spec->array->at_once > DEMAND_ARRAY_MAX))
		return err_set(err, -EINVAL, "array: an array of %lld members, expected 1 to %d", (long long)spec->array->count,
			       DEMAND_ARRAY_MAX);
	return 0;
}

/* The events of one spec, without what it waits for. `scratch` is reused from demand to demand. */
static int accept(struct submission *submission, const struct demand_spec *spec, uint64_t *id, struct strbuf *scratch, struct err *err)
{
	const char *tenant = spec->tenant && *spec->tenant ? spec->tenant : submission->tenant;
	struct arena *arena = submission->list.arena;
	int64_t members = spec->array ? spec->array->count : 1;
	struct demand_spec bare = *spec;
	uint64_t first = 0;
	struct bytes ask;
	int code = check_spec(spec, tenant, err);

	if (code == 0)
		code = encode_ask(submission->platform, spec, scratch, arena, &ask, err);
	if (code == 0 && spec->array)
		code = array_environment(&bare, arena, err);
	if (code < 0)
		return err_prefix(err, code, "%s", spec->name);
	schema_defaults(&ask_schema, &bare.ask);
	bare.name = bare.tenant = ""; /* kept once, beside the spec */
	bare.array = NULL;            /* a member is none itself */
	for (int64_t i = 0; i < members; i++) {
		struct accepted_body *body = event_add(&submission->list, submission->now_us, EVENT_DEMAND_ACCEPTED);

		body->demand = *id = id_next(*id, submission->now_us, submission->platform->settings.number);
		body->tenant = tenant;
		body->name = spec->name;
		body->ask = ask;
		body->attempts_max = spec->attempts_max > 0 ? spec->attempts_max : 3;
		body->on_site_loss = spec->on_site_loss;
		body->time_limit_us = spec->time_limit_us;
		body->deadline_us = spec->deadline_us > 0 ? submission->now_us + spec->deadline_us : 0;
		if (spec->array) {
			first = first ? first : *id;
			body->array = first;
			body->index = i;
			body->name = arena_printf(arena, "%s.%lld", spec->name, (long long)i);
			bare.environment[bare.environment_count - 2].value = strrchr(body->name, '.') + 1;
		}
		strbuf_reset(scratch);
		schema_encode(&demand_schema, &bare, scratch);
		body->spec = copy_bytes(scratch, arena);
	}
	return spec->array && strlen(submission_body(submission, submission->list.count - 1)->name) > NAME_MAX_LENGTH
		       ? err_set(err, -EINVAL, "%s: the name is too long for the members of an array", spec->name)
		       : 0;
}

/* Of what was asked for as it was written: names that are waited for are not resolved yet. */
static uint64_t hash_request(const struct submission *submission)
{
	uint64_t hash = 0;

	for (size_t s = 0; s < submission->count; s++) {
		const struct accepted_body *body = submission_body(submission, submission->first[s]);
		const struct array *array = submission->specs[s].array;
		uint64_t parts[] = { hash, hash_text(body->name), hash_text(body->tenant), hash_bytes(body->ask.data, body->ask.length),
				     hash_bytes(body->spec.data, body->spec.length) };

		hash = hash_bytes(parts, sizeof(parts));
		if (array) {
			uint64_t more[] = { hash, (uint64_t)array->count, (uint64_t)array->at_once };

			hash = hash_bytes(more, sizeof(more));
		}
	}
	return hash;
}

/* Ids of a batch follow each other. */
static void fill_results(const struct submission *submission, uint64_t first, bool repeated, struct submit_result *ret_results)
{
	uint64_t id = first;

	for (size_t s = 0; s < submission->count; s++) {
		int64_t members = submission->specs[s].array ? submission->specs[s].array->count : 1;

		ret_results[s] = (struct submit_result){ .id = id, .members = members, .repeated = repeated };
		for (int64_t i = 0; i < members; i++)
			id = id_next(id, 0, (unsigned)(id >> 13) & ID_PLATFORM_MAX);
	}
}

static int check_room(const struct platform *platform, size_t live, const struct demand_spec *specs, size_t count, struct err *err)
{
	uint64_t wanted = 0;

	for (size_t i = 0; i < count; i++) {
		bool many = specs[i].ask.kind == DEMAND_SERVICE && specs[i].ask.workers > 1;

		wanted += many ? (uint64_t)specs[i].ask.workers : specs[i].array ? (uint64_t)specs[i].array->count : 1;
	}
	if (live + wanted > platform->settings.demands_live_max)
		return err_set(err, -ENOSPC, "%zu demands and replicas are live, and %llu more are asked for; at most %zu may be; "
					     "try again when some have ended",
			       live, (unsigned long long)wanted, platform->settings.demands_live_max);
	return 0;
}

static int check_key(const char *tenant, const char *key, struct err *err)
{
	if (strlen(key) > IDEMPOTENCY_KEY_LENGTH_MAX)
		return err_set(err, -EINVAL, "the idempotency key has %zu bytes, expected at most %d", strlen(key),
			       IDEMPOTENCY_KEY_LENGTH_MAX);
	if (strlen(tenant) > NAME_MAX_LENGTH)
		return err_set(err, -EINVAL, "the tenant's name is too long");
	return 0;
}

int decide_submit(const struct platform *platform, int64_t now_us, const char *tenant, const char *key, const struct demand_spec *specs,
		  size_t count, struct submit_result *ret_results, struct event_list *ret, struct err *err)
{
	cleanup_strbuf struct strbuf scratch = { 0 };
	struct submission submission = { .platform = platform, .specs = specs, .count = count, .list = *ret, .begin = ret->count,
					 .first = ARENA_ARRAY(ret->arena, size_t, count + 1), .now_us = now_us,
					 .tenant = tenant ? tenant : "" };
	const struct key_entry *known = NULL;
	struct accepted_body *first;
	const char *own_key = "";
	uint64_t id = platform->last_id, hash = 0;
	bool keyed = key && *key;
	int code = keyed ? check_key(submission.tenant, key, err) : 0;

	if (code == 0)
		code = check_room(platform, 0, specs, count, err); /* what could never be is not even read */
	for (size_t i = 0; code == 0 && i < count; i++) {
		submission.first[i] = submission.list.count;
		code = accept(&submission, &specs[i], &id, &scratch, err);
		submission.first[i + 1] = submission.list.count;
	}
	if (code < 0 || count == 0)
		return code;
	first = submission_body(&submission, submission.begin);
	if (keyed) {
		own_key = arena_printf(ret->arena, "%s/%s", submission.tenant, key);
		hash = hash_request(&submission);
		known = key_find(platform, own_key);
	}
	if (known) {
		if (known->request_hash != hash || known->count != submission.list.count - submission.begin)
			return err_set(err, -EEXIST, "the idempotency key was used for something else");
		fill_results(&submission, known->first, true, ret_results);
		return 0;
	}
	code = check_room(platform, platform->live_replicas, specs, count, err);
	if (code == 0)
		code = submission_resolve(&submission, err);
	if (code < 0)
		return code;
	fill_results(&submission, first->demand, false, ret_results);
	if (keyed) {
		first->key = own_key;
		first->key_hash = hash;
		first->key_count = (int64_t)(submission.list.count - submission.begin);
	}
	*ret = submission.list;
	return 0;
}
