/* The engine plug-in interface: what a site's agent needs from the local system that runs attempts.
 *
 * An engine knows attempts, each named by (demand, replica, attempt). It is level-triggered: the agent
 * says what should exist, the engine says what is. Every call is quick; slow work goes on in the
 * background and shows in the next `attempts` listing. `changed` is called, from the loop's thread,
 * whenever a listing would differ.
 *
 * Contract (tests/contract/engine.c runs it against each engine):
 *   E1  start() of an attempt that exists, in whatever state, does nothing and returns 0: it never runs twice.
 *   E2  stop() is idempotent, also for unknown attempts: grace, then force. The outcome is WEIR_STOPPED,
 *       unless the attempt had already ended.
 *   E3  an attempt that ended stays listed, with its outcome, until forget().
 *   E4  after close() and open() on the same folder, also after a kill -9 between them, every attempt that
 *       was started is listed again: running ones as running, ended ones with their outcome.
 *   E5  a running attempt whose lease passed without lease() is stopped by the engine itself, also when the
 *       agent is dead, and ends as WEIR_LEASE_EXPIRED.
 *   E6  output is kept whole up to the bound given in the settings; older parts go first.
 */
#ifndef WEIR_ENGINE_H
#define WEIR_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_ENGINE_ABI 2

struct weir_attempt_key {
	uint64_t demand;
	uint32_t replica; /* of a service; 0 for a job */
	uint32_t attempt; /* from 1 */
};

/* One worker of the attempt: where it runs and on which chips. */
struct weir_worker {
	uint32_t index;
	const char *node;  /* "group/3" */
	const char *chip_model; /* "" without chips */
	uint64_t chips;    /* bit i: chip i of the node */
	int64_t chip_milli; /* per chip: 1000, or the share of the one chip */
};

struct weir_variable {
	const char *name;
	const char *value;
};

/* What to run. Borrowed for the call. */
struct weir_start {
	struct weir_attempt_key key;
	uint64_t token; /* fencing token; greater for each later attempt */
	const char *name;
	const char *const *command;
	size_t command_count;
	const struct weir_variable *environment;
	size_t environment_count;
	const char *working_folder;
	int64_t cpu_milli; /* per worker; for limits */
	int64_t memory_mib;
	int64_t time_limit_us; /* 0: none */
	int64_t grace_us;
	const struct weir_worker *workers;
	size_t worker_count;
	int64_t workers_total; /* of the demand: WEIR_WORKERS */
	bool simulated;
	int64_t simulate_duration_us;
	int64_t simulate_exit_code;
	int64_t lease_until_us; /* on the clock of CLOCK_BOOTTIME; E5 */
};

enum weir_attempt_state { WEIR_STARTING, WEIR_RUNNING, WEIR_STOPPING, WEIR_ENDED };

enum weir_outcome {
	WEIR_SUCCEEDED,     /* every worker exited with 0 */
	WEIR_FAILED,        /* a worker exited otherwise, by a signal, or could not be started; the others are stopped */
	WEIR_TIMED_OUT,
	WEIR_STOPPED,
	WEIR_LEASE_EXPIRED,
	WEIR_ENGINE_LOST,   /* the engine cannot tell what became of it */
};

struct weir_attempt_status {
	struct weir_attempt_key key;
	uint64_t token;
	enum weir_attempt_state state;
	enum weir_outcome outcome;   /* when ended */
	int32_t exit_code;           /* of the first worker that failed; 0 when all succeeded; -1 none */
	int32_t exit_signal;         /* likewise; 0 none */
	int32_t failed_worker;       /* -1 none */
	char message[200];           /* for a person: why it could not start, which limit was hit; "" none */
	int64_t started_us;          /* Unix time; 0 not yet */
	int64_t ended_us;
	int32_t progress_permille;   /* -1 unknown; simulated engines know, others once the job writes it to $WEIR_PROGRESS */
	int64_t cpu_used_us;         /* -1 unknown */
	int64_t memory_peak_mib;     /* -1 unknown */
};

/* Nodes alike that the engine offers. */
struct weir_supply_group {
	const char *name;
	int64_t count;
	int64_t cpu_milli;
	int64_t memory_mib;
	const char *const *chip_models; /* one entry per model */
	const int64_t *chip_counts;
	size_t chip_model_count;
	const char *const *resource_names; /* what else is counted in each node */
	const int64_t *resource_counts;
	size_t resource_count;
};

struct weir_engine_settings {
	const char *site, *tier, *region;
	const char *folder;          /* the engine's own; made if missing, mode 0700 */
	const char *run_as;          /* user to run attempts as when root; "" : as the agent */
	int64_t log_bytes_max;       /* per worker and stream */
	const struct weir_supply_group *groups; /* told; NULL: find out */
	size_t group_count;
	const char *shim;            /* path of the program that has the `shim` subcommand */
	void *loop;                  /* uv_loop_t * */
	void (*changed)(void *context);
	void *context;
};

struct weir_engine;

struct weir_engine_ops {
	uint32_t abi; /* WEIR_ENGINE_ABI */
	const char *name;
	/* 0 or a negative errno with a sentence in `message`. */
	int (*open)(const struct weir_engine_settings *settings, struct weir_engine **ret, char *message, size_t message_size);
	void (*close)(struct weir_engine *engine); /* leaves what runs running */
	/* What the site offers, and sentences about what the machine lacks ("no cgroup: memory limits are not enforced"). Borrowed until the next call. */
	void (*supply)(struct weir_engine *engine, const struct weir_supply_group **ret_groups, size_t *ret_count, const char *const **ret_notes,
		       size_t *ret_note_count);
	int (*start)(struct weir_engine *engine, const struct weir_start *start, char *message, size_t message_size);
	int (*stop)(struct weir_engine *engine, const struct weir_attempt_key *key, int64_t grace_us);
	int (*lease)(struct weir_engine *engine, int64_t until_us); /* CLOCK_BOOTTIME; for every attempt */
	/* All attempts, sorted by key. Borrowed until the next call into the engine or turn of the loop. */
	void (*attempts)(struct weir_engine *engine, const struct weir_attempt_status **ret, size_t *ret_count);
	/* Output from byte `offset` of a worker's stream (1 standard output, 2 standard error), at most `size` bytes. Gives the count, 0 at the
	 * present end, -ENOENT; *ret_first is the oldest offset kept (reading starts there when `offset` is older). */
	int64_t (*read_log)(struct weir_engine *engine, const struct weir_attempt_key *key, uint32_t worker, int stream, int64_t offset, void *buffer,
			    size_t size, int64_t *ret_first);
	int (*forget)(struct weir_engine *engine, const struct weir_attempt_key *key); /* -EBUSY while it runs */
};

struct weir_engine {
	const struct weir_engine_ops *ops;
};

extern const struct weir_engine_ops weir_engine_local;
extern const struct weir_engine_ops weir_engine_simulated;

#endif
