/* A platform with a network around it, for tests: every event goes through the binary form into a log
 * kept in memory, so that a test can rebuild the state at any moment and compare. */
#ifndef TESTS_PLATFORM_WORLD_H
#define TESTS_PLATFORM_WORLD_H

#include "platform/platform.h"
#include "platform/view.h"

#define WORLD_BEGIN_US INT64_C(1800000000000000) /* some day in 2027 */

struct world_record {
	uint64_t sequence;
	int64_t time_us;
	uint32_t type;
	void *payload;
	size_t length;
};

struct world {
	struct platform_settings settings;
	struct platform *platform;
	int64_t now_us;
	struct world_record *log;
	size_t log_count, log_capacity;
	struct arena arena; /* for what a test keeps to its end */
	void (*on_event)(void *context, const struct event *event); /* before it is applied; NULL none */
	void *context;
};

/* Opens the platform and loads `network` and `catalogue` (NULL: none). */
void world_init(struct world *world, const struct platform_settings *settings, const struct network_spec *network,
		const struct catalogue *catalogue);
void world_done(struct world *world);
/* Applies and logs. */
void world_apply(struct world *world, struct event_list *list);
/* A second platform from a snapshot taken now, or from the log's first `count` records when `from_log`. The caller frees. */
struct platform *world_rebuild(const struct world *world, bool from_log);
/* Asserts that both ways of rebuilding give the same state. */
void world_check_rebuild(const struct world *world);
/* Ends the platform and begins its next life from the log, or from a snapshot. */
void world_restart(struct world *world, bool from_log);

/* A job of one worker on one core and 1 GiB; change it as needed. */
struct demand_spec world_job(const char *name);
uint64_t world_submit(struct world *world, const struct demand_spec *spec);
void world_round(struct world *world);
void world_tick(struct world *world);
void world_cancel(struct world *world, uint64_t id);
/* A sync from beginning to end. Gives decide_sync()'s code; the reply, the arena's, when 0. */
int world_sync(struct world *world, const struct sync_request *request, struct arena *arena, struct sync_reply *ret);
/* A sync of the site's whole declared supply and these attempts. */
struct sync_reply world_report(struct world *world, const char *site, uint64_t epoch, uint64_t sequence,
			       const struct attempt_report *attempts, size_t count, struct arena *arena);
struct demand_view world_demand(struct world *world, uint64_t id, struct arena *arena);
struct attempt_report world_attempt(uint64_t demand, int64_t replica, int64_t attempt, uint64_t token, enum attempt_state state,
				    enum outcome outcome);

#endif
