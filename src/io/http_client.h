/* The HTTP client: libcurl's multi interface on the uv loop. */
#ifndef WEIR_IO_HTTP_CLIENT_H
#define WEIR_IO_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

struct http_client;
struct http_call;

struct http_call_settings {
	const char *method;
	const char *url;
	const char *token;        /* sent as a bearer token; NULL none */
	const char *content_type; /* of the body */
	const char *accept;       /* NULL: application/json */
	const char *const *headers; /* further "Name: value" lines, NULL-terminated; NULL none */
	const void *body;         /* copied */
	size_t body_length;
	size_t reply_max;         /* longer: the call fails with -EMSGSIZE */
	int64_t timeout_us;       /* whole call; 0: none */
	/* With `data`, body bytes are handed on as they come instead of being kept. Return non-zero to stop. */
	int (*data)(void *context, const void *data, size_t length);
	/* Once. `code` 0: an answer came, with its status; else a negative errno and a sentence. */
	void (*done)(void *context, int code, unsigned status, const void *body, size_t length, const char *message);
	void *context;
};

struct http_client *http_client_new(uv_loop_t *loop, const char *ca_path); /* ca_path: PEM to trust for https, NULL the system's */
void http_client_free(struct http_client *client); /* open calls end without `done`; takes NULL; allowed from `done` and `data` */

/* Never calls `done` before it returned. */
struct http_call *http_client_call(struct http_client *client, const struct http_call_settings *settings);
void http_call_cancel(struct http_call *call); /* `done` is not called */

#endif
