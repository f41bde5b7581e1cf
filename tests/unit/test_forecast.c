/* Forecasts against what then happens. Where everything takes as long as it may, nothing more arrives and ends lie further apart than
 * the forecast's steps (a fiftieth of the way gone), each demand starts at the very moment that was forecast, backfill and
 * two reservations and all: it is the same rounds. Elsewhere a forecast is an estimate; its bounds are tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../match_play.h"
#include "base/mem.h"

#define MINUTE_US (INT64_C(60) * 1000000)
#define HOUR_US (60 * MINUTE_US)

static const char *const tenant_names[] = { "one", "two", "three" };
static const struct forecast_settings exact = { .time_permille = 1000 };

static struct play *open_play(const struct policy_spec *policy, uint64_t seed, unsigned sites, unsigned nodes_max)
{
	struct play *play = mem_alloc(sizeof(*play));
	struct play_settings settings = { .sites = sites, .nodes_max = nodes_max, .chips = 4, .policy = policy, .tenants = tenant_names,
					  .tenant_count = 3 };

	play_open(play, seed, &settings);
	return play;
}

static void done(struct play *play)
{
	play_close(play);
	free(play);
}

static void submit_some(struct play *play, unsigned count, bool willing)
{
	static const int64_t sizes[] = { 300, 500, 1000, 1000, 2000, 4000 };

	for (unsigned i = 0; i < count; i++) {
		int64_t limit_us = (1 + (int64_t)rng_below(&play->rng, 4)) * HOUR_US;
		int64_t workers = rng_below(&play->rng, 3) ? 1 : 1 + (int64_t)rng_below(&play->rng, 4);
		struct play_demand *demand = play_submit(play, (unsigned)rng_below(&play->rng, 3), workers,
							 sizes[rng_below(&play->rng, ARRAY_COUNT(sizes))], limit_us, limit_us);

		demand->ask.priority = 100 * (1 + (int64_t)rng_below(&play->rng, 2));
		demand->ask.preemptible = willing && rng_below(&play->rng, 2);
		if (rng_below(&play->rng, 6) == 0)
			demand->deadline_us = play->now_us + limit_us + (int64_t)rng_below(&play->rng, 10) * HOUR_US;
	}
}

/* Plays on until nothing is queued or nothing ends any more. */
static void play_out(struct play *play)
{
	for (unsigned step = 0; step < 300 && play_count(play, PLAY_QUEUED) > 0; step++) {
		play_round(play);
		if (play_next_us(play) == INT64_MAX)
			break;
		play->now_us = play_next_us(play);
	}
}

static void what_was_forecast_happens(void **state)
{
	static const struct amounts limit = { .chip_milli = 6000 };
	size_t later = 0, never = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 150; seed++) {
		struct amounts quota = { .chip_milli = 1000 * (int64_t)(1 + seed % 7) }, most = limit;
		struct tenant_spec tenants[] = { { .name = "one", .parent = "", .weight = 3, .quota = seed % 2 ? &quota : NULL },
						 { .name = "two", .parent = "", .weight = 1, .limit = seed % 3 ? NULL : &most } };
		struct policy_spec policy;
		struct forecast forecast;
		struct play *play;
		int64_t begin_us;

		policy_defaults(&policy);
		policy.tenants = tenants;
		policy.tenant_count = 2;
		policy.reservations = (int64_t)(seed % 3); /* a forecast makes no more */
		policy.preemption = false;
		play = open_play(&policy, seed, 1 + (unsigned)(seed % 3), 4);
		submit_some(play, 14, false);
		play_round(play);
		play->now_us += 30 * MINUTE_US;
		submit_some(play, 20, false);
		begin_us = play->now_us;
		play_forecast(play, &exact, &forecast);
		play_out(play);
		for (size_t d = 0; d < play->demand_count; d++) {
			const struct play_demand *demand = &play->demands[d];

			if (demand->state == PLAY_QUEUED) {
				assert_int_equal(demand->forecast_us, FORECAST_UNKNOWN);
				never++;
				continue;
			}
			/* Ends are half an hour apart at least. */
			if (demand->started_us < begin_us || demand->started_us - begin_us > 20 * HOUR_US)
				continue;
			if (demand->forecast_us != demand->started_us)
				fail_msg("seed %llu: demand %llu was to start at %lld us, and did at %lld", (unsigned long long)seed,
					 (unsigned long long)demand->id, (long long)demand->forecast_us, (long long)demand->started_us);
			later += demand->started_us > begin_us;
		}
		done(play);
	}
	assert_true(later > 1500);
	assert_true(never > 100);
}

/* --- nothing changes ------------------------------------------------------------------------------------- */

static void same_plan(const struct match_plan *a, const struct match_plan *b)
{
	assert_int_equal(a->placement_count, b->placement_count);
	assert_int_equal(a->reservation_count, b->reservation_count);
	assert_int_equal(a->preemption_count, b->preemption_count);
	for (size_t p = 0; p < a->placement_count; p++) {
		assert_int_equal(a->placements[p].demand, b->placements[p].demand);
		assert_int_equal(a->placements[p].site, b->placements[p].site);
		assert_int_equal(a->placements[p].score, b->placements[p].score);
		for (size_t w = 0; w < a->placements[p].slot_count; w++) {
			assert_int_equal(a->placements[p].slots[w].node, b->placements[p].slots[w].node);
			assert_int_equal(a->placements[p].slots[w].chips, b->placements[p].slots[w].chips);
		}
	}
	for (size_t r = 0; r < a->reservation_count; r++) {
		assert_int_equal(a->reservations[r].demand, b->reservations[r].demand);
		assert_int_equal(a->reservations[r].start_us, b->reservations[r].start_us);
	}
	for (size_t p = 0; p < a->preemption_count; p++)
		assert_ptr_equal(a->preemptions[p].victim, b->preemptions[p].victim);
}

static void nothing_is_changed_by_it(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct policy_spec policy;
		struct match_plan before, after;
		struct pool_totals totals[3], left;
		struct arena arena = { 0 };
		struct forecast forecast;
		struct share_view held[3], view;
		struct play *play;

		policy_defaults(&policy);
		play = open_play(&policy, seed, 3, 3);
		submit_some(play, 14, true);
		play_round(play);
		play->now_us += 30 * MINUTE_US;
		submit_some(play, 20, true);
		play_match(play);
		for (unsigned s = 0; s < 3; s++)
			shares_view(play->shares, play->tenants[s], play->now_us, &held[s]);
		match_round(&play->input, &arena, &before);
		matcher_settle(play->matcher);
		for (unsigned s = 0; s < 3; s++)
			pool_totals(matcher_pool(play->matcher, s), &totals[s]);
		match_forecast(&play->input, &exact, &arena, &forecast);
		assert_true(forecast.steps > 1);
		for (unsigned s = 0; s < 3; s++) {
			pool_totals(matcher_pool(play->matcher, s), &left);
			assert_memory_equal(&left, &totals[s], sizeof(left));
			assert_true(pool_is_consistent(matcher_pool(play->matcher, s)));
			shares_view(play->shares, play->tenants[s], play->now_us, &view);
			assert_memory_equal(&view.held, &held[s].held, sizeof(view.held));
			assert_int_equal(view.used_ppm, held[s].used_ppm);
		}
		for (size_t d = 0; d < play->demand_count; d++)
			assert_false(play->demands[d].work.stopping);
		match_round(&play->input, &arena, &after);
		same_plan(&before, &after);
		play->plan = after; /* and comes true, booking by booking */
		play_carry_out(play);
		play_out(play);
		arena_done(&arena);
		done(play);
	}
}

/* --- bounds and what is not known -------------------------------------------------------------------------- */

static void bounds_are_kept_and_the_rest_is_estimated(void **state)
{
	struct forecast_settings settings = { .time_permille = 1000, .steps_max = 4 };
	struct policy_spec policy;
	struct forecast forecast;
	struct play *play;
	size_t early = 0;
	int64_t last_us = 0;

	(void)state;
	policy_defaults(&policy);
	play = open_play(&policy, 1, 1, 1);
	for (unsigned i = 0; i < 20; i++) /* one after the other, an hour each */
		play_submit(play, 0, 1, 4000, HOUR_US, HOUR_US);
	play_forecast(play, &settings, &forecast);
	assert_int_equal(forecast.steps, 4);
	assert_false(forecast.complete);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(play->demands[i].forecast_us, play->now_us + i * HOUR_US);
	for (unsigned i = 4; i < 20; i++) { /* four in four hours, so one in an hour */
		assert_true(play->demands[i].forecast_us > last_us);
		last_us = play->demands[i].forecast_us;
		assert_true(last_us >= play->now_us + i * HOUR_US && last_us <= play->now_us + (i + 1) * HOUR_US);
	}
	settings = (struct forecast_settings){ .time_permille = 1000, .placements_max = 3 };
	play_forecast(play, &settings, &forecast);
	for (unsigned i = 0; i < 20; i++)
		early += play->demands[i].forecast_us <= play->now_us + 2 * HOUR_US;
	assert_int_equal(early, 3);
	assert_false(forecast.complete);
	play_forecast(play, &exact, &forecast);
	assert_true(forecast.complete);
	assert_int_equal(play->demands[19].forecast_us, play->now_us + 19 * HOUR_US);
	settings = (struct forecast_settings){ .time_permille = 500 }; /* they end after half of their time, as a rule */
	play_forecast(play, &settings, &forecast);
	assert_int_equal(play->demands[19].forecast_us, play->now_us + 19 * HOUR_US / 2);
	done(play);
}

static void what_waits_for_an_end_that_nobody_knows_is_not_known(void **state)
{
	struct policy_spec policy;
	struct forecast forecast;
	struct play_demand *endless, *waits, *large, *small;
	struct play *play;

	(void)state;
	policy_defaults(&policy);
	play = open_play(&policy, 1, 1, 1);
	endless = play_submit(play, 0, 1, 2000, 0, INT64_MAX / 4);
	play_round(play);
	assert_int_equal(endless->state, PLAY_RUNNING);
	waits = play_submit(play, 0, 1, 4000, HOUR_US, HOUR_US);
	large = play_submit(play, 1, 1, 8000, HOUR_US, HOUR_US);
	small = play_submit(play, 2, 1, 2000, HOUR_US, HOUR_US);
	play_forecast(play, &exact, &forecast);
	assert_int_equal(waits->forecast_us, FORECAST_UNKNOWN);
	assert_int_equal(large->forecast_us, FORECAST_UNKNOWN); /* fits nowhere */
	assert_int_equal(small->forecast_us, play->now_us);
	assert_false(forecast.complete);
	done(play);
}

/* What was told to stop is counted on to end soon, though it might go on for ever. */
static void those_who_make_room_are_counted_on(void **state)
{
	struct policy_spec policy;
	struct forecast forecast;
	struct play_demand *high;
	struct play *play;

	(void)state;
	policy_defaults(&policy);
	play = open_play(&policy, 1, 1, 1);
	play_submit(play, 0, 1, 3000, 0, INT64_MAX / 4)->ask.preemptible = true;
	play_round(play);
	high = play_submit(play, 1, 1, 4000, HOUR_US, HOUR_US);
	high->ask.priority = 200;
	play_match(play);
	assert_int_equal(play->plan.preemption_count, 1);
	play->demands[0].work.stopping = true;
	play_forecast(play, &exact, &forecast);
	assert_true(high->forecast_us > play->now_us && high->forecast_us <= play->now_us + MINUTE_US);
	assert_true(forecast.complete);
	assert_int_equal(play->demands[0].state, PLAY_RUNNING);
	done(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_forecast_happens),
		cmocka_unit_test(nothing_is_changed_by_it),
		cmocka_unit_test(bounds_are_kept_and_the_rest_is_estimated),
		cmocka_unit_test(what_waits_for_an_end_that_nobody_knows_is_not_known),
		cmocka_unit_test(those_who_make_room_are_counted_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
