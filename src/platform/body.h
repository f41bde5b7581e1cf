/* The bodies of the events, one struct a type; their schemas are in event.c.
 *
 * A body carries everything that apply needs: what was decided is never worked out again. Sites are
 * named, since their numbers change with the network; groups of a site are numbered as in its supply.
 * Network and catalogue are the model's own structs.
 */
#ifndef WEIR_PLATFORM_BODY_H
#define WEIR_PLATFORM_BODY_H

#include "platform/event.h"
#include "platform/view.h"

struct opened_body {
	uint64_t epoch;
};

struct token_body {
	const char *name;
	enum role role;
	const char *tenant;
	const char *site;
	int64_t created_us;
	struct bytes hash; /* 32 bytes; never shown */
};

struct token_revoked_body {
	const char *name;
};

/* What a demand, or all members of an array, wait for. */
struct edge_body {
	uint64_t target; /* a demand; when `whole`, the first member of an array */
	bool whole;
	enum after_when when;
	enum edge_state state; /* in snapshots */
};

struct hold_body {
	const char *array; /* its name; "": a single demand that waits for others */
	int64_t count, at_once;
	struct edge_body *edges;
	size_t edge_count;
	int64_t ended, failed; /* in snapshots */
};

/* `ask` and `spec` are the binary forms of ask_schema and of demand_schema (without the ask): apply and
 * replay keep them as they are and look into an ask only the first time they see it. */
struct accepted_body {
	uint64_t demand;
	const char *name;
	const char *tenant;
	int64_t attempts_max;
	enum on_site_loss on_site_loss;
	struct bytes ask;
	struct bytes spec;
	const char *key;   /* idempotency key, "tenant/key", on the first of a batch; "" none */
	uint64_t key_hash; /* of what was asked for */
	int64_t key_count; /* demands of the batch, whose ids follow each other by id_next() */
	uint64_t array;    /* id of the array's first member; 0: none */
	int64_t index;     /* in it */
	struct hold_body *hold; /* on the first member, and on a single demand that waits for others; NULL none */
	int64_t time_limit_us;  /* 0 none */
	int64_t deadline_us;    /* 0 none */
};

struct expired_body {
	uint64_t demand;
};

struct released_body {
	uint64_t demand;
};

struct cancelled_body {
	uint64_t demand;
	const char *by;
};

struct slot_body {
	int64_t worker, group, node;
	uint64_t chips;
	int64_t chip_milli;
};

struct placed_body {
	uint64_t demand;
	int64_t replica;
	int64_t attempt;
	uint64_t token;
	const char *site;
	struct slot_body *slots;
	size_t slot_count;
	int64_t policy_version, candidates, score_micro;
	int64_t predicted_start_us; /* what was foretold when a round first saw the replica; 0 nothing */
	const char *second_site; /* the second best of those that had room; "" none was found */
	int64_t second_score_micro;
	bool backfilled, borrowed; /* see match/match.h */
};

struct changed_body {
	uint64_t demand;
	int64_t replica;
	int64_t attempt;
	const char *site;
	enum attempt_state state;
	int64_t started_us;
	uint64_t report_epoch, report_sequence; /* of the sync that said so */
};

struct preempted_body {
	uint64_t demand;
	int64_t replica;
	int64_t attempt;
	const char *site;
	uint64_t by;    /* the demand that it makes room for; 0 none in particular */
	bool reclaimed; /* its tenant had borrowed what another's quota is sure of */
};

/* What becomes of the replica after its attempt. */
enum next_step {
	NEXT_NOTHING, /* the demand ends, or is being cancelled */
	NEXT_QUEUE,   /* back into the queue at once */
	NEXT_WAIT,    /* back into the queue at ready_us, by a demand-ready event */
	NEXT_COUNT
};
STRING_TABLE_DECLARE(enum next_step, next_step);

struct attempt_ended_body {
	uint64_t demand;
	int64_t replica;
	int64_t attempt;
	const char *site;
	enum outcome outcome;
	int64_t exit_code, exit_signal, failed_worker;
	const char *message;
	int64_t started_us, ended_us;
	int64_t cpu_used_us, memory_peak_mib;
	enum next_step next;
	int64_t ready_us;
	int64_t failures; /* of the replica, in a row, this one included */
};

struct demand_ended_body {
	uint64_t demand;
	enum demand_state state;
	int64_t exit_code;
	const char *message;
};

struct ready_body {
	uint64_t demand;
	int64_t replica;
};

struct supply_body {
	const char *site;
	uint64_t hash;
	uint64_t epoch, sequence; /* of the sync that said so */
	struct node_group *groups;
	size_t group_count;
};

struct condition_body {
	const char *site;
	enum site_condition condition;
	uint64_t epoch; /* of the agent */
	const char *cause;
};

struct drained_body {
	const char *site;
	const char *by;
	const char *reason;
};

struct undrained_body {
	const char *site;
	const char *by;
};

extern const struct schema slot_body_schema, hold_body_schema;

#endif
