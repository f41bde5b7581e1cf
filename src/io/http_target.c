#include "io/http_target.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes raw[0..length) into a new string. */
static int decode(const char *raw, size_t length, bool form, const char *what, struct arena *arena, const char **ret, struct err *err)
{
	char *text = arena_alloc(arena, length + 1);
	size_t used = 0;
	uint32_t point;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)raw[i];

		if (c == '%') {
			int high = i + 2 < length ? hex_value(raw[i + 1]) : -1;
			int low = i + 2 < length ? hex_value(raw[i + 2]) : -1;

			if (high < 0 || low < 0)
				return err_set(err, -EINVAL, "%s has a '%%' that is not followed by two hexadecimal digits", what);
			c = (unsigned char)(high << 4 | low);
			i += 2;
		} else if (form && c == '+') {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return err_set(err, -EINVAL, "%s holds a control character (byte %u)", what, c);
		text[used++] = (char)c;
	}
	text[used] = 0;
	for (size_t i = 0; i < used;) {
		unsigned sequence = utf8_read(text + i, &point);

		if (!sequence)
			return err_set(err, -EINVAL, "%s is not UTF-8 (at byte %zu)", what, i);
		i += sequence;
	}
	*ret = text;
	return 0;
}

static int query_parse(const char *query, struct arena *arena, struct http_target *target, struct err *err)
{
	size_t count = 1;
	int r;

	for (const char *c = query; *c; c++)
		count += *c == '&';
	if (count > HTTP_QUERY_MAX)
		return err_set(err, -E2BIG, "the query has %zu parameters, at most %d are taken", count, HTTP_QUERY_MAX);
	target->parameters = ARENA_ARRAY(arena, struct http_parameter, count);
	while (*query) {
		size_t length = strcspn(query, "&");
		const char *equals = memchr(query, '=', length);
		size_t name_length = equals ? (size_t)(equals - query) : length;
		struct http_parameter *parameter = &target->parameters[target->parameter_count];

		if (length) {
			parameter->value = "";
			r = decode(query, name_length, true, "the query", arena, &parameter->name, err);
			if (!r && equals)
				r = decode(equals + 1, length - name_length - 1, true, "the query", arena, &parameter->value, err);
			if (r)
				return r;
			target->parameter_count++;
		}
		query += length + (query[length] == '&');
	}
	return 0;
}

int http_target_parse(const char *raw, struct arena *arena, struct http_target *ret, struct err *err)
{
	struct http_target target = { 0 };
	size_t length;
	int r;

	if (!strncmp(raw, "http://", 7) || !strncmp(raw, "https://", 8)) {
		raw = strchr(raw, ':') + 3;
		raw += strcspn(raw, "/?");
		if (!*raw)
			raw = "/";
	}
	if (*raw != '/' && strcmp(raw, "*"))
		return err_set(err, -EINVAL, "the request's target must begin with '/'");
	length = strcspn(raw, "?");
	r = decode(raw, length, false, "the path", arena, &target.path, err);
	if (!r && raw[length] == '?')
		r = query_parse(raw + length + 1, arena, &target, err);
	if (r)
		return r;
	*ret = target;
	return 0;
}
