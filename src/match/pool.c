#include "match/pool_private.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* Beyond so many workers in one node, the numbers of workers that are tried for a gang's next node grow apart. */
#define BUNDLE_EXACT 16

/* --- making one --- */

/* The small arrays, in one block beside each other: a question about a pool reads little else. */
static void group_arrays(struct pool_group *group, const uint8_t *place)
{
	const struct layout *layout = group->layout;
	size_t parts = layout->part_count * sizeof(*group->parts);
	size_t counts = (layout->chip_count + layout->part_count + 1) * sizeof(*group->by_whole);
	char *block = mem_alloc(parts + counts + 2 * layout->chip_count + 1);

	group->parts = (struct part_totals *)(void *)block;
	group->by_whole = (uint32_t *)(void *)(block + parts);
	group->place = (uint8_t *)block + parts + counts;
	group->part = group->place + layout->chip_count;
	memcpy(group->place, place, layout->chip_count);
	for (uint32_t c = 0; c < layout->chip_count; c++)
		for (uint32_t p = 0; p < layout->part_count; p++)
			if (place[c] >= layout->part_start[p])
				group->part[c] = (uint8_t)p;
}

static void group_init(struct pool *pool, struct pool_group *group, const struct supply_group *from, uint32_t first)
{
	uint32_t chips = from->chips_per_node;
	uint8_t place[NODE_CHIPS_MAX] = { 0 }, resource_place[RESOURCES_MAX] = { 0 };

	*group = (struct pool_group){ .first = first, .node_count = from->node_count, .cpu_milli = from->cpu_milli, .memory_mib = from->memory_mib };
	group->layout = layout_ref(&pool->chooser->layouts, from, place, resource_place);
	group_arrays(group, place);
	group->resources = mem_alloc(((size_t)from->node_count * from->resource_count + 1) * sizeof(int32_t));
	group->chips = mem_dup(from->chip_free, (size_t)from->node_count * chips * sizeof(uint16_t));
	for (uint32_t r = 0; r < from->resource_count; r++)
		group->resource_capacity[resource_place[r]] = from->resource_capacity[r];
	for (uint32_t n = 0; n < from->node_count; n++) {
		pool->node_cpu[first + n] = from->cpu_free[n];
		pool->node_memory[first + n] = from->memory_free[n];
		group->cpu_free += from->cpu_free[n];
		group->memory_free += from->memory_free[n];
		for (uint32_t r = 0; r < from->resource_count; r++) {
			int32_t left = from->resource_free[(size_t)n * from->resource_count + r];

			group->resources[(size_t)n * from->resource_count + resource_place[r]] = left;
			group->resource_free[resource_place[r]] += left;
		}
		for (uint32_t c = 0; c < chips; c++) {
			uint16_t left = group->chips[(size_t)n * chips + c];

			group->parts[group->part[c]].whole += left == CHIP_MILLI;
			group->parts[group->part[c]].milli += left;
			group->parts[group->part[c]].by_left[left_step(left)]++;
		}
		for (uint32_t p = 0; p < group->layout->part_count; p++)
			group_by_whole(group, p)[node_whole(group, group->chips + (size_t)n * chips, p)]++;
	}
}

/* Best fit measures by the largest node there is. */
static void largest_note(struct chooser *chooser, const struct supply_group *group)
{
	struct worth *worth = &chooser->worth;
	int64_t chips = (int64_t)group->chips_per_node * CHIP_MILLI;

	if (group->node_count == 0 || (group->cpu_milli <= worth->cpu_most && chips <= worth->chip_most))
		return;
	worth->cpu_most = group->cpu_milli > worth->cpu_most ? group->cpu_milli : worth->cpu_most;
	worth->chip_most = chips > worth->chip_most ? chips : worth->chip_most;
	chooser->score_epoch += worth->policy == NODE_POLICY_BESTFIT || worth->policy == NODE_POLICY_WEIR; /* so does weir without a mix */
}

struct pool *pool_new(struct chooser *chooser, const struct supply *supply)
{
	struct pool *pool = mem_alloc(sizeof(*pool));
	uint32_t first = 0;
	size_t nodes;

	pool->chooser = chooser;
	pool->group_count = supply->group_count;
	pool->groups = mem_alloc((supply->group_count + 1) * sizeof(*pool->groups));
	for (size_t g = 0; g < supply->group_count; g++) {
		assert(supply->groups[g].node_count < BUCKET_PENDING - pool->node_count);
		pool->node_count += supply->groups[g].node_count;
		largest_note(chooser, &supply->groups[g]);
	}
	nodes = pool->node_count + (size_t)1;
	pool->node_cpu = mem_alloc(nodes * sizeof(*pool->node_cpu));
	pool->node_memory = mem_alloc(nodes * sizeof(*pool->node_memory));
	pool->node_bucket = mem_alloc(nodes * sizeof(*pool->node_bucket));
	pool->node_place = mem_alloc(nodes * sizeof(*pool->node_place));
	for (size_t g = 0; g < supply->group_count; g++) {
		group_init(pool, &pool->groups[g], &supply->groups[g], first);
		first += supply->groups[g].node_count;
	}
	pool_fill(pool);
	return pool;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pool_empty(pool);
	windows_free(pool->windows);
	for (size_t g = 0; g < pool->group_count; g++) {
		layout_unref(&pool->chooser->layouts, pool->groups[g].layout);
		free(pool->groups[g].parts);
		free(pool->groups[g].chips);
		free(pool->groups[g].resources);
	}
	free(pool->groups);
	free(pool->node_cpu);
	free(pool->node_memory);
	free(pool->node_bucket);
	free(pool->node_place);
	free(pool->buckets);
	free(pool->bucket_class);
	free(pool->bucket_free);
	free(pool->index);
	free(pool);
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
static void gang_add(struct pool *pool, struct gang *gang, uint32_t node)
{
	uint32_t group = group_of(pool, node);
	struct slot *slot = &gang->slots[gang->placed];
	struct node_share share;
	int64_t useless;

	*slot = node_slot(pool, group, node, gang->need, &useless);
	slot->worker = gang->placed++;
	gang->useless += useless;
	share = slot_share(pool, slot, gang->need);
	node_change(pool, group, node, &share, 1);
}

static uint32_t slot_node(const struct pool *pool, const struct slot *slot)
{
	return pool->groups[slot->group].first + slot->node;
}

static void gang_undo(struct pool *pool, struct gang *gang)
{
	while (gang->placed > 0) {
		const struct slot *slot = &gang->slots[--gang->placed];
		struct node_share share = slot_share(pool, slot, gang->need);

		node_change(pool, slot->group, slot_node(pool, slot), &share, -1);
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
		uint32_t node;

		bundle = bundle < left ? bundle : left;
		node = pool_find(pool, need_bundle(gang->need, bundle), gang->group);
		if (node == NODE_NONE) {
			bundle -= bundle <= BUNDLE_EXACT ? 1 : bundle / 8;
			continue;
		}
		for (uint32_t w = 0; w < bundle; w++)
			gang_add(pool, gang, node);
	}
	return gang->placed == gang->count;
}

/* As many nodes as may be: a node with a worker is set aside until no other takes one; then all come back for a second. */
static bool gang_spread(struct pool *pool, struct gang *gang)
{
	struct bundle *one = need_bundle(gang->need, 1);
	uint32_t back = 0; /* the first worker whose node is set aside */

	while (gang->placed < gang->count) {
		uint32_t node = pool_find(pool, one, gang->group);

		if (node != NODE_NONE) {
			gang_add(pool, gang, node);
			node_hide(pool, node);
		} else if (back < gang->placed) {
			while (back < gang->placed)
				node_show(pool, slot_node(pool, &gang->slots[back++]));
		} else {
			break;
		}
	}
	while (back < gang->placed)
		node_show(pool, slot_node(pool, &gang->slots[back++]));
	return gang->placed == gang->count;
}

static bool gang_place_in(struct pool *pool, struct gang *gang, uint32_t group)
{
	bool placed;

	gang->group = group;
	if (gang->count == 1) {
		uint32_t node = pool_find_one(pool, gang->need, group);

		if (node != NODE_NONE)
			gang_add(pool, gang, node);
		return node != NODE_NONE;
	}
	if (bound_in(pool, gang->need, group, gang->count) < gang->count)
		return false;
	if (gang->need->ask->where.arrange == ARRANGE_SPREAD)
		placed = gang_spread(pool, gang);
	else
		placed = gang_pack(pool, gang);
	if (!placed)
		gang_undo(pool, gang);
	return placed;
}

static bool gang_place_on_node(struct pool *pool, struct gang *gang)
{
	uint32_t node;

	if (bound_in(pool, gang->need, GROUP_ALL, gang->count) < gang->count)
		return false;
	node = pool_find(pool, need_bundle(gang->need, gang->count), GROUP_ALL);
	while (node != NODE_NONE && gang->placed < gang->count)
		gang_add(pool, gang, node);
	return node != NODE_NONE;
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
	uint32_t node;

	node = pool_find_one(pool, need, GROUP_ALL);
	if (node == NODE_NONE)
		return -1;
	node_slot(pool, group_of(pool, node), node, need, &useless);
	return useless > 0 ? useless / WORTH_ONE : 0;
}
