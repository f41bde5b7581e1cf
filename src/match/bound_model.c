/* What the demands need, and how much of it each state of a node holds.
 *
 * An atom is a state, or several nearly the same, seen as one that has the most of each: how many workers of each need it
 * holds is worked out once. What chips of a model can be used for is worked out once too, by knapsacks over the sizes asked for.
 */
#include "match/bound_private.h"

#include <string.h>

#define ATOM_WORK_MAX 4000000  /* needs * atoms */
#define UNBOUNDED ((int64_t)1 << 40) /* workers of a node that take nothing of it */

/* --- needs --- */

static bool has_bit(const uint64_t *set, size_t bit)
{
	return set[bit / 64] >> (bit % 64) & 1;
}

int64_t bound_job_workers(const struct ask *ask)
{
	return ask->kind == DEMAND_JOB && ask->workers > 1 ? ask->workers : 1;
}

static void need_read(struct bound_model *model, const struct ask *ask, struct bound_need *need, uint64_t *models)
{
	need->worker = worker_need_of(&ask->shape);
	need->multiple = ask->where.together == TOGETHER_NODE ? bound_job_workers(ask) : 1;
	need->models = models;
	for (uint32_t m = 0; m < model->supply.models.count && ask->shape.chips.milli > 0; m++)
		if (rules_check_chip(ask, model->supply.models.items[m].bytes, &model->input->context).code == VERDICT_FITS)
			models[m / 64] |= (uint64_t)1 << (m % 64);
	for (size_t r = 0; r < ask->shape.resource_count && r < RESOURCES_MAX; r++) {
		if (ask->shape.resources[r].count <= 0)
			continue;
		/* A name that no node knows gets a number too, and no node has it. */
		need->resources[need->resource_count] =
			numbering_put(&model->supply.resources, ask->shape.resources[r].name, strlen(ask->shape.resources[r].name) + 1);
		need->resource_counts[need->resource_count++] = ask->shape.resources[r].count;
	}
}

static uint32_t need_number(struct bound_model *model, struct numbering *numbers, const struct bound_need *need, size_t words)
{
	int64_t key[5 + 2 * RESOURCES_MAX + (CATALOGUE_MODELS_MAX + 63) / 64];
	size_t at = 0;

	key[at++] = need->worker.cpu_milli;
	key[at++] = need->worker.memory_mib;
	key[at++] = need->worker.chips;
	key[at++] = need->worker.chip_milli;
	key[at++] = need->multiple;
	for (uint32_t r = 0; r < need->resource_count; r++) {
		key[at++] = need->resources[r];
		key[at++] = need->resource_counts[r];
	}
	/* Models beyond the catalogue's greatest number make the need one of its own. */
	if (words > (CATALOGUE_MODELS_MAX + 63) / 64)
		key[at++] = numbers->count;
	else
		for (size_t w = 0; w < words; w++)
			key[at++] = (int64_t)need->models[w];
	return numbering_put(numbers, key, at * sizeof(*key));
}

static void read_needs(struct bound_model *model)
{
	size_t words = (model->supply.models.count + 63) / 64;
	struct numbering numbers;
	uint64_t *models = NULL;

	numbering_init(&numbers, model->arena);
	model->needs = ARENA_ARRAY(model->arena, struct bound_need, model->input->demand_count + 1);
	model->need_of = ARENA_ARRAY(model->arena, uint32_t, model->input->demand_count + 1);
	for (size_t d = 0; d < model->input->demand_count; d++) {
		struct bound_need need = { 0 };

		models = models ? models : ARENA_ARRAY(model->arena, uint64_t, words + 1);
		memset(models, 0, words * sizeof(*models));
		need_read(model, model->input->demands[d].ask, &need, models);
		model->need_of[d] = need_number(model, &numbers, &need, words);
		if (model->need_of[d] < model->need_count)
			continue;
		model->needs[model->need_count++] = need;
		models = NULL; /* the need's now */
	}
}

/* --- what chips can be used for --- */

/* A share of so many milli by the measure: itself; halves; thirds. */
unsigned bound_measure(unsigned kind, unsigned milli)
{
	switch (kind) {
	case 0:
		return milli;
	case 1: /* more than a half: 2 of 2; a half: 1 */
		return milli > CHIP_MILLI / 2 ? 2 : milli == CHIP_MILLI / 2;
	default: /* more than two thirds: 2 of 2; more than a third: 1 */
		return milli * 3 > CHIP_MILLI * 2 ? 2 : milli * 3 > CHIP_MILLI;
	}
}

static void use_of_model(const struct bound_model *model, uint32_t number, struct bound_use *use)
{
	uint64_t asked[(CHIP_MILLI + 64) / 64] = { 0 }; /* sizes of shares */
	uint64_t wholes = 0, reach = 0;                  /* bit n - 1: n chips */

	for (uint32_t n = 0; n < model->need_count; n++) {
		const struct bound_need *need = &model->needs[n];

		if (need->worker.chips == 0 || !has_bit(need->models, number))
			continue;
		if (need->worker.chip_milli < CHIP_MILLI)
			asked[need->worker.chip_milli / 64] |= (uint64_t)1 << (need->worker.chip_milli % 64);
		else if (need->worker.chips <= NODE_CHIPS_MAX)
			wholes |= (uint64_t)1 << (need->worker.chips - 1);
	}
	for (unsigned n = 1; n <= NODE_CHIPS_MAX; n++) {
		bool hit = wholes >> (n - 1) & 1;

		for (unsigned part = 1; part < n && !hit; part++)
			hit = (wholes >> (part - 1) & 1) && (reach >> (n - part - 1) & 1);
		reach |= (uint64_t)hit << (n - 1);
		use->whole[n] = hit ? (uint8_t)n : use->whole[n - 1];
	}
	for (unsigned kind = 0; kind < BOUND_CHIP_ROWS - 1; kind++) {
		uint16_t *held = use->held[kind];

		for (unsigned size = 1; size < CHIP_MILLI; size++)
			if (has_bit(asked, size))
				for (unsigned g = size; g <= CHIP_MILLI; g++) {
					unsigned with = held[g - size] + bound_measure(kind, size);

					held[g] = (uint16_t)(with > held[g] ? with : held[g]);
				}
		if (wholes && bound_measure(kind, CHIP_MILLI) > held[CHIP_MILLI])
			held[CHIP_MILLI] = (uint16_t)bound_measure(kind, CHIP_MILLI);
	}
}

/* --- atoms --- */

/* All but the leading bits dropped. */
static int64_t leading_bits(int64_t value, unsigned kept)
{
	unsigned length = value > 0 ? 64 - (unsigned)__builtin_clzll((uint64_t)value) : 0;

	return length > kept ? value >> (length - kept) << (length - kept) : value;
}

/* States with equal clusters at a level have equal ones at each higher level. */
uint32_t bound_cluster_of(const struct bound_supply *supply, const struct bound_state *state, unsigned level, struct numbering *clusters)
{
	const struct bound_layout *layout = &supply->layouts[state->layout];
	int64_t key[3 + RESOURCES_MAX + 2 * NODE_CHIPS_MAX];
	unsigned kept = BOUND_CLUSTER_LEVELS - 1 - level;
	size_t at = 0;

	key[at++] = state->layout;
	if (level < BOUND_CLUSTER_LEVELS - 1) {
		const uint16_t *chips = state->chips;

		key[at++] = leading_bits(state->cpu, kept);
		key[at++] = leading_bits(state->memory, kept);
		for (uint32_t r = 0; r < layout->resource_count; r++)
			key[at++] = leading_bits(state->resources[r], kept);
		for (uint32_t m = 0; m < layout->model_count; chips += layout->chips[m++]) {
			int64_t whole = 0, milli = 0;

			for (uint32_t c = 0; c < layout->chips[m]; c++) {
				whole += chips[c] == CHIP_MILLI;
				milli += chips[c] == CHIP_MILLI ? 0 : chips[c];
			}
			key[at++] = leading_bits(whole, kept);
			key[at++] = leading_bits(milli, kept);
		}
	}
	return numbering_put(clusters, key, at * sizeof(*key));
}

/* The atom has as much of everything as this member. */
static void atom_widen(struct bound_model *model, struct bound_atom *atom, const struct bound_state *member, bool first)
{
	const struct bound_layout *layout = &model->supply.layouts[member->layout];
	int32_t *resources;
	uint16_t *chips;

	if (first) {
		atom->most = *member;
		if (model->atom_level > 0) {
			atom->most.resources = arena_dup(model->arena, member->resources, layout->resource_count * sizeof(int32_t));
			atom->most.chips = arena_dup(model->arena, member->chips, layout->chip_count * sizeof(uint16_t));
		}
		return;
	}
	resources = (int32_t *)(uintptr_t)atom->most.resources;
	chips = (uint16_t *)(uintptr_t)atom->most.chips;
	atom->most.cpu = member->cpu > atom->most.cpu ? member->cpu : atom->most.cpu;
	atom->most.memory = member->memory > atom->most.memory ? member->memory : atom->most.memory;
	for (uint32_t r = 0; r < layout->resource_count; r++)
		resources[r] = member->resources[r] > resources[r] ? member->resources[r] : resources[r];
	for (uint32_t c = 0; c < layout->chip_count; c++)
		chips[c] = member->chips[c] > chips[c] ? member->chips[c] : chips[c];
}

static void make_atoms(struct bound_model *model)
{
	struct bound_supply *supply = &model->supply;
	uint32_t states = supply->states_by_bytes.count, most = ATOM_WORK_MAX / (model->need_count + 1);
	struct numbering clusters;

	model->atom_of = ARENA_ARRAY(model->arena, uint32_t, states + 1);
	model->atom_count = states;
	for (uint32_t s = 0; s < states; s++)
		model->atom_of[s] = s;
	while (model->atom_count > most && model->atom_level < BOUND_CLUSTER_LEVELS - 1) {
		model->atom_level++;
		supply->pooled = true;
		numbering_init(&clusters, model->arena);
		for (uint32_t s = 0; s < states; s++)
			model->atom_of[s] = bound_cluster_of(supply, &supply->states[s], model->atom_level, &clusters);
		model->atom_count = clusters.count;
	}
	model->atoms = ARENA_ARRAY(model->arena, struct bound_atom, model->atom_count + 1);
	for (uint32_t s = 0, made = 0; s < states; s++) { /* numbers are given in the order of the states */
		bool first = model->atom_of[s] == made;

		atom_widen(model, &model->atoms[model->atom_of[s]], &supply->states[s], first);
		made += first;
	}
	for (uint32_t a = 0; a < model->atom_count; a++) {
		uint32_t models = supply->layouts[model->atoms[a].most.layout].model_count;

		model->atoms[a].option = model->option_count;
		model->option_count += models ? models : 1;
	}
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Workers that the state holds apart from chips. */
static int64_t fit_without_chips(const struct bound_layout *layout, const struct bound_state *state, const struct bound_need *need)
{
	int64_t fits = UNBOUNDED;

	if (need->worker.cpu_milli > 0)
		fits = least(fits, state->cpu / need->worker.cpu_milli);
	if (need->worker.memory_mib > 0)
		fits = least(fits, state->memory / need->worker.memory_mib);
	for (uint32_t i = 0; i < need->resource_count && fits > 0; i++) {
		int64_t has = 0;

		for (uint32_t r = 0; r < layout->resource_count; r++)
			if (layout->resources[r] == need->resources[i])
				has = state->resources[r];
		fits = least(fits, has / need->resource_counts[i]);
	}
	return fits;
}

static int64_t fit_of_chips(const struct worker_need *worker, const uint16_t *chips, uint32_t count)
{
	int64_t fits = 0;

	if (worker->chip_milli == CHIP_MILLI) {
		while (fits < count && chips[fits] == CHIP_MILLI) /* most free first */
			fits++;
		return fits / worker->chips;
	}
	for (uint32_t c = 0; c < count && chips[c] >= worker->chip_milli; c++)
		fits += chips[c] / worker->chip_milli;
	return fits;
}

/* Workers of the need in the state, by model into `models` and all together. */
static int64_t fit_count(const struct bound_layout *layout, const struct bound_state *state, const struct bound_need *need, int64_t *models)
{
	int64_t most = fit_without_chips(layout, state, need), all = 0;
	const uint16_t *chips = state->chips;

	if (need->worker.chips == 0) {
		models[0] = most - most % need->multiple;
		return models[0];
	}
	for (uint32_t m = 0; m < layout->model_count && most > 0; chips += layout->chips[m++])
		if (has_bit(need->models, layout->models[m])) {
			models[m] = least(most, fit_of_chips(&need->worker, chips, layout->chips[m]));
			all += models[m];
		}
	all = least(all, most);
	all -= all % need->multiple;
	for (uint32_t m = 0; m < layout->model_count; m++)
		models[m] = least(models[m], all);
	return all;
}

static void count_fits(struct bound_model *model)
{
	model->fits = ARENA_ARRAY(model->arena, int64_t, (size_t)model->need_count * model->atom_count + 1);
	model->model_fits = ARENA_ARRAY(model->arena, int64_t, (size_t)model->need_count * model->option_count + 1);
	for (uint32_t n = 0; n < model->need_count; n++)
		for (uint32_t a = 0; a < model->atom_count; a++) {
			const struct bound_atom *atom = &model->atoms[a];

			model->fits[(size_t)n * model->atom_count + a] =
				fit_count(&model->supply.layouts[atom->most.layout], &atom->most, &model->needs[n],
					  model->model_fits + (size_t)n * model->option_count + atom->option);
		}
}

void bound_model_make(struct bound_model *model, const struct bound_input *input, struct arena *arena)
{
	*model = (struct bound_model){ .input = input, .arena = arena };
	bound_supply_read(&model->supply, input, arena);
	read_needs(model);
	model->uses = ARENA_ARRAY(arena, struct bound_use, model->supply.models.count + 1);
	for (uint32_t m = 0; m < model->supply.models.count; m++)
		use_of_model(model, m, &model->uses[m]);
	make_atoms(model);
	count_fits(model);
}
