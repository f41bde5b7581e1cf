#include "api/call.h"

static void get_summary(struct call *call)
{
	struct strbuf out = { 0 };
	struct summary summary;

	view_summary(core_platform(call->api->core), call->now_us, call->arena, &summary);
	schema_write_json(&summary_schema, &summary, false, &out);
	call_answer_json(call, 200, &out);
}

static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/summary", .roles = FOR_ALL, .produces = MEDIA_JSON, .handle = get_summary },
};
const struct route_table summary_routes = { routes, ARRAY_COUNT(routes) };
