/* Regions. */
#include "api/call.h"
#include "wire/files.h"

static void list_regions(struct call *call)
{
	const struct region *regions;
	struct strbuf out = { 0 };
	const char *cursor;
	size_t limit, offset, count;

	if (!call_page(call, &limit, &cursor) || !call_offset(call, cursor, &offset))
		return;
	count = view_regions(core_platform(call->api->core), &regions);
	page_begin(&out);
	for (size_t i = offset; i < count && i - offset < limit; i++) {
		page_item(&out);
		schema_write_json(&region_schema, &regions[i], false, &out);
	}
	page_end(&out, offset < count && count - offset > limit ? arena_printf(call->arena, "%zu", offset + limit) : "");
	call_answer_json(call, 200, &out);
}

static const char *const page_parameters[] = { "limit", "cursor", NULL };
static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/regions", .roles = FOR_ALL, .produces = MEDIA_JSON, .parameters = page_parameters, .handle = list_regions },
};
const struct route_table network_routes = { routes, ARRAY_COUNT(routes) };
