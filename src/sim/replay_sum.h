/* What a replay comes to: waits, slowdowns, use, fairness, and how true what was foretold was. Integers, so that the same replay gives
 * the same text everywhere. */
#ifndef WEIR_SIM_REPLAY_SUM_H
#define WEIR_SIM_REPLAY_SUM_H

#include "sim/replay.h"

/* Bounded slowdown: max(1, (wait + run) / max(run, bound)) (Feitelson and Rudolph, JSSPP 1998). */
#define SLOWDOWN_BOUND_US INT64_C(10000000)

struct replay_waits {
	size_t count;
	int64_t mean_us, median_us, p95_us, p99_us, most_us;
	int64_t slowdown_milli; /* mean */
};

/* A tenant below the root, with all below it. */
struct replay_tenant_sum {
	const char *name;
	int64_t weight;
	size_t jobs, never;
	int64_t wait_mean_us;
	int64_t used_ppm;     /* of all that was used of the main resource */
	int64_t promised_ppm; /* its weight among the weights of all listed: what it would get if all always had work */
};

struct replay_foretold {
	size_t count;
	int64_t median_error_us; /* of how far off they were, early or late */
	int64_t mean_off_us;     /* actual less foretold: more than 0 is later than foretold */
	size_t within_tenth;     /* off by a tenth of the actual wait at most, or by a minute */
};

struct replay_summary {
	struct replay_waits waits;
	int64_t span_us;        /* from the first submission to the last end */
	int64_t used_permille;  /* of the main resource over the span */
	struct replay_tenant_sum *tenants; /* by name */
	size_t tenant_count;
	struct replay_foretold foretold;
};

void replay_sum(const struct replay_trace *trace, const struct policy_spec *policy, const struct replay *replay, struct arena *arena,
		struct replay_summary *ret);

/* The waits of those that started, sorted, in microseconds; `count` of them. The arena's. */
int64_t *replay_sorted_waits(const struct replay_trace *trace, const struct replay *replay, struct arena *arena, size_t *ret_count);

#endif
