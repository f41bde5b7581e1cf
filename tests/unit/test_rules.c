#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "policy/fit.h"
#include "policy/price.h"

static struct throughput fast[] = { { FORMAT_FP16, 320000 } };
static const char *cann[] = { "cann" };
static struct chip_model models[] = {
	{ .name = "ascend", .origin = ORIGIN_DOMESTIC, .memory_mib = 65536, .throughputs = fast, .throughput_count = 1, .software = cann,
	  .software_count = 1, .review.state = REVIEW_PASSED },
	{ .name = "fresh", .origin = ORIGIN_DOMESTIC, .memory_mib = 32768, .review.state = REVIEW_PENDING },
	{ .name = "import", .origin = ORIGIN_FOREIGN, .memory_mib = 81920, .throughputs = fast, .throughput_count = 1,
	  .review.state = REVIEW_REVOKED },
};
static struct catalogue catalogue = { models, 3 };
static struct chip_count import_chips[] = { { "import", 4 } };
static struct chip_count two_chips[] = { { "ascend", 8 }, { "fresh", 2 } };
static struct countable two_rdma[] = { { "rdma", 2 }, { "nvme", 4 } }, many_nvme[] = { { "nvme", 100 } };
static struct node_group groups[] = {
	{ .name = "a", .count = 4, .cpu_milli = 32000, .memory_mib = 65536, .chips = two_chips, .chip_count = 2, .resources = two_rdma,
	  .resource_count = 2 },
	{ .name = "b", .count = 2, .cpu_milli = 64000, .memory_mib = 131072, .chips = import_chips, .chip_count = 1,
	  .resources = many_nvme, .resource_count = 1 },
	{ .name = "c", .count = 10, .cpu_milli = 8000, .memory_mib = 4096 },
};
static struct site_spec specs[] = {
	{ .name = "here", .latitude_udeg = 30000000, .longitude_udeg = 100000000 },
	{ .name = "there", .latitude_udeg = 40000000, .longitude_udeg = 100000000 },
};
static const struct network_spec network = { .sites = specs, .site_count = 2, .link_rule = { 1000, 9800, 1500 } };

struct fixture {
	struct supply supply;
	struct topology *topology;
	struct rule_context context;
	struct site_view site;
	struct ask ask; /* one that fits */
};

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ .topology = topology_new(&network) };
	supply_init(&fixture.supply, groups, 3);
	fixture.context = (struct rule_context){ &catalogue, fixture.topology };
	fixture.site = (struct site_view){ .name = "here", .tier = TIER_HUB, .region = "guizhou", .engine = ENGINE_LOCAL,
					   .condition = CONDITION_UP, .supply = &fixture.supply };
	fixture.ask = (struct ask){ .kind = DEMAND_JOB, .workers = 2, .shape = { .cpu_milli = 1000, .memory_mib = 1024, .chips.milli = 4000 } };
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	supply_done(&fixture->supply);
	topology_free(fixture->topology);
	return 0;
}

static struct verdict check(const struct fixture *fixture)
{
	return rules_check_site(&fixture->ask, &fixture->site, &fixture->context);
}

static void place_is_checked(void **state)
{
	static enum tier edge_only[] = { TIER_EDGE }, both[] = { TIER_EDGE, TIER_HUB };
	static const char *henan[] = { "henan" }, *guizhou[] = { "guizhou" }, *elsewhere[] = { "there" };
	struct fixture *fixture = *state;
	struct verdict verdict;

	assert_int_equal(check(fixture).code, VERDICT_FITS);
	fixture->ask.where = (struct where){ .tiers = edge_only, .tier_count = 1 };
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_TIER);
	assert_string_equal(verdict.name, "hub");
	fixture->ask.where = (struct where){ .tiers = both, .tier_count = 2, .regions = guizhou, .region_count = 1 };
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	fixture->ask.where = (struct where){ .regions = henan, .region_count = 1 };
	assert_int_equal(check(fixture).code, VERDICT_REGION);
	fixture->ask.where = (struct where){ .sites = elsewhere, .site_count = 1 };
	assert_int_equal(check(fixture).code, VERDICT_SITE);
}

static void engines_do_not_mix(void **state)
{
	struct fixture *fixture = *state;

	fixture->ask.simulated = true;
	assert_int_equal(check(fixture).code, VERDICT_ENGINE_REAL);
	fixture->site.engine = ENGINE_SIMULATED;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	fixture->ask.simulated = false;
	assert_int_equal(check(fixture).code, VERDICT_ENGINE_SIMULATED);
}

static void latency_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	struct near near = { .site = "there", .within_us = 20000 };
	struct verdict verdict;

	/* 1,112 km at 14.7 us, and 1 ms. */
	fixture->ask.where.near = &near;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	near.within_us = 15000;
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_LATENCY);
	assert_int_equal(verdict.want, 15000);
	assert_in_range(verdict.have, 17000, 17700);
	near.site = "atlantis";
	assert_int_equal(check(fixture).have, -1);
}

static void data_and_work_stay_where_they_must(void **state)
{
	static const char *henan[] = { "henan" }, *guizhou[] = { "guizhou" };
	struct data_reference data[] = { { .name = "free" }, { .name = "corpus", .residency = henan, .residency_count = 1 } };
	struct fixture *fixture = *state;
	struct verdict verdict;

	fixture->ask.rules.residency = guizhou;
	fixture->ask.rules.residency_count = 1;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	fixture->ask.data = data;
	fixture->ask.data_count = 2;
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_RESIDENCY);
	assert_string_equal(verdict.other, "corpus");
	assert_string_equal(verdict.name, "guizhou");
	fixture->ask.rules.residency = henan;
	assert_null(check(fixture).other);
}

static void chips_are_checked_by_model_needs_origin_clearance(void **state)
{
	static const char *only_import[] = { "import" }, *only_fresh[] = { "fresh" }, *other[] = { "other" };
	struct throughput want = { FORMAT_FP16, 400000 };
	struct fixture *fixture = *state;
	struct chip_ask *chips = &fixture->ask.shape.chips;

	chips->milli = 1000;
	chips->models = other;
	chips->model_count = 1;
	assert_int_equal(check(fixture).code, VERDICT_CHIP_MODEL);
	chips->models = only_import;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	fixture->ask.rules.domestic_only = true;
	assert_int_equal(check(fixture).code, VERDICT_CHIP_ORIGIN);
	fixture->ask.rules = (struct rules){ .clearance = true };
	assert_int_equal(check(fixture).code, VERDICT_CHIP_CLEARANCE);
	assert_string_equal(check(fixture).name, "import");
	chips->models = only_fresh;
	assert_int_equal(check(fixture).code, VERDICT_CHIP_CLEARANCE);
	chips->model_count = 0;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	assert_int_equal(rules_chip_mask(&fixture->ask, &fixture->supply.groups[0], &fixture->context), 0xff);
	assert_int_equal(rules_chip_mask(&fixture->ask, &fixture->supply.groups[1], &fixture->context), 0);
	chips->needs.throughputs = &want;
	chips->needs.throughput_count = 1;
	assert_int_equal(check(fixture).code, VERDICT_CHIP_NEEDS);
	chips->milli = 0;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	assert_int_equal(rules_chip_mask(&fixture->ask, &fixture->supply.groups[1], &fixture->context), 0xf);
}

static void unknown_figures_satisfy_no_need(void **state)
{
	struct fixture *fixture = *state;
	struct ask *ask = &fixture->ask;

	assert_int_equal(rules_check_chip(ask, "homemade", &fixture->context).code, VERDICT_FITS);
	ask->rules.domestic_only = true;
	assert_int_equal(rules_check_chip(ask, "homemade", &fixture->context).code, VERDICT_CHIP_ORIGIN);
	ask->rules = (struct rules){ .clearance = true };
	assert_int_equal(rules_check_chip(ask, "homemade", &fixture->context).code, VERDICT_CHIP_CLEARANCE);
	ask->shape.chips.needs.memory_mib = 1;
	assert_int_equal(rules_check_chip(ask, "homemade", &fixture->context).code, VERDICT_CHIP_NEEDS);
	ask->shape.chips.needs = (struct chip_needs){ .software = cann, .software_count = 1 };
	assert_int_equal(rules_check_chip(ask, "fresh", &fixture->context).code, VERDICT_CHIP_NEEDS);
	assert_int_equal(rules_check_chip(ask, "ascend", &fixture->context).code, VERDICT_FITS);
}

static void size_of_the_empty_site(void **state)
{
	struct fixture *fixture = *state;
	struct shape *shape = &fixture->ask.shape;
	struct verdict verdict;

	shape->chips.milli = 9000; /* ten chips lie in a node, but of two models */
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_NODE_TOO_SMALL);
	assert_int_equal(verdict.resource, RESOURCE_CHIPS);
	assert_int_equal(verdict.have, 8);
	assert_int_equal(verdict.want, 9);
	shape->chips.milli = 8000;
	shape->cpu_milli = 40000; /* the larger nodes have four chips */
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_NODE_TOO_SMALL);
	assert_int_equal(verdict.resource, RESOURCE_CPU);
	assert_int_equal(verdict.have, 32000);
	shape->cpu_milli = 32000;
	shape->memory_mib = 100000;
	verdict = check(fixture);
	assert_int_equal(verdict.resource, RESOURCE_MEMORY);
	assert_int_equal(verdict.have, 65536);
	shape->memory_mib = 1024;
	fixture->ask.workers = 5;
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_SITE_TOO_SMALL);
	assert_int_equal(verdict.have, 4);
	assert_int_equal(verdict.want, 5);
	fixture->ask.kind = DEMAND_SERVICE; /* each replica for itself */
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	*shape = (struct shape){ .chips.milli = 400 };
	fixture->ask.kind = DEMAND_JOB;
	fixture->ask.workers = 2 * (4 * 10 + 2 * 4) + 1;
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_SITE_TOO_SMALL);
	assert_int_equal(verdict.have, 96);
}

static void further_resources_are_counted(void **state)
{
	struct countable want[] = { { "nvme", 4 }, { "rdma", 2 } };
	struct fixture *fixture = *state;
	struct shape *shape = &fixture->ask.shape;
	struct worker_need need;
	struct resource_need resources;
	const int32_t left[] = { 2, 3 };
	struct verdict verdict;

	*shape = (struct shape){ .cpu_milli = 1000, .memory_mib = 1024, .resources = want, .resource_count = 2 };
	fixture->ask.workers = 4;
	assert_int_equal(check(fixture).code, VERDICT_FITS); /* each node of the first group holds one */
	fixture->ask.workers = 5;
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_SITE_TOO_SMALL);
	assert_int_equal(verdict.have, 4);
	want[0].count = 5; /* only where there is no rdma */
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_NODE_TOO_SMALL);
	assert_int_equal(verdict.resource, RESOURCE_OTHER);
	assert_string_equal(verdict.name, "rdma");
	assert_int_equal(verdict.have, 0);
	want[0].count = 101;
	verdict = check(fixture);
	assert_string_equal(verdict.name, "nvme");
	assert_int_equal(verdict.have, 100);
	assert_int_equal(verdict.want, 101);
	want[0] = (struct countable){ "nvme", 1 };
	need = worker_need_of(shape);
	resources = resource_need_of(&need, &fixture->supply.groups[0]);
	assert_false(resources.lacking);
	assert_int_equal(resource_workers(&resources, &fixture->supply.groups[0], left, 10), 1);
	want[1].count = 1;
	resources = resource_need_of(&need, &fixture->supply.groups[0]);
	assert_int_equal(resource_workers(&resources, &fixture->supply.groups[0], left, 10), 2);
	assert_int_equal(resource_workers(&resources, &fixture->supply.groups[0], left, 1), 1);
	assert_true(resource_need_of(&need, &fixture->supply.groups[1]).lacking);
}

static void workers_that_must_lie_together(void **state)
{
	struct fixture *fixture = *state;
	struct ask *ask = &fixture->ask;
	struct verdict verdict;

	ask->where.together = TOGETHER_NODE; /* four chips a worker */
	ask->workers = 2;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	ask->workers = 3;
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_SITE_TOO_SMALL);
	assert_string_equal(verdict.name, "node");
	assert_int_equal(verdict.have, 2);
	assert_int_equal(verdict.want, 3);
	ask->where.together = TOGETHER_GROUP;
	ask->workers = 8;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	ask->workers = 9; /* two more in the other group */
	verdict = check(fixture);
	assert_string_equal(verdict.name, "group");
	assert_int_equal(verdict.have, 8);
	ask->where.together = TOGETHER_SITE;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	ask->where.together = TOGETHER_NODE;
	ask->workers = 11; /* too many for all of the site: then that is why */
	verdict = check(fixture);
	assert_null(verdict.name);
	assert_int_equal(verdict.have, 10);
}

static void price_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	struct ask *ask = &fixture->ask;
	struct verdict verdict;

	/* two workers of 1 core, 1 GiB and 4 chips */
	fixture->site.price = (struct price){ .core_hour_micro = 100000, .gib_hour_micro = 10000, .chip_hour_micro = 2000000 };
	assert_int_equal(price_at_site(ask, &fixture->site), 16220000);
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	ask->price_max_micro = 16220000;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	ask->price_max_micro--;
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_PRICE);
	assert_int_equal(verdict.have, 16220000);
	assert_int_equal(verdict.want, 16219999);
	ask->kind = DEMAND_SERVICE; /* of one replica */
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	ask->shape.cpu_milli = 1000000;
	assert_int_equal(check(fixture).code, VERDICT_PRICE); /* which comes before the size */
	ask->price_max_micro = 0;
	assert_int_equal(check(fixture).code, VERDICT_NODE_TOO_SMALL);
}

static void one_caller_in_reach_is_enough(void **state)
{
	struct caller_place callers[] = { { { .site = "atlantis", .within_us = 1000 }, 1 }, { { .site = "there", .within_us = 15000 }, 1 } };
	struct fixture *fixture = *state;
	struct verdict verdict;

	fixture->ask.kind = DEMAND_SERVICE;
	fixture->ask.where.callers = callers;
	fixture->ask.where.caller_count = 2;
	verdict = check(fixture);
	assert_int_equal(verdict.code, VERDICT_LATENCY);
	assert_int_equal(verdict.want, 15000); /* the one that is known is nearer */
	callers[0].place.site = "here";
	assert_int_equal(check(fixture).code, VERDICT_FITS);
	callers[0].place.site = "atlantis";
	callers[1].place.within_us = 20000;
	assert_int_equal(check(fixture).code, VERDICT_FITS);
}

static void condition_comes_after_what_never_changes(void **state)
{
	static enum tier edge_only[] = { TIER_EDGE };
	struct fixture *fixture = *state;

	fixture->site.seconds_since_seen = 30;
	fixture->site.draining = true;
	fixture->site.crowded = true;
	assert_int_equal(check(fixture).code, VERDICT_SITE_DRAINING);
	fixture->site.draining = false;
	assert_int_equal(check(fixture).code, VERDICT_SITE_CROWDED);
	fixture->site.draining = true;
	fixture->site.condition = CONDITION_LOST;
	assert_int_equal(check(fixture).code, VERDICT_SITE_LOST);
	assert_int_equal(check(fixture).have, 30);
	fixture->site.condition = CONDITION_SUSPECT;
	assert_int_equal(check(fixture).code, VERDICT_SITE_SUSPECT);
	fixture->site.condition = CONDITION_UNSEEN;
	fixture->ask.workers = 1000; /* what an unseen site holds is not known */
	assert_int_equal(check(fixture).code, VERDICT_SITE_UNSEEN);
	fixture->ask.where = (struct where){ .tiers = edge_only, .tier_count = 1 };
	assert_int_equal(check(fixture).code, VERDICT_TIER);
	for (int condition = 0; condition < CONDITION_COUNT; condition++)
		assert_int_equal(site_condition_from_string(site_condition_to_string((enum site_condition)condition)), condition);
}

static void a_site_without_supply_has_no_chips(void **state)
{
	struct fixture *fixture = *state;
	struct supply none = { 0 };

	fixture->site.supply = &none;
	assert_int_equal(check(fixture).code, VERDICT_CHIP_MODEL);
	assert_null(check(fixture).name);
	fixture->ask.shape = (struct shape){ .cpu_milli = 1 };
	assert_int_equal(check(fixture).code, VERDICT_NODE_TOO_SMALL);
	assert_int_equal(check(fixture).resource, RESOURCE_CPU);
}

#define RULE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE_TEST(place_is_checked),
		RULE_TEST(engines_do_not_mix),
		RULE_TEST(latency_is_bounded),
		RULE_TEST(data_and_work_stay_where_they_must),
		RULE_TEST(chips_are_checked_by_model_needs_origin_clearance),
		RULE_TEST(unknown_figures_satisfy_no_need),
		RULE_TEST(size_of_the_empty_site),
		RULE_TEST(further_resources_are_counted),
		RULE_TEST(workers_that_must_lie_together),
		RULE_TEST(price_is_bounded),
		RULE_TEST(one_caller_in_reach_is_enough),
		RULE_TEST(condition_comes_after_what_never_changes),
		RULE_TEST(a_site_without_supply_has_no_chips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
