#include "cli/trial.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

size_t demand_placements(const struct demand_spec *demand)
{
	return demand->ask.kind == DEMAND_SERVICE ? (size_t)demand->ask.workers : 1;
}

static void open_sites(struct trial *trial, struct arena *arena)
{
	size_t count = trial->network->site_count;
	struct site_view *views = ARENA_ARRAY(arena, struct site_view, count + 1);

	trial->supplies = mem_alloc((count + 1) * sizeof(*trial->supplies));
	for (size_t s = 0; s < count; s++) {
		const struct site_spec *spec = &trial->network->sites[s];

		supply_init(&trial->supplies[s], spec->groups, spec->group_count);
		views[s] = (struct site_view){ .index = (uint32_t)s, .name = spec->name, .title = spec->title, .tier = spec->tier,
					       .region = spec->region, .engine = spec->engine, .condition = CONDITION_UP,
					       .price = spec->price, .energy = spec->energy, .supply = &trial->supplies[s] };
	}
	trial->input.sites = views;
	trial->input.site_count = count;
}

struct keyed_demand {
	struct strbuf key; /* the ask's binary form: equal asks, equal bytes */
	size_t demand;
};

static int compare_keys(const struct strbuf *a, const struct strbuf *b)
{
	size_t common = a->length < b->length ? a->length : b->length;
	int order = common ? memcmp(a->data, b->data, common) : 0;

	return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_demands(const void *left, const void *right)
{
	const struct keyed_demand *a = left, *b = right;
	int order = compare_keys(&a->key, &b->key);

	return order ? order : (a->demand > b->demand) - (a->demand < b->demand);
}

/* Fills one class from demands of equal asks, which come in their order of age. */
static void make_class(struct trial *trial, struct once_class *class, const struct keyed_demand *keyed, size_t count,
		       const uint64_t *orders, struct arena *arena)
{
	struct match_entry *entries;
	size_t total = 0, at = 0;

	for (size_t k = 0; k < count; k++)
		total += demand_placements(trial->demands[keyed[k].demand]);
	entries = ARENA_ARRAY(arena, struct match_entry, total + 1);
	for (size_t k = 0; k < count; k++) {
		size_t demand = keyed[k].demand;

		trial->class_of[demand] = trial->input.class_count;
		for (uint32_t r = 0; r < demand_placements(trial->demands[demand]); r++)
			entries[at++] = (struct match_entry){ .demand = demand + 1, .replica = r, .order = orders[demand] + r,
							      .time_us = trial->demands[demand]->time_limit_us };
	}
	*class = (struct once_class){ .ask = &trial->demands[keyed[0].demand]->ask, .entries = entries, .entry_count = total };
	trial->input.class_count++;
}

static void make_classes(struct trial *trial, struct arena *arena)
{
	struct keyed_demand *keyed = ARENA_ARRAY(arena, struct keyed_demand, trial->demand_count + 1);
	struct once_class *classes = ARENA_ARRAY(arena, struct once_class, trial->demand_count + 1);
	uint64_t *orders = ARENA_ARRAY(arena, uint64_t, trial->demand_count + 1);
	uint64_t order = 1;
	size_t first = 0;

	trial->class_of = ARENA_ARRAY(arena, size_t, trial->demand_count + 1);
	for (size_t d = 0; d < trial->demand_count; d++) {
		keyed[d].demand = d;
		schema_encode(&ask_schema, &trial->demands[d]->ask, &keyed[d].key);
		orders[d] = order;
		order += demand_placements(trial->demands[d]);
	}
	qsort(keyed, trial->demand_count, sizeof(*keyed), compare_demands);
	for (size_t d = 1; d <= trial->demand_count; d++)
		if (d == trial->demand_count || compare_keys(&keyed[first].key, &keyed[d].key) != 0) {
			make_class(trial, &classes[trial->input.class_count], &keyed[first], d - first, orders, arena);
			first = d;
		}
	for (size_t d = 0; d < trial->demand_count; d++)
		strbuf_done(&keyed[d].key);
	trial->input.classes = classes;
}

const struct ask *placement_ask(const struct trial *trial, const struct match_placement *placement)
{
	return trial->input.classes[trial->once.class_of[placement->stream]].ask;
}

/* Books the plan, so that reasons speak of what is left. */
static void book(struct trial *trial, struct arena *arena)
{
	trial->placed = ARENA_ARRAY(arena, size_t, trial->demand_count + 1);
	for (size_t p = 0; p < trial->plan.placement_count; p++) {
		const struct match_placement *placement = &trial->plan.placements[p];
		const struct shape *shape = &placement_ask(trial, placement)->shape;

		for (size_t w = 0; w < placement->slot_count; w++)
			supply_take(&trial->supplies[placement->site], &placement->slots[w], shape);
		trial->placed[placement->demand - 1]++;
	}
}

/* Why the rest waits, against what the round left free: the first stream of a class with something left speaks for it. */
static void explain_rest(struct trial *trial, struct arena *arena)
{
	const struct match_input *input = &trial->once.input;

	matcher_settle(trial->once.matcher);
	for (uint32_t s = 0; s < trial->network->site_count; s++)
		matcher_site_supply(trial->once.matcher, &trial->input.sites[s]);
	trial->reasons = ARENA_ARRAY(arena, struct explanation, trial->input.class_count + 1);
	for (size_t s = 0; s < input->stream_count; s++) {
		struct explanation *reason = &trial->reasons[trial->once.class_of[s]];

		if (!reason->summary && trial->plan.streams[s].placed < input->streams[s].entry_count)
			explain_ask(input, input->streams[s].class, input->streams[s].tenant, NULL, 0, arena, reason);
	}
}

void trial_run(struct trial *trial, const struct network_spec *network, const struct catalogue *catalogue,
	       const struct demand_spec **demands, size_t demand_count, struct arena *arena)
{
	*trial = (struct trial){ .network = network, .demands = demands, .demand_count = demand_count };
	trial->topology = topology_new(network);
	trial->input.context = (struct rule_context){ catalogue, trial->topology };
	open_sites(trial, arena);
	make_classes(trial, arena);
	once_open(&trial->once, &trial->input, arena);
	match_round(&trial->once.input, arena, &trial->plan);
	book(trial, arena);
	explain_rest(trial, arena);
}

void trial_done(struct trial *trial)
{
	once_close(&trial->once);
	for (size_t s = 0; trial->supplies && s < trial->network->site_count; s++)
		supply_done(&trial->supplies[s]);
	free(trial->supplies);
	topology_free(trial->topology);
	*trial = (struct trial){ 0 };
}
