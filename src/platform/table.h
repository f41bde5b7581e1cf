/* A hash table of pointers: open addressing, linear probing, at most three quarters full.
 *
 * The items belong to the caller and carry their own keys; the table keeps each item's hash beside its
 * pointer, so that growing and most misses touch no item. Its order depends on its history, so nothing
 * that is decided, encoded or shown may depend on it.
 */
#ifndef WEIR_PLATFORM_TABLE_H
#define WEIR_PLATFORM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
	uint64_t hash;
	void *item; /* NULL: free */
};

struct table {
	struct table_slot *slots;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

uint64_t hash_bytes(const void *data, size_t length);
uint64_t hash_text(const char *text);

/* The item for which `equal` holds, or NULL. */
void *table_find(const struct table *table, uint64_t hash, bool (*equal)(const void *item, const void *key), const void *key);
void table_add(struct table *table, uint64_t hash, void *item); /* the key is not there yet */
void table_remove(struct table *table, uint64_t hash, const void *item); /* it is there */
void table_done(struct table *table); /* not the items; the table may be used again */

#endif
