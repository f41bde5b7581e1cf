/* Windows: the best buckets per bundle, so that a placement in a large pool does not look at all of them.
 *
 * A window holds entries (rank, bucket), the lowest rank on top; rank is score, then lowest node. Invariant: each bucket
 * that holds the bundle for sure and whose rank is below the window's floor has an entry with its rank or a lower one. So an
 * entry on top whose rank is still true is the best of all. Entries are not kept up when nodes leave: one that has
 * become worse is put right when it comes to the top. When a bucket is made, or gets a lower node, its number goes into a
 * log; a window catches up with the log when it is next asked. One that is too far behind, or has run empty above
 * its floor, is made anew from all buckets. Only the best WINDOW_KEPT of them stay: that bounds memory, and what is dropped
 * lowers the floor.
 *
 * The alternative, a heap of all buckets per need, holds the same entries a hundred times over and misses the cache on
 * each push.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "match/pool_private.h"

#define WINDOW_KEPT 32
#define WINDOW_MAX (2 * WINDOW_KEPT)
#define WINDOWS_MAX 512      /* of a pool; those longest unused give way */
#define WINDOW_PLACES 2048   /* of the table that finds them */
#define LOG_MAX 8192

struct entry {
	uint64_t rank;
	uint32_t bucket;
};

struct window {
	uint64_t bundle; /* its id; 0: no window */
	uint32_t group;
	uint32_t count;
	uint64_t score_epoch;
	uint64_t seen;   /* of the log */
	uint64_t floor;  /* UINT64_MAX: all buckets have an entry */
	uint64_t used;   /* when, by `clock` */
	uint64_t note;   /* the caller's */
	struct entry entries[WINDOW_MAX];
};

struct windows {
	uint32_t log[LOG_MAX]; /* buckets; entry i at i % LOG_MAX */
	uint64_t logged;
	uint64_t clock;
	size_t count;
	struct window *windows[WINDOWS_MAX];
	uint16_t places[WINDOW_PLACES]; /* window + 1 by bundle and group */
};

void windows_free(struct windows *windows)
{
	if (!windows)
		return;
	for (size_t i = 0; i < windows->count; i++)
		free(windows->windows[i]);
	free(windows);
}

void windows_note(struct pool *pool, uint32_t bucket)
{
	pool->windows->log[pool->windows->logged++ % LOG_MAX] = bucket;
}

/* --- which window --- */

static size_t window_home(uint64_t bundle, uint32_t group)
{
	uint64_t hash = (bundle + 1) * 0x9e3779b97f4a7c15u + group * 0xc2b2ae3d27d4eb4fu;

	return (hash ^ hash >> 32) % WINDOW_PLACES;
}

static uint16_t *window_place(struct windows *windows, uint64_t bundle, uint32_t group)
{
	for (size_t at = window_home(bundle, group);; at = (at + 1) % WINDOW_PLACES) {
		const struct window *window = windows->places[at] ? windows->windows[windows->places[at] - 1] : NULL;

		if (!window || (window->bundle == bundle && window->group == group))
			return &windows->places[at];
	}
}

static void place_clear(struct windows *windows, const struct window *window)
{
	size_t hole = (size_t)(window_place(windows, window->bundle, window->group) - windows->places);

	for (size_t at = (hole + 1) % WINDOW_PLACES; windows->places[at]; at = (at + 1) % WINDOW_PLACES) {
		const struct window *other = windows->windows[windows->places[at] - 1];
		size_t home = window_home(other->bundle, other->group);

		if ((at - home + WINDOW_PLACES) % WINDOW_PLACES >= (at - hole + WINDOW_PLACES) % WINDOW_PLACES) {
			windows->places[hole] = windows->places[at];
			hole = at;
		}
	}
	windows->places[hole] = 0;
}

/* A window of its own for the bundle; one that must be made anew when there was none. */
static struct window *window_of(struct windows *windows, uint64_t bundle, uint32_t group)
{
	uint16_t *place = window_place(windows, bundle, group);
	size_t oldest = 0;
	struct window *window;

	if (!*place) {
		if (windows->count < WINDOWS_MAX) {
			oldest = windows->count++;
			windows->windows[oldest] = mem_alloc(sizeof(struct window));
		} else {
			for (size_t i = 1; i < WINDOWS_MAX; i++)
				if (windows->windows[i]->used < windows->windows[oldest]->used)
					oldest = i;
			place_clear(windows, windows->windows[oldest]);
			place = window_place(windows, bundle, group);
		}
		window = windows->windows[oldest];
		window->bundle = bundle;
		window->group = group;
		window->score_epoch = 0;
		*place = (uint16_t)(oldest + 1);
	}
	window = windows->windows[*place - 1];
	window->used = ++windows->clock;
	return window;
}

/* --- entries --- */

/* The bucket's rank for the bundle; UINT64_MAX when it does not hold it for sure, or is in no use, or scores worse than `floor`. */
static inline uint64_t rank_now(struct pool *pool, struct bundle *bundle, const uint16_t *row, uint32_t bucket, uint64_t floor)
{
	uint32_t class = pool->bucket_class[bucket];
	uint16_t entry = row[class];

	if (entry == ROW_UNKNOWN)
		entry = chooser_score(pool->chooser, bundle, class);
	if (entry & 1 || entry == ROW_NONE || entry >> 1 > floor >> 32)
		return UINT64_MAX;
	return rank_of(entry >> 1, bucket_lowest(&pool->buckets[bucket]));
}

static void sift_up(struct entry *entries, uint32_t at)
{
	struct entry entry = entries[at];

	for (; at > 0 && entries[(at - 1) / 2].rank > entry.rank; at = (at - 1) / 2)
		entries[at] = entries[(at - 1) / 2];
	entries[at] = entry;
}

static void sift_down(struct entry *entries, uint32_t count, uint32_t at)
{
	struct entry entry = entries[at];

	for (;;) {
		uint32_t child = at * 2 + 1;

		if (child >= count)
			break;
		if (child + 1 < count && entries[child + 1].rank < entries[child].rank)
			child++;
		if (entries[child].rank >= entry.rank)
			break;
		entries[at] = entries[child];
		at = child;
	}
	entries[at] = entry;
}

static void heap_make(struct window *window)
{
	for (uint32_t i = window->count / 2; i-- > 0;)
		sift_down(window->entries, window->count, i);
}

/* Puts all entries right, drops repetitions, and keeps the best. */
static void window_trim(struct pool *pool, struct bundle *bundle, const uint16_t *row, struct window *window)
{
	struct entry kept[WINDOW_KEPT];
	uint32_t count = 0;

	for (uint32_t i = 0; i < window->count; i++) {
		uint64_t rank = rank_now(pool, bundle, row, window->entries[i].bucket, window->floor);

		/* A bucket that became better has another entry. */
		if (rank >= window->entries[i].rank && rank < window->floor)
			window->entries[count++] = (struct entry){ rank, window->entries[i].bucket };
	}
	window->count = count;
	heap_make(window);
	for (count = 0; window->count > 0; ) {
		struct entry top = window->entries[0];

		if (count == 0 || kept[count - 1].rank != top.rank) {
			if (count == WINDOW_KEPT) {
				window->floor = top.rank;
				break;
			}
			kept[count++] = top;
		}
		window->entries[0] = window->entries[--window->count];
		sift_down(window->entries, window->count, 0);
	}
	/* In order, which is a heap too. */
	memcpy(window->entries, kept, count * sizeof(*kept));
	window->count = count;
}

/* Makes room for an entry; false when it has no place below the floor, which may fall by that. */
static bool window_room(struct pool *pool, struct bundle *bundle, const uint16_t *row, struct window *window, uint64_t rank)
{
	if (rank < window->floor && window->count == WINDOW_MAX)
		window_trim(pool, bundle, row, window);
	return rank < window->floor;
}

static void window_rebuild(struct pool *pool, struct bundle *bundle, const uint16_t *row, struct window *window)
{
	window->count = 0;
	window->floor = UINT64_MAX;
	window->seen = pool->windows->logged;
	if (window->score_epoch != pool->chooser->score_epoch)
		window->note = 0;
	window->score_epoch = pool->chooser->score_epoch;
	for (uint32_t b = 0; b < pool->bucket_count; b++) {
		uint64_t rank;

		if (row[pool->bucket_class[b]] == ROW_NONE || (window->group != GROUP_ALL && pool->buckets[b].group != window->group))
			continue;
		rank = rank_now(pool, bundle, row, b, window->floor);
		if (!window_room(pool, bundle, row, window, rank))
			continue;
		window->entries[window->count++] = (struct entry){ rank, b };
	}
	heap_make(window);
}

static void window_catch_up(struct pool *pool, struct bundle *bundle, const uint16_t *row, struct window *window)
{
	for (; window->seen < pool->windows->logged; window->seen++) {
		uint32_t b = pool->windows->log[window->seen % LOG_MAX];
		uint64_t rank;

		if (row[pool->bucket_class[b]] == ROW_NONE || (window->group != GROUP_ALL && pool->buckets[b].group != window->group))
			continue;
		rank = rank_now(pool, bundle, row, b, window->floor);
		if (!window_room(pool, bundle, row, window, rank))
			continue;
		window->entries[window->count] = (struct entry){ rank, b };
		sift_up(window->entries, window->count++);
	}
}

/* The best of the window; BUCKET_NONE when it is empty. */
static uint32_t window_top(struct pool *pool, struct bundle *bundle, const uint16_t *row, struct window *window)
{
	while (window->count > 0) {
		struct entry *top = &window->entries[0];
		uint64_t rank = rank_now(pool, bundle, row, top->bucket, window->floor);

		if (rank == top->rank)
			return top->bucket;
		if (rank > top->rank && rank < window->floor)
			top->rank = rank;
		else
			*top = window->entries[--window->count];
		sift_down(window->entries, window->count, 0);
	}
	return BUCKET_NONE;
}

uint32_t window_find(struct pool *pool, struct bundle *bundle, uint32_t group, uint64_t **ret_note)
{
	const uint16_t *row = chooser_row(pool->chooser, bundle);
	struct window *window;
	uint64_t behind;
	uint32_t found;

	if (!pool->windows)
		pool->windows = mem_alloc(sizeof(*pool->windows));
	window = window_of(pool->windows, bundle->id, group);
	*ret_note = &window->note;
	behind = pool->windows->logged - window->seen;
	if (window->score_epoch != pool->chooser->score_epoch || behind > LOG_MAX || behind > pool->bucket_count)
		window_rebuild(pool, bundle, row, window);
	else
		window_catch_up(pool, bundle, row, window);
	found = window_top(pool, bundle, row, window);
	if (found != BUCKET_NONE || window->floor == UINT64_MAX)
		return found;
	window_rebuild(pool, bundle, row, window);
	return window_top(pool, bundle, row, window);
}
