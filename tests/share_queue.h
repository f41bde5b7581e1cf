/* A simulated queue under overload, for fair shares: tenants who always have jobs of random size and time, and a supply that they
 * fill. Used by tests/unit/test_shares.c and bench/fairness.c. Everything from one seed; what was used is measured in doubles. */
#ifndef TESTS_SHARE_QUEUE_H
#define TESTS_SHARE_QUEUE_H

#include "base/rng.h"
#include "match/shares.h"

#define QUEUE_TENANTS_MAX 16

struct queue_tenant {
	const char *name;
	struct amounts unit;           /* a job is 1 to `units_max` of these */
	int64_t units_max;
	int64_t time_min_us, time_max_us; /* log-uniform */
	int64_t from_us;               /* it has nothing before */
	/* the queue's own */
	uint32_t number;
	struct amounts next;           /* the job at its head */
	int64_t next_time_us;
	double used[3];                /* amount-microseconds since the last share_queue_measure() */
	int64_t held[3];
};

struct queue_job {
	int64_t ends_us;
	uint32_t tenant; /* index */
	struct amounts amounts;
};

struct share_queue {
	struct shares *shares; /* the caller's; it may be exchanged between runs */
	struct amounts supply;
	struct queue_tenant tenants[QUEUE_TENANTS_MAX];
	size_t tenant_count;
	struct rng rng;
	int64_t now_us, measured_us;
	int64_t free[3];
	struct queue_job *jobs; /* a heap, the next to end on top */
	size_t job_count, job_capacity;
	uint64_t picks;
};

/* `shares`, `supply` and the tenants are set. */
void share_queue_init(struct share_queue *queue, uint64_t seed);
void share_queue_done(struct share_queue *queue);
/* Runs until that moment: jobs end, and a round gives what is free to whoever comes next, until its job does not fit. */
void share_queue_run(struct share_queue *queue, int64_t until_us);
/* The dominant share of the supply that each tenant used since the last call, in tenants' order. */
void share_queue_measure(struct share_queue *queue, double *ret_shares);
/* Charges to the shares (new ones) what is held, at the moment `at_us`. */
void share_queue_charge_again(struct share_queue *queue, int64_t at_us);

#endif
