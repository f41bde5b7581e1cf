/* The HTTP server: libmicrohttpd driven from the uv loop, so that one thread owns everything.
 *
 * A request reaches the handler once its body is whole (bounded). It may be answered at once or at any
 * later time from the loop's thread; until then the connection is suspended and costs no work. Streams
 * (event streams, followed logs) are answers whose body grows.
 * MHD's own thread (MHD_USE_EPOLL_INTERNAL_THREAD) was rejected: every handler would need locks.
 */
#ifndef WEIR_IO_HTTP_SERVER_H
#define WEIR_IO_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/arena.h"
#include "base/err.h"

struct http_server;

/* Valid until it was answered in full (http_respond) or its stream was closed. */
struct http_request {
	const char *method;
	const char *path;  /* percent-decoded, without the query */
	const char *body;  /* until the handler returns; NULL when empty; 0-terminated for convenience */
	size_t body_length;
	const char *peer;  /* numeric address of the client */
	struct arena arena; /* lives as long as the request */
	void *handler_private; /* the handler's own; NULL at first */
	void *server_private;
};

struct http_settings {
	const char *address;       /* numeric */
	uint16_t port;             /* 0: any free one */
	const char *certificate_path; /* PEM; NULL: no TLS */
	const char *key_path;
	size_t body_max;           /* larger: 413 */
	size_t bodies_max;         /* of all large bodies that are in memory together; one that does not fit: 503; 0: no limit */
	/* What the sender of this header may send at most; called before the body is read. May be NULL: body_max. */
	size_t (*body_max_for)(void *context, struct http_request *request);
	size_t header_max;         /* larger: 431 */
	unsigned connections_max;  /* further ones wait in the backlog */
	unsigned connections_per_address_max; /* further ones are closed; 0: no limit */
	unsigned idle_timeout_s;
	void (*handle)(void *context, struct http_request *request);
	/* The client went away before the answer was complete, or the stream ended; drop every pointer to it. May be NULL. */
	void (*gone)(void *context, struct http_request *request);
	void *context;
};

/* -EADDRINUSE, -EACCES, -EINVAL (certificate) with a sentence. */
int http_server_new(uv_loop_t *loop, const struct http_settings *settings, struct http_server **ret, struct err *err);
uint16_t http_server_port(const struct http_server *server);
/* Closes every connection, telling `gone` of those not answered; takes NULL. Not from inside a callback of the
 * server's. The loop must turn once more before it is closed. */
void http_server_free(struct http_server *server);

const char *http_request_header(const struct http_request *request, const char *name); /* NULL absent; case ignored */
const char *http_request_query(const struct http_request *request, const char *name);  /* NULL absent; percent-decoded */
/* Visits every query parameter (for refusing unknown ones). */
void http_request_each_query(const struct http_request *request, void (*visit)(void *context, const char *name, const char *value), void *context);

/* Answers and ends the request. Headers: name, value, ..., NULL. Body is copied. */
void http_respond(struct http_request *request, unsigned status, const char *content_type, const void *body, size_t length, ...)
	__attribute__((sentinel));

/* Begins a chunked answer (headers as in http_respond) that goes on until http_stream_close or `gone`. Stream data waits in a buffer
 * of at most `buffer_max` bytes: http_stream_write gives -ENOBUFS when it would not fit (the client is too slow). */
int http_stream_begin(struct http_request *request, unsigned status, const char *content_type, size_t buffer_max, ...) __attribute__((sentinel));
int http_stream_write(struct http_request *request, const void *data, size_t length);
size_t http_stream_room(const struct http_request *request);
void http_stream_close(struct http_request *request);

#endif
