#include "wire/checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "model/name.h"

int text_check_required(const char *text, struct err *err)
{
	if (!*text)
		return err_set(err, -EINVAL, "is empty, expected a text");
	return title_check(text, err);
}

int note_check(const char *text, struct err *err)
{
	while (*text) {
		uint32_t point;
		unsigned length = utf8_read(text, &point);

		if (!length)
			return err_set(err, -EINVAL, "is not UTF-8");
		if ((point < 0x20 && point != '\n' && point != '\t') || (point >= 0x7f && point < 0xa0))
			return err_set(err, -EINVAL, "holds a control character, expected text");
		text += length;
	}
	return 0;
}

int date_check(const char *text, struct err *err)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day, length = 0;

	if (strlen(text) == 10 && strspn(text, "0123456789-") == 10 && sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &length) == 3 &&
	    length == 10 && text[4] == '-' && text[7] == '-' && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1]) {
		bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

		if (month != 2 || day < 29 || is_leap)
			return 0;
	}
	return err_set(err, -EINVAL, "is \"%.40s\", expected a date such as 2026-01-31", text);
}

int variable_name_check(const char *name, struct err *err)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t length = strlen(name);

	if (!length || length > 255 || strspn(name, letters) != length || (*name >= '0' && *name <= '9'))
		return err_set(err, -EINVAL, "is no name of a variable, expected letters, digits and '_', no digit first, at most 255");
	/* The members of an array carry their two in what they ask for. */
	if (!strncmp(name, "WEIR_", 5) && strcmp(name, "WEIR_ARRAY_INDEX") != 0 && strcmp(name, "WEIR_ARRAY_COUNT") != 0)
		return err_set(err, -EINVAL, "is set by weir itself, expected a name that does not begin with WEIR_");
	return 0;
}

int folder_check(const char *path, struct err *err)
{
	if (*path && *path != '/')
		return err_set(err, -EINVAL, "is \"%.80s\", expected an absolute path such as /tmp", path);
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct name_entry *first = a, *second = b;
	int order = strcmp(first->name, second->name);

	return order ? order : first->index < second->index ? -1 : 1;
}

void name_index_init(struct name_index *index, const void *list, size_t count, size_t size, size_t offset)
{
	index->count = 0;
	index->entries = mem_resize(NULL, count, sizeof(index->entries[0]));
	for (size_t i = 0; i < count; i++) {
		const char *name = *(const char *const *)((const char *)list + i * size + offset);

		if (*name)
			index->entries[index->count++] = (struct name_entry){ name, i };
	}
	if (index->count)
		qsort(index->entries, index->count, sizeof(index->entries[0]), compare_entries);
}

void name_index_done(struct name_index *index)
{
	free(index->entries);
	*index = (struct name_index){ 0 };
}

const struct name_entry *name_index_find(const struct name_index *index, const char *name)
{
	size_t low = 0, high = index->count;

	while (low < high) { /* the first of equals */
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->entries[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->count && !strcmp(index->entries[low].name, name) ? &index->entries[low] : NULL;
}

const char *name_index_nearest(const struct name_index *index, const char *name)
{
	const char **names = mem_resize(NULL, index->count, sizeof(names[0]));
	const char *nearest;

	for (size_t i = 0; i < index->count; i++)
		names[i] = index->entries[i].name;
	nearest = string_nearest(name, names, index->count);
	free(names);
	return nearest;
}

const struct doc *doc_element(const struct doc *map, const char *key, size_t i)
{
	const struct doc *list = doc_get(map, key);

	return list && list->kind == DOC_LIST && i < list->count ? &list->values[i] : NULL;
}

void name_index_report(const struct name_index *index, const struct doc *map, const char *path, const char *list_key, const char *name_key,
		       struct problems *problems)
{
	const struct name_entry *first = index->entries;

	for (size_t i = 1; i < index->count; i++) {
		const struct name_entry *entry = &index->entries[i];
		const struct doc *element = doc_element(map, list_key, entry->index);
		char place[256];

		if (strcmp(first->name, entry->name)) {
			first = entry;
			continue;
		}
		snprintf(place, sizeof(place), "%.200s%s%s[%zu]", path, *path ? "." : "", list_key, entry->index);
		problems_add_key(problems, element, place, name_key, "\"%s\" is there already, as %s[%zu]; expected different names",
				 entry->name, list_key, first->index);
	}
}
