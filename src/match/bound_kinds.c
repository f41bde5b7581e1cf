/* Kinds of sites: those with equal nodes under equal rules, or, when there are too many, several such put together. What a
 * site holds of a job matters only to jobs of several workers; a pool of sites says of them that no member holds more than
 * the largest, in each resource. */
#include "match/bound_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void widen(struct bound_kind *kind, const struct bound_kind *member)
{
	kind->nodes_most = most(kind->nodes_most, member->nodes_most);
	kind->cpu_most = most(kind->cpu_most, member->cpu_most);
	kind->memory_most = most(kind->memory_most, member->memory_most);
	kind->chips_most = most(kind->chips_most, member->chips_most);
	kind->chip_milli_most = most(kind->chip_milli_most, member->chip_milli_most);
}

/* --- single sites --- */

static int compare_lots(const void *left, const void *right)
{
	const struct bound_lot *a = left, *b = right;

	return a->spot < b->spot ? -1 : a->spot > b->spot;
}

/* The site's lots in order, those of one spot together. */
static size_t site_lots(const struct bound_nodes *nodes, size_t site, struct bound_lot *lots)
{
	size_t count = 0, kept = 0;

	for (size_t l = nodes->site_first[site]; l < nodes->site_first[site + 1]; l++)
		lots[count++] = (struct bound_lot){ nodes->lots[l].count, nodes->lots[l].spot };
	if (count > 1)
		qsort(lots, count, sizeof(*lots), compare_lots);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && lots[kept - 1].spot == lots[i].spot)
			lots[kept - 1].count += lots[i].count;
		else
			lots[kept++] = lots[i];
	}
	return kept;
}

static struct bound_kind site_totals(const struct supply *supply)
{
	struct bound_kind kind = { 0 };

	for (size_t g = 0; g < supply->group_count; g++) {
		kind.nodes_most += supply->groups[g].node_count;
		kind.cpu_most += supply->groups[g].cpu_free_total;
		kind.memory_most += supply->groups[g].memory_free_total;
		kind.chips_most += supply->groups[g].chips_free_total;
		kind.chip_milli_most += supply->groups[g].chip_milli_free_total;
	}
	return kind;
}

void bound_kinds_read(const struct bound_nodes *nodes, const struct bound_supply *supply, const struct bound_input *input,
		      struct bound_kinds *ret)
{
	struct arena *arena = supply->arena;
	struct bound_kind *kinds = ARENA_ARRAY(arena, struct bound_kind, input->site_count + 1);
	struct bound_lot *lots = NULL;
	size_t capacity = 0;
	struct numbering numbers;

	numbering_init(&numbers, arena);
	*ret = (struct bound_kinds){ .items = kinds };
	for (size_t s = 0; s < input->site_count; s++) {
		size_t count = nodes->site_first[s + 1] - nodes->site_first[s];
		struct bound_kind totals;
		uint32_t number;

		if (count == 0)
			continue;
		ARRAY_RESERVE(lots, capacity, count);
		count = site_lots(nodes, s, lots);
		number = numbering_put(&numbers, lots, count * sizeof(*lots));
		if (number == ret->count) {
			kinds[number] = (struct bound_kind){ .rules = supply->rules[s], .lots = numbers.items[number].bytes,
							     .lot_count = (uint32_t)count };
			ret->count++;
			ret->lot_count += count;
		}
		totals = site_totals(input->supplies[s]);
		widen(&kinds[number], &totals);
		kinds[number].count++;
	}
	free(lots);
}

/* --- pools --- */

static unsigned bits(int64_t value)
{
	return value > 0 ? 64 - (unsigned)__builtin_clzll((uint64_t)value) : 0;
}

/* What kinds that are pooled at this level have in common. */
static uint32_t pool_key(struct numbering *keys, const struct bound_kind *kind, enum bound_pooling level)
{
	uint32_t key[4] = { level == BOUND_POOL_ALL ? 0 : kind->rules };

	if (level == BOUND_POOL_ALIKE) {
		key[1] = bits(kind->chips_most);
		key[2] = bits(kind->nodes_most);
		key[3] = bits(kind->cpu_most);
	}
	return numbering_put(keys, key, sizeof(key));
}

struct pooler {
	const uint32_t *names; /* of spots; NULL: as they are */
	int64_t *nodes;        /* per spot, of the pool at hand */
	uint32_t *touched;     /* spots whose `nodes` are not 0 */
	uint32_t touched_count;
};

static void pool_add(struct pooler *pooler, struct bound_kind *pool, const struct bound_kind *kind)
{
	for (uint32_t l = 0; l < kind->lot_count; l++) {
		uint32_t spot = (uint32_t)kind->lots[l].spot;

		spot = pooler->names ? pooler->names[spot] : spot;
		if (pooler->nodes[spot] == 0)
			pooler->touched[pooler->touched_count++] = spot;
		pooler->nodes[spot] += kind->lots[l].count * kind->count;
	}
	widen(pool, kind);
}

static void pool_close(struct arena *arena, struct pooler *pooler, struct bound_kind *pool)
{
	struct bound_lot *lots = ARENA_ARRAY(arena, struct bound_lot, pooler->touched_count + 1);

	for (uint32_t i = 0; i < pooler->touched_count; i++) {
		lots[i] = (struct bound_lot){ pooler->nodes[pooler->touched[i]], pooler->touched[i] };
		pooler->nodes[pooler->touched[i]] = 0;
	}
	pool->lots = lots;
	pool->lot_count = pooler->touched_count;
	pool->count = 1;
	pooler->touched_count = 0;
}

void bound_kinds_pool(const struct bound_kinds *kinds, enum bound_pooling level, const uint32_t *names, uint32_t spot_count,
		      struct arena *arena, struct bound_kinds *ret)
{
	struct pooler pooler = { .names = names, .nodes = ARENA_ARRAY(arena, int64_t, spot_count + 1),
				 .touched = ARENA_ARRAY(arena, uint32_t, spot_count + 1) };
	uint32_t *pool_of = ARENA_ARRAY(arena, uint32_t, kinds->count + 1);
	uint32_t *order = ARENA_ARRAY(arena, uint32_t, kinds->count + 1), *first;
	struct numbering keys;

	numbering_init(&keys, arena);
	for (uint32_t k = 0; k < kinds->count; k++)
		pool_of[k] = pool_key(&keys, &kinds->items[k], level);
	first = ARENA_ARRAY(arena, uint32_t, (size_t)keys.count + 2);
	for (uint32_t k = 0; k < kinds->count; k++)
		first[pool_of[k] + 2]++;
	for (uint32_t p = 0; p < keys.count; p++)
		first[p + 2] += first[p + 1];
	for (uint32_t k = 0; k < kinds->count; k++)
		order[first[pool_of[k] + 1]++] = k;
	*ret = (struct bound_kinds){ .items = ARENA_ARRAY(arena, struct bound_kind, keys.count + 1), .count = keys.count };
	for (uint32_t p = 0; p < keys.count; p++) {
		struct bound_kind *pool = &ret->items[p];

		pool->rules = level == BOUND_POOL_ALL ? 0 : kinds->items[order[first[p]]].rules;
		for (uint32_t i = first[p]; i < first[p + 1]; i++)
			pool_add(&pooler, pool, &kinds->items[order[i]]);
		pool_close(arena, &pooler, pool);
		ret->lot_count += pool->lot_count;
	}
}
