/* Policies as files: what is taken, what each key becomes, what is wrong with a tree of tenants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "wire/files.h"

static const char *read_file(struct arena *arena, const char *text, struct file *ret)
{
	cleanup_strbuf struct strbuf out = { 0 };
	struct problems problems;
	int code;

	problems_init(&problems, arena, "f");
	code = file_read_text(text, strlen(text), &problems, ret);
	assert_int_equal(code, problems.count ? -EINVAL : 0);
	problems_print(&problems, &out);
	return arena_strdup(arena, strbuf_text(&out));
}

static const char policy_text[] = "policy:\n"
				  "  name: west\n"
				  "  title: Training drifts west\n"
				  "  weights:\n"
				  "    job_tier_permille: {hub: 1, regional: 400}\n"
				  "    service_tier_permille: {edge: 7}\n"
				  "    latency_permille_per_ms: 200\n"
				  "    wait_permille: 300\n"
				  "    data_permille: 0\n"
				  "    energy_permille: 1100\n"
				  "    carbon_per_kg: 0.25\n"
				  "    fragmentation_permille: 2000\n"
				  "  tenants:\n"
				  "    - {name: lab, weight: 3, quota: {chips: 64, cpu: 1.5}, limit: {chips: 128, memory: 1TiB}}\n"
				  "    - {name: lab-a, parent: lab}\n"
				  "  half_life: 3d\n"
				  "  reservations: 0\n"
				  "  backfill_depth: 10\n"
				  "  preemption: false\n"
				  "  nodes: bestfit\n";

static void assert_policy(const struct policy_spec *policy)
{
	const struct score_weights *weights = &policy->weights;
	const struct tenant_spec *lab = &policy->tenants[0];

	assert_string_equal(policy->name, "west");
	assert_int_equal(weights->tier_permille[DEMAND_JOB][TIER_HUB], 1);
	assert_int_equal(weights->tier_permille[DEMAND_JOB][TIER_REGIONAL], 400);
	assert_int_equal(weights->tier_permille[DEMAND_JOB][TIER_EDGE], 100);
	assert_int_equal(weights->tier_permille[DEMAND_SERVICE][TIER_HUB], 100);
	assert_int_equal(weights->tier_permille[DEMAND_SERVICE][TIER_EDGE], 7);
	assert_int_equal(weights->latency_permille_per_ms, 200);
	assert_int_equal(weights->wait_permille, 300);
	assert_int_equal(weights->data_permille, 0);
	assert_int_equal(weights->energy_permille, 1100);
	assert_int_equal(weights->carbon_micro_per_kg, 250000);
	assert_int_equal(weights->fragmentation_permille, 2000);
	assert_int_equal(policy->tenant_count, 2);
	assert_int_equal(lab->weight, 3);
	assert_int_equal(lab->quota->chip_milli, 64000);
	assert_int_equal(lab->quota->cpu_milli, 1500);
	assert_int_equal(lab->quota->memory_mib, 0);
	assert_int_equal(lab->limit->memory_mib, 1 << 20);
	assert_string_equal(policy->tenants[1].parent, "lab");
	assert_int_equal(policy->tenants[1].weight, 1);
	assert_null(policy->tenants[1].quota);
	assert_int_equal(policy->half_life_us, INT64_C(3) * 86400 * 1000000);
	assert_int_equal(policy->reservations, 0);
	assert_int_equal(policy->backfill_depth, 10);
	assert_false(policy->preemption);
	assert_int_equal(policy->nodes, NODE_POLICY_BESTFIT);
}

static void a_policy_is_read(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct file file;

	assert_string_equal(read_file(&arena, policy_text, &file), "");
	assert_int_equal(file.kind, FILE_POLICY);
	assert_policy(&file.policy);
}

static void a_policy_goes_through_json_and_the_log(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf bytes = { 0 };
	struct policy_spec policy;
	struct file file;

	assert_string_equal(read_file(&arena, policy_text, &file), "");
	schema_encode(&policy_schema, &file.policy, &bytes);
	assert_int_equal(schema_decode(&policy_schema, bytes.data, bytes.length, &arena, &policy, NULL), 0);
	assert_policy(&policy);
	for (int brief = 0; brief < 2; brief++) {
		cleanup_strbuf struct strbuf json = { 0 };
		struct file back;

		strbuf_puts(&json, "{\"policy\":");
		schema_write_json(&policy_schema, &policy, brief, &json);
		strbuf_puts(&json, "}");
		assert_string_equal(read_file(&arena, json.data, &back), "");
		assert_policy(&back.policy);
	}
}

/* What differs from its default is in the binary form, so the defaults of both are the same when nothing is. */
static void defaults_are_those_of_the_model(void **state)
{
	cleanup_strbuf struct strbuf bytes = { 0 };
	struct policy_spec policy;

	policy_defaults(&policy);
	schema_encode(&policy_schema, &policy, &bytes);
	assert_int_equal(bytes.length, 2);
	assert_memory_equal(bytes.data, "\xbf\xff", 2);
}

static void wrong_trees_are_told(void **state)
{
	static const char *const cases[][2] = {
		{ "[{name: a, parent: b}, {name: b, parent: c}, {name: c, parent: b}]",
		  "f:1:69: policy.tenants[1].parent: leads back to the tenant itself, expected a tree\n" },
		{ "[{name: a, parent: a}]", "f:1:47: policy.tenants[0].parent: leads back to the tenant itself, expected a tree\n" },
		{ "[{name: physics}, {name: b, parent: phisics}, {name: b, parent: zzzzzzzzz}]",
		  "f:1:81: policy.tenants[2].name: \"b\" is there already, as tenants[1]; expected different names\n"
		  "f:1:64: policy.tenants[1].parent: there is no tenant \"phisics\", did you mean \"physics\"?\n"
		  "f:1:92: policy.tenants[2].parent: there is no tenant \"zzzzzzzzz\", expected one of those listed\n" },
		{ "[{name: a, quota: {}, limit: {cpu: 1}}]",
		  "f:1:46: policy.tenants[0].quota: names no amount, expected at least one of cpu, memory, chips\n" },
		{ "[{name: a, quota: {chips: 5}, limit: {chips: 4, cpu: 1}}]",
		  "f:1:46: policy.tenants[0].quota: promises more chips than the limit allows, expected at most as much\n" },
		{ "[{name: a, weight: 0}]", "f:1:47: policy.tenants[0].weight: is 0, expected a whole number from 1 to 1000000\n" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		cleanup_arena struct arena arena = { 0 };
		struct file file;

		assert_string_equal(read_file(&arena, arena_printf(&arena, "policy: {name: p, tenants: %s}\n", cases[i][0]), &file),
				    cases[i][1]);
	}
}

static void a_tree_has_a_greatest_depth(void **state)
{
	for (int levels = POLICY_DEPTH_MAX; levels <= POLICY_DEPTH_MAX + 2; levels++) {
		cleanup_arena struct arena arena = { 0 };
		cleanup_strbuf struct strbuf text = { 0 };
		const char *problems;
		struct file file;

		strbuf_puts(&text, "policy: {name: p, tenants: [{name: t0}");
		for (int i = 1; i < levels; i++)
			strbuf_printf(&text, ",\n {name: t%d, parent: t%d}", i, i - 1);
		strbuf_puts(&text, "]}\n");
		problems = read_file(&arena, text.data, &file);
		if (levels == POLICY_DEPTH_MAX)
			assert_string_equal(problems, "");
		else
			assert_string_equal(problems, "f:9:21: policy.tenants[8].parent: is the 9th level of tenants, expected at most 8\n");
	}
}

static void many_tenants_are_checked_quickly(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf text = { 0 };
	struct file file;

	strbuf_puts(&text, "policy:\n  name: p\n  tenants:\n");
	for (int i = 0; i < POLICY_TENANTS_MAX; i++)
		strbuf_printf(&text, "  - {name: t%d, parent: t%d}\n", i, (i + 1) % POLICY_TENANTS_MAX); /* one great circle */
	assert_string_equal(read_file(&arena, text.data, &file),
			    "f:4:24: policy.tenants[0].parent: leads back to the tenant itself, expected a tree\n");
}

static void other_keys_have_bounds(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct file file;

	assert_string_equal(read_file(&arena,
				      "policy:\n"
				      "  weights: {job_tier_permille: {hub: -1}, wait_permille: 100001}\n"
				      "  half_life: 0s\n"
				      "  reservations: 257\n"
				      "  nodes: fdg\n",
				      &file),
			    "f:2:38: policy.weights.job_tier_permille.hub: is -1, expected a whole number from 0 to 100000\n"
			    "f:2:58: policy.weights.wait_permille: is 100001, expected a whole number from 0 to 100000\n"
			    "f:3:14: policy.half_life: is \"0s\", expected a duration such as 30s, 10m, 2h or 1h30m, from 1s to 3660d\n"
			    "f:4:17: policy.reservations: is 257, expected a whole number from 0 to 256\n"
			    "f:5:10: policy.nodes: is \"fdg\", expected one of weir, fgd, bestfit, random, did you mean \"fgd\"?\n"
			    "f:2:3: policy.name: is missing, expected a name\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_is_read),
		cmocka_unit_test(a_policy_goes_through_json_and_the_log),
		cmocka_unit_test(defaults_are_those_of_the_model),
		cmocka_unit_test(wrong_trees_are_told),
		cmocka_unit_test(a_tree_has_a_greatest_depth),
		cmocka_unit_test(many_tenants_are_checked_quickly),
		cmocka_unit_test(other_keys_have_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
