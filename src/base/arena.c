#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_FIRST 4096
#define BLOCK_GROWN_MAX (1u << 20) /* blocks double up to this; larger ones only for a single large allocation */
#define ALIGNMENT alignof(max_align_t)

struct arena_block {
	struct arena_block *next; /* older */
	size_t size;		  /* of data */
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *arena)
{
	*arena = (struct arena){ 0 };
}

void arena_done(struct arena *arena)
{
	struct arena_block *block = arena->blocks;

	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	*arena = (struct arena){ 0 };
}

void arena_reset(struct arena *arena)
{
	struct arena_block *kept = NULL;
	struct arena_block *block = arena->blocks;

	while (block) {
		struct arena_block *next = block->next;

		if (block->size <= BLOCK_GROWN_MAX && (!kept || block->size > kept->size)) {
			free(kept);
			kept = block;
		} else {
			free(block);
		}
		block = next;
	}
	if (kept) {
		kept->next = NULL;
		kept->used = 0;
	}
	arena->blocks = kept;
	arena->used = 0;
}

static struct arena_block *block_add(struct arena *arena, size_t size)
{
	size_t wanted = BLOCK_FIRST;
	struct arena_block *block;

	if (arena->blocks) {
		wanted = arena->blocks->size * 2;
		if (wanted > BLOCK_GROWN_MAX)
			wanted = BLOCK_GROWN_MAX;
	}
	if (wanted < size)
		wanted = size;
	block = mem_resize(NULL, 1, sizeof(*block) + wanted);
	block->size = wanted;
	block->used = 0;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

static void *arena_take(struct arena *arena, size_t size)
{
	size_t rounded = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	struct arena_block *block = arena->blocks;
	void *data;

	if (rounded < size || rounded > SIZE_MAX / 2)
		abort();
	if (!rounded)
		rounded = ALIGNMENT; /* distinct pointers, also for empty arrays */
	if (!block || block->size - block->used < rounded)
		block = block_add(arena, rounded);
	data = block->data + block->used;
	block->used += rounded;
	arena->used += rounded;
	return data;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return memset(arena_take(arena, size), 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		abort();
	return arena_alloc(arena, bytes);
}

void *arena_dup(struct arena *arena, const void *data, size_t size)
{
	void *copy = arena_take(arena, size);

	if (size)
		memcpy(copy, data, size);
	return copy;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_take(arena, length + 1);

	memcpy(copy, text, length);
	copy[length] = 0;
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
	va_list again;
	char *text;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		abort();
	text = arena_take(arena, (size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, arguments);
	return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = arena_vprintf(arena, format, arguments);
	va_end(arguments);
	return text;
}
