/* What a node's free chips are worth under the mix of demand, and which chips a worker should get.
 *
 * Two things are lost when a worker is placed, and the first counts before the second:
 *   of the chips: the sum over them of v(what each has left) falls, where v comes from the effective sizes (match/sizes.h);
 *   of the node: what the mix can use of its chips falls, that is the sum over chip-using shapes t of the mix of
 *       w[t] * min(usable[t], 1.6 * (CPU left / CPU of t) * chips of t, 3.2 * (memory left / memory of t) * chips of t)
 * with w[t] proportional to count[t] / (CPU of t + 0.45 times the mix's CPU per chip), adding up to 1, and usable[t] what t may use
 * of the chips, in milli: whole free chips, or v of what is left on chips with enough for the share; 0 when t does not fit.
 * The second is compared in steps of WORTH_STEP milli, to the nearest, so that near ties are left to the order of nodes, which keeps
 * the nodes behind empty. The first keeps remainders useful, the second keeps CPU and memory beside chips; shapes that ask for little
 * CPU count more in it because they can still use what the others leave.
 *
 * Work without chips prefers, among near ties, nodes without chips. While the mix knows no work that uses chips, nodes are chosen
 * by best fit.
 *
 * Fragmentation gradient (Weng et al., USENIX ATC 2023, the published form: score in 100 steps of a sigmoid, the commonest
 * shapes that make up 95 % of the mix, CPU-only ones too, memory not looked at), best fit (as published
 * beside it: CPU and chips left in hundredths of the largest node) and random choice stay for comparison.
 *
 * All in integers. A fall is exact; a score is a small number made of it, lower is better.
 */
#ifndef WEIR_MATCH_WORTH_H
#define WEIR_MATCH_WORTH_H

#include "base/rng.h"
#include "match/needs.h"
#include "model/policy.h"

#define WORTH_SHAPES_MAX 256 /* of the mix, the heaviest; others count with the likest of them */
#define WORTH_ONE 65536      /* the weights add up to this */
#define WORTH_STEP 36
#define WORTH_SCORE_MAX 32766

struct worth_shape {
	struct need *need; /* borrowed */
	uint64_t count;
	uint32_t weight; /* in 1/WORTH_ONE */
	uint64_t cpu_factor, memory_factor; /* usable chips per milli-core, per MiB, fixed point; 0: no limit */
};

/* Shapes that use the same chips alike. */
struct worth_kind {
	uint64_t parts;
	uint32_t chips;
	uint16_t milli;
	uint16_t first, end; /* terms */
};

struct worth_term {
	int64_t cpu, memory;
	uint64_t cpu_factor, memory_factor;
	uint32_t weight;
	const struct need *resources; /* NULL: asks for none */
};

/* The mix for one layout. */
struct worth_layout {
	uint64_t serial; /* of the layout; 0 none */
	size_t kind_count;
	struct worth_kind *kinds;
	struct worth_term *terms;
};

struct worth {
	enum node_policy policy;
	const struct rule_context *context;
	struct rng rng; /* of the random choice */
	int64_t values[CHIP_MILLI + 1]; /* v(g), in 1/SIZE_ONE chips */
	int32_t usable[CHIP_MILLI + 1]; /* what counts as usable of a chip with g left, in milli: v(g); for FGD g itself */
	struct worth_shape shapes[WORTH_SHAPES_MAX];
	size_t shape_count;
	struct worth_layout *layouts; /* by layout id */
	size_t layout_count;
	int64_t cpu_most, chip_most; /* of the largest node known, for best fit */
};

struct worth_choice {
	uint8_t part;
	uint16_t chip;  /* what the chip has left before; 1000 for whole ones; 0 without chips */
	int64_t value_fall;  /* of the chips, in 1/SIZE_ONE */
	int64_t usable_fall; /* of the node, in milli times WORTH_ONE */
	int64_t useless; /* chips that the mix can use no more beyond those taken: milli times WORTH_ONE; may be negative */
};

void worth_init(struct worth *worth, enum node_policy policy, const struct rule_context *context, uint64_t seed);
void worth_done(struct worth *worth);
/* Another mix: needs and counts, of which the heaviest are used; borrowed until the next call. O(n log n + sizes_compute()). */
void worth_set_mix(struct worth *worth, struct need *const *needs, const uint64_t *counts, size_t count);
/* Forgets what was worked out by layout: the catalogue changed. */
void worth_forget(struct worth *worth);
/* How far the given mix is from the one in use: 0 alike, 2 * WORTH_ONE wholly different. */
int64_t worth_distance(const struct worth *worth, struct need *const *needs, const uint64_t *counts, size_t count);
/* The amounts at which these needs and the worth of chips change, for the grain (states.h). */
void worth_marks(const struct worth *worth, struct need *const *needs, const uint64_t *counts, size_t count, struct grain_marks *ret);

/* The best chips for one worker that fits. O(distinct chips left * (chips + shapes)). */
void worth_choose(struct worth *worth, const struct need *need, const struct need_layout *in, const struct node_free *free,
		  struct worth_choice *ret);
/* Takes the worker's share. */
void worth_apply(const struct need *need, const struct need_layout *in, const struct worth_choice *choice, struct node_copy *copy);
/* The score of so many workers, one after another, in a node where they fit. */
uint16_t worth_score(struct worth *worth, const struct need *need, const struct need_layout *in, const struct node_free *free,
		     uint32_t workers);

#endif
