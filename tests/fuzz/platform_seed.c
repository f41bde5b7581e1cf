#include "platform_seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "platform/state.h"
#include "wire/files.h"

#define RECORDS_MAX 200

static struct record {
	uint32_t type;
	char *payload;
	size_t length;
} records[RECORDS_MAX];
static size_t record_count;

static void keep(struct platform *platform, struct event_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct strbuf bytes = { 0 };

		event_encode(&list->events[i], &bytes);
		records[record_count++] = (struct record){ (uint32_t)list->events[i].type, bytes.data, bytes.length };
		platform_apply(platform, &list->events[i]);
	}
}

#define DECIDE(...)                                                                                                                        \
	do {                                                                                                                               \
		struct arena arena = { 0 };                                                                                                \
		struct event_list list;                                                                                                    \
		struct err err = { "" };                                                                                                   \
		event_list_init(&list, &arena);                                                                                            \
		if ((__VA_ARGS__) < 0) {                                                                                                   \
			fprintf(stderr, "seed: %s\n", err.text);                                                                           \
			abort();                                                                                                           \
		}                                                                                                                          \
		keep(platform, &list);                                                                                                     \
		arena_done(&arena);                                                                                                        \
	} while (0)

static struct region regions[] = { { "west", "West" }, { "east", "East" } };
static struct chip_count chips[] = { { "alpha", 4 } };
static struct node_group groups[] = {
	{ .name = "train", .count = 4, .cpu_milli = 8000, .memory_mib = 16384, .chips = chips, .chip_count = 1 }
};

static void load_network(struct platform *platform)
{
	static const char *const names[] = { "site-a", "site-b", "site-c" };
	struct site_spec sites[3];
	struct network_spec network;

	schema_defaults(&network_schema, &network);
	for (unsigned i = 0; i < 3; i++) {
		schema_defaults(&site_spec_schema, &sites[i]);
		sites[i].name = names[i];
		sites[i].region = regions[i % 2].name;
		sites[i].engine = i == 2 ? ENGINE_SLURM : ENGINE_LOCAL;
		sites[i].groups = groups;
		sites[i].group_count = 1;
	}
	network.name = "seed";
	network.regions = regions;
	network.region_count = 2;
	network.sites = sites;
	network.site_count = 3;
	DECIDE(decide_load_network(platform, SEED_NOW_US, &network, &list, &err));
	for (unsigned i = 0; i < 2; i++) {
		struct sync_request request = { .version = SYNC_VERSION, .site = names[i], .epoch = 1, .sequence = 1, .agent = "",
						.supply_hash = 1, .groups = groups, .group_count = 1, .has_groups = true };

		DECIDE(decide_sync(platform, SEED_NOW_US, &request, &list, &err));
	}
}

static void submit(struct platform *platform)
{
	static const char *command[] = { "true" };
	static const enum demand_kind kinds[] = { DEMAND_JOB, DEMAND_SERVICE, DEMAND_JOB, DEMAND_JOB };
	static const int64_t workers[] = { 1, 3, 4, 9 };
	struct submit_result result;
	bool complete;

	for (unsigned i = 0; i < 4; i++) {
		struct demand_spec spec;

		schema_defaults(&demand_schema, &spec);
		spec.name = "work";
		spec.command = command;
		spec.command_count = 1;
		spec.ask.kind = kinds[i];
		spec.ask.workers = workers[i];
		spec.ask.shape.chips.milli = i == 3 ? 4000 : 1000;
		DECIDE(decide_submit(platform, SEED_NOW_US, "lab", i ? "" : "key", &spec, 1, &result, &list, &err));
	}
	DECIDE(decide_round(platform, SEED_NOW_US, &list, &complete, &err));
	DECIDE(decide_cancel(platform, SEED_NOW_US, result.id, "ann", &list, &err));
	DECIDE(decide_drain(platform, SEED_NOW_US, "site-b", "ann", "why not", &list, &err));
}

/* An array of which some are held, one that waits for it, a deadline, and one that makes room. */
static void submit_held(struct platform *platform)
{
	static const char *command[] = { "true" };
	static struct array array = { 4, 2 };
	static struct after wait = { "many", AFTER_ANY };
	struct demand_spec specs[2];
	struct submit_result results[2];
	struct demand *first;
	bool complete;

	for (unsigned i = 0; i < 2; i++) {
		schema_defaults(&demand_schema, &specs[i]);
		specs[i].name = i ? "behind" : "many";
		specs[i].command = command;
		specs[i].command_count = 1;
		specs[i].deadline_us = 1000000000;
		specs[i].time_limit_us = 1000000;
	}
	specs[0].array = &array;
	specs[1].after = &wait;
	specs[1].after_count = 1;
	DECIDE(decide_submit(platform, SEED_NOW_US, "lab", "many", specs, 2, results, &list, &err));
	DECIDE(decide_round(platform, SEED_NOW_US, &list, &complete, &err));
	first = demand_find(platform, results[0].id);
	if (first->single.attempt)
		DECIDE(preempt(platform, first->single.attempt, results[1].id, false, SEED_NOW_US, &list), 0);
}

static void load_policy(struct platform *platform)
{
	struct tenant_spec tenants[] = { { .name = "lab", .parent = "", .weight = 2, .quota = &(struct amounts){ .chip_milli = 2000 } } };
	struct policy_spec policy;

	policy_defaults(&policy);
	policy.name = "seed";
	policy.tenants = tenants;
	policy.tenant_count = 1;
	DECIDE(decide_load_policy(platform, SEED_NOW_US, &policy, &list, &err));
}

static void make_records(struct platform *platform)
{
	struct token_view token = { .name = "root", .role = ROLE_OPERATOR, .hash = { 1 } };

	DECIDE(decide_open(platform, SEED_NOW_US, 1, &list, &err));
	DECIDE(decide_token_create(platform, SEED_NOW_US, &token, &list, &err));
	load_network(platform);
	load_policy(platform);
	submit(platform);
	submit_held(platform);
}

struct platform *seed_platform(void)
{
	struct platform_settings settings;
	struct platform *platform;
	struct err err = { "" };

	platform_settings_defaults(&settings);
	settings.ended_kept = 3;
	platform = platform_new(&settings);
	if (record_count == 0) {
		make_records(platform);
		return platform;
	}
	for (size_t i = 0; i < record_count; i++)
		if (platform_replay(platform, i + 1, SEED_NOW_US, records[i].type, records[i].payload, records[i].length, &err) < 0)
			abort();
	return platform;
}

static int restore(void *context, uint32_t type, const void *payload, size_t length)
{
	struct err err = { "" };

	if (platform_replay(context, 0, 0, type, payload, length, &err) == 0)
		return 0;
	fprintf(stderr, "the snapshot of an accepted state was refused: %s\n", err.text);
	abort();
}

static void show(const struct platform *platform)
{
	struct demand_filter demands = { .state = -1, .kind = -1 };
	struct site_filter sites = { .tier = -1, .condition = -1, .engine = -1, .draining = -1 };
	struct strbuf json = { 0 };
	struct arena arena = { 0 };
	struct demand_view *shown, full;
	struct site_status *site;
	struct story_line *lines;
	struct summary summary;
	size_t count, line_count;
	bool more;

	count = view_demands(platform, SEED_NOW_US, &demands, 0, false, 100, &arena, &shown, &more);
	for (size_t i = 0; i < count; i++) {
		if (!*shown[i].reason || view_demand(platform, SEED_NOW_US, shown[i].id, true, &arena, &full) < 0 ||
		    view_story(platform, shown[i].id, &arena, &lines, &line_count) < 0)
			abort();
		schema_write_json(&demand_full_schema, &full, false, &json);
	}
	count = view_sites(platform, SEED_NOW_US, &sites, "", 100, &arena, &site, &more);
	for (size_t i = 0; i < count; i++)
		schema_write_json(&site_status_schema, &site[i], false, &json);
	view_summary(platform, SEED_NOW_US, &arena, &summary);
	schema_write_json(&summary_schema, &summary, false, &json);
	strbuf_done(&json);
	arena_done(&arena);
}

void seed_check(const struct platform *platform)
{
	struct platform_settings settings;
	struct platform *other;
	uint8_t hash[32], again[32];

	platform_check(platform);
	show(platform);
	platform_settings_defaults(&settings);
	settings.ended_kept = 3;
	other = platform_new(&settings);
	platform_snapshot(platform, restore, other);
	platform_replay_snapshot_end(other, platform_sequence(platform));
	platform_check(other);
	platform_hash(platform, hash);
	platform_hash(other, again);
	if (memcmp(hash, again, sizeof(hash)) != 0)
		abort();
	platform_free(other);
}
