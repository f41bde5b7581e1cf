#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/name.h"
#include "wire/checks.h"
#include "wire/files.h"

#define LATITUDE_UDEG_MAX 90000000
#define LONGITUDE_UDEG_MAX 180000000
#define RTT_US_MAX 600000000
#define CARBON_G_MAX 100000
#define BANDWIDTH_MBIT_MAX 1000000000000

static const struct field region_fields[] = {
	FIELD(FIELD_STRING, struct region, name, "name", 1, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a name"),
	FIELD(FIELD_STRING, struct region, title, "title", 2, .maximum = TITLE_MAX_LENGTH, .check = title_check),
};
const struct schema region_schema = SCHEMA("region", struct region, region_fields);

static const struct field chip_count_fields[] = {
	FIELD(FIELD_STRING, struct chip_count, model, "model", 1, .check = name_check, .flags = FIELD_REQUIRED),
	FIELD(FIELD_INTEGER, struct chip_count, count, "count", 2, .minimum = 1, .maximum = NODE_CHIPS_MAX, .flags = FIELD_REQUIRED),
};
static const struct schema chip_count_schema = SCHEMA("chip_count", struct chip_count, chip_count_fields);

static const struct field countable_fields[] = {
	FIELD(FIELD_STRING, struct countable, name, "name", 1, .check = name_check, .flags = FIELD_REQUIRED),
	FIELD(FIELD_INTEGER, struct countable, count, "count", 2, .minimum = 1, .maximum = COUNTABLE_MAX, .flags = FIELD_REQUIRED),
};
const struct schema countable_schema = SCHEMA("countable", struct countable, countable_fields);

static void check_group(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	int64_t chips = node_group_chips(value);

	if (chips > NODE_CHIPS_MAX)
		problems_add_key(problems, at, path, "chips", "has %lld chips in one node, expected at most %d", (long long)chips,
				 NODE_CHIPS_MAX);
}

static const struct field node_group_fields[] = {
	FIELD(FIELD_STRING, struct node_group, name, "name", 1, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a name"),
	FIELD(FIELD_INTEGER, struct node_group, count, "count", 2, .minimum = 1, .maximum = GROUP_NODES_MAX, .fallback = 1,
	      .help = "nodes of the group"),
	FIELD(FIELD_QUANTITY, struct node_group, cpu_milli, "cpu", 3, .unit = UNIT_CPU, .minimum = 1, .maximum = CPU_MILLI_MAX,
	      .flags = FIELD_REQUIRED, .help = "cores of each node"),
	FIELD(FIELD_QUANTITY, struct node_group, memory_mib, "memory", 4, .unit = UNIT_MEMORY, .minimum = 1, .maximum = MEMORY_MIB_MAX,
	      .flags = FIELD_REQUIRED, .help = "memory of each node"),
	{ .key = "chips",
	  .number = 5,
	  .kind = FIELD_MAP,
	  .offset = offsetof(struct node_group, chips),
	  .count_offset = offsetof(struct node_group, chip_count),
	  .schema = &chip_count_schema,
	  .maximum = NODE_CHIPS_MAX,
	  .help = "chips of each node by model" },
	FIELD_RESOURCES(struct node_group, 6, "of each node, what else is counted"),
};
const struct schema node_group_schema = SCHEMA("node_group", struct node_group, node_group_fields, .check = check_group);

static const struct field price_fields[] = {
	FIELD(FIELD_QUANTITY, struct price, core_hour_micro, "core_hour", 1, .unit = UNIT_MONEY, .maximum = MONEY_MICRO_MAX),
	FIELD(FIELD_QUANTITY, struct price, gib_hour_micro, "gib_hour", 2, .unit = UNIT_MONEY, .maximum = MONEY_MICRO_MAX),
	FIELD(FIELD_QUANTITY, struct price, chip_hour_micro, "chip_hour", 3, .unit = UNIT_MONEY, .maximum = MONEY_MICRO_MAX),
};
static const struct schema price_schema = SCHEMA("price", struct price, price_fields);

static const struct field energy_fields[] = {
	FIELD(FIELD_QUANTITY, struct energy, price_micro_per_kwh, "price_per_kwh", 1, .unit = UNIT_MONEY, .maximum = MONEY_MICRO_MAX),
	FIELD(FIELD_INTEGER, struct energy, carbon_g_per_kwh, "carbon_g_per_kwh", 2, .minimum = 0, .maximum = CARBON_G_MAX,
	      .help = "grams of CO2"),
	FIELD(FIELD_INTEGER, struct energy, overhead_permille, "overhead_permille", 3, .minimum = 1000, .maximum = 100000, .fallback = 1000,
	      .help = "power drawn by the site for each 1000 W of its chips"),
};
static const struct schema energy_schema = SCHEMA("energy", struct energy, energy_fields);

static void check_site(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct site_spec *site = value;
	cleanup_name_index struct name_index groups;

	if (site->engine == ENGINE_SIMULATED && !site->group_count)
		problems_add_key(problems, at, path, "groups",
				 "is missing, expected a list of node groups: a simulated site has no machine to ask");
	name_index_init(&groups, site->groups, site->group_count, sizeof(site->groups[0]), offsetof(struct node_group, name));
	name_index_report(&groups, at, path, "groups", "name", problems);
}

static const struct field site_fields[] = {
	FIELD(FIELD_STRING, struct site_spec, name, "name", 1, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a name"),
	FIELD(FIELD_STRING, struct site_spec, title, "title", 2, .maximum = TITLE_MAX_LENGTH, .check = title_check),
	FIELD(FIELD_ENUM, struct site_spec, tier, "tier", 3, .table = &tier_table, .flags = FIELD_REQUIRED),
	FIELD(FIELD_STRING, struct site_spec, region, "region", 4, .check = name_check, .flags = FIELD_REQUIRED,
	      .expected = "a region's name"),
	FIELD(FIELD_STRING, struct site_spec, operator_name, "operator", 5, .maximum = TITLE_MAX_LENGTH, .check = title_check,
	      .help = "who runs it"),
	FIELD(FIELD_QUANTITY, struct site_spec, latitude_udeg, "latitude", 6, .unit = UNIT_ANGLE, .minimum = -LATITUDE_UDEG_MAX,
	      .maximum = LATITUDE_UDEG_MAX, .flags = FIELD_REQUIRED),
	FIELD(FIELD_QUANTITY, struct site_spec, longitude_udeg, "longitude", 7, .unit = UNIT_ANGLE, .minimum = -LONGITUDE_UDEG_MAX,
	      .maximum = LONGITUDE_UDEG_MAX, .flags = FIELD_REQUIRED),
	FIELD(FIELD_ENUM, struct site_spec, engine, "engine", 8, .table = &engine_kind_table, .fallback = ENGINE_LOCAL,
	      .help = "the local system that runs what is placed here"),
	FIELD_LIST_OF(FIELD_OBJECT, struct site_spec, groups, group_count, "groups", 9, .schema = &node_group_schema,
		      .maximum = SITE_GROUPS_MAX, .help = "nodes alike; left out: what the agent finds"),
	FIELD(FIELD_QUANTITY, struct site_spec, power_limit_w, "power_limit", 10, .unit = UNIT_POWER, .maximum = 1000000000000),
	FIELD(FIELD_OBJECT, struct site_spec, price, "price", 11, .schema = &price_schema, .help = "an hour, in the network's currency"),
	FIELD(FIELD_OBJECT, struct site_spec, energy, "energy", 12, .schema = &energy_schema, .help = "what a kilowatt-hour costs and emits"),
};
const struct schema site_spec_schema = SCHEMA("site", struct site_spec, site_fields, .check = check_site);

static const struct field link_fields[] = {
	FIELD(FIELD_STRING, struct link_spec, from, "from", 1, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a site's name"),
	FIELD(FIELD_STRING, struct link_spec, to, "to", 2, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a site's name"),
	FIELD(FIELD_QUANTITY, struct link_spec, rtt_us, "rtt", 3, .unit = UNIT_DURATION, .minimum = 1, .maximum = RTT_US_MAX,
	      .flags = FIELD_REQUIRED, .help = "there and back"),
	FIELD(FIELD_QUANTITY, struct link_spec, bandwidth_mbit, "bandwidth", 4, .unit = UNIT_BANDWIDTH, .maximum = BANDWIDTH_MBIT_MAX),
	FIELD(FIELD_QUANTITY, struct link_spec, price_micro_per_gib, "price_per_gib", 5, .unit = UNIT_MONEY, .maximum = MONEY_MICRO_MAX),
};
const struct schema link_spec_schema = SCHEMA("link", struct link_spec, link_fields);

static const struct field link_rule_fields[] = {
	FIELD(FIELD_QUANTITY, struct link_rule, base_us, "base", 1, .unit = UNIT_DURATION, .maximum = RTT_US_MAX, .fallback = 1000),
	FIELD(FIELD_INTEGER, struct link_rule, us_per_km_milli, "us_per_km_milli", 2, .minimum = 0, .maximum = 1000000, .fallback = 9800),
	FIELD(FIELD_INTEGER, struct link_rule, detour_permille, "detour_permille", 3, .minimum = 1000, .maximum = 100000, .fallback = 1500),
};
static const struct schema link_rule_schema = SCHEMA("link_rule", struct link_rule, link_rule_fields);

static int currency_check(const char *text, struct err *err)
{
	if (strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3)
		return 0;
	return err_set(err, -EINVAL, "is \"%.20s\", expected a currency's three letters such as CNY", text);
}

/* A name that refers to one of the index; says which one is near when it is not there. */
static void check_reference(const struct name_index *index, const char *what, const char *name, const struct doc *at, const char *path,
			    const char *key, struct problems *problems)
{
	const char *nearest;

	if (!*name || !index->count || name_index_find(index, name))
		return; /* found, or one of the two had a problem of its own */
	nearest = problems->count < PROBLEMS_MAX ? name_index_nearest(index, name) : NULL;
	if (nearest)
		problems_add_key(problems, at, path, key, "there is no %s \"%s\", did you mean \"%s\"?", what, name, nearest);
	else
		problems_add_key(problems, at, path, key, "there is no %s \"%s\", expected one of the network's", what, name);
}

/* The two ends in one order, so that a link there and one back are seen to be the same. */
struct ends {
	const char *first, *second;
	size_t index;
};

static int compare_ends(const void *a, const void *b)
{
	const struct ends *one = a, *other = b;
	int order = strcmp(one->first, other->first);

	if (!order)
		order = strcmp(one->second, other->second);
	return order ? order : one->index < other->index ? -1 : 1;
}

static void check_link_repeated(const struct network_spec *network, const struct doc *at, const char *path, struct problems *problems)
{
	struct ends *ends = mem_resize(NULL, network->link_count, sizeof(ends[0]));

	for (size_t i = 0; i < network->link_count; i++) {
		const struct link_spec *link = &network->links[i];
		bool swap = strcmp(link->from, link->to) > 0;

		ends[i] = (struct ends){ swap ? link->to : link->from, swap ? link->from : link->to, i };
	}
	if (network->link_count)
		qsort(ends, network->link_count, sizeof(ends[0]), compare_ends);
	for (size_t i = 1; i < network->link_count; i++) {
		char place[256];

		if (!*ends[i].first || strcmp(ends[i - 1].first, ends[i].first) || strcmp(ends[i - 1].second, ends[i].second))
			continue;
		snprintf(place, sizeof(place), "%.200s%slinks[%zu]", path, *path ? "." : "", ends[i].index);
		problems_add(problems, doc_element(at, "links", ends[i].index), place,
			     "links %s and %s as links[%zu] does, expected one link between two sites", ends[i].first, ends[i].second,
			     ends[i - 1].index);
	}
	free(ends);
}

static void check_links(const struct network_spec *network, const struct name_index *sites, const struct doc *at, const char *path,
			struct problems *problems)
{
	for (size_t i = 0; i < network->link_count; i++) {
		const struct link_spec *link = &network->links[i];
		const struct doc *element = doc_element(at, "links", i);
		char place[256];

		snprintf(place, sizeof(place), "%.200s%slinks[%zu]", path, *path ? "." : "", i);
		check_reference(sites, "site", link->from, element, place, "from", problems);
		check_reference(sites, "site", link->to, element, place, "to", problems);
		if (*link->from && !strcmp(link->from, link->to))
			problems_add_key(problems, element, place, "to", "is where the link begins, expected another site");
	}
	check_link_repeated(network, at, path, problems);
}

static void check_network(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct network_spec *network = value;
	cleanup_name_index struct name_index regions, sites;

	name_index_init(&regions, network->regions, network->region_count, sizeof(network->regions[0]), offsetof(struct region, name));
	name_index_init(&sites, network->sites, network->site_count, sizeof(network->sites[0]), offsetof(struct site_spec, name));
	name_index_report(&regions, at, path, "regions", "name", problems);
	name_index_report(&sites, at, path, "sites", "name", problems);
	for (size_t i = 0; i < network->site_count; i++) {
		char place[256];

		snprintf(place, sizeof(place), "%.200s%ssites[%zu]", path, *path ? "." : "", i);
		check_reference(&regions, "region", network->sites[i].region, doc_element(at, "sites", i), place, "region", problems);
	}
	check_links(network, &sites, at, path, problems);
}

static const struct field network_fields[] = {
	FIELD(FIELD_STRING, struct network_spec, name, "name", 1, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a name"),
	FIELD(FIELD_STRING, struct network_spec, title, "title", 2, .maximum = TITLE_MAX_LENGTH, .check = title_check),
	FIELD(FIELD_STRING, struct network_spec, note, "note", 3, .maximum = NOTE_MAX_LENGTH, .check = note_check,
	      .help = "what the reader should know, such as which figures are made up"),
	FIELD(FIELD_STRING, struct network_spec, currency, "currency", 4, .fallback_text = "CNY", .check = currency_check),
	FIELD(FIELD_OBJECT, struct network_spec, link_rule, "link_rule", 8, .schema = &link_rule_schema),
	FIELD_LIST_OF(FIELD_OBJECT, struct network_spec, regions, region_count, "regions", 5, .schema = &region_schema, .minimum = 1,
		      .maximum = NETWORK_REGIONS_MAX, .flags = FIELD_REQUIRED),
	FIELD_LIST_OF(FIELD_OBJECT, struct network_spec, sites, site_count, "sites", 6, .schema = &site_spec_schema, .minimum = 1,
		      .maximum = NETWORK_SITES_MAX, .flags = FIELD_REQUIRED),
	FIELD_LIST_OF(FIELD_OBJECT, struct network_spec, links, link_count, "links", 7, .schema = &link_spec_schema,
		      .maximum = NETWORK_LINKS_MAX),
};
const struct schema network_schema = SCHEMA("network", struct network_spec, network_fields, .check = check_network, .check_faulty = true);
