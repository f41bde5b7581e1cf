/* Classes of equal asks, their queues, and the heap of replicas that wait out a backoff.
 *
 * A queue is a sorted array with free room at both ends. The oldest leave at the head in O(1); one from
 * the middle leaves a hole; one that comes back goes to the place of its age, moving the shorter side.
 * Matching reads the array as it is unless it has holes. A tree was rejected: matching wants arrays, and
 * nearly everything happens at the ends.
 */
#include <assert.h>
#include <string.h>

#include "platform/state.h"
#include "wire/files.h"

static const char *const replica_place_words[] = { "queued", "waiting", "placed", "out", "held" };
STRING_TABLE_DEFINE(enum replica_place, replica_place, REPLICA_PLACE_COUNT);

/* --- classes ----------------------------------------------------------------------------------- */

static bool class_has_key(const void *item, const void *key)
{
	const struct bytes *own = &((const struct class *)item)->key, *other = key;

	return own->length == other->length && memcmp(own->data, other->data, own->length) == 0;
}

struct class *class_find(const struct platform *platform, const struct bytes *key)
{
	return table_find(&platform->class_table, hash_bytes(key->data, key->length), class_has_key, key);
}

const struct ask *class_ask(const struct class *class, struct arena *arena)
{
	struct ask *ask = ARENA_NEW(arena, struct ask);
	struct err err;
	int code = schema_decode(&ask_schema, class->key.data, class->key.length, arena, ask, &err);

	assert(code == 0); /* it was decoded when the class was made */
	return ask;
}

int class_get(struct platform *platform, const struct bytes *key, struct class **ret, struct err *err)
{
	struct class *class = class_find(platform, key);
	cleanup_arena struct arena arena = { 0 };
	struct ask ask;
	int code;

	if (class) {
		*ret = class;
		return 0;
	}
	arena_init(&arena);
	code = schema_decode(&ask_schema, key->data, key->length, &arena, &ask, err);
	if (code == 0)
		code = ask_check(&ask, err);
	if (code < 0)
		return code;
	class = mem_alloc(sizeof(*class));
	class->key = (struct bytes){ mem_dup(key->data, key->length), key->length };
	class->hash = hash_bytes(key->data, key->length);
	class->kind = ask.kind;
	class->workers = ask.workers;
	class->priority = ask.priority;
	class->simulated = ask.simulated;
	class->shape = (struct shape){ .cpu_milli = ask.shape.cpu_milli, .memory_mib = ask.shape.memory_mib,
				       .chips = { .milli = ask.shape.chips.milli }, .resource_count = ask.shape.resource_count };
	class->shape.resources = mem_alloc((ask.shape.resource_count + 1) * sizeof(struct countable));
	for (size_t i = 0; i < ask.shape.resource_count; i++)
		class->shape.resources[i] = (struct countable){ mem_strdup(ask.shape.resources[i].name), ask.shape.resources[i].count };
	table_add(&platform->class_table, class->hash, class);
	*ret = class;
	return 0;
}

void class_free(struct class *class)
{
	for (size_t q = 0; q < class->queue_count; q++) {
		free(class->queues[q]->tenant);
		free(class->queues[q]->entries);
		free(class->queues[q]->reason);
		free(class->queues[q]);
	}
	free(class->queues);
	free(class->match_classes);
	free((void *)class->key.data);
	for (size_t i = 0; i < class->shape.resource_count; i++)
		free((char *)class->shape.resources[i].name);
	free(class->shape.resources);
	free(class);
}

void class_release(struct platform *platform, struct class *class)
{
	struct observed *observed = platform->observed;

	if (--class->demand_count > 0)
		return;
	for (size_t i = 0; i < observed->note_count; i++)
		if (observed->notes[i].queue && observed->notes[i].queue->class == class)
			observed->notes[i].queue = NULL;
	for (size_t q = 0; q < class->queue_count; q++)
		assert(class->queues[q]->active_index == 0);
	books_forget_class(platform, class);
	table_remove(&platform->class_table, class->hash, class);
	class_free(class);
}

/* --- the queues -------------------------------------------------------------------------------- */

static int compare_queues(const struct queue *queue, const char *tenant, bool dated, uint32_t band)
{
	int order = strcmp(queue->tenant, tenant);

	if (order)
		return order;
	return queue->dated != dated ? (int)queue->dated - (int)dated : (queue->band > band) - (queue->band < band);
}

struct queue *queue_get(struct class *class, const char *tenant, bool dated, uint32_t band)
{
	size_t low = 0, high = class->queue_count;
	struct queue *queue;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_queues(class->queues[middle], tenant, dated, band) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < class->queue_count && compare_queues(class->queues[low], tenant, dated, band) == 0)
		return class->queues[low];
	queue = mem_alloc(sizeof(*queue));
	queue->class = class;
	queue->tenant = mem_strdup(tenant);
	queue->dated = dated;
	queue->band = band;
	ARRAY_RESERVE(class->queues, class->queue_capacity, class->queue_count + 1);
	memmove(class->queues + low + 1, class->queues + low, (class->queue_count - low) * sizeof(*class->queues));
	class->queues[low] = queue;
	class->queue_count++;
	return queue;
}

size_t queue_length(const struct queue *queue)
{
	return queue->end - queue->head - queue->holes;
}

static void activate(struct platform *platform, struct queue *queue)
{
	if (queue->active_index)
		return;
	ARRAY_RESERVE(platform->active, platform->active_capacity, platform->active_count + 1);
	platform->active[platform->active_count++] = queue;
	queue->active_index = platform->active_count;
}

static void deactivate(struct platform *platform, struct queue *queue)
{
	struct queue *last = platform->active[--platform->active_count];

	platform->active[queue->active_index - 1] = last;
	last->active_index = queue->active_index;
	queue->active_index = 0;
	free(queue->entries);
	queue->entries = NULL;
	queue->head = queue->end = queue->capacity = queue->holes = 0;
}

/* Lays the entries out anew, without holes, with room before and behind them. */
static void relay(struct queue *queue, size_t before)
{
	size_t live = queue_length(queue);
	size_t capacity = before + live + live / 2 + 8;
	struct match_entry *entries = mem_resize(NULL, capacity, sizeof(*entries));
	size_t end = before;

	for (size_t i = queue->head; i < queue->end; i++)
		if (queue->entries[i].demand)
			entries[end++] = queue->entries[i];
	free(queue->entries);
	queue->entries = entries;
	queue->head = before;
	queue->end = end;
	queue->capacity = capacity;
	queue->holes = 0;
}

/* The first entry that is not older. */
static size_t place_of(const struct queue *queue, uint64_t order)
{
	size_t low = queue->head, high = queue->end;

	if (low < high && queue->entries[high - 1].order < order)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (queue->entries[middle].order < order)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t queue_older(const struct queue *queue, uint64_t order)
{
	return place_of(queue, order) - queue->head;
}

void queue_add(struct platform *platform, struct demand *demand, uint32_t replica)
{
	struct match_entry entry = { .demand = demand->id, .replica = replica, .order = demand_order(demand, replica),
				     .time_us = demand->time_limit_us, .deadline_us = demand->deadline_us, .since_us = demand->accepted_us };
	struct queue *queue = demand->queue;
	size_t place;

	if (!queue)
		queue = demand->queue = queue_get(demand->class, demand->tenant->text, demand->deadline_us > 0,
						  match_time_band(&platform->policy, demand->time_limit_us));
	activate(platform, queue);
	if (queue->end == queue->capacity)
		relay(queue, queue->head < queue_length(queue) / 4 ? queue->head : queue_length(queue) / 4);
	place = place_of(queue, entry.order);
	if (place - queue->head < queue->end - place) {
		if (queue->head == 0) {
			relay(queue, queue_length(queue) / 4 + 8);
			place = place_of(queue, entry.order);
		}
		memmove(queue->entries + queue->head - 1, queue->entries + queue->head, (place - queue->head) * sizeof(entry));
		queue->head--;
		place--;
	} else {
		memmove(queue->entries + place + 1, queue->entries + place, (queue->end - place) * sizeof(entry));
		queue->end++;
	}
	queue->entries[place] = entry;
	demand->replicas[replica].place = REPLICA_QUEUED;
	demand->replicas[replica].estimate_us = demand->replicas[replica].predicted_us = 0;
	platform->observed->round_wanted = platform->observed->arrived = true;
}

void queue_remove(struct platform *platform, struct demand *demand, uint32_t replica)
{
	struct queue *queue = demand->queue;
	size_t place = place_of(queue, demand_order(demand, replica));

	assert(place < queue->end && queue->entries[place].demand == demand->id && queue->entries[place].replica == replica);
	demand->replicas[replica].place = REPLICA_OUT;
	queue->entries[place].demand = 0;
	queue->holes++;
	while (queue->head < queue->end && queue->entries[queue->head].demand == 0) {
		queue->head++;
		queue->holes--;
	}
	while (queue->head < queue->end && queue->entries[queue->end - 1].demand == 0) {
		queue->end--;
		queue->holes--;
	}
	if (queue->head == queue->end)
		deactivate(platform, queue);
	else if (queue->holes > 64 && queue->holes > queue_length(queue))
		relay(queue, queue_length(queue) / 4);
}

const struct match_entry *queue_entries(const struct queue *queue, size_t limit, struct arena *arena, size_t *ret_count)
{
	size_t count = queue_length(queue);
	struct match_entry *entries;
	size_t taken = 0;

	if (limit > 0 && count > limit)
		count = limit;
	*ret_count = count;
	if (queue->holes == 0)
		return queue->entries + queue->head;
	entries = ARENA_ARRAY(arena, struct match_entry, count + 1);
	for (size_t i = queue->head; taken < count; i++)
		if (queue->entries[i].demand)
			entries[taken++] = queue->entries[i];
	return entries;
}

/* --- waiting ----------------------------------------------------------------------------------- */

static bool waiting_before(const struct waiting *a, const struct waiting *b)
{
	return a->ready_us != b->ready_us ? a->ready_us < b->ready_us : a->order < b->order;
}

static bool waiting_is_valid(const struct platform *platform, const struct waiting *waiting)
{
	const struct demand *demand = demand_find(platform, waiting->demand);
	const struct replica *replica = demand ? &demand->replicas[waiting->replica] : NULL;

	return replica && replica->place == REPLICA_WAITING && replica->ready_us == waiting->ready_us;
}

static void sift_down(struct platform *platform, size_t at)
{
	struct waiting *heap = platform->waiting;

	for (;;) {
		size_t least = at;
		struct waiting swap = heap[at];

		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < platform->waiting_count; child++)
			if (waiting_before(&heap[child], &heap[least]))
				least = child;
		if (least == at)
			return;
		heap[at] = heap[least];
		heap[least] = swap;
		at = least;
	}
}

void waiting_add(struct platform *platform, struct demand *demand, uint32_t replica)
{
	struct waiting waiting = { demand->replicas[replica].ready_us, demand_order(demand, replica), demand->id, replica };
	size_t at;

	demand->replicas[replica].place = REPLICA_WAITING;
	ARRAY_RESERVE(platform->waiting, platform->waiting_capacity, platform->waiting_count + 1);
	at = platform->waiting_count++;
	for (; at > 0 && waiting_before(&waiting, &platform->waiting[(at - 1) / 2]); at = (at - 1) / 2)
		platform->waiting[at] = platform->waiting[(at - 1) / 2];
	platform->waiting[at] = waiting;
	platform->waiting_live++;
}

void waiting_remove(struct platform *platform)
{
	size_t kept = 0;

	platform->waiting_live--;
	while (platform->waiting_count > 0 && !waiting_is_valid(platform, &platform->waiting[0])) {
		platform->waiting[0] = platform->waiting[--platform->waiting_count];
		sift_down(platform, 0);
	}
	if (platform->waiting_count < 64 || platform->waiting_count < 2 * platform->waiting_live)
		return;
	for (size_t i = 0; i < platform->waiting_count; i++)
		if (waiting_is_valid(platform, &platform->waiting[i]))
			platform->waiting[kept++] = platform->waiting[i];
	platform->waiting_count = kept;
	for (size_t i = kept / 2; i-- > 0;)
		sift_down(platform, i);
}

int64_t waiting_next_us(const struct platform *platform)
{
	return platform->waiting_count ? platform->waiting[0].ready_us : INT64_MAX;
}

static int compare_waiting(const void *left, const void *right)
{
	const struct waiting *a = left, *b = right;

	return waiting_before(a, b) ? -1 : waiting_before(b, a);
}

const struct waiting *waiting_due(const struct platform *platform, int64_t now_us, struct arena *arena, size_t *ret_count)
{
	struct waiting *due = NULL;
	size_t count = 0, capacity = 0, kept = 0;
	size_t *open = NULL; /* heap places still to look at */
	size_t open_count = 0, open_capacity = 0;

	*ret_count = 0;
	if (waiting_next_us(platform) > now_us)
		return NULL;
	ARRAY_RESERVE(open, open_capacity, 1);
	open[open_count++] = 0;
	while (open_count > 0) {
		size_t at = open[--open_count];

		if (at >= platform->waiting_count || platform->waiting[at].ready_us > now_us)
			continue;
		if (waiting_is_valid(platform, &platform->waiting[at])) {
			ARRAY_RESERVE(due, capacity, count + 1);
			due[count++] = platform->waiting[at];
		}
		ARRAY_RESERVE(open, open_capacity, open_count + 2);
		open[open_count++] = 2 * at + 1;
		open[open_count++] = 2 * at + 2;
	}
	free(open);
	if (count > 0) {
		struct waiting *sorted = arena_dup(arena, due, count * sizeof(*due));

		qsort(sorted, count, sizeof(*sorted), compare_waiting);
		free(due);
		due = sorted;
		for (size_t i = 1; i < count; i++)
			if (due[kept].order != due[i].order)
				due[++kept] = due[i];
		count = kept + 1;
	}
	*ret_count = count;
	return due;
}
