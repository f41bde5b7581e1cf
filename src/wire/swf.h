/* Traces of clusters in the Standard Workload Format: one job a line, 18 numbers, -1 where a value is not known, and comments
 * before them that say where it was recorded (Chapin et al., "Benchmarks and Standards for the Evaluation of Parallel Job
 * Schedulers", JSSPP 1999; version 2.2 as the Parallel Workloads Archive keeps it).
 *
 * Text to records, nothing else: what a value means for a simulation is the caller's to say. The first fault ends the reading,
 * with its line, the field and what was expected: a trace is one table made by a program, and its second fault is the first again.
 */
#ifndef WEIR_WIRE_SWF_H
#define WEIR_WIRE_SWF_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define SWF_FIELDS 18
#define SWF_JOBS_MAX 10000000
#define SWF_LINE_MAX 4096                    /* bytes of one line */
#define SWF_NAMES_MAX 100000                 /* partitions, or queues, that the comments name */
#define SWF_VALUE_MAX INT64_C(1000000000000) /* of any field; seconds up to it are microseconds in 64 bits */

/* One line, in its order. -1: not known. A fraction, which some traces have in fields 3 to 10, is dropped. */
struct swf_job {
	int64_t number;
	int64_t submit_s; /* after the trace's start */
	int64_t wait_s;
	int64_t run_s;
	int64_t processors_used;
	int64_t cpu_s;           /* of each processor */
	int64_t memory_used_kib; /* of each processor */
	int64_t processors_asked;
	int64_t time_asked_s;
	int64_t memory_asked_kib; /* of each processor */
	int64_t status;           /* 0 failed, 1 completed, 5 cancelled; 2 to 4 parts of one that was checkpointed */
	int64_t user;
	int64_t group;
	int64_t program;
	int64_t queue;
	int64_t partition;
	int64_t after; /* number of the job that this one waited for */
	int64_t think_s; /* between that one's end and this one's submission */
};
_Static_assert(sizeof(struct swf_job) == SWF_FIELDS * sizeof(int64_t), "a job is its fields");

/* ";Partition: 3 grid.example" */
struct swf_name {
	int64_t number;
	const char *name;
};

/* What the comments say, as far as it is of use. Texts are "" and numbers -1 where they say nothing. */
struct swf_header {
	const char *computer;
	const char *installation;
	int64_t unix_start_s;
	int64_t processors_max;
	int64_t nodes_max;
	struct swf_name *partitions;
	size_t partition_count;
	struct swf_name *queues;
	size_t queue_count;
};

struct swf {
	struct swf_header header;
	struct swf_job *jobs; /* in the order of the file */
	size_t job_count;
};

/* Everything is the arena's; `text` is not kept. 0; -EINVAL: not a trace, with line, field and what was expected; -E2BIG:
 * beyond a limit above. O(length). */
int swf_read(const char *text, size_t length, struct arena *arena, struct swf *ret, struct err *err);

/* The name of partition `number` in the comments, or NULL. O(partitions). */
const char *swf_partition_name(const struct swf *swf, int64_t number);

#endif
