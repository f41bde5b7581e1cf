/* JSON to the document tree, over jansson.
 *
 * jansson has no limits on how many values a text may hold, and a value costs it some hundred bytes. So a
 * scan counts nesting and values before it sees the text.
 */
#include "wire/doc.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/doc_text.h"

/* The offset after the string that begins at text[offset]. */
static size_t string_end(const char *text, size_t length, size_t offset)
{
	for (offset++; offset < length && text[offset] != '"'; offset++)
		offset += text[offset] == '\\';
	return offset;
}

/* Values are at most one more than the commas and opening brackets. */
static int check_limits(const char *text, size_t length, const struct doc_limits *limits, struct err *err)
{
	size_t depth = 0, values = 1;

	for (size_t i = 0; i < length; i++) {
		switch (text[i]) {
		case '"':
			i = string_end(text, length, i);
			break;
		case '{':
		case '[':
			if (++depth > limits->depth_max)
				return text_fail_at(err, -E2BIG, text, length, i, "lists and maps are nested too deep");
			values++;
			break;
		case '}':
		case ']':
			depth -= depth > 0;
			break;
		case ',':
			values++;
			break;
		}
		if (values > limits->values_max)
			return text_fail_at(err, -E2BIG, text, length, i, "too many values in one text");
	}
	return 0;
}

/* The shortest text that reads back as the same number; jansson kept a double. */
static const char *real_text(struct arena *arena, double value)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (digits == 17 || strtod(text, NULL) == value)
			break;
	}
	return arena_strdup(arena, text);
}

static void convert(const json_t *json, struct arena *arena, struct doc *ret)
{
	struct doc doc = { 0 };
	const char *key;
	json_t *value;
	size_t i = 0;

	switch (json_typeof(json)) {
	case JSON_OBJECT:
		doc.kind = DOC_MAP;
		doc.count = json_object_size(json);
		doc.keys = ARENA_ARRAY(arena, const char *, doc.count);
		doc.values = ARENA_ARRAY(arena, struct doc, doc.count);
		json_object_foreach((json_t *)json, key, value)
		{
			doc.keys[i] = arena_strdup(arena, key);
			convert(value, arena, &doc.values[i++]);
		}
		break;
	case JSON_ARRAY:
		doc.kind = DOC_LIST;
		doc.count = json_array_size(json);
		doc.values = ARENA_ARRAY(arena, struct doc, doc.count);
		for (; i < doc.count; i++)
			convert(json_array_get(json, i), arena, &doc.values[i]);
		break;
	case JSON_STRING:
		doc.kind = DOC_STRING;
		doc.text = arena_strndup(arena, json_string_value(json), json_string_length(json));
		break;
	case JSON_INTEGER:
		doc.kind = DOC_INTEGER;
		doc.integer = json_integer_value(json);
		break;
	case JSON_REAL:
		doc.kind = DOC_DECIMAL;
		doc.text = real_text(arena, json_real_value(json));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		doc.kind = DOC_BOOL;
		doc.boolean = json_is_true(json);
		doc.text = doc.boolean ? "true" : "false";
		break;
	case JSON_NULL:
		break;
	}
	*ret = doc;
}

int doc_parse_json(const char *text, size_t length, const struct doc_limits *limits, struct arena *arena, struct doc **ret, struct err *err)
{
	size_t mark = text_mark_length(text, length);
	json_error_t error;
	struct doc *doc;
	json_t *json;
	int code;

	code = text_check_size(length, limits, err);
	if (code == 0)
		code = check_limits(text, length, limits, err);
	if (code < 0)
		return code;
	json = json_loadb(text + mark, length - mark, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!json)
		return err_set(err, -EINVAL, "%d:%d: not valid JSON: %s", error.line > 0 ? error.line : 1,
			       error.column > 0 ? error.column : 1, error.text);
	doc = ARENA_NEW(arena, struct doc);
	convert(json, arena, doc);
	json_decref(json);
	*ret = doc;
	return 0;
}
