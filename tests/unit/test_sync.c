/* The sync messages: what is written is read back, and what is too much is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "wire/files.h"
#include "wire/sync.h"

/* By way of JSON, as messages go; brief and whole. Compares the binary forms. */
static void check_round_trip(const struct schema *schema, const void *value, void *read)
{
	cleanup_strbuf struct strbuf first = { 0 };

	schema_encode(schema, value, &first);
	for (int brief = 0; brief < 2; brief++) {
		cleanup_strbuf struct strbuf json = { 0 }, second = { 0 };
		struct arena arena = { 0 };
		struct problems problems;
		struct doc *doc;
		struct err err = { "" };

		schema_write_json(schema, value, brief, &json);
		if (doc_parse_json(json.data, json.length, &doc_limits_request, &arena, &doc, &err) < 0)
			fail_msg("%s", err.text);
		problems_init(&problems, &arena, "");
		if (schema_read(schema, doc, read, &problems) < 0)
			fail_msg("%s: %s", problems.list[0].path, problems.list[0].text);
		schema_encode(schema, read, &second);
		assert_int_equal(first.length, second.length);
		assert_memory_equal(first.data, second.data, first.length);
		arena_done(&arena);
	}
}

static void test_a_request_comes_back(void **state)
{
	struct chip_count chips[] = { { "alpha", 8 } };
	struct node_group groups[] = {
		{ .name = "train", .count = 3, .cpu_milli = 4000, .memory_mib = 1024, .chips = chips, .chip_count = 1 }
	};
	const char *notes[] = { "no cgroup: memory limits are not enforced" };
	struct attempt_report attempts[] = {
		{ .demand = UINT64_C(1) << 40, .replica = 2, .attempt = 3, .token = UINT64_MAX, .state = ATTEMPT_ENDED,
		  .outcome = OUTCOME_FAILED, .exit_code = 3, .exit_signal = 0, .failed_worker = 1, .message = "it \"fell\" over",
		  .started_us = 1, .ended_us = 2, .progress_permille = 1000, .cpu_used_us = 7, .memory_peak_mib = 8 },
	};
	struct sync_request request = { .version = SYNC_VERSION, .site = "hub", .epoch = UINT64_MAX, .sequence = 7, .agent = "0.1",
					.engine = ENGINE_SIMULATED, .heard_epoch = 3, .heard_revision = 4, .wait_us = 5, .supply_hash = 6,
					.groups = groups, .group_count = 1, .has_groups = true, .notes = notes, .note_count = 1,
					.attempts = attempts, .attempt_count = 1 };
	struct sync_request read;

	check_round_trip(&sync_request_schema, &request, &read);
}

static void test_groups_that_are_none_differ_from_none_given(void **state)
{
	struct sync_request request = { .version = SYNC_VERSION, .site = "hub", .epoch = 1, .sequence = 1, .agent = "" };
	struct sync_request read;

	check_round_trip(&sync_request_schema, &request, &read);
	assert_false(read.has_groups);
	request.has_groups = true;
	check_round_trip(&sync_request_schema, &request, &read);
	assert_true(read.has_groups);
	assert_int_equal(read.group_count, 0);
}

static void test_a_reply_comes_back(void **state)
{
	static const char *command[] = { "sh", "-c", "echo hello" };
	static int64_t chips[] = { 0, 3 };
	struct worker_slot workers[] = {
		{ .worker = 1, .node = "train/2", .chip_model = "alpha", .chips = chips, .chip_count = 2, .chip_milli = 1000 }
	};
	struct demand_spec spec;
	struct sync_run run[] = { { .demand = 77, .attempt = 1, .token = 9, .spec = &spec, .workers = workers, .worker_count = 1 },
				  { .demand = 78, .replica = 4, .attempt = 2, .token = 10 } };
	struct attempt_name forget[] = { { 79, 0, 1 } };
	struct log_watch watches[] = { { .watch = 5, .demand = 77, .attempt = 1, .stream = 2, .offset = 4096 } };
	struct sync_reply reply = { .version = SYNC_VERSION, .platform = "national", .epoch = 3, .revision = 4, .want_supply = true,
				    .more = true, .lease_us = 30000000, .run = run, .run_count = 2, .forget = forget, .forget_count = 1,
				    .watches = watches, .watch_count = 1 };
	struct sync_reply read;

	schema_defaults(&demand_schema, &spec);
	spec.name = "hello";
	spec.command = command;
	spec.command_count = 3;
	check_round_trip(&sync_reply_schema, &reply, &read);
}

static void test_a_part_of_a_log_comes_back(void **state)
{
	static const uint8_t data[] = { 0, 1, 255, '\n' };
	struct sync_log log = {
		.site = "hub", .watch = 5, .offset = 10, .first = 2, .end = true, .data = { data, sizeof(data) }, .message = ""
	};
	struct sync_log read;

	check_round_trip(&sync_log_schema, &log, &read);
}

static int read_request(const char *json, struct problems *problems, struct arena *arena)
{
	struct sync_request request;
	struct doc *doc;
	struct err err;

	assert_int_equal(doc_parse_json(json, strlen(json), &doc_limits_request, arena, &doc, &err), 0);
	problems_init(problems, arena, "");
	return schema_read(&sync_request_schema, doc, &request, problems);
}

static void test_what_is_wrong_is_refused(void **state)
{
	static const char *const wrong[] = {
		"{}",
		"{\"version\":1,\"site\":\"hub\",\"epoch\":\"1\"}",
		"{\"version\":1,\"site\":\"Not A Name\",\"epoch\":\"1\",\"sequence\":\"1\"}",
		"{\"version\":1,\"site\":\"hub\",\"epoch\":\"x\",\"sequence\":\"1\"}",
		"{\"version\":1,\"site\":\"hub\",\"epoch\":\"1\",\"sequence\":\"1\",\"attempts\":[{\"demand\":\"nonsense\"}]}",
		"{\"version\":1,\"site\":\"hub\",\"epoch\":\"1\",\"sequence\":\"1\",\"groups\":[{\"name\":\"a\",\"count\":1,\"cpu\":\"-1\"}"
		"]}",
	};

	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct problems problems;
		struct arena arena = { 0 };

		assert_int_equal(read_request(wrong[i], &problems, &arena), -EINVAL);
		assert_true(problems.count > 0);
		arena_done(&arena);
	}
}

static void test_more_than_the_limits_is_refused(void **state)
{
	cleanup_strbuf struct strbuf json = { 0 };
	struct problems problems;
	struct arena arena = { 0 };

	strbuf_puts(&json, "{\"version\":1,\"site\":\"hub\",\"epoch\":\"1\",\"sequence\":\"1\",\"notes\":[");
	for (int i = 0; i <= SYNC_NOTES_MAX; i++)
		strbuf_printf(&json, "%s\"note %d\"", i ? "," : "", i);
	strbuf_puts(&json, "]}");
	assert_int_equal(read_request(json.data, &problems, &arena), -EINVAL);
	arena_done(&arena);
}

static void test_words(void **state)
{
	for (int i = 0; i < ATTEMPT_STATE_COUNT; i++)
		assert_int_equal(attempt_state_from_string(attempt_state_to_string((enum attempt_state)i)), i);
	for (int i = 0; i < OUTCOME_COUNT; i++)
		assert_int_equal(outcome_from_string(outcome_to_string((enum outcome)i)), i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_comes_back),
		cmocka_unit_test(test_groups_that_are_none_differ_from_none_given),
		cmocka_unit_test(test_a_reply_comes_back),
		cmocka_unit_test(test_a_part_of_a_log_comes_back),
		cmocka_unit_test(test_what_is_wrong_is_refused),
		cmocka_unit_test(test_more_than_the_limits_is_refused),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
