#include <string.h>

#include "match/pool_private.h"

/* Free chips in all groups that could hold a worker: whole ones, or for shares the most that a chip still has and what all
 * chips still give in shares of this size. */
static void chips_left(struct pool *pool, struct need *need, int64_t *ret_most, int64_t *ret_sum)
{
	*ret_most = *ret_sum = 0;
	for (size_t g = 0; need->milli == CHIP_MILLI && g < pool->group_count; g++) {
		const struct pool_group *group = &pool->groups[g];

		if (!group_holds(pool, group, need))
			continue;
		for (uint64_t rest = chooser_in(pool->chooser, need, group->layout)->parts; rest; rest &= rest - 1)
			*ret_sum += group->parts[__builtin_ctzll(rest)].whole;
	}
	for (size_t g = 0; need->milli < CHIP_MILLI && g < pool->group_count; g++) {
		const struct pool_group *group = &pool->groups[g];
		uint64_t parts = chooser_in(pool->chooser, need, group->layout)->parts;
		size_t chips = (size_t)group->node_count * group->layout->chip_count;

		if (!group_holds(pool, group, need))
			continue;
		for (size_t c = 0; c < chips; c++) {
			uint16_t left = parts >> group->part[c % group->layout->chip_count] & 1 ? group->chips[c] : 0;

			*ret_most = left > *ret_most ? left : *ret_most;
			*ret_sum += left / need->milli * need->milli;
		}
	}
}

static bool chips_verdict(struct pool *pool, struct need *need, int64_t want, struct verdict *ret)
{
	int64_t most, sum;

	if (need->chips == 0)
		return false;
	*ret = (struct verdict){ .code = VERDICT_CHIPS_BUSY, .resource = RESOURCE_CHIPS };
	chips_left(pool, need, &most, &sum);
	if (need->milli < CHIP_MILLI) {
		ret->resource = RESOURCE_CHIP_SHARE;
		ret->have = want == 1 ? most : sum;
		ret->want = want * need->milli;
	} else {
		ret->have = sum;
		ret->want = want * need->chips;
	}
	return ret->have < ret->want;
}

static bool amounts_verdict(struct pool *pool, struct need *need, int64_t want, struct verdict *ret)
{
	int64_t cpu = 0, memory = 0, resources[RESOURCES_MAX] = { 0 };

	for (size_t g = 0; g < pool->group_count; g++) {
		const struct pool_group *group = &pool->groups[g];
		const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);

		if (!group_holds(pool, group, need))
			continue;
		cpu += group->cpu_free;
		memory += group->memory_free;
		for (uint32_t i = 0; i < need->resource_count; i++)
			if (need->resources[i] > 0)
				resources[i] += group->resource_free[in->resource_place[i]];
	}
	if (cpu < want * need->cpu) {
		*ret = (struct verdict){ .code = VERDICT_CPU_BUSY, .resource = RESOURCE_CPU, .have = cpu, .want = want * need->cpu };
		return true;
	}
	if (memory < want * need->memory) {
		*ret = (struct verdict){ .code = VERDICT_MEMORY_BUSY, .resource = RESOURCE_MEMORY, .have = memory, .want = want * need->memory };
		return true;
	}
	for (uint32_t i = 0; i < need->resource_count; i++) {
		if (resources[i] >= want * need->resources[i])
			continue;
		*ret = (struct verdict){ .code = VERDICT_RESOURCE_BUSY, .resource = RESOURCE_OTHER, .have = resources[i],
					 .want = want * need->resources[i], .name = need->ask->shape.resources[i].name };
		return true;
	}
	return false;
}

struct verdict pool_verdict(struct pool *pool, uint32_t handle, int64_t want)
{
	struct need *need = need_at(&pool->chooser->needs, handle);
	struct verdict verdict;
	int64_t workers;

	if (pool_fits(pool, handle, want))
		return (struct verdict){ .code = VERDICT_FITS };
	if (chips_verdict(pool, need, want, &verdict) || amounts_verdict(pool, need, want, &verdict))
		return verdict;
	workers = pool_count(pool, handle, want);
	if (workers < want)
		return (struct verdict){ .code = VERDICT_SCATTERED, .have = workers, .want = want };
	return (struct verdict){ .code = VERDICT_APART, .have = count_together(pool, need, want), .want = want,
				 .name = together_to_string(need->ask->where.together) };
}

/* --- totals and checks --- */

void pool_totals(const struct pool *pool, struct pool_totals *ret)
{
	*ret = (struct pool_totals){ .nodes = pool->node_count };
	for (size_t g = 0; g < pool->group_count; g++) {
		const struct pool_group *group = &pool->groups[g];

		ret->cpu_free_milli += group->cpu_free;
		ret->memory_free_mib += group->memory_free;
		ret->cpu_milli += group->cpu_milli * group->node_count;
		ret->memory_mib += group->memory_mib * group->node_count;
		ret->chips += (int64_t)group->layout->chip_count * group->node_count;
		for (uint32_t p = 0; p < group->layout->part_count; p++) {
			ret->chips_free += group->parts[p].whole;
			ret->chip_free_milli += group->parts[p].milli;
		}
	}
	ret->states = pool->live;
}

/* The node is where it should be. */
static bool node_is_consistent(const struct pool *pool, const struct pool_group *group, uint32_t node)
{
	const struct bucket *bucket = &pool->buckets[pool->node_bucket[node]];
	struct node_free class, floor_free;
	struct node_copy amounts, floor;
	uint32_t place = pool->node_place[node];

	if (pool->node_cpu[node] < 0 || pool->node_memory[node] < 0 || pool->node_cpu[node] > group->cpu_milli ||
	    pool->node_memory[node] > group->memory_mib)
		return false;
	if (pool->class_epoch != pool->chooser->class_epoch)
		return true;
	if (&pool->groups[bucket->group] != group || place >= bucket->count || bucket_nodes(bucket)[place] != node ||
	    (place > 0 && bucket_nodes(bucket)[(place - 1) / 2] > node))
		return false;
	node_amounts(pool, group, node, &amounts);
	floor_free = copy_free(&amounts);
	grain_floor(&pool->chooser->grain, &floor_free, &floor);
	class = cell_free(pool->chooser->class_cells[pool->bucket_class[pool->node_bucket[node]]]);
	return class.layout == group->layout && class.cpu == floor.cpu && class.memory == floor.memory &&
	       memcmp(class.resources, floor.resources, group->layout->resource_count * sizeof(int32_t)) == 0 &&
	       memcmp(class.chips, floor.chips, group->layout->chip_count * sizeof(uint16_t)) == 0;
}

static bool group_is_consistent(const struct pool *pool, const struct pool_group *group)
{
	int64_t cpu = 0, memory = 0, resources[RESOURCES_MAX] = { 0 };
	struct part_totals parts[NODE_CHIPS_MAX] = { 0 };
	uint32_t by_whole[2 * NODE_CHIPS_MAX + 1] = { 0 };

	for (uint32_t n = group->first; n < group->first + group->node_count; n++) {
		const uint16_t *chips = node_chips(group, n);

		if (!node_is_consistent(pool, group, n))
			return false;
		cpu += pool->node_cpu[n];
		memory += pool->node_memory[n];
		for (uint32_t r = 0; r < group->layout->resource_count; r++)
			resources[r] += node_resources(group, n)[r];
		for (uint32_t c = 0; c < group->layout->chip_count; c++) {
			if (chips[c] > CHIP_MILLI)
				return false;
			parts[group->part[c]].whole += chips[c] == CHIP_MILLI;
			parts[group->part[c]].milli += chips[c];
			parts[group->part[c]].by_left[left_step(chips[c])]++;
		}
		for (uint32_t p = 0; p < group->layout->part_count; p++)
			by_whole[group->layout->part_start[p] + p + node_whole(group, chips, p)]++;
	}
	if (memcmp(by_whole, group->by_whole, (group->layout->chip_count + group->layout->part_count) * sizeof(*by_whole)) != 0)
		return false;
	for (uint32_t p = 0; p < group->layout->part_count; p++)
		if (parts[p].whole != group->parts[p].whole || parts[p].milli != group->parts[p].milli ||
		    memcmp(parts[p].by_left, group->parts[p].by_left, sizeof(parts[p].by_left)) != 0)
			return false;
	return cpu == group->cpu_free && memory == group->memory_free && memcmp(resources, group->resource_free, sizeof(resources)) == 0;
}

bool pool_is_consistent(const struct pool *pool)
{
	size_t live = 0, nodes = 0;

	for (uint32_t b = 0; b < pool->bucket_count; b++) {
		live += pool->buckets[b].count > 0;
		nodes += pool->buckets[b].count;
		if ((pool->buckets[b].count == 0) != (pool->bucket_class[b] == CLASS_NONE))
			return false;
	}
	for (size_t g = 0; g < pool->group_count; g++)
		if (!group_is_consistent(pool, &pool->groups[g]))
			return false;
	return live == pool->live && nodes == pool->node_count;
}
