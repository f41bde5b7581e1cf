/* The dual: prices that make the bound small.
 *
 * The volume algorithm (Barahona and Anbil 2000): from the best prices so far a step in the direction of what an average of
 * the latest answers uses too much (or leaves); better prices become the new centre. It starts with one price per resource
 * for the whole network, which is a small problem and most of the way, and goes on with a price per kind of node.
 * An exact linear program was rejected: its basis grows with the kinds of nodes, and any prices give a bound.
 *
 * Fixed point: values are scaled by 2^shift, rounded up, so that a worker's largest stays below 2^UNIT_BITS. Everything that
 * the bound's value is made of is exact in 64 and 128 bits; only steps are rounded as they come, and they decide nothing
 * but which prices are tried. At the end the value is rounded down to what sums of the values can be.
 */
#include "match/bound_private.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_DEFAULT 200
#define STEPS_MIN 8
#define UNIT_BITS 48
#define SHIFT_MAX 32
#define AVERAGE_PART 6 /* of 32: the latest answer in the average */
#define TARGET_PART 32 /* the steps aim at a bound that is smaller by one part of so many, when no plan is known */
#define LAMBDA_ONE 256 /* the length of a step: of the gap between best and target */
#define FAILURES_MAX 4 /* steps that do not help, then they become shorter */
#define VIOLATION_BITS 16
#define VIOLATION_MAX ((int64_t)8 << VIOLATION_BITS)
#define RATIO_BITS 32
#define GAP_BITS 72
#define LAMBDA_MAX ((int64_t)1 << 14)
#define RATIO_MAX ((int64_t)1 << 40)

typedef __int128 wide;

struct dual {
	const struct bound_problem *problem;
	unsigned shift;
	int64_t *unit;      /* per class: scaled value of a worker, rounded up */
	int64_t *price;     /* per row: scaled value of one unit; tried */
	int64_t *best;      /* per row: those of the best value */
	int64_t *usage;     /* per row: of the answer to `price` */
	int64_t *average;   /* per row: of the latest answers */
	int64_t *reference; /* per row: a price of the right size */
	int64_t *violation; /* per row, or per tie */
	wide *tie_usage, *tie_capacity;
	wide value, best_value;
	uint64_t *order;    /* scratch: columns in a heap */
	int64_t *gain;      /* scratch: per column */
	bool tied;
	int64_t lambda;
	unsigned failures;
};

/* --- what a demand gains at given prices --- */

/* The scaled gain of a worker in the column; 0 when there is none. */
static int64_t column_gain(const struct dual *dual, const struct bound_class *class, int64_t unit, uint32_t column)
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

static void use_column(struct dual *dual, const struct bound_class *class, uint32_t column, int64_t workers)
{
	const uint32_t *rows = class->rows + (size_t)column * class->amount_count;

	for (uint32_t i = 0; i < class->amount_count; i++)
		dual->usage[rows[i]] += workers * class->amounts[i];
}

/* The larger gain first, then the lower column. */
static bool before(const struct dual *dual, uint64_t a, uint64_t b)
{
	return dual->gain[a] != dual->gain[b] ? dual->gain[a] > dual->gain[b] : a < b;
}

static void heap_down(struct dual *dual, size_t count, size_t at)
{
	uint64_t moved = dual->order[at];

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
static wide class_gain(struct dual *dual, const struct bound_class *class, int64_t unit)
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
	if (room > left)
		for (size_t i = count / 2; i-- > 0;)
			heap_down(dual, count, i);
	for (size_t i = 0; count > 0 && left > 0; i++) {
		uint32_t column = (uint32_t)dual->order[room > class->total ? 0 : i];
		int64_t workers = class->boxes[column] < left ? class->boxes[column] : left;

		sum += (wide)workers * dual->gain[column];
		use_column(dual, class, column, workers);
		left -= workers;
		if (room > class->total) {
			dual->order[0] = dual->order[--count];
			if (count > 0)
				heap_down(dual, count, 0);
		} else if (i + 1 == count) {
			break;
		}
	}
	return sum;
}

static void evaluate(struct dual *dual)
{
	const struct bound_problem *problem = dual->problem;

	memset(dual->usage, 0, problem->row_count * sizeof(*dual->usage));
	dual->value = 0;
	for (uint32_t r = 0; r < problem->row_count; r++)
		dual->value += (wide)dual->price[r] * problem->rows[r].capacity;
	for (size_t c = 0; c < problem->class_count; c++)
		dual->value += class_gain(dual, &problem->classes[c], dual->unit[c]);
}

/* --- steps --- */

static int64_t violation_of(wide usage, wide capacity)
{
	wide violation = (usage - capacity) * ((wide)1 << VIOLATION_BITS) / (capacity > 0 ? capacity : 1);

	return violation > VIOLATION_MAX ? VIOLATION_MAX : violation < -VIOLATION_MAX ? -VIOLATION_MAX : (int64_t)violation;
}

/* How much more than there is the average uses, per row, or per resource of the whole network. */
static void find_violations(struct dual *dual)
{
	const struct bound_problem *problem = dual->problem;

	if (!dual->tied) {
		for (uint32_t r = 0; r < problem->row_count; r++)
			dual->violation[r] = violation_of(dual->average[r], problem->rows[r].capacity);
		return;
	}
	memset(dual->tie_usage, 0, problem->tie_count * sizeof(*dual->tie_usage));
	for (uint32_t r = 0; r < problem->row_count; r++)
		dual->tie_usage[problem->rows[r].tie] += dual->average[r];
	for (uint32_t r = 0; r < problem->row_count; r++) {
		uint32_t tie = problem->rows[r].tie;

		dual->violation[r] = violation_of(dual->tie_usage[tie], dual->tie_capacity[tie]);
	}
}

/* Violations that the prices can follow, squared: a price of 0 falls no further. */
static wide direction_length(const struct dual *dual)
{
	const struct bound_problem *problem = dual->problem;
	wide length = 0;

	for (uint32_t r = 0; r < problem->row_count; r++) {
		int64_t violation = dual->violation[r];

		if (violation < 0 && dual->best[r] == 0)
			continue;
		length += (wide)dual->reference[r] * problem->rows[r].capacity / LAMBDA_ONE * (violation * violation >> VIOLATION_BITS) >>
			  VIOLATION_BITS;
	}
	return length;
}

/* Prices a step away from the best ones. False when the average answer uses just what there is. */
static bool step(struct dual *dual, wide target)
{
	const struct bound_problem *problem = dual->problem;
	wide length, ratio, gap = dual->best_value - target;

	find_violations(dual);
	length = direction_length(dual);
	if (length <= 0)
		return false;
	for (; gap >> GAP_BITS; length = length / 2 + 1)
		gap >>= 1;
	/* lambda is in parts of LAMBDA_ONE, and so is the length: they cancel out. */
	ratio = (gap * dual->lambda << RATIO_BITS) / length / LAMBDA_ONE / LAMBDA_ONE;
	ratio = ratio > RATIO_MAX ? RATIO_MAX : ratio;
	for (uint32_t r = 0; r < problem->row_count; r++) {
		wide price = dual->best[r] + ((ratio * dual->reference[r] * dual->violation[r]) >> (RATIO_BITS + VIOLATION_BITS));

		dual->price[r] = price < 0 ? 0 : price > (wide)1 << UNIT_BITS ? (int64_t)1 << UNIT_BITS : (int64_t)price;
	}
	return true;
}

static void average_in(struct dual *dual)
{
	for (uint32_t r = 0; r < dual->problem->row_count; r++)
		dual->average[r] += (int64_t)((wide)(dual->usage[r] - dual->average[r]) * AVERAGE_PART / 32);
}

static void judge(struct dual *dual)
{
	if (dual->value < dual->best_value) {
		dual->best_value = dual->value;
		memcpy(dual->best, dual->price, dual->problem->row_count * sizeof(*dual->best));
		dual->failures = 0;
		dual->lambda += dual->lambda / 8;
		dual->lambda = dual->lambda < LAMBDA_MAX ? dual->lambda : LAMBDA_MAX;
		return;
	}
	if (++dual->failures < FAILURES_MAX)
		return;
	dual->failures = 0;
	dual->lambda -= dual->lambda / 3;
	dual->lambda = dual->lambda > 1 ? dual->lambda : 1;
}

/* --- setting out --- */

static void scale_values(struct dual *dual)
{
	const struct bound_problem *problem = dual->problem;
	int64_t largest = 1;

	for (size_t c = 0; c < problem->class_count; c++) {
		int64_t value = problem->classes[c].value / problem->classes[c].workers + 1;

		largest = value > largest ? value : largest;
	}
	while (dual->shift < SHIFT_MAX && largest < (int64_t)1 << (UNIT_BITS - 1 - dual->shift))
		dual->shift++;
	for (size_t c = 0; c < problem->class_count; c++) {
		wide scaled = (wide)problem->classes[c].value << dual->shift;

		dual->unit[c] = (int64_t)((scaled + problem->classes[c].workers - 1) / problem->classes[c].workers);
	}
}

/* Per resource: what all demands that want it are worth, over all that they want of it. */
static void find_references(struct dual *dual, struct arena *arena)
{
	const struct bound_problem *problem = dual->problem;
	wide *worth = ARENA_ARRAY(arena, wide, problem->tie_count + 1), *wanted = ARENA_ARRAY(arena, wide, problem->tie_count + 1);

	for (size_t c = 0; c < problem->class_count; c++) {
		const struct bound_class *class = &problem->classes[c];

		for (uint32_t column = 0; column < class->column_count; column++)
			for (uint32_t i = 0; i < class->amount_count; i++) {
				uint32_t tie = problem->rows[class->rows[(size_t)column * class->amount_count + i]].tie;
				int64_t workers = class->boxes[column] < class->total ? class->boxes[column] : class->total;

				worth[tie] += (wide)workers * dual->unit[c];
				wanted[tie] += (wide)workers * class->amounts[i];
			}
	}
	for (uint32_t r = 0; r < problem->row_count; r++) {
		uint32_t tie = problem->rows[r].tie;

		dual->tie_capacity[tie] += problem->rows[r].capacity;
		if (wanted[tie] > 0)
			dual->reference[r] = (int64_t)(worth[tie] / wanted[tie]) + 1;
	}
}

static void dual_init(struct dual *dual, const struct bound_problem *problem, struct arena *arena)
{
	size_t columns = 0, rows = problem->row_count + 1, ties = problem->tie_count + 1;

	for (size_t c = 0; c < problem->class_count; c++)
		columns = problem->classes[c].column_count > columns ? problem->classes[c].column_count : columns;
	*dual = (struct dual){
		.problem = problem, .tied = true, .lambda = LAMBDA_ONE,
		.unit = ARENA_ARRAY(arena, int64_t, problem->class_count + 1),
		.price = ARENA_ARRAY(arena, int64_t, rows), .best = ARENA_ARRAY(arena, int64_t, rows),
		.usage = ARENA_ARRAY(arena, int64_t, rows), .average = ARENA_ARRAY(arena, int64_t, rows),
		.reference = ARENA_ARRAY(arena, int64_t, rows), .violation = ARENA_ARRAY(arena, int64_t, rows),
		.tie_usage = ARENA_ARRAY(arena, wide, ties), .tie_capacity = ARENA_ARRAY(arena, wide, ties),
		.order = ARENA_ARRAY(arena, uint64_t, columns + 1), .gain = ARENA_ARRAY(arena, int64_t, columns + 1),
	};
	scale_values(dual);
	find_references(dual, arena);
}

/* --- the bound --- */

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b != 0) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* The largest sum of the values that is not more than the dual value. */
static int64_t round_down(const struct dual *dual)
{
	wide value = dual->best_value >> dual->shift;
	int64_t divisor = 0;

	for (size_t c = 0; c < dual->problem->class_count; c++)
		divisor = common_divisor(dual->problem->classes[c].value, divisor);
	if (divisor > 0)
		value -= value % divisor;
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static uint32_t count_steps(const struct bound_input *input, const struct bound_problem *problem)
{
	size_t work = problem->column_count * 4 + problem->row_count * 4 + 1;
	size_t most = BOUND_WORK_MAX / work, steps = input->steps ? input->steps : STEPS_DEFAULT;

	most = most < STEPS_MIN ? STEPS_MIN : most;
	return (uint32_t)(steps < most ? steps : most);
}

void bound_compute(const struct bound_input *input, struct arena *arena, struct bound *ret)
{
	struct bound_problem problem;
	struct dual dual;
	uint32_t steps;

	bound_problem_make(input, arena, &problem);
	dual_init(&dual, &problem, arena);
	*ret = (struct bound){ .site_kinds = problem.site_kinds, .node_kinds = problem.node_kinds, .pooled = problem.pooled };
	steps = count_steps(input, &problem);
	evaluate(&dual);
	dual.best_value = dual.value;
	memcpy(dual.average, dual.usage, problem.row_count * sizeof(*dual.average));
	for (ret->steps = 0; ret->steps < steps; ret->steps++) {
		wide target = dual.best_value - dual.best_value / TARGET_PART;

		if (input->placed > 0 && round_down(&dual) <= input->placed)
			break;
		if (input->placed > 0 && (wide)input->placed << dual.shift > target)
			target = (wide)input->placed << dual.shift;
		if (dual.tied && ret->steps >= steps / 3) {
			dual.tied = false;
			dual.lambda = LAMBDA_ONE;
		}
		if (!step(&dual, target))
			break;
		evaluate(&dual);
		judge(&dual);
		average_in(&dual);
	}
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
