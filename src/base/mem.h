/* Memory from the heap that is never NULL, and the cleanup attributes.
 *
 * Everything that comes from outside has a limit that is checked before memory is asked for. What
 * then still fails means a machine too small to go on: the process says so and aborts, and the log
 * brings it back. Testing every allocation instead was rejected: those paths are never run.
 */
#ifndef WEIR_BASE_MEM_H
#define WEIR_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

void *mem_alloc(size_t size);                                  /* zeroed; never NULL */
void *mem_resize(void *old, size_t count, size_t size);        /* new part not zeroed; aborts on overflow of count * size */
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t length);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *mem_dup(const void *data, size_t size);

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* `cleanup_free char *name = ...;` frees at the end of the scope. */
static inline void cleanup_free_pointer(void *pointer)
{
	free(*(void **)pointer);
}
#define cleanup_free __attribute__((__cleanup__(cleanup_free_pointer)))

/* DEFINE_CLEANUP(struct thing *, thing_free) allows `cleanup(thing_free) struct thing *thing = NULL;` */
#define DEFINE_CLEANUP(type, function)                                                                                                     \
	static inline void cleanup_##function(type *value)                                                                                 \
	{                                                                                                                                  \
		if (*value)                                                                                                                \
			function(*value);                                                                                                  \
	}
#define cleanup(function) __attribute__((__cleanup__(cleanup_##function)))

/* Grows `array` (a pointer variable) so that it holds at least `needed` elements; `capacity` is its
 * size_t companion. Doubles, so pushing is O(1) amortised. */
#define ARRAY_RESERVE(array, capacity, needed)                                                                                             \
	do {                                                                                                                               \
		if ((needed) > (capacity)) {                                                                                               \
			size_t reserve_ = (capacity) ? (capacity) * 2 : 8;                                                                 \
			if (reserve_ < (needed))                                                                                           \
				reserve_ = (needed);                                                                                       \
			(array) = mem_resize((array), reserve_, sizeof(*(array)));                                                         \
			(capacity) = reserve_;                                                                                             \
		}                                                                                                                          \
	} while (0)

#endif
