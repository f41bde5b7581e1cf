#include "random_input.h"

#include "base/mem.h"

static const char *const region_names[] = { "north", "east", "south", "west" };
static const char *const model_names[] = { "alpha", "beta", "gamma", "delta", "unlisted" };
static const char *const software_names[] = { "stack-a", "stack-b" };

static unsigned below(struct random_input *input, unsigned bound)
{
	return (unsigned)rng_below(&input->rng, bound);
}

static bool one_in(struct random_input *input, unsigned odds)
{
	return below(input, odds) == 0;
}

static void make_catalogue(struct random_input *input)
{
	input->catalogue.model_count = 4;
	input->catalogue.models = ARENA_ARRAY(&input->arena, struct chip_model, 4);
	for (unsigned m = 0; m < 4; m++) {
		struct chip_model *model = &input->catalogue.models[m];

		model->name = model->title = model_names[m];
		model->vendor = "maker";
		model->origin = one_in(input, 2) ? ORIGIN_DOMESTIC : ORIGIN_FOREIGN;
		model->memory_mib = (int64_t)below(input, 4) * 16384;
		model->throughputs = ARENA_NEW(&input->arena, struct throughput);
		model->throughputs[0] = (struct throughput){ FORMAT_FP16, 50000 * (int64_t)(1 + below(input, 4)) };
		model->throughput_count = below(input, 4) > 0;
		model->software = ARENA_ARRAY(&input->arena, const char *, 1);
		model->software[0] = software_names[below(input, 2)];
		model->software_count = below(input, 3) > 0;
		model->review.state = (enum review)below(input, REVIEW_COUNT);
	}
}

static void make_group(struct random_input *input, struct node_group *group, unsigned nodes_max, unsigned number)
{
	group->name = arena_printf(&input->arena, "g%u", number);
	group->count = 1 + below(input, nodes_max);
	group->cpu_milli = 1000 * (int64_t)(1 + below(input, 16));
	group->memory_mib = 1024 * (int64_t)(1 + below(input, 32));
	group->chip_count = below(input, 3);
	group->chips = ARENA_ARRAY(&input->arena, struct chip_count, 2);
	for (size_t i = 0; i < group->chip_count; i++)
		group->chips[i] = (struct chip_count){ model_names[below(input, 5)], 1 + below(input, 8) };
}

static void make_site(struct random_input *input, const struct random_limits *limits, unsigned number)
{
	struct site_spec *site = &input->network.sites[number];

	site->name = arena_printf(&input->arena, "site-%u", number);
	site->title = site->name;
	site->tier = (enum tier)below(input, TIER_COUNT);
	site->region = region_names[below(input, 4)];
	site->latitude_udeg = (int64_t)below(input, 30000000) + 20000000;
	site->longitude_udeg = (int64_t)below(input, 40000000) + 80000000;
	site->engine = below(input, 3) ? ENGINE_SIMULATED : ENGINE_LOCAL;
	site->price = (struct price){ below(input, 100000), below(input, 20000), below(input, 9000000) };
	site->group_count = 1 + below(input, 3);
	site->groups = ARENA_ARRAY(&input->arena, struct node_group, site->group_count);
	for (unsigned g = 0; g < site->group_count; g++)
		make_group(input, &site->groups[g], limits->nodes_max, g);
}

static void make_network(struct random_input *input, const struct random_limits *limits)
{
	struct network_spec *network = &input->network;

	network->link_rule = (struct link_rule){ 1000, 9800, 1500 };
	network->site_count = 1 + below(input, limits->sites_max);
	network->sites = ARENA_ARRAY(&input->arena, struct site_spec, network->site_count);
	for (unsigned s = 0; s < network->site_count; s++)
		make_site(input, limits, s);
	network->link_count = below(input, 3);
	network->links = ARENA_ARRAY(&input->arena, struct link_spec, 3);
	for (size_t l = 0; l < network->link_count; l++)
		network->links[l] = (struct link_spec){ .from = network->sites[below(input, (unsigned)network->site_count)].name,
							.to = network->sites[below(input, (unsigned)network->site_count)].name,
							.rtt_us = below(input, 30000) };
	input->topology = topology_new(network);
}

/* Takes a random part of what is free, in slots of one chip at most. */
static void use_some(struct random_input *input, struct supply *supply)
{
	for (unsigned i = below(input, 60); i > 0; i--) {
		struct slot slot = { .group = below(input, (unsigned)supply->group_count) };
		const struct supply_group *group = &supply->groups[slot.group];
		struct shape shape = { .cpu_milli = 250 * (int64_t)below(input, 12), .memory_mib = 256 * (int64_t)below(input, 12) };

		slot.node = below(input, group->node_count);
		if (group->chips_per_node > 0 && !one_in(input, 3)) {
			slot.chips = (uint64_t)1 << below(input, group->chips_per_node);
			slot.chip_milli = one_in(input, 3) ? 300 : CHIP_MILLI;
			shape.chips.milli = slot.chip_milli;
		}
		if (supply_fits(supply, &slot, &shape))
			supply_take(supply, &slot, &shape);
	}
}

static void make_views(struct random_input *input, const struct random_limits *limits)
{
	struct site_view *views = ARENA_ARRAY(&input->arena, struct site_view, input->network.site_count);

	input->supplies = ARENA_ARRAY(&input->arena, struct supply, input->network.site_count);
	for (size_t s = 0; s < input->network.site_count; s++) {
		const struct site_spec *spec = &input->network.sites[s];

		supply_init(&input->supplies[s], spec->groups, spec->group_count);
		if (limits->used)
			use_some(input, &input->supplies[s]);
		views[s] = (struct site_view){ .index = (uint32_t)s, .name = spec->name, .title = spec->title, .tier = spec->tier,
					       .region = spec->region, .engine = spec->engine, .condition = CONDITION_UP,
					       .seconds_since_seen = below(input, 100), .price = spec->price,
					       .supply = &input->supplies[s] };
		if (limits->all_up)
			continue;
		if (one_in(input, 5))
			views[s].condition = (enum site_condition)below(input, CONDITION_COUNT);
		views[s].draining = one_in(input, 8);
	}
	input->match.sites = views;
	input->match.site_count = input->network.site_count;
}

static void make_chips(struct random_input *input, struct chip_ask *chips)
{
	static const int64_t sizes[] = { 0, 0, 250, 300, 500, 810, 1000, 1000, 2000, 4000, 8000 };

	chips->milli = sizes[below(input, ARRAY_COUNT(sizes))];
	if (chips->milli == 0)
		return;
	chips->models = ARENA_ARRAY(&input->arena, const char *, 2);
	chips->model_count = one_in(input, 2) ? below(input, 3) : 0;
	for (size_t i = 0; i < chips->model_count; i++)
		chips->models[i] = model_names[below(input, 5)];
	if (one_in(input, 4))
		chips->needs.memory_mib = 16384;
	if (one_in(input, 6)) {
		chips->needs.throughputs = ARENA_NEW(&input->arena, struct throughput);
		chips->needs.throughputs[0] = (struct throughput){ FORMAT_FP16, 100000 };
		chips->needs.throughput_count = 1;
	}
	if (one_in(input, 6)) {
		chips->needs.software = ARENA_ARRAY(&input->arena, const char *, 1);
		chips->needs.software[0] = software_names[0];
		chips->needs.software_count = 1;
	}
}

static void make_where(struct random_input *input, struct where *where)
{
	if (one_in(input, 4)) {
		where->tiers = ARENA_ARRAY(&input->arena, enum tier, 1);
		where->tiers[0] = (enum tier)below(input, TIER_COUNT);
		where->tier_count = 1;
	}
	if (one_in(input, 5)) {
		where->regions = ARENA_ARRAY(&input->arena, const char *, 2);
		where->region_count = 2;
		where->regions[0] = region_names[below(input, 4)];
		where->regions[1] = region_names[below(input, 4)];
	}
	if (one_in(input, 8)) {
		where->sites = ARENA_ARRAY(&input->arena, const char *, 1);
		where->sites[0] = input->network.sites[below(input, (unsigned)input->network.site_count)].name;
		where->site_count = 1;
	}
	if (one_in(input, 5)) {
		where->near = ARENA_NEW(&input->arena, struct near);
		where->near->site = input->network.sites[below(input, (unsigned)input->network.site_count)].name;
		where->near->within_us = below(input, 60000);
		if (one_in(input, 2)) {
			where->near->site = "";
			where->near->has_coordinates = true;
			where->near->latitude_udeg = 35000000;
			where->near->longitude_udeg = 105000000;
		}
	}
}

static struct ask *make_ask(struct random_input *input)
{
	struct ask *ask = ARENA_NEW(&input->arena, struct ask);

	ask->kind = one_in(input, 4) ? DEMAND_SERVICE : DEMAND_JOB;
	ask->workers = one_in(input, 2) ? 1 : 1 + below(input, 12);
	ask->priority = 100 + 100 * (int64_t)below(input, 2);
	ask->simulated = !one_in(input, 4);
	ask->shape.cpu_milli = 250 * (int64_t)below(input, 17);
	ask->shape.memory_mib = 256 * (int64_t)below(input, 17);
	make_chips(input, &ask->shape.chips);
	make_where(input, &ask->where);
	ask->rules.domestic_only = one_in(input, 6);
	ask->rules.clearance = one_in(input, 6);
	if (one_in(input, 8)) {
		ask->rules.residency = ARENA_ARRAY(&input->arena, const char *, 1);
		ask->rules.residency[0] = region_names[below(input, 4)];
		ask->rules.residency_count = 1;
	}
	if (one_in(input, 8)) {
		ask->data = ARENA_NEW(&input->arena, struct data_reference);
		ask->data_count = 1;
		ask->data[0] = (struct data_reference){ .name = "corpus", .site = "", .residency = ARENA_ARRAY(&input->arena, const char *, 1),
							.residency_count = below(input, 2) };
		ask->data[0].residency[0] = region_names[below(input, 4)];
	}
	return ask;
}

void random_input_init(struct random_input *input, uint64_t seed, const struct random_limits *limits)
{
	struct once_class *classes;
	uint64_t demand = 1;

	*input = (struct random_input){ 0 };
	arena_init(&input->arena);
	rng_init(&input->rng, seed);
	make_catalogue(input);
	make_network(input, limits);
	make_views(input, limits);
	input->match.context = (struct rule_context){ &input->catalogue, input->topology };
	input->match.class_count = 1 + below(input, limits->classes_max);
	classes = ARENA_ARRAY(&input->arena, struct once_class, input->match.class_count);
	for (size_t c = 0; c < input->match.class_count; c++) {
		size_t count = 1 + below(input, limits->entries_max);
		struct match_entry *entries = ARENA_ARRAY(&input->arena, struct match_entry, count);

		classes[c].ask = make_ask(input);
		classes[c].entries = entries;
		classes[c].entry_count = count;
		/* Orders are unique and interleave the classes: oldest first within each. */
		for (size_t e = 0; e < count; e++)
			entries[e] = (struct match_entry){ .demand = demand++, .order = 1 + e * input->match.class_count + c };
	}
	input->match.classes = classes;
}

void random_input_done(struct random_input *input)
{
	for (size_t s = 0; s < input->network.site_count; s++)
		supply_done(&input->supplies[s]);
	topology_free(input->topology);
	arena_done(&input->arena);
}
