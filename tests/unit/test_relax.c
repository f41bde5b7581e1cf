/* The smallest change: each one that is proposed is carried out in books made anew from nothing, by a whole round, and has to
 * place the demand; the next smaller one must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../random_input.h"
#include "base/mem.h"
#include "match/explain.h"
#include "match/relax.h"

#define NOW_US (INT64_C(1000) * 1000000)
#define SECOND_US INT64_C(1000000)
#define CLASSES_MAX 16
#define WORKS_MAX 64

/* Sites, running work and a queue, all of which one seed decides; may be opened any number of times. */
struct scene {
	struct random_input input;
	struct once_class classes[CLASSES_MAX];
	bool running[CLASSES_MAX]; /* its entries are placed first, and run */
	size_t class_count;
	struct policy_spec policy;
	struct tenant_spec tenants[2];
	struct amounts limits[2], raised[2];
	struct tenant_spec raised_tenants[2];
	struct policy_spec raised_policy;
};

struct stage {
	struct once once;
	struct match_work works[WORKS_MAX];
	size_t work_count;
	struct match_stream streams[CLASSES_MAX + 1]; /* those that wait */
	size_t stream_count;
	struct match_input queue;
};

static void scene_init(struct scene *scene, uint64_t seed)
{
	static const struct random_limits limits = { .sites_max = 6, .nodes_max = 3, .classes_max = 10, .entries_max = 3, .used = true };
	struct random_input *input = &scene->input;

	*scene = (struct scene){ 0 };
	random_input_init(input, seed, &limits);
	scene->class_count = input->match.class_count;
	policy_defaults(&scene->policy);
	for (size_t t = 0; t < 2; t++) {
		scene->limits[t] = (struct amounts){ 1000 * (int64_t)rng_below(&input->rng, 60), 0, 1000 * (int64_t)rng_below(&input->rng, 30) };
		scene->tenants[t] = (struct tenant_spec){ .name = t ? "some" : "all", .parent = t ? "all" : "", .weight = 1,
							  .limit = rng_below(&input->rng, 3) == 0 ? &scene->limits[t] : NULL };
	}
	scene->policy.tenants = scene->tenants;
	scene->policy.tenant_count = 2;
	input->match.policy = &scene->policy;
	input->match.now_us = NOW_US;
	for (size_t c = 0; c < scene->class_count; c++) {
		struct ask *ask = (struct ask *)input->match.classes[c].ask;
		struct match_entry *entries = (struct match_entry *)input->match.classes[c].entries;

		if (rng_below(&input->rng, 5) == 0 && ask->kind == DEMAND_JOB)
			ask->where.together = (enum together)rng_below(&input->rng, TOGETHER_COUNT);
		if (rng_below(&input->rng, 4) == 0)
			ask->price_max_micro = 1 + (int64_t)rng_below(&input->rng, 30000000);
		ask->preemptible = rng_below(&input->rng, 3) == 0;
		for (size_t e = 0; e < input->match.classes[c].entry_count; e++)
			entries[e].time_us = ask->kind == DEMAND_JOB && rng_below(&input->rng, 4) ? (1 + (int64_t)rng_below(&input->rng, 500)) * SECOND_US : 0;
		scene->classes[c] = input->match.classes[c];
		scene->classes[c].tenant = rng_below(&input->rng, 2) ? "some" : "other";
		scene->running[c] = rng_below(&input->rng, 2) == 0;
	}
}

static struct amounts amounts_of(const struct ask *ask)
{
	int64_t workers = ask->kind == DEMAND_JOB ? ask->workers : 1;

	return (struct amounts){ ask->shape.cpu_milli * workers, ask->shape.memory_mib * workers, ask->shape.chips.milli * workers };
}

/* Opens the scene; what was placed first runs from then on. */
static void stage_open(struct scene *scene, struct stage *stage)
{
	struct arena *arena = &scene->input.arena;
	struct once_input input = scene->input.match;
	struct match_input first;
	struct match_stream streams[CLASSES_MAX];
	struct match_plan plan;

	*stage = (struct stage){ 0 };
	input.classes = scene->classes;
	input.class_count = scene->class_count;
	once_open(&stage->once, &input, arena);
	first = stage->once.input;
	first.streams = streams;
	first.stream_count = 0;
	for (size_t s = 0; s < stage->once.input.stream_count; s++) {
		size_t c = stage->once.class_of[s];

		if (scene->running[c])
			streams[first.stream_count++] = stage->once.input.streams[s];
		else
			stage->streams[stage->stream_count++] = stage->once.input.streams[s];
	}
	match_round(&first, arena, &plan);
	for (size_t p = 0; p < plan.placement_count; p++) {
		const struct match_placement *placement = &plan.placements[p];
		const struct match_stream *stream = &streams[placement->stream];
		struct match_work *work = &stage->works[stage->work_count++];
		struct amounts held;
		int64_t time_us = 0;

		for (size_t e = 0; e < stream->entry_count; e++)
			if (stream->entries[e].demand == placement->demand)
				time_us = stream->entries[e].time_us;
		*work = (struct match_work){ .demand = placement->demand, .class = stream->class, .tenant = stream->tenant, .site = placement->site,
					     .slot_count = (uint32_t)placement->slot_count, .slots = placement->slots, .started_us = NOW_US - SECOND_US,
					     .ends_us = time_us ? NOW_US + time_us : INT64_MAX, .borrowed = placement->borrowed };
		matcher_begin(stage->once.matcher, work);
		held = amounts_of(matcher_class_ask(stage->once.matcher, stream->class));
		shares_charge(stage->once.shares, stream->tenant, &held, NOW_US);
	}
	stage->queue = stage->once.input;
	stage->queue.streams = stage->streams;
	stage->queue.stream_count = stage->stream_count;
}

static void stage_close(struct stage *stage)
{
	for (size_t w = 0; w < stage->work_count; w++)
		matcher_end(stage->once.matcher, &stage->works[w]);
	once_close(&stage->once);
}

/* From now on the limits are higher by this much. */
static void raise_limits(struct scene *scene, struct stage *stage, const struct amounts *by)
{
	scene->raised_policy = scene->policy;
	scene->raised_policy.tenants = scene->raised_tenants;
	for (size_t t = 0; t < 2; t++) {
		struct amounts *limit = &scene->raised[t];

		*limit = scene->limits[t];
		limit->cpu_milli += limit->cpu_milli > 0 ? by->cpu_milli : 0;
		limit->chip_milli += limit->chip_milli > 0 ? by->chip_milli : 0;
		scene->raised_tenants[t] = scene->tenants[t];
		if (scene->tenants[t].limit)
			scene->raised_tenants[t].limit = limit;
	}
	shares_set_policy(stage->once.shares, &scene->raised_policy);
}

static size_t stream_of(const struct scene *scene, size_t class)
{
	size_t at = 0;

	for (size_t c = 0; c < class; c++)
		at += !scene->running[c];
	return at;
}

/* Whether a whole round over books made anew places the entry with this ask, or makes room for it when `may_stop`. */
static bool starts_anew(struct scene *scene, size_t class, size_t entry, const struct ask *ask, int64_t time_us, bool may_stop,
			const struct amounts *raise, const struct relax_change *change)
{
	struct match_entry changed = scene->classes[class].entries[entry];
	struct match_entry rest[8];
	struct match_stream *stream;
	struct match_plan plan;
	struct stage stage;
	size_t at = 0;
	bool starts = false;

	stage_open(scene, &stage);
	stream = &stage.streams[stream_of(scene, class)];
	for (size_t e = 0; e < stream->entry_count; e++)
		if (e != entry)
			rest[at++] = stream->entries[e];
	changed.time_us = time_us;
	stage.streams[stage.queue.stream_count++] =
		(struct match_stream){ matcher_class_add(stage.once.matcher, ask), stream->tenant, &changed, 1 };
	stream->entries = rest;
	stream->entry_count = at;
	if (raise)
		raise_limits(scene, &stage, raise);
	match_round(&stage.queue, &scene->input.arena, &plan);
	for (size_t p = 0; p < plan.placement_count; p++)
		if (plan.placements[p].demand == changed.demand) {
			starts = true;
			if (change)
				assert_int_equal(plan.placements[p].site, change->site);
		}
	for (size_t p = 0; may_stop && p < plan.preemption_count; p++)
		starts |= plan.preemptions[p].by == changed.demand;
	stage_close(&stage);
	return starts;
}

static bool stops(const struct relax_change *change)
{
	for (size_t s = 0; s < change->step_count; s++)
		if (change->steps[s].dimension == RELAX_PRIORITY)
			return true;
	return false;
}

static void check_works(struct scene *scene, size_t class, size_t entry, const struct relax_change *change)
{
	const struct amounts *raise = NULL;

	for (size_t s = 0; s < change->step_count; s++)
		if (change->steps[s].dimension == RELAX_LIMIT)
			raise = &change->steps[s].lacking;
	if (!starts_anew(scene, class, entry, &change->ask, change->time_us, stops(change), raise, change->stops ? NULL : change))
		fail_msg("does not: %s", change->sentence);
}

static size_t numbers[RELAX_COUNT];

/* One less of what it gives up is not enough. */
static void check_smallest(struct scene *scene, size_t class, size_t entry, const struct relax_change *change)
{
	const struct relax_step *step = &change->steps[0];
	struct ask ask = change->ask;
	int64_t time_us = change->time_us;
	struct near near;

	numbers[step->dimension]++;
	if (change->step_count > 1) {
		numbers[change->steps[1].dimension]++;
		return;
	}
	assert_true(step->given_up > 0);
	switch (step->dimension) {
	case RELAX_WORKERS:
		assert_true(step->to_value < step->from_value);
		if (++ask.workers == step->from_value)
			return;
		break;
	case RELAX_LATENCY:
		near = *ask.where.near;
		near.within_us--;
		ask.where.near = &near;
		break;
	case RELAX_PRICE:
		ask.price_max_micro--;
		break;
	case RELAX_PRIORITY:
		ask.priority--;
		break;
	case RELAX_TIME:
		time_us++;
		break;
	default:
		return;
	}
	if (starts_anew(scene, class, entry, &ask, time_us, stops(change), NULL, NULL))
		fail_msg("less would do: %s", change->sentence);
}

static void assert_same(const struct relaxation *a, const struct relaxation *b)
{
	assert_string_equal(a->sentence, b->sentence);
	assert_int_equal(a->change_count, b->change_count);
	assert_int_equal(a->tries, b->tries);
	for (size_t c = 0; c < a->change_count; c++)
		assert_string_equal(a->changes[c].sentence, b->changes[c].sentence);
}

struct tally {
	size_t fits, changes, pairs, none, obstacles, made_room;
};

static void check_entry(struct scene *scene, size_t class, size_t entry, struct tally *tally)
{
	struct pool_totals before[8], after;
	struct relaxation said, again;
	struct stage stage;
	const struct match_stream *stream;
	struct match_plan plan;
	bool placed = false;

	stage_open(scene, &stage);
	stream = &stage.streams[stream_of(scene, class)];
	for (uint32_t s = 0; s < matcher_site_count(stage.once.matcher); s++)
		pool_totals(matcher_pool(stage.once.matcher, s), &before[s]);
	relax_ask(&stage.queue, stream->class, stream->tenant, &stream->entries[entry], &scene->input.arena, &said);
	relax_ask(&stage.queue, stream->class, stream->tenant, &stream->entries[entry], &scene->input.arena, &again);
	assert_same(&said, &again);
	for (uint32_t s = 0; s < matcher_site_count(stage.once.matcher); s++) {
		pool_totals(matcher_pool(stage.once.matcher, s), &after);
		assert_memory_equal(&before[s], &after, offsetof(struct pool_totals, states));
	}
	match_round(&stage.queue, &scene->input.arena, &plan);
	for (size_t p = 0; p < plan.placement_count; p++)
		placed |= plan.placements[p].demand == stream->entries[entry].demand;
	stage_close(&stage);

	assert_true(said.sentence && said.sentence[0]);
	assert_true(said.tries <= RELAX_TRIES_MAX);
	assert_int_equal(said.fits_now, placed);
	tally->fits += said.fits_now;
	tally->none += !said.fits_now && said.change_count == 0;
	tally->obstacles += said.obstacle != NULL;
	for (size_t c = 0; c < said.change_count; c++) {
		assert_true(said.changes[c].sentence[0]);
		assert_true(c == 0 || said.changes[c - 1].step_count < said.changes[c].step_count ||
			    said.changes[c - 1].given_up <= said.changes[c].given_up);
		check_works(scene, class, entry, &said.changes[c]);
		check_smallest(scene, class, entry, &said.changes[c]);
		tally->changes += said.changes[c].step_count == 1;
		tally->pairs += said.changes[c].step_count == 2;
		tally->made_room += said.changes[c].stops > 0;
	}
}

static void changes_really_place_and_are_the_smallest(void **state)
{
	struct tally tally = { 0 };

	for (uint64_t seed = 1; seed <= 800; seed++) {
		struct scene scene;

		scene_init(&scene, seed);
		for (size_t c = 0; c < scene.class_count; c++)
			if (!scene.running[c])
				check_entry(&scene, c, rng_below(&scene.input.rng, scene.classes[c].entry_count), &tally);
		random_input_done(&scene.input);
	}
	print_message("fits %zu, changes %zu, pairs %zu, none %zu, obstacles %zu, made room %zu\n", tally.fits, tally.changes, tally.pairs,
		      tally.none, tally.obstacles, tally.made_room);
	for (int d = 0; d < RELAX_COUNT; d++)
		print_message("%s %zu\n", relax_dimension_to_string((enum relax_dimension)d), numbers[d]);
	assert_true(tally.fits > 50);
	assert_true(tally.changes > 200);
	assert_true(tally.pairs > 20);
	assert_true(tally.none > 20);
	assert_true(tally.obstacles > 5);
}

/* --- one by one ---------------------------------------------------------------------------------- */

static struct chip_count eight_alpha[] = { { "alpha", 8 } }, eight_beta[] = { { "beta", 8 } };
static struct node_group alpha_group[] = {
	{ .name = "a", .count = 2, .cpu_milli = 64000, .memory_mib = 262144, .chips = eight_alpha, .chip_count = 1 },
	{ .name = "b", .count = 2, .cpu_milli = 64000, .memory_mib = 262144, .chips = eight_alpha, .chip_count = 1 },
};
static struct node_group beta_group[] = {
	{ .name = "c", .count = 1, .cpu_milli = 64000, .memory_mib = 262144, .chips = eight_beta, .chip_count = 1 },
};
static struct site_spec specs[] = {
	{ .name = "west-hub", .tier = TIER_HUB, .region = "west" },
	{ .name = "east-edge", .tier = TIER_EDGE, .region = "east" },
};
static const struct network_spec network = { .sites = specs, .site_count = 2, .link_rule = { 1000, 9800, 1500 } };
static const struct catalogue no_catalogue;

/* west-hub has 4 nodes of 8 alpha in two groups, east-edge one node of 8 beta. */
struct small {
	struct arena arena;
	struct topology *topology;
	struct supply supplies[2];
	struct site_view views[2];
	struct policy_spec policy;
	struct ask ask, other;
	struct match_entry entry, ahead;
	struct once_class classes[2]; /* the second, if it is set, stands before */
	struct match_work works[4];
	struct slot slots[4][8];
	size_t work_count;
	struct once once;
	struct relaxation said;
};

static int setup(void **state)
{
	static const char *alpha[] = { "alpha" };
	struct small *small = mem_alloc(sizeof(*small));

	small->topology = topology_new(&network);
	for (uint32_t s = 0; s < 2; s++) {
		supply_init(&small->supplies[s], s ? beta_group : alpha_group, s ? 1 : 2);
		small->views[s] = (struct site_view){ .index = s, .name = specs[s].name, .tier = specs[s].tier, .region = specs[s].region,
						      .engine = ENGINE_LOCAL, .condition = CONDITION_UP, .supply = &small->supplies[s],
						      .price = { .chip_hour_micro = s ? 3000000 : 2000000 } };
	}
	policy_defaults(&small->policy);
	small->ask = (struct ask){ .kind = DEMAND_JOB, .workers = 1, .priority = 100,
				   .shape = { .cpu_milli = 1000, .memory_mib = 1024,
					      .chips = { .milli = 8000, .models = alpha, .model_count = 1 } } };
	small->other = small->ask;
	small->entry = (struct match_entry){ .demand = 1, .order = 20 };
	small->ahead = (struct match_entry){ .demand = 2, .order = 10 };
	*state = small;
	return 0;
}

static int teardown(void **state)
{
	struct small *small = *state;

	supply_done(&small->supplies[0]);
	supply_done(&small->supplies[1]);
	topology_free(small->topology);
	arena_done(&small->arena);
	free(small);
	return 0;
}

/* One of its own priority's works in a whole node of west-hub. */
static void run_at(struct small *small, uint32_t group, uint32_t node, int64_t ends_us, bool preemptible)
{
	struct match_work *work = &small->works[small->work_count];
	struct slot *slot = small->slots[small->work_count++];

	*slot = (struct slot){ .group = group, .node = node, .chip_milli = 1000, .chips = 0xff };
	*work = (struct match_work){ .demand = 100 + small->work_count, .slot_count = 1, .slots = slot, .ends_us = ends_us,
				     .class = preemptible, .borrowed = true };
}

/* What is said of the first class's entry; `ahead`: the other one stands before it. */
static const struct relaxation *relax(struct small *small, bool ahead)
{
	struct once_input input = { .sites = small->views, .site_count = 2, .classes = small->classes, .class_count = ahead ? 2 : 1,
				    .context = { &no_catalogue, small->topology }, .policy = &small->policy };
	struct ask work_ask = small->ask;
	uint32_t work_classes[2];

	small->classes[0] = (struct once_class){ .ask = &small->ask, .tenant = "lab", .entries = &small->entry, .entry_count = 1 };
	small->classes[1] = (struct once_class){ .ask = &small->other, .tenant = "lab", .entries = &small->ahead, .entry_count = 1 };
	once_open(&small->once, &input, &small->arena);
	work_ask.shape.chips.model_count = 0;
	work_ask.where = (struct where){ 0 };
	work_ask.workers = 1;
	for (int c = 0; c < 2; c++) {
		work_ask.preemptible = c;
		work_classes[c] = matcher_class_add(small->once.matcher, &work_ask);
	}
	for (size_t w = 0; w < small->work_count; w++) {
		small->works[w].class = work_classes[small->works[w].class != 0];
		matcher_begin(small->once.matcher, &small->works[w]);
	}
	relax_ask(&small->once.input, small->once.input.streams[0].class, small->once.input.streams[0].tenant, &small->entry, &small->arena,
		  &small->said);
	for (size_t w = 0; w < small->work_count; w++)
		matcher_end(small->once.matcher, &small->works[w]);
	once_close(&small->once);
	return &small->said;
}

static void what_fits_has_nothing_to_change(void **state)
{
	const struct relaxation *said = relax(*state, false);

	assert_true(said->fits_now);
	assert_int_equal(said->change_count, 0);
	assert_string_equal(said->sentence, "nothing has to change: the next round takes it, to west-hub");
}

static void fewer_workers(void **state)
{
	struct small *small = *state;
	const struct relaxation *said;

	small->ask.workers = 9;
	said = relax(small, false);
	assert_string_equal(said->sentence, "with 4 instead of 9 workers it would start now at west-hub");
	assert_int_equal(said->changes[0].steps[0].given_up, 555);
	assert_int_equal(said->changes[0].ask.workers, 4);
}

static void another_model(void **state)
{
	struct small *small = *state;
	const struct relaxation *said;

	for (uint32_t n = 0; n < 4; n++)
		run_at(small, n / 2, n % 2, INT64_MAX, false);
	said = relax(small, false);
	assert_int_equal(said->change_count, 1);
	assert_string_equal(said->sentence, "with beta allowed too it would start now at east-edge");
	assert_string_equal(said->changes[0].steps[0].from, "alpha");
}

static void looser_places(void **state)
{
	static enum tier hub[] = { TIER_HUB };
	static const char *west[] = { "west" }, *west_hub[] = { "west-hub" }, *beta[] = { "beta" };
	struct small *small = *state;
	const struct relaxation *said;

	small->ask.shape.chips.models = beta;
	small->ask.where.tiers = hub;
	small->ask.where.tier_count = 1;
	assert_string_equal(relax(small, false)->sentence, "with the tier edge allowed too it would start now at east-edge");
	small->ask.where.tier_count = 0;
	small->ask.where.regions = west;
	small->ask.where.region_count = 1;
	assert_string_equal(relax(small, false)->sentence, "with the region east allowed too it would start now at east-edge");
	small->ask.where.sites = west_hub;
	small->ask.where.site_count = 1;
	/* One alone does not do; that alpha is allowed does. */
	said = relax(small, false);
	assert_string_equal(said->sentence, "with alpha allowed too it would start now at west-hub");
	small->ask.rules.residency = west;
	small->ask.rules.residency_count = 1;
	small->ask.where = (struct where){ 0 };
	for (uint32_t n = 0; n < 4; n++)
		run_at(small, n / 2, n % 2, INT64_MAX, false);
	said = relax(small, false);
	assert_int_equal(said->change_count, 0);
	assert_string_equal(said->obstacle, "its residency keeps it away from east-edge, where it would fit now");
}

static void two_at_once(void **state)
{
	static const char *west[] = { "west" };
	struct small *small = *state;
	const struct relaxation *said;

	small->ask.where.regions = west;
	small->ask.where.region_count = 1;
	for (uint32_t n = 0; n < 4; n++)
		run_at(small, n / 2, n % 2, INT64_MAX, false);
	said = relax(small, false);
	assert_int_equal(said->change_count, 1);
	assert_string_equal(said->sentence, "with the region east allowed too and beta allowed too it would start now at east-edge");
	assert_int_equal(said->changes[0].given_up, 500);
}

static void a_higher_price(void **state)
{
	struct small *small = *state;

	small->ask.price_max_micro = 12345678;
	assert_string_equal(relax(small, false)->sentence, "with a price of up to 16.00 instead of 12.34 an hour it would start now at west-hub");
	assert_int_equal(small->said.changes[0].steps[0].to_value, 16000000);
}

static void workers_apart(void **state)
{
	struct small *small = *state;

	small->ask.workers = 2;
	small->ask.where.together = TOGETHER_NODE;
	assert_string_equal(relax(small, false)->sentence, "with its workers in one group instead of one node it would start now at west-hub");
	small->ask.where.together = TOGETHER_GROUP;
	run_at(small, 0, 0, INT64_MAX, false);
	run_at(small, 1, 0, INT64_MAX, false);
	assert_string_equal(relax(small, false)->sentence, "with its workers in one site instead of one group it would start now at west-hub");
}

/* Three nodes are busy for 100 s more; one before it wants all four, and holds the free one from now on. */
static void a_shorter_time(void **state)
{
	struct small *small = *state;
	const struct relaxation *said;

	run_at(small, 0, 0, 100 * SECOND_US, false);
	run_at(small, 0, 1, 100 * SECOND_US, false);
	run_at(small, 1, 0, 100 * SECOND_US, false);
	small->other.workers = 4;
	small->entry.time_us = 3600 * SECOND_US;
	said = relax(small, true);
	assert_false(said->fits_now);
	assert_int_equal(said->change_count, 3);
	assert_string_equal(said->changes[0].sentence, "with beta allowed too it would start now at east-edge");
	assert_string_equal(said->changes[1].sentence, "with priority 101 instead of 100 it would start now at west-hub");
	assert_string_equal(said->changes[2].sentence, "with a time limit of 1 min 40 s instead of 1 h it would start now at west-hub");
	assert_int_equal(said->changes[2].time_us, 100 * SECOND_US);
}

static void a_higher_priority(void **state)
{
	struct small *small = *state;
	const struct relaxation *said;

	small->ask.where.sites = (const char *[]){ "west-hub" };
	small->ask.where.site_count = 1;
	for (uint32_t n = 0; n < 4; n++)
		run_at(small, n / 2, n % 2, INT64_MAX, n > 1);
	small->ask.workers = 2;
	small->ask.where.together = TOGETHER_GROUP;
	said = relax(small, false);
	assert_int_equal(said->change_count, 1);
	assert_string_equal(said->sentence,
			    "with priority 101 instead of 100 2 others that may be stopped would make room for it at west-hub");
	assert_int_equal(said->changes[0].stops, 2);
	assert_int_equal(said->changes[0].given_up, 401);
}

static void a_higher_limit(void **state)
{
	struct small *small = *state;
	struct amounts limit = { .chip_milli = 8000 };
	struct tenant_spec lab = { .name = "lab", .parent = "", .weight = 1, .limit = &limit };
	const struct relaxation *said;

	small->policy.tenants = &lab;
	small->policy.tenant_count = 1;
	small->ask.workers = 3;
	said = relax(small, false);
	assert_int_equal(said->change_count, 2);
	assert_string_equal(said->changes[0].sentence, "with 16 chips more in the limit of the tenant lab it would start now at west-hub");
	assert_string_equal(said->changes[1].sentence, "with 1 instead of 3 workers it would start now at west-hub");
	assert_int_equal(said->changes[0].steps[0].lacking.chip_milli, 16000);
}

static void a_wider_circle(void **state)
{
	struct near near = { .site = "west-hub", .within_us = 0 };
	struct small *small = *state;
	const struct relaxation *said;

	specs[1].latitude_udeg = 10000000;
	topology_free(small->topology);
	small->topology = topology_new(&network);
	small->ask.kind = DEMAND_SERVICE;
	small->ask.shape.chips.model_count = 0;
	small->ask.where.near = &near;
	for (uint32_t n = 0; n < 4; n++)
		run_at(small, n / 2, n % 2, INT64_MAX, false);
	said = relax(small, false);
	assert_int_equal(said->change_count, 1);
	assert_int_equal(said->changes[0].steps[0].dimension, RELAX_LATENCY);
	assert_int_equal(said->changes[0].steps[0].to_value, topology_rtt_us(small->topology, 0, 1));
}

static void nothing_is_said_too(void **state)
{
	struct small *small = *state;

	small->views[0].draining = small->views[1].draining = true;
	assert_string_equal(relax(small, false)->sentence,
			    "no change of one or two of its wishes would let it start now; nearest: draining (west-hub)");
	small->views[0].condition = small->views[1].condition = CONDITION_UNSEEN;
	assert_true(relax(small, false)->sentence[0]);
}

/* Of a long queue the first streams take part: here the one that takes what the demand could have, the last of the list but first by
 * priority. */
static void a_long_queue_is_cut(void **state)
{
	enum { STREAMS = RELAX_STREAMS_MAX + 50 };
	struct small *small = *state;
	struct match_stream streams[STREAMS + 2];
	struct match_entry entries[STREAMS + 1];
	struct once_input input = { .sites = small->views, .site_count = 2, .classes = small->classes, .class_count = 1,
				    .context = { &no_catalogue, small->topology }, .policy = &small->policy };
	struct ask first = small->ask;
	struct match_input queue;
	uint32_t class;

	small->classes[0] = (struct once_class){ .ask = &small->ask, .tenant = "lab", .entries = &small->entry, .entry_count = 1 };
	small->ask.workers = 3;
	small->other.workers = 5; /* more than there are nodes */
	first.priority = PRIORITY_MAX;
	first.workers = 3;
	once_open(&small->once, &input, &small->arena);
	queue = small->once.input;
	streams[0] = queue.streams[0];
	class = matcher_class_add(small->once.matcher, &small->other);
	for (uint32_t s = 0; s <= STREAMS; s++) {
		entries[s] = (struct match_entry){ .demand = 10 + s, .order = 100 + s };
		streams[1 + s] = (struct match_stream){ class, streams[0].tenant, &entries[s], 1 };
	}
	entries[STREAMS].order = 1;
	streams[1 + STREAMS].class = matcher_class_add(small->once.matcher, &first);
	queue.streams = streams;
	queue.stream_count = STREAMS + 2;
	relax_ask(&queue, streams[0].class, streams[0].tenant, &small->entry, &small->arena, &small->said);
	assert_string_equal(small->said.sentence, "with 1 instead of 3 workers it would start now at west-hub");
	assert_true(small->said.tries <= RELAX_TRIES_MAX);
	once_close(&small->once);
}

#define RELAX_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAX_TEST(what_fits_has_nothing_to_change),
		RELAX_TEST(fewer_workers),
		RELAX_TEST(another_model),
		RELAX_TEST(looser_places),
		RELAX_TEST(two_at_once),
		RELAX_TEST(a_higher_price),
		RELAX_TEST(workers_apart),
		RELAX_TEST(a_shorter_time),
		RELAX_TEST(a_higher_priority),
		RELAX_TEST(a_higher_limit),
		RELAX_TEST(a_wider_circle),
		RELAX_TEST(nothing_is_said_too),
		RELAX_TEST(a_long_queue_is_cut),
		cmocka_unit_test(changes_really_place_and_are_the_smallest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
