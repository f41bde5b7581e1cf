/* Checks that several of the files' schemas use. For this folder only. */
#ifndef WEIR_WIRE_CHECKS_H
#define WEIR_WIRE_CHECKS_H

#include "model/site.h"
#include "wire/schema.h"

#define CPU_MILLI_MAX 1000000000       /* a million cores */
#define MEMORY_MIB_MAX (INT64_C(1) << 30)  /* a PiB */
#define DURATION_US_MAX (INT64_C(3660) * 86400000000) /* ten years */
#define MONEY_MICRO_MAX INT64_C(1000000000000) /* a million */
#define NOTE_MAX_LENGTH 4096

int text_check_required(const char *text, struct err *err); /* a title that is not empty */
int note_check(const char *text, struct err *err);          /* UTF-8, several lines */
int date_check(const char *text, struct err *err);          /* 2026-01-31 */
int variable_name_check(const char *name, struct err *err);
int folder_check(const char *path, struct err *err);

/* A map of names to counts (struct countable): further resources of a node, and of what is asked of one. */
extern const struct schema countable_schema;
#define FIELD_RESOURCES(type, number_, help_)                                                                                              \
	{ .key = "resources", .number = (number_), .kind = FIELD_MAP, .offset = offsetof(type, resources),                                 \
	  .count_offset = offsetof(type, resource_count), .schema = &countable_schema, .maximum = RESOURCES_MAX, .help = (help_) }

/* Names of a list of structs, sorted, to find them and their repetitions. */
struct name_entry {
	const char *name;
	size_t index;
};

struct name_index {
	struct name_entry *entries;
	size_t count;
};

/* `list` has `count` structs of `size` bytes with the name (const char *) at `offset`. Empty names, which had
 * problems of their own, are left out. */
void name_index_init(struct name_index *index, const void *list, size_t count, size_t size, size_t offset);
void name_index_done(struct name_index *index);
const struct name_entry *name_index_find(const struct name_index *index, const char *name);
/* The name nearest to a wrong one, or NULL. O(count). */
const char *name_index_nearest(const struct name_index *index, const char *name);
/* Reports each name that is there already; `list_key` is the list's key in `map` and `name_key` the name's in an element. */
void name_index_report(const struct name_index *index, const struct doc *map, const char *path, const char *list_key, const char *name_key,
		       struct problems *problems);

#define cleanup_name_index __attribute__((__cleanup__(name_index_done)))

/* The i-th element of the list at `key` of a map; NULL when it is not there. */
const struct doc *doc_element(const struct doc *map, const char *key, size_t i);

#endif
