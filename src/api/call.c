#include "api/call.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/utf8.h"
#include "model/name.h"

#define OFFSET_MAX INT64_C(9999999999) /* of a cursor that counts */

/* --- answers ----------------------------------------------------------------------------------- */

void call_free(struct call *call)
{
	if (call->next)
		call->next->previous = call->previous;
	if (call->previous)
		call->previous->next = call->next;
	else
		call->api->calls = call->next;
	core_forget(call->api->core, call);
	strbuf_done(&call->body);
	call->request->handler_private = NULL;
}

void call_header(struct call *call, const char *name, const char *value)
{
	assert(call->header_count < ANSWER_HEADERS_MAX);
	call->headers[2 * call->header_count] = name;
	call->headers[2 * call->header_count + 1] = value;
	call->header_count++;
}

static void send_answer(struct call *call)
{
	struct http_request *request = call->request;
	struct strbuf body cleanup_strbuf = call->body;
	const char **h = call->headers;
	const char *content_type = call->content_type;
	unsigned status = call->status;

	call->body = (struct strbuf){ 0 };
	call_free(call);
	/* Headers that are not there end the list. */
	http_respond(request, status, content_type, body.data, body.length, "X-Content-Type-Options", "nosniff", h[0], h[1], h[2], h[3], h[4],
		     h[5], h[6], h[7], NULL);
}

static void on_durable(void *context)
{
	send_answer(context);
}

void call_answer_now(struct call *call)
{
	send_answer(call);
}

void call_answer(struct call *call, unsigned status, const char *content_type, struct strbuf *body)
{
	call->status = status;
	call->content_type = content_type;
	strbuf_done(&call->body);
	if (body) {
		call->body = *body;
		*body = (struct strbuf){ 0 };
	}
	core_when_durable(call->api->core, on_durable, call);
}

void call_answer_json(struct call *call, unsigned status, struct strbuf *body)
{
	call_header(call, "Cache-Control", "no-store");
	call_answer(call, status, "application/json", body);
}

void call_answer_empty(struct call *call)
{
	call_answer(call, 204, NULL, NULL);
}

int call_stream_begin(struct call *call, const char *content_type, size_t buffer_max)
{
	const char **h = call->headers;

	return http_stream_begin(call->request, 200, content_type, buffer_max, "X-Content-Type-Options", "nosniff", h[0], h[1], h[2], h[3], h[4],
				 h[5], h[6], h[7], NULL);
}

void call_stream_end(struct call *call)
{
	struct http_request *request = call->request;

	call_free(call);
	http_stream_close(request);
}

/* --- problems ---------------------------------------------------------------------------------- */

static void write_problem(struct strbuf *out, unsigned status, const char *slug, const char *title, const char *detail)
{
	strbuf_printf(out, "{\"type\":\"/problems/%s\",\"title\":", slug);
	json_write_string(out, title);
	strbuf_printf(out, ",\"status\":%u,\"detail\":", status);
	json_write_string(out, detail);
}

void call_problem(struct call *call, unsigned status, const char *slug, const char *title, const char *format, ...)
{
	struct strbuf out = { 0 };
	va_list arguments;
	char *detail;

	va_start(arguments, format);
	detail = arena_vprintf(call->arena, format, arguments);
	va_end(arguments);
	utf8_clean(detail); /* it may repeat what the client said, in headers even bytes that are no UTF-8 */
	write_problem(&out, status, slug, title, detail);
	strbuf_putc(&out, '}');
	call_answer(call, status, "application/problem+json", &out);
}

void call_problems(struct call *call, const char *what, const struct problems *problems)
{
	size_t kept = problems->count < PROBLEMS_MAX ? problems->count : PROBLEMS_MAX;
	struct strbuf out = { 0 };

	write_problem(&out, 422, "invalid", "The body is not valid",
		      arena_printf(call->arena, "%s has %zu problem%s", what, problems->count, problems->count == 1 ? "" : "s"));
	strbuf_puts(&out, ",\"problems\":[");
	for (size_t i = 0; i < kept; i++) {
		strbuf_puts(&out, i ? ",{\"path\":" : "{\"path\":");
		json_write_string(&out, problems->list[i].path);
		strbuf_puts(&out, ",\"text\":");
		json_write_string(&out, problems->list[i].text);
		strbuf_putc(&out, '}');
	}
	strbuf_puts(&out, "]}");
	call_answer(call, 422, "application/problem+json", &out);
}

void call_not_found(struct call *call, const char *kind, const char *name)
{
	call_problem(call, 404, "not-found", "Not found", "there is no %s '%s'", kind, name);
}

void call_refused(struct call *call, int code, const struct err *err)
{
	switch (code) {
	case -ENOENT:
		call_problem(call, 404, "not-found", "Not found", "%s", err->text);
		break;
	case -EEXIST:
	case -EBUSY:
	case -ESTALE:
		call_problem(call, 409, "conflict", "Conflict", "%s", err->text);
		break;
	case -ENOSPC:
		call_header(call, "Retry-After", "10");
		call_problem(call, 503, "full", "The platform is full", "%s", err->text);
		break;
	default:
		call_problem(call, 422, "invalid", "The request cannot be carried out", "%s", err->text);
		break;
	}
}

static bool bad_parameter(struct call *call, const char *name, const char *expected)
{
	call_problem(call, 400, "bad-parameter", "A parameter is not valid", "parameter '%s': '%s' is not %s", name, call_query(call, name), expected);
	return false;
}

/* --- reading ----------------------------------------------------------------------------------- */

const char *call_query(const struct call *call, const char *name)
{
	return http_request_query(call->request, name);
}

/* A whole number in plain digits, without sign, spaces or leading zeros. */
static bool read_number(const char *text, int64_t maximum, int64_t *ret)
{
	int64_t value = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > (INT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (*text - '0');
	}
	*ret = value;
	return value <= maximum;
}

bool call_integer(struct call *call, const char *name, int64_t minimum, int64_t maximum, int64_t fallback, int64_t *ret)
{
	const char *text = call_query(call, name);
	int64_t value;

	*ret = fallback;
	if (!text)
		return true;
	if (!read_number(text, maximum, &value) || value < minimum)
		return bad_parameter(call, name,
				     arena_printf(call->arena, "a whole number from %" PRId64 " to %" PRId64, minimum, maximum));
	*ret = value;
	return true;
}

bool call_enum(struct call *call, const char *name, const struct string_table *table, int *ret)
{
	const char *text = call_query(call, name);
	struct strbuf expected cleanup_strbuf = { 0 };

	*ret = text ? string_table_from_string(table, text) : -1;
	if (!text || *ret >= 0)
		return true;
	strbuf_puts(&expected, "one of ");
	for (size_t i = 0; i < table->count; i++)
		strbuf_printf(&expected, "%s%s", i ? ", " : "", table->words[i]);
	return bad_parameter(call, name, strbuf_text(&expected));
}

bool call_flag(struct call *call, const char *name, int *ret)
{
	const char *text = call_query(call, name);

	*ret = !text ? -1 : !strcmp(text, "true") ? 1 : !strcmp(text, "false") ? 0 : 2;
	return *ret != 2 || bad_parameter(call, name, "true or false");
}

bool call_name(struct call *call, const char *name, const char **ret)
{
	struct err err = { "" };

	*ret = call_query(call, name);
	return !*ret || name_check(*ret, &err) == 0 || bad_parameter(call, name, "a name: lower-case letters, digits, '-', '.' and '_', at most 63");
}

bool call_page(struct call *call, size_t *ret_limit, const char **ret_cursor)
{
	int64_t limit;

	if (!call_integer(call, "limit", 1, PAGE_LIMIT_MAX, PAGE_LIMIT_DEFAULT, &limit))
		return false;
	*ret_limit = (size_t)limit;
	*ret_cursor = call_query(call, "cursor");
	if (!*ret_cursor)
		*ret_cursor = "";
	return true;
}

bool call_offset(struct call *call, const char *cursor, size_t *ret_offset)
{
	int64_t offset = 0;

	if (*cursor && !read_number(cursor, OFFSET_MAX, &offset))
		return bad_parameter(call, "cursor", "a cursor that this platform gave");
	*ret_offset = (size_t)offset;
	return true;
}

bool call_id(struct call *call, const char *text, uint64_t *ret_id)
{
	if (!id_parse(text, ret_id))
		return true;
	call_not_found(call, "demand", text);
	return false;
}

bool call_json(struct call *call, const struct doc **ret)
{
	struct err err = { "" };
	struct doc *doc;
	int code;

	*ret = NULL;
	if (!call->request->body_length)
		return true;
	code = doc_parse_json(call->request->body, call->request->body_length, &doc_limits_request, call->arena, &doc, &err);
	if (code) {
		call_problem(call, 400, "bad-json", "The body is not JSON", "%s", err.text);
		return false;
	}
	*ret = doc;
	return true;
}

/* --- pages ------------------------------------------------------------------------------------- */

void page_begin(struct strbuf *out)
{
	strbuf_puts(out, "{\"items\":[");
}

void page_item(struct strbuf *out)
{
	if (out->data[out->length - 1] != '[')
		strbuf_putc(out, ',');
}

void page_end(struct strbuf *out, const char *next)
{
	strbuf_puts(out, "],\"next\":");
	json_write_string(out, next);
	strbuf_putc(out, '}');
}
