/* The views' JSON: keys are the members' names, apart from `operator` and the coordinates. */
#include "platform/view.h"
#include "wire/files.h"

#define INTEGER(member) FIELD(FIELD_INTEGER, TYPE, member, #member, 0)
#define UNKNOWN_INTEGER(member) FIELD(FIELD_INTEGER, TYPE, member, #member, 0, .fallback = -1)
#define TEXT(member) FIELD(FIELD_STRING, TYPE, member, #member, 0)
#define BOOL(member) FIELD(FIELD_BOOL, TYPE, member, #member, 0)
#define U64(member) FIELD(FIELD_U64, TYPE, member, #member, 0)
#define WORD(member, table_) FIELD(FIELD_ENUM, TYPE, member, #member, 0, .table = &table_)

#define TYPE struct placement_view
static const struct field placement_fields[] = {
	INTEGER(replica),
	INTEGER(attempt),
	U64(token),
	TEXT(site),
	WORD(tier, tier_table),
	TEXT(region),
	WORD(engine, engine_kind_table),
	WORD(state, attempt_state_table),
	WORD(outcome, outcome_table),
	UNKNOWN_INTEGER(exit_code),
	INTEGER(exit_signal),
	TEXT(message),
	INTEGER(placed_us),
	INTEGER(started_us),
	INTEGER(ended_us),
	UNKNOWN_INTEGER(progress_permille),
	UNKNOWN_INTEGER(cpu_used_us),
	UNKNOWN_INTEGER(memory_peak_mib),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, workers, worker_count, "workers", 0, .schema = &worker_slot_schema),
	INTEGER(policy_version),
	INTEGER(candidates),
	INTEGER(score_micro),
	BOOL(preempted),
	FIELD(FIELD_ID, TYPE, preempted_by, "preempted_by", 0),
	INTEGER(predicted_start_us),
	TEXT(second_site),
	INTEGER(second_score_micro),
	BOOL(backfilled),
	BOOL(borrowed),
};
const struct schema placement_view_schema = SCHEMA("placement", TYPE, placement_fields);
#undef TYPE

#define TYPE struct after_view
static const struct field after_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 0), TEXT(name), BOOL(array), WORD(when, after_when_table), WORD(state, edge_state_table),
};
static const struct schema after_view_schema = SCHEMA("after", TYPE, after_fields);
#undef TYPE

#define TYPE struct demand_view
#define DEMAND_FIELDS                                                                                                                      \
	FIELD(FIELD_ID, TYPE, id, "id", 0), TEXT(name), TEXT(title), TEXT(tenant), WORD(kind, demand_kind_table),                          \
		WORD(state, demand_state_table), TEXT(reason), INTEGER(priority), INTEGER(workers), INTEGER(running_count),                \
		INTEGER(attempt), INTEGER(accepted_us), INTEGER(started_us), INTEGER(ended_us), UNKNOWN_INTEGER(progress_permille),        \
		UNKNOWN_INTEGER(exit_code), BOOL(simulated), INTEGER(cpu_milli), INTEGER(memory_mib), INTEGER(chip_milli), TEXT(sites),    \
		WORD(expect, expectation_table), FIELD(FIELD_ID, TYPE, array, "array", 0), INTEGER(index), INTEGER(array_count),           \
		INTEGER(deadline_us), INTEGER(estimated_start_us)
static const struct field demand_fields[] = { DEMAND_FIELDS };
const struct schema demand_view_schema = SCHEMA("demand", TYPE, demand_fields);
static const struct field demand_full_fields[] = {
	DEMAND_FIELDS,
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, placements, placement_count, "placements", 0, .schema = &placement_view_schema),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, after, after_count, "after", 0, .schema = &after_view_schema),
	FIELD(FIELD_POINTER, TYPE, spec, "spec", 0, .schema = &demand_schema),
};
const struct schema demand_full_schema = SCHEMA("demand", TYPE, demand_full_fields);
#undef TYPE

#define TYPE struct chip_use
static const struct field chip_use_fields[] = { TEXT(model), INTEGER(count), INTEGER(free) };
static const struct schema chip_use_schema = SCHEMA("chip use", TYPE, chip_use_fields);
#undef TYPE

#define TYPE struct price
#define MONEY(member, key) FIELD(FIELD_QUANTITY, TYPE, member, key, 0, .unit = UNIT_MONEY)
static const struct field price_fields[] = { MONEY(core_hour_micro, "core_hour"), MONEY(gib_hour_micro, "gib_hour"),
					     MONEY(chip_hour_micro, "chip_hour") };
static const struct schema price_view_schema = SCHEMA("price", TYPE, price_fields);
#undef TYPE

#define TYPE struct site_status
#define SITE_FIELDS                                                                                                                        \
	TEXT(name), TEXT(title), WORD(tier, tier_table), TEXT(region), FIELD(FIELD_STRING, TYPE, operator_name, "operator", 0),            \
		FIELD(FIELD_QUANTITY, TYPE, latitude_udeg, "latitude", 0, .unit = UNIT_ANGLE),                                             \
		FIELD(FIELD_QUANTITY, TYPE, longitude_udeg, "longitude", 0, .unit = UNIT_ANGLE), WORD(engine, engine_kind_table),          \
		WORD(condition, site_condition_table), INTEGER(condition_since_us), BOOL(draining), TEXT(drain_reason),                    \
		UNKNOWN_INTEGER(seconds_since_seen), TEXT(agent), INTEGER(nodes), INTEGER(cpu_milli), INTEGER(cpu_free_milli),             \
		INTEGER(memory_mib), INTEGER(memory_free_mib), INTEGER(chips), INTEGER(chips_free),                                        \
		FIELD_LIST_OF(FIELD_OBJECT, TYPE, chip_uses, chip_use_count, "chip_uses", 0, .schema = &chip_use_schema),                  \
		INTEGER(placements), FIELD_LIST_OF(FIELD_STRING, TYPE, notes, note_count, "notes", 0),                                     \
		FIELD(FIELD_OBJECT, TYPE, price, "price", 0, .schema = &price_view_schema)
static const struct field site_fields[] = { SITE_FIELDS };
const struct schema site_status_schema = SCHEMA("site", TYPE, site_fields);
static const struct field site_full_fields[] = {
	SITE_FIELDS,
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, groups, group_count, "groups", 0, .schema = &node_group_schema),
};
const struct schema site_full_schema = SCHEMA("site", TYPE, site_full_fields);
#undef TYPE

#define TYPE struct amounts
static const struct field amounts_fields[] = { INTEGER(cpu_milli), INTEGER(memory_mib), INTEGER(chip_milli) };
static const struct schema amounts_view_schema = SCHEMA("amounts", TYPE, amounts_fields);
#undef TYPE

#define TYPE struct tenant_view
static const struct field tenant_fields[] = {
	TEXT(name),
	TEXT(parent),
	INTEGER(weight),
	FIELD(FIELD_OBJECT, TYPE, held, "held", 0, .schema = &amounts_view_schema),
	FIELD(FIELD_POINTER, TYPE, quota, "quota", 0, .schema = &amounts_view_schema),
	FIELD(FIELD_POINTER, TYPE, limit, "limit", 0, .schema = &amounts_view_schema),
	INTEGER(used_ppm),
	INTEGER(promised_ppm),
	BOOL(borrows),
};
const struct schema tenant_view_schema = SCHEMA("tenant", TYPE, tenant_fields);
#undef TYPE

#define TYPE struct link_view
static const struct field link_fields[] = { TEXT(from), TEXT(to), INTEGER(rtt_us), INTEGER(bandwidth_mbit), INTEGER(price_micro_per_gib) };
const struct schema link_view_schema = SCHEMA("link", TYPE, link_fields);
#undef TYPE

#define TYPE struct tier_summary
static const struct field tier_fields[] = {
	WORD(tier, tier_table), INTEGER(sites),		 INTEGER(sites_up), INTEGER(nodes), INTEGER(cpu_milli), INTEGER(cpu_free_milli),
	INTEGER(memory_mib),	INTEGER(memory_free_mib), INTEGER(chips),	 INTEGER(chips_free),
};
static const struct schema tier_schema = SCHEMA("tier", TYPE, tier_fields);
#undef TYPE

#define TYPE struct chip_summary
static const struct field chip_fields[] = {
	TEXT(model), TEXT(vendor), WORD(origin, origin_table), INTEGER(count), INTEGER(free), INTEGER(waiting),
};
static const struct schema chip_schema = SCHEMA("chip", TYPE, chip_fields);
#undef TYPE

struct state_counts {
	int64_t counts[STATE_COUNT];
};
#define TYPE struct state_counts
#define COUNTED(state, key) FIELD(FIELD_INTEGER, TYPE, counts[state], key, 0)
static const struct field count_fields[] = {
	COUNTED(STATE_PENDING, "pending"),     COUNTED(STATE_PLACED, "placed"), COUNTED(STATE_RUNNING, "running"),
	COUNTED(STATE_STOPPING, "stopping"),   COUNTED(STATE_SUCCEEDED, "succeeded"), COUNTED(STATE_FAILED, "failed"),
	COUNTED(STATE_TIMED_OUT, "timed-out"), COUNTED(STATE_CANCELLED, "cancelled"),
};
_Static_assert(sizeof(count_fields) / sizeof(count_fields[0]) == STATE_COUNT, "each state is counted");
static const struct schema counts_schema = SCHEMA("counts", TYPE, count_fields);
#undef TYPE

#define TYPE struct gap_measure
static const struct field gap_measure_fields[] = {
	INTEGER(measured_us), INTEGER(placed_chip_milli), INTEGER(bound_chip_milli), INTEGER(gap_permille),
	INTEGER(demands),     BOOL(complete),		  BOOL(coarse),
};
static const struct schema gap_measure_schema = SCHEMA("gap", TYPE, gap_measure_fields);
#undef TYPE

#define TYPE struct gap_view
static const struct field gap_fields[] = {
	FIELD(FIELD_OBJECT, TYPE, now, "now", 0, .schema = &gap_measure_schema),
	FIELD(FIELD_POINTER, TYPE, last, "last", 0, .schema = &gap_measure_schema),
};
const struct schema gap_schema = SCHEMA("gap", TYPE, gap_fields);
#undef TYPE

#define TYPE struct summary
static const struct field summary_fields[] = {
	TEXT(name),
	TEXT(network),
	TEXT(title),
	TEXT(note),
	TEXT(version),
	U64(epoch),
	U64(sequence),
	INTEGER(sites),
	INTEGER(sites_up),
	INTEGER(sites_draining),
	INTEGER(sites_simulated),
	INTEGER(chips_domestic),
	INTEGER(chips_foreign),
	FIELD(FIELD_OBJECT, TYPE, demands, "demands", 0, .schema = &counts_schema),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, tiers, tier_count, "tiers", 0, .schema = &tier_schema),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, chips, chip_count, "chips", 0, .schema = &chip_schema),
	FIELD(FIELD_POINTER, TYPE, round, "round", 0, .schema = &gap_measure_schema),
};
const struct schema summary_schema = SCHEMA("summary", TYPE, summary_fields);
#undef TYPE

#define TYPE struct story_line
static const struct field story_fields[] = { U64(sequence), INTEGER(time_us), TEXT(event), TEXT(sentence) };
const struct schema story_line_schema = SCHEMA("story line", TYPE, story_fields);
#undef TYPE

#define TYPE struct why_group
static const struct field why_group_fields[] = {
	WORD(code, verdict_code_table),
	BOOL(never),
	INTEGER(sites),
	TEXT(sentence),
	FIELD_LIST_OF(FIELD_STRING, TYPE, examples, example_count, "examples", 0),
};
static const struct schema why_group_schema = SCHEMA("reason", TYPE, why_group_fields);
#undef TYPE

#define TYPE struct why_ahead
static const struct field why_ahead_fields[] = { TEXT(tenant), INTEGER(count) };
static const struct schema why_ahead_schema = SCHEMA("ahead", TYPE, why_ahead_fields);
#undef TYPE

#define TYPE struct why_step
static const struct field why_step_fields[] = {
	WORD(dimension, relax_dimension_table), TEXT(from), TEXT(to), INTEGER(from_value), INTEGER(to_value),
};
static const struct schema why_step_schema = SCHEMA("step", TYPE, why_step_fields);
#undef TYPE

#define TYPE struct why_change
static const struct field why_change_fields[] = {
	TEXT(sentence),
	TEXT(site),
	INTEGER(given_up),
	INTEGER(stops),
	BOOL(verified),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, steps, step_count, "steps", 0, .schema = &why_step_schema),
};
static const struct schema why_change_schema = SCHEMA("change", TYPE, why_change_fields);
#undef TYPE

#define TYPE struct score
#define PART(member) FIELD(FIELD_INTEGER, TYPE, member, #member "_micro", 0)
static const struct field score_fields[] = {
	PART(price), PART(tier), PART(latency), PART(wait), PART(data), PART(energy), PART(carbon), PART(fragmentation),
};
static const struct schema score_schema = SCHEMA("score", TYPE, score_fields);
#undef PART
#undef TYPE

#define TYPE struct why_placement
static const struct field why_placement_fields[] = {
	INTEGER(replica),
	TEXT(sentence),
	TEXT(site),
	TEXT(second_site),
	INTEGER(score_micro),
	INTEGER(second_score_micro),
	INTEGER(candidates),
	BOOL(backfilled),
	BOOL(borrowed),
	FIELD(FIELD_OBJECT, TYPE, parts, "parts", 0, .schema = &score_schema),
};
static const struct schema why_placement_schema = SCHEMA("placement", TYPE, why_placement_fields);
#undef TYPE

#define TYPE struct why_view
static const struct field why_fields[] = {
	FIELD(FIELD_ID, TYPE, id, "id", 0),
	WORD(state, demand_state_table),
	TEXT(summary),
	BOOL(fits_now),
	BOOL(never),
	INTEGER(ahead),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, ahead_by, ahead_by_count, "ahead_by", 0, .schema = &why_ahead_schema),
	TEXT(start),
	UNKNOWN_INTEGER(start_us),
	INTEGER(reserved_us),
	TEXT(change),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, changes, change_count, "changes", 0, .schema = &why_change_schema),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, groups, group_count, "groups", 0, .schema = &why_group_schema),
	FIELD(FIELD_POINTER, TYPE, placement, "placement", 0, .schema = &why_placement_schema),
};
const struct schema why_schema = SCHEMA("why", TYPE, why_fields);
#undef TYPE

#define TYPE struct token_view
static const struct field token_fields[] = { TEXT(name), WORD(role, role_table), TEXT(tenant), TEXT(site), INTEGER(created_us) };
const struct schema token_view_schema = SCHEMA("token", TYPE, token_fields);
#undef TYPE
