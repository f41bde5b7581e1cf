/* The parts of the local engine: local.c (the vtable and the loop), local_start.c (how an attempt comes to
 * be), local_attempt.c (what became of it). What outlives the process lies in the folder:
 *
 *   lock                 held by the agent that has the engine open
 *   lease, events        until when attempts may run; FIFO by which supervisors say that there is news
 *   making/KEY           an attempt that is being written; means nothing
 *   attempts/KEY         an attempt: spec, perhaps stop
 *   attempts/KEY/W       a worker: lock, started, result, out.N, err.N, progress, work/
 *   trash/               what was forgotten, until it is removed
 */
#ifndef WEIR_ENGINE_LOCAL_H
#define WEIR_ENGINE_LOCAL_H

#include <uv.h>

#include "engine/attempt_key.h"
#include "engine/discover.h"
#include "engine/environment.h"
#include "engine/records.h"

#define PATH_BYTES 4096
#define LOCAL_NOTES_MAX 16
#define LOCAL_WORKERS_MAX 4096 /* of one attempt on one machine */

struct local_worker {
	uint32_t index;
	pid_t supervisor; /* started in this life and not reaped yet; 0 none */
	bool started;
	bool ended;
	struct result_record result; /* when ended; the message is the heap's */
	int64_t started_us;
	int32_t progress_permille; /* -1 unknown */
};

struct local_attempt {
	struct weir_attempt_status status;
	char name[KEY_NAME_BYTES]; /* of its folder */
	bool this_life;		   /* of the machine */
	int64_t grace_us;
	int64_t kill_at_us; /* of the stop that was asked for; INT64_MAX none */
	struct local_worker *workers;
	size_t worker_count;
};

struct local_engine {
	struct weir_engine base;
	struct arena arena; /* for as long as the engine is open */
	char *folder;	    /* absolute */
	char *shim;
	char life[LIFE_SIZE];
	int folder_fd, attempts_fd, lock_fd, events_fd;
	int64_t log_bytes_max;
	int64_t lease_until_us;
	struct environment_place place;
	struct discovery discovery;
	struct user_record *user; /* NULL: as the agent */
	const char *user_name, *user_home;
	struct cgroup_place *cgroups;
	size_t cgroup_count;
	const char *notes[LOCAL_NOTES_MAX];
	size_t note_count;
	struct local_attempt **attempts; /* sorted by key */
	size_t attempt_count, attempt_capacity;
	struct weir_attempt_status *statuses; /* of the last listing */
	size_t status_capacity;
	pid_t *orphans; /* supervisors of forgotten attempts, to be reaped */
	size_t orphan_count, orphan_capacity;
	uint64_t forgotten;
	uv_timer_t glance, news;
	uv_poll_t events;
	unsigned handles; /* still open */
	void (*changed)(void *context);
	void *context;
};

/* local.c */
void local_news(struct local_engine *engine);  /* the agent is told on the loop's next turn */
void local_hurry(struct local_engine *engine); /* looks again soon, not only after a second */
void local_add(struct local_engine *engine, struct local_attempt *attempt);
void local_remove(struct local_engine *engine, struct local_attempt *attempt);
struct local_attempt *local_find(struct local_engine *engine, const struct weir_attempt_key *key);

/* local_start.c */
int local_start(struct weir_engine *base, const struct weir_start *start, char *message, size_t message_size);
int worker_spawn(struct local_engine *engine, const struct local_attempt *attempt, struct local_worker *worker);
struct local_attempt *attempt_new(const struct weir_attempt_key *key, uint64_t token, size_t worker_count);
void local_attempt_free(struct local_attempt *attempt);

/* local_attempt.c */
/* From its folder. Never fails: what cannot be read is listed as lost. */
struct local_attempt *attempt_load(struct local_engine *engine, const char *name);
/* Looks at all of its workers, or at one, and brings the status up to date. */
void attempt_look(struct local_engine *engine, struct local_attempt *attempt);
void attempt_stop(struct local_engine *engine, struct local_attempt *attempt, int64_t grace_us);
/* Writes a worker's result in its supervisor's stead, unless one lives after all. */
void worker_settle(struct local_engine *engine, const struct local_attempt *attempt, struct local_worker *worker, enum end_cause cause,
		   const char *message);

#endif
