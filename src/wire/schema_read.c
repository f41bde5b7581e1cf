/* From a document to a struct, by its schema.
 *
 * Keys are looked for from where the last one was found, so that a text in the schema's order costs one
 * comparison a key. Where a value stands is kept as a chain of frames on the C stack and only becomes a path
 * in words when there is a problem or a check that wants it.
 */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/utf8.h"
#include "wire/schema_field.h"

#define EXPECTED_MAX 400
#define SHOWN_MAX 40 /* bytes of a wrong text that a message repeats */
#define KEYS_SHOWN_MAX 24

struct frame {
	const struct frame *up;
	const char *key; /* NULL: an element of a list */
	size_t index;
};

struct reader {
	struct problems *problems;
	struct arena *arena;
};

static bool read_struct(struct reader *reader, const struct schema *schema, const struct doc *doc, const struct frame *frame, void *value);
static bool read_field(struct reader *reader, const struct field *field, const struct doc *doc, const struct frame *frame, void *base);

static void path_build(const struct frame *frame, struct strbuf *out)
{
	if (!frame)
		return;
	path_build(frame->up, out);
	if (!frame->key)
		strbuf_printf(out, "[%zu]", frame->index);
	else if (*frame->key)
		strbuf_printf(out, "%s%s", out->length ? "." : "", frame->key);
}

static const char *frame_path(struct reader *reader, const struct frame *frame)
{
	cleanup_strbuf struct strbuf path = { 0 };

	if (!frame->up)
		return frame->key;
	path_build(frame, &path);
	return arena_strdup(reader->arena, strbuf_text(&path));
}

/* Whether the problems to come are only counted. Messages are not even made then: a suggestion for each of a
 * million wrong keys would take minutes. */
static bool is_full(struct reader *reader)
{
	if (reader->problems->count < PROBLEMS_MAX)
		return false;
	reader->problems->count++;
	return true;
}

__attribute__((format(printf, 4, 5))) static bool fail(struct reader *reader, const struct doc *at, const struct frame *frame,
						       const char *format, ...)
{
	va_list arguments;
	const char *text;

	if (is_full(reader))
		return false;
	va_start(arguments, format);
	text = arena_vprintf(reader->arena, format, arguments);
	va_end(arguments);
	problems_add(reader->problems, at, frame_path(reader, frame), "%s", text);
	return false;
}

/* What stands there: `is "abc"`, `is a list`. */
static const char *describe(struct reader *reader, const struct doc *doc)
{
	size_t length, cut;

	switch (doc->kind) {
	case DOC_NULL:
		return "is empty";
	case DOC_LIST:
		return "is a list";
	case DOC_MAP:
		return "is a map";
	case DOC_INTEGER:
		return arena_printf(reader->arena, "is %lld", (long long)doc->integer);
	case DOC_BOOL:
		return doc->boolean ? "is true" : "is false";
	case DOC_DECIMAL:
		return arena_printf(reader->arena, "is %.60s", doc->text);
	default:
		length = strlen(doc->text);
		cut = length > SHOWN_MAX ? utf8_cut(doc->text, SHOWN_MAX) : length;
		return arena_printf(reader->arena, "is \"%.*s%s\"", (int)cut, doc->text, cut < length ? "..." : "");
	}
}

static void expected_range(const struct field *field, enum field_kind kind, int64_t minimum, int64_t maximum, struct strbuf *out)
{
	char low[40], high[40];

	if (!minimum && !maximum)
		return;
	if (kind == FIELD_QUANTITY) {
		unit_format(field->unit, minimum, low, sizeof(low));
		unit_format(field->unit, maximum, high, sizeof(high));
	} else {
		snprintf(low, sizeof(low), "%lld", (long long)minimum);
		snprintf(high, sizeof(high), "%lld", (long long)maximum);
	}
	strbuf_printf(out, kind == FIELD_QUANTITY ? ", from %s to %s" : " from %s to %s", low, high);
}

static void expected_words(const char *const *words, size_t count, struct strbuf *out)
{
	for (size_t i = 0; i < count && i < KEYS_SHOWN_MAX; i++)
		strbuf_printf(out, "%s%s", i ? ", " : "", words[i]);
	if (count > KEYS_SHOWN_MAX)
		strbuf_puts(out, ", ...");
}

/* The names of the keys that people may write. Gives their count. */
static size_t known_keys(const struct schema *schema, const char *keys[static SCHEMA_FIELDS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < schema->field_count; i++)
		if (!(schema->fields[i].flags & (FIELD_HIDDEN | FIELD_OUTPUT_ONLY)))
			keys[count++] = schema->fields[i].key;
	return count;
}

static void expected_build(const struct field *field, enum field_kind kind, int64_t minimum, int64_t maximum, struct strbuf *out)
{
	const char *keys[SCHEMA_FIELDS_MAX];

	if (field->expected && kind == field->kind) {
		strbuf_puts(out, field->expected);
		return;
	}
	switch (kind) {
	case FIELD_BOOL:
		strbuf_puts(out, "true or false");
		break;
	case FIELD_INTEGER:
		strbuf_puts(out, "a whole number");
		expected_range(field, kind, minimum, maximum, out);
		break;
	case FIELD_QUANTITY:
		strbuf_puts(out, unit_expected(field->unit));
		expected_range(field, kind, minimum, maximum, out);
		break;
	case FIELD_ID:
		strbuf_puts(out, "an id of 13 characters");
		break;
	case FIELD_U64:
		strbuf_puts(out, "a whole number written as a text");
		break;
	case FIELD_STRING:
		strbuf_puts(out, "a text");
		break;
	case FIELD_ENUM:
		strbuf_puts(out, "one of ");
		expected_words(field->table->words, field->table->count, out);
		break;
	case FIELD_OBJECT:
	case FIELD_POINTER:
		strbuf_puts(out, "a map with ");
		expected_words(keys, known_keys(field->schema, keys), out);
		break;
	case FIELD_LIST:
		strbuf_puts(out, "a list");
		break;
	case FIELD_MAP:
		strbuf_puts(out, "a map");
		break;
	case FIELD_BYTES:
		strbuf_puts(out, "bytes in base64");
		break;
	}
}

/* Adds "is what it is, expected what the field wants". */
static bool fail_expected(struct reader *reader, const struct field *field, enum field_kind kind, const struct doc *doc,
			  const struct frame *frame)
{
	cleanup_strbuf struct strbuf expected = { 0 };
	bool is_element = kind == field->element && field->kind == FIELD_LIST;

	if (is_full(reader))
		return false;
	if (is_element)
		expected_build(field, kind, field->element_minimum, field->element_maximum, &expected);
	else
		expected_build(field, kind, field->minimum, field->maximum, &expected);
	return fail(reader, doc, frame, "%s, expected %s", describe(reader, doc), strbuf_text(&expected));
}

/* The text of a value that may stand for one: in files also a number or a bool, as it was written. */
static const char *doc_text(const struct doc *doc)
{
	if (doc->kind == DOC_STRING)
		return doc->text;
	if (doc->line && (doc->kind == DOC_INTEGER || doc->kind == DOC_DECIMAL || doc->kind == DOC_BOOL))
		return doc->text;
	return NULL;
}

static bool read_string(struct reader *reader, const struct field *field, const char *text, int64_t maximum, const struct doc *doc,
			const struct frame *frame, const char **ret)
{
	size_t length = strlen(text);
	struct err err;

	if (length > (size_t)(maximum ? maximum : STRING_LENGTH_MAX))
		return fail(reader, doc, frame, "is %zu bytes long, expected at most %lld", length,
			    (long long)(maximum ? maximum : STRING_LENGTH_MAX));
	if (length || field->kind != FIELD_STRING || (field->flags & FIELD_REQUIRED) || field->fallback_text) {
		if (field->check && field->check(text, &err) < 0) /* an empty text is as good as one left out */
			return fail(reader, doc, frame, "%s", err.text);
	}
	*ret = arena_strndup(reader->arena, text, length);
	return true;
}

static bool read_number(struct reader *reader, const struct field *field, enum field_kind kind, const struct doc *doc,
			const struct frame *frame, int64_t *ret)
{
	bool is_element = field->kind == FIELD_LIST;
	int64_t minimum = is_element ? field->element_minimum : field->minimum;
	int64_t maximum = is_element ? field->element_maximum : field->maximum;
	int64_t number;
	struct err err;
	int code;

	if (kind == FIELD_INTEGER) {
		if (doc->kind != DOC_INTEGER)
			return fail_expected(reader, field, kind, doc, frame);
		number = doc->integer;
	} else if (doc->kind == DOC_INTEGER || doc->kind == DOC_STRING || doc->kind == DOC_DECIMAL) {
		code = doc->kind == DOC_INTEGER ? unit_from_integer(field->unit, doc->integer, &number, &err)
						: unit_parse(field->unit, doc->text, &number, &err);
		if (code < 0)
			return fail(reader, doc, frame, "%s, %s", describe(reader, doc), err.text);
	} else {
		return fail_expected(reader, field, kind, doc, frame);
	}
	if ((minimum || maximum) && (number < minimum || number > maximum))
		return fail_expected(reader, field, kind, doc, frame);
	*ret = number;
	return true;
}

/* `lead` begins the message; NULL: what stands there. */
static bool read_enum(struct reader *reader, const struct string_table *table, const char *word, const char *lead, const struct doc *doc,
		      const struct frame *frame, int *ret)
{
	int value = string_table_from_string(table, word);
	cleanup_strbuf struct strbuf words = { 0 };
	const char *nearest;

	if (value >= 0) {
		*ret = value;
		return true;
	}
	if (is_full(reader))
		return false;
	if (!lead)
		lead = describe(reader, doc);
	nearest = string_nearest(word, table->words, table->count);
	expected_words(table->words, table->count, &words);
	if (nearest)
		return fail(reader, doc, frame, "%s, expected one of %s, did you mean \"%s\"?", lead, strbuf_text(&words), nearest);
	return fail(reader, doc, frame, "%s, expected one of %s", lead, strbuf_text(&words));
}

static bool parse_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return false;
	}
	*ret = value;
	return true;
}

static bool read_bytes(struct reader *reader, const struct field *field, const char *text, const struct doc *doc, const struct frame *frame,
		       struct bytes *ret)
{
	size_t length = strlen(text), size = length / 4 * 3 + 3, written;
	uint8_t *data = arena_alloc(reader->arena, size);
	const char *end;

	if (sodium_base642bin(data, size, text, length, NULL, &written, &end, sodium_base64_VARIANT_ORIGINAL) != 0 || *end)
		return fail_expected(reader, field, FIELD_BYTES, doc, frame);
	if (field->maximum && written > (size_t)field->maximum)
		return fail(reader, doc, frame, "is %zu bytes long, expected at most %lld", written, (long long)field->maximum);
	ret->data = data;
	ret->length = written;
	return true;
}

/* One value that is no list or map, into `value`. `field` may be a LIST of such values. */
static bool read_scalar(struct reader *reader, const struct field *field, enum field_kind kind, const struct doc *doc,
			const struct frame *frame, void *value)
{
	int64_t maximum = field->kind == FIELD_LIST ? field->element_maximum : field->maximum;
	const char *text;

	if (kind == FIELD_INTEGER || kind == FIELD_QUANTITY)
		return read_number(reader, field, kind, doc, frame, value);
	if (kind == FIELD_BOOL) {
		if (doc->kind != DOC_BOOL)
			return fail_expected(reader, field, kind, doc, frame);
		*(bool *)value = doc->boolean;
		return true;
	}
	text = doc_text(doc);
	if (!text)
		return fail_expected(reader, field, kind, doc, frame);
	switch (kind) {
	case FIELD_STRING:
		return read_string(reader, field, text, maximum, doc, frame, value);
	case FIELD_ENUM:
		return read_enum(reader, field->table, text, NULL, doc, frame, value);
	case FIELD_ID:
		return id_parse(text, value) == 0 || fail_expected(reader, field, kind, doc, frame);
	case FIELD_U64:
		return parse_u64(text, value) || fail_expected(reader, field, kind, doc, frame);
	default:
		assert(kind == FIELD_BYTES);
		return read_bytes(reader, field, text, doc, frame, value);
	}
}

static bool check_count(struct reader *reader, const struct field *field, const struct doc *doc, const struct frame *frame, size_t count)
{
	if (field->maximum && count > (size_t)field->maximum)
		return fail(reader, doc, frame, "has %zu entries, expected at most %lld", count, (long long)field->maximum);
	if (count < (size_t)field->minimum)
		return fail(reader, doc, frame, "has %zu entries, expected at least %lld", count, (long long)field->minimum);
	return true;
}

static bool is_bare(const struct field *field, const struct doc *element)
{
	return field->flags & FIELD_ELEMENT_SINGLE_OK && element->kind != DOC_MAP && element->kind != DOC_LIST && element->kind != DOC_NULL;
}

static bool read_first(struct reader *reader, const struct schema *schema, const struct doc *doc, const struct frame *frame, void *value)
{
	schema_defaults(schema, value);
	return read_field(reader, &schema->fields[0], doc, frame, value);
}

static bool read_list(struct reader *reader, const struct field *field, const struct doc *doc, const struct frame *frame, void *base)
{
	bool single = doc->kind != DOC_LIST && doc->kind != DOC_NULL && (field->flags & FIELD_SINGLE_OK);
	const struct doc *elements = single ? doc : doc->values;
	size_t count = single ? 1 : doc->count;
	size_t size = element_size(field);
	bool good = true;
	char *array;

	if (doc->kind != DOC_LIST && !single)
		return fail_expected(reader, field, FIELD_LIST, doc, frame);
	if (!check_count(reader, field, doc, frame, count))
		return false;
	array = count ? arena_array(reader->arena, count, size) : NULL;
	for (size_t i = 0; i < count; i++) {
		struct frame below = { frame, NULL, i };
		void *element = array + i * size;

		if (field->element == FIELD_OBJECT && is_bare(field, &elements[i]))
			good &= read_first(reader, field->schema, &elements[i], &below, element);
		else if (field->element == FIELD_OBJECT)
			good &= read_struct(reader, field->schema, &elements[i], &below, element);
		else
			good &= read_scalar(reader, field, field->element, &elements[i], &below, element);
	}
	*(void **)((char *)base + field->offset) = array;
	*(size_t *)((char *)base + field->count_offset) = count;
	return good;
}

/* The key of an entry of a MAP: a text or a word of an enum. */
static bool read_map_key(struct reader *reader, const struct field *field, const char *key, const struct doc *at, const struct frame *frame,
			 void *base)
{
	void *value = (char *)base + field->offset;

	if (field->kind == FIELD_ENUM)
		return read_enum(reader, field->table, key, "unknown key", at, frame, value);
	assert(field->kind == FIELD_STRING);
	return read_string(reader, field, key, field->maximum, at, frame, value);
}

static bool read_map(struct reader *reader, const struct field *field, const struct doc *doc, const struct frame *frame, void *base)
{
	const struct schema *schema = field->schema;
	bool good = true;
	char *array;

	if (doc->kind != DOC_MAP)
		return fail_expected(reader, field, FIELD_MAP, doc, frame);
	if (!check_count(reader, field, doc, frame, doc->count))
		return false;
	array = doc->count ? arena_array(reader->arena, doc->count, schema->size) : NULL;
	for (size_t i = 0; i < doc->count; i++) {
		struct frame below = { frame, doc->keys[i], 0 };
		struct doc key = { .kind = DOC_STRING };
		void *element = array + i * schema->size;

		if (doc->places) {
			key.line = doc->places[i].line;
			key.column = doc->places[i].column;
		}
		schema_defaults(schema, element);
		good &= read_map_key(reader, &schema->fields[0], doc->keys[i], &key, &below, element);
		good &= read_field(reader, &schema->fields[1], &doc->values[i], &below, element);
	}
	*(void **)((char *)base + field->offset) = array;
	*(size_t *)((char *)base + field->count_offset) = doc->count;
	return good;
}

static bool read_field(struct reader *reader, const struct field *field, const struct doc *doc, const struct frame *frame, void *base)
{
	void *value = (char *)base + field->offset;
	void *pointed;

	if (field->flags & FIELD_PRESENCE)
		*(bool *)((char *)base + field->present_offset) = true;
	switch (field->kind) {
	case FIELD_OBJECT:
	case FIELD_POINTER:
		if (doc->kind != DOC_MAP && (doc->kind == DOC_NULL || !(field->flags & FIELD_SINGLE_OK)))
			return fail_expected(reader, field, field->kind, doc, frame);
		if (field->kind == FIELD_OBJECT)
			return read_struct(reader, field->schema, doc, frame, value);
		pointed = arena_alloc(reader->arena, field->schema->size);
		*(void **)value = pointed;
		return read_struct(reader, field->schema, doc, frame, pointed);
	case FIELD_LIST:
		return read_list(reader, field, doc, frame, base);
	case FIELD_MAP:
		return read_map(reader, field, doc, frame, base);
	default:
		return read_scalar(reader, field, field->kind, doc, frame, value);
	}
}

/* The field of a key, searched from `start` on and round; field_count when there is none. */
static size_t field_find(const struct schema *schema, const char *key, size_t start)
{
	size_t count = schema->field_count;

	for (size_t n = 0; n < count; n++) {
		size_t i = start + n < count ? start + n : start + n - count;
		const struct field *field = &schema->fields[i];

		if (field->key[0] == key[0] && !strcmp(field->key, key) && !(field->flags & FIELD_HIDDEN))
			return i;
	}
	return count;
}

static bool fail_unknown_key(struct reader *reader, const struct schema *schema, const struct doc *doc, size_t i, const struct frame *frame)
{
	const char *keys[SCHEMA_FIELDS_MAX];
	struct doc key = doc->values[i];
	cleanup_strbuf struct strbuf words = { 0 };
	const char *nearest;
	size_t count;

	if (is_full(reader))
		return false;
	count = known_keys(schema, keys);
	nearest = string_nearest(doc->keys[i], keys, count);
	if (doc->places) {
		key.line = doc->places[i].line;
		key.column = doc->places[i].column;
	}
	if (nearest)
		return fail(reader, &key, frame, "unknown key \"%.60s\", did you mean \"%s\"?", doc->keys[i], nearest);
	expected_words(keys, count, &words);
	return fail(reader, &key, frame, "unknown key \"%.60s\", expected one of %s", doc->keys[i], strbuf_text(&words));
}

/* Required fields that were not seen, and defaults that are to be checked. */
static bool check_missing(struct reader *reader, const struct schema *schema, const struct doc *doc, uint64_t seen,
			  const struct frame *frame)
{
	bool good = true;

	for (size_t i = 0; i < schema->field_count; i++) {
		const struct field *field = &schema->fields[i];
		struct frame below = { frame, field->key, 0 };
		struct err err;

		if (seen >> i & 1 || !(field->flags & (FIELD_REQUIRED | FIELD_SINCE_CHECKED)))
			continue;
		if (field->flags & FIELD_REQUIRED && is_full(reader)) {
			good = false;
		} else if (field->flags & FIELD_REQUIRED) {
			cleanup_strbuf struct strbuf expected = { 0 };

			expected_build(field, field->kind, field->minimum, field->maximum, &expected);
			good = fail(reader, doc, &below, "is missing, expected %s", strbuf_text(&expected));
		} else if (field->check && field->check(field->fallback_text ? field->fallback_text : "", &err) < 0) {
			good = fail(reader, doc, &below, "is missing: %s", err.text);
		}
	}
	return good;
}

static bool read_keys(struct reader *reader, const struct schema *schema, const struct doc *doc, const struct frame *frame, void *value,
		      uint64_t *ret_seen)
{
	bool is_message = reader->problems->message;
	size_t start = 0;
	bool good = true;

	for (size_t k = 0; k < doc->count; k++) {
		size_t i = field_find(schema, doc->keys[k], start);
		struct frame below = { frame, doc->keys[k], 0 };
		const struct field *field = &schema->fields[i];

		if (i == schema->field_count) {
			good &= is_message || fail_unknown_key(reader, schema, doc, k, frame);
			continue;
		}
		start = i + 1;
		*ret_seen |= UINT64_C(1) << i;
		if (field->flags & FIELD_OUTPUT_ONLY && !is_message)
			good = fail(reader, &doc->values[k], &below, "is set by weir, expected it left out");
		else
			good &= read_field(reader, field, &doc->values[k], &below, value);
	}
	return good;
}

/* Whether it was read without a problem. */
static bool read_struct(struct reader *reader, const struct schema *schema, const struct doc *doc, const struct frame *frame, void *value)
{
	uint64_t seen = 0;
	bool good;

	assert(schema->field_count <= SCHEMA_FIELDS_MAX);
	schema_defaults(schema, value);
	if (doc->kind == DOC_MAP) {
		good = read_keys(reader, schema, doc, frame, value, &seen);
		good &= check_missing(reader, schema, doc, seen, frame);
	} else {
		const char *keys[SCHEMA_FIELDS_MAX];
		cleanup_strbuf struct strbuf words = { 0 };

		if (doc->kind != DOC_NULL && doc->kind != DOC_LIST && schema->field_count && frame->up && frame->key) {
			good = read_field(reader, &schema->fields[0], doc, frame, value); /* FIELD_SINGLE_OK */
		} else {
			expected_words(keys, known_keys(schema, keys), &words);
			good = fail(reader, doc, frame, "%s, expected a map with %s", describe(reader, doc), strbuf_text(&words));
		}
	}
	if (schema->check && (good || (schema->check_faulty && doc->kind == DOC_MAP))) {
		size_t before = reader->problems->count;

		schema->check(value, doc, frame_path(reader, frame), reader->problems);
		good &= reader->problems->count == before;
	}
	return good;
}

int schema_read_at(const struct schema *schema, const struct doc *doc, const char *path, void *value, struct problems *problems)
{
	struct reader reader = { problems, problems->arena };
	struct frame frame = { NULL, path, 0 };

	return read_struct(&reader, schema, doc, &frame, value) ? 0 : -EINVAL;
}

int schema_read(const struct schema *schema, const struct doc *doc, void *value, struct problems *problems)
{
	return schema_read_at(schema, doc, "", value, problems);
}
