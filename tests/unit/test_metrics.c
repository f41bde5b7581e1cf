/* The exposition: every line is of the OpenMetrics form, labels are escaped, it ends with # EOF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <regex.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/metrics.h"

static void test_each_line_has_the_form(void **state)
{
	struct chip_summary chips[] = { { .model = "ascend-910b", .vendor = "Huawei", .count = 64, .free = 12, .waiting = 8 },
					{ .model = "odd\"name\\with\nall", .vendor = "", .count = 1 } };
	struct tier_summary tiers[TIER_COUNT] = { 0 };
	struct summary summary = { .tiers = tiers,
				   .tier_count = TIER_COUNT,
				   .version = "0.1.0",
				   .sequence = 7,
				   .chips = chips,
				   .chip_count = 2,
				   .chips_domestic = 64 };
	struct metrics_figures figures = { .commits = 3, .round_us_total = 1500007 };
	struct gap_measure round = { .measured_us = 1800000000000000, .placed_chip_milli = 60500, .bound_chip_milli = 64000, .gap_permille = 55 };
	cleanup_strbuf struct strbuf out = { 0 };
	regex_t form;
	char *line, *rest;

	summary.tiers[TIER_REGIONAL].tier = TIER_REGIONAL;
	summary.tiers[TIER_EDGE].tier = TIER_EDGE;
	summary.round = &round;
	metrics_write(&summary, &figures, &out);
	assert_non_null(strstr(out.data, "weir_round_bound_chips 64.000\n"));
	assert_non_null(strstr(out.data, "weir_round_placed_chips 60.500\n"));
	assert_non_null(strstr(out.data, "weir_round_gap_ratio 0.055\n"));
	assert_non_null(strstr(out.data, "weir_chips_free{model=\"ascend-910b\"} 12\n"));
	assert_non_null(strstr(out.data, "{model=\"odd\\\"name\\\\with\\nall\"} 1\n"));
	assert_non_null(strstr(out.data, "weir_round_seconds_total 1.500007\n"));
	assert_string_equal(out.data + out.length - 6, "# EOF\n");
	assert_int_equal(regcomp(&form,
				 "^(# (TYPE|HELP|UNIT) weir_[a-z_]+ .+|# EOF|weir_[a-z_]+([{][a-z]+=\".*\"[}])? -?[0-9]+([.][0-9]+)?)$",
				 REG_EXTENDED | REG_NOSUB),
			 0);
	for (line = strtok_r(out.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		assert_int_equal(regexec(&form, line, 0, NULL, 0), 0);
	regfree(&form);
}

static void test_without_a_measured_round_there_is_no_gap(void **state)
{
	struct tier_summary tiers[TIER_COUNT] = { 0 };
	struct summary summary = { .tiers = tiers, .tier_count = TIER_COUNT, .version = "0.1.0" };
	struct metrics_figures figures = { .estimate_us_last = 2500 };
	cleanup_strbuf struct strbuf out = { 0 };

	metrics_write(&summary, &figures, &out);
	assert_null(strstr(out.data, "\nweir_round_gap_ratio"));
	assert_non_null(strstr(out.data, "weir_estimates_last_seconds 0.002500\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_line_has_the_form),
					   cmocka_unit_test(test_without_a_measured_round_there_is_no_gap) };

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
