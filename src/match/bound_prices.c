/* Prices that make the bound small, by a primal-dual method.
 *
 * The primal-dual hybrid gradient method (Chambolle and Pock 2011) with diagonal steps (Pock and Chambolle 2011), averages
 * and restarts from them, as solvers of large linear programs use it (PDLP, Applegate et al. 2021): an answer (how full each
 * column's box is) follows the prices and the prices follow the answer. Every so often the prices are tried in earnest: any
 * prices give a bound, the best so far is kept. A plain subgradient method was tried first: demands that may go to several
 * models jump from one to the other, and after 2,000 steps it was further off than this after 100.
 *
 * Fixed point: amounts as parts of what is free and boxes as parts of their size in PART_BITS, prices as the worth of all
 * that a row has free, the worth of everything that is asked for being about 2^WORTH_BITS. Rounding here decides nothing
 * but which prices are tried.
 */
#include "match/bound_private.h"

#include <string.h>

#define PART_BITS 20
#define PART_ONE ((int64_t)1 << PART_BITS)
#define PART_MAX ((int64_t)1 << 24)  /* of a row, by one full column */
#define WORTH_BITS 36
#define WORTH_MAX ((int64_t)1 << 38) /* of a row */
#define STEP_BITS 30
#define STEP_MAX ((int64_t)1 << 60)
#define WEIGHT 3      /* of steps in prices against steps in the answer */
#define TRY_EVERY 10
#define RESTART_EVERY 40

struct entry {
	uint32_t row; /* among those that can bind */
	uint32_t part;
};

struct column {
	uint32_t first, count; /* entries */
	uint32_t class_part;   /* of the class's number */
	int64_t worth;         /* of a full box */
	int64_t step;
	int64_t fill, fill_sum;
};

struct row_price {
	int64_t worth, worth_sum;
	int64_t step;
	int64_t used; /* by the answer */
};

struct search {
	const struct bound_problem *problem;
	struct bound_dual *dual;
	unsigned shift; /* scaled values to worths */
	int64_t weight;
	uint32_t *row_of; /* of the problem, per row that can bind */
	uint32_t row_count;
	struct row_price *rows, *classes;
	struct column *columns;
	struct entry *entries;
	uint32_t summed; /* steps in the sums */
};

static int64_t full_box(const struct bound_class *class, uint32_t column)
{
	return bound_least(class->boxes[column], class->total);
}

static uint32_t part_of(wide amount, int64_t of)
{
	wide part = amount * PART_ONE / (of > 0 ? of : 1);

	return (uint32_t)(part > PART_MAX ? PART_MAX : part);
}

/* Rows that all columns together would overfill; the others have no price. */
static void find_rows(struct search *search, struct arena *arena, uint32_t *number)
{
	const struct bound_problem *problem = search->problem;
	wide *wanted = ARENA_ARRAY(arena, wide, problem->row_count + 1);

	for (size_t c = 0; c < problem->class_count; c++) {
		const struct bound_class *class = &problem->classes[c];

		for (uint32_t column = 0; column < class->column_count; column++)
			for (uint32_t i = 0; i < class->amount_count; i++)
				wanted[class->rows[(size_t)column * class->amount_count + i]] +=
					(wide)full_box(class, column) * class->amounts[i];
	}
	search->row_of = ARENA_ARRAY(arena, uint32_t, problem->row_count + 1);
	for (uint32_t r = 0; r < problem->row_count; r++) {
		number[r] = UINT32_MAX;
		if (wanted[r] > problem->rows[r].capacity) {
			number[r] = search->row_count;
			search->row_of[search->row_count++] = r;
		}
	}
}

static void find_weight(struct search *search)
{
	const struct bound_problem *problem = search->problem;
	wide worth = 0;

	for (size_t c = 0; c < problem->class_count; c++)
		worth += (wide)search->dual->unit[c] * problem->classes[c].total;
	while (worth >> search->shift >> WORTH_BITS)
		search->shift++;
	search->weight = (int64_t)(worth >> search->shift) * WEIGHT / (search->row_count ? search->row_count : 1) + 1;
}

/* The columns of a class, and what they add to their rows. */
static size_t make_columns(struct search *search, size_t c, size_t column_at, uint32_t entry_at, const uint32_t *number)
{
	const struct bound_class *class = &search->problem->classes[c];

	for (uint32_t j = 0; j < class->column_count; j++) {
		struct column *column = &search->columns[column_at + j];
		int64_t box = full_box(class, j), sum;

		column->first = entry_at;
		column->class_part = part_of(box, class->total);
		column->worth = (int64_t)((wide)search->dual->unit[c] * box >> search->shift);
		sum = column->class_part;
		search->classes[c].step += column->class_part;
		for (uint32_t i = 0; i < class->amount_count; i++) {
			uint32_t row = class->rows[(size_t)j * class->amount_count + i];
			struct entry *entry = &search->entries[entry_at];

			if (number[row] == UINT32_MAX)
				continue;
			*entry = (struct entry){ number[row], part_of((wide)class->amounts[i] * box, search->problem->rows[row].capacity) };
			search->rows[entry->row].step += entry->part;
			sum += entry->part;
			entry_at++;
		}
		column->count = entry_at - column->first;
		column->step = (int64_t)(((wide)1 << (2 * PART_BITS + STEP_BITS)) / ((wide)search->weight * (sum ? sum : 1)));
		column->step = bound_least(column->step, STEP_MAX);
	}
	return entry_at;
}

/* From the sum of a row's parts to the step of its price. */
static void make_step(const struct search *search, struct row_price *price)
{
	price->step = (int64_t)((wide)search->weight * PART_ONE / (price->step ? price->step : 1));
}

static void search_init(struct search *search, const struct bound_problem *problem, struct bound_dual *dual, struct arena *arena)
{
	uint32_t *number = ARENA_ARRAY(arena, uint32_t, problem->row_count + 1);
	size_t entries = 0, column_at = 0, entry_at = 0;

	*search = (struct search){ .problem = problem, .dual = dual };
	find_rows(search, arena, number);
	find_weight(search);
	for (size_t c = 0; c < problem->class_count; c++)
		entries += (size_t)problem->classes[c].column_count * problem->classes[c].amount_count;
	search->rows = ARENA_ARRAY(arena, struct row_price, search->row_count + 1);
	search->classes = ARENA_ARRAY(arena, struct row_price, problem->class_count + 1);
	search->columns = ARENA_ARRAY(arena, struct column, problem->column_count + 1);
	search->entries = ARENA_ARRAY(arena, struct entry, entries + 1);
	for (size_t c = 0; c < problem->class_count; c++) {
		entry_at = make_columns(search, c, column_at, (uint32_t)entry_at, number);
		column_at += problem->classes[c].column_count;
	}
	for (uint32_t r = 0; r < search->row_count; r++)
		make_step(search, &search->rows[r]);
	for (size_t c = 0; c < problem->class_count; c++)
		make_step(search, &search->classes[c]);
}

/* --- where to begin --- */

static void take_guess(struct search *search, const struct bound_guess *guess)
{
	const struct bound_problem *problem = search->problem;

	for (size_t j = 0; j < problem->column_count; j++)
		search->columns[j].fill = guess->fills ? guess->fills[j] : PART_ONE;
	for (size_t c = 0; c < problem->class_count && guess->class_worths; c++)
		search->classes[c].worth = guess->class_worths[c];
	for (uint32_t r = 0; r < search->row_count; r++) {
		uint32_t row = search->row_of[r];
		wide worth = (wide)search->dual->best[row] * problem->rows[row].capacity >> search->shift;

		search->rows[r].worth = worth > WORTH_MAX ? WORTH_MAX : (int64_t)worth;
	}
}

static void give_guess(const struct search *search, struct arena *arena, struct bound_guess *guess)
{
	const struct bound_problem *problem = search->problem;

	guess->fills = ARENA_ARRAY(arena, int64_t, problem->column_count + 1);
	guess->class_worths = ARENA_ARRAY(arena, int64_t, problem->class_count + 1);
	for (size_t j = 0; j < problem->column_count; j++)
		guess->fills[j] = search->columns[j].fill;
	for (size_t c = 0; c < problem->class_count; c++)
		guess->class_worths[c] = search->classes[c].worth;
}

/* --- steps --- */

/* A column's fill follows the prices; what it uses, taken a step further, goes to its rows. */
static void column_step(struct search *search, struct column *column, struct row_price *class)
{
	const struct entry *entries = search->entries + column->first;
	int64_t cost = class->worth * column->class_part >> PART_BITS, fill, ahead;

	for (uint32_t i = 0; i < column->count; i++)
		cost += search->rows[entries[i].row].worth * entries[i].part >> PART_BITS;
	fill = column->fill + (int64_t)((wide)(column->worth - cost) * column->step >> STEP_BITS);
	fill = fill < 0 ? 0 : fill > PART_ONE ? PART_ONE : fill;
	ahead = 2 * fill - column->fill;
	column->fill = fill;
	column->fill_sum += fill;
	class->used += ahead * column->class_part >> PART_BITS;
	for (uint32_t i = 0; i < column->count; i++)
		search->rows[entries[i].row].used += ahead * entries[i].part >> PART_BITS;
}

static void price_step(struct row_price *price)
{
	wide worth = price->worth + ((wide)(price->used - PART_ONE) * price->step >> PART_BITS);

	price->worth = worth < 0 ? 0 : worth > WORTH_MAX ? WORTH_MAX : (int64_t)worth;
	price->worth_sum += price->worth;
	price->used = 0;
}

static void step(struct search *search)
{
	const struct bound_problem *problem = search->problem;
	struct column *column = search->columns;

	for (size_t c = 0; c < problem->class_count; c++) {
		for (uint32_t j = 0; j < problem->classes[c].column_count; j++)
			column_step(search, column++, &search->classes[c]);
		price_step(&search->classes[c]);
	}
	for (uint32_t r = 0; r < search->row_count; r++)
		price_step(&search->rows[r]);
	search->summed++;
}

/* Tries the latest prices, or the average since the last restart. */
static void try_prices(struct search *search, bool average)
{
	for (uint32_t r = 0; r < search->row_count; r++) {
		uint32_t row = search->row_of[r];
		int64_t worth = average ? search->rows[r].worth_sum / search->summed : search->rows[r].worth;
		/* A row may have nothing: nodes put together are seen as one that no member may be. */
		int64_t capacity = search->problem->rows[row].capacity > 0 ? search->problem->rows[row].capacity : 1;
		wide price = ((wide)worth << search->shift) / capacity;

		search->dual->price[row] = price > STEP_MAX ? STEP_MAX : (int64_t)price;
	}
	bound_dual_try(search->dual);
}

static void restart(struct search *search)
{
	const struct bound_problem *problem = search->problem;

	for (uint32_t r = 0; r < search->row_count; r++) {
		search->rows[r].worth = search->rows[r].worth_sum / search->summed;
		search->rows[r].worth_sum = 0;
	}
	for (size_t c = 0; c < problem->class_count; c++) {
		search->classes[c].worth = search->classes[c].worth_sum / search->summed;
		search->classes[c].worth_sum = 0;
	}
	for (size_t j = 0; j < problem->column_count; j++) {
		search->columns[j].fill = search->columns[j].fill_sum / search->summed;
		search->columns[j].fill_sum = 0;
	}
	search->summed = 0;
}

uint32_t bound_prices_search(const struct bound_problem *problem, struct bound_dual *dual, uint32_t steps, struct arena *arena,
			     struct bound_guess *guess)
{
	struct search search;
	uint32_t made = 0;

	search_init(&search, problem, dual, arena);
	if (search.row_count == 0)
		return 0; /* everything fits: prices of 0 are the best */
	take_guess(&search, guess);
	memset(dual->price, 0, problem->row_count * sizeof(*dual->price)); /* rows that cannot bind cost nothing */
	while (made < steps && !bound_dual_is_met(dual)) {
		step(&search);
		made++;
		if (made % TRY_EVERY == 0 || made == steps) {
			try_prices(&search, false);
			try_prices(&search, true);
		}
		if (made % RESTART_EVERY == 0)
			restart(&search);
	}
	give_guess(&search, arena, guess);
	return made;
}
