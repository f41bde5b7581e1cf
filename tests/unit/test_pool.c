/* Pools against books of the test's own: every node and chip, slow and simple, sharing nothing with the pool but the supply. */
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
#include "base/rng.h"
#include "match/pool_private.h"

#define GROUPS_MAX 5
#define NODES_MAX 40
#define CHIPS_MAX 8
#define NEEDS 12
#define GANGS 60

static const char *const model_names[] = { "alpha", "beta", "gamma" };
static const char *const resource_names[] = { "nic", "licence" };
static struct chip_model models[] = {
	{ .name = "alpha", .origin = ORIGIN_DOMESTIC, .memory_mib = 32768, .review = { .state = REVIEW_PASSED } },
	{ .name = "beta", .origin = ORIGIN_FOREIGN, .memory_mib = 65536 },
};
static const struct catalogue catalogue = { models, 2 };
static const struct rule_context context = { .catalogue = &catalogue };

struct book_node {
	int64_t cpu, memory, resources[2];
	int64_t chips[CHIPS_MAX];
	int models[CHIPS_MAX]; /* index into model_names */
	uint32_t chip_count;
};

struct world {
	struct rng rng;
	struct supply supply;
	struct book_node books[GROUPS_MAX][NODES_MAX];
	struct chooser *chooser;
	struct pool *pool;
	struct ask asks[NEEDS];
	struct countable countables[NEEDS][2];
	uint32_t needs[NEEDS];
	struct gang_book {
		uint32_t need;
		size_t count;
		struct slot slots[64];
	} gangs[GANGS];
	size_t gang_count;
};

static unsigned below(struct world *world, unsigned bound)
{
	return (unsigned)rng_below(&world->rng, bound);
}

/* --- making --- */

/* The loader of resources is elsewhere: here they are put in by hand. */
static void add_resources(struct world *world, struct supply_group *group)
{
	uint32_t count = below(world, 3);

	group->resource_count = count;
	group->resource_names = mem_alloc(2 * sizeof(char *));
	group->resource_capacity = mem_alloc(2 * sizeof(int64_t));
	group->resource_free = mem_alloc(group->node_count * 2 * sizeof(int32_t));
	group->resource_free_total = mem_alloc(2 * sizeof(int64_t));
	for (uint32_t r = 0; r < count; r++) {
		group->resource_names[r] = resource_names[count == 1 ? below(world, 2) : 1 - r];
		group->resource_capacity[r] = below(world, 6);
		for (uint32_t n = 0; n < group->node_count; n++)
			group->resource_free[n * count + r] = (int32_t)group->resource_capacity[r];
		group->resource_free_total[r] = group->resource_capacity[r] * group->node_count;
	}
}

static void make_group(struct world *world, uint32_t g)
{
	struct chip_count chips[2];
	struct node_group spec = { .name = "group", .count = 1 + below(world, NODES_MAX), .chips = chips };
	struct supply one;

	spec.cpu_milli = 1000 * (int64_t)(1 + below(world, 32));
	spec.memory_mib = 1024 * (int64_t)(1 + below(world, 64));
	spec.chip_count = below(world, 3);
	for (size_t i = 0; i < spec.chip_count; i++)
		chips[i] = (struct chip_count){ model_names[below(world, 3)], 1 + below(world, CHIPS_MAX / 2) };
	supply_init(&one, &spec, 1);
	world->supply.groups[g] = one.groups[0];
	free(one.groups);
	add_resources(world, &world->supply.groups[g]);
}

static void open_book(struct world *world, uint32_t g)
{
	const struct supply_group *group = &world->supply.groups[g];

	for (uint32_t n = 0; n < group->node_count; n++) {
		struct book_node *node = &world->books[g][n];

		*node = (struct book_node){ .cpu = group->cpu_free[n], .memory = group->memory_free[n], .chip_count = group->chips_per_node };
		for (uint32_t c = 0; c < group->chips_per_node; c++) {
			node->chips[c] = group->chip_free[n * group->chips_per_node + c];
			for (int m = 0; m < 3; m++)
				if (!strcmp(group->chip_names[c], model_names[m]))
					node->models[c] = m;
		}
		for (uint32_t r = 0; r < group->resource_count; r++)
			node->resources[!strcmp(group->resource_names[r], "licence")] = group->resource_free[n * group->resource_count + r];
	}
}

static void make_ask(struct world *world, size_t i)
{
	static const int64_t sizes[] = { 0, 100, 250, 300, 500, 810, 1000, 1000, 2000, 3000, 4000 };
	struct ask *ask = &world->asks[i];

	*ask = (struct ask){ .workers = 1 };
	ask->shape.cpu_milli = 250 * (int64_t)below(world, 20);
	ask->shape.memory_mib = 512 * (int64_t)below(world, 12);
	ask->shape.chips.milli = sizes[below(world, ARRAY_COUNT(sizes))];
	if (below(world, 3) == 0) {
		ask->shape.chips.models = (const char **)&model_names[below(world, 3)];
		ask->shape.chips.model_count = 1;
	}
	ask->rules.domestic_only = below(world, 8) == 0;
	ask->shape.chips.needs.memory_mib = below(world, 8) == 0 ? 40000 : 0;
	ask->shape.resources = world->countables[i];
	for (int r = 0; r < 2; r++)
		if (below(world, 6) == 0)
			world->countables[i][ask->shape.resource_count++] = (struct countable){ resource_names[r], below(world, 3) };
	ask->where.together = (enum together)below(world, TOGETHER_COUNT);
	ask->where.arrange = (enum arrange)below(world, ARRANGE_COUNT);
	world->needs[i] = chooser_need_add(world->chooser, ask);
}

static void world_init(struct world *world, uint64_t seed, enum node_policy policy)
{
	memset(world, 0, sizeof(*world));
	rng_init(&world->rng, seed);
	world->supply.group_count = 1 + below(world, GROUPS_MAX);
	world->supply.groups = mem_alloc(world->supply.group_count * sizeof(struct supply_group));
	for (uint32_t g = 0; g < world->supply.group_count; g++) {
		make_group(world, g);
		open_book(world, g);
	}
	world->chooser = chooser_new(policy, &context, seed);
	for (size_t i = 0; i < NEEDS; i++)
		make_ask(world, i);
	world->pool = pool_new(world->chooser, &world->supply);
}

static void world_done(struct world *world)
{
	pool_free(world->pool);
	for (size_t i = 0; i < NEEDS; i++)
		chooser_need_remove(world->chooser, world->needs[i]);
	chooser_free(world->chooser);
	for (size_t g = 0; g < world->supply.group_count; g++) {
		free(world->supply.groups[g].resource_names);
		free(world->supply.groups[g].resource_capacity);
		free(world->supply.groups[g].resource_free);
		free(world->supply.groups[g].resource_free_total);
	}
	supply_done(&world->supply);
}

/* --- the test's own reading of needs --- */

static bool may_use(const struct ask *ask, int model)
{
	if (ask->shape.chips.model_count && strcmp(ask->shape.chips.models[0], model_names[model]) != 0)
		return false;
	if (ask->rules.domestic_only && model != 0)
		return false;
	return ask->shape.chips.needs.memory_mib == 0 || model == 1;
}

static int64_t asked_resource(const struct ask *ask, int r)
{
	for (size_t i = 0; i < ask->shape.resource_count; i++)
		if (!strcmp(ask->shape.resources[i].name, resource_names[r]))
			return ask->shape.resources[i].count;
	return 0;
}

static int64_t node_holds(const struct book_node *node, const struct ask *ask)
{
	int64_t most = 1000, chips = 0, milli = ask->shape.chips.milli;

	if (ask->shape.cpu_milli)
		most = node->cpu / ask->shape.cpu_milli;
	if (ask->shape.memory_mib && node->memory / ask->shape.memory_mib < most)
		most = node->memory / ask->shape.memory_mib;
	for (int r = 0; r < 2; r++)
		if (asked_resource(ask, r) && node->resources[r] / asked_resource(ask, r) < most)
			most = node->resources[r] / asked_resource(ask, r);
	if (milli == 0)
		return most;
	for (int m = 0; m < 3; m++) {
		int64_t whole = 0;

		for (uint32_t c = 0; may_use(ask, m) && c < node->chip_count; c++) {
			if (node->models[c] != m)
				continue;
			whole += node->chips[c] == 1000;
			chips += milli < 1000 ? node->chips[c] / milli : 0;
		}
		chips += milli < 1000 ? 0 : whole / (milli / 1000);
	}
	return chips < most ? chips : most;
}

static int64_t group_holds_workers(const struct world *world, uint32_t g, const struct ask *ask)
{
	int64_t workers = 0;

	for (uint32_t n = 0; n < world->supply.groups[g].node_count; n++)
		workers += node_holds(&world->books[g][n], ask);
	return workers;
}

static int64_t all_hold(const struct world *world, const struct ask *ask)
{
	int64_t workers = 0;

	for (uint32_t g = 0; g < world->supply.group_count; g++)
		workers += group_holds_workers(world, g, ask);
	return workers;
}

static bool really_fits(const struct world *world, const struct ask *ask, int64_t workers)
{
	enum together together = workers > 1 ? ask->where.together : TOGETHER_SITE;

	for (uint32_t g = 0; g < world->supply.group_count; g++) {
		if (together == TOGETHER_GROUP && group_holds_workers(world, g, ask) >= workers)
			return true;
		for (uint32_t n = 0; together == TOGETHER_NODE && n < world->supply.groups[g].node_count; n++)
			if (node_holds(&world->books[g][n], ask) >= workers)
				return true;
	}
	return together == TOGETHER_SITE && all_hold(world, ask) >= workers;
}

/* Books the slot (gives it back); it must be sound and free. */
static void book(struct world *world, const struct slot *slot, const struct ask *ask, int sign)
{
	struct book_node *node;
	int model = -1;

	assert_true(slot->group < world->supply.group_count);
	assert_true(slot->node < world->supply.groups[slot->group].node_count);
	node = &world->books[slot->group][slot->node];
	node->cpu -= sign * ask->shape.cpu_milli;
	node->memory -= sign * ask->shape.memory_mib;
	for (int r = 0; r < 2; r++)
		node->resources[r] -= sign * asked_resource(ask, r);
	assert_true(node->cpu >= 0 && node->memory >= 0 && node->resources[0] >= 0 && node->resources[1] >= 0);
	assert_int_equal(__builtin_popcountll(slot->chips) * (int64_t)slot->chip_milli, ask->shape.chips.milli);
	for (uint32_t c = 0; c < 64; c++) {
		if (!(slot->chips >> c & 1))
			continue;
		assert_true(c < node->chip_count);
		assert_true(model < 0 || model == node->models[c]);
		model = node->models[c];
		assert_true(may_use(ask, model));
		node->chips[c] -= sign * slot->chip_milli;
		assert_true(node->chips[c] >= 0 && node->chips[c] <= 1000);
	}
}

/* The pool says of every node what the books say. */
static void compare_books(const struct world *world)
{
	struct pool_totals totals;
	int64_t cpu = 0, memory = 0, whole = 0, milli = 0;

	assert_true(pool_is_consistent(world->pool));
	for (uint32_t g = 0; g < world->supply.group_count; g++) {
		const struct pool_group *group = &world->pool->groups[g];

		for (uint32_t n = 0; n < group->node_count; n++) {
			const struct book_node *node = &world->books[g][n];

			assert_int_equal(world->pool->node_cpu[group->first + n], node->cpu);
			assert_int_equal(world->pool->node_memory[group->first + n], node->memory);
			for (uint32_t r = 0; r < group->layout->resource_count; r++)
				assert_int_equal(node_resources(group, group->first + n)[r], node->resources[!strcmp(group->layout->resources[r], "licence")]);
			for (uint32_t c = 0; c < node->chip_count; c++) {
				assert_int_equal(node_chips(group, group->first + n)[c], node->chips[c]);
				whole += node->chips[c] == 1000;
				milli += node->chips[c];
			}
			cpu += node->cpu;
			memory += node->memory;
		}
	}
	pool_totals(world->pool, &totals);
	assert_int_equal(totals.cpu_free_milli, cpu);
	assert_int_equal(totals.memory_free_mib, memory);
	assert_int_equal(totals.chips_free, whole);
	assert_int_equal(totals.chip_free_milli, milli);
}

/* --- what a gang must look like --- */

static int compare_falling(const void *a, const void *b)
{
	int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;

	return first < second ? 1 : first > second ? -1 : 0;
}

/* The fewest nodes that hold so many workers, among all nodes or those of one group. */
static size_t fewest_nodes(const struct world *world, const struct ask *ask, uint32_t in_group, int64_t workers)
{
	int64_t holds[GROUPS_MAX * NODES_MAX];
	size_t count = 0, nodes = 0;

	for (uint32_t g = 0; g < world->supply.group_count; g++)
		for (uint32_t n = 0; (in_group == GROUP_ALL || in_group == g) && n < world->supply.groups[g].node_count; n++)
			holds[count++] = node_holds(&world->books[g][n], ask);
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
				assert_int_equal(node_holds(&world->books[g][n], ask), 0);
}

static void try_place(struct world *world, uint32_t n, uint32_t count)
{
	const struct ask *ask = &world->asks[n];
	struct gang_book *gang = &world->gangs[world->gang_count];
	bool fits = really_fits(world, ask, count);
	int64_t holds = all_hold(world, ask), loss = -2, expected = pool_loss_milli(world->pool, world->needs[n]);

	assert_int_equal(pool_fits(world->pool, world->needs[n], count), fits);
	assert_int_equal(pool_count(world->pool, world->needs[n], 100000), holds < 100000 ? holds : 100000);
	assert_int_equal(pool_verdict(world->pool, world->needs[n], count).code == VERDICT_FITS, fits);
	assert_int_equal(expected >= 0, really_fits(world, ask, 1));
	assert_int_equal(pool_place(world->pool, world->needs[n], count, gang->slots, &loss), fits);
	if (!fits)
		return;
	assert_true(loss >= 0);
	if (count == 1 && world->chooser->worth.policy != NODE_POLICY_RANDOM)
		assert_int_equal(loss, expected);
	check_shape(world, ask, gang->slots, count);
	for (uint32_t w = 0; w < count; w++)
		book(world, &gang->slots[w], ask, 1);
	check_spread(world, ask, gang->slots, count);
	gang->need = n;
	gang->count = count;
	world->gang_count++;
}

static void end_gang(struct world *world, size_t at)
{
	struct gang_book *gang = &world->gangs[at];

	pool_give(world->pool, gang->slots, gang->count, world->needs[gang->need]);
	for (size_t w = 0; w < gang->count; w++)
		book(world, &gang->slots[w], &world->asks[gang->need], -1);
	*gang = world->gangs[--world->gang_count];
}

/* A hold takes what is free of the slots, whatever that is, and gives back just that. */
static void hold_and_let_go(struct world *world)
{
	const struct gang_book *gang = world->gang_count ? &world->gangs[below(world, (unsigned)world->gang_count)] : NULL;
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

static void take_given_slots(struct world *world)
{
	size_t at = below(world, (unsigned)world->gang_count);
	struct gang_book gang = world->gangs[at];

	end_gang(world, at);
	assert_true(pool_slots_free(world->pool, gang.slots, gang.count, world->needs[gang.need]));
	pool_take(world->pool, gang.slots, gang.count, world->needs[gang.need]);
	for (size_t w = 0; w < gang.count; w++)
		book(world, &gang.slots[w], &world->asks[gang.need], 1);
	world->gangs[world->gang_count++] = gang;
}

static void run_world(uint64_t seed, enum node_policy policy)
{
	struct world *world = mem_alloc(sizeof(*world));

	world_init(world, seed, policy);
	compare_books(world);
	for (int step = 0; step < 150; step++) {
		unsigned what = below(world, 10);

		if (what < 6 && world->gang_count < GANGS) {
			uint32_t need = below(world, NEEDS);

			chooser_learn(world->chooser, world->needs[need], 1);
			try_place(world, need, below(world, 2) ? 1 : 1 + below(world, 24));
		} else if (what < 8 && world->gang_count > 0) {
			end_gang(world, below(world, (unsigned)world->gang_count));
		} else if (what == 8 && world->gang_count > 0) {
			take_given_slots(world);
		} else {
			hold_and_let_go(world);
		}
		if (step % 16 == 0)
			compare_books(world);
	}
	while (world->gang_count > 0)
		end_gang(world, world->gang_count - 1);
	compare_books(world);
	for (uint32_t g = 0; g < world->supply.group_count; g++)
		open_book(world, g);
	compare_books(world);
	world_done(world);
	free(world);
}

static void places_all_that_fits_and_nothing_twice(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++)
		run_world(seed, NODE_POLICY_WEIR);
}

static void so_do_the_other_policies(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		for (int policy = NODE_POLICY_FGD; policy < NODE_POLICY_COUNT; policy++)
			run_world(1000 + seed, (enum node_policy)policy);
}

/* --- single cases --- */

static struct chip_count eight[] = { { "alpha", 8 } };
static struct node_group plain[] = { { .name = "train", .count = 4, .cpu_milli = 64000, .memory_mib = 65536, .chips = eight, .chip_count = 1 } };

static void equal_needs_have_equal_handles(void **state)
{
	struct chooser *chooser = chooser_new(NODE_POLICY_WEIR, &context, 1);
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
	struct chooser *chooser = chooser_new(NODE_POLICY_WEIR, &context, 1);
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
	struct chooser *chooser = chooser_new(NODE_POLICY_WEIR, &context, 1);
	struct chip_model revoked = models[0];
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
	struct chooser *chooser = chooser_new(NODE_POLICY_WEIR, &context, 1);
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
	struct chooser *chooser = chooser_new(NODE_POLICY_WEIR, &context, 1);
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
		cmocka_unit_test(places_all_that_fits_and_nothing_twice), cmocka_unit_test(so_do_the_other_policies),
		cmocka_unit_test(equal_needs_have_equal_handles),	  cmocka_unit_test(ties_go_to_the_lower_node),
		cmocka_unit_test(a_revoked_model_is_used_no_more),	  cmocka_unit_test(breaches_abort),
		cmocka_unit_test(verdicts_name_what_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
