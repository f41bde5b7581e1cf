/* Demands: submitted, listed, shown, cancelled. */
#include "api/call.h"
#include "api/demands.h"

#include <inttypes.h>
#include <string.h>

#include "base/id.h"
#include "model/demand.h"
#include "wire/files.h"

#define BATCH_MAX 10000
#define TENANT_DEFAULT "default"

/* --- submitting -------------------------------------------------------------------------------- */

/* Whose demands the caller submits when a demand does not say. */
static const char *caller_tenant(const struct call *call)
{
	return *call->who.tenant ? call->who.tenant : TENANT_DEFAULT;
}

/* The idempotency key, within the caller's tenant: others' keys can be neither read nor used up. */
static bool read_key(struct call *call, const char **ret)
{
	const char *key = http_request_header(call->request, "Idempotency-Key");
	size_t length = key ? strlen(key) : 0;

	*ret = NULL;
	if (!key)
		return true;
	for (size_t i = 0; i < length; i++)
		if (key[i] <= ' ' || key[i] > '~')
			length = 0;
	if (!length || length > DEMAND_KEY_MAX) {
		call_problem(call, 400, "bad-parameter", "A parameter is not valid",
			     "Idempotency-Key must be 1 to %d visible ASCII characters", DEMAND_KEY_MAX);
		return false;
	}
	*ret = arena_printf(call->arena, "%s/%s", *call->who.tenant ? call->who.tenant : "", key);
	return true;
}

static bool check_tenants(struct call *call, const struct demand_spec *specs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (call->who.role != ROLE_TENANT || !*specs[i].tenant || !strcmp(specs[i].tenant, call->who.tenant))
			continue;
		call_problem(call, 403, "forbidden", "Forbidden", "this token submits for the tenant %s, not for %s", call->who.tenant,
			     specs[i].tenant);
		return false;
	}
	return true;
}

/* Decides and commits; gives the results, or answers. */
static const struct submit_result *submit(struct call *call, const struct demand_spec *specs, size_t count)
{
	struct submit_result *results = ARENA_ARRAY(call->arena, struct submit_result, count);
	struct event_list events;
	struct err err = { "" };
	const char *key;
	int code;

	if (!read_key(call, &key) || !check_tenants(call, specs, count))
		return NULL;
	event_list_init(&events, call->arena);
	code = decide_submit(core_platform(call->api->core), call->now_us, caller_tenant(call), key, specs, count, results, &events, &err);
	if (code) {
		call_refused(call, code, &err);
		return NULL;
	}
	core_commit(call->api->core, &events, NULL, NULL);
	return results;
}

static void submit_one(struct call *call)
{
	const struct submit_result *result;
	struct demand_spec spec;
	struct problems problems;
	const struct doc *doc;
	struct strbuf out = { 0 };
	char text[ID_TEXT_SIZE];

	if (!call_json(call, &doc))
		return;
	problems_init(&problems, call->arena, "");
	if (demand_read(doc, &problems, &spec)) {
		call_problems(call, "the demand", &problems);
		return;
	}
	result = submit(call, &spec, 1);
	if (!result)
		return;
	id_format(result->id, text);
	strbuf_printf(&out, "{\"id\":\"%s\",\"members\":%lld,\"repeated\":%s}", text, (long long)result->members,
		      result->repeated ? "true" : "false");
	call_header(call, "Location", arena_printf(call->arena, "/v1/demands/%s", text));
	call_answer_json(call, 201, &out);
}

/* The list of a batch's body, or NULL when it answered. */
static const struct doc *batch_list(struct call *call, const struct doc *doc, struct problems *problems)
{
	const struct doc *list = doc->kind == DOC_MAP ? doc_get(doc, "demands") : NULL;

	if (doc->kind != DOC_MAP)
		problems_add(problems, doc, "", "is no object, expected {\"demands\": [...]}");
	for (size_t i = 0; doc->kind == DOC_MAP && i < doc->count; i++)
		if (strcmp(doc->keys[i], "demands"))
			problems_add(problems, &doc->values[i], doc->keys[i], "unknown key, expected only \"demands\"");
	if (doc->kind == DOC_MAP && (!list || list->kind != DOC_LIST))
		problems_add(problems, doc, "demands", "is missing or no list, expected a list of demands");
	else if (list && (list->count < 1 || list->count > BATCH_MAX))
		problems_add(problems, list, "demands", "holds %zu demands, expected 1 to %d", list->count, BATCH_MAX);
	if (!problems->count)
		return list;
	call_problems(call, "the batch", problems);
	return NULL;
}

/* Reads each; their problems are told with the place in the list. */
static struct demand_spec *batch_read(struct call *call, const struct doc *list, struct problems *problems)
{
	struct demand_spec *specs = ARENA_ARRAY(call->arena, struct demand_spec, list->count);

	for (size_t i = 0; i < list->count; i++)
		schema_read_at(&demand_schema, &list->values[i], arena_printf(call->arena, "demands[%zu]", i), &specs[i], problems);
	if (!problems->count)
		return specs;
	call_problems(call, "the batch", problems);
	return NULL;
}

static void submit_batch(struct call *call)
{
	const struct submit_result *results;
	struct demand_spec *specs;
	struct problems problems;
	const struct doc *doc, *list;
	struct strbuf out = { 0 };
	char text[ID_TEXT_SIZE];

	if (!call_json(call, &doc))
		return;
	problems_init(&problems, call->arena, "");
	list = batch_list(call, doc, &problems);
	specs = list ? batch_read(call, list, &problems) : NULL;
	results = specs ? submit(call, specs, list->count) : NULL;
	if (!results)
		return;
	strbuf_puts(&out, "{\"ids\":[");
	for (size_t i = 0; i < list->count; i++)
		strbuf_printf(&out, "%s\"%s\"", i ? "," : "", id_format(results[i].id, text));
	strbuf_puts(&out, "],\"members\":[");
	for (size_t i = 0; i < list->count; i++)
		strbuf_printf(&out, "%s%lld", i ? "," : "", (long long)results[i].members);
	strbuf_printf(&out, "],\"repeated\":%s}", results[0].repeated ? "true" : "false");
	call_answer_json(call, 201, &out);
}

/* --- reading ----------------------------------------------------------------------------------- */

static bool read_state(struct call *call, struct demand_filter *filter)
{
	const char *state = call_query(call, "state");

	filter->state = -1;
	filter->live_only = state && !strcmp(state, "live");
	filter->ended_only = state && !strcmp(state, "ended");
	if (!state || filter->live_only || filter->ended_only)
		return true;
	filter->state = demand_state_from_string(state);
	if (filter->state >= 0)
		return true;
	call_problem(call, 400, "bad-parameter", "A parameter is not valid",
		     "parameter 'state': '%s' is not a state (pending, placed, running, stopping, succeeded, failed, timed-out, cancelled), live or ended",
		     state);
	return false;
}

static bool read_cursor(struct call *call, const char *cursor, uint64_t *ret)
{
	*ret = 0;
	if (!*cursor || !id_parse(cursor, ret))
		return true;
	call_problem(call, 400, "bad-parameter", "A parameter is not valid", "parameter 'cursor': '%s' is not a cursor that this platform gave",
		     cursor);
	return false;
}

enum order { ORDER_OLDEST, ORDER_NEWEST, ORDER_COUNT };
static const char *const order_words[ORDER_COUNT] = { "oldest", "newest" };
static const struct string_table order_table = { "order", order_words, ORDER_COUNT };

static bool read_filter(struct call *call, struct demand_filter *filter)
{
	return read_state(call, filter) && call_name(call, "tenant", &filter->tenant) && call_name(call, "site", &filter->site) &&
	       call_name(call, "region", &filter->region) && call_name(call, "name", &filter->name) &&
	       call_enum(call, "kind", &demand_kind_table, &filter->kind);
}

static void list_demands(struct call *call)
{
	struct demand_filter filter = { 0 };
	struct demand_view *demands;
	struct strbuf out = { 0 };
	char text[ID_TEXT_SIZE] = "";
	const char *cursor;
	size_t limit, count = 0;
	bool more = false;
	uint64_t from;
	int order;

	if (!call_page(call, &limit, &cursor) || !read_cursor(call, cursor, &from) || !call_enum(call, "order", &order_table, &order) ||
	    !read_filter(call, &filter))
		return;
	if (!filter.tenant && call->who.role == ROLE_TENANT)
		filter.tenant = call->who.tenant;
	/* Another's demands are not forbidden but unseen, as if there were none. */
	if (!filter.tenant || caller_sees_tenant(&call->who, filter.tenant))
		count = view_demands(core_platform(call->api->core), call->now_us, &filter, from, order != ORDER_OLDEST, limit, call->arena,
				     &demands, &more);
	page_begin(&out);
	for (size_t i = 0; i < count; i++) {
		page_item(&out);
		schema_write_json(&demand_view_schema, &demands[i], false, &out);
	}
	if (more && count)
		id_format(demands[count - 1].id, text);
	page_end(&out, text);
	call_answer_json(call, 200, &out);
}

bool call_demand(struct call *call, bool full, uint64_t *ret_id, struct demand_view *ret)
{
	if (!call_id(call, call->segments[0], ret_id))
		return false;
	if (!view_demand(core_platform(call->api->core), call->now_us, *ret_id, full, call->arena, ret) &&
	    caller_sees_tenant(&call->who, ret->tenant))
		return true;
	call_not_found(call, "demand", call->segments[0]);
	return false;
}

/* For those who may not see what a demand runs. */
static void hide_commands(struct call *call, struct demand_view *demand)
{
	struct demand_spec *spec;

	if (!demand->spec || caller_sees_commands(&call->who))
		return;
	spec = ARENA_NEW(call->arena, struct demand_spec);
	*spec = *demand->spec;
	spec->command_count = 0;
	spec->environment_count = 0;
	demand->spec = spec;
}

static void answer_demand(struct call *call, unsigned status)
{
	struct demand_view demand;
	struct strbuf out = { 0 };
	uint64_t id;

	if (!call_demand(call, true, &id, &demand))
		return;
	hide_commands(call, &demand);
	schema_write_json(&demand_full_schema, &demand, false, &out);
	call_answer_json(call, status, &out);
}

static void get_demand(struct call *call)
{
	answer_demand(call, 200);
}

/* Of a request that may have a body, but says nothing in it. */
static bool check_empty(struct call *call, const struct doc *doc)
{
	struct problems problems;

	if (!doc || (doc->kind == DOC_MAP && doc->count == 0))
		return true;
	problems_init(&problems, call->arena, "");
	problems_add(&problems, doc, doc->kind == DOC_MAP ? doc->keys[0] : "", "is not expected; the body may be left out or {}");
	call_problems(call, "the request", &problems);
	return false;
}

static void cancel_demand(struct call *call)
{
	struct demand_view demand;
	struct event_list events;
	struct err err = { "" };
	const struct doc *doc;
	uint64_t id;
	int code;

	if (!call_demand(call, false, &id, &demand) || !call_json(call, &doc) || !check_empty(call, doc))
		return;
	event_list_init(&events, call->arena);
	code = decide_cancel(core_platform(call->api->core), call->now_us, id, call->who.name, &events, &err);
	if (code) {
		call_refused(call, code, &err);
		return;
	}
	core_commit(call->api->core, &events, NULL, NULL);
	answer_demand(call, 202);
}

/* All live members of the newest array of the name: the caller's, or that of the tenant that an operator names. */
static void cancel_array(struct call *call)
{
	const char *tenant, *name = call->segments[0];
	struct strbuf out = { 0 };
	struct event_list events;
	struct err err = { "" };
	const struct doc *doc;
	size_t count;
	int code;

	if (!call_name(call, "tenant", &tenant) || !call_json(call, &doc) || !check_empty(call, doc))
		return;
	tenant = tenant ? tenant : caller_tenant(call);
	if (!caller_sees_tenant(&call->who, tenant)) {
		call_not_found(call, "array", name);
		return;
	}
	event_list_init(&events, call->arena);
	code = decide_cancel_array(core_platform(call->api->core), call->now_us, tenant, name, call->who.name, &events, &count, &err);
	if (code) {
		call_refused(call, code, &err);
		return;
	}
	core_commit(call->api->core, &events, NULL, NULL);
	strbuf_puts(&out, "{\"name\":");
	json_write_string(&out, name);
	strbuf_puts(&out, ",\"tenant\":");
	json_write_string(&out, tenant);
	strbuf_printf(&out, ",\"cancelled\":%zu}", count);
	call_answer_json(call, 202, &out);
}

static const char *const array_parameters[] = { "tenant", NULL };
static const char *const list_parameters[] = { "state", "tenant", "site", "region", "name", "kind", "order", "limit", "cursor", NULL };
static const struct route routes[] = {
	{ .method = "POST", .pattern = "/v1/demands", .roles = FOR_OPERATOR | FOR_TENANT, .body = BODY_JSON, .produces = MEDIA_JSON,
	  .handle = submit_one },
	{ .method = "POST", .pattern = "/v1/demands/batch", .roles = FOR_OPERATOR | FOR_TENANT, .body = BODY_JSON, .produces = MEDIA_JSON,
	  .handle = submit_batch },
	{ .method = "GET", .pattern = "/v1/demands", .roles = FOR_ALL, .produces = MEDIA_JSON, .parameters = list_parameters,
	  .handle = list_demands },
	{ .method = "GET", .pattern = "/v1/demands/{id}", .roles = FOR_ALL, .produces = MEDIA_JSON, .handle = get_demand },
	{ .method = "POST", .pattern = "/v1/demands/{id}/cancel", .roles = FOR_OPERATOR | FOR_TENANT, .body = BODY_JSON_OPTIONAL,
	  .produces = MEDIA_JSON, .handle = cancel_demand },
	{ .method = "POST", .pattern = "/v1/arrays/{name}/cancel", .roles = FOR_OPERATOR | FOR_TENANT, .body = BODY_JSON_OPTIONAL,
	  .produces = MEDIA_JSON, .parameters = array_parameters, .handle = cancel_array },
};
const struct route_table demand_routes = { routes, ARRAY_COUNT(routes) };
