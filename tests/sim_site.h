/* A site's agent and engine, simulated: it follows the sync protocol as an agent does, over a network that
 * loses, repeats, delays and reorders messages. The engine keeps its attempts over restarts of the agent. */
#ifndef TESTS_SIM_SITE_H
#define TESTS_SIM_SITE_H

#include "base/rng.h"
#include "base/strbuf.h"
#include "wire/sync.h"

#define SIM_ATTEMPTS_MAX 1024
#define SIM_WORKERS_MAX 8

/* What one worker holds. */
struct sim_worker {
	unsigned group, node;
	uint64_t chips;
	int64_t chip_milli;
};

struct sim_attempt {
	uint64_t demand;
	int64_t replica, attempt;
	uint64_t token;
	enum attempt_state state;
	enum outcome outcome;
	int64_t started_us;
	int64_t stop_us; /* when a stop takes effect; 0 none */
	bool asked;      /* the stop was asked for, not forced by the lease */
	bool orphan;     /* its folder is gone: it runs, and nobody knows */
	int64_t lease_until_us;
	struct sim_worker workers[SIM_WORKERS_MAX];
	size_t worker_count;
	int64_t cpu_milli, memory_mib; /* of each */
};

struct sim_site {
	const char *name;
	struct node_group groups[2];
	size_t group_count;
	uint64_t supply_hash;
	uint64_t epoch, sequence, acted_sequence;
	uint64_t heard_epoch, heard_revision;
	bool want_supply;
	bool cut_off; /* nothing goes in or out */
	int64_t supply_changed_us;
	int64_t lease_until_us;
	struct sim_attempt attempts[SIM_ATTEMPTS_MAX];
	size_t attempt_count;
};

/* What the site would say now; the arena's. */
void sim_site_report(struct sim_site *site, struct arena *arena, struct sync_request *ret);
/* Acts on a reply to the request `sequence` that was sent at `sent_us`. `started` is called for each attempt that begins to run. */
void sim_site_act(struct sim_site *site, const struct sync_reply *reply, uint64_t sequence, int64_t sent_us, int64_t now_us,
		  struct rng *rng, void (*started)(void *context, struct sim_site *site, const struct sync_run *run), void *context);
/* Time passed: starts become running, stops take effect, leases run out, some end by themselves. */
void sim_site_step(struct sim_site *site, int64_t now_us, struct rng *rng, bool may_end);
/* The agent begins a new life; what it had heard is forgotten. */
void sim_site_restart(struct sim_site *site);
/* Whether what is alive here holds no more than there is, node by node and chip by chip. */
bool sim_site_is_within_supply(const struct sim_site *site);
bool sim_attempt_is_alive(const struct sim_attempt *attempt);

#endif
