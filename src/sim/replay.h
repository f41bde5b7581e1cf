/* A trace in simulated time: the queue, the fair shares and the matcher of the platform, with the clock of the trace.
 *
 * What happens at one moment is seen together by what is decided then: ends first, then submissions, then rounds until one changes
 * nothing. Nothing else moves time, so the same trace gives the same result, bit for bit, on any machine. The rounds are
 * match_round() over the books of matcher.h and the accounts of shares.h, as the platform makes them; what is left out is what a
 * platform has around them: agents that start late, sites that fail, leases.
 *
 * A second implementation of the queue for speed was rejected: a replay is worth what it shares with the real thing.
 */
#ifndef WEIR_SIM_REPLAY_H
#define WEIR_SIM_REPLAY_H

#include "base/arena.h"
#include "base/err.h"
#include "match/match.h"
#include "model/network.h"

#define REPLAY_JOBS_MAX 10000000
#define REPLAY_TENANTS_MAX 100000

/* One thing that is placed: a job, or one replica of a service. */
struct replay_job {
	int64_t submit_us;
	int64_t run_us;   /* how long it really runs */
	int64_t limit_us; /* what the matcher is told: at least run_us; 0: not known */
	int64_t deadline_us; /* absolute; 0 none */
	uint32_t replica;
	uint32_t ask;    /* index */
	uint32_t tenant; /* index */
};

struct replay_tenant {
	const char *name;   /* unique */
	const char *parent; /* "" : the root, unless the policy names the tenant */
};

struct replay_trace {
	const struct ask *const *asks; /* distinct; `simulated`, as all sites are */
	size_t ask_count;
	const struct replay_tenant *tenants;
	size_t tenant_count;
	const struct replay_job *jobs; /* by submission */
	size_t job_count;
};

struct replay_outcome {
	int64_t start_us;     /* of its last start; -1: never */
	int64_t predicted_us; /* the start that was foretold soon after its submission; -1: nothing was */
	uint32_t site;
	uint32_t preempted; /* times */
	bool backfilled;
};

/* The state at some moments, for drawing. */
struct replay_sample {
	int64_t at_us;
	int64_t queued;    /* jobs */
	int64_t used_milli; /* of the main resource: chips if the network has any, else cores */
};

struct replay_settings {
	const struct network_spec *network;
	const struct catalogue *catalogue; /* may be empty */
	const struct policy_spec *policy;
	size_t predictions_max; /* forecasts that are made over the trace; 0: none */
	/* Told now and then how far it is; NULL none. */
	void (*progress)(void *context, size_t done, size_t all, int64_t now_us);
	void *context;
};

struct replay {
	struct replay_outcome *outcomes; /* one per job */
	struct replay_sample *samples;   /* evenly spread, REPLAY_SAMPLES_MAX at most */
	size_t sample_count;
	int64_t begin_us, end_us;        /* the first submission and the last end */
	size_t rounds, preemptions, backfilled, never; /* never: jobs that were not started */
	bool by_chips;                   /* the main resource */
	int64_t capacity_milli;          /* of it */
	__int128 used_milli_us;          /* integral over time */
};

#define REPLAY_SAMPLES_MAX 2000

/* Everything in `ret` is the arena's. `trace` holds to its limits and orders, or it aborts. */
void replay_run(const struct replay_trace *trace, const struct replay_settings *settings, struct arena *arena, struct replay *ret);

#endif
