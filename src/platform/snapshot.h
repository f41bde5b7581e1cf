/* The records of a snapshot, in their order: platform, network, catalogue, policy, tokens by name, sites by name,
 * demands by id, keys by age, accounts. Numbers of types and fields are never reused, as in the log. */
#ifndef WEIR_PLATFORM_SNAPSHOT_H
#define WEIR_PLATFORM_SNAPSHOT_H

#include "platform/body.h"

enum snapshot_type {
	SNAP_PLATFORM = EVENT_SNAP_FIRST,
	SNAP_NETWORK,
	SNAP_CATALOGUE,
	SNAP_TOKEN,
	SNAP_SITE,
	SNAP_DEMAND,
	SNAP_KEY,
	SNAP_POLICY,
	SNAP_SHARES,
	SNAP_END, /* no record */
};

struct snap_platform {
	uint64_t epoch, last_id, last_token;
	struct tallies tallies;
};

struct snap_site {
	const char *name;
	enum site_condition condition;
	int64_t condition_since_us;
	uint64_t agent_epoch;
	bool draining;
	const char *drain_by, *drain_reason;
	bool has_supply;
	uint64_t supply_hash, supply_epoch, supply_sequence;
	struct node_group *groups;
	size_t group_count;
};

struct snap_attempt {
	int64_t replica, number;
	uint64_t token;
	const char *site;
	enum attempt_state state;
	enum outcome outcome;
	int64_t exit_code, exit_signal, failed_worker;
	const char *message;
	int64_t placed_us, started_us, ended_us;
	uint64_t placed_sequence, started_sequence, ended_sequence;
	uint64_t report_epoch, report_sequence;
	int64_t policy_version, candidates, score_micro;
	uint64_t preempted_by, preempted_sequence;
	int64_t preempted_us;
	bool reclaimed;
	int64_t predicted_start_us;
	const char *second_site;
	int64_t second_score_micro;
	bool backfilled, borrowed;
	int64_t cpu_used_us, memory_peak_mib;
	struct slot_body *slots;
	size_t slot_count;
};

/* Replicas that are other than queued for their first attempt. */
struct snap_replica {
	int64_t replica;
	int64_t ready_us;
	int64_t attempts, losses, failures;
	int64_t place; /* enum replica_place; of one that is placed the attempt says it */
};

struct snap_demand {
	uint64_t demand, sequence;
	const char *name, *tenant;
	int64_t attempts_max;
	enum on_site_loss on_site_loss;
	struct bytes ask, spec;
	enum demand_state state;
	bool cancelled, finishing;
	int64_t accepted_us, started_us, ended_us, cancelled_us;
	uint64_t cancelled_sequence, ended_sequence;
	const char *cancelled_by, *message;
	int64_t exit_code;
	struct snap_replica *replicas;
	size_t replica_count;
	struct snap_attempt *current; /* by replica */
	size_t current_count;
	struct snap_attempt *past;    /* newest first */
	size_t past_count;
	uint64_t hold;                /* id of its hold's first member; 0 none */
	int64_t index;                /* in it */
	struct hold_body *hold_body;  /* on the first member that is remembered */
	int64_t time_limit_us, deadline_us;
	bool expired;
};

struct snap_key {
	const char *key;
	uint64_t request_hash, first;
	int64_t count;
};

/* A tenant's account, as shares_export() gives it; by resource: cpu, memory, chips. */
struct account_body {
	const char *name;
	int64_t whole[3], part[3];
};

struct snap_shares {
	int64_t at_us;
	struct account_body *accounts; /* by name */
	size_t account_count;
};

const struct schema *snapshot_schema(uint32_t type); /* NULL unknown */

#endif
