#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "match/pool_private.h"

/* Whether the slot names a node and chips that exist, as many as the need asks for, in a node with all resources asked for. */
static bool slot_is_sound(const struct pool *pool, const struct slot *slot, struct need *need)
{
	const struct pool_group *group;
	const struct need_layout *in;
	uint32_t chips;

	if (slot->group >= pool->group_count)
		return false;
	group = &pool->groups[slot->group];
	chips = group->layout->chip_count;
	in = chooser_in(pool->chooser, need, group->layout);
	for (uint32_t i = 0; i < need->resource_count; i++)
		if (need->resources[i] > 0 && in->resource_place[i] >= group->layout->resource_count)
			return false;
	return slot->node < group->node_count && (chips >= 64 || slot->chips >> chips == 0) && slot->chip_milli == need->milli &&
	       (uint32_t)__builtin_popcountll(slot->chips) == need->chips;
}

static void slot_require(const struct pool *pool, const struct slot *slot, struct need *need)
{
	if (slot_is_sound(pool, slot, need))
		return;
	fputs("match: a slot that does not exist was to be booked\n", stderr);
	abort();
}

static void slot_book(struct pool *pool, const struct slot *slot, struct need *need, int sign)
{
	struct node_share share;

	slot_require(pool, slot, need);
	share = slot_share(pool, slot, need);
	node_change(pool, slot->group, pool->groups[slot->group].first + slot->node, &share, sign);
}

void pool_take(struct pool *pool, const struct slot *slots, size_t count, uint32_t handle)
{
	for (size_t i = 0; i < count; i++)
		slot_book(pool, &slots[i], need_at(&pool->chooser->needs, handle), 1);
}

void pool_give(struct pool *pool, const struct slot *slots, size_t count, uint32_t handle)
{
	for (size_t i = 0; i < count; i++)
		slot_book(pool, &slots[i], need_at(&pool->chooser->needs, handle), -1);
}

static bool same_node(const struct slot *a, const struct slot *b)
{
	return a->group == b->group && a->node == b->node;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct slot *first = *(const struct slot *const *)a, *second = *(const struct slot *const *)b;

	if (first->group != second->group)
		return first->group < second->group ? -1 : 1;
	return first->node < second->node ? -1 : first->node > second->node;
}

/* Whether the node holds all of these slots at once. */
static bool node_slots_free(const struct pool *pool, const struct slot *const *slots, size_t count, struct need *need)
{
	const struct pool_group *group = &pool->groups[slots[0]->group];
	const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);
	uint32_t node = group->first + slots[0]->node;
	const int32_t *resources = node_resources(group, node);
	uint16_t left[NODE_CHIPS_MAX];
	int64_t workers = (int64_t)count;

	if ((__int128)need->cpu * workers > pool->node_cpu[node] || (__int128)need->memory * workers > pool->node_memory[node])
		return false;
	for (uint32_t i = 0; i < need->resource_count; i++)
		if (need->resources[i] > 0 && (__int128)need->resources[i] * workers > resources[in->resource_place[i]])
			return false;
	memcpy(left, node_chips(group, node), group->layout->chip_count * sizeof(*left));
	for (size_t i = 0; i < count; i++) {
		for (uint64_t rest = slots[i]->chips; rest; rest &= rest - 1) {
			unsigned c = (unsigned)__builtin_ctzll(rest);

			if (left[c] < slots[i]->chip_milli)
				return false;
			left[c] = (uint16_t)(left[c] - slots[i]->chip_milli);
		}
	}
	return true;
}

bool pool_slots_free(const struct pool *pool, const struct slot *slots, size_t count, uint32_t handle)
{
	struct need *need = need_at(&pool->chooser->needs, handle);
	cleanup_free const struct slot **order = mem_alloc((count + 1) * sizeof(*order));
	size_t next;

	for (size_t i = 0; i < count; i++) {
		if (!slot_is_sound(pool, &slots[i], need))
			return false;
		order[i] = &slots[i];
	}
	if (count > 1)
		qsort(order, count, sizeof(*order), compare_nodes);
	for (size_t i = 0; i < count; i = next) {
		for (next = i + 1; next < count && same_node(order[i], order[next]); next++)
			;
		if (!node_slots_free(pool, order + i, next - i, need))
			return false;
	}
	return true;
}

/* --- holds --- */

struct held {
	uint32_t group, node;
	struct node_share share;
};

struct pool_hold {
	struct held *held;
	size_t count;
	uint16_t *chips; /* what was taken of each, all held one behind the other */
};

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Cuts the share down to what is free of it. */
static void share_cut(const struct pool *pool, struct held *held, uint16_t *each)
{
	const struct pool_group *group = &pool->groups[held->group];
	const uint16_t *chips = node_chips(group, held->node);
	size_t i = 0;

	held->share.cpu = least(held->share.cpu, pool->node_cpu[held->node]);
	held->share.memory = least(held->share.memory, pool->node_memory[held->node]);
	for (uint32_t r = 0; r < group->layout->resource_count; r++)
		held->share.resources[r] = least(held->share.resources[r], node_resources(group, held->node)[r]);
	for (uint64_t rest = held->share.chips; rest; rest &= rest - 1)
		each[i++] = (uint16_t)least(held->share.milli, chips[__builtin_ctzll(rest)]);
}

struct pool_hold *pool_hold(struct pool *pool, const struct slot *slots, size_t count, uint32_t handle)
{
	struct need *need = need_at(&pool->chooser->needs, handle);
	struct pool_hold *hold = mem_alloc(sizeof(*hold));
	size_t chips = 0;

	hold->held = mem_alloc((count + 1) * sizeof(*hold->held));
	hold->count = count;
	for (size_t i = 0; i < count; i++)
		chips += (size_t)__builtin_popcountll(slots[i].chips);
	hold->chips = mem_alloc((chips + 1) * sizeof(*hold->chips));
	chips = 0;
	for (size_t i = 0; i < count; i++) {
		struct held *held = &hold->held[i];

		slot_require(pool, &slots[i], need);
		*held = (struct held){ slots[i].group, pool->groups[slots[i].group].first + slots[i].node, slot_share(pool, &slots[i], need) };
		share_cut(pool, held, hold->chips + chips);
		held->share.each = hold->chips + chips;
		node_change(pool, held->group, held->node, &held->share, 1);
		chips += (size_t)__builtin_popcountll(slots[i].chips);
	}
	return hold;
}

void pool_unhold(struct pool *pool, struct pool_hold *hold)
{
	if (!hold)
		return;
	for (size_t i = hold->count; i-- > 0;)
		node_change(pool, hold->held[i].group, hold->held[i].node, &hold->held[i].share, -1);
	free(hold->held);
	free(hold->chips);
	free(hold);
}
