#include <stdio.h>

#include "cli/client.h"

const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int64_t json_number(const json_t *object, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	char *end;
	long long number;

	if (json_is_integer(value))
		return json_integer_value(value);
	if (!text || !*text)
		return fallback;
	number = strtoll(text, &end, 10);
	return *end ? fallback : number;
}

bool json_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void print(const json_t *json, size_t flags)
{
	json_dumpf(json, stdout, flags | JSON_ENCODE_ANY);
	putchar('\n');
}

void json_print(const json_t *json)
{
	print(json, JSON_INDENT(2));
}

void json_print_line(const json_t *json)
{
	print(json, JSON_COMPACT);
	fflush(stdout);
}
