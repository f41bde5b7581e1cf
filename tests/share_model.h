/* A slow model of fair shares, to compare with: random trees of tenants, accounts in long doubles that are settled at every step,
 * and the rules of shares.h written down once more. */
#ifndef TESTS_SHARE_MODEL_H
#define TESTS_SHARE_MODEL_H

#include "base/rng.h"
#include "match/shares_private.h"

#define MODEL_TENANTS_MAX 24
#define MODEL_HELD_MAX 64

struct model_tenant {
	char name[16];
	int parent; /* -1 the root */
	struct tenant_spec spec;
	struct amounts quota, limit;
	long double used[3]; /* the decayed mean of what it held itself */
	int64_t held[3];     /* itself */
};

struct model {
	struct rng rng;
	struct policy_spec policy;
	struct tenant_spec specs[MODEL_TENANTS_MAX];
	struct model_tenant tenants[MODEL_TENANTS_MAX];
	int count;
	int64_t supply[3];
	int64_t now_us;
	long double changed[3]; /* all amounts that ever came or went */
	struct model_held {
		int tenant;
		struct amounts amounts;
	} held[MODEL_HELD_MAX];
	int held_count;
};

/* A random tree, policy and supply; nothing held. */
void model_init(struct model *model, uint64_t seed);
/* Shares of its policy and supply; the caller's. */
struct shares *model_shares(const struct model *model);
int64_t model_random(struct model *model, int64_t bound); /* 0 to bound - 1 */
struct amounts model_amounts(struct model *model, int64_t most);
int model_depth(const struct model *model, int tenant);
bool model_below(const struct model *model, int tenant, int node); /* or the node itself; -1 is the root */
int64_t model_total(const struct model *model, int node, int r);   /* held by it and all below it */
uint32_t model_number(struct shares *shares, const struct model *model, int tenant);
void model_pass(struct model *model, int64_t to_us);
void model_hold(struct model *model, int tenant, const struct amounts *amounts, int sign);
/* A random step of time, and something held or released, in the model and the shares. What a limit refuses is not held. */
void model_step(struct model *model, struct shares *shares);

#endif
