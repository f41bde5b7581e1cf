/* Byte strings, each once: how the bound finds out what is the same. Exact: equal hashes are compared. */
#include <string.h>

#include "match/bound_private.h"

static uint64_t hash_bytes(const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint64_t hash = 0x9e3779b97f4a7c15u ^ size, word;

	for (; size >= sizeof(word); size -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, at, size);
	hash = (hash ^ word) * 0xff51afd7ed558ccdu;
	return hash ^ hash >> 29;
}

void numbering_init(struct numbering *numbering, struct arena *arena)
{
	*numbering = (struct numbering){ .arena = arena, .capacity = 64, .place_count = 128 };
	numbering->items = ARENA_ARRAY(arena, struct numbered, numbering->capacity);
	numbering->places = ARENA_ARRAY(arena, uint32_t, numbering->place_count);
}

/* The arena keeps the old halves until its end: together they are less than what is in use. */
static void grow(struct numbering *numbering)
{
	struct numbered *items = ARENA_ARRAY(numbering->arena, struct numbered, (size_t)numbering->capacity * 2);

	memcpy(items, numbering->items, numbering->count * sizeof(*items));
	numbering->items = items;
	numbering->capacity *= 2;
	numbering->place_count *= 2;
	numbering->places = ARENA_ARRAY(numbering->arena, uint32_t, numbering->place_count);
	for (uint32_t i = 0; i < numbering->count; i++) {
		uint64_t at = items[i].hash;

		while (numbering->places[at & (numbering->place_count - 1)])
			at++;
		numbering->places[at & (numbering->place_count - 1)] = i + 1;
	}
}

uint32_t numbering_put(struct numbering *numbering, const void *bytes, size_t size)
{
	uint64_t hash = hash_bytes(bytes, size), at;
	uint32_t *place;

	if (numbering->count == numbering->capacity)
		grow(numbering);
	for (at = hash; *(place = &numbering->places[at & (numbering->place_count - 1)]); at++) {
		const struct numbered *item = &numbering->items[*place - 1];

		if (item->hash == hash && item->size == size && (size == 0 || memcmp(item->bytes, bytes, size) == 0))
			return *place - 1;
	}
	numbering->items[numbering->count] = (struct numbered){ arena_dup(numbering->arena, bytes, size), hash, (uint32_t)size };
	*place = ++numbering->count;
	return numbering->count - 1;
}
