/* What asks say of resources, callers and closeness, and what demands say of arrays, order and time. */
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

static const char job_text[] = "demand:\n"
			       "  name: sweep\n"
			       "  workers: 4\n"
			       "  shape: {chips: 1, resources: {rdma: 2, nvme: 1}}\n"
			       "  where: {together: group, arrange: spread}\n"
			       "  price_limit: 12.5\n"
			       "  time_limit: 1h\n"
			       "  deadline: 8h\n"
			       "  after: [fetch, {demand: 0abc, when: any}, {demand: check, when: failure}]\n"
			       "  array: {count: 100, at_once: 10}\n"
			       "  command: [x]\n";

static void assert_job(const struct demand_spec *demand)
{
	const struct ask *ask = &demand->ask;

	assert_int_equal(ask->shape.resource_count, 2);
	assert_string_equal(ask->shape.resources[0].name, "nvme"); /* in order */
	assert_int_equal(ask->shape.resources[1].count, 2);
	assert_int_equal(ask->where.together, TOGETHER_GROUP);
	assert_int_equal(ask->where.arrange, ARRANGE_SPREAD);
	assert_int_equal(ask->price_max_micro, 12500000);
	assert_int_equal(demand->deadline_us, INT64_C(8) * 3600 * 1000000);
	assert_int_equal(demand->after_count, 3);
	assert_string_equal(demand->after[0].demand, "fetch");
	assert_int_equal(demand->after[0].when, AFTER_OK);
	assert_int_equal(demand->after[1].when, AFTER_ANY);
	assert_int_equal(demand->after[2].when, AFTER_FAILURE);
	assert_int_equal(demand->array->count, 100);
	assert_int_equal(demand->array->at_once, 10);
}

static const char service_text[] = "demand:\n"
				   "  name: chat\n"
				   "  kind: service\n"
				   "  workers: 10\n"
				   "  command: [x]\n"
				   "  where:\n"
				   "    callers:\n"
				   "      - {site: west, within: 20ms}\n"
				   "      - {latitude: 31.2, longitude: 121.5, within: 5ms, weight: 4}\n"
				   "      - {site: east, within: 5ms, weight: 2}\n";

static void assert_service(const struct demand_spec *demand)
{
	const struct where *where = &demand->ask.where;

	assert_int_equal(where->caller_count, 3);
	assert_true(where->callers[0].place.has_coordinates); /* in order: no site, east, west */
	assert_int_equal(where->callers[0].place.latitude_udeg, 31200000);
	assert_int_equal(where->callers[0].weight, 4);
	assert_string_equal(where->callers[1].place.site, "east");
	assert_int_equal(where->callers[1].place.within_us, 5000);
	assert_string_equal(where->callers[2].place.site, "west");
	assert_int_equal(where->callers[2].weight, 1);
}

static void check_round_trip(const char *text, void (*check)(const struct demand_spec *))
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf bytes = { 0 };
	struct demand_spec back;
	struct file file;

	assert_string_equal(read_file(&arena, text, &file), "");
	check(&file.demands[0]);
	schema_encode(&demand_schema, &file.demands[0], &bytes);
	assert_int_equal(schema_decode(&demand_schema, bytes.data, bytes.length, &arena, &back, NULL), 0);
	check(&back);
	for (int brief = 0; brief < 2; brief++) {
		cleanup_strbuf struct strbuf json = { 0 };

		strbuf_puts(&json, "{\"demand\":");
		schema_write_json(&demand_schema, &back, brief, &json);
		strbuf_puts(&json, "}");
		assert_string_equal(read_file(&arena, json.data, &file), "");
		check(&file.demands[0]);
	}
}

static void new_keys_are_read_and_kept(void **state)
{
	check_round_trip(job_text, assert_job);
	check_round_trip(service_text, assert_service);
}

static void a_bare_value_stands_for_its_first_key(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct file file;

	assert_string_equal(read_file(&arena, "demand: {name: a, command: [x], array: 5, after: fetch}", &file), "");
	assert_int_equal(file.demands[0].array->count, 5);
	assert_int_equal(file.demands[0].array->at_once, 0);
	assert_int_equal(file.demands[0].after_count, 1);
	assert_string_equal(file.demands[0].after[0].demand, "fetch");
	assert_string_equal(read_file(&arena, "demand: {name: a, command: [x], after: {demand: fetch, when: any}}", &file), "");
	assert_int_equal(file.demands[0].after[0].when, AFTER_ANY);
}

static void wrong_demands_are_told(void **state)
{
	static const char *const cases[][2] = {
		{ "kind: service, array: 3, deadline: 1h, where: {together: node}",
		  "f:1:73: demand.deadline: belongs to jobs, expected none: a service stays up until it is cancelled\n"
		  "f:1:60: demand.array: belongs to jobs, expected none: a service has workers\n"
		  "f:1:95: demand.where.together: belongs to jobs, expected none: each replica of a service is placed by itself\n" },
		{ "where: {callers: [{site: a, within: 1ms}]}",
		  "f:1:55: demand.where.callers: belongs to services, expected none: a job has near\n" },
		{ "kind: service, where: {callers: [{site: a, within: 1ms}], near: {site: a, within: 1ms}}",
		  "f:1:70: demand.where.callers: stands beside near, expected one or the other\n" },
		{ "kind: service, where: {callers: [{site: a, within: 1ms}, {site: a, within: 2ms}]}",
		  "f:1:95: demand.where.callers[1]: is the place of callers[0] again, expected different places\n" },
		{ "kind: service, where: {callers: [{within: 1ms}]}",
		  "f:1:71: demand.where.callers[0].site: is missing, expected a site's name, or latitude and longitude\n" },
		{ "where: {together: node, arrange: spread}",
		  "f:1:71: demand.where.arrange: is \"spread\", but all workers go to one node; expected pack, or another together\n" },
		{ "array: {count: 3, at_once: 4}", "f:1:45: demand.array: has at_once 4, expected at most its count of 3\n" },
		{ "array: 100001", "f:1:45: demand.array: is 100001, expected a whole number from 1 to 100000\n" },
		{ "time_limit: 2h, deadline: 1h",
		  "f:1:50: demand.time_limit: is longer than the deadline, expected at most as long: it could not be used in full\n" },
		{ "after: [b, a, b]", "f:1:52: demand.after[2].demand: \"b\" is there already, as after[0]; expected different names\n"
				      "f:1:45: demand.after: names the demand itself, expected others\n" },
		{ "after: [B, {when: ok}]",
		  "f:1:46: demand.after[0]: is \"B\", expected a name: 1 to 63 lower-case letters, digits, '-', '.', '_', a "
		  "letter or digit at both ends\n"
		  "f:1:49: demand.after[1].demand: is missing, expected a demand's id or name\n" },
		{ "shape: {resources: {rdma: 0}}", "f:1:64: demand.shape.resources.rdma: is 0, expected a whole number from 1 to 1000000000\n" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		cleanup_arena struct arena arena = { 0 };
		struct file file;

		assert_string_equal(read_file(&arena, arena_printf(&arena, "demand: {name: a, command: [\"true\"], %s}\n", cases[i][0]), &file),
				    cases[i][1]);
	}
}

static void members_of_an_array_need_names(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct file file;
	const char *name = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz"; /* 62 */

	assert_string_equal(read_file(&arena, arena_printf(&arena, "demand: {name: %s, command: [x], array: 10}", name + 1), &file), "");
	assert_string_equal(read_file(&arena, arena_printf(&arena, "demand: {name: %s, command: [x], array: 11}", name + 1), &file),
			    "f:1:16: demand.name: is too long for an array whose last member is named NAME.10, expected at most 60 bytes\n");
}

/* The binary form is the identity of an ask: what was written before there were these fields must keep its bytes. */
static void asks_of_old_keep_their_bytes(void **state)
{
	static const char old[] = "\xbf"
				  "\x02\x04"                         /* workers */
				  "\x03\xbf\x01\x19\x01\xf4\xff"     /* shape: cpu */
				  "\x07\xbf\x01\x81\x00\xff"         /* where: tiers */
				  "\xff";
	enum tier hub[] = { TIER_HUB };
	cleanup_strbuf struct strbuf bytes = { 0 };
	struct ask ask;

	schema_defaults(&ask_schema, &ask);
	ask.workers = 4;
	ask.shape.cpu_milli = 500;
	ask.where.tiers = hub;
	ask.where.tier_count = 1;
	schema_encode(&ask_schema, &ask, &bytes);
	assert_int_equal(bytes.length, sizeof(old) - 1);
	assert_memory_equal(bytes.data, old, sizeof(old) - 1);
	ask.where.together = TOGETHER_NODE; /* and what differs in them is another ask */
	schema_encode(&ask_schema, &ask, &bytes);
	assert_int_equal(bytes.length, 2 * (sizeof(old) - 1) + 2);
}

static void a_copy_is_deep(void **state)
{
	cleanup_strbuf struct strbuf before = { 0 }, after = { 0 };
	cleanup_arena struct arena kept = { 0 };
	static const char *const texts[] = {
		job_text, service_text,
		"demand: {name: a, command: [x], shape: {chips: {count: 1, models: [b, a], needs: {software: s, throughput: {fp16: 1T}}}}, "
		"rules: {residency: r}, data: [{name: d, site: s, residency: [q, r]}], where: {tiers: hub, regions: r, sites: [s, t], "
		"near: {site: s, within: 1ms}}}",
	};

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct arena arena;
		struct file file;
		struct ask *copy;

		arena_init(&arena);
		assert_string_equal(read_file(&arena, texts[i], &file), "");
		strbuf_reset(&before);
		schema_encode(&ask_schema, &file.demands[0].ask, &before);
		copy = ask_copy(&file.demands[0].ask, &kept);
		arena_done(&arena); /* the sanitizers see what is still read of it */
		strbuf_reset(&after);
		schema_encode(&ask_schema, copy, &after);
		assert_int_equal(before.length, after.length);
		assert_memory_equal(before.data, after.data, before.length);
	}
}

static void check_counts(const int64_t *weights, size_t count, int64_t workers, const int64_t *expected)
{
	struct caller_place callers[DEMAND_LIST_MAX] = { 0 };
	struct ask ask = { .kind = DEMAND_SERVICE, .workers = workers, .where.callers = callers, .where.caller_count = count };
	int64_t counts[DEMAND_LIST_MAX], ends[DEMAND_LIST_MAX];
	uint32_t replica = 0;

	for (size_t i = 0; i < count; i++)
		callers[i].weight = weights[i];
	ask_caller_counts(&ask, counts);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(counts[i], expected[i]);
		for (int64_t k = 0; k < counts[i]; k++)
			assert_int_equal(ask_caller_of(&ask, replica++), i);
	}
	assert_int_equal(replica, workers);
	ask_caller_ends(&ask, ends);
	for (size_t i = 0; i + 1 < count; i++)
		assert_int_equal(ends[i] - (i ? ends[i - 1] : 0), expected[i]);
	assert_int_equal(ends[count - 1], INT64_MAX);
}

static void replicas_are_shared_out_by_weight(void **state)
{
	check_counts((int64_t[]){ 1 }, 1, 5, (int64_t[]){ 5 });
	check_counts((int64_t[]){ 4, 2, 1 }, 3, 7, (int64_t[]){ 4, 2, 1 });
	check_counts((int64_t[]){ 4, 2, 1 }, 3, 10, (int64_t[]){ 6, 3, 1 }); /* 5.71, 2.86, 1.43 */
	check_counts((int64_t[]){ 1, 1, 1 }, 3, 2, (int64_t[]){ 1, 1, 0 });
	check_counts((int64_t[]){ 1, 1000000 }, 2, 3, (int64_t[]){ 0, 3 });
	check_counts((int64_t[]){ 1000000, 999999, 1 }, 3, 2000, (int64_t[]){ 1000, 1000, 0 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_keys_are_read_and_kept),
		cmocka_unit_test(a_bare_value_stands_for_its_first_key),
		cmocka_unit_test(wrong_demands_are_told),
		cmocka_unit_test(members_of_an_array_need_names),
		cmocka_unit_test(asks_of_old_keep_their_bytes),
		cmocka_unit_test(a_copy_is_deep),
		cmocka_unit_test(replicas_are_shared_out_by_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
