#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../check_plan.h"
#include "../random_input.h"
#include "base/mem.h"
#include "match/explain.h"

static struct chip_count eight_alpha[] = { { "alpha", 8 } };
static struct node_group groups[] = {
	{ .name = "train", .count = 8, .cpu_milli = 64000, .memory_mib = 262144, .chips = eight_alpha, .chip_count = 1 },
};
static struct site_spec specs[] = {
	{ .name = "one", .tier = TIER_HUB, .region = "west" },
	{ .name = "two", .tier = TIER_HUB, .region = "west" },
	{ .name = "three", .tier = TIER_EDGE, .region = "east" },
};
static const struct network_spec network = { .sites = specs, .site_count = 3, .link_rule = { 1000, 9800, 1500 } };
static const struct catalogue no_catalogue;

struct fixture {
	struct arena arena;
	struct topology *topology;
	struct supply supplies[3];
	struct site_view views[3];
	struct ask ask;
	struct match_entry entries[3];
	struct once_class class;
	struct once_input input;
	struct once once;
	struct explanation explanation;
};

static int setup(void **state)
{
	static const char *models[] = { "alpha" };
	struct fixture *fixture = mem_alloc(sizeof(*fixture));

	fixture->topology = topology_new(&network);
	for (uint32_t s = 0; s < 3; s++) {
		supply_init(&fixture->supplies[s], groups, 1);
		fixture->views[s] = (struct site_view){ .index = s, .name = specs[s].name, .tier = specs[s].tier, .region = specs[s].region,
							.engine = ENGINE_LOCAL, .condition = CONDITION_UP, .seconds_since_seen = 1,
							.supply = &fixture->supplies[s] };
	}
	fixture->ask = (struct ask){ .kind = DEMAND_JOB, .workers = 8, .priority = 100,
				     .shape = { .cpu_milli = 1000, .memory_mib = 1024, .chips = { .milli = 8000, .models = models, .model_count = 1 } } };
	for (uint64_t e = 0; e < 3; e++)
		fixture->entries[e] = (struct match_entry){ .demand = e + 1, .order = 10 * (e + 1) };
	fixture->class = (struct once_class){ .ask = &fixture->ask, .entries = fixture->entries, .entry_count = 3 };
	fixture->input = (struct once_input){ .sites = fixture->views, .site_count = 3, .classes = &fixture->class, .class_count = 1,
					       .context = { &no_catalogue, fixture->topology } };
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	for (int s = 0; s < 3; s++)
		supply_done(&fixture->supplies[s]);
	topology_free(fixture->topology);
	arena_done(&fixture->arena);
	free(fixture);
	return 0;
}

static const struct explanation *explain(struct fixture *fixture, uint64_t order, int64_t backoff_s)
{
	const struct match_entry *entry = order ? &fixture->entries[order / 10 - 1] : NULL;

	once_open(&fixture->once, &fixture->input, &fixture->arena);
	explain_ask(&fixture->once.input, fixture->once.input.streams[0].class, fixture->once.input.streams[0].tenant, entry, backoff_s,
		    &fixture->arena, &fixture->explanation);
	once_close(&fixture->once);
	return &fixture->explanation;
}

static void use_chips(struct fixture *fixture, int site, unsigned chips)
{
	struct shape shape = { .chips.milli = 1000 };

	for (unsigned c = 0; c < chips; c++) {
		struct slot slot = { .node = c / 8, .chip_milli = 1000, .chips = (uint64_t)1 << c % 8 };

		supply_take(&fixture->supplies[site], &slot, &shape);
	}
}

static void busy_sites_are_one_group_with_the_best_of_them(void **state)
{
	struct fixture *fixture = *state;
	const struct explanation *said;

	use_chips(fixture, 0, 60);
	use_chips(fixture, 1, 52);
	use_chips(fixture, 2, 64);
	said = explain(fixture, 0, 0);
	assert_false(said->fits_now);
	assert_false(said->never);
	assert_int_equal(said->group_count, 1);
	assert_int_equal(said->groups[0].code, VERDICT_CHIPS_BUSY);
	assert_int_equal(said->groups[0].sites[0], 1);
	assert_string_equal(said->groups[0].sentence, "3 sites: too few free alpha, best has 12 of 64 (two)");
	assert_string_equal(said->summary, "waits; nearest: 3 sites: too few free alpha, best has 12 of 64 (two)");
	assert_int_equal(said->verdicts[0].have, 4);
}

static void one_site_is_spoken_of_in_the_singular(void **state)
{
	static enum tier edge_only[] = { TIER_EDGE };
	struct fixture *fixture = *state;
	const struct explanation *said;

	use_chips(fixture, 2, 1);
	fixture->ask.where.tiers = edge_only;
	fixture->ask.where.tier_count = 1;
	said = explain(fixture, 20, 0);
	assert_int_equal(said->group_count, 2);
	assert_string_equal(said->groups[0].sentence, "1 site: too few free alpha, has 63 of 64 (three)");
	assert_string_equal(said->groups[1].sentence, "2 sites: tier hub is not asked for");
	assert_true(said->groups[1].never);
	assert_int_equal(said->ahead, 1);
	assert_string_equal(said->summary, "waits; nearest: 1 site: too few free alpha, has 63 of 64 (three); 1 is ahead of it in the queue");
}

static void scattered_room_is_called_so(void **state)
{
	struct fixture *fixture = *state;
	struct shape shape = { .chips.milli = 4000 };
	const struct explanation *said;

	fixture->ask.workers = 2;
	fixture->input.site_count = 1;
	for (uint32_t n = 0; n < 7; n++)
		supply_take(&fixture->supplies[0], &(struct slot){ .node = n, .chip_milli = 1000, .chips = 0xf }, &shape);
	said = explain(fixture, 0, 0);
	assert_int_equal(said->groups[0].code, VERDICT_SCATTERED);
	assert_string_equal(said->groups[0].sentence,
			    "1 site: enough is free, but scattered over the nodes, has room for 1 of 2 workers (one)");
}

static void what_fits_says_so(void **state)
{
	struct fixture *fixture = *state;
	const struct explanation *said = explain(fixture, 30, 0);

	assert_true(said->fits_now);
	assert_int_equal(said->groups[0].code, VERDICT_ROUND_PENDING);
	assert_string_equal(said->summary, "fits at 3 sites now, the next round takes it; 2 are ahead of it in the queue");
	said = explain(fixture, 0, 12);
	assert_int_equal(said->verdicts[0].code, VERDICT_BACKOFF);
	assert_non_null(strstr(said->summary, "after its last failure"));
}

static void never_is_said_when_waiting_is_in_vain(void **state)
{
	struct fixture *fixture = *state;
	const struct explanation *said;

	fixture->ask.workers = 9;
	said = explain(fixture, 0, 0);
	assert_true(said->never);
	assert_string_equal(said->groups[0].sentence, "3 sites: too small even when empty, best has room for 8 of 9 workers (one)");
	fixture->input.site_count = 0;
	said = explain(fixture, 0, 0);
	assert_true(said->never);
	assert_string_equal(said->summary, "the network has no sites");
}

/* On its own, an ask is placed in a round exactly when explain says that it fits, and exactly where a second opinion
 * finds room; `never` and the other rules' verdicts agree with trying the empty network. */
static void explain_agrees_with_match_and_with_trying(void **state)
{
	const struct random_limits limits = { .sites_max = 6, .nodes_max = 4, .classes_max = 6, .entries_max = 1, .used = true };
	size_t fitting = 0, never = 0, waiting = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 1500; seed++) {
		struct random_input input;

		random_input_init(&input, seed, &limits);
		for (size_t c = 0; c < input.match.class_count; c++) {
			struct once_input alone = input.match;
			const struct ask *ask = input.match.classes[c].ask;
			struct explanation said;
			struct match_plan plan;
			struct once once;
			size_t in_groups = 0;
			bool holds = false;

			alone.classes = &input.match.classes[c];
			alone.class_count = 1;
			once_open(&once, &alone, &input.arena);
			explain_ask(&once.input, once.input.streams[0].class, once.input.streams[0].tenant, NULL, 0, &input.arena, &said);
			match_round(&once.input, &input.arena, &plan);
			once_close(&once);
			assert_int_equal(said.fits_now, plan.placement_count == 1);
			assert_true(said.summary[0] != 0);
			for (size_t s = 0; s < alone.site_count; s++) {
				const struct verdict *verdict = &said.verdicts[s];
				bool now = check_holds(&alone, ask, s, false);

				holds |= now;
				if (now != (verdict->code == VERDICT_ROUND_PENDING))
					fail_msg("seed %llu class %zu site %zu: %s", (unsigned long long)seed, c, s,
						 verdict_code_to_string(verdict->code));
				if (verdict->code == VERDICT_SITE_UNSEEN)
					continue;
				/* Clearance may come; everything else that a rule says stays true of an empty site. */
				if ((verdict_is_never(verdict->code) || verdict->code == VERDICT_CHIP_CLEARANCE) ==
				    check_holds(&alone, ask, s, true))
					fail_msg("seed %llu class %zu site %zu, empty: %s", (unsigned long long)seed, c, s,
						 verdict_code_to_string(verdict->code));
			}
			assert_int_equal(said.fits_now, holds);
			if (!holds) /* the round's own reason is one of the sites' verdicts */
				assert_int_equal(plan.streams[0].nearest.code, said.verdicts[plan.streams[0].nearest_site].code);
			for (size_t g = 0; g < said.group_count; g++) {
				assert_true(said.groups[g].sentence[0] != 0);
				in_groups += said.groups[g].site_count;
			}
			assert_int_equal(in_groups, alone.site_count);
			fitting += said.fits_now;
			never += said.never;
			waiting += !said.fits_now && !said.never;
		}
		random_input_done(&input);
	}
	assert_true(fitting > 300);
	assert_true(never > 300);
	assert_true(waiting > 300);
}

static void starts_are_said_as_they_are_known(void **state)
{
	struct fixture *fixture = *state;
	struct explanation said = { 0 };
	const int64_t now_us = INT64_C(1000000000), second_us = 1000000;

	explain_start(&said, now_us, -1, 0, &fixture->arena);
	assert_string_equal(said.start, "not known: nothing says when what it needs will be free");
	explain_start(&said, now_us, -1, now_us + 60 * second_us, &fixture->arena);
	assert_string_equal(said.start, "in 1 min at the latest");
	explain_start(&said, now_us, now_us + 30 * second_us, now_us + 60 * second_us, &fixture->arena);
	assert_string_equal(said.start, "in about 30 s, in 1 min at the latest");
	explain_start(&said, now_us, now_us + 90 * second_us + 1, 0, &fixture->arena);
	assert_string_equal(said.start, "in about 1 min 31 s");
	explain_start(&said, now_us, now_us - 5, now_us - 5, &fixture->arena);
	assert_string_equal(said.start, "now");
	explain_start(&said, now_us, -1, now_us - 5, &fixture->arena);
	assert_string_equal(said.start, "now");
	said.never = true;
	explain_start(&said, now_us, -1, 0, &fixture->arena);
	assert_string_equal(said.start, "not as things are");
}

static void a_choice_is_said_with_the_next_best(void **state)
{
	struct fixture *fixture = *state;
	struct explain_choice choice = { .site = "one", .second_site = "two", .currency = "CNY", .score = 12300000, .second_score = 14000000,
					 .candidates = 12 };

	assert_string_equal(explain_choice(&choice, &fixture->arena),
			    "at one for 12.30 CNY an hour, the best of 12 sites; next would have been two for 14.00 CNY an hour");
	choice = (struct explain_choice){ .site = "one", .score = 5000000, .candidates = 1, .borrowed = true };
	assert_string_equal(explain_choice(&choice, &fixture->arena),
			    "at one for 5.00 an hour, the only site that could take it; beyond the quota of its tenant");
	choice.backfilled = true;
	choice.borrowed = false;
	assert_string_equal(explain_choice(&choice, &fixture->arena), "at one for 5.00 an hour, in what is kept for others until later");
}

/* What the parts leave of the score that was recorded is what the choice of nodes spoilt. */
static void a_score_is_the_sum_of_its_parts(void **state)
{
	struct fixture *fixture = *state;
	struct match_plan plan;
	struct score score;

	for (int s = 0; s < 3; s++)
		fixture->views[s].price = (struct price){ 100000, 20000, 3000000 + 1000 * s };
	once_open(&fixture->once, &fixture->input, &fixture->arena);
	match_round(&fixture->once.input, &fixture->arena, &plan);
	assert_int_equal(plan.placement_count, 3);
	for (size_t p = 0; p < plan.placement_count; p++) {
		explain_score(fixture->once.matcher, fixture->once.input.streams[0].class, plan.placements[p].site, plan.placements[p].score, &score);
		assert_int_equal(score.total, plan.placements[p].score);
		assert_int_equal(score.price + score.tier + score.latency + score.wait + score.data + score.energy + score.carbon +
				 score.fragmentation, score.total);
		assert_true(score.price > 0);
	}
	once_close(&fixture->once);
}

#define EXPLAIN_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPLAIN_TEST(busy_sites_are_one_group_with_the_best_of_them),
		EXPLAIN_TEST(one_site_is_spoken_of_in_the_singular),
		EXPLAIN_TEST(scattered_room_is_called_so),
		EXPLAIN_TEST(what_fits_says_so),
		EXPLAIN_TEST(never_is_said_when_waiting_is_in_vain),
		EXPLAIN_TEST(starts_are_said_as_they_are_known),
		EXPLAIN_TEST(a_choice_is_said_with_the_next_best),
		EXPLAIN_TEST(a_score_is_the_sum_of_its_parts),
		cmocka_unit_test(explain_agrees_with_match_and_with_trying),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
