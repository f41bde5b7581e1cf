/* The few best of many: a window over a set of keys that is never held whole.
 *
 * Sites by score and nodes by fit are ordered by 128-bit keys. Sorting them all would cost more than
 * the few that are used, so a pass over the set keeps the `capacity` smallest; `truncated` says that
 * others were left out, all of them greater than the greatest kept. While it is filled the window is
 * a heap with the greatest on top; key_window_order() turns it round, and then key_window_push() and
 * key_window_pop() keep the smallest on top.
 */
#ifndef WEIR_MATCH_KEYS_H
#define WEIR_MATCH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key {
	uint64_t high, low;
};

struct key_window {
	struct key *items;
	size_t count, capacity;
	bool truncated;
	struct key floor; /* the greatest kept when the window was ordered */
};

static inline bool key_less(struct key a, struct key b)
{
	return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* `items` has room for `capacity` keys, at least one. */
void key_window_begin(struct key_window *window, struct key *items, size_t capacity);
void key_window_offer(struct key_window *window, struct key key);
void key_window_order(struct key_window *window);
struct key key_window_pop(struct key_window *window);            /* the smallest; the window is not empty */
void key_window_push(struct key_window *window, struct key key); /* after a pop: there is room */

#endif
