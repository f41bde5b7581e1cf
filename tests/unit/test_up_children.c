/* Children that are kept running: started again when they end, stopped in order, swept when left behind. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "daemon/up_children.h"
#include "io/file.h"

struct fixture {
	char folder[64];
	char *pids;
	uv_loop_t loop;
	struct children *children;
	unsigned told;
	bool stopped;
};

static void on_told(void *context, const char *sentence)
{
	struct fixture *fixture = context;

	assert_non_null(strstr(sentence, "exit code 7"));
	fixture->told++;
}

static void on_stopped(void *context)
{
	((struct fixture *)context)->stopped = true;
}

static int setup(void **state)
{
	struct fixture *fixture = mem_alloc(sizeof(*fixture));
	struct children_settings settings = { .loop = &fixture->loop, .log_folder = fixture->folder, .told = on_told, .context = fixture };

	strcpy(fixture->folder, "/tmp/weir-children-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	settings.pid_file = fixture->pids = mem_printf("%s/pids", fixture->folder);
	uv_loop_init(&fixture->loop);
	fixture->children = children_new(&settings);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	cleanup_free char *remove = mem_printf("rm -rf '%s'", fixture->folder);

	children_free(fixture->children);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	assert_int_equal(system(remove), 0);
	free(fixture->pids);
	free(fixture);
	return 0;
}

static void start_shell(struct fixture *fixture, const char *name, const char *script)
{
	struct err err = { "" };
	const char *const arguments[] = { "/bin/sh", "-c", script, fixture->folder, NULL };

	assert_int_equal(children_start(fixture->children, name, arguments, &err), 0);
}

static char *text_of(struct fixture *fixture, const char *name)
{
	cleanup_free char *path = mem_printf("%s/%s", fixture->folder, name);
	struct strbuf text = { 0 };

	if (file_read(path, 65536, &text, NULL) < 0)
		return mem_strdup("");
	return strbuf_take(&text);
}

static void stop_and_wait(struct fixture *fixture)
{
	children_stop(fixture->children, on_stopped, fixture);
	while (!fixture->stopped)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	assert_int_equal(children_running(fixture->children), 0);
	assert_int_equal(access(fixture->pids, F_OK), -1);
}

static void test_none(void **state)
{
	stop_and_wait(*state);
}

static void test_ended_is_started_again(void **state)
{
	struct fixture *fixture = *state;
	cleanup_free char *log = NULL;

	start_shell(fixture, "ends", "echo here; exit 7");
	while (fixture->told < 2)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	assert_int_equal(children_failures(fixture->children, "ends"), 2);
	assert_int_equal(children_failures(fixture->children, "another"), 0);
	stop_and_wait(fixture);
	log = text_of(fixture, "ends.log");
	assert_string_equal(log, "here\nhere\n");
}

/* Waits until the child said that it is ready. */
static void wait_for(struct fixture *fixture, const char *name)
{
	cleanup_free char *path = mem_printf("%s/%s", fixture->folder, name);

	while (access(path, F_OK) != 0) {
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static void test_first_ends_last(void **state)
{
	struct fixture *fixture = *state;
	cleanup_free char *order = NULL;

	start_shell(fixture, "first", "trap 'echo first >> $0/order; exit 0' TERM; : > $0/ready1; while :; do sleep 0.01; done");
	start_shell(fixture, "second", "trap 'sleep 0.1; echo second >> $0/order; exit 0' TERM; : > $0/ready2; while :; do sleep 0.01; done");
	wait_for(fixture, "ready1");
	wait_for(fixture, "ready2");
	assert_int_equal(children_running(fixture->children), 2);
	stop_and_wait(fixture);
	order = text_of(fixture, "order");
	assert_string_equal(order, "second\nfirst\n");
	assert_int_equal(fixture->told, 0);
}

static void test_asked_twice_means_force(void **state)
{
	struct fixture *fixture = *state;

	start_shell(fixture, "deaf", "trap '' TERM; : > $0/ready; while :; do sleep 0.01; done");
	wait_for(fixture, "ready");
	children_stop(fixture->children, on_stopped, fixture);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	assert_false(fixture->stopped);
	children_stop(fixture->children, NULL, NULL);
	while (!fixture->stopped)
		uv_run(&fixture->loop, UV_RUN_ONCE);
}

static void test_cannot_be_started(void **state)
{
	struct fixture *fixture = *state;
	struct err err = { "" };

	assert_true(children_start(fixture->children, "missing", (const char *const[]){ "/nowhere/at/all", NULL }, &err) < 0);
	assert_non_null(strstr(err.text, "missing"));
	stop_and_wait(fixture);
}

/* As a parent that is killed: it starts a child and is gone. */
static void leave_one_behind(struct fixture *fixture)
{
	pid_t parent = fork();
	int status;

	assert_true(parent >= 0);
	if (parent == 0) {
		uv_loop_fork(&fixture->loop);
		start_shell(fixture, "left", ": > $0/ready; exec sleep 1000");
		wait_for(fixture, "ready");
		_exit(0);
	}
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(status, 0);
}

static void test_sweep_ends_what_was_left(void **state)
{
	struct fixture *fixture = *state;
	cleanup_free char *lines = NULL, *others = NULL;
	struct err err = { "" };

	leave_one_behind(fixture);
	lines = text_of(fixture, "pids");
	assert_true(atoi(lines) > 1);
	/* The same number with another beginning is another process. */
	others = mem_printf("%d 1 other\n", atoi(lines));
	assert_int_equal(file_write(fixture->pids, others, strlen(others), 0600, &err), 0);
	assert_int_equal(children_sweep(fixture->pids, &err), 0);
	assert_int_equal(kill(atoi(lines), 0), 0);
	assert_int_equal(file_write(fixture->pids, lines, strlen(lines), 0600, &err), 0);
	assert_int_equal(children_sweep(fixture->pids, &err), 1);
	assert_int_equal(access(fixture->pids, F_OK), -1);
	/* The file is gone; with it back, the process is not found any more. */
	assert_int_equal(file_write(fixture->pids, lines, strlen(lines), 0600, &err), 0);
	assert_int_equal(children_sweep(fixture->pids, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended_is_started_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_ends_last, setup, teardown),
		cmocka_unit_test_setup_teardown(test_asked_twice_means_force, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cannot_be_started, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sweep_ends_what_was_left, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
