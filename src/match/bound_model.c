/* What the demands need, what chips can be used for, and how many workers of each need each atom holds. */
#include "match/bound_private.h"

#include <string.h>

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
		uint16_t held[CHIP_MILLI + 1] = { 0 };

		for (unsigned size = 1; size < CHIP_MILLI; size++)
			if (has_bit(asked, size))
				for (unsigned g = size; g <= CHIP_MILLI; g++) {
					unsigned with = held[g - size] + bound_measure(kind, size);

					held[g] = (uint16_t)(with > held[g] ? with : held[g]);
				}
		if (wholes && bound_measure(kind, CHIP_MILLI) > held[CHIP_MILLI])
			held[CHIP_MILLI] = (uint16_t)bound_measure(kind, CHIP_MILLI);
		for (unsigned g = 0; g <= CHIP_MILLI; g++)
			use->held[g][kind] = held[g];
	}
}

/* --- what holds what --- */

/* Workers that the state holds apart from chips. */
static int64_t fit_without_chips(const struct bound_layout *layout, const struct bound_state *state, const struct bound_need *need)
{
	int64_t fits = UNBOUNDED;

	if (need->worker.cpu_milli > 0)
		fits = bound_least(fits, state->cpu / need->worker.cpu_milli);
	if (need->worker.memory_mib > 0)
		fits = bound_least(fits, state->memory / need->worker.memory_mib);
	for (uint32_t i = 0; i < need->resource_count && fits > 0; i++) {
		int64_t has = 0;

		for (uint32_t r = 0; r < layout->resource_count; r++)
			if (layout->resources[r] == need->resources[i])
				has = state->resources[r];
		fits = bound_least(fits, has / need->resource_counts[i]);
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
			models[m] = bound_least(most, fit_of_chips(&need->worker, chips, layout->chips[m]));
			all += models[m];
		}
	all = bound_least(all, most);
	all -= all % need->multiple;
	for (uint32_t m = 0; m < layout->model_count; m++)
		models[m] = bound_least(models[m], all);
	return all;
}

static void count_fits(struct bound_model *model)
{
	struct bound_nodes *nodes = &model->nodes;

	for (uint32_t a = 0; a < nodes->atom_count; a++) {
		uint32_t models = model->supply.layouts[nodes->atoms[a].most.layout].model_count;

		nodes->atoms[a].option = model->option_count;
		model->option_count += models ? models : 1;
	}
	model->fits = ARENA_ARRAY(model->arena, int64_t, (size_t)model->need_count * nodes->atom_count + 1);
	model->model_fits = ARENA_ARRAY(model->arena, int64_t, (size_t)model->need_count * model->option_count + 1);
	for (uint32_t n = 0; n < model->need_count; n++)
		for (uint32_t a = 0; a < nodes->atom_count; a++) {
			const struct bound_atom *atom = &nodes->atoms[a];

			model->fits[(size_t)n * nodes->atom_count + a] =
				fit_count(&model->supply.layouts[atom->most.layout], &atom->most, &model->needs[n],
					  model->model_fits + (size_t)n * model->option_count + atom->option);
		}
}

void bound_model_make(struct bound_model *model, const struct bound_input *input, struct arena *arena)
{
	*model = (struct bound_model){ .input = input, .arena = arena };
	bound_supply_open(&model->supply, input, arena);
	read_needs(model);
	model->uses = ARENA_ARRAY(arena, struct bound_use, model->supply.models.count + 1);
	for (uint32_t m = 0; m < model->supply.models.count; m++)
		use_of_model(model, m, &model->uses[m]);
	bound_nodes_read(&model->nodes, &model->supply, model->uses, model->need_count, input);
	count_fits(model);
}
