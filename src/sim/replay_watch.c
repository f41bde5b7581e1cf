/* What is watched while a trace is replayed: the length of the queue and the use over time, and, now and then, what the platform
 * would have foretold. */
#include "match/forecast.h"
#include "sim/replay_private.h"

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

void replay_predict(struct engine *engine)
{
}
