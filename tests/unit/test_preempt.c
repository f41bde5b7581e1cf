#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../match_play.h"
#include "base/mem.h"

#define MINUTE_US (INT64_C(60) * 1000000)

static const char *const tenant_names[] = { "one", "two", "three" };

static struct play *open_play(struct policy_spec *policy, uint64_t seed, unsigned sites, unsigned nodes_max)
{
	struct play *play = mem_alloc(sizeof(*play));
	struct play_settings settings = { .sites = sites, .nodes_max = nodes_max, .chips = 8, .policy = policy, .tenants = tenant_names,
					  .tenant_count = 3 };

	play_open(play, seed, &settings);
	return play;
}

static void done(struct play *play)
{
	play_close(play);
	free(play);
}

static struct play_demand *submit(struct play *play, unsigned tenant, int64_t chips, int64_t priority, bool preemptible)
{
	struct play_demand *demand = play_submit(play, tenant, 1, chips * 1000, 0, INT64_MAX / 4);

	demand->ask.priority = priority;
	demand->ask.preemptible = preemptible;
	return demand;
}

static void higher_priority_takes_from_the_willing_only(void **state)
{
	struct policy_spec policy;
	struct play_demand *willing, *unwilling, *high;
	struct play *play;

	(void)state;
	policy_defaults(&policy);
	play = open_play(&policy, 1, 1, 1);
	willing = submit(play, 0, 4, 100, true);
	unwilling = submit(play, 0, 4, 100, false);
	play_round(play);
	assert_int_equal(play_count(play, PLAY_RUNNING), 2);
	play->now_us += MINUTE_US;
	high = submit(play, 1, 4, 200, false);
	play_round(play);
	assert_int_equal(play->plan.preemption_count, 1);
	assert_int_equal(willing->preempted, 1);
	assert_int_equal(high->state, PLAY_QUEUED);
	assert_int_equal(play->plan.reservation_count, 1);
	play_round(play);
	assert_int_equal(high->state, PLAY_RUNNING);
	assert_int_equal(unwilling->state, PLAY_RUNNING);
	assert_int_equal(willing->state, PLAY_QUEUED);
	play_round(play); /* and stays so: the same priority would not be enough to come back */
	assert_int_equal(play->plan.preemption_count, 0);
	done(play);
}

static void equals_do_not_take_from_each_other(void **state)
{
	struct policy_spec policy;
	struct play *play;

	(void)state;
	policy_defaults(&policy);
	play = open_play(&policy, 1, 1, 1);
	submit(play, 0, 8, 100, true);
	play_round(play);
	submit(play, 1, 8, 100, true);
	play_round(play);
	assert_int_equal(play->plan.preemption_count, 0);
	submit(play, 1, 8, 200, true);
	policy.preemption = false;
	play_round(play);
	assert_int_equal(play->plan.preemption_count, 0);
	done(play);
}

static void the_least_loss_goes_and_the_rest_is_spared(void **state)
{
	struct policy_spec policy;
	struct play_demand *old, *young, *small;
	struct play *play;

	(void)state;
	policy_defaults(&policy);
	play = open_play(&policy, 1, 1, 1);
	old = submit(play, 0, 4, 100, true);
	play_round(play);
	play->now_us += 100 * MINUTE_US;
	small = submit(play, 0, 1, 100, true);
	play_round(play);
	play->now_us += MINUTE_US;
	young = submit(play, 0, 3, 100, true);
	play_round(play);
	play->now_us += MINUTE_US;
	submit(play, 1, 3, 200, false);
	play_round(play);
	/* The small one lost less, but does not help; so it is spared. */
	assert_int_equal(old->preempted, 0);
	assert_int_equal(small->preempted, 0);
	assert_int_equal(young->preempted, 1);
	done(play);
}

static void quotas_are_reclaimed_from_borrowers(void **state)
{
	struct amounts half = { .chip_milli = 4000 };
	struct tenant_spec tenants[] = { { .name = "one", .parent = "", .weight = 1, .quota = &half },
					 { .name = "two", .parent = "", .weight = 1, .quota = &half } };
	struct policy_spec policy;
	struct play *play;

	(void)state;
	policy_defaults(&policy);
	policy.tenants = tenants;
	policy.tenant_count = 2;
	play = open_play(&policy, 1, 1, 1);
	for (int i = 0; i < 8; i++)
		submit(play, 0, 1, 500, true); /* a high priority does not help who borrows */
	play_round(play);
	assert_int_equal(play_held_milli(play, play->tenants[0]), 8000);
	for (int i = 0; i < 6; i++)
		submit(play, 1, 1, 100, true);
	for (int i = 0; i < 6; i++) {
		play->now_us += MINUTE_US;
		play_round(play);
		for (size_t p = 0; p < play->plan.preemption_count; p++)
			assert_true(play->plan.preemptions[p].reclaimed);
	}
	assert_int_equal(play_held_milli(play, play->tenants[0]), 4000);
	assert_int_equal(play_held_milli(play, play->tenants[1]), 4000);
	done(play);
}

static void make_policy(struct play *play, struct policy_spec *policy, struct tenant_spec *tenants, struct amounts *quotas, struct amounts *limits)
{
	for (unsigned t = 0; t < 3; t++) {
		quotas[t] = (struct amounts){ .chip_milli = 1000 * (1 + (int64_t)rng_below(&play->rng, 12)) };
		limits[t] = (struct amounts){ .chip_milli = quotas[t].chip_milli + 1000 * (int64_t)rng_below(&play->rng, 12) };
		tenants[t] = (struct tenant_spec){ .name = tenant_names[t], .parent = "", .weight = 1 + (int64_t)rng_below(&play->rng, 4) };
		if (rng_below(&play->rng, 3))
			tenants[t].quota = &quotas[t];
		if (rng_below(&play->rng, 3) == 0)
			tenants[t].limit = &limits[t];
	}
	policy->tenants = tenants;
	policy->tenant_count = 3;
}

static void count_preempted(const struct play *play, size_t *preempted, size_t *reclaimed)
{
	*preempted += play->plan.preemption_count;
	for (size_t p = 0; p < play->plan.preemption_count; p++)
		*reclaimed += play->plan.preemptions[p].reclaimed;
}

/* Nothing ends and nothing more arrives: after so many rounds nothing moves any more, whatever the tenants, and no limit is passed. */
static void it_never_goes_in_a_circle(void **state)
{
	size_t preempted = 0, reclaimed = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct tenant_spec tenants[3];
		struct amounts quotas[3], limits[3];
		struct policy_spec policy;
		struct play *play;
		unsigned round = 0, quiet = 0;

		policy_defaults(&policy);
		play = open_play(&policy, seed, 1 + (unsigned)(seed % 3), 3);
		make_policy(play, &policy, tenants, quotas, limits);
		shares_set_policy(play->shares, &policy);
		for (unsigned i = 0; i < 40; i++) {
			submit(play, (unsigned)rng_below(&play->rng, 3), 1 + (int64_t)rng_below(&play->rng, 8), 100 * (1 + (int64_t)rng_below(&play->rng, 3)),
			       rng_below(&play->rng, 4) != 0)->ask.workers = 1 + (int64_t)rng_below(&play->rng, 2);
			if (i % 8 != 7)
				continue;
			play_round(play);
			count_preempted(play, &preempted, &reclaimed);
			play->now_us += MINUTE_US;
		}
		for (; quiet < 3 && round < 500; round++) {
			play_round(play);
			count_preempted(play, &preempted, &reclaimed);
			quiet = play->plan.preemption_count || play->plan.placement_count ? 0 : quiet + 1;
			play->now_us += MINUTE_US;
			for (unsigned t = 0; t < 3; t++)
				if (tenants[t].limit)
					assert_true(play_held_milli(play, play->tenants[t]) <= limits[t].chip_milli);
		}
		if (quiet < 3)
			fail_msg("seed %llu still moves after %u rounds", (unsigned long long)seed, round);
		done(play);
	}
	assert_true(preempted > 200);
	assert_true(reclaimed > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(higher_priority_takes_from_the_willing_only),
		cmocka_unit_test(equals_do_not_take_from_each_other),
		cmocka_unit_test(the_least_loss_goes_and_the_rest_is_spared),
		cmocka_unit_test(quotas_are_reclaimed_from_borrowers),
		cmocka_unit_test(it_never_goes_in_a_circle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
