#include "random_input.h"

#include "base/mem.h"

static const char *const region_names[] = { "north", "east", "south", "west" };
static const char *const model_names[] = { "alpha", "beta", "gamma", "delta", "unlisted" };
static const char *const resource_names[] = { "rdma", "nvme", "licence" };
static const char *const tenant_names[] = { "one", "two", "three", "four" };
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

/* What else a site may have. */
static void widen_site(struct random_input *input, struct site_spec *site)
{
	if (one_in(input, 2))
		site->energy = (struct energy){ below(input, 900000), one_in(input, 2) ? below(input, 900) : 0,
						one_in(input, 2) ? 1000 + below(input, 800) : 0 };
	for (size_t g = 0; g < site->group_count; g++) {
		struct node_group *group = &site->groups[g];

		group->resource_count = below(input, 3);
		group->resources = ARENA_ARRAY(&input->arena, struct countable, 2);
		for (size_t i = 0; i < group->resource_count; i++)
			group->resources[i] = (struct countable){ resource_names[i == 0 ? below(input, 2) : 2], 1 + below(input, 6) };
	}
}

static void make_network(struct random_input *input, const struct random_limits *limits)
{
	struct network_spec *network = &input->network;

	network->link_rule = (struct link_rule){ 1000, 9800, 1500 };
	network->site_count = 1 + below(input, limits->sites_max);
	network->sites = ARENA_ARRAY(&input->arena, struct site_spec, network->site_count);
	for (unsigned s = 0; s < network->site_count; s++)
		make_site(input, limits, s);
	for (unsigned s = 0; limits->wide && s < network->site_count; s++)
		widen_site(input, &network->sites[s]);
	network->link_count = below(input, 3);
	network->links = ARENA_ARRAY(&input->arena, struct link_spec, 3);
	for (size_t l = 0; l < network->link_count; l++)
		network->links[l] = (struct link_spec){ .from = network->sites[below(input, (unsigned)network->site_count)].name,
							.to = network->sites[below(input, (unsigned)network->site_count)].name,
							.rtt_us = below(input, 30000) };
	for (size_t l = 0; limits->wide && l < network->link_count; l++) {
		network->links[l].bandwidth_mbit = below(input, 100000);
		network->links[l].price_micro_per_gib = below(input, 20000);
	}
	input->topology = topology_new(network);
}

/* Takes a random part of what is free, in slots of one chip at most. */
static void use_some(struct random_input *input, struct supply *supply, bool wide)
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
		if (wide && group->resource_count > 0) {
			shape.resources = ARENA_NEW(&input->arena, struct countable);
			shape.resources[0] = (struct countable){ group->resource_names[0], below(input, 3) };
			shape.resource_count = 1;
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
			use_some(input, &input->supplies[s], limits->wide);
		views[s] = (struct site_view){ .index = (uint32_t)s, .name = spec->name, .title = spec->title, .tier = spec->tier,
					       .region = spec->region, .engine = spec->engine, .condition = CONDITION_UP,
					       .seconds_since_seen = below(input, 100), .price = spec->price,
					       .energy = spec->energy, .supply = &input->supplies[s] };
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

static void make_callers(struct random_input *input, struct where *where)
{
	where->near = NULL;
	where->caller_count = 1 + below(input, 4);
	where->callers = ARENA_ARRAY(&input->arena, struct caller_place, where->caller_count);
	for (size_t c = 0; c < where->caller_count; c++)
		where->callers[c] = (struct caller_place){ .weight = 1 + below(input, one_in(input, 2) ? 2 : 100),
							   .place = { .site = input->network.sites[below(input, (unsigned)input->network.site_count)].name,
								      .within_us = below(input, 80000) } };
}

static void widen_ask(struct random_input *input, struct ask *ask)
{
	struct shape *shape = &ask->shape;

	if (!one_in(input, 3)) { /* most are not choosy, or little would be placed */
		ask->where = (struct where){ 0 };
		ask->rules = (struct rules){ 0 };
		shape->chips.needs = (struct chip_needs){ 0 };
		shape->chips.model_count = 0;
		ask->simulated = true;
	}
	if (one_in(input, 3)) {
		shape->resource_count = 1 + one_in(input, 4);
		shape->resources = ARENA_ARRAY(&input->arena, struct countable, 2);
		shape->resources[0] = (struct countable){ resource_names[below(input, 2)], 1 + below(input, 3) };
		shape->resources[1] = (struct countable){ resource_names[2], 1 };
	}
	if (one_in(input, 3))
		ask->price_max_micro = 1 + below(input, 30000000);
	ask->preemptible = one_in(input, 2);
	if (ask->kind == DEMAND_SERVICE && one_in(input, 2)) {
		make_callers(input, &ask->where);
	} else if (ask->kind == DEMAND_JOB) {
		ask->where.together = (enum together)below(input, TOGETHER_COUNT);
		ask->where.arrange = (enum arrange)below(input, ARRANGE_COUNT);
	}
	for (size_t i = 0; i < ask->data_count && one_in(input, 2); i++) {
		ask->data[i].site = input->network.sites[below(input, (unsigned)input->network.site_count)].name;
		ask->data[i].size_mib = below(input, 1 << 22);
	}
}

struct ask *random_ask(struct random_input *input, bool wide)
{
	struct ask *ask = make_ask(input);

	if (wide)
		widen_ask(input, ask);
	return ask;
}

static struct amounts make_amounts(struct random_input *input, unsigned most)
{
	return (struct amounts){ one_in(input, 3) ? 0 : 1000 * (int64_t)(1 + below(input, 4 * most)),
				 one_in(input, 3) ? 0 : 1024 * (int64_t)(1 + below(input, 8 * most)),
				 one_in(input, 3) ? 0 : 500 * (int64_t)(1 + below(input, 2 * most)) };
}

/* Two levels below the root at the most: "group" holds the first two tenants. */
static void make_policy(struct random_input *input)
{
	struct policy_spec *policy = ARENA_NEW(&input->arena, struct policy_spec);
	bool quotas = one_in(input, 2);

	policy_defaults(policy);
	policy->weights.carbon_micro_per_kg = below(input, 2) * 100000;
	policy->tenant_count = 5;
	policy->tenants = ARENA_ARRAY(&input->arena, struct tenant_spec, policy->tenant_count);
	for (unsigned t = 0; t < policy->tenant_count; t++) {
		struct tenant_spec *tenant = &policy->tenants[t];

		*tenant = (struct tenant_spec){ .name = t == 0 ? "group" : tenant_names[t - 1], .parent = t == 1 || t == 2 ? "group" : "",
						.weight = 1 + below(input, 5) };
		if (quotas && one_in(input, 2)) {
			tenant->quota = ARENA_NEW(&input->arena, struct amounts);
			*tenant->quota = make_amounts(input, 8);
		}
		if (one_in(input, 3)) {
			tenant->limit = ARENA_NEW(&input->arena, struct amounts);
			*tenant->limit = make_amounts(input, 16);
		}
	}
	input->match.policy = policy;
}

/* Each class has a tenant; its jobs a time limit, or one each, or a deadline; the replicas of a service their numbers. */
static void widen_class(struct random_input *input, struct once_class *class, struct match_entry *entries)
{
	int64_t hour_us = INT64_C(3600000000), time_us = 1 + (int64_t)below(input, 7200) * 1000000;
	bool dated = one_in(input, 4), timed = dated || one_in(input, 2);

	class->tenant = tenant_names[below(input, 4)];
	if (class->ask->kind == DEMAND_SERVICE) {
		for (size_t e = 0; e < class->entry_count; e++) {
			entries[e].demand = entries[e - e % (size_t)class->ask->workers].demand;
			entries[e].replica = (uint32_t)(e % (size_t)class->ask->workers);
		}
		return;
	}
	for (size_t e = 0; e < class->entry_count; e++) {
		entries[e].time_us = dated ? time_us : timed ? 1 + (int64_t)below(input, 7200) * 1000000 : 0;
		entries[e].deadline_us = dated ? input->match.now_us + time_us + (int64_t)(e + 1) * below(input, 4) * hour_us / 4 : 0;
		if (e > 0 && entries[e].deadline_us < entries[e - 1].deadline_us)
			entries[e].deadline_us = entries[e - 1].deadline_us;
	}
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
	if (limits->wide) {
		input->match.now_us = INT64_C(1700000000000000);
		make_policy(input);
	}
	for (size_t c = 0; c < input->match.class_count; c++) {
		size_t count = 1 + below(input, limits->entries_max);
		struct match_entry *entries = ARENA_ARRAY(&input->arena, struct match_entry, count);

		classes[c].ask = random_ask(input, limits->wide);
		classes[c].entries = entries;
		classes[c].entry_count = count;
		/* Orders are unique and interleave the classes: oldest first within each. */
		for (size_t e = 0; e < count; e++)
			entries[e] = (struct match_entry){ .demand = demand++, .order = 1 + e * input->match.class_count + c };
		if (limits->wide)
			widen_class(input, &classes[c], entries);
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
