#include "policy/fit.h"

#include <string.h>

struct worker_need worker_need_of(const struct shape *shape)
{
	struct worker_need need = { .cpu_milli = shape->cpu_milli, .memory_mib = shape->memory_mib, .resources = shape->resources,
				    .resource_count = shape->resource_count };
	int64_t milli = shape->chips.milli;

	if (milli > 0 && milli < CHIP_MILLI) {
		need.chips = 1;
		need.chip_milli = (uint16_t)milli;
	} else if (milli > 0) {
		/* More than a node can have is as much too much as the exact number. */
		int64_t chips = milli / CHIP_MILLI;

		need.chips = chips > UINT32_MAX ? UINT32_MAX : (uint32_t)chips;
		need.chip_milli = CHIP_MILLI;
	}
	return need;
}

void chip_cache_init(struct chip_cache *cache, const struct ask *ask, const struct rule_context *context, struct arena *arena)
{
	*cache = (struct chip_cache){ .ask = ask, .context = context, .arena = arena };
}

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash ^ hash >> 29;
}

static struct chip_cache_entry *find_entry(struct chip_cache_entry *entries, size_t capacity, const char *model)
{
	for (uint64_t at = hash_text(model);; at++) {
		struct chip_cache_entry *entry = &entries[at & (capacity - 1)];

		if (!entry->model || entry->model == model || strcmp(entry->model, model) == 0)
			return entry;
	}
}

static void grow(struct chip_cache *cache)
{
	size_t capacity = cache->capacity ? cache->capacity * 2 : 16;
	struct chip_cache_entry *entries = ARENA_ARRAY(cache->arena, struct chip_cache_entry, capacity);

	for (size_t i = 0; i < cache->capacity; i++)
		if (cache->entries[i].model)
			*find_entry(entries, capacity, cache->entries[i].model) = cache->entries[i];
	cache->entries = entries;
	cache->capacity = capacity;
}

enum verdict_code chip_cache_check(struct chip_cache *cache, const char *model)
{
	struct chip_cache_entry *entry;

	if (cache->count * 2 >= cache->capacity)
		grow(cache);
	entry = find_entry(cache->entries, cache->capacity, model);
	if (!entry->model) {
		entry->model = model;
		entry->code = rules_check_chip(cache->ask, model, cache->context).code;
		cache->count++;
	}
	return entry->code;
}

void chip_parts_of(struct chip_cache *cache, const struct supply_group *group, struct chip_parts *ret)
{
	const char *models[NODE_CHIPS_MAX];
	const char *last = NULL;
	unsigned part = 0;
	bool usable = false;

	ret->mask = 0;
	ret->count = 0;
	if (cache->ask->shape.chips.milli == 0)
		return;
	for (uint32_t c = 0; c < group->chips_per_node; c++) {
		const char *model = group->chip_names[c];

		if (model != last) {
			last = model;
			usable = chip_cache_check(cache, model) == VERDICT_FITS;
			for (part = 0; usable && part < ret->count && models[part] != model; part++)
				;
			if (usable && part == ret->count) {
				models[ret->count] = model;
				ret->parts[ret->count++] = 0;
			}
		}
		if (!usable)
			continue;
		ret->parts[part] |= (uint64_t)1 << c;
		ret->mask |= (uint64_t)1 << c;
	}
}

/* How often `part` goes into `whole`, `limit` at most. */
static int64_t times(int64_t whole, int64_t part, int64_t limit)
{
	if (part == 0)
		return limit;
	if (limit == 1)
		return whole >= part;
	whole /= part;
	return whole < limit ? whole : limit;
}

struct resource_need resource_need_of(const struct worker_need *need, const struct supply_group *group)
{
	struct resource_need ret = { 0 };

	for (size_t i = 0; i < need->resource_count; i++) {
		int r = need->resources[i].count ? supply_group_resource(group, need->resources[i].name) : -1;

		if (r >= 0)
			ret.counts[r] += need->resources[i].count;
		else
			ret.lacking |= need->resources[i].count > 0;
	}
	return ret;
}

int64_t resource_workers(const struct resource_need *need, const struct supply_group *group, const int32_t *left, int64_t limit)
{
	if (need->lacking)
		return 0;
	for (uint32_t r = 0; r < group->resource_count && limit > 0; r++)
		limit = times(left[r], need->counts[r], limit);
	return limit;
}

int64_t empty_node_workers(const struct worker_need *need, const struct chip_parts *parts, const struct supply_group *group, int64_t limit)
{
	int64_t workers = 0;

	limit = times(group->cpu_milli, need->cpu_milli, limit);
	if (limit > 0)
		limit = times(group->memory_mib, need->memory_mib, limit);
	if (need->resource_count) {
		struct resource_need resources = resource_need_of(need, group);

		limit = resources.lacking ? 0 : limit;
		for (uint32_t r = 0; r < group->resource_count && limit > 0; r++)
			limit = times(group->resource_capacity[r], resources.counts[r], limit);
	}
	if (limit == 0 || need->chips == 0)
		return limit;
	for (unsigned p = 0; p < parts->count; p++) {
		int64_t chips = __builtin_popcountll(parts->parts[p]);

		workers += need->chip_milli == CHIP_MILLI ? chips / need->chips : chips * (CHIP_MILLI / need->chip_milli);
	}
	return workers < limit ? workers : limit;
}

uint32_t chip_parts_largest(const struct chip_parts *parts)
{
	uint32_t largest = 0;

	for (unsigned p = 0; p < parts->count; p++) {
		uint32_t chips = (uint32_t)__builtin_popcountll(parts->parts[p]);

		largest = chips > largest ? chips : largest;
	}
	return largest;
}
