#include "platform/table.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15) /* 2^64 divided by the golden ratio */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * MULTIPLIER;
	return hash ^ hash >> 32;
}

uint64_t hash_bytes(const void *data, size_t length)
{
	const char *bytes = data;
	uint64_t hash = length;
	uint64_t word;

	for (; length >= sizeof(word); length -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = mix(hash, word);
	}
	word = 0;
	if (length > 0)
		memcpy(&word, bytes, length);
	return mix(mix(hash, word), length);
}

uint64_t hash_text(const char *text)
{
	return hash_bytes(text, strlen(text));
}

void *table_find(const struct table *table, uint64_t hash, bool (*equal)(const void *item, const void *key), const void *key)
{
	if (table->capacity == 0)
		return NULL;
	for (size_t at = hash & (table->capacity - 1); table->slots[at].item; at = (at + 1) & (table->capacity - 1))
		if (table->slots[at].hash == hash && equal(table->slots[at].item, key))
			return table->slots[at].item;
	return NULL;
}

static void put(struct table *table, uint64_t hash, void *item)
{
	size_t at = hash & (table->capacity - 1);

	while (table->slots[at].item)
		at = (at + 1) & (table->capacity - 1);
	table->slots[at] = (struct table_slot){ hash, item };
}

void table_add(struct table *table, uint64_t hash, void *item)
{
	if ((table->count + 1) * 4 > table->capacity * 3) {
		struct table old = *table;

		table->capacity = old.capacity ? old.capacity * 2 : 16;
		table->slots = mem_alloc(table->capacity * sizeof(*table->slots));
		for (size_t i = 0; i < old.capacity; i++)
			if (old.slots[i].item)
				put(table, old.slots[i].hash, old.slots[i].item);
		free(old.slots);
	}
	put(table, hash, item);
	table->count++;
}

void table_remove(struct table *table, uint64_t hash, const void *item)
{
	size_t mask = table->capacity - 1;
	size_t hole = hash & mask;

	assert(table->capacity > 0);
	while (table->slots[hole].item != item) {
		assert(table->slots[hole].item);
		hole = (hole + 1) & mask;
	}
	/* What follows moves up where its own place allows, so that no search ends too early. */
	for (size_t at = (hole + 1) & mask; table->slots[at].item; at = (at + 1) & mask) {
		size_t home = table->slots[at].hash & mask;

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		table->slots[hole] = table->slots[at];
		hole = at;
	}
	table->slots[hole].item = NULL;
	table->count--;
}

void table_done(struct table *table)
{
	free(table->slots);
	*table = (struct table){ 0 };
}
