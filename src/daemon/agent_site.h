/* One site within an agent. The parts: agent_sync.c (the conversation), agent_report.c (what is),
 * agent_act.c (what should be), agent_logs.c (output that somebody waits for). */
#ifndef WEIR_DAEMON_AGENT_SITE_H
#define WEIR_DAEMON_AGENT_SITE_H

#include <uv.h>

#include "base/rng.h"
#include "daemon/agent.h"
#include "io/http_client.h"
#include "weir/engine.h"
#include "wire/sync.h"

#define CALLS_MAX 2 /* one that the platform holds, one that overtakes it */
#define REFUSALS_MAX 256
#define KEPT_MAX 512 /* ended attempts whose output stays readable */

struct agent {
	uv_loop_t loop;
	const struct agent_settings *settings;
	struct http_client *client;
	struct site *sites;
	size_t site_count;
	uv_signal_t on_term, on_int;
	struct rng rng;
	bool stopping;
};

/* An attempt that the engine did not take; reported, and not tried again, until the platform says to forget it. */
struct refusal {
	struct weir_attempt_key key;
	uint64_t token;
	char message[200];
};

struct log_pump {
	struct site *site;
	struct log_watch watch;
	bool wanted; /* named by the newest reply */
	bool ended;  /* all was sent */
	struct http_call *call;
	struct log_pump *next;
};

struct site_call {
	struct site *site;
	struct http_call *call; /* NULL: free */
	uint64_t sequence;
	int64_t sent_us; /* CLOCK_BOOTTIME */
};

struct site {
	struct agent *agent;
	const struct site_spec *spec;
	char *folder;
	int lock; /* held for life: one agent a site and folder; -1 none */
	struct weir_engine *engine;
	uint64_t epoch;
	uint64_t sequence;
	uint64_t acted_sequence; /* of the newest request whose reply was acted on */
	uint64_t heard_epoch, heard_revision;
	uint64_t supply_hash_told; /* the platform has these groups */
	bool want_supply;
	int64_t lease_us;         /* as the newest reply said; 0 before it */
	struct site_call calls[CALLS_MAX];
	bool dirty;               /* something changed since the last request was built */
	uv_timer_t soon;          /* gathers changes, and waits after failures */
	unsigned failures;        /* in a row */
	char *trouble;            /* what the last of them was; NULL none */
	size_t reported_count;    /* attempts in the last request: what another one costs */
	struct refusal *refusals;
	size_t refusal_count, refusal_capacity;
	struct weir_attempt_key *kept; /* agent_kept.c */
	size_t kept_count;
	struct log_pump *pumps;
	uv_timer_t pump_timer;
};

int64_t agent_boottime_us(void);
int64_t agent_unix_us(void);

/* agent_sync.c */
void site_sync(struct site *site);
void site_changed(struct site *site); /* report soon */
void site_stop(struct site *site);

/* agent_report.c: the request's strings and lists are the arena's or the engine's until its next call. */
void site_report(struct site *site, struct arena *arena, struct sync_request *ret);

/* agent_act.c */
void site_act(struct site *site, const struct sync_reply *reply, int64_t sent_us);

/* agent_kept.c */
bool site_keeps(const struct site *site, const struct weir_attempt_key *key);
void site_keep(struct site *site, const struct weir_attempt_key *key);

/* agent_logs.c */
void site_watch_logs(struct site *site, const struct log_watch *watches, size_t count);
void site_pump_logs(struct site *site);
void site_logs_stop(struct site *site);

#endif
