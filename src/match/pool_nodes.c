#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "match/pool_private.h"

static _Noreturn void breach(const char *what)
{
	fprintf(stderr, "match: %s\n", what);
	abort();
}

/* --- the nodes of a bucket: a heap, lowest on top --- */

static void sift_up(struct pool *pool, uint32_t *heap, uint32_t at, uint32_t node)
{
	for (; at > 0 && heap[(at - 1) / 2] > node; at = (at - 1) / 2) {
		heap[at] = heap[(at - 1) / 2];
		pool->node_place[heap[at]] = at;
	}
	heap[at] = node;
	pool->node_place[node] = at;
}

static void sift_down(struct pool *pool, uint32_t *heap, uint32_t count, uint32_t at, uint32_t node)
{
	for (;;) {
		uint32_t child = at * 2 + 1;

		if (child >= count)
			break;
		if (child + 1 < count && heap[child + 1] < heap[child])
			child++;
		if (heap[child] > node)
			break;
		heap[at] = heap[child];
		pool->node_place[heap[at]] = at;
		at = child;
	}
	heap[at] = node;
	pool->node_place[node] = at;
}

static void bucket_resize(struct bucket *bucket, uint32_t capacity)
{
	uint32_t *heap = mem_alloc(capacity * sizeof(*heap));

	memcpy(heap, bucket_nodes(bucket), bucket->count * sizeof(*heap));
	if (bucket->capacity)
		free(bucket->heap);
	bucket->heap = heap;
	bucket->capacity = capacity;
}

static void bucket_add(struct pool *pool, struct bucket *bucket, uint32_t node)
{
	if (bucket->count > 0 && bucket->count >= bucket->capacity)
		bucket_resize(bucket, bucket->count < 2 ? 4 : bucket->count * 2);
	sift_up(pool, bucket->capacity ? bucket->heap : &bucket->one, bucket->count++, node);
}

static void bucket_drop(struct pool *pool, struct bucket *bucket, uint32_t node)
{
	uint32_t *heap = bucket->capacity ? bucket->heap : &bucket->one;
	uint32_t at = pool->node_place[node];
	uint32_t last = heap[--bucket->count];

	if (at < bucket->count) {
		if (at > 0 && heap[(at - 1) / 2] > last)
			sift_up(pool, heap, at, last);
		else
			sift_down(pool, heap, bucket->count, at, last);
	}
	if (bucket->capacity > 16 && bucket->count < bucket->capacity / 4)
		bucket_resize(bucket, bucket->capacity / 2);
}

/* --- buckets by class and group --- */

static uint64_t bucket_hash(uint32_t class, uint32_t group)
{
	uint64_t hash = ((uint64_t)group << 32 | class) * 0x9e3779b97f4a7c15u;

	return hash ^ hash >> 32;
}

static uint32_t *index_place(const struct pool *pool, uint32_t class, uint32_t group)
{
	for (uint64_t at = bucket_hash(class, group);; at++) {
		uint32_t *place = &pool->index[at & (pool->index_capacity - 1)];

		if (!*place || (pool->bucket_class[*place - 1] == class && pool->buckets[*place - 1].group == group))
			return place;
	}
}

static void index_grow(struct pool *pool)
{
	free(pool->index);
	pool->index_capacity = pool->index_capacity ? pool->index_capacity * 2 : 16;
	pool->index = mem_alloc(pool->index_capacity * sizeof(*pool->index));
	for (uint32_t b = 0; b < pool->bucket_count; b++)
		if (pool->buckets[b].count)
			*index_place(pool, pool->bucket_class[b], pool->buckets[b].group) = b + 1;
}

static void index_remove(struct pool *pool, uint32_t number)
{
	size_t mask = pool->index_capacity - 1;
	size_t hole = bucket_hash(pool->bucket_class[number], pool->buckets[number].group) & mask;

	while (pool->index[hole] != number + 1)
		hole = (hole + 1) & mask;
	for (size_t at = (hole + 1) & mask; pool->index[at]; at = (at + 1) & mask) {
		uint32_t other = pool->index[at] - 1;
		size_t home = bucket_hash(pool->bucket_class[other], pool->buckets[other].group) & mask;

		if (((at - home) & mask) >= ((at - hole) & mask)) {
			pool->index[hole] = pool->index[at];
			hole = at;
		}
	}
	pool->index[hole] = 0;
}

static uint32_t bucket_new(struct pool *pool, uint32_t class, uint32_t group)
{
	uint32_t number;

	if (pool->bucket_free_count > 0) {
		number = pool->bucket_free[--pool->bucket_free_count];
	} else {
		size_t capacity = pool->bucket_capacity;

		number = pool->bucket_count;
		ARRAY_RESERVE(pool->buckets, pool->bucket_capacity, number + (size_t)1);
		ARRAY_RESERVE(pool->bucket_class, capacity, number + (size_t)1);
		pool->bucket_count++;
	}
	pool->buckets[number] = (struct bucket){ .group = group };
	pool->bucket_class[number] = class;
	pool->live++;
	return number;
}

static void bucket_end(struct pool *pool, uint32_t number)
{
	index_remove(pool, number);
	if (pool->buckets[number].capacity)
		free(pool->buckets[number].heap);
	chooser_class_unref(pool->chooser, pool->bucket_class[number]);
	pool->buckets[number] = (struct bucket){ 0 };
	pool->bucket_class[number] = CLASS_NONE;
	ARRAY_RESERVE(pool->bucket_free, pool->bucket_free_capacity, pool->bucket_free_count + 1);
	pool->bucket_free[pool->bucket_free_count++] = number;
	pool->live--;
}

static void buckets_clear(struct pool *pool, bool classes_stand)
{
	for (uint32_t b = 0; b < pool->bucket_count; b++) {
		if (pool->buckets[b].count && pool->buckets[b].capacity)
			free(pool->buckets[b].heap);
		if (pool->buckets[b].count && classes_stand)
			chooser_class_unref(pool->chooser, pool->bucket_class[b]);
	}
	if (pool->index_capacity)
		memset(pool->index, 0, pool->index_capacity * sizeof(*pool->index));
	pool->bucket_count = 0;
	pool->bucket_free_count = 0;
	pool->live = 0;
}

uint32_t group_of(const struct pool *pool, uint32_t node)
{
	size_t low = 0, high = pool->group_count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (pool->groups[middle].first <= node)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low;
}

/* Puts a node with these amounts into its bucket; leaves it pending when the classes were made anew meanwhile. */
static void node_insert(struct pool *pool, uint32_t group, uint32_t node, const struct node_copy *amounts)
{
	struct node_free free = copy_free(amounts);
	struct cell *class = chooser_class_ref(pool->chooser, &free);
	struct bucket *bucket;
	uint32_t *place;

	if (pool->class_epoch != pool->chooser->class_epoch) {
		chooser_class_unref(pool->chooser, class->number);
		pool->node_bucket[node] = BUCKET_PENDING;
		return;
	}
	if ((pool->live + 1) * 2 > pool->index_capacity)
		index_grow(pool);
	place = index_place(pool, class->number, group);
	if (*place)
		chooser_class_unref(pool->chooser, class->number);
	else
		*place = bucket_new(pool, class->number, group) + 1;
	bucket = &pool->buckets[*place - 1];
	pool->node_bucket[node] = *place - 1;
	bucket_add(pool, bucket, node);
	if (pool->windows && bucket_lowest(bucket) == node)
		windows_note(pool, *place - 1);
}

static void node_remove(struct pool *pool, uint32_t node)
{
	uint32_t number = pool->node_bucket[node];
	struct bucket *bucket = &pool->buckets[number];

	if (bucket->count == 1) {
		bucket_end(pool, number);
		/* The number is free, and its bucket has no nodes. */
		return;
	}
	bucket_drop(pool, bucket, node);
}

void node_amounts(const struct pool *pool, const struct pool_group *group, uint32_t node, struct node_copy *ret)
{
	const uint16_t *chips = node_chips(group, node);

	ret->layout = group->layout;
	ret->cpu = pool->node_cpu[node];
	ret->memory = pool->node_memory[node];
	memcpy(ret->resources, node_resources(group, node), group->layout->resource_count * sizeof(int32_t));
	for (uint32_t c = 0; c < group->layout->chip_count; c++)
		ret->chips[group->place[c]] = chips[c];
	copy_order(ret);
}

static void insert_pending(struct pool *pool)
{
	for (uint32_t g = 0; g < pool->group_count; g++) {
		const struct pool_group *group = &pool->groups[g];

		for (uint32_t n = group->first; n < group->first + group->node_count; n++) {
			struct node_copy amounts;

			if (pool->node_bucket[n] != BUCKET_PENDING)
				continue;
			node_amounts(pool, group, n, &amounts);
			node_insert(pool, g, n, &amounts);
			if (pool->class_epoch != pool->chooser->class_epoch)
				return;
		}
	}
}

void pool_refresh(struct pool *pool)
{
	while (pool->class_epoch != pool->chooser->class_epoch) {
		buckets_clear(pool, false);
		windows_free(pool->windows);
		pool->windows = NULL;
		pool->class_epoch = pool->chooser->class_epoch;
		for (uint32_t n = 0; n < pool->node_count; n++)
			if (pool->node_bucket[n] != BUCKET_NONE)
				pool->node_bucket[n] = BUCKET_PENDING;
		insert_pending(pool);
	}
}

void pool_fill(struct pool *pool)
{
	for (uint32_t n = 0; n < pool->node_count; n++)
		pool->node_bucket[n] = BUCKET_PENDING;
	pool->class_epoch = pool->chooser->class_epoch;
	insert_pending(pool);
	pool_refresh(pool);
}

void pool_empty(struct pool *pool)
{
	buckets_clear(pool, pool->class_epoch == pool->chooser->class_epoch);
}

void node_hide(struct pool *pool, uint32_t node)
{
	pool_refresh(pool);
	node_remove(pool, node);
	pool->node_bucket[node] = BUCKET_NONE;
}

void node_show(struct pool *pool, uint32_t node)
{
	uint32_t group = group_of(pool, node);
	struct node_copy amounts;

	pool_refresh(pool);
	pool->gives++;
	node_amounts(pool, &pool->groups[group], node, &amounts);
	node_insert(pool, group, node, &amounts);
	pool_refresh(pool);
}

/* --- taking and giving --- */

struct node_share slot_share(struct pool *pool, const struct slot *slot, struct need *need)
{
	const struct need_layout *in = chooser_in(pool->chooser, need, pool->groups[slot->group].layout);
	struct node_share share = { .cpu = need->cpu, .memory = need->memory, .chips = slot->chips, .milli = slot->chip_milli };

	for (uint32_t i = 0; i < need->resource_count; i++)
		if (need->resources[i] > 0)
			share.resources[in->resource_place[i]] = need->resources[i];
	return share;
}

/* Takes the share off the node's CPU, memory and resources; gives what is wrong with that, or NULL. */
static const char *amounts_change(struct pool *pool, struct pool_group *group, uint32_t node, const struct node_share *share, int sign)
{
	int64_t cpu = pool->node_cpu[node] - sign * share->cpu, memory = pool->node_memory[node] - sign * share->memory;
	int32_t *resources = node_resources(group, node);

	if (cpu < 0 || memory < 0)
		return "CPU or memory was to be given out twice";
	if (cpu > group->cpu_milli || memory > group->memory_mib)
		return "CPU or memory was to be given back twice";
	pool->node_cpu[node] = (int32_t)cpu;
	pool->node_memory[node] = (int32_t)memory;
	group->cpu_free -= sign * share->cpu;
	group->memory_free -= sign * share->memory;
	for (uint32_t r = 0; r < group->layout->resource_count; r++) {
		int64_t left = resources[r] - sign * share->resources[r];

		if (left < 0 || left > group->resource_capacity[r])
			return "a resource was to be given out or back twice";
		resources[r] = (int32_t)left;
		group->resource_free[r] -= sign * share->resources[r];
	}
	return NULL;
}

static const char *chip_change(struct pool_group *group, uint32_t chip, uint16_t *at, int by)
{
	struct part_totals *part = &group->parts[group->part[chip]];

	if (*at + by < 0)
		return "a chip was to be given out twice";
	if (*at + by > CHIP_MILLI)
		return "a chip was to be given back twice";
	part->whole -= *at == CHIP_MILLI;
	part->by_left[left_step(*at)]--;
	part->milli += by;
	*at = (uint16_t)(*at + by);
	part->whole += *at == CHIP_MILLI;
	part->by_left[left_step(*at)]++;
	return NULL;
}

uint32_t node_whole(const struct pool_group *group, const uint16_t *chips, uint32_t part)
{
	uint32_t whole = 0;

	for (uint32_t c = 0; c < group->layout->chip_count; c++)
		whole += chips[c] == CHIP_MILLI && group->part[c] == part;
	return whole;
}

/* What is taken or given together is of one part: a worker's chips are of one model. */
void node_change(struct pool *pool, uint32_t group_number, uint32_t node, const struct node_share *share, int sign)
{
	struct pool_group *group = &pool->groups[group_number];
	uint16_t *chips = node_chips(group, node);
	const char *wrong = amounts_change(pool, group, node, share, sign);
	uint32_t part = share->chips ? group->part[__builtin_ctzll(share->chips)] : 0;
	struct node_copy amounts;
	size_t i = 0;

	if (share->chips)
		group_by_whole(group, part)[node_whole(group, chips, part)]--;
	for (uint64_t rest = share->chips; rest && !wrong; rest &= rest - 1, i++) {
		unsigned c = (unsigned)__builtin_ctzll(rest);

		wrong = chip_change(group, c, &chips[c], -sign * (share->each ? share->each[i] : share->milli));
	}
	if (wrong)
		breach(wrong);
	if (share->chips)
		group_by_whole(group, part)[node_whole(group, chips, part)]++;
	pool->gives += sign < 0;
	if (pool->node_bucket[node] == BUCKET_NONE)
		return;
	pool_refresh(pool);
	node_amounts(pool, group, node, &amounts);
	node_remove(pool, node);
	node_insert(pool, group_number, node, &amounts);
	pool_refresh(pool);
}

/* Without putting the chips in order. */
static int64_t chips_hold(const struct pool_group *group, const uint16_t *chips, const struct need *need, uint64_t parts, int64_t limit)
{
	uint32_t whole[NODE_CHIPS_MAX];
	int64_t workers = 0;

	if (need->milli < CHIP_MILLI) {
		for (uint32_t c = 0; c < group->layout->chip_count && workers < limit; c++)
			if (chips[c] >= need->milli && parts >> group->part[c] & 1)
				workers += limit == 1 ? 1 : chips[c] / need->milli;
		return workers;
	}
	memset(whole, 0, group->layout->part_count * sizeof(*whole));
	for (uint32_t c = 0; c < group->layout->chip_count; c++)
		whole[group->part[c]] += chips[c] == CHIP_MILLI;
	for (uint64_t rest = parts; rest; rest &= rest - 1)
		workers += whole[__builtin_ctzll(rest)] / need->chips;
	return workers;
}

int64_t node_workers_now(struct pool *pool, const struct pool_group *group, uint32_t node, struct need *need, int64_t limit)
{
	const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);
	const int32_t *resources = node_resources(group, node);
	int64_t workers;

	if (!in->possible || pool->node_cpu[node] < need->cpu || pool->node_memory[node] < need->memory)
		return 0;
	limit = need_times(pool->node_cpu[node], need->cpu, limit);
	limit = need_times(pool->node_memory[node], need->memory, limit);
	for (uint32_t i = 0; i < need->resource_count && limit > 0; i++)
		if (need->resources[i] > 0)
			limit = need_times(resources[in->resource_place[i]], need->resources[i], limit);
	if (limit == 0 || need->chips == 0)
		return limit;
	workers = chips_hold(group, node_chips(group, node), need, in->parts, limit);
	return workers < limit ? workers : limit;
}

struct slot node_slot(struct pool *pool, uint32_t group_number, uint32_t node, struct need *need, int64_t *ret_useless)
{
	const struct pool_group *group = &pool->groups[group_number];
	const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);
	struct slot slot = { .group = group_number, .node = node - group->first, .chip_milli = need->milli };
	const uint16_t *chips = node_chips(group, node);
	struct worth_choice choice;
	uint32_t wanted = need->chips;
	struct node_copy amounts;
	struct node_free free;

	node_amounts(pool, group, node, &amounts);
	free = copy_free(&amounts);
	worth_choose(&pool->chooser->worth, need, in, &free, &choice);
	for (uint32_t c = 0; wanted > 0 && c < group->layout->chip_count; c++) {
		if (group->part[c] != choice.part || chips[c] != choice.chip)
			continue;
		slot.chips |= (uint64_t)1 << c;
		wanted--;
	}
	assert(wanted == 0);
	*ret_useless = choice.useless;
	return slot;
}
