/* A small seeded random source (xoshiro256**, Blackman and Vigna 2018; seeded by splitmix64).
 * Passed in wherever randomness is wanted; never a global. Not for secrets. */
#ifndef WEIR_BASE_RNG_H
#define WEIR_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* uniform in [0, bound); bound > 0 */

#endif
