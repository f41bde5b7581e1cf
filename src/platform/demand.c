/* Demands and attempts: the table of them, the labels they share, and the state that follows from their attempts.
 *
 * Rows stand by ascending id, since ids are given out in that order: finding is a binary search, paging
 * needs no index, and a row that goes leaves a hole that is closed when half of them are holes.
 */
#include <assert.h>
#include <string.h>

#include "platform/state.h"
#include "wire/files.h"

static bool label_is(const void *item, const void *key)
{
	return strcmp(((const struct label *)item)->text, key) == 0;
}

static struct label *label_get(struct table *table, const char *text)
{
	uint64_t hash = hash_text(text);
	struct label *label = table_find(table, hash, label_is, text);
	size_t size = strlen(text) + 1;

	if (label)
		return label;
	label = mem_alloc(sizeof(*label) + size);
	label->hash = hash;
	memcpy(label->text, text, size);
	table_add(table, hash, label);
	return label;
}

#define LINK(demand, offset) ((struct label_link *)(void *)((char *)(demand) + (offset)))

/* Demands come by ascending id, so the end is the place. */
static void label_add(struct label *label, struct demand *demand, size_t link)
{
	LINK(demand, link)->previous = label->last;
	LINK(demand, link)->next = NULL;
	if (label->last)
		LINK(label->last, link)->next = demand;
	else
		label->first = demand;
	label->last = demand;
	label->count++;
}

static void label_remove(struct table *table, struct label *label, struct demand *demand, size_t link)
{
	struct label_link *own = LINK(demand, link);

	if (own->previous)
		LINK(own->previous, link)->next = own->next;
	else
		label->first = own->next;
	if (own->next)
		LINK(own->next, link)->previous = own->previous;
	else
		label->last = own->previous;
	if (--label->count > 0)
		return;
	table_remove(table, label->hash, label);
	free(label);
}

size_t demand_row_after(const struct platform *platform, uint64_t id)
{
	size_t low = 0, high = platform->row_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (platform->rows[middle].id <= id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct demand *demand_find(const struct platform *platform, uint64_t id)
{
	size_t row = demand_row_after(platform, id);

	return row > 0 && platform->rows[row - 1].id == id ? platform->rows[row - 1].demand : NULL;
}

uint64_t demand_order(const struct demand *demand, uint32_t replica)
{
	return demand->sequence << REPLICA_BITS | replica;
}

struct demand *demand_make(struct platform *platform, uint64_t id, uint64_t sequence, const char *name, const char *tenant,
			   struct class *class, const struct bytes *spec)
{
	struct demand *demand = mem_alloc(sizeof(*demand));

	assert(platform->row_count == 0 || platform->rows[platform->row_count - 1].id < id);
	demand->id = id;
	demand->sequence = sequence;
	demand->class = class;
	class->demand_count++;
	demand->name = label_get(&platform->name_table, name);
	label_add(demand->name, demand, offsetof(struct demand, by_name));
	demand->tenant = label_get(&platform->tenant_table, tenant);
	label_add(demand->tenant, demand, offsetof(struct demand, by_tenant));
	demand->spec = mem_dup(spec->data, spec->length);
	demand->spec_length = (uint32_t)spec->length;
	demand->replica_count = class->kind == DEMAND_SERVICE ? (uint32_t)class->workers : 1;
	demand->replicas = demand->replica_count == 1 ? &demand->single : mem_alloc(demand->replica_count * sizeof(struct replica));
	for (uint32_t r = 0; r < demand->replica_count; r++)
		demand->replicas[r].place = REPLICA_OUT;
	demand->exit_code = -1;
	ARRAY_RESERVE(platform->rows, platform->row_capacity, platform->row_count + 1);
	platform->rows[platform->row_count++] = (struct demand_row){ id, demand };
	platform->live_count++;
	platform->live_replicas += demand->replica_count;
	platform->state_counts[demand->state]++;
	return demand;
}

void attempt_free(struct attempt *attempt)
{
	if (!attempt)
		return;
	free(attempt->slots);
	free(attempt->message);
	free(attempt);
}

void demand_free(struct demand *demand)
{
	for (uint32_t r = 0; r < demand->replica_count; r++)
		attempt_free(demand->replicas[r].attempt);
	while (demand->past) {
		struct attempt *older = demand->past->older;

		attempt_free(demand->past);
		demand->past = older;
	}
	if (demand->replicas != &demand->single)
		free(demand->replicas);
	free(demand->spec);
	free(demand->cancelled_by);
	free(demand->message);
	free(demand);
}

static void close_row(struct platform *platform, const struct demand *demand)
{
	size_t row = demand_row_after(platform, demand->id) - 1;
	size_t kept = 0;

	platform->rows[row].demand = NULL;
	if (++platform->row_holes * 2 < platform->row_count || platform->row_holes < 64)
		return;
	for (size_t i = 0; i < platform->row_count; i++)
		if (platform->rows[i].demand)
			platform->rows[kept++] = platform->rows[i];
	platform->row_count = kept;
	platform->row_holes = 0;
}

void demand_drop(struct platform *platform, struct demand *demand)
{
	close_row(platform, demand);
	hold_member_dropped(platform, demand);
	label_remove(&platform->name_table, demand->name, demand, offsetof(struct demand, by_name));
	label_remove(&platform->tenant_table, demand->tenant, demand, offsetof(struct demand, by_tenant));
	platform->state_counts[demand->state]--;
	class_release(platform, demand->class);
	demand_free(demand);
}

bool attempt_is_running(const struct attempt *attempt)
{
	return attempt->state == ATTEMPT_RUNNING || attempt->state == ATTEMPT_STOPPING;
}

bool attempt_is_wanted(const struct attempt *attempt)
{
	return !attempt->demand->cancelled && attempt->preempted_sequence == 0;
}

void attempt_leave(struct platform *platform, struct attempt *attempt)
{
	if (attempt->unwanted_revision > 0)
		return; /* the site was told before */
	site_touch(platform, attempt->site);
	attempt->unwanted_revision = attempt->site->revision;
	books_stopping(platform, attempt);
}

static void set_state(struct platform *platform, struct demand *demand, enum demand_state state)
{
	platform->state_counts[demand->state]--;
	demand->state = (uint8_t)state;
	platform->state_counts[state]++;
}

void demand_refresh(struct platform *platform, struct demand *demand, int64_t now_us)
{
	bool all_preempted = demand->current_count > 0 && demand->preempted_count == demand->current_count;
	enum demand_state state = demand->cancelled || all_preempted ? STATE_STOPPING
				  : demand->running_count > 0	     ? STATE_RUNNING
				  : demand->current_count > 0	     ? STATE_PLACED
								     : STATE_PENDING;

	if (demand->running_count > 0 && demand->started_us == 0)
		demand->started_us = now_us;
	set_state(platform, demand, state);
	deadline_refresh(platform, demand);
}

void demand_end(struct platform *platform, struct demand *demand, enum demand_state state)
{
	set_state(platform, demand, state);
	deadline_refresh(platform, demand);
	platform->live_count--;
	platform->live_replicas -= demand->replica_count;
	if (platform->ended_last)
		platform->ended_last->ended_next = demand;
	else
		platform->ended_first = demand;
	platform->ended_last = demand;
	platform->ended_count++;
}

void demand_keep_past(struct demand *demand, struct attempt *attempt)
{
	struct attempt **link = &demand->past;

	attempt->older = demand->past;
	demand->past = attempt;
	if (demand->past_count < PAST_ATTEMPTS_MAX) {
		demand->past_count++;
		return;
	}
	while ((*link)->older)
		link = &(*link)->older;
	attempt_free(*link);
	*link = NULL;
}

struct attempt *attempt_current(const struct platform *platform, uint64_t id, int64_t replica, int64_t number)
{
	struct demand *demand = demand_find(platform, id);
	struct attempt *attempt;

	if (!demand || replica < 0 || replica >= demand->replica_count)
		return NULL;
	attempt = demand->replicas[replica].attempt;
	return attempt && attempt->number == number ? attempt : NULL;
}

struct demand_spec *demand_spec_read(const struct demand *demand, struct arena *arena)
{
	struct demand_spec *spec = ARENA_NEW(arena, struct demand_spec);
	struct err err;

	if (schema_decode(&demand_schema, demand->spec, demand->spec_length, arena, spec, &err) < 0)
		schema_defaults(&demand_schema, spec); /* bytes of a damaged log: the demand stands, its text is lost */
	spec->ask = *class_ask(demand->class, arena);
	spec->tenant = demand->tenant->text;
	spec->name = demand->name->text;
	return spec;
}
