#include "model/demand.h"

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
	set_sort(ask->where.tiers, &ask->where.tier_count, sizeof(ask->where.tiers[0]), compare_tiers);
	set_sort(ask->where.regions, &ask->where.region_count, sizeof(ask->where.regions[0]), compare_texts);
	set_sort(ask->where.sites, &ask->where.site_count, sizeof(ask->where.sites[0]), compare_texts);
	set_sort(ask->rules.residency, &ask->rules.residency_count, sizeof(ask->rules.residency[0]), compare_texts);
	for (size_t i = 0; i < ask->data_count; i++)
		set_sort(ask->data[i].residency, &ask->data[i].residency_count, sizeof(ask->data[i].residency[0]), compare_texts);
	if (ask->data_count > 1)
		qsort(ask->data, ask->data_count, sizeof(ask->data[0]), compare_data);
}
