#include "platform/snapshot.h"
#include "wire/files.h"

#define TYPE struct snap_platform
static const struct field platform_fields[] = {
	FIELD(FIELD_U64, TYPE, epoch, "epoch", 1),
	FIELD(FIELD_U64, TYPE, last_id, "last_id", 2),
	FIELD(FIELD_U64, TYPE, last_token, "last_token", 3),
	FIELD(FIELD_U64, TYPE, tallies.preemptions, "preemptions", 4),
	FIELD(FIELD_U64, TYPE, tallies.predictions, "predictions", 5),
	FIELD(FIELD_INTEGER, TYPE, tallies.prediction_error_us, "prediction_error_us", 6),
	FIELD(FIELD_INTEGER, TYPE, tallies.prediction_bias_us, "prediction_bias_us", 7),
};
static const struct schema platform_schema = SCHEMA("platform", TYPE, platform_fields);
#undef TYPE

#define TYPE struct snap_site
static const struct field site_fields[] = {
	FIELD(FIELD_STRING, TYPE, name, "name", 1),
	FIELD(FIELD_ENUM, TYPE, condition, "condition", 2, .table = &site_condition_table),
	FIELD(FIELD_INTEGER, TYPE, condition_since_us, "condition_since_us", 3),
	FIELD(FIELD_U64, TYPE, agent_epoch, "agent_epoch", 4),
	FIELD(FIELD_BOOL, TYPE, draining, "draining", 5),
	FIELD(FIELD_STRING, TYPE, drain_by, "drain_by", 6),
	FIELD(FIELD_STRING, TYPE, drain_reason, "drain_reason", 7),
	FIELD(FIELD_BOOL, TYPE, has_supply, "has_supply", 8),
	FIELD(FIELD_U64, TYPE, supply_hash, "supply_hash", 9),
	FIELD(FIELD_U64, TYPE, supply_epoch, "supply_epoch", 10),
	FIELD(FIELD_U64, TYPE, supply_sequence, "supply_sequence", 11),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, groups, group_count, "groups", 12, .schema = &node_group_schema),
};
static const struct schema site_schema = SCHEMA("site", TYPE, site_fields);
#undef TYPE

#define TYPE struct snap_attempt
static const struct field attempt_fields[] = {
	FIELD(FIELD_INTEGER, TYPE, replica, "replica", 1),
	FIELD(FIELD_INTEGER, TYPE, number, "number", 2),
	FIELD(FIELD_U64, TYPE, token, "token", 3),
	FIELD(FIELD_STRING, TYPE, site, "site", 4),
	FIELD(FIELD_ENUM, TYPE, state, "state", 5, .table = &attempt_state_table),
	FIELD(FIELD_ENUM, TYPE, outcome, "outcome", 6, .table = &outcome_table),
	FIELD(FIELD_INTEGER, TYPE, exit_code, "exit_code", 7, .fallback = -1),
	FIELD(FIELD_INTEGER, TYPE, exit_signal, "exit_signal", 8),
	FIELD(FIELD_INTEGER, TYPE, failed_worker, "failed_worker", 9, .fallback = -1),
	FIELD(FIELD_STRING, TYPE, message, "message", 10),
	FIELD(FIELD_INTEGER, TYPE, placed_us, "placed_us", 11),
	FIELD(FIELD_INTEGER, TYPE, started_us, "started_us", 12),
	FIELD(FIELD_INTEGER, TYPE, ended_us, "ended_us", 13),
	FIELD(FIELD_U64, TYPE, placed_sequence, "placed_sequence", 14),
	FIELD(FIELD_U64, TYPE, started_sequence, "started_sequence", 15),
	FIELD(FIELD_U64, TYPE, ended_sequence, "ended_sequence", 16),
	FIELD(FIELD_U64, TYPE, report_epoch, "report_epoch", 17),
	FIELD(FIELD_U64, TYPE, report_sequence, "report_sequence", 18),
	FIELD(FIELD_INTEGER, TYPE, policy_version, "policy_version", 19),
	FIELD(FIELD_INTEGER, TYPE, candidates, "candidates", 20),
	FIELD(FIELD_INTEGER, TYPE, score_micro, "score_micro", 21),
	FIELD(FIELD_INTEGER, TYPE, cpu_used_us, "cpu_used_us", 22, .fallback = -1),
	FIELD(FIELD_INTEGER, TYPE, memory_peak_mib, "memory_peak_mib", 23, .fallback = -1),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, slots, slot_count, "slots", 24, .schema = &slot_body_schema),
	FIELD(FIELD_ID, TYPE, preempted_by, "preempted_by", 25),
	FIELD(FIELD_U64, TYPE, preempted_sequence, "preempted_sequence", 26),
	FIELD(FIELD_INTEGER, TYPE, preempted_us, "preempted_us", 27),
	FIELD(FIELD_BOOL, TYPE, reclaimed, "reclaimed", 28),
	FIELD(FIELD_INTEGER, TYPE, predicted_start_us, "predicted_start_us", 29),
	FIELD(FIELD_STRING, TYPE, second_site, "second_site", 30),
	FIELD(FIELD_INTEGER, TYPE, second_score_micro, "second_score_micro", 31),
	FIELD(FIELD_BOOL, TYPE, backfilled, "backfilled", 32),
	FIELD(FIELD_BOOL, TYPE, borrowed, "borrowed", 33),
};
static const struct schema attempt_schema = SCHEMA("attempt", TYPE, attempt_fields);
#undef TYPE

#define TYPE struct snap_replica
static const struct field replica_fields[] = {
	FIELD(FIELD_INTEGER, TYPE, replica, "replica", 1),
	FIELD(FIELD_INTEGER, TYPE, ready_us, "ready_us", 2),
	FIELD(FIELD_INTEGER, TYPE, attempts, "attempts", 3),
	FIELD(FIELD_INTEGER, TYPE, losses, "losses", 4),
	FIELD(FIELD_INTEGER, TYPE, failures, "failures", 5),
	FIELD(FIELD_INTEGER, TYPE, place, "place", 6),
};
static const struct schema replica_schema = SCHEMA("replica", TYPE, replica_fields);
#undef TYPE

#define TYPE struct snap_demand
static const struct field demand_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 1),
	FIELD(FIELD_U64, TYPE, sequence, "sequence", 2),
	FIELD(FIELD_STRING, TYPE, name, "name", 3),
	FIELD(FIELD_STRING, TYPE, tenant, "tenant", 4),
	FIELD(FIELD_INTEGER, TYPE, attempts_max, "attempts_max", 5, .fallback = 3),
	FIELD(FIELD_ENUM, TYPE, on_site_loss, "on_site_loss", 6, .table = &on_site_loss_table),
	FIELD(FIELD_BYTES, TYPE, ask, "ask", 7),
	FIELD(FIELD_BYTES, TYPE, spec, "spec", 8),
	FIELD(FIELD_ENUM, TYPE, state, "state", 9, .table = &demand_state_table),
	FIELD(FIELD_BOOL, TYPE, cancelled, "cancelled", 10),
	FIELD(FIELD_BOOL, TYPE, finishing, "finishing", 11),
	FIELD(FIELD_INTEGER, TYPE, accepted_us, "accepted_us", 12),
	FIELD(FIELD_INTEGER, TYPE, started_us, "started_us", 13),
	FIELD(FIELD_INTEGER, TYPE, ended_us, "ended_us", 14),
	FIELD(FIELD_INTEGER, TYPE, cancelled_us, "cancelled_us", 15),
	FIELD(FIELD_U64, TYPE, cancelled_sequence, "cancelled_sequence", 16),
	FIELD(FIELD_U64, TYPE, ended_sequence, "ended_sequence", 17),
	FIELD(FIELD_STRING, TYPE, cancelled_by, "cancelled_by", 18),
	FIELD(FIELD_STRING, TYPE, message, "message", 19),
	FIELD(FIELD_INTEGER, TYPE, exit_code, "exit_code", 20, .fallback = -1),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, replicas, replica_count, "replicas", 21, .schema = &replica_schema),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, current, current_count, "current", 22, .schema = &attempt_schema),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, past, past_count, "past", 23, .schema = &attempt_schema),
	FIELD(FIELD_ID, TYPE, hold, "hold", 24),
	FIELD(FIELD_INTEGER, TYPE, index, "index", 25),
	FIELD(FIELD_POINTER, TYPE, hold_body, "hold_body", 26, .schema = &hold_body_schema),
	FIELD(FIELD_INTEGER, TYPE, time_limit_us, "time_limit_us", 27),
	FIELD(FIELD_INTEGER, TYPE, deadline_us, "deadline_us", 28),
	FIELD(FIELD_BOOL, TYPE, expired, "expired", 29),
};
static const struct schema snap_demand_schema = SCHEMA("demand", TYPE, demand_fields);
#undef TYPE

#define TYPE struct snap_key
static const struct field key_fields[] = {
	FIELD(FIELD_STRING, TYPE, key, "key", 1),
	FIELD(FIELD_U64, TYPE, request_hash, "request_hash", 2),
	FIELD(FIELD_U64, TYPE, first, "first", 3),
	FIELD(FIELD_INTEGER, TYPE, count, "count", 4),
};
static const struct schema key_schema = SCHEMA("key", TYPE, key_fields);
#undef TYPE

#define TYPE struct account_body
static const struct field account_fields[] = {
	FIELD(FIELD_STRING, TYPE, name, "name", 1),
	FIELD(FIELD_INTEGER, TYPE, whole[0], "cpu_whole", 2),
	FIELD(FIELD_INTEGER, TYPE, part[0], "cpu_part", 3),
	FIELD(FIELD_INTEGER, TYPE, whole[1], "memory_whole", 4),
	FIELD(FIELD_INTEGER, TYPE, part[1], "memory_part", 5),
	FIELD(FIELD_INTEGER, TYPE, whole[2], "chip_whole", 6),
	FIELD(FIELD_INTEGER, TYPE, part[2], "chip_part", 7),
};
static const struct schema account_schema = SCHEMA("account", TYPE, account_fields);
#undef TYPE

#define TYPE struct snap_shares
static const struct field shares_fields[] = {
	FIELD(FIELD_INTEGER, TYPE, at_us, "at_us", 1),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, accounts, account_count, "accounts", 2, .schema = &account_schema),
};
static const struct schema shares_schema = SCHEMA("shares", TYPE, shares_fields);
#undef TYPE

const struct schema *snapshot_schema(uint32_t type)
{
	switch (type) {
	case SNAP_PLATFORM:
		return &platform_schema;
	case SNAP_NETWORK:
		return &network_schema;
	case SNAP_CATALOGUE:
		return &catalogue_schema;
	case SNAP_TOKEN:
		return event_schema(EVENT_TOKEN_CREATED);
	case SNAP_SITE:
		return &site_schema;
	case SNAP_DEMAND:
		return &snap_demand_schema;
	case SNAP_KEY:
		return &key_schema;
	case SNAP_POLICY:
		return event_schema(EVENT_POLICY_LOADED);
	case SNAP_SHARES:
		return &shares_schema;
	default:
		return NULL;
	}
}
