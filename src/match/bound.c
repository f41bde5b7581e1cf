/* The dual value of the relaxation, at prices that bound_prices.c finds.
 *
 * First one price per resource for the whole network, which is a small problem and most of the way; then a price per kind
 * of node. Both give bounds of the same problem.
 *
 * Fixed point: values are scaled by 2^shift, rounded up, so that a worker's largest stays below 2^UNIT_BITS. Everything that
 * the bound is made of is exact in 64 and 128 bits. At the end it is rounded down to what sums of the values can be.
 */
#include "match/bound_private.h"

#include <string.h>

#define STEPS_DEFAULT 160
#define STEPS_MIN 20
#define UNIT_BITS 48
#define SHIFT_MAX 32

/* --- what the demands gain at given prices --- */

/* The scaled gain of a worker in the column; 0 when there is none. */
static int64_t column_gain(const struct bound_dual *dual, const struct bound_class *class, int64_t unit, uint32_t column)
{
	const uint32_t *rows = class->rows + (size_t)column * class->amount_count;

	for (uint32_t i = 0; i < class->amount_count; i++) {
		int64_t cost;

		/* A cost beyond all bounds is more than any gain. */
		if (__builtin_mul_overflow(dual->price[rows[i]], class->amounts[i], &cost) || cost >= unit)
			return 0;
		unit -= cost;
	}
	return unit;
}

/* The larger gain first, then the lower column. */
static bool before(const struct bound_dual *dual, size_t a, size_t b)
{
	return dual->gain[a] != dual->gain[b] ? dual->gain[a] > dual->gain[b] : a < b;
}

static void heap_down(struct bound_dual *dual, size_t count, size_t at)
{
	size_t moved = dual->order[at];

	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= count)
			break;
		if (child + 1 < count && before(dual, dual->order[child + 1], dual->order[child]))
			child++;
		if (!before(dual, dual->order[child], moved))
			break;
		dual->order[at] = dual->order[child];
		at = child;
	}
	dual->order[at] = moved;
}

/* Workers go where they gain most, until there are no more, or no gain: the exact maximum under boxes and one sum. */
static wide class_gain(struct bound_dual *dual, const struct bound_class *class, int64_t unit)
{
	int64_t left = class->total;
	size_t count = 0;
	wide sum = 0, room = 0;

	for (uint32_t c = 0; c < class->column_count; c++) {
		dual->gain[c] = column_gain(dual, class, unit, c);
		if (dual->gain[c] == 0)
			continue;
		dual->order[count++] = c;
		room += class->boxes[c];
	}
	if (room <= left) {
		for (size_t i = 0; i < count; i++)
			sum += (wide)class->boxes[dual->order[i]] * dual->gain[dual->order[i]];
		return sum;
	}
	for (size_t i = count / 2; i-- > 0;)
		heap_down(dual, count, i);
	while (left > 0) {
		size_t column = dual->order[0];
		int64_t workers = class->boxes[column] < left ? class->boxes[column] : left;

		sum += (wide)workers * dual->gain[column];
		left -= workers;
		dual->order[0] = dual->order[--count];
		heap_down(dual, count, 0);
	}
	return sum;
}

static wide dual_value(struct bound_dual *dual)
{
	const struct bound_problem *problem = dual->problem;
	wide value = 0;

	for (uint32_t r = 0; r < problem->row_count; r++)
		value += (wide)dual->price[r] * problem->rows[r].capacity;
	for (size_t c = 0; c < problem->class_count; c++)
		value += class_gain(dual, &problem->classes[c], dual->unit[c]);
	return value;
}

void bound_dual_try(struct bound_dual *dual)
{
	wide value = dual_value(dual);

	if (value >= dual->value)
		return;
	dual->value = value;
	memcpy(dual->best, dual->price, dual->problem->row_count * sizeof(*dual->best));
}

/* The largest sum of the values that is not more than the dual value. */
static int64_t round_down(const struct bound_dual *dual)
{
	wide value = dual->value >> dual->shift;

	if (dual->divisor > 0)
		value -= value % dual->divisor;
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

bool bound_dual_is_met(const struct bound_dual *dual)
{
	return dual->placed > 0 && round_down(dual) <= dual->placed;
}

/* --- setting out --- */

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b != 0) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void scale_values(struct bound_dual *dual)
{
	const struct bound_problem *problem = dual->problem;
	int64_t largest = 1;

	for (size_t c = 0; c < problem->class_count; c++) {
		int64_t value = problem->classes[c].value / problem->classes[c].workers + 1;

		largest = value > largest ? value : largest;
		dual->divisor = common_divisor(problem->classes[c].value, dual->divisor);
	}
	while (dual->shift < SHIFT_MAX && largest < (int64_t)1 << (UNIT_BITS - 1 - dual->shift))
		dual->shift++;
	for (size_t c = 0; c < problem->class_count; c++) {
		wide scaled = (wide)problem->classes[c].value << dual->shift;

		dual->unit[c] = (int64_t)((scaled + problem->classes[c].workers - 1) / problem->classes[c].workers);
	}
}

/* Begins with prices of 0. */
static void dual_init(struct bound_dual *dual, const struct bound_problem *problem, int64_t placed, struct arena *arena)
{
	size_t columns = 0, rows = problem->row_count + 1;

	for (size_t c = 0; c < problem->class_count; c++)
		columns = problem->classes[c].column_count > columns ? problem->classes[c].column_count : columns;
	*dual = (struct bound_dual){
		.problem = problem, .placed = placed,
		.unit = ARENA_ARRAY(arena, int64_t, problem->class_count + 1),
		.price = ARENA_ARRAY(arena, int64_t, rows), .best = ARENA_ARRAY(arena, int64_t, rows),
		.order = ARENA_ARRAY(arena, size_t, columns + 1), .gain = ARENA_ARRAY(arena, int64_t, columns + 1),
	};
	scale_values(dual);
	dual->value = dual_value(dual);
}

/* --- the bound --- */

static uint32_t count_steps(const struct bound_input *input, const struct bound_problem *problem)
{
	size_t work = problem->column_count * 8 + problem->row_count + 1;
	size_t most = BOUND_WORK_MAX / work, steps = input->steps ? input->steps : STEPS_DEFAULT;

	most = most < STEPS_MIN ? STEPS_MIN : most;
	return (uint32_t)(steps < most ? steps : most);
}

/* The prices of the small problem, and its answer, for the whole one. */
static void take_tied(struct bound_dual *dual, const struct bound_dual *tied, const uint32_t *column_of, struct arena *arena,
		      struct bound_guess *guess)
{
	const struct bound_problem *problem = dual->problem;
	int64_t *fills = guess->fills;

	for (uint32_t r = 0; r < problem->row_count; r++)
		dual->price[r] = tied->best[problem->rows[r].tie];
	bound_dual_try(dual);
	if (!fills)
		return;
	guess->fills = ARENA_ARRAY(arena, int64_t, problem->column_count + 1);
	for (size_t j = 0; j < problem->column_count; j++)
		guess->fills[j] = fills[column_of[j]];
}

void bound_compute(const struct bound_input *input, struct arena *arena, struct bound *ret)
{
	struct bound_problem problem, tied_problem;
	struct bound_dual dual, tied;
	struct bound_guess guess = { 0 };
	uint32_t *column_of;

	bound_problem_make(input, arena, &problem);
	bound_problem_tie(&problem, arena, &tied_problem, &column_of);
	*ret = (struct bound){ .site_kinds = problem.site_kinds, .node_kinds = problem.node_kinds, .pooled = problem.pooled };
	dual_init(&tied, &tied_problem, input->placed, arena);
	ret->steps = bound_prices_search(&tied_problem, &tied, count_steps(input, &tied_problem), arena, &guess);
	dual_init(&dual, &problem, input->placed, arena);
	take_tied(&dual, &tied, column_of, arena, &guess);
	ret->steps += bound_prices_search(&problem, &dual, count_steps(input, &problem), arena, &guess);
	ret->value = round_down(&dual);
}

int64_t bound_value_of(const struct ask *ask)
{
	int64_t workers = bound_job_workers(ask), each = ask->shape.chips.milli, value;

	if (each <= 0) {
		int64_t cpu = (int64_t)((wide)ask->shape.cpu_milli * CHIP_MILLI / BOUND_CPU_OF_CHIP_MILLI);
		int64_t memory = (int64_t)((wide)ask->shape.memory_mib * CHIP_MILLI / BOUND_MEMORY_OF_CHIP_MIB);

		each = cpu > memory ? cpu : memory;
	}
	each = each > 0 ? each : 1;
	return __builtin_mul_overflow(each, workers, &value) ? INT64_MAX : value;
}
