#include "match/forecast.h"

#include <string.h>

#include "base/mem.h"
#include "match/books.h"

#define PLACEMENTS_MAX 10000
#define STEPS_MAX 400
#define STEP_PART 50 /* of the way gone */
#define ENDS_PART 32 /* of what runs ends in a step, at least */
#define RESERVATIONS_MAX 2 /* of a round of the play */
#define BACKFILL_MAX 32
#define VACANCY_NONE UINT32_MAX
#define STOPPING_US 10000000 /* that what was told to stop may still take */

/* A work that ends within the play: one that runs, or one that was placed in it. */
struct act {
	int64_t ends_us;
	uint64_t number; /* ties by the order of their making */
	struct match_work *work;
	bool real;
};

/* What was given back at a site since the last round of the play, in the order of time. */
struct vacancy {
	int64_t since_us;
	struct amounts amounts;
	uint32_t site;
	uint32_t next; /* of the site; VACANCY_NONE */
};

struct vacant_site {
	uint32_t first, last; /* those not taken yet */
	int64_t since_us;     /* of the last that was taken; 0 none */
	struct amounts given, used; /* of those taken, by what was placed */
};

struct play {
	const struct match_input *input;
	struct matcher *matcher;
	struct shares *shares;
	struct arena *arena;
	struct arena round; /* of one round */
	struct match_stream *streams; /* what is left of each */
	struct match_entry **entries;
	size_t **indexes; /* of the entries left, in the input's */
	struct forecast *forecast;
	int64_t time_permille;
	struct act *heap;
	size_t heap_count, heap_capacity;
	uint64_t acts;
	struct match_work **ended; /* real ones, to be begun again */
	size_t ended_count, ended_capacity;
	struct match_work **played; /* placed in the play and not ended in it */
	size_t played_count, played_capacity;
	struct vacancy *vacancies;
	size_t vacancy_count, vacancy_capacity;
	struct vacant_site *sites;
	size_t placed, left;
};

static bool sooner(const struct act *a, const struct act *b)
{
	return a->ends_us != b->ends_us ? a->ends_us < b->ends_us : a->number < b->number;
}

static void act_add(struct play *play, struct match_work *work, int64_t ends_us, bool real)
{
	struct act act = { ends_us, play->acts++, work, real };
	size_t at;

	ARRAY_RESERVE(play->heap, play->heap_capacity, play->heap_count + 1);
	for (at = play->heap_count++; at > 0 && sooner(&act, &play->heap[(at - 1) / 2]); at = (at - 1) / 2)
		play->heap[at] = play->heap[(at - 1) / 2];
	play->heap[at] = act;
}

static struct act act_take(struct play *play)
{
	struct act first = play->heap[0], moved = play->heap[--play->heap_count];
	size_t at = 0;

	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= play->heap_count)
			break;
		if (child + 1 < play->heap_count && sooner(&play->heap[child + 1], &play->heap[child]))
			child++;
		if (!sooner(&play->heap[child], &moved))
			break;
		play->heap[at] = play->heap[child];
		at = child;
	}
	play->heap[at] = moved;
	return first;
}

/* The expected part of a time limit, at least a microsecond. */
static int64_t expected_us(const struct play *play, int64_t limit_us)
{
	int64_t time_us = (int64_t)((__int128)limit_us * play->time_permille / 1000);

	return time_us > 0 ? time_us : 1;
}

static const struct amounts *work_amounts(const struct play *play, const struct match_work *work)
{
	return &class_at(play->matcher, work->class)->amounts;
}

/* What runs now ends when it is expected to; what should have ended already, in as much again as it is late. */
static void open_works(struct play *play)
{
	int64_t now_us = play->input->now_us;

	for (size_t s = 0; s < play->matcher->site_count; s++)
		for (size_t w = 0; w < play->matcher->sites[s].work_count; w++) {
			struct match_work *work = play->matcher->sites[s].works[w];
			int64_t ends_us = work->ends_us;

			if (work->stopping)
				ends_us = now_us + STOPPING_US;
			else if (ends_us == INT64_MAX)
				continue;
			else
				ends_us = work->started_us + expected_us(play, ends_us - work->started_us);
			if (ends_us <= now_us)
				ends_us = now_us + (now_us - ends_us) / 2 + 1;
			act_add(play, work, ends_us, true);
		}
}

static void open_streams(struct play *play)
{
	const struct match_input *input = play->input;

	play->streams = ARENA_ARRAY(play->arena, struct match_stream, input->stream_count + 1);
	play->entries = ARENA_ARRAY(play->arena, struct match_entry *, input->stream_count + 1);
	play->indexes = ARENA_ARRAY(play->arena, size_t *, input->stream_count + 1);
	play->forecast->start_us = ARENA_ARRAY(play->arena, int64_t *, input->stream_count + 1);
	for (size_t s = 0; s < input->stream_count; s++) {
		size_t count = input->streams[s].entry_count;

		play->entries[s] = arena_dup(play->arena, input->streams[s].entries, count * sizeof(struct match_entry));
		play->indexes[s] = ARENA_ARRAY(play->arena, size_t, count + 1);
		play->forecast->start_us[s] = ARENA_ARRAY(play->arena, int64_t, count + 1);
		for (size_t e = 0; e < count; e++) {
			play->indexes[s][e] = e;
			play->forecast->start_us[s][e] = FORECAST_UNKNOWN;
		}
		play->streams[s] = input->streams[s];
		play->streams[s].entries = play->entries[s];
		play->left += count;
	}
}

/* --- vacancies: a step may be longer than work is, so what starts in it starts when its place became free, not at the step's end --- */

static void vacancy_add(struct play *play, const struct match_work *work, int64_t since_us)
{
	struct vacant_site *site = &play->sites[work->site];
	uint32_t number = (uint32_t)play->vacancy_count;

	ARRAY_RESERVE(play->vacancies, play->vacancy_capacity, play->vacancy_count + 1);
	play->vacancies[play->vacancy_count++] = (struct vacancy){ since_us, *work_amounts(play, work), work->site, VACANCY_NONE };
	if (site->first == VACANCY_NONE)
		site->first = number;
	else
		play->vacancies[site->last].next = number;
	site->last = number;
}

static void amounts_add(struct amounts *to, const struct amounts *more)
{
	to->cpu_milli += more->cpu_milli;
	to->memory_mib += more->memory_mib;
	to->chip_milli += more->chip_milli;
}

/* Since when there was room at the site for this much more: whoever comes first takes what became free first. */
static int64_t vacant_since(struct play *play, uint32_t number, const struct amounts *amounts, int64_t now_us)
{
	struct vacant_site *site = &play->sites[number];

	if (site->first == VACANCY_NONE && site->since_us == 0)
		return now_us;
	amounts_add(&site->used, amounts);
	while (site->first != VACANCY_NONE &&
	       (site->given.chip_milli < site->used.chip_milli || site->given.cpu_milli < site->used.cpu_milli ||
		site->given.memory_mib < site->used.memory_mib)) {
		const struct vacancy *vacancy = &play->vacancies[site->first];

		site->since_us = vacancy->since_us;
		amounts_add(&site->given, &vacancy->amounts);
		site->first = vacancy->next;
	}
	return site->since_us;
}

static void vacancies_drop(struct play *play)
{
	for (size_t v = 0; v < play->vacancy_count; v++)
		play->sites[play->vacancies[v].site] = (struct vacant_site){ .first = VACANCY_NONE };
	play->vacancy_count = 0;
}

static void start(struct play *play, const struct match_placement *placement, int64_t now_us)
{
	const struct match_stream *stream = &play->streams[placement->stream];
	struct match_entry *entries = play->entries[placement->stream];
	struct match_work *work = ARENA_NEW(play->arena, struct match_work);
	int64_t start_us = vacant_since(play, placement->site, &class_at(play->matcher, stream->class)->amounts, now_us);
	size_t at = 0;

	while (entries[at].demand != placement->demand || entries[at].replica != placement->replica)
		at++;
	play->forecast->start_us[placement->stream][play->indexes[placement->stream][at]] = start_us;
	*work = (struct match_work){ .demand = placement->demand, .replica = placement->replica, .class = stream->class,
				     .tenant = stream->tenant, .site = placement->site,
				     .slots = arena_dup(play->arena, placement->slots, placement->slot_count * sizeof(struct slot)),
				     .slot_count = (uint32_t)placement->slot_count, .started_us = start_us, .ends_us = INT64_MAX,
				     .borrowed = placement->borrowed };
	if (entries[at].time_us > 0) {
		work->ends_us = later_us(start_us, entries[at].time_us);
		act_add(play, work, later_us(start_us, expected_us(play, entries[at].time_us)), false);
	}
	matcher_begin(play->matcher, work);
	shares_charge(play->shares, stream->tenant, work_amounts(play, work), now_us);
	ARRAY_RESERVE(play->played, play->played_capacity, play->played_count + 1);
	play->played[play->played_count++] = work;
	entries[at].demand = 0; /* closed up after the round */
	play->placed++;
	play->left--;
}

static void close_up(struct play *play, size_t s)
{
	size_t kept = 0;

	for (size_t e = 0; e < play->streams[s].entry_count; e++) {
		if (play->entries[s][e].demand == 0)
			continue;
		play->entries[s][kept] = play->entries[s][e];
		play->indexes[s][kept++] = play->indexes[s][e];
	}
	play->streams[s].entry_count = kept;
}

static void play_round(struct play *play, int64_t now_us, size_t placements_max)
{
	struct match_input input = *play->input;
	struct match_plan plan;

	input.shares = play->shares;
	input.streams = play->streams;
	input.now_us = now_us;
	input.limits = (struct match_limits){ .placements_max = placements_max };
	input.probe = NULL;
	arena_reset(&play->round);
	match_round(&input, &play->round, &plan);
	for (size_t p = 0; p < plan.placement_count; p++)
		start(play, &plan.placements[p], now_us);
	for (size_t s = 0; s < input.stream_count; s++)
		if (plan.streams[s].placed > 0)
			close_up(play, s);
	vacancies_drop(play);
	play->forecast->steps++;
}

/* Ends what ends by then, and as many as there must be in a step. Gives the time of the last. */
static int64_t end_until(struct play *play, int64_t now_us)
{
	size_t least = play->heap_count / ENDS_PART;

	for (; play->heap_count > 0 && (play->heap[0].ends_us <= now_us || least > 0); least -= least > 0) {
		struct act act = act_take(play);

		now_us = act.ends_us > now_us ? act.ends_us : now_us;
		vacancy_add(play, act.work, act.ends_us);
		matcher_end(play->matcher, act.work);
		shares_release(play->shares, act.work->tenant, work_amounts(play, act.work), now_us);
		if (act.real) {
			ARRAY_RESERVE(play->ended, play->ended_capacity, play->ended_count + 1);
			play->ended[play->ended_count++] = act.work;
		} else {
			act.work->slot_count = 0; /* nothing is left to take back */
		}
	}
	return now_us;
}

static void take_back(struct play *play)
{
	matcher_settle(play->matcher);
	for (size_t w = play->played_count; w-- > 0;)
		if (play->played[w]->slot_count > 0)
			matcher_end(play->matcher, play->played[w]);
	for (size_t w = play->ended_count; w-- > 0;)
		matcher_begin(play->matcher, play->ended[w]);
}

/* Those that were not played to their start: as many again take as long again. In the order of their age. */
static int compare_orders(const void *left, const void *right)
{
	uint64_t a = (*(const struct match_entry *const *)left)->order, b = (*(const struct match_entry *const *)right)->order;

	return (a > b) - (a < b);
}

static void extrapolate(struct play *play, int64_t last_us)
{
	const struct match_entry **rest = ARENA_ARRAY(play->arena, const struct match_entry *, play->left + 1);
	int64_t gone_us = last_us - play->input->now_us;
	size_t count = 0;

	if (play->placed == 0 || gone_us <= 0)
		return;
	for (size_t s = 0; s < play->input->stream_count; s++)
		for (size_t e = 0; e < play->streams[s].entry_count; e++)
			rest[count++] = &play->entries[s][e];
	qsort(rest, count, sizeof(*rest), compare_orders);
	for (size_t s = 0; s < play->input->stream_count; s++)
		for (size_t e = 0; e < play->streams[s].entry_count; e++) {
			const struct match_entry *key = &play->entries[s][e];
			const struct match_entry **found = bsearch(&key, rest, count, sizeof(*rest), compare_orders);
			__int128 more_us = (__int128)gone_us * (found - rest + 1) / (int64_t)play->placed;

			if (more_us < INT64_MAX / 4)
				play->forecast->start_us[s][play->indexes[s][e]] = later_us(last_us, (int64_t)more_us);
		}
}

void match_forecast(const struct match_input *input, const struct forecast_settings *settings, struct arena *arena, struct forecast *ret)
{
	size_t placements_max = settings->placements_max ? settings->placements_max : PLACEMENTS_MAX;
	size_t steps_max = settings->steps_max ? settings->steps_max : STEPS_MAX;
	struct play play = { .input = input, .matcher = input->matcher, .arena = arena, .forecast = ret,
			     .time_permille = settings->time_permille };
	const struct policy_spec *real_policy = input->matcher->policy;
	struct policy_spec policy = *real_policy;
	int64_t now_us = input->now_us;
	bool more = true;

	*ret = (struct forecast){ 0 };
	matcher_settle(input->matcher);
	/* What others stop for was told to stop already, and the first few reservations are those that shape what comes. */
	policy.preemption = false;
	policy.reservations = policy.reservations < RESERVATIONS_MAX ? policy.reservations : RESERVATIONS_MAX;
	policy.backfill_depth = policy.backfill_depth < BACKFILL_MAX ? policy.backfill_depth : BACKFILL_MAX;
	input->matcher->policy = &policy;
	play.shares = shares_clone(input->shares);
	play.sites = ARENA_ARRAY(arena, struct vacant_site, input->matcher->site_count + 1);
	for (size_t s = 0; s < input->matcher->site_count; s++)
		play.sites[s].first = VACANCY_NONE;
	open_works(&play);
	open_streams(&play);
	while (play.left > 0 && ret->steps < steps_max && play.placed < placements_max) {
		play_round(&play, now_us, placements_max - play.placed);
		more = play.heap_count > 0;
		if (!more)
			break;
		/* What began and ended within the step lets others begin in it. */
		if (play.heap[0].ends_us > now_us)
			now_us = later_us(now_us, (now_us - input->now_us) / STEP_PART);
		if (now_us < play.heap[0].ends_us)
			now_us = play.heap[0].ends_us;
		now_us = end_until(&play, now_us);
	}
	ret->complete = play.left == 0;
	if (more && play.left > 0)
		extrapolate(&play, now_us);
	take_back(&play);
	input->matcher->policy = real_policy;
	shares_free(play.shares);
	free(play.heap);
	free(play.ended);
	free(play.played);
	free(play.vacancies);
	arena_done(&play.round);
}
