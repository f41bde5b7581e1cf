/* The score by hand: each part by itself, and the examples of docs/files.md, where the policy's weights move the placement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "match/once.h"
#include "match/score.h"

#define MONEY INT64_C(1000000)

static struct chip_count chips[] = { { "ascend", 8 } };
static struct node_group groups[] = { { .name = "train", .count = 4, .cpu_milli = 64000, .memory_mib = 262144, .chips = chips, .chip_count = 1 } };
static struct site_spec specs[] = {
	{ .name = "beijing", .tier = TIER_REGIONAL, .region = "north", .latitude_udeg = 39900000, .longitude_udeg = 116400000, .groups = groups,
	  .group_count = 1 },
	{ .name = "horinger", .tier = TIER_HUB, .region = "west", .latitude_udeg = 40400000, .longitude_udeg = 111800000, .groups = groups,
	  .group_count = 1 },
	{ .name = "room", .tier = TIER_EDGE, .region = "north", .latitude_udeg = 39900000, .longitude_udeg = 116400000, .groups = groups,
	  .group_count = 1 },
};
static struct link_spec links[] = {
	{ .from = "beijing", .to = "horinger", .rtt_us = 15000, .bandwidth_mbit = 200000, .price_micro_per_gib = 3000 },
	{ .from = "beijing", .to = "room", .rtt_us = 1200, .bandwidth_mbit = 100000 },
};
static struct network_spec network = { .sites = specs, .site_count = 3, .links = links, .link_count = 2, .link_rule = { 1000, 9800, 1500 } };
static struct chip_model models[] = { { .name = "ascend", .title = "", .vendor = "", .power_w = 400 } };
static const struct catalogue catalogue = { models, 1 };

struct fixture {
	struct topology *topology;
	struct supply supplies[3];
	struct site_view views[3];
	struct rule_context context;
	struct policy_spec policy;
	struct score_weights *weights;
	struct ask ask;
	struct data_reference data;
	struct near near;
	struct score score;
};

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ .topology = topology_new(&network) };
	for (uint32_t s = 0; s < 3; s++) {
		supply_init(&fixture.supplies[s], groups, 1);
		fixture.views[s] = (struct site_view){ .index = s, .name = specs[s].name, .tier = specs[s].tier, .region = specs[s].region,
						       .engine = ENGINE_LOCAL, .condition = CONDITION_UP, .supply = &fixture.supplies[s] };
	}
	fixture.context = (struct rule_context){ &catalogue, fixture.topology };
	policy_defaults(&fixture.policy);
	fixture.weights = &fixture.policy.weights;
	fixture.ask = (struct ask){ .kind = DEMAND_JOB, .workers = 1, .shape = { .cpu_milli = 1500, .memory_mib = 3072, .chips = { .milli = 2000 } } };
	fixture.data = (struct data_reference){ .name = "corpus", .site = "beijing", .size_mib = 20 << 20 };
	fixture.near = (struct near){ .site = "beijing", .within_us = 100000 };
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	topology_free(fixture->topology);
	for (int s = 0; s < 3; s++)
		supply_done(&fixture->supplies[s]);
	return 0;
}

static const struct score *score(struct fixture *fixture, unsigned site)
{
	score_site(&fixture->ask, &fixture->views[site], &fixture->context, fixture->weights, &fixture->score);
	return &fixture->score;
}

static void price_is_that_of_all_workers_or_one_replica(void **state)
{
	struct fixture *fixture = *state;

	fixture->views[1].price = (struct price){ 100000, 10000, 4 * MONEY };
	fixture->ask.workers = 3;
	/* 1.5 cores, 3 GiB and 2 chips: 0.15 + 0.03 + 8, three times. */
	assert_int_equal(score(fixture, 1)->price, 24540000);
	assert_int_equal(fixture->score.total, 24540000); /* a hub is the jobs' place */
	fixture->ask.kind = DEMAND_SERVICE;
	assert_int_equal(score(fixture, 1)->price, 8180000);
	assert_int_equal(fixture->score.tier, 818000 + 100);
	assert_int_equal(fixture->score.total, 8180000 + 818100);
}

static void tiers_are_shares_of_the_price(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned s = 0; s < 3; s++)
		fixture->views[s].price.chip_hour_micro = MONEY;
	assert_int_equal(score(fixture, 0)->tier, 100000 + 50);  /* regional: 5 % of 2 */
	assert_int_equal(score(fixture, 1)->tier, 0);
	assert_int_equal(score(fixture, 2)->tier, 200000 + 100);
	fixture->weights->tier_permille[DEMAND_JOB][TIER_EDGE] = POLICY_PERMILLE_MAX; /* counts as eight times at the most */
	assert_int_equal(score(fixture, 2)->tier, 16 * MONEY + 8000);
	fixture->views[2].price.chip_hour_micro = 0; /* the permille orders those that are free */
	assert_int_equal(score(fixture, 2)->total, 8000);
}

static void latency_counts_for_services_that_say_where_they_are_called(void **state)
{
	struct fixture *fixture = *state;

	fixture->views[1].price.chip_hour_micro = MONEY;
	fixture->ask.where.near = &fixture->near;
	assert_int_equal(score(fixture, 1)->latency, 0);
	fixture->ask.kind = DEMAND_SERVICE;
	/* 15 ms at 50 permille of 2 each. */
	assert_int_equal(score(fixture, 1)->latency, 1500000 + 750);
	fixture->weights->latency_permille_per_ms = 1000;
	assert_int_equal(score(fixture, 1)->latency, 16 * MONEY + 8000);
	fixture->ask.where.near = NULL;
	assert_int_equal(score(fixture, 1)->latency, 0);
}

static void data_pays_the_links_and_waits_for_them(void **state)
{
	struct fixture *fixture = *state;

	fixture->views[1].price.chip_hour_micro = MONEY;
	fixture->ask.data = &fixture->data;
	fixture->ask.data_count = 1;
	/* 20,480 GiB at 0.003; 879.609 s at 200 Gbit/s, of a price of 2. */
	assert_int_equal(score(fixture, 1)->data, 61440000);
	assert_int_equal(fixture->score.wait, 488671 + 879);
	fixture->ask.data_hours = 4; /* it runs for four hours: both fall once */
	assert_int_equal(score(fixture, 1)->data, 15360000);
	assert_int_equal(fixture->score.wait, 122167 + 219);
	fixture->weights->data_permille = 500;
	fixture->weights->wait_permille = 2000;
	assert_int_equal(score(fixture, 1)->data, 7680000);
	assert_int_equal(fixture->score.wait, 244335 + 219);
	assert_int_equal(score(fixture, 0)->data + fixture->score.wait, 0); /* it lies here */
	/* A link that asks for nothing still takes its time. */
	assert_int_equal(score(fixture, 2)->data, 0);
	assert_int_equal(fixture->score.wait, 1759 / 4);
	/* Without a link: a gigabit a second, and no price. */
	fixture->data.site = "horinger";
	fixture->ask.data_hours = 0;
	assert_int_equal(score(fixture, 2)->data, 0);
	assert_int_equal(fixture->score.wait, 175921);
	fixture->data.site = "elsewhere"; /* nobody knows where: it costs nothing to guess at */
	assert_int_equal(score(fixture, 2)->data + fixture->score.wait, 0);
}

static void energy_and_carbon_of_the_chips(void **state)
{
	struct fixture *fixture = *state;

	fixture->ask.workers = 5;
	fixture->views[1].energy = (struct energy){ .price_micro_per_kwh = 350000, .carbon_g_per_kwh = 420, .overhead_permille = 1250 };
	/* Ten chips of 400 W, a quarter more for the site: 5 kW. */
	assert_int_equal(score(fixture, 1)->energy, 1750000);
	assert_int_equal(fixture->score.carbon, 0);
	fixture->weights->carbon_micro_per_kg = 100000; /* 2.1 kg */
	fixture->weights->energy_permille = 2000;
	assert_int_equal(score(fixture, 1)->carbon, 210000);
	assert_int_equal(fixture->score.energy, 3500000);
	assert_int_equal(fixture->score.total, 3710000);
	fixture->views[1].energy.overhead_permille = 0; /* not given */
	assert_int_equal(score(fixture, 1)->carbon, 168000);
	fixture->ask.shape.chips.milli = 250;
	fixture->ask.kind = DEMAND_SERVICE; /* one replica: a tenth of a kilowatt */
	assert_int_equal(score(fixture, 1)->carbon, 4200);
	fixture->ask.shape.chips.milli = 0;
	assert_int_equal(score(fixture, 1)->carbon + fixture->score.energy, 0);
}

static void useless_chips_cost_what_chips_cost(void **state)
{
	struct fixture *fixture = *state;

	fixture->views[1].price.chip_hour_micro = 4 * MONEY;
	assert_int_equal(score_fragmentation(&fixture->views[1], 1500, fixture->weights), 6 * MONEY);
	fixture->weights->fragmentation_permille = 2000;
	assert_int_equal(score_fragmentation(&fixture->views[1], 1500, fixture->weights), 12 * MONEY);
	assert_int_equal(score_fragmentation(&fixture->views[1], 0, fixture->weights), 0);
}

/* Nothing wraps around: the dearest counts as the most that there is. */
static void huge_figures_saturate(void **state)
{
	struct fixture *fixture = *state;
	struct score_weights *weights = fixture->weights;

	fixture->ask.workers = DEMAND_WORKERS_MAX;
	fixture->ask.shape.chips.milli = NODE_CHIPS_MAX * 1000;
	fixture->views[1].price = (struct price){ INT64_MAX, INT64_MAX, INT64_MAX };
	fixture->views[1].energy = (struct energy){ INT64_MAX, INT64_MAX, INT64_MAX };
	weights->carbon_micro_per_kg = weights->energy_permille = weights->wait_permille = weights->data_permille = INT64_MAX;
	weights->tier_permille[DEMAND_JOB][TIER_HUB] = INT64_MAX;
	fixture->ask.data = &fixture->data;
	fixture->ask.data_count = 1;
	fixture->data.size_mib = INT64_MAX;
	assert_int_equal(score(fixture, 1)->price, PRICE_HOUR_MAX);
	assert_int_equal(fixture->score.tier, PRICE_HOUR_MAX * 8 + 8000);
	assert_int_equal(fixture->score.energy, SCORE_MAX);
	assert_int_equal(fixture->score.carbon, SCORE_MAX);
	assert_true(fixture->score.wait >= SCORE_MAX && fixture->score.wait <= SCORE_MAX * 2);
	assert_int_equal(fixture->score.total, SCORE_MAX);
	assert_int_equal(score_fragmentation(&fixture->views[1], INT64_MAX, weights), SCORE_MAX);
	fixture->ask.kind = DEMAND_SERVICE;
	fixture->ask.where.near = &fixture->near;
	weights->latency_permille_per_ms = INT64_MAX;
	assert_int_equal(score(fixture, 1)->total, SCORE_MAX);
}

/* --- the examples of docs/files.md ------------------------------------------------------------------- */

/* The site that one demand goes to, alone in the network. */
static uint32_t placed_at(struct fixture *fixture, unsigned sites, int64_t *ret_score, int64_t *ret_second)
{
	struct arena arena = { 0 };
	const struct match_entry entry = { .demand = 1, .order = 1 };
	const struct once_class class = { .ask = &fixture->ask, .entries = &entry, .entry_count = 1 };
	const struct once_input input = { .sites = fixture->views, .site_count = sites, .classes = &class, .class_count = 1,
					  .context = fixture->context, .policy = &fixture->policy };
	struct match_plan plan;
	struct once once;
	uint32_t site;

	once_open(&once, &input, &arena);
	match_round(&once.input, &arena, &plan);
	assert_int_equal(plan.placement_count, 1);
	site = plan.placements[0].site;
	*ret_score = plan.placements[0].score;
	*ret_second = plan.placements[0].second_score;
	once_close(&once);
	arena_done(&arena);
	return site;
}

static void training_drifts_west(void **state)
{
	struct fixture *fixture = *state;
	int64_t best, second;

	fixture->ask = (struct ask){ .kind = DEMAND_JOB, .workers = 2, .shape.chips.milli = 8000, .data = &fixture->data, .data_count = 1,
				     .data_hours = 1 };
	fixture->views[0].price.chip_hour_micro = 6200000;
	fixture->views[1].price.chip_hour_micro = 3600000;
	assert_int_equal(placed_at(fixture, 2, &best, &second), 0);
	assert_int_equal(best, 104160050);
	assert_int_equal(second / 100000, 1331);
	fixture->ask.data_hours = 2; /* from two hours on it goes */
	assert_int_equal(placed_at(fixture, 2, &best, &second), 1);
	fixture->ask.data_hours = 1;
	fixture->weights->tier_permille[DEMAND_JOB][TIER_REGIONAL] = 400;
	fixture->weights->tier_permille[DEMAND_JOB][TIER_EDGE] = 1000;
	fixture->weights->wait_permille = 200;
	fixture->weights->carbon_micro_per_kg = 100000;
	assert_int_equal(placed_at(fixture, 2, &best, &second), 1);
	assert_int_equal(best / 10000, 12185);
	assert_int_equal(second / 10000, 13888);
	fixture->data.residency = (const char *[]){ "north" }; /* and no weight overrules a rule */
	fixture->data.residency_count = 1;
	assert_int_equal(placed_at(fixture, 2, &best, &second), 0);
}

static void inference_stays_near(void **state)
{
	struct fixture *fixture = *state;
	int64_t best, second;

	fixture->ask = (struct ask){ .kind = DEMAND_SERVICE, .workers = 1, .shape.chips.milli = 1000, .where.near = &fixture->near };
	fixture->views[0].draining = true;
	fixture->views[1].price.chip_hour_micro = 3600000;
	fixture->views[2].price.chip_hour_micro = 7000000;
	assert_int_equal(placed_at(fixture, 3, &best, &second), 1);
	assert_int_equal(best, 6660000 + 100 + 750);
	assert_int_equal(second, 7420000 + 60);
	fixture->weights->latency_permille_per_ms = 200;
	fixture->weights->tier_permille[DEMAND_SERVICE][TIER_REGIONAL] = 20;
	fixture->weights->fragmentation_permille = 2000;
	assert_int_equal(placed_at(fixture, 3, &best, &second), 2);
	assert_int_equal(best, 8680000 + 240);
	assert_int_equal(second, 14760000 + 100 + 3000);
	fixture->views[2].draining = true; /* it overflows as far as its bound allows */
	assert_int_equal(placed_at(fixture, 3, &best, &second), 1);
}

#define SCORE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCORE_TEST(price_is_that_of_all_workers_or_one_replica),
		SCORE_TEST(tiers_are_shares_of_the_price),
		SCORE_TEST(latency_counts_for_services_that_say_where_they_are_called),
		SCORE_TEST(data_pays_the_links_and_waits_for_them),
		SCORE_TEST(energy_and_carbon_of_the_chips),
		SCORE_TEST(useless_chips_cost_what_chips_cost),
		SCORE_TEST(huge_figures_saturate),
		SCORE_TEST(training_drifts_west),
		SCORE_TEST(inference_stays_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
