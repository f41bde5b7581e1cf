/* An arena: many small allocations with one end.
 *
 * Lifetimes in weir are those of a request, a round, a file being read. What such a stretch of work
 * makes goes into one arena and is given back at once. Alignment is that of max_align_t.
 */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used;                /* bytes handed out since init or reset */
};

void arena_init(struct arena *arena);
void arena_done(struct arena *arena);  /* gives all back; the arena may be used again */
void arena_reset(struct arena *arena); /* as arena_done, but keeps one block, of at most 1 MiB, for what comes next */

void *arena_alloc(struct arena *arena, size_t size);                     /* zeroed; never NULL */
void *arena_array(struct arena *arena, size_t count, size_t size);       /* zeroed; aborts on overflow */
void *arena_dup(struct arena *arena, const void *data, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_array((arena), (count), sizeof(type)))

#define cleanup_arena __attribute__((__cleanup__(arena_done)))

#endif
