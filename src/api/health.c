#include "api/call.h"

#include <string.h>

static void get_health(struct call *call)
{
	struct strbuf out = { 0 };
	struct summary summary;

	view_summary(core_platform(call->api->core), call->now_us, call->arena, &summary);
	strbuf_printf(&out, "{\"status\":\"ok\",\"version\":\"" WEIR_VERSION "\",\"epoch\":\"%llu\"}", (unsigned long long)summary.epoch);
	call_answer_json(call, 200, &out);
}

static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/health", .roles = FOR_ANYONE, .produces = MEDIA_JSON, .handle = get_health },
};
const struct route_table health_routes = { routes, ARRAY_COUNT(routes) };
