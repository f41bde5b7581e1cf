#include "wire/sync.h"

#include "model/name.h"
#include "wire/files.h"

static const char *const attempt_state_words[] = { "assigned", "starting", "running", "stopping", "ended" };
STRING_TABLE_DEFINE(enum attempt_state, attempt_state, ATTEMPT_STATE_COUNT);

static const char *const outcome_words[] = { "none", "succeeded", "failed", "timed-out", "stopped", "lost", "refused" };
STRING_TABLE_DEFINE(enum outcome, outcome, OUTCOME_COUNT);

#define MESSAGE_TEXT_MAX 1000 /* bytes of a sentence from the other side */
#define NODE_NAME_MAX 128     /* "group/3" */
#define REPLICA_LIMITS .minimum = 0, .maximum = DEMAND_WORKERS_MAX
#define ATTEMPT_LIMITS .minimum = 1, .maximum = UINT32_MAX
#define TIME_LIMITS .minimum = 0, .maximum = INT64_MAX
#define OFFSET_LIMITS .minimum = 0, .maximum = INT64_C(1000000000000000) /* so that a length can be added */

#define TYPE struct attempt_report
static const struct field attempt_report_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 1, .flags = FIELD_REQUIRED),
	FIELD(FIELD_INTEGER, TYPE, replica, "replica", 2, REPLICA_LIMITS),
	FIELD(FIELD_INTEGER, TYPE, attempt, "attempt", 3, ATTEMPT_LIMITS, .flags = FIELD_REQUIRED),
	FIELD(FIELD_U64, TYPE, token, "token", 4, .flags = FIELD_REQUIRED),
	FIELD(FIELD_ENUM, TYPE, state, "state", 5, .table = &attempt_state_table, .flags = FIELD_REQUIRED),
	FIELD(FIELD_ENUM, TYPE, outcome, "outcome", 6, .table = &outcome_table),
	FIELD(FIELD_INTEGER, TYPE, exit_code, "exit_code", 7, .fallback = -1, .minimum = -1, .maximum = INT32_MAX),
	FIELD(FIELD_INTEGER, TYPE, exit_signal, "exit_signal", 8, .minimum = 0, .maximum = 255),
	FIELD(FIELD_INTEGER, TYPE, failed_worker, "failed_worker", 9, .fallback = -1, .minimum = -1, .maximum = DEMAND_WORKERS_MAX),
	FIELD(FIELD_STRING, TYPE, message, "message", 10, .maximum = MESSAGE_TEXT_MAX),
	FIELD(FIELD_INTEGER, TYPE, started_us, "started_us", 11, TIME_LIMITS),
	FIELD(FIELD_INTEGER, TYPE, ended_us, "ended_us", 12, TIME_LIMITS),
	FIELD(FIELD_INTEGER, TYPE, progress_permille, "progress_permille", 13, .fallback = -1, .minimum = -1, .maximum = 1000),
	FIELD(FIELD_INTEGER, TYPE, cpu_used_us, "cpu_used_us", 14, .fallback = -1, .minimum = -1, .maximum = INT64_MAX),
	FIELD(FIELD_INTEGER, TYPE, memory_peak_mib, "memory_peak_mib", 15, .fallback = -1, .minimum = -1, .maximum = INT64_MAX),
};
const struct schema attempt_report_schema = SCHEMA("attempt", TYPE, attempt_report_fields);
#undef TYPE

#define TYPE struct sync_request
static const struct field sync_request_fields[] = {
	FIELD(FIELD_INTEGER, TYPE, version, "version", 1, .flags = FIELD_REQUIRED, .minimum = 0, .maximum = 1000000),
	FIELD(FIELD_STRING, TYPE, site, "site", 2, .flags = FIELD_REQUIRED, .maximum = NAME_MAX_LENGTH, .check = name_check),
	FIELD(FIELD_U64, TYPE, epoch, "epoch", 3, .flags = FIELD_REQUIRED),
	FIELD(FIELD_U64, TYPE, sequence, "sequence", 4, .flags = FIELD_REQUIRED),
	FIELD(FIELD_STRING, TYPE, agent, "agent", 5, .maximum = 100),
	FIELD(FIELD_ENUM, TYPE, engine, "engine", 6, .table = &engine_kind_table),
	FIELD(FIELD_U64, TYPE, heard_epoch, "heard_epoch", 7),
	FIELD(FIELD_U64, TYPE, heard_revision, "heard_revision", 8),
	FIELD(FIELD_INTEGER, TYPE, wait_us, "wait_us", 9, TIME_LIMITS),
	FIELD(FIELD_U64, TYPE, supply_hash, "supply_hash", 10),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, groups, group_count, "groups", 11, .schema = &node_group_schema, .maximum = SITE_GROUPS_MAX,
		      .flags = FIELD_PRESENCE, .present_offset = offsetof(TYPE, has_groups)),
	FIELD_LIST_OF(FIELD_STRING, TYPE, notes, note_count, "notes", 12, .maximum = SYNC_NOTES_MAX, .element_maximum = MESSAGE_TEXT_MAX),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, attempts, attempt_count, "attempts", 13, .schema = &attempt_report_schema,
		      .maximum = SYNC_ATTEMPTS_MAX),
};
const struct schema sync_request_schema = SCHEMA("sync", TYPE, sync_request_fields);
#undef TYPE

#define TYPE struct worker_slot
static const struct field worker_slot_fields[] = {
	FIELD(FIELD_INTEGER, TYPE, worker, "worker", 1, .minimum = 0, .maximum = DEMAND_WORKERS_MAX),
	FIELD(FIELD_STRING, TYPE, node, "node", 2, .maximum = NODE_NAME_MAX),
	FIELD(FIELD_STRING, TYPE, chip_model, "chip_model", 3, .maximum = NAME_MAX_LENGTH),
	FIELD_LIST_OF(FIELD_INTEGER, TYPE, chips, chip_count, "chips", 4, .maximum = NODE_CHIPS_MAX, .element_minimum = 0,
		      .element_maximum = NODE_CHIPS_MAX - 1),
	FIELD(FIELD_INTEGER, TYPE, chip_milli, "chip_milli", 5, .minimum = 0, .maximum = CHIP_MILLI),
};
const struct schema worker_slot_schema = SCHEMA("worker", TYPE, worker_slot_fields);
#undef TYPE

#define TYPE struct sync_run
static const struct field sync_run_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 1, .flags = FIELD_REQUIRED),
	FIELD(FIELD_INTEGER, TYPE, replica, "replica", 2, REPLICA_LIMITS),
	FIELD(FIELD_INTEGER, TYPE, attempt, "attempt", 3, ATTEMPT_LIMITS, .flags = FIELD_REQUIRED),
	FIELD(FIELD_U64, TYPE, token, "token", 4, .flags = FIELD_REQUIRED),
	FIELD(FIELD_POINTER, TYPE, spec, "spec", 5, .schema = &demand_schema),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, workers, worker_count, "workers", 6, .schema = &worker_slot_schema,
		      .maximum = DEMAND_WORKERS_MAX),
};
static const struct schema sync_run_schema = SCHEMA("run", TYPE, sync_run_fields);
#undef TYPE

#define TYPE struct attempt_name
static const struct field attempt_name_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 1, .flags = FIELD_REQUIRED),
	FIELD(FIELD_INTEGER, TYPE, replica, "replica", 2, REPLICA_LIMITS),
	FIELD(FIELD_INTEGER, TYPE, attempt, "attempt", 3, ATTEMPT_LIMITS, .flags = FIELD_REQUIRED),
};
static const struct schema attempt_name_schema = SCHEMA("attempt name", TYPE, attempt_name_fields);
#undef TYPE

#define TYPE struct log_watch
static const struct field log_watch_fields[] = {
	FIELD(FIELD_U64, TYPE, watch, "watch", 1, .flags = FIELD_REQUIRED),
	FIELD(FIELD_ID, TYPE, demand, "demand", 2, .flags = FIELD_REQUIRED),
	FIELD(FIELD_INTEGER, TYPE, replica, "replica", 3, REPLICA_LIMITS),
	FIELD(FIELD_INTEGER, TYPE, attempt, "attempt", 4, ATTEMPT_LIMITS, .flags = FIELD_REQUIRED),
	FIELD(FIELD_INTEGER, TYPE, worker, "worker", 5, .minimum = 0, .maximum = DEMAND_WORKERS_MAX),
	FIELD(FIELD_INTEGER, TYPE, stream, "stream", 6, .fallback = 1, .minimum = 1, .maximum = 2),
	FIELD(FIELD_INTEGER, TYPE, offset, "offset", 7, OFFSET_LIMITS),
};
static const struct schema log_watch_schema = SCHEMA("watch", TYPE, log_watch_fields);
#undef TYPE

#define TYPE struct sync_reply
static const struct field sync_reply_fields[] = {
	FIELD(FIELD_INTEGER, TYPE, version, "version", 1, .flags = FIELD_REQUIRED, .minimum = 0, .maximum = 1000000),
	FIELD(FIELD_STRING, TYPE, platform, "platform", 2, .maximum = 200),
	FIELD(FIELD_U64, TYPE, epoch, "epoch", 3, .flags = FIELD_REQUIRED),
	FIELD(FIELD_U64, TYPE, revision, "revision", 4, .flags = FIELD_REQUIRED),
	FIELD(FIELD_BOOL, TYPE, want_supply, "want_supply", 5),
	FIELD(FIELD_BOOL, TYPE, more, "more", 6),
	FIELD(FIELD_INTEGER, TYPE, lease_us, "lease_us", 7, TIME_LIMITS),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, run, run_count, "run", 8, .schema = &sync_run_schema, .maximum = SYNC_ATTEMPTS_MAX),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, forget, forget_count, "forget", 9, .schema = &attempt_name_schema, .maximum = SYNC_ATTEMPTS_MAX),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, watches, watch_count, "watches", 10, .schema = &log_watch_schema, .maximum = 10000),
};
const struct schema sync_reply_schema = SCHEMA("sync reply", TYPE, sync_reply_fields);
#undef TYPE

#define TYPE struct sync_log
static const struct field sync_log_fields[] = {
	FIELD(FIELD_STRING, TYPE, site, "site", 1, .flags = FIELD_REQUIRED, .maximum = NAME_MAX_LENGTH, .check = name_check),
	FIELD(FIELD_U64, TYPE, watch, "watch", 2, .flags = FIELD_REQUIRED),
	FIELD(FIELD_INTEGER, TYPE, offset, "offset", 3, OFFSET_LIMITS),
	FIELD(FIELD_INTEGER, TYPE, first, "first", 4, OFFSET_LIMITS),
	FIELD(FIELD_BOOL, TYPE, end, "end", 5),
	FIELD(FIELD_BYTES, TYPE, data, "data", 6),
	FIELD(FIELD_STRING, TYPE, message, "message", 7, .maximum = MESSAGE_TEXT_MAX),
};
const struct schema sync_log_schema = SCHEMA("log part", TYPE, sync_log_fields);
#undef TYPE
