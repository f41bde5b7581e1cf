/* Small files whole: limits, replacing, folders, the lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "io/file.h"

struct scratch {
	char folder[64];
	char path[128];
};

static int setup(void **state)
{
	struct scratch *scratch = mem_alloc(sizeof(*scratch));

	snprintf(scratch->folder, sizeof(scratch->folder), "/tmp/weir-file-XXXXXX");
	if (!mkdtemp(scratch->folder))
		return -1;
	snprintf(scratch->path, sizeof(scratch->path), "%s/file", scratch->folder);
	*state = scratch;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *scratch = *state;
	int code;

	unlink(scratch->path);
	code = rmdir(scratch->folder); /* nothing else may be left in it */
	free(scratch);
	return code;
}

static void test_content_is_replaced_whole(void **state)
{
	struct scratch *scratch = *state;
	cleanup_strbuf struct strbuf text = { 0 };
	struct err err = { "" };
	struct stat status;

	assert_int_equal(file_write(scratch->path, "the first", 9, 0600, &err), 0);
	assert_int_equal(file_write(scratch->path, "second", 6, 0640, &err), 0);
	strbuf_puts(&text, "before ");
	assert_int_equal(file_read(scratch->path, 100, &text, &err), 0);
	assert_string_equal(strbuf_text(&text), "before second");
	assert_int_equal(stat(scratch->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
}

static void test_a_failure_leaves_the_output_alone(void **state)
{
	struct scratch *scratch = *state;
	cleanup_strbuf struct strbuf text = { 0 };
	struct err err = { "" };

	strbuf_puts(&text, "before");
	assert_int_equal(file_read(scratch->path, 100, &text, &err), -ENOENT);
	assert_non_null(strstr(err.text, scratch->path));
	assert_int_equal(file_write(scratch->path, "123456", 6, 0600, &err), 0);
	assert_int_equal(file_read(scratch->path, 5, &text, &err), -EFBIG);
	assert_int_equal(file_read(scratch->folder, 5, &text, &err), -EISDIR);
	assert_string_equal(strbuf_text(&text), "before");
	assert_int_equal(file_read(scratch->path, 6, &text, &err), 0); /* the limit itself is within */
	assert_int_equal(file_write("/nowhere/at/all", "x", 1, 0600, &err), -ENOENT);
}

static void test_folders_are_made_with_those_above(void **state)
{
	struct scratch *scratch = *state;
	cleanup_free char *above = mem_printf("%s/a", scratch->folder);
	cleanup_free char *folder = mem_printf("%s/a/b", scratch->folder);
	cleanup_free char *below = mem_printf("%s/c", scratch->path);
	struct err err = { "" };

	assert_int_equal(folder_make(folder, 0700, &err), 0);
	assert_int_equal(folder_make(folder, 0700, &err), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(rmdir(above), 0);
	assert_int_equal(folder_make("", 0700, &err), -EINVAL);
	assert_int_equal(file_write(scratch->path, "", 0, 0600, &err), 0);
	assert_int_equal(folder_make(scratch->path, 0700, &err), -ENOTDIR);
	assert_int_equal(folder_make(below, 0700, &err), -ENOTDIR);
}

/* What another process gets: its negative errno. */
static int lock_elsewhere(const char *path)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		int fd;

		_exit(-file_lock(path, &fd, NULL));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void test_a_lock_keeps_other_processes_out(void **state)
{
	struct scratch *scratch = *state;
	struct err err = { "" };
	int fd;

	assert_int_equal(file_lock(scratch->path, &fd, &err), 0);
	assert_int_equal(lock_elsewhere(scratch->path), -EBUSY);
	close(fd);
	assert_int_equal(lock_elsewhere(scratch->path), 0); /* and it ended with that process */
	assert_int_equal(file_lock(scratch->path, &fd, &err), 0);
	close(fd);
}

/* A child that a killed agent leaves behind must not keep its successor out. */
static void test_a_child_does_not_hold_its_parents_lock(void **state)
{
	struct scratch *scratch = *state;
	int ends[2], status;
	pid_t middle, child = 0;
	char byte;

	assert_int_equal(pipe(ends), 0);
	middle = fork();
	if (middle == 0) {
		int fd;

		if (file_lock(scratch->path, &fd, NULL) < 0)
			_exit(1);
		child = fork();
		if (child == 0) {
			/* Lives until the test closes its end of the pipe. */
			close(ends[1]);
			_exit(read(ends[0], &byte, 1) < 0);
		}
		_exit(0);
	}
	close(ends[0]);
	assert_int_equal(waitpid(middle, &status, 0), middle);
	assert_int_equal(status, 0);
	assert_int_equal(lock_elsewhere(scratch->path), 0);
	close(ends[1]);
}

/* A thousand words whole, then cut short, then with wrong bytes. */
static void test_packed(void **state)
{
	struct scratch *scratch = *state;
	cleanup_strbuf struct strbuf text = { 0 }, packed = { 0 };
	struct err err = { "" };
	gzFile out = gzopen(scratch->path, "wb");

	assert_non_null(out);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(gzwrite(out, "twice", 5), 5);
	assert_int_equal(gzclose(out), Z_OK);
	assert_int_equal(file_read(scratch->path, 4999, &packed, &err), 0);
	assert_true(packed.length < 200);
	assert_int_equal(file_read_packed(scratch->path, 4999, &text, &err), -EFBIG);
	assert_int_equal(text.length, 0);
	assert_int_equal(file_read_packed(scratch->path, 5000, &text, &err), 0);
	assert_int_equal(text.length, 5000);
	assert_memory_equal(text.data + 4990, "twicetwice", 10);
	strbuf_reset(&text);
	assert_int_equal(file_write(scratch->path, packed.data, packed.length - 9, 0600, &err), 0);
	assert_int_equal(file_read_packed(scratch->path, 5000, &text, &err), -EINVAL);
	assert_non_null(strstr(err.text, "ends in the middle"));
	packed.data[packed.length - 12] ^= 0x55;
	packed.data[packed.length - 6] ^= 0x55;
	assert_int_equal(file_write(scratch->path, packed.data, packed.length, 0600, &err), 0);
	assert_int_equal(file_read_packed(scratch->path, 5000, &text, &err), -EINVAL);
	assert_int_equal(text.length, 0);
}

static void test_plain_is_read_as_it_is(void **state)
{
	struct scratch *scratch = *state;
	cleanup_strbuf struct strbuf text = { 0 };
	struct err err = { "" };

	assert_int_equal(file_write(scratch->path, "plain", 5, 0600, &err), 0);
	assert_int_equal(file_read_packed(scratch->path, 4, &text, &err), -EFBIG);
	assert_int_equal(file_read_packed(scratch->path, 5, &text, &err), 0);
	assert_string_equal(strbuf_text(&text), "plain");
	assert_int_equal(file_read_packed("/nowhere/at/all", 5, &text, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_content_is_replaced_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_failure_leaves_the_output_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folders_are_made_with_those_above, setup, teardown),
		cmocka_unit_test_setup_teardown(test_packed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plain_is_read_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_lock_keeps_other_processes_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_child_does_not_hold_its_parents_lock, setup, teardown),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
