/* The page: files that the build put into the binary. */
#include "api/assets.h"
#include "api/call.h"

#include <string.h>

static const char content_security_policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
					      "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static void get_asset(struct call *call)
{
	const char *known = http_request_header(call->request, "If-None-Match");
	const struct asset *asset = NULL;

	for (size_t i = 0; i < page_asset_count && !asset; i++)
		if (!strcmp(page_assets[i].path, call->request->path))
			asset = &page_assets[i];
	if (!asset) {
		call_problem(call, 404, "not-found", "Not found", "nothing is served at %s", call->request->path);
		return;
	}
	call_header(call, "ETag", asset->etag);
	call_header(call, "Cache-Control", "no-cache");
	call_header(call, "Content-Security-Policy", content_security_policy);
	call_header(call, "Referrer-Policy", "no-referrer");
	call->status = known && strstr(known, asset->etag) ? 304 : 200;
	call->content_type = asset->content_type;
	if (call->status == 200)
		strbuf_add(&call->body, asset->data, asset->length);
	call_answer_now(call);
}

static const struct route routes[] = {
	{ .method = "GET", .pattern = "/", .roles = FOR_ANYONE, .produces = MEDIA_ANY, .handle = get_asset },
	{ .method = "GET", .pattern = "/assets/{*}", .roles = FOR_ANYONE, .produces = MEDIA_ANY, .handle = get_asset },
};
const struct route_table page_routes = { routes, ARRAY_COUNT(routes) };
