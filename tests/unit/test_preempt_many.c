/* Preemption and reservations among many tenants: random plays whose every round the play itself checks (../match_play.h), and
 * the greedy choice of victims against brute force.
 *
 * What the choice promises: nobody stops in vain (with any one victim left running the other would not fit), only the willing of
 * lower rank stop, and where each victim makes room for the same the loss is the least there is. Where victims differ in
 * size, finding the least loss is a knapsack problem, and nothing is promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../match_play.h"
#include "base/mem.h"

#define MINUTE_US (INT64_C(60) * 1000000)
#define HOUR_US (60 * MINUTE_US)

static const char *const tenant_names[] = { "one", "two", "three", "four" };

static struct play *open_play(const struct policy_spec *policy, uint64_t seed, unsigned sites, unsigned nodes_max)
{
	struct play *play = mem_alloc(sizeof(*play));
	struct play_settings settings = { .sites = sites, .nodes_max = nodes_max, .chips = 8, .policy = policy, .tenants = tenant_names,
					  .tenant_count = 4 };

	play_open(play, seed, &settings);
	return play;
}

static void done(struct play *play)
{
	play_close(play);
	free(play);
}

/* --- a tree of three levels, everything at once -------------------------------------------------------- */

struct tree {
	struct tenant_spec specs[7];
	struct amounts quotas[7], limits[7];
};

/* The root has two faculties, each faculty a school, and a school or a faculty its tenants. */
static void make_tree(struct rng *rng, struct policy_spec *policy, struct tree *tree, bool quotas)
{
	static const char *const names[] = { "left", "right", "school", "one", "two", "three", "four" };
	static const char *const parents[] = { "", "", "left", "school", "school", "left", "right" };

	for (unsigned t = 0; t < 7; t++) {
		tree->quotas[t] = (struct amounts){ .chip_milli = 1000 * (1 + (int64_t)rng_below(rng, 8)) };
		tree->limits[t] = (struct amounts){ .cpu_milli = rng_below(rng, 3) ? 0 : 1000 * (4 + (int64_t)rng_below(rng, 20)),
						    .chip_milli = tree->quotas[t].chip_milli + 1000 * (int64_t)rng_below(rng, 12) };
		tree->specs[t] = (struct tenant_spec){ .name = names[t], .parent = parents[t], .weight = 1 + (int64_t)rng_below(rng, 4) };
		if (quotas && rng_below(rng, 3))
			tree->specs[t].quota = &tree->quotas[t];
		if (rng_below(rng, 3) == 0)
			tree->specs[t].limit = &tree->limits[t];
	}
	policy->tenants = tree->specs;
	policy->tenant_count = 7;
}

static void submit_some(struct play *play, unsigned count)
{
	static const int64_t sizes[] = { 0, 300, 500, 1000, 1000, 2000, 4000, 8000 };

	for (unsigned i = 0; i < count && play->demand_count < PLAY_DEMANDS_MAX; i++) {
		int64_t limit_us = (1 + (int64_t)rng_below(&play->rng, 90)) * MINUTE_US;
		int64_t runtime_us = rng_below(&play->rng, 2) ? limit_us : 1 + (int64_t)rng_below(&play->rng, (uint64_t)limit_us);
		int64_t workers = rng_below(&play->rng, 3) ? 1 : 1 + (int64_t)rng_below(&play->rng, 6);
		bool service = rng_below(&play->rng, 6) == 0;
		struct play_demand *demand =
			play_submit(play, (unsigned)rng_below(&play->rng, 4), service ? 1 : workers, sizes[rng_below(&play->rng, ARRAY_COUNT(sizes))],
				    service ? 0 : limit_us, service ? 20 * HOUR_US : runtime_us);

		demand->ask.kind = service ? DEMAND_SERVICE : DEMAND_JOB;
		demand->ask.priority = 100 * (1 + (int64_t)rng_below(&play->rng, 3));
		demand->ask.preemptible = rng_below(&play->rng, 2);
		if (!service && rng_below(&play->rng, 5) == 0)
			demand->deadline_us = play->now_us + limit_us + (int64_t)rng_below(&play->rng, 60) * MINUTE_US;
	}
}

struct counts {
	size_t placed, backfilled, reserved, preempted, reclaimed, limited, urgent;
};

static void count(const struct play *play, struct counts *counts)
{
	counts->placed += play->plan.placement_count;
	counts->reserved += play->plan.reservation_count;
	counts->preempted += play->plan.preemption_count;
	for (size_t p = 0; p < play->plan.placement_count; p++) {
		counts->backfilled += play->plan.placements[p].backfilled;
		counts->urgent += play->demands[play->plan.placements[p].demand - 1].deadline_us > 0;
	}
	for (size_t p = 0; p < play->plan.preemption_count; p++)
		counts->reclaimed += play->plan.preemptions[p].reclaimed;
	for (size_t s = 0; s < play->input.stream_count; s++)
		counts->limited += play->plan.streams[s].stuck && play->plan.streams[s].nearest.code == VERDICT_LIMIT;
}

static void random_plays_hold_up(void **state)
{
	struct counts counts = { 0 };

	(void)state;
	for (uint64_t seed = 0; seed < 240; seed++) {
		struct policy_spec policy;
		struct tree tree;
		struct rng rng;
		struct play *play;

		rng_init(&rng, seed + 1000);
		policy_defaults(&policy);
		policy.reservations = (int64_t)rng_below(&rng, 40);
		policy.preemption = seed % 4 != 0;
		make_tree(&rng, &policy, &tree, seed % 3 != 0);
		play = open_play(&policy, seed, 1 + (unsigned)(seed % 3), 3);
		submit_some(play, 24);
		for (unsigned step = 0; step < 40; step++) {
			play_round(play);
			count(play, &counts);
			if (rng_below(&play->rng, 2) == 0)
				submit_some(play, 4);
			/* Not always to the next end: what runs too long is there too. */
			if (play_next_us(play) == INT64_MAX)
				play->now_us += MINUTE_US;
			else
				play->now_us = rng_below(&play->rng, 3) ? play_next_us(play) : play->now_us + 7 * MINUTE_US;
		}
		done(play);
	}
	assert_true(counts.placed > 5000);
	assert_true(counts.backfilled > 100);
	assert_true(counts.reserved > 5000);
	assert_true(counts.preempted > 500);
	assert_true(counts.reclaimed > 50);
	assert_true(counts.limited > 500);
	assert_true(counts.urgent > 300);
}

/* --- brute force --------------------------------------------------------------------------------------- */

/* Workers of the ask that the site holds beside all that runs there, but for the demands in `without`, a bit set by place. */
static int64_t workers_that_fit(const struct play *play, const struct ask *ask, uint32_t site, uint64_t without)
{
	const struct supply_group *group = &play->supplies[site].groups[0];
	int64_t workers = 0;

	for (uint32_t n = 0; n < group->node_count; n++) {
		int64_t cpu = group->cpu_milli, chips[64], here = 0, whole = 0;

		for (unsigned c = 0; c < group->chips_per_node; c++)
			chips[c] = 1000;
		for (size_t d = 0; d < play->demand_count; d++) {
			const struct play_demand *demand = &play->demands[d];

			if (demand->state != PLAY_RUNNING || demand->work.site != site || without >> d & 1)
				continue;
			for (uint32_t w = 0; w < demand->work.slot_count; w++) {
				if (demand->work.slots[w].node != n)
					continue;
				cpu -= demand->ask.shape.cpu_milli;
				for (unsigned c = 0; c < group->chips_per_node; c++)
					chips[c] -= demand->work.slots[w].chips >> c & 1 ? demand->work.slots[w].chip_milli : 0;
			}
		}
		for (unsigned c = 0; c < group->chips_per_node; c++) {
			whole += chips[c] == 1000;
			here += ask->shape.chips.milli < 1000 ? chips[c] / ask->shape.chips.milli : 0;
		}
		if (ask->shape.chips.milli >= 1000)
			here = whole / (ask->shape.chips.milli / 1000);
		workers += here < cpu / ask->shape.cpu_milli ? here : cpu / ask->shape.cpu_milli;
	}
	return workers;
}

static int64_t loss_of(const struct play *play, const struct play_demand *demand)
{
	int64_t elapsed_us = play->now_us - demand->work.started_us;
	int64_t price = play->network.sites[demand->work.site].price.chip_hour_micro * demand->ask.shape.chips.milli * demand->ask.workers / 1000;

	return (int64_t)((__int128)(price + 1) * elapsed_us / HOUR_US);
}

/* The least loss at which the demand fits somewhere when willing ones of lower priority stop; INT64_MAX when it never does. */
static int64_t least_loss(const struct play *play, const struct play_demand *demand)
{
	int64_t least = INT64_MAX;
	uint64_t may = 0;

	assert_true(play->demand_count < 20);
	for (size_t d = 0; d < play->demand_count; d++)
		may |= (uint64_t)(play->demands[d].state == PLAY_RUNNING && play->demands[d].ask.preemptible &&
				  play->demands[d].ask.priority < demand->ask.priority) << d;
	for (uint64_t set = may;; set = (set - 1) & may) {
		int64_t loss = 0;

		for (size_t d = 0; d < play->demand_count; d++)
			loss += set >> d & 1 ? loss_of(play, &play->demands[d]) : 0;
		for (uint32_t s = 0; s < play->network.site_count && loss < least; s++)
			if (workers_that_fit(play, &demand->ask, s, set) >= demand->ask.workers)
				least = loss;
		if (set == 0)
			return least;
	}
}

/* Fills the sites with willing work, lets time pass, and submits one of higher priority. Gives that one. */
static struct play_demand *fill_and_submit(struct play *play, bool alike)
{
	struct play_demand *high;

	for (unsigned i = 0; i < 12; i++) {
		int64_t milli = alike ? 1000 : 1000 * (1 + (int64_t)rng_below(&play->rng, 4));
		struct play_demand *demand = play_submit(play, (unsigned)rng_below(&play->rng, 4), 1, milli, 0, INT64_MAX / 4);

		demand->ask.preemptible = rng_below(&play->rng, 5) > 1;
		if (i % 3 != 2)
			continue;
		play_round(play);
		play->now_us += (1 + (int64_t)rng_below(&play->rng, 50)) * MINUTE_US;
	}
	high = play_submit(play, 0, alike ? 1 + (int64_t)rng_below(&play->rng, 5) : 1,
			   alike ? 1000 : 1000 * (1 + (int64_t)rng_below(&play->rng, 4)), 0, INT64_MAX / 4);
	high->ask.priority = 200;
	return high;
}

static void the_loss_is_least_or_nothing_is_lost_in_vain(void **state)
{
	size_t rescued = 0, hopeless = 0, least = 0, more = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 400; seed++) {
		bool alike = seed % 2;
		struct policy_spec policy;
		struct play_demand *high;
		struct play *play;
		int64_t lost = 0, best;
		uint64_t victims = 0;
		uint32_t site = 0;

		policy_defaults(&policy);
		play = open_play(&policy, seed, 1 + (unsigned)(seed % 3), 1);
		high = fill_and_submit(play, alike);
		for (size_t d = 0; d < play->demand_count; d++) /* those that wait would be in the way of counting */
			if (play->demands[d].state == PLAY_QUEUED && &play->demands[d] != high)
				play->demands[d].state = PLAY_ENDED;
		best = least_loss(play, high);
		play_match(play);
		for (size_t p = 0; p < play->plan.preemption_count; p++) {
			const struct play_demand *victim = &play->demands[play->plan.preemptions[p].victim->demand - 1];

			assert_true(victim->ask.preemptible && victim->ask.priority < high->ask.priority);
			lost += loss_of(play, victim);
			victims |= (uint64_t)1 << (victim->id - 1);
			site = victim->work.site;
		}
		if (best == INT64_MAX) {
			assert_int_equal(play->plan.preemption_count, 0);
			hopeless++;
		} else if (best > 0) {
			assert_true(play->plan.preemption_count > 0);
			assert_true(workers_that_fit(play, &high->ask, site, victims) >= high->ask.workers);
			for (size_t d = 0; d < play->demand_count; d++)
				if (victims >> d & 1)
					assert_true(workers_that_fit(play, &high->ask, site, victims & ~((uint64_t)1 << d)) < high->ask.workers);
			assert_true(lost >= best);
			if (alike)
				assert_int_equal(lost, best);
			least += lost == best;
			more += lost > best;
			rescued++;
		}
		play_carry_out(play);
		done(play);
	}
	assert_true(rescued > 150);
	assert_true(hopeless > 10);
	assert_true(least > 10 * more); /* and mostly it is the least for the others too */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_plays_hold_up),
		cmocka_unit_test(the_loss_is_least_or_nothing_is_lost_in_vain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
