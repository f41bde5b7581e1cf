/* What comes from a log or an agent, held against the limits that the code relies on.
 *
 * Files and requests were checked when they were read; a record may come from a damaged or a foreign log,
 * and an agent may be wrong. Anything that would make arithmetic overflow, or memory run out, is refused here.
 */
#include <string.h>

#include "model/name.h"
#include "platform/state.h"


#define PRICE_MAX (INT64_C(1) << 50)
#define RTT_MAX INT64_C(1000000000000)

static bool within(int64_t value, int64_t least, int64_t most)
{
	return value >= least && value <= most;
}

static bool place_is_sound(int64_t latitude_udeg, int64_t longitude_udeg)
{
	return within(latitude_udeg, -90000000, 90000000) && within(longitude_udeg, -180000000, 180000000);
}

/* The lists that are capped by their files' schemas only. */
static int lists_check(const struct ask *ask, struct err *err)
{
	if (ask->shape.resource_count > RESOURCES_MAX || ask->where.caller_count > DEMAND_LIST_MAX)
		return err_set(err, -EINVAL, "more resources or callers than an ask may have");
	for (size_t i = 0; i < ask->shape.resource_count; i++)
		if (name_check(ask->shape.resources[i].name, NULL) < 0 || !within(ask->shape.resources[i].count, 0, INT32_MAX))
			return err_set(err, -EINVAL, "a resource without a proper name or count");
	for (size_t i = 0; i < ask->where.caller_count; i++) {
		const struct caller_place *caller = &ask->where.callers[i];

		if (!within(caller->weight, 1, INT32_MAX) ||
		    (caller->place.has_coordinates && !place_is_sound(caller->place.latitude_udeg, caller->place.longitude_udeg)))
			return err_set(err, -EINVAL, "a caller that cannot be");
	}
	if ((unsigned)ask->where.together >= TOGETHER_COUNT || (unsigned)ask->where.arrange >= ARRANGE_COUNT ||
	    !within(ask->price_max_micro, 0, PRICE_MAX))
		return err_set(err, -EINVAL, "a place or a price that cannot be");
	return 0;
}

int ask_check(const struct ask *ask, struct err *err)
{
	const struct near *near = ask->where.near;
	int64_t milli = ask->shape.chips.milli;

	if (!within(ask->workers, 1, DEMAND_WORKERS_MAX))
		return err_set(err, -EINVAL, "%lld workers, expected 1 to %d", (long long)ask->workers, DEMAND_WORKERS_MAX);
	if (!within(ask->priority, 0, PRIORITY_MAX))
		return err_set(err, -EINVAL, "priority %lld, expected 0 to %d", (long long)ask->priority, PRIORITY_MAX);
	if (!within(ask->shape.cpu_milli, 0, INT32_MAX) || !within(ask->shape.memory_mib, 0, INT32_MAX))
		return err_set(err, -EINVAL, "a shape beyond what any node has");
	if (!within(milli, 0, NODE_CHIPS_MAX * CHIP_MILLI) || (milli > CHIP_MILLI && milli % CHIP_MILLI))
		return err_set(err, -EINVAL, "%lld milli-chips, expected whole chips up to %d, or a share of one", (long long)milli,
			       NODE_CHIPS_MAX);
	if (near && near->has_coordinates && !place_is_sound(near->latitude_udeg, near->longitude_udeg))
		return err_set(err, -EINVAL, "a place that is not on the globe");
	for (size_t i = 0; i < ask->where.tier_count; i++)
		if (!within((int64_t)ask->where.tiers[i], 0, TIER_COUNT - 1))
			return err_set(err, -EINVAL, "an unknown tier");
	return lists_check(ask, err);
}

static int group_check(const struct node_group *group, struct err *err)
{
	int64_t chips = 0;

	if (name_check(group->name, NULL) < 0)
		return err_set(err, -EINVAL, "a group of nodes without a proper name");
	if (!within(group->count, 0, GROUP_NODES_MAX))
		return err_set(err, -EINVAL, "group %s has %lld nodes, expected at most %d", group->name, (long long)group->count,
			       GROUP_NODES_MAX);
	if (!within(group->cpu_milli, 0, INT32_MAX) || !within(group->memory_mib, 0, INT32_MAX))
		return err_set(err, -EINVAL, "group %s has nodes with more CPU or memory than can be counted", group->name);
	if (group->chip_count > NODE_CHIPS_MAX)
		return err_set(err, -EINVAL, "group %s has too many chip models", group->name);
	if (group->resource_count > RESOURCES_MAX)
		return err_set(err, -EINVAL, "group %s has %zu further resources, expected at most %d", group->name, group->resource_count,
			       RESOURCES_MAX);
	for (size_t i = 0; i < group->resource_count; i++) {
		const struct countable *resource = &group->resources[i];

		if (!within(resource->count, 0, COUNTABLE_MAX) || name_check(resource->name, NULL) < 0)
			return err_set(err, -EINVAL, "group %s has a further resource without a proper name or count", group->name);
		for (size_t k = 0; k < i; k++)
			if (strcmp(resource->name, group->resources[k].name) == 0)
				return err_set(err, -EINVAL, "group %s counts %s twice", group->name, resource->name);
	}
	for (size_t i = 0; i < group->chip_count; i++) {
		if (!within(group->chips[i].count, 0, NODE_CHIPS_MAX) || name_check(group->chips[i].model, NULL) < 0)
			return err_set(err, -EINVAL, "group %s has chips without a proper model or count", group->name);
		chips += group->chips[i].count;
	}
	if (group->resource_count > RESOURCES_MAX)
		return err_set(err, -EINVAL, "group %s has %zu further resources, expected at most %d", group->name, group->resource_count,
			       RESOURCES_MAX);
	for (size_t i = 0; i < group->resource_count; i++)
		if (!within(group->resources[i].count, 0, INT32_MAX) || name_check(group->resources[i].name, NULL) < 0)
			return err_set(err, -EINVAL, "group %s has a resource without a proper name or count", group->name);
	if (chips > NODE_CHIPS_MAX)
		return err_set(err, -EINVAL, "group %s has %lld chips a node, expected at most %d", group->name, (long long)chips,
			       NODE_CHIPS_MAX);
	return 0;
}

int groups_check(const struct node_group *groups, size_t count, struct err *err)
{
	int64_t nodes = 0, chips = 0;

	if (count > SITE_GROUPS_MAX)
		return err_set(err, -EINVAL, "%zu groups of nodes, expected at most %d", count, SITE_GROUPS_MAX);
	for (size_t i = 0; i < count; i++) {
		int code = group_check(&groups[i], err);

		if (code < 0)
			return code;
		nodes += groups[i].count;
		chips += groups[i].count * node_group_chips(&groups[i]);
		for (size_t k = 0; k < i; k++)
			if (strcmp(groups[i].name, groups[k].name) == 0)
				return err_set(err, -EINVAL, "two groups of nodes are named %s", groups[i].name);
	}
	if (nodes > SITE_NODES_MAX || chips > SITE_CHIPS_MAX)
		return err_set(err, -EINVAL, "%lld nodes with %lld chips, expected at most %d and %d at a site", (long long)nodes,
			       (long long)chips, SITE_NODES_MAX, SITE_CHIPS_MAX);
	return 0;
}

static bool text_is(const void *item, const void *key)
{
	return strcmp(item, key) == 0;
}

/* Adds the name; false when it is there already or is none. */
static bool add_name(struct table *names, const char *name)
{
	uint64_t hash = hash_text(name);

	if (name_check(name, NULL) < 0 || table_find(names, hash, text_is, name))
		return false;
	table_add(names, hash, (void *)name);
	return true;
}

static bool site_is_sound(const struct site_spec *site)
{
	return place_is_sound(site->latitude_udeg, site->longitude_udeg) && within(site->price.core_hour_micro, 0, PRICE_MAX) &&
	       within(site->price.gib_hour_micro, 0, PRICE_MAX) && within(site->price.chip_hour_micro, 0, PRICE_MAX) &&
	       groups_check(site->groups, site->group_count, NULL) == 0;
}

static int sites_check(const struct network_spec *network, struct table *regions, struct table *sites, struct err *err)
{
	for (size_t i = 0; i < network->region_count; i++)
		if (!add_name(regions, network->regions[i].name))
			return err_set(err, -EINVAL, "region \"%s\" has no proper name, or has it twice", network->regions[i].name);
	for (size_t i = 0; i < network->site_count; i++) {
		const struct site_spec *site = &network->sites[i];

		if (!add_name(sites, site->name))
			return err_set(err, -EINVAL, "site \"%s\" has no proper name, or has it twice", site->name);
		if (!table_find(regions, hash_text(site->region), text_is, site->region))
			return err_set(err, -EINVAL, "site %s lies in the unknown region \"%s\"", site->name, site->region);
		if (!site_is_sound(site))
			return err_set(err, -EINVAL, "site %s has a place, price or group of nodes that cannot be", site->name);
	}
	for (size_t i = 0; i < network->link_count; i++)
		if (!within(network->links[i].rtt_us, 0, RTT_MAX))
			return err_set(err, -EINVAL, "the link from %s to %s has a round-trip time that cannot be", network->links[i].from,
				       network->links[i].to);
	return 0;
}

int network_check(const struct network_spec *network, struct err *err)
{
	const struct link_rule *rule = &network->link_rule;
	struct table regions = { 0 }, sites = { 0 };
	int code;

	if (network->region_count > NETWORK_REGIONS_MAX || network->site_count > NETWORK_SITES_MAX ||
	    network->link_count > NETWORK_LINKS_MAX)
		return err_set(err, -EINVAL, "more regions, sites or links than a network may have");
	if (!within(rule->base_us, 0, RTT_MAX) || !within(rule->us_per_km_milli, 0, 1000000) || !within(rule->detour_permille, 0, 1000000))
		return err_set(err, -EINVAL, "a rule for links that cannot be");
	code = sites_check(network, &regions, &sites, err);
	table_done(&regions);
	table_done(&sites);
	return code;
}

static bool amounts_are_sound(const struct amounts *amounts)
{
	return !amounts || (within(amounts->cpu_milli, 0, AMOUNT_MAX) && within(amounts->memory_mib, 0, AMOUNT_MAX) &&
			    within(amounts->chip_milli, 0, AMOUNT_MAX));
}

static bool weights_are_sound(const struct score_weights *weights)
{
	const int64_t permilles[] = { weights->latency_permille_per_ms, weights->wait_permille, weights->data_permille,
				      weights->energy_permille, weights->fragmentation_permille };
	bool sound = within(weights->carbon_micro_per_kg, 0, PRICE_MAX);

	for (size_t i = 0; i < ARRAY_COUNT(permilles); i++)
		sound = sound && within(permilles[i], 0, POLICY_PERMILLE_MAX);
	for (int kind = 0; kind < DEMAND_KIND_COUNT; kind++)
		for (int tier = 0; tier < TIER_COUNT; tier++)
			sound = sound && within(weights->tier_permille[kind][tier], 0, POLICY_PERMILLE_MAX);
	return sound;
}

int policy_check(const struct policy_spec *policy, struct err *err)
{
	if (policy->tenant_count > POLICY_TENANTS_MAX)
		return err_set(err, -EINVAL, "%zu tenants, expected at most %d", policy->tenant_count, POLICY_TENANTS_MAX);
	for (size_t i = 0; i < policy->tenant_count; i++) {
		const struct tenant_spec *tenant = &policy->tenants[i];

		if (name_check(tenant->name, NULL) < 0 || (*tenant->parent && name_check(tenant->parent, NULL) < 0) ||
		    !within(tenant->weight, 1, POLICY_WEIGHT_MAX) || !amounts_are_sound(tenant->quota) || !amounts_are_sound(tenant->limit))
			return err_set(err, -EINVAL, "a tenant with a name, weight, quota or limit that cannot be");
	}
	if (!weights_are_sound(&policy->weights) || !within(policy->half_life_us, 1, INT64_C(1) << 60) ||
	    !within(policy->reservations, 0, POLICY_RESERVATIONS_MAX) || !within(policy->backfill_depth, 0, POLICY_BACKFILL_MAX) ||
	    (unsigned)policy->nodes >= NODE_POLICY_COUNT)
		return err_set(err, -EINVAL, "a policy with a number that cannot be");
	return 0;
}

bool slots_take(struct supply *supply, const struct slot *slots, size_t count, const struct shape *shape)
{
	for (size_t i = 0; i < count; i++) {
		if (!supply_fits(supply, &slots[i], shape)) {
			while (i-- > 0)
				supply_give(supply, &slots[i], shape);
			return false;
		}
		supply_take(supply, &slots[i], shape);
	}
	return true;
}

/* The group of the same name whose nodes have the same chips in the same places; SITE_NONE when there is none. */
static uint32_t same_group(const struct supply_group *group, const struct supply *in)
{
	for (uint32_t g = 0; g < in->group_count; g++) {
		const struct supply_group *other = &in->groups[g];
		bool same = strcmp(group->name, other->name) == 0 && group->chips_per_node <= other->chips_per_node;

		for (uint32_t c = 0; same && c < group->chips_per_node; c++)
			same = strcmp(group->chip_names[c], other->chip_names[c]) == 0;
		if (same)
			return g;
	}
	return SITE_NONE;
}

bool slots_remap(const struct supply *from, const struct supply *to, const struct slot *slots, size_t count, struct slot *ret)
{
	uint32_t last = SITE_NONE, mapped = SITE_NONE;

	for (size_t i = 0; i < count; i++) {
		if (slots[i].group != last) {
			last = slots[i].group;
			mapped = same_group(&from->groups[last], to);
		}
		if (mapped == SITE_NONE || slots[i].node >= to->groups[mapped].node_count)
			return false;
		ret[i] = slots[i];
		ret[i].group = mapped;
	}
	return true;
}
