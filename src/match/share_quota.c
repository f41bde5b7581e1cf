/* Quotas and limits: the rules of shares.h, over what is held and what a round gave on top. */
#include <assert.h>

#include "match/shares_private.h"

static const int64_t nothing_given[SHARE_RESOURCES];

static const int64_t *given_to(const struct share_pick *pick, uint32_t node)
{
	return pick ? share_pick_given(pick, node) : nothing_given;
}

static const int64_t *raised_of(const struct share_pick *pick, uint32_t node)
{
	return pick ? share_pick_raised(pick, node) : nothing_given;
}

static struct verdict limit_verdict(const struct share_node *node, int resource, int64_t left, int64_t want)
{
	static const enum verdict_resource resources[SHARE_RESOURCES] = { RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_CHIPS };
	struct verdict verdict = { .code = VERDICT_LIMIT, .resource = resources[resource], .have = left > 0 ? left : 0, .want = want,
				   .name = node->name };

	if (verdict.resource != RESOURCE_CHIPS)
		return verdict;
	if (verdict.have % 1000 || verdict.want % 1000) {
		verdict.resource = RESOURCE_CHIP_SHARE;
	} else {
		verdict.have /= 1000;
		verdict.want /= 1000;
	}
	return verdict;
}

struct verdict quota_admit(const struct shares *shares, const struct share_pick *pick, uint32_t tenant, const struct amounts *amounts)
{
	int64_t wanted[SHARE_RESOURCES], limit[SHARE_RESOURCES];

	assert(tenant < shares->count);
	amounts_split(amounts, wanted);
	for (uint32_t at = tenant;; at = shares->nodes[at].parent) {
		const struct share_node *node = &shares->nodes[at];
		const int64_t *given = given_to(pick, at), *raised = raised_of(pick, at);

		amounts_split(&node->limit, limit);
		for (int r = 0; node->has_limit && r < SHARE_RESOURCES; r++) {
			int64_t left = limit[r] + raised[r] - node->total.held[r] - given[r];

			if (limit[r] > 0 && wanted[r] > 0 && wanted[r] > left)
				return limit_verdict(node, r, left, wanted[r]);
		}
		if (at == TENANT_ROOT)
			return (struct verdict){ .code = VERDICT_FITS };
	}
}

bool quota_is_short(const struct share_node *node, const int64_t *given)
{
	int64_t quota[SHARE_RESOURCES];
	bool names_one = false;

	if (!node->has_quota)
		return false;
	amounts_split(&node->quota, quota);
	for (int r = 0; r < SHARE_RESOURCES; r++) {
		if (quota[r] <= 0)
			continue;
		names_one = true;
		if (node->total.held[r] + given[r] >= quota[r])
			return false;
	}
	return names_one;
}

/* Whether the node's quota covers what it holds and this much more. */
static bool node_covers(const struct share_node *node, const int64_t *given, const int64_t *more)
{
	int64_t quota[SHARE_RESOURCES];
	bool names_one = false;

	if (!node->has_quota)
		return false;
	amounts_split(&node->quota, quota);
	for (int r = 0; r < SHARE_RESOURCES; r++) {
		if (quota[r] <= 0 || more[r] <= 0)
			continue;
		names_one = true;
		if (node->total.held[r] + given[r] > quota[r] - more[r])
			return false;
	}
	return names_one;
}

/* Whether the node has a quota and keeps to it in each resource that is wanted. */
static bool node_keeps(const struct share_node *node, const int64_t *given, const int64_t *wanted)
{
	int64_t quota[SHARE_RESOURCES];

	if (!node->has_quota)
		return false;
	amounts_split(&node->quota, quota);
	for (int r = 0; r < SHARE_RESOURCES; r++)
		if (quota[r] > 0 && wanted[r] > 0 && node->total.held[r] + given[r] > quota[r])
			return false;
	return true;
}

bool quota_covers(const struct shares *shares, const struct share_pick *pick, uint32_t tenant, const struct amounts *more)
{
	int64_t wanted[SHARE_RESOURCES];

	assert(tenant < shares->count);
	amounts_split(more, wanted);
	for (uint32_t at = tenant;; at = shares->nodes[at].parent) {
		if (node_covers(&shares->nodes[at], given_to(pick, at), wanted))
			return true;
		if (at == TENANT_ROOT)
			return false;
	}
}

/* The nearest node that has both below it, or is one of them. */
static uint32_t shared_node(const struct shares *shares, uint32_t a, uint32_t b)
{
	while (a != b) {
		if (shares->nodes[a].depth >= shares->nodes[b].depth)
			a = shares->nodes[a].parent;
		else
			b = shares->nodes[b].parent;
	}
	return a;
}

bool quota_may_reclaim(const struct shares *shares, const struct share_pick *pick, uint32_t tenant, const struct amounts *more,
		       uint32_t from)
{
	int64_t wanted[SHARE_RESOURCES];
	uint32_t shared;
	bool covered = false;

	assert(tenant < shares->count && from < shares->count);
	amounts_split(more, wanted);
	shared = shared_node(shares, tenant, from);
	for (uint32_t at = tenant; at != shared && !covered; at = shares->nodes[at].parent)
		covered = node_covers(&shares->nodes[at], given_to(pick, at), wanted);
	for (uint32_t at = from; at != shared && covered; at = shares->nodes[at].parent)
		covered = !node_keeps(&shares->nodes[at], given_to(pick, at), wanted);
	return covered;
}

struct verdict shares_admit(const struct shares *shares, uint32_t tenant, const struct amounts *amounts)
{
	return quota_admit(shares, NULL, tenant, amounts);
}

bool shares_within_quota(const struct shares *shares, uint32_t tenant, const struct amounts *more)
{
	return quota_covers(shares, NULL, tenant, more);
}

bool shares_may_reclaim(const struct shares *shares, uint32_t tenant, const struct amounts *more, uint32_t from)
{
	return quota_may_reclaim(shares, NULL, tenant, more, from);
}

bool shares_borrows(const struct shares *shares, uint32_t tenant)
{
	static const int64_t all[SHARE_RESOURCES] = { 1, 1, 1 };
	const int64_t *held = shares->nodes[tenant].total.held;

	assert(tenant < shares->count);
	if (held[0] <= 0 && held[1] <= 0 && held[2] <= 0)
		return false;
	for (uint32_t at = tenant;; at = shares->nodes[at].parent) {
		if (node_keeps(&shares->nodes[at], nothing_given, all))
			return false;
		if (at == TENANT_ROOT)
			return true;
	}
}

struct verdict share_pick_admit(const struct share_pick *pick, uint32_t tenant, const struct amounts *amounts)
{
	return quota_admit(share_pick_shares(pick), pick, tenant, amounts);
}

bool share_pick_within_quota(const struct share_pick *pick, uint32_t tenant, const struct amounts *more)
{
	return quota_covers(share_pick_shares(pick), pick, tenant, more);
}

bool share_pick_may_reclaim(const struct share_pick *pick, uint32_t tenant, const struct amounts *more, uint32_t from)
{
	return quota_may_reclaim(share_pick_shares(pick), pick, tenant, more, from);
}

void share_pick_lacking(const struct share_pick *pick, uint32_t tenant, const struct amounts *amounts, struct amounts *ret)
{
	const struct shares *shares = share_pick_shares(pick);
	int64_t wanted[SHARE_RESOURCES], limit[SHARE_RESOURCES], lacking[SHARE_RESOURCES] = { 0 };

	amounts_split(amounts, wanted);
	for (uint32_t at = tenant;; at = shares->nodes[at].parent) {
		const struct share_node *node = &shares->nodes[at];
		const int64_t *given = given_to(pick, at);

		amounts_split(&node->limit, limit);
		for (int r = 0; node->has_limit && r < SHARE_RESOURCES; r++) {
			int64_t more = node->total.held[r] + given[r] + wanted[r] - limit[r];

			if (limit[r] > 0 && wanted[r] > 0 && more > lacking[r])
				lacking[r] = more;
		}
		if (at == TENANT_ROOT)
			break;
	}
	*ret = (struct amounts){ lacking[0], lacking[1], lacking[2] };
}

bool shares_have_quotas(const struct shares *shares)
{
	for (size_t i = 0; i < shares->count; i++)
		if (shares->nodes[i].has_quota)
			return true;
	return false;
}
