#include "match/overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void overlay_init(struct overlay *overlay, size_t site_count, struct arena *arena)
{
	overlay->arena = arena;
	overlay->sites = ARENA_ARRAY(arena, struct site_overlay *, site_count ? site_count : 1);
}

struct site_overlay *overlay_site(struct overlay *overlay, size_t index, const struct supply *supply)
{
	struct site_overlay *site = overlay->sites[index];

	if (site)
		return site;
	site = ARENA_NEW(overlay->arena, struct site_overlay);
	site->groups = ARENA_ARRAY(overlay->arena, struct group_overlay, supply->group_count ? supply->group_count : 1);
	for (size_t i = 0; i < supply->group_count; i++) {
		const struct supply_group *group = &supply->groups[i];

		site->groups[i] = (struct group_overlay){
			.cpu_free_total = group->cpu_free_total,
			.memory_free_total = group->memory_free_total,
			.chips_free_total = group->chips_free_total,
			.chip_milli_free_total = group->chip_milli_free_total,
			.cpu_most = group->cpu_milli,
			.memory_most = group->memory_mib,
			.chips_most = group->chips_per_node,
		};
	}
	overlay->sites[index] = site;
	return site;
}

static struct touched_node *find_place(struct touched_node *table, size_t capacity, uint32_t node)
{
	for (uint64_t at = node * 0x9e3779b1u;; at++) {
		struct touched_node *place = &table[at & (capacity - 1)];

		if (!place->state || place->node == node)
			return place;
	}
}

struct node_state *overlay_find(const struct group_overlay *group, uint32_t node)
{
	return find_place(group->table, group->table_capacity, node)->state;
}

static void grow(struct group_overlay *group, struct arena *arena)
{
	size_t capacity = group->table_capacity ? group->table_capacity * 2 : 8;
	struct touched_node *table = ARENA_ARRAY(arena, struct touched_node, capacity);

	for (size_t i = 0; i < group->table_capacity; i++)
		if (group->table[i].state)
			*find_place(table, capacity, group->table[i].node) = group->table[i];
	group->table = table;
	group->table_capacity = capacity;
}

/* The round's own copy of the node. */
static struct node_state *touch(struct overlay *overlay, struct group_overlay *group, const struct supply_group *from, uint32_t node)
{
	struct touched_node *place;
	size_t chips = from->chips_per_node;

	if (!group->touched)
		group->touched = ARENA_ARRAY(overlay->arena, uint64_t, (from->node_count + 63) / 64);
	if (group->touched[node / 64] >> (node % 64) & 1)
		return overlay_find(group, node);
	if (group->table_count * 2 >= group->table_capacity)
		grow(group, overlay->arena);
	place = find_place(group->table, group->table_capacity, node);
	place->node = node;
	place->state = arena_alloc(overlay->arena, sizeof(*place->state) + chips * sizeof(uint16_t));
	place->state->cpu_free = from->cpu_free[node];
	place->state->memory_free = from->memory_free[node];
	if (chips)
		memcpy(place->state->chip_free, from->chip_free + (size_t)node * chips, chips * sizeof(uint16_t));
	group->table_count++;
	group->touched[node / 64] |= (uint64_t)1 << (node % 64);
	return place->state;
}

static _Noreturn void breach(void)
{
	fputs("match: a round was about to give something out twice\n", stderr);
	abort();
}

void overlay_take(struct overlay *overlay, struct site_overlay *site, const struct supply *supply, const struct slot *slot,
		  const struct worker_need *need)
{
	struct group_overlay *group = &site->groups[slot->group];
	struct node_state *state = touch(overlay, group, &supply->groups[slot->group], slot->node);

	if (state->cpu_free < need->cpu_milli || state->memory_free < need->memory_mib)
		breach();
	state->cpu_free -= (int32_t)need->cpu_milli;
	state->memory_free -= (int32_t)need->memory_mib;
	group->cpu_free_total -= need->cpu_milli;
	group->memory_free_total -= need->memory_mib;
	for (uint64_t rest = slot->chips; rest; rest &= rest - 1) {
		uint16_t *chip = &state->chip_free[__builtin_ctzll(rest)];

		if (*chip < slot->chip_milli)
			breach();
		group->chips_free_total -= *chip == CHIP_MILLI;
		group->chip_milli_free_total -= slot->chip_milli;
		*chip = (uint16_t)(*chip - slot->chip_milli);
	}
	site->serial++;
}
