/* Work that makes room: stopped with its grace, back in the queue at its old age, and nothing held against it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform_fixture.h"

static uint64_t place_one(struct fixture *f, const char *name, bool running)
{
	struct demand_spec spec = world_job(name);
	uint64_t id;

	spec.ask.preemptible = true;
	id = world_submit(&f->world, &spec);
	both_up(f);
	world_round(&f->world);
	assert_int_equal(state_of(f, id), STATE_PLACED);
	if (running)
		tell(f, id, ATTEMPT_RUNNING, OUTCOME_NONE);
	return id;
}

static void make_room(struct fixture *f, uint64_t id, uint32_t replica, uint64_t by, bool reclaimed)
{
	struct event_list list;
	struct demand *demand = demand_find(f->world.platform, id);

	event_list_init(&list, &f->arena);
	preempt(f->world.platform, demand->replicas[replica].attempt, by, reclaimed, f->world.now_us, &list);
	world_apply(&f->world, &list);
}

static void test_it_goes_back_into_the_queue(void **state)
{
	struct fixture *f = *state;
	uint64_t id = place_one(f, "willing", true);
	struct demand_spec urgent = world_job("urgent");
	uint64_t by = world_submit(&f->world, &urgent);
	uint64_t age = demand_order(demand_find(f->world.platform, id), 0);
	struct sync_reply reply;
	struct summary summary;
	const struct story_line *lines;
	size_t count;

	make_room(f, id, 0, by, false);
	assert_int_equal(state_of(f, id), STATE_STOPPING);
	assert_string_equal(reason_of(f, id), "being stopped at hub to make room for urgent; then it goes back into the queue");
	reply = tell(f, id, ATTEMPT_STOPPING, OUTCOME_NONE);
	assert_int_equal(reply.run_count, 0); /* the agent stops what is no longer on the list */
	assert_int_equal(state_of(f, id), STATE_STOPPING);
	world_check_rebuild(&f->world);
	end_as(f, id, OUTCOME_FAILED); /* by the signal */
	assert_int_equal(state_of(f, id), STATE_PENDING);
	assert_int_equal(demand_order(demand_find(f->world.platform, id), 0), age);
	assert_int_equal(demand_find(f->world.platform, id)->single.place, REPLICA_QUEUED);
	assert_int_equal(demand_find(f->world.platform, id)->single.failures, 0);
	assert_int_equal(demand_find(f->world.platform, id)->single.losses, 0);
	lines = story_of(f, id, &count);
	assert_int_equal(count, 5);
	assert_string_equal(lines[3].event, "attempt-preempted");
	assert_string_equal(lines[3].sentence, "willing is stopped at hub to make room for urgent; it goes back into the queue");
	view_summary(f->world.platform, f->world.now_us, &f->arena, &summary);
	assert_int_equal(summary.tallies.preemptions, 1);
	world_round(&f->world);
	assert_int_equal(look(f, id).attempt, 2);
	end_as(f, id, OUTCOME_SUCCEEDED);
	assert_int_equal(state_of(f, id), STATE_SUCCEEDED);
}

static void test_it_may_succeed_meanwhile(void **state)
{
	struct fixture *f = *state;
	uint64_t id = place_one(f, "quick", true);

	make_room(f, id, 0, 0, true);
	assert_string_equal(reason_of(f, id),
			    "being stopped at hub to give back what it had borrowed of another's quota; then it goes back into the queue");
	end_as(f, id, OUTCOME_SUCCEEDED);
	assert_int_equal(state_of(f, id), STATE_SUCCEEDED);
}

static void test_it_may_be_cancelled_meanwhile(void **state)
{
	struct fixture *f = *state;
	uint64_t id = place_one(f, "unlucky", true);

	make_room(f, id, 0, 0, false);
	world_cancel(&f->world, id);
	assert_string_equal(reason_of(f, id), "cancelled by ann, waiting for 1 attempt to stop");
	end_as(f, id, OUTCOME_STOPPED);
	assert_int_equal(state_of(f, id), STATE_CANCELLED);
}

/* Nobody reports on what never started: the agent acted on a list without it. */
static void test_one_that_never_started(void **state)
{
	struct fixture *f = *state;
	uint64_t id = place_one(f, "early", false);
	struct sync_reply reply;
	struct sync_request request = { .version = SYNC_VERSION, .site = "hub", .epoch = 10, .agent = "test", .supply_hash = 1 };

	make_room(f, id, 0, 0, false);
	reply = hear(f, "hub");
	assert_int_equal(reply.run_count, 0);
	assert_int_equal(state_of(f, id), STATE_STOPPING);
	request.sequence = ++f->sequence;
	request.heard_epoch = reply.epoch;
	request.heard_revision = reply.revision;
	assert_int_equal(world_sync(&f->world, &request, &f->arena, &reply), 0);
	assert_int_equal(state_of(f, id), STATE_PENDING);
	assert_int_equal(demand_find(f->world.platform, id)->single.losses, 0);
}

static void test_a_loss_does_not_count(void **state)
{
	struct fixture *f = *state;
	uint64_t id = place_one(f, "lost", true);

	make_room(f, id, 0, 0, false);
	pass_s(f, 60); /* both sites are silent */
	assert_int_equal(state_of(f, id), STATE_PENDING);
	assert_int_equal(demand_find(f->world.platform, id)->single.losses, 0);
}

/* A service goes on with the replicas that it still has. */
static void test_a_replica_of_a_service(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("front");
	struct attempt_report reports[2];
	struct demand_view view;
	uint64_t id;

	spec.ask.kind = DEMAND_SERVICE;
	spec.ask.workers = 2;
	id = world_submit(&f->world, &spec);
	hear(f, "hub");
	world_round(&f->world);
	view = look(f, id);
	for (int i = 0; i < 2; i++)
		reports[i] = world_attempt(id, i, 1, view.placements[i].token, ATTEMPT_RUNNING, OUTCOME_NONE);
	world_report(&f->world, "hub", 10, ++f->sequence, reports, 2, &f->arena);
	make_room(f, id, 1, 0, false);
	assert_int_equal(state_of(f, id), STATE_RUNNING);
	world_restart(&f->world, false);
	reports[1].state = ATTEMPT_ENDED;
	reports[1].outcome = OUTCOME_STOPPED;
	world_report(&f->world, "hub", 10, ++f->sequence, reports, 2, &f->arena);
	assert_int_equal(state_of(f, id), STATE_RUNNING);
	assert_int_equal(demand_find(f->world.platform, id)->replicas[1].place, REPLICA_QUEUED);
}

/* What was foretold is held against what happened. */
static void test_predictions_are_counted(void **state)
{
	struct fixture *f = *state;
	struct demand_spec spec = world_job("foretold");
	uint64_t id = world_submit(&f->world, &spec);
	struct event_list list;
	struct placed_body *body;
	struct summary summary;
	bool complete;
	struct err err;

	both_up(f);
	event_list_init(&list, &f->arena);
	assert_int_equal(decide_round(f->world.platform, f->world.now_us, &list, &complete, &err), 0);
	assert_int_equal(list.events[0].type, EVENT_PLACED);
	body = (struct placed_body *)list.events[0].body;
	body->predicted_start_us = f->world.now_us + 5000000;
	world_apply(&f->world, &list);
	assert_int_equal(state_of(f, id), STATE_PLACED);
	view_summary(f->world.platform, f->world.now_us, &f->arena, &summary);
	assert_int_equal(summary.tallies.predictions, 1);
	assert_int_equal(summary.tallies.prediction_error_us, 5000000);
	assert_int_equal(summary.tallies.prediction_bias_us, -5000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_it_goes_back_into_the_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_may_succeed_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_may_be_cancelled_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_never_started, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_loss_does_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_replica_of_a_service, setup, teardown),
		cmocka_unit_test_setup_teardown(test_predictions_are_counted, setup, teardown),
	};

	return cmocka_run_group_tests_name("platform_preempt", tests, NULL, NULL);
}
