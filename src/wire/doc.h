/* A document: the tree that a YAML or JSON text stands for, with the place of each value.
 *
 * Files (YAML, JSON as a subset) and messages (JSON) become the same tree, so that each noun of the
 * model is read by one description (wire/schema.h) wherever it comes from. All memory is the arena's.
 * Aliases, tags, multiple documents and duplicate keys are refused. Limits are checked while reading.
 */
#ifndef WEIR_WIRE_DOC_H
#define WEIR_WIRE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum doc_kind {
	DOC_NULL,
	DOC_BOOL,
	DOC_INTEGER, /* fits int64 */
	DOC_DECIMAL, /* a number with a point or exponent, kept as text */
	DOC_STRING,
	DOC_LIST,
	DOC_MAP,
};

struct doc_place {
	unsigned line, column;
};

struct doc {
	enum doc_kind kind;
	unsigned line;   /* from 1; 0 where unknown (messages) */
	unsigned column; /* from 1 */
	bool boolean;
	int64_t integer;
	const char *text;        /* BOOL, INTEGER (files), DECIMAL, STRING: as written */
	const char **keys;       /* MAP: count keys, in order of appearance */
	struct doc_place *places; /* MAP of a file: where the keys stand; NULL in messages */
	struct doc *values;      /* MAP, LIST: count values */
	size_t count;
};

struct doc_limits {
	size_t bytes_max;
	size_t depth_max;
	size_t values_max; /* nodes of the tree */
};
extern const struct doc_limits doc_limits_file;    /* 64 MiB, 32 deep, 4,000,000 */
extern const struct doc_limits doc_limits_request; /* 16 MiB, 16 deep, 1,000,000 */

/* Both: 0, or -EINVAL / -E2BIG with "LINE:COLUMN: what is wrong, what was expected" in err. */
int doc_parse_yaml(const char *text, size_t length, const struct doc_limits *limits, struct arena *arena, struct doc **ret, struct err *err);
int doc_parse_json(const char *text, size_t length, const struct doc_limits *limits, struct arena *arena, struct doc **ret, struct err *err);

/* The value of a key, or NULL. O(keys). */
const struct doc *doc_get(const struct doc *map, const char *key);

#endif
