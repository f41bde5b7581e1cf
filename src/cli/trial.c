#include "cli/trial.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

size_t demand_placements(const struct demand_spec *demand)
{
	if (demand->array)
		return (size_t)demand->array->count;
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

/* Of these as many as may run at once are queued; none while the demand waits for others. */
static size_t queued_placements(const struct demand_spec *demand)
{
	if (demand->after_count > 0)
		return 0;
	if (demand->array && demand->array->at_once > 0 && demand->array->at_once < demand->array->count)
		return (size_t)demand->array->at_once;
	return demand_placements(demand);
}

struct keyed_demand {
	struct strbuf key; /* the ask's binary form and the tenant: equal ones, equal bytes */
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

static const char *tenant_of(const struct demand_spec *demand)
{
	return demand->tenant && demand->tenant[0] ? demand->tenant : "default";
}

/* Fills one class from demands of equal asks and tenants, which come in their order of age. */
static void make_class(struct trial *trial, struct once_class *class, const struct keyed_demand *keyed, size_t count,
		       const uint64_t *orders, struct arena *arena)
{
	struct match_entry *entries;
	size_t total = 0, at = 0;

	for (size_t k = 0; k < count; k++)
		total += queued_placements(trial->demands[keyed[k].demand]);
	entries = ARENA_ARRAY(arena, struct match_entry, total + 1);
	for (size_t k = 0; k < count; k++) {
		size_t demand = keyed[k].demand;

		trial->class_of[demand] = trial->input.class_count;
		for (uint32_t r = 0; r < queued_placements(trial->demands[demand]); r++)
			entries[at++] = (struct match_entry){ .demand = demand + 1, .replica = r, .order = orders[demand] + r,
							      .time_us = trial->demands[demand]->time_limit_us };
	}
	*class = (struct once_class){ .ask = &trial->demands[keyed[0].demand]->ask, .tenant = tenant_of(trial->demands[keyed[0].demand]),
				      .entries = entries, .entry_count = total };
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
		strbuf_puts(&keyed[d].key, tenant_of(trial->demands[d]));
		/* One that waits for others is a class of its own. */
		if (trial->demands[d]->after_count > 0)
			strbuf_printf(&keyed[d].key, "/%zu", d);
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

/* What was placed runs from now on to its time limit, in the books and in the supplies. */
static void begin_works(struct trial *trial, struct arena *arena)
{
	trial->placed = ARENA_ARRAY(arena, size_t, trial->demand_count + 1);
	trial->works = ARENA_ARRAY(arena, struct match_work, trial->plan.placement_count + 1);
	for (size_t p = 0; p < trial->plan.placement_count; p++) {
		const struct match_placement *placement = &trial->plan.placements[p];
		const struct match_stream *stream = &trial->once.input.streams[placement->stream];
		const struct demand_spec *demand = trial->demands[placement->demand - 1];
		const struct shape *shape = &demand->ask.shape;
		int64_t workers = (int64_t)placement->slot_count;
		struct amounts held = { shape->cpu_milli * workers, shape->memory_mib * workers, shape->chips.milli * workers };
		struct match_work *work = &trial->works[trial->work_count++];

		*work = (struct match_work){ .demand = placement->demand, .replica = placement->replica, .class = stream->class,
					     .tenant = stream->tenant, .site = placement->site, .slot_count = (uint32_t)placement->slot_count,
					     .slots = placement->slots, .ends_us = demand->time_limit_us ? demand->time_limit_us : INT64_MAX,
					     .borrowed = placement->borrowed };
		matcher_begin(trial->once.matcher, work);
		shares_charge(trial->once.shares, stream->tenant, &held, 0);
		for (size_t w = 0; w < placement->slot_count; w++)
			supply_take(&trial->supplies[placement->site], &placement->slots[w], shape);
		trial->placed[placement->demand - 1]++;
	}
}

/* The streams without what was placed. Placements of a stream come in the order of its entries. */
static void leave_rest(struct trial *trial, struct match_stream *streams, struct arena *arena)
{
	const struct match_input *input = &trial->once.input;
	struct match_entry **rest = ARENA_ARRAY(arena, struct match_entry *, input->stream_count + 1);
	size_t *next = ARENA_ARRAY(arena, size_t, input->stream_count + 1);

	for (size_t s = 0; s < input->stream_count; s++) {
		streams[s] = input->streams[s];
		rest[s] = ARENA_ARRAY(arena, struct match_entry, input->streams[s].entry_count + 1);
		streams[s].entries = rest[s];
		streams[s].entry_count = 0;
	}
	for (size_t p = 0; p <= trial->plan.placement_count; p++) {
		const struct match_placement *placement = p < trial->plan.placement_count ? &trial->plan.placements[p] : NULL;

		for (size_t s = placement ? placement->stream : 0; s < input->stream_count; s++) {
			const struct match_stream *from = &input->streams[s];

			while (next[s] < from->entry_count && !(placement && from->entries[next[s]].demand == placement->demand &&
								from->entries[next[s]].replica == placement->replica))
				rest[s][streams[s].entry_count++] = from->entries[next[s]++];
			next[s]++;
			if (placement)
				break;
		}
	}
}

/* Why the rest waits: the first stream of a class with something left speaks for it. */
static void explain_rest(struct trial *trial, struct arena *arena)
{
	struct match_input input = trial->once.input;
	struct match_stream *streams = ARENA_ARRAY(arena, struct match_stream, input.stream_count + 1);
	const struct forecast_settings settings = { .time_permille = 1000 };
	struct forecast forecast;
	size_t relaxed = 0;

	leave_rest(trial, streams, arena);
	input.streams = streams;
	match_forecast(&input, &settings, arena, &forecast);
	trial->reasons = ARENA_ARRAY(arena, struct trial_reason, trial->input.class_count + 1);
	for (size_t s = 0; s < input.stream_count; s++) {
		struct trial_reason *reason = &trial->reasons[trial->once.class_of[s]];
		const struct match_stream *stream = &streams[s];

		if (reason->waits || stream->entry_count == 0)
			continue;
		reason->waits = true;
		explain_ask(&input, stream->class, stream->tenant, &stream->entries[0], 0, arena, &reason->why);
		if (relaxed++ < TRIAL_RELAX_MAX)
			relax_ask(&input, stream->class, stream->tenant, &stream->entries[0], arena, &reason->relaxation);
		explain_start(&reason->why, 0, forecast.start_us[s][0], reason->relaxation.reserved_us, arena);
	}
}

/* What waits for other demands is in no queue. */
static void explain_after(struct trial *trial, struct arena *arena)
{
	for (size_t d = 0; d < trial->demand_count; d++) {
		const struct demand_spec *demand = trial->demands[d];
		struct trial_reason *reason = &trial->reasons[trial->class_of[d]];

		if (demand->after_count == 0)
			continue;
		*reason = (struct trial_reason){ .waits = true, .why = { .start_us = -1, .start = "once that has ended" } };
		reason->why.summary = arena_printf(arena, "waits for %s to end%s", demand->after[0].demand,
						   demand->after_count > 1 ? ", and for others" : "");
	}
}

void trial_run(struct trial *trial, const struct network_spec *network, const struct catalogue *catalogue, const struct policy_spec *policy,
	       const struct demand_spec **demands, size_t demand_count, struct arena *arena)
{
	*trial = (struct trial){ .network = network, .demands = demands, .demand_count = demand_count };
	trial->topology = topology_new(network);
	trial->input.policy = policy;
	trial->input.context = (struct rule_context){ catalogue, trial->topology };
	open_sites(trial, arena);
	make_classes(trial, arena);
	once_open(&trial->once, &trial->input, arena);
	match_round(&trial->once.input, arena, &trial->plan);
	begin_works(trial, arena);
	explain_rest(trial, arena);
	explain_after(trial, arena);
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
