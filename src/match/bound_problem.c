/* The relaxation, made of demands and of what is free.
 *
 * A cell is one or more spots (bound_nodes.c); it has a row per resource, and each demand that may go there has a column in
 * it, with a box: its workers that all of the cell's nodes hold by themselves.
 *
 * Rows are cut to what can be used: a node with three chips left is worth two when every demand asks for an even number,
 * and 190 milli of a chip are worth nothing when shares of 200 are the smallest. Besides milli-chips, chips are measured
 * twice more: by shares above a half (a chip holds one such share) and by shares above a third, which are dual feasible
 * functions of bin packing (Fekete and Schepers 2001). Nodes that no demand fits into do not count at all.
 */
#include "match/bound_private.h"

#include <string.h>

#define KIND_WORK_MAX 20000000 /* sets of columns * lots */
#define COLUMNS_MAX 400000
#define CELLS_MIN 64
#define CELLS_MAX 4096

struct cell {
	uint32_t layout;
	uint32_t row;    /* its first */
	uint32_t option; /* its first model among all cells' */
};

/* Demands with the same columns: equal needs, workers and allowed sites. */
struct column_set {
	uint32_t need;
	int64_t workers;
	const uint64_t *allow;
	int64_t total;
	uint32_t column_count;
	const uint32_t *rows;
	const int64_t *boxes;
};

struct maker {
	const struct bound_input *input;
	struct arena *arena;
	struct bound_model model;
	struct bound_kinds kinds;
	struct cell *cells;
	uint32_t cell_count, option_count, row_count;
	struct column_set *sets;
	uint32_t set_count;
	uint32_t *set_of; /* per demand */
	int64_t *box;     /* scratch: per option of the cells */
	uint32_t *touched; /* options whose box is not 0 */
};

/* --- sets of columns --- */

static void read_sets(struct maker *maker)
{
	struct numbering numbers;

	numbering_init(&numbers, maker->arena);
	maker->sets = ARENA_ARRAY(maker->arena, struct column_set, maker->input->demand_count + 1);
	maker->set_of = ARENA_ARRAY(maker->arena, uint32_t, maker->input->demand_count + 1);
	for (size_t d = 0; d < maker->input->demand_count; d++) {
		struct column_set set = { .need = maker->model.need_of[d], .workers = bound_job_workers(maker->input->demands[d].ask),
					  .allow = maker->model.supply.rules_allow[d] };
		uint64_t key[3] = { set.need, (uint64_t)set.workers, (uintptr_t)set.allow };

		maker->set_of[d] = numbering_put(&numbers, key, sizeof(key));
		if (maker->set_of[d] == maker->set_count)
			maker->sets[maker->set_count++] = set;
	}
}

/* --- kinds of sites --- */

/* Any site will do for a demand that any site of the network allows. */
static void unite_rules(struct maker *maker)
{
	for (uint32_t i = 0; i < maker->set_count; i++) {
		uint64_t *any = ARENA_NEW(maker->arena, uint64_t);

		for (uint32_t w = 0; w < (maker->model.supply.rules_count + 63) / 64; w++)
			*any |= maker->sets[i].allow[w] != 0;
		maker->sets[i].allow = any;
	}
}

static bool too_many_kinds(const struct maker *maker)
{
	uint32_t most = maker->input->kinds_max;

	return maker->kinds.lot_count * (maker->set_count + 1) > KIND_WORK_MAX || (most > 0 && maker->kinds.count > most);
}

static void choose_kinds(struct maker *maker)
{
	struct bound_nodes *nodes = &maker->model.nodes;
	enum bound_pooling level = BOUND_POOL_NONE;
	const uint32_t *names = NULL;
	struct bound_kinds kinds;

	bound_kinds_read(nodes, &maker->model.supply, maker->input, &kinds);
	maker->kinds = kinds;
	while (level < BOUND_POOL_ALL && too_many_kinds(maker)) {
		if (++level == BOUND_POOL_ALL) {
			names = bound_nodes_unite_rules(nodes, &maker->model.supply);
			unite_rules(maker);
		}
		bound_kinds_pool(&kinds, level, names, nodes->spot_count, maker->arena, &maker->kinds);
		maker->model.supply.pooled = true;
	}
}

static bool allows(const struct column_set *set, const struct bound_kind *kind)
{
	return set->allow[kind->rules / 64] >> (kind->rules % 64) & 1;
}

/* --- cells --- */

/* Puts the spots into cells: as few as may be at this level. */
static void cluster_spots(struct maker *maker, unsigned level, bool by_rules, struct numbering *cells)
{
	struct numbering clusters;
	uint32_t *cluster_of = ARENA_ARRAY(maker->arena, uint32_t, maker->model.nodes.atom_count + 1);

	numbering_init(&clusters, maker->arena);
	numbering_init(cells, maker->arena);
	for (uint32_t a = 0; a < maker->model.nodes.atom_count; a++)
		cluster_of[a] = level == maker->model.nodes.level
					? a
					: bound_cluster_of(&maker->model.supply, &maker->model.nodes.atoms[a].most, level, &clusters);
	for (uint32_t i = 0; i < maker->model.nodes.spot_count; i++) {
		struct bound_spot *spot = &maker->model.nodes.spots[i];
		uint32_t key[2] = { by_rules ? spot->rules : 0, cluster_of[spot->atom] };

		spot->cell = numbering_put(cells, key, sizeof(key));
	}
}

static void make_cells(struct maker *maker)
{
	uint32_t most = COLUMNS_MAX / (maker->set_count + 1);
	unsigned level = maker->model.nodes.level;
	struct numbering cells;

	most = most < CELLS_MIN ? CELLS_MIN : most > CELLS_MAX ? CELLS_MAX : most;
	if (maker->input->kinds_max > 0 && maker->input->kinds_max < most)
		most = maker->input->kinds_max;
	cluster_spots(maker, level, true, &cells);
	while (cells.count > most && level < BOUND_CLUSTER_LEVELS - 1)
		cluster_spots(maker, ++level, true, &cells);
	if (cells.count > most)
		cluster_spots(maker, level, false, &cells);
	maker->model.supply.pooled = maker->model.supply.pooled || level > maker->model.nodes.level;
	maker->cell_count = cells.count;
	maker->cells = ARENA_ARRAY(maker->arena, struct cell, cells.count + 1);
	for (uint32_t i = 0; i < maker->model.nodes.spot_count; i++)
		maker->cells[maker->model.nodes.spots[i].cell].layout = maker->model.nodes.atoms[maker->model.nodes.spots[i].atom].most.layout;
	for (uint32_t c = 0; c < cells.count; c++) {
		const struct bound_layout *layout = &maker->model.supply.layouts[maker->cells[c].layout];

		maker->cells[c].row = maker->row_count;
		maker->cells[c].option = maker->option_count;
		maker->row_count += bound_layout_rows(layout);
		maker->option_count += layout->model_count ? layout->model_count : 1;
	}
}

/* --- columns --- */

/* Workers of the set that a site of the kind holds, in whole jobs; 0 when it holds none. */
static int64_t site_holds(const struct maker *maker, const struct column_set *set, const struct bound_kind *kind)
{
	const struct bound_need *need = &maker->model.needs[set->need];
	const int64_t *fits = maker->model.fits + (size_t)set->need * maker->model.nodes.atom_count;
	int64_t workers = 0;

	for (uint32_t l = 0; l < kind->lot_count; l++)
		workers = bound_add(workers, bound_times(fits[maker->model.nodes.spots[kind->lots[l].spot].atom], kind->lots[l].count));
	if (workers < set->workers)
		return 0;
	/* What the sites of a pool have together, none of them may have. */
	if (bound_times(need->worker.cpu_milli, set->workers) > kind->cpu_most ||
	    bound_times(need->worker.memory_mib, set->workers) > kind->memory_most)
		return 0;
	if (need->worker.chip_milli == CHIP_MILLI && bound_times(need->worker.chips, set->workers) > kind->chips_most)
		return 0;
	if (need->worker.chip_milli < CHIP_MILLI && bound_times(need->worker.chip_milli, set->workers) > kind->chip_milli_most)
		return 0;
	return workers - workers % set->workers;
}

/* Adds the boxes of a kind's nodes to the scratch. */
static uint32_t add_boxes(struct maker *maker, const struct column_set *set, const struct bound_kind *kind, uint32_t touched)
{
	const int64_t *fits = maker->model.model_fits + (size_t)set->need * maker->model.option_count;

	for (uint32_t l = 0; l < kind->lot_count; l++) {
		struct bound_spot *spot = &maker->model.nodes.spots[kind->lots[l].spot];
		const struct bound_atom *atom = &maker->model.nodes.atoms[spot->atom];
		uint32_t models = maker->model.supply.layouts[atom->most.layout].model_count;

		for (uint32_t m = 0; m < (models ? models : 1); m++) {
			int64_t *box = &maker->box[maker->cells[spot->cell].option + m];

			if (fits[atom->option + m] == 0)
				continue;
			if (*box == 0)
				maker->touched[touched++] = maker->cells[spot->cell].option + m;
			*box = bound_add(*box, bound_times(fits[atom->option + m], kind->lots[l].count * kind->count));
			spot->used = true;
		}
	}
	return touched;
}

/* The rows of one column, in the order of the class's amounts. */
static uint32_t column_rows(const struct maker *maker, const struct bound_need *need, const struct cell *cell, uint32_t model,
			    uint32_t *rows)
{
	const struct bound_layout *layout = &maker->model.supply.layouts[cell->layout];
	uint32_t count = 0, chips = cell->row + BOUND_ROW_CHIPS + BOUND_CHIP_ROWS * model;

	if (need->worker.cpu_milli > 0)
		rows[count++] = cell->row + BOUND_ROW_CPU;
	if (need->worker.memory_mib > 0)
		rows[count++] = cell->row + BOUND_ROW_MEMORY;
	if (need->worker.chips > 0 && need->worker.chip_milli == CHIP_MILLI)
		rows[count++] = chips;
	for (unsigned kind = 0; kind < BOUND_CHIP_ROWS - 1 && need->worker.chips > 0; kind++)
		if (bound_measure(kind, need->worker.chip_milli) > 0)
			rows[count++] = chips + 1 + kind;
	for (uint32_t i = 0; i < need->resource_count; i++)
		for (uint32_t r = 0; r < layout->resource_count; r++)
			if (layout->resources[r] == need->resources[i])
				rows[count++] = cell->row + BOUND_ROW_CHIPS + BOUND_CHIP_ROWS * layout->model_count + r;
	return count;
}

static uint32_t need_amounts(const struct bound_need *need, int64_t *amounts)
{
	uint32_t count = 0;

	if (need->worker.cpu_milli > 0)
		amounts[count++] = need->worker.cpu_milli;
	if (need->worker.memory_mib > 0)
		amounts[count++] = need->worker.memory_mib;
	if (need->worker.chips > 0 && need->worker.chip_milli == CHIP_MILLI)
		amounts[count++] = need->worker.chips;
	for (unsigned kind = 0; kind < BOUND_CHIP_ROWS - 1 && need->worker.chips > 0; kind++)
		if (bound_measure(kind, need->worker.chip_milli) > 0)
			amounts[count++] = (int64_t)bound_measure(kind, need->worker.chip_milli) * need->worker.chips;
	for (uint32_t i = 0; i < need->resource_count; i++)
		amounts[count++] = need->resource_counts[i];
	return count;
}

static void make_columns(struct maker *maker, struct column_set *set, const uint32_t *cell_of_option)
{
	const struct bound_need *need = &maker->model.needs[set->need];
	int64_t amounts[BOUND_AMOUNTS_MAX], *boxes;
	uint32_t touched = 0, each = need_amounts(need, amounts);
	uint32_t *rows;

	for (uint32_t k = 0; k < maker->kinds.count; k++) {
		const struct bound_kind *kind = &maker->kinds.items[k];
		int64_t holds = allows(set, kind) ? site_holds(maker, set, kind) : 0;

		if (holds == 0)
			continue;
		set->total = bound_add(set->total, bound_times(holds, kind->count));
		touched = add_boxes(maker, set, kind, touched);
	}
	set->column_count = touched;
	set->rows = rows = ARENA_ARRAY(maker->arena, uint32_t, (size_t)touched * each + 1);
	set->boxes = boxes = ARENA_ARRAY(maker->arena, int64_t, touched + 1);
	for (uint32_t i = 0; i < touched; i++) {
		uint32_t option = maker->touched[i];
		const struct cell *cell = &maker->cells[cell_of_option[option]];

		boxes[i] = maker->box[option];
		maker->box[option] = 0;
		column_rows(maker, need, cell, option - cell->option, rows + (size_t)i * each);
	}
}

static void make_all_columns(struct maker *maker)
{
	uint32_t *cell_of_option = ARENA_ARRAY(maker->arena, uint32_t, maker->option_count + 1);

	for (uint32_t c = 0; c < maker->cell_count; c++) {
		uint32_t end = c + 1 < maker->cell_count ? maker->cells[c + 1].option : maker->option_count;

		for (uint32_t option = maker->cells[c].option; option < end; option++)
			cell_of_option[option] = c;
	}
	maker->box = ARENA_ARRAY(maker->arena, int64_t, maker->option_count + 1);
	maker->touched = ARENA_ARRAY(maker->arena, uint32_t, maker->option_count + 1);
	for (uint32_t i = 0; i < maker->set_count; i++)
		make_columns(maker, &maker->sets[i], cell_of_option);
}

/* --- the problem --- */

static void make_rows(struct maker *maker, struct bound_problem *problem)
{
	uint32_t models = maker->model.supply.models.count;

	problem->row_count = maker->row_count;
	problem->rows = ARENA_ARRAY(maker->arena, struct bound_row, maker->row_count + 1);
	problem->tie_count = BOUND_ROW_CHIPS + BOUND_CHIP_ROWS * models + maker->model.supply.resources.count;
	for (uint32_t c = 0; c < maker->cell_count; c++) {
		const struct bound_layout *layout = &maker->model.supply.layouts[maker->cells[c].layout];
		struct bound_row *row = problem->rows + maker->cells[c].row;

		(row++)->tie = BOUND_ROW_CPU;
		(row++)->tie = BOUND_ROW_MEMORY;
		for (uint32_t m = 0; m < layout->model_count; m++)
			for (unsigned kind = 0; kind < BOUND_CHIP_ROWS; kind++)
				(row++)->tie = BOUND_ROW_CHIPS + BOUND_CHIP_ROWS * layout->models[m] + kind;
		for (uint32_t r = 0; r < layout->resource_count; r++)
			(row++)->tie = BOUND_ROW_CHIPS + BOUND_CHIP_ROWS * models + layout->resources[r];
	}
	for (uint32_t i = 0; i < maker->model.nodes.spot_count; i++) {
		const struct bound_spot *spot = &maker->model.nodes.spots[i];
		const struct cell *cell = &maker->cells[spot->cell];

		for (uint32_t r = 0; r < bound_layout_rows(&maker->model.supply.layouts[cell->layout]) && spot->used; r++)
			problem->rows[cell->row + r].capacity = bound_add(problem->rows[cell->row + r].capacity, spot->sums[r]);
	}
}

void bound_problem_make(const struct bound_input *input, struct arena *arena, struct bound_problem *ret)
{
	struct maker maker = { .input = input, .arena = arena };

	*ret = (struct bound_problem){ 0 };
	bound_model_make(&maker.model, input, arena);
	read_sets(&maker);
	choose_kinds(&maker);
	make_cells(&maker);
	make_all_columns(&maker);
	make_rows(&maker, ret);
	ret->classes = ARENA_ARRAY(arena, struct bound_class, input->demand_count + 1);
	for (size_t d = 0; d < input->demand_count; d++) {
		const struct bound_demand *demand = &input->demands[d];
		const struct column_set *set = &maker.sets[maker.set_of[d]];
		struct bound_class *class = &ret->classes[ret->class_count];

		if (set->column_count == 0 || demand->count <= 0 || demand->value <= 0)
			continue;
		*class = (struct bound_class){ .value = demand->value, .workers = set->workers,
					       .total = bound_least(set->total, bound_times(demand->count, set->workers)),
					       .column_count = set->column_count, .rows = set->rows, .boxes = set->boxes };
		class->total -= class->total % class->workers;
		class->amount_count = need_amounts(&maker.model.needs[set->need], class->amounts);
		ret->column_count += set->column_count;
		ret->class_count++;
	}
	ret->site_kinds = maker.kinds.count;
	ret->node_kinds = maker.cell_count;
	ret->pooled = maker.model.supply.pooled;
}

/* Columns of a class that differ in their rows' resources, by the last chip row: it is the model's. */
static uint32_t tie_columns(const struct bound_problem *problem, const struct bound_class *class, uint32_t *ties, uint32_t *column_of)
{
	uint32_t count = 0;

	for (uint32_t j = 0; j < class->column_count; j++) {
		const uint32_t *rows = class->rows + (size_t)j * class->amount_count;
		uint32_t at;

		for (at = 0; at < count; at++) {
			uint32_t i;

			for (i = 0; i < class->amount_count && problem->rows[rows[i]].tie == ties[at * class->amount_count + i]; i++)
				;
			if (i == class->amount_count)
				break;
		}
		for (uint32_t i = 0; i < class->amount_count && at == count; i++)
			ties[at * class->amount_count + i] = problem->rows[rows[i]].tie;
		count += at == count;
		column_of[j] = at;
	}
	return count;
}

void bound_problem_tie(const struct bound_problem *problem, struct arena *arena, struct bound_problem *ret, uint32_t **ret_column_of)
{
	uint32_t *column_of = ARENA_ARRAY(arena, uint32_t, problem->column_count + 1);
	uint32_t at = 0;

	*ret = (struct bound_problem){ .row_count = problem->tie_count, .tie_count = problem->tie_count, .class_count = problem->class_count,
				       .rows = ARENA_ARRAY(arena, struct bound_row, problem->tie_count + 1),
				       .classes = ARENA_ARRAY(arena, struct bound_class, problem->class_count + 1) };
	for (uint32_t r = 0; r < problem->row_count; r++) {
		struct bound_row *row = &ret->rows[problem->rows[r].tie];

		row->capacity = bound_add(row->capacity, problem->rows[r].capacity);
		row->tie = problem->rows[r].tie;
	}
	*ret_column_of = column_of;
	for (size_t c = 0; c < problem->class_count; c++) {
		const struct bound_class *class = &problem->classes[c];
		struct bound_class *tied = &ret->classes[c];
		uint32_t *rows = ARENA_ARRAY(arena, uint32_t, (size_t)class->column_count * class->amount_count + 1);
		int64_t *boxes;

		*tied = *class;
		tied->column_count = tie_columns(problem, class, rows, column_of + at);
		tied->rows = rows;
		tied->boxes = boxes = ARENA_ARRAY(arena, int64_t, tied->column_count + 1);
		for (uint32_t j = 0; j < class->column_count; j++) {
			boxes[column_of[at + j]] = bound_add(boxes[column_of[at + j]], class->boxes[j]);
			column_of[at + j] += (uint32_t)ret->column_count;
		}
		at += class->column_count;
		ret->column_count += tied->column_count;
	}
}
