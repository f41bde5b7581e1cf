/* Three sites, a queue, one round: what libweir places, what waits and why.
 *
 *     cc place.c $(pkg-config --cflags --libs weir) && ./a.out
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/match.h>

#define HOUR_US INT64_C(3600000000)

/* What a call gave, when that was not an error. */
static int64_t must(const void *object, int64_t result)
{
	if (result < 0) {
		fprintf(stderr, "place: %s\n", weir_problem(object));
		exit(1);
	}
	return result;
}

static struct weir_network *make_network(void)
{
	struct weir_network *network = weir_network_new();
	int64_t hub, edge, group, chip;

	chip = must(network, weir_network_add_chip(network, "ascend-910b", 1, WEIR_REVIEW_PASSED, 65536, 400));
	must(network, weir_network_chip_throughput(network, chip, WEIR_FORMAT_FP16, 320000));
	hub = must(network, weir_network_add_site(network, "guian-hub", WEIR_TIER_HUB, "guizhou"));
	must(network, weir_network_site_location(network, hub, 26400000, 106600000));
	must(network, weir_network_site_price(network, hub, 100000, 10000, 4000000));
	group = must(network, weir_network_add_nodes(network, hub, "train", 4, 192000, 1048576));
	must(network, weir_network_nodes_chips(network, hub, group, "ascend-910b", 8));
	edge = must(network, weir_network_add_site(network, "shanghai-edge", WEIR_TIER_EDGE, "shanghai"));
	must(network, weir_network_site_location(network, edge, 31200000, 121500000));
	must(network, weir_network_site_price(network, edge, 160000, 15000, 6000000));
	group = must(network, weir_network_add_nodes(network, edge, "serve", 2, 64000, 262144));
	must(network, weir_network_nodes_chips(network, edge, group, "ascend-910b", 4));
	must(network, weir_network_add_link(network, hub, edge, 28000, 10000, 200000));
	return network;
}

/* A job of so many workers, each with eight chips. */
static void submit_training(struct weir_matcher *matcher, uint64_t id, int64_t workers, const char *tenant)
{
	struct weir_demand *demand = weir_demand_new(WEIR_KIND_JOB);

	must(demand, weir_demand_set(demand, WEIR_DEMAND_WORKERS, workers));
	must(demand, weir_demand_set(demand, WEIR_DEMAND_CPU_MILLI, 64000));
	must(demand, weir_demand_set(demand, WEIR_DEMAND_MEMORY_MIB, 262144));
	must(demand, weir_demand_set(demand, WEIR_DEMAND_CHIP_MILLI, 8000));
	must(demand, weir_demand_set(demand, WEIR_DEMAND_CLEARANCE, 1));
	must(demand, weir_demand_set(demand, WEIR_DEMAND_TIME_LIMIT_US, 6 * HOUR_US));
	must(matcher, weir_submit(matcher, id, demand, tenant));
	weir_demand_free(demand);
}

/* Replicas of a fifth of a chip, within 10 ms of Shanghai. */
static void submit_service(struct weir_matcher *matcher, uint64_t id)
{
	struct weir_demand *demand = weir_demand_new(WEIR_KIND_SERVICE);

	must(demand, weir_demand_set(demand, WEIR_DEMAND_WORKERS, 3));
	must(demand, weir_demand_set(demand, WEIR_DEMAND_CPU_MILLI, 4000));
	must(demand, weir_demand_set(demand, WEIR_DEMAND_MEMORY_MIB, 16384));
	must(demand, weir_demand_set(demand, WEIR_DEMAND_CHIP_MILLI, 200));
	must(demand, weir_demand_near(demand, NULL, 31230000, 121470000, 10000));
	must(matcher, weir_submit(matcher, id, demand, "shop"));
	weir_demand_free(demand);
}

static void print_plan(const struct weir_plan *plan)
{
	for (size_t p = 0; p < weir_plan_placement_count(plan); p++) {
		struct weir_placement placement;
		struct weir_slot slot;

		weir_plan_placement(plan, p, &placement);
		printf("demand %" PRIu64 ", replica %" PRIu32 ": site %" PRIu32 ", %" PRIi64 ".%02d an hour\n", placement.demand,
		       placement.replica, placement.site, placement.score_micro / 1000000, (int)(placement.score_micro / 10000 % 100));
		for (uint32_t w = 0; weir_plan_placement_slot(plan, p, w, &slot) == 0; w++)
			printf("    worker %" PRIu32 ": group %" PRIu32 ", node %" PRIu32 ", chips %#" PRIx64 "\n", slot.worker, slot.group,
			       slot.node, slot.chips);
	}
	for (size_t i = 0; i < weir_plan_waiting_count(plan); i++) {
		struct weir_waiting waiting;

		weir_plan_waiting(plan, i, &waiting);
		printf("demand %" PRIu64 " waits: %s\n", waiting.demand, weir_plan_waiting_reason(plan, i));
	}
}

int main(void)
{
	struct weir_network *network = make_network();
	struct weir_matcher *matcher = weir_matcher_new(network, NULL, 0);
	struct weir_bound bound;
	struct weir_plan *plan;
	char *why;

	submit_training(matcher, 1, 3, "company");
	submit_training(matcher, 2, 2, "university");
	submit_service(matcher, 3);
	must(matcher, weir_bound(matcher, &bound));
	must(matcher, weir_round(matcher, 0, 0, &plan));
	print_plan(plan);
	printf("placed %" PRIi64 " milli-chips; no plan places more than %" PRIi64 "\n", weir_plan_value(plan), bound.value);
	weir_plan_free(plan);

	why = weir_explain(matcher, 2, HOUR_US);
	printf("\nan hour later, demand 2:\n%s\n", why ? why : weir_problem(matcher));
	weir_text_free(why);

	must(matcher, weir_end(matcher, 1, 0, 2 * HOUR_US, WEIR_END_DONE));
	must(matcher, weir_round(matcher, 2 * HOUR_US, 0, &plan));
	printf("demand 1 has ended:\n");
	print_plan(plan);
	weir_plan_free(plan);
	weir_matcher_free(matcher);
	weir_network_free(network);
	return 0;
}
