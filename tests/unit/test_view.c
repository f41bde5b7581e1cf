/* What readers see: pages, filters, roll-ups, events without secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "../platform_world.h"
#include "base/mem.h"

static struct chip_count mixed[] = { { "alpha", 2 }, { "beta", 1 } };
static struct node_group hub_groups[] = {
	{ .name = "train", .count = 2, .cpu_milli = 8000, .memory_mib = 16384, .chips = mixed, .chip_count = 2 }
};
static struct region regions[] = { { "west", "West" }, { "east", "East" } };
static struct site_spec sites[] = {
	{ .name = "zeta",
	  .title = "",
	  .tier = TIER_HUB,
	  .region = "west",
	  .operator_name = "op",
	  .engine = ENGINE_LOCAL,
	  .groups = hub_groups,
	  .group_count = 1 },
	{ .name = "alfa",
	  .title = "",
	  .tier = TIER_EDGE,
	  .region = "east",
	  .operator_name = "op",
	  .engine = ENGINE_SIMULATED,
	  .groups = hub_groups,
	  .group_count = 1 },
	{ .name = "mike",
	  .title = "",
	  .tier = TIER_EDGE,
	  .region = "east",
	  .operator_name = "op",
	  .engine = ENGINE_LOCAL,
	  .groups = hub_groups,
	  .group_count = 1 },
};
static struct link_spec links[] = { { "zeta", "alfa", 1000, 10, 5 }, { "zeta", "mike", 2000, 20, 6 } };
static const struct network_spec network = { .name = "test", .title = "Test", .note = "made up", .currency = "CNY", .regions = regions,
					     .region_count = 2, .sites = sites, .site_count = 3, .links = links, .link_count = 2,
					     .link_rule = { 1000, 9800, 1500 } };
static struct chip_model models[] = {
	{ .name = "alpha", .title = "Alpha", .vendor = "Home", .origin = ORIGIN_DOMESTIC },
	{ .name = "beta", .title = "Beta", .vendor = "Away", .origin = ORIGIN_FOREIGN },
};
static const struct catalogue catalogue = { models, 2 };

struct fixture {
	struct world world;
	struct arena arena;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	world_init(&f->world, NULL, &network, &catalogue);
	world_report(&f->world, "zeta", 1, 1, NULL, 0, &f->arena);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	world_done(&f->world);
	arena_done(&f->arena);
	free(f);
	return 0;
}

static size_t list(struct fixture *f, const struct demand_filter *filter, uint64_t cursor, bool newest_first, size_t limit,
		   struct demand_view **ret, bool *ret_more)
{
	return view_demands(f->world.platform, f->world.now_us, filter, cursor, newest_first, limit, &f->arena, ret, ret_more);
}

static void test_pages_lose_and_repeat_nothing(void **state)
{
	struct fixture *f = *state;
	struct demand_filter filters[] = { { .state = -1, .kind = -1 },
					   { .state = -1, .kind = -1, .name = "even" },
					   { .state = -1, .kind = -1, .tenant = "lab" } };
	uint64_t ids[25];

	for (int i = 0; i < 25; i++) {
		struct demand_spec spec = world_job(i % 2 ? "odd" : "even");

		ids[i] = world_submit(&f->world, &spec);
	}
	for (size_t n = 0; n < ARRAY_COUNT(filters); n++)
		for (int newest = 0; newest < 2; newest++) {
			int step = n == 1 ? 2 : 1, expected = newest ? 24 : 0;
			uint64_t cursor = 0;
			bool more = true;

			while (more) {
				struct demand_view *page;
				size_t count = list(f, &filters[n], cursor, newest, 4, &page, &more);

				assert_true(count > 0 && count <= 4);
				for (size_t i = 0; i < count; i++, expected += newest ? -step : step)
					assert_int_equal(page[i].id, ids[expected]);
				cursor = page[count - 1].id;
			}
			assert_int_equal(expected, newest ? -step : n == 1 ? 26 : 25);
		}
}

static void test_filters(void **state)
{
	struct fixture *f = *state;
	struct demand_filter all = { .state = -1, .kind = -1 }, filter;
	struct demand_spec job = world_job("job"), service = world_job("service");
	struct demand_view *page;
	uint64_t cancelled;
	bool more;

	service.ask.kind = DEMAND_SERVICE;
	service.tenant = "shop";
	world_submit(&f->world, &job);
	world_submit(&f->world, &service);
	cancelled = world_submit(&f->world, &job);
	world_cancel(&f->world, cancelled);
	world_round(&f->world);
	assert_int_equal(list(f, &all, 0, false, 10, &page, &more), 3);
#define CHECK(count, ...)                                                                                                                  \
	do {                                                                                                                               \
		filter = all;                                                                                                              \
		__VA_ARGS__;                                                                                                               \
		assert_int_equal(list(f, &filter, 0, false, 10, &page, &more), count);                                                     \
		assert_false(more);                                                                                                        \
	} while (0)
	CHECK(1, filter.state = STATE_CANCELLED);
	CHECK(0, filter.state = STATE_FAILED);
	CHECK(1, filter.ended_only = true);
	CHECK(2, filter.live_only = true);
	CHECK(1, filter.kind = DEMAND_SERVICE);
	CHECK(1, filter.tenant = "shop");
	CHECK(0, filter.tenant = "nobody");
	CHECK(2, filter.name = "job");
	CHECK(1, filter.name = "job", filter.live_only = true);
	CHECK(0, filter.name = "job", filter.tenant = "shop");
	CHECK(2, filter.site = "zeta");
	CHECK(0, filter.site = "mike");
	CHECK(2, filter.region = "west");
#undef CHECK
}

static void test_sites_are_listed_by_name(void **state)
{
	struct fixture *f = *state;
	struct site_filter all = { .tier = -1, .condition = -1, .engine = -1, .draining = -1 }, filter;
	struct site_status *page;
	bool more;

	assert_int_equal(view_sites(f->world.platform, f->world.now_us, &all, "", 2, &f->arena, &page, &more), 2);
	assert_true(more);
	assert_string_equal(page[0].name, "alfa");
	assert_string_equal(page[1].name, "mike");
	assert_int_equal(view_sites(f->world.platform, f->world.now_us, &all, "mike", 2, &f->arena, &page, &more), 1);
	assert_false(more);
	assert_string_equal(page[0].name, "zeta");
	assert_int_equal(page[0].chips, 6);
	assert_int_equal(page[0].chips_free, 6);
	assert_int_equal(page[0].chip_use_count, 2);
	assert_int_equal(page[0].chip_uses[0].count, 4);
#define CHECK(count, ...)                                                                                                                  \
	do {                                                                                                                               \
		filter = all;                                                                                                              \
		__VA_ARGS__;                                                                                                               \
		assert_int_equal(view_sites(f->world.platform, f->world.now_us, &filter, NULL, 10, &f->arena, &page, &more), count);       \
	} while (0)
	CHECK(2, filter.tier = TIER_EDGE);
	CHECK(1, filter.condition = CONDITION_UP);
	CHECK(1, filter.engine = ENGINE_SIMULATED);
	CHECK(3, filter.draining = 0);
	CHECK(0, filter.draining = 1);
	CHECK(1, filter.region = "west");
	CHECK(2, filter.name_contains = "a");
#undef CHECK
}

static void test_links(void **state)
{
	struct fixture *f = *state;
	struct link_view *page;
	bool more;

	assert_int_equal(view_links(f->world.platform, 0, 1, &f->arena, &page, &more), 1);
	assert_true(more);
	assert_int_equal(view_links(f->world.platform, 1, 5, &f->arena, &page, &more), 1);
	assert_false(more);
	assert_string_equal(page[0].to, "mike");
	assert_int_equal(view_links(f->world.platform, 9, 5, &f->arena, &page, &more), 0);
}

static void test_the_summary_adds_up(void **state)
{
	struct fixture *f = *state;
	static const char *beta[] = { "beta" };
	struct demand_spec spec = world_job("job");
	struct summary summary;
	struct strbuf json = { 0 };
	json_t *parsed;

	spec.ask.shape.chips.milli = 1000;
	spec.ask.shape.chips.models = beta;
	spec.ask.shape.chips.model_count = 1;
	spec.ask.workers = 2;
	world_submit(&f->world, &spec);
	world_submit(&f->world, &spec);
	world_round(&f->world);
	view_summary(f->world.platform, f->world.now_us, &f->arena, &summary);
	assert_int_equal(summary.sites, 3);
	assert_int_equal(summary.sites_up, 1);
	assert_int_equal(summary.sites_simulated, 1);
	assert_int_equal(summary.demands[STATE_PLACED], 1);
	assert_int_equal(summary.demands[STATE_PENDING], 1);
	assert_int_equal(summary.chips_domestic, 12);
	assert_int_equal(summary.chips_foreign, 6);
	assert_int_equal(summary.chip_count, 2);
	assert_string_equal(summary.chips[1].model, "beta");
	assert_int_equal(summary.chips[1].count, 6);
	assert_int_equal(summary.chips[1].free, 0);
	assert_int_equal(summary.chips[1].waiting, 2);
	assert_int_equal(summary.chips[0].free, 4);
	assert_int_equal(summary.tiers[TIER_EDGE].sites, 2);
	assert_int_equal(summary.tiers[TIER_HUB].cpu_free_milli, 14000);
	schema_write_json(&summary_schema, &summary, false, &json);
	parsed = json_loads(json.data, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(parsed, "demands"), "placed")), 1);
	assert_int_equal(json_array_size(json_object_get(parsed, "tiers")), TIER_COUNT);
	json_decref(parsed);
	strbuf_done(&json);
}

/* --- events -------------------------------------------------------------------------------------- */

struct shown {
	struct fixture *f;
	int count;
};

/* Each event as the stream shows it: a JSON object with a sentence, and nothing secret. */
static void show(void *context, const struct event *event)
{
	struct shown *shown = context;
	struct strbuf out = { 0 };
	const char *tenant = NULL;
	uint64_t demand = 0;
	json_t *json;

	view_event_json(shown->f->world.platform, event, &out, &demand, &tenant);
	json = json_loads(out.data, 0, NULL);
	if (!json)
		fail_msg("no JSON: %s", out.data);
	assert_string_equal(json_string_value(json_object_get(json, "type")), event_type_to_string(event->type));
	assert_true(strlen(json_string_value(json_object_get(json, "sentence"))) > 0);
	assert_true(json_is_object(json_object_get(json, "body")));
	assert_int_equal(json_object_get(json, "demand") != NULL, demand != 0);
	assert_int_equal(tenant != NULL, demand != 0);
	assert_null(strstr(out.data, "secret"));
	assert_null(strstr(out.data, "q6urq6"));
	shown->count++;
	json_decref(json);
	strbuf_done(&out);
}

static void test_events_are_shown_without_secrets(void **state)
{
	struct fixture *f = *state;
	struct shown shown = { .f = f };
	struct token_view token = { .name = "ann", .role = ROLE_TENANT, .tenant = "lab", .site = "" };
	struct demand_spec spec = world_job("job");
	struct submit_result result;
	struct event_list events;
	struct attempt_report report;
	struct err err;

	memset(token.hash, 0xab, sizeof(token.hash));
	f->world.on_event = show;
	f->world.context = &shown;
	event_list_init(&events, &f->arena);
	assert_int_equal(decide_token_create(f->world.platform, f->world.now_us, &token, &events, &err), 0);
	assert_int_equal(decide_submit(f->world.platform, f->world.now_us, "lab", "secret-key", &spec, 1, &result, &events, &err), 0);
	assert_int_equal(decide_drain(f->world.platform, f->world.now_us, "mike", "ann", "\"quoted\"", &events, &err), 0);
	assert_int_equal(decide_load_catalogue(f->world.platform, f->world.now_us, &(struct catalogue){ models, 1 }, &events, &err), 0);
	world_apply(&f->world, &events);
	world_round(&f->world);
	report = world_attempt(result.id, 0, 1, 1, ATTEMPT_RUNNING, OUTCOME_NONE);
	world_report(&f->world, "zeta", 1, 2, &report, 1, &f->arena);
	report = world_attempt(result.id, 0, 1, 1, ATTEMPT_ENDED, OUTCOME_FAILED);
	world_report(&f->world, "zeta", 1, 3, &report, 1, &f->arena);
	world_cancel(&f->world, world_submit(&f->world, &spec));
	f->world.now_us += 20000000;
	world_tick(&f->world);
	assert_int_equal(shown.count, 12);
	f->world.on_event = NULL;
}

static void test_the_output_of_an_attempt_lies_at_its_site(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("job");
	struct attempt_report lost;
	struct attempt_name name;
	const char *site;
	uint64_t id = world_submit(&f->world, &spec);

	assert_int_equal(view_placement_site(f->world.platform, id, 0, 0, &site, &name), -ENOENT);
	world_round(&f->world);
	lost = world_attempt(id, 0, 1, 1, ATTEMPT_ENDED, OUTCOME_LOST);
	world_report(&f->world, "zeta", 1, 2, &lost, 1, &f->arena);
	world_round(&f->world);
	assert_int_equal(view_placement_site(f->world.platform, id, 0, 0, &site, &name), 0);
	assert_int_equal(name.attempt, 2);
	assert_int_equal(view_placement_site(f->world.platform, id, 0, 1, &site, &name), 0);
	assert_int_equal(name.attempt, 1);
	assert_string_equal(site, "zeta");
	assert_int_equal(view_placement_site(f->world.platform, id, 0, 3, &site, &name), -ENOENT);
	assert_int_equal(view_placement_site(f->world.platform, id, 1, 0, &site, &name), -ENOENT);
	assert_int_equal(view_placement_site(f->world.platform, id + 1, 0, 0, &site, &name), -ENOENT);
}

static void test_why_says_what_each_site_says(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("huge");
	struct why_view why;
	int64_t sites_counted = 0;
	uint64_t id;

	spec.ask.shape.cpu_milli = 9000;
	id = world_submit(&f->world, &spec);
	world_round(&f->world);
	assert_int_equal(view_why(f->world.platform, f->world.now_us, id, &f->arena, &why), 0);
	assert_false(why.fits_now);
	for (size_t g = 0; g < why.group_count; g++) {
		sites_counted += why.groups[g].sites;
		assert_true(*why.groups[g].sentence && why.groups[g].example_count > 0);
	}
	assert_int_equal(sites_counted, 3);
	assert_int_equal(view_why(f->world.platform, f->world.now_us, id + 1, &f->arena, &why), -ENOENT);
}

static void test_why_says_what_would_help(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("wide");
	struct why_view why;
	uint64_t id;

	spec.ask.workers = 1000;
	spec.ask.shape.cpu_milli = 4000;
	id = world_submit(&f->world, &spec);
	world_round(&f->world);
	assert_int_equal(view_why(f->world.platform, f->world.now_us, id, &f->arena, &why), 0);
	assert_null(why.placement);
	assert_true(*why.start && *why.change);
	assert_int_equal(why.change_count, 1);
	assert_string_equal(why.changes[0].sentence, why.change);
	assert_int_equal(why.changes[0].steps[0].dimension, RELAX_WORKERS);
	assert_int_equal(why.changes[0].steps[0].from_value, 1000);
	/* It does. */
	spec.ask.workers = why.changes[0].steps[0].to_value;
	id = world_submit(&f->world, &spec);
	world_round(&f->world);
	assert_int_equal(view_why(f->world.platform, f->world.now_us, id, &f->arena, &why), 0);
	assert_int_equal(why.state, STATE_PLACED);
	assert_string_equal(why.change, "");
	assert_non_null(why.placement);
	assert_true(*why.placement->sentence);
	assert_int_equal(why.placement->score_micro, why.placement->parts.total);
}

static void test_words(void **state)
{
	for (int i = 0; i < STATE_COUNT; i++)
		assert_int_equal(demand_state_from_string(demand_state_to_string((enum demand_state)i)), i);
	for (int i = 0; i < ROLE_COUNT; i++)
		assert_int_equal(role_from_string(role_to_string((enum role)i)), i);
	for (int i = 1; i < EVENT_TYPE_COUNT; i++)
		assert_non_null(event_schema((enum event_type)i));
	assert_null(event_schema(EVENT_NONE));
	assert_null(event_schema((enum event_type)1000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages_lose_and_repeat_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sites_are_listed_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_summary_adds_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events_are_shown_without_secrets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_output_of_an_attempt_lies_at_its_site, setup, teardown),
		cmocka_unit_test_setup_teardown(test_why_says_what_each_site_says, setup, teardown),
		cmocka_unit_test_setup_teardown(test_why_says_what_would_help, setup, teardown),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
