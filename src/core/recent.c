#include "core/recent.h"

#include <string.h>

#include "base/mem.h"

struct recent {
	struct record records[RECENT_EVENTS_MAX]; /* payloads are owned */
	uint64_t added;
};

struct recent *recent_new(void)
{
	return mem_alloc(sizeof(struct recent));
}

void recent_free(struct recent *recent)
{
	if (!recent)
		return;
	for (size_t i = 0; i < RECENT_EVENTS_MAX; i++)
		free((void *)recent->records[i].payload);
	free(recent);
}

void recent_add(struct recent *recent, const struct record *record)
{
	struct record *slot = &recent->records[recent->added++ % RECENT_EVENTS_MAX];

	free((void *)slot->payload);
	*slot = *record;
	slot->payload = mem_dup(record->payload, record->payload_length);
}

static size_t recent_count(const struct recent *recent)
{
	return recent->added < RECENT_EVENTS_MAX ? (size_t)recent->added : RECENT_EVENTS_MAX;
}

static const struct record *recent_at(const struct recent *recent, size_t index)
{
	return &recent->records[(recent->added - recent_count(recent) + index) % RECENT_EVENTS_MAX];
}

uint64_t recent_oldest(const struct recent *recent)
{
	return recent->added == 0 ? 0 : recent_at(recent, 0)->sequence;
}

void record_show(const struct record *record, const struct platform *platform,
		 void (*visit)(void *context, const struct core_event *event), void *context)
{
	const struct schema *schema = event_schema((enum event_type)record->type);
	struct core_event shown = { .sequence = record->sequence, .type = (enum event_type)record->type };
	cleanup_strbuf struct strbuf json = { 0 };
	cleanup_arena struct arena arena;
	struct event event = { .sequence = record->sequence, .time_us = record->time_us, .type = (enum event_type)record->type };
	void *body;

	arena_init(&arena);
	if (!schema)
		return;
	body = arena_alloc(&arena, schema->size);
	if (schema_decode(schema, record->payload, record->payload_length, &arena, body, NULL) < 0)
		return;
	event.body = body;
	event.body_size = schema->size;
	view_event_json(platform, &event, &json, &shown.demand, &shown.tenant);
	shown.json = strbuf_text(&json);
	shown.json_length = json.length;
	visit(context, &shown);
}

size_t recent_visit(const struct recent *recent, const struct platform *platform, uint64_t after, size_t limit,
		    void (*visit)(void *context, const struct core_event *event), void *context)
{
	size_t count = recent_count(recent), begin = 0, given = 0;

	/* Sequences have no gaps, so the place of `after` follows from the oldest. */
	if (count > 0 && after >= recent_oldest(recent))
		begin = (size_t)(after - recent_oldest(recent) + 1);
	for (size_t i = begin; i < count && given < limit; i++, given++)
		record_show(recent_at(recent, i), platform, visit, context);
	return given;
}
