/* What each dimension can give up, and taking back what need not be. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "match/relax_private.h"

#define RAISE_ALL ((int64_t)1 << 60) /* of a limit: as if there were none */
#define TIME_MIN_US 1000000 /* a time limit below is no proposal */

static int compare_up(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* Sorted, each value once; the largest first when it is the most that can be given up. */
static void ladder_sort(struct ladder *ladder, bool largest_first)
{
	size_t kept = 0;

	if (ladder->count > 1)
		qsort(ladder->values, ladder->count, sizeof(int64_t), compare_up);
	for (size_t i = 0; i < ladder->count; i++)
		if (kept == 0 || ladder->values[kept - 1] != ladder->values[i])
			ladder->values[kept++] = ladder->values[i];
	ladder->count = kept;
	for (size_t i = 0; largest_first && i < kept / 2; i++) {
		int64_t swap = ladder->values[i];

		ladder->values[i] = ladder->values[kept - 1 - i];
		ladder->values[kept - 1 - i] = swap;
	}
}

static int64_t ladder_value(const struct ladder *ladder, size_t at)
{
	return ladder->values ? ladder->values[at] : ladder->first + (int64_t)at * ladder->step;
}

/* How far the sites beyond the bound are. */
static void ladder_of_latency(struct search *search, const struct near *near, struct ladder *ret)
{
	const struct matcher *matcher = search->matcher;

	ret->values = ARENA_ARRAY(search->arena, int64_t, matcher->site_count + 1);
	for (uint32_t s = 0; s < matcher->site_count; s++) {
		int64_t near_us;

		if (topology_near_us(matcher->context.topology, matcher->sites[s].view.index, near, &near_us) == 0 && near_us > near->within_us)
			ret->values[ret->count++] = near_us;
	}
	ladder_sort(ret, true);
}

static void ladder_of_price(struct search *search, const struct ask *ask, struct ladder *ret)
{
	const struct matcher *matcher = search->matcher;

	ret->values = ARENA_ARRAY(search->arena, int64_t, matcher->site_count + 1);
	for (uint32_t s = 0; s < matcher->site_count; s++) {
		int64_t price = price_at_site(ask, &matcher->sites[s].view);

		if (price > ask->price_max_micro)
			ret->values[ret->count++] = price;
	}
	ladder_sort(ret, true);
}

/* To be gone when what is reserved begins. */
static void ladder_of_time(struct search *search, int64_t time_us, struct ladder *ret)
{
	const struct outcome *base = search->base;

	ret->values = ARENA_ARRAY(search->arena, int64_t, base->start_count + 1);
	for (size_t r = 0; r < base->start_count; r++) {
		int64_t left_us = base->starts_us[r] - search->input.now_us;

		if (left_us >= TIME_MIN_US && (time_us == 0 || left_us < time_us))
			ret->values[ret->count++] = left_us;
	}
	ladder_sort(ret, false);
}

static void set_value(struct search *search, enum relax_dimension dimension, int64_t value, struct variant *variant)
{
	struct where *where = &variant->ask.where;

	switch (dimension) {
	case RELAX_LATENCY:
		where->near = arena_dup(search->arena, where->near, sizeof(*where->near));
		where->near->within_us = value;
		break;
	case RELAX_PRICE:
		variant->ask.price_max_micro = value;
		break;
	case RELAX_TIME:
		variant->time_us = value;
		break;
	case RELAX_WORKERS:
		variant->ask.workers = value;
		break;
	default:
		variant->ask.priority = value;
		variant->may_stop = true;
	}
}

/* The dimensions that are numbers. */
static bool make_ladder(struct search *search, enum relax_dimension dimension, const struct variant *variant, struct ladder *ret)
{
	const struct ask *ask = &variant->ask;

	*ret = (struct ladder){ 0 };
	switch (dimension) {
	case RELAX_LATENCY:
		if (ask->where.near)
			ladder_of_latency(search, ask->where.near, ret);
		break;
	case RELAX_PRICE:
		if (ask->price_max_micro > 0)
			ladder_of_price(search, ask, ret);
		break;
	case RELAX_TIME:
		if (ask->kind == DEMAND_JOB)
			ladder_of_time(search, variant->time_us, ret);
		break;
	case RELAX_WORKERS:
		if (ask->kind == DEMAND_JOB && ask->workers > 1)
			*ret = (struct ladder){ .first = 1, .step = 1, .count = (size_t)ask->workers - 1 };
		break;
	default:
		if (ask->priority < PRIORITY_MAX)
			*ret = (struct ladder){ .first = PRIORITY_MAX, .step = -1, .count = (size_t)(PRIORITY_MAX - ask->priority) };
	}
	return ret->count > 0;
}

/* Forgets a list. */
static bool drop(size_t *count)
{
	bool was = *count > 0;

	*count = 0;
	return was;
}

static bool change_flag(bool *flag)
{
	bool was = *flag;

	*flag = true;
	return !was;
}

bool relax_open(struct search *search, enum relax_dimension dimension, struct variant *variant, struct ladder *ret)
{
	struct ask *ask = &variant->ask;

	*ret = (struct ladder){ 0 };
	switch (dimension) {
	case RELAX_TOGETHER:
		if (ask->kind != DEMAND_JOB || ask->workers == 1 || ask->where.together == TOGETHER_SITE)
			return false;
		ask->where.together = TOGETHER_SITE;
		return true;
	case RELAX_TIER:
		return drop(&ask->where.tier_count);
	case RELAX_SITE:
		return drop(&ask->where.site_count);
	case RELAX_REGION:
		return drop(&ask->where.region_count);
	case RELAX_MODEL:
		return ask->shape.chips.milli > 0 && drop(&ask->shape.chips.model_count);
	case RELAX_PREEMPTIBLE:
		return change_flag(&ask->preemptible);
	case RELAX_LIMIT:
		variant->raise = (struct amounts){ RAISE_ALL, RAISE_ALL, RAISE_ALL };
		return search->base->limited;
	default:
		if (!make_ladder(search, dimension, variant, ret))
			return false;
		set_value(search, dimension, ladder_value(ret, 0), variant);
		return true;
	}
}

void relax_copy(enum relax_dimension dimension, const struct variant *from, struct variant *to)
{
	const struct where *where = &from->ask.where;

	switch (dimension) {
	case RELAX_TOGETHER:
		to->ask.where.together = where->together;
		break;
	case RELAX_TIER:
		to->ask.where.tiers = where->tiers;
		to->ask.where.tier_count = where->tier_count;
		break;
	case RELAX_SITE:
		to->ask.where.sites = where->sites;
		to->ask.where.site_count = where->site_count;
		break;
	case RELAX_REGION:
		to->ask.where.regions = where->regions;
		to->ask.where.region_count = where->region_count;
		break;
	case RELAX_LATENCY:
		to->ask.where.near = where->near;
		break;
	case RELAX_PRICE:
		to->ask.price_max_micro = from->ask.price_max_micro;
		break;
	case RELAX_MODEL:
		to->ask.shape.chips.models = from->ask.shape.chips.models;
		to->ask.shape.chips.model_count = from->ask.shape.chips.model_count;
		break;
	case RELAX_TIME:
		to->time_us = from->time_us;
		break;
	case RELAX_WORKERS:
		to->ask.workers = from->ask.workers;
		break;
	case RELAX_PREEMPTIBLE:
		to->ask.preemptible = from->ask.preemptible;
		break;
	case RELAX_PRIORITY:
		to->ask.priority = from->ask.priority;
		to->may_stop = from->may_stop;
		break;
	default:
		to->raise = from->raise;
	}
}

/* --- taking back --------------------------------------------------------------------------------- */

static void narrow_number(struct search *search, enum relax_dimension dimension, const struct ladder *ladder, struct variant *variant,
			  struct outcome *outcome)
{
	size_t good = 0, bad = ladder->count;

	while (good + 1 < bad) {
		size_t middle = good + (bad - good) / 2;
		struct variant less = *variant;
		struct outcome result;

		set_value(search, dimension, ladder_value(ladder, middle), &less);
		if (relax_try(search, &less, &result)) {
			good = middle;
			*variant = less;
			*outcome = result;
		} else {
			bad = middle;
		}
	}
}

/* The list with more at its end; NULL when that would be too long. */
static void *longer(struct search *search, const void *list, size_t count, const void *more, size_t more_count, size_t size)
{
	char *all;

	if (count + more_count > DEMAND_LIST_MAX)
		return NULL;
	all = arena_array(search->arena, count + more_count, size);
	memcpy(all, list, count * size);
	memcpy(all + count * size, more, more_count * size);
	return all;
}

/* Of a list that was forgotten only what the place found asks for is added. False: nothing, or it would be too long. */
static bool narrow_list(struct search *search, enum relax_dimension dimension, const struct outcome *outcome, struct variant *variant)
{
	const struct site_view *site = &search->matcher->sites[outcome->site].view;
	struct where *where = &variant->ask.where;
	struct chip_ask *chips = &variant->ask.shape.chips;
	void *list = NULL;

	switch (dimension) {
	case RELAX_TIER:
		list = where->tiers = longer(search, where->tiers, where->tier_count, &site->tier, 1, sizeof(site->tier));
		where->tier_count++;
		break;
	case RELAX_SITE:
		list = where->sites = longer(search, where->sites, where->site_count, &site->name, 1, sizeof(site->name));
		where->site_count++;
		break;
	case RELAX_REGION:
		list = where->regions = longer(search, where->regions, where->region_count, &site->region, 1, sizeof(site->region));
		where->region_count++;
		break;
	default:
		if (outcome->model_count == 0 || outcome->model_count == OUTCOME_MODELS_MAX)
			return false;
		list = chips->models = longer(search, chips->models, chips->model_count, outcome->models, outcome->model_count,
					      sizeof(*chips->models));
		chips->model_count += outcome->model_count;
	}
	return list != NULL;
}

/* What the limits lack for it alone, if that is enough: with more, others before it come in too. Else what they lack for all of these,
 * which is what was lacking when its turn came and nothing was refused. */
static void narrow_limit(struct search *search, struct variant *variant, struct outcome *outcome)
{
	struct variant less = *variant;
	struct outcome result;

	less.raise = (struct amounts){ 0 };
	relax_try(search, &less, &result);
	less.raise = result.lacking;
	variant->raise = outcome->lacking;
	if (relax_try(search, &less, &result)) {
		*variant = less;
		*outcome = result;
	}
}

void relax_narrow(struct search *search, enum relax_dimension dimension, const struct ladder *ladder, const struct variant *before,
		  struct variant *variant, struct outcome *outcome)
{
	struct variant less = *before;
	struct outcome result;
	bool smaller = false;

	switch (dimension) {
	case RELAX_TOGETHER:
		smaller = before->ask.where.together == TOGETHER_NODE;
		less.ask.where.together = TOGETHER_GROUP;
		break;
	case RELAX_TIER:
	case RELAX_SITE:
	case RELAX_REGION:
	case RELAX_MODEL:
		smaller = narrow_list(search, dimension, outcome, &less);
		break;
	case RELAX_PREEMPTIBLE:
		break;
	case RELAX_LIMIT:
		narrow_limit(search, variant, outcome);
		return;
	default:
		narrow_number(search, dimension, ladder, variant, outcome);
	}
	if (!smaller || !relax_try(search, &less, &result))
		return;
	*variant = less;
	*outcome = result;
}
