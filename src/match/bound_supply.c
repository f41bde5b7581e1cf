/* What is free, read into kinds of nodes and kinds of sites.
 *
 * A node's state is what it is made of and what it has free, its chips sorted: which chip is which does not matter here. A
 * site is the multiset of its nodes' states. Groups that nobody uses are read without looking at their nodes.
 *
 * When a network has more than STATES_MAX different states, what is free is rounded up, coarser and coarser, until there
 * are fewer. The bound then counts a little more than there is. Dropping the least frequent states was rejected: they are
 * the ones that are used, which the bound is about.
 */
#include "match/bound_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define STATES_MAX 262144
#define RULES_MAX 4096    /* sets of sites under equal rules; beyond that some share one, and their rules are united */
#define ROUNDING_LEVELS 8 /* the last rounds up to half of what there is */

struct reader {
	struct bound_supply *supply;
	const struct bound_input *input;
	unsigned rounding; /* 0 exact; then up to multiples of 2^-(9-rounding) of the node */
	struct bound_lot *lots;
	size_t lot_count, lot_capacity;
	/* the group that is being read */
	const struct supply_group *group;
	uint32_t layout;
	unsigned char order[NODE_CHIPS_MAX]; /* chips by model */
	uint32_t parts[NODE_CHIPS_MAX];      /* chips of each model */
	uint32_t part_count;
};

/* A state as bytes: layout, CPU, memory, further resources, chips. */
struct record {
	int32_t head[3 + RESOURCES_MAX];
	uint16_t chips[NODE_CHIPS_MAX];
};

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

/* Opens the group: its layout, and the order of its chips by model. */
static void group_open(struct reader *reader, const struct supply_group *group)
{
	struct bound_supply *supply = reader->supply;
	uint32_t models[NODE_CHIPS_MAX], bytes[2 + 2 * NODE_CHIPS_MAX + RESOURCES_MAX], of_chip[NODE_CHIPS_MAX];
	uint32_t known = supply->layouts_by_bytes.count, at = 0;
	const char *last = NULL;

	reader->group = group;
	reader->part_count = 0;
	for (uint32_t c = 0; c < group->chips_per_node; c++) {
		uint32_t model = 0, part;

		if (last && group->chip_names[c] == last) {
			of_chip[c] = of_chip[c - 1];
			reader->parts[of_chip[c]]++;
			continue;
		}
		last = group->chip_names[c];
		model = number_text(&supply->models, last);
		for (part = 0; part < reader->part_count && models[part] != model; part++)
			;
		if (part == reader->part_count) {
			models[part] = model;
			reader->parts[reader->part_count++] = 0;
		}
		of_chip[c] = part;
		reader->parts[part]++;
	}
	for (uint32_t part = 0; part < reader->part_count; part++)
		for (uint32_t c = 0; c < group->chips_per_node; c++)
			if (of_chip[c] == part)
				reader->order[at++] = (unsigned char)c;
	bytes[0] = reader->part_count;
	bytes[1] = group->resource_count;
	for (uint32_t part = 0; part < reader->part_count; part++) {
		bytes[2 + part] = models[part];
		bytes[2 + reader->part_count + part] = reader->parts[part];
	}
	for (uint32_t r = 0; r < group->resource_count; r++)
		bytes[2 + 2 * reader->part_count + r] = number_text(&supply->resources, group->resource_names[r]);
	reader->layout = numbering_put(&supply->layouts_by_bytes, bytes,
				       (2 + 2 * reader->part_count + group->resource_count) * sizeof(*bytes));
	if (reader->layout == known)
		layout_keep(supply, known);
}

static int32_t round_up(const struct reader *reader, int64_t free_now, int64_t capacity)
{
	int64_t step;

	if (reader->rounding == 0)
		return (int32_t)free_now;
	step = capacity >> (ROUNDING_LEVELS + 1 - reader->rounding);
	step = step ? step : 1;
	free_now = (free_now + step - 1) / step * step;
	return (int32_t)(free_now < capacity ? free_now : capacity);
}

static void sort_chips(uint16_t *chips, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		uint16_t chip = chips[i];
		uint32_t at = i;

		for (; at > 0 && chips[at - 1] < chip; at--)
			chips[at] = chips[at - 1];
		chips[at] = chip;
	}
}

static void state_keep(struct bound_supply *supply, uint32_t number)
{
	const int32_t *kept = supply->states_by_bytes.items[number].bytes;
	const struct bound_layout *layout = &supply->layouts[kept[0]];

	if (number >= supply->state_capacity) {
		size_t capacity = supply->state_capacity ? supply->state_capacity * 2 : 256;
		struct bound_state *grown = ARENA_ARRAY(supply->arena, struct bound_state, capacity);

		if (number)
			memcpy(grown, supply->states, number * sizeof(*grown));
		supply->states = grown;
		supply->state_capacity = capacity;
	}
	supply->states[number] = (struct bound_state){ .layout = (uint32_t)kept[0], .cpu = kept[1], .memory = kept[2], .resources = kept + 3,
						       .chips = (const uint16_t *)(const void *)(kept + 3 + layout->resource_count) };
}

static uint32_t record_put(struct bound_supply *supply, const struct record *record, const struct bound_layout *layout)
{
	unsigned char bytes[sizeof(struct record)];
	size_t head = (3 + layout->resource_count) * sizeof(int32_t), chips = layout->chip_count * sizeof(uint16_t);
	uint32_t known = supply->states_by_bytes.count, number;

	memcpy(bytes, record->head, head);
	memcpy(bytes + head, record->chips, chips);
	number = numbering_put(&supply->states_by_bytes, bytes, head + chips);
	if (number == known)
		state_keep(supply, known);
	return number;
}

/* The state of node `node`; of an unused one for UINT32_MAX. */
static uint32_t read_state(struct reader *reader, uint32_t node)
{
	const struct supply_group *group = reader->group;
	struct record record;
	uint32_t at = 0;

	record.head[0] = (int32_t)reader->layout;
	record.head[1] = round_up(reader, node == UINT32_MAX ? group->cpu_milli : group->cpu_free[node], group->cpu_milli);
	record.head[2] = round_up(reader, node == UINT32_MAX ? group->memory_mib : group->memory_free[node], group->memory_mib);
	for (uint32_t r = 0; r < group->resource_count; r++)
		record.head[3 + r] = round_up(reader,
					      node == UINT32_MAX ? group->resource_capacity[r]
								 : group->resource_free[(size_t)node * group->resource_count + r],
					      group->resource_capacity[r]);
	for (uint32_t part = 0; part < reader->part_count; part++) {
		uint32_t begin = at;

		for (uint32_t c = 0; c < reader->parts[part]; c++, at++) {
			size_t chip = (size_t)node * group->chips_per_node + reader->order[at];

			record.chips[at] = node == UINT32_MAX ? CHIP_MILLI : group->chip_free[chip];
			if (record.chips[at] < CHIP_MILLI && reader->rounding) { /* never a whole one by rounding */
				int32_t up = round_up(reader, record.chips[at], CHIP_MILLI);

				record.chips[at] = (uint16_t)(up < CHIP_MILLI ? up : CHIP_MILLI - 1);
			}
		}
		sort_chips(record.chips + begin, reader->parts[part]);
	}
	return record_put(reader->supply, &record, &reader->supply->layouts[reader->layout]);
}

static bool group_is_unused(const struct supply_group *group)
{
	int64_t nodes = group->node_count;

	for (uint32_t r = 0; r < group->resource_count; r++)
		if (group->resource_free_total[r] != group->resource_capacity[r] * nodes)
			return false;
	return group->cpu_free_total == group->cpu_milli * nodes && group->memory_free_total == group->memory_mib * nodes &&
	       group->chip_milli_free_total == nodes * group->chips_per_node * CHIP_MILLI;
}

static bool same_as_before(const struct supply_group *group, uint32_t node)
{
	size_t chips = group->chips_per_node, resources = group->resource_count, n = node;

	return node > 0 && group->cpu_free[n] == group->cpu_free[n - 1] && group->memory_free[n] == group->memory_free[n - 1] &&
	       (chips == 0 || !memcmp(group->chip_free + n * chips, group->chip_free + (n - 1) * chips, chips * sizeof(uint16_t))) &&
	       (resources == 0 || !memcmp(group->resource_free + n * resources, group->resource_free + (n - 1) * resources,
					  resources * sizeof(int32_t)));
}

static void add_lot(struct reader *reader, uint32_t state, int64_t count)
{
	if (reader->lot_count > 0 && reader->lots[reader->lot_count - 1].state == state) {
		reader->lots[reader->lot_count - 1].count += count;
		return;
	}
	ARRAY_RESERVE(reader->lots, reader->lot_capacity, reader->lot_count + 1);
	reader->lots[reader->lot_count++] = (struct bound_lot){ count, state };
}

static int compare_lots(const void *left, const void *right)
{
	const struct bound_lot *a = left, *b = right;

	return a->state < b->state ? -1 : a->state > b->state;
}

static void sort_lots(struct reader *reader)
{
	size_t kept = 0;

	if (reader->lot_count > 1)
		qsort(reader->lots, reader->lot_count, sizeof(*reader->lots), compare_lots);
	for (size_t i = 0; i < reader->lot_count; i++) {
		if (kept > 0 && reader->lots[kept - 1].state == reader->lots[i].state)
			reader->lots[kept - 1].count += reader->lots[i].count;
		else
			reader->lots[kept++] = reader->lots[i];
	}
	reader->lot_count = kept;
}

/* The site's lots in reader->lots. False when there are too many states. */
static bool read_site(struct reader *reader, const struct supply *supply)
{
	reader->lot_count = 0;
	for (size_t g = 0; g < supply->group_count; g++) {
		const struct supply_group *group = &supply->groups[g];
		uint32_t state = 0;

		group_open(reader, group);
		if (group_is_unused(group)) {
			if (group->node_count > 0)
				add_lot(reader, read_state(reader, UINT32_MAX), group->node_count);
			continue;
		}
		for (uint32_t n = 0; n < group->node_count; n++) {
			if (!same_as_before(group, n))
				state = read_state(reader, n);
			add_lot(reader, state, 1);
		}
		if (reader->supply->states_by_bytes.count > STATES_MAX && reader->rounding < ROUNDING_LEVELS)
			return false;
	}
	sort_lots(reader);
	return true;
}

/* --- rules --- */

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

/* --- kinds of sites --- */

static void kind_sum(const struct bound_supply *supply, struct bound_kind *kind)
{
	for (uint32_t l = 0; l < kind->lot_count; l++) {
		const struct bound_state *state = &supply->states[kind->lots[l].state];
		const struct bound_layout *layout = &supply->layouts[state->layout];
		int64_t count = kind->lots[l].count;

		kind->nodes_most += count;
		kind->cpu_most += count * state->cpu;
		kind->memory_most += count * state->memory;
		for (uint32_t c = 0; c < layout->chip_count; c++) {
			kind->chips_most += state->chips[c] == CHIP_MILLI ? count : 0;
			kind->chip_milli_most += count * state->chips[c];
		}
	}
}

/* Kinds by number of (rules, lots). */
static bool read_kinds(struct reader *reader, const uint32_t *rules, struct numbering *kinds, uint32_t **ret_counts)
{
	uint32_t *counts = ARENA_ARRAY(reader->supply->arena, uint32_t, reader->input->site_count + 1);
	struct bound_lot *key = NULL;
	size_t capacity = 0;
	bool fits = true;

	for (size_t s = 0; s < reader->input->site_count && fits; s++) {
		if (!reader->input->supplies[s])
			continue;
		fits = read_site(reader, reader->input->supplies[s]);
		if (!fits || reader->lot_count == 0)
			continue;
		ARRAY_RESERVE(key, capacity, 1 + reader->lot_count);
		key[0] = (struct bound_lot){ 0, rules[s] };
		memcpy(key + 1, reader->lots, reader->lot_count * sizeof(*key));
		counts[numbering_put(kinds, key, (1 + reader->lot_count) * sizeof(*key))]++;
	}
	free(key);
	*ret_counts = counts;
	return fits;
}

static void forget_states(struct bound_supply *supply)
{
	numbering_init(&supply->states_by_bytes, supply->arena);
	supply->state_capacity = 0;
}

void bound_supply_read(struct bound_supply *supply, const struct bound_input *input, struct arena *arena)
{
	struct reader reader = { .supply = supply, .input = input };
	struct numbering kinds;
	const uint32_t *rules;
	uint32_t *counts;

	*supply = (struct bound_supply){ .arena = arena };
	numbering_init(&supply->models, arena);
	numbering_init(&supply->resources, arena);
	numbering_init(&supply->layouts_by_bytes, arena);
	forget_states(supply);
	rules = number_rules(supply, input);
	numbering_init(&kinds, arena);
	while (!read_kinds(&reader, rules, &kinds, &counts) && reader.rounding < ROUNDING_LEVELS) {
		reader.rounding++;
		supply->pooled = true;
		forget_states(supply);
		numbering_init(&kinds, arena);
	}
	free(reader.lots);
	supply->kinds.items = ARENA_ARRAY(arena, struct bound_kind, kinds.count + 1);
	supply->kinds.count = kinds.count;
	for (uint32_t k = 0; k < kinds.count; k++) {
		struct bound_lot *key = kinds.items[k].bytes;

		supply->kinds.items[k] = (struct bound_kind){ .rules = (uint32_t)key->state, .count = counts[k], .lots = key + 1,
							.lot_count = (uint32_t)(kinds.items[k].size / sizeof(*key) - 1) };
		kind_sum(supply, &supply->kinds.items[k]);
		supply->kinds.lot_count += supply->kinds.items[k].lot_count;
	}
}

/* --- pooling --- */

static unsigned bits(int64_t value)
{
	return value > 0 ? 64 - (unsigned)__builtin_clzll((uint64_t)value) : 0;
}

/* What kinds that are pooled at this level have in common: nothing at BOUND_POOL_ALL. */
static uint32_t pool_key(struct numbering *keys, const struct bound_kind *kind, uint32_t number, enum bound_pooling level)
{
	uint32_t key[4] = { 0 };

	if (level == BOUND_POOL_NONE)
		key[0] = number;
	if (level == BOUND_POOL_ALIKE || level == BOUND_POOL_RULES)
		key[0] = kind->rules;
	if (level == BOUND_POOL_ALIKE) {
		key[1] = bits(kind->chips_most);
		key[2] = bits(kind->nodes_most);
		key[3] = bits(kind->cpu_most);
	}
	return numbering_put(keys, key, sizeof(key));
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

struct pooler {
	const uint32_t *map;
	int64_t *nodes;     /* per mapped state, of the pool at hand */
	uint32_t *touched;  /* mapped states whose `nodes` are not 0 */
	uint32_t touched_count;
};

/* Adds a kind's lots to the pool at hand; `times`: so many of its sites. */
static void pool_add(struct pooler *pooler, struct bound_kind *pool, const struct bound_kind *kind, int64_t times)
{
	for (uint32_t l = 0; l < kind->lot_count; l++) {
		uint32_t state = pooler->map[kind->lots[l].state];

		if (pooler->nodes[state] == 0)
			pooler->touched[pooler->touched_count++] = state;
		pooler->nodes[state] += kind->lots[l].count * times;
	}
	pool->nodes_most = most(pool->nodes_most, kind->nodes_most);
	pool->cpu_most = most(pool->cpu_most, kind->cpu_most);
	pool->memory_most = most(pool->memory_most, kind->memory_most);
	pool->chips_most = most(pool->chips_most, kind->chips_most);
	pool->chip_milli_most = most(pool->chip_milli_most, kind->chip_milli_most);
}

static void pool_close(struct bound_supply *supply, struct pooler *pooler, struct bound_kind *pool)
{
	struct bound_lot *lots = ARENA_ARRAY(supply->arena, struct bound_lot, pooler->touched_count + 1);

	for (uint32_t i = 0; i < pooler->touched_count; i++) {
		lots[i] = (struct bound_lot){ pooler->nodes[pooler->touched[i]], pooler->touched[i] };
		pooler->nodes[pooler->touched[i]] = 0;
	}
	pool->lots = lots;
	pool->lot_count = pooler->touched_count;
	pooler->touched_count = 0;
}

void bound_supply_pool(struct bound_supply *supply, const uint32_t *map, uint32_t map_count, enum bound_pooling level,
		       struct bound_kinds *ret)
{
	struct arena *arena = supply->arena;
	struct pooler pooler = { .map = map, .nodes = ARENA_ARRAY(arena, int64_t, map_count + 1),
				 .touched = ARENA_ARRAY(arena, uint32_t, map_count + 1) };
	uint32_t *pool_of = ARENA_ARRAY(arena, uint32_t, supply->kinds.count + 1);
	uint32_t *first, *order = ARENA_ARRAY(arena, uint32_t, supply->kinds.count + 1);
	struct bound_kind *pools;
	struct numbering keys;

	numbering_init(&keys, arena);
	for (uint32_t k = 0; k < supply->kinds.count; k++)
		pool_of[k] = pool_key(&keys, &supply->kinds.items[k], k, level);
	first = ARENA_ARRAY(arena, uint32_t, keys.count + 2);
	for (uint32_t k = 0; k < supply->kinds.count; k++)
		first[pool_of[k] + 2]++;
	for (uint32_t p = 0; p < keys.count; p++)
		first[p + 2] += first[p + 1];
	for (uint32_t k = 0; k < supply->kinds.count; k++)
		order[first[pool_of[k] + 1]++] = k;
	pools = ARENA_ARRAY(arena, struct bound_kind, keys.count + 1);
	for (uint32_t p = 0; p < keys.count; p++) {
		const struct bound_kind *one = &supply->kinds.items[order[first[p]]];

		pools[p] = (struct bound_kind){ .rules = level == BOUND_POOL_ALL ? 0 : one->rules, .count = 1,
						.pooled = first[p + 1] - first[p] > 1 || one->count > 1 };
		if (level == BOUND_POOL_NONE) {
			pools[p].count = one->count;
			pools[p].pooled = one->pooled;
		}
		for (uint32_t i = first[p]; i < first[p + 1]; i++)
			pool_add(&pooler, &pools[p], &supply->kinds.items[order[i]], level == BOUND_POOL_NONE ? 1 : supply->kinds.items[order[i]].count);
		pool_close(supply, &pooler, &pools[p]);
	}
	*ret = (struct bound_kinds){ pools, keys.count, 0 };
	for (uint32_t p = 0; p < keys.count; p++)
		ret->lot_count += pools[p].lot_count;
}
