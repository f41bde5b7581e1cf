/* The insides of a replay, for replay*.c only. */
#ifndef WEIR_SIM_REPLAY_PRIVATE_H
#define WEIR_SIM_REPLAY_PRIVATE_H

#include "sim/replay.h"

struct replay_end {
	int64_t at_us;
	struct match_work *work; /* owned; its slots lie behind it */
};

/* Entries of one class, one tenant and one band of time limits, by age. */
struct replay_stream {
	uint32_t ask, tenant, band;
	struct match_entry *entries;
	size_t head, count, capacity; /* [head, count) are queued */
	size_t place;                 /* among the active ones, from 1; 0: empty */
};

struct engine {
	const struct replay_trace *trace;
	const struct replay_settings *settings;
	const struct policy_spec *policy; /* with the trace's own tenants */
	struct replay *ret;
	struct matcher *matcher;
	struct shares *shares;
	struct supply *supplies; /* all free: the books hold what is used */
	size_t site_count;
	struct topology *topology;
	struct rule_context context;
	uint32_t *classes;       /* per ask */
	struct amounts *amounts; /* per ask, of one job */
	uint32_t *tenants;       /* per tenant of the trace: its number in the shares */
	struct replay_end *ends;
	size_t end_count, end_capacity;
	struct replay_stream **streams;
	size_t stream_count, stream_capacity;
	uint32_t *table; /* of streams by their key: number plus 1, 0 free */
	size_t table_size;
	struct replay_stream **active;
	size_t active_count, active_capacity;
	size_t queued, done, next;
	int64_t now_us, used_milli;
	int64_t sample_every_us, sample_next_us;
	int64_t limits_s, ran_s; /* sums over what ended lately: how much of its limit work takes */
	size_t predicted, predict_next; /* jobs that were there at the last forecast; with how many the next is made */
};

/* --- replay_queue.c --- */
void replay_queue_add(struct engine *engine, size_t job);
void replay_queue_remove(struct engine *engine, size_t job);
size_t replay_queue_length(const struct engine *engine);
/* The queue as a round wants it; the arena's, valid until the queue changes. */
void replay_queue_input(struct engine *engine, struct arena *arena, struct match_input *ret);
void replay_queue_done(struct engine *engine);

/* --- replay_watch.c --- */
void replay_samples_open(struct engine *engine, struct arena *arena);
void replay_samples_pass(struct engine *engine, int64_t now_us);
void replay_samples_end(struct engine *engine);
/* The job ran to its end. */
void replay_learn_time(struct engine *engine, const struct replay_job *job);
/* Now and then foretells the start of what was submitted since the last time and waits. */
void replay_predict(struct engine *engine);

#endif
