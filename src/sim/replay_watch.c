/* What is watched while a trace is replayed: the length of the queue and the use over time, and, now and then, what the platform
 * would have foretold. */
#include "match/forecast.h"
#include "sim/replay_private.h"

#define TIME_UNIT_US 1000000 /* of the sums over run times */
#define TIME_SUM_MAX (INT64_C(1) << 40)

/* The last submission is known, the last end is not: samples are taken at a distance that is doubled, and every other one is
 * dropped, whenever there are too many. */
void replay_samples_open(struct engine *engine, struct arena *arena)
{
	engine->ret->samples = ARENA_ARRAY(arena, struct replay_sample, REPLAY_SAMPLES_MAX + 1);
	engine->sample_every_us = 1000000;
	engine->sample_next_us = engine->trace->jobs[0].submit_us;
}

static void thin_out(struct replay *replay)
{
	for (size_t i = 0; i * 2 < replay->sample_count; i++)
		replay->samples[i] = replay->samples[i * 2];
	replay->sample_count = (replay->sample_count + 1) / 2;
}

static void take_sample(struct engine *engine, int64_t at_us)
{
	struct replay *ret = engine->ret;

	if (ret->sample_count == REPLAY_SAMPLES_MAX) {
		thin_out(ret);
		engine->sample_every_us *= 2;
	}
	ret->samples[ret->sample_count++] = (struct replay_sample){ at_us, (int64_t)engine->queued, engine->used_milli };
}

void replay_samples_pass(struct engine *engine, int64_t now_us)
{
	while (engine->sample_next_us < now_us) {
		take_sample(engine, engine->sample_next_us);
		engine->sample_next_us = engine->ret->samples[engine->ret->sample_count - 1].at_us + engine->sample_every_us;
	}
}

void replay_samples_end(struct engine *engine)
{
	if (engine->ret->sample_count == REPLAY_SAMPLES_MAX)
		thin_out(engine->ret);
	engine->ret->samples[engine->ret->sample_count++] =
		(struct replay_sample){ engine->now_us, (int64_t)engine->queued, engine->used_milli };
}

/* Of what has ended: how much of its limit work takes. Recent work counts most. */
void replay_learn_time(struct engine *engine, const struct replay_job *job)
{
	if (job->limit_us <= 0)
		return;
	engine->ran_s += job->run_us / TIME_UNIT_US;
	engine->limits_s += job->limit_us / TIME_UNIT_US;
	if (engine->limits_s > TIME_SUM_MAX) {
		engine->ran_s /= 2;
		engine->limits_s /= 2;
	}
}

static int64_t time_permille(const struct engine *engine)
{
	int64_t permille = engine->limits_s > 0 ? engine->ran_s * 1000 / engine->limits_s : 1000;

	return permille < 1 ? 1 : permille > 1000 ? 1000 : permille;
}

/* Evenly over the submissions, for those that came since the last time and still wait. */
void replay_predict(struct engine *engine)
{
	size_t every = engine->settings->predictions_max ? engine->trace->job_count / engine->settings->predictions_max + 1 : 0;
	struct forecast_settings settings = { .time_permille = time_permille(engine) };
	cleanup_arena struct arena arena = { 0 };
	struct match_input input;
	struct forecast forecast;

	if (every == 0 || engine->next < engine->predict_next || engine->queued == 0)
		return;
	replay_queue_input(engine, &arena, &input);
	match_forecast(&input, &settings, &arena, &forecast);
	for (size_t s = 0; s < input.stream_count; s++)
		for (size_t e = 0; e < input.streams[s].entry_count; e++) {
			size_t job = (size_t)input.streams[s].entries[e].demand - 1;

			if (job >= engine->predicted && engine->ret->outcomes[job].predicted_us < 0)
				engine->ret->outcomes[job].predicted_us = forecast.start_us[s][e];
		}
	engine->predicted = engine->next;
	engine->predict_next = engine->next + every;
}
