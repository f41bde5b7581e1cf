#include "model/supply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Bugs only: what is free is never given out twice, also in release builds. */
#define REQUIRE(condition, what)                                                                                                           \
	do {                                                                                                                               \
		if (!(condition))                                                                                                          \
			breach(what);                                                                                                      \
	} while (0)

static _Noreturn void breach(const char *what)
{
	fprintf(stderr, "supply: %s\n", what);
	abort();
}

static size_t align8(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* The text of the model at `at`; equal models of a group share one pointer. */
static const char *model_text(const struct supply_group *group, const struct node_group *from, size_t index, uint32_t filled,
			      char **free_text)
{
	const char *model = from->chips[index].model;
	size_t size = strlen(model) + 1;
	char *text = *free_text;

	for (uint32_t i = 0; i < filled; i++)
		if (strcmp(group->chip_names[i], model) == 0)
			return group->chip_names[i];
	memcpy(text, model, size);
	*free_text += size;
	return text;
}

static void group_init(struct supply_group *group, const struct node_group *from)
{
	size_t nodes = (size_t)from->count;
	size_t chips = (size_t)node_group_chips(from);
	size_t text = strlen(from->name) + 1;
	size_t names_at, chips_at, cpu_at, memory_at, text_at;
	uint32_t filled = 0;
	char *block;
	char *free_text;

	REQUIRE(from->count >= 0 && from->count <= GROUP_NODES_MAX, "too many nodes in a group");
	REQUIRE(chips <= NODE_CHIPS_MAX, "too many chips in a node");
	REQUIRE(from->cpu_milli >= 0 && from->cpu_milli <= INT32_MAX, "a node's CPU is out of range");
	REQUIRE(from->memory_mib >= 0 && from->memory_mib <= INT32_MAX, "a node's memory is out of range");
	for (size_t i = 0; i < from->chip_count; i++)
		text += strlen(from->chips[i].model) + 1;
	names_at = 0;
	cpu_at = names_at + align8(chips * sizeof(char *));
	memory_at = cpu_at + align8(nodes * sizeof(int32_t));
	chips_at = memory_at + align8(nodes * sizeof(int32_t));
	text_at = chips_at + align8(nodes * chips * sizeof(uint16_t));
	block = mem_alloc(text_at + text);
	free_text = block + text_at;
	*group = (struct supply_group){
		.name = free_text, .node_count = (uint32_t)nodes, .chips_per_node = (uint32_t)chips,
		.cpu_milli = from->cpu_milli, .memory_mib = from->memory_mib,
		.chip_names = (const char **)(void *)(block + names_at),
		.cpu_free = (int32_t *)(void *)(block + cpu_at),
		.memory_free = (int32_t *)(void *)(block + memory_at),
		.chip_free = (uint16_t *)(void *)(block + chips_at),
		.cpu_free_total = from->cpu_milli * (int64_t)nodes,
		.memory_free_total = from->memory_mib * (int64_t)nodes,
		.chips_free_total = (int64_t)(chips * nodes),
		.chip_milli_free_total = (int64_t)(chips * nodes) * CHIP_MILLI,
	};
	memcpy(free_text, from->name, strlen(from->name) + 1);
	free_text += strlen(from->name) + 1;
	for (size_t i = 0; i < from->chip_count; i++) {
		const char *model = from->chips[i].count > 0 ? model_text(group, from, i, filled, &free_text) : NULL;

		for (int64_t k = 0; k < from->chips[i].count; k++)
			group->chip_names[filled++] = model;
	}
	for (size_t n = 0; n < nodes; n++) {
		group->cpu_free[n] = (int32_t)from->cpu_milli;
		group->memory_free[n] = (int32_t)from->memory_mib;
	}
	for (size_t c = 0; c < nodes * chips; c++)
		group->chip_free[c] = CHIP_MILLI;
}

void supply_init(struct supply *supply, const struct node_group *groups, size_t group_count)
{
	REQUIRE(group_count <= SITE_GROUPS_MAX, "too many groups in a site");
	supply->groups = group_count ? mem_alloc(group_count * sizeof(*supply->groups)) : NULL;
	supply->group_count = group_count;
	for (size_t i = 0; i < group_count; i++)
		group_init(&supply->groups[i], &groups[i]);
}

void supply_done(struct supply *supply)
{
	/* The names come last but chip_names begins each group's block. */
	for (size_t i = 0; i < supply->group_count; i++)
		free(supply->groups[i].chip_names);
	free(supply->groups);
	*supply = (struct supply){ 0 };
}

/* Whether the slot names a node and chips that exist and as many chips as the shape asks for. */
static bool slot_is_sound(const struct supply *supply, const struct slot *slot, const struct shape *shape)
{
	const struct supply_group *group;
	int64_t asked = shape->chips.milli;

	if (slot->group >= supply->group_count)
		return false;
	group = &supply->groups[slot->group];
	if (slot->node >= group->node_count)
		return false;
	if (group->chips_per_node < 64 && slot->chips >> group->chips_per_node)
		return false;
	if (asked == 0)
		return slot->chips == 0 && slot->chip_milli == 0;
	if (asked < CHIP_MILLI)
		return slot->chip_milli == asked && __builtin_popcountll(slot->chips) == 1;
	return slot->chip_milli == CHIP_MILLI && __builtin_popcountll(slot->chips) * (int64_t)CHIP_MILLI == asked;
}

bool supply_fits(const struct supply *supply, const struct slot *slot, const struct shape *shape)
{
	const struct supply_group *group;
	const uint16_t *chips;

	if (!slot_is_sound(supply, slot, shape))
		return false;
	group = &supply->groups[slot->group];
	if (shape->cpu_milli > group->cpu_free[slot->node] || shape->memory_mib > group->memory_free[slot->node])
		return false;
	chips = group->chip_free + (size_t)slot->node * group->chips_per_node;
	for (uint64_t rest = slot->chips; rest; rest &= rest - 1)
		if (chips[__builtin_ctzll(rest)] < slot->chip_milli)
			return false;
	return true;
}

void supply_take(struct supply *supply, const struct slot *slot, const struct shape *shape)
{
	struct supply_group *group;
	uint16_t *chips;

	REQUIRE(supply_fits(supply, slot, shape), "something was to be given out twice");
	group = &supply->groups[slot->group];
	group->cpu_free[slot->node] -= (int32_t)shape->cpu_milli;
	group->cpu_free_total -= shape->cpu_milli;
	group->memory_free[slot->node] -= (int32_t)shape->memory_mib;
	group->memory_free_total -= shape->memory_mib;
	chips = group->chip_free + (size_t)slot->node * group->chips_per_node;
	for (uint64_t rest = slot->chips; rest; rest &= rest - 1) {
		uint16_t *chip = &chips[__builtin_ctzll(rest)];

		group->chips_free_total -= *chip == CHIP_MILLI;
		group->chip_milli_free_total -= slot->chip_milli;
		*chip = (uint16_t)(*chip - slot->chip_milli);
	}
}

void supply_give(struct supply *supply, const struct slot *slot, const struct shape *shape)
{
	struct supply_group *group;
	uint16_t *chips;

	REQUIRE(slot_is_sound(supply, slot, shape), "something was to be given back that does not exist");
	group = &supply->groups[slot->group];
	REQUIRE(group->cpu_free[slot->node] + shape->cpu_milli <= group->cpu_milli, "CPU was to be given back twice");
	REQUIRE(group->memory_free[slot->node] + shape->memory_mib <= group->memory_mib, "memory was to be given back twice");
	chips = group->chip_free + (size_t)slot->node * group->chips_per_node;
	for (uint64_t rest = slot->chips; rest; rest &= rest - 1)
		REQUIRE(chips[__builtin_ctzll(rest)] + slot->chip_milli <= CHIP_MILLI, "a chip was to be given back twice");
	group->cpu_free[slot->node] += (int32_t)shape->cpu_milli;
	group->cpu_free_total += shape->cpu_milli;
	group->memory_free[slot->node] += (int32_t)shape->memory_mib;
	group->memory_free_total += shape->memory_mib;
	for (uint64_t rest = slot->chips; rest; rest &= rest - 1) {
		uint16_t *chip = &chips[__builtin_ctzll(rest)];

		*chip = (uint16_t)(*chip + slot->chip_milli);
		group->chips_free_total += *chip == CHIP_MILLI;
		group->chip_milli_free_total += slot->chip_milli;
	}
}

static bool group_is_consistent(const struct supply_group *group)
{
	int64_t cpu = 0, memory = 0, whole = 0, milli = 0;

	for (uint32_t n = 0; n < group->node_count; n++) {
		if (group->cpu_free[n] < 0 || group->cpu_free[n] > group->cpu_milli)
			return false;
		if (group->memory_free[n] < 0 || group->memory_free[n] > group->memory_mib)
			return false;
		cpu += group->cpu_free[n];
		memory += group->memory_free[n];
		for (uint32_t c = 0; c < group->chips_per_node; c++) {
			uint16_t chip = group->chip_free[(size_t)n * group->chips_per_node + c];

			if (chip > CHIP_MILLI)
				return false;
			whole += chip == CHIP_MILLI;
			milli += chip;
		}
	}
	return cpu == group->cpu_free_total && memory == group->memory_free_total && whole == group->chips_free_total &&
	       milli == group->chip_milli_free_total;
}

bool supply_is_consistent(const struct supply *supply)
{
	for (size_t i = 0; i < supply->group_count; i++)
		if (!group_is_consistent(&supply->groups[i]))
			return false;
	return true;
}
