/* Accepting demands: references checked, asks brought into their canonical form, ids given.
 *
 * This is the hot path of a submission. An ask that is known by its bytes was checked before and is not
 * checked again until the network changes; each text is encoded once, and apply keeps those bytes.
 */
#include <string.h>

#include "base/id.h"
#include "model/name.h"
#include "platform/state.h"
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

/* One demand's event, without its id. `scratch` is reused from demand to demand. */
static int accept(const struct platform *platform, const char *tenant, const struct demand_spec *spec, struct strbuf *scratch,
		  struct arena *arena, struct accepted_body *body, struct err *err)
{
	struct demand_spec bare = *spec;
	struct ask ask = canonical_ask(spec, arena);
	const struct class *class;
	int code = 0;

	strbuf_reset(scratch);
	schema_encode(&ask_schema, &ask, scratch);
	body->ask = copy_bytes(scratch, arena);
	class = class_find(platform, &body->ask);
	if (!class || class->network_serial != platform->network_serial) {
		code = ask_check(&ask, err);
		if (code == 0)
			code = check_references(platform, &ask, err);
	}
	if (code < 0)
		return err_prefix(err, code, "%s", spec->name);
	schema_defaults(&ask_schema, &bare.ask);
	body->name = spec->name;
	body->tenant = spec->tenant && *spec->tenant ? spec->tenant : tenant;
	bare.name = bare.tenant = ""; /* kept once, beside the spec */
	strbuf_reset(scratch);
	schema_encode(&demand_schema, &bare, scratch);
	body->spec = copy_bytes(scratch, arena);
	body->attempts_max = spec->attempts_max > 0 ? spec->attempts_max : 3;
	body->on_site_loss = spec->on_site_loss;
	return name_check(body->name, err) < 0 || (*body->tenant && name_check(body->tenant, err) < 0) ? -EINVAL : 0;
}

static uint64_t hash_request(const struct event_list *list, size_t from)
{
	uint64_t hash = 0;

	for (size_t i = from; i < list->count; i++) {
		const struct accepted_body *body = list->events[i].body;
		uint64_t parts[] = { hash, hash_text(body->name), hash_text(body->tenant), hash_bytes(body->ask.data, body->ask.length),
				     hash_bytes(body->spec.data, body->spec.length) };

		hash = hash_bytes(parts, sizeof(parts));
	}
	return hash;
}

static int answer_again(const struct key_entry *known, uint64_t hash, size_t count, struct submit_result *ret_results, struct err *err)
{
	uint64_t id = known->first;

	if (known->request_hash != hash || known->count != count)
		return err_set(err, -EEXIST, "the idempotency key was used for something else");
	for (size_t i = 0; i < count; i++) {
		ret_results[i] = (struct submit_result){ .id = id, .repeated = true };
		id = id_next(id, 0, (unsigned)(id >> 13) & ID_PLATFORM_MAX);
	}
	return 0;
}

static int check_room(const struct platform *platform, const struct demand_spec *specs, size_t count, struct err *err)
{
	uint64_t wanted = 0;

	for (size_t i = 0; i < count; i++)
		wanted += specs[i].ask.kind == DEMAND_SERVICE && specs[i].ask.workers > 1 ? (uint64_t)specs[i].ask.workers : 1;
	if (platform->live_replicas + wanted > platform->settings.demands_live_max)
		return err_set(err, -ENOSPC, "%zu demands and replicas are live, at most %zu may be; try again when some have ended",
			       platform->live_replicas, platform->settings.demands_live_max);
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
	const struct key_entry *known = NULL;
	struct event_list list = *ret;
	struct accepted_body *first = NULL;
	const char *own_key = "";
	uint64_t id = platform->last_id, hash = 0;
	bool keyed = key && *key;
	int code = keyed ? check_key(tenant ? tenant : "", key, err) : 0;

	for (size_t i = 0; code == 0 && i < count; i++) {
		struct accepted_body *body = event_add(&list, now_us, EVENT_DEMAND_ACCEPTED);

		first = first ? first : body;
		body->demand = id = id_next(id, now_us, platform->settings.number);
		code = accept(platform, tenant ? tenant : "", &specs[i], &scratch, ret->arena, body, err);
	}
	if (code < 0 || count == 0)
		return code;
	if (keyed) {
		own_key = arena_printf(ret->arena, "%s/%s", tenant ? tenant : "", key);
		hash = hash_request(&list, ret->count);
		known = key_find(platform, own_key);
	}
	if (known)
		return answer_again(known, hash, count, ret_results, err);
	code = check_room(platform, specs, count, err);
	if (code < 0)
		return code;
	for (size_t i = 0; i < count; i++)
		ret_results[i] = (struct submit_result){ .id = ((const struct accepted_body *)list.events[ret->count + i].body)->demand };
	if (keyed) {
		first->key = own_key;
		first->key_hash = hash;
		first->key_count = (int64_t)count;
	}
	*ret = list;
	return 0;
}
