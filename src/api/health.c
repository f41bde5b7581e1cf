#include "api/call.h"

#include <inttypes.h>

static void get_health(struct call *call)
{
	struct strbuf out = { 0 };
	struct summary summary;

	/* Anyone may ask, as often as the rate allows: it must not cost a walk over the network each time. */
	if (!call->api->epoch) {
		view_summary(core_platform(call->api->core), call->now_us, call->arena, &summary);
		call->api->epoch = summary.epoch;
	}
	strbuf_printf(&out, "{\"status\":\"ok\",\"version\":\"" WEIR_VERSION "\",\"epoch\":\"%" PRIu64 "\"}", call->api->epoch);
	call_answer_json(call, 200, &out);
}

static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/health", .roles = FOR_ANYONE, .produces = MEDIA_JSON, .handle = get_health },
};
const struct route_table health_routes = { routes, ARRAY_COUNT(routes) };
