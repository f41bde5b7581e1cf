/* A small network that lives in made-up time, for tests of rounds: demands arrive, are placed, run, end, are
 * preempted and come back. It keeps books of its own, node by node and tenant by tenant, sharing no code with the matcher,
 * and fails the test at once when something is given out twice, now or at any time to come if everything takes as long as it may
 * and the reservations come about; when a gang is torn apart, a limit is passed at any level of the tenants, or a near deadline
 * comes after one that is not. */
#ifndef TESTS_MATCH_PLAY_H
#define TESTS_MATCH_PLAY_H

#include "base/rng.h"
#include "match/forecast.h"

#define PLAY_BEGIN_US INT64_C(1000000000)
#define PLAY_DEMANDS_MAX 512
#define PLAY_TENANTS_MAX 8
#define PLAY_STREAMS_MAX 256

enum play_state { PLAY_QUEUED, PLAY_RUNNING, PLAY_STOPPING, PLAY_ENDED };

struct play_demand {
	uint64_t id; /* its place plus 1; its age too */
	uint32_t tenant;
	struct ask ask;
	int64_t limit_us;  /* 0: none */
	int64_t runtime_us;
	int64_t deadline_us;
	enum play_state state;
	int64_t started_us, ends_us; /* while it runs */
	int64_t promised_us;         /* the latest start that was reserved first; 0 none */
	unsigned preempted;
	int64_t forecast_us;         /* by the last forecast, while it is queued */
	struct match_work work;
};

struct play_settings {
	unsigned sites, nodes_max, chips;
	const struct policy_spec *policy;
	const char *const *tenants;
	unsigned tenant_count;
};

struct play {
	struct arena arena;
	struct rng rng;
	struct network_spec network;
	struct topology *topology;
	struct catalogue catalogue;
	struct supply *supplies;   /* all free: what there is */
	struct site_view *views;
	const struct policy_spec *policy;
	struct matcher *matcher;
	struct shares *shares;
	uint32_t tenants[PLAY_TENANTS_MAX];
	unsigned tenant_count;
	struct play_demand demands[PLAY_DEMANDS_MAX];
	size_t demand_count;
	int64_t now_us;
	struct match_plan plan; /* of the last round */
	struct match_stream streams[PLAY_STREAMS_MAX]; /* of the last round */
	struct match_input input;
	struct arena round_arena;
};

void play_open(struct play *play, uint64_t seed, const struct play_settings *settings);
void play_close(struct play *play);
/* A job: workers of so many milli-chips, a core a chip. `limit_us` 0: not known when it ends. It runs for `runtime_us`. */
struct play_demand *play_submit(struct play *play, unsigned tenant, int64_t workers, int64_t chips_milli, int64_t limit_us, int64_t runtime_us);
/* Ends what is due now. */
void play_end_due(struct play *play);
/* The same, then one round: its plan. */
void play_match(struct play *play);
/* Makes the plan come true: placed ones run, victims stop at once and requeue. Checks what comes of it. */
void play_carry_out(struct play *play);
void play_round(struct play *play); /* both */
/* When each queued demand will start. Nothing changes. `ret` lasts until the next round or forecast. */
void play_forecast(struct play *play, const struct forecast_settings *settings, struct forecast *ret);
/* The next moment at which something ends; INT64_MAX nothing does. */
int64_t play_next_us(const struct play *play);
size_t play_count(const struct play *play, enum play_state state);
/* Ends a running demand before its time. */
void play_end(struct play *play, struct play_demand *demand);
/* Milli-chips that the tenant's demands hold now. */
int64_t play_held_milli(const struct play *play, uint32_t tenant);
/* All that the tenant of this name holds now, with all below it in the policy. */
void play_held(const struct play *play, const char *name, struct amounts *ret);

#endif
