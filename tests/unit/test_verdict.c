#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "policy/verdict.h"

static void every_code_has_a_word_and_a_sentence(void **state)
{
	struct strbuf text = { 0 };

	(void)state;
	for (int code = 0; code < VERDICT_COUNT; code++) {
		struct verdict bare = { .code = (enum verdict_code)code };
		struct verdict named = { .code = (enum verdict_code)code, .have = 1, .want = 2, .name = "name", .other = "other" };

		assert_int_equal(verdict_code_from_string(verdict_code_to_string((enum verdict_code)code)), code);
		strbuf_reset(&text);
		verdict_describe(&bare, NULL, &text);
		assert_true(text.length > 3);
		assert_null(strstr(strbuf_text(&text), "(null)"));
		strbuf_reset(&text);
		verdict_describe(&named, "h100", &text);
		assert_true(text.length > 3);
		assert_int_not_equal(strbuf_text(&text)[text.length - 1], '.');
	}
	for (int resource = 0; resource < RESOURCE_COUNT; resource++)
		assert_int_equal(verdict_resource_from_string(verdict_resource_to_string((enum verdict_resource)resource)), resource);
	strbuf_done(&text);
}

static void check_text(struct verdict verdict, const char *chips, const char *expected)
{
	struct strbuf text = { 0 };

	verdict_describe(&verdict, chips, &text);
	assert_string_equal(strbuf_text(&text), expected);
	strbuf_done(&text);
}

static void sentences_carry_the_numbers(void **state)
{
	(void)state;
	check_text((struct verdict){ .code = VERDICT_CHIPS_BUSY, .resource = RESOURCE_CHIPS, .have = 12, .want = 64 }, "ascend-910b",
		   "too few free ascend-910b: has 12 of 64");
	check_text((struct verdict){ .code = VERDICT_CHIPS_BUSY, .resource = RESOURCE_CHIP_SHARE, .have = 50, .want = 250 }, "h100",
		   "too little left of h100: has 0.05 of 0.25 chip");
	check_text((struct verdict){ .code = VERDICT_CPU_BUSY, .resource = RESOURCE_CPU, .have = 1500, .want = 4000 }, NULL,
		   "too little free CPU: has 1.5 of 4 cores");
	check_text((struct verdict){ .code = VERDICT_SCATTERED, .have = 3, .want = 8 }, NULL,
		   "enough is free, but scattered over the nodes: has room for 3 of 8 workers");
	check_text((struct verdict){ .code = VERDICT_SITE_TOO_SMALL, .have = 0, .want = 1 }, NULL,
		   "too small even when empty: has room for 0 of 1 worker");
	check_text((struct verdict){ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_CHIPS, .have = 4, .want = 8 }, NULL,
		   "no node is large enough for a worker: has 4 of 8 usable chips");
	check_text((struct verdict){ .code = VERDICT_TIER, .name = "edge" }, NULL, "tier edge is not asked for");
	check_text((struct verdict){ .code = VERDICT_RESIDENCY, .name = "henan", .other = "corpus" }, NULL,
		   "the data corpus may not go to henan");
	check_text((struct verdict){ .code = VERDICT_RESIDENCY, .name = "henan" }, NULL, "the work may not go to henan");
	check_text((struct verdict){ .code = VERDICT_CHIP_MODEL, .name = "t4" }, "h100", "no h100");
	check_text((struct verdict){ .code = VERDICT_CHIP_CLEARANCE, .name = "t4" }, NULL, "the security review of t4 is not passed");
	check_text((struct verdict){ .code = VERDICT_LATENCY, .have = -1 }, NULL, "the place to be near is unknown");
	check_text((struct verdict){ .code = VERDICT_SITE_LOST, .have = -1 }, NULL, "lost, never seen");
}

static void sentences_of_price_limit_and_closeness(void **state)
{
	(void)state;
	check_text((struct verdict){ .code = VERDICT_PRICE, .have = 12500000, .want = 10000000 }, NULL,
		   "costs more than is accepted: 12.50 an hour where at most 10.00 is accepted");
	check_text((struct verdict){ .code = VERDICT_LIMIT, .resource = RESOURCE_CPU, .name = "lab-a", .have = 1000, .want = 4000 }, NULL,
		   "the limit of the tenant lab-a is reached: has 1 of 4 cores");
	check_text((struct verdict){ .code = VERDICT_RESOURCE_BUSY, .resource = RESOURCE_OTHER, .name = "rdma", .have = 1, .want = 2 },
		   NULL, "too little free of rdma: has 1 of 2");
	check_text((struct verdict){ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_OTHER, .name = "rdma", .have = 1, .want = 2 },
		   NULL, "no node is large enough for a worker: has 1 of 2 rdma");
	check_text((struct verdict){ .code = VERDICT_SITE_TOO_SMALL, .name = "node", .have = 3, .want = 8 }, NULL,
		   "no node is large enough for all workers even when empty: has room for 3 of 8 workers");
	check_text((struct verdict){ .code = VERDICT_APART, .name = "group", .have = 3, .want = 8 }, NULL,
		   "enough is free, but not in one group: has room for 3 of 8 workers");
	check_text((struct verdict){ .code = VERDICT_RESERVED, .want = 7200 }, NULL,
		   "what is free is kept for a demand ahead of it that starts in 2 h");
	check_text((struct verdict){ .code = VERDICT_RESERVED }, NULL, "what is free is kept for a demand ahead of it");
}

/* Rounding for people must not say "64 GiB of 64 GiB". */
static void near_misses_are_told_apart(void **state)
{
	struct verdict verdict = { .code = VERDICT_MEMORY_BUSY, .resource = RESOURCE_MEMORY, .have = 64 * 1024 - 1, .want = 64 * 1024 };
	struct strbuf text = { 0 };
	char *middle;

	(void)state;
	assert_true(verdict_numbers(&verdict, &text));
	middle = strstr(text.data, " of ");
	assert_non_null(middle);
	*middle = 0;
	assert_string_not_equal(text.data, middle + 4);
	strbuf_done(&text);
}

static void nearer_is_ordered(void **state)
{
	static const struct verdict ascending[] = {
		{ .code = VERDICT_TIER, .name = "edge" },
		{ .code = VERDICT_LATENCY, .have = -1, .want = 100 },
		{ .code = VERDICT_LATENCY, .have = 900, .want = 100 },
		{ .code = VERDICT_LATENCY, .have = 101, .want = 100 },
		{ .code = VERDICT_PRICE, .have = 900, .want = 100 },
		{ .code = VERDICT_PRICE, .have = 101, .want = 100 },
		{ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_CHIPS, .have = 7, .want = 8 },
		{ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_CPU, .have = 1, .want = 8 },
		{ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_MEMORY, .have = 1, .want = 8 },
		{ .code = VERDICT_NODE_TOO_SMALL, .resource = RESOURCE_OTHER, .name = "rdma", .have = 1, .want = 8 },
		{ .code = VERDICT_SITE_TOO_SMALL, .have = 1, .want = 2 },
		{ .code = VERDICT_SITE_UNSEEN },
		{ .code = VERDICT_SITE_LOST, .have = -1 },
		{ .code = VERDICT_SITE_LOST, .have = 100 },
		{ .code = VERDICT_SITE_LOST, .have = 10 },
		{ .code = VERDICT_CHIPS_BUSY, .have = 12, .want = 64 },
		{ .code = VERDICT_CHIPS_BUSY, .have = 13, .want = 64 },
		{ .code = VERDICT_RESERVED },
		{ .code = VERDICT_RESERVED, .want = 100 },
		{ .code = VERDICT_RESERVED, .want = 10 },
		{ .code = VERDICT_SCATTERED, .have = 1, .want = 3 },
		{ .code = VERDICT_SCATTERED, .have = 2, .want = 3 },
		{ .code = VERDICT_ROUND_PENDING },
		{ .code = VERDICT_FITS },
	};
	size_t count = sizeof(ascending) / sizeof(ascending[0]);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < count; k++) {
			int order = verdict_compare(&ascending[i], &ascending[k]);

			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_word_and_a_sentence),
		cmocka_unit_test(sentences_carry_the_numbers),
		cmocka_unit_test(sentences_of_price_limit_and_closeness),
		cmocka_unit_test(near_misses_are_told_apart),
		cmocka_unit_test(nearer_is_ordered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
