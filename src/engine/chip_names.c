/* From what makers' tools print to the names of the chip catalogue. */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/discover.h"
#include "model/name.h"

/* Lower case; what is neither letter nor digit becomes one '-'. */
static char *slug(const char *text, struct arena *arena)
{
	char *out = arena_alloc(arena, strlen(text) + 1);
	size_t length = 0;

	for (const char *at = text; *at && length < NAME_MAX_LENGTH; at++) {
		if (isalnum((unsigned char)*at))
			out[length++] = (char)tolower((unsigned char)*at);
		else if (length > 0 && out[length - 1] != '-')
			out[length++] = '-';
	}
	while (length > 0 && out[length - 1] == '-')
		length--;
	out[length] = 0;
	return length > 0 ? out : arena_strdup(arena, "unknown-chip");
}

static const char *skip_words(const char *text, const char *const *words, size_t count)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < count; i++) {
			size_t length = strlen(words[i]);

			if (strncasecmp(text, words[i], length) == 0 && (text[length] == ' ' || text[length] == '-')) {
				text += length + 1;
				again = true;
			}
		}
	}
	return text;
}

/* Whether the word is one letter group and a number, as models of data-centre chips are: H100, L40S, MI300X. */
static bool is_model(const char *word, size_t length)
{
	bool digits = false;

	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)word[i]))
			return false;
		digits = digits || isdigit((unsigned char)word[i]);
	}
	return digits && isalpha((unsigned char)word[0]);
}

const char *chip_name_nvidia(const char *product, struct arena *arena)
{
	static const char *const words[] = { "NVIDIA", "Tesla", "GeForce", "Graphics Device" };
	const char *model = skip_words(product, words, sizeof(words) / sizeof(words[0]));
	size_t length = strcspn(model, " -");

	/* Memory, form and fabric follow: "A100-SXM4-80GB", "H100 80GB HBM3". */
	return is_model(model, length) ? slug(arena_strndup(arena, model, length), arena) : slug(model, arena);
}

const char *chip_name_ascend(const char *product, struct arena *arena)
{
	const char *model = product;

	if (strncasecmp(model, "Ascend", 6) == 0)
		model += 6;
	while (*model == ' ' || *model == '-')
		model++;
	/* 910B1 to 910B4 differ in clock and memory; the third generation calls itself 910_9391 and the like. */
	if (strncmp(model, "910_9", 5) == 0)
		return "ascend-910c";
	if (strncmp(model, "910B", 4) == 0)
		return "ascend-910b";
	if (strncmp(model, "310P", 4) == 0)
		return "ascend-310p";
	return *model ? arena_printf(arena, "ascend-%s", slug(model, arena)) : "ascend";
}

const char *chip_name_rocm(const char *product, struct arena *arena)
{
	static const char *const words[] = { "AMD", "Advanced Micro Devices, Inc.", "Instinct" };
	const char *model = skip_words(product, words, sizeof(words) / sizeof(words[0]));
	size_t length = strcspn(model, " ");

	return is_model(model, length) ? slug(arena_strndup(arena, model, length), arena) : slug(model, arena);
}

const char *chip_name_hygon(const char *product, struct arena *arena)
{
	static const char *const words[] = { "Hygon", "DCU" };

	return arena_printf(arena, "dcu-%s", slug(skip_words(product, words, sizeof(words) / sizeof(words[0])), arena));
}

const char *chip_name_metax(const char *product, struct arena *arena)
{
	const char *model = strncasecmp(product, "MX", 2) == 0 ? product + 2 : product;

	return arena_printf(arena, "metax-%s", slug(model, arena));
}

static void add(struct chip_names *chips, const char *name)
{
	if (chips->count < DISCOVERED_CHIPS_MAX)
		chips->names[chips->count++] = name;
}

/* The next word of a line, by reference; NULL at the line's end. */
static char *next_word(const char **line, struct arena *arena)
{
	size_t length;
	char *word;

	*line += strspn(*line, " \t");
	length = strcspn(*line, " \t\r\n");
	if (length == 0)
		return NULL;
	word = arena_strndup(arena, *line, length);
	*line += length;
	return word;
}

static bool is_number(const char *word)
{
	return word && *word && strspn(word, "0123456789") == strlen(word);
}

/* Columns: NPU ID, Chip ID, Chip Logic ID, on newer machines Chip Phy-ID, then the name, which may have spaces. */
static const char *read_ascend_row(const char *line, struct arena *arena)
{
	const char *at = line, *name;
	size_t length;

	if (!is_number(next_word(&at, arena)) || !is_number(next_word(&at, arena)) || !is_number(next_word(&at, arena)))
		return NULL;
	name = at;
	if (!is_number(next_word(&at, arena)))
		at = name;
	at += strspn(at, " \t");
	length = strcspn(at, "\r\n");
	while (length > 0 && isspace((unsigned char)at[length - 1]))
		length--;
	return length > 0 ? chip_name_ascend(arena_strndup(arena, at, length), arena) : NULL;
}

void chips_read_ascend(const char *text, struct arena *arena, struct chip_names *chips)
{
	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *name = read_ascend_row(line, arena);

		if (name)
			add(chips, name);
	}
}

/* The string behind `"key"` and a colon between here and `end`, the key's case aside. */
static const char *string_of(const char *text, const char *end, const char *key, struct arena *arena)
{
	size_t length = strlen(key);

	for (const char *at = text; at < end; at++) {
		const char *value;

		if (*at != '"' || strncasecmp(at + 1, key, length) != 0 || at[1 + length] != '"')
			continue;
		value = at + length + 2;
		value += strspn(value, " \t\r\n:");
		if (*value == '"' && value < end)
			return arena_strndup(arena, value + 1, strcspn(value + 1, "\""));
	}
	return NULL;
}

void chips_read_rocm(const char *text, const char *(*name)(const char *product, struct arena *arena), struct arena *arena,
		     struct chip_names *chips)
{
	for (const char *card = strstr(text, "\"card"); card;) {
		const char *next = card;
		const char *product;

		do
			next = strstr(next + 1, "\"card");
		while (next && !isdigit((unsigned char)next[5]));
		if (isdigit((unsigned char)card[5])) {
			product = string_of(card, next ? next : card + strlen(card), "Card series", arena);
			add(chips, name(product && *product ? product : "unknown", arena));
		}
		card = next;
	}
}

void chips_read_metax(const char *text, struct arena *arena, struct chip_names *chips)
{
	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *at = line;
		const char *number = next_word(&at, arena);
		const char *model = number && strncmp(number, "GPU#", 4) == 0 && is_number(number + 4) ? next_word(&at, arena) : NULL;

		if (model)
			add(chips, chip_name_metax(model, arena));
	}
}
