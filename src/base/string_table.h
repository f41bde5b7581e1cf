/* Every enum has its words.
 *
 * In the header:  STRING_TABLE_DECLARE(enum tier, tier);
 * In the source:  static const char *const tier_words[TIER_COUNT] = { ... };
 *                 STRING_TABLE_DEFINE(enum tier, tier, TIER_COUNT);
 * which makes  tier_to_string(), tier_from_string() and  tier_table (for schemas and tests).
 */
#ifndef WEIR_BASE_STRING_TABLE_H
#define WEIR_BASE_STRING_TABLE_H

#include <stddef.h>

struct string_table {
	const char *name; /* of the enum, for messages */
	const char *const *words;
	size_t count;
};

/* The word, or "?" when `value` is out of range. */
const char *string_table_to_string(const struct string_table *table, long value);
/* The value, or -EINVAL. */
int string_table_from_string(const struct string_table *table, const char *word);
/* The candidate nearest to `word` by edit distance when it is near enough to be a slip, else NULL. */
const char *string_nearest(const char *word, const char *const *candidates, size_t count);

#define STRING_TABLE_DECLARE(type, prefix)                                                                                                 \
	extern const struct string_table prefix##_table;                                                                                   \
	const char *prefix##_to_string(type value);                                                                                        \
	int prefix##_from_string(const char *word) /* the value, or -EINVAL */

#define STRING_TABLE_DEFINE(type, prefix, count_)                                                                                          \
	_Static_assert(sizeof(prefix##_words) / sizeof(prefix##_words[0]) == (count_), "a word is missing in " #prefix);                   \
	const struct string_table prefix##_table = { #prefix, prefix##_words, (count_) };                                                  \
	const char *prefix##_to_string(type value)                                                                                         \
	{                                                                                                                                  \
		return string_table_to_string(&prefix##_table, (long)value);                                                               \
	}                                                                                                                                  \
	int prefix##_from_string(const char *word)                                                                                         \
	{                                                                                                                                  \
		return string_table_from_string(&prefix##_table, word);                                                                    \
	}                                                                                                                                  \
	_Static_assert(1, "")

#endif
