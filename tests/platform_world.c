#include "platform_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "wire/files.h"

void world_apply(struct world *world, struct event_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct event *event = &list->events[i];
		struct world_record *record;
		struct strbuf bytes = { 0 };

		if (world->on_event)
			world->on_event(world->context, event);
		event_encode(event, &bytes);
		platform_apply(world->platform, event);
		ARRAY_RESERVE(world->log, world->log_capacity, world->log_count + 1);
		record = &world->log[world->log_count++];
		record->sequence = event->sequence;
		record->time_us = event->time_us;
		record->type = (uint32_t)event->type;
		record->length = bytes.length;
		record->payload = strbuf_take(&bytes);
	}
}

#define DECIDE(world, ...)                                                                                                                 \
	do {                                                                                                                               \
		struct arena decide_arena;                                                                                                 \
		struct event_list list;                                                                                                    \
		struct err err = { "" };                                                                                                   \
		arena_init(&decide_arena);                                                                                                 \
		event_list_init(&list, &decide_arena);                                                                                     \
		if ((__VA_ARGS__) < 0)                                                                                                     \
			fail_msg("%s", err.text);                                                                                          \
		world_apply((world), &list);                                                                                               \
		arena_done(&decide_arena);                                                                                                 \
	} while (0)

void world_init(struct world *world, const struct platform_settings *settings, const struct network_spec *network,
		const struct catalogue *catalogue)
{
	*world = (struct world){ .now_us = WORLD_BEGIN_US };
	if (settings)
		world->settings = *settings;
	else
		platform_settings_defaults(&world->settings);
	world->platform = platform_new(&world->settings);
	DECIDE(world, decide_open(world->platform, world->now_us, 1, &list, &err));
	if (network)
		DECIDE(world, decide_load_network(world->platform, world->now_us, network, &list, &err));
	if (catalogue)
		DECIDE(world, decide_load_catalogue(world->platform, world->now_us, catalogue, &list, &err));
}

void world_done(struct world *world)
{
	for (size_t i = 0; i < world->log_count; i++)
		free(world->log[i].payload);
	free(world->log);
	platform_free(world->platform);
	arena_done(&world->arena);
}

static int replay_into(void *context, uint32_t type, const void *payload, size_t length)
{
	struct err err = { "" };

	if (platform_replay(context, 0, 0, type, payload, length, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

struct platform *world_rebuild(const struct world *world, bool from_log)
{
	struct platform *platform = platform_new(&world->settings);
	struct err err = { "" };

	if (!from_log) {
		platform_snapshot(world->platform, replay_into, platform);
		platform_replay_snapshot_end(platform, platform_sequence(world->platform));
		return platform;
	}
	for (size_t i = 0; i < world->log_count; i++) {
		const struct world_record *record = &world->log[i];

		if (platform_replay(platform, record->sequence, record->time_us, record->type, record->payload, record->length, &err) < 0)
			fail_msg("%s", err.text);
	}
	return platform;
}

void world_check_rebuild(const struct world *world)
{
	uint8_t now[32], then[32];

	platform_hash(world->platform, now);
	for (int from_log = 0; from_log < 2; from_log++) {
		struct platform *platform = world_rebuild(world, from_log);

		platform_check(platform);
		platform_hash(platform, then);
		assert_memory_equal(now, then, sizeof(now));
		assert_int_equal(platform_sequence(platform), platform_sequence(world->platform));
		platform_free(platform);
	}
}

void world_restart(struct world *world, bool from_log)
{
	struct platform *next = world_rebuild(world, from_log);

	platform_free(world->platform);
	world->platform = next;
	DECIDE(world, decide_open(world->platform, world->now_us, 0, &list, &err));
	platform_observe_restart(world->platform, world->now_us, 0);
}

struct demand_spec world_job(const char *name)
{
	static const char *command[] = { "true" };
	struct demand_spec spec;

	schema_defaults(&demand_schema, &spec);
	spec.name = name;
	spec.tenant = "lab";
	spec.command = command;
	spec.command_count = 1;
	return spec;
}

uint64_t world_submit(struct world *world, const struct demand_spec *spec)
{
	struct submit_result result = { 0 };

	DECIDE(world, decide_submit(world->platform, world->now_us, "lab", NULL, spec, 1, &result, &list, &err));
	return result.id;
}

void world_round(struct world *world)
{
	bool complete = false;

	for (int i = 0; i < 1000 && !complete && platform_round_wanted(world->platform); i++) {
		struct arena arena;
		struct event_list list;
		struct err err = { "" };

		arena_init(&arena);
		event_list_init(&list, &arena);
		assert_int_equal(decide_round(world->platform, world->now_us, &list, &complete, &err), 0);
		platform_observe_round(world->platform, complete);
		world_apply(world, &list);
		arena_done(&arena);
	}
}

void world_tick(struct world *world)
{
	DECIDE(world, decide_tick(world->platform, world->now_us, &list, &err));
}

void world_cancel(struct world *world, uint64_t id)
{
	DECIDE(world, decide_cancel(world->platform, world->now_us, id, "ann", &list, &err));
}

int world_sync(struct world *world, const struct sync_request *request, struct arena *arena, struct sync_reply *ret)
{
	struct event_list list;
	struct err err = { "" };
	int code;

	event_list_init(&list, arena);
	code = decide_sync(world->platform, world->now_us, request, &list, &err);
	if (code < 0)
		return code;
	world_apply(world, &list);
	platform_observe_sync(world->platform, world->now_us, request);
	platform_sync_reply(world->platform, request, arena, ret);
	return 0;
}

struct sync_reply world_report(struct world *world, const char *site, uint64_t epoch, uint64_t sequence,
			       const struct attempt_report *attempts, size_t count, struct arena *arena)
{
	struct site_status status;
	struct sync_request request = { .version = SYNC_VERSION, .site = site, .epoch = epoch, .sequence = sequence, .agent = "test",
					.supply_hash = 1, .has_groups = true, .attempts = (struct attempt_report *)attempts,
					.attempt_count = count };
	struct sync_reply reply;

	assert_int_equal(view_site(world->platform, world->now_us, site, true, arena, &status), 0);
	request.groups = status.groups;
	request.group_count = status.group_count;
	assert_int_equal(world_sync(world, &request, arena, &reply), 0);
	return reply;
}

struct demand_view world_demand(struct world *world, uint64_t id, struct arena *arena)
{
	struct demand_view view;

	assert_int_equal(view_demand(world->platform, world->now_us, id, true, arena, &view), 0);
	assert_true(*view.reason);
	return view;
}

struct attempt_report world_attempt(uint64_t demand, int64_t replica, int64_t attempt, uint64_t token, enum attempt_state state,
				    enum outcome outcome)
{
	return (struct attempt_report){
		.demand = demand, .replica = replica, .attempt = attempt, .token = token, .state = state, .outcome = outcome,
		.exit_code = outcome == OUTCOME_SUCCEEDED ? 0 : outcome == OUTCOME_FAILED ? 1 : -1, .failed_worker = -1, .message = "",
		.progress_permille = 500, .cpu_used_us = 10, .memory_peak_mib = 20,
	};
}
