/* The core: where the pure platform, the store and the loop meet. One thread owns the platform.
 *
 *   command -> decide (pure) -> events -> apply (pure) -> commit (store's thread) -> reply, effects
 *
 * Events are applied as soon as they are decided, so that the next decision sees them, but nothing leaves
 * the process before it is durable: not a reply, not an event on a stream, not a sync. A reader's answer
 * waits as well when the state it saw is newer than the log (core_when_durable). When the store fails,
 * the process says why and ends; the log then tells what was true. Deciding only on durable state was
 * rejected: each decision would wait for the disk, or decide on what is already out of date.
 */
#ifndef WEIR_CORE_CORE_H
#define WEIR_CORE_CORE_H

#include <uv.h>

#include "platform/platform.h"
#include "platform/view.h"
#include "store/store.h"

struct core;

struct core_settings {
	struct platform_settings platform;
	struct store *store;          /* taken over */
	uint64_t snapshot_every;      /* events between snapshots; 0: only at a clean end */
	int64_t round_delay_us;       /* a round waits as long for more to come; default 2 ms */
	void (*failed)(void *context, const struct err *err); /* the store failed: end the process */
	void *context;
};

/* Rebuilds the state from the store: newest snapshot, then the log. */
int core_new(uv_loop_t *loop, const struct core_settings *settings, struct core **ret, struct err *err);
/* Commits what waits and writes a snapshot; no callback comes any more but `failed`. Not from inside a callback
 * of the core's. The loop must turn before it is closed. Takes NULL. */
void core_free(struct core *core);

struct platform *core_platform(struct core *core);
int64_t core_now_us(const struct core *core); /* Unix time by a clock that goes on evenly (core/clock.h); never goes back */

/* Applies the events and calls `done` once they are durable; with no events, once all before is. Never
 * calls back before it returned. */
void core_commit(struct core *core, struct event_list *events, void (*done)(void *context), void *context);
/* `done` once everything that the state holds now is durable; NULL context is fine. */
void core_when_durable(struct core *core, void (*done)(void *context), void *context);
/* Forgets callbacks that were given this context (the client went away). */
void core_forget(struct core *core, void *context);

/* Called after each sync's events were committed: the site `site` has something new to hear. */
void core_on_site_changed(struct core *core, void (*changed)(void *context, uint32_t site), void *context);

/* Durable events as they come, in order, in their JSON form (view_event_json). */
struct core_event {
	uint64_t sequence;
	enum event_type type;
	uint64_t demand;      /* 0 none */
	const char *tenant;   /* NULL none */
	const char *json;     /* one object */
	size_t json_length;
};
struct core_subscription;
struct core_subscription *core_subscribe(struct core *core, void (*event)(void *context, const struct core_event *event), void *context);
void core_unsubscribe(struct core_subscription *subscription); /* takes NULL */
/* Events with sequence > after that are still in memory (the newest 65,536 or 64 MiB), at most `limit`, in order.
 * Gives the count; *ret_oldest is the oldest sequence kept in memory (a resume from before it must start anew). */
size_t core_recent_events(struct core *core, uint64_t after, size_t limit, void (*visit)(void *context, const struct core_event *event),
			  void *context, uint64_t *ret_oldest);

struct core_figures {
	uint64_t commits, events_committed, rounds, placements;
	int64_t commit_us_last, round_us_last, round_us_total, estimate_us_last;
	size_t queue_length;    /* events that wait for the store */
};
void core_figures(const struct core *core, struct core_figures *ret);

#endif
