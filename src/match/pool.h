/* Which nodes and chips: the nodes of a site by their state, and the choice among them.
 *
 * Work is done per class of node states and distinct need, not per node. A state is a node's layout (its models, chip by
 * chip) and what it has free: CPU, memory, further resources, and the multiset of what its chips of each model have left;
 * a class is a set of states that are alike for the mix of demand (match/states.h). Classes are shared by all pools of a
 * chooser, and what a need costs a class is worked out once (match/chooser.h). What a node is worth under the mix seen
 * so far is in match/worth.h; the rule takes the node whose worth falls least.
 *
 * A pool keeps its own copy of what is free, exactly, so that a round may take and give back without touching the
 * supply it was made from. pool_take() and pool_give() are exact inverses. Nothing is ever given out twice: taking
 * what is not free aborts. Nothing is refused that fits, whatever the classes say.
 *
 * What decides: of the nodes that hold the workers, the one of the best score, in steps, and among those the lowest by group and
 * node. The score depends on what is free in the node, on the mix that is in use and on the classes, and on nothing else:
 * two pools with the same free amounts under one chooser choose alike, however they got there. The mix in use and how coarse
 * the classes are depend on the history of the chooser (on counts only, never on time or addresses), so equal calls give
 * equal results. Within a node the lowest of chips alike is taken.
 *
 * Cost: a worker is placed in O(log nodes) plus a scan of the pool's classes, or in pools with many of them an amortised constant
 * number of steps per need in use (match/pool_window.c). A change of the mix costs O(nodes) of each pool once, when it is next used.
 */
#ifndef WEIR_MATCH_POOL_H
#define WEIR_MATCH_POOL_H

#include "model/policy.h"
#include "policy/fit.h"

struct chooser;
struct pool;

#define CHOOSER_NEEDS_MAX 1000000

/* `seed` for NODE_POLICY_RANDOM only. `context` is borrowed until chooser_free() or the next chooser_set_context(). */
struct chooser *chooser_new(enum node_policy policy, const struct rule_context *context, uint64_t seed);
void chooser_free(struct chooser *chooser); /* takes NULL; no pool is left */
/* Another catalogue: what each need may use is worked out anew. */
void chooser_set_context(struct chooser *chooser, const struct rule_context *context);
/* A handle for what the ask needs of nodes (shape, models, rules on chips, together, arrange). Equal needs give equal
 * handles; counted, so each add has its remove. The ask is copied. */
uint32_t chooser_need_add(struct chooser *chooser, const struct ask *ask);
void chooser_need_remove(struct chooser *chooser, uint32_t need);
/* So many workers of this need arrived: the mix of demand learns it (a decayed histogram, match/mix.h). */
void chooser_learn(struct chooser *chooser, uint32_t need, int64_t workers);
/* Nothing is learned after the first call: the mix is as given (for experiments that know it). Counts per need. */
void chooser_fix_mix(struct chooser *chooser, const uint32_t *needs, const int64_t *counts, size_t count);

/* Copies what is free in the supply; borrows its names until pool_free(). */
struct pool *pool_new(struct chooser *chooser, const struct supply *supply);
void pool_free(struct pool *pool); /* takes NULL */

/* Workers that fit now, `limit` at most, at any distance from each other (together is not looked at). O(classes) at most,
 * and the nodes of those classes that hold the need only in part. */
int64_t pool_count(struct pool *pool, uint32_t need, int64_t limit);
/* Whether so many workers fit now, as close together as the need asks. */
bool pool_fits(struct pool *pool, uint32_t need, int64_t workers);
/* Chooses nodes and chips for workers 0 to count-1 and takes them: all or nothing. `*ret_loss_milli`: chips, in milli, that
 * this makes useless for the mix; 0 or more. Ties go to the lower group and node. Packed, each next node is the one that takes most
 * of the workers that are left, and of those the best: no other choice uses fewer nodes (with more than 16 workers in one node
 * nearly so). Spread, no node gets a second worker while another could take a first. In one group: the group that loses least. */
bool pool_place(struct pool *pool, uint32_t need, uint32_t count, struct slot *slots, int64_t *ret_loss_milli);
/* The loss that pool_place() would report for one worker, without taking; -1 when none fits. */
int64_t pool_loss_milli(struct pool *pool, uint32_t need);
/* Books given slots. Aborts when they are not free (or not taken). */
void pool_take(struct pool *pool, const struct slot *slots, size_t count, uint32_t need);
void pool_give(struct pool *pool, const struct slot *slots, size_t count, uint32_t need);
bool pool_slots_free(const struct pool *pool, const struct slot *slots, size_t count, uint32_t need);

/* A hold: of each slot's share, the part that is free now is set aside. For what is reserved for later. */
struct pool_hold;
struct pool_hold *pool_hold(struct pool *pool, const struct slot *slots, size_t count, uint32_t need);
void pool_unhold(struct pool *pool, struct pool_hold *hold_taken); /* gives the parts back; takes NULL */

/* Why fewer than `want` workers fit: CHIPS_BUSY, CPU_BUSY, MEMORY_BUSY, RESOURCE_BUSY, SCATTERED (or APART, when only
 * `together` stands in the way). VERDICT_FITS when they do. */
struct verdict pool_verdict(struct pool *pool, uint32_t need, int64_t want);

struct pool_totals {
	int64_t cpu_free_milli, memory_free_mib, chips_free, chip_free_milli; /* chips_free: whole ones */
	int64_t cpu_milli, memory_mib, chips;
	size_t nodes, states; /* states: classes of states alike that its nodes are in */
};
void pool_totals(const struct pool *pool, struct pool_totals *ret);
/* Walks everything; false when the books do not add up. For tests and debug builds. */
bool pool_is_consistent(const struct pool *pool);

struct chooser_figures {
	size_t states, needs, mix_shapes; /* states: classes of states alike, those known */
	unsigned grain;      /* how coarse the classes are: 0 exact, 3 coarsest */
	uint64_t scored;     /* pairs of class and need that were worked out */
	uint64_t mix_changes;
	size_t bytes;
};
void chooser_figures(const struct chooser *chooser, struct chooser_figures *ret);

#endif
