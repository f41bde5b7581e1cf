#include "wire/doc.h"

#include <string.h>

#include "wire/doc_text.h"

const struct doc_limits doc_limits_file = { .bytes_max = 64u << 20, .depth_max = 32, .values_max = 4000000 };
const struct doc_limits doc_limits_request = { .bytes_max = 16u << 20, .depth_max = 16, .values_max = 1000000 };

const struct doc *doc_get(const struct doc *map, const char *key)
{
	if (!map || map->kind != DOC_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (!strcmp(map->keys[i], key))
			return &map->values[i];
	return NULL;
}

size_t text_mark_length(const char *text, size_t length)
{
	return length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
}

int text_fail_at(struct err *err, int code, const char *text, size_t length, size_t offset, const char *problem)
{
	unsigned line = 1, column = 1;

	if (offset > length)
		offset = length;
	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if ((unsigned char)text[i] >> 6 != 2) {
			column++;
		}
	}
	return err_set(err, code, "%u:%u: %s", line, column, problem);
}

int text_check_size(size_t length, const struct doc_limits *limits, struct err *err)
{
	if (length <= limits->bytes_max)
		return 0;
	return err_set(err, -E2BIG, "1:1: %zu bytes are too many, expected at most %zu", length, limits->bytes_max);
}
