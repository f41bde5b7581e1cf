/* Why a demand is where it is, and what happened to it so far. */
#include "api/call.h"
#include "api/demands.h"

static void get_why(struct call *call)
{
	struct demand_view demand;
	struct why_view why;
	struct strbuf out = { 0 };
	uint64_t id;

	if (!call_demand(call, false, &id, &demand))
		return;
	if (view_why(core_platform(call->api->core), call->now_us, id, call->arena, &why)) {
		call_not_found(call, "demand", call->segments[0]);
		return;
	}
	schema_write_json(&why_schema, &why, false, &out);
	call_answer_json(call, 200, &out);
}

static void get_story(struct call *call)
{
	struct demand_view demand;
	struct story_line *lines;
	struct strbuf out = { 0 };
	size_t count;
	uint64_t id;

	if (!call_demand(call, false, &id, &demand))
		return;
	if (view_story(core_platform(call->api->core), id, call->arena, &lines, &count)) {
		call_not_found(call, "demand", call->segments[0]);
		return;
	}
	page_begin(&out);
	for (size_t i = 0; i < count; i++) {
		page_item(&out);
		schema_write_json(&story_line_schema, &lines[i], false, &out);
	}
	page_end(&out, "");
	call_answer_json(call, 200, &out);
}

static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/demands/{id}/why", .roles = FOR_ALL, .produces = MEDIA_JSON, .handle = get_why },
	{ .method = "GET", .pattern = "/v1/demands/{id}/story", .roles = FOR_ALL, .produces = MEDIA_JSON, .handle = get_story },
};
const struct route_table why_routes = { routes, ARRAY_COUNT(routes) };
