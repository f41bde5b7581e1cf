#include "policy/rules.h"

#include <string.h>

#include "policy/fit.h"

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

static struct verdict check_place(const struct ask *ask, const struct site_view *site, const struct rule_context *context)
{
	const struct where *where = &ask->where;
	bool tier = where->tier_count == 0;
	int64_t near_us = -1;

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
	if (where->near && (topology_near_us(context->topology, site->index, where->near, &near_us) < 0 || near_us > where->near->within_us))
		return (struct verdict){ .code = VERDICT_LATENCY, .have = near_us, .want = where->near->within_us };
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
	return (struct verdict){ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_MEMORY, .have = memory, .want = need->memory_mib };
}

/* What the site holds when it is empty: its chips first, then its size. */
static struct verdict check_supply(struct chip_cache *cache, const struct supply *supply)
{
	struct worker_need need = worker_need_of(&cache->ask->shape);
	int64_t want = cache->ask->kind == DEMAND_JOB ? cache->ask->workers : 1;
	int64_t have = 0;
	struct verdict verdict;

	for (size_t g = 0; g < supply->group_count; g++) {
		const struct supply_group *group = &supply->groups[g];
		struct chip_parts parts;

		if (group->node_count == 0)
			continue;
		chip_parts_of(cache, group, &parts);
		have += empty_node_workers(&need, &parts, group, want) * group->node_count;
		if (have >= want)
			return fits;
	}
	verdict = check_chips(cache, supply);
	if (verdict.code != VERDICT_FITS)
		return verdict;
	if (have == 0)
		return node_too_small(&need, cache, supply);
	/* `want` bounded what each node was asked for, so a smaller sum is exact. */
	return (struct verdict){ .code = VERDICT_SITE_TOO_SMALL, .have = have, .want = want };
}

struct verdict rules_check_site_cached(struct chip_cache *cache, const struct site_view *site)
{
	struct verdict verdict = check_place(cache->ask, site, cache->context);

	if (verdict.code == VERDICT_FITS && site->condition == CONDITION_UNSEEN)
		verdict.code = VERDICT_SITE_UNSEEN;
	if (verdict.code == VERDICT_FITS)
		verdict = check_supply(cache, site->supply);
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
