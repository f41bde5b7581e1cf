/* The order of one round: a heap of the children with work at each node of the tree.
 *
 * Order of two siblings: first the one that is `sure` (it, or something below it that has work, is short of its quota), then the
 * lower standing over weight, then the name. Names and not numbers, as numbers depend on the order in which the tenants
 * were met. Two tenants are compared below the nearest node which they share; there a tenant is sure if it or a node on its way is.
 * This is a total order: within one child of the shared node all have the same standing towards the outside, and where two
 * of them differ in being sure towards the outside, they differ the same way towards each other.
 *
 * Invariants: a node is in its parent's heap just when it has work or its own heap is not empty; a node in a heap has its
 * standing made and its `sure` up to date. Only the nodes on the path of what changes are moved.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "match/shares_private.h"

struct pick_node {
	int64_t given[SHARE_RESOURCES];     /* by the round, to it and all below it */
	int64_t own_given[SHARE_RESOURCES]; /* to itself */
	share_standing standing;
	share_standing own_standing; /* of a group's own work, against its children */
	bool known;    /* the standings are made */
	bool has_work;
	bool raised;   /* its limits count as higher by what the pick says */
	bool sure;     /* while in a heap */
	uint32_t place; /* in the parent's heap, from 1; 0 not there */
	uint32_t *heap; /* children with work; the first comes first */
	size_t heap_count, heap_capacity;
};

struct share_pick {
	const struct shares *shares;
	struct share_moment at;
	struct pick_node *nodes; /* by number */
	size_t count;
	int64_t raised[SHARE_RESOURCES];
};

struct share_pick *share_pick_new(const struct shares *shares, int64_t now_us)
{
	struct share_pick *pick = mem_alloc(sizeof(*pick));

	pick->shares = shares;
	pick->count = shares->count;
	pick->nodes = mem_alloc(pick->count * sizeof(*pick->nodes));
	shares_moment(shares, now_us, &pick->at);
	return pick;
}

void share_pick_free(struct share_pick *pick)
{
	if (!pick)
		return;
	for (size_t i = 0; i < pick->count; i++)
		free(pick->nodes[i].heap);
	free(pick->nodes);
	free(pick);
}

const int64_t *share_pick_given(const struct share_pick *pick, uint32_t node)
{
	return pick->nodes[node].given;
}

const int64_t *share_pick_raised(const struct share_pick *pick, uint32_t node)
{
	static const int64_t nothing[SHARE_RESOURCES];

	return pick->nodes[node].raised ? pick->raised : nothing;
}

void share_pick_raise(struct share_pick *pick, uint32_t tenant, const struct amounts *by)
{
	amounts_split(by, pick->raised);
	for (uint32_t at = tenant; !pick->nodes[at].raised; at = pick->shares->nodes[at].parent) {
		pick->nodes[at].raised = true;
		if (at == TENANT_ROOT)
			break;
	}
}

const struct shares *share_pick_shares(const struct share_pick *pick)
{
	return pick->shares;
}

static void node_measure(struct share_pick *pick, uint32_t number)
{
	const struct share_node *node = &pick->shares->nodes[number];
	struct pick_node *mine = &pick->nodes[number];

	mine->standing = shares_standing(pick->shares, &node->total, mine->given, &pick->at);
	mine->own_standing = node->has_children ? shares_standing(pick->shares, &node->own, mine->own_given, &pick->at) : mine->standing;
	mine->known = true;
}

static struct pick_node *node_known(struct share_pick *pick, uint32_t number)
{
	if (!pick->nodes[number].known)
		node_measure(pick, number);
	return &pick->nodes[number];
}

/* As strcmp(): which standing over weight is lower. Standings are capped at 2^107, so that with a weight they fit. */
static int standing_compare(share_standing a, int64_t a_weight, share_standing b, int64_t b_weight)
{
	static const share_standing most = ((share_standing)1 << 107) - 1;
	share_standing left = (a < most ? a : most) * (uint64_t)b_weight, right = (b < most ? b : most) * (uint64_t)a_weight;

	return (left > right) - (left < right);
}

static int siblings_compare(struct share_pick *pick, uint32_t a, bool a_sure, uint32_t b, bool b_sure)
{
	const struct share_node *nodes = pick->shares->nodes;
	int order;

	if (a_sure != b_sure)
		return a_sure ? -1 : 1;
	order = standing_compare(node_known(pick, a)->standing, nodes[a].weight, node_known(pick, b)->standing, nodes[b].weight);
	return order ? order : strcmp(nodes[a].name, nodes[b].name);
}

/* A group's own work against one of its children: it is one more child of weight 1, without a quota; first among equals. */
static int own_compare(struct share_pick *pick, uint32_t group, uint32_t child, bool child_sure)
{
	int64_t weight = pick->shares->nodes[child].weight;
	int order;

	if (child_sure)
		return 1;
	order = standing_compare(node_known(pick, group)->own_standing, 1, node_known(pick, child)->standing, weight);
	return order ? order : -1;
}

/* --- heaps --- */

static bool precedes(struct share_pick *pick, uint32_t a, uint32_t b)
{
	return siblings_compare(pick, a, pick->nodes[a].sure, b, pick->nodes[b].sure) < 0;
}

static void heap_put(struct share_pick *pick, struct pick_node *parent, size_t place, uint32_t number)
{
	parent->heap[place] = number;
	pick->nodes[number].place = (uint32_t)place + 1;
}

/* Brings what stands at `place` to where it belongs. */
static void heap_sift(struct share_pick *pick, struct pick_node *parent, size_t place)
{
	uint32_t number = parent->heap[place];

	while (place > 0 && precedes(pick, number, parent->heap[(place - 1) / 2])) {
		heap_put(pick, parent, place, parent->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	for (;;) {
		size_t child = place * 2 + 1;

		if (child + 1 < parent->heap_count && precedes(pick, parent->heap[child + 1], parent->heap[child]))
			child++;
		if (child >= parent->heap_count || !precedes(pick, parent->heap[child], number))
			break;
		heap_put(pick, parent, place, parent->heap[child]);
		place = child;
	}
	heap_put(pick, parent, place, number);
}

static void heap_insert(struct share_pick *pick, struct pick_node *parent, uint32_t number)
{
	ARRAY_RESERVE(parent->heap, parent->heap_capacity, parent->heap_count + 1);
	heap_put(pick, parent, parent->heap_count++, number);
	heap_sift(pick, parent, parent->heap_count - 1);
}

static void heap_remove(struct share_pick *pick, struct pick_node *parent, uint32_t number)
{
	size_t place = pick->nodes[number].place - 1;
	uint32_t last = parent->heap[--parent->heap_count];

	pick->nodes[number].place = 0;
	if (last == number)
		return;
	heap_put(pick, parent, place, last);
	heap_sift(pick, parent, place);
}

/* The node's place after it, or what is below it, changed. */
static void node_settle(struct share_pick *pick, uint32_t number)
{
	const struct share_node *node = &pick->shares->nodes[number];
	struct pick_node *mine = node_known(pick, number), *parent = &pick->nodes[node->parent];

	if (!mine->has_work && mine->heap_count == 0) {
		if (mine->place)
			heap_remove(pick, parent, number);
		return;
	}
	mine->sure = quota_is_short(node, mine->given) || (mine->heap_count && pick->nodes[mine->heap[0]].sure);
	if (mine->place)
		heap_sift(pick, parent, mine->place - 1);
	else
		heap_insert(pick, parent, number);
}

/* --- what the round does --- */

void share_pick_set(struct share_pick *pick, uint32_t tenant, bool has_work)
{
	assert(tenant < pick->count);
	if (pick->nodes[tenant].has_work == has_work)
		return;
	pick->nodes[tenant].has_work = has_work;
	for (uint32_t at = tenant; at != TENANT_ROOT; at = pick->shares->nodes[at].parent)
		node_settle(pick, at);
}

uint32_t share_pick_next(struct share_pick *pick)
{
	uint32_t at = TENANT_ROOT;

	for (;;) {
		const struct pick_node *mine = &pick->nodes[at];

		if (mine->heap_count == 0)
			return mine->has_work ? at : TENANT_NONE;
		if (mine->has_work && own_compare(pick, at, mine->heap[0], pick->nodes[mine->heap[0]].sure) < 0)
			return at;
		at = mine->heap[0];
	}
}

int share_pick_compare(struct share_pick *pick, uint32_t a, uint32_t b)
{
	const struct share_node *nodes = pick->shares->nodes;
	uint32_t a_child = TENANT_NONE, b_child = TENANT_NONE; /* the last on the way up */
	bool a_sure = false, b_sure = false;

	assert(a < pick->count && b < pick->count);
	while (a != b) {
		uint32_t *up = nodes[a].depth >= nodes[b].depth ? &a : &b;
		bool *sure = up == &a ? &a_sure : &b_sure;

		*(up == &a ? &a_child : &b_child) = *up;
		*sure = *sure || quota_is_short(&nodes[*up], pick->nodes[*up].given);
		*up = nodes[*up].parent;
	}
	if (a_child == b_child) /* both none: the same tenant */
		return 0;
	if (a_child == TENANT_NONE)
		return own_compare(pick, a, b_child, b_sure);
	if (b_child == TENANT_NONE)
		return -own_compare(pick, b, a_child, a_sure);
	return siblings_compare(pick, a_child, a_sure, b_child, b_sure);
}

static void give(struct share_pick *pick, uint32_t tenant, const struct amounts *amounts, int64_t sign)
{
	int64_t values[SHARE_RESOURCES];

	assert(tenant < pick->count);
	amounts_split(amounts, values);
	for (int r = 0; r < SHARE_RESOURCES; r++) {
		assert(values[r] >= 0);
		pick->nodes[tenant].own_given[r] += values[r] * sign;
	}
	for (uint32_t at = tenant;; at = pick->shares->nodes[at].parent) {
		struct pick_node *mine = &pick->nodes[at];

		for (int r = 0; r < SHARE_RESOURCES; r++)
			mine->given[r] += values[r] * sign;
		if (at == TENANT_ROOT) {
			mine->known = false;
			break;
		}
		node_measure(pick, at);
		node_settle(pick, at);
	}
}

void share_pick_charge(struct share_pick *pick, uint32_t tenant, const struct amounts *amounts)
{
	give(pick, tenant, amounts, 1);
}

void share_pick_release(struct share_pick *pick, uint32_t tenant, const struct amounts *amounts)
{
	give(pick, tenant, amounts, -1);
}
