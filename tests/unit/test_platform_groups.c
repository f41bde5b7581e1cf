/* Groups of nodes as agents report them: what is refused, and what of a supply comes back from a snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "platform/state.h"
#include "wire/files.h"

static struct chip_count chips[] = { { "alpha", 2 }, { "beta", 1 } };
static struct countable resources[] = { { "rdma", 2 }, { "nvme", 4 } };

static void test_groups_come_back_from_their_supply(void **state)
{
	struct node_group groups[] = {
		{ .name = "train", .count = 3, .cpu_milli = 8000, .memory_mib = 4096, .chips = chips, .chip_count = 2, .resources = resources,
		  .resource_count = 2 },
		{ .name = "plain", .count = 1, .cpu_milli = 1000, .memory_mib = 1024 },
	};
	struct countable rdma[] = { { "rdma", 1 } };
	struct shape shape = { .cpu_milli = 1000, .resources = rdma, .resource_count = 1 };
	struct slot slot = { .node = 1 };
	cleanup_arena struct arena arena = { 0 };
	struct node_group *back;
	struct supply supply;

	supply_init(&supply, groups, 2);
	supply_take(&supply, &slot, &shape); /* what is free plays no part */
	back = supply_groups(&supply, &arena);
	for (size_t g = 0; g < 2; g++) {
		cleanup_strbuf struct strbuf before = { 0 }, after = { 0 };

		schema_encode(&node_group_schema, &groups[g], &before);
		schema_encode(&node_group_schema, &back[g], &after);
		assert_int_equal(before.length, after.length);
		assert_memory_equal(before.data, after.data, before.length);
	}
	supply_done(&supply);
}

static void check_refused(struct node_group group, const char *part)
{
	struct err err = { "" };

	assert_int_equal(groups_check(&group, 1, &err), -EINVAL);
	assert_non_null(strstr(err.text, part));
}

static void test_wrong_resources_are_refused(void **state)
{
	struct countable many[RESOURCES_MAX + 1] = { { "a", 1 } };
	struct countable twice[] = { { "a", 1 }, { "a", 2 } }, too_many[] = { { "a", COUNTABLE_MAX + INT64_C(1) } }, unnamed[] = { { "", 1 } };
	struct node_group group = { .name = "g", .count = 1, .resources = resources, .resource_count = 2 };

	assert_int_equal(groups_check(&group, 1, NULL), 0);
	group.resources = many;
	group.resource_count = RESOURCES_MAX + 1;
	check_refused(group, "expected at most 8");
	group.resources = twice;
	group.resource_count = 2;
	check_refused(group, "counts a twice");
	group.resources = too_many;
	group.resource_count = 1;
	check_refused(group, "without a proper name or count");
	group.resources = unnamed;
	check_refused(group, "without a proper name or count");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups_come_back_from_their_supply),
		cmocka_unit_test(test_wrong_resources_are_refused),
	};

	return cmocka_run_group_tests_name("platform groups", tests, NULL, NULL);
}
