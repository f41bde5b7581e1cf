#include <string.h>

#include "match/pool_private.h"

bool group_holds(struct pool *pool, const struct pool_group *group, struct need *need)
{
	const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);
	uint32_t largest = 0;

	if (!in->possible || need->cpu > group->cpu_milli || need->memory > group->memory_mib)
		return false;
	for (uint32_t i = 0; i < need->resource_count; i++)
		if (need->resources[i] > 0 && need->resources[i] > group->resource_capacity[in->resource_place[i]])
			return false;
	for (uint64_t rest = in->parts; rest; rest &= rest - 1) {
		unsigned p = (unsigned)__builtin_ctzll(rest);
		uint32_t chips = (uint32_t)(group->layout->part_start[p + 1] - group->layout->part_start[p]);

		largest = chips > largest ? chips : largest;
	}
	return need->chips <= largest;
}

/* Workers that whole chips of one part allow: node by node, as many as each has wholly free. */
static int64_t whole_bound(const struct pool_group *group, uint32_t part, uint32_t chips)
{
	uint32_t most = (uint32_t)(group->layout->part_start[part + 1] - group->layout->part_start[part]);
	const uint32_t *by_whole = group_by_whole(group, part);
	int64_t workers = 0;

	for (uint32_t whole = chips; whole <= most; whole++)
		workers += (int64_t)by_whole[whole] * (whole / chips);
	return workers;
}

/* Workers that shares of one part's chips allow: chip by chip, at the upper end of its step. */
static int64_t share_bound(const struct part_totals *part, uint32_t milli)
{
	int64_t workers = 0;

	for (uint32_t step = left_step(milli); step <= LEFT_STEPS; step++) {
		uint32_t most = step == LEFT_STEPS ? CHIP_MILLI : (step + 1) * CHIP_MILLI / LEFT_STEPS;

		workers += (int64_t)part->by_left[step] * (most / milli);
	}
	return workers;
}

/* No more workers than this fit, by what is free in total. */
static int64_t group_bound(struct pool *pool, const struct pool_group *group, struct need *need)
{
	const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);
	int64_t bound = INT64_MAX, chips = 0;

	if (need->cpu > group->cpu_free || need->memory > group->memory_free || !group_holds(pool, group, need))
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
		unsigned p = (unsigned)__builtin_ctzll(rest);

		chips += need->milli == CHIP_MILLI ? whole_bound(group, p, need->chips) : share_bound(&group->parts[p], need->milli);
	}
	return chips < bound ? chips : bound;
}

int64_t bound_in(struct pool *pool, struct need *need, uint32_t group, int64_t limit)
{
	int64_t bound = 0;

	if (group != GROUP_ALL) {
		bound = group_bound(pool, &pool->groups[group], need);
		return bound < limit ? bound : limit;
	}
	for (size_t g = 0; g < pool->group_count && bound < limit; g++) {
		int64_t more = group_bound(pool, &pool->groups[g], need);

		bound = more > limit - bound ? limit : bound + more;
	}
	return bound;
}

/* Workers in the nodes of the bucket: by its class when all nodes of that hold as many, else node by node. */
static int64_t bucket_workers(struct pool *pool, uint32_t number, struct need *need, int64_t limit)
{
	const struct bucket *bucket = &pool->buckets[number];
	const struct pool_group *group = &pool->groups[bucket->group];
	const struct need_layout *in = chooser_in(pool->chooser, need, group->layout);
	struct node_free free = cell_free(pool->chooser->class_cells[pool->bucket_class[number]]);
	int64_t least = need_workers(need, in, &free, limit), most, workers = 0;
	struct node_copy ceil;

	if (least >= limit)
		return limit;
	grain_ceil(&pool->chooser->grain, &free, &ceil);
	free = copy_free(&ceil);
	most = need_workers(need, in, &free, limit);
	if (least == most)
		return least > limit / bucket->count ? limit : least * bucket->count;
	for (uint32_t i = 0; i < bucket->count && workers < limit; i++)
		workers += node_workers_now(pool, group, bucket_nodes(bucket)[i], need, limit - workers);
	return workers < limit ? workers : limit;
}

int64_t count_in(struct pool *pool, struct need *need, uint32_t group, int64_t limit)
{
	struct bundle *one = need_bundle(need, 1);
	const uint16_t *row;
	int64_t workers = 0;

	pool_refresh(pool);
	row = chooser_row(pool->chooser, one);
	for (uint32_t b = 0; b < pool->bucket_count && workers < limit; b++)
		if (chooser_entry(pool->chooser, one, row, pool->bucket_class[b]) != ROW_NONE &&
		    (group == GROUP_ALL || pool->buckets[b].group == group))
			workers += bucket_workers(pool, b, need, limit - workers);
	return workers;
}

int64_t count_together(struct pool *pool, struct need *need, int64_t limit)
{
	int64_t most = 0;

	for (uint32_t g = 0; g < pool->group_count && most < limit; g++) {
		const struct pool_group *group = &pool->groups[g];
		int64_t workers = need->ask->where.together == TOGETHER_GROUP ? count_in(pool, need, g, limit) : 0;

		for (uint32_t n = 0; need->ask->where.together == TOGETHER_NODE && n < group->node_count; n++) {
			int64_t here = node_workers_now(pool, group, group->first + n, need, limit);

			workers = here > workers ? here : workers;
		}
		most = workers > most ? workers : most;
	}
	return most;
}

int64_t pool_count(struct pool *pool, uint32_t handle, int64_t limit)
{
	struct need *need = need_at(&pool->chooser->needs, handle);

	limit = bound_in(pool, need, GROUP_ALL, limit);
	return limit > 0 ? count_in(pool, need, GROUP_ALL, limit) : 0;
}

static bool fits_in(struct pool *pool, struct need *need, uint32_t group, int64_t workers)
{
	if (workers == 1)
		return pool_find_one(pool, need, group) != NODE_NONE;
	if (bound_in(pool, need, group, workers) < workers)
		return false;
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
		       pool_find(pool, need_bundle(need, (uint32_t)workers), GROUP_ALL) != NODE_NONE;
	case TOGETHER_GROUP:
		for (uint32_t g = 0; g < pool->group_count; g++)
			if (fits_in(pool, need, g, workers))
				return true;
		return false;
	default:
		return fits_in(pool, need, GROUP_ALL, workers);
	}
}

