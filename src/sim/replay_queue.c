/* The queue of a replay: streams by class, tenant and time limit, each by age.
 *
 * A stream's entries are an array that is passed to the rounds as it is. What leaves is near the head (backfill looks no further
 * than the policy says), so the gap is closed by moving the few before it; what comes back after a preemption goes to the place of
 * its age. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/replay_private.h"

#define TABLE_MIN 1024

static size_t key_hash(uint32_t ask, uint32_t tenant, uint32_t band)
{
	uint64_t hash = ((uint64_t)ask << 32 | tenant) * UINT64_C(0x9e3779b97f4a7c15);

	hash ^= (hash >> 29) + band;
	return (size_t)(hash * UINT64_C(0xbf58476d1ce4e5b9) >> 20);
}

static void table_grow(struct engine *engine)
{
	size_t size = engine->table_size ? engine->table_size * 2 : TABLE_MIN;

	free(engine->table);
	engine->table = mem_alloc(size * sizeof(*engine->table));
	engine->table_size = size;
	for (size_t s = 0; s < engine->stream_count; s++) {
		const struct replay_stream *stream = engine->streams[s];
		size_t at = key_hash(stream->ask, stream->tenant, stream->band) & (size - 1);

		while (engine->table[at])
			at = (at + 1) & (size - 1);
		engine->table[at] = (uint32_t)s + 1;
	}
}

static struct replay_stream *stream_of(struct engine *engine, const struct replay_job *job)
{
	uint32_t band = match_time_band(engine->policy, job->limit_us);
	struct replay_stream *stream;
	size_t at;

	if (engine->stream_count * 2 >= engine->table_size)
		table_grow(engine);
	at = key_hash(job->ask, job->tenant, band) & (engine->table_size - 1);
	for (; engine->table[at]; at = (at + 1) & (engine->table_size - 1)) {
		stream = engine->streams[engine->table[at] - 1];
		if (stream->ask == job->ask && stream->tenant == job->tenant && stream->band == band)
			return stream;
	}
	stream = mem_alloc(sizeof(*stream));
	*stream = (struct replay_stream){ .ask = job->ask, .tenant = job->tenant, .band = band };
	ARRAY_RESERVE(engine->streams, engine->stream_capacity, engine->stream_count + 1);
	engine->streams[engine->stream_count++] = stream;
	engine->table[at] = (uint32_t)engine->stream_count;
	return stream;
}

static void stream_activate(struct engine *engine, struct replay_stream *stream)
{
	ARRAY_RESERVE(engine->active, engine->active_capacity, engine->active_count + 1);
	engine->active[engine->active_count++] = stream;
	stream->place = engine->active_count;
}

static void stream_deactivate(struct engine *engine, struct replay_stream *stream)
{
	struct replay_stream *last = engine->active[--engine->active_count];

	engine->active[stream->place - 1] = last;
	last->place = stream->place;
	stream->place = 0;
	stream->head = stream->count = 0;
}

void replay_queue_add(struct engine *engine, size_t number)
{
	const struct replay_job *job = &engine->trace->jobs[number];
	struct replay_stream *stream = stream_of(engine, job);
	size_t at;

	if (stream->count == stream->capacity && stream->head > stream->capacity / 2) {
		memmove(stream->entries, stream->entries + stream->head, (stream->count - stream->head) * sizeof(*stream->entries));
		stream->count -= stream->head;
		stream->head = 0;
	}
	ARRAY_RESERVE(stream->entries, stream->capacity, stream->count + 1);
	for (at = stream->count++; at > stream->head && stream->entries[at - 1].order > number; at--)
		stream->entries[at] = stream->entries[at - 1];
	stream->entries[at] = (struct match_entry){ .demand = number + 1, .replica = job->replica, .order = number, .time_us = job->limit_us,
						    .deadline_us = job->deadline_us,
						    .since_us = job->submit_us };
	if (!stream->place)
		stream_activate(engine, stream);
	engine->queued++;
}

void replay_queue_remove(struct engine *engine, size_t number)
{
	struct replay_stream *stream = stream_of(engine, &engine->trace->jobs[number]);
	size_t at = stream->head;

	while (at < stream->count && stream->entries[at].order != number)
		at++;
	assert(at < stream->count);
	for (; at > stream->head; at--)
		stream->entries[at] = stream->entries[at - 1];
	stream->head++;
	engine->queued--;
	if (stream->head == stream->count)
		stream_deactivate(engine, stream);
}

size_t replay_queue_length(const struct engine *engine)
{
	return engine->queued;
}

void replay_queue_input(struct engine *engine, struct arena *arena, struct match_input *ret)
{
	struct match_stream *streams = ARENA_ARRAY(arena, struct match_stream, engine->active_count + 1);

	for (size_t i = 0; i < engine->active_count; i++) {
		const struct replay_stream *stream = engine->active[i];

		streams[i] = (struct match_stream){ .class = engine->classes[stream->ask], .tenant = engine->tenants[stream->tenant],
						    .entries = stream->entries + stream->head, .entry_count = stream->count - stream->head };
	}
	*ret = (struct match_input){ .matcher = engine->matcher, .shares = engine->shares, .streams = streams,
				     .stream_count = engine->active_count, .now_us = engine->now_us };
}

void replay_queue_done(struct engine *engine)
{
	for (size_t s = 0; s < engine->stream_count; s++) {
		free(engine->streams[s]->entries);
		free(engine->streams[s]);
	}
	free(engine->streams);
	free(engine->table);
	free(engine->active);
}
