/* Fair shares: the tree, its accounts, and what is kept of them.
 *
 * Standing. A tenant's account of a resource is the decayed mean u of what it held (decay.h). Compared is not u as it is
 * now but as it will be one horizon of 1/8 half-life from now (21 hours for 7 days) if what is held stays held:
 *   standing = max over resources (0.917 u + 0.083 held) / supply / weight.
 * Under overload, which is when order matters, what one tenant gives back somebody takes, so holdings stay for long while
 * each job is short. Counting them is what makes a tenant that was just given much wait for the others although its account has
 * hardly risen yet; so a round shares what is free, and does not give all to whoever was owed most. The account still outweighs
 * them 11 to 1, so a lasting bias in what is held (large jobs beside small ones) shows in it, and is corrected.
 * Tried at 1/8, 1/4, 1/2 and 1 half-life: a tenant that comes back after long displaces the others for 0.9, 0.75, 0.5 and 0
 * half-lives where weights are equal, but where jobs are large the shares miss weights of 1:3 by 0.4, 0.8, 1.5 and 2.5 %.
 * Rejected: the account alone (a round then gives everything to one tenant, and shares swing with the length of
 * the jobs); each placement valued at its expected time (a tenant of ten-second jobs is then given 360 times the chips of one
 * with hour-long jobs, until its account shows it); holdings alone, as in the papers (nothing is remembered).
 *
 * Groups. The account of a node is the sum of all below it, so a group is treated as one tenant would be that did the
 * same. The SoCC paper rescales a group to its child with the least, as otherwise a blocked child may be starved in a
 * static allocation; here what is blocked leaves the pick (share_pick_set) and accounts are of use over time,
 * so nothing is to be rescaled. A group with work of its own is, inside itself, one more child of weight 1.
 *
 * Invariants: `total` of a node is the sum of `own` of it and all below, bit for bit (sums are exact, and when an epoch
 * ends only `own` is rounded). sum + held * growth is 0 or more at all times from `now` on.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "match/shares_private.h"

#define HORIZON_FACTOR UINT64_C(0x45cae0f1f545eb73) /* 2^(1/8), in units of 2^-62 */
#define PART_BITS 62
#define PPM 1000000

static uint64_t name_hash(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

/* The place of the name in the table: its own, or the free one where it belongs. */
static uint32_t *table_place(const struct shares *shares, const char *name)
{
	size_t mask = shares->table_capacity - 1;

	for (size_t i = name_hash(name) & mask;; i = (i + 1) & mask)
		if (shares->table[i] == 0 || strcmp(shares->nodes[shares->table[i]].name, name) == 0)
			return &shares->table[i];
}

static void table_grow(struct shares *shares)
{
	free(shares->table);
	shares->table_capacity = shares->table_capacity ? shares->table_capacity * 2 : 64;
	shares->table = mem_alloc(shares->table_capacity * sizeof(*shares->table));
	for (uint32_t i = 1; i < shares->count; i++)
		*table_place(shares, shares->nodes[i].name) = i;
}

static struct share_node *node_add(struct shares *shares, const char *name)
{
	struct share_node *node;

	ARRAY_RESERVE(shares->nodes, shares->capacity, shares->count + 1);
	node = &shares->nodes[shares->count++];
	*node = (struct share_node){ .name = mem_strdup(name), .weight = 1 };
	return node;
}

uint32_t shares_tenant(struct shares *shares, const char *name)
{
	uint32_t *place;

	if (name[0] == '\0')
		return TENANT_ROOT;
	if (shares->table_capacity < (shares->count + 1) * 2)
		table_grow(shares);
	place = table_place(shares, name);
	if (*place == 0) {
		node_add(shares, name)->depth = 1;
		*place = (uint32_t)shares->count - 1;
		shares->nodes[TENANT_ROOT].has_children = true;
		shares->nodes[TENANT_ROOT].children_weight++;
	}
	return *place;
}

const char *shares_tenant_name(const struct shares *shares, uint32_t tenant)
{
	assert(tenant < shares->count);
	return shares->nodes[tenant].name;
}

size_t shares_tenant_count(const struct shares *shares)
{
	return shares->count;
}

/* --- the tree --- */

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/* Sums the accounts of the tree anew from what each node's own says. */
static void totals_make(struct shares *shares)
{
	for (size_t i = 0; i < shares->count; i++)
		memset(&shares->nodes[i].total, 0, sizeof(shares->nodes[i].total));
	for (size_t i = 0; i < shares->count; i++) {
		const struct account *own = &shares->nodes[i].own;

		for (uint32_t at = (uint32_t)i;; at = shares->nodes[at].parent) {
			for (int r = 0; r < SHARE_RESOURCES; r++) {
				shares->nodes[at].total.sum[r] += own->sum[r];
				shares->nodes[at].total.held[r] += own->held[r];
			}
			if (at == TENANT_ROOT)
				break;
		}
	}
}

/* Hangs a node that stands below the root under another, unless that would make a circle or too many levels. */
static void node_hang(struct shares *shares, uint32_t number, uint32_t parent)
{
	uint32_t levels = 0;

	for (uint32_t at = parent; at != TENANT_ROOT; at = shares->nodes[at].parent)
		if (at == number || ++levels >= POLICY_DEPTH_MAX)
			return;
	shares->nodes[number].parent = parent;
}

static void node_describe(struct share_node *node, const struct tenant_spec *spec)
{
	node->weight = clamp(spec->weight, 1, POLICY_WEIGHT_MAX);
	node->has_quota = spec->quota;
	node->has_limit = spec->limit;
	if (spec->quota)
		node->quota = *spec->quota;
	if (spec->limit)
		node->limit = *spec->limit;
}

/* Depths, and what the parents know of their children. A node that came to stand too deep, as its parents were hung up after
 * it, goes to the root. */
static void tree_measure(struct shares *shares)
{
	for (uint32_t i = 1; i < shares->count; i++) {
		uint32_t depth = 1;

		for (uint32_t at = shares->nodes[i].parent; at != TENANT_ROOT && depth <= POLICY_DEPTH_MAX; at = shares->nodes[at].parent)
			depth++;
		if (depth > POLICY_DEPTH_MAX)
			shares->nodes[i].parent = TENANT_ROOT;
	}
	for (uint32_t i = 1; i < shares->count; i++) {
		struct share_node *node = &shares->nodes[i];

		node->depth = 1;
		for (uint32_t at = node->parent; at != TENANT_ROOT; at = shares->nodes[at].parent)
			node->depth++;
		shares->nodes[node->parent].has_children = true;
		shares->nodes[node->parent].children_weight += node->weight;
	}
}

/* A sum that is worth the same under another half-life at the same moment: sum * next / now. */
static __int128 sum_rescale(__int128 value, uint64_t now, uint64_t next)
{
	unsigned __int128 whole = (unsigned __int128)value / now, rest = (unsigned __int128)value % now;

	return (__int128)(whole * next + (rest * next) / now); /* rest and next < 2^63 */
}

static void half_life_set(struct shares *shares, int64_t half_life_us)
{
	struct decay_moment next;

	half_life_us = clamp(half_life_us, DECAY_HALF_LIFE_MIN_US, DECAY_HALF_LIFE_MAX_US);
	if (half_life_us == shares->half_life_us)
		return;
	decay_at(half_life_us, shares->now_us, &next);
	for (size_t i = 0; i < shares->count; i++) {
		struct account *own = &shares->nodes[i].own;

		for (int r = 0; r < SHARE_RESOURCES; r++) {
			__int128 value = own->sum[r] + (__int128)own->held[r] * shares->now.growth;

			own->sum[r] = sum_rescale(value, shares->now.growth, next.growth) - (__int128)own->held[r] * next.growth;
		}
	}
	shares->half_life_us = half_life_us;
	shares->now = next;
}

void shares_set_policy(struct shares *shares, const struct policy_spec *policy)
{
	struct policy_spec defaults;

	if (!policy) {
		policy_defaults(&defaults);
		policy = &defaults;
	}
	half_life_set(shares, policy->half_life_us);
	for (size_t i = 0; i < policy->tenant_count; i++) {
		shares_tenant(shares, policy->tenants[i].name);
		shares_tenant(shares, policy->tenants[i].parent);
	}
	for (size_t i = 0; i < shares->count; i++) {
		struct share_node *node = &shares->nodes[i];

		node->parent = TENANT_ROOT;
		node->depth = 0;
		node->weight = 1;
		node->children_weight = 0;
		node->has_quota = node->has_limit = node->has_children = false;
	}
	for (size_t i = 0; i < policy->tenant_count; i++) {
		const struct tenant_spec *spec = &policy->tenants[i];
		uint32_t number = shares_tenant(shares, spec->name);

		node_describe(&shares->nodes[number], spec);
		if (number != TENANT_ROOT)
			node_hang(shares, number, shares_tenant(shares, spec->parent));
	}
	tree_measure(shares);
	totals_make(shares);
}

struct shares *shares_new(const struct policy_spec *policy)
{
	struct shares *shares = mem_alloc(sizeof(*shares));

	node_add(shares, "");
	shares->half_life_us = DECAY_HALF_LIFE_MIN_US;
	decay_at(shares->half_life_us, 0, &shares->now);
	shares_set_policy(shares, policy);
	return shares;
}

void shares_free(struct shares *shares)
{
	if (!shares)
		return;
	for (size_t i = 0; i < shares->count; i++)
		free(shares->nodes[i].name);
	free(shares->nodes);
	free(shares->table);
	free(shares);
}

struct shares *shares_clone(const struct shares *shares)
{
	struct shares *clone = mem_dup(shares, sizeof(*shares));

	clone->capacity = clone->count;
	clone->nodes = mem_dup(shares->nodes, shares->count * sizeof(*shares->nodes));
	for (size_t i = 0; i < clone->count; i++)
		clone->nodes[i].name = mem_strdup(shares->nodes[i].name);
	clone->table = mem_dup(shares->table, shares->table_capacity * sizeof(*shares->table));
	return clone;
}

void shares_set_supply(struct shares *shares, const struct amounts *total)
{
	amounts_split(total, shares->supply);
}

/* --- accounts --- */

/* The epochs that ended are taken from each node's own sums; totals are then made of these, so that they stay exact. */
static void epoch_end(struct shares *shares, int64_t epochs)
{
	for (size_t i = 0; i < shares->count; i++)
		for (int r = 0; r < SHARE_RESOURCES; r++)
			shares->nodes[i].own.sum[r] = decay_shift(shares->nodes[i].own.sum[r], epochs);
	totals_make(shares);
}

static void clock_advance(struct shares *shares, int64_t now_us)
{
	int64_t epoch = shares->now.epoch;

	if (now_us <= shares->now_us)
		return;
	shares->now_us = now_us;
	decay_at(shares->half_life_us, now_us, &shares->now);
	if (shares->now.epoch > epoch)
		epoch_end(shares, shares->now.epoch - epoch);
}

static void account_hold(struct account *account, const int64_t *values, uint64_t growth)
{
	for (int r = 0; r < SHARE_RESOURCES; r++) {
		account->held[r] += values[r];
		account->sum[r] -= (__int128)values[r] * growth;
	}
}

static void hold(struct shares *shares, uint32_t tenant, const int64_t *values, int64_t now_us)
{
	assert(tenant < shares->count);
	clock_advance(shares, now_us);
	account_hold(&shares->nodes[tenant].own, values, shares->now.growth);
	for (uint32_t at = tenant;; at = shares->nodes[at].parent) {
		account_hold(&shares->nodes[at].total, values, shares->now.growth);
		if (at == TENANT_ROOT)
			break;
	}
}

void shares_charge(struct shares *shares, uint32_t tenant, const struct amounts *amounts, int64_t now_us)
{
	int64_t values[SHARE_RESOURCES];

	amounts_split(amounts, values);
	assert(values[0] >= 0 && values[1] >= 0 && values[2] >= 0);
	hold(shares, tenant, values, now_us);
}

void shares_release(struct shares *shares, uint32_t tenant, const struct amounts *amounts, int64_t now_us)
{
	int64_t values[SHARE_RESOURCES];

	amounts_split(amounts, values);
	for (int r = 0; r < SHARE_RESOURCES; r++) {
		assert(values[r] >= 0 && values[r] <= shares->nodes[tenant].own.held[r]);
		values[r] = -values[r];
	}
	hold(shares, tenant, values, now_us);
}

void shares_moment(const struct shares *shares, int64_t now_us, struct share_moment *ret)
{
	struct decay_moment now = shares->now;

	if (now_us > shares->now_us)
		decay_at(shares->half_life_us, now_us, &now);
	ret->epoch = now.epoch;
	ret->growth = now.growth;
	ret->ahead = (uint64_t)((unsigned __int128)now.growth * HORIZON_FACTOR >> 62);
}

share_standing shares_standing(const struct shares *shares, const struct account *account, const int64_t *more,
			       const struct share_moment *at)
{
	int64_t epochs = at->epoch - shares->now.epoch;
	share_standing most = 0;

	for (int r = 0; r < SHARE_RESOURCES; r++) {
		__int128 value = decay_shift(account->sum[r], epochs) + (__int128)account->held[r] * at->ahead;

		if (more)
			value += (__int128)more[r] * (at->ahead - at->growth);
		if (value > 0 && shares->supply[r] > 0) {
			share_standing share = (share_standing)value / (uint64_t)shares->supply[r];

			most = share > most ? share : most;
		}
	}
	return most;
}

void shares_view(const struct shares *shares, uint32_t tenant, int64_t now_us, struct share_view *ret)
{
	const struct share_node *node = &shares->nodes[tenant];
	const int64_t *held = node->total.held;
	struct share_moment at;
	share_standing used;
	__int128 promised = (__int128)1 << 64;

	assert(tenant < shares->count);
	shares_moment(shares, now_us, &at);
	at.ahead = at.growth;
	used = shares_standing(shares, &node->total, NULL, &at);
	used = used >> 100 ? INT64_MAX : used * PPM / at.growth; /* far above 1 only where supply was lost */
	for (uint32_t i = tenant; i != TENANT_ROOT; i = shares->nodes[i].parent) {
		int64_t all = shares->nodes[shares->nodes[i].parent].children_weight;

		promised = promised * shares->nodes[i].weight / all;
	}
	*ret = (struct share_view){
		.name = node->name, .parent = shares->nodes[node->parent].name, .weight = node->weight,
		.held = { .cpu_milli = held[0], .memory_mib = held[1], .chip_milli = held[2] },
		.quota = node->has_quota ? &node->quota : NULL, .limit = node->has_limit ? &node->limit : NULL,
		.used_ppm = used > INT64_MAX ? INT64_MAX : (int64_t)used,
		.promised_ppm = (int64_t)((promised * PPM + ((__int128)1 << 63)) >> 64),
		.borrows = shares_borrows(shares, tenant),
	};
}

/* --- kept over restarts --- */

size_t shares_export(const struct shares *shares, struct arena *arena, struct share_account **ret)
{
	struct share_account *accounts = ARENA_ARRAY(arena, struct share_account, shares->count);
	size_t count = 0;

	for (size_t i = 0; i < shares->count; i++) {
		const struct account *own = &shares->nodes[i].own;
		struct share_account account = { .at_us = shares->now_us };
		bool used = false;

		for (int r = 0; r < SHARE_RESOURCES; r++) {
			__int128 value = own->sum[r] + (__int128)own->held[r] * shares->now.growth;

			account.used[r].whole = (int64_t)(value >> PART_BITS);
			account.used[r].part = (int64_t)(value & (((__int128)1 << PART_BITS) - 1));
			used = used || value;
		}
		if (used) {
			account.name = arena_strdup(arena, shares->nodes[i].name);
			accounts[count++] = account;
		}
	}
	*ret = accounts;
	return count;
}

void shares_import(struct shares *shares, const struct share_account *accounts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		clock_advance(shares, accounts[i].at_us);
	for (size_t i = 0; i < count; i++) {
		uint32_t tenant = shares_tenant(shares, accounts[i].name);
		struct decay_moment at;

		decay_at(shares->half_life_us, clamp(accounts[i].at_us, 0, INT64_MAX), &at);
		for (int r = 0; r < SHARE_RESOURCES; r++) {
			const struct share_sum *used = &accounts[i].used[r];
			__int128 value = (__int128)used->whole << PART_BITS | used->part;

			shares->nodes[tenant].own.sum[r] += decay_shift(value, shares->now.epoch - at.epoch);
		}
	}
	totals_make(shares);
}

uint64_t shares_held(const struct shares *shares, uint32_t tenant)
{
	const struct share_node *node = &shares->nodes[tenant];
	uint64_t most = 0;

	for (int r = 0; r < SHARE_RESOURCES; r++) {
		uint64_t share = shares->supply[r] > 0 ? (uint64_t)(((unsigned __int128)node->total.held[r] << 32) / (uint64_t)shares->supply[r]) : 0;

		most = share > most ? share : most;
	}
	return most;
}

uint32_t shares_top(const struct shares *shares, uint32_t tenant)
{
	while (shares->nodes[tenant].depth > 1)
		tenant = shares->nodes[tenant].parent;
	return tenant;
}
