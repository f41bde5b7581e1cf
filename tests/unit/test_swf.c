/* Traces in the Standard Workload Format: what is read, what is refused and where, and the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "wire/swf.h"

#define JOB "7 100 -1 60 4 -1 -1 4 120 -1 1 3 2 -1 -1 5 -1 -1"

static int read_text(const char *text, struct arena *arena, struct swf *ret, struct err *err)
{
	return swf_read(text, strlen(text), arena, ret, err);
}

static void test_reads_jobs_and_comments(void **state)
{
	static const char text[] = "; Version: 2.2\n;Computer:  a cluster \r\n; UnixStartTime: 1132444805\n; MaxProcs: 128\n"
				   "; Partition: 5 grid.example\n;  Partition: all of them\n; Queue: 1 short\n; free words\n\n" JOB "\n"
				   "\t8 101 2 61 1 30.25 1024 -1 -1 2048 0 3 2 9 1 5 7 10\r\n   \n";
	cleanup_arena struct arena arena = { 0 };
	struct err err = { "" };
	struct swf swf;

	assert_int_equal(read_text(text, &arena, &swf, &err), 0);
	assert_int_equal(swf.job_count, 2);
	assert_int_equal(swf.jobs[0].number, 7);
	assert_int_equal(swf.jobs[0].submit_s, 100);
	assert_int_equal(swf.jobs[0].wait_s, -1);
	assert_int_equal(swf.jobs[0].run_s, 60);
	assert_int_equal(swf.jobs[0].processors_asked, 4);
	assert_int_equal(swf.jobs[0].time_asked_s, 120);
	assert_int_equal(swf.jobs[0].user, 3);
	assert_int_equal(swf.jobs[0].group, 2);
	assert_int_equal(swf.jobs[0].partition, 5);
	assert_int_equal(swf.jobs[1].cpu_s, 30);
	assert_int_equal(swf.jobs[1].memory_asked_kib, 2048);
	assert_int_equal(swf.jobs[1].after, 7);
	assert_int_equal(swf.jobs[1].think_s, 10);
	assert_string_equal(swf.header.computer, "a cluster");
	assert_string_equal(swf.header.installation, "");
	assert_int_equal(swf.header.unix_start_s, 1132444805);
	assert_int_equal(swf.header.processors_max, 128);
	assert_int_equal(swf.header.nodes_max, -1);
	assert_int_equal(swf.header.partition_count, 1);
	assert_string_equal(swf_partition_name(&swf, 5), "grid.example");
	assert_null(swf_partition_name(&swf, 6));
	assert_int_equal(swf.header.queue_count, 1);
}

static void test_last_line_needs_no_end(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct err err = { "" };
	struct swf swf;

	assert_int_equal(read_text(JOB, &arena, &swf, &err), 0);
	assert_int_equal(swf.job_count, 1);
}

static void test_faults_have_their_place(void **state)
{
	static const struct {
		const char *text, *message;
		int code;
	} cases[] = {
		{ "", "there is no job in it", -EINVAL },
		{ "; Version: 2\n", "there is no job in it", -EINVAL },
		{ JOB "\n1 2 3\n", "line 2: has 3 fields, expected the 18", -EINVAL },
		{ JOB " 4\n", "line 1: has 19 fields", -EINVAL },
		{ "; x\n7 100 -1 sixty 4 -1 -1 4 120 -1 1 3 2 -1 -1 5 -1 -1\n",
		  "line 2: field 4 (run time) is \"sixty\", expected a number, or -1", -EINVAL },
		{ "7 100 -1 60 4 -1 -1 4 120 -1 1 3.5 2 -1 -1 5 -1 -1\n", "line 1: field 12 (user) is \"3.5\", expected a whole number", -EINVAL },
		{ "7 100 -2 60 4 -1 -1 4 120 -1 1 3 2 -1 -1 5 -1 -1\n", "field 3 (wait time) is \"-2\"", -EINVAL },
		{ "7 -1 -1 60 4 -1 -1 4 120 -1 1 3 2 -1 -1 5 -1 -1\n", "field 2 (submit time) is -1", -EINVAL },
		{ "7 100 -1 60x 4 -1 -1 4 120 -1 1 3 2 -1 -1 5 -1 -1\n", "\"60x\"", -EINVAL },
		{ "7 100 -1 60 - -1 -1 4 120 -1 1 3 2 -1 -1 5 -1 -1\n", "field 5 (processors used) is \"-\"", -EINVAL },
		{ "7 1000000000001 -1 60 4 -1 -1 4 120 -1 1 3 2 -1 -1 5 -1 -1\n", "field 2 (submit time) is 1000000000001, at most", -E2BIG },
		{ "7 99999999999999999999999 -1 60 4 -1 -1 4 120 -1 1 3 2 -1 -1 5 -1 -1\n", "at most 1000000000000 is read", -E2BIG },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		cleanup_arena struct arena arena = { 0 };
		struct swf swf = { .job_count = 42 };
		struct err err = { "" };

		assert_int_equal(read_text(cases[i].text, &arena, &swf, &err), cases[i].code);
		assert_non_null(strstr(err.text, cases[i].message));
		assert_int_equal(swf.job_count, 42); /* untouched */
	}
}

static void test_a_zero_byte_is_no_number(void **state)
{
	static const char text[] = "7 1\0000 -1 60 4 -1 -1 4 120 -1 1 3 2 -1 -1 5 -1 -1\n";
	cleanup_arena struct arena arena = { 0 };
	struct err err = { "" };
	struct swf swf;

	assert_int_equal(swf_read(text, sizeof(text) - 1, &arena, &swf, &err), -EINVAL);
	assert_non_null(strstr(err.text, "field 2"));
}

static void test_limits(void **state)
{
	cleanup_strbuf struct strbuf text = { 0 };
	cleanup_arena struct arena arena = { 0 };
	struct err err = { "" };
	struct swf swf;

	strbuf_puts(&text, JOB);
	while (text.length < SWF_LINE_MAX)
		strbuf_putc(&text, ' ');
	assert_int_equal(swf_read(text.data, text.length, &arena, &swf, &err), 0);
	strbuf_putc(&text, ' ');
	assert_int_equal(swf_read(text.data, text.length, &arena, &swf, &err), -E2BIG);
	strbuf_reset(&text);
	for (int i = 0; i < SWF_NAMES_MAX; i++)
		strbuf_puts(&text, "; Queue: 1 q\n");
	strbuf_puts(&text, JOB "\n");
	assert_int_equal(swf_read(text.data, text.length, &arena, &swf, &err), 0);
	assert_int_equal(swf.header.queue_count, SWF_NAMES_MAX);
	strbuf_puts(&text, "; Queue: 1 q\n");
	assert_int_equal(swf_read(text.data, text.length, &arena, &swf, &err), -E2BIG);
	/* More lines than jobs can be told before memory is asked for them. */
	strbuf_reset(&text);
	for (int i = 0; i <= SWF_JOBS_MAX; i++)
		strbuf_add(&text, "1\n", 2);
	assert_int_equal(swf_read(text.data, text.length, &arena, &swf, &err), -E2BIG);
	assert_non_null(strstr(err.text, "10000001 jobs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_jobs_and_comments), cmocka_unit_test(test_last_line_needs_no_end),
		cmocka_unit_test(test_faults_have_their_place), cmocka_unit_test(test_a_zero_byte_is_no_number), cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
