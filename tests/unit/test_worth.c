/* The worth of nodes against the formulas of worth.h, written down again in floating point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "match/pool.h"
#include "match/sizes.h"
#include "match/worth.h"

#define SHAPES 20

static const char *names[] = { "alpha", "alpha", "alpha", "alpha", "beta", "beta" };
static const struct catalogue no_catalogue;
static const struct rule_context context = { .catalogue = &no_catalogue };

struct fixture {
	struct rng rng;
	struct need_table needs;
	struct layout_table layouts;
	struct layout *layout; /* four alphas, then two betas */
	struct worth worth;
	struct need *shapes[SHAPES];
	uint64_t counts[SHAPES];
};

static struct need *random_need(struct fixture *fixture)
{
	static const int64_t sizes[] = { 0, 160, 230, 320, 470, 590, 650, 810, 1000, 1000, 2000, 4000 };
	struct ask ask = { .workers = 1 };

	ask.shape.chips.milli = sizes[rng_below(&fixture->rng, ARRAY_COUNT(sizes))];
	ask.shape.cpu_milli = 1000 + 500 * (int64_t)rng_below(&fixture->rng, 30);
	ask.shape.memory_mib = 1024 * (int64_t)rng_below(&fixture->rng, 40);
	if (rng_below(&fixture->rng, 3) == 0) {
		ask.shape.chips.models = &names[rng_below(&fixture->rng, 2) * 4];
		ask.shape.chips.model_count = 1;
	}
	return need_ref(&fixture->needs, &ask);
}

static struct fixture *fixture_new(uint64_t seed, enum node_policy policy)
{
	struct fixture *fixture = mem_alloc(sizeof(*fixture));
	struct supply_group group = { .chips_per_node = 6, .chip_names = names };
	uint8_t place[6], resource_place[RESOURCES_MAX];

	rng_init(&fixture->rng, seed);
	fixture->layout = layout_ref(&fixture->layouts, &group, place, resource_place);
	worth_init(&fixture->worth, policy, &context, seed);
	for (size_t i = 0; i < SHAPES; i++) {
		fixture->shapes[i] = random_need(fixture);
		fixture->counts[i] = 1 + rng_below(&fixture->rng, 1000);
	}
	worth_set_mix(&fixture->worth, fixture->shapes, fixture->counts, SHAPES);
	return fixture;
}

static void fixture_free(struct fixture *fixture)
{
	worth_done(&fixture->worth);
	need_table_done(&fixture->needs);
	layout_table_done(&fixture->layouts);
	free(fixture);
}

static void random_node(struct fixture *fixture, struct node_copy *node)
{
	static const uint16_t left[] = { 0, 60, 190, 300, 350, 530, 680, 770, 1000, 1000, 1000 };

	*node = (struct node_copy){ .layout = fixture->layout };
	node->cpu = 500 * (int32_t)rng_below(&fixture->rng, 120);
	node->memory = 1024 * (int32_t)rng_below(&fixture->rng, 200);
	for (size_t c = 0; c < 6; c++)
		node->chips[c] = left[rng_below(&fixture->rng, ARRAY_COUNT(left))];
	copy_order(node);
}

/* What the shape can use of the chips of the node, in milli. */
static double usable(const struct worth *worth, const struct need *need, const struct node_copy *node, bool by_size)
{
	double sum = 0;

	for (size_t part = 0; part < 2; part++) {
		double here = 0;
		unsigned whole = 0;

		if (need->ask->shape.chips.model_count && strcmp(need->ask->shape.chips.models[0], part ? "beta" : "alpha") != 0)
			continue;
		for (size_t c = part ? 4 : 0; c < (part ? 6u : 4u); c++) {
			if (node->chips[c] >= need->milli)
				here += by_size ? 1000.0 * (double)worth->values[node->chips[c]] / (double)SIZE_ONE : node->chips[c];
			whole += node->chips[c] == 1000;
		}
		sum += need->milli == 1000 && whole < need->chips ? 0 : here;
	}
	return sum;
}

static double weir_worth(const struct fixture *fixture, const struct node_copy *node)
{
	double weights = 0, worth = 0, cpu = 0, chips = 0;

	for (size_t i = 0; i < SHAPES; i++) {
		cpu += fixture->shapes[i]->chips ? (double)fixture->counts[i] * (double)fixture->shapes[i]->cpu : 0;
		chips += (double)fixture->counts[i] * fixture->shapes[i]->chips * fixture->shapes[i]->milli / 1000;
	}
	for (size_t i = 0; i < SHAPES; i++) {
		const struct need *need = fixture->shapes[i];
		double weight = need->chips ? (double)fixture->counts[i] / ((double)need->cpu + cpu / chips * 0.45) : 0;
		double asked = (double)need->chips * need->milli, most = usable(&fixture->worth, need, node, true);

		weights += weight;
		if (weight == 0 || node->cpu < need->cpu || node->memory < need->memory)
			continue;
		most = fmin(most, 1.6 * node->cpu / (double)need->cpu * asked);
		if (need->memory)
			most = fmin(most, 3.2 * node->memory / (double)need->memory * asked);
		worth += weight * most;
	}
	return weights > 0 ? worth / weights : 0;
}

static void falls_are_those_of_the_formula(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct fixture *fixture = fixture_new(seed, NODE_POLICY_WEIR);

		for (int turn = 0; turn < 60; turn++) {
			struct need *need = fixture->shapes[rng_below(&fixture->rng, SHAPES)];
			const struct need_layout *in = need_layout_of(need, fixture->layout, &context);
			struct node_copy before, after;
			struct worth_choice choice;
			struct node_free free;
			int64_t values = 0;

			random_node(fixture, &before);
			free = copy_free(&before);
			if (need_workers(need, in, &free, 1) == 0)
				continue;
			worth_choose(&fixture->worth, need, in, &free, &choice);
			after = before;
			worth_apply(need, in, &choice, &after);
			for (size_t c = 0; c < 6; c++)
				values += fixture->worth.values[before.chips[c]] - fixture->worth.values[after.chips[c]];
			assert_int_equal(choice.value_fall, values);
			assert_true(choice.value_fall >= (int64_t)need->chips * fixture->worth.values[need->milli]);
			assert_true(choice.usable_fall >= 0);
			assert_true(fabs((double)choice.usable_fall / WORTH_ONE - (weir_worth(fixture, &before) - weir_worth(fixture, &after))) < 1);
		}
		fixture_free(fixture);
	}
}

static double fragments(const struct fixture *fixture, const struct node_copy *node)
{
	double total = 0, sum = 0, left = 0;

	for (size_t c = 0; c < 6; c++)
		left += node->chips[c];
	for (size_t i = 0; i < fixture->worth.shape_count; i++) {
		const struct worth_shape *shape = &fixture->worth.shapes[i];
		bool fits = shape->need->chips > 0 && node->cpu >= shape->need->cpu;

		total += (double)shape->count;
		sum += (double)shape->count * (left - (fits ? usable(&fixture->worth, shape->need, node, false) : 0));
	}
	return sum / total;
}

static void fgd_grades_by_the_published_sigmoid(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct fixture *fixture = fixture_new(seed, NODE_POLICY_FGD);

		for (int turn = 0; turn < 60; turn++) {
			struct need *need = fixture->shapes[rng_below(&fixture->rng, SHAPES)];
			const struct need_layout *in = need_layout_of(need, fixture->layout, &context);
			struct node_copy before, after;
			struct worth_choice choice;
			struct node_free free;
			double growth, grade;

			random_node(fixture, &before);
			free = copy_free(&before);
			if (need_workers(need, in, &free, 1) == 0)
				continue;
			worth_choose(&fixture->worth, need, in, &free, &choice);
			after = before;
			worth_apply(need, in, &choice, &after);
			growth = fragments(fixture, &after) - fragments(fixture, &before);
			grade = 100 / (1 + exp(growth / 1000));
			/* Weights are rounded: what lies beside a step may fall to either side. */
			if (fabs(grade - round(grade)) > 0.02)
				assert_int_equal(worth_score(&fixture->worth, need, in, &free, 1), 100 - (int)floor(grade));
		}
		fixture_free(fixture);
	}
}

/* Chips that are left with nothing useful on them count as lost, chips that others fill up do not. */
static void remainders_are_what_is_lost(void **state)
{
	struct fixture *fixture = mem_alloc(sizeof(*fixture));
	struct ask large = { .workers = 1, .shape = { .cpu_milli = 1000, .chips = { .milli = 810 } } };
	struct ask half = { .workers = 1, .shape = { .cpu_milli = 1000, .chips = { .milli = 500 } } };
	struct supply_group group = { .chips_per_node = 6, .chip_names = names };
	struct node_copy node = { .cpu = 64000, .memory = 65536, .chips = { 1000, 1000, 1000, 1000, 1000, 1000 } };
	uint8_t place[6], resource_place[RESOURCES_MAX];
	uint64_t counts[2] = { 1, 1 };
	struct worth_choice choice;
	struct node_free free_now;

	(void)state;
	node.layout = fixture->layout = layout_ref(&fixture->layouts, &group, place, resource_place);
	worth_init(&fixture->worth, NODE_POLICY_WEIR, &context, 1);
	fixture->shapes[0] = need_ref(&fixture->needs, &large);
	fixture->shapes[1] = need_ref(&fixture->needs, &half);
	worth_set_mix(&fixture->worth, fixture->shapes, counts, 2);
	free_now = copy_free(&node);
	worth_choose(&fixture->worth, fixture->shapes[0], need_layout_of(fixture->shapes[0], fixture->layout, &context), &free_now, &choice);
	assert_in_range(choice.useless / WORTH_ONE, 185, 190);
	assert_int_equal(choice.value_fall, SIZE_ONE);
	/* A half goes where a half is left. */
	node.chips[0] = 500;
	worth_choose(&fixture->worth, fixture->shapes[1], need_layout_of(fixture->shapes[1], fixture->layout, &context), &free_now, &choice);
	assert_int_equal(choice.chip, 500);
	assert_int_equal(choice.value_fall, SIZE_ONE / 2);
	fixture_free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(falls_are_those_of_the_formula),
		cmocka_unit_test(fgd_grades_by_the_published_sigmoid),
		cmocka_unit_test(remainders_are_what_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
