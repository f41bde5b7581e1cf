#include "match/keys.h"

#include <assert.h>
#include <stdlib.h>

void key_window_begin(struct key_window *window, struct key *items, size_t capacity)
{
	assert(capacity > 0);
	*window = (struct key_window){ .items = items, .capacity = capacity };
}

/* With `smallest` the heap has the smallest on top, else the greatest. */
static bool above(struct key a, struct key b, bool smallest)
{
	return smallest ? key_less(a, b) : key_less(b, a);
}

static void sift_up(struct key *items, size_t at, bool smallest)
{
	struct key key = items[at];

	while (at > 0 && above(key, items[(at - 1) / 2], smallest)) {
		items[at] = items[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	items[at] = key;
}

static void sift_down(struct key *items, size_t count, bool smallest)
{
	struct key key = items[0];
	size_t at = 0;

	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= count)
			break;
		if (child + 1 < count && above(items[child + 1], items[child], smallest))
			child++;
		if (!above(items[child], key, smallest))
			break;
		items[at] = items[child];
		at = child;
	}
	items[at] = key;
}

void key_window_offer(struct key_window *window, struct key key)
{
	if (window->count < window->capacity) {
		window->items[window->count] = key;
		sift_up(window->items, window->count++, false);
		return;
	}
	window->truncated = true;
	if (key_less(key, window->items[0])) {
		window->items[0] = key;
		sift_down(window->items, window->count, false);
	}
}

static int compare(const void *a, const void *b)
{
	return key_less(*(const struct key *)b, *(const struct key *)a) - key_less(*(const struct key *)a, *(const struct key *)b);
}

void key_window_order(struct key_window *window)
{
	if (window->count == 0)
		return;
	window->floor = window->items[0];
	qsort(window->items, window->count, sizeof(*window->items), compare);
}

struct key key_window_pop(struct key_window *window)
{
	struct key key;

	assert(window->count > 0);
	key = window->items[0];
	window->items[0] = window->items[--window->count];
	if (window->count > 0)
		sift_down(window->items, window->count, true);
	return key;
}

void key_window_push(struct key_window *window, struct key key)
{
	assert(window->count < window->capacity);
	window->items[window->count] = key;
	sift_up(window->items, window->count++, true);
}
