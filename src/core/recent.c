#include "core/recent.h"

#include <string.h>

#include "base/mem.h"

struct recent {
	struct record records[RECENT_EVENTS_MAX]; /* payloads are owned */
	uint64_t begin, end; /* kept are those of [begin, end), each at its number modulo the size */
	size_t bytes;
};

struct recent *recent_new(void)
{
	return mem_alloc(sizeof(struct recent));
}

static struct record *recent_at(struct recent *recent, uint64_t number)
{
	return &recent->records[number % RECENT_EVENTS_MAX];
}

static void recent_drop(struct recent *recent)
{
	struct record *oldest = recent_at(recent, recent->begin++);

	recent->bytes -= oldest->payload_length;
	free((void *)oldest->payload);
}

void recent_free(struct recent *recent)
{
	if (!recent)
		return;
	while (recent->begin < recent->end)
		recent_drop(recent);
	free(recent);
}

void recent_add(struct recent *recent, const struct record *record)
{
	struct record *slot;

	if (recent->end - recent->begin == RECENT_EVENTS_MAX)
		recent_drop(recent);
	slot = recent_at(recent, recent->end++);
	*slot = *record;
	slot->payload = mem_dup(record->payload, record->payload_length);
	recent->bytes += record->payload_length;
	while (recent->bytes > RECENT_BYTES_MAX && recent->end - recent->begin > 1)
		recent_drop(recent);
}

uint64_t recent_oldest(const struct recent *recent)
{
	return recent->begin == recent->end ? 0 : recent->records[recent->begin % RECENT_EVENTS_MAX].sequence;
}

void record_show(const struct record *record, const struct platform *platform,
		 void (*visit)(void *context, const struct core_event *event), void *context)
{
	const struct schema *schema = event_schema((enum event_type)record->type);
	struct core_event shown = { .sequence = record->sequence, .type = (enum event_type)record->type };
	cleanup_strbuf struct strbuf json = { 0 };
	cleanup_arena struct arena arena = { 0 };
	struct event event = { .sequence = record->sequence, .time_us = record->time_us, .type = (enum event_type)record->type };
	void *body;

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
	uint64_t oldest = recent_oldest(recent), number = recent->begin;
	size_t given = 0;

	/* Sequences have no gaps, so the place of `after` follows from the oldest. */
	if (oldest > 0 && after >= oldest)
		number = after - oldest < recent->end - number ? number + (after - oldest) + 1 : recent->end;
	for (; number < recent->end && given < limit; number++, given++)
		record_show(&recent->records[number % RECENT_EVENTS_MAX], platform, visit, context);
	return given;
}
