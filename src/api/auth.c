/* Who calls: a bearer token, looked up by its hash. Roles decide which routes; the routes themselves look at
 * whose demand or site it is. */
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "core/secret.h"

#define TOKEN_TEXT_MAX 256

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
static const char *bearer(const struct call *call)
{
	const char *header = http_request_header(call->request, "Authorization");

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

void call_identify(struct call *call)
{
	const char *text = bearer(call);

	call->who = (struct caller){ .name = "", .role = ROLE_VIEWER, .tenant = "", .site = "" };
	if (text && look_up(call, text))
		return;
	if (call->api->settings.open)
		call->who = (struct caller){ .known = true, .name = "anyone", .role = ROLE_OPERATOR, .tenant = "", .site = "" };
}

bool call_check_identity(struct call *call)
{
	bool has_token = bearer(call);

	if (call->who.known || call->route->roles & FOR_ANYONE)
		return true;
	call_header(call, "WWW-Authenticate", has_token ? "Bearer realm=\"weir\", error=\"invalid_token\"" : "Bearer realm=\"weir\"");
	call_problem(call, 401, "unauthorized", "No valid token", "%s",
		     has_token ? "the token is not known; it may have been revoked" : "this needs a token: Authorization: Bearer TOKEN");
	return false;
}
