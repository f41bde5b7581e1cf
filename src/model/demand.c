#include "model/demand.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const demand_kind_words[] = { "job", "service" };
STRING_TABLE_DEFINE(enum demand_kind, demand_kind, DEMAND_KIND_COUNT);

static const char *const on_site_loss_words[] = { "wait", "requeue" };
STRING_TABLE_DEFINE(enum on_site_loss, on_site_loss, LOSS_COUNT);

static const char *const expectation_words[] = { "none", "succeeded", "failed", "timed-out", "cancelled", "running", "pending" };
STRING_TABLE_DEFINE(enum expectation, expectation, EXPECT_COUNT);

static const char *const together_words[] = { "site", "group", "node" };
STRING_TABLE_DEFINE(enum together, together, TOGETHER_COUNT);

static const char *const arrange_words[] = { "pack", "spread" };
STRING_TABLE_DEFINE(enum arrange, arrange, ARRANGE_COUNT);

static const char *const after_when_words[] = { "ok", "any", "failure" };
STRING_TABLE_DEFINE(enum after_when, after_when, AFTER_WHEN_COUNT);

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_tiers(const void *a, const void *b)
{
	return (int)*(const enum tier *)a - (int)*(const enum tier *)b;
}

static int compare_throughputs(const void *a, const void *b)
{
	return (int)((const struct throughput *)a)->format - (int)((const struct throughput *)b)->format;
}

static int compare_data(const void *a, const void *b)
{
	const struct data_reference *first = a, *second = b;
	int order = strcmp(first->name, second->name);

	return order ? order : strcmp(first->site, second->site);
}

static int compare_countables(const void *a, const void *b)
{
	return strcmp(((const struct countable *)a)->name, ((const struct countable *)b)->name);
}

static int compare_numbers(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_callers(const void *a, const void *b)
{
	const struct near *first = &((const struct caller_place *)a)->place, *second = &((const struct caller_place *)b)->place;
	int order = strcmp(first->site, second->site);

	order = order ? order : compare_numbers(first->latitude_udeg, second->latitude_udeg);
	return order ? order : compare_numbers(first->longitude_udeg, second->longitude_udeg);
}

/* Sorts and drops repetitions. Lists have at most DEMAND_LIST_MAX elements. */
static void set_sort(void *list, size_t *count, size_t size, int (*compare)(const void *, const void *))
{
	char *elements = list;
	size_t kept = 1;

	if (*count < 2)
		return;
	qsort(elements, *count, size, compare);
	for (size_t i = 1; i < *count; i++) {
		if (!compare(elements + (kept - 1) * size, elements + i * size))
			continue;
		if (kept != i)
			memcpy(elements + kept * size, elements + i * size, size);
		kept++;
	}
	*count = kept;
}

void ask_canonicalize(struct ask *ask)
{
	struct chip_ask *chips = &ask->shape.chips;

	set_sort(chips->models, &chips->model_count, sizeof(chips->models[0]), compare_texts);
	set_sort(chips->needs.software, &chips->needs.software_count, sizeof(chips->needs.software[0]), compare_texts);
	set_sort(chips->needs.throughputs, &chips->needs.throughput_count, sizeof(chips->needs.throughputs[0]), compare_throughputs);
	set_sort(ask->shape.resources, &ask->shape.resource_count, sizeof(ask->shape.resources[0]), compare_countables);
	set_sort(ask->where.callers, &ask->where.caller_count, sizeof(ask->where.callers[0]), compare_callers);
	set_sort(ask->where.tiers, &ask->where.tier_count, sizeof(ask->where.tiers[0]), compare_tiers);
	set_sort(ask->where.regions, &ask->where.region_count, sizeof(ask->where.regions[0]), compare_texts);
	set_sort(ask->where.sites, &ask->where.site_count, sizeof(ask->where.sites[0]), compare_texts);
	set_sort(ask->rules.residency, &ask->rules.residency_count, sizeof(ask->rules.residency[0]), compare_texts);
	for (size_t i = 0; i < ask->data_count; i++)
		set_sort(ask->data[i].residency, &ask->data[i].residency_count, sizeof(ask->data[i].residency[0]), compare_texts);
	if (ask->data_count > 1)
		qsort(ask->data, ask->data_count, sizeof(ask->data[0]), compare_data);
}

/* A text that was never set counts as empty. */
static const char *copy_text(const char *text, struct arena *arena)
{
	return arena_strdup(arena, text ? text : "");
}

static const char **copy_texts(const char *const *texts, size_t count, struct arena *arena)
{
	const char **copies = count ? ARENA_ARRAY(arena, const char *, count) : NULL;

	for (size_t i = 0; i < count; i++)
		copies[i] = arena_strdup(arena, texts[i]);
	return copies;
}

static void *copy_list(const void *list, size_t count, size_t size, struct arena *arena)
{
	return count ? arena_dup(arena, list, count * size) : NULL;
}

static void copy_shape(struct shape *shape, struct arena *arena)
{
	struct chip_ask *chips = &shape->chips;
	struct chip_needs *needs = &chips->needs;

	chips->models = copy_texts(chips->models, chips->model_count, arena);
	needs->throughputs = copy_list(needs->throughputs, needs->throughput_count, sizeof(needs->throughputs[0]), arena);
	needs->software = copy_texts(needs->software, needs->software_count, arena);
	shape->resources = copy_list(shape->resources, shape->resource_count, sizeof(shape->resources[0]), arena);
	for (size_t i = 0; i < shape->resource_count; i++)
		shape->resources[i].name = copy_text(shape->resources[i].name, arena);
}

static void copy_where(struct where *where, struct arena *arena)
{
	where->tiers = copy_list(where->tiers, where->tier_count, sizeof(where->tiers[0]), arena);
	where->regions = copy_texts(where->regions, where->region_count, arena);
	where->sites = copy_texts(where->sites, where->site_count, arena);
	if (where->near) {
		where->near = arena_dup(arena, where->near, sizeof(*where->near));
		where->near->site = copy_text(where->near->site, arena);
	}
	where->callers = copy_list(where->callers, where->caller_count, sizeof(where->callers[0]), arena);
	for (size_t i = 0; i < where->caller_count; i++)
		where->callers[i].place.site = copy_text(where->callers[i].place.site, arena);
}

struct ask *ask_copy(const struct ask *ask, struct arena *arena)
{
	struct ask *copy = arena_dup(arena, ask, sizeof(*ask));

	copy_shape(&copy->shape, arena);
	copy_where(&copy->where, arena);
	copy->rules.residency = copy_texts(ask->rules.residency, ask->rules.residency_count, arena);
	copy->data = copy_list(ask->data, ask->data_count, sizeof(ask->data[0]), arena);
	for (size_t i = 0; i < copy->data_count; i++) {
		struct data_reference *data = &copy->data[i];

		data->name = copy_text(data->name, arena);
		data->site = copy_text(data->site, arena);
		data->residency = copy_texts(data->residency, data->residency_count, arena);
	}
	return copy;
}

void ask_caller_counts(const struct ask *ask, int64_t ret_counts[static DEMAND_LIST_MAX])
{
	const struct where *where = &ask->where;
	int64_t rests[DEMAND_LIST_MAX];
	int64_t total = 0, left = ask->workers;

	assert(where->caller_count >= 1 && where->caller_count <= DEMAND_LIST_MAX);
	for (size_t i = 0; i < where->caller_count; i++)
		total += where->callers[i].weight;
	assert(total > 0);
	for (size_t i = 0; i < where->caller_count; i++) {
		int64_t part = ask->workers * where->callers[i].weight; /* 10^5 times 10^6 at most */

		ret_counts[i] = part / total;
		rests[i] = part % total;
		left -= ret_counts[i];
	}
	for (; left > 0; left--) { /* fewer than there are callers */
		size_t most = 0;

		for (size_t i = 1; i < where->caller_count; i++)
			most = rests[i] > rests[most] ? i : most;
		ret_counts[most]++;
		rests[most] = -1;
	}
}

void ask_caller_ends(const struct ask *ask, int64_t ret_ends[static DEMAND_LIST_MAX])
{
	ask_caller_counts(ask, ret_ends);
	for (size_t c = 1; c < ask->where.caller_count; c++)
		ret_ends[c] += ret_ends[c - 1];
	ret_ends[ask->where.caller_count - 1] = INT64_MAX; /* those beyond `workers` are the last one's too */
}

size_t ask_caller_of(const struct ask *ask, uint32_t replica)
{
	int64_t counts[DEMAND_LIST_MAX];
	int64_t before = replica;
	size_t caller = 0;

	ask_caller_counts(ask, counts);
	while (caller + 1 < ask->where.caller_count && before >= counts[caller])
		before -= counts[caller++];
	return caller;
}

int64_t ask_data_hours(int64_t time_limit_us)
{
	int64_t hours = 1;

	while (hours < (1 << 20) && hours * 3600 * 1000000 < time_limit_us)
		hours *= 2;
	return hours;
}

struct ask ask_at_caller(const struct ask *ask, size_t caller)
{
	struct ask at = *ask;

	at.where.near = &ask->where.callers[caller].place;
	at.where.callers = NULL;
	at.where.caller_count = 0;
	return at;
}
