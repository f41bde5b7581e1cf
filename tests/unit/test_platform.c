/* The platform's ways: from a submission to its end, and what can happen in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../platform_world.h"
#include "base/mem.h"

static struct chip_count four_alpha[] = { { "alpha", 4 } };
static struct node_group hub_groups[] = {
	{ .name = "train", .count = 2, .cpu_milli = 8000, .memory_mib = 16384, .chips = four_alpha, .chip_count = 1 }
};
static struct node_group edge_groups[] = { { .name = "serve", .count = 1, .cpu_milli = 4000, .memory_mib = 8192 } };
static struct region regions[] = { { "west", "West" }, { "east", "East" } };
static struct site_spec sites[] = {
	{ .name = "hub", .title = "Hub", .tier = TIER_HUB, .region = "west", .operator_name = "op", .latitude_udeg = 26000000,
	  .longitude_udeg = 106000000, .engine = ENGINE_LOCAL, .groups = hub_groups, .group_count = 1, .price = { 100, 10, 4000 } },
	{ .name = "edge", .title = "Edge", .tier = TIER_EDGE, .region = "east", .operator_name = "op", .latitude_udeg = 31000000,
	  .longitude_udeg = 121000000, .engine = ENGINE_LOCAL, .groups = edge_groups, .group_count = 1, .price = { 200, 20, 8000 } },
};
static const struct network_spec network = { .name = "test", .title = "Test", .note = "", .currency = "CNY", .regions = regions,
					     .region_count = 2, .sites = sites, .site_count = 2, .link_rule = { 1000, 9800, 1500 } };

struct fixture {
	struct world world;
	struct arena arena;
};

static int setup(void **state)
{
	struct fixture *fixture = mem_alloc(sizeof(*fixture));

	world_init(&fixture->world, NULL, &network, NULL);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	world_check_rebuild(&fixture->world);
	world_done(&fixture->world);
	arena_done(&fixture->arena);
	free(fixture);
	return 0;
}

static void test_a_job_runs_to_its_end(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("hello");
	uint64_t id = world_submit(&f->world, &spec);
	struct sync_reply reply;
	struct attempt_report report;
	struct demand_view view = world_demand(&f->world, id, &f->arena);
	struct story_line *lines;
	size_t count;

	assert_int_equal(view.state, STATE_PENDING);
	assert_string_equal(view.reason, "waiting for the next round");
	world_round(&f->world);
	view = world_demand(&f->world, id, &f->arena);
	assert_int_equal(view.state, STATE_PENDING);
	assert_string_equal(view.reason, "waits; nearest: no agent has reported yet (hub)");

	reply = world_report(&f->world, "hub", 10, 1, NULL, 0, &f->arena);
	assert_int_equal(reply.run_count, 0);
	world_round(&f->world);
	view = world_demand(&f->world, id, &f->arena);
	assert_int_equal(view.state, STATE_PLACED);
	assert_string_equal(view.sites, "hub");

	reply = world_report(&f->world, "hub", 10, 2, NULL, 0, &f->arena);
	assert_int_equal(reply.run_count, 1);
	assert_int_equal(reply.run[0].demand, id);
	assert_string_equal(reply.run[0].spec->command[0], "true");
	assert_string_equal(reply.run[0].workers[0].node, "train/0");
	report = world_attempt(id, 0, 1, reply.run[0].token, ATTEMPT_RUNNING, OUTCOME_NONE);
	reply = world_report(&f->world, "hub", 10, 3, &report, 1, &f->arena);
	assert_int_equal(reply.run_count, 1);
	assert_null(reply.run[0].spec);
	view = world_demand(&f->world, id, &f->arena);
	assert_int_equal(view.state, STATE_RUNNING);
	assert_int_equal(view.progress_permille, 500);
	assert_string_equal(view.reason, "running at hub");

	report = world_attempt(id, 0, 1, report.token, ATTEMPT_ENDED, OUTCOME_SUCCEEDED);
	reply = world_report(&f->world, "hub", 10, 4, &report, 1, &f->arena);
	assert_int_equal(reply.run_count, 0);
	assert_int_equal(reply.forget_count, 1);
	view = world_demand(&f->world, id, &f->arena);
	assert_int_equal(view.state, STATE_SUCCEEDED);
	assert_string_equal(view.reason, "succeeded at hub");
	assert_int_equal(view_story(f->world.platform, id, &f->arena, &lines, &count), 0);
	assert_int_equal(count, 5);
	assert_string_equal(lines[1].sentence, "hello placed on hub");
}

/* --- helpers ------------------------------------------------------------------------------------ */

#define NONE ((struct attempt_report){ .demand = 0 })

static uint64_t sequence_of(struct fixture *f)
{
	static uint64_t sequence;

	(void)f;
	return ++sequence; /* only grows, which is all that matters */
}

/* A report of one attempt at a site; none when its demand is 0. */
static struct sync_reply report(struct fixture *f, const char *site, struct attempt_report attempt)
{
	return world_report(&f->world, site, 10, sequence_of(f), &attempt, attempt.demand ? 1 : 0, &f->arena);
}

static void both_up(struct fixture *f)
{
	report(f, "hub", NONE);
	report(f, "edge", NONE);
}

/* Speaks for both sites every few seconds while time passes. */
static void pass_s(struct fixture *f, int64_t seconds)
{
	for (; seconds > 0; seconds--) {
		f->world.now_us += 1000000;
		if (platform_next_tick_us(f->world.platform) <= f->world.now_us)
			world_tick(&f->world);
	}
	world_round(&f->world);
}

static struct placement_view placement(struct fixture *f, uint64_t id, size_t index)
{
	struct demand_view view = world_demand(&f->world, id, &f->arena);

	assert_true(index < view.placement_count);
	return view.placements[index];
}

static struct attempt_report of(struct fixture *f, uint64_t id, size_t index, enum attempt_state state, enum outcome outcome)
{
	struct placement_view view = placement(f, id, index);

	return world_attempt(id, view.replica, view.attempt, view.token, state, outcome);
}

static enum demand_state state_of(struct fixture *f, uint64_t id)
{
	return world_demand(&f->world, id, &f->arena).state;
}

static const char *reason_of(struct fixture *f, uint64_t id)
{
	return world_demand(&f->world, id, &f->arena).reason;
}

/* --- jobs ---------------------------------------------------------------------------------------- */

static void test_a_job_that_fails(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("fails");
	uint64_t id = world_submit(&f->world, &spec);
	struct attempt_report end;

	both_up(f);
	world_round(&f->world);
	end = of(f, id, 0, ATTEMPT_ENDED, OUTCOME_FAILED);
	end.exit_code = 3;
	report(f, "hub", end);
	assert_int_equal(state_of(f, id), STATE_FAILED);
	assert_string_equal(reason_of(f, id), "failed with exit status 3 at hub");
	assert_int_equal(world_demand(&f->world, id, &f->arena).exit_code, 3);
}

static void test_a_gang_is_placed_whole_or_not(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("gang");
	struct demand_view view;
	uint64_t first, second;

	spec.ask.workers = 6;
	spec.ask.shape.chips.milli = 1000;
	first = world_submit(&f->world, &spec);
	second = world_submit(&f->world, &spec);
	both_up(f);
	world_round(&f->world);
	view = world_demand(&f->world, first, &f->arena);
	assert_int_equal(view.state, STATE_PLACED);
	assert_int_equal(view.placements[0].worker_count, 6);
	assert_int_equal(state_of(f, second), STATE_PENDING);
	assert_string_equal(reason_of(f, second), "waits; nearest: too few free chips: has 2 of 6 (hub)");
	report(f, "hub", of(f, first, 0, ATTEMPT_ENDED, OUTCOME_SUCCEEDED));
	world_round(&f->world);
	assert_int_equal(state_of(f, second), STATE_PLACED);
}

static void test_a_lost_site_requeues_until_attempts_run_out(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("unlucky");
	struct arena *arena = &f->arena;
	struct site_status site;
	uint64_t id;

	spec.attempts_max = 2;
	id = world_submit(&f->world, &spec);
	for (int i = 1; i <= 2; i++) {
		report(f, "hub", NONE);
		world_round(&f->world);
		assert_int_equal(placement(f, id, 0).attempt, i);
		pass_s(f, 16);
		assert_int_equal(view_site(f->world.platform, f->world.now_us, "hub", false, arena, &site), 0);
		assert_int_equal(site.condition, CONDITION_SUSPECT);
		assert_int_equal(state_of(f, id), STATE_PLACED);
		pass_s(f, 30);
		assert_int_equal(view_site(f->world.platform, f->world.now_us, "hub", false, arena, &site), 0);
		assert_int_equal(site.condition, CONDITION_LOST);
		assert_int_equal(site.cpu_free_milli, site.cpu_milli);
		assert_int_equal(state_of(f, id), i == 1 ? STATE_PENDING : STATE_FAILED);
	}
	assert_string_equal(reason_of(f, id), "lost (the site was lost) at hub; that was the last of 2 attempts");
}

static void test_a_suspect_site_gets_nothing_new(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("later");
	uint64_t id;

	report(f, "hub", NONE);
	pass_s(f, 20);
	id = world_submit(&f->world, &spec);
	world_round(&f->world);
	assert_int_equal(state_of(f, id), STATE_PENDING);
	report(f, "hub", NONE);
	world_round(&f->world);
	assert_int_equal(state_of(f, id), STATE_PLACED);
}

static void test_a_refused_job_is_tried_again_later(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("refused");
	uint64_t id = world_submit(&f->world, &spec);
	struct attempt_report refusal;
	struct why_view why;

	both_up(f);
	world_round(&f->world);
	refusal = of(f, id, 0, ATTEMPT_ENDED, OUTCOME_REFUSED);
	refusal.message = "no room on the disk";
	report(f, "hub", refusal);
	world_round(&f->world);
	assert_int_equal(state_of(f, id), STATE_PENDING);
	assert_string_equal(reason_of(f, id), "waits 1 s before it is tried again: attempt 1 at hub refused (no room on the disk)");
	assert_int_equal(view_why(f->world.platform, f->world.now_us, id, &f->arena, &why), 0);
	assert_int_equal(why.groups[0].code, VERDICT_BACKOFF);
	pass_s(f, 1);
	assert_int_equal(state_of(f, id), STATE_PLACED);
	assert_int_equal(placement(f, id, 0).attempt, 2);
}

static void test_slurm_waits_for_its_site(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("patient");
	struct site_spec other[2] = { sites[0], sites[1] };
	struct network_spec changed = network;
	struct event_list list;
	struct err err;
	uint64_t waits, moves;

	other[0].engine = ENGINE_SLURM;
	changed.sites = other;
	event_list_init(&list, &f->arena);
	assert_int_equal(decide_load_network(f->world.platform, f->world.now_us, &changed, &list, &err), 0);
	world_apply(&f->world, &list);
	waits = world_submit(&f->world, &spec);
	spec.on_site_loss = LOSS_REQUEUE;
	moves = world_submit(&f->world, &spec);
	report(f, "hub", NONE);
	world_round(&f->world);
	pass_s(f, 50);
	assert_int_equal(state_of(f, waits), STATE_PLACED);
	assert_int_equal(state_of(f, moves), STATE_PENDING);
	report(f, "hub", of(f, waits, 0, ATTEMPT_ENDED, OUTCOME_SUCCEEDED));
	assert_int_equal(state_of(f, waits), STATE_SUCCEEDED);
}

/* --- services ------------------------------------------------------------------------------------ */

static void test_a_service_comes_back(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("service");
	struct attempt_report reports[2];
	uint64_t id;

	spec.ask.kind = DEMAND_SERVICE;
	spec.ask.workers = 2;
	id = world_submit(&f->world, &spec);
	both_up(f);
	world_round(&f->world);
	assert_string_equal(placement(f, id, 0).site, "edge"); /* services like it near */
	for (int i = 0; i < 2; i++)
		reports[i] = of(f, id, (size_t)i, ATTEMPT_RUNNING, OUTCOME_NONE);
	world_report(&f->world, "edge", 10, sequence_of(f), reports, 2, &f->arena);
	assert_string_equal(reason_of(f, id), "2 of 2 replicas run");
	for (int i = 1; i <= 3; i++) { /* 1 s, 2 s, 4 s */
		reports[0] = of(f, id, 0, ATTEMPT_ENDED, OUTCOME_FAILED);
		world_report(&f->world, "edge", 10, sequence_of(f), reports, 2, &f->arena);
		assert_int_equal(state_of(f, id), STATE_RUNNING);
		assert_int_equal(world_demand(&f->world, id, &f->arena).running_count, 1);
		world_round(&f->world);
		pass_s(f, (INT64_C(1) << (i - 1)) - 1);
		assert_int_equal(placement(f, id, 0).replica, 1);
		pass_s(f, 1);
		assert_int_equal(placement(f, id, 0).replica, 0);
		assert_int_equal(placement(f, id, 0).attempt, i + 1);
		/* The site speaks on, so that it stays up. */
		reports[0] = of(f, id, 0, ATTEMPT_RUNNING, OUTCOME_NONE);
		world_report(&f->world, "edge", 10, sequence_of(f), reports, 2, &f->arena);
	}
	world_cancel(&f->world, id);
	assert_int_equal(state_of(f, id), STATE_STOPPING);
	assert_string_equal(reason_of(f, id), "cancelled by ann, waiting for 2 attempts to stop");
	reports[0] = of(f, id, 0, ATTEMPT_ENDED, OUTCOME_STOPPED);
	reports[1] = of(f, id, 1, ATTEMPT_ENDED, OUTCOME_STOPPED);
	world_report(&f->world, "edge", 10, sequence_of(f), reports, 2, &f->arena);
	assert_int_equal(state_of(f, id), STATE_CANCELLED);
	assert_string_equal(reason_of(f, id), "cancelled by ann");
}

/* --- cancelling ---------------------------------------------------------------------------------- */

static void test_cancelling_what_waits_ends_it(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("waits");
	uint64_t id = world_submit(&f->world, &spec);
	struct event_list list;
	struct err err;

	world_cancel(&f->world, id);
	assert_int_equal(state_of(f, id), STATE_CANCELLED);
	event_list_init(&list, &f->arena);
	assert_int_equal(decide_cancel(f->world.platform, f->world.now_us, id, "ann", &list, &err), 0);
	assert_int_equal(list.count, 0);
	assert_int_equal(decide_cancel(f->world.platform, f->world.now_us, id + 1, "ann", &list, &err), -ENOENT);
}

/* An agent that has not spoken since may or may not have started it: only what it does next tells. */
static void test_cancelling_what_was_never_reported(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("cancelled");
	uint64_t id = world_submit(&f->world, &spec);
	struct sync_request request = { .version = SYNC_VERSION, .site = "hub", .epoch = 10, .agent = "", .supply_hash = 1 };
	struct sync_reply reply;

	both_up(f);
	world_round(&f->world);
	world_cancel(&f->world, id);
	report(f, "hub", NONE); /* sent before it heard of anything */
	assert_int_equal(state_of(f, id), STATE_STOPPING);
	request.sequence = sequence_of(f);
	assert_int_equal(world_sync(&f->world, &request, &f->arena, &reply), 0);
	assert_int_equal(reply.run_count, 0);
	assert_int_equal(state_of(f, id), STATE_STOPPING);
	request.sequence = sequence_of(f);
	request.heard_epoch = reply.epoch;
	request.heard_revision = reply.revision;
	assert_int_equal(world_sync(&f->world, &request, &f->arena, &reply), 0);
	assert_int_equal(state_of(f, id), STATE_CANCELLED);
}

/* --- syncs --------------------------------------------------------------------------------------- */

static void test_old_and_foreign_reports_change_nothing(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("steady");
	uint64_t id = world_submit(&f->world, &spec);
	struct attempt_report running, wrong;
	struct sync_request request = { .version = SYNC_VERSION, .site = "hub", .epoch = 9, .sequence = 1, .agent = "" };
	struct event_list list;
	struct sync_reply reply;
	struct err err;

	both_up(f);
	world_round(&f->world);
	running = of(f, id, 0, ATTEMPT_RUNNING, OUTCOME_NONE);
	report(f, "hub", running);
	wrong = of(f, id, 0, ATTEMPT_ENDED, OUTCOME_FAILED);
	wrong.token++;
	event_list_init(&list, &f->arena);
	assert_int_equal(decide_sync(f->world.platform, f->world.now_us, &request, &list, &err), -ESTALE);
	request.epoch = 0;
	assert_int_equal(decide_sync(f->world.platform, f->world.now_us, &request, &list, &err), -EINVAL);
	request.version = 0;
	assert_int_equal(decide_sync(f->world.platform, f->world.now_us, &request, &list, &err), -EPROTO);
	request = (struct sync_request){ .version = SYNC_VERSION, .site = "nowhere", .epoch = 10, .sequence = 1, .agent = "" };
	assert_int_equal(decide_sync(f->world.platform, f->world.now_us, &request, &list, &err), -ENOENT);
	/* An older one that does not list it comes late. */
	reply = world_report(&f->world, "hub", 10, 1, NULL, 0, &f->arena);
	assert_int_equal(reply.run_count, 1);
	assert_null(reply.run[0].spec);
	assert_int_equal(state_of(f, id), STATE_RUNNING);
	assert_int_equal(list.count, 0);
	/* Another's token: not believed, and the stranger may be forgotten. */
	report(f, "edge", wrong);
	assert_int_equal(state_of(f, id), STATE_RUNNING);
}

static void test_what_an_agent_lost_waits_for_its_lease(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("vanishes");
	uint64_t id = world_submit(&f->world, &spec);

	both_up(f);
	world_round(&f->world);
	report(f, "hub", of(f, id, 0, ATTEMPT_RUNNING, OUTCOME_NONE));
	report(f, "hub", NONE);
	world_round(&f->world);
	assert_int_equal(state_of(f, id), STATE_PENDING);
	for (int i = 0; i < 44; i++) {
		both_up(f);
		pass_s(f, 1);
		assert_int_equal(state_of(f, id), STATE_PENDING);
	}
	pass_s(f, 1);
	assert_int_equal(state_of(f, id), STATE_PLACED);
}

static void test_a_shrinking_supply_ends_what_it_no_longer_holds(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("big");
	struct node_group smaller[] = { hub_groups[0] };
	struct sync_request request = { .version = SYNC_VERSION, .site = "hub", .epoch = 10, .agent = "", .supply_hash = 2,
					.groups = smaller, .group_count = 1 };
	struct sync_reply reply;
	uint64_t ids[2];
	int lost = 0;

	spec.ask.shape.cpu_milli = 8000;
	for (int i = 0; i < 2; i++)
		ids[i] = world_submit(&f->world, &spec);
	both_up(f);
	world_round(&f->world);
	smaller[0].count = 1;
	request.sequence = sequence_of(f);
	assert_int_equal(world_sync(&f->world, &request, &f->arena, &reply), 0);
	assert_true(reply.want_supply);
	assert_int_equal(reply.run_count, 2);
	request.has_groups = true;
	request.sequence = sequence_of(f);
	assert_int_equal(world_sync(&f->world, &request, &f->arena, &reply), 0);
	assert_false(reply.want_supply);
	assert_int_equal(reply.run_count, 1);
	for (int i = 0; i < 2; i++)
		lost += state_of(f, ids[i]) == STATE_PENDING;
	assert_int_equal(lost, 1);
	smaller[0].count = INT64_MAX;
	request.sequence = sequence_of(f);
	request.supply_hash = 3;
	assert_int_equal(world_sync(&f->world, &request, &f->arena, &reply), -EINVAL);
}

static void test_texts_of_a_reply_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct node_group many[] = { { .name = "many", .count = 1000, .cpu_milli = 1000, .memory_mib = 1024 } };
	struct sync_request request = { .version = SYNC_VERSION, .site = "hub", .epoch = 10, .agent = "", .supply_hash = 2, .groups = many,
					.group_count = 1, .has_groups = true };
	struct demand_spec spec = world_job("many");
	struct attempt_report *attempts = ARENA_ARRAY(&f->arena, struct attempt_report, 1000);
	struct sync_reply reply;
	size_t texts = 0;

	request.sequence = sequence_of(f);
	assert_int_equal(world_sync(&f->world, &request, &f->arena, &reply), 0);
	for (int i = 0; i < SYNC_STARTS_MAX * 2 + 10; i++)
		world_submit(&f->world, &spec);
	world_round(&f->world);
	for (int turn = 0; turn < 3; turn++) {
		request.sequence = sequence_of(f);
		request.attempts = attempts;
		assert_int_equal(world_sync(&f->world, &request, &f->arena, &reply), 0);
		assert_int_equal(reply.run_count, SYNC_STARTS_MAX * 2 + 10);
		assert_int_equal(reply.more, turn < 2);
		texts = 0;
		for (size_t i = 0; i < reply.run_count; i++)
			if (reply.run[i].spec) {
				texts++;
				attempts[request.attempt_count++] = world_attempt(reply.run[i].demand, 0, 1, reply.run[i].token,
										  ATTEMPT_RUNNING, OUTCOME_NONE);
			}
		assert_int_equal(texts, turn < 2 ? SYNC_STARTS_MAX : 10);
	}
}

static void count_site(void *context, uint32_t site)
{
	((int *)context)[site]++;
}

static void test_changed_sites_are_told_once(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("tell");
	int changed[2] = { 0 };
	uint64_t before;

	both_up(f);
	platform_drain_changed_sites(f->world.platform, count_site, changed);
	memset(changed, 0, sizeof(changed));
	before = platform_site_revision(f->world.platform, 0);
	world_submit(&f->world, &spec);
	world_round(&f->world);
	assert_true(platform_site_revision(f->world.platform, 0) > before);
	platform_drain_changed_sites(f->world.platform, count_site, changed);
	platform_drain_changed_sites(f->world.platform, count_site, changed);
	assert_int_equal(changed[0], 1);
	assert_int_equal(changed[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_job_runs_to_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_job_that_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_gang_is_placed_whole_or_not, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_lost_site_requeues_until_attempts_run_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_suspect_site_gets_nothing_new, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_refused_job_is_tried_again_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slurm_waits_for_its_site, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_service_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelling_what_waits_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelling_what_was_never_reported, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_and_foreign_reports_change_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_an_agent_lost_waits_for_its_lease, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_shrinking_supply_ends_what_it_no_longer_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_texts_of_a_reply_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_sites_are_told_once, setup, teardown),
	};

	return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
