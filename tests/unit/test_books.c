/* Books that are kept over a long history say what books made afresh say: after each step the same round over both gives the same
 * plan, and the second opinion (../check_plan.h) finds nothing wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../check_plan.h"
#include "../random_input.h"
#include "base/mem.h"
#include "match/books.h"

#define WORKS_MAX 400
#define CLASSES_MAX 24
#define ENTRIES 6
#define TAUGHT 5

struct world_class {
	const struct ask *ask; /* NULL: a free place */
	uint32_t tenant;
	uint32_t number;       /* in the matcher */
	struct match_entry entries[ENTRIES];
	size_t works;          /* that run */
};

struct world {
	struct random_input input; /* its supplies are the truth: what runs is taken there too */
	struct site_view *views;
	struct matcher *matcher;
	struct shares *shares;
	struct policy_spec policy;
	const struct ask *taught[TAUGHT]; /* the mix of demand */
	struct world_class classes[CLASSES_MAX];
	struct match_work *works[WORKS_MAX];
	size_t work_count;
	uint64_t next_demand;
	int64_t now_us;
	bool learns; /* the mix of demand, which steers the choice of nodes and which books made afresh have not learned */
	struct arena arena; /* of a round */
	struct match_stream streams[CLASSES_MAX];
	struct match_input round;
	struct match_plan plan;
	struct counts {
		size_t placed, stuck, reserved, preempted, begun, dropped;
	} counts;
};

static unsigned below(struct world *world, unsigned bound)
{
	return (unsigned)rng_below(&world->input.rng, bound);
}

static struct amounts amounts_of(const struct ask *ask)
{
	int64_t workers = ask->kind == DEMAND_JOB ? ask->workers : 1;

	return (struct amounts){ ask->shape.cpu_milli * workers, ask->shape.memory_mib * workers, ask->shape.chips.milli * workers };
}

/* --- changes ----------------------------------------------------------------------------------------- */

static void class_add(struct world *world, size_t c)
{
	static const char *const tenants[] = { "one", "two", "three", "four" };
	struct world_class *class = &world->classes[c];
	struct ask *ask = random_ask(&world->input, true);

	ask->where.caller_count = 0;
	*class = (struct world_class){ .ask = ask, .tenant = shares_tenant(world->shares, tenants[below(world, 4)]) };
	class->number = matcher_class_add(world->matcher, class->ask);
	for (size_t e = 0; e < ENTRIES; e++)
		class->entries[e].time_us = below(world, 3) ? 1 + (int64_t)below(world, 3600) * 1000000 : 0;
	if (world->learns)
		matcher_learn(world->matcher, class->number, 1 + below(world, 20));
}

/* What does not learn has the same mix in all books. */
static void teach(struct world *world, struct matcher *matcher)
{
	const int64_t counts[TAUGHT] = { 5, 4, 3, 2, 1 };
	uint32_t needs[TAUGHT];

	for (size_t i = 0; i < TAUGHT; i++)
		needs[i] = chooser_need_add(matcher_chooser(matcher), world->taught[i]);
	chooser_fix_mix(matcher_chooser(matcher), needs, counts, TAUGHT);
	for (size_t i = 0; i < TAUGHT; i++)
		chooser_need_remove(matcher_chooser(matcher), needs[i]);
}

static void class_remove(struct world *world, size_t c)
{
	if (!world->classes[c].ask || world->classes[c].works > 0)
		return;
	matcher_class_remove(world->matcher, world->classes[c].number);
	world->classes[c].ask = NULL;
}

static struct world_class *class_of_work(struct world *world, const struct match_work *work)
{
	for (size_t c = 0; c < CLASSES_MAX; c++)
		if (world->classes[c].ask && world->classes[c].number == work->class)
			return &world->classes[c];
	fail();
	return NULL;
}

static void move_slots(struct world *world, const struct match_work *work, bool take)
{
	const struct shape *shape = &class_of_work(world, work)->ask->shape;

	for (uint32_t w = 0; w < work->slot_count; w++)
		(take ? supply_take : supply_give)(&world->input.supplies[work->site], &work->slots[w], shape);
}

/* The world's part of an end: the matcher was told, or has forgotten it by itself. */
static void work_drop(struct world *world, size_t w)
{
	struct match_work *work = world->works[w];
	struct world_class *class = class_of_work(world, work);
	struct amounts amounts = amounts_of(class->ask);

	shares_release(world->shares, work->tenant, &amounts, world->now_us);
	class->works--;
	world->works[w] = world->works[--world->work_count];
	free((void *)work->slots);
	free(work);
}

static void work_end(struct world *world, size_t w)
{
	matcher_end(world->matcher, world->works[w]);
	move_slots(world, world->works[w], false);
	work_drop(world, w);
}

static void work_begin(struct world *world, const struct match_placement *placement)
{
	struct world_class *class;
	struct match_work *work;
	struct amounts amounts;

	if (world->work_count == WORKS_MAX)
		return;
	work = mem_alloc(sizeof(*work));
	*work = (struct match_work){
		.demand = placement->demand, .replica = placement->replica, .class = world->round.streams[placement->stream].class,
		.tenant = world->round.streams[placement->stream].tenant, .site = placement->site, .slot_count = (uint32_t)placement->slot_count,
		.slots = mem_dup(placement->slots, placement->slot_count * sizeof(struct slot)), .started_us = world->now_us,
		.ends_us = below(world, 4) ? world->now_us + 1 + (int64_t)below(world, 3600) * 1000000 : INT64_MAX,
		.borrowed = placement->borrowed,
	};
	world->works[world->work_count++] = work;
	matcher_begin(world->matcher, work);
	class = class_of_work(world, work);
	amounts = amounts_of(class->ask);
	class->works++;
	shares_charge(world->shares, work->tenant, &amounts, world->now_us);
	move_slots(world, work, true);
	world->counts.begun++;
}

static void site_change(struct world *world, uint32_t site)
{
	struct site_view *view = &world->views[site];

	switch (below(world, 5)) {
	case 0:
		view->draining = !view->draining;
		break;
	case 1:
		view->price.chip_hour_micro = below(world, 9000000);
		view->energy.price_micro_per_kwh = below(world, 900000);
		break;
	case 2:
		view->crowded = !view->crowded;
		break;
	default:
		view->condition = below(world, 3) ? CONDITION_UP : (enum site_condition)below(world, CONDITION_COUNT);
	}
	matcher_site_changed(world->matcher, view);
}

/* Another supply: none, the same, or other groups. What ran there and still fits is adopted; the rest is gone. */
static void site_supply(struct world *world, uint32_t site)
{
	struct site_spec *spec = &world->input.network.sites[site];
	struct supply *supply = &world->input.supplies[site];
	bool none = below(world, 4) == 0;

	for (size_t g = 0; g < spec->group_count && below(world, 2); g++)
		spec->groups[g].count = 1 + below(world, 6);
	supply_done(supply);
	supply_init(supply, spec->groups, spec->group_count);
	world->views[site].supply = none ? NULL : supply;
	matcher_site_supply(world->matcher, &world->views[site]);
	for (size_t w = world->work_count; w-- > 0;) {
		struct match_work *work = world->works[w];
		bool fits = !none;
		uint32_t taken = 0;

		if (work->site != site)
			continue;
		for (; fits && taken < work->slot_count; taken++) {
			const struct slot *slot = &work->slots[taken];

			fits = slot->node < supply->groups[slot->group].node_count &&
			       supply_fits(supply, slot, &class_of_work(world, work)->ask->shape);
			if (!fits)
				break;
			supply_take(supply, slot, &class_of_work(world, work)->ask->shape);
		}
		while (!fits && taken > 0)
			supply_give(supply, &work->slots[--taken], &class_of_work(world, work)->ask->shape);
		if (!fits)
			work_drop(world, w);
	}
	/* Once more, now that the supply has booked what goes on. */
	matcher_site_supply(world->matcher, &world->views[site]);
	for (size_t w = 0; w < world->work_count; w++)
		if (world->works[w]->site == site)
			matcher_adopt(world->matcher, world->works[w]);
}

static void adopt_all(struct world *world)
{
	matcher_set_sites(world->matcher, &world->input.match.context, world->views, world->input.match.site_count);
	for (size_t w = 0; w < world->work_count; w++)
		matcher_adopt(world->matcher, world->works[w]);
}

static void policy_change(struct world *world)
{
	struct score_weights *weights = &world->policy.weights;

	weights->tier_permille[DEMAND_JOB][TIER_EDGE] = below(world, 2000);
	weights->fragmentation_permille = below(world, 2) * 1000;
	weights->wait_permille = below(world, 2000);
	world->policy.reservations = below(world, 12);
	matcher_set_policy(world->matcher, &world->policy);
}

/* --- rounds over both books ---------------------------------------------------------------------------- */

static void make_streams(struct world *world, struct match_stream *streams, const uint32_t *numbers)
{
	size_t count = 0;

	for (size_t c = 0; c < CLASSES_MAX; c++)
		if (world->classes[c].ask)
			streams[count++] = (struct match_stream){ numbers ? numbers[c] : world->classes[c].number, world->classes[c].tenant,
								  world->classes[c].entries, ENTRIES };
	world->round.stream_count = count;
}

static void new_entries(struct world *world)
{
	for (size_t e = 0; e < ENTRIES; e++)
		for (size_t c = 0; c < CLASSES_MAX; c++) {
			world->classes[c].entries[e].demand = world->next_demand;
			world->classes[c].entries[e].order = world->next_demand++;
		}
}

static void compare_slots(const struct slot *a, const struct slot *b, size_t count)
{
	for (size_t w = 0; w < count; w++) {
		assert_int_equal(a[w].worker, b[w].worker);
		assert_int_equal(a[w].group, b[w].group);
		assert_int_equal(a[w].node, b[w].node);
		assert_int_equal(a[w].chips, b[w].chips);
		assert_int_equal(a[w].chip_milli, b[w].chip_milli);
	}
}

static void compare_plans(const struct match_plan *a, const struct match_plan *b, size_t streams)
{
	assert_int_equal(a->placement_count, b->placement_count);
	assert_int_equal(a->reservation_count, b->reservation_count);
	assert_int_equal(a->preemption_count, b->preemption_count);
	for (size_t p = 0; p < a->placement_count; p++) {
		assert_int_equal(a->placements[p].demand, b->placements[p].demand);
		assert_int_equal(a->placements[p].site, b->placements[p].site);
		assert_int_equal(a->placements[p].score, b->placements[p].score);
		assert_int_equal(a->placements[p].backfilled, b->placements[p].backfilled);
		assert_int_equal(a->placements[p].slot_count, b->placements[p].slot_count);
		compare_slots(a->placements[p].slots, b->placements[p].slots, a->placements[p].slot_count);
	}
	for (size_t r = 0; r < a->reservation_count; r++) {
		assert_int_equal(a->reservations[r].demand, b->reservations[r].demand);
		assert_int_equal(a->reservations[r].site, b->reservations[r].site);
		assert_int_equal(a->reservations[r].start_us, b->reservations[r].start_us);
		compare_slots(a->reservations[r].slots, b->reservations[r].slots, a->reservations[r].slot_count);
	}
	for (size_t p = 0; p < a->preemption_count; p++) {
		assert_int_equal(a->preemptions[p].victim->demand, b->preemptions[p].victim->demand);
		assert_int_equal(a->preemptions[p].by, b->preemptions[p].by);
	}
	for (size_t s = 0; s < streams; s++) {
		assert_int_equal(a->streams[s].placed, b->streams[s].placed);
		assert_int_equal(a->streams[s].stuck, b->streams[s].stuck);
		assert_int_equal(a->streams[s].nearest.code, b->streams[s].nearest.code);
		assert_int_equal(a->streams[s].reserved_us, b->streams[s].reserved_us);
	}
}

/* What the second opinion needs to know, of the kept books. */
static void check(struct world *world, uint64_t seed, unsigned step)
{
	struct once_input input = world->input.match;
	struct once once = { .input = world->round, .matcher = world->matcher, .shares = world->shares };
	char why[200];

	input.policy = NULL; /* nobody has a quota or a limit here */
	input.sites = world->views;
	if (!check_plan(&input, &once, &world->plan, why, sizeof(why)))
		fail_msg("seed %llu, step %u: %s", (unsigned long long)seed, step, why);
}

static void check_pools(struct world *world)
{
	for (uint32_t s = 0; s < world->input.match.site_count; s++) {
		const struct supply *supply = &world->input.supplies[s];
		const struct pool *pool = matcher_pool(world->matcher, s);
		struct pool_totals totals;
		int64_t cpu = 0, memory = 0, whole = 0, milli = 0;
		size_t count, here = 0;

		matcher_works(world->matcher, s, &count);
		for (size_t w = 0; w < world->work_count; w++)
			here += world->works[w]->site == s;
		assert_int_equal(count, here);
		if (!world->views[s].supply) {
			assert_null(pool);
			continue;
		}
		assert_true(pool_is_consistent(pool));
		pool_totals(pool, &totals);
		for (size_t g = 0; g < supply->group_count; g++) {
			cpu += supply->groups[g].cpu_free_total;
			memory += supply->groups[g].memory_free_total;
			whole += supply->groups[g].chips_free_total;
			milli += supply->groups[g].chip_milli_free_total;
		}
		assert_int_equal(totals.cpu_free_milli, cpu);
		assert_int_equal(totals.memory_free_mib, memory);
		assert_int_equal(totals.chips_free, whole);
		assert_int_equal(totals.chip_free_milli, milli);
	}
}

/* Books made from the truth as it is now, and the same round over them. */
static void round_afresh(struct world *world, struct match_plan *ret)
{
	struct matcher *matcher = matcher_new(&world->policy, &world->input.match.context, 1);
	struct match_work *works = mem_alloc((world->work_count + 1) * sizeof(*works));
	struct match_stream streams[CLASSES_MAX];
	struct match_input round = world->round;
	uint32_t numbers[CLASSES_MAX];

	teach(world, matcher);
	matcher_set_sites(matcher, &world->input.match.context, world->views, world->input.match.site_count);
	for (size_t c = 0; c < CLASSES_MAX; c++)
		numbers[c] = world->classes[c].ask ? matcher_class_add(matcher, world->classes[c].ask) : 0;
	for (size_t w = 0; w < world->work_count; w++) {
		works[w] = *world->works[w];
		works[w].doomed = 0;
		works[w].class = numbers[class_of_work(world, &works[w]) - world->classes];
		matcher_adopt(matcher, &works[w]);
	}
	make_streams(world, streams, numbers);
	round.matcher = matcher;
	round.streams = streams;
	match_round(&round, &world->arena, ret);
	for (size_t p = 0; p < ret->preemption_count; p++) /* they go with the books; their numbers stay */
		ret->preemptions[p].victim = arena_dup(&world->arena, ret->preemptions[p].victim, sizeof(struct match_work));
	matcher_free(matcher);
	free(works);
}

static void round_both(struct world *world, uint64_t seed, unsigned step)
{
	struct match_plan afresh;

	arena_reset(&world->arena);
	new_entries(world);
	make_streams(world, world->streams, NULL);
	world->round.matcher = world->matcher;
	world->round.shares = world->shares;
	world->round.streams = world->streams;
	world->round.now_us = world->now_us;
	match_round(&world->round, &world->arena, &world->plan);
	check(world, seed, step);
	if (!world->learns) {
		round_afresh(world, &afresh);
		compare_plans(&world->plan, &afresh, world->round.stream_count);
	}
	world->counts.placed += world->plan.placement_count;
	world->counts.reserved += world->plan.reservation_count;
	world->counts.preempted += world->plan.preemption_count;
	for (size_t s = 0; s < world->round.stream_count; s++)
		world->counts.stuck += world->plan.streams[s].stuck;
}

/* What becomes of a plan: all of it, its first part, or some of it in another order; the rest is dropped. */
static void carry_out(struct world *world)
{
	size_t count = world->plan.placement_count;
	unsigned way = below(world, 4);
	size_t first = way == 1 ? below(world, (unsigned)count + 1) : way > 1 ? count : 0;

	for (size_t p = 0; p < first; p++)
		work_begin(world, &world->plan.placements[p]);
	for (size_t p = count; way == 0 && p-- > 0;)
		if (below(world, 2))
			work_begin(world, &world->plan.placements[p]);
	world->counts.dropped += count - first;
	for (size_t p = 0; p < world->plan.preemption_count; p++)
		world->plan.preemptions[p].victim->stopping = below(world, 2);
	world->plan = (struct match_plan){ 0 };
	matcher_settle(world->matcher);
	check_pools(world);
}

static void change(struct world *world)
{
	unsigned sites = (unsigned)world->input.match.site_count, way = below(world, 40);
	size_t c = below(world, CLASSES_MAX);

	if (way < 16)
		for (unsigned i = below(world, 12); i > 0 && world->work_count > 0; i--)
			work_end(world, below(world, (unsigned)world->work_count));
	else if (way < 28)
		site_change(world, below(world, sites));
	else if (way < 32)
		site_supply(world, below(world, sites));
	else if (way < 34)
		class_remove(world, c);
	else if (way < 38 && !world->classes[c].ask)
		class_add(world, c);
	else if (way == 38)
		policy_change(world);
	else if (way == 39 && below(world, 4) == 0)
		adopt_all(world);
}

static void open_world(struct world *world, uint64_t seed, unsigned sites_max, bool learns)
{
	const struct random_limits limits = { .sites_max = sites_max, .nodes_max = 5, .classes_max = 1, .entries_max = 1, .wide = true };

	memset(world, 0, sizeof(*world));
	random_input_init(&world->input, seed, &limits);
	arena_init(&world->arena);
	world->views = mem_dup(world->input.match.sites, world->input.match.site_count * sizeof(*world->views));
	policy_defaults(&world->policy);
	world->now_us = INT64_C(1700000000000000);
	world->next_demand = 1;
	world->learns = learns;
	world->matcher = matcher_new(&world->policy, &world->input.match.context, 1);
	world->shares = shares_new(&world->policy);
	shares_set_supply(world->shares, &(struct amounts){ 1000000, 1000000, 1000000 });
	matcher_set_sites(world->matcher, &world->input.match.context, world->views, world->input.match.site_count);
	for (size_t i = 0; i < TAUGHT; i++)
		world->taught[i] = random_ask(&world->input, true);
	if (!learns)
		teach(world, world->matcher);
	for (size_t c = 0; c < CLASSES_MAX * 2 / 3; c++)
		class_add(world, c);
}

static void close_world(struct world *world)
{
	while (world->work_count > 0)
		work_end(world, world->work_count - 1);
	matcher_free(world->matcher);
	shares_free(world->shares);
	free(world->views);
	arena_done(&world->arena);
	random_input_done(&world->input);
}

static void kept_books_are_as_good_as_new(void **state)
{
	struct world *world = mem_alloc(sizeof(*world));
	struct counts all = { 0 };

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		open_world(world, seed, 12, seed % 3 == 2);
		if (seed % 4 == 0)
			world->matcher->cache_bytes_max = 1500; /* a few classes at a time: the others make theirs anew */
		for (unsigned step = 0; step < 60; step++) {
			for (unsigned i = below(world, 5); i > 0; i--)
				change(world);
			world->now_us += 1 + (int64_t)below(world, 600) * 1000000;
			round_both(world, seed, step);
			carry_out(world);
		}
		all.placed += world->counts.placed;
		all.stuck += world->counts.stuck;
		all.reserved += world->counts.reserved;
		all.preempted += world->counts.preempted;
		all.begun += world->counts.begun;
		all.dropped += world->counts.dropped;
		close_world(world);
	}
	free(world);
	assert_true(all.placed > 5000 && all.stuck > 5000 && all.reserved > 500 && all.preempted > 50);
	assert_true(all.begun > 3000 && all.dropped > 300);
}

/* The log of what was freed and changed is shorter than what happens while most classes are not asked for. */
static void classes_left_far_behind_catch_up(void **state)
{
	struct world *world = mem_alloc(sizeof(*world));
	uint32_t site;

	(void)state;
	open_world(world, 7, 400, false);
	round_both(world, 7, 0);
	carry_out(world);
	/* One class reads along, or changes of a site that nobody has read of yet would be one entry of the log. */
	for (uint64_t before = world->matcher->log_end; world->matcher->log_end - before <= LOG_MAX + 100;) {
		for (uint32_t s = 0; s < world->input.match.site_count; s++)
			site_change(world, s);
		match_fits_now(world->matcher, world->classes[0].number, &site);
	}
	while (world->work_count > 0)
		work_end(world, world->work_count - 1);
	for (uint32_t s = 0; s < world->input.match.site_count; s++) {
		world->views[s].condition = CONDITION_UP;
		world->views[s].draining = world->views[s].crowded = false;
		matcher_site_changed(world->matcher, &world->views[s]);
	}
	round_both(world, 7, 1);
	assert_true(world->plan.placement_count > 20);
	carry_out(world);
	close_world(world);
	free(world);
}

/* A class may go while what the last round promised to it has not begun. */
static void a_class_takes_its_promises_along(void **state)
{
	struct world *world = mem_alloc(sizeof(*world));

	(void)state;
	open_world(world, 3, 12, false);
	round_both(world, 3, 0);
	assert_true(world->plan.placement_count > 0);
	for (size_t c = 0; c < CLASSES_MAX; c++)
		class_remove(world, c);
	check_pools(world);
	for (size_t c = 0; c < 4; c++)
		class_add(world, c);
	round_both(world, 3, 1);
	carry_out(world);
	close_world(world);
	free(world);
}

/* Rounds go on from what is known of the classes. */
static void what_is_known_is_kept(void **state)
{
	struct world *world = mem_alloc(sizeof(*world));
	const struct class_cache *caches[CLASSES_MAX] = { NULL };
	size_t kept = 0;

	(void)state;
	open_world(world, 3, 12, false);
	for (unsigned step = 0; step < 3; step++) {
		round_both(world, 3, step);
		for (size_t c = 0; c < CLASSES_MAX; c++) {
			const struct class_cache *cache = world->classes[c].ask ? world->matcher->classes[world->classes[c].number].cache : NULL;

			if (step > 0)
				assert_ptr_equal(cache, caches[c]);
			caches[c] = cache;
			kept += cache != NULL;
		}
		carry_out(world);
	}
	assert_true(kept > CLASSES_MAX);
	close_world(world);
	free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_books_are_as_good_as_new),
		cmocka_unit_test(classes_left_far_behind_catch_up),
		cmocka_unit_test(a_class_takes_its_promises_along),
		cmocka_unit_test(what_is_known_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
