#include "policy/rules.h"

#include <string.h>

#include "policy/fit.h"
#include "policy/price.h"

static const char *const site_condition_words[CONDITION_COUNT] = { "unseen", "up", "suspect", "lost" };
STRING_TABLE_DEFINE(enum site_condition, site_condition, CONDITION_COUNT);

static const struct verdict fits = { .code = VERDICT_FITS };

static bool has_word(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

static bool meets_needs(const struct chip_needs *needs, const struct chip_model *model)
{
	if (!model)
		return needs->memory_mib == 0 && needs->throughput_count == 0 && needs->software_count == 0;
	if (model->memory_mib < needs->memory_mib)
		return false;
	for (size_t i = 0; i < needs->throughput_count; i++)
		if (chip_model_throughput(model, needs->throughputs[i].format) < needs->throughputs[i].gops)
			return false;
	for (size_t i = 0; i < needs->software_count; i++)
		if (!has_word(model->software, model->software_count, needs->software[i]))
			return false;
	return true;
}

struct verdict rules_check_chip(const struct ask *ask, const char *model, const struct rule_context *context)
{
	const struct chip_ask *chips = &ask->shape.chips;
	const struct chip_model *known;

	if (chips->milli == 0)
		return fits;
	if (chips->model_count && !has_word(chips->models, chips->model_count, model))
		return (struct verdict){ .code = VERDICT_CHIP_MODEL, .name = model };
	known = context->catalogue ? catalogue_find(context->catalogue, model) : NULL;
	if (!meets_needs(&chips->needs, known))
		return (struct verdict){ .code = VERDICT_CHIP_NEEDS, .name = model };
	if (ask->rules.domestic_only && (!known || known->origin != ORIGIN_DOMESTIC))
		return (struct verdict){ .code = VERDICT_CHIP_ORIGIN, .name = model };
	if (ask->rules.clearance && (!known || known->review.state != REVIEW_PASSED))
		return (struct verdict){ .code = VERDICT_CHIP_CLEARANCE, .name = model };
	return fits;
}

uint64_t rules_chip_mask(const struct ask *ask, const struct supply_group *group, const struct rule_context *context)
{
	uint64_t mask = 0;
	const char *last = NULL;
	bool usable = false;

	for (uint32_t c = 0; c < group->chips_per_node; c++) {
		if (group->chip_names[c] != last) {
			last = group->chip_names[c];
			usable = rules_check_chip(ask, last, context).code == VERDICT_FITS;
		}
		mask |= (uint64_t)usable << c;
	}
	return mask;
}

static struct verdict check_near(const struct near *near, const struct site_view *site, const struct rule_context *context)
{
	int64_t near_us = -1;

	if (topology_near_us(context->topology, site->index, near, &near_us) == 0 && near_us <= near->within_us)
		return fits;
	return (struct verdict){ .code = VERDICT_LATENCY, .have = near_us, .want = near->within_us };
}

/* One caller within its bound is enough; else the one that is nearest to it speaks for all. */
static struct verdict check_callers(const struct where *where, const struct site_view *site, const struct rule_context *context)
{
	struct verdict best = fits;

	for (size_t i = 0; i < where->caller_count; i++) {
		struct verdict verdict = check_near(&where->callers[i].place, site, context);

		if (verdict.code == VERDICT_FITS)
			return fits;
		if (best.code == VERDICT_FITS || verdict_compare(&verdict, &best) > 0)
			best = verdict;
	}
	return best;
}

static struct verdict check_place(const struct ask *ask, const struct site_view *site, const struct rule_context *context)
{
	const struct where *where = &ask->where;
	bool tier = where->tier_count == 0;
	struct verdict verdict;

	if (!ask->simulated && site->engine == ENGINE_SIMULATED)
		return (struct verdict){ .code = VERDICT_ENGINE_SIMULATED };
	if (ask->simulated && site->engine != ENGINE_SIMULATED)
		return (struct verdict){ .code = VERDICT_ENGINE_REAL };
	for (size_t i = 0; i < where->tier_count; i++)
		tier |= where->tiers[i] == site->tier;
	if (!tier)
		return (struct verdict){ .code = VERDICT_TIER, .name = tier_to_string(site->tier) };
	if (where->region_count && !has_word(where->regions, where->region_count, site->region))
		return (struct verdict){ .code = VERDICT_REGION, .name = site->region };
	if (where->site_count && !has_word(where->sites, where->site_count, site->name))
		return (struct verdict){ .code = VERDICT_SITE };
	verdict = where->near ? check_near(where->near, site, context) : check_callers(where, site, context);
	if (verdict.code != VERDICT_FITS)
		return verdict;
	if (ask->rules.residency_count && !has_word(ask->rules.residency, ask->rules.residency_count, site->region))
		return (struct verdict){ .code = VERDICT_RESIDENCY, .name = site->region };
	for (size_t i = 0; i < ask->data_count; i++) {
		const struct data_reference *data = &ask->data[i];

		if (data->residency_count && !has_word(data->residency, data->residency_count, site->region))
			return (struct verdict){ .code = VERDICT_RESIDENCY, .name = site->region, .other = data->name };
	}
	return fits;
}

/* The chip that comes nearest to being allowed speaks for the site. */
static struct verdict check_chips(struct chip_cache *cache, const struct supply *supply)
{
	struct verdict best = { .code = VERDICT_CHIP_MODEL };

	if (cache->ask->shape.chips.milli == 0)
		return fits;
	for (size_t g = 0; g < supply->group_count; g++) {
		const struct supply_group *group = &supply->groups[g];
		const char *last = NULL;

		for (uint32_t c = 0; group->node_count > 0 && c < group->chips_per_node; c++) {
			enum verdict_code code;

			if (group->chip_names[c] == last)
				continue;
			last = group->chip_names[c];
			code = chip_cache_check(cache, last);
			if (code == VERDICT_FITS)
				return fits;
			if (code > best.code || !best.name)
				best = (struct verdict){ .code = code, .name = last };
		}
	}
	return best;
}

static int64_t group_capacity(const struct supply_group *group, const char *resource)
{
	int r = supply_group_resource(group, resource);

	return r < 0 ? 0 : group->resource_capacity[r];
}

/* Whether an empty node of the group has enough for one worker, apart from further resources after the first `count`. */
static bool node_is_enough(const struct worker_need *need, struct chip_cache *cache, const struct supply_group *group, size_t count)
{
	struct chip_parts parts;

	chip_parts_of(cache, group, &parts);
	if (group->node_count == 0 || chip_parts_largest(&parts) < need->chips || group->cpu_milli < need->cpu_milli ||
	    group->memory_mib < need->memory_mib)
		return false;
	for (size_t i = 0; i < count; i++)
		if (group_capacity(group, need->resources[i].name) < need->resources[i].count)
			return false;
	return true;
}

/* The first further resource that is too little among the nodes that pass what comes before it. */
static struct verdict resource_too_small(const struct worker_need *need, struct chip_cache *cache, const struct supply *supply)
{
	for (size_t i = 0; i < need->resource_count; i++) {
		const struct countable *resource = &need->resources[i];
		int64_t most = 0;

		for (size_t g = 0; g < supply->group_count; g++) {
			int64_t capacity = group_capacity(&supply->groups[g], resource->name);

			if (capacity > most && node_is_enough(need, cache, &supply->groups[g], i))
				most = capacity;
		}
		if (most < resource->count)
			return (struct verdict){ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_OTHER, .have = most, .want = resource->count,
						 .name = resource->name };
	}
	return fits;
}

/* Why no empty node holds a worker: resource by resource, among the nodes that pass the ones before. */
static struct verdict node_too_small(const struct worker_need *need, struct chip_cache *cache, const struct supply *supply)
{
	struct chip_parts parts;
	int64_t chips = 0, cpu = -1, memory = -1;

	for (size_t g = 0; g < supply->group_count; g++) {
		const struct supply_group *group = &supply->groups[g];
		int64_t largest;

		if (group->node_count == 0)
			continue;
		chip_parts_of(cache, group, &parts);
		largest = chip_parts_largest(&parts);
		chips = largest > chips ? largest : chips;
		if (largest < need->chips)
			continue;
		cpu = group->cpu_milli > cpu ? group->cpu_milli : cpu;
		if (group->cpu_milli >= need->cpu_milli && group->memory_mib > memory)
			memory = group->memory_mib;
	}
	if (chips < need->chips)
		return (struct verdict){ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_CHIPS, .have = chips, .want = need->chips };
	if (cpu < need->cpu_milli || cpu < 0)
		return (struct verdict){ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_CPU, .have = cpu < 0 ? 0 : cpu,
					 .want = need->cpu_milli };
	if (memory < need->memory_mib)
		return (struct verdict){ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_MEMORY, .have = memory,
					 .want = need->memory_mib };
	return resource_too_small(need, cache, supply);
}

/* Workers that the empty site holds, as far as they may lie together: `*ret_total` in all of it, the result in the largest
 * node or group when they must share one. No more than `want` are counted. */
static int64_t empty_workers(const struct worker_need *need, struct chip_cache *cache, const struct supply *supply, int64_t want,
			     int64_t *ret_total)
{
	enum together together = cache->ask->kind == DEMAND_JOB ? cache->ask->where.together : TOGETHER_SITE;
	int64_t total = 0, most = 0;

	for (size_t g = 0; g < supply->group_count && most < want; g++) {
		const struct supply_group *group = &supply->groups[g];
		struct chip_parts parts;
		int64_t node, all;

		if (group->node_count == 0)
			continue;
		chip_parts_of(cache, group, &parts);
		node = empty_node_workers(need, &parts, group, want);
		all = node * group->node_count;
		total += all;
		if (together == TOGETHER_SITE)
			most = total;
		else if ((together == TOGETHER_NODE ? node : all) > most)
			most = together == TOGETHER_NODE ? node : all;
	}
	*ret_total = total;
	return most;
}

static struct verdict check_price(const struct ask *ask, const struct site_view *site)
{
	int64_t price = ask->price_max_micro ? price_at_site(ask, site) : 0;

	if (price <= ask->price_max_micro)
		return fits;
	return (struct verdict){ .code = VERDICT_PRICE, .have = price, .want = ask->price_max_micro };
}

/* What the site holds when it is empty: its chips first, then what they cost, then its size. */
static struct verdict check_supply(struct chip_cache *cache, const struct site_view *site)
{
	struct worker_need need = worker_need_of(&cache->ask->shape);
	int64_t want = cache->ask->kind == DEMAND_JOB ? cache->ask->workers : 1;
	int64_t total, have = empty_workers(&need, cache, site->supply, want, &total);
	struct verdict verdict = have >= want ? fits : check_chips(cache, site->supply);

	if (verdict.code == VERDICT_FITS)
		verdict = check_price(cache->ask, site);
	if (verdict.code != VERDICT_FITS || have >= want)
		return verdict;
	if (total == 0)
		return node_too_small(&need, cache, site->supply);
	/* `want` bounded what each node was asked for, so a smaller sum is exact. */
	verdict = (struct verdict){ .code = VERDICT_SITE_TOO_SMALL, .have = total < want ? total : have, .want = want };
	if (total >= want)
		verdict.name = together_to_string(cache->ask->where.together);
	return verdict;
}

struct verdict rules_check_site_cached(struct chip_cache *cache, const struct site_view *site)
{
	struct verdict verdict = check_place(cache->ask, site, cache->context);

	if (verdict.code == VERDICT_FITS && site->condition == CONDITION_UNSEEN)
		verdict.code = VERDICT_SITE_UNSEEN;
	if (verdict.code == VERDICT_FITS)
		verdict = check_supply(cache, site);
	if (verdict.code != VERDICT_FITS)
		return verdict;
	verdict.have = site->seconds_since_seen;
	if (site->condition == CONDITION_LOST)
		verdict.code = VERDICT_SITE_LOST;
	else if (site->condition == CONDITION_SUSPECT)
		verdict.code = VERDICT_SITE_SUSPECT;
	else if (site->draining)
		verdict.code = VERDICT_SITE_DRAINING;
	else if (site->crowded)
		verdict.code = VERDICT_SITE_CROWDED;
	if (verdict.code == VERDICT_FITS || verdict.code == VERDICT_SITE_DRAINING || verdict.code == VERDICT_SITE_CROWDED)
		verdict.have = 0;
	return verdict;
}

struct verdict rules_check_site(const struct ask *ask, const struct site_view *site, const struct rule_context *context)
{
	struct arena arena;
	struct chip_cache cache;
	struct verdict verdict;

	arena_init(&arena);
	chip_cache_init(&cache, ask, context, &arena);
	verdict = rules_check_site_cached(&cache, site);
	arena_done(&arena);
	return verdict;
}
