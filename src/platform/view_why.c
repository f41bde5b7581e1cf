/* Why a demand is where it is. For one that has no place: what each site says, who is before it, when it will start, and the
 * smallest change that would let it start now. For one that has: what spoke for it, and what the next best would have cost. */
#include <string.h>

#include "match/explain.h"
#include "match/forecast.h"
#include "match/relax.h"
#include "platform/state.h"

#define EXAMPLES_MAX 8
/* Of a forecast that somebody waits for. */
#define FORECAST_CHECKS_MAX 4000000 /* streams times sites */
#define FORECAST_PLACEMENTS_MAX 2000
#define FORECAST_STEPS_MAX 100

/* The replica that has waited longest for a place, or the one that waits out the shortest backoff. */
static const struct replica *find_unplaced(const struct demand *demand)
{
	const struct replica *found = NULL;

	for (uint32_t r = 0; r < demand->replica_count; r++) {
		const struct replica *replica = &demand->replicas[r];

		if (replica->place == REPLICA_QUEUED)
			return replica;
		if (replica->place == REPLICA_WAITING && (!found || replica->ready_us < found->ready_us))
			found = replica;
	}
	return found;
}

static void copy_groups(const struct match_input *input, const struct explanation *explanation, struct arena *arena, struct why_view *ret)
{
	ret->groups = ARENA_ARRAY(arena, struct why_group, explanation->group_count + 1);
	ret->group_count = explanation->group_count;
	for (size_t g = 0; g < explanation->group_count; g++) {
		const struct explain_group *from = &explanation->groups[g];
		struct why_group *group = &ret->groups[g];

		*group = (struct why_group){ .code = from->code, .never = from->never, .sites = (int64_t)from->site_count,
					     .sentence = from->sentence };
		group->examples = ARENA_ARRAY(arena, const char *, EXAMPLES_MAX);
		for (; group->example_count < EXAMPLES_MAX && group->example_count < from->site_count; group->example_count++)
			group->examples[group->example_count] = matcher_site(input->matcher, from->sites[group->example_count])->name;
	}
}

static void note_seen(const struct platform *platform, struct matcher *matcher, int64_t now_us)
{
	for (size_t i = 0; i < platform->site_count; i++) {
		const struct site *site = platform->sites[i];

		matcher_site_seen(matcher, site->index, site->seen_us > 0 && now_us >= site->seen_us ? (now_us - site->seen_us) / 1000000 : -1);
	}
}

/* Of the class's streams that which the replica is in. */
static uint32_t match_class(const struct platform *platform, const struct demand *demand, uint32_t replica, struct arena *arena)
{
	size_t count;
	const uint32_t *classes = books_classes(platform, demand->class, &count);

	return classes[count == 1 ? 0 : ask_caller_of(class_ask(demand->class, arena), replica)];
}

static void copy_ahead(const struct explanation *explanation, struct arena *arena, struct why_view *ret)
{
	ret->ahead = (int64_t)explanation->ahead;
	ret->ahead_by = ARENA_ARRAY(arena, struct why_ahead, explanation->ahead_by_count + 1);
	ret->ahead_by_count = explanation->ahead_by_count;
	for (size_t i = 0; i < explanation->ahead_by_count; i++)
		ret->ahead_by[i] = (struct why_ahead){ explanation->ahead_by[i].tenant, (int64_t)explanation->ahead_by[i].count };
}

static void copy_changes(const struct relaxation *relaxation, struct arena *arena, struct why_view *ret)
{
	ret->change = relaxation->sentence;
	ret->changes = ARENA_ARRAY(arena, struct why_change, relaxation->change_count + 1);
	ret->change_count = relaxation->change_count;
	for (size_t c = 0; c < relaxation->change_count; c++) {
		const struct relax_change *from = &relaxation->changes[c];
		struct why_change *change = &ret->changes[c];

		*change = (struct why_change){ .sentence = from->sentence, .site = from->site_name, .given_up = from->given_up,
					       .stops = (int64_t)from->stops, .verified = true, .step_count = from->step_count };
		change->steps = ARENA_ARRAY(arena, struct why_step, from->step_count + 1);
		for (size_t s = 0; s < from->step_count; s++)
			change->steps[s] = (struct why_step){ from->steps[s].dimension, from->steps[s].from, from->steps[s].to,
							      from->steps[s].from_value, from->steps[s].to_value };
	}
}

/* The forecast's word on the entry; -1 not known, or the queue is too long to be played while somebody waits. */
static int64_t estimate_start(const struct platform *platform, const struct match_input *input, const struct match_entry *entry,
			      struct arena *arena)
{
	const struct forecast_settings settings = { .time_permille = estimate_time_permille(platform), .placements_max = FORECAST_PLACEMENTS_MAX,
						    .steps_max = FORECAST_STEPS_MAX };
	struct forecast forecast;

	if (input->stream_count * matcher_site_count(input->matcher) > FORECAST_CHECKS_MAX)
		return FORECAST_UNKNOWN;
	match_forecast(input, &settings, arena, &forecast);
	for (size_t s = 0; s < input->stream_count; s++)
		for (size_t e = 0; e < input->streams[s].entry_count; e++)
			if (input->streams[s].entries[e].demand == entry->demand && input->streams[s].entries[e].replica == entry->replica)
				return forecast.start_us[s][e];
	return FORECAST_UNKNOWN;
}

/* Against the books and the queue as they are. */
static void explain_unplaced(const struct platform *platform, const struct demand *demand, const struct replica *unplaced, int64_t now_us,
			     struct arena *arena, struct why_view *ret)
{
	struct match_entry entry = { .demand = demand->id, .replica = (uint32_t)(unplaced - demand->replicas) };
	struct explanation explanation;
	struct relaxation relaxation = { 0 };
	struct match_input input;
	size_t count, *queue_of;
	int64_t backoff_s = 0, known_us = estimate_of(platform, demand);
	struct queue **queues;
	uint32_t class, tenant;
	bool all;

	queues = queues_choose(platform, true, arena, &count, &all);
	match_input_make(platform, queues, count, 0, now_us, arena, &input, &queue_of);
	note_seen(platform, input.matcher, now_us);
	if (unplaced->place == REPLICA_WAITING)
		backoff_s = unplaced->ready_us > now_us ? (unplaced->ready_us - now_us + 999999) / 1000000 : 1;
	entry.order = demand_order(demand, entry.replica);
	class = match_class(platform, demand, entry.replica, arena);
	tenant = shares_tenant(platform->shares, demand->tenant->text);
	explain_ask(&input, class, tenant, &entry, backoff_s, arena, &explanation);
	if (backoff_s > 0) {
		explain_start(&explanation, now_us, unplaced->ready_us, 0, arena);
		relaxation.sentence = "";
	} else {
		relax_ask(&input, class, tenant, &entry, arena, &relaxation);
		if (known_us <= now_us)
			known_us = estimate_start(platform, &input, &entry, arena);
		explain_start(&explanation, now_us, known_us, relaxation.reserved_us, arena);
	}
	ret->fits_now = explanation.fits_now;
	ret->never = explanation.never;
	ret->start = explanation.start;
	ret->start_us = explanation.start_us;
	ret->reserved_us = explanation.reserved_us;
	if (demand->running_count == 0)
		ret->summary = explanation.summary;
	copy_ahead(&explanation, arena, ret);
	copy_changes(&relaxation, arena, ret);
	copy_groups(&input, &explanation, arena, ret);
}

static void explain_placed(const struct platform *platform, const struct attempt *attempt, struct arena *arena, struct why_view *ret)
{
	struct why_placement *placement = ARENA_NEW(arena, struct why_placement);
	const char *second = attempt->second_site ? attempt->second_site->name : NULL;
	const struct explain_choice choice = { attempt->site->name, second, platform->network.currency, attempt->score_micro,
					       attempt->second_score_micro, attempt->candidates, attempt->backfilled,
					       attempt->borrowed && shares_have_quotas(platform->shares) };
	struct matcher *matcher = books_get(platform);

	*placement = (struct why_placement){
		.replica = attempt->replica, .site = attempt->site->name, .second_site = second ? second : "",
		.score_micro = attempt->score_micro, .second_score_micro = attempt->second_score_micro, .candidates = attempt->candidates,
		.backfilled = attempt->backfilled, .borrowed = attempt->borrowed, .sentence = explain_choice(&choice, arena),
	};
	if (attempt->site->index != SITE_NONE)
		explain_score(matcher, match_class(platform, attempt->demand, attempt->replica, arena), attempt->site->index,
			      attempt->score_micro, &placement->parts);
	ret->placement = placement;
}

int view_why(const struct platform *platform, int64_t now_us, uint64_t id, struct arena *arena, struct why_view *ret)
{
	const struct demand *demand = demand_find(platform, id);
	const struct replica *unplaced = demand ? find_unplaced(demand) : NULL;

	if (!demand)
		return -ENOENT;
	*ret = (struct why_view){ .id = id, .state = demand->state, .summary = demand_reason(platform, demand, now_us, arena), .start = "",
				  .start_us = -1, .change = "" };
	for (uint32_t r = 0; r < demand->replica_count && !ret->placement; r++)
		if (demand->replicas[r].attempt)
			explain_placed(platform, demand->replicas[r].attempt, arena, ret);
	if (unplaced)
		explain_unplaced(platform, demand, unplaced, now_us, arena, ret);
	return 0;
}
