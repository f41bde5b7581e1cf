/* libweir from outside: only its public header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/match.h"

#define HOUR_US INT64_C(3600000000)
#define HUB 0
#define EDGE 1

static struct weir_network *make_network(void)
{
	struct weir_network *network = weir_network_new();
	int64_t chip = weir_network_add_chip(network, "alpha", 1, WEIR_REVIEW_PASSED, 65536, 400);

	assert_int_equal(chip, 0);
	assert_int_equal(weir_network_chip_throughput(network, chip, WEIR_FORMAT_FP16, 300000), 0);
	assert_int_equal(weir_network_chip_software(network, chip, "stack"), 0);
	assert_int_equal(weir_network_add_site(network, "hub", WEIR_TIER_HUB, "west"), HUB);
	assert_int_equal(weir_network_add_site(network, "edge", WEIR_TIER_EDGE, "east"), EDGE);
	assert_int_equal(weir_network_site_location(network, HUB, 26000000, 106000000), 0);
	assert_int_equal(weir_network_site_location(network, EDGE, 31000000, 121000000), 0);
	assert_int_equal(weir_network_site_price(network, HUB, 100000, 10000, 4000000), 0);
	assert_int_equal(weir_network_site_price(network, EDGE, 160000, 15000, 6000000), 0);
	assert_int_equal(weir_network_site_energy(network, EDGE, 600000, 500, 1300), 0);
	assert_int_equal(weir_network_add_link(network, HUB, EDGE, 30000, 10000, 100000), 0);
	assert_int_equal(weir_network_add_nodes(network, HUB, "train", 4, 64000, 262144), 0);
	assert_int_equal(weir_network_nodes_chips(network, HUB, 0, "alpha", 8), 0);
	assert_int_equal(weir_network_nodes_resource(network, HUB, 0, "port", 2), 0);
	assert_int_equal(weir_network_add_nodes(network, EDGE, "serve", 2, 32000, 131072), 0);
	assert_int_equal(weir_network_nodes_chips(network, EDGE, 0, "alpha", 4), 0);
	return network;
}

static struct weir_demand *make_demand(int kind, int64_t workers, int64_t chip_milli)
{
	struct weir_demand *demand = weir_demand_new(kind);

	assert_int_equal(weir_demand_set(demand, WEIR_DEMAND_WORKERS, workers), 0);
	assert_int_equal(weir_demand_set(demand, WEIR_DEMAND_CPU_MILLI, 1000), 0);
	assert_int_equal(weir_demand_set(demand, WEIR_DEMAND_MEMORY_MIB, 1024), 0);
	assert_int_equal(weir_demand_set(demand, WEIR_DEMAND_CHIP_MILLI, chip_milli), 0);
	return demand;
}

static struct weir_matcher *make_matcher(struct weir_policy *policy)
{
	struct weir_network *network = make_network();
	struct weir_matcher *matcher = weir_matcher_new(network, policy, 1);

	assert_non_null(matcher);
	weir_network_free(network); /* the matcher keeps it */
	return matcher;
}

static void submit(struct weir_matcher *matcher, uint64_t id, struct weir_demand *demand, const char *tenant)
{
	if (weir_submit(matcher, id, demand, tenant) < 0)
		fail_msg("%s", weir_problem(matcher));
	weir_demand_free(demand);
}

static struct weir_plan *decide(struct weir_matcher *matcher, int64_t now_us)
{
	struct weir_plan *plan = NULL;

	assert_int_equal(weir_round(matcher, now_us, 0, &plan), 0);
	assert_non_null(plan);
	return plan;
}

static void mistakes_are_told_and_change_nothing(void **state)
{
	struct weir_network *network = make_network();
	struct weir_demand *demand = weir_demand_new(WEIR_KIND_JOB);
	struct weir_matcher *matcher;

	(void)state;
	assert_int_equal(weir_network_add_site(network, "No Name", WEIR_TIER_HUB, "west"), -EINVAL);
	assert_non_null(strstr(weir_problem(network), "No Name"));
	assert_int_equal(weir_network_add_site(network, NULL, WEIR_TIER_HUB, "west"), -EINVAL);
	assert_int_equal(weir_network_add_site(network, "third", 7, "west"), -EINVAL);
	assert_int_equal(weir_network_add_chip(network, "alpha", 0, 0, 0, 0), -EEXIST);
	assert_int_equal(weir_network_nodes_chips(network, 5, 0, "alpha", 1), -ENOENT);
	assert_int_equal(weir_network_nodes_chips(network, HUB, 0, "alpha", 60), -ENOSPC);
	assert_int_equal(weir_demand_set(demand, WEIR_DEMAND_CHIP_MILLI, 1500), -EINVAL);
	assert_int_equal(weir_demand_set(demand, 99, 1), -EINVAL);
	assert_int_equal(weir_demand_set(demand, WEIR_DEMAND_WORKERS, 0), -EINVAL);
	assert_int_equal(weir_demand_add_caller(demand, "hub", 0, 0, 1000, 1), -EINVAL);
	matcher = weir_matcher_new(network, NULL, 0);
	assert_non_null(matcher);
	assert_int_equal(weir_network_add_site(network, "third", WEIR_TIER_HUB, "west"), -EBUSY);
	assert_int_equal(weir_submit(matcher, 1, demand, NULL), -EINVAL);
	assert_non_null(strstr(weir_problem(matcher), "asks for nothing"));
	assert_int_equal(weir_end(matcher, 1, 0, 0, WEIR_END_DONE), -ENOENT);
	assert_int_equal(weir_withdraw(matcher, 1), -ENOENT);
	assert_null(weir_explain(matcher, 1, 0));
	assert_int_equal(weir_queued(matcher), 0);
	weir_demand_free(demand);
	weir_network_free(network);
	weir_matcher_free(matcher);

	network = make_network();
	assert_int_equal(weir_network_add_site(network, "hub", WEIR_TIER_HUB, "west"), 2);
	assert_null(weir_matcher_new(network, NULL, 0));
	assert_non_null(strstr(weir_problem(network), "two sites"));
	weir_network_free(network);
}

static void a_round_places_waits_and_goes_on(void **state)
{
	struct weir_matcher *matcher = make_matcher(NULL);
	struct weir_demand *limited = make_demand(WEIR_KIND_JOB, 3, 8000), *again;
	struct weir_placement placement;
	struct weir_reservation reservation;
	struct weir_waiting waiting;
	struct weir_bound bound;
	struct weir_free left;
	struct weir_slot slot;
	struct weir_plan *plan;
	int64_t start_us;
	char *why;

	(void)state;
	assert_int_equal(weir_demand_set(limited, WEIR_DEMAND_TIME_LIMIT_US, HOUR_US), 0);
	submit(matcher, 7, limited, NULL);
	submit(matcher, 8, make_demand(WEIR_KIND_JOB, 2, 8000), NULL);
	again = make_demand(WEIR_KIND_JOB, 1, 0);
	assert_int_equal(weir_submit(matcher, 8, again, NULL), -EEXIST);
	weir_demand_free(again);
	assert_int_equal(weir_queued(matcher), 2);
	assert_int_equal(weir_bound(matcher, &bound), 0);
	assert_int_equal(bound.value, 32000); /* four nodes of eight chips */
	assert_int_equal(bound.queued, 40000);
	plan = decide(matcher, 0);
	assert_int_equal(weir_plan_complete(plan), 1);
	assert_int_equal(weir_plan_value(plan), 24000);
	assert_int_equal(weir_plan_placement_count(plan), 1);
	assert_int_equal(weir_plan_placement(plan, 0, &placement), 0);
	assert_int_equal(weir_plan_placement(plan, 1, &placement), -ENOENT);
	assert_int_equal(placement.demand, 7);
	assert_int_equal(placement.site, HUB);
	assert_int_equal(placement.worker_count, 3);
	assert_int_equal(weir_plan_placement_slot(plan, 0, 2, &slot), 0);
	assert_int_equal(slot.worker, 2);
	assert_int_equal(slot.chips, 0xff);
	assert_int_equal(weir_plan_placement_slot(plan, 0, 3, &slot), -ENOENT);
	assert_int_equal(weir_plan_waiting_count(plan), 1);
	assert_int_equal(weir_plan_waiting(plan, 0, &waiting), 0);
	assert_int_equal(waiting.demand, 8);
	assert_string_equal(weir_plan_waiting_code(plan, 0), "chips-busy");
	assert_string_equal(weir_plan_waiting_reason(plan, 0), "too few free chips: has 8 of 16");
	weir_plan_free(plan);
	plan = decide(matcher, 0); /* what runs is known to end, so a place can be kept */
	assert_int_equal(weir_plan_placement_count(plan), 0);
	assert_int_equal(weir_plan_reservation_count(plan), 1);
	assert_int_equal(weir_plan_reservation(plan, 0, &reservation), 0);
	assert_int_equal(reservation.demand, 8);
	assert_int_equal(reservation.start_us, HOUR_US);
	assert_int_equal(weir_plan_reservation_slot(plan, 0, 1, &slot), 0);
	weir_plan_free(plan);

	assert_int_equal(weir_site_free(matcher, HUB, &left), 0);
	assert_int_equal(left.chips, 8);
	assert_int_equal(left.chips_all, 32);
	assert_int_equal(weir_estimate(matcher, 8, 0, 1000, &start_us), 0);
	assert_int_equal(start_us, HOUR_US);
	why = weir_explain(matcher, 8, 1000);
	assert_non_null(why);
	assert_non_null(strstr(why, "with 1 instead of 2 workers it would start now at hub"));
	weir_text_free(why);

	assert_int_equal(weir_end(matcher, 7, 0, HOUR_US / 2, WEIR_END_DONE), 0);
	plan = decide(matcher, HOUR_US / 2);
	assert_int_equal(weir_plan_placement_count(plan), 1);
	assert_int_equal(weir_plan_waiting_count(plan), 0);
	assert_int_equal(weir_queued(matcher), 0);
	weir_matcher_free(matcher);
	assert_int_equal(weir_plan_placement(plan, 0, &placement), 0); /* the plan outlives it */
	assert_int_equal(placement.demand, 8);
	weir_plan_free(plan);
}

static void willing_work_gives_way_and_comes_back(void **state)
{
	struct weir_matcher *matcher = make_matcher(NULL);
	struct weir_demand *willing = make_demand(WEIR_KIND_JOB, 4, 8000), *urgent = make_demand(WEIR_KIND_JOB, 2, 8000);
	struct weir_preemption preemption;
	struct weir_placement placement;
	struct weir_plan *plan;

	(void)state;
	assert_int_equal(weir_demand_set(willing, WEIR_DEMAND_PREEMPTIBLE, 1), 0);
	assert_int_equal(weir_demand_set(urgent, WEIR_DEMAND_PRIORITY, 900), 0);
	submit(matcher, 1, willing, NULL);
	weir_plan_free(decide(matcher, 0));
	submit(matcher, 2, urgent, NULL);
	plan = decide(matcher, 1000);
	assert_int_equal(weir_plan_placement_count(plan), 0);
	assert_int_equal(weir_plan_preemption_count(plan), 1);
	assert_int_equal(weir_plan_preemption(plan, 0, &preemption), 0);
	assert_int_equal(preemption.demand, 1);
	assert_int_equal(preemption.by, 2);
	assert_int_equal(preemption.reclaimed, 0);
	weir_plan_free(plan);
	plan = decide(matcher, 2000); /* still stopping: nobody else is asked to */
	assert_int_equal(weir_plan_preemption_count(plan), 0);
	weir_plan_free(plan);
	assert_int_equal(weir_end(matcher, 1, 0, 3000, WEIR_END_REQUEUE), 0);
	plan = decide(matcher, 3000);
	assert_int_equal(weir_plan_placement_count(plan), 1);
	assert_int_equal(weir_plan_placement(plan, 0, &placement), 0);
	assert_int_equal(placement.demand, 2);
	assert_int_equal(weir_queued(matcher), 1);
	weir_plan_free(plan);
	assert_int_equal(weir_end(matcher, 2, 0, 4000, WEIR_END_DONE), 0);
	plan = decide(matcher, 4000);
	assert_int_equal(weir_plan_placement(plan, 0, &placement), 0);
	assert_int_equal(placement.demand, 1);
	weir_plan_free(plan);
	weir_matcher_free(matcher);
}

static void limits_hold_and_policies_count(void **state)
{
	struct weir_policy *policy = weir_policy_new();
	struct weir_matcher *matcher;
	struct weir_plan *plan;

	(void)state;
	assert_int_equal(weir_policy_add_tenant(policy, "lab", NULL, 3), 0);
	assert_int_equal(weir_policy_add_tenant(policy, "group", "lab", 1), 0);
	assert_int_equal(weir_policy_add_tenant(policy, "other", "nobody", 1), -ENOENT);
	assert_int_equal(weir_policy_limit(policy, "lab", 0, 0, 10000), 0);
	assert_int_equal(weir_policy_set(policy, WEIR_POLICY_NODES, WEIR_NODES_BESTFIT), 0);
	assert_int_equal(weir_policy_set(policy, WEIR_POLICY_JOB_EDGE_PERMILLE, 200), 0);
	assert_int_equal(weir_policy_set(policy, 99, 0), -EINVAL);
	matcher = make_matcher(policy);
	assert_int_equal(weir_policy_set(policy, WEIR_POLICY_PREEMPTION, 0), -EBUSY);
	weir_policy_free(policy);
	submit(matcher, 1, make_demand(WEIR_KIND_JOB, 1, 8000), "group");
	submit(matcher, 2, make_demand(WEIR_KIND_JOB, 1, 4000), "group");
	plan = decide(matcher, 0);
	assert_int_equal(weir_plan_placement_count(plan), 1);
	assert_string_equal(weir_plan_waiting_code(plan, 0), "limit");
	assert_non_null(strstr(weir_plan_waiting_reason(plan, 0), "lab"));
	weir_plan_free(plan);
	weir_matcher_free(matcher);
}

static void services_go_near_their_callers(void **state)
{
	struct weir_matcher *matcher = make_matcher(NULL);
	struct weir_demand *service = make_demand(WEIR_KIND_SERVICE, 6, 200);
	struct weir_placement placement;
	unsigned at[2] = { 0, 0 };
	struct weir_plan *plan;

	(void)state;
	assert_int_equal(weir_demand_add_caller(service, "hub", 0, 0, 5000, 2), 0);
	assert_int_equal(weir_demand_add_caller(service, NULL, 31000000, 121000000, 5000, 1), 0);
	assert_int_equal(weir_demand_near(service, "hub", 0, 0, 5000), -EEXIST);
	submit(matcher, 1, service, "shop");
	plan = decide(matcher, 0);
	assert_int_equal(weir_plan_placement_count(plan), 6);
	for (size_t p = 0; p < 6; p++) {
		assert_int_equal(weir_plan_placement(plan, p, &placement), 0);
		at[placement.site]++;
	}
	assert_int_equal(at[HUB], 4);
	assert_int_equal(at[EDGE], 2);
	weir_plan_free(plan);
	for (uint32_t r = 0; r < 6; r++)
		assert_int_equal(weir_end(matcher, 1, r, 1000, WEIR_END_DONE), 0);
	submit(matcher, 1, make_demand(WEIR_KIND_JOB, 1, 1000), NULL); /* the id is free again */
	weir_matcher_free(matcher);
}

static void rules_and_conditions_hold(void **state)
{
	struct weir_matcher *matcher = make_matcher(NULL);
	struct weir_demand *demand = make_demand(WEIR_KIND_JOB, 1, 1000);
	struct weir_plan *plan;

	(void)state;
	assert_int_equal(weir_demand_add(demand, WEIR_LIST_RESIDENCY, "west"), 0);
	assert_int_equal(weir_demand_add(demand, WEIR_LIST_MODELS, "alpha"), 0);
	assert_int_equal(weir_demand_add(demand, WEIR_LIST_SOFTWARE, "stack"), 0);
	assert_int_equal(weir_demand_add_throughput(demand, WEIR_FORMAT_FP16, 200000), 0);
	assert_int_equal(weir_demand_add_resource(demand, "port", 1), 0);
	assert_int_equal(weir_demand_set(demand, WEIR_DEMAND_DOMESTIC_ONLY, 1), 0);
	assert_int_equal(weir_demand_set(demand, WEIR_DEMAND_CLEARANCE, 1), 0);
	assert_int_equal(weir_site_condition(matcher, HUB, WEIR_SITE_DRAINING), 0);
	submit(matcher, 1, demand, NULL);
	plan = decide(matcher, 0);
	assert_int_equal(weir_plan_placement_count(plan), 0);
	assert_string_equal(weir_plan_waiting_code(plan, 0), "site-draining");
	weir_plan_free(plan);
	assert_int_equal(weir_site_condition(matcher, HUB, WEIR_SITE_UP), 0);
	plan = decide(matcher, 0);
	assert_int_equal(weir_plan_placement_count(plan), 1);
	weir_plan_free(plan);
	weir_matcher_free(matcher);
}

static void state_from_before_is_taken_over(void **state)
{
	struct weir_matcher *matcher = make_matcher(NULL);
	const struct weir_slot slots[2] = { { 0, 0, 1, 1000, 0xff }, { 1, 0, 2, 1000, 0xff } };
	const struct weir_slot twice[2] = { { 0, 0, 1, 1000, 0xff }, { 1, 0, 1, 1000, 0xff } };
	struct weir_free left;

	(void)state;
	submit(matcher, 1, make_demand(WEIR_KIND_JOB, 2, 8000), NULL);
	submit(matcher, 2, make_demand(WEIR_KIND_JOB, 2, 8000), NULL);
	assert_int_equal(weir_begin(matcher, 1, 0, HUB, twice, 2, 0), -EBUSY);
	assert_int_equal(weir_begin(matcher, 1, 0, HUB, slots, 1, 0), -EINVAL);
	assert_int_equal(weir_begin(matcher, 1, 1, HUB, slots, 2, 0), -ENOENT);
	assert_int_equal(weir_begin(matcher, 1, 0, 9, slots, 2, 0), -ENOENT);
	assert_int_equal(weir_begin(matcher, 1, 0, HUB, slots, 2, 0), 0);
	assert_int_equal(weir_begin(matcher, 2, 0, HUB, slots, 2, 0), -EBUSY);
	assert_int_equal(weir_site_free(matcher, HUB, &left), 0);
	assert_int_equal(left.chips, 16);
	assert_int_equal(weir_queued(matcher), 1);
	assert_int_equal(weir_withdraw(matcher, 2), 0);
	assert_int_equal(weir_queued(matcher), 0);
	assert_int_equal(weir_end(matcher, 1, 0, 10, WEIR_END_DONE), 0);
	weir_matcher_free(matcher);
}

/* A longer story, twice: the same plans. And the bound before each round is never below what it places. */
static uint64_t play(uint64_t seed)
{
	struct weir_policy *policy = weir_policy_new();
	struct weir_matcher *matcher;
	uint64_t hash = 0, random = seed, running[512] = { 0 };
	size_t count = 0;

	weir_policy_set(policy, WEIR_POLICY_PREEMPTION, 0); /* what stops others may place more than the bound says */
	matcher = make_matcher(policy);
	weir_policy_free(policy);
	for (uint64_t id = 1; id <= 300; id++) {
		static const int64_t sizes[] = { 0, 200, 300, 500, 1000, 2000, 4000, 8000 };
		struct weir_demand *demand;
		struct weir_bound bound;
		struct weir_plan *plan;

		random = random * 6364136223846793005u + 1442695040888963407u;
		demand = make_demand(WEIR_KIND_JOB, 1 + (int64_t)(random >> 40) % 3, sizes[random >> 61]);
		assert_int_equal(weir_demand_set(demand, WEIR_DEMAND_TIME_LIMIT_US, (int64_t)(1 + random % 7) * HOUR_US), 0);
		submit(matcher, id, demand, random >> 50 & 1 ? "one" : "two");
		assert_int_equal(weir_bound(matcher, &bound), 0);
		plan = decide(matcher, (int64_t)id * 1000);
		assert_true(bound.value >= weir_plan_value(plan));
		for (size_t p = 0; p < weir_plan_placement_count(plan); p++) {
			struct weir_placement placement;
			struct weir_slot slot;

			assert_int_equal(weir_plan_placement(plan, p, &placement), 0);
			running[count++] = placement.demand;
			hash = (hash ^ placement.demand ^ (uint64_t)placement.score_micro) * 0x9e3779b97f4a7c15u;
			for (uint32_t w = 0; weir_plan_placement_slot(plan, p, w, &slot) == 0; w++)
				hash = (hash ^ slot.chips ^ (uint64_t)slot.node << 40) * 0x9e3779b97f4a7c15u;
		}
		weir_plan_free(plan);
		while (count > 8) {
			size_t victim = (size_t)(random >> 33) % count;

			assert_int_equal(weir_end(matcher, running[victim], 0, (int64_t)id * 1000 + 500, WEIR_END_DONE), 0);
			running[victim] = running[--count];
		}
	}
	weir_matcher_free(matcher);
	return hash;
}

static void the_same_calls_give_the_same_plans(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		assert_true(play(seed) == play(seed));
	assert_false(play(1) == play(2));
	assert_int_equal(weir_match_abi(), WEIR_MATCH_ABI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_told_and_change_nothing),
		cmocka_unit_test(a_round_places_waits_and_goes_on),
		cmocka_unit_test(willing_work_gives_way_and_comes_back),
		cmocka_unit_test(limits_hold_and_policies_count),
		cmocka_unit_test(services_go_near_their_callers),
		cmocka_unit_test(rules_and_conditions_hold),
		cmocka_unit_test(state_from_before_is_taken_over),
		cmocka_unit_test(the_same_calls_give_the_same_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
