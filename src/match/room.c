#include "match/room.h"

#include <assert.h>

#define NODES_WINDOW 64 /* nodes kept for the workers that follow */

/* A node's place in the order of fit, with room for each part:
 * high: what the share's chip has left (10 bits), chips left (17), CPU left (31)
 * low:  memory left (31), group (6), node (20) */
#define KEY_NODE_BITS 20
#define KEY_GROUP_BITS 6
_Static_assert(GROUP_NODES_MAX <= 1 << KEY_NODE_BITS, "a node's number must fit its key");
_Static_assert(SITE_GROUPS_MAX <= 1 << KEY_GROUP_BITS, "a group's number must fit its key");
_Static_assert(NODE_CHIPS_MAX * CHIP_MILLI < 1 << 17, "a node's chips must fit its key");

void room_open(struct room *room, struct chip_cache *cache, const struct supply *supply, struct site_overlay *overlay)
{
	room->need = worker_need_of(&cache->ask->shape);
	room->supply = supply;
	room->overlay = overlay;
	room->group_count = 0;
	room->nodes_valid = false;
	for (size_t g = 0; g < supply->group_count; g++) {
		struct room_group *group = &room->groups[room->group_count];

		chip_parts_of(cache, &supply->groups[g], &group->parts);
		group->group = (uint32_t)g;
		group->empty_workers = empty_node_workers(&room->need, &group->parts, &supply->groups[g], DEMAND_WORKERS_MAX);
		if (group->empty_workers > 0 && supply->groups[g].node_count > 0)
			room->group_count++;
	}
}

/* No more workers than this fit into the group, by what is free in total and by the emptiest node known. */
static int64_t group_bound(const struct room *room, const struct room_group *group)
{
	const struct worker_need *need = &room->need;
	const struct group_overlay *overlay = &room->overlay->groups[group->group];
	int64_t bound = INT64_MAX;

	if (need->cpu_milli > overlay->cpu_most || need->memory_mib > overlay->memory_most)
		return 0;
	if (need->cpu_milli)
		bound = overlay->cpu_free_total / need->cpu_milli;
	if (need->memory_mib && overlay->memory_free_total / need->memory_mib < bound)
		bound = overlay->memory_free_total / need->memory_mib;
	if (need->chip_milli == CHIP_MILLI) {
		if (need->chips > overlay->chips_most)
			return 0;
		if (overlay->chips_free_total / need->chips < bound)
			bound = overlay->chips_free_total / need->chips;
	} else if (need->chip_milli && overlay->chip_milli_free_total / need->chip_milli < bound) {
		bound = overlay->chip_milli_free_total / need->chip_milli;
	}
	return bound;
}

static uint32_t whole_chips(const uint16_t *chips, uint32_t count)
{
	uint32_t whole = 0;

	for (uint32_t c = 0; c < count; c++)
		whole += chips[c] == CHIP_MILLI;
	return whole;
}

/* Counts in one group; a scan that reaches the end leaves behind what the emptiest node has. */
static int64_t count_group(struct room *room, const struct room_group *in, int64_t limit)
{
	const struct supply_group *group = &room->supply->groups[in->group];
	struct group_overlay *overlay = &room->overlay->groups[in->group];
	int64_t workers = 0, cpu_most = 0, memory_most = 0;
	uint32_t chips_most = 0;

	for (uint32_t n = 0; n < group->node_count; n++) {
		struct node_now node = overlay_node(overlay, group, n);
		uint32_t whole = whole_chips(node.chips, group->chips_per_node);

		cpu_most = node.cpu_free > cpu_most ? node.cpu_free : cpu_most;
		memory_most = node.memory_free > memory_most ? node.memory_free : memory_most;
		chips_most = whole > chips_most ? whole : chips_most;
		if (room->need.chip_milli == CHIP_MILLI && whole < room->need.chips)
			continue;
		workers += node_workers(&room->need, &in->parts, node.cpu_free, node.memory_free, node.chips, limit - workers);
		if (workers >= limit)
			return workers;
	}
	overlay->cpu_most = cpu_most;
	overlay->memory_most = memory_most;
	overlay->chips_most = chips_most;
	return workers;
}

bool room_fits(struct room *room, int64_t want)
{
	int64_t bound = 0;

	for (size_t i = 0; i < room->group_count && bound < want; i++) {
		int64_t more = group_bound(room, &room->groups[i]);

		bound = more > want - bound ? want : bound + more;
	}
	return bound >= want && room_count(room, want) >= want;
}

int64_t room_count(struct room *room, int64_t limit)
{
	int64_t workers = 0;

	for (size_t i = 0; i < room->group_count && workers < limit; i++)
		if (group_bound(room, &room->groups[i]) > 0)
			workers += count_group(room, &room->groups[i], limit - workers);
	return workers;
}

/* Free chips of the group that the ask may use, whole ones. */
static int64_t free_chips(const struct room *room, const struct room_group *in)
{
	const struct supply_group *group = &room->supply->groups[in->group];
	const struct group_overlay *overlay = &room->overlay->groups[in->group];
	int64_t chips = 0;

	if ((uint32_t)__builtin_popcountll(in->parts.mask) == group->chips_per_node || overlay->chips_free_total == 0)
		return overlay->chips_free_total;
	for (uint32_t n = 0; n < group->node_count; n++) {
		struct node_now node = overlay_node(overlay, group, n);

		for (uint64_t rest = in->parts.mask; rest; rest &= rest - 1)
			chips += node.chips[__builtin_ctzll(rest)] == CHIP_MILLI;
	}
	return chips;
}

/* The share that the fullest usable chip still has, and what all of them give in shares of this size. */
static void free_shares(const struct room *room, int64_t *ret_most, int64_t *ret_sum)
{
	uint16_t milli = room->need.chip_milli;

	*ret_most = *ret_sum = 0;
	for (size_t i = 0; i < room->group_count; i++) {
		const struct room_group *in = &room->groups[i];
		const struct supply_group *group = &room->supply->groups[in->group];
		const struct group_overlay *overlay = &room->overlay->groups[in->group];

		for (uint32_t n = 0; overlay->chip_milli_free_total > 0 && n < group->node_count; n++) {
			struct node_now node = overlay_node(overlay, group, n);

			for (uint64_t rest = in->parts.mask; rest; rest &= rest - 1) {
				uint16_t chip = node.chips[__builtin_ctzll(rest)];

				*ret_most = chip > *ret_most ? chip : *ret_most;
				*ret_sum += chip / milli * milli;
			}
		}
	}
}

static bool chips_verdict(const struct room *room, int64_t want, struct verdict *ret)
{
	const struct worker_need *need = &room->need;
	int64_t have = 0, most;

	*ret = (struct verdict){ .code = VERDICT_CHIPS_BUSY, .resource = RESOURCE_CHIPS };
	if (need->chip_milli == 0)
		return false;
	if (need->chip_milli < CHIP_MILLI) {
		free_shares(room, &most, &have);
		ret->resource = RESOURCE_CHIP_SHARE;
		ret->have = want == 1 ? most : have;
		ret->want = want * need->chip_milli;
	} else {
		for (size_t i = 0; i < room->group_count; i++)
			have += free_chips(room, &room->groups[i]);
		ret->have = have;
		ret->want = want * need->chips;
	}
	return ret->have < ret->want;
}

struct verdict room_verdict(struct room *room, int64_t want)
{
	struct verdict verdict;
	int64_t cpu = 0, memory = 0, workers;

	if (chips_verdict(room, want, &verdict))
		return verdict;
	for (size_t i = 0; i < room->group_count; i++) {
		cpu += room->overlay->groups[room->groups[i].group].cpu_free_total;
		memory += room->overlay->groups[room->groups[i].group].memory_free_total;
	}
	if (cpu < want * room->need.cpu_milli)
		return (struct verdict){ .code = VERDICT_CPU_BUSY, .resource = RESOURCE_CPU, .have = cpu, .want = want * room->need.cpu_milli };
	if (memory < want * room->need.memory_mib)
		return (struct verdict){ .code = VERDICT_MEMORY_BUSY, .resource = RESOURCE_MEMORY, .have = memory,
					 .want = want * room->need.memory_mib };
	workers = room_count(room, want);
	if (workers >= want)
		return (struct verdict){ .code = VERDICT_FITS };
	return (struct verdict){ .code = VERDICT_SCATTERED, .have = workers, .want = want };
}

/* The chips that the next worker gets in this node, or false when it does not fit. */
static bool pick_chips(const struct worker_need *need, const struct chip_parts *parts, const struct node_now *node, uint64_t *ret_chips)
{
	uint64_t best = 0;
	unsigned best_left = UINT32_MAX;

	*ret_chips = 0;
	if (node->cpu_free < need->cpu_milli || node->memory_free < need->memory_mib)
		return false;
	if (need->chips == 0)
		return true;
	for (unsigned p = 0; p < parts->count; p++) {
		uint64_t whole = 0;

		for (uint64_t rest = parts->parts[p]; rest; rest &= rest - 1) {
			unsigned chip = (unsigned)__builtin_ctzll(rest);

			if (node->chips[chip] == CHIP_MILLI)
				whole |= (uint64_t)1 << chip;
			if (need->chip_milli < CHIP_MILLI && node->chips[chip] >= need->chip_milli && node->chips[chip] < best_left) {
				best_left = node->chips[chip];
				best = (uint64_t)1 << chip;
			}
		}
		if (need->chip_milli == CHIP_MILLI && (uint32_t)__builtin_popcountll(whole) >= need->chips &&
		    (unsigned)__builtin_popcountll(whole) < best_left) {
			best_left = (unsigned)__builtin_popcountll(whole);
			best = whole;
		}
	}
	if (!best)
		return false;
	while ((uint32_t)__builtin_popcountll(best) > need->chips)
		best &= ~((uint64_t)1 << (63 - __builtin_clzll(best)));
	*ret_chips = best;
	return true;
}

static bool node_key(const struct room *room, const struct room_group *in, uint32_t n, struct key *ret)
{
	const struct supply_group *group = &room->supply->groups[in->group];
	struct node_now node = overlay_node(&room->overlay->groups[in->group], group, n);
	uint64_t chips, left = 0, share = 0;

	if (!pick_chips(&room->need, &in->parts, &node, &chips))
		return false;
	for (uint32_t c = 0; c < group->chips_per_node; c++)
		left += node.chips[c];
	left -= (uint64_t)room->need.chips * room->need.chip_milli;
	if (room->need.chip_milli > 0 && room->need.chip_milli < CHIP_MILLI)
		share = (uint64_t)(node.chips[__builtin_ctzll(chips)] - room->need.chip_milli);
	ret->high = share << 48 | left << 31 | (uint64_t)(node.cpu_free - room->need.cpu_milli);
	ret->low = (uint64_t)(node.memory_free - room->need.memory_mib) << (KEY_GROUP_BITS + KEY_NODE_BITS) |
		   (uint64_t)(in - room->groups) << KEY_NODE_BITS | n;
	return true;
}

static void select_nodes(struct room *room, struct arena *arena, size_t wanted)
{
	size_t capacity = wanted > NODES_WINDOW ? wanted : NODES_WINDOW;
	struct key key;

	if (room->nodes_capacity < capacity) {
		room->nodes.items = ARENA_ARRAY(arena, struct key, capacity);
		room->nodes_capacity = capacity;
	}
	key_window_begin(&room->nodes, room->nodes.items, room->nodes_capacity);
	for (size_t i = 0; i < room->group_count; i++) {
		if (group_bound(room, &room->groups[i]) == 0)
			continue;
		for (uint32_t n = 0; n < room->supply->groups[room->groups[i].group].node_count; n++)
			if (node_key(room, &room->groups[i], n, &key))
				key_window_offer(&room->nodes, key);
	}
	key_window_order(&room->nodes);
	room->nodes_valid = true;
	room->serial = room->overlay->serial;
}

/* Whether the window's smallest is the smallest of all. */
static bool window_serves(const struct room *room)
{
	const struct key_window *nodes = &room->nodes;

	if (!room->nodes_valid || room->serial != room->overlay->serial || nodes->count == 0)
		return false;
	return !nodes->truncated || !key_less(nodes->floor, nodes->items[0]);
}

void room_take(struct room *room, struct overlay *overlay, uint32_t count, struct slot *slots)
{
	for (uint32_t w = 0; w < count; w++) {
		const struct room_group *in;
		struct node_now node;
		struct key key;

		if (!window_serves(room))
			select_nodes(room, overlay->arena, count - w);
		key = key_window_pop(&room->nodes);
		in = &room->groups[key.low >> KEY_NODE_BITS & ((1 << KEY_GROUP_BITS) - 1)];
		slots[w] = (struct slot){ .worker = w, .group = in->group, .node = key.low & ((1 << KEY_NODE_BITS) - 1),
					  .chip_milli = room->need.chip_milli };
		node = overlay_node(&room->overlay->groups[in->group], &room->supply->groups[in->group], slots[w].node);
		if (!pick_chips(&room->need, &in->parts, &node, &slots[w].chips))
			assert(!"the window held a node without room");
		overlay_take(overlay, room->overlay, room->supply, &slots[w], &room->need);
		room->serial = room->overlay->serial;
		if (node_key(room, in, slots[w].node, &key))
			key_window_push(&room->nodes, key);
	}
}
