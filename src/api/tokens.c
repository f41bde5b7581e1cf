/* Tokens. The secret is answered once, when it is made; the platform keeps its hash. */
#include "api/call.h"

#include <string.h>

#include "core/secret.h"
#include "model/name.h"

struct token_request {
	const char *name;
	enum role role;
	const char *tenant;
	const char *site;
};

static void check_scope(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct token_request *request = value;

	if (request->role == ROLE_TENANT && !*request->tenant)
		problems_add(problems, at, "tenant", "is missing, expected the tenant whose demands a tenant's token may touch");
	if (request->role != ROLE_TENANT && *request->tenant)
		problems_add(problems, doc_get(at, "tenant"), "tenant", "is only for the role tenant, expected it left out");
	if (request->role != ROLE_SUPPLIER && *request->site)
		problems_add(problems, doc_get(at, "site"), "site", "is only for the role supplier, expected it left out");
}

static const struct field token_request_fields[] = {
	FIELD(FIELD_STRING, struct token_request, name, "name", 0, .flags = FIELD_REQUIRED, .check = name_check, .help = "Name of the token, not secret."),
	FIELD(FIELD_ENUM, struct token_request, role, "role", 0, .flags = FIELD_REQUIRED, .table = &role_table, .help = "What it may do."),
	FIELD(FIELD_STRING, struct token_request, tenant, "tenant", 0, .check = name_check, .help = "Of a tenant: whose demands it may touch."),
	FIELD(FIELD_STRING, struct token_request, site, "site", 0, .check = name_check, .help = "Of a supplier: the only site it may speak for."),
};
static const struct schema token_request_schema = SCHEMA("token", struct token_request, token_request_fields, .check = check_scope);

static void list_tokens(struct call *call)
{
	struct token_view *tokens;
	struct strbuf out = { 0 };
	const char *cursor;
	size_t limit, offset, count;

	if (!call_page(call, &limit, &cursor) || !call_offset(call, cursor, &offset))
		return;
	count = view_tokens(core_platform(call->api->core), call->arena, &tokens);
	page_begin(&out);
	for (size_t i = offset; i < count && i - offset < limit; i++) {
		page_item(&out);
		schema_write_json(&token_view_schema, &tokens[i], false, &out);
	}
	page_end(&out, offset < count && count - offset > limit ? arena_printf(call->arena, "%zu", offset + limit) : "");
	call_answer_json(call, 200, &out);
}

static bool read_token(struct call *call, struct token_request *ret)
{
	struct problems problems;
	const struct doc *doc;

	if (!call_json(call, &doc))
		return false;
	problems_init(&problems, call->arena, "");
	if (!schema_read(&token_request_schema, doc, ret, &problems))
		return true;
	call_problems(call, "the token", &problems);
	return false;
}

static void create_token(struct call *call)
{
	struct token_request request;
	struct token_view token = { .created_us = call->now_us };
	char secret[SECRET_TEXT_SIZE];
	struct strbuf out = { 0 };
	struct event_list events;
	struct err err = { "" };
	int code;

	if (!read_token(call, &request))
		return;
	token.name = request.name;
	token.role = request.role;
	token.tenant = request.tenant;
	token.site = request.site;
	secret_new(secret);
	secret_hash(secret, token.hash);
	event_list_init(&events, call->arena);
	code = decide_token_create(core_platform(call->api->core), call->now_us, &token, &events, &err);
	if (code) {
		call_refused(call, code, &err);
		return;
	}
	core_commit(call->api->core, &events, NULL, NULL);
	schema_write_json(&token_view_schema, &token, false, &out);
	out.data[--out.length] = 0; /* goes on with one key more */
	strbuf_puts(&out, ",\"secret\":");
	json_write_string(&out, secret);
	strbuf_putc(&out, '}');
	call_header(call, "Location", arena_printf(call->arena, "/v1/tokens/%s", token.name));
	call_answer_json(call, 201, &out);
}

static void revoke_token(struct call *call)
{
	struct event_list events;
	struct err err = { "" };
	int code;

	event_list_init(&events, call->arena);
	code = decide_token_revoke(core_platform(call->api->core), call->now_us, call->segments[0], &events, &err);
	if (code) {
		call_refused(call, code, &err);
		return;
	}
	core_commit(call->api->core, &events, NULL, NULL);
	call_answer_empty(call);
}

static const char *const page_parameters[] = { "limit", "cursor", NULL };
static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/tokens", .roles = FOR_OPERATOR | FOR_AUDITOR, .produces = MEDIA_JSON, .parameters = page_parameters,
	  .handle = list_tokens },
	{ .method = "POST", .pattern = "/v1/tokens", .roles = FOR_OPERATOR, .body = BODY_JSON, .produces = MEDIA_JSON, .handle = create_token },
	{ .method = "DELETE", .pattern = "/v1/tokens/{name}", .roles = FOR_OPERATOR, .handle = revoke_token },
};
const struct route_table token_routes = { routes, ARRAY_COUNT(routes) };
