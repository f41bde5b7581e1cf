#include "match/pool_private.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* Beyond so many workers in one node, the numbers of workers that are tried for a gang's next node grow apart. */
#define BUNDLE_EXACT 16

/* --- making one --- */

static void group_init(struct pool *pool, struct pool_group *group, const struct supply_group *from, uint32_t first)
{
	uint32_t chips = from->chips_per_node;
	uint8_t resource_place[RESOURCES_MAX] = { 0 };

	*group = (struct pool_group){ .first = first, .node_count = from->node_count, .cpu_milli = from->cpu_milli, .memory_mib = from->memory_mib };
	group->place = mem_alloc(chips * 2 + 1);
	group->part = group->place + chips;
	group->layout = layout_ref(&pool->chooser->layouts, from, group->place, resource_place);
	group->parts = mem_alloc((group->layout->part_count + 1) * sizeof(*group->parts));
	group->chips = mem_dup(from->chip_free, (size_t)from->node_count * chips * sizeof(uint16_t));
	for (uint32_t c = 0; c < chips; c++)
		for (uint32_t p = 0; p < group->layout->part_count; p++)
			if (group->place[c] >= group->layout->part_start[p])
				group->part[c] = (uint8_t)p;
	for (uint32_t r = 0; r < from->resource_count; r++)
		group->resource_capacity[resource_place[r]] = from->resource_capacity[r];
	for (uint32_t n = 0; n < from->node_count; n++) {
		struct node_copy copy = { .layout = group->layout, .cpu = from->cpu_free[n], .memory = from->memory_free[n] };

		group->cpu_free += copy.cpu;
		group->memory_free += copy.memory;
		for (uint32_t r = 0; r < from->resource_count; r++) {
			copy.resources[resource_place[r]] = from->resource_free[(size_t)n * from->resource_count + r];
			group->resource_free[resource_place[r]] += copy.resources[resource_place[r]];
		}
		for (uint32_t c = 0; c < chips; c++) {
			uint16_t left = group->chips[(size_t)n * chips + c];

			copy.chips[group->place[c]] = left;
			group->parts[group->part[c]].whole += left == CHIP_MILLI;
			group->parts[group->part[c]].milli += left;
		}
		node_fill(pool, first + n, &copy);
	}
}

struct pool *pool_new(struct chooser *chooser, const struct supply *supply)
{
	struct pool *pool = mem_alloc(sizeof(*pool));
	struct worth *worth = &chooser->worth;
	uint32_t first = 0;

	pool->chooser = chooser;
	pool->class_epoch = chooser->class_epoch;
	pool->group_count = supply->group_count;
	pool->groups = mem_alloc((supply->group_count + 1) * sizeof(*pool->groups));
	for (size_t g = 0; g < supply->group_count; g++) {
		const struct supply_group *group = &supply->groups[g];

		assert(group->node_count < NODE_NONE - pool->node_count);
		pool->node_count += group->node_count;
		if (group->node_count > 0 && (group->cpu_milli > worth->cpu_most || group->chips_per_node * CHIP_MILLI > worth->chip_most)) {
			worth->cpu_most = group->cpu_milli > worth->cpu_most ? group->cpu_milli : worth->cpu_most;
			worth->chip_most = group->chips_per_node * CHIP_MILLI > worth->chip_most ? group->chips_per_node * CHIP_MILLI : worth->chip_most;
			chooser->score_epoch += worth->policy == NODE_POLICY_BESTFIT;
		}
	}
	pool->node_bucket = mem_alloc((pool->node_count + (size_t)1) * sizeof(*pool->node_bucket));
	pool->node_place = mem_alloc((pool->node_count + (size_t)1) * sizeof(*pool->node_place));
	memset(pool->node_bucket, 0xff, pool->node_count * sizeof(*pool->node_bucket));
	for (size_t g = 0; g < supply->group_count; g++) {
		pool->groups[g].first = first;
		first += supply->groups[g].node_count;
	}
	for (size_t g = 0; g < supply->group_count; g++)
		group_init(pool, &pool->groups[g], &supply->groups[g], pool->groups[g].first);
	return pool;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	for (uint32_t n = 0; n < pool->node_count; n++)
		chooser_state_unref(pool->chooser, pool->buckets[pool->node_bucket[n]].state);
	for (uint32_t b = 0; b < pool->bucket_count; b++)
		if (pool->buckets[b].state && pool->buckets[b].capacity)
			free(pool->buckets[b].heap);
	for (size_t g = 0; g < pool->group_count; g++) {
		layout_unref(&pool->chooser->layouts, pool->groups[g].layout);
		free(pool->groups[g].place);
		free(pool->groups[g].parts);
		free(pool->groups[g].chips);
	}
	free(pool->groups);
	free(pool->node_bucket);
	free(pool->node_place);
	free(pool->buckets);
	free(pool->bucket_class);
	free(pool->bucket_free);
	free(pool->index);
	free(pool);
}

/* --- counting --- */

/* No more workers than this fit, by what is free in total. */
static int64_t group_bound(struct pool *pool, const struct pool_group *group, struct need *need)
{
	const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);
	int64_t bound = INT64_MAX, chips = 0;

	if (!group_holds(pool, group, need))
		return 0;
	if (need->cpu)
		bound = group->cpu_free / need->cpu;
	if (need->memory && group->memory_free / need->memory < bound)
		bound = group->memory_free / need->memory;
	for (uint32_t i = 0; i < need->resource_count; i++)
		if (need->resources[i] > 0 && group->resource_free[in->resource_place[i]] / need->resources[i] < bound)
			bound = group->resource_free[in->resource_place[i]] / need->resources[i];
	if (need->chips == 0)
		return bound;
	for (uint64_t rest = in->parts; rest; rest &= rest - 1) {
		const struct part_totals *part = &group->parts[__builtin_ctzll(rest)];

		chips += need->milli == CHIP_MILLI ? part->whole / need->chips : part->milli / need->milli;
	}
	return chips < bound ? chips : bound;
}

static int64_t count_in(struct pool *pool, struct need *need, uint32_t group, int64_t limit)
{
	int64_t workers = 0;

	for (uint32_t b = 0; b < pool->bucket_count && workers < limit; b++) {
		const struct bucket *bucket = &pool->buckets[b];
		struct node_free free;
		int64_t each;

		if (!bucket->state || (group != GROUP_ALL && bucket->group != group))
			continue;
		free = cell_free(bucket->state);
		each = need_workers(need, chooser_in(pool->chooser, need, free.layout), &free, limit - workers);
		if (each > 0)
			workers = each > (limit - workers) / bucket->count ? limit : workers + each * bucket->count;
	}
	return workers;
}

static int64_t bound_in(struct pool *pool, struct need *need, uint32_t group, int64_t limit)
{
	int64_t bound = 0;

	for (size_t g = 0; g < pool->group_count && bound < limit; g++) {
		int64_t more = group == GROUP_ALL || group == g ? group_bound(pool, &pool->groups[g], need) : 0;

		bound = more > limit - bound ? limit : bound + more;
	}
	return bound;
}

int64_t pool_count(struct pool *pool, uint32_t handle, int64_t limit)
{
	struct need *need = need_at(&pool->chooser->needs, handle);

	limit = bound_in(pool, need, GROUP_ALL, limit);
	return limit > 0 ? count_in(pool, need, GROUP_ALL, limit) : 0;
}

static bool fits_in(struct pool *pool, struct need *need, uint32_t group, int64_t workers)
{
	if (bound_in(pool, need, group, workers) < workers)
		return false;
	if (workers == 1)
		return pool_find(pool, need_bundle(need, 1), group) != BUCKET_NONE;
	return count_in(pool, need, group, workers) >= workers;
}

bool pool_fits(struct pool *pool, uint32_t handle, int64_t workers)
{
	struct need *need = need_at(&pool->chooser->needs, handle);

	if (workers <= 0)
		return true;
	switch (workers == 1 ? TOGETHER_SITE : need->ask->where.together) {
	case TOGETHER_NODE:
		return workers <= UINT32_MAX && bound_in(pool, need, GROUP_ALL, workers) >= workers &&
		       pool_find(pool, need_bundle(need, (uint32_t)workers), GROUP_ALL) != BUCKET_NONE;
	case TOGETHER_GROUP:
		for (uint32_t g = 0; g < pool->group_count; g++)
			if (fits_in(pool, need, g, workers))
				return true;
		return false;
	default:
		return fits_in(pool, need, GROUP_ALL, workers);
	}
}

/* The most workers that fit as close together as the need asks. */
int64_t pool_together(struct pool *pool, struct need *need, int64_t limit)
{
	int64_t most = 0;

	for (uint32_t g = 0; need->ask->where.together == TOGETHER_GROUP && g < pool->group_count; g++) {
		int64_t workers = count_in(pool, need, g, limit);

		most = workers > most ? workers : most;
	}
	for (uint32_t b = 0; need->ask->where.together == TOGETHER_NODE && b < pool->bucket_count; b++) {
		struct node_free free;
		int64_t workers;

		if (!pool->buckets[b].state)
			continue;
		free = cell_free(pool->buckets[b].state);
		workers = need_workers(need, chooser_in(pool->chooser, need, free.layout), &free, limit);
		most = workers > most ? workers : most;
	}
	return most;
}

/* --- placing --- */

struct gang {
	struct need *need;
	uint32_t group;
	uint32_t count, placed;
	struct slot *slots;
	int64_t useless;
};

/* The next worker goes to this node. */
static void gang_add(struct pool *pool, struct gang *gang, uint32_t group, uint32_t node)
{
	struct slot *slot = &gang->slots[gang->placed];
	struct node_share share;
	int64_t useless;

	*slot = node_slot(pool, group, node, gang->need, &useless);
	slot->worker = gang->placed++;
	gang->useless += useless;
	share = slot_share(pool, slot, gang->need);
	node_change(pool, group, node, &share, 1);
}

static void gang_undo(struct pool *pool, struct gang *gang)
{
	while (gang->placed > 0) {
		const struct slot *slot = &gang->slots[--gang->placed];
		struct node_share share = slot_share(pool, slot, gang->need);

		node_change(pool, slot->group, pool->groups[slot->group].first + slot->node, &share, -1);
	}
	gang->useless = 0;
}

/* The most workers that an empty node holds. */
static uint32_t largest_bundle(struct pool *pool, struct need *need, uint32_t limit)
{
	int64_t largest = 0;

	for (size_t g = 0; g < pool->group_count; g++) {
		const struct pool_group *group = &pool->groups[g];
		const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);
		struct node_copy empty = { .layout = group->layout, .cpu = (int32_t)group->cpu_milli, .memory = (int32_t)group->memory_mib };
		struct node_free free = copy_free(&empty);
		int64_t workers;

		for (uint32_t r = 0; r < group->layout->resource_count; r++)
			empty.resources[r] = (int32_t)group->resource_capacity[r];
		for (uint32_t c = 0; c < group->layout->chip_count; c++)
			empty.chips[c] = CHIP_MILLI;
		workers = group->node_count ? need_workers(need, in, &free, limit) : 0;
		largest = workers > largest ? workers : largest;
	}
	return (uint32_t)largest;
}

/* As few nodes as may be: each next node is the one that takes most of the workers that are left, and of those the one
 * whose worth falls least. What no node holds once none will hold later, so the size of the bundle only falls. */
static bool gang_pack(struct pool *pool, struct gang *gang)
{
	uint32_t bundle = largest_bundle(pool, gang->need, gang->count);

	while (gang->placed < gang->count && bundle > 0) {
		uint32_t left = gang->count - gang->placed;
		uint32_t found, group, node;

		bundle = bundle < left ? bundle : left;
		found = pool_find(pool, need_bundle(gang->need, bundle), gang->group);
		if (found == BUCKET_NONE) {
			bundle -= bundle <= BUNDLE_EXACT ? 1 : bundle / 8;
			continue;
		}
		group = pool->buckets[found].group;
		node = pool_pick(pool, found);
		for (uint32_t w = 0; w < bundle; w++)
			gang_add(pool, gang, group, node);
	}
	return gang->placed == gang->count;
}

/* As many nodes as may be: a node with a worker is set aside until no other takes one; then all come back for a second. */
static bool gang_spread(struct pool *pool, struct gang *gang)
{
	struct bundle *one = need_bundle(gang->need, 1);
	uint32_t level = 0; /* the first worker whose node is set aside */

	pool->aside = mem_alloc((pool->node_count + (size_t)1) * sizeof(*pool->aside));
	while (gang->placed < gang->count) {
		uint32_t found = pool_find(pool, one, gang->group);
		uint32_t node, group;

		if (found == BUCKET_NONE) {
			if (level == gang->placed)
				break;
			for (; level < gang->placed; level++) {
				node = pool->groups[gang->slots[level].group].first + gang->slots[level].node;
				node_insert(pool, node, pool->aside[node]);
			}
			continue;
		}
		group = pool->buckets[found].group;
		node = pool_pick(pool, found);
		gang_add(pool, gang, group, node);
		pool->aside[node] = node_remove(pool, node);
	}
	for (; level < gang->placed; level++) {
		uint32_t node = pool->groups[gang->slots[level].group].first + gang->slots[level].node;

		node_insert(pool, node, pool->aside[node]);
	}
	free(pool->aside);
	pool->aside = NULL;
	return gang->placed == gang->count;
}

static bool gang_place_in(struct pool *pool, struct gang *gang, uint32_t group)
{
	bool placed;

	gang->group = group;
	if (bound_in(pool, gang->need, group, gang->count) < gang->count)
		return false;
	if (gang->count > 1 && gang->need->ask->where.arrange == ARRANGE_SPREAD)
		placed = gang_spread(pool, gang);
	else
		placed = gang_pack(pool, gang);
	if (!placed)
		gang_undo(pool, gang);
	return placed;
}

static bool gang_place_on_node(struct pool *pool, struct gang *gang)
{
	uint32_t found, group, node;

	if (bound_in(pool, gang->need, GROUP_ALL, gang->count) < gang->count)
		return false;
	found = pool_find(pool, need_bundle(gang->need, gang->count), GROUP_ALL);
	if (found == BUCKET_NONE)
		return false;
	group = pool->buckets[found].group;
	node = pool_pick(pool, found);
	while (gang->placed < gang->count)
		gang_add(pool, gang, group, node);
	return true;
}

/* Of the groups that hold them all, the one that loses least. */
static bool gang_place_in_group(struct pool *pool, struct gang *gang)
{
	uint32_t best = GROUP_ALL;
	int64_t least = INT64_MAX;

	for (uint32_t g = 0; g < pool->group_count; g++) {
		int64_t useless;

		if (!gang_place_in(pool, gang, g))
			continue;
		useless = gang->useless;
		gang_undo(pool, gang);
		if (useless < least) {
			least = useless;
			best = g;
		}
	}
	return best != GROUP_ALL && gang_place_in(pool, gang, best);
}

bool pool_place(struct pool *pool, uint32_t handle, uint32_t count, struct slot *slots, int64_t *ret_loss_milli)
{
	struct gang gang = { .need = need_at(&pool->chooser->needs, handle), .group = GROUP_ALL, .count = count, .slots = slots };
	enum together together = count > 1 ? gang.need->ask->where.together : TOGETHER_SITE;
	bool placed;

	if (together == TOGETHER_NODE)
		placed = gang_place_on_node(pool, &gang);
	else if (together == TOGETHER_GROUP)
		placed = gang_place_in_group(pool, &gang);
	else
		placed = gang_place_in(pool, &gang, GROUP_ALL);
	if (placed)
		*ret_loss_milli = gang.useless > 0 ? gang.useless / WORTH_ONE : 0;
	return placed;
}

int64_t pool_loss_milli(struct pool *pool, uint32_t handle)
{
	struct need *need = need_at(&pool->chooser->needs, handle);
	int64_t useless;
	uint32_t found;

	if (bound_in(pool, need, GROUP_ALL, 1) < 1)
		return -1;
	found = pool_find(pool, need_bundle(need, 1), GROUP_ALL);
	if (found == BUCKET_NONE)
		return -1;
	node_slot(pool, pool->buckets[found].group, bucket_lowest(&pool->buckets[found]), need, &useless);
	return useless > 0 ? useless / WORTH_ONE : 0;
}
