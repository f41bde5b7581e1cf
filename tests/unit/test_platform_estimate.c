/* Estimated starts: exact where everything runs as long as it may, counted where it does not, bounded, and forgotten at a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../platform_world.h"
#include "base/mem.h"
#include "base/rng.h"
#include "platform/state.h"

#define NODES 4
#define MINUTE_US INT64_C(60000000)
#define ATTEMPTS_MAX 64

static struct node_group groups[] = { { .name = "machine", .count = NODES, .cpu_milli = 1000, .memory_mib = 4096 } };
static struct region regions[] = { { "here", "Here" } };
static struct site_spec sites[] = {
	{ .name = "only", .title = "Only", .tier = TIER_HUB, .region = "here", .operator_name = "op", .engine = ENGINE_LOCAL, .groups = groups,
	  .group_count = 1, .price = { 100, 10, 4000 } },
};
static const struct network_spec network = { .name = "test", .title = "Test", .note = "", .currency = "CNY", .regions = regions,
					     .region_count = 1, .sites = sites, .site_count = 1, .link_rule = { 1000, 9800, 1500 } };

struct fixture {
	struct world world;
	struct arena arena;
	uint64_t sequence;
	int64_t part_permille; /* of its limit that a job takes */
	enum outcome outcome;
};

static void fixture_init(struct fixture *fixture)
{
	*fixture = (struct fixture){ .part_permille = 1000, .outcome = OUTCOME_SUCCEEDED };
	world_init(&fixture->world, NULL, &network, NULL);
	arena_init(&fixture->arena);
	world_report(&fixture->world, "only", 1, ++fixture->sequence, NULL, 0, &fixture->arena);
}

static void fixture_done(struct fixture *fixture)
{
	world_done(&fixture->world);
	arena_done(&fixture->arena);
}

static uint64_t submit(struct fixture *fixture, const char *name, int64_t limit_us)
{
	struct demand_spec spec = world_job(name);

	spec.time_limit_us = limit_us;
	return world_submit(&fixture->world, &spec);
}

/* The site reports everything it has: what is new runs since it was placed, what has had its part of the limit has ended. */
static void report(struct fixture *fixture)
{
	struct world *world = &fixture->world;
	struct demand_filter filter = { .state = -1, .live_only = true, .site = "only", .kind = -1 };
	struct attempt_report reports[ATTEMPTS_MAX];
	struct demand_view *found;
	size_t count;
	bool more;

	count = view_demands(world->platform, world->now_us, &filter, 0, false, ATTEMPTS_MAX, &fixture->arena, &found, &more);
	assert_false(more);
	for (size_t i = 0; i < count; i++) {
		struct demand_view view = world_demand(world, found[i].id, &fixture->arena);
		const struct placement_view *placement = &view.placements[0];
		int64_t ends_us = placement->placed_us + view.spec->time_limit_us * fixture->part_permille / 1000;
		bool over = view.spec->time_limit_us > 0 && world->now_us >= ends_us;

		reports[i] = world_attempt(view.id, 0, placement->attempt, placement->token, over ? ATTEMPT_ENDED : ATTEMPT_RUNNING,
					   over ? fixture->outcome : OUTCOME_NONE);
		reports[i].started_us = placement->placed_us;
		reports[i].ended_us = over ? ends_us : 0;
	}
	world_report(world, "only", 1, ++fixture->sequence, reports, count, &fixture->arena);
}

static void go_on(struct fixture *fixture, int64_t us)
{
	fixture->world.now_us += us;
	report(fixture);
	world_round(&fixture->world);
	report(fixture);
}

static void estimate(struct fixture *fixture)
{
	assert_true(platform_estimates_wanted(fixture->world.platform, fixture->world.now_us));
	platform_observe_estimates(fixture->world.platform, fixture->world.now_us);
	assert_false(platform_estimates_wanted(fixture->world.platform, fixture->world.now_us));
}

static int64_t estimated(struct fixture *fixture, uint64_t id)
{
	return world_demand(&fixture->world, id, &fixture->arena).estimated_start_us;
}

static struct tallies tallies(struct fixture *fixture)
{
	struct summary summary;

	view_summary(fixture->world.platform, fixture->world.now_us, &fixture->arena, &summary);
	return summary.tallies;
}

static void test_equal_jobs_are_predicted_exactly(void **state)
{
	struct fixture fixture;
	struct world *world = &fixture.world;
	uint64_t ids[NODES * 5];
	int64_t begin_us;

	fixture_init(&fixture);
	begin_us = world->now_us;
	assert_false(platform_estimates_wanted(world->platform, begin_us)); /* nothing waits */
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++)
		ids[i] = submit(&fixture, "equal", 10 * MINUTE_US);
	assert_false(platform_estimates_wanted(world->platform, begin_us)); /* a round comes first */
	assert_int_equal(estimated(&fixture, ids[0]), 0);
	go_on(&fixture, 0);
	estimate(&fixture);
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++)
		assert_int_equal(estimated(&fixture, ids[i]), i < NODES ? 0 : begin_us + (int64_t)(i / NODES) * 10 * MINUTE_US);
	for (int turn = 0; turn < 5; turn++) {
		go_on(&fixture, 10 * MINUTE_US);
		world_check_rebuild(world);
	}
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
		struct demand_view view = world_demand(world, ids[i], &fixture.arena);

		assert_int_equal(view.state, STATE_SUCCEEDED);
		assert_int_equal(view.placements[0].predicted_start_us, i < NODES ? 0 : view.placements[0].placed_us);
		assert_int_equal(view.estimated_start_us, 0);
	}
	/* Those that started in their first round had been told nothing, and do not count. */
	assert_int_equal(tallies(&fixture).predictions, NODES * 4);
	assert_int_equal(tallies(&fixture).prediction_error_us, 0);
	fixture_done(&fixture);
}

/* Jobs of all lengths, some of two workers that must come free together. */
static void test_a_mix_is_predicted_nearly(void **state)
{
	struct fixture fixture;
	struct world *world = &fixture.world;
	uint64_t ids[120];
	int64_t error_us = 0, wait_us = 0;
	struct rng rng;

	fixture_init(&fixture);
	rng_init(&rng, 11);
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
		struct demand_spec spec = world_job("mixed");

		spec.time_limit_us = (1 + (int64_t)rng_below(&rng, 20)) * MINUTE_US;
		spec.ask.workers = 1 + (int64_t)rng_below(&rng, 4) / 3;
		ids[i] = world_submit(world, &spec);
	}
	go_on(&fixture, 0);
	estimate(&fixture);
	for (int minute = 0; minute < 600; minute++)
		go_on(&fixture, MINUTE_US);
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
		struct placement_view placement = world_demand(world, ids[i], &fixture.arena).placements[0];

		wait_us += placement.placed_us - WORLD_BEGIN_US;
		if (placement.predicted_start_us == 0)
			continue;
		error_us += placement.predicted_start_us > placement.placed_us ? placement.predicted_start_us - placement.placed_us
									       : placement.placed_us - placement.predicted_start_us;
	}
	assert_int_equal(tallies(&fixture).prediction_error_us, error_us);
	assert_true(tallies(&fixture).predictions > 100);
	assert_true(error_us * 20 < wait_us);
	fixture_done(&fixture);
}

static void test_what_came_otherwise_is_counted(void **state)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.part_permille = 500;
	for (size_t i = 0; i < NODES * 2; i++)
		submit(&fixture, "short", 10 * MINUTE_US);
	go_on(&fixture, 0);
	estimate(&fixture);
	go_on(&fixture, 5 * MINUTE_US); /* five minutes before they were foretold */
	assert_int_equal(tallies(&fixture).predictions, NODES);
	assert_int_equal(tallies(&fixture).prediction_error_us, NODES * 5 * MINUTE_US);
	assert_int_equal(tallies(&fixture).prediction_bias_us, -NODES * 5 * MINUTE_US);
	world_check_rebuild(&fixture.world);
	fixture_done(&fixture);
}

static void test_the_first_estimate_is_what_counts(void **state)
{
	struct fixture fixture;
	struct demand_view view;
	uint64_t last = 0;
	int64_t first_us;

	fixture_init(&fixture);
	fixture.part_permille = 500;
	for (size_t i = 0; i < NODES * 3; i++)
		last = submit(&fixture, "short", 10 * MINUTE_US);
	go_on(&fixture, 0);
	estimate(&fixture);
	first_us = estimated(&fixture, last);
	go_on(&fixture, 5 * MINUTE_US);
	estimate(&fixture);
	assert_true(estimated(&fixture, last) < first_us); /* it knows better by now */
	go_on(&fixture, 5 * MINUTE_US);
	view = world_demand(&fixture.world, last, &fixture.arena);
	assert_int_equal(view.placements[0].predicted_start_us, first_us);
	fixture_done(&fixture);
}

static void test_learns_how_much_of_its_limit_work_takes(void **state)
{
	struct fixture fixture;
	uint64_t last = 0;

	fixture_init(&fixture);
	fixture.part_permille = 250;
	assert_int_equal(estimate_time_permille(fixture.world.platform), 1000);
	for (size_t i = 0; i < NODES * 4; i++)
		last = submit(&fixture, "quarter", 20 * MINUTE_US);
	go_on(&fixture, 0);
	go_on(&fixture, 5 * MINUTE_US);
	assert_int_equal(estimate_time_permille(fixture.world.platform), 1000); /* too few */
	go_on(&fixture, 5 * MINUTE_US);
	assert_int_equal(estimate_time_permille(fixture.world.platform), 250);
	estimate(&fixture);
	assert_int_equal(estimated(&fixture, last), fixture.world.now_us + 5 * MINUTE_US);
	/* What fails at once does not say how long other work takes. */
	fixture.outcome = OUTCOME_FAILED;
	fixture.part_permille = 1;
	go_on(&fixture, MINUTE_US);
	assert_int_equal(estimate_time_permille(fixture.world.platform), 250);
	fixture_done(&fixture);
}

static void test_what_cannot_be_known_is_said_so(void **state)
{
	struct fixture fixture;
	uint64_t waits, large;
	struct demand_spec spec;

	fixture_init(&fixture);
	for (size_t i = 0; i < NODES; i++)
		submit(&fixture, "endless", 0);
	waits = submit(&fixture, "waits", 10 * MINUTE_US);
	spec = world_job("large");
	spec.ask.shape.cpu_milli = 64000;
	large = world_submit(&fixture.world, &spec);
	go_on(&fixture, 0);
	estimate(&fixture);
	assert_int_equal(estimated(&fixture, waits), -1);
	assert_int_equal(estimated(&fixture, large), -1);
	fixture_done(&fixture);
}

static void test_a_restart_forgets(void **state)
{
	struct fixture fixture;
	uint64_t last = 0;

	fixture_init(&fixture);
	for (size_t i = 0; i < NODES * 2; i++)
		last = submit(&fixture, "equal", 10 * MINUTE_US);
	go_on(&fixture, 0);
	estimate(&fixture);
	assert_true(estimated(&fixture, last) > 0);
	world_restart(&fixture.world, true);
	assert_int_equal(estimated(&fixture, last), 0);
	go_on(&fixture, 10 * MINUTE_US);
	assert_int_equal(tallies(&fixture).predictions, 0);
	assert_int_equal(world_demand(&fixture.world, last, &fixture.arena).placements[0].predicted_start_us, 0);
	fixture_done(&fixture);
}

/* A place of its own for each entry, as far as anybody looks. */
static void test_a_long_queue_is_estimated_to_its_end(void **state)
{
	struct fixture fixture;
	struct world *world = &fixture.world;
	int64_t begin_us, before_us = 0;
	static uint64_t ids[100000];

	fixture_init(&fixture);
	begin_us = world->now_us;
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++)
		ids[i] = submit(&fixture, "many", 10 * MINUTE_US);
	go_on(&fixture, 0);
	estimate(&fixture);
	for (size_t i = NODES; i < ARRAY_COUNT(ids); i += 2500) {
		int64_t exact_us = begin_us + (int64_t)(i / NODES) * 10 * MINUTE_US, us = estimated(&fixture, ids[i]);

		assert_true(us >= before_us);
		/* Beyond what was played, and with steps that grow, it is a guess: a good one. */
		assert_in_range(us, exact_us - (exact_us - begin_us) / 20 - MINUTE_US, exact_us + (exact_us - begin_us) / 20 + MINUTE_US);
		before_us = us;
	}
	/* First estimates of those far behind come a few thousand at a time, and stay. */
	assert_int_equal(demand_find(world->platform, ids[ARRAY_COUNT(ids) - 1])->single.predicted_us, 0);
	for (int i = 0; i < 25; i++) {
		world->now_us += MINUTE_US;
		estimate(&fixture);
	}
	for (size_t i = NODES; i < ARRAY_COUNT(ids); i += 100)
		assert_true(demand_find(world->platform, ids[i])->single.predicted_us > 0);
	fixture_done(&fixture);
}

/* Queues beyond those that are played come after them. */
static void test_many_queues_are_all_estimated(void **state)
{
	struct fixture fixture;
	uint64_t ids[300];
	int64_t last_us = 0;

	fixture_init(&fixture);
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
		struct demand_spec spec = world_job("each");

		spec.time_limit_us = 10 * MINUTE_US;
		spec.ask.shape.cpu_milli = 1000 - (int64_t)i; /* two do not share a node */
		ids[i] = world_submit(&fixture.world, &spec);
	}
	go_on(&fixture, 0);
	estimate(&fixture);
	for (size_t i = NODES; i < ARRAY_COUNT(ids); i++) {
		int64_t us = estimated(&fixture, ids[i]);

		assert_true(us > fixture.world.now_us);
		last_us = us > last_us ? us : last_us;
	}
	assert_in_range(last_us, fixture.world.now_us + 600 * MINUTE_US, fixture.world.now_us + 900 * MINUTE_US);
	fixture_done(&fixture);
}

/* The estimates change nothing that lasts, and nothing in the books. */
static void test_estimating_leaves_everything_as_it_was(void **state)
{
	struct fixture fixture;
	uint8_t before[32], after[32];

	fixture_init(&fixture);
	for (size_t i = 0; i < NODES * 3; i++)
		submit(&fixture, "equal", (int64_t)(1 + i % 3) * 10 * MINUTE_US);
	go_on(&fixture, 0);
	platform_hash(fixture.world.platform, before);
	estimate(&fixture);
	platform_hash(fixture.world.platform, after);
	assert_memory_equal(before, after, sizeof(before));
	platform_check(fixture.world.platform);
	go_on(&fixture, 10 * MINUTE_US);
	platform_check(fixture.world.platform);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_jobs_are_predicted_exactly),
		cmocka_unit_test(test_a_mix_is_predicted_nearly),
		cmocka_unit_test(test_what_came_otherwise_is_counted),
		cmocka_unit_test(test_the_first_estimate_is_what_counts),
		cmocka_unit_test(test_learns_how_much_of_its_limit_work_takes),
		cmocka_unit_test(test_what_cannot_be_known_is_said_so),
		cmocka_unit_test(test_a_restart_forgets),
		cmocka_unit_test(test_a_long_queue_is_estimated_to_its_end),
		cmocka_unit_test(test_many_queues_are_all_estimated),
		cmocka_unit_test(test_estimating_leaves_everything_as_it_was),
	};

	return cmocka_run_group_tests_name("platform estimate", tests, NULL, NULL);
}
