#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "pool_world.h"

static const char *const model_names[] = { "alpha", "beta", "gamma" };
static const char *const resource_names[] = { "nic", "licence" };
const struct chip_model world_models[2] = {
	{ .name = "alpha", .origin = ORIGIN_DOMESTIC, .memory_mib = 32768, .review = { .state = REVIEW_PASSED } },
	{ .name = "beta", .origin = ORIGIN_FOREIGN, .memory_mib = 65536 },
};
static const struct catalogue catalogue = { (struct chip_model *)world_models, 2 };
const struct rule_context world_context = { .catalogue = &catalogue };

unsigned world_below(struct world *world, unsigned bound)
{
	return (unsigned)rng_below(&world->rng, bound);
}

/* --- making --- */

static void make_group(struct world *world, uint32_t g)
{
	struct chip_count chips[2];
	struct countable resources[2];
	struct node_group spec = { .name = "group", .count = 1 + world_below(world, WORLD_NODES_MAX), .chips = chips, .resources = resources };
	struct supply one;

	spec.cpu_milli = 1000 * (int64_t)(1 + world_below(world, 32));
	spec.memory_mib = 1024 * (int64_t)(1 + world_below(world, 64));
	spec.chip_count = world_below(world, 3);
	for (size_t i = 0; i < spec.chip_count; i++)
		chips[i] = (struct chip_count){ model_names[world_below(world, 3)], 1 + world_below(world, WORLD_CHIPS_MAX / 2) };
	spec.resource_count = world_below(world, 3);
	for (size_t r = 0; r < spec.resource_count; r++)
		resources[r] = (struct countable){ resource_names[spec.resource_count == 1 ? world_below(world, 2) : 1 - r], world_below(world, 6) };
	supply_init(&one, &spec, 1);
	world->supply.groups[g] = one.groups[0];
	free(one.groups);
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
	ask->shape.cpu_milli = 250 * (int64_t)world_below(world, 20);
	ask->shape.memory_mib = 512 * (int64_t)world_below(world, 12);
	ask->shape.chips.milli = sizes[world_below(world, ARRAY_COUNT(sizes))];
	if (world_below(world, 3) == 0) {
		ask->shape.chips.models = (const char **)&model_names[world_below(world, 3)];
		ask->shape.chips.model_count = 1;
	}
	ask->rules.domestic_only = world_below(world, 8) == 0;
	ask->shape.chips.needs.memory_mib = world_below(world, 8) == 0 ? 40000 : 0;
	ask->shape.resources = world->countables[i];
	for (int r = 0; r < 2; r++)
		if (world_below(world, 6) == 0)
			world->countables[i][ask->shape.resource_count++] = (struct countable){ resource_names[r], world_below(world, 3) };
	ask->where.together = (enum together)world_below(world, TOGETHER_COUNT);
	ask->where.arrange = (enum arrange)world_below(world, ARRANGE_COUNT);
	world->needs[i] = chooser_need_add(world->chooser, ask);
}

struct world *world_new(uint64_t seed, enum node_policy policy, size_t used_most)
{
	struct world *world = mem_alloc(sizeof(*world));

	rng_init(&world->rng, seed);
	world->supply.group_count = 1 + world_below(world, WORLD_GROUPS_MAX);
	world->supply.groups = mem_alloc(world->supply.group_count * sizeof(struct supply_group));
	for (uint32_t g = 0; g < world->supply.group_count; g++)
		make_group(world, g);
	world_reset_books(world);
	world->chooser = chooser_new(policy, &world_context, seed);
	if (used_most)
		world->chooser->used_most = world->chooser->classes_most = used_most;
	for (size_t i = 0; i < WORLD_NEEDS; i++)
		make_ask(world, i);
	world->pool = pool_new(world->chooser, &world->supply);
	return world;
}

void world_reset_books(struct world *world)
{
	for (uint32_t g = 0; g < world->supply.group_count; g++)
		open_book(world, g);
}

void world_free(struct world *world)
{
	pool_free(world->pool);
	for (size_t i = 0; i < WORLD_NEEDS; i++)
		chooser_need_remove(world->chooser, world->needs[i]);
	chooser_free(world->chooser);
	supply_done(&world->supply);
	free(world);
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

int64_t book_node_holds(const struct book_node *node, const struct ask *ask)
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

int64_t book_group_holds(const struct world *world, uint32_t g, const struct ask *ask)
{
	int64_t workers = 0;

	for (uint32_t n = 0; n < world->supply.groups[g].node_count; n++)
		workers += book_node_holds(&world->books[g][n], ask);
	return workers;
}

int64_t book_all_hold(const struct world *world, const struct ask *ask)
{
	int64_t workers = 0;

	for (uint32_t g = 0; g < world->supply.group_count; g++)
		workers += book_group_holds(world, g, ask);
	return workers;
}

bool book_fits(const struct world *world, const struct ask *ask, int64_t workers)
{
	enum together together = workers > 1 ? ask->where.together : TOGETHER_SITE;

	for (uint32_t g = 0; g < world->supply.group_count; g++) {
		if (together == TOGETHER_GROUP && book_group_holds(world, g, ask) >= workers)
			return true;
		for (uint32_t n = 0; together == TOGETHER_NODE && n < world->supply.groups[g].node_count; n++)
			if (book_node_holds(&world->books[g][n], ask) >= workers)
				return true;
	}
	return together == TOGETHER_SITE && book_all_hold(world, ask) >= workers;
}

/* Books the slot (gives it back); it must be sound and free. */
void book_slot(struct world *world, const struct slot *slot, const struct ask *ask, int sign)
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
void book_compare(const struct world *world)
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
