#include "match/sizes.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ITERATIONS_MAX 300
#define FIXED_BITS 32
#define FIXED_ONE ((int64_t)1 << FIXED_BITS)
#define TINY (FIXED_ONE >> 20) /* what counts as 0 among numbers that went through elimination */

struct program {
	size_t count;
	int milli[SIZES_MAX];       /* falling */
	int64_t demand[SIZES_MAX];  /* fixed point, of the greatest */
	int basis[SIZES_MAX][SIZES_MAX]; /* [pattern][share]: how many */
};

static int compare_shares(const void *a, const void *b)
{
	return ((const struct share *)b)->milli - ((const struct share *)a)->milli;
}

/* Joins equal shares, then the lightest with its next greater neighbour until few enough are left. */
static size_t join_shares(struct share *shares, size_t count)
{
	size_t kept = 0;

	qsort(shares, count, sizeof(*shares), compare_shares);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && shares[kept - 1].milli == shares[i].milli)
			shares[kept - 1].count += shares[i].count;
		else
			shares[kept++] = shares[i];
	}
	while (kept > SIZES_MAX) {
		size_t least = 1;

		for (size_t i = 2; i < kept; i++)
			if (shares[i].count < shares[least].count)
				least = i;
		shares[least - 1].count += shares[least].count;
		memmove(&shares[least], &shares[least + 1], (kept - least - 1) * sizeof(*shares));
		kept--;
	}
	return kept;
}

static int64_t fixed_times(int64_t a, int64_t b)
{
	return (int64_t)((__int128)a * b >> FIXED_BITS);
}

static int64_t fixed_over(int64_t a, int64_t b)
{
	__int128 quotient = (__int128)a * FIXED_ONE / b;

	return quotient > INT64_MAX / 4 ? INT64_MAX / 4 : quotient < INT64_MIN / 4 ? INT64_MIN / 4 : (int64_t)quotient;
}

/* Solves matrix * x = right by elimination with the greatest pivot; false when it is singular. */
static bool solve(int64_t matrix[SIZES_MAX][SIZES_MAX], int64_t *right, size_t count, int64_t *ret)
{
	for (size_t k = 0; k < count; k++) {
		size_t pivot = k;

		for (size_t r = k + 1; r < count; r++)
			if (llabs(matrix[r][k]) > llabs(matrix[pivot][k]))
				pivot = r;
		if (llabs(matrix[pivot][k]) <= TINY)
			return false;
		for (size_t c = 0; c < count && pivot != k; c++) {
			int64_t other = matrix[k][c];

			matrix[k][c] = matrix[pivot][c];
			matrix[pivot][c] = other;
		}
		if (pivot != k) {
			int64_t other = right[k];

			right[k] = right[pivot];
			right[pivot] = other;
		}
		for (size_t r = k + 1; r < count; r++) {
			int64_t factor = fixed_over(matrix[r][k], matrix[k][k]);

			for (size_t c = k; c < count && factor; c++)
				matrix[r][c] -= fixed_times(factor, matrix[k][c]);
			right[r] -= fixed_times(factor, right[k]);
		}
	}
	for (size_t k = count; k-- > 0;) {
		int64_t rest = right[k];

		for (size_t c = k + 1; c < count; c++)
			rest -= fixed_times(matrix[k][c], ret[c]);
		ret[k] = fixed_over(rest, matrix[k][k]);
	}
	return true;
}

/* `patterns`: solves sum over patterns of x[p] * basis[p] = right; else basis[p] * x = right[p]. */
static bool solve_basis(const struct program *program, bool patterns, const int64_t *right, int64_t *ret)
{
	int64_t matrix[SIZES_MAX][SIZES_MAX], copy[SIZES_MAX];

	for (size_t r = 0; r < program->count; r++) {
		copy[r] = right[r];
		for (size_t c = 0; c < program->count; c++)
			matrix[r][c] = (int64_t)(patterns ? program->basis[c][r] : program->basis[r][c]) << FIXED_BITS;
	}
	return solve(matrix, copy, program->count, ret);
}

/* The best that fits into each amount, `from[g]` being the share put in last (-1: none). */
static void knapsack(const struct program *program, const int64_t *sizes, int64_t best[CHIP_MILLI + 1], int from[CHIP_MILLI + 1])
{
	best[0] = 0;
	from[0] = -1;
	for (int g = 1; g <= CHIP_MILLI; g++) {
		best[g] = best[g - 1];
		from[g] = -1;
		for (size_t i = 0; i < program->count; i++) {
			if (program->milli[i] <= g && best[g - program->milli[i]] + sizes[i] > best[g]) {
				best[g] = best[g - program->milli[i]] + sizes[i];
				from[g] = (int)i;
			}
		}
	}
}

/* Exchanges a pattern of the basis for the one the knapsack found; false when that gains nothing more. */
static bool improve(struct program *program, const int from[CHIP_MILLI + 1])
{
	int pattern[SIZES_MAX] = { 0 };
	int64_t column[SIZES_MAX], step[SIZES_MAX], used[SIZES_MAX], best = INT64_MAX;
	size_t leaves = SIZE_MAX;

	for (int g = CHIP_MILLI; g > 0;) {
		if (from[g] >= 0)
			pattern[from[g]]++;
		g -= from[g] >= 0 ? program->milli[from[g]] : 1;
	}
	for (size_t i = 0; i < program->count; i++)
		column[i] = (int64_t)pattern[i] << FIXED_BITS;
	if (!solve_basis(program, true, column, step) || !solve_basis(program, true, program->demand, used))
		return false;
	for (size_t p = 0; p < program->count; p++) {
		int64_t ratio = step[p] > TINY ? fixed_over(used[p] > 0 ? used[p] : 0, step[p]) : INT64_MAX;

		if (ratio < best) {
			best = ratio;
			leaves = p;
		}
	}
	if (leaves == SIZE_MAX)
		return false;
	memcpy(program->basis[leaves], pattern, sizeof(pattern));
	return true;
}

static void program_init(struct program *program, const struct share *shares, size_t count)
{
	uint64_t most = 1;

	memset(program, 0, sizeof(*program));
	program->count = count;
	for (size_t i = 0; i < count; i++)
		most = shares[i].count > most ? shares[i].count : most;
	for (size_t i = 0; i < count; i++) {
		program->milli[i] = shares[i].milli;
		program->demand[i] = (int64_t)(((__int128)shares[i].count << FIXED_BITS) / most);
		program->basis[i][i] = CHIP_MILLI / shares[i].milli;
	}
}

/* Rounds the sizes to parts of SIZE_ONE, to the nearest or below, and fills the table; false when they are not feasible. */
static bool finish(const struct program *program, const int64_t *fixed, int64_t add, int64_t scale, int64_t ret[CHIP_MILLI + 1])
{
	int64_t sizes[SIZES_MAX];
	int from[CHIP_MILLI + 1];

	for (size_t i = 0; i < program->count; i++) {
		sizes[i] = fixed[i] > 0 ? (fixed_over(fixed[i], scale) * SIZE_ONE + add) >> FIXED_BITS : 0;
		sizes[i] = sizes[i] < SIZE_ONE ? sizes[i] : SIZE_ONE;
	}
	knapsack(program, sizes, ret, from);
	if (ret[CHIP_MILLI] > SIZE_ONE)
		return false;
	ret[CHIP_MILLI] = SIZE_ONE;
	return true;
}

void sizes_compute(const struct share *shares, size_t count, int64_t ret[CHIP_MILLI + 1])
{
	struct share *joined = malloc((count ? count : 1) * sizeof(*joined));
	int64_t ones[SIZES_MAX], sizes[SIZES_MAX] = { 0 }, solved[SIZES_MAX] = { 0 }, best[CHIP_MILLI + 1];
	int from[CHIP_MILLI + 1];
	struct program program;
	bool feasible;

	if (!joined)
		abort();
	if (count)
		memcpy(joined, shares, count * sizeof(*joined));
	program_init(&program, joined, join_shares(joined, count));
	free(joined);
	for (size_t i = 0; i < SIZES_MAX; i++)
		ones[i] = FIXED_ONE;
	for (unsigned i = 0; i < ITERATIONS_MAX && solve_basis(&program, false, ones, solved); i++) {
		memcpy(sizes, solved, sizeof(sizes));
		knapsack(&program, sizes, best, from);
		if (best[CHIP_MILLI] <= FIXED_ONE + TINY || !improve(&program, from))
			break;
	}
	/* To the nearest; else below, where the worst that can be is a sum that was a little above 1 before. */
	knapsack(&program, sizes, best, from);
	if (finish(&program, sizes, FIXED_ONE / 2, FIXED_ONE, ret) || finish(&program, sizes, FIXED_ONE / 64, FIXED_ONE, ret))
		return;
	feasible = finish(&program, sizes, 0, best[CHIP_MILLI] > FIXED_ONE ? best[CHIP_MILLI] : FIXED_ONE, ret);
	assert(feasible);
}
