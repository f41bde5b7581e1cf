#include "match/pool_private.h"

/* From so many buckets on, windows; they go when there are few again. */
#define WINDOWS_FROM 256
#define WINDOWS_BELOW 64
#define GROUPS_FEW 8

static bool in_group(const struct pool *pool, uint32_t bucket, uint32_t group)
{
	return group == GROUP_ALL || pool->buckets[bucket].group == group;
}

/* Every node that holds the bundle is as likely as any other. */
static uint32_t find_random(struct pool *pool, struct need *need, uint32_t workers, uint32_t group)
{
	uint64_t nodes = 0;
	uint32_t found = NODE_NONE;

	for (uint32_t g = 0; g < pool->group_count; g++) {
		const struct pool_group *in = &pool->groups[g];

		for (uint32_t n = in->first; (group == GROUP_ALL || group == g) && n < in->first + in->node_count; n++)
			if (pool->node_bucket[n] != BUCKET_NONE && node_workers_now(pool, in, n, need, workers) == workers &&
			    rng_below(&pool->chooser->worth.rng, ++nodes) == 0)
				found = n;
	}
	return found;
}

/* `ret_maybe`: whether there are classes of which some nodes may hold the bundle and others not. */
static uint32_t find_by_scan(struct pool *pool, struct bundle *bundle, uint32_t group, bool *ret_maybe)
{
	const uint16_t *row = chooser_row(pool->chooser, bundle);
	uint32_t found = BUCKET_NONE;
	uint64_t best = UINT64_MAX;

	*ret_maybe = false;
	for (uint32_t b = 0; b < pool->bucket_count; b++) {
		unsigned entry = row[pool->bucket_class[b]];

		if (entry == ROW_NONE)
			continue;
		entry = chooser_entry(pool->chooser, bundle, row, pool->bucket_class[b]);
		*ret_maybe |= entry & 1;
		if (entry & 1 || entry == ROW_NONE || entry >> 1 > best >> 32 || !in_group(pool, b, group))
			continue;
		if (rank_of(entry >> 1, bucket_lowest(&pool->buckets[b])) < best) {
			best = rank_of(entry >> 1, bucket_lowest(&pool->buckets[b]));
			found = b;
		}
	}
	return found;
}

/* Asks the nodes of classes that hold the bundle only in part. */
static uint32_t find_by_node(struct pool *pool, struct bundle *bundle, uint32_t group)
{
	const uint16_t *row = chooser_row(pool->chooser, bundle);
	struct need *need = need_at(&pool->chooser->needs, bundle->need);
	uint64_t best = UINT64_MAX;

	for (uint32_t b = 0; b < pool->bucket_count; b++) {
		const struct bucket *bucket = &pool->buckets[b];
		uint16_t entry = chooser_entry(pool->chooser, bundle, row, pool->bucket_class[b]);

		if (!(entry & 1) || !in_group(pool, b, group))
			continue;
		for (uint32_t i = 0; i < bucket->count; i++) {
			uint32_t node = bucket_nodes(bucket)[i];

			if (rank_of(entry >> 1, node) < best &&
			    node_workers_now(pool, &pool->groups[bucket->group], node, need, bundle->workers) == bundle->workers)
				best = rank_of(entry >> 1, node);
		}
	}
	return (uint32_t)best; /* NODE_NONE when none was found */
}

/* In a pool of many buckets. What was looked for in vain is not looked for again until something becomes free. */
static uint32_t find_in_window(struct pool *pool, struct bundle *bundle, uint32_t group)
{
	uint64_t *in_vain;
	uint32_t found = window_find(pool, bundle, group, &in_vain);
	uint32_t node;

	if (found != BUCKET_NONE)
		return bucket_lowest(&pool->buckets[found]);
	if (pool->chooser->grain.level == 0 || *in_vain == pool->gives + 1)
		return NODE_NONE;
	node = find_by_node(pool, bundle, group);
	if (node == NODE_NONE)
		*in_vain = pool->gives + 1;
	return node;
}

uint32_t pool_find(struct pool *pool, struct bundle *bundle, uint32_t group)
{
	uint32_t found;
	bool maybe;

	pool_refresh(pool);
	if (pool->chooser->worth.policy == NODE_POLICY_RANDOM)
		return find_random(pool, need_at(&pool->chooser->needs, bundle->need), bundle->workers, group);
	if (pool->windows && pool->live < WINDOWS_BELOW) {
		windows_free(pool->windows);
		pool->windows = NULL;
	}
	if (pool->windows || pool->live >= WINDOWS_FROM)
		return find_in_window(pool, bundle, group);
	found = find_by_scan(pool, bundle, group, &maybe);
	if (found != BUCKET_NONE)
		return bucket_lowest(&pool->buckets[found]);
	return maybe ? find_by_node(pool, bundle, group) : NODE_NONE;
}

uint32_t pool_find_one(struct pool *pool, struct need *need, uint32_t group)
{
	/* A window knows sooner than many groups. */
	if ((!pool->windows || pool->group_count <= GROUPS_FEW) && bound_in(pool, need, group, 1) < 1)
		return NODE_NONE;
	return pool_find(pool, need_bundle(need, 1), group);
}
