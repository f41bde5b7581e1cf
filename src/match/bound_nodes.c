/* Nodes, read into atoms and spots.
 *
 * An atom is a node's state: what it is made of and what it has free, its chips sorted, since which chip is which does not
 * matter here. A spot is an atom under the rules of its sites; what is free and of use is summed there, exactly. Groups that
 * nobody uses are read without looking at their nodes.
 *
 * When there are too many atoms, states that are nearly the same become one, coarser and coarser, seen as a node that has
 * the most of each: so it holds as many workers as any of its members. Sums stay exact. Dropping rare states was rejected:
 * they are the ones that are used, which the bound is about.
 */
#include "match/bound_private.h"

#include <stdlib.h>
#include <string.h>

#define ATOMS_MAX 16384
#define ATOMS_MIN 64
#define ATOM_WORK_MAX 4000000 /* needs * atoms */

struct reader {
	struct bound_nodes *nodes;
	const struct bound_supply *supply;
	const struct bound_use *uses;
	uint32_t atoms_max;
	struct numbering atoms_by_key, spots_by_key;
	size_t atom_capacity, spot_capacity, lot_capacity;
	uint32_t rules; /* of the site at hand */
	struct bound_group group;
	int64_t amounts[BOUND_ROWS_MAX];
};

/* A node's state as it is read. */
struct record {
	struct bound_state state;
	int32_t resources[RESOURCES_MAX];
	uint16_t chips[NODE_CHIPS_MAX];
};

/* --- atoms --- */

/* All but the leading bits dropped. */
static int32_t leading_bits(int32_t value, unsigned kept)
{
	unsigned length = value > 0 ? 32 - (unsigned)__builtin_clz((unsigned)value) : 0;

	return length > kept ? value >> (length - kept) << (length - kept) : value;
}

uint32_t bound_cluster_of(const struct bound_supply *supply, const struct bound_state *state, unsigned level, struct numbering *clusters)
{
	const struct bound_layout *layout = &supply->layouts[state->layout];
	int32_t key[3 + RESOURCES_MAX + 2 * NODE_CHIPS_MAX];
	unsigned kept = BOUND_CLUSTER_LEVELS - 1 - level;
	const uint16_t *chips = state->chips;
	size_t at = 0;

	key[at++] = (int32_t)state->layout;
	if (level == BOUND_CLUSTER_LEVELS - 1)
		return numbering_put(clusters, key, at * sizeof(*key));
	kept = level == 0 ? 31 : kept;
	key[at++] = leading_bits(state->cpu, kept);
	key[at++] = leading_bits(state->memory, kept);
	for (uint32_t r = 0; r < layout->resource_count; r++)
		key[at++] = leading_bits(state->resources[r], kept);
	for (uint32_t m = 0; m < layout->model_count && level > 0; chips += layout->chips[m++]) {
		int32_t whole = 0, milli = 0;

		for (uint32_t c = 0; c < layout->chips[m]; c++) {
			whole += chips[c] == CHIP_MILLI;
			milli += chips[c] == CHIP_MILLI ? 0 : chips[c];
		}
		key[at++] = leading_bits(whole, kept);
		key[at++] = leading_bits(milli, kept);
	}
	if (level == 0) {
		memcpy(&key[at], state->chips, layout->chip_count * sizeof(*state->chips));
		return numbering_put(clusters, key, at * sizeof(*key) + layout->chip_count * sizeof(*state->chips));
	}
	return numbering_put(clusters, key, at * sizeof(*key));
}

/* The atom has as much of everything as this member. */
static void atom_widen(const struct bound_supply *supply, struct bound_atom *atom, const struct bound_state *member)
{
	const struct bound_layout *layout = &supply->layouts[member->layout];
	struct bound_state *most = &atom->most;

	most->cpu = member->cpu > most->cpu ? member->cpu : most->cpu;
	most->memory = member->memory > most->memory ? member->memory : most->memory;
	for (uint32_t r = 0; r < layout->resource_count; r++)
		most->resources[r] = member->resources[r] > most->resources[r] ? member->resources[r] : most->resources[r];
	for (uint32_t c = 0; c < layout->chip_count; c++)
		most->chips[c] = member->chips[c] > most->chips[c] ? member->chips[c] : most->chips[c];
}

static void atom_reserve(struct reader *reader, uint32_t number)
{
	size_t capacity = reader->atom_capacity ? reader->atom_capacity * 2 : 256;
	struct bound_atom *grown;

	if (number < reader->atom_capacity)
		return;
	grown = ARENA_ARRAY(reader->nodes->arena, struct bound_atom, capacity);
	if (number)
		memcpy(grown, reader->nodes->atoms, number * sizeof(*grown));
	reader->nodes->atoms = grown;
	reader->atom_capacity = capacity;
}

static uint32_t atom_put(struct reader *reader, const struct bound_state *state)
{
	struct bound_nodes *nodes = reader->nodes;
	const struct bound_layout *layout = &reader->supply->layouts[state->layout];
	uint32_t number = bound_cluster_of(reader->supply, state, nodes->level, &reader->atoms_by_key);

	if (number == nodes->atom_count) {
		atom_reserve(reader, number);
		nodes->atoms[number].most = *state;
		nodes->atoms[number].most.resources = arena_dup(nodes->arena, state->resources, layout->resource_count * sizeof(int32_t));
		nodes->atoms[number].most.chips = arena_dup(nodes->arena, state->chips, layout->chip_count * sizeof(uint16_t));
		nodes->atom_count++;
	} else if (nodes->level > 0) {
		atom_widen(reader->supply, &nodes->atoms[number], state);
	}
	return number;
}

/* --- spots --- */

/* What a node in this state has that can be used, per row. */
static void state_amounts(struct reader *reader, const struct bound_state *state)
{
	const struct bound_layout *layout = &reader->supply->layouts[state->layout];
	const uint16_t *chips = state->chips;
	int64_t *row = reader->amounts + BOUND_ROW_CHIPS;

	reader->amounts[BOUND_ROW_CPU] = state->cpu;
	reader->amounts[BOUND_ROW_MEMORY] = state->memory;
	for (uint32_t m = 0; m < layout->model_count; m++, row += BOUND_CHIP_ROWS) {
		const struct bound_use *use = &reader->uses[layout->models[m]];
		uint32_t whole = 0;

		memset(row, 0, BOUND_CHIP_ROWS * sizeof(*row));
		for (uint32_t c = 0; c < layout->chips[m]; c++, chips++) {
			whole += *chips == CHIP_MILLI;
			for (unsigned kind = 0; kind < BOUND_CHIP_ROWS - 1; kind++)
				row[1 + kind] += use->held[*chips][kind];
		}
		row[0] = use->whole[whole];
	}
	for (uint32_t r = 0; r < layout->resource_count; r++)
		row[r] = state->resources[r];
}

static uint32_t spot_put(struct reader *reader, uint32_t rules, uint32_t atom)
{
	struct bound_nodes *nodes = reader->nodes;
	uint32_t key[2] = { rules, atom }, number = numbering_put(&reader->spots_by_key, key, sizeof(key)), rows;

	if (number < nodes->spot_count)
		return number;
	if (number >= reader->spot_capacity) {
		size_t capacity = reader->spot_capacity ? reader->spot_capacity * 2 : 256;
		struct bound_spot *grown = ARENA_ARRAY(nodes->arena, struct bound_spot, capacity);

		if (number)
			memcpy(grown, nodes->spots, number * sizeof(*grown));
		nodes->spots = grown;
		reader->spot_capacity = capacity;
	}
	rows = bound_layout_rows(&reader->supply->layouts[nodes->atoms[atom].most.layout]);
	nodes->spots[number] = (struct bound_spot){ .rules = rules, .atom = atom, .sums = ARENA_ARRAY(nodes->arena, int64_t, rows) };
	nodes->spot_count++;
	return number;
}

/* Puts the spots where their atoms went, adding up those that meet. Gives their new numbers. */
static uint32_t *move_spots(struct reader *reader, const uint32_t *atom_names, bool keep_rules)
{
	struct bound_nodes *nodes = reader->nodes;
	uint32_t *names = ARENA_ARRAY(nodes->arena, uint32_t, nodes->spot_count + 1);
	struct bound_spot *old = nodes->spots;
	uint32_t count = nodes->spot_count;

	numbering_init(&reader->spots_by_key, nodes->arena);
	nodes->spots = NULL;
	nodes->spot_count = 0;
	reader->spot_capacity = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t atom = atom_names ? atom_names[old[i].atom] : old[i].atom;
		uint32_t rows = bound_layout_rows(&reader->supply->layouts[nodes->atoms[atom].most.layout]);

		names[i] = spot_put(reader, keep_rules ? old[i].rules : 0, atom);
		for (uint32_t r = 0; r < rows; r++)
			nodes->spots[names[i]].sums[r] = bound_add(nodes->spots[names[i]].sums[r], old[i].sums[r]);
	}
	for (size_t l = 0; l < nodes->lot_count; l++)
		nodes->lots[l].spot = names[nodes->lots[l].spot];
	return names;
}

/* The next level, for what was read so far too. */
static void coarsen(struct reader *reader)
{
	struct bound_nodes *nodes = reader->nodes;
	uint32_t *names = ARENA_ARRAY(nodes->arena, uint32_t, nodes->atom_count + 1);
	struct bound_atom *old = nodes->atoms;
	uint32_t count = nodes->atom_count;

	nodes->level++;
	numbering_init(&reader->atoms_by_key, nodes->arena);
	nodes->atoms = NULL;
	nodes->atom_count = 0;
	reader->atom_capacity = 0;
	for (uint32_t a = 0; a < count; a++)
		names[a] = atom_put(reader, &old[a].most);
	move_spots(reader, names, true);
}

uint32_t *bound_nodes_unite_rules(struct bound_nodes *nodes, const struct bound_supply *supply)
{
	struct reader reader = { .nodes = nodes, .supply = supply };

	return move_spots(&reader, NULL, false);
}

/* --- reading --- */

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

/* The state of node `node`; of an unused one for UINT32_MAX. */
static void read_record(const struct reader *reader, uint32_t node, struct record *ret)
{
	const struct supply_group *group = reader->group.group;
	bool unused = node == UINT32_MAX;
	uint32_t at = 0;

	ret->state = (struct bound_state){ .layout = reader->group.layout, .resources = ret->resources, .chips = ret->chips,
					   .cpu = (int32_t)(unused ? group->cpu_milli : group->cpu_free[node]),
					   .memory = (int32_t)(unused ? group->memory_mib : group->memory_free[node]) };
	for (uint32_t r = 0; r < group->resource_count; r++)
		ret->resources[r] = (int32_t)(unused ? group->resource_capacity[r]
						     : group->resource_free[(size_t)node * group->resource_count + r]);
	for (uint32_t part = 0; part < reader->group.part_count; part++) {
		uint32_t begin = at;

		for (uint32_t c = 0; c < reader->group.parts[part]; c++, at++)
			ret->chips[at] = unused ? CHIP_MILLI : group->chip_free[(size_t)node * group->chips_per_node + reader->group.order[at]];
		sort_chips(ret->chips + begin, reader->group.parts[part]);
	}
}

static void add_nodes(struct reader *reader, uint32_t node, int64_t count)
{
	struct bound_nodes *nodes = reader->nodes;
	struct record record;
	uint32_t spot, rows;

	read_record(reader, node, &record);
	spot = spot_put(reader, reader->rules, atom_put(reader, &record.state));
	state_amounts(reader, &record.state);
	rows = bound_layout_rows(&reader->supply->layouts[record.state.layout]);
	for (uint32_t r = 0; r < rows; r++)
		nodes->spots[spot].sums[r] += reader->amounts[r] * count;
	if (nodes->lot_count == reader->lot_capacity) {
		size_t capacity = reader->lot_capacity ? reader->lot_capacity * 2 : 1024;
		struct bound_site_lot *grown = ARENA_ARRAY(nodes->arena, struct bound_site_lot, capacity);

		if (nodes->lot_count)
			memcpy(grown, nodes->lots, nodes->lot_count * sizeof(*grown));
		nodes->lots = grown;
		reader->lot_capacity = capacity;
	}
	nodes->lots[nodes->lot_count++] = (struct bound_site_lot){ spot, (uint32_t)count };
	while (nodes->atom_count > reader->atoms_max && nodes->level < BOUND_CLUSTER_LEVELS - 1)
		coarsen(reader);
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

static void read_site(struct reader *reader, struct bound_supply *supply, const struct supply *site)
{
	for (size_t g = 0; g < site->group_count; g++) {
		const struct supply_group *group = &site->groups[g];

		if (group->node_count == 0)
			continue;
		bound_group_open(supply, group, &reader->group);
		if (group_is_unused(group)) {
			add_nodes(reader, UINT32_MAX, group->node_count);
			continue;
		}
		for (uint32_t n = 0, first = 0; n < group->node_count; n++) {
			if (n + 1 < group->node_count && same_as_before(group, n + 1))
				continue;
			add_nodes(reader, first, n + 1 - first);
			first = n + 1;
		}
	}
}

void bound_nodes_read(struct bound_nodes *nodes, struct bound_supply *supply, const struct bound_use *uses, uint32_t need_count,
		      const struct bound_input *input)
{
	struct reader reader = { .nodes = nodes, .supply = supply, .uses = uses, .atoms_max = ATOM_WORK_MAX / (need_count + 1) };

	*nodes = (struct bound_nodes){ .arena = supply->arena,
				       .site_first = ARENA_ARRAY(supply->arena, size_t, input->site_count + 1) };
	reader.atoms_max = reader.atoms_max > ATOMS_MAX ? ATOMS_MAX : reader.atoms_max < ATOMS_MIN ? ATOMS_MIN : reader.atoms_max;
	if (input->kinds_max > 0 && input->kinds_max < reader.atoms_max)
		reader.atoms_max = input->kinds_max;
	numbering_init(&reader.atoms_by_key, supply->arena);
	numbering_init(&reader.spots_by_key, supply->arena);
	for (size_t s = 0; s < input->site_count; s++) {
		reader.rules = supply->rules[s];
		nodes->site_first[s] = nodes->lot_count;
		if (input->supplies[s])
			read_site(&reader, supply, input->supplies[s]);
	}
	nodes->site_first[input->site_count] = nodes->lot_count;
	supply->pooled = supply->pooled || nodes->level > 0;
}
