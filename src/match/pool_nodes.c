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

static uint32_t *bucket_nodes(struct bucket *bucket)
{
	return bucket->capacity ? bucket->heap : &bucket->one;
}

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
	sift_up(pool, bucket_nodes(bucket), bucket->count++, node);
}

static void bucket_drop(struct pool *pool, struct bucket *bucket, uint32_t node)
{
	uint32_t *heap = bucket_nodes(bucket);
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

/* --- buckets by state and group --- */

static uint64_t bucket_hash(const struct cell *state, uint32_t group)
{
	uint64_t hash = (state->hash ^ (uint64_t)(group + 1) << 40) * 0x9e3779b97f4a7c15u;

	return hash ^ hash >> 32;
}

static uint32_t *index_place(const struct pool *pool, const struct cell *state, uint32_t group)
{
	for (uint64_t at = bucket_hash(state, group);; at++) {
		uint32_t *place = &pool->index[at & (pool->index_capacity - 1)];

		if (!*place || (pool->buckets[*place - 1].state == state && pool->buckets[*place - 1].group == group))
			return place;
	}
}

static void index_grow(struct pool *pool)
{
	free(pool->index);
	pool->index_capacity = pool->index_capacity ? pool->index_capacity * 2 : 16;
	pool->index = mem_alloc(pool->index_capacity * sizeof(*pool->index));
	for (uint32_t b = 0; b < pool->bucket_count; b++)
		if (pool->buckets[b].state)
			*index_place(pool, pool->buckets[b].state, pool->buckets[b].group) = b + 1;
}

static void index_remove(struct pool *pool, uint32_t number)
{
	size_t mask = pool->index_capacity - 1;
	size_t hole = bucket_hash(pool->buckets[number].state, pool->buckets[number].group) & mask;

	while (pool->index[hole] != number + 1)
		hole = (hole + 1) & mask;
	for (size_t at = (hole + 1) & mask; pool->index[at]; at = (at + 1) & mask) {
		const struct bucket *bucket = &pool->buckets[pool->index[at] - 1];
		size_t home = bucket_hash(bucket->state, bucket->group) & mask;

		if (((at - home) & mask) >= ((at - hole) & mask)) {
			pool->index[hole] = pool->index[at];
			hole = at;
		}
	}
	pool->index[hole] = 0;
}

static uint32_t bucket_new(struct pool *pool, struct cell *state, uint32_t group)
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
	pool->buckets[number] = (struct bucket){ .state = state, .group = group };
	pool->bucket_class[number] = state->number;
	pool->live++;
	return number;
}

static void bucket_free(struct pool *pool, uint32_t number)
{
	index_remove(pool, number);
	if (pool->buckets[number].capacity)
		free(pool->buckets[number].heap);
	pool->buckets[number] = (struct bucket){ 0 };
	pool->bucket_class[number] = CLASS_NONE;
	ARRAY_RESERVE(pool->bucket_free, pool->bucket_free_capacity, pool->bucket_free_count + 1);
	pool->bucket_free[pool->bucket_free_count++] = number;
	pool->live--;
}

void pool_refresh(struct pool *pool)
{
	if (pool->class_epoch == pool->chooser->class_epoch)
		return;
	pool->class_epoch = pool->chooser->class_epoch;
	for (uint32_t b = 0; b < pool->bucket_count; b++)
		pool->bucket_class[b] = pool->buckets[b].state ? pool->buckets[b].state->number : CLASS_NONE;
}

static uint32_t group_of(const struct pool *pool, uint32_t node)
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

void node_insert(struct pool *pool, uint32_t node, struct cell *state)
{
	uint32_t group = group_of(pool, node);
	uint32_t *place;

	if ((pool->live + 1) * 2 > pool->index_capacity)
		index_grow(pool);
	place = index_place(pool, state, group);
	if (!*place)
		*place = bucket_new(pool, state, group) + 1;
	pool->node_bucket[node] = *place - 1;
	bucket_add(pool, &pool->buckets[*place - 1], node);
}

struct cell *node_remove(struct pool *pool, uint32_t node)
{
	uint32_t number = pool->node_bucket[node];
	struct bucket *bucket = &pool->buckets[number];
	struct cell *state = bucket->state;

	bucket_drop(pool, bucket, node);
	pool->node_bucket[node] = BUCKET_NONE;
	if (bucket->count == 0)
		bucket_free(pool, number);
	return state;
}

/* --- taking and giving --- */

bool group_holds(struct pool *pool, const struct pool_group *group, struct need *need)
{
	const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);
	uint32_t largest = 0;

	if (!in->possible || need->cpu > group->cpu_milli || need->memory > group->memory_mib)
		return false;
	for (uint32_t i = 0; i < need->resource_count; i++)
		if (need->resources[i] > 0 && need->resources[i] > group->resource_capacity[in->resource_place[i]])
			return false;
	for (uint64_t rest = in->parts; rest; rest &= rest - 1) {
		unsigned p = (unsigned)__builtin_ctzll(rest);
		uint32_t chips = (uint32_t)(group->layout->part_start[p + 1] - group->layout->part_start[p]);

		largest = chips > largest ? chips : largest;
	}
	return need->chips <= largest;
}

struct node_share slot_share(struct pool *pool, const struct slot *slot, struct need *need)
{
	const struct need_layout *in = chooser_in(pool->chooser, need, pool->groups[slot->group].layout);
	struct node_share share = { .cpu = need->cpu, .memory = need->memory, .chips = slot->chips, .milli = slot->chip_milli };

	for (uint32_t i = 0; i < need->resource_count; i++)
		if (need->resources[i] > 0)
			share.resources[in->resource_place[i]] = need->resources[i];
	return share;
}

/* The amounts of the node without the share (with it); gives what is wrong with that, or NULL. */
static const char *amounts_change(const struct pool_group *group, const struct cell *state, const struct node_share *share, int sign,
				  struct node_copy *ret)
{
	struct node_free before = cell_free(state);
	int64_t cpu = before.cpu - sign * share->cpu, memory = before.memory - sign * share->memory;

	copy_set(ret, &before);
	if (cpu < 0 || memory < 0)
		return "CPU or memory was to be given out twice";
	if (cpu > group->cpu_milli || memory > group->memory_mib)
		return "CPU or memory was to be given back twice";
	ret->cpu = (int32_t)cpu;
	ret->memory = (int32_t)memory;
	for (uint32_t r = 0; r < group->layout->resource_count; r++) {
		int64_t left = before.resources[r] - sign * share->resources[r];

		if (left < 0 || left > group->resource_capacity[r])
			return "a resource was to be given out or back twice";
		ret->resources[r] = (int32_t)left;
	}
	return NULL;
}

/* Writes the node's chips into the copy, in the layout's order. */
static void chips_gather(const struct pool_group *group, const uint16_t *chips, struct node_copy *copy)
{
	for (uint32_t c = 0; c < group->layout->chip_count; c++)
		copy->chips[group->place[c]] = chips[c];
	copy_order(copy);
}

static void totals_change(struct pool_group *group, const struct cell *before, const struct node_copy *after)
{
	group->cpu_free += after->cpu - before->cpu;
	group->memory_free += after->memory - before->memory;
	for (uint32_t r = 0; r < group->layout->resource_count; r++)
		group->resource_free[r] += after->resources[r] - before->tail[r];
}

static void chip_change(struct pool_group *group, uint32_t chip, uint16_t *at, int by)
{
	struct part_totals *part = &group->parts[group->part[chip]];

	part->whole -= *at == CHIP_MILLI;
	part->milli += by;
	*at = (uint16_t)(*at + by);
	part->whole += *at == CHIP_MILLI;
}

/* Moves the node to the state with these amounts. */
static void node_move(struct pool *pool, uint32_t node, const struct node_copy *to)
{
	struct node_free free = copy_free(to);
	struct cell *state = chooser_state_ref(pool->chooser, &free);

	pool_refresh(pool);
	if (pool->node_bucket[node] == BUCKET_NONE) {
		chooser_state_unref(pool->chooser, pool->aside[node]);
		pool->aside[node] = state;
		return;
	}
	chooser_state_unref(pool->chooser, node_remove(pool, node));
	node_insert(pool, node, state);
}

void node_fill(struct pool *pool, uint32_t node, struct node_copy *amounts)
{
	struct node_free free;

	copy_order(amounts);
	free = copy_free(amounts);
	node_insert(pool, node, chooser_state_ref(pool->chooser, &free));
	pool_refresh(pool);
}

void node_change(struct pool *pool, uint32_t group_number, uint32_t node, const struct node_share *share, int sign)
{
	struct pool_group *group = &pool->groups[group_number];
	const struct cell *state = node_state(pool, node);
	uint16_t *chips = node_chips(group, node);
	struct node_copy to;
	const char *wrong = amounts_change(group, state, share, sign, &to);
	size_t i = 0;

	for (uint64_t rest = share->chips; rest && !wrong; rest &= rest - 1, i++) {
		uint16_t milli = share->each ? share->each[i] : share->milli;
		unsigned c = (unsigned)__builtin_ctzll(rest);

		if (sign > 0 && chips[c] < milli)
			wrong = "a chip was to be given out twice";
		else if (sign < 0 && chips[c] + milli > CHIP_MILLI)
			wrong = "a chip was to be given back twice";
		else
			chip_change(group, c, &chips[c], -sign * milli);
	}
	if (wrong)
		breach(wrong);
	chips_gather(group, chips, &to);
	totals_change(group, state, &to);
	node_move(pool, node, &to);
}

struct slot node_slot(struct pool *pool, uint32_t group_number, uint32_t node, struct need *need, int64_t *ret_useless)
{
	const struct pool_group *group = &pool->groups[group_number];
	const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);
	struct node_free free = cell_free(node_state(pool, node));
	const uint16_t *chips = node_chips(group, node);
	struct slot slot = { .group = group_number, .node = node - group->first, .chip_milli = need->milli };
	struct worth_choice choice;
	uint32_t wanted = need->chips;

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
