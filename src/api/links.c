#include "api/call.h"

static void list_links(struct call *call)
{
	struct strbuf out = { 0 };
	struct link_view *links;
	const char *cursor;
	size_t limit, offset, count;
	bool more;

	if (!call_page(call, &limit, &cursor) || !call_offset(call, cursor, &offset))
		return;
	count = view_links(core_platform(call->api->core), offset, limit, call->arena, &links, &more);
	page_begin(&out);
	for (size_t i = 0; i < count; i++) {
		page_item(&out);
		schema_write_json(&link_view_schema, &links[i], false, &out);
	}
	page_end(&out, more ? arena_printf(call->arena, "%zu", offset + count) : "");
	call_answer_json(call, 200, &out);
}

static const char *const page_parameters[] = { "limit", "cursor", NULL };
static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/links", .roles = FOR_ALL, .produces = MEDIA_JSON, .parameters = page_parameters, .handle = list_links },
};
const struct route_table link_routes = { routes, ARRAY_COUNT(routes) };
