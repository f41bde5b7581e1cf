/* One request and its answer (states: http_internal.h). libmicrohttpd calls http_exchange_step once with
 * the header, then for each piece of the body, once more when the body is whole, and again after each
 * resume. Only that last kind of call may queue an answer to a request with a body: one that is queued
 * earlier closes the connection, and a client still writing would see a reset instead of the reason. */
#include "io/http_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define STREAM_KEPT_MAX ((size_t)1 << 16) /* of a buffer that is empty again */

static struct http_exchange *exchange_of(const struct http_request *request)
{
	return request->server_private;
}

static uint64_t deadline_after(const struct http_server *server, uint64_t bytes)
{
	return uv_now(server->loop) + 2000 * (uint64_t)server->settings.idle_timeout_s + bytes * 1000 / HTTP_RATE_MIN;
}

static size_t discard_max(const struct http_server *server)
{
	size_t most = server->settings.body_max * HTTP_DISCARD_FACTOR;

	return most > HTTP_DISCARD_MIN ? most : HTTP_DISCARD_MIN;
}

static void body_drop(struct http_exchange *exchange)
{
	strbuf_done(&exchange->body);
	exchange->connection->server->bodies -= exchange->counted;
	exchange->counted = 0;
}

/* Counts a body that is no longer small. False: there are too many of them. */
static bool body_count(struct http_exchange *exchange)
{
	struct http_server *server = exchange->connection->server;
	size_t length = exchange->body.length;

	if (length <= HTTP_BODY_SMALL)
		return true;
	server->bodies += length - exchange->counted;
	exchange->counted = length;
	return !server->settings.bodies_max || server->bodies <= server->settings.bodies_max;
}

static void exchange_refuse(struct http_exchange *exchange, unsigned status, const char *detail)
{
	if (exchange->refusal)
		return;
	exchange->refusal = status;
	exchange->refusal_detail = detail;
	body_drop(exchange);
}

/* ---- answers ---- */

static void response_header(struct MHD_Response *response, const char *name, const char *value)
{
	/* Fails only for names and values that are no header; those come from our own code. */
	if (MHD_add_response_header(response, name, value) != MHD_YES)
		abort();
}

static struct MHD_Response *refusal_response(struct http_exchange *exchange)
{
	static const struct {
		unsigned status;
		const char *slug, *title;
	} kinds[] = {
		{ 413, "body-too-large", "Content too large" },
		{ 431, "header-too-large", "Header too large" },
		{ 503, "full", "The platform is full" },
		{ 0, "bad-request", "Bad request" },
	};
	struct MHD_Response *response;
	size_t kind = 0;
	struct strbuf text = { 0 };

	while (kinds[kind].status && kinds[kind].status != exchange->refusal)
		kind++;
	strbuf_printf(&text, "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\"}", kinds[kind].slug,
		      kinds[kind].title, exchange->refusal, exchange->refusal_detail);
	response = MHD_create_response_from_buffer(text.length, text.data, MHD_RESPMEM_MUST_COPY);
	strbuf_done(&text);
	if (!response)
		abort();
	response_header(response, "Content-Type", "application/problem+json");
	if (exchange->refusal == 503)
		response_header(response, "Retry-After", "1");
	return response;
}

static enum MHD_Result exchange_queue(struct http_exchange *exchange)
{
	struct http_connection *connection = exchange->connection;
	enum MHD_Result result;

	exchange->queued = true;
	result = MHD_queue_response(connection->mhd, exchange->status, exchange->response);
	MHD_destroy_response(exchange->response);
	exchange->response = NULL;
	return result;
}

static enum MHD_Result exchange_queue_refusal(struct http_exchange *exchange)
{
	exchange->response = refusal_response(exchange);
	exchange->status = exchange->refusal;
	exchange->state = EXCHANGE_ANSWERED;
	exchange->connection->deadline_ms = deadline_after(exchange->connection->server, 0);
	return exchange_queue(exchange);
}

static void exchange_suspend(struct http_exchange *exchange)
{
	exchange->suspended = true;
	exchange->held_since_ms = uv_now(exchange->connection->server->loop);
	exchange->connection->deadline_ms = UINT64_MAX;
	MHD_suspend_connection(exchange->connection->mhd);
}

void http_exchange_resume(struct http_exchange *exchange)
{
	if (!exchange->suspended)
		return;
	exchange->suspended = false;
	http_connection_watch(exchange->connection, false);
	MHD_resume_connection(exchange->connection->mhd);
	http_server_want(exchange->connection->server);
}

static void response_headers(struct MHD_Response *response, va_list headers)
{
	const char *name;

	while ((name = va_arg(headers, const char *)))
		response_header(response, name, va_arg(headers, const char *));
}

void http_respond(struct http_request *request, unsigned status, const char *content_type, const void *body, size_t length, ...)
{
	struct http_exchange *exchange = exchange_of(request);
	va_list headers;

	assert(exchange->state == EXCHANGE_HELD);
	exchange->response = MHD_create_response_from_buffer(length, (void *)(length ? body : ""), MHD_RESPMEM_MUST_COPY);
	if (!exchange->response)
		abort();
	exchange->status = status;
	if (content_type)
		response_header(exchange->response, "Content-Type", content_type);
	va_start(headers, length);
	response_headers(exchange->response, headers);
	va_end(headers);
	exchange->state = EXCHANGE_ANSWERED;
	exchange->connection->deadline_ms = deadline_after(exchange->connection->server, length);
	http_exchange_resume(exchange);
}

/* ---- streams ---- */

/* libmicrohttpd asks for more to send. */
static ssize_t stream_read(void *context, uint64_t position, char *buffer, size_t size)
{
	struct http_exchange *exchange = context;
	size_t waiting = exchange->stream.length - exchange->stream_sent;

	if (exchange->state == EXCHANGE_GONE)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (!waiting) {
		if (exchange->state == EXCHANGE_ANSWERED)
			return MHD_CONTENT_READER_END_OF_STREAM;
		exchange_suspend(exchange);
		http_connection_watch(exchange->connection, true);
		return 0;
	}
	if (size > waiting)
		size = waiting;
	memcpy(buffer, exchange->stream.data + exchange->stream_sent, size);
	exchange->stream_sent += size;
	if (exchange->stream_sent == exchange->stream.length) {
		if (exchange->stream.capacity > STREAM_KEPT_MAX)
			strbuf_done(&exchange->stream);
		else
			strbuf_reset(&exchange->stream);
		exchange->stream_sent = 0;
	}
	return (ssize_t)size;
}

int http_stream_begin(struct http_request *request, unsigned status, const char *content_type, size_t buffer_max, ...)
{
	struct http_exchange *exchange = exchange_of(request);
	va_list headers;

	if (exchange->state != EXCHANGE_HELD)
		return -EALREADY;
	exchange->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, stream_read, exchange, NULL);
	if (!exchange->response)
		abort();
	response_header(exchange->response, "Content-Type", content_type);
	response_header(exchange->response, "Cache-Control", "no-store");
	va_start(headers, buffer_max);
	response_headers(exchange->response, headers);
	va_end(headers);
	exchange->status = status;
	exchange->stream_max = buffer_max;
	exchange->state = EXCHANGE_STREAMING;
	exchange->connection->deadline_ms = UINT64_MAX;
	http_exchange_resume(exchange);
	return 0;
}

size_t http_stream_room(const struct http_request *request)
{
	const struct http_exchange *exchange = exchange_of(request);

	return exchange->stream_max - (exchange->stream.length - exchange->stream_sent);
}

int http_stream_write(struct http_request *request, const void *data, size_t length)
{
	struct http_exchange *exchange = exchange_of(request);

	assert(exchange->state == EXCHANGE_STREAMING);
	if (length > http_stream_room(request))
		return -ENOBUFS;
	if (exchange->stream_sent && exchange->stream.length + length > exchange->stream.capacity) {
		exchange->stream.length -= exchange->stream_sent;
		memmove(exchange->stream.data, exchange->stream.data + exchange->stream_sent, exchange->stream.length);
		exchange->stream_sent = 0;
	}
	strbuf_add(&exchange->stream, data, length);
	http_exchange_resume(exchange);
	return 0;
}

void http_stream_close(struct http_request *request)
{
	struct http_exchange *exchange = exchange_of(request);

	assert(exchange->state == EXCHANGE_STREAMING);
	exchange->state = EXCHANGE_ANSWERED;
	exchange->connection->deadline_ms =
		deadline_after(exchange->connection->server, exchange->stream.length - exchange->stream_sent);
	http_exchange_resume(exchange);
}

/* ---- requests ---- */

const char *http_request_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(exchange_of(request)->connection->mhd, MHD_HEADER_KIND, name);
}

const char *http_request_query(const struct http_request *request, const char *name)
{
	const struct http_target *target = &exchange_of(request)->target;

	for (size_t i = 0; i < target->parameter_count; i++)
		if (!strcmp(target->parameters[i].name, name))
			return target->parameters[i].value;
	return NULL;
}

void http_request_each_query(const struct http_request *request, void (*visit)(void *context, const char *name, const char *value), void *context)
{
	const struct http_target *target = &exchange_of(request)->target;

	for (size_t i = 0; i < target->parameter_count; i++)
		visit(context, target->parameters[i].name, target->parameters[i].value);
}

static const char *too_large(const struct http_exchange *exchange)
{
	return exchange->body_max < exchange->connection->server->settings.body_max ? "the body is larger than this server takes from this sender"
										    : "the body is larger than this server takes";
}

/* Looks at what the header says, before any of the body is read. */
static void exchange_check_header(struct http_exchange *exchange)
{
	struct http_connection *connection = exchange->connection;
	struct http_server *server = connection->server;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const char *length = MHD_lookup_connection_value(connection->mhd, MHD_HEADER_KIND, "Content-Length");
	struct err err = { 0 };

	if (info && info->header_size > server->settings.header_max)
		exchange_refuse(exchange, 431, "the request line and the header together are too long");
	exchange->body_max = server->settings.body_max;
	if (server->settings.body_max_for)
		exchange->body_max = server->settings.body_max_for(server->settings.context, &exchange->request);
	if (length && strtoull(length, NULL, 10) > exchange->body_max)
		exchange_refuse(exchange, 413, too_large(exchange));
	if (http_target_parse(strbuf_text(&connection->target), &exchange->request.arena, &exchange->target, &err))
		exchange_refuse(exchange, 400, arena_printf(&exchange->request.arena, "%s", err.text));
}

/* Whether the refusal should go out at once: the client waits for leave to send its body, or the body is so
 * large that reading it to its end is no option. */
static bool refuses_early(const struct http_exchange *exchange)
{
	struct MHD_Connection *mhd = exchange->connection->mhd;
	const char *length = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Content-Length");

	if (!exchange->refusal)
		return false;
	return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Expect") ||
	       (length && strtoull(length, NULL, 10) > discard_max(exchange->connection->server));
}

static struct http_exchange *exchange_new(struct http_connection *connection, const char *method)
{
	struct http_exchange *exchange = mem_alloc(sizeof(*exchange));

	exchange->connection = connection;
	connection->exchange = exchange;
	connection->deadline_ms = deadline_after(connection->server, 0);
	arena_init(&exchange->request.arena);
	exchange->request.server_private = exchange;
	exchange->request.method = method;
	exchange->request.peer = connection->peer;
	exchange_check_header(exchange);
	exchange->request.path = exchange->target.path;
	return exchange;
}

static void exchange_free(struct http_exchange *exchange)
{
	if (exchange->response)
		MHD_destroy_response(exchange->response);
	body_drop(exchange);
	strbuf_done(&exchange->stream);
	arena_done(&exchange->request.arena);
	free(exchange);
}

static enum MHD_Result exchange_receive(struct http_exchange *exchange, const char *data, size_t *size)
{
	struct http_server *server = exchange->connection->server;

	exchange->received += *size;
	exchange->connection->deadline_ms += *size * 1000 / HTTP_RATE_MIN;
	if (exchange->received > exchange->body_max)
		exchange_refuse(exchange, 413, too_large(exchange));
	if (exchange->received > discard_max(server))
		return MHD_NO;
	if (!exchange->refusal)
		strbuf_add(&exchange->body, data, *size);
	if (!body_count(exchange))
		exchange_refuse(exchange, 503, "too many large bodies are on their way at once");
	*size = 0;
	return MHD_YES;
}

/* The body is whole: hands the request to its handler, and waits if that does. */
static enum MHD_Result exchange_handle(struct http_exchange *exchange)
{
	struct http_server *server = exchange->connection->server;

	exchange->state = EXCHANGE_HELD;
	exchange->connection->deadline_ms = UINT64_MAX;
	if (exchange->body.length) {
		exchange->request.body = exchange->body.data;
		exchange->request.body_length = exchange->body.length;
	}
	server->settings.handle(server->settings.context, &exchange->request);
	exchange->request.body = NULL;
	exchange->request.body_length = 0;
	body_drop(exchange);
	if (exchange->response)
		return exchange_queue(exchange);
	exchange_suspend(exchange);
	return MHD_YES;
}

enum MHD_Result http_exchange_step(void *context, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
				   const char *upload_data, size_t *upload_size, void **ret_exchange)
{
	struct http_connection *connection = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	struct http_exchange *exchange = *ret_exchange;

	if (!exchange) {
		exchange = *ret_exchange = exchange_new(connection, method);
		return refuses_early(exchange) ? exchange_queue_refusal(exchange) : MHD_YES;
	}
	if (exchange->state == EXCHANGE_GONE)
		return MHD_NO;
	if (*upload_size)
		return exchange_receive(exchange, upload_data, upload_size);
	if (exchange->queued)
		return MHD_YES;
	if (exchange->refusal)
		return exchange_queue_refusal(exchange);
	if (exchange->state == EXCHANGE_RECEIVING)
		return exchange_handle(exchange);
	if (exchange->response)
		return exchange_queue(exchange);
	/* Resumed without an answer: nothing does that, but waiting on is always right. */
	exchange_suspend(exchange);
	return MHD_YES;
}

static void exchange_tell_gone(struct http_exchange *exchange)
{
	struct http_server *server = exchange->connection->server;

	if (exchange->state != EXCHANGE_HELD && exchange->state != EXCHANGE_STREAMING)
		return;
	exchange->state = EXCHANGE_GONE;
	if (server->settings.gone)
		server->settings.gone(server->settings.context, &exchange->request);
}

void http_exchange_gone(struct http_exchange *exchange)
{
	exchange_tell_gone(exchange);
	http_exchange_resume(exchange);
}

void http_exchange_completed(void *context, struct MHD_Connection *mhd, void **ret_exchange, enum MHD_RequestTerminationCode code)
{
	struct http_exchange *exchange = *ret_exchange;
	struct http_connection *connection;

	if (!exchange)
		return;
	connection = exchange->connection;
	exchange_tell_gone(exchange);
	http_connection_watch(connection, false);
	connection->exchange = NULL;
	connection->deadline_ms = deadline_after(connection->server, 0);
	exchange_free(exchange);
	*ret_exchange = NULL;
}
