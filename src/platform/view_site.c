#include <string.h>

#include "platform/state.h"

static struct chip_use *chip_use_get(struct site_status *status, const char *model)
{
	for (size_t i = 0; i < status->chip_use_count; i++)
		if (strcmp(status->chip_uses[i].model, model) == 0)
			return &status->chip_uses[i];
	status->chip_uses[status->chip_use_count].model = model;
	return &status->chip_uses[status->chip_use_count++];
}

static bool has_one_model(const struct supply_group *group)
{
	for (uint32_t c = 1; c < group->chips_per_node; c++)
		if (strcmp(group->chip_names[c], group->chip_names[0]) != 0)
			return false;
	return group->chips_per_node > 0;
}

static void add_group(struct site_status *status, const struct supply_group *group)
{
	status->nodes += group->node_count;
	status->cpu_milli += group->cpu_milli * group->node_count;
	status->cpu_free_milli += group->cpu_free_total;
	status->memory_mib += group->memory_mib * group->node_count;
	status->memory_free_mib += group->memory_free_total;
	status->chips += (int64_t)group->chips_per_node * group->node_count;
	status->chips_free += group->chips_free_total;
	if (has_one_model(group)) { /* nearly always: the total says it */
		struct chip_use *use = chip_use_get(status, group->chip_names[0]);

		use->count += (int64_t)group->chips_per_node * group->node_count;
		use->free += group->chips_free_total;
		return;
	}
	for (uint32_t c = 0; c < group->chips_per_node; c++) {
		struct chip_use *use = chip_use_get(status, group->chip_names[c]);

		use->count += group->node_count;
		for (uint32_t n = 0; n < group->node_count; n++)
			use->free += group->chip_free[(size_t)n * group->chips_per_node + c] == CHIP_MILLI;
	}
}

/* What the network's file says, before an agent spoke: nothing of it is free. */
static void add_declared(struct site_status *status, const struct node_group *group)
{
	status->nodes += group->count;
	status->cpu_milli += group->cpu_milli * group->count;
	status->memory_mib += group->memory_mib * group->count;
	status->chips += node_group_chips(group) * group->count;
	for (size_t c = 0; c < group->chip_count; c++)
		chip_use_get(status, group->chips[c].model)->count += group->chips[c].count * group->count;
}

static size_t models_most(const struct site *site)
{
	size_t count = 1;

	for (size_t g = 0; g < site->supply.group_count; g++)
		count += site->supply.groups[g].chips_per_node;
	for (size_t g = 0; g < site->spec->group_count; g++)
		count += site->spec->groups[g].chip_count;
	return count;
}

void site_fill(const struct site *site, int64_t now_us, bool full, struct arena *arena, struct site_status *ret)
{
	const struct site_spec *spec = site->spec;

	*ret = (struct site_status){
		.name = site->name, .title = spec->title, .tier = spec->tier, .region = spec->region, .operator_name = spec->operator_name,
		.latitude_udeg = spec->latitude_udeg, .longitude_udeg = spec->longitude_udeg, .engine = spec->engine,
		.condition = site->condition, .condition_since_us = site->condition_since_us, .draining = site->draining,
		.drain_reason = site->drain_reason ? site->drain_reason : "",
		.seconds_since_seen = site->seen_us > 0 ? (now_us - site->seen_us) / 1000000 : -1, .agent = site->agent ? site->agent : "",
		.placements = (int64_t)site->attempt_count, .notes = (const char **)site->notes, .note_count = site->note_count,
		.price = spec->price,
	};
	if (ret->seconds_since_seen < -1)
		ret->seconds_since_seen = 0;
	ret->chip_uses = ARENA_ARRAY(arena, struct chip_use, models_most(site));
	for (size_t g = 0; g < site->supply.group_count; g++)
		add_group(ret, &site->supply.groups[g]);
	for (size_t g = 0; !site->has_supply && g < spec->group_count; g++)
		add_declared(ret, &spec->groups[g]);
	if (!full)
		return;
	ret->groups = site->has_supply ? supply_groups(&site->supply, arena) : spec->groups;
	ret->group_count = site->has_supply ? site->supply.group_count : spec->group_count;
}

int view_site(const struct platform *platform, int64_t now_us, const char *name, bool full, struct arena *arena, struct site_status *ret)
{
	const struct site *site = site_find(platform, name);

	if (!site)
		return -ENOENT;
	site_fill(site, now_us, full, arena, ret);
	return 0;
}

static bool site_matches(const struct site *site, const struct site_filter *filter)
{
	const struct site_spec *spec = site->spec;

	return (filter->tier < 0 || (int)spec->tier == filter->tier) &&
	       (filter->condition < 0 || (int)site->condition == filter->condition) &&
	       (filter->engine < 0 || (int)spec->engine == filter->engine) &&
	       (filter->draining < 0 || site->draining == (filter->draining > 0)) &&
	       (!filter->region || strcmp(spec->region, filter->region) == 0) &&
	       (!filter->name_contains || strstr(site->name, filter->name_contains));
}

size_t view_sites(const struct platform *platform, int64_t now_us, const struct site_filter *filter, const char *after, size_t limit,
		  struct arena *arena, struct site_status **ret, bool *ret_more)
{
	size_t low = 0, high = platform->site_count, count = 0;

	while (after && *after && low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(platform->sorted_sites[middle]->name, after) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret = ARENA_ARRAY(arena, struct site_status, limit + 1);
	*ret_more = false;
	for (size_t i = low; i < platform->site_count; i++) {
		if (!site_matches(platform->sorted_sites[i], filter))
			continue;
		if (count == limit) {
			*ret_more = true;
			break;
		}
		site_fill(platform->sorted_sites[i], now_us, false, arena, &(*ret)[count++]);
	}
	return count;
}

size_t view_links(const struct platform *platform, size_t offset, size_t limit, struct arena *arena, struct link_view **ret, bool *ret_more)
{
	size_t all = platform->network.link_count;
	size_t count = offset >= all ? 0 : all - offset < limit ? all - offset : limit;

	*ret = ARENA_ARRAY(arena, struct link_view, count + 1);
	*ret_more = offset + count < all;
	for (size_t i = 0; i < count; i++) {
		const struct link_spec *link = &platform->network.links[offset + i];

		(*ret)[i] = (struct link_view){ link->from, link->to, link->rtt_us, link->bandwidth_mbit, link->price_micro_per_gib };
	}
	return count;
}

size_t view_regions(const struct platform *platform, const struct region **ret)
{
	*ret = platform->network.regions;
	return platform->network.region_count;
}

const struct catalogue *view_catalogue(const struct platform *platform)
{
	return &platform->catalogue;
}

size_t view_tokens(const struct platform *platform, struct arena *arena, struct token_view **ret)
{
	*ret = ARENA_ARRAY(arena, struct token_view, platform->token_count + 1);
	for (size_t i = 0; i < platform->token_count; i++)
		(*ret)[i] = *platform->tokens[i];
	return platform->token_count;
}
