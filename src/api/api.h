/* The API: HTTP requests to commands and queries. docs/api.md says what each path does, api/openapi.yaml
 * says it to machines. One file per resource; each has a table of routes, router.c walks them. */
#ifndef WEIR_API_API_H
#define WEIR_API_API_H

#include <uv.h>

#include "core/core.h"
#include "io/http_server.h"

struct api;

struct api_settings {
	struct core *core;
	bool open;              /* no token needed: every caller is an operator (loopback only) */
	unsigned rate_per_second; /* requests per token; 0: no limit */
	unsigned rate_burst;
	size_t body_max;        /* bytes, of callers that are known */
};

struct api *api_new(uv_loop_t *loop, const struct api_settings *settings);
void api_free(struct api *api);
/* For http_settings.handle and .gone; `context` is the api. */
void api_handle(void *context, struct http_request *request);
void api_gone(void *context, struct http_request *request);
/* For http_settings.body_max_for: who has no valid token may send a small body only. */
size_t api_body_max(void *context, struct http_request *request);
/* Closes streams and answers held requests, so that the process can end. */
void api_stop(struct api *api);

#endif
