/* Events: the durable facts. The state is what they add up to.
 *
 * Each type is a struct with a schema; the log holds its binary form, the event stream its JSON. Types
 * and field numbers are never reused. A snapshot is a list of the same kind of records (EVENT_SNAP_...),
 * so one reader serves both, and the hash over a snapshot is the hash of the state.
 */
#ifndef WEIR_PLATFORM_EVENT_H
#define WEIR_PLATFORM_EVENT_H

#include "base/arena.h"
#include "model/demand.h"
#include "model/network.h"
#include "model/policy.h"
#include "wire/schema.h"
#include "wire/sync.h"

enum event_type {
	EVENT_NONE,
	EVENT_OPENED,          /* a platform's life began: its epoch */
	EVENT_NETWORK_LOADED,  /* regions, sites, links */
	EVENT_CATALOGUE_LOADED,
	EVENT_TOKEN_CREATED,   /* hash, role, scope; never the token */
	EVENT_TOKEN_REVOKED,
	EVENT_DEMAND_ACCEPTED,
	EVENT_DEMAND_CANCELLED, /* was asked to; it ends once its attempts have */
	EVENT_PLACED,           /* a placement was made: site, slots, token, rules and inputs */
	EVENT_ATTEMPT_CHANGED,  /* starting, running, stopping: as the agent reported */
	EVENT_ATTEMPT_ENDED,    /* with its outcome; frees its slots */
	EVENT_DEMAND_ENDED,
	EVENT_SITE_SUPPLY,      /* what the agent offers */
	EVENT_SITE_CONDITION,   /* unseen, up, suspect, lost */
	EVENT_SITE_DRAINED,
	EVENT_SITE_UNDRAINED,
	EVENT_DEMAND_READY,    /* a replica came out of its backoff: it is in the queue again */
	EVENT_ATTEMPT_PREEMPTED, /* was asked to make room; its replica goes back into the queue once it ended */
	EVENT_DEMAND_RELEASED,   /* what it waited for is over, or its array has room: it is in the queue */
	EVENT_DEMAND_EXPIRED,    /* its deadline can no longer be kept: it ends as timed-out once its attempts have */
	EVENT_POLICY_LOADED,     /* weights, tenants, how the queue moves */
	EVENT_TYPE_COUNT,
	EVENT_SNAP_FIRST = 100, /* records of snapshots; the list is platform/snapshot.c's */
};

struct event {
	uint64_t sequence; /* given when it is applied */
	int64_t time_us;
	enum event_type type;
	const void *body; /* struct of the type's schema */
	size_t body_size;
};

/* Events of one decision, in order; bodies are the arena's. They become durable together or not at all. */
struct event_list {
	struct arena *arena;
	struct event *events;
	size_t count;
	size_t capacity;
};

extern const struct string_table event_type_table;
const char *event_type_to_string(enum event_type type); /* "demand-accepted" */
const struct schema *event_schema(enum event_type type); /* NULL unknown */
void event_list_init(struct event_list *list, struct arena *arena);
/* Appends and gives back the zeroed body (schema defaults set) for the caller to fill. */
void *event_add(struct event_list *list, int64_t time_us, enum event_type type);

#endif
