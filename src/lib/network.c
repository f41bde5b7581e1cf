/* Building a network and its catalogue, call by call. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "lib/lib.h"

struct weir_network *weir_network_new(void)
{
	struct weir_network *network = mem_alloc(sizeof(*network));

	network->users = 1;
	arena_init(&network->arena);
	network->spec = (struct network_spec){ .name = "network", .title = "", .note = "", .currency = "",
					       .link_rule = { .base_us = 1000, .us_per_km_milli = 9800, .detour_permille = 1500 } };
	return network;
}

void lib_network_unref(struct weir_network *network)
{
	if (!network || --network->users > 0)
		return;
	for (size_t s = 0; s < network->spec.site_count; s++) {
		for (size_t g = 0; g < network->spec.sites[s].group_count; g++) {
			free(network->spec.sites[s].groups[g].chips);
			free(network->spec.sites[s].groups[g].resources);
		}
		free(network->spec.sites[s].groups);
	}
	for (size_t m = 0; m < network->catalogue.model_count; m++) {
		free(network->catalogue.models[m].throughputs);
		free(network->catalogue.models[m].software);
	}
	free(network->spec.sites);
	free(network->spec.links);
	free(network->catalogue.models);
	arena_done(&network->arena);
	free(network);
}

void weir_network_free(struct weir_network *network)
{
	lib_network_unref(network);
}

static int check_open(struct weir_network *network)
{
	return network->sealed ? err_set(&network->err, -EBUSY, "a matcher was made of this network, it stays as it is") : 0;
}

static int find_site(struct weir_network *network, int64_t site, struct site_spec **ret)
{
	int code = check_open(network);

	if (code < 0)
		return code;
	if (site < 0 || (size_t)site >= network->spec.site_count)
		return err_set(&network->err, -ENOENT, "there is no site %lld", (long long)site);
	*ret = &network->spec.sites[site];
	return 0;
}

static int find_group(struct weir_network *network, int64_t site, int64_t group, struct node_group **ret)
{
	struct site_spec *spec = NULL;
	int code = find_site(network, site, &spec);

	if (code < 0)
		return code;
	if (group < 0 || (size_t)group >= spec->group_count)
		return err_set(&network->err, -ENOENT, "site %s has no group %lld", spec->name, (long long)group);
	*ret = &spec->groups[group];
	return 0;
}

static int find_chip(struct weir_network *network, int64_t chip, struct chip_model **ret)
{
	int code = check_open(network);

	if (code < 0)
		return code;
	if (chip < 0 || (size_t)chip >= network->catalogue.model_count)
		return err_set(&network->err, -ENOENT, "there is no chip model %lld", (long long)chip);
	*ret = &network->catalogue.models[chip];
	return 0;
}

/* --- chips --- */

int64_t weir_network_add_chip(struct weir_network *network, const char *name, int domestic, int review, int64_t memory_mib, int64_t power_w)
{
	struct err *err = &network->err;
	struct chip_model *model;
	int code = check_open(network);

	code = code < 0 ? code : lib_check_name(err, "the chip model", name);
	code = code < 0 ? code : lib_check_range(err, "domestic", domestic, 0, 1);
	code = code < 0 ? code : lib_check_range(err, "the review", review, 0, REVIEW_COUNT - 1);
	code = code < 0 ? code : lib_check_range(err, "the memory", memory_mib, 0, LIB_MEMORY_MIB_MAX);
	code = code < 0 ? code : lib_check_range(err, "the power", power_w, 0, 1000000);
	if (code < 0)
		return code;
	if (catalogue_find(&network->catalogue, name))
		return err_set(err, -EEXIST, "there is a chip model %s already", name);
	if (network->catalogue.model_count == CATALOGUE_MODELS_MAX)
		return err_set(err, -ENOSPC, "there are %d chip models already, as many as may be", CATALOGUE_MODELS_MAX);
	ARRAY_RESERVE(network->catalogue.models, network->model_capacity, network->catalogue.model_count + 1);
	model = &network->catalogue.models[network->catalogue.model_count];
	*model = (struct chip_model){ .name = arena_strdup(&network->arena, name), .vendor = "", .memory_mib = memory_mib, .power_w = power_w,
				      .origin = domestic ? ORIGIN_DOMESTIC : ORIGIN_FOREIGN,
				      .review = { .state = (enum review)review, .by = "", .since = "" } };
	model->title = model->name;
	return (int64_t)network->catalogue.model_count++;
}

int weir_network_chip_throughput(struct weir_network *network, int64_t chip, int format, int64_t gops)
{
	struct chip_model *model = NULL;
	int code = find_chip(network, chip, &model);

	code = code < 0 ? code : lib_check_range(&network->err, "the number format", format, 0, FORMAT_COUNT - 1);
	code = code < 0 ? code : lib_check_range(&network->err, "the throughput", gops, 0, LIB_GOPS_MAX);
	if (code < 0)
		return code;
	for (size_t i = 0; i < model->throughput_count; i++)
		if (model->throughputs[i].format == (enum number_format)format) {
			model->throughputs[i].gops = gops;
			return 0;
		}
	model->throughputs = mem_resize(model->throughputs, model->throughput_count + 1, sizeof(*model->throughputs));
	model->throughputs[model->throughput_count++] = (struct throughput){ (enum number_format)format, gops };
	return 0;
}

int weir_network_chip_software(struct weir_network *network, int64_t chip, const char *name)
{
	struct chip_model *model = NULL;
	int code = find_chip(network, chip, &model);

	code = code < 0 ? code : lib_check_name(&network->err, "the software", name);
	if (code < 0)
		return code;
	if (model->software_count == DEMAND_LIST_MAX)
		return err_set(&network->err, -ENOSPC, "%s has %d kinds of software already, as many as may be", model->name, DEMAND_LIST_MAX);
	model->software = mem_resize(model->software, model->software_count + 1, sizeof(*model->software));
	model->software[model->software_count++] = arena_strdup(&network->arena, name);
	return 0;
}

/* --- sites --- */

int64_t weir_network_add_site(struct weir_network *network, const char *name, int tier, const char *region)
{
	struct err *err = &network->err;
	int code = check_open(network);

	code = code < 0 ? code : lib_check_name(err, "the site", name);
	code = code < 0 ? code : lib_check_name(err, "the region", region);
	code = code < 0 ? code : lib_check_range(err, "the tier", tier, 0, TIER_COUNT - 1);
	if (code < 0)
		return code;
	if (network->spec.site_count == NETWORK_SITES_MAX)
		return err_set(err, -ENOSPC, "there are %d sites already, as many as may be", NETWORK_SITES_MAX);
	ARRAY_RESERVE(network->spec.sites, network->site_capacity, network->spec.site_count + 1);
	name = arena_strdup(&network->arena, name);
	network->spec.sites[network->spec.site_count] =
		(struct site_spec){ .name = name, .title = name, .operator_name = "", .tier = (enum tier)tier,
				    .region = arena_strdup(&network->arena, region), .engine = ENGINE_LOCAL,
				    .energy = { .overhead_permille = 1000 } };
	return (int64_t)network->spec.site_count++;
}

int weir_network_site_location(struct weir_network *network, int64_t site, int64_t latitude_udeg, int64_t longitude_udeg)
{
	struct site_spec *spec = NULL;
	int code = find_site(network, site, &spec);

	code = code < 0 ? code : lib_check_range(&network->err, "the latitude", latitude_udeg, -90000000, 90000000);
	code = code < 0 ? code : lib_check_range(&network->err, "the longitude", longitude_udeg, -180000000, 180000000);
	if (code < 0)
		return code;
	spec->latitude_udeg = latitude_udeg;
	spec->longitude_udeg = longitude_udeg;
	return 0;
}

int weir_network_site_price(struct weir_network *network, int64_t site, int64_t core_hour_micro, int64_t gib_hour_micro,
			    int64_t chip_hour_micro)
{
	struct site_spec *spec = NULL;
	int code = find_site(network, site, &spec);

	code = code < 0 ? code : lib_check_range(&network->err, "the price of a core", core_hour_micro, 0, LIB_MONEY_MICRO_MAX);
	code = code < 0 ? code : lib_check_range(&network->err, "the price of a GiB", gib_hour_micro, 0, LIB_MONEY_MICRO_MAX);
	code = code < 0 ? code : lib_check_range(&network->err, "the price of a chip", chip_hour_micro, 0, LIB_MONEY_MICRO_MAX);
	if (code == 0)
		spec->price = (struct price){ core_hour_micro, gib_hour_micro, chip_hour_micro };
	return code;
}

int weir_network_site_energy(struct weir_network *network, int64_t site, int64_t price_micro_per_kwh, int64_t carbon_g_per_kwh,
			     int64_t overhead_permille)
{
	struct site_spec *spec = NULL;
	int code = find_site(network, site, &spec);

	code = code < 0 ? code : lib_check_range(&network->err, "the price of energy", price_micro_per_kwh, 0, LIB_MONEY_MICRO_MAX);
	code = code < 0 ? code : lib_check_range(&network->err, "the carbon", carbon_g_per_kwh, 0, 100000);
	code = code < 0 ? code : lib_check_range(&network->err, "the overhead", overhead_permille, 1000, 100000);
	if (code == 0)
		spec->energy = (struct energy){ price_micro_per_kwh, carbon_g_per_kwh, overhead_permille };
	return code;
}

/* --- nodes --- */

int64_t weir_network_add_nodes(struct weir_network *network, int64_t site, const char *name, int64_t count, int64_t cpu_milli,
			       int64_t memory_mib)
{
	struct err *err = &network->err;
	struct site_spec *spec = NULL;
	int code = find_site(network, site, &spec);

	code = code < 0 ? code : lib_check_name(err, "the group of nodes", name);
	code = code < 0 ? code : lib_check_range(err, "the number of nodes", count, 1, GROUP_NODES_MAX);
	code = code < 0 ? code : lib_check_range(err, "the cpu of a node", cpu_milli, 1, LIB_CPU_MILLI_MAX);
	code = code < 0 ? code : lib_check_range(err, "the memory of a node", memory_mib, 1, LIB_MEMORY_MIB_MAX);
	if (code < 0)
		return code;
	if (spec->group_count == SITE_GROUPS_MAX)
		return err_set(err, -ENOSPC, "%s has %d groups already, as many as may be", spec->name, SITE_GROUPS_MAX);
	spec->groups = mem_resize(spec->groups, spec->group_count + 1, sizeof(*spec->groups));
	spec->groups[spec->group_count] = (struct node_group){ .name = arena_strdup(&network->arena, name), .count = count,
							       .cpu_milli = cpu_milli, .memory_mib = memory_mib };
	return (int64_t)spec->group_count++;
}

int weir_network_nodes_chips(struct weir_network *network, int64_t site, int64_t group, const char *model, int64_t count)
{
	struct node_group *nodes = NULL;
	int code = find_group(network, site, group, &nodes);

	code = code < 0 ? code : lib_check_name(&network->err, "the chip model", model);
	code = code < 0 ? code : lib_check_range(&network->err, "the number of chips", count, 1, NODE_CHIPS_MAX);
	if (code < 0)
		return code;
	if (node_group_chips(nodes) + count > NODE_CHIPS_MAX)
		return err_set(&network->err, -ENOSPC, "a node would have more than %d chips", NODE_CHIPS_MAX);
	nodes->chips = mem_resize(nodes->chips, nodes->chip_count + 1, sizeof(*nodes->chips));
	nodes->chips[nodes->chip_count++] = (struct chip_count){ arena_strdup(&network->arena, model), count };
	return 0;
}

int weir_network_nodes_resource(struct weir_network *network, int64_t site, int64_t group, const char *name, int64_t count)
{
	struct node_group *nodes = NULL;
	int code = find_group(network, site, group, &nodes);

	code = code < 0 ? code : lib_check_name(&network->err, "the resource", name);
	code = code < 0 ? code : lib_check_range(&network->err, "the number of it", count, 1, COUNTABLE_MAX);
	if (code < 0)
		return code;
	for (size_t r = 0; r < nodes->resource_count; r++)
		if (strcmp(nodes->resources[r].name, name) == 0)
			return err_set(&network->err, -EEXIST, "the nodes have %s already", name);
	if (nodes->resource_count == RESOURCES_MAX)
		return err_set(&network->err, -ENOSPC, "the nodes have %d further resources already, as many as may be", RESOURCES_MAX);
	nodes->resources = mem_resize(nodes->resources, nodes->resource_count + 1, sizeof(*nodes->resources));
	nodes->resources[nodes->resource_count++] = (struct countable){ arena_strdup(&network->arena, name), count };
	return 0;
}

/* --- links --- */

int weir_network_add_link(struct weir_network *network, int64_t site_a, int64_t site_b, int64_t rtt_us, int64_t bandwidth_mbit,
			  int64_t price_micro_per_gib)
{
	struct err *err = &network->err;
	struct site_spec *from = NULL, *to = NULL;
	int code = find_site(network, site_a, &from);

	code = code < 0 ? code : find_site(network, site_b, &to);
	code = code < 0 ? code : lib_check_range(err, "the round-trip time", rtt_us, 0, LIB_RTT_US_MAX);
	code = code < 0 ? code : lib_check_range(err, "the bandwidth", bandwidth_mbit, 0, INT64_C(1000000000000));
	code = code < 0 ? code : lib_check_range(err, "the price of a GiB", price_micro_per_gib, 0, LIB_MONEY_MICRO_MAX);
	if (code < 0)
		return code;
	if (network->spec.link_count == NETWORK_LINKS_MAX)
		return err_set(err, -ENOSPC, "there are %d links already, as many as may be", NETWORK_LINKS_MAX);
	ARRAY_RESERVE(network->spec.links, network->link_capacity, network->spec.link_count + 1);
	network->spec.links[network->spec.link_count++] =
		(struct link_spec){ from->name, to->name, rtt_us, bandwidth_mbit, price_micro_per_gib };
	return 0;
}

int weir_network_link_rule(struct weir_network *network, int64_t base_us, int64_t us_per_km_milli, int64_t detour_permille)
{
	int code = check_open(network);

	code = code < 0 ? code : lib_check_range(&network->err, "the base", base_us, 0, LIB_RTT_US_MAX);
	code = code < 0 ? code : lib_check_range(&network->err, "the time a kilometre", us_per_km_milli, 0, 1000000000);
	code = code < 0 ? code : lib_check_range(&network->err, "the detour", detour_permille, 1000, 100000);
	if (code == 0)
		network->spec.link_rule = (struct link_rule){ base_us, us_per_km_milli, detour_permille };
	return code;
}
