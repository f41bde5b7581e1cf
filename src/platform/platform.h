/* The platform: a pure state machine over events.
 *
 *   decide_*()       reads the state and a command, and gives events; it changes nothing
 *   platform_apply() folds one event into the state; used live, at restart and in replay
 *   platform_*()     reads the state
 *
 * Nothing here reads a clock, a random source, a file or a socket: time and entropy are arguments.
 *
 * Two kinds of state. The durable one is a function of the events alone and is covered by the hash. The
 * observed one (when a site last spoke, progress, which reply it has heard) is lost at a restart, steers
 * only when decide_tick() gives events, and is set by platform_observe_*().
 *
 *   demand   pending -> placed -> running -> succeeded | failed | timed-out
 *               ^          |         |
 *               +----------+---------+  attempt lost or refused, replica ended (service)
 *            pending, placed, running -> stopping -> cancelled
 *   attempt  assigned -> starting -> running -> stopping -> ended
 *   site     unseen -> up <-> suspect -> lost -> up;   draining is apart from that
 */
#ifndef WEIR_PLATFORM_PLATFORM_H
#define WEIR_PLATFORM_PLATFORM_H

#include "base/err.h"
#include "match/explain.h"
#include "platform/event.h"

struct platform;

#define DEMANDS_LIVE_MAX_DEFAULT 2000000
#define ENDED_KEPT_DEFAULT 100000      /* ended demands that stay readable; the oldest go first */
#define IDEMPOTENCY_KEYS_MAX 1000000   /* the oldest go first */
#define IDEMPOTENCY_KEY_LENGTH_MAX 128
#define TOKENS_MAX 10000
/* In the environment of an array's members. */
#define ARRAY_INDEX_VARIABLE "WEIR_ARRAY_INDEX"
#define ARRAY_COUNT_VARIABLE "WEIR_ARRAY_COUNT"

struct platform_settings {
	const char *name;
	unsigned number; /* in ids; 0 to ID_PLATFORM_MAX */
	size_t demands_live_max;
	size_t ended_kept;
	int64_t lease_us;            /* default 30 s */
	int64_t suspect_after_us;    /* default 15 s without a sync */
	int64_t lost_after_us;       /* default 45 s; more than lease_us plus the time the engine takes to stop */
	int64_t replica_backoff_us;  /* first wait of a failed replica, doubled up to 5 min; default 1 s */
	size_t round_placements_max; /* default 4096 */
	size_t site_attempts_max;    /* no more are placed on a site; default 50,000. A round may overshoot by its placements: below
					SYNC_ATTEMPTS_MAX */
};
void platform_settings_defaults(struct platform_settings *settings);

struct platform *platform_new(const struct platform_settings *settings);
void platform_free(struct platform *platform);

/* --- events in ------------------------------------------------------------------------------- */

/* Gives the event the next sequence number and folds it in. Aborts on an event that does not follow
 * from the state (a bug); records from outside go through platform_replay. */
void platform_apply(struct platform *platform, struct event *event);
/* One record of the log or of a snapshot. -EINVAL with the sequence and what is wrong. */
int platform_replay(struct platform *platform, uint64_t sequence, int64_t time_us, uint32_t type, const void *payload, size_t length,
		    struct err *err);
/* After the snapshot's records and before those of the log. */
void platform_replay_snapshot_end(struct platform *platform, uint64_t sequence);
/* The binary form of an event's body, as it goes to the log. */
void event_encode(const struct event *event, struct strbuf *out);

uint64_t platform_sequence(const struct platform *platform);
/* Visits the records that rebuild the state. Stops when `visit` gives non-zero, which is passed on. */
int platform_snapshot(const struct platform *platform, int (*visit)(void *context, uint32_t type, const void *payload, size_t length),
		      void *context);
/* BLAKE2b over the snapshot's records: equal states have equal hashes. */
void platform_hash(const struct platform *platform, uint8_t ret_hash[32]);
/* Walks everything and aborts on a broken invariant; debug builds call it after each event. */
void platform_check(const struct platform *platform);

/* --- decisions ------------------------------------------------------------------------------- */
/* All: 0 and events (perhaps none), or a negative errno and a sentence. */

int decide_open(const struct platform *platform, int64_t now_us, uint64_t epoch, struct event_list *ret, struct err *err);
/* Sites that vanish must be drained and empty (-EBUSY names them). An equal network gives no event. */
int decide_load_network(const struct platform *platform, int64_t now_us, const struct network_spec *network, struct event_list *ret,
			struct err *err);
int decide_load_catalogue(const struct platform *platform, int64_t now_us, const struct catalogue *catalogue, struct event_list *ret,
			  struct err *err);

/* An equal policy gives no event. */
int decide_load_policy(const struct platform *platform, int64_t now_us, const struct policy_spec *policy, struct event_list *ret,
		       struct err *err);

struct submit_result {
	uint64_t id;     /* of an array: of its first member */
	int64_t members; /* of an array, whose ids follow each other; 1 for a single demand */
	bool repeated; /* the idempotency key was known: this is the first answer again */
};
/* Accepts all or none. `tenant` is the caller's, used where a spec names none. `key` may be NULL; with
 * several specs it stands for all of them. -EINVAL (refers to an unknown site, region), -ENOSPC (too
 * many live demands), -EEXIST (the key was used for something else). `ret_results` has `count` entries. */
int decide_submit(const struct platform *platform, int64_t now_us, const char *tenant, const char *key, const struct demand_spec *specs,
		  size_t count, struct submit_result *ret_results, struct event_list *ret, struct err *err);
/* Cancels the live members of the tenant's newest array of this name, and counts them. -ENOENT. */
int decide_cancel_array(const struct platform *platform, int64_t now_us, const char *tenant, const char *name, const char *by,
			struct event_list *ret, size_t *ret_count, struct err *err);
/* -ENOENT. Ended or already cancelled: 0 and no events. */
int decide_cancel(const struct platform *platform, int64_t now_us, uint64_t demand, const char *by, struct event_list *ret,
		  struct err *err);
/* What runs goes on; nothing new comes. -ENOENT. */
int decide_drain(const struct platform *platform, int64_t now_us, const char *site, const char *by, const char *reason,
		 struct event_list *ret, struct err *err);
int decide_undrain(const struct platform *platform, int64_t now_us, const char *site, const char *by, struct event_list *ret,
		   struct err *err);

enum role { ROLE_OPERATOR, ROLE_SUPPLIER, ROLE_TENANT, ROLE_AUDITOR, ROLE_VIEWER, ROLE_COUNT };
STRING_TABLE_DECLARE(enum role, role);

struct token_view {
	const char *name;
	enum role role;
	const char *tenant; /* of a tenant: whose demands it may touch; "" */
	const char *site;   /* of a supplier: the only site it may speak for; "" any */
	int64_t created_us;
	uint8_t hash[32];   /* BLAKE2b of the secret */
};
int decide_token_create(const struct platform *platform, int64_t now_us, const struct token_view *token, struct event_list *ret,
			struct err *err);
int decide_token_revoke(const struct platform *platform, int64_t now_us, const char *name, struct event_list *ret, struct err *err);
/* The token with this hash, or NULL. O(1). */
const struct token_view *platform_token(const struct platform *platform, const uint8_t hash[32]);

/* What an agent said. Reports of attempts that are not the current one, or carry another token, change
 * nothing. -ENOENT unknown site, -EPROTO version, -ESTALE an older epoch than the one in charge. */
int decide_sync(const struct platform *platform, int64_t now_us, const struct sync_request *request, struct event_list *ret,
		struct err *err);
/* Notes that the site spoke, and what it observed. Call after the events of decide_sync were applied. */
void platform_observe_sync(struct platform *platform, int64_t now_us, const struct sync_request *request);
/* What the site should do now. `known` is the request's list: texts of those are left out. Watches are the caller's to add. */
void platform_sync_reply(const struct platform *platform, const struct sync_request *request, struct arena *arena, struct sync_reply *ret);
/* The site's number for what follows; -ENOENT. O(1). */
int platform_site_index(const struct platform *platform, const char *name, uint32_t *ret_site);
/* Raised whenever what the site should do changes; observed. */
uint64_t platform_site_revision(const struct platform *platform, uint32_t site);
/* Calls back for each site whose revision was raised since the last call. */
void platform_drain_changed_sites(struct platform *platform, void (*visit)(void *context, uint32_t site), void *context);

/* Time passed: sites become suspect or lost, lost attempts end, replicas come out of their backoff. Cheap when nothing is due. */
int decide_tick(const struct platform *platform, int64_t now_us, struct event_list *ret, struct err *err);
/* At a restart nothing is known of when sites spoke: they get a full period from now on. */
void platform_observe_restart(struct platform *platform, int64_t now_us, uint64_t epoch);
/* The next moment at which decide_tick could have something to say; INT64_MAX: never. */
int64_t platform_next_tick_us(const struct platform *platform);

/* One round of the matcher. `*ret_complete` false: a limit ended it, call again soon. */
int decide_round(const struct platform *platform, int64_t now_us, struct event_list *ret, bool *ret_complete, struct err *err);
/* Whether anything happened since the last round that could let something be placed. */
bool platform_round_wanted(const struct platform *platform);
void platform_observe_round(struct platform *platform, bool complete);

/* Whether the estimated starts of what is queued are due to be worked out again: every 10 s at most, when
 * nothing arrived since the last round. */
bool platform_estimates_wanted(const struct platform *platform, int64_t now_us);
/* Does so. Bounded: a few milliseconds, and less often where it takes longer. */
void platform_observe_estimates(struct platform *platform, int64_t now_us);

#endif
