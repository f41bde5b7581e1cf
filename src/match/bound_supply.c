/* What sites are made of, and which demands their rules allow. */
#include "match/bound_private.h"

#include <string.h>

#define RULES_MAX 4096 /* sets of sites under equal rules; beyond that some share one, and their rules are united */

static uint32_t number_text(struct numbering *numbering, const char *text)
{
	return numbering_put(numbering, text, strlen(text) + 1); /* it is read as a text later */
}

static void layout_keep(struct bound_supply *supply, uint32_t number)
{
	const uint32_t *kept = supply->layouts_by_bytes.items[number].bytes;

	if (number >= supply->layout_capacity) {
		size_t capacity = supply->layout_capacity ? supply->layout_capacity * 2 : 64;
		struct bound_layout *grown = ARENA_ARRAY(supply->arena, struct bound_layout, capacity);

		if (number)
			memcpy(grown, supply->layouts, number * sizeof(*grown));
		supply->layouts = grown;
		supply->layout_capacity = capacity;
	}
	supply->layouts[number] = (struct bound_layout){ .model_count = kept[0], .resource_count = kept[1], .models = kept + 2,
							 .chips = kept + 2 + kept[0], .resources = kept + 2 + 2 * kept[0] };
	for (uint32_t m = 0; m < kept[0]; m++)
		supply->layouts[number].chip_count += supply->layouts[number].chips[m];
}

/* Chips by model: their order, and how many of each. */
static void group_parts(struct bound_supply *supply, const struct supply_group *group, struct bound_group *ret, uint32_t *models)
{
	uint32_t of_chip[NODE_CHIPS_MAX], at = 0;

	for (uint32_t c = 0; c < group->chips_per_node; c++) {
		uint32_t model, part;

		if (c > 0 && group->chip_names[c] == group->chip_names[c - 1]) {
			of_chip[c] = of_chip[c - 1];
			ret->parts[of_chip[c]]++;
			continue;
		}
		model = number_text(&supply->models, group->chip_names[c]);
		for (part = 0; part < ret->part_count && models[part] != model; part++)
			;
		if (part == ret->part_count) {
			models[part] = model;
			ret->parts[ret->part_count++] = 0;
		}
		of_chip[c] = part;
		ret->parts[part]++;
	}
	for (uint32_t part = 0; part < ret->part_count; part++)
		for (uint32_t c = 0; c < group->chips_per_node; c++)
			if (of_chip[c] == part)
				ret->order[at++] = (unsigned char)c;
}

void bound_group_open(struct bound_supply *supply, const struct supply_group *group, struct bound_group *ret)
{
	uint32_t models[NODE_CHIPS_MAX], bytes[2 + 2 * NODE_CHIPS_MAX + RESOURCES_MAX];
	uint32_t known = supply->layouts_by_bytes.count, parts;

	ret->group = group;
	ret->part_count = 0;
	group_parts(supply, group, ret, models);
	parts = ret->part_count;
	bytes[0] = parts;
	bytes[1] = group->resource_count;
	for (uint32_t part = 0; part < parts; part++) {
		bytes[2 + part] = models[part];
		bytes[2 + parts + part] = ret->parts[part];
	}
	for (uint32_t r = 0; r < group->resource_count; r++)
		bytes[2 + 2 * parts + r] = number_text(&supply->resources, group->resource_names[r]);
	ret->layout = numbering_put(&supply->layouts_by_bytes, bytes, (2 + 2 * parts + group->resource_count) * sizeof(*bytes));
	if (ret->layout == known)
		layout_keep(supply, known);
}

/* Numbers the sites so that sites of one number are allowed to the same demands. */
static uint32_t *number_rules(struct bound_supply *supply, const struct bound_input *input)
{
	size_t sites = input->site_count, words = (sites + 63) / 64, rule_words;
	uint32_t *numbers = ARENA_ARRAY(supply->arena, uint32_t, sites + 1);
	uint32_t *split = ARENA_ARRAY(supply->arena, uint32_t, (size_t)RULES_MAX * 2);
	uint32_t *set_of = ARENA_ARRAY(supply->arena, uint32_t, input->demand_count + 1);
	uint64_t **allow;
	struct numbering sets;

	numbering_init(&sets, supply->arena);
	supply->rules_count = 1;
	for (size_t d = 0; d < input->demand_count; d++) {
		const uint64_t *allowed = input->demands[d].allowed;
		uint32_t known = sets.count, count = 0;

		set_of[d] = numbering_put(&sets, allowed, words * sizeof(*allowed));
		if (set_of[d] < known || supply->rules_count > RULES_MAX)
			continue;
		memset(split, 0, supply->rules_count * 2 * sizeof(*split));
		for (size_t s = 0; s < sites; s++) {
			uint32_t *number = &split[numbers[s] * 2 + (allowed[s / 64] >> (s % 64) & 1)];

			if (*number == 0)
				*number = ++count;
			numbers[s] = *number - 1;
		}
		supply->rules_count = count ? count : 1;
	}
	supply->pooled = supply->rules_count > RULES_MAX;
	rule_words = (supply->rules_count + 63) / 64;
	allow = ARENA_ARRAY(supply->arena, uint64_t *, sets.count + 1);
	for (uint32_t i = 0; i < sets.count; i++) {
		const uint64_t *allowed = sets.items[i].bytes;

		allow[i] = ARENA_ARRAY(supply->arena, uint64_t, rule_words);
		for (size_t s = 0; s < sites; s++)
			if (allowed[s / 64] >> (s % 64) & 1)
				allow[i][numbers[s] / 64] |= (uint64_t)1 << (numbers[s] % 64);
	}
	supply->rules_allow = ARENA_ARRAY(supply->arena, uint64_t *, input->demand_count + 1);
	for (size_t d = 0; d < input->demand_count; d++)
		supply->rules_allow[d] = allow[set_of[d]];
	return numbers;
}

void bound_supply_open(struct bound_supply *supply, const struct bound_input *input, struct arena *arena)
{
	*supply = (struct bound_supply){ .arena = arena };
	numbering_init(&supply->models, arena);
	numbering_init(&supply->resources, arena);
	numbering_init(&supply->layouts_by_bytes, arena);
	for (size_t s = 0; s < input->site_count; s++)
		for (size_t g = 0; input->supplies[s] && g < input->supplies[s]->group_count; g++) {
			struct bound_group group;

			bound_group_open(supply, &input->supplies[s]->groups[g], &group);
		}
	supply->rules = number_rules(supply, input);
}
