#include "match/order.h"

#include <stdlib.h>

#include "match/turn.h"

#define URGENT_MIN_US (INT64_C(600) * 1000000)

/* --- the heaps of tenants -------------------------------------------------------------------------- */

/* Those that are done come first, to be thrown out. */
static bool older(const struct round *round, uint32_t a, uint32_t b)
{
	uint64_t order_a = round->streams[a].done ? 0 : head(round, a)->order;
	uint64_t order_b = round->streams[b].done ? 0 : head(round, b)->order;
	int turn = 0;

	if (round->matcher->policy->order == QUEUE_SHORT && !round->streams[a].done && !round->streams[b].done)
		turn = turn_compare(round, a, b);
	if (turn)
		return turn < 0;
	return order_a != order_b ? order_a < order_b : a < b;
}

static void queue_put(const struct round *round, struct tenant_queue *queue, size_t at, uint32_t stream)
{
	queue->heap[at] = stream;
	round->streams[stream].place = at;
}

static void queue_down(const struct round *round, struct tenant_queue *queue, size_t at)
{
	uint32_t moved = queue->heap[at];

	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= queue->count)
			break;
		if (child + 1 < queue->count && older(round, queue->heap[child + 1], queue->heap[child]))
			child++;
		if (!older(round, queue->heap[child], moved))
			break;
		queue_put(round, queue, at, queue->heap[child]);
		at = child;
	}
	queue_put(round, queue, at, moved);
}

/* The stream's head is another. One picked for its deadline need not be on top, and the next may be older or younger. */
static void queue_moved(const struct round *round, struct tenant_queue *queue, uint32_t stream)
{
	size_t at = round->streams[stream].place;

	for (; at > 0 && older(round, stream, queue->heap[(at - 1) / 2]); at = (at - 1) / 2)
		queue_put(round, queue, at, queue->heap[(at - 1) / 2]);
	queue_put(round, queue, at, stream);
	queue_down(round, queue, at);
}

static int compare_streams(const void *left, const void *right)
{
	const struct sorted_stream *a = left, *b = right;

	if (a->priority != b->priority)
		return a->priority > b->priority ? -1 : 1;
	if (a->band != b->band)
		return a->band < b->band ? -1 : 1;
	if (a->tenant != b->tenant)
		return a->tenant < b->tenant ? -1 : 1;
	return (a->stream > b->stream) - (a->stream < b->stream);
}

struct sorted_stream *order_streams(struct round *round, size_t *ret_count)
{
	struct sorted_stream *sorted = ARENA_ARRAY(round->arena, struct sorted_stream, round->input->stream_count + 1);
	size_t count = 0;

	for (size_t s = 0; s < round->input->stream_count; s++)
		if (round->input->streams[s].entry_count > 0)
			sorted[count++] = (struct sorted_stream){ class_at(round->matcher, round->input->streams[s].class)->ask->priority,
								  turn_band(round, round->input->streams[s].class),
								  turn_tenant(round, round->input->streams[s].tenant), (uint32_t)s };
	if (count > 1)
		qsort(sorted, count, sizeof(*sorted), compare_streams);
	*ret_count = count;
	return sorted;
}

/* --- near deadlines: while there are any, nothing else is picked, so only the first of them moves --- */

/* Its latest start is nearer than the time it runs, or than ten minutes. */
static bool is_urgent(const struct round *round, uint32_t stream)
{
	const struct match_entry *entry;
	int64_t latest_us; /* start */

	if (round->streams[stream].done)
		return false;
	entry = head(round, stream);
	latest_us = entry->deadline_us > entry->time_us ? entry->deadline_us - entry->time_us : 0;
	return entry->deadline_us && latest_us <= later_us(round->input->now_us, entry->time_us > URGENT_MIN_US ? entry->time_us : URGENT_MIN_US);
}

static bool nearer(const struct round *round, uint32_t a, uint32_t b)
{
	int64_t deadline_a = head(round, a)->deadline_us, deadline_b = head(round, b)->deadline_us;

	return deadline_a != deadline_b ? deadline_a < deadline_b : a < b;
}

static void urgent_add(const struct round *round, struct level *level, uint32_t stream)
{
	size_t at = level->urgent_count++;

	for (; at > 0 && nearer(round, stream, level->urgent[(at - 1) / 2]); at = (at - 1) / 2)
		level->urgent[at] = level->urgent[(at - 1) / 2];
	level->urgent[at] = stream;
}

/* Its first is `stream` from now on. */
static void urgent_down(const struct round *round, struct level *level, uint32_t stream)
{
	size_t at = 0;

	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= level->urgent_count)
			break;
		if (child + 1 < level->urgent_count && nearer(round, level->urgent[child + 1], level->urgent[child]))
			child++;
		if (!nearer(round, level->urgent[child], stream))
			break;
		level->urgent[at] = level->urgent[child];
		at = child;
	}
	level->urgent[at] = stream;
}

/* The stream that was picked has another head. */
static void urgent_moved(const struct round *round, struct level *level, uint32_t stream)
{
	bool urgent = is_urgent(round, stream);

	if (level->urgent_count == 0 || level->urgent[0] != stream) {
		if (urgent)
			urgent_add(round, level, stream);
	} else if (urgent) {
		urgent_down(round, level, stream);
	} else if (--level->urgent_count > 0) {
		urgent_down(round, level, level->urgent[level->urgent_count]);
	}
}

void level_open(struct round *round, const struct sorted_stream *sorted, size_t count, struct level *ret)
{
	uint32_t *heaps = ARENA_ARRAY(round->arena, uint32_t, count);

	*ret = (struct level){ .queues = ARENA_ARRAY(round->arena, struct tenant_queue, count),
			       .urgent = ARENA_ARRAY(round->arena, uint32_t, count) };
	for (size_t i = 0; i < count; i++) {
		struct tenant_queue *queue = ret->queue_count ? &ret->queues[ret->queue_count - 1] : NULL;

		if (!queue || queue->tenant != sorted[i].tenant) {
			queue = &ret->queues[ret->queue_count++];
			*queue = (struct tenant_queue){ .tenant = sorted[i].tenant, .heap = heaps + i };
		}
		queue_put(round, queue, queue->count++, sorted[i].stream);
		if (is_urgent(round, sorted[i].stream))
			urgent_add(round, ret, sorted[i].stream);
	}
	for (size_t q = 0; q < ret->queue_count; q++) {
		for (size_t i = ret->queues[q].count / 2; i-- > 0;)
			queue_down(round, &ret->queues[q], i);
		share_pick_set(round->pick, ret->queues[q].tenant, true);
	}
}

static struct tenant_queue *queue_of(struct level *level, uint32_t tenant)
{
	size_t low = 0, high = level->queue_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (level->queues[middle].tenant < tenant)
			low = middle + 1;
		else
			high = middle;
	}
	return &level->queues[low];
}

uint32_t level_pick(struct round *round, struct level *level)
{
	uint32_t tenant;

	if (level->urgent_count > 0)
		return level->urgent[0];
	while ((tenant = share_pick_next(round->pick)) != TENANT_NONE) {
		struct tenant_queue *queue = queue_of(level, tenant);

		while (queue->count > 0 && round->streams[queue->heap[0]].done) {
			queue_put(round, queue, 0, queue->heap[--queue->count]);
			if (queue->count > 0)
				queue_down(round, queue, 0);
		}
		if (queue->count > 0)
			return queue->heap[0];
		share_pick_set(round->pick, tenant, false);
	}
	return UINT32_MAX;
}

void level_moved(struct round *round, struct level *level, uint32_t stream)
{
	urgent_moved(round, level, stream);
	if (!round->streams[stream].done)
		queue_moved(round, queue_of(level, turn_tenant(round, round->input->streams[stream].tenant)), stream);
}
