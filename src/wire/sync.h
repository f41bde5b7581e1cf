/* The messages of POST /v1/sync, the one protocol between a child (agent) and its platform.
 *
 * Level-triggered: the request says what is, the reply says what should be. A lost, repeated or late
 * message changes nothing: the next one says it all again. `version` is the protocol's; a reader skips
 * keys that it doesn't know and refuses only a version below SYNC_VERSION_MIN.
 */
#ifndef WEIR_WIRE_SYNC_H
#define WEIR_WIRE_SYNC_H

#include "model/demand.h"
#include "model/network.h"
#include "model/supply.h"
#include "wire/schema.h"

#define SYNC_VERSION 1
#define SYNC_VERSION_MIN 1
#define SYNC_MESSAGE_MAX (16u << 20) /* bytes of one message */
#define SYNC_ATTEMPTS_MAX 100000     /* attempts of one site */
#define SYNC_STARTS_MAX 256          /* demands' texts in one reply; the rest follow in the next */
#define SYNC_NOTES_MAX 32

enum attempt_state { ATTEMPT_ASSIGNED, ATTEMPT_STARTING, ATTEMPT_RUNNING, ATTEMPT_STOPPING, ATTEMPT_ENDED, ATTEMPT_STATE_COUNT };
STRING_TABLE_DECLARE(enum attempt_state, attempt_state);

enum outcome {
	OUTCOME_NONE, OUTCOME_SUCCEEDED, OUTCOME_FAILED, OUTCOME_TIMED_OUT, OUTCOME_STOPPED, /* as it was told */
	OUTCOME_LOST,    /* the site was lost, the lease ran out, or the engine can't tell: another attempt may follow */
	OUTCOME_REFUSED, /* the agent could not take it: another attempt may follow */
	OUTCOME_COUNT
};
STRING_TABLE_DECLARE(enum outcome, outcome);

/* What an agent reports of one attempt. */
struct attempt_report {
	uint64_t demand;
	int64_t replica;
	int64_t attempt;
	uint64_t token;
	enum attempt_state state;
	enum outcome outcome;
	int64_t exit_code;     /* -1 none */
	int64_t exit_signal;   /* 0 none */
	int64_t failed_worker; /* -1 none */
	const char *message;
	int64_t started_us; /* Unix time, 0 not yet */
	int64_t ended_us;
	int64_t progress_permille; /* -1 unknown */
	int64_t cpu_used_us;       /* -1 unknown */
	int64_t memory_peak_mib;   /* -1 unknown */
};

struct sync_request {
	int64_t version;
	const char *site;
	uint64_t epoch;    /* of the agent's life: greater for each later one */
	uint64_t sequence; /* counts up within an epoch; older ones are answered but not believed */
	const char *agent; /* version of the program */
	enum engine_kind engine;
	uint64_t heard_epoch;    /* of the last reply that was acted on; 0 none */
	uint64_t heard_revision;
	int64_t wait_us;  /* the reply may be held as long; 0 at once */
	uint64_t supply_hash; /* of the groups; the groups themselves when they changed or the platform asked */
	struct node_group *groups;
	size_t group_count;
	bool has_groups;
	const char **notes; /* what the machine lacks */
	size_t note_count;
	struct attempt_report *attempts; /* every attempt that the site knows */
	size_t attempt_count;
};

struct worker_slot {
	int64_t worker;
	const char *node; /* "group/3" */
	const char *chip_model;
	int64_t *chips; /* numbers of the node's chips */
	size_t chip_count;
	int64_t chip_milli;
};

/* An attempt that should exist. `spec` and `workers` only when the agent did not report it. */
struct sync_run {
	uint64_t demand;
	int64_t replica;
	int64_t attempt;
	uint64_t token;
	struct demand_spec *spec;
	struct worker_slot *workers;
	size_t worker_count;
};

struct attempt_name {
	uint64_t demand;
	int64_t replica;
	int64_t attempt;
};

/* Output that somebody waits for: answered by POST /v1/sync/logs as it comes, until the watch is gone from the replies. */
struct log_watch {
	uint64_t watch;
	uint64_t demand;
	int64_t replica;
	int64_t attempt;
	int64_t worker;
	int64_t stream; /* 1, 2 */
	int64_t offset; /* from where */
};

struct sync_reply {
	int64_t version;
	const char *platform;
	uint64_t epoch;    /* of the platform's life */
	uint64_t revision; /* of what this site should do */
	bool want_supply;
	bool more;         /* texts were left out: sync again at once */
	int64_t lease_us;  /* from the sending of the request on */
	struct sync_run *run; /* exactly what should exist: the agent stops the others */
	size_t run_count;
	struct attempt_name *forget; /* ended, and recorded: the agent may drop them */
	size_t forget_count;
	struct log_watch *watches;
	size_t watch_count;
};

struct sync_log {
	const char *site;
	uint64_t watch;
	int64_t offset; /* of the first byte of `data` */
	int64_t first;  /* oldest offset that is still kept */
	bool end;       /* the worker ended and this is all of it */
	struct bytes data;
	const char *message; /* why there is nothing, "" */
};

extern const struct schema attempt_report_schema, worker_slot_schema, sync_request_schema, sync_reply_schema, sync_log_schema;

#endif
