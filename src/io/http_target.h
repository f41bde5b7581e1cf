/* The target of a request line: path and query, percent-decoded once and checked. */
#ifndef WEIR_IO_HTTP_TARGET_H
#define WEIR_IO_HTTP_TARGET_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

#define HTTP_QUERY_MAX 64 /* parameters */

struct http_parameter {
	const char *name;
	const char *value;
};

struct http_target {
	const char *path; /* begins with '/', or is "*" */
	struct http_parameter *parameters;
	size_t parameter_count;
};

/* Reads origin form (/path?query), absolute form (http://host/path?query) and "*". -EINVAL with a
 * sentence for anything else, a broken percent sequence, NUL or other control characters, bytes that
 * are not UTF-8; -E2BIG for more than HTTP_QUERY_MAX parameters. Memory is the arena's. O(length). */
int http_target_parse(const char *raw, struct arena *arena, struct http_target *ret, struct err *err);

#endif
