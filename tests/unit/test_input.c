/* Files as `weir check` and `weir match` read them: problems with their places, names across files, a round over them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/input.h"
#include "cli/trial.h"

static const char network_text[] = "network:\n"
				   "  name: small\n"
				   "  title: Small\n"
				   "  regions: [{name: west, title: West}, {name: east, title: East}]\n"
				   "  sites:\n"
				   "    - name: west-hub\n"
				   "      title: West\n"
				   "      tier: hub\n"
				   "      region: west\n"
				   "      operator: them\n"
				   "      latitude: 26.4\n"
				   "      longitude: 106.6\n"
				   "      engine: simulated\n"
				   "      price: {core_hour: 0.1, gib_hour: 0.01, chip_hour: 4}\n"
				   "      groups:\n"
				   "        - {name: train, count: 2, cpu: 64, memory: 256GiB, chips: {alpha: 8}}\n"
				   "        - {name: odd, count: 1, cpu: 64, memory: 256GiB, chips: {alhpa: 1}}\n"
				   "    - {name: east-edge, title: East, tier: edge, region: east, operator: them, latitude: 31.2, longitude: 121.4,\n"
				   "       engine: simulated, price: {core_hour: 0.2, gib_hour: 0.02, chip_hour: 8},\n"
				   "       groups: [{name: serve, count: 2, cpu: 8, memory: 32GiB}]}\n";
static const char catalogue_text[] = "catalogue:\n"
				     "  models:\n"
				     "    - {name: alpha, title: Alpha, vendor: Maker, origin: domestic, memory: 64GiB}\n";
static const char demands_text[] = "demands:\n"
				   "  - name: good\n"
				   "    kind: job\n"
				   "    workers: 2\n"
				   "    shape: {cpu: 1, memory: 1GiB, chips: {count: 8, models: [alpha]}}\n"
				   "    command: [train]\n"
				   "    simulate: {duration: 1s}\n"
				   "  - name: lost\n"
				   "    kind: job\n"
				   "    shape: {cpu: 1, memory: 1GiB, chips: {count: 1, models: [alpha, beta]}}\n"
				   "    command: [train]\n"
				   "    where: {sites: [west-hub, west-hbu], regions: [south], near: {site: nowhere, within: 10ms}}\n"
				   "    rules: {residency: [wets]}\n"
				   "    simulate: {duration: 1s}\n"
				   "  - name: replicas\n"
				   "    kind: service\n"
				   "    workers: 5\n"
				   "    shape: {cpu: 4, memory: 1GiB}\n"
				   "    command: [serve]\n"
				   "    where: {tiers: [edge]}\n"
				   "    simulate: {duration: 0s}\n";

static char folder[] = "/tmp/weir-test-input-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* Reads the text as a file, which is gone again afterwards. */
static int read_text(const char *name, const char *text, struct arena *arena, struct input *ret)
{
	const char *path = arena_printf(arena, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	int code;

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	code = input_read(path, arena, ret);
	unlink(path);
	return code;
}

static bool has_problem(const struct input *input, unsigned line, const char *path, const char *text)
{
	for (size_t p = 0; p < input->problems.count; p++)
		if (input->problems.list[p].line == line && strcmp(input->problems.list[p].path, path) == 0 &&
		    strstr(input->problems.list[p].text, text) && input->problems.list[p].column > 0)
			return true;
	return false;
}

static void print_problems(const struct input *input)
{
	struct strbuf text = { 0 };

	problems_print(&input->problems, &text);
	fputs(strbuf_text(&text), stderr);
	strbuf_done(&text);
}

static void names_are_checked_across_files(void **state)
{
	struct arena arena;
	struct input *inputs;

	(void)state;
	arena_init(&arena);
	inputs = ARENA_ARRAY(&arena, struct input, 3);
	assert_int_equal(read_text("network.yaml", network_text, &arena, &inputs[0]), 0);
	assert_int_equal(read_text("catalogue.yaml", catalogue_text, &arena, &inputs[1]), 0);
	assert_int_equal(read_text("demands.yaml", demands_text, &arena, &inputs[2]), 0);
	inputs_cross_check(inputs, 1);
	assert_int_equal(inputs[0].problems.count, 0); /* without a catalogue any model goes */
	inputs_cross_check(inputs, 3);
	if (inputs[2].problems.count != 5)
		print_problems(&inputs[2]);
	assert_int_equal(inputs[0].problems.count, 1);
	assert_true(has_problem(&inputs[0], 17, "network.sites[0].groups[1].chips.alhpa", "did you mean 'alpha'?"));
	assert_int_equal(inputs[1].problems.count, 0);
	assert_int_equal(inputs[2].problems.count, 5);
	assert_true(has_problem(&inputs[2], 10, "demands[1].shape.chips.models[1]", "no chip model 'beta' in the catalogue"));
	assert_true(has_problem(&inputs[2], 12, "demands[1].where.sites[1]", "did you mean 'west-hub'?"));
	assert_true(has_problem(&inputs[2], 12, "demands[1].where.regions[0]", "no region 'south' in the network"));
	assert_true(has_problem(&inputs[2], 12, "demands[1].where.near.site", "no site 'nowhere'"));
	assert_true(has_problem(&inputs[2], 13, "demands[1].rules.residency[0]", "no region 'wets'"));
	arena_done(&arena);
}

static void callers_are_checked_where_they_stand(void **state)
{
	static const char text[] = "demand:\n"
				   "  name: chat\n"
				   "  kind: service\n"
				   "  command: [serve]\n"
				   "  where:\n"
				   "    callers:\n"
				   "      - {site: west-hbu, within: 10ms}\n"
				   "      - {latitude: 1, longitude: 2, within: 10ms}\n"
				   "      - {site: alone, within: 10ms}\n"
				   "      - {site: west-hub, within: 10ms}\n";
	struct arena arena;
	struct input *inputs;

	(void)state;
	arena_init(&arena);
	inputs = ARENA_ARRAY(&arena, struct input, 2);
	assert_int_equal(read_text("network.yaml", network_text, &arena, &inputs[0]), 0);
	assert_int_equal(read_text("callers.yaml", text, &arena, &inputs[1]), 0);
	inputs_cross_check(inputs, 2);
	assert_int_equal(inputs[1].problems.count, 2);
	assert_true(has_problem(&inputs[1], 7, "demand.where.callers[0].site", "did you mean 'west-hub'?"));
	assert_true(has_problem(&inputs[1], 9, "demand.where.callers[2].site", "no site 'alone'"));
	arena_done(&arena);
}

static void bad_files_say_why(void **state)
{
	struct arena arena;
	struct input *input;

	(void)state;
	arena_init(&arena);
	input = ARENA_NEW(&arena, struct input);
	assert_true(input_read("/nonexistent/file.yaml", &arena, input) < 0);
	assert_int_equal(input->problems.count, 1);
	assert_true(read_text("bad.yaml", "catalogue:\n  models:\n    - {name: alpha, origin: lunar, vendro: x}\n", &arena, input) < 0);
	assert_true(input->problems.count >= 2);
	assert_false(input->read);
	assert_int_equal(input->problems.list[0].line, 3);
	assert_true(read_text("empty.yaml", "", &arena, input) < 0);
	assert_true(input->problems.count >= 1);
	arena_done(&arena);
}

static void a_round_over_files(void **state)
{
	struct arena arena;
	struct input *inputs;
	const struct demand_spec *demands[3];
	struct trial trial;

	(void)state;
	arena_init(&arena);
	inputs = ARENA_ARRAY(&arena, struct input, 3);
	assert_int_equal(read_text("network.yaml", network_text, &arena, &inputs[0]), 0);
	assert_int_equal(read_text("catalogue.yaml", catalogue_text, &arena, &inputs[1]), 0);
	assert_int_equal(read_text("demands.yaml", demands_text, &arena, &inputs[2]), 0);
	for (size_t d = 0; d < 3; d++)
		demands[d] = &inputs[2].file.demands[d];
	trial_run(&trial, &inputs[0].file.network, &inputs[1].file.catalogue, NULL, demands, 3, &arena);
	assert_int_equal(trial.plan.placement_count, 5); /* the gang, and four of five replicas */
	assert_int_equal(trial.placed[0], 1);
	assert_int_equal(trial.placed[1], 0);
	assert_int_equal(trial.placed[2], 4);
	assert_int_equal(demand_placements(demands[2]), 5);
	assert_false(trial.reasons[trial.class_of[0]].waits);
	assert_true(trial.reasons[trial.class_of[1]].why.never);
	assert_true(trial.reasons[trial.class_of[1]].relaxation.sentence[0]);
	assert_false(trial.reasons[trial.class_of[2]].why.never);
	assert_int_equal(trial.reasons[trial.class_of[2]].why.groups[0].code, VERDICT_CPU_BUSY);
	assert_int_equal(trial.supplies[0].groups[0].chips_free_total, 0);
	trial_done(&trial);
	arena_done(&arena);
}

/* Equal asks share a class whatever else their demands say. */
static void equal_asks_share_a_class(void **state)
{
	struct arena arena;
	struct input *inputs;
	const struct demand_spec *demands[4];
	struct demand_spec copies[4];
	struct trial trial;

	(void)state;
	arena_init(&arena);
	inputs = ARENA_ARRAY(&arena, struct input, 2);
	assert_int_equal(read_text("network.yaml", network_text, &arena, &inputs[0]), 0);
	assert_int_equal(read_text("demands.yaml", demands_text, &arena, &inputs[1]), 0);
	for (size_t d = 0; d < 4; d++) {
		copies[d] = inputs[1].file.demands[0];
		copies[d].name = arena_printf(&arena, "copy-%zu", d);
		copies[d].ask.priority = d == 3 ? 200 : 100;
		demands[d] = &copies[d];
	}
	trial_run(&trial, &inputs[0].file.network, &inputs[1].file.catalogue, NULL, demands, 4, &arena);
	assert_int_equal(trial.input.class_count, 2);
	assert_int_equal(trial.class_of[0], trial.class_of[2]);
	assert_int_equal(trial.plan.placement_count, 1);
	assert_int_equal(trial.placed[3], 1); /* the more urgent one */
	trial_done(&trial);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_checked_across_files),
		cmocka_unit_test(callers_are_checked_where_they_stand),
		cmocka_unit_test(bad_files_say_why),
		cmocka_unit_test(a_round_over_files),
		cmocka_unit_test(equal_asks_share_a_class),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
