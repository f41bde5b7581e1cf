/* References between files. A set of names is a sorted array; every reference is looked up by halving,
 * so that a network of 20,000 sites against 100,000 demands is checked at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/input.h"

#define NEAREST_AMONG_MAX 5000 /* names; in longer lists the nearest is not looked for */

struct names {
	const char *what; /* for messages: "site" */
	const char **items;
	size_t count, capacity;
	bool known; /* a file that says which there are was among the inputs */
};

struct known {
	struct names models, sites, regions;
};

static void names_add(struct names *names, const char *name)
{
	ARRAY_RESERVE(names->items, names->capacity, names->count + 1);
	names->items[names->count++] = name;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void collect(struct known *known, const struct input *inputs, size_t count)
{
	struct names *all[] = { &known->models, &known->sites, &known->regions };

	for (size_t i = 0; i < count; i++) {
		const struct file *file = &inputs[i].file;

		if (!inputs[i].read)
			continue;
		known->models.known |= file->kind == FILE_CATALOGUE;
		for (size_t m = 0; file->kind == FILE_CATALOGUE && m < file->catalogue.model_count; m++)
			names_add(&known->models, file->catalogue.models[m].name);
		if (file->kind != FILE_NETWORK)
			continue;
		known->sites.known = known->regions.known = true;
		for (size_t s = 0; s < file->network.site_count; s++)
			names_add(&known->sites, file->network.sites[s].name);
		for (size_t r = 0; r < file->network.region_count; r++)
			names_add(&known->regions, file->network.regions[r].name);
	}
	for (size_t i = 0; i < ARRAY_COUNT(all); i++)
		if (all[i]->count > 0)
			qsort(all[i]->items, all[i]->count, sizeof(*all[i]->items), compare);
}

/* The value at `key` of a map, or the element of a list of structs, whose order is the file's; NULL stays NULL. */
static const struct doc *at_key(const struct doc *doc, const char *key)
{
	return doc && doc->kind == DOC_MAP ? doc_get(doc, key) : NULL;
}

static const struct doc *at_index(const struct doc *doc, size_t index)
{
	return doc && doc->kind == DOC_LIST && index < doc->count ? &doc->values[index] : NULL;
}

static void check_name(const struct names *names, const char *name, const struct doc *at, const char *path, struct input *input)
{
	const char *near = NULL;

	if (!names->known || !name || !*name)
		return;
	if (names->count > 0 && bsearch(&name, names->items, names->count, sizeof(*names->items), compare))
		return;
	if (names->count <= NEAREST_AMONG_MAX)
		near = string_nearest(name, names->items, names->count);
	problems_add(&input->problems, at, path, "there is no %s '%s' in the %s%s%s%s", names->what, name,
		     strcmp(names->what, "chip model") == 0 ? "catalogue" : "network", near ? "; did you mean '" : "", near ? near : "",
		     near ? "'?" : "");
}

/* Where the word stands in a list of the file: reading sorts these lists. SIZE_MAX when it can't be found. */
static size_t find_word(const struct doc *list, const char *word)
{
	for (size_t i = 0; list && list->kind == DOC_LIST && i < list->count; i++)
		if (list->values[i].text && strcmp(list->values[i].text, word) == 0)
			return i;
	return SIZE_MAX;
}

static void check_list(const struct names *names, const char *const *list, size_t count, const struct doc *at, const char *path,
		       struct input *input)
{
	char item_path[512];

	for (size_t i = 0; i < count; i++) {
		size_t place = find_word(at, list[i]);

		if (place != SIZE_MAX)
			snprintf(item_path, sizeof(item_path), "%s[%zu]", path, place);
		else
			snprintf(item_path, sizeof(item_path), "%s", path);
		check_name(names, list[i], place != SIZE_MAX ? &at->values[place] : at, item_path, input);
	}
}

static void check_network(const struct known *known, struct input *input)
{
	const struct network_spec *network = &input->file.network;
	const struct doc *sites = at_key(at_key(input->doc, "network"), "sites");
	char path[256];

	for (size_t s = 0; s < network->site_count; s++) {
		const struct site_spec *site = &network->sites[s];
		const struct doc *groups = at_key(at_index(sites, s), "groups");

		for (size_t g = 0; g < site->group_count; g++) {
			const struct doc *chips = at_key(at_index(groups, g), "chips");

			for (size_t c = 0; c < site->groups[g].chip_count; c++) {
				const char *model = site->groups[g].chips[c].model;

				snprintf(path, sizeof(path), "network.sites[%zu].groups[%zu].chips.%s", s, g, model);
				check_name(&known->models, model, at_key(chips, model), path, input);
			}
		}
	}
}

/* Reading sorts the callers, so their places in the file are looked for. */
static void check_callers(const struct known *known, const struct where *where, const struct doc *list, const char *path, struct input *input)
{
	char at[512];

	for (size_t i = 0; list && list->kind == DOC_LIST && i < list->count; i++) {
		const struct doc *site = at_key(&list->values[i], "site");

		snprintf(at, sizeof(at), "%s.where.callers[%zu].site", path, i);
		for (size_t k = 0; site && site->text && k < where->caller_count; k++)
			if (!strcmp(where->callers[k].place.site, site->text))
				check_name(&known->sites, where->callers[k].place.site, site, at, input);
	}
}

static void check_demand(const struct known *known, const struct demand_spec *demand, const struct doc *doc, const char *path,
			 struct input *input)
{
	const struct ask *ask = &demand->ask;
	const struct where *where = &ask->where;
	const struct doc *where_doc = at_key(doc, "where");
	char at[400];

	snprintf(at, sizeof(at), "%s.shape.chips.models", path);
	check_list(&known->models, ask->shape.chips.models, ask->shape.chips.model_count,
		   at_key(at_key(at_key(doc, "shape"), "chips"), "models"), at, input);
	snprintf(at, sizeof(at), "%s.where.sites", path);
	check_list(&known->sites, where->sites, where->site_count, at_key(where_doc, "sites"), at, input);
	snprintf(at, sizeof(at), "%s.where.regions", path);
	check_list(&known->regions, where->regions, where->region_count, at_key(where_doc, "regions"), at, input);
	snprintf(at, sizeof(at), "%s.where.near.site", path);
	if (where->near)
		check_name(&known->sites, where->near->site, at_key(at_key(where_doc, "near"), "site"), at, input);
	check_callers(known, where, at_key(where_doc, "callers"), path, input);
	snprintf(at, sizeof(at), "%s.rules.residency", path);
	check_list(&known->regions, ask->rules.residency, ask->rules.residency_count, at_key(at_key(doc, "rules"), "residency"), at, input);
	for (size_t d = 0; d < ask->data_count; d++) {
		const struct doc *data = at_index(at_key(doc, "data"), d);

		snprintf(at, sizeof(at), "%s.data[%zu].site", path, d);
		check_name(&known->sites, ask->data[d].site, at_key(data, "site"), at, input);
		snprintf(at, sizeof(at), "%s.data[%zu].residency", path, d);
		check_list(&known->regions, ask->data[d].residency, ask->data[d].residency_count, at_key(data, "residency"), at, input);
	}
}

static void check_demands(const struct known *known, struct input *input)
{
	const struct doc *single = at_key(input->doc, "demand");
	const struct doc *list = at_key(input->doc, "demands");
	char path[64] = "demand";

	for (size_t d = 0; d < input->file.demand_count; d++) {
		if (!single)
			snprintf(path, sizeof(path), "demands[%zu]", d);
		check_demand(known, &input->file.demands[d], single ? single : at_index(list, d), path, input);
	}
}

void inputs_cross_check(struct input *inputs, size_t count)
{
	struct known known = { .models.what = "chip model", .sites.what = "site", .regions.what = "region" };

	collect(&known, inputs, count);
	for (size_t i = 0; i < count; i++) {
		if (!inputs[i].read)
			continue;
		if (inputs[i].file.kind == FILE_NETWORK)
			check_network(&known, &inputs[i]);
		else if (inputs[i].file.kind == FILE_DEMANDS)
			check_demands(&known, &inputs[i]);
	}
	free(known.models.items);
	free(known.sites.items);
	free(known.regions.items);
}
