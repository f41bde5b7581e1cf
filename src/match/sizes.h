/* Effective sizes of shares of a chip: what part of a chip a share really costs, given how shares pack.
 *
 * A chip is filled by patterns of shares. The dual of the cutting-stock program (fewest chips for the mix of
 * shares: Gilmore and Gomory 1961) gives each share an effective size such that no pattern is worth more than
 * one chip: 810 milli may cost a whole chip because nothing fits beside it, 460 to 480 a half. What a chip that
 * has g milli left is worth is the best sum of effective sizes that still fits into g.
 *
 * Column generation with a knapsack as its pricing step, in fixed point. Duals are small fractions (1/2, 2/3, 1/12), so they are
 * rounded to parts of SIZE_ONE, which has many divisors: then 1/3 and 2/3 add up to 1 exactly, and what is equal stays
 * equal. At last they are made feasible by the knapsack, which is exact. Floats were ruled out: sizes decide placements, and
 * those must be the same on every machine.
 */
#ifndef WEIR_MATCH_SIZES_H
#define WEIR_MATCH_SIZES_H

#include <stddef.h>
#include <stdint.h>

#include "model/chip.h"

#define SIZES_MAX 24            /* distinct shares; more are joined with the next greater */
#define SIZE_ONE 5040 /* the worth of a whole chip */

struct share {
	int milli;      /* 1 to 999 */
	uint64_t count; /* how often it is asked for */
};

/* `ret[g]`: the worth of a chip with g milli left, in 1/SIZE_ONE chips. Rises with g; ret[0] is 0, ret[1000] is SIZE_ONE;
 * ret[a + b] >= ret[a] + ret[b]. Shares in any order, the same one more than once too. O(iterations * SIZES_MAX^3). */
void sizes_compute(const struct share *shares, size_t count, int64_t ret[CHIP_MILLI + 1]);

#endif
