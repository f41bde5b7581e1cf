/* What the local engine and its supervisors tell each other, each a small file in the binary form of
 * wire/schema.h, written whole and renamed into place:
 *
 *   attempts/KEY/spec      what to run: by the engine, before the folder gets its name
 *   attempts/KEY/stop      by when it must be over: by the engine
 *   attempts/KEY/W/started when the command ran: by the supervisor of worker W
 *   attempts/KEY/W/result  what became of it: by the supervisor, or by the engine if that one died
 *   lease                  until when attempts may run: by the engine
 */
#ifndef WEIR_ENGINE_RECORDS_H
#define WEIR_ENGINE_RECORDS_H

#include "engine/folder.h"
#include "wire/schema.h"

#define RECORD_BYTES_MAX (64u << 20) /* of a spec: a gang's environments are the most of it */

/* A folder below which workers get a cgroup of their own. */
struct cgroup_place {
	const char *path;
	int64_t controls; /* CGROUP_*, of engine/cgroup.h */
	bool unified;	  /* cgroup v2 */
};

/* The unprivileged user that runs the command. */
struct user_record {
	const char *name;
	const char *home;
	int64_t uid;
	int64_t gid;
};

struct worker_record {
	int64_t index;
	const char **environment; /* NAME=value, on top of the attempt's */
	size_t environment_count;
};

struct spec_record {
	const char *life; /* of the machine: engine_life() */
	uint64_t demand;
	int64_t replica;
	int64_t attempt;
	uint64_t token;
	const char **command;
	size_t command_count;
	const char **environment;
	size_t environment_count;
	const char *working_folder; /* "": the worker's own */
	int64_t cpu_milli;	    /* limits of each worker; 0 none */
	int64_t memory_mib;
	int64_t time_limit_us;
	int64_t grace_us;
	int64_t lease_until_us;
	int64_t log_bytes_max;
	struct user_record *user; /* NULL: as the engine */
	struct cgroup_place *cgroups;
	size_t cgroup_count;
	const char *cgroup_name; /* of the attempt's cgroups; the worker's number follows */
	struct worker_record *workers;
	size_t worker_count;
};

struct stop_record {
	int64_t kill_at_us; /* CLOCK_BOOTTIME: force from then on, the polite signal at once */
};

struct lease_record {
	const char *life;
	int64_t until_us; /* CLOCK_BOOTTIME */
};

struct started_record {
	int64_t started_us; /* Unix time */
};

enum end_cause {
	END_EXITED, /* by itself */
	END_SIGNALED,
	END_TIMED_OUT,
	END_STOPPED, /* as it was told */
	END_LEASE_EXPIRED,
	END_NOT_STARTED, /* there was no such program, user, folder */
	END_ABANDONED,	 /* its supervisor was killed */
	END_MACHINE,	 /* the machine restarted, or told the supervisor to end */
	END_CAUSE_COUNT,
};
STRING_TABLE_DECLARE(enum end_cause, end_cause);

struct result_record {
	enum end_cause cause;
	int64_t exit_code;   /* -1 none */
	int64_t exit_signal; /* 0 none */
	const char *message;
	int64_t decided_us; /* Unix time at which the cause was there */
	int64_t started_us; /* 0 never */
	int64_t ended_us;
	int64_t cpu_used_us;	 /* -1 unknown */
	int64_t memory_peak_mib; /* -1 unknown */
};

extern const struct schema spec_record_schema, stop_record_schema, lease_record_schema, started_record_schema, result_record_schema;

int record_save(int folder, const char *path, const struct schema *schema, const void *record, bool durable);
/* Strings and lists are the arena's. -ENOENT, or -EINVAL for bytes that are no such record. */
int record_load(int folder, const char *path, const struct schema *schema, struct arena *arena, void *ret);

#endif
