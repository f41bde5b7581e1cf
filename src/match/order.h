/* The order within a round. Streams are sorted by priority (and band, see turn.c); those of one are a level. Within a level those
 * whose heads have near deadlines come first, the nearest before the others; then each tenant has a heap of its streams by age, and the
 * tenant whose turn it is comes from the shares.
 *
 * One queue over all streams, keyed by (priority, standing, age), was rejected: each placement changes the
 * standing of its tenant and of all that share its parent, and so the keys of most of the queue. */
#ifndef WEIR_MATCH_ORDER_H
#define WEIR_MATCH_ORDER_H

#include "match/round.h"

struct stream_state {
	size_t next;   /* entry */
	size_t behind; /* entries tried since the first that did not fit; 0: it fits so far */
	int64_t fails_us; /* one that takes so long or longer found no room before what is reserved, and none will: room only shrinks */
	size_t place;  /* in its tenant's heap */
	bool done;
	bool waits; /* done with the first pass: its head is beyond its tenant's quota */
};

struct tenant_queue {
	uint32_t tenant;
	uint32_t *heap; /* streams, the oldest head first */
	size_t count;
};

struct level {
	struct tenant_queue *queues; /* by tenant */
	size_t queue_count;
	uint32_t *urgent; /* a heap of the streams whose heads have near deadlines, the nearest first */
	size_t urgent_count;
};

struct sorted_stream {
	int64_t priority;
	int band;        /* of places to go, fewest first; turn.h */
	uint32_t tenant; /* whose turn it stands in */
	uint32_t stream;
};

static inline const struct match_entry *head(const struct round *round, uint32_t stream)
{
	return &round->input->streams[stream].entries[round->streams[stream].next];
}

/* The streams that have entries: the highest priority first, then the lowest band, tenants together. O(n log n). */
struct sorted_stream *order_streams(struct round *round, size_t *ret_count);
/* A level of the streams [0, count), which are of one priority and band. O(count). */
void level_open(struct round *round, const struct sorted_stream *sorted, size_t count, struct level *ret);
/* The stream whose turn it is; UINT32_MAX when the level is through. O(depth of the tenants) and what is thrown out. */
uint32_t level_pick(struct round *round, struct level *level);
/* The picked stream has another head, or is done. O(log count). */
void level_moved(struct round *round, struct level *level, uint32_t stream);

#endif
