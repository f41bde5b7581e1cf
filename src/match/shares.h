/* Who comes next, and who may use how much: hierarchical weighted fair share by dominant resource with
 * decayed usage, quotas with borrowing, limits.
 *
 * Tenants stand in a tree. What a tenant uses over time is an account per resource that decays by half in
 * every half-life (fixed point, closed form between events: no ticks; match/decay.h). Its standing is its dominant
 * account, as a share of the whole supply, over its weight; among siblings those come first that are short of
 * their quota, then the lowest standing, then the name, level by level (dominant resource fairness: Ghodsi et al.,
 * NSDI 2011; hierarchical: Bhattacharya et al., SoCC 2013; decay as in Slurm's multifactor priority).
 *
 * Quota: a node of the tree is sure of it. What all of its tenants hold beyond it is borrowed from
 * what others leave idle. Limit: never more at once, at any level. Integers only.
 *
 * Quotas in full (close to Kueue's cohorts: nominal quota, borrowing, reclaim within a cohort):
 * - A quota names the resources that are not 0 in it. It covers an ask that wants one of them at least, if what the node
 *   holds and the ask together stay within it in each of them that the ask wants. What it does not name goes along.
 * - An ask is within quota if the quota of its tenant or of a node above it covers it. A tenant without one on its path
 *   borrows everything.
 * - Who is within quota may reclaim what others borrow. Between two tenants that is settled below the nearest node which they
 *   share: there, one's side must have a quota that covers the ask, and no node of the other's side may have a quota that is kept
 *   in all resources that the ask wants. So what is left to the one that loses is never below a quota of its own, and
 *   for the same resources it cannot take it back.
 */
#ifndef WEIR_MATCH_SHARES_H
#define WEIR_MATCH_SHARES_H

#include "base/arena.h"
#include "model/policy.h"
#include "policy/verdict.h"

struct shares;

#define TENANT_ROOT 0
#define TENANT_NONE UINT32_MAX

/* Copies what it needs. `policy` NULL: every tenant stands below the root with weight 1. A parent that no policy describes
 * stands below the root itself, and so does a tenant whose parents would make a circle or more than POLICY_DEPTH_MAX levels. */
struct shares *shares_new(const struct policy_spec *policy);
void shares_free(struct shares *shares); /* takes NULL */
/* The same accounts under the same numbers, to try things on. O(tenants). */
struct shares *shares_clone(const struct shares *shares);
/* Another policy: accounts and what is held stay with the names. Another half-life counts from the last charge on. O(tenants). */
void shares_set_policy(struct shares *shares, const struct policy_spec *policy);
/* All of the supply, for shares of it. Resources of which there is nothing do not count. */
void shares_set_supply(struct shares *shares, const struct amounts *total);
/* The number of a tenant, made below the root when no policy names it; "" is the root. Numbers stay as long as the shares
 * live. O(1). */
uint32_t shares_tenant(struct shares *shares, const char *name);
const char *shares_tenant_name(const struct shares *shares, uint32_t tenant);
size_t shares_tenant_count(const struct shares *shares); /* the root is one of them */

/* From now on the tenant holds this much more (less). `now_us` does not go back; where it would, the latest counts. O(depth). */
void shares_charge(struct shares *shares, uint32_t tenant, const struct amounts *amounts, int64_t now_us);
void shares_release(struct shares *shares, uint32_t tenant, const struct amounts *amounts, int64_t now_us);

/* Whether the tenant may hold this much more. VERDICT_FITS, or VERDICT_LIMIT with name (of the tenant whose limit it is, the
 * nearest first), resource, have (left of the limit) and want: chips, or milli-chips as RESOURCE_CHIP_SHARE when they
 * are not whole. The name is borrowed from the shares. */
struct verdict shares_admit(const struct shares *shares, uint32_t tenant, const struct amounts *amounts);
/* Whether its quota, or that of a node above it, covers this much more. */
bool shares_within_quota(const struct shares *shares, uint32_t tenant, const struct amounts *more);
/* Whether anybody has a quota at all. O(tenants). */
bool shares_have_quotas(const struct shares *shares);
/* Whether it holds anything beyond every quota on its path (or there is none): somebody outside may reclaim it. */
bool shares_borrows(const struct shares *shares, uint32_t tenant);
/* Whether `tenant`, to hold this much more, may reclaim what `from` holds; false for the same tenant. O(depth). */
bool shares_may_reclaim(const struct shares *shares, uint32_t tenant, const struct amounts *more, uint32_t from);

/* A tenant's place for people: what it (with all below it) holds now, its decayed dominant share, and the share that its weights
 * promise while all have work, in millionths. */
struct share_view {
	const char *name, *parent; /* borrowed, as quota and limit are, until the policy changes */
	int64_t weight;
	struct amounts held;
	const struct amounts *quota, *limit; /* NULL none */
	int64_t used_ppm;
	int64_t promised_ppm;
	bool borrows;
};
void shares_view(const struct shares *shares, uint32_t tenant, int64_t now_us, struct share_view *ret);

/* The part of the supply that it holds now, with all below it: of its dominant resource, in 2^-32. O(1). */
uint64_t shares_held(const struct shares *shares, uint32_t tenant);
/* The one below the root that the tenant is or stands below; the root for itself. O(depth). */
uint32_t shares_top(const struct shares *shares, uint32_t tenant);

/* --- the order of one round ---
 * A pick holds the tenants that have something queued. What the round places is charged to the pick, not to the shares:
 * decisions change nothing. After charges and releases the pick says what shares would say that had been charged the same at
 * the pick's time. It borrows the shares, which stay as they are while it lives. */
struct share_pick;
struct share_pick *share_pick_new(const struct shares *shares, int64_t now_us);
void share_pick_free(struct share_pick *pick); /* takes NULL */
/* The tenant has (has not) something to be picked. O(depth log siblings). */
void share_pick_set(struct share_pick *pick, uint32_t tenant, bool has_work);
/* The tenant that comes next; TENANT_NONE when none has work. O(depth). */
uint32_t share_pick_next(struct share_pick *pick);
/* Of two tenants, the one that comes first: less than 0 when `a` does, 0 for the same tenant. Whether they have work does not
 * matter; among those that have, share_pick_next() is the first. A total order while nothing is charged. O(depth). */
int share_pick_compare(struct share_pick *pick, uint32_t a, uint32_t b);
/* The round gave the tenant this much. For how long does not matter: what is held counts at one horizon, whoever will hold it after
 * (shares.c). O(depth log siblings). */
void share_pick_charge(struct share_pick *pick, uint32_t tenant, const struct amounts *amounts);
/* As shares_admit(), shares_within_quota() and shares_may_reclaim(), with what the round gave so far. */
struct verdict share_pick_admit(const struct share_pick *pick, uint32_t tenant, const struct amounts *amounts);
/* For this round the limits of the tenant and of those above it are higher by this much: to ask what would be if they were. Once only. */
void share_pick_raise(struct share_pick *pick, uint32_t tenant, const struct amounts *by);
/* What their limits, not raised, lack for this much more: resource by resource the most, 0 where nothing. */
void share_pick_lacking(const struct share_pick *pick, uint32_t tenant, const struct amounts *amounts, struct amounts *ret);
bool share_pick_within_quota(const struct share_pick *pick, uint32_t tenant, const struct amounts *more);
bool share_pick_may_reclaim(const struct share_pick *pick, uint32_t tenant, const struct amounts *more, uint32_t from);
/* Takes back what was charged (a preempted placement, or one that a round undid); amounts may exceed what the pick itself
 * charged: then they come off what the shares hold. */
void share_pick_release(struct share_pick *pick, uint32_t tenant, const struct amounts *amounts);

/* --- kept over restarts ---
 * Export, import into new shares of the same policy, charge again what is held, at `at_us`, in any order: every standing is
 * then exactly that of the shares which were not interrupted. */

/* Whole and part / 2^62; both 0 or more. What they count is match/decay.h's: held amounts by growth, at `at_us`, under the half-life of
 * the export. */
struct share_sum {
	int64_t whole, part;
};

struct share_account {
	const char *name;
	struct share_sum used[3]; /* cpu, memory, chips */
	int64_t at_us;            /* the moment they speak of: that of the last charge or release, the same for all */
};
/* Accounts by name, those that are not zero, in the order of numbers; the arena's, names too. What is held is not among them. */
size_t shares_export(const struct shares *shares, struct arena *arena, struct share_account **ret);
/* Adds to what is there. The half-life is that of the export: set another afterwards. */
void shares_import(struct shares *shares, const struct share_account *accounts, size_t count);

#endif
