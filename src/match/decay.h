/* Half-lives in integers: how much more an amount held now counts than one that was held earlier.
 *
 * Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: Forward Decay, ICDE 2009): instead of shrinking every sum as time
 * goes by, what comes later counts more. The growth g(t) = 2^((t - L) / h) rises from a landmark L. A rate r held from t0
 * to t1 adds r * (g(t1) - g(t0)) to a sum, and a sum W is worth W / g(t) at t, which is
 *   u(t) = u0 * 2^-((t - t0) / h) + r * (1 - 2^-((t - t0) / h)),
 * the decayed mean of what was held (times h / ln 2: the decayed amount-time U0 * 2^-x + r * h / ln 2 * (1 - 2^-x)).
 * So sums need no ticks, lose nothing however often they change, and the sum of a group is exactly that of its parts.
 *
 * The landmark moves on with each epoch of DECAY_EPOCH_HALVES half-lives; sums are then divided by 2^DECAY_EPOCH_HALVES
 * per epoch. Epochs are counted from time 0, so the same time has the same growth everywhere.
 *
 * Bounds: g is never above the true value, and less than a part of 2^-54 below it. Within an epoch it rises with every
 * microsecond, by 155 units at least at the longest half-life. g < 2^63, so what sums less than 2^62 of anything fits into 126 bits. An
 * amount that comes or goes puts an error of at most 2^-53 of itself into the account u, which decays with it.
 */
#ifndef WEIR_MATCH_DECAY_H
#define WEIR_MATCH_DECAY_H

#include <stdint.h>

#define DECAY_FRACTION_BITS 56
#define DECAY_EPOCH_HALVES 6
#define DECAY_HALF_LIFE_MIN_US INT64_C(1000000)
#define DECAY_HALF_LIFE_MAX_US (INT64_C(3660) * 86400000000) /* ten years, as long as a policy may say */

/* A moment, in the terms of its epoch. */
struct decay_moment {
	int64_t epoch;
	uint64_t growth;
};

/* `half_life_us` between its two bounds, `time_us` 0 or more. O(bits). */
void decay_at(int64_t half_life_us, int64_t time_us, struct decay_moment *ret);
/* 2^(fraction / 2^64), in units of 2^-62: at most 256 of them below the true value (64 factors, each and its product
 * rounded down), never above. */
uint64_t decay_power(uint64_t fraction);
/* A sum of one epoch in the terms of one `epochs` later: towards zero. */
__int128 decay_shift(__int128 sum, int64_t epochs);

#endif
