#include "engine/records.h"

#include "base/mem.h"

static const char *const end_cause_words[END_CAUSE_COUNT] = {
	"exited", "signaled", "timed-out", "stopped", "lease-expired", "not-started", "abandoned", "machine",
};
STRING_TABLE_DEFINE(enum end_cause, end_cause, END_CAUSE_COUNT);

static const struct field cgroup_fields[] = {
	FIELD(FIELD_STRING, struct cgroup_place, path, "path", 1),
	FIELD(FIELD_INTEGER, struct cgroup_place, controls, "controls", 2),
	FIELD(FIELD_BOOL, struct cgroup_place, unified, "unified", 3),
};
static const struct schema cgroup_schema = SCHEMA("cgroup", struct cgroup_place, cgroup_fields);

static const struct field user_fields[] = {
	FIELD(FIELD_STRING, struct user_record, name, "name", 1),
	FIELD(FIELD_STRING, struct user_record, home, "home", 2),
	FIELD(FIELD_INTEGER, struct user_record, uid, "uid", 3),
	FIELD(FIELD_INTEGER, struct user_record, gid, "gid", 4),
};
static const struct schema user_schema = SCHEMA("user", struct user_record, user_fields);

static const struct field worker_fields[] = {
	FIELD(FIELD_INTEGER, struct worker_record, index, "index", 1),
	FIELD_LIST_OF(FIELD_STRING, struct worker_record, environment, environment_count, "environment", 2),
};
static const struct schema worker_schema = SCHEMA("worker", struct worker_record, worker_fields);

static const struct field spec_fields[] = {
	FIELD(FIELD_STRING, struct spec_record, life, "life", 1),
	FIELD(FIELD_U64, struct spec_record, demand, "demand", 2),
	FIELD(FIELD_INTEGER, struct spec_record, replica, "replica", 3),
	FIELD(FIELD_INTEGER, struct spec_record, attempt, "attempt", 4),
	FIELD(FIELD_U64, struct spec_record, token, "token", 5),
	FIELD_LIST_OF(FIELD_STRING, struct spec_record, command, command_count, "command", 6),
	FIELD_LIST_OF(FIELD_STRING, struct spec_record, environment, environment_count, "environment", 7),
	FIELD(FIELD_STRING, struct spec_record, working_folder, "working_folder", 8),
	FIELD(FIELD_INTEGER, struct spec_record, cpu_milli, "cpu_milli", 9),
	FIELD(FIELD_INTEGER, struct spec_record, memory_mib, "memory_mib", 10),
	FIELD(FIELD_INTEGER, struct spec_record, time_limit_us, "time_limit_us", 11),
	FIELD(FIELD_INTEGER, struct spec_record, grace_us, "grace_us", 12),
	FIELD(FIELD_INTEGER, struct spec_record, lease_until_us, "lease_until_us", 13),
	FIELD(FIELD_INTEGER, struct spec_record, log_bytes_max, "log_bytes_max", 14),
	FIELD(FIELD_POINTER, struct spec_record, user, "user", 15, .schema = &user_schema),
	FIELD_LIST_OF(FIELD_OBJECT, struct spec_record, cgroups, cgroup_count, "cgroups", 16, .schema = &cgroup_schema),
	FIELD(FIELD_STRING, struct spec_record, cgroup_name, "cgroup_name", 17),
	FIELD_LIST_OF(FIELD_OBJECT, struct spec_record, workers, worker_count, "workers", 18, .schema = &worker_schema),
};
const struct schema spec_record_schema = SCHEMA("spec", struct spec_record, spec_fields);

static const struct field stop_fields[] = {
	FIELD(FIELD_INTEGER, struct stop_record, kill_at_us, "kill_at_us", 1),
};
const struct schema stop_record_schema = SCHEMA("stop", struct stop_record, stop_fields);

static const struct field lease_fields[] = {
	FIELD(FIELD_STRING, struct lease_record, life, "life", 1),
	FIELD(FIELD_INTEGER, struct lease_record, until_us, "until_us", 2),
};
const struct schema lease_record_schema = SCHEMA("lease", struct lease_record, lease_fields);

static const struct field started_fields[] = {
	FIELD(FIELD_INTEGER, struct started_record, started_us, "started_us", 1),
};
const struct schema started_record_schema = SCHEMA("started", struct started_record, started_fields);

static const struct field result_fields[] = {
	FIELD(FIELD_ENUM, struct result_record, cause, "cause", 1, .table = &end_cause_table),
	FIELD(FIELD_INTEGER, struct result_record, exit_code, "exit_code", 2),
	FIELD(FIELD_INTEGER, struct result_record, exit_signal, "exit_signal", 3),
	FIELD(FIELD_STRING, struct result_record, message, "message", 4),
	FIELD(FIELD_INTEGER, struct result_record, decided_us, "decided_us", 5),
	FIELD(FIELD_INTEGER, struct result_record, started_us, "started_us", 6),
	FIELD(FIELD_INTEGER, struct result_record, ended_us, "ended_us", 7),
	FIELD(FIELD_INTEGER, struct result_record, cpu_used_us, "cpu_used_us", 8),
	FIELD(FIELD_INTEGER, struct result_record, memory_peak_mib, "memory_peak_mib", 9),
};
const struct schema result_record_schema = SCHEMA("result", struct result_record, result_fields);

int record_save(int folder, const char *path, const struct schema *schema, const void *record, bool durable)
{
	cleanup_strbuf struct strbuf bytes = { 0 };

	schema_encode(schema, record, &bytes);
	return record_write(folder, path, &bytes, 0600, durable);
}

int record_load(int folder, const char *path, const struct schema *schema, struct arena *arena, void *ret)
{
	cleanup_strbuf struct strbuf bytes = { 0 };
	int code = record_read(folder, path, RECORD_BYTES_MAX, &bytes);

	return code < 0 ? code : schema_decode(schema, strbuf_text(&bytes), bytes.length, arena, ret, NULL);
}
