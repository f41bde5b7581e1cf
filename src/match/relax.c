#include "match/relax_private.h"

#include <stdlib.h>
#include <string.h>

#define PROBE_DEMAND UINT64_MAX /* of what is not in the queue */

static const char *const relax_dimension_words[] = {
	"together", "tier", "site", "region", "latency", "price", "model", "time", "workers", "preemptible", "priority", "limit",
};
STRING_TABLE_DEFINE(enum relax_dimension, relax_dimension, RELAX_COUNT);

/* --- a try --------------------------------------------------------------------------------------- */

static void note_models(const struct search *search, uint32_t site, const struct slot *slots, size_t count, struct outcome *ret)
{
	const struct supply *supply = search->matcher->sites[site].view.supply;

	for (size_t s = 0; s < count; s++) {
		const char *model;
		size_t m = 0;

		if (!slots[s].chips)
			continue;
		model = supply->groups[slots[s].group].chip_names[__builtin_ctzll(slots[s].chips)];
		while (m < ret->model_count && strcmp(ret->models[m], model) != 0)
			m++;
		if (m == ret->model_count && m < OUTCOME_MODELS_MAX)
			ret->models[ret->model_count++] = model;
	}
}

static int compare_numbers(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static void note_reservations(struct search *search, const struct match_plan *plan, bool may_stop, struct outcome *ret)
{
	for (size_t p = 0; p < plan->preemption_count; p++)
		ret->stops += plan->preemptions[p].by == search->entry.demand && plan->preemptions[p].by_replica == search->entry.replica;
	ret->starts_us = ARENA_ARRAY(search->arena, int64_t, plan->reservation_count + 1);
	for (size_t r = 0; r < plan->reservation_count; r++) {
		const struct match_reservation *reservation = &plan->reservations[r];

		if (reservation->stream != search->probe.stream) {
			ret->starts_us[ret->start_count++] = reservation->start_us;
		} else if (may_stop && ret->stops > 0) {
			ret->placed = true;
			ret->site = reservation->site;
			note_models(search, ret->site, reservation->slots, reservation->slot_count, ret);
		}
	}
	if (ret->start_count > 1)
		qsort(ret->starts_us, ret->start_count, sizeof(int64_t), compare_numbers);
}

bool relax_try(struct search *search, const struct variant *variant, struct outcome *ret)
{
	struct match_stream *stream = &search->streams[search->probe.stream];
	cleanup_arena struct arena arena = { 0 };
	const struct match_stream_result *result;
	struct match_plan plan;

	*ret = (struct outcome){ 0 };
	if (search->tries == RELAX_TRIES_MAX)
		return false;
	search->tries++;
	search->entry.time_us = variant->time_us;
	search->probe = (struct match_probe){ .stream = search->probe.stream, .raise = variant->raise };
	stream->class = matcher_class_add(search->matcher, &variant->ask);
	match_round(&search->input, &arena, &plan);
	result = &plan.streams[search->probe.stream];
	ret->tried = result->tried;
	ret->lacking = search->probe.lacking;
	if (search->probe.limited_name)
		ret->limited = arena_strdup(search->arena, search->probe.limited_name);
	ret->nearest = result->nearest;
	/* Names may be the class's, which goes. */
	if (result->nearest.name)
		ret->nearest.name = arena_strdup(search->arena, result->nearest.name);
	if (result->nearest.other)
		ret->nearest.other = arena_strdup(search->arena, result->nearest.other);
	ret->nearest_site = result->nearest_site;
	ret->reserved_us = result->reserved_us;
	if (result->placed > 0) {
		const struct match_placement *placement = &plan.placements[plan.placement_count - 1];

		ret->placed = true;
		ret->site = placement->site;
		note_models(search, placement->site, placement->slots, placement->slot_count, ret);
	}
	note_reservations(search, &plan, variant->may_stop, ret);
	matcher_settle(search->matcher);
	matcher_class_remove(search->matcher, stream->class);
	return ret->placed;
}

/* --- the queue of a try -------------------------------------------------------------------------- */

struct ranked_stream {
	int64_t priority;
	uint64_t order;
	const struct match_stream *stream;
};

static int compare_ranks(const void *left, const void *right)
{
	const struct ranked_stream *a = left, *b = right;

	if (a->priority != b->priority)
		return a->priority > b->priority ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

/* Leaves what stands before the entry, if it is in the stream; then the queue's word on it counts. */
static void cut_stream(struct search *search, struct match_stream *stream)
{
	for (size_t e = 0; e < stream->entry_count; e++) {
		const struct match_entry *entry = &stream->entries[e];

		if (entry->demand != search->entry.demand || entry->replica != search->entry.replica)
			continue;
		search->entry = *entry;
		stream->entry_count = e;
		return;
	}
}

/* The queue without the entry, and the probe as a stream of its own. What stands behind the entry in its own stream is left
 * out: it never comes before it. */
static void make_queue(struct search *search, const struct match_input *input, uint32_t class, uint32_t tenant,
		       const struct match_entry *entry)
{
	struct ranked_stream *ranked = ARENA_ARRAY(search->arena, struct ranked_stream, input->stream_count + 1);
	size_t count = input->stream_count;

	search->entry = entry ? *entry : (struct match_entry){ .demand = PROBE_DEMAND };
	for (size_t s = 0; s < count; s++) {
		const struct match_stream *stream = &input->streams[s];

		ranked[s] = (struct ranked_stream){ matcher_class_ask(input->matcher, stream->class)->priority,
						    stream->entry_count ? stream->entries[0].order : UINT64_MAX, stream };
	}
	if (count > RELAX_STREAMS_MAX) {
		qsort(ranked, count, sizeof(*ranked), compare_ranks);
		count = RELAX_STREAMS_MAX;
	}
	search->streams = ARENA_ARRAY(search->arena, struct match_stream, count + 1);
	for (size_t s = 0; s < count; s++) {
		search->streams[s] = *ranked[s].stream;
		if (entry && search->streams[s].class == class && search->streams[s].tenant == tenant)
			cut_stream(search, &search->streams[s]);
	}
	search->streams[count] = (struct match_stream){ .tenant = tenant, .entries = &search->entry, .entry_count = 1 };
	search->probe.stream = count;
	search->input = *input;
	search->input.streams = search->streams;
	search->input.stream_count = count + 1;
	search->input.probe = &search->probe;
}

/* --- changes ------------------------------------------------------------------------------------- */

static void add_change(struct search *search, const struct variant *variant, const struct outcome *outcome, const struct relax_step *steps,
		       size_t step_count, struct relaxation *ret)
{
	struct relax_change *change = &ret->changes[ret->change_count++];

	*change = (struct relax_change){ .step_count = step_count, .ask = variant->ask, .time_us = variant->time_us, .site = outcome->site,
					 .site_name = search->matcher->sites[outcome->site].view.name, .stops = outcome->stops };
	for (size_t s = 0; s < step_count; s++) {
		change->steps[s] = steps[s];
		change->given_up += steps[s].given_up;
	}
	change->sentence = relax_sentence(change, search->arena);
}

static void try_single(struct search *search, enum relax_dimension dimension, struct relaxation *ret)
{
	struct variant variant = *search->original;
	struct outcome outcome;
	struct ladder ladder;
	struct relax_step step;

	if (!relax_open(search, dimension, &variant, &ladder) || !relax_try(search, &variant, &outcome))
		return;
	relax_narrow(search, dimension, &ladder, search->original, &variant, &outcome);
	step = relax_step_of(search, dimension, search->original, &variant);
	add_change(search, &variant, &outcome, &step, 1, ret);
}

/* Both wide open; then the second is narrowed, then the first beside it. */
static void try_pair(struct search *search, enum relax_dimension first, enum relax_dimension second, struct relaxation *ret)
{
	struct variant one = *search->original, other, both;
	struct relax_step steps[2];
	struct outcome outcome;
	struct ladder ladder;

	if (!relax_open(search, first, &one, &ladder))
		return;
	both = one;
	if (!relax_open(search, second, &both, &ladder) || !relax_try(search, &both, &outcome))
		return;
	relax_narrow(search, second, &ladder, &one, &both, &outcome);
	other = both;
	relax_copy(first, search->original, &other);
	/* What the first can give depends on the second: fewer workers are cheaper. */
	both = other;
	if (!relax_open(search, first, &both, &ladder))
		return;
	relax_narrow(search, first, &ladder, &other, &both, &outcome);
	steps[0] = relax_step_of(search, first, search->original, &both);
	steps[1] = relax_step_of(search, second, search->original, &both);
	add_change(search, &both, &outcome, steps, 2, ret);
}

static int compare_changes(const void *left, const void *right)
{
	const struct relax_change *a = left, *b = right;

	if (a->step_count != b->step_count)
		return a->step_count < b->step_count ? -1 : 1;
	if (a->given_up != b->given_up)
		return a->given_up < b->given_up ? -1 : 1;
	if (a->steps[0].dimension != b->steps[0].dimension)
		return a->steps[0].dimension < b->steps[0].dimension ? -1 : 1;
	return (int)a->steps[1].dimension - (int)b->steps[1].dimension;
}

/* Whether everything given up at once would do: else no part of it does, and there is nothing to look for. */
static bool helps_at_all(struct search *search)
{
	struct variant variant = *search->original;
	struct outcome outcome;
	struct ladder ladder;

	for (int d = 0; d < RELAX_COUNT; d++)
		relax_open(search, (enum relax_dimension)d, &variant, &ladder);
	return relax_try(search, &variant, &outcome);
}

static void find_changes(struct search *search, struct relaxation *ret)
{
	ret->changes = ARENA_ARRAY(search->arena, struct relax_change, RELAX_COUNT + RELAX_PAIRS_MAX);
	if (!helps_at_all(search))
		return;
	for (int d = 0; d < RELAX_COUNT; d++)
		try_single(search, (enum relax_dimension)d, ret);
	for (int a = 0; ret->change_count == 0 && a < RELAX_COUNT; a++)
		for (int b = a + 1; ret->change_count < RELAX_PAIRS_MAX && b < RELAX_COUNT; b++)
			try_pair(search, (enum relax_dimension)a, (enum relax_dimension)b, ret);
	if (ret->change_count > 1)
		qsort(ret->changes, ret->change_count, sizeof(*ret->changes), compare_changes);
}

/* --- when nothing helps -------------------------------------------------------------------------- */

enum law { LAW_RESIDENCY, LAW_DATA, LAW_ORIGIN, LAW_CLEARANCE, LAW_COUNT };

/* False when the ask is not under it. */
static bool lift_law(enum law law, struct ask *ask, struct arena *arena)
{
	const struct rules before = ask->rules;
	bool applies = false;

	switch (law) {
	case LAW_RESIDENCY:
		ask->rules.residency_count = 0;
		return before.residency_count > 0;
	case LAW_DATA:
		ask->data = arena_dup(arena, ask->data, ask->data_count * sizeof(*ask->data));
		for (size_t d = 0; d < ask->data_count; d++) {
			applies |= ask->data[d].residency_count > 0;
			ask->data[d].residency_count = 0;
		}
		return applies;
	case LAW_ORIGIN:
		ask->rules.domestic_only = false;
		return before.domestic_only;
	default:
		ask->rules.clearance = false;
		return before.clearance;
	}
}

static const char *law_text(enum law law, const char *site, struct arena *arena)
{
	switch (law) {
	case LAW_RESIDENCY:
		return arena_printf(arena, "its residency keeps it away from %s, where it would fit now", site);
	case LAW_DATA:
		return arena_printf(arena, "its data may not leave their regions for %s, where it would fit now", site);
	case LAW_ORIGIN:
		return arena_printf(arena, "it may use chips of domestic origin only; with others it would fit now at %s", site);
	default:
		return arena_printf(arena, "it may use chips only whose security review is passed; with others it would fit now at %s", site);
	}
}

/* A rule that nobody may relax, alone in the way. */
static const char *find_obstacle(struct search *search)
{
	struct outcome outcome;

	for (int law = 0; law < LAW_COUNT; law++) {
		struct variant variant = *search->original;

		if (lift_law((enum law)law, &variant.ask, search->arena) && relax_try(search, &variant, &outcome))
			return law_text((enum law)law, search->matcher->sites[outcome.site].view.name, search->arena);
	}
	return NULL;
}

static const char *nothing_helps(const struct search *search, const struct relaxation *relaxation)
{
	struct strbuf text = { 0 };
	const char *sentence;

	strbuf_puts(&text, "no change of one or two of its wishes would let it start now");
	if (relaxation->obstacle) {
		strbuf_printf(&text, ": %s", relaxation->obstacle);
	} else if (search->base->nearest.code != VERDICT_FITS) {
		strbuf_puts(&text, "; nearest: ");
		verdict_describe(&search->base->nearest, NULL, &text);
		if (search->base->nearest.code != VERDICT_LIMIT)
			strbuf_printf(&text, " (%s)", search->matcher->sites[search->base->nearest_site].view.name);
	}
	sentence = arena_strdup(search->arena, strbuf_text(&text));
	strbuf_done(&text);
	return sentence;
}

static void conclude(struct search *search, struct relaxation *ret)
{
	const struct outcome *base = search->base;

	ret->fits_now = base->placed && base->stops == 0;
	ret->reserved_us = base->reserved_us;
	if (search->matcher->site_count == 0) {
		ret->sentence = "the network has no sites";
	} else if (base->placed && base->stops > 0) {
		ret->sentence = arena_printf(search->arena, "nothing has to change: %zu other%s that may be stopped make%s room for it at %s",
					     base->stops, base->stops == 1 ? "" : "s", base->stops == 1 ? "s" : "",
					     search->matcher->sites[base->site].view.name);
	} else if (base->placed) {
		ret->sentence = arena_printf(search->arena, "nothing has to change: the next round takes it, to %s",
					     search->matcher->sites[base->site].view.name);
	} else if (!base->tried) {
		ret->sentence = "the queue before it is still being worked through";
	} else {
		find_changes(search, ret);
		if (ret->change_count == 0)
			ret->obstacle = find_obstacle(search);
		ret->sentence = ret->change_count > 0 ? ret->changes[0].sentence : nothing_helps(search, ret);
	}
}

void relax_ask(const struct match_input *input, uint32_t class, uint32_t tenant, const struct match_entry *entry, struct arena *arena,
	       struct relaxation *ret)
{
	struct search search = { .matcher = input->matcher, .arena = arena };
	struct variant original = { .ask = *matcher_class_ask(input->matcher, class), .may_stop = true };
	struct outcome base;

	*ret = (struct relaxation){ 0 };
	/* The class may go before what is said of it does. */
	original.ask = *ask_copy(&original.ask, arena);
	search.original = &original;
	search.base = &base;
	make_queue(&search, input, class, tenant, entry);
	original.time_us = search.entry.time_us;
	relax_try(&search, &original, &base);
	original.may_stop = false;
	conclude(&search, ret);
	ret->tries = search.tries;
}
