/* Who comes next, and who may use how much: hierarchical weighted fair share by dominant resource with
 * decayed usage, quotas with borrowing, limits.
 *
 * Tenants stand in a tree. What a tenant uses over time is an account per resource that decays by half in
 * every half-life (fixed point, closed form between events: no ticks). A tenant's standing is its dominant
 * account, as a share of the whole supply, over its weight; among siblings the lowest standing comes first,
 * level by level (dominant resource fairness: Ghodsi et al., NSDI 2011; hierarchical: Bhattacharya et al.,
 * SoCC 2013; decay as in Slurm's multifactor priority).
 *
 * Quota: a node of the tree is sure of it. What all of its tenants hold beyond it is borrowed from
 * what others leave idle. Limit: never more at once, at any level. Integers only.
 */
#ifndef WEIR_MATCH_SHARES_H
#define WEIR_MATCH_SHARES_H

#include "model/policy.h"
#include "policy/verdict.h"

struct shares;

#define TENANT_ROOT 0

/* Copies what it needs. `policy` NULL: every tenant stands below the root with weight 1. */
struct shares *shares_new(const struct policy_spec *policy);
void shares_free(struct shares *shares); /* takes NULL */
/* Another policy: accounts and what is held stay with the names. */
void shares_set_policy(struct shares *shares, const struct policy_spec *policy);
/* All of the supply, for shares of it. */
void shares_set_supply(struct shares *shares, const struct amounts *total);
/* The number of a tenant, made below the root when no policy names it. Numbers stay as long as the shares live. O(1). */
uint32_t shares_tenant(struct shares *shares, const char *name);
const char *shares_tenant_name(const struct shares *shares, uint32_t tenant);
size_t shares_tenant_count(const struct shares *shares);

/* From now on the tenant holds this much more (less). `now_us` does not go back. O(depth). */
void shares_charge(struct shares *shares, uint32_t tenant, const struct amounts *amounts, int64_t now_us);
void shares_release(struct shares *shares, uint32_t tenant, const struct amounts *amounts, int64_t now_us);

/* Whether the tenant may hold this much more. VERDICT_FITS, or VERDICT_LIMIT with name (of the tenant whose limit it is),
 * resource, have (left of the limit) and want. */
struct verdict shares_admit(const struct shares *shares, uint32_t tenant, const struct amounts *amounts);
/* Whether it would stay within its own quota (or that of a node above it which has one) with this much more. */
bool shares_within_quota(const struct shares *shares, uint32_t tenant, const struct amounts *more);
/* Whether it holds more than its quota at present: its work may be reclaimed by those within theirs. */
bool shares_borrows(const struct shares *shares, uint32_t tenant);

/* A tenant's place for people: its part of the supply held now, its decayed dominant share and the share that its weight
 * promises among those with work, in millionths. */
struct share_view {
	const char *name, *parent;
	int64_t weight;
	struct amounts held;
	const struct amounts *quota, *limit; /* NULL none */
	int64_t used_ppm;
	bool borrows;
};
void shares_view(const struct shares *shares, uint32_t tenant, int64_t now_us, struct share_view *ret);

/* --- the order of one round ---
 * A pick holds the tenants that have something queued. What the round places is charged to the pick, not to the shares:
 * decisions change nothing. */
struct share_pick;
struct share_pick *share_pick_new(const struct shares *shares, int64_t now_us);
void share_pick_free(struct share_pick *pick); /* takes NULL */
/* The tenant has (has not) something to be picked. */
void share_pick_set(struct share_pick *pick, uint32_t tenant, bool has_work);
/* The tenant that comes next; UINT32_MAX when none has work. O(depth). */
uint32_t share_pick_next(struct share_pick *pick);
/* Of two tenants, the one that comes first: less than 0 when `a` does, 0 for the same tenant. O(depth). */
int share_pick_compare(struct share_pick *pick, uint32_t a, uint32_t b);
/* The round gave the tenant this much, for an expected time (0 unknown: an hour). O(depth + log siblings). */
void share_pick_charge(struct share_pick *pick, uint32_t tenant, const struct amounts *amounts, int64_t time_us);
/* As shares_admit() and shares_within_quota(), with what the round gave so far. */
struct verdict share_pick_admit(const struct share_pick *pick, uint32_t tenant, const struct amounts *amounts);
bool share_pick_within_quota(const struct share_pick *pick, uint32_t tenant, const struct amounts *more);
/* Takes back what was charged (a preempted placement, or one that a round undid); amounts may exceed what the pick itself
 * charged: then they come off what the shares hold. */
void share_pick_release(struct share_pick *pick, uint32_t tenant, const struct amounts *amounts);

/* --- kept over restarts --- */
struct share_account {
	const char *name;
	int64_t used[3];   /* decayed amount-microseconds, cpu, memory, chips; fixed point as shares.c says */
	int64_t at_us;     /* the moment they speak of */
};
/* Accounts by name, those that are not zero; the arena's. What is held is not among them: charge it again after import. */
size_t shares_export(const struct shares *shares, struct arena *arena, struct share_account **ret);
void shares_import(struct shares *shares, const struct share_account *accounts, size_t count);

#endif
