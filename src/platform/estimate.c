/* Estimated starts: every now and then the queue is played forward (match/forecast.h), and each replica that waits is told when
 * it will start. The first estimate that it got is kept, goes into the record of its placement, and what came of it is counted
 * (tallies): so anybody can see how good the estimates are.
 *
 * The play is bounded, in queues, entries, placements and rounds. Those behind the entries of their queue that were played
 * start as fast after each other as those did; queues that were left out come after all others. These estimates are worked
 * out when they are asked for; only the first one of each is kept, a few thousand at a time. A forecast of the whole
 * queue was rejected: a million entries take seconds, and what is so far away is guesswork anyway.
 *
 * Work seldom takes all the time that it may. `learned_*` say how much it took of late: times and limits of ended
 * attempts, summed up with decay, so that long work, which holds places for longer, counts for more. Attempts that failed say
 * nothing about how long the next will run. Everything here is observed and lost at a restart.
 */
#include <string.h>

#include "match/forecast.h"
#include "platform/state.h"

#define ESTIMATE_EVERY_US 10000000
#define ESTIMATE_QUEUES_MAX 32
#define ESTIMATE_ENTRIES_MAX 1024      /* of all queues that are played */
#define ESTIMATE_STEPS_MAX 64
#define ESTIMATE_FORETOLD_MAX 4096     /* first estimates of those behind, in one go */
#define ESTIMATE_REPLICAS_MAX 64       /* of a demand, that are looked at: the first ones are the oldest */
#define ESTIMATE_PART 1000             /* at most one part in so many of the time goes into estimates */
#define LEARNED_DECAY 64               /* what is learned is mostly of the last so many ends */
#define LEARNED_MIN 8                  /* before so many, limits are taken for what they say */
#define LEARNED_TIME_MAX_US (INT64_C(366) * 86400 * 1000000)

/* --- what is learned ----------------------------------------------------------------------------- */

void estimate_learn(struct platform *platform, const struct attempt *attempt)
{
	struct observed *observed = platform->observed;
	int64_t limit_us = attempt->demand->time_limit_us, time_us = attempt->ended_us - attempt->started_us;

	if (attempt->outcome != OUTCOME_SUCCEEDED && attempt->outcome != OUTCOME_TIMED_OUT)
		return;
	if (limit_us <= 0 || limit_us > LEARNED_TIME_MAX_US || attempt->started_us <= 0 || time_us < 0)
		return;
	if (time_us > limit_us || attempt->outcome == OUTCOME_TIMED_OUT)
		time_us = limit_us;
	observed->learned_time_us += time_us - observed->learned_time_us / LEARNED_DECAY;
	observed->learned_limit_us += limit_us - observed->learned_limit_us / LEARNED_DECAY;
	if (observed->learned_count < LEARNED_MIN)
		observed->learned_count++;
}

int64_t estimate_time_permille(const struct platform *platform)
{
	const struct observed *observed = platform->observed;
	int64_t permille;

	if (observed->learned_count < LEARNED_MIN)
		return 1000;
	permille = (int64_t)((__int128)observed->learned_time_us * 1000 / observed->learned_limit_us);
	return permille < 1 ? 1 : permille > 1000 ? 1000 : permille;
}

/* --- reading ------------------------------------------------------------------------------------- */

static int64_t behind_us(const struct queue *queue, size_t place)
{
	size_t behind = place < queue->estimate_count ? 1 : place - queue->estimate_count + 1;
	int64_t more_us, start_us;

	if (queue->estimate_last_us < 0)
		return FORECAST_UNKNOWN;
	if (__builtin_mul_overflow((int64_t)behind, queue->estimate_step_us, &more_us) ||
	    __builtin_add_overflow(queue->estimate_last_us, more_us, &start_us))
		return FORECAST_UNKNOWN;
	return start_us;
}

static int64_t replica_estimate(const struct platform *platform, const struct demand *demand, uint32_t replica)
{
	const struct queue *queue = demand->queue;

	if (demand->replicas[replica].place != REPLICA_QUEUED)
		return 0;
	if (demand->replicas[replica].estimate_us != 0)
		return demand->replicas[replica].estimate_us;
	if (queue->estimate_run == 0 || queue->estimate_run != platform->observed->estimate_runs)
		return 0;
	return behind_us(queue, queue_older(queue, demand_order(demand, replica)));
}

int64_t estimate_of(const struct platform *platform, const struct demand *demand)
{
	int64_t best_us = 0;
	int asked = 0;

	for (uint32_t r = 0; r < demand->replica_count && asked < ESTIMATE_REPLICAS_MAX; r++) {
		int64_t us = replica_estimate(platform, demand, r);

		asked += us != 0;
		if (us > 0 ? best_us <= 0 || us < best_us : us < 0 && best_us == 0)
			best_us = us;
	}
	return best_us;
}

/* --- the forecast -------------------------------------------------------------------------------- */

struct estimating {
	struct platform *platform;
	int64_t now_us;
	struct queue **queues; /* those played first */
	size_t queue_count, played;
	struct match_input input;
	size_t *queue_of;
	struct forecast forecast;
	int64_t last_us;  /* the last start that the play saw */
	size_t known;     /* starts that it knows */
};

static int compare_turns(const void *left, const void *right)
{
	const struct queue *a = *(struct queue *const *)left, *b = *(struct queue *const *)right;
	uint64_t order_a = a->entries[a->head].order, order_b = b->entries[b->head].order;

	if (a->class->priority != b->class->priority)
		return a->class->priority > b->class->priority ? -1 : 1;
	return (order_a > order_b) - (order_a < order_b);
}

/* Gives the entries that are in it. */
static size_t make_input(struct estimating *estimating, struct arena *arena)
{
	size_t most, entries = 0;
	bool all;

	estimating->queues = queues_choose(estimating->platform, true, arena, &estimating->queue_count, &all);
	estimating->played = estimating->queue_count < ESTIMATE_QUEUES_MAX ? estimating->queue_count : ESTIMATE_QUEUES_MAX;
	if (estimating->played < estimating->queue_count)
		qsort(estimating->queues, estimating->queue_count, sizeof(*estimating->queues), compare_turns);
	most = ESTIMATE_ENTRIES_MAX / estimating->played;
	match_input_make(estimating->platform, estimating->queues, estimating->played, most, estimating->now_us, arena, &estimating->input,
			 &estimating->queue_of);
	for (size_t s = 0; s < estimating->input.stream_count; s++) {
		struct match_stream *stream = (struct match_stream *)&estimating->input.streams[s];

		if (stream->entry_count > most) /* those with deadlines come all */
			stream->entry_count = most;
		entries += stream->entry_count;
	}
	return entries;
}

static void tell_replica(const struct platform *platform, const struct match_entry *entry, int64_t start_us)
{
	struct replica *replica = &demand_find(platform, entry->demand)->replicas[entry->replica];

	replica->estimate_us = start_us;
	if (start_us > 0 && replica->predicted_us == 0)
		replica->predicted_us = start_us;
}

static void tell_played(struct estimating *estimating)
{
	uint64_t run = estimating->platform->observed->estimate_runs;

	for (size_t s = 0; s < estimating->input.stream_count; s++) {
		const struct match_stream *stream = &estimating->input.streams[s];
		struct queue *queue = estimating->queues[estimating->queue_of[s]];

		if (queue->estimate_run != run) {
			queue->estimate_run = run;
			queue->estimate_count = 0;
			queue->estimate_last_us = 0;
		}
		queue->estimate_count += stream->entry_count;
		for (size_t e = 0; e < stream->entry_count; e++) {
			int64_t start_us = estimating->forecast.start_us[s][e];

			tell_replica(estimating->platform, &stream->entries[e], start_us);
			if (start_us < 0 || queue->estimate_last_us < 0)
				queue->estimate_last_us = FORECAST_UNKNOWN;
			else if (start_us > queue->estimate_last_us)
				queue->estimate_last_us = start_us;
			estimating->known += start_us > 0;
			if (start_us > estimating->last_us)
				estimating->last_us = start_us;
		}
		if (queue->estimate_last_us > 0)
			queue->estimate_step_us = (queue->estimate_last_us - estimating->now_us) / (int64_t)queue->estimate_count;
	}
}

/* The queues that were left out go on where the play ended, one after the other, as fast as it went. */
static void tell_left_out(struct estimating *estimating)
{
	int64_t step_us = estimating->known ? (estimating->last_us - estimating->now_us) / (int64_t)estimating->known : 0;
	int64_t last_us = estimating->known ? estimating->last_us : FORECAST_UNKNOWN;

	for (size_t q = estimating->played; q < estimating->queue_count; q++) {
		struct queue *queue = estimating->queues[q];

		queue->estimate_run = estimating->platform->observed->estimate_runs;
		queue->estimate_count = 0;
		queue->estimate_last_us = last_us;
		queue->estimate_step_us = step_us;
		if (last_us >= 0)
			last_us = behind_us(queue, queue_length(queue) - 1);
	}
}

/* First estimates of those behind the ones that were played. */
static void foretell(struct estimating *estimating, size_t *room)
{
	for (size_t q = 0; q < estimating->queue_count && *room > 0; q++) {
		struct queue *queue = estimating->queues[q];
		size_t place = queue_older(queue, queue->foretold + 1);

		if (queue->estimate_last_us < 0)
			continue;
		if (place < queue->estimate_count && !queue->dated)
			place = queue->estimate_count;
		for (; *room > 0 && queue->head + place < queue->end; place++) {
			const struct match_entry *entry = &queue->entries[queue->head + place];
			struct replica *replica;

			queue->foretold = entry->demand ? entry->order : queue->foretold;
			replica = entry->demand ? &demand_find(estimating->platform, entry->demand)->replicas[entry->replica] : NULL;
			if (!replica || replica->predicted_us != 0)
				continue;
			replica->predicted_us = behind_us(queue, place);
			--*room;
		}
	}
}

/* What a forecast costs, in nanoseconds, as measured on one core of a common machine: per work and entry, per queue and step, in which
 * each queue hears of the sites where something ended, and per queue to choose from. */
static int64_t cost_ns(const struct estimating *estimating, size_t entries)
{
	const struct platform *platform = estimating->platform;
	int64_t works = 0, ending;

	for (size_t s = 0; s < platform->site_count; s++)
		works += (int64_t)platform->sites[s]->attempt_count;
	ending = works / 32 < (int64_t)platform->site_count ? works / 32 : (int64_t)platform->site_count;
	return works * 150 + (int64_t)entries * 1000 +
	       (int64_t)(estimating->forecast.steps * estimating->input.stream_count) * (4000 + ending * 20) +
	       (int64_t)estimating->queue_count * 200;
}

bool platform_estimates_wanted(const struct platform *platform, int64_t now_us)
{
	const struct observed *observed = platform->observed;

	/* What the next round places needs no estimate. */
	return platform->active_count > 0 && now_us >= observed->estimate_next_us && !observed->arrived;
}

void platform_observe_estimates(struct platform *platform, int64_t now_us)
{
	struct forecast_settings settings = { .time_permille = estimate_time_permille(platform), .placements_max = ESTIMATE_ENTRIES_MAX,
					      .steps_max = ESTIMATE_STEPS_MAX };
	struct estimating estimating = { .platform = platform, .now_us = now_us };
	size_t room = ESTIMATE_FORETOLD_MAX, entries;
	cleanup_arena struct arena arena = { 0 };
	int64_t pause_us;

	if (platform->active_count == 0)
		return;
	arena_init(&arena);
	entries = make_input(&estimating, &arena);
	match_forecast(&estimating.input, &settings, &arena, &estimating.forecast);
	platform->observed->estimate_runs++;
	tell_played(&estimating);
	tell_left_out(&estimating);
	foretell(&estimating, &room);
	pause_us = cost_ns(&estimating, entries) / 1000 * ESTIMATE_PART;
	platform->observed->estimate_next_us = now_us + (pause_us > ESTIMATE_EVERY_US ? pause_us : ESTIMATE_EVERY_US);
}
