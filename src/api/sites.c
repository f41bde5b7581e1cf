#include "api/call.h"

#include <string.h>

#include "model/name.h"
#include "model/site.h"

struct drain_request {
	const char *reason;
};
static const struct field drain_fields[] = {
	FIELD(FIELD_STRING, struct drain_request, reason, "reason", 0, .maximum = TITLE_MAX_LENGTH, .check = title_check,
	      .help = "Why, for people."),
};
static const struct schema drain_schema = SCHEMA("drain", struct drain_request, drain_fields);

static void list_sites(struct call *call)
{
	struct site_filter filter = { 0 };
	struct site_status *sites;
	struct strbuf out = { 0 };
	const char *cursor;
	size_t limit, count;
	bool more;

	if (!call_page(call, &limit, &cursor) || !call_enum(call, "tier", &tier_table, &filter.tier) ||
	    !call_enum(call, "condition", &site_condition_table, &filter.condition) ||
	    !call_enum(call, "engine", &engine_kind_table, &filter.engine) || !call_flag(call, "draining", &filter.draining) ||
	    !call_name(call, "region", &filter.region))
		return;
	filter.name_contains = call_query(call, "contains");
	count = view_sites(core_platform(call->api->core), call->now_us, &filter, cursor, limit, call->arena, &sites, &more);
	page_begin(&out);
	for (size_t i = 0; i < count; i++) {
		page_item(&out);
		schema_write_json(&site_status_schema, &sites[i], false, &out);
	}
	page_end(&out, more ? sites[count - 1].name : "");
	call_answer_json(call, 200, &out);
}

static void answer_site(struct call *call, const char *name)
{
	struct strbuf out = { 0 };
	struct site_status site;

	if (view_site(core_platform(call->api->core), call->now_us, name, true, call->arena, &site)) {
		call_not_found(call, "site", name);
		return;
	}
	schema_write_json(&site_full_schema, &site, false, &out);
	call_answer_json(call, 200, &out);
}

static void get_site(struct call *call)
{
	answer_site(call, call->segments[0]);
}

/* A supplier whose token names a site may drain that one only. */
static bool check_own_site(struct call *call)
{
	if (call->who.role != ROLE_SUPPLIER || !*call->who.site || !strcmp(call->who.site, call->segments[0]))
		return true;
	call_problem(call, 403, "forbidden", "Forbidden", "this token speaks for the site %s only", call->who.site);
	return false;
}

static bool read_drain(struct call *call, struct drain_request *ret)
{
	struct problems problems;
	const struct doc *doc;

	schema_defaults(&drain_schema, ret);
	if (!call_json(call, &doc))
		return false;
	problems_init(&problems, call->arena, "");
	if (!doc || !schema_read(&drain_schema, doc, ret, &problems))
		return true;
	call_problems(call, "the request", &problems);
	return false;
}

static void change_drain(struct call *call, bool drain)
{
	struct platform *platform = core_platform(call->api->core);
	struct drain_request request;
	struct event_list events;
	struct err err = { "" };
	int code;

	if (!check_own_site(call) || !read_drain(call, &request))
		return;
	event_list_init(&events, call->arena);
	if (drain)
		code = decide_drain(platform, call->now_us, call->segments[0], call->who.name, request.reason, &events, &err);
	else
		code = decide_undrain(platform, call->now_us, call->segments[0], call->who.name, &events, &err);
	if (code) {
		call_refused(call, code, &err);
		return;
	}
	core_commit(call->api->core, &events, NULL, NULL);
	answer_site(call, call->segments[0]);
}

static void drain_site(struct call *call)
{
	change_drain(call, true);
}

static void undrain_site(struct call *call)
{
	change_drain(call, false);
}

static const char *const list_parameters[] = { "tier", "region", "condition", "engine", "draining", "contains", "limit", "cursor", NULL };
static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/sites", .roles = FOR_ALL, .produces = MEDIA_JSON, .parameters = list_parameters, .handle = list_sites },
	{ .method = "GET", .pattern = "/v1/sites/{site}", .roles = FOR_ALL, .produces = MEDIA_JSON, .handle = get_site },
	{ .method = "POST", .pattern = "/v1/sites/{site}/drain", .roles = FOR_OPERATOR | FOR_SUPPLIER, .body = BODY_JSON_OPTIONAL,
	  .produces = MEDIA_JSON, .handle = drain_site },
	{ .method = "POST", .pattern = "/v1/sites/{site}/undrain", .roles = FOR_OPERATOR | FOR_SUPPLIER, .body = BODY_JSON_OPTIONAL,
	  .produces = MEDIA_JSON, .handle = undrain_site },
};
const struct route_table site_routes = { routes, ARRAY_COUNT(routes) };
