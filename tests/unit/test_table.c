/* Tables and text on a terminal: alignment with wide characters, cutting, nothing that steers the terminal. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cli/table.h"

static void test_widths(void **state)
{
	assert_int_equal(text_width("guian-hub"), 9);
	assert_int_equal(text_width("贵安"), 4);
	assert_int_equal(text_width("…"), 1);
	assert_int_equal(text_width("\xff\xfe"), 2);
	assert_int_equal(text_width(""), 0);
}

static void check_cut(const char *text, size_t width, const char *expected)
{
	cleanup_strbuf struct strbuf out = { 0 };
	size_t used = text_add_cut(&out, text, width);

	assert_string_equal(strbuf_text(&out), expected);
	assert_int_equal(used, text_width(expected));
	assert_true(width == SIZE_MAX || used <= width);
}

static void test_cut(void **state)
{
	check_cut("hello", 5, "hello");
	check_cut("hello", 4, "hel…");
	check_cut("hello", 1, "…");
	check_cut("hello", 0, "");
	check_cut("hello", SIZE_MAX, "hello");
	check_cut("贵安贵安", 8, "贵安贵安");
	check_cut("贵安贵安", 7, "贵安贵…");
	check_cut("贵安贵安", 6, "贵安…");
}

static void test_controls_are_shown_as_marks(void **state)
{
	check_cut("a\033[31mb\n", SIZE_MAX, "a?[31mb?");
	check_cut("\xc2\x9b" "x\x7f", SIZE_MAX, "?x?");        /* CSI as one character, and delete */
	check_cut("\xe2\x80\xae" "abc", SIZE_MAX, "?abc");      /* right-to-left override */
	check_cut("a\xff" "b", SIZE_MAX, "a?b");
	check_cut("\xe8\xb4", SIZE_MAX, "??");                  /* cut off in the middle of a character */
	check_cut("\xc0\xaf", SIZE_MAX, "??");                  /* overlong */
}

static struct table *sample(void)
{
	struct table *table = table_new();

	table_column(table, "SITE", 0);
	table_column(table, "TITLE", TABLE_SHRINK);
	table_column(table, "FREE", TABLE_RIGHT);
	table_cell(table, STYLE_PLAIN, "guian-hub");
	table_cell(table, STYLE_PLAIN, "Gui'an cluster 贵安");
	table_cellf(table, STYLE_GOOD, "%d", 4096);
	table_cell(table, STYLE_PLAIN, "suzhou-edge");
	table_cell(table, STYLE_PLAIN, "Suzhou 苏州");
	table_cellf(table, STYLE_PLAIN, "%d", 2);
	return table;
}

static void test_alignment(void **state)
{
	cleanup(table_free) struct table *table = sample();
	cleanup_strbuf struct strbuf out = { 0 };

	table_render(table, 0, false, &out);
	assert_string_equal(strbuf_text(&out), "SITE         TITLE                FREE\n"
					       "guian-hub    Gui'an cluster 贵安  4096\n"
					       "suzhou-edge  Suzhou 苏州             2\n");
	assert_int_equal(table_rows(table), 2);
}

static void test_no_line_is_wider_than_asked(void **state)
{
	for (size_t width = 1; width < 60; width++) {
		cleanup(table_free) struct table *table = sample();
		cleanup_strbuf struct strbuf out = { 0 };
		char *line, *rest = NULL;

		table_render(table, width, false, &out);
		for (line = strtok_r(out.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			assert_true(text_width(line) <= width);
	}
}

static void test_shrinks_what_may_shrink(void **state)
{
	cleanup(table_free) struct table *table = sample();
	cleanup_strbuf struct strbuf out = { 0 };

	table_render(table, 30, false, &out);
	assert_string_equal(strbuf_text(&out), "SITE         TITLE        FREE\n"
					       "guian-hub    Gui'an clu…  4096\n"
					       "suzhou-edge  Suzhou 苏州     2\n");
}

static void test_leaves_out_what_it_may(void **state)
{
	cleanup(table_free) struct table *table = table_new();
	cleanup_strbuf struct strbuf wide = { 0 }, narrow = { 0 }, narrower = { 0 };

	table_column(table, "NAME", TABLE_SHRINK);
	table_column(table, "TENANT", TABLE_SPARE);
	table_column(table, "TIME", TABLE_SPARE | TABLE_RIGHT);
	table_column_least(table, "SITE", 9);
	for (int i = 0; i < 4; i++)
		table_cell(table, STYLE_PLAIN, (const char *const[]){ "compress", "default", "3 s", "guian-hub-west" }[i]);
	table_render(table, 34, false, &wide);
	assert_string_equal(strbuf_text(&wide), "NAME      TENANT   TIME  SITE\n"
						"compress  default   3 s  guian-hu…\n");
	table_render(table, 25, false, &narrow);
	assert_string_equal(strbuf_text(&narrow), "NAME      TIME  SITE\n"
						  "compress   3 s  guian-hu…\n");
	table_render(table, 20, false, &narrower);
	assert_string_equal(strbuf_text(&narrower), "NAME      SITE\n"
						    "compress  guian-hub…\n");
}

static void test_colours(void **state)
{
	cleanup(table_free) struct table *table = table_new();
	cleanup_strbuf struct strbuf out = { 0 };

	table_column(table, "A", TABLE_RIGHT);
	table_cell(table, STYLE_BAD, "x");
	table_cell(table, STYLE_PLAIN, "");
	table_render(table, 0, true, &out);
	assert_string_equal(strbuf_text(&out), "\033[1mA\033[0m\n\033[31mx\033[0m\n\n");
}

static void test_bar(void **state)
{
	cleanup_strbuf struct strbuf out = { 0 };

	bar_add(&out, 0, 4);
	bar_add(&out, 500, 4);
	bar_add(&out, 1000, 4);
	bar_add(&out, 5000, 1);
	bar_add(&out, -1, 1);
	assert_string_equal(strbuf_text(&out), "░░░░██░░█████░");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_controls_are_shown_as_marks),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_no_line_is_wider_than_asked),
		cmocka_unit_test(test_shrinks_what_may_shrink),
		cmocka_unit_test(test_leaves_out_what_it_may),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_bar),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
