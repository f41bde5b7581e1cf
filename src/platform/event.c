#include "platform/event.h"

#include <assert.h>

#include "base/mem.h"
#include "platform/body.h"
#include "platform/snapshot.h"
#include "wire/files.h"

static const char *const event_type_words[] = {
	[EVENT_NONE] = "none",
	[EVENT_OPENED] = "opened",
	[EVENT_NETWORK_LOADED] = "network-loaded",
	[EVENT_CATALOGUE_LOADED] = "catalogue-loaded",
	[EVENT_TOKEN_CREATED] = "token-created",
	[EVENT_TOKEN_REVOKED] = "token-revoked",
	[EVENT_DEMAND_ACCEPTED] = "demand-accepted",
	[EVENT_DEMAND_CANCELLED] = "demand-cancelled",
	[EVENT_PLACED] = "placed",
	[EVENT_ATTEMPT_CHANGED] = "attempt-changed",
	[EVENT_ATTEMPT_ENDED] = "attempt-ended",
	[EVENT_DEMAND_ENDED] = "demand-ended",
	[EVENT_SITE_SUPPLY] = "site-supply",
	[EVENT_SITE_CONDITION] = "site-condition",
	[EVENT_SITE_DRAINED] = "site-drained",
	[EVENT_SITE_UNDRAINED] = "site-undrained",
	[EVENT_DEMAND_READY] = "demand-ready",
	[EVENT_ATTEMPT_PREEMPTED] = "attempt-preempted",
	[EVENT_DEMAND_RELEASED] = "demand-released",
	[EVENT_DEMAND_EXPIRED] = "demand-expired",
	[EVENT_POLICY_LOADED] = "policy-loaded",
};
_Static_assert(ARRAY_COUNT(event_type_words) == EVENT_TYPE_COUNT, "a word is missing in event_type");
const struct string_table event_type_table = { "event_type", event_type_words, EVENT_TYPE_COUNT };

const char *event_type_to_string(enum event_type type)
{
	return string_table_to_string(&event_type_table, (long)type);
}

static const char *const next_step_words[] = { "nothing", "queue", "wait" };
STRING_TABLE_DEFINE(enum next_step, next_step, NEXT_COUNT);

#define TYPE struct opened_body
static const struct field opened_fields[] = {
	FIELD(FIELD_U64, TYPE, epoch, "epoch", 1),
};
static const struct schema opened_schema = SCHEMA("opened", TYPE, opened_fields);
#undef TYPE

#define TYPE struct token_body
static const struct field token_fields[] = {
	FIELD(FIELD_STRING, TYPE, name, "name", 1),
	FIELD(FIELD_ENUM, TYPE, role, "role", 2, .table = &role_table),
	FIELD(FIELD_STRING, TYPE, tenant, "tenant", 3),
	FIELD(FIELD_STRING, TYPE, site, "site", 4),
	FIELD(FIELD_INTEGER, TYPE, created_us, "created_us", 5),
	FIELD(FIELD_BYTES, TYPE, hash, "hash", 6, .flags = FIELD_HIDDEN),
};
static const struct schema token_schema = SCHEMA("token-created", TYPE, token_fields);
#undef TYPE

#define TYPE struct token_revoked_body
static const struct field token_revoked_fields[] = {
	FIELD(FIELD_STRING, TYPE, name, "name", 1),
};
static const struct schema token_revoked_schema = SCHEMA("token-revoked", TYPE, token_revoked_fields);
#undef TYPE

#define TYPE struct edge_body
static const struct field edge_fields[] = {
	FIELD(FIELD_ID, TYPE, target, "demand", 1),
	FIELD(FIELD_BOOL, TYPE, whole, "array", 2),
	FIELD(FIELD_ENUM, TYPE, when, "when", 3, .table = &after_when_table),
	FIELD(FIELD_ENUM, TYPE, state, "state", 4, .table = &edge_state_table, .flags = FIELD_HIDDEN),
};
static const struct schema edge_schema = SCHEMA("after", TYPE, edge_fields);
#undef TYPE

#define TYPE struct hold_body
static const struct field hold_fields[] = {
	FIELD(FIELD_STRING, TYPE, array, "array", 1),
	FIELD(FIELD_INTEGER, TYPE, count, "count", 2, .fallback = 1),
	FIELD(FIELD_INTEGER, TYPE, at_once, "at_once", 3),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, edges, edge_count, "after", 4, .schema = &edge_schema),
	FIELD(FIELD_INTEGER, TYPE, ended, "ended", 5, .flags = FIELD_HIDDEN),
	FIELD(FIELD_INTEGER, TYPE, failed, "failed", 6, .flags = FIELD_HIDDEN),
};
const struct schema hold_body_schema = SCHEMA("hold", TYPE, hold_fields);
#undef TYPE

#define TYPE struct released_body
static const struct field released_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 1),
};
static const struct schema released_schema = SCHEMA("demand-released", TYPE, released_fields);
#undef TYPE

#define TYPE struct expired_body
static const struct field expired_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 1),
};
static const struct schema expired_schema = SCHEMA("demand-expired", TYPE, expired_fields);
#undef TYPE

#define TYPE struct accepted_body
static const struct field accepted_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 1),
	FIELD(FIELD_STRING, TYPE, name, "name", 2),
	FIELD(FIELD_STRING, TYPE, tenant, "tenant", 3),
	FIELD(FIELD_INTEGER, TYPE, attempts_max, "attempts", 4, .fallback = 3),
	FIELD(FIELD_ENUM, TYPE, on_site_loss, "on_site_loss", 5, .table = &on_site_loss_table),
	FIELD(FIELD_BYTES, TYPE, ask, "ask", 6, .flags = FIELD_HIDDEN),
	FIELD(FIELD_BYTES, TYPE, spec, "spec", 7, .flags = FIELD_HIDDEN),
	FIELD(FIELD_STRING, TYPE, key, "key", 8, .flags = FIELD_HIDDEN),
	FIELD(FIELD_U64, TYPE, key_hash, "key_hash", 9, .flags = FIELD_HIDDEN),
	FIELD(FIELD_INTEGER, TYPE, key_count, "key_count", 10, .flags = FIELD_HIDDEN),
	FIELD(FIELD_ID, TYPE, array, "array", 11),
	FIELD(FIELD_INTEGER, TYPE, index, "index", 12),
	FIELD(FIELD_POINTER, TYPE, hold, "hold", 13, .schema = &hold_body_schema),
	FIELD(FIELD_INTEGER, TYPE, time_limit_us, "time_limit_us", 14),
	FIELD(FIELD_INTEGER, TYPE, deadline_us, "deadline_us", 15),
};
static const struct schema accepted_schema = SCHEMA("demand-accepted", TYPE, accepted_fields);
#undef TYPE

#define TYPE struct cancelled_body
static const struct field cancelled_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 1),
	FIELD(FIELD_STRING, TYPE, by, "by", 2),
};
static const struct schema cancelled_schema = SCHEMA("demand-cancelled", TYPE, cancelled_fields);
#undef TYPE

#define TYPE struct slot_body
static const struct field slot_fields[] = {
	FIELD(FIELD_INTEGER, TYPE, worker, "worker", 1),
	FIELD(FIELD_INTEGER, TYPE, group, "group", 2),
	FIELD(FIELD_INTEGER, TYPE, node, "node", 3),
	FIELD(FIELD_U64, TYPE, chips, "chips", 4),
	FIELD(FIELD_INTEGER, TYPE, chip_milli, "chip_milli", 5),
};
const struct schema slot_body_schema = SCHEMA("slot", TYPE, slot_fields);
#undef TYPE

#define ATTEMPT_FIELDS                                                                                                                     \
	FIELD(FIELD_ID, TYPE, demand, "demand", 1), FIELD(FIELD_INTEGER, TYPE, replica, "replica", 2),                                     \
		FIELD(FIELD_INTEGER, TYPE, attempt, "attempt", 3), FIELD(FIELD_STRING, TYPE, site, "site", 4)

#define TYPE struct placed_body
static const struct field placed_fields[] = {
	ATTEMPT_FIELDS,
	FIELD(FIELD_U64, TYPE, token, "token", 5),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, slots, slot_count, "slots", 6, .schema = &slot_body_schema),
	FIELD(FIELD_INTEGER, TYPE, policy_version, "policy_version", 7),
	FIELD(FIELD_INTEGER, TYPE, candidates, "candidates", 8),
	FIELD(FIELD_INTEGER, TYPE, score_micro, "score_micro", 9),
	FIELD(FIELD_INTEGER, TYPE, predicted_start_us, "predicted_start_us", 10),
	FIELD(FIELD_STRING, TYPE, second_site, "second_site", 11),
	FIELD(FIELD_INTEGER, TYPE, second_score_micro, "second_score_micro", 12),
	FIELD(FIELD_BOOL, TYPE, backfilled, "backfilled", 13),
	FIELD(FIELD_BOOL, TYPE, borrowed, "borrowed", 14),
};
static const struct schema placed_schema = SCHEMA("placed", TYPE, placed_fields);
#undef TYPE

#define TYPE struct changed_body
static const struct field changed_fields[] = {
	ATTEMPT_FIELDS,
	FIELD(FIELD_ENUM, TYPE, state, "state", 5, .table = &attempt_state_table),
	FIELD(FIELD_INTEGER, TYPE, started_us, "started_us", 6),
	FIELD(FIELD_U64, TYPE, report_epoch, "report_epoch", 7),
	FIELD(FIELD_U64, TYPE, report_sequence, "report_sequence", 8),
};
static const struct schema changed_schema = SCHEMA("attempt-changed", TYPE, changed_fields);
#undef TYPE

#define TYPE struct preempted_body
static const struct field preempted_fields[] = {
	ATTEMPT_FIELDS,
	FIELD(FIELD_ID, TYPE, by, "by", 5),
	FIELD(FIELD_BOOL, TYPE, reclaimed, "reclaimed", 6),
};
static const struct schema preempted_schema = SCHEMA("attempt-preempted", TYPE, preempted_fields);
#undef TYPE

#define TYPE struct attempt_ended_body
static const struct field attempt_ended_fields[] = {
	ATTEMPT_FIELDS,
	FIELD(FIELD_ENUM, TYPE, outcome, "outcome", 5, .table = &outcome_table),
	FIELD(FIELD_INTEGER, TYPE, exit_code, "exit_code", 6, .fallback = -1),
	FIELD(FIELD_INTEGER, TYPE, exit_signal, "exit_signal", 7),
	FIELD(FIELD_INTEGER, TYPE, failed_worker, "failed_worker", 8, .fallback = -1),
	FIELD(FIELD_STRING, TYPE, message, "message", 9),
	FIELD(FIELD_INTEGER, TYPE, started_us, "started_us", 10),
	FIELD(FIELD_INTEGER, TYPE, ended_us, "ended_us", 11),
	FIELD(FIELD_INTEGER, TYPE, cpu_used_us, "cpu_used_us", 12, .fallback = -1),
	FIELD(FIELD_INTEGER, TYPE, memory_peak_mib, "memory_peak_mib", 13, .fallback = -1),
	FIELD(FIELD_ENUM, TYPE, next, "next", 14, .table = &next_step_table),
	FIELD(FIELD_INTEGER, TYPE, ready_us, "ready_us", 15),
	FIELD(FIELD_INTEGER, TYPE, failures, "failures", 16),
};
static const struct schema attempt_ended_schema = SCHEMA("attempt-ended", TYPE, attempt_ended_fields);
#undef TYPE

#define TYPE struct demand_ended_body
static const struct field demand_ended_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 1),
	FIELD(FIELD_ENUM, TYPE, state, "state", 2, .table = &demand_state_table),
	FIELD(FIELD_INTEGER, TYPE, exit_code, "exit_code", 3, .fallback = -1),
	FIELD(FIELD_STRING, TYPE, message, "message", 4),
};
static const struct schema demand_ended_schema = SCHEMA("demand-ended", TYPE, demand_ended_fields);
#undef TYPE

#define TYPE struct ready_body
static const struct field ready_fields[] = {
	FIELD(FIELD_ID, TYPE, demand, "demand", 1),
	FIELD(FIELD_INTEGER, TYPE, replica, "replica", 2),
};
static const struct schema ready_schema = SCHEMA("demand-ready", TYPE, ready_fields);
#undef TYPE

#define TYPE struct supply_body
static const struct field supply_fields[] = {
	FIELD(FIELD_STRING, TYPE, site, "site", 1),
	FIELD(FIELD_U64, TYPE, hash, "hash", 2),
	FIELD(FIELD_U64, TYPE, epoch, "epoch", 3),
	FIELD(FIELD_U64, TYPE, sequence, "sequence", 4),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, groups, group_count, "groups", 5, .schema = &node_group_schema),
};
static const struct schema supply_schema = SCHEMA("site-supply", TYPE, supply_fields);
#undef TYPE

#define TYPE struct condition_body
static const struct field condition_fields[] = {
	FIELD(FIELD_STRING, TYPE, site, "site", 1),
	FIELD(FIELD_ENUM, TYPE, condition, "condition", 2, .table = &site_condition_table),
	FIELD(FIELD_U64, TYPE, epoch, "epoch", 3),
	FIELD(FIELD_STRING, TYPE, cause, "cause", 4),
};
static const struct schema condition_schema = SCHEMA("site-condition", TYPE, condition_fields);
#undef TYPE

#define TYPE struct drained_body
static const struct field drained_fields[] = {
	FIELD(FIELD_STRING, TYPE, site, "site", 1),
	FIELD(FIELD_STRING, TYPE, by, "by", 2),
	FIELD(FIELD_STRING, TYPE, reason, "reason", 3),
};
static const struct schema drained_schema = SCHEMA("site-drained", TYPE, drained_fields);
#undef TYPE

#define TYPE struct undrained_body
static const struct field undrained_fields[] = {
	FIELD(FIELD_STRING, TYPE, site, "site", 1),
	FIELD(FIELD_STRING, TYPE, by, "by", 2),
};
static const struct schema undrained_schema = SCHEMA("site-undrained", TYPE, undrained_fields);
#undef TYPE

static const struct schema *const schemas[EVENT_TYPE_COUNT] = {
	[EVENT_OPENED] = &opened_schema,
	[EVENT_NETWORK_LOADED] = &network_schema,
	[EVENT_CATALOGUE_LOADED] = &catalogue_schema,
	[EVENT_TOKEN_CREATED] = &token_schema,
	[EVENT_TOKEN_REVOKED] = &token_revoked_schema,
	[EVENT_DEMAND_ACCEPTED] = &accepted_schema,
	[EVENT_DEMAND_CANCELLED] = &cancelled_schema,
	[EVENT_PLACED] = &placed_schema,
	[EVENT_ATTEMPT_CHANGED] = &changed_schema,
	[EVENT_ATTEMPT_ENDED] = &attempt_ended_schema,
	[EVENT_DEMAND_ENDED] = &demand_ended_schema,
	[EVENT_SITE_SUPPLY] = &supply_schema,
	[EVENT_SITE_CONDITION] = &condition_schema,
	[EVENT_SITE_DRAINED] = &drained_schema,
	[EVENT_SITE_UNDRAINED] = &undrained_schema,
	[EVENT_DEMAND_READY] = &ready_schema,
	[EVENT_ATTEMPT_PREEMPTED] = &preempted_schema,
	[EVENT_DEMAND_RELEASED] = &released_schema,
	[EVENT_DEMAND_EXPIRED] = &expired_schema,
	[EVENT_POLICY_LOADED] = &policy_schema,
};

const struct schema *event_schema(enum event_type type)
{
	if ((unsigned)type < EVENT_TYPE_COUNT)
		return schemas[type];
	return snapshot_schema((uint32_t)type);
}

void event_list_init(struct event_list *list, struct arena *arena)
{
	*list = (struct event_list){ .arena = arena };
}

void *event_add(struct event_list *list, int64_t time_us, enum event_type type)
{
	const struct schema *schema = event_schema(type);
	struct event *event;
	void *body;

	assert(schema);
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 8;
		struct event *grown = ARENA_ARRAY(list->arena, struct event, capacity);

		for (size_t i = 0; i < list->count; i++)
			grown[i] = list->events[i];
		list->events = grown;
		list->capacity = capacity;
	}
	body = arena_alloc(list->arena, schema->size);
	schema_defaults(schema, body);
	event = &list->events[list->count++];
	*event = (struct event){ .time_us = time_us, .type = type, .body = body, .body_size = schema->size };
	return body;
}

void event_encode(const struct event *event, struct strbuf *out)
{
	schema_encode(event_schema(event->type), event->body, out);
}
