/* YAML to the document tree, over libyaml's events.
 *
 * Only what a configuration file needs: one document of maps, lists and scalars. Anchors, aliases and
 * tags are refused: they let a small text stand for a huge tree, and let a value look like what it is not.
 * Plain scalars are typed as in YAML 1.2's core schema, so `no` and `on` are texts; numbers are decimal.
 *
 * Children are gathered on one stack for the whole text and moved into the arena when their list or map
 * ends, so that each list and map is one block.
 */
#include "wire/doc.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "wire/doc_text.h"

#define FEW_KEYS 16 /* maps up to this size are searched for duplicates pair by pair */

struct entry {
	const char *key; /* NULL in lists */
	struct doc_place place;
	struct doc value;
};

struct reader {
	yaml_parser_t parser;
	const char *text;
	size_t length;
	const struct doc_limits *limits;
	struct arena *arena;
	struct err *err;
	size_t values;
	struct entry *stack;
	size_t stack_count;
	size_t stack_capacity;
};

static int read_value(struct reader *reader, const yaml_event_t *event, size_t depth, struct doc *ret);

static int fail(struct reader *reader, int code, yaml_mark_t mark, const char *problem)
{
	return err_set(reader->err, code, "%zu:%zu: %s", mark.line + 1, mark.column + 1, problem);
}

static int parser_failed(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	struct err what;

	err_set(&what, -EINVAL, "not valid YAML: %s%s%s", parser->problem ? parser->problem : "unreadable", parser->context ? " " : "",
		parser->context ? parser->context : "");
	if (parser->error == YAML_READER_ERROR)
		return text_fail_at(reader->err, -EINVAL, reader->text, reader->length, parser->problem_offset, what.text);
	return fail(reader, -EINVAL, parser->problem_mark, what.text);
}

static int next_event(struct reader *reader, yaml_event_t *event)
{
	if (yaml_parser_parse(&reader->parser, event))
		return 0;
	return parser_failed(reader);
}

/* Digits with an optional sign. */
static bool is_integer(const char *text)
{
	text += *text == '-' || *text == '+';
	if (!*text)
		return false;
	return strspn(text, "0123456789") == strlen(text);
}

/* A number with a point or an exponent. */
static bool is_decimal(const char *text)
{
	size_t whole, fraction = 0;

	text += *text == '-' || *text == '+';
	whole = strspn(text, "0123456789");
	text += whole;
	if (*text == '.') {
		fraction = strspn(text + 1, "0123456789");
		text += 1 + fraction;
	}
	if (!whole && !fraction)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		return *text && strspn(text, "0123456789") == strlen(text);
	}
	return !*text;
}

static bool is_one_of(const char *text, const char *first, const char *second, const char *third)
{
	return !strcmp(text, first) || !strcmp(text, second) || !strcmp(text, third);
}

static void type_plain(struct doc *doc)
{
	const char *text = doc->text;

	if (!*text || !strcmp(text, "~") || is_one_of(text, "null", "Null", "NULL")) {
		doc->kind = DOC_NULL;
	} else if (is_one_of(text, "true", "True", "TRUE")) {
		doc->kind = DOC_BOOL;
		doc->boolean = true;
	} else if (is_one_of(text, "false", "False", "FALSE")) {
		doc->kind = DOC_BOOL;
	} else if (is_integer(text)) {
		errno = 0;
		doc->integer = strtoll(text, NULL, 10);
		doc->kind = errno ? DOC_DECIMAL : DOC_INTEGER;
		if (errno)
			doc->integer = 0;
	} else if (is_decimal(text)) {
		doc->kind = DOC_DECIMAL;
	}
}

static int read_text(struct reader *reader, const yaml_event_t *event, const char **ret)
{
	const char *value = (const char *)event->data.scalar.value;

	if (memchr(value, 0, event->data.scalar.length))
		return fail(reader, -EINVAL, event->start_mark, "a text with a zero byte, expected none");
	*ret = arena_strndup(reader->arena, value, event->data.scalar.length);
	return 0;
}

static void push(struct reader *reader, const struct entry *entry)
{
	ARRAY_RESERVE(reader->stack, reader->stack_capacity, reader->stack_count + 1);
	reader->stack[reader->stack_count++] = *entry;
}

/* Moves the entries above `base` off the stack into the container. */
static void gather(struct reader *reader, size_t base, struct doc *ret)
{
	size_t count = reader->stack_count - base;
	const struct entry *entries = reader->stack + base;

	ret->count = count;
	ret->values = ARENA_ARRAY(reader->arena, struct doc, count);
	if (ret->kind == DOC_MAP) {
		ret->keys = ARENA_ARRAY(reader->arena, const char *, count);
		ret->places = ARENA_ARRAY(reader->arena, struct doc_place, count);
	}
	for (size_t i = 0; i < count; i++) {
		ret->values[i] = entries[i].value;
		if (ret->kind == DOC_MAP) {
			ret->keys[i] = entries[i].key;
			ret->places[i] = entries[i].place;
		}
	}
	reader->stack_count = base;
}

static int compare_keys(const void *a, const void *b)
{
	const struct entry *const *first = a, *const *second = b;
	int order = strcmp((*first)->key, (*second)->key);

	return order ? order : *first < *second ? -1 : 1;
}

/* The later one of two entries with equal keys, or NULL. */
static const struct entry *find_duplicate(const struct entry *entries, size_t count)
{
	const struct entry *found = NULL;
	const struct entry **sorted;

	if (count <= FEW_KEYS) {
		for (size_t i = 1; i < count; i++)
			for (size_t j = 0; j < i; j++)
				if (!strcmp(entries[i].key, entries[j].key))
					return &entries[i];
		return NULL;
	}
	sorted = mem_resize(NULL, count, sizeof(sorted[0]));
	for (size_t i = 0; i < count; i++)
		sorted[i] = &entries[i];
	qsort(sorted, count, sizeof(sorted[0]), compare_keys);
	for (size_t i = 1; i < count; i++)
		if (!strcmp(sorted[i - 1]->key, sorted[i]->key) && (!found || sorted[i] < found))
			found = sorted[i];
	free(sorted);
	return found;
}

static int check_duplicates(struct reader *reader, size_t base)
{
	const struct entry *duplicate = find_duplicate(reader->stack + base, reader->stack_count - base);

	if (!duplicate)
		return 0;
	return err_set(reader->err, -EINVAL, "%u:%u: the key \"%.60s\" is there twice in one map", duplicate->place.line,
		       duplicate->place.column, duplicate->key);
}

static int read_key(struct reader *reader, const yaml_event_t *event, struct entry *ret)
{
	if (event->type == YAML_ALIAS_EVENT)
		return fail(reader, -EINVAL, event->start_mark, "an alias, expected a value: aliases are not taken");
	if (event->type != YAML_SCALAR_EVENT)
		return fail(reader, -EINVAL, event->start_mark, "a list or map as a key, expected a text");
	if (event->data.scalar.anchor || event->data.scalar.tag)
		return fail(reader, -EINVAL, event->start_mark, "an anchor or tag, expected a plain key");
	ret->place = (struct doc_place){ (unsigned)event->start_mark.line + 1, (unsigned)event->start_mark.column + 1 };
	return read_text(reader, event, &ret->key);
}

static int read_children(struct reader *reader, size_t depth, struct doc *ret)
{
	yaml_event_type_t end = ret->kind == DOC_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
	size_t base = reader->stack_count;
	int code = 0;

	while (code == 0) {
		struct entry entry = { 0 };
		yaml_event_t event;

		code = next_event(reader, &event);
		if (code < 0)
			break;
		if (event.type == end) {
			yaml_event_delete(&event);
			break;
		}
		if (ret->kind == DOC_MAP) {
			code = read_key(reader, &event, &entry);
			yaml_event_delete(&event);
			if (code == 0)
				code = next_event(reader, &event);
			if (code < 0)
				break;
		}
		code = read_value(reader, &event, depth + 1, &entry.value);
		yaml_event_delete(&event);
		if (code == 0)
			push(reader, &entry);
	}
	if (code == 0 && ret->kind == DOC_MAP)
		code = check_duplicates(reader, base);
	if (code == 0)
		gather(reader, base, ret);
	return code;
}

static int read_value(struct reader *reader, const yaml_event_t *event, size_t depth, struct doc *ret)
{
	struct doc doc = { .line = (unsigned)event->start_mark.line + 1, .column = (unsigned)event->start_mark.column + 1 };
	bool decorated;
	int code;

	if (++reader->values > reader->limits->values_max)
		return fail(reader, -E2BIG, event->start_mark, "too many values in one text");
	if (event->type == YAML_ALIAS_EVENT)
		return fail(reader, -EINVAL, event->start_mark, "an alias, expected a value: aliases are not taken");
	decorated = event->type == YAML_SCALAR_EVENT	       ? event->data.scalar.anchor || event->data.scalar.tag
		    : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor || event->data.sequence_start.tag
							       : event->data.mapping_start.anchor || event->data.mapping_start.tag;
	if (decorated)
		return fail(reader, -EINVAL, event->start_mark, "an anchor or tag, expected a plain value");
	if (event->type == YAML_SCALAR_EVENT) {
		doc.kind = DOC_STRING;
		code = read_text(reader, event, &doc.text);
		if (code == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
			type_plain(&doc);
	} else {
		if (depth >= reader->limits->depth_max)
			return fail(reader, -E2BIG, event->start_mark, "lists and maps are nested too deep");
		doc.kind = event->type == YAML_MAPPING_START_EVENT ? DOC_MAP : DOC_LIST;
		code = read_children(reader, depth, &doc);
	}
	if (code == 0)
		*ret = doc;
	return code;
}

static int read_stream(struct reader *reader, struct doc *ret)
{
	yaml_event_type_t expected[] = { YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT };
	yaml_event_t event;
	int code;

	for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
		code = next_event(reader, &event);
		if (code < 0)
			return code;
		if (event.type != expected[i]) {
			yaml_event_delete(&event);
			return err_set(reader->err, -EINVAL, "1:1: the text is empty, expected a map");
		}
		yaml_event_delete(&event);
	}
	code = next_event(reader, &event);
	if (code < 0)
		return code;
	code = read_value(reader, &event, 0, ret);
	yaml_event_delete(&event);
	for (int i = 0; code == 0 && i < 2; i++) { /* the document's end, the stream's end */
		code = next_event(reader, &event);
		if (code == 0 && event.type == YAML_DOCUMENT_START_EVENT)
			code = fail(reader, -EINVAL, event.start_mark, "a second document, expected one in each file");
		yaml_event_delete(&event); /* empty after a failure */
	}
	return code;
}

int doc_parse_yaml(const char *text, size_t length, const struct doc_limits *limits, struct arena *arena, struct doc **ret, struct err *err)
{
	struct reader reader = { .text = text, .length = length, .limits = limits, .arena = arena, .err = err };
	size_t mark = text_mark_length(text, length);
	struct doc doc;
	int code;

	code = text_check_size(length, limits, err);
	if (code < 0)
		return code;
	if (!yaml_parser_initialize(&reader.parser))
		return err_set(err, -ENOMEM, "1:1: out of memory");
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text + mark, length - mark);
	ARRAY_RESERVE(reader.stack, reader.stack_capacity, 64);
	code = read_stream(&reader, &doc);
	yaml_parser_delete(&reader.parser);
	free(reader.stack);
	if (code < 0)
		return code;
	*ret = arena_dup(arena, &doc, sizeof(doc));
	return 0;
}
