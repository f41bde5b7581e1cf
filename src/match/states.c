#include "match/states.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define TABLE_FIRST 64

void copy_set(struct node_copy *copy, const struct node_free *from)
{
	copy->layout = from->layout;
	copy->cpu = from->cpu;
	copy->memory = from->memory;
	memcpy(copy->resources, from->resources, from->layout->resource_count * sizeof(int32_t));
	memcpy(copy->chips, from->chips, from->layout->chip_count * sizeof(uint16_t));
}

void copy_order(struct node_copy *copy)
{
	const struct layout *layout = copy->layout;

	/* By insertion: a node has few chips, and all but one or two are in order already. */
	for (uint32_t p = 0; p < layout->part_count; p++) {
		uint32_t start = layout->part_start[p], end = layout->part_start[p + 1];

		for (uint32_t c = start + 1; c < end; c++) {
			uint16_t chip = copy->chips[c];
			uint32_t at = c;

			for (; at > start && copy->chips[at - 1] > chip; at--)
				copy->chips[at] = copy->chips[at - 1];
			copy->chips[at] = chip;
		}
	}
}

static uint64_t mix_in(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

uint64_t node_free_hash(const struct node_free *of)
{
	uint64_t hash = mix_in(of->layout->serial, (uint64_t)(uint32_t)of->cpu << 32 | (uint32_t)of->memory);
	size_t left = of->layout->chip_count * sizeof(uint16_t);
	const unsigned char *chips = (const unsigned char *)of->chips;
	uint64_t word;

	for (uint32_t r = 0; r < of->layout->resource_count; r++)
		hash = mix_in(hash, (uint32_t)of->resources[r]);
	for (; left >= sizeof(word); left -= sizeof(word), chips += sizeof(word)) {
		memcpy(&word, chips, sizeof(word));
		hash = mix_in(hash, word);
	}
	word = 0;
	memcpy(&word, chips, left);
	return mix_in(mix_in(hash, word), left);
}

static bool cell_equals(const struct cell *cell, const struct node_free *of)
{
	const struct layout *layout = of->layout;
	struct node_free own = cell_free(cell);

	return cell->layout == layout && cell->cpu == of->cpu && cell->memory == of->memory &&
	       memcmp(own.resources, of->resources, layout->resource_count * sizeof(int32_t)) == 0 &&
	       memcmp(own.chips, of->chips, layout->chip_count * sizeof(uint16_t)) == 0;
}

struct cell *cell_find(const struct cell_table *table, const struct node_free *of, uint64_t hash)
{
	if (table->capacity == 0)
		return NULL;
	for (uint64_t at = hash;; at++) {
		struct cell *cell = table->cells[at & (table->capacity - 1)];

		if (!cell || (cell->hash == hash && cell_equals(cell, of)))
			return cell;
	}
}

static void insert(struct cell_table *table, struct cell *cell)
{
	uint64_t at = cell->hash;

	while (table->cells[at & (table->capacity - 1)])
		at++;
	table->cells[at & (table->capacity - 1)] = cell;
}

static void table_grow(struct cell_table *table)
{
	struct cell **old = table->cells;
	size_t old_capacity = table->capacity;

	table->capacity = old_capacity ? old_capacity * 2 : TABLE_FIRST;
	table->cells = mem_alloc(table->capacity * sizeof(struct cell *));
	for (size_t i = 0; i < old_capacity; i++)
		if (old[i])
			insert(table, old[i]);
	free(old);
}

static size_t cell_size(const struct layout *layout)
{
	return sizeof(struct cell) + layout->resource_count * sizeof(int32_t) + layout->chip_count * sizeof(uint16_t);
}

struct cell *cell_add(struct cell_table *table, const struct node_free *of, uint64_t hash)
{
	const struct layout *layout = of->layout;
	struct cell *cell = mem_alloc(cell_size(layout));

	if (table->count * 2 >= table->capacity)
		table_grow(table);
	*cell = (struct cell){ .hash = hash, .layout = (struct layout *)layout, .cpu = of->cpu, .memory = of->memory };
	memcpy(cell->tail, of->resources, layout->resource_count * sizeof(int32_t));
	memcpy(cell->tail + layout->resource_count, of->chips, layout->chip_count * sizeof(uint16_t));
	insert(table, cell);
	table->count++;
	table->bytes += cell_size(layout);
	return cell;
}

/* Linear probing without marks for what was deleted: those behind move up. */
void cell_remove(struct cell_table *table, struct cell *cell)
{
	size_t mask = table->capacity - 1;
	size_t hole = cell->hash & mask;

	while (table->cells[hole] != cell)
		hole = (hole + 1) & mask;
	for (size_t at = (hole + 1) & mask; table->cells[at]; at = (at + 1) & mask) {
		size_t home = table->cells[at]->hash & mask;

		if (((at - home) & mask) >= ((at - hole) & mask)) {
			table->cells[hole] = table->cells[at];
			hole = at;
		}
	}
	table->cells[hole] = NULL;
	table->count--;
	table->bytes -= cell_size(cell->layout);
	free(cell);
}

void cell_table_done(struct cell_table *table)
{
	for (size_t i = 0; i < table->capacity; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct cell_table){ 0 };
}

/* --- layouts --- */

/* Distinct names in order; `place[i]`: which of them `names[i]` is. */
static uint32_t names_order(const char *const *names, uint32_t count, const char **ret, uint8_t *place)
{
	uint32_t distinct = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = 0;

		while (at < distinct && strcmp(ret[at], names[i]) < 0)
			at++;
		if (at < distinct && strcmp(ret[at], names[i]) == 0)
			continue;
		memmove(ret + at + 1, ret + at, (distinct - at) * sizeof(*ret));
		ret[at] = names[i];
		distinct++;
	}
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t at = 0; at < distinct; at++)
			if (strcmp(ret[at], names[i]) == 0)
				place[i] = (uint8_t)at;
	return distinct;
}

static bool names_equal(const char *const *a, const char *const *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool layout_equals(const struct layout *a, const struct layout *b)
{
	return a->chip_count == b->chip_count && a->part_count == b->part_count && a->resource_count == b->resource_count &&
	       memcmp(a->part_start, b->part_start, a->part_count + 1) == 0 && names_equal(a->models, b->models, a->part_count) &&
	       names_equal(a->resources, b->resources, a->resource_count);
}

/* A copy with its own names, in one block. */
static struct layout *layout_copy(const struct layout *from)
{
	size_t names = from->part_count + from->resource_count;
	size_t text = 0;
	struct layout *layout;
	char *end;

	for (uint32_t i = 0; i < from->part_count; i++)
		text += strlen(from->models[i]) + 1;
	for (uint32_t i = 0; i < from->resource_count; i++)
		text += strlen(from->resources[i]) + 1;
	layout = mem_alloc(sizeof(*layout) + names * sizeof(char *) + text);
	*layout = *from;
	layout->models = (const char **)(void *)(layout + 1);
	layout->resources = layout->models + from->part_count;
	end = (char *)(layout->models + names);
	for (size_t i = 0; i < names; i++) {
		const char *name = i < from->part_count ? from->models[i] : from->resources[i - from->part_count];

		layout->models[i] = end;
		end = stpcpy(end, name) + 1;
	}
	return layout;
}

/* Turns the part of each chip into its place: parts in order, chips in order within a part. */
static void layout_places(struct layout *layout, const struct supply_group *group, uint8_t *place)
{
	uint8_t next[NODE_CHIPS_MAX + 1] = { 0 };

	for (uint32_t c = 0; c < group->chips_per_node; c++)
		next[place[c] + 1]++;
	for (uint32_t p = 0; p < layout->part_count; p++) {
		next[p + 1] = (uint8_t)(next[p + 1] + next[p]);
		layout->part_start[p + 1] = next[p + 1];
	}
	for (uint32_t c = 0; c < group->chips_per_node; c++)
		place[c] = next[place[c]]++;
}

struct layout *layout_ref(struct layout_table *table, const struct supply_group *group, uint8_t *place, uint8_t *resource_place)
{
	const char *models[NODE_CHIPS_MAX], *resources[RESOURCES_MAX];
	struct layout wanted = { .chip_count = group->chips_per_node, .models = models, .resources = resources };
	size_t id = table->count;

	assert(group->chips_per_node <= NODE_CHIPS_MAX && group->resource_count <= RESOURCES_MAX);
	wanted.part_count = names_order(group->chip_names, group->chips_per_node, models, place);
	wanted.resource_count = names_order(group->resource_names, group->resource_count, resources, resource_place);
	assert(wanted.resource_count == group->resource_count);
	layout_places(&wanted, group, place);
	for (size_t i = 0; i < table->count; i++) {
		if (!table->layouts[i]) {
			id = i < id ? i : id;
		} else if (layout_equals(table->layouts[i], &wanted)) {
			table->layouts[i]->refs++;
			return table->layouts[i];
		}
	}
	if (id == table->count)
		table->layouts = mem_resize(table->layouts, ++table->count, sizeof(*table->layouts));
	wanted.id = (uint32_t)id;
	wanted.serial = ++table->serial;
	wanted.refs = 1;
	table->layouts[id] = layout_copy(&wanted);
	return table->layouts[id];
}

void layout_unref(struct layout_table *table, struct layout *layout)
{
	if (--layout->refs > 0)
		return;
	table->layouts[layout->id] = NULL;
	free(layout);
}

void layout_table_done(struct layout_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->layouts[i]);
	free(table->layouts);
	*table = (struct layout_table){ 0 };
}
