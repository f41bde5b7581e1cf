#include "match/pool_private.h"

static bool bucket_holds(struct pool *pool, struct bundle *bundle, uint32_t bucket)
{
	return chooser_holds(pool->chooser, need_at(&pool->chooser->needs, bundle->need), pool->buckets[bucket].state, bundle->workers);
}

/* Every node that holds the bundle is as likely as any other. */
static uint32_t find_random(struct pool *pool, struct bundle *bundle, uint32_t group)
{
	uint64_t nodes = 0;
	uint32_t found = BUCKET_NONE;

	for (uint32_t b = 0; b < pool->bucket_count; b++) {
		const struct bucket *bucket = &pool->buckets[b];

		if (!bucket->state || (group != GROUP_ALL && bucket->group != group) || !bucket_holds(pool, bundle, b))
			continue;
		nodes += bucket->count;
		if (rng_below(&pool->chooser->worth.rng, nodes) < bucket->count)
			found = b;
	}
	return found;
}

static uint32_t find_by_scan(struct pool *pool, struct bundle *bundle, uint32_t group)
{
	const uint16_t *row = chooser_row(pool->chooser, bundle);
	uint32_t best = BUCKET_NONE, best_node = NODE_NONE;
	unsigned best_score = ROW_NONE;

	for (uint32_t b = 0; b < pool->bucket_count; b++) {
		unsigned entry = row[pool->bucket_class[b]];
		unsigned score;

		if (entry == ROW_NONE)
			continue;
		if (entry == ROW_UNKNOWN) {
			entry = chooser_score(pool->chooser, bundle, pool->bucket_class[b]);
			if (entry == ROW_NONE)
				continue;
		}
		score = entry >> 1;
		if (score > best_score || (group != GROUP_ALL && pool->buckets[b].group != group))
			continue;
		if (score == best_score && bucket_lowest(&pool->buckets[b]) > best_node)
			continue;
		if ((entry & 1) && !bucket_holds(pool, bundle, b))
			continue;
		best = b;
		best_score = score;
		best_node = bucket_lowest(&pool->buckets[b]);
	}
	return best;
}

uint32_t pool_find(struct pool *pool, struct bundle *bundle, uint32_t group)
{
	pool_refresh(pool);
	if (pool->chooser->worth.policy == NODE_POLICY_RANDOM)
		return find_random(pool, bundle, group);
	return find_by_scan(pool, bundle, group);
}

uint32_t pool_pick(struct pool *pool, uint32_t number)
{
	const struct bucket *bucket = &pool->buckets[number];

	if (pool->chooser->worth.policy == NODE_POLICY_RANDOM && bucket->capacity)
		return bucket->heap[rng_below(&pool->chooser->worth.rng, bucket->count)];
	return bucket_lowest(bucket);
}
