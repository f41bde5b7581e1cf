#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../match_play.h"
#include "base/mem.h"

#define MINUTE_US (INT64_C(60) * 1000000)

static const char *const one_tenant[] = { "all" };

static void open_play(struct play *play, struct policy_spec *policy, uint64_t seed, unsigned sites, unsigned nodes_max)
{
	struct play_settings settings = { .sites = sites, .nodes_max = nodes_max, .chips = 4, .policy = policy, .tenants = one_tenant,
					  .tenant_count = 1 };

	play_open(play, seed, &settings);
}

/* Four chips in one node. Two run for an hour; a demand for four waits. One that ends before may go in between, a longer one not. */
static void short_ones_slip_in_and_long_ones_do_not(void **state)
{
	struct play *play = mem_alloc(sizeof(*play));
	struct policy_spec policy;
	struct play_demand *first, *head, *brief, *lengthy, *unknown;

	(void)state;
	policy_defaults(&policy);
	open_play(play, &policy, 1, 1, 1);
	first = play_submit(play, 0, 1, 2000, 60 * MINUTE_US, 60 * MINUTE_US);
	play_round(play);
	assert_int_equal(first->state, PLAY_RUNNING);
	head = play_submit(play, 0, 1, 4000, 10 * MINUTE_US, 10 * MINUTE_US);
	lengthy = play_submit(play, 0, 1, 1000, 61 * MINUTE_US, MINUTE_US);
	unknown = play_submit(play, 0, 1, 1000, 0, MINUTE_US);
	brief = play_submit(play, 0, 1, 1000, 30 * MINUTE_US, 30 * MINUTE_US);
	play_round(play);
	assert_int_equal(head->state, PLAY_QUEUED);
	assert_int_equal(head->promised_us, PLAY_BEGIN_US + 60 * MINUTE_US);
	assert_int_equal(play->plan.reservation_count >= 1, 1);
	assert_int_equal(lengthy->state, PLAY_QUEUED);
	assert_int_equal(unknown->state, PLAY_QUEUED);
	assert_int_equal(brief->state, PLAY_RUNNING);
	assert_true(play->plan.placements[0].backfilled);
	for (size_t s = 0; s < play->input.stream_count; s++)
		if (play->streams[s].entries[0].demand == lengthy->id)
			assert_int_equal(play->plan.streams[s].nearest.code, VERDICT_RESERVED);
	play->now_us += 60 * MINUTE_US;
	play_round(play);
	assert_int_equal(head->state, PLAY_RUNNING);
	play_close(play);
	free(play);
}

static void submit_some(struct play *play, unsigned count, bool limits_known)
{
	static const int64_t sizes[] = { 300, 500, 1000, 1000, 2000, 4000 };

	for (unsigned i = 0; i < count && play->demand_count < PLAY_DEMANDS_MAX; i++) {
		int64_t limit_us = (1 + (int64_t)rng_below(&play->rng, 60)) * MINUTE_US;
		int64_t runtime_us = rng_below(&play->rng, 2) ? limit_us : 1 + (int64_t)rng_below(&play->rng, (uint64_t)limit_us);
		int64_t workers = rng_below(&play->rng, 3) ? 1 : 1 + (int64_t)rng_below(&play->rng, 6);

		if (!limits_known && rng_below(&play->rng, 8) == 0)
			limit_us = 0;
		play_submit(play, 0, workers, sizes[rng_below(&play->rng, ARRAY_COUNT(sizes))], limit_us, runtime_us);
	}
}

static uint64_t oldest_queued(const struct play *play)
{
	for (size_t d = 0; d < play->demand_count; d++)
		if (play->demands[d].state == PLAY_QUEUED)
			return play->demands[d].id;
	return 0;
}

/* Whatever comes behind, the head of the queue starts no later than it was promised. */
static void nothing_delays_a_reservation(void **state)
{
	size_t kept = 0, backfilled = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct play *play = mem_alloc(sizeof(*play));
		struct policy_spec policy;
		uint64_t head = 0;
		int64_t promised_us = 0;

		policy_defaults(&policy);
		policy.reservations = seed % 3 == 0 ? 1 : 4;
		open_play(play, &policy, seed, 1 + (unsigned)(seed % 3), 4);
		submit_some(play, 30, seed % 2);
		for (unsigned step = 0; step < 120 && play_count(play, PLAY_QUEUED) > 0; step++) {
			uint64_t first = 0;

			play_round(play);
			for (size_t p = 0; p < play->plan.placement_count; p++)
				backfilled += play->plan.placements[p].backfilled;
			if (head && play->demands[head - 1].state != PLAY_QUEUED) {
				if (play->demands[head - 1].started_us > promised_us)
					fail_msg("seed %llu: demand %llu started late", (unsigned long long)seed, (unsigned long long)head);
				kept++;
				head = 0;
			}
			/* Of the oldest demand: nothing in front of it can change anything. */
			if (play->plan.reservation_count > 0 && play->plan.reservations[0].demand == oldest_queued(play))
				first = play->plan.reservations[0].demand;
			if (head && first == head && play->plan.reservations[0].start_us > promised_us)
				fail_msg("seed %llu: demand %llu was put off", (unsigned long long)seed, (unsigned long long)head);
			if (!head && first) {
				head = first;
				promised_us = play->plan.reservations[0].start_us;
			}
			if (rng_below(&play->rng, 3) == 0)
				submit_some(play, 2, seed % 2);
			if (play_next_us(play) == INT64_MAX)
				break;
			play->now_us = play_next_us(play);
		}
		play_close(play);
		free(play);
	}
	assert_true(kept > 300);
	assert_true(backfilled > 300);
}

static int64_t head_start_us(struct play *play)
{
	struct play_demand *head = NULL;

	for (size_t d = 0; d < play->demand_count && !head; d++)
		if (play->demands[d].state == PLAY_QUEUED)
			head = &play->demands[d];
	if (!head)
		return 0;
	head->promised_us = 0;
	play_round(play);
	if (head->state == PLAY_RUNNING)
		return play->now_us;
	return head->promised_us ? head->promised_us : INT64_MAX;
}

/* Two plays of the same seed; in one of them something ends early. The head of the queue starts no later there. */
static void freeing_supply_never_puts_the_head_off(void **state)
{
	size_t earlier = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 400; seed++) {
		int64_t starts_us[2];

		for (int freed = 0; freed < 2; freed++) {
			struct play *play = mem_alloc(sizeof(*play));
			struct policy_spec policy;

			policy_defaults(&policy);
			open_play(play, &policy, seed, 1 + (unsigned)(seed % 3), 3);
			submit_some(play, 20, true);
			play_round(play);
			play->now_us += MINUTE_US / 2;
			for (size_t d = 0; freed && d < play->demand_count; d++)
				if (play->demands[d].state == PLAY_RUNNING && d % 3 == 0)
					play_end(play, &play->demands[d]);
			starts_us[freed] = head_start_us(play);
			play_close(play);
			free(play);
		}
		if (starts_us[1] > starts_us[0])
			fail_msg("seed %llu: freeing supply put the head off", (unsigned long long)seed);
		earlier += starts_us[1] < starts_us[0];
	}
	assert_true(earlier > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_ones_slip_in_and_long_ones_do_not),
		cmocka_unit_test(nothing_delays_a_reservation),
		cmocka_unit_test(freeing_supply_never_puts_the_head_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
