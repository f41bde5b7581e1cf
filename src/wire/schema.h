/* A schema describes a struct once; from it come reading (YAML, JSON), writing (JSON), the binary form
 * of the log (CBOR) and the list of known keys.
 *
 * A struct whose fields are listed here needs no reader or writer of its own, and what the log can
 * carry is what the API can show. Reading reports every problem at once; nothing is half loaded.
 * libcyaml was looked at and rejected: it stops at the first problem and knows neither JSON nor a log.
 *
 * Binary form: each struct is a CBOR map (RFC 8949) from field number to value. Fields with their
 * default value are left out. A number once given is never used again for anything else; a reader
 * skips numbers that it does not know. So old logs stay readable and old readers stay whole.
 */
#ifndef WEIR_WIRE_SCHEMA_H
#define WEIR_WIRE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/string_table.h"
#include "base/units.h"
#include "wire/doc.h"

struct schema;

#define STRING_LENGTH_MAX 65536 /* bytes of a string whose field says nothing else */
#define SCHEMA_FIELDS_MAX 64    /* fields of one struct */

enum field_kind {
	FIELD_BOOL,     /* bool */
	FIELD_INTEGER,  /* int64_t, minimum..maximum */
	FIELD_QUANTITY, /* int64_t in `unit`, minimum..maximum; text with its unit when written */
	FIELD_ID,       /* uint64_t demand id, text of 13 characters */
	FIELD_U64,      /* uint64_t as a decimal string (fencing tokens, hashes) */
	FIELD_STRING,   /* const char *, never NULL once read; `maximum` bytes */
	FIELD_ENUM,     /* an int-sized enum of `table` */
	FIELD_OBJECT,   /* an embedded struct of `schema` */
	FIELD_POINTER,  /* a pointer to a struct of `schema`; NULL when absent */
	FIELD_LIST,     /* a pointer and a size_t count of elements, `maximum` at most; the element is `element` of `schema`/`table`/`unit` */
	FIELD_MAP,      /* YAML/JSON map of string to string or quantity, kept as an array of a two-field struct of `schema`
	                   (first field the key, second the value) */
	FIELD_BYTES,    /* struct bytes; base64 in JSON */
};

struct bytes {
	const uint8_t *data;
	size_t length;
};

enum field_flags {
	FIELD_REQUIRED = 1,
	FIELD_OUTPUT_ONLY = 2,  /* written, refused when read from people */
	FIELD_SINGLE_OK = 4,    /* LIST: one bare value stands for a list of one; OBJECT, POINTER: for its first field */
	FIELD_HIDDEN = 8,       /* in the binary form only (secrets, internals) */
	FIELD_SINCE_CHECKED = 16, /* `check` also runs on the default */
	FIELD_PRESENCE = 32,    /* the bool at `present_offset` says whether it was given; it is written just then, default or not */
	FIELD_ELEMENT_SINGLE_OK = 64, /* LIST of OBJECT: an element that is one bare value stands for its first field */
};

struct field {
	const char *key;
	unsigned number; /* in the binary form; 0: not in it */
	enum field_kind kind;
	unsigned flags;
	size_t offset;       /* of the value, or of the pointer of a LIST or MAP */
	size_t count_offset; /* LIST, MAP: of the size_t count */
	size_t present_offset; /* of the bool of FIELD_PRESENCE */
	enum field_kind element;
	enum unit unit;
	const struct string_table *table;
	const struct schema *schema;
	int64_t minimum;
	int64_t maximum;         /* of numbers; bytes of strings; elements of lists. Both 0: any number, STRING_LENGTH_MAX, any count */
	int64_t element_minimum; /* the same for the elements of a LIST of numbers or strings */
	int64_t element_maximum;
	int64_t fallback;        /* default of BOOL, INTEGER, QUANTITY, ENUM */
	const char *fallback_text; /* default of STRING; NULL means "" */
	int (*check)(const char *value, struct err *err); /* STRING, and strings in lists; not for the empty text of a field that may be left out */
	const char *expected;    /* for messages, where the kind does not say it */
	const char *help;        /* one sentence, for docs and OpenAPI */
};

struct problems;

struct schema {
	const char *name; /* "demand" */
	size_t size;      /* sizeof the struct */
	const struct field *fields;
	size_t field_count;
	/* Rules over several fields, run after all fields of a value were read without a problem of
	 * their own. Reports through problems_add with `at` or one of its values as the place. May be NULL. */
	void (*check)(void *value, const struct doc *at, const char *path, struct problems *problems);
	/* `check` also runs on a map some of whose fields had problems, so that all are told at once. Those
	 * fields then have their fallbacks: texts are empty, lists may be. */
	bool check_faulty;
};

/* Everything wrong with one input. `origin` is the file's name, or "" for a request. */
struct problem {
	unsigned line, column; /* 0: unknown */
	const char *path;      /* sites[3].groups[0].memory */
	const char *text;      /* what is wrong, what was expected */
};

#define PROBLEMS_MAX 100 /* the rest is counted, not kept */

struct problems {
	struct arena *arena;
	const char *origin;
	struct problem list[PROBLEMS_MAX];
	size_t count; /* all of them, also those not kept */
	/* Messages between programs: keys that are not known are skipped (the other side may be newer), and
	 * fields that people may not write (OUTPUT_ONLY) are read. Set it after problems_init. */
	bool message;
};

void problems_init(struct problems *problems, struct arena *arena, const char *origin);
void problems_add(struct problems *problems, const struct doc *at, const char *path, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same at `key` of the map `at`, or at the map when the key is not there. */
void problems_add_key(struct problems *problems, const struct doc *at, const char *path, const char *key, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* The same at a place without a value, such as that of a key. */
void problems_add_place(struct problems *problems, struct doc_place place, const char *path, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* "file:line:column: path: text" a line; for requests "path: text". */
void problems_print(const struct problems *problems, struct strbuf *out);

/* Reads `doc` into `value` (schema->size bytes, overwritten). 0, or -EINVAL when problems were added.
 * Strings and lists are the arena's (problems->arena); they do not point into `doc`. */
int schema_read(const struct schema *schema, const struct doc *doc, void *value, struct problems *problems);
/* As above for a value below `path` of a larger document. */
int schema_read_at(const struct schema *schema, const struct doc *doc, const char *path, void *value, struct problems *problems);

/* Sets every field to its default. */
void schema_defaults(const struct schema *schema, void *value);

/* Appends compact JSON. Quantities are written as text with their unit. Fields at their default are
 * written unless `brief`. */
void schema_write_json(const struct schema *schema, const void *value, bool brief, struct strbuf *out);

/* Appends a JSON string with its quotes. */
void json_write_string(struct strbuf *out, const char *text);

/* Appends the binary form. Equal values give equal bytes. */
void schema_encode(const struct schema *schema, const void *value, struct strbuf *out);
/* Reads the binary form back. -EINVAL with the place for bytes that are none; every length is checked against what is left. */
int schema_decode(const struct schema *schema, const void *data, size_t length, struct arena *arena, void *value, struct err *err);

/* The shape of a field in few words; designated initialisers may follow. */
#define FIELD(kind_, type, member, key_, number_, ...)                                                                                     \
	{ .key = (key_), .number = (number_), .kind = (kind_), .offset = offsetof(type, member), __VA_ARGS__ }
#define FIELD_LIST_OF(element_, type, member, count_member, key_, number_, ...)                                                            \
	{ .key = (key_), .number = (number_), .kind = FIELD_LIST, .element = (element_), .offset = offsetof(type, member),                 \
	  .count_offset = offsetof(type, count_member), __VA_ARGS__ }
#define SCHEMA(name_, type, fields_, ...)                                                                                                  \
	{ .name = (name_), .size = sizeof(type), .fields = (fields_), .field_count = sizeof(fields_) / sizeof((fields_)[0]), __VA_ARGS__ }

#endif
