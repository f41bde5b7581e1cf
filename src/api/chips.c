/* The catalogue of chip models. */
#include "api/call.h"
#include "wire/files.h"

static void list_chips(struct call *call)
{
	const struct catalogue *catalogue;
	struct strbuf out = { 0 };
	const char *cursor;
	size_t limit, offset;

	if (!call_page(call, &limit, &cursor) || !call_offset(call, cursor, &offset))
		return;
	catalogue = view_catalogue(core_platform(call->api->core));
	page_begin(&out);
	for (size_t i = offset; i < catalogue->model_count && i - offset < limit; i++) {
		page_item(&out);
		schema_write_json(&chip_model_schema, &catalogue->models[i], false, &out);
	}
	page_end(&out, offset < catalogue->model_count && catalogue->model_count - offset > limit
			       ? arena_printf(call->arena, "%zu", offset + limit)
			       : "");
	call_answer_json(call, 200, &out);
}

static const char *const page_parameters[] = { "limit", "cursor", NULL };
static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/chips", .roles = FOR_ALL, .produces = MEDIA_JSON, .parameters = page_parameters, .handle = list_chips },
};
const struct route_table chip_routes = { routes, ARRAY_COUNT(routes) };
