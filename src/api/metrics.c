#include "api/call.h"
#include "monitor/metrics.h"

static void get_metrics(struct call *call)
{
	struct core_figures core;
	struct metrics_figures figures;
	struct summary summary;
	struct strbuf out = { 0 };

	core_figures(call->api->core, &core);
	figures = (struct metrics_figures){
		.commits = core.commits,
		.events_committed = core.events_committed,
		.rounds = core.rounds,
		.placements = core.placements,
		.commit_us_last = core.commit_us_last,
		.round_us_last = core.round_us_last,
		.round_us_total = core.round_us_total,
		.estimate_us_last = core.estimate_us_last,
		.queue_length = core.queue_length,
	};
	view_summary(core_platform(call->api->core), call->now_us, call->arena, &summary);
	metrics_write(&summary, &figures, &out);
	call_answer(call, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8", &out);
}

static const struct route routes[] = {
	{ .method = "GET", .pattern = "/metrics", .roles = FOR_OPERATOR | FOR_AUDITOR | FOR_VIEWER, .produces = MEDIA_METRICS, .handle = get_metrics },
};
const struct route_table metrics_routes = { routes, ARRAY_COUNT(routes) };
