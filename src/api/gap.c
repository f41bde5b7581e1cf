/* How much of what is possible the matcher places. */
#include "api/call.h"

static void get_gap(struct call *call)
{
	struct strbuf out = { 0 };
	struct gap_view gap;

	view_gap(core_platform(call->api->core), call->now_us, call->arena, &gap);
	schema_write_json(&gap_schema, &gap, false, &out);
	call_answer_json(call, 200, &out);
}

static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/gap", .roles = FOR_OPERATOR | FOR_AUDITOR | FOR_VIEWER, .produces = MEDIA_JSON, .handle = get_gap },
};
const struct route_table gap_routes = { routes, ARRAY_COUNT(routes) };
