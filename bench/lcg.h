/* Jobs of a trace on many sites (bench/lcg.c): what the policies share.
 *
 * Capacity of a site: a quarter of its peak concurrency in the trace, rounded up, with each job starting when it was submitted; at a same
 * second ends come before starts. Never less than its widest job. A group may run wherever the trace has it run. What ends and
 * what is submitted at one second is seen together by what is decided then: ends, submissions, decisions.
 */
#ifndef WEIR_BENCH_LCG_H
#define WEIR_BENCH_LCG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "wire/swf.h"

struct lcg_job {
	int64_t submit_s, run_s;
	int64_t asked_s; /* what a scheduler sees of the run time */
	uint32_t slots;
	uint32_t site;  /* where it ran */
	uint32_t group;
	uint32_t user;  /* of the group: numbered over all groups */
	int64_t start_s; /* filled by a policy */
};

struct lcg {
	struct lcg_job *jobs; /* by submission; as the trace has them where that is equal */
	size_t job_count;
	uint32_t *capacity;   /* of each site, in slots */
	size_t site_count;
	bool *may_run;        /* [group * site_count + site] */
	size_t group_count, user_count;
	uint32_t *user_group; /* of each user */
	uint64_t slots;       /* of all sites */
	size_t left_out;      /* jobs without a run time, a size or a site */
};

/* `divisor` 4: the quarter. */
void lcg_load(const struct swf *swf, int64_t divisor, struct arena *arena, struct lcg *ret);

/* Queues of their own at each site, first come first served with EASY backfill (Lifka, JSSPP 1995), each job where it ran. */
void lcg_home(struct lcg *lcg);
/* The same, but each job goes, when it is submitted, to the site of its group at which it would start first by what runs and waits there
 * and the times asked for: what `sbatch -M` does. It stays there. */
void lcg_earliest(struct lcg *lcg);
/* One queue over all slots as if they were one site, for every group: the bound. */
void lcg_pooled(struct lcg *lcg);
/* weir's matcher: one queue, decided round by round, under the group constraints. The policy of examples/policies/grid.yaml: order
 * `short`, a weight on scarcity, a half-life of a day. */
void lcg_weir(struct lcg *lcg);
/* The same by fair share and age, weir's default. */
void lcg_weir_age(struct lcg *lcg);

#endif
