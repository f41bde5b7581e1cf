#include "base/string_table.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define NEAREST_LENGTH_MAX 63 /* longer words are no slips of known ones */

const char *string_table_to_string(const struct string_table *table, long value)
{
	return value >= 0 && (size_t)value < table->count ? table->words[value] : "?";
}

int string_table_from_string(const struct string_table *table, const char *word)
{
	for (size_t i = 0; i < table->count; i++)
		if (!strcmp(table->words[i], word))
			return (int)i;
	return -EINVAL;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Optimal string alignment distance: insertions, deletions, replacements, swaps of neighbours. O(a * b). */
static unsigned edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	uint8_t rows[3][NEAREST_LENGTH_MAX + 1];
	uint8_t *before_last = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_length; j++)
		last[j] = (uint8_t)j;
	for (size_t i = 1; i <= a_length; i++) {
		uint8_t *spare = before_last;

		row[0] = (uint8_t)i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = (uint8_t)min3(last[j] + 1u, row[j - 1] + 1u, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before_last[j - 2] + 1u < row[j])
				row[j] = (uint8_t)(before_last[j - 2] + 1u);
		}
		before_last = last;
		last = row;
		row = spare;
	}
	return last[b_length];
}

const char *string_nearest(const char *word, const char *const *candidates, size_t count)
{
	size_t length = strlen(word);
	unsigned allowed = length < 3 ? 1 : (unsigned)(length / 3);
	const char *nearest = NULL;

	if (length < 2 || length > NEAREST_LENGTH_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t candidate_length = strlen(candidates[i]);
		unsigned distance;

		if (candidate_length > NEAREST_LENGTH_MAX)
			continue;
		distance = edit_distance(word, length, candidates[i], candidate_length);
		if (distance <= allowed && distance < candidate_length) {
			nearest = candidates[i];
			if (!distance)
				break;
			allowed = distance - 1; /* the first of equals stays */
		}
	}
	return nearest;
}
