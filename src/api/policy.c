/* The network's policy, and the tenants that it speaks of. */
#include <string.h>

#include "api/call.h"
#include "wire/files.h"

static void answer_policy(struct call *call)
{
	struct policy_spec policy = *view_policy(core_platform(call->api->core));
	struct strbuf out = { 0 };

	if (!*policy.name) { /* none was loaded */
		policy.name = "default";
		policy.title = "What holds when no policy is given";
	}
	schema_write_json(&policy_schema, &policy, false, &out);
	call_answer_json(call, 200, &out);
}

static void put_policy(struct call *call)
{
	struct policy_spec policy;
	struct problems problems;
	struct event_list events;
	struct err err = { "" };
	const struct doc *doc;
	int code;

	if (!call_json(call, &doc))
		return;
	problems_init(&problems, call->arena, "");
	if (schema_read(&policy_schema, doc, &policy, &problems)) {
		call_problems(call, "the policy", &problems);
		return;
	}
	event_list_init(&events, call->arena);
	code = decide_load_policy(core_platform(call->api->core), call->now_us, &policy, &events, &err);
	if (code) {
		call_refused(call, code, &err);
		return;
	}
	core_commit(call->api->core, &events, NULL, NULL);
	answer_policy(call);
}

/* Tenants see themselves. */
static void list_tenants(struct call *call)
{
	const char *only = call->who.role == ROLE_TENANT ? call->who.tenant : NULL;
	struct tenant_view *tenants;
	struct strbuf out = { 0 };
	const char *cursor;
	size_t limit, count;
	bool more;

	if (!call_page(call, &limit, &cursor))
		return;
	count = view_tenants(core_platform(call->api->core), call->now_us, only, cursor, limit, call->arena, &tenants, &more);
	page_begin(&out);
	for (size_t i = 0; i < count; i++) {
		page_item(&out);
		schema_write_json(&tenant_view_schema, &tenants[i], false, &out);
	}
	page_end(&out, more ? tenants[count - 1].name : "");
	call_answer_json(call, 200, &out);
}

static const char *const page_parameters[] = { "limit", "cursor", NULL };
static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/policy", .roles = FOR_OPERATOR | FOR_AUDITOR | FOR_VIEWER, .produces = MEDIA_JSON,
	  .handle = answer_policy },
	{ .method = "PUT", .pattern = "/v1/policy", .roles = FOR_OPERATOR, .body = BODY_JSON, .produces = MEDIA_JSON, .handle = put_policy },
	{ .method = "GET", .pattern = "/v1/tenants", .roles = FOR_OPERATOR | FOR_TENANT | FOR_AUDITOR | FOR_VIEWER, .produces = MEDIA_JSON,
	  .parameters = page_parameters, .handle = list_tenants },
};
const struct route_table policy_routes = { routes, ARRAY_COUNT(routes) };
