#include "platform/hold.h"

#include <assert.h>
#include <string.h>

#include "model/name.h"
#include "platform/state.h"

static const char *const edge_state_words[] = { "waits", "met", "hopeless" };
STRING_TABLE_DEFINE(enum edge_state, edge_state, EDGE_STATE_COUNT);

/* --- tables ------------------------------------------------------------------------------------- */

static bool hold_is_first(const void *item, const void *key)
{
	return ((const struct hold *)item)->first == *(const uint64_t *)key;
}

struct hold *hold_find(const struct platform *platform, uint64_t first)
{
	return table_find(&platform->hold_table, hash_bytes(&first, sizeof(first)), hold_is_first, &first);
}

struct array_key {
	const char *tenant, *name;
};

/* Any member tells the tenant; the newest of the name stands in the table and has members. */
static bool hold_is_named(const void *item, const void *key)
{
	const struct hold *hold = item;
	const struct array_key *named = key;

	return strcmp(hold->array, named->name) == 0 && strcmp(hold->members[hold->lowest]->tenant->text, named->tenant) == 0;
}

static uint64_t hash_array(const char *tenant, const char *name)
{
	uint64_t parts[] = { hash_text(tenant), hash_text(name) };

	return hash_bytes(parts, sizeof(parts));
}

struct hold *array_find(const struct platform *platform, const char *tenant, const char *name)
{
	struct array_key key = { tenant, name };

	return table_find(&platform->array_table, hash_array(tenant, name), hold_is_named, &key);
}

/* The newest first; called with a member, so that the name can be compared. */
static void array_list(struct platform *platform, struct hold *hold, const char *tenant)
{
	struct hold *newest = array_find(platform, tenant, hold->array);

	hold->name_hash = hash_array(tenant, hold->array);
	if (newest)
		table_remove(&platform->array_table, newest->name_hash, newest);
	hold->older = newest;
	table_add(&platform->array_table, hold->name_hash, hold);
}

/* Called while its last member is still there. */
static void array_unlist(struct platform *platform, struct hold *hold)
{
	struct hold *at = array_find(platform, hold->members[hold->lowest]->tenant->text, hold->array);

	if (at == hold) {
		table_remove(&platform->array_table, hold->name_hash, hold);
		if (hold->older)
			table_add(&platform->array_table, hold->name_hash, hold->older);
		return;
	}
	while (at->older != hold)
		at = at->older;
	at->older = hold->older;
}

/* --- what is due -------------------------------------------------------------------------------- */

static bool hold_is_due(const struct hold *hold)
{
	return hold->held_count > 0 && (hold->hopeless_count > 0 || !hold_is_shut(hold));
}

static void reconsider(struct platform *platform, struct hold *hold)
{
	struct hold *last;

	if (hold_is_due(hold) == (hold->due_index > 0))
		return;
	if (hold->due_index == 0) {
		ARRAY_RESERVE(platform->due_holds, platform->due_hold_capacity, platform->due_hold_count + 1);
		platform->due_holds[platform->due_hold_count++] = hold;
		hold->due_index = platform->due_hold_count;
		return;
	}
	last = platform->due_holds[--platform->due_hold_count];
	platform->due_holds[hold->due_index - 1] = last;
	last->due_index = hold->due_index;
	hold->due_index = 0;
}

static int compare_holds(const void *left, const void *right)
{
	uint64_t a = (*(struct hold *const *)left)->first, b = (*(struct hold *const *)right)->first;

	return (a > b) - (a < b);
}

struct hold **holds_due_sorted(const struct platform *platform, struct arena *arena)
{
	struct hold **sorted;

	if (platform->due_hold_count == 0)
		return NULL;
	sorted = arena_dup(arena, platform->due_holds, platform->due_hold_count * sizeof(*sorted));
	qsort(sorted, platform->due_hold_count, sizeof(*sorted), compare_holds);
	return sorted;
}

/* --- edges -------------------------------------------------------------------------------------- */

static enum edge_state judge_demand(enum after_when when, enum demand_state state)
{
	bool fits = when == AFTER_ANY || (when == AFTER_OK) == (state == STATE_SUCCEEDED);

	return !demand_state_is_ended(state) ? EDGE_WAITS : fits ? EDGE_MET : EDGE_HOPELESS;
}

/* Success is of all members, failure of one of them once all have ended. */
static enum edge_state judge_array(enum after_when when, const struct hold *array)
{
	if (when == AFTER_OK && array->failed > 0)
		return EDGE_HOPELESS;
	if (array->ended < array->count)
		return EDGE_WAITS;
	return when == AFTER_FAILURE && array->failed == 0 ? EDGE_HOPELESS : EDGE_MET;
}

enum edge_state edge_judge(const struct platform *platform, const struct edge *edge)
{
	const struct demand *demand;
	const struct hold *array;

	if (edge->whole) {
		array = hold_find(platform, edge->target);
		return array ? judge_array(edge->when, array) : EDGE_HOPELESS;
	}
	demand = demand_find(platform, edge->target);
	return demand ? judge_demand(edge->when, demand->state) : EDGE_HOPELESS;
}

static void edge_link(struct edge *edge, struct edge **head)
{
	edge->head = head;
	edge->previous = NULL;
	edge->next = *head;
	if (*head)
		(*head)->previous = edge;
	*head = edge;
}

static void edge_unlink(struct edge *edge)
{
	if (!edge->head)
		return;
	*(edge->previous ? &edge->previous->next : edge->head) = edge->next;
	if (edge->next)
		edge->next->previous = edge->previous;
	edge->head = NULL;
	edge->previous = edge->next = NULL;
}

static void edge_decide(struct platform *platform, struct edge *edge, enum edge_state state)
{
	edge_unlink(edge);
	edge->state = state;
	edge->hold->waiting_count--;
	edge->hold->hopeless_count += state == EDGE_HOPELESS;
	reconsider(platform, edge->hold);
}

/* Decides those of the list that can be now. */
static void decide_edges(struct platform *platform, struct edge *edge)
{
	while (edge) {
		struct edge *next = edge->next;
		enum edge_state state = edge_judge(platform, edge);

		if (state != EDGE_WAITS)
			edge_decide(platform, edge, state);
		edge = next;
	}
}

/* --- holds -------------------------------------------------------------------------------------- */

static int hold_check(const struct platform *platform, uint64_t first, const struct hold_body *body, struct err *err)
{
	if (body->count < 1 || body->count > DEMAND_ARRAY_MAX || body->at_once < 0 || body->at_once > DEMAND_ARRAY_MAX ||
	    body->ended < 0 || body->ended > body->count || body->failed < 0 || body->failed > body->ended ||
	    body->edge_count > DEMAND_AFTER_MAX || (*body->array ? name_check(body->array, NULL) < 0 : body->count != 1) ||
	    hold_find(platform, first))
		return err_set(err, -EINVAL, "an array, or what a demand waits for, that cannot be");
	if (body->ended == body->count)
		return 0; /* its targets may be forgotten */
	for (size_t i = 0; i < body->edge_count; i++) {
		const struct edge_body *edge = &body->edges[i];
		const struct hold *array = edge->whole ? hold_find(platform, edge->target) : NULL;

		if (edge->state == EDGE_WAITS && (edge->whole ? !array || !array->array : !demand_find(platform, edge->target)))
			return err_set(err, -EINVAL, "it waits for a demand that is unknown");
	}
	return 0;
}

static void edge_begin(struct platform *platform, struct edge *edge)
{
	enum edge_state state = edge_judge(platform, edge);

	if (state == EDGE_WAITS)
		edge_link(edge, edge->whole ? &hold_find(platform, edge->target)->dependents
					    : &demand_find(platform, edge->target)->dependents);
	else
		edge_decide(platform, edge, state);
}

int hold_make(struct platform *platform, uint64_t first, const struct hold_body *body, struct hold **ret, struct err *err)
{
	struct hold *hold;
	int code = hold_check(platform, first, body, err);

	if (code < 0)
		return code;
	hold = mem_alloc(sizeof(*hold));
	hold->first = first;
	hold->array = *body->array ? mem_strdup(body->array) : NULL;
	hold->count = hold->lowest = (uint32_t)body->count;
	hold->at_once = (uint32_t)body->at_once;
	hold->ended = (uint32_t)body->ended;
	hold->failed = (uint32_t)body->failed;
	hold->members = mem_alloc(hold->count * sizeof(*hold->members));
	hold->edges = mem_alloc((body->edge_count + 1) * sizeof(*hold->edges));
	hold->edge_count = (uint32_t)body->edge_count;
	table_add(&platform->hold_table, hash_bytes(&first, sizeof(first)), hold);
	for (uint32_t i = 0; i < hold->edge_count; i++) {
		struct edge *edge = &hold->edges[i];

		*edge = (struct edge){ .hold = hold, .target = body->edges[i].target, .whole = body->edges[i].whole,
				       .when = body->edges[i].when, .state = body->edges[i].state };
		hold->waiting_count += edge->state == EDGE_WAITS;
		hold->hopeless_count += edge->state == EDGE_HOPELESS;
		if (edge->state == EDGE_WAITS && hold->ended < hold->count)
			edge_begin(platform, edge);
	}
	*ret = hold;
	return 0;
}

void hold_free(struct hold *hold)
{
	free(hold->array);
	free(hold->members);
	free(hold->edges);
	free(hold);
}

void hold_drop(struct platform *platform, struct hold *hold)
{
	for (uint32_t i = 0; i < hold->edge_count; i++)
		edge_unlink(&hold->edges[i]);
	table_remove(&platform->hold_table, hash_bytes(&hold->first, sizeof(hold->first)), hold);
	hold_free(hold);
}

void hold_add_ended(struct platform *platform, struct hold *hold, struct demand *demand, uint32_t index)
{
	assert(index < hold->count && !hold->members[index]);
	demand->hold = hold;
	demand->index = index;
	hold->members[index] = demand;
	if (index < hold->lowest)
		hold->lowest = index;
	if (hold->remembered++ == 0 && hold->array)
		array_list(platform, hold, demand->tenant->text);
}

void hold_add(struct platform *platform, struct hold *hold, struct demand *demand, uint32_t index)
{
	hold_add_ended(platform, hold, demand, index);
	hold->loose++;
	reconsider(platform, hold);
}

bool hold_is_shut(const struct hold *hold)
{
	return hold->waiting_count > 0 || hold->hopeless_count > 0 || (hold->at_once > 0 && hold->loose >= hold->at_once);
}

bool demand_is_held(const struct demand *demand)
{
	return demand->hold && demand->replicas[0].place == REPLICA_HELD;
}

void hold_hold(struct platform *platform, struct demand *demand)
{
	struct hold *hold = demand->hold;

	for (uint32_t r = 0; r < demand->replica_count; r++)
		demand->replicas[r].place = REPLICA_HELD;
	hold->loose--;
	if (hold->held_count++ == 0 || demand->index < hold->next_held)
		hold->next_held = demand->index;
	reconsider(platform, hold);
}

struct demand *hold_first_held(const struct hold *hold)
{
	uint32_t i = hold->next_held;

	if (hold->held_count == 0)
		return NULL;
	while (!hold->members[i] || !demand_is_held(hold->members[i]))
		i++;
	return hold->members[i];
}

void hold_loosen(struct platform *platform, struct demand *demand)
{
	struct hold *hold = demand->hold;
	bool was_next = hold->next_held == demand->index;

	for (uint32_t r = 0; r < demand->replica_count; r++)
		demand->replicas[r].place = REPLICA_OUT;
	hold->held_count--;
	hold->loose++;
	if (was_next && hold->held_count > 0)
		hold->next_held = hold_first_held(hold)->index;
	reconsider(platform, hold);
}

void hold_member_ended(struct platform *platform, struct demand *demand)
{
	struct hold *hold = demand->hold;

	decide_edges(platform, demand->dependents);
	if (!hold)
		return;
	hold->loose--;
	hold->ended++;
	hold->failed += demand->state != STATE_SUCCEEDED;
	if (hold->ended == hold->count || (hold->failed == 1 && demand->state != STATE_SUCCEEDED))
		decide_edges(platform, hold->dependents);
	for (uint32_t i = 0; hold->ended == hold->count && i < hold->edge_count; i++)
		edge_unlink(&hold->edges[i]);
	reconsider(platform, hold);
}

void hold_member_dropped(struct platform *platform, struct demand *demand)
{
	struct hold *hold = demand->hold;

	if (!hold)
		return;
	if (--hold->remembered == 0) {
		if (hold->array)
			array_unlist(platform, hold);
		hold_drop(platform, hold);
		return;
	}
	hold->members[demand->index] = NULL;
	while (!hold->members[hold->lowest])
		hold->lowest++;
}
