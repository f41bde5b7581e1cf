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
	free((void *)class->key.data);
	for (size_t i = 0; i < class->shape.resource_count; i++)
		free((char *)class->shape.resources[i].name);
	free(class->shape.resources);
	free(class->entries);
	free(class->reason);
	free(class);
}

void class_release(struct platform *platform, struct class *class)
{
	struct observed *observed = platform->observed;

	if (--class->demand_count > 0)
		return;
	assert(class->active_index == 0);
	for (size_t i = 0; i < observed->note_count; i++)
		if (observed->notes[i].class == class)
			observed->notes[i].class = NULL;
	table_remove(&platform->class_table, class->hash, class);
	class_free(class);
}

/* --- the queue --------------------------------------------------------------------------------- */

size_t queue_length(const struct class *class)
{
	return class->end - class->head - class->holes;
}

static void activate(struct platform *platform, struct class *class)
{
	if (class->active_index)
		return;
	ARRAY_RESERVE(platform->active, platform->active_capacity, platform->active_count + 1);
	platform->active[platform->active_count++] = class;
	class->active_index = platform->active_count;
}

static void deactivate(struct platform *platform, struct class *class)
{
	struct class *last = platform->active[--platform->active_count];

	platform->active[class->active_index - 1] = last;
	last->active_index = class->active_index;
	class->active_index = 0;
	free(class->entries);
	class->entries = NULL;
	class->head = class->end = class->capacity = class->holes = 0;
}

/* Lays the entries out anew, without holes, with room before and behind them. */
static void relay(struct class *class, size_t before)
{
	size_t live = queue_length(class);
	size_t capacity = before + live + live / 2 + 8;
	struct match_entry *entries = mem_resize(NULL, capacity, sizeof(*entries));
	size_t end = before;

	for (size_t i = class->head; i < class->end; i++)
		if (class->entries[i].demand)
			entries[end++] = class->entries[i];
	free(class->entries);
	class->entries = entries;
	class->head = before;
	class->end = end;
	class->capacity = capacity;
	class->holes = 0;
}

/* The first entry that is not older. */
static size_t place_of(const struct class *class, uint64_t order)
{
	size_t low = class->head, high = class->end;

	if (low < high && class->entries[high - 1].order < order)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (class->entries[middle].order < order)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void queue_add(struct platform *platform, struct demand *demand, uint32_t replica)
{
	struct class *class = demand->class;
	struct match_entry entry = { demand->id, replica, demand_order(demand, replica) };
	size_t place;

	activate(platform, class);
	if (class->end == class->capacity)
		relay(class, class->head < queue_length(class) / 4 ? class->head : queue_length(class) / 4);
	place = place_of(class, entry.order);
	if (place - class->head < class->end - place) {
		if (class->head == 0) {
			relay(class, queue_length(class) / 4 + 8);
			place = place_of(class, entry.order);
		}
		memmove(class->entries + class->head - 1, class->entries + class->head, (place - class->head) * sizeof(entry));
		class->head--;
		place--;
	} else {
		memmove(class->entries + place + 1, class->entries + place, (class->end - place) * sizeof(entry));
		class->end++;
	}
	class->entries[place] = entry;
	demand->replicas[replica].place = REPLICA_QUEUED;
	platform->observed->round_wanted = true;
}

void queue_remove(struct platform *platform, struct demand *demand, uint32_t replica)
{
	struct class *class = demand->class;
	size_t place = place_of(class, demand_order(demand, replica));

	assert(place < class->end && class->entries[place].demand == demand->id && class->entries[place].replica == replica);
	demand->replicas[replica].place = REPLICA_OUT;
	class->entries[place].demand = 0;
	class->holes++;
	while (class->head < class->end && class->entries[class->head].demand == 0) {
		class->head++;
		class->holes--;
	}
	while (class->head < class->end && class->entries[class->end - 1].demand == 0) {
		class->end--;
		class->holes--;
	}
	if (class->head == class->end)
		deactivate(platform, class);
	else if (class->holes > 64 && class->holes > queue_length(class))
		relay(class, queue_length(class) / 4);
}

const struct match_entry *queue_entries(const struct class *class, size_t limit, struct arena *arena, size_t *ret_count)
{
	size_t count = queue_length(class);
	struct match_entry *entries;
	size_t taken = 0;

	if (limit > 0 && count > limit)
		count = limit;
	*ret_count = count;
	if (class->holes == 0)
		return class->entries + class->head;
	entries = ARENA_ARRAY(arena, struct match_entry, count + 1);
	for (size_t i = class->head; taken < count; i++)
		if (class->entries[i].demand)
			entries[taken++] = class->entries[i];
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
