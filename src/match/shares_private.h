/* The tree of shares.c, for the files that read it: share_quota.c and share_pick.c. */
#ifndef WEIR_MATCH_SHARES_PRIVATE_H
#define WEIR_MATCH_SHARES_PRIVATE_H

#include "match/decay.h"
#include "match/shares.h"

#define SHARE_RESOURCES 3 /* cpu, memory, chips, as in struct amounts */

/* What was used and is held of each resource. Its value at growth g is sum + held * g: see decay.h. */
struct account {
	__int128 sum[SHARE_RESOURCES];
	int64_t held[SHARE_RESOURCES];
};

struct share_node {
	char *name; /* "" the root */
	uint32_t parent;
	uint32_t depth; /* 0 the root */
	int64_t weight;
	int64_t children_weight;
	struct amounts quota, limit;
	bool has_quota, has_limit;
	bool has_children;
	struct account own;   /* what was charged to itself */
	struct account total; /* and to all below it: always the exact sum of their own */
};

struct shares {
	struct share_node *nodes; /* by number; 0 is the root */
	size_t count, capacity;
	uint32_t *table; /* numbers by name; 0 a free place */
	size_t table_capacity; /* a power of two, at least twice `count` */
	int64_t supply[SHARE_RESOURCES];
	int64_t half_life_us;
	int64_t now_us; /* of the last charge or release */
	struct decay_moment now;
};

/* A moment to compare at, and one horizon later, in the terms of the same epoch. */
struct share_moment {
	int64_t epoch;
	uint64_t growth, ahead;
};

typedef unsigned __int128 share_standing; /* a dominant share in units of 2^-56 at the landmark */

void shares_moment(const struct shares *shares, int64_t now_us, struct share_moment *ret);
/* The dominant share of an account one horizon ahead, if what it holds, with `more` of it since now, stays. `more` NULL: nothing. */
share_standing shares_standing(const struct shares *shares, const struct account *account, const int64_t *more,
			       const struct share_moment *at);

static inline void amounts_split(const struct amounts *amounts, int64_t *ret_values)
{
	ret_values[0] = amounts->cpu_milli;
	ret_values[1] = amounts->memory_mib;
	ret_values[2] = amounts->chip_milli;
}

/* What a round gave to the node and all below it so far. */
const int64_t *share_pick_given(const struct share_pick *pick, uint32_t node);
/* By how much its limits count as higher. */
const int64_t *share_pick_raised(const struct share_pick *pick, uint32_t node);
const struct shares *share_pick_shares(const struct share_pick *pick);

/* The rules of quotas and limits, with what a round gave on top; `pick` NULL: with what is held only. */
struct verdict quota_admit(const struct shares *shares, const struct share_pick *pick, uint32_t tenant, const struct amounts *amounts);
bool quota_covers(const struct shares *shares, const struct share_pick *pick, uint32_t tenant, const struct amounts *more);
bool quota_may_reclaim(const struct shares *shares, const struct share_pick *pick, uint32_t tenant, const struct amounts *more,
		       uint32_t from);
/* Whether the node has a quota and holds less than it in every resource that it names. */
bool quota_is_short(const struct share_node *node, const int64_t *given);

#endif
