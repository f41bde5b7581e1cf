/* From a request to its handler. What a call must pass, in this order, each with its status when it does not:
 *
 *   the address is served at all (404), with this method (405), rate (429), token (401), role (403), what the
 *   client accepts (406), the body's type (415), the parameters' names (400)
 *
 * A request without a token is charged to its address, one with a token to the token: so a flood of wrong
 * tokens is bounded by address, and many clients behind one address do not starve each other.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "api/events.h"
#include "api/sync.h"

static const struct route_table *const tables[] = {
	&demand_routes, &sync_routes, &site_routes, &why_routes, &log_routes, &event_routes, &health_routes, &summary_routes, &gap_routes,
	&network_routes, &policy_routes, &link_routes, &chip_routes, &token_routes, &metrics_routes, &page_routes,
};

/* Matches the path against the pattern; notes the variable segments. */
static bool pattern_matches(const char *pattern, const char *path, struct call *call)
{
	call->segment_count = 0;
	while (*pattern && *path) {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		if (pattern[1] == '*') {
			call->segments[call->segment_count++] = path;
			return true;
		}
		size_t length = strcspn(path, "/");

		if (!length || length > SEGMENT_MAX)
			return false;
		call->segments[call->segment_count++] = arena_strndup(call->arena, path, length);
		path += length;
		pattern = strchr(pattern, '}') + 1;
	}
	return !*pattern && !*path;
}

/* Whether a pattern is this very path: then those with variable parts do not count (/v1/demands/batch). */
static bool path_is_fixed(const char *path)
{
	for (size_t t = 0; t < ARRAY_COUNT(tables); t++)
		for (size_t i = 0; i < tables[t]->count; i++)
			if (!strcmp(tables[t]->routes[i].pattern, path))
				return true;
	return false;
}

/* Finds the route, or answers 404 or 405. */
static const struct route *find_route(struct call *call)
{
	struct strbuf allow cleanup_strbuf = { 0 };
	bool fixed = path_is_fixed(call->request->path);

	for (size_t t = 0; t < ARRAY_COUNT(tables); t++)
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct route *route = &tables[t]->routes[i];

			if (fixed ? strcmp(route->pattern, call->request->path) : !pattern_matches(route->pattern, call->request->path, call))
				continue;
			if (!strcmp(route->method, call->method))
				return route;
			strbuf_printf(&allow, "%s%s%s", allow.length ? ", " : "", route->method, strcmp(route->method, "GET") ? "" : ", HEAD");
		}
	if (allow.length) {
		call_header(call, "Allow", arena_strdup(call->arena, allow.data));
		call_problem(call, 405, "method-not-allowed", "Method not allowed", "%s takes %s, not %s", call->request->path, allow.data,
			     call->request->method);
	} else {
		call_problem(call, 404, "not-found", "Not found", "nothing is served at %s", call->request->path);
	}
	return NULL;
}

static bool check_rate(struct call *call)
{
	unsigned wait_s;
	bool good;

	if (call->who.by_token)
		good = rate_take(call->api->rate, call->who.hash, sizeof(call->who.hash), call->now_us, &wait_s);
	else
		good = rate_take(call->api->rate, call->request->peer, strlen(call->request->peer), call->now_us, &wait_s);
	if (good)
		return true;
	call_header(call, "Retry-After", arena_printf(call->arena, "%u", wait_s));
	call_problem(call, 429, "too-many-requests", "Too many requests", "the limit is %u requests a second; try again in %u s",
		     call->api->settings.rate_per_second, wait_s);
	return false;
}

static bool check_accept(struct call *call)
{
	static const struct {
		enum media media;
		const char *type;
	} types[] = {
		{ MEDIA_JSON, "application/json" },
		{ MEDIA_TEXT, "text/plain" },
		{ MEDIA_EVENTS, "text/event-stream" },
		{ MEDIA_METRICS, "application/openmetrics-text" },
		{ MEDIA_METRICS, "text/plain" },
	};
	struct strbuf has cleanup_strbuf = { 0 };

	if (!call->route->produces || call->route->produces & MEDIA_ANY)
		return true;
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		if (!(call->route->produces & types[i].media))
			continue;
		if (call_accepts(call, types[i].type, false))
			return true;
		strbuf_printf(&has, "%s%s", has.length ? " or " : "", types[i].type);
	}
	call_problem(call, 406, "not-acceptable", "Not acceptable", "this is served as %s", strbuf_text(&has));
	return false;
}

static bool is_json_type(const char *type)
{
	size_t length = type ? strcspn(type, "; \t") : 0;

	if (length != 16 || strncasecmp(type, "application/json", 16) != 0)
		return false;
	type += length + strspn(type + length, "; \t");
	return !*type || !strcasecmp(type, "charset=utf-8") || !strcasecmp(type, "charset=\"utf-8\"");
}

static bool check_body(struct call *call)
{
	bool has_body = call->request->body_length > 0;

	if (call->route->body == BODY_NONE && has_body) {
		call_problem(call, 400, "unexpected-body", "A body is not expected", "%s %s takes no body", call->request->method,
			     call->request->path);
		return false;
	}
	if (has_body && !is_json_type(http_request_header(call->request, "Content-Type"))) {
		call_problem(call, 415, "unsupported-media-type", "Unsupported media type", "the body must be application/json in UTF-8");
		return false;
	}
	if (call->route->body == BODY_JSON && !has_body) {
		call_problem(call, 400, "bad-json", "The body is not JSON", "the body is empty");
		return false;
	}
	return true;
}

struct query_check {
	struct call *call;
	const char *unknown, *twice;
	const char *seen[16];
	size_t seen_count;
};

static void check_parameter(void *context, const char *name, const char *value)
{
	struct query_check *check = context;
	const char *const *known = check->call->route->parameters;

	while (known && *known && strcmp(*known, name))
		known++;
	if (!known || !*known) {
		check->unknown = name;
		return;
	}
	for (size_t i = 0; i < check->seen_count; i++)
		if (!strcmp(check->seen[i], name))
			check->twice = name;
	if (check->seen_count < ARRAY_COUNT(check->seen))
		check->seen[check->seen_count++] = name;
}

static bool check_query(struct call *call)
{
	struct query_check check = { .call = call };
	struct strbuf known cleanup_strbuf = { 0 };

	http_request_each_query(call->request, check_parameter, &check);
	if (check.unknown) {
		for (const char *const *name = call->route->parameters; name && *name; name++)
			strbuf_printf(&known, "%s%s", known.length ? ", " : "", *name);
		call_problem(call, 400, "unknown-parameter", "Unknown parameter", "there is no parameter '%s'; %s%s", check.unknown,
			     known.length ? "there are " : "none is taken", strbuf_text(&known));
		return false;
	}
	if (check.twice) {
		call_problem(call, 400, "bad-parameter", "A parameter is not valid", "parameter '%s' is given twice", check.twice);
		return false;
	}
	return true;
}

static struct call *call_new(struct api *api, struct http_request *request)
{
	struct call *call = ARENA_NEW(&request->arena, struct call);

	call->api = api;
	call->request = request;
	call->arena = &request->arena;
	call->is_head = !strcmp(request->method, "HEAD");
	call->method = call->is_head ? "GET" : request->method;
	call->now_us = core_now_us(api->core);
	call->next = api->calls;
	if (call->next)
		call->next->previous = call;
	api->calls = call;
	request->handler_private = call;
	return call;
}

void api_handle(void *context, struct http_request *request)
{
	struct api *api = context;
	struct call *call = call_new(api, request);

	call->route = find_route(call);
	if (!call->route)
		return;
	if (api->stopping) {
		call_header(call, "Retry-After", "1");
		call_problem(call, 503, "stopping", "The platform is stopping", "this platform is about to end");
		return;
	}
	call_identify(call);
	if (!check_rate(call) || !call_check_identity(call))
		return;
	if (!(call->route->roles & FOR_ANYONE) && !call_has_role(call, call->route->roles)) {
		call_problem(call, 403, "forbidden", "Forbidden", "the role %s may not %s %s", role_to_string(call->who.role), call->method,
			     call->route->pattern);
		return;
	}
	if (check_accept(call) && check_body(call) && check_query(call))
		call->route->handle(call);
}

void api_gone(void *context, struct http_request *request)
{
	struct call *call = request->handler_private;

	if (!call)
		return;
	if (call->gone)
		call->gone(call);
	call_free(call);
}

struct api *api_new(uv_loop_t *loop, const struct api_settings *settings)
{
	struct api *api = mem_alloc(sizeof(*api));

	api->loop = loop;
	api->settings = *settings;
	api->core = settings->core;
	api->rate = rate_new(settings->rate_per_second, settings->rate_burst);
	api->hub = hub_new(api);
	api->board = board_new(api);
	return api;
}

void api_stop(struct api *api)
{
	api->stopping = true;
	hub_stop(api->hub);
	board_stop(api->board);
}

void api_free(struct api *api)
{
	if (!api)
		return;
	hub_free(api->hub);
	board_free(api->board);
	rate_free(api->rate);
	free(api);
}
