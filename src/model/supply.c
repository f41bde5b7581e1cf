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

/* Where the parts of a group's block begin. */
struct group_layout {
	size_t names, resource_names, capacity, total, cpu, memory, chips, resources, text, size;
};

static struct group_layout layout_of(const struct node_group *from)
{
	size_t nodes = (size_t)from->count, chips = (size_t)node_group_chips(from), resources = from->resource_count;
	struct group_layout at = { 0 };

	at.resource_names = at.names + chips * sizeof(char *);
	at.capacity = at.resource_names + resources * sizeof(char *);
	at.total = at.capacity + resources * sizeof(int64_t);
	at.cpu = at.total + resources * sizeof(int64_t);
	at.memory = at.cpu + align8(nodes * sizeof(int32_t));
	at.chips = at.memory + align8(nodes * sizeof(int32_t));
	at.resources = at.chips + align8(nodes * chips * sizeof(uint16_t));
	at.text = at.resources + align8(nodes * resources * sizeof(int32_t));
	at.size = at.text + strlen(from->name) + 1;
	for (size_t i = 0; i < from->chip_count; i++)
		at.size += strlen(from->chips[i].model) + 1;
	for (size_t i = 0; i < resources; i++)
		at.size += strlen(from->resources[i].name) + 1;
	return at;
}

static const char *put_text(const char *text, char **free_text)
{
	size_t size = strlen(text) + 1;
	char *copy = *free_text;

	memcpy(copy, text, size);
	*free_text += size;
	return copy;
}

/* The text of the model at `index`; equal models of a group share one pointer. */
static const char *model_text(const struct supply_group *group, const struct node_group *from, size_t index, uint32_t filled,
			      char **free_text)
{
	const char *model = from->chips[index].model;

	for (uint32_t i = 0; i < filled; i++)
		if (strcmp(group->chip_names[i], model) == 0)
			return group->chip_names[i];
	return put_text(model, free_text);
}

static void fill_resources(struct supply_group *group, const struct node_group *from, char **free_text)
{
	for (uint32_t r = 0; r < group->resource_count; r++) {
		int64_t count = from->resources[r].count;

		REQUIRE(count >= 0 && count <= COUNTABLE_MAX, "a node's resource is out of range");
		group->resource_names[r] = put_text(from->resources[r].name, free_text);
		group->resource_capacity[r] = count;
		group->resource_free_total[r] = count * group->node_count;
		for (size_t n = 0; n < group->node_count; n++)
			group->resource_free[n * group->resource_count + r] = (int32_t)count;
	}
}

static void group_init(struct supply_group *group, const struct node_group *from)
{
	size_t nodes = (size_t)from->count;
	size_t chips = (size_t)node_group_chips(from);
	struct group_layout at;
	uint32_t filled = 0;
	char *block;
	char *free_text;

	REQUIRE(from->count >= 0 && from->count <= GROUP_NODES_MAX, "too many nodes in a group");
	REQUIRE(chips <= NODE_CHIPS_MAX, "too many chips in a node");
	REQUIRE(from->cpu_milli >= 0 && from->cpu_milli <= INT32_MAX, "a node's CPU is out of range");
	REQUIRE(from->memory_mib >= 0 && from->memory_mib <= INT32_MAX, "a node's memory is out of range");
	REQUIRE(from->resource_count <= RESOURCES_MAX, "too many resources in a node");
	at = layout_of(from);
	block = mem_alloc(at.size);
	free_text = block + at.text;
	*group = (struct supply_group){
		.node_count = (uint32_t)nodes, .chips_per_node = (uint32_t)chips, .resource_count = (uint32_t)from->resource_count,
		.cpu_milli = from->cpu_milli, .memory_mib = from->memory_mib,
		.chip_names = (const char **)(void *)(block + at.names),
		.cpu_free = (int32_t *)(void *)(block + at.cpu),
		.memory_free = (int32_t *)(void *)(block + at.memory),
		.chip_free = (uint16_t *)(void *)(block + at.chips),
		.resource_names = (const char **)(void *)(block + at.resource_names),
		.resource_capacity = (int64_t *)(void *)(block + at.capacity),
		.resource_free = (int32_t *)(void *)(block + at.resources),
		.resource_free_total = (int64_t *)(void *)(block + at.total),
		.cpu_free_total = from->cpu_milli * (int64_t)nodes,
		.memory_free_total = from->memory_mib * (int64_t)nodes,
		.chips_free_total = (int64_t)(chips * nodes),
		.chip_milli_free_total = (int64_t)(chips * nodes) * CHIP_MILLI,
	};
	group->name = put_text(from->name, &free_text);
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
	fill_resources(group, from, &free_text);
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

int supply_group_resource(const struct supply_group *group, const char *name)
{
	for (uint32_t r = 0; r < group->resource_count; r++)
		if (strcmp(group->resource_names[r], name) == 0)
			return (int)r;
	return -1;
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

static bool resources_fit(const struct supply_group *group, uint32_t node, const struct shape *shape)
{
	for (size_t i = 0; i < shape->resource_count; i++) {
		int r = supply_group_resource(group, shape->resources[i].name);

		if (shape->resources[i].count > (r < 0 ? 0 : group->resource_free[(size_t)node * group->resource_count + (size_t)r]))
			return false;
	}
	return true;
}

/* Takes what the shape asks of further resources; `sign` -1 gives it back. */
static void resources_move(struct supply_group *group, uint32_t node, const struct shape *shape, int64_t sign)
{
	for (size_t i = 0; i < shape->resource_count; i++) {
		int64_t count = sign * shape->resources[i].count;
		int r = supply_group_resource(group, shape->resources[i].name);
		int32_t *left;

		if (!count)
			continue;
		REQUIRE(r >= 0, "a resource was to be given back that does not exist");
		left = &group->resource_free[(size_t)node * group->resource_count + (size_t)r];
		REQUIRE(*left - count >= 0 && *left - count <= group->resource_capacity[r], "a resource was to be given back twice");
		*left = (int32_t)(*left - count);
		group->resource_free_total[r] -= count;
	}
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
	return resources_fit(group, slot->node, shape);
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
	resources_move(group, slot->node, shape, 1);
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
	resources_move(group, slot->node, shape, -1);
	for (uint64_t rest = slot->chips; rest; rest &= rest - 1) {
		uint16_t *chip = &chips[__builtin_ctzll(rest)];

		*chip = (uint16_t)(*chip + slot->chip_milli);
		group->chips_free_total += *chip == CHIP_MILLI;
		group->chip_milli_free_total += slot->chip_milli;
	}
}

static bool resources_are_consistent(const struct supply_group *group)
{
	for (uint32_t r = 0; r < group->resource_count; r++) {
		int64_t sum = 0;

		for (uint32_t n = 0; n < group->node_count; n++) {
			int32_t left = group->resource_free[(size_t)n * group->resource_count + r];

			if (left < 0 || left > group->resource_capacity[r])
				return false;
			sum += left;
		}
		if (sum != group->resource_free_total[r])
			return false;
	}
	return true;
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
	       milli == group->chip_milli_free_total && resources_are_consistent(group);
}

bool supply_is_consistent(const struct supply *supply)
{
	for (size_t i = 0; i < supply->group_count; i++)
		if (!group_is_consistent(&supply->groups[i]))
			return false;
	return true;
}
