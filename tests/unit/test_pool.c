/* Pools against books of the test's own: every node and chip, slow and simple. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "pool_world.h"

#define GANGS 60

/* A world with work in it. */
struct play {
	struct world *world;
	struct gang_book {
		uint32_t need;
		size_t count;
		struct slot slots[64];
	} gangs[GANGS];
	size_t gang_count;
};

/* --- what a gang must look like --- */

static int compare_falling(const void *a, const void *b)
{
	int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;

	return first < second ? 1 : first > second ? -1 : 0;
}

/* The fewest nodes that hold so many workers, among all nodes or those of one group. */
static size_t fewest_nodes(const struct world *world, const struct ask *ask, uint32_t in_group, int64_t workers)
{
	int64_t holds[WORLD_GROUPS_MAX * WORLD_NODES_MAX];
	size_t count = 0, nodes = 0;

	for (uint32_t g = 0; g < world->supply.group_count; g++)
		for (uint32_t n = 0; (in_group == GROUP_ALL || in_group == g) && n < world->supply.groups[g].node_count; n++)
			holds[count++] = book_node_holds(&world->books[g][n], ask);
	qsort(holds, count, sizeof(*holds), compare_falling);
	while (workers > 0)
		workers -= holds[nodes++];
	return nodes;
}

static bool uses_node(const struct slot *slots, uint32_t count, uint32_t group, uint32_t node)
{
	for (uint32_t w = 0; w < count; w++)
		if (slots[w].group == group && slots[w].node == node)
			return true;
	return false;
}

static size_t distinct_nodes(const struct slot *slots, uint32_t count)
{
	size_t nodes = 0;

	for (uint32_t w = 0; w < count; w++)
		nodes += !uses_node(slots, w, slots[w].group, slots[w].node);
	return nodes;
}

/* Before it was booked. */
static void check_shape(const struct world *world, const struct ask *ask, const struct slot *slots, uint32_t count)
{
	uint32_t group = count > 1 && ask->where.together == TOGETHER_GROUP ? slots[0].group : GROUP_ALL;

	for (uint32_t w = 0; w < count; w++) {
		assert_int_equal(slots[w].worker, w);
		assert_true(group == GROUP_ALL || slots[w].group == group);
	}
	if (count > 1 && ask->where.together == TOGETHER_NODE)
		assert_int_equal(distinct_nodes(slots, count), 1);
	else if (ask->where.arrange == ARRANGE_PACK && count <= 16)
		assert_int_equal(distinct_nodes(slots, count), fewest_nodes(world, ask, group, count));
}

/* Once it was booked: nobody doubled up while another node would have taken a worker. */
static void check_spread(const struct world *world, const struct ask *ask, const struct slot *slots, uint32_t count)
{
	if (count == 1 || ask->where.arrange != ARRANGE_SPREAD || ask->where.together == TOGETHER_NODE || distinct_nodes(slots, count) == count)
		return;
	for (uint32_t g = 0; g < world->supply.group_count; g++)
		for (uint32_t n = 0; n < world->supply.groups[g].node_count; n++)
			if ((ask->where.together == TOGETHER_SITE || slots[0].group == g) && !uses_node(slots, count, g, n))
				assert_int_equal(book_node_holds(&world->books[g][n], ask), 0);
}

static void try_place(struct play *play, uint32_t n, uint32_t count)
{
	struct world *world = play->world;
	const struct ask *ask = &world->asks[n];
	struct gang_book *gang = &play->gangs[play->gang_count];
	bool fits = book_fits(world, ask, count);
	int64_t holds = book_all_hold(world, ask), loss = -2, expected = pool_loss_milli(world->pool, world->needs[n]);

	assert_int_equal(pool_fits(world->pool, world->needs[n], count), fits);
	assert_int_equal(pool_count(world->pool, world->needs[n], 100000), holds < 100000 ? holds : 100000);
	assert_int_equal(pool_verdict(world->pool, world->needs[n], count).code == VERDICT_FITS, fits);
	assert_int_equal(expected >= 0, book_fits(world, ask, 1));
	assert_int_equal(pool_place(world->pool, world->needs[n], count, gang->slots, &loss), fits);
	if (!fits)
		return;
	assert_true(loss >= 0);
	if (count == 1 && world->chooser->worth.policy != NODE_POLICY_RANDOM)
		assert_int_equal(loss, expected);
	check_shape(world, ask, gang->slots, count);
	for (uint32_t w = 0; w < count; w++)
		book_slot(world, &gang->slots[w], ask, 1);
	check_spread(world, ask, gang->slots, count);
	gang->need = n;
	gang->count = count;
	play->gang_count++;
}

static void end_gang(struct play *play, size_t at)
{
	struct world *world = play->world;
	struct gang_book *gang = &play->gangs[at];

	pool_give(world->pool, gang->slots, gang->count, world->needs[gang->need]);
	for (size_t w = 0; w < gang->count; w++)
		book_slot(world, &gang->slots[w], &world->asks[gang->need], -1);
	*gang = play->gangs[--play->gang_count];
}

/* A hold takes what is free of the slots, whatever that is, and gives back just that. */
static void hold_and_let_go(struct play *play)
{
	struct world *world = play->world;
	const struct gang_book *gang = play->gang_count ? &play->gangs[world_below(world, (unsigned)play->gang_count)] : NULL;
	struct pool_hold *hold;
	struct pool_totals before, during, after;

	if (!gang)
		return;
	pool_totals(world->pool, &before);
	hold = pool_hold(world->pool, gang->slots, gang->count, world->needs[gang->need]);
	pool_totals(world->pool, &during);
	assert_true(pool_is_consistent(world->pool));
	assert_true(during.cpu_free_milli <= before.cpu_free_milli && during.chip_free_milli <= before.chip_free_milli);
	if (world->asks[gang->need].shape.cpu_milli > 0)
		assert_false(pool_slots_free(world->pool, gang->slots, gang->count, world->needs[gang->need]) && during.cpu_free_milli == 0);
	pool_unhold(world->pool, hold);
	pool_totals(world->pool, &after);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void take_given_slots(struct play *play)
{
	struct world *world = play->world;
	size_t at = world_below(world, (unsigned)play->gang_count);
	struct gang_book gang = play->gangs[at];

	end_gang(play, at);
	assert_true(pool_slots_free(world->pool, gang.slots, gang.count, world->needs[gang.need]));
	pool_take(world->pool, gang.slots, gang.count, world->needs[gang.need]);
	for (size_t w = 0; w < gang.count; w++)
		book_slot(world, &gang.slots[w], &world->asks[gang.need], 1);
	play->gangs[play->gang_count++] = gang;
}

static void run_world(uint64_t seed, enum node_policy policy, size_t used_most)
{
	struct world *world = world_new(seed, policy, used_most);
	struct play *play = mem_alloc(sizeof(*play));

	play->world = world;
	book_compare(world);
	for (int step = 0; step < 150; step++) {
		unsigned what = world_below(world, 10);

		if (what < 6 && play->gang_count < GANGS) {
			uint32_t need = world_below(world, WORLD_NEEDS);

			chooser_learn(world->chooser, world->needs[need], 1);
			try_place(play, need, world_below(world, 2) ? 1 : 1 + world_below(world, 24));
		} else if (what < 8 && play->gang_count > 0) {
			end_gang(play, world_below(world, (unsigned)play->gang_count));
		} else if (what == 8 && play->gang_count > 0) {
			take_given_slots(play);
		} else {
			hold_and_let_go(play);
		}
		if (step % 16 == 0)
			book_compare(world);
	}
	while (play->gang_count > 0)
		end_gang(play, play->gang_count - 1);
	book_compare(world);
	world_reset_books(world);
	book_compare(world);
	world_free(world);
	free(play);
}

static void places_all_that_fits_and_nothing_twice(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++)
		run_world(seed, NODE_POLICY_WEIR, 0);
}

/* As in a network whose nodes are in more classes than are kept: they are purged, and the grain gets coarser. */
static void coarse_classes_change_nothing_of_that(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++)
		run_world(2000 + seed, NODE_POLICY_WEIR, 1 + seed % 40);
}

static void so_do_the_other_policies(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		for (int policy = NODE_POLICY_FGD; policy < NODE_POLICY_COUNT; policy++)
			run_world(1000 + seed, (enum node_policy)policy, 0);
}

/* --- large pools --- */

/* The node that should be found, by looking at every bucket; NODE_NONE when no class holds the bundle for sure. */
static uint32_t best_of_all(struct pool *pool, struct bundle *bundle)
{
	const uint16_t *row = chooser_row(pool->chooser, bundle);
	uint64_t best = UINT64_MAX;

	for (uint32_t b = 0; b < pool->bucket_count; b++) {
		uint16_t entry = chooser_entry(pool->chooser, bundle, row, pool->bucket_class[b]);

		if (entry != ROW_NONE && !(entry & 1) && rank_of(entry >> 1, bucket_lowest(&pool->buckets[b])) < best)
			best = rank_of(entry >> 1, bucket_lowest(&pool->buckets[b]));
	}
	return (uint32_t)best;
}

struct crowd {
	struct rng rng;
	struct chooser *chooser;
	struct pool *pool;
	uint32_t needs[40];
	struct slot slots[20000];
	uint32_t slot_needs[20000];
	size_t count;
	bool windows; /* were used */
};

static void crowd_needs(struct crowd *crowd)
{
	for (size_t i = 0; i < ARRAY_COUNT(crowd->needs); i++) {
		static const int64_t sizes[] = { 0, 110, 160, 230, 320, 370, 470, 590, 650, 810, 1000, 2000 };
		struct ask ask = { .workers = 1 };

		ask.shape.chips.milli = sizes[rng_below(&crowd->rng, ARRAY_COUNT(sizes))];
		ask.shape.cpu_milli = 100 * (int64_t)rng_below(&crowd->rng, 100);
		ask.shape.memory_mib = 512 * (int64_t)rng_below(&crowd->rng, 40);
		crowd->needs[i] = chooser_need_add(crowd->chooser, &ask);
	}
}

/* Needs come in runs, so that windows run empty. */
static void crowd_step(struct crowd *crowd, int step)
{
	size_t run = step % 400 < 200 ? (size_t)step / 400 % ARRAY_COUNT(crowd->needs) : rng_below(&crowd->rng, ARRAY_COUNT(crowd->needs));
	struct need *need = need_at(&crowd->chooser->needs, crowd->needs[run]);
	uint32_t expected, found;
	size_t at;
	int64_t loss;

	chooser_learn(crowd->chooser, need->handle, 1);
	pool_refresh(crowd->pool);
	expected = best_of_all(crowd->pool, need_bundle(need, 1));
	found = pool_find(crowd->pool, need_bundle(need, 1), GROUP_ALL);
	if (expected != NODE_NONE)
		assert_int_equal(found, expected);
	crowd->windows |= crowd->pool->windows != NULL;
	if (crowd->count < ARRAY_COUNT(crowd->slots) && pool_place(crowd->pool, need->handle, 1, &crowd->slots[crowd->count], &loss)) {
		assert_int_equal(crowd->slots[crowd->count].node, found);
		crowd->slot_needs[crowd->count++] = need->handle;
	}
	/* Departures from half load on, so that what is left is of many sizes. */
	if (crowd->count < 7000)
		return;
	at = rng_below(&crowd->rng, crowd->count);
	pool_give(crowd->pool, &crowd->slots[at], 1, crowd->slot_needs[at]);
	crowd->slots[at] = crowd->slots[--crowd->count];
	crowd->slot_needs[at] = crowd->slot_needs[crowd->count];
}

static void windows_find_what_a_scan_would(void **state)
{
	static struct chip_count chips[] = { { "alpha", 8 } };
	static const struct node_group groups[] = {
		{ .name = "many", .count = 2500, .cpu_milli = 64000, .memory_mib = 262144, .chips = chips, .chip_count = 1 },
	};

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct crowd *crowd = mem_alloc(sizeof(*crowd));
		struct supply supply;

		rng_init(&crowd->rng, seed);
		crowd->chooser = chooser_new(seed == 2 ? NODE_POLICY_FGD : seed == 4 ? NODE_POLICY_BESTFIT : NODE_POLICY_WEIR, &world_context, seed);
		if (seed == 3)
			crowd->chooser->used_most = crowd->chooser->classes_most = 400;
		crowd_needs(crowd);
		supply_init(&supply, groups, 1);
		crowd->pool = pool_new(crowd->chooser, &supply);
		for (int step = 0; step < 24000; step++)
			crowd_step(crowd, step);
		assert_true(crowd->windows);
		assert_true(pool_is_consistent(crowd->pool));
		while (crowd->count > 0) {
			crowd->count--;
			pool_give(crowd->pool, &crowd->slots[crowd->count], 1, crowd->slot_needs[crowd->count]);
		}
		assert_true(pool_is_consistent(crowd->pool));
		assert_int_equal(crowd->pool->live, 1);
		pool_free(crowd->pool);
		supply_done(&supply);
		chooser_free(crowd->chooser);
		free(crowd);
	}
}

/* --- single cases --- */

static struct chip_count eight[] = { { "alpha", 8 } };
static struct node_group plain[] = { { .name = "train", .count = 4, .cpu_milli = 64000, .memory_mib = 65536, .chips = eight, .chip_count = 1 } };

static void equal_needs_have_equal_handles(void **state)
{
	struct chooser *chooser = chooser_new(NODE_POLICY_WEIR, &world_context, 1);
	const char *names[] = { "alpha", "beta" };
	struct ask ask = { .workers = 3, .shape = { .cpu_milli = 1000, .chips = { .milli = 500, .models = names, .model_count = 2 } } };
	struct ask other = ask;
	uint32_t first = chooser_need_add(chooser, &ask), second;
	struct chooser_figures figures;

	(void)state;
	other.workers = 7;
	other.priority = 9;
	assert_int_equal(chooser_need_add(chooser, &other), first);
	other.where.arrange = ARRANGE_SPREAD;
	second = chooser_need_add(chooser, &other);
	assert_int_not_equal(second, first);
	chooser_figures(chooser, &figures);
	assert_int_equal(figures.needs, 2);
	chooser_need_remove(chooser, first);
	chooser_need_remove(chooser, first);
	chooser_need_remove(chooser, second);
	chooser_figures(chooser, &figures);
	assert_int_equal(figures.needs, 0);
	chooser_free(chooser);
}

static void ties_go_to_the_lower_node(void **state)
{
	struct chooser *chooser = chooser_new(NODE_POLICY_WEIR, &world_context, 1);
	struct ask ask = { .workers = 1, .shape = { .cpu_milli = 1000, .chips = { .milli = 8000 } } };
	uint32_t need = chooser_need_add(chooser, &ask);
	struct supply supply;
	struct pool *pool;
	struct slot slot;
	int64_t loss;

	(void)state;
	supply_init(&supply, plain, 1);
	pool = pool_new(chooser, &supply);
	for (uint32_t n = 0; n < 4; n++) {
		assert_true(pool_place(pool, need, 1, &slot, &loss));
		assert_int_equal(slot.node, n);
		assert_int_equal(slot.chips, 255);
	}
	assert_false(pool_place(pool, need, 1, &slot, &loss));
	assert_int_equal(pool_loss_milli(pool, need), -1);
	pool_free(pool);
	supply_done(&supply);
	chooser_free(chooser);
}

static void a_revoked_model_is_used_no_more(void **state)
{
	struct chooser *chooser = chooser_new(NODE_POLICY_WEIR, &world_context, 1);
	struct chip_model revoked = world_models[0];
	struct catalogue other = { &revoked, 1 };
	struct rule_context changed = { .catalogue = &other };
	struct ask ask = { .workers = 1, .shape = { .chips = { .milli = 1000 } }, .rules = { .clearance = true } };
	uint32_t need = chooser_need_add(chooser, &ask);
	struct supply supply;
	struct pool *pool;

	(void)state;
	supply_init(&supply, plain, 1);
	pool = pool_new(chooser, &supply);
	assert_int_equal(pool_count(pool, need, 100), 32);
	assert_true(pool_fits(pool, need, 1));
	revoked.review.state = REVIEW_REVOKED;
	chooser_set_context(chooser, &changed);
	assert_int_equal(pool_count(pool, need, 100), 0);
	assert_false(pool_fits(pool, need, 1));
	pool_free(pool);
	supply_done(&supply);
	chooser_free(chooser);
}

static bool dies(void (*act)(struct pool *pool, uint32_t need), struct pool *pool, uint32_t need)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		fclose(stderr);
		signal(SIGABRT, SIG_DFL);
		act(pool, need);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void take_twice(struct pool *pool, uint32_t need)
{
	struct slot slot = { .chip_milli = 600, .chips = 1 };

	pool_take(pool, &slot, 1, need);
	pool_take(pool, &slot, 1, need);
}

static void give_what_is_not_taken(struct pool *pool, uint32_t need)
{
	struct slot slot = { .chip_milli = 600, .chips = 1 };

	pool_give(pool, &slot, 1, need);
}

static void take_elsewhere(struct pool *pool, uint32_t need)
{
	struct slot slot = { .node = 4, .chip_milli = 600, .chips = 1 };

	pool_take(pool, &slot, 1, need);
}

static void breaches_abort(void **state)
{
	struct chooser *chooser = chooser_new(NODE_POLICY_WEIR, &world_context, 1);
	struct ask ask = { .workers = 1, .shape = { .chips = { .milli = 600 } } };
	uint32_t need = chooser_need_add(chooser, &ask);
	struct supply supply;
	struct pool *pool;

	(void)state;
	supply_init(&supply, plain, 1);
	pool = pool_new(chooser, &supply);
	assert_true(dies(take_twice, pool, need));
	assert_true(dies(give_what_is_not_taken, pool, need));
	assert_true(dies(take_elsewhere, pool, need));
	pool_free(pool);
	supply_done(&supply);
	chooser_free(chooser);
}

static void verdicts_name_what_is_short(void **state)
{
	struct chooser *chooser = chooser_new(NODE_POLICY_WEIR, &world_context, 1);
	struct ask whole = { .workers = 1, .shape = { .cpu_milli = 1000, .chips = { .milli = 5000 } } };
	struct ask share = { .workers = 1, .shape = { .chips = { .milli = 700 } } };
	struct ask wide = { .workers = 1, .shape = { .cpu_milli = 40000 } };
	struct ask near = { .workers = 1, .shape = { .cpu_milli = 1000, .chips = { .milli = 1000 } }, .where = { .together = TOGETHER_NODE } };
	uint32_t needs[4] = { chooser_need_add(chooser, &whole), chooser_need_add(chooser, &share), chooser_need_add(chooser, &wide),
			      chooser_need_add(chooser, &near) };
	struct supply supply;
	struct pool *pool;
	struct verdict verdict;

	(void)state;
	supply_init(&supply, plain, 1);
	pool = pool_new(chooser, &supply);
	assert_int_equal(pool_verdict(pool, needs[0], 4).code, VERDICT_FITS);
	verdict = pool_verdict(pool, needs[0], 7);
	assert_int_equal(verdict.code, VERDICT_CHIPS_BUSY);
	assert_int_equal(verdict.have, 32);
	assert_int_equal(verdict.want, 35);
	verdict = pool_verdict(pool, needs[0], 5);
	assert_int_equal(verdict.code, VERDICT_SCATTERED);
	assert_int_equal(verdict.have, 4);
	verdict = pool_verdict(pool, needs[1], 33);
	assert_int_equal(verdict.code, VERDICT_CHIPS_BUSY);
	assert_int_equal(verdict.resource, RESOURCE_CHIP_SHARE);
	assert_int_equal(verdict.have, 32 * 700);
	verdict = pool_verdict(pool, needs[2], 7);
	assert_int_equal(verdict.code, VERDICT_CPU_BUSY);
	assert_int_equal(verdict.have, 256000);
	verdict = pool_verdict(pool, needs[3], 9);
	assert_int_equal(verdict.code, VERDICT_APART);
	assert_int_equal(verdict.have, 8);
	assert_string_equal(verdict.name, "node");
	pool_free(pool);
	supply_done(&supply);
	chooser_free(chooser);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_all_that_fits_and_nothing_twice), cmocka_unit_test(coarse_classes_change_nothing_of_that),
		cmocka_unit_test(so_do_the_other_policies),		  cmocka_unit_test(windows_find_what_a_scan_would),
		cmocka_unit_test(equal_needs_have_equal_handles),	  cmocka_unit_test(ties_go_to_the_lower_node),
		cmocka_unit_test(a_revoked_model_is_used_no_more),	  cmocka_unit_test(breaches_abort),
		cmocka_unit_test(verdicts_name_what_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
