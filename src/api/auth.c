/* Who calls: a bearer token, looked up by its hash. Roles decide which routes; the routes themselves look at
 * whose demand or site it is. */
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "core/secret.h"

#define TOKEN_TEXT_MAX 256
#define STRANGER_BODY_MAX ((size_t)1 << 16)

bool call_has_role(const struct call *call, unsigned roles)
{
	return roles & ROLE_BIT(call->who.role);
}

bool caller_sees_tenant(const struct caller *who, const char *tenant)
{
	return who->role != ROLE_TENANT || !strcmp(who->tenant, tenant);
}

bool caller_sees_commands(const struct caller *who)
{
	return who->role == ROLE_OPERATOR || who->role == ROLE_AUDITOR || who->role == ROLE_TENANT;
}

/* The token's text, or NULL. */
static const char *bearer(const struct http_request *request)
{
	const char *header = http_request_header(request, "Authorization");

	if (!header || strncasecmp(header, "Bearer ", 7) != 0)
		return NULL;
	header += 7;
	while (*header == ' ')
		header++;
	return strlen(header) <= TOKEN_TEXT_MAX ? header : NULL;
}

static bool look_up(struct call *call, const char *text)
{
	const struct token_view *token;

	secret_hash(text, call->who.hash);
	token = platform_token(core_platform(call->api->core), call->who.hash);
	if (!token)
		return false;
	call->who.known = call->who.by_token = true;
	call->who.name = arena_strdup(call->arena, token->name);
	call->who.role = token->role;
	call->who.tenant = arena_strdup(call->arena, token->tenant);
	call->who.site = arena_strdup(call->arena, token->site);
	return true;
}

/* Whether the host, with or without a port, is this machine by its own name for itself. */
static bool host_is_loopback(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		size_t length = strlen(names[i]);

		if (!strncasecmp(host, names[i], length) && (!host[length] || host[length] == ':'))
			return true;
	}
	return false;
}

/* Without tokens a browser on this machine is the way in for any page that it shows: such a page's requests bear its
 * origin, or, when its name was made to lead here, its name. */
static bool is_from_here(const struct http_request *request)
{
	const char *host = http_request_header(request, "Host");
	const char *origin = http_request_header(request, "Origin");
	const char *authority = origin ? strstr(origin, "://") : NULL;

	if (host && !host_is_loopback(host))
		return false;
	return !origin || (host && authority && !strcasecmp(authority + 3, host));
}

size_t api_body_max(void *context, struct http_request *request)
{
	struct api *api = context;
	const char *text = bearer(request);
	uint8_t hash[32];

	if (text)
		secret_hash(text, hash);
	if ((text && platform_token(core_platform(api->core), hash)) || (api->settings.open && is_from_here(request)))
		return api->settings.body_max;
	return STRANGER_BODY_MAX < api->settings.body_max ? STRANGER_BODY_MAX : api->settings.body_max;
}

void call_identify(struct call *call)
{
	const char *text = bearer(call->request);

	call->who = (struct caller){ .name = "", .role = ROLE_VIEWER, .tenant = "", .site = "" };
	if (text && look_up(call, text))
		return;
	if (call->api->settings.open && is_from_here(call->request))
		call->who = (struct caller){ .known = true, .name = "anyone", .role = ROLE_OPERATOR, .tenant = "", .site = "" };
}

bool call_check_identity(struct call *call)
{
	bool has_token = bearer(call->request);

	if (call->who.known || call->route->roles & FOR_ANYONE)
		return true;
	call_header(call, "WWW-Authenticate", has_token ? "Bearer realm=\"weir\", error=\"invalid_token\"" : "Bearer realm=\"weir\"");
	call_problem(call, 401, "unauthorized", "No valid token", "%s",
		     call->api->settings.open ? "without tokens this is for programs on this machine and its own page only" : has_token ? "the token is not known; it may have been revoked" : "this needs a token: Authorization: Bearer TOKEN");
	return false;
}
