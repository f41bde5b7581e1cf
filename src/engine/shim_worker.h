/* The parts of a supervisor: shim.c watches over the worker's life, shim_worker.c begins it and writes its end. */
#ifndef WEIR_ENGINE_SHIM_WORKER_H
#define WEIR_ENGINE_SHIM_WORKER_H

#include "engine/cgroup.h"
#include "engine/processes.h"
#include "engine/records.h"
#include "engine/segments.h"

struct shim {
	const char *folder; /* the worker's, and this process's own */
	struct arena arena;
	struct spec_record spec;
	const struct worker_record *worker;
	char *cgroup_name;
	int64_t limits; /* CGROUP_* in force */
	int lock;
	int signals;	 /* signalfd */
	int control;	 /* FIFO: something to look at */
	int exec_status; /* pipe from the child until it executes */
	int outputs[2];
	struct segment_writer logs[2];
	pid_t pid;
	bool exited;
	int status; /* of the first process, as wait gives it */
	bool decided;
	bool killed;
	int64_t kill_at_us; /* these three: CLOCK_BOOTTIME */
	int64_t time_limit_at_us;
	int64_t lease_until_us;
	struct result_record result;
};

enum exec_step { EXEC_FOLDER, EXEC_USER, EXEC_COMMAND };

/* What the child writes when it cannot execute the command. */
struct exec_failure {
	int32_t step; /* enum exec_step */
	int32_t error;
};

/* Reads the spec and finds the worker in it. */
int shim_load(struct shim *shim);
/* Makes folders, groups and pipes, and starts the command. -1 with errno. */
int shim_spawn(struct shim *shim);
void shim_describe_failure(struct shim *shim, const struct exec_failure *failure);
/* Tells the agent, if there is one, that there is something new here. */
void shim_poke_engine(const struct shim *shim);
/* CPU time, memory, and whether want of memory was the reason. */
void shim_count(struct shim *shim);
/* Writes the result. */
int shim_finish(struct shim *shim);

#endif
