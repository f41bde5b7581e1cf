/* What only the local engine does: real processes, their ends, and what is left of them when things are killed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract/engine_fixture.h"
#include "engine/attempt_key.h"
#include "engine/records.h"

static int setup(void **state)
{
	struct engine_fixture *fixture = calloc(1, sizeof(*fixture));

	fixture_open_scratch(fixture, &weir_engine_local, true);
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	unsetenv("SHIM_DELAY_MS");
	unsetenv("SHIM_DIES");
	fixture_done(*state);
	free(*state);
	return 0;
}

static void start_text(struct engine_fixture *fixture, unsigned number, const char *text)
{
	struct weir_start start = start_shell(fixture, number, text);

	fixture_start(fixture, &start);
}

static void stop(struct engine_fixture *fixture, unsigned number, int64_t grace_us)
{
	struct weir_attempt_key key = key_of(number);

	assert_int_equal(fixture->ops->stop(fixture->engine, &key, grace_us), 0);
}

static void assert_output(struct engine_fixture *fixture, unsigned number, uint32_t worker, int stream, const char *expected)
{
	char *text = read_stream(fixture, number, worker, stream);

	assert_string_equal(text, expected);
	free(text);
}

static bool nothing_is_left(void *context)
{
	return processes_left(context) == 0;
}

static bool file_is_there(void *path)
{
	return access(path, F_OK) == 0;
}

static void test_environment(void **state)
{
	struct engine_fixture *fixture = *state;
	const struct weir_variable variables[] = { { "GREETING", "hello you" }, { "CUDA_VISIBLE_DEVICES", "7" }, { "LANG", "C" } };
	const struct weir_worker worker = { .index = 5, .node = "machine/1", .chip_model = "h100", .chips = 0x50, .chip_milli = 1000 };
	struct weir_start start = start_shell(
		fixture, 1,
		"echo $GREETING,$LANG,$WEIR_SITE,$WEIR_TIER,$WEIR_REGION,$WEIR_NODE,$WEIR_NAME;"
		"echo $WEIR_WORKER,$WEIR_WORKERS,$WEIR_ATTEMPT,$WEIR_REPLICA,$WEIR_CHIPS,$WEIR_CHIP_MODEL,$WEIR_CHIP_MILLI;"
		"echo \"$CUDA_VISIBLE_DEVICES,${ASCEND_RT_VISIBLE_DEVICES-unset}\"; test \"$PWD\" = \"$WEIR_FOLDER/work\" && echo there;"
		"test -n \"$WEIR_DEMAND\" -a -n \"$HOME\" -a -n \"$USER\" && echo named; echo ${SECRET-none}");
	struct weir_start bare;

	setenv("SECRET", "of the agent", 1);
	start.environment = variables;
	start.environment_count = 3;
	start.workers = &worker;
	start.workers_total = 6;
	fixture_start(fixture, &start);
	unsetenv("SECRET");
	bare = start_shell(fixture, 2, "echo \"<$CUDA_VISIBLE_DEVICES>\"; pwd");
	bare.working_folder = "/usr";
	fixture_start(fixture, &bare);
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	/* Chips 4 and 6 of the node are the H100s 0 and 2: its first four chips are another runtime's. */
	assert_output(fixture, 1, 5, 1,
		      "hello you,C,guian-hub,hub,guizhou,machine/1,a-test\n5,6,1,1,4,6,h100,1000\n0,2,\nthere\nnamed\nnone\n");
	wait_for_end(fixture, 2, WEIR_SUCCEEDED);
	assert_output(fixture, 2, 0, 1, "<>\n/usr\n");
}

static void test_signals_are_told(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status status;

	start_text(fixture, 1, "kill -SEGV $$");
	status = wait_for_end(fixture, 1, WEIR_FAILED);
	assert_int_equal(status.exit_code, -1);
	assert_int_equal(status.exit_signal, SIGSEGV);
	assert_true(status.cpu_used_us >= 0);
	assert_true(status.memory_peak_mib >= 0);
}

static void test_what_cannot_start(void **state)
{
	struct engine_fixture *fixture = *state;
	const char *missing[] = { "no-such-program-here" };
	struct weir_start start = start_shell(fixture, 1, "");
	struct weir_attempt_status status;
	char message[200] = "";

	start.command = missing;
	start.command_count = 1;
	fixture_start(fixture, &start);
	status = wait_for_end(fixture, 1, WEIR_FAILED);
	assert_string_equal(status.message, "cannot run 'no-such-program-here': No such file or directory");
	assert_int_equal(status.started_us, 0);
	start = start_shell(fixture, 2, "true");
	start.working_folder = "/no/such/folder";
	fixture_start(fixture, &start);
	status = wait_for_end(fixture, 2, WEIR_FAILED);
	assert_string_equal(status.message, "cannot enter its working folder '/no/such/folder': No such file or directory");
	start.key = key_of(3);
	start.command_count = 0;
	assert_int_equal(fixture->ops->start(fixture->engine, &start, message, sizeof(message)), -EINVAL);
	assert_string_equal(message, "there is no command to run");
}

static void test_no_supervisor(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_start start = start_shell(fixture, 1, "true");
	struct weir_attempt_status status;
	char message[200] = "";

	fixture_close(fixture);
	snprintf(fixture->shim, sizeof(fixture->shim), "/no/such/shim");
	fixture_open(fixture);
	assert_int_equal(fixture->ops->start(fixture->engine, &start, message, sizeof(message)), -ENOENT);
	assert_non_null(strstr(message, "/no/such/shim"));
	assert_false(fixture_find(fixture, 1, &status));
	fixture_close(fixture);
	snprintf(fixture->shim, sizeof(fixture->shim), "%s", SHIM_PATH);
	fixture_open(fixture);
	assert_false(fixture_find(fixture, 1, &status));
	setenv("SHIM_DIES", "1", 1);
	fixture_start(fixture, &start);
	status = wait_for_end(fixture, 1, WEIR_FAILED);
	assert_string_equal(status.message, "its supervisor ended before it began");
}

static void test_force_after_grace(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status status;
	char trapped[64];

	snprintf(trapped, sizeof(trapped), "%s/trapped", fixture->root);
	start_text(fixture, 1, "trap '' TERM; cd ../../../../..; echo > trapped; while :; do sleep 0.05; done");
	wait_until(fixture, file_is_there, trapped, "the signal to be ignored");
	stop(fixture, 1, FOREVER_US);
	wait_for_state(fixture, 1, WEIR_STOPPING);
	stop(fixture, 1, 50000); /* a later stop may be in more of a hurry */
	status = wait_for_end(fixture, 1, WEIR_STOPPED);
	assert_int_equal(status.exit_signal, SIGKILL);
	wait_until(fixture, nothing_is_left, fixture, "its processes to be gone");
}

static void test_polite_stop(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status status;
	char trapped[64];

	snprintf(trapped, sizeof(trapped), "%s/trapped", fixture->root);
	start_text(fixture, 1, "trap 'echo bye; exit 0' TERM; cd ../../../../..; echo > trapped; while :; do sleep 0.05; done");
	wait_until(fixture, file_is_there, trapped, "the signal to be caught");
	stop(fixture, 1, FOREVER_US);
	status = wait_for_end(fixture, 1, WEIR_STOPPED);
	assert_int_equal(status.exit_code, 0);
	assert_output(fixture, 1, 0, 1, "bye\n");
}

/* What the first process leaves running is ended, also when it hid in a session of its own. */
static void test_leftovers_are_ended(void **state)
{
	struct engine_fixture *fixture = *state;

	start_text(fixture, 1,
		   "sleep 3600 & setsid sh -c 'trap \"\" TERM HUP; sleep 3600 & sleep 3600' & (setsid setsid sleep 3600 &) ; sleep 0.1; "
		   "echo done");
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	assert_output(fixture, 1, 0, 1, "done\n");
	wait_until(fixture, nothing_is_left, fixture, "its processes to be gone");
}

static void test_output_is_whole_and_bounded(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_key key = key_of(2);
	int64_t first = -1, at = 0, got;
	char line[16], buffer[7000];
	char *text;

	start_text(fixture, 1, "i=0; while [ $i -lt 6000 ]; do printf '%07d.%d\\n' $i 1; i=$((i+1)); done; echo end >&2");
	start_text(fixture, 2, "i=0; while [ $i -lt 30000 ]; do printf '%09d\\n' $i; i=$((i+1)); done");
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	text = read_stream(fixture, 1, 0, 1);
	assert_int_equal(strlen(text), 60000);
	for (int i = 0; i < 6000; i++) {
		snprintf(line, sizeof(line), "%07d.1\n", i);
		assert_memory_equal(text + (size_t)i * 10, line, 10);
	}
	free(text);
	assert_output(fixture, 1, 0, 2, "end\n");
	wait_for_end(fixture, 2, WEIR_SUCCEEDED);
	/* 300,000 bytes with room for 65,536: the newest are there, without a gap, and at most an eighth less. */
	got = fixture->ops->read_log(fixture->engine, &key, 0, 1, 0, buffer, sizeof(buffer), &first);
	assert_true(first >= 300000 - LOG_BYTES && first <= 300000 - LOG_BYTES * 7 / 8 + 10);
	assert_true(got > 0);
	for (at = first; (got = fixture->ops->read_log(fixture->engine, &key, 0, 1, at, buffer, sizeof(buffer), &first)) > 0; at += got)
		for (int64_t i = 0; i < got; i++) {
			snprintf(line, sizeof(line), "%09d\n", (int)((at + i) / 10));
			assert_int_equal(buffer[i], line[(at + i) % 10]);
		}
	assert_int_equal(got, 0);
	assert_int_equal(at, 300000);
}

static void test_output_while_it_runs(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_key key = key_of(1);
	int64_t until_us = boottime_us() + PATIENCE_US, first;
	char buffer[16] = "";

	start_text(fixture, 1, "echo early; exec sleep 3600");
	while (fixture->ops->read_log(fixture->engine, &key, 0, 1, 0, buffer, sizeof(buffer), &first) < 6) {
		assert_true(boottime_us() < until_us);
		fixture_turn(fixture);
	}
	assert_memory_equal(buffer, "early\n", 6);
	stop(fixture, 1, 0);
	wait_for_end(fixture, 1, WEIR_STOPPED);
}

static void start_gang(struct engine_fixture *fixture, unsigned number, const char *text)
{
	static const struct weir_worker workers[] = {
		{ .index = 3, .node = "machine/0", .chip_model = "ascend-910b", .chips = 3, .chip_milli = 1000 },
		{ .index = 4, .node = "machine/1", .chip_model = "ascend-910b", .chips = 8, .chip_milli = 1000 },
		{ .index = 9, .node = "machine/1", .chip_model = "", .chips = 0, .chip_milli = 0 },
	};
	struct weir_start start = start_shell(fixture, number, text);

	start.workers = workers;
	start.worker_count = 3;
	start.workers_total = 12;
	fixture_start(fixture, &start);
}

static void test_gang(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status status;

	start_gang(fixture, 1, "echo $WEIR_WORKER of $WEIR_WORKERS: \"<$ASCEND_RT_VISIBLE_DEVICES>\"");
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	assert_output(fixture, 1, 3, 1, "3 of 12: <0,1>\n");
	assert_output(fixture, 1, 4, 1, "4 of 12: <3>\n");
	assert_output(fixture, 1, 9, 1, "9 of 12: <>\n");
	start_gang(fixture, 2, "if [ $WEIR_WORKER = 4 ]; then exit 7; fi; exec sleep 3600");
	status = wait_for_end(fixture, 2, WEIR_FAILED);
	assert_int_equal(status.failed_worker, 4);
	assert_int_equal(status.exit_code, 7);
	start_gang(fixture, 3, "if [ $WEIR_WORKER = 4 ]; then exit 0; fi; exec sleep 3600");
	wait_for_state(fixture, 3, WEIR_RUNNING);
	stop(fixture, 3, 5000000);
	status = wait_for_end(fixture, 3, WEIR_STOPPED);
	assert_int_equal(status.failed_worker, -1);
	wait_until(fixture, nothing_is_left, fixture, "its processes to be gone");
}

static bool progress_is_375(void *context)
{
	struct weir_attempt_status status;

	return fixture_find(context, 1, &status) && status.progress_permille == 375;
}

static bool progress_is_900(void *context)
{
	struct weir_attempt_status status;

	return fixture_find(context, 1, &status) && status.progress_permille == 900;
}

static void test_progress(void **state)
{
	struct engine_fixture *fixture = *state;
	char go[64];
	int fd;

	snprintf(go, sizeof(go), "%s/go", fixture->root);
	start_text(fixture, 1,
		   "echo 37.5% > $WEIR_PROGRESS; until [ -e ../../../../../go ]; do sleep 0.02; done; echo 900 > $WEIR_PROGRESS; exec "
		   "sleep 3600");
	wait_until(fixture, progress_is_375, fixture, "progress of 37.5 %");
	fd = open(go, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	wait_until(fixture, progress_is_900, fixture, "progress of 900 permille");
	stop(fixture, 1, 0);
	wait_for_end(fixture, 1, WEIR_STOPPED);
}

/* A supervisor killed while the command runs, with children that hide. */
static void test_supervisor_killed(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status status;
	pid_t supervisor;

	start_text(fixture, 1, "setsid sleep 3600 & sleep 3600 & wait");
	wait_for_state(fixture, 1, WEIR_RUNNING);
	supervisor = supervisor_of(fixture, 1, 0);
	assert_true(supervisor > 0);
	assert_int_equal(kill(supervisor, SIGKILL), 0);
	status = wait_for_end(fixture, 1, WEIR_FAILED);
	assert_string_equal(status.message, "its supervisor was killed, and its processes with it");
	assert_int_equal(processes_left(fixture), 0);
	fixture_close(fixture);
	fixture_open(fixture);
	wait_for_end(fixture, 1, WEIR_FAILED);
}

static void test_supervisor_killed_without_an_agent(void **state)
{
	struct engine_fixture *fixture = *state;
	pid_t supervisor;

	start_text(fixture, 1, "setsid sleep 3600 & sleep 3600 & wait");
	wait_for_state(fixture, 1, WEIR_RUNNING);
	supervisor = supervisor_of(fixture, 1, 0);
	fixture_close(fixture);
	assert_int_equal(kill(supervisor, SIGKILL), 0);
	assert_int_equal(waitpid(supervisor, NULL, 0), supervisor);
	fixture_open(fixture);
	wait_for_end(fixture, 1, WEIR_FAILED);
	assert_int_equal(processes_left(fixture), 0);
}

/* At any moment: it ran at most once, ends, and leaves nothing. */
static void test_supervisor_killed_at_any_moment(void **state)
{
	struct engine_fixture *fixture = *state;

	for (unsigned number = 0; number < 8; number++) {
		struct weir_start start = start_of(fixture, number, WORK_NAP);
		struct weir_attempt_status status;
		int64_t until_us = boottime_us() + number * 2000;
		pid_t supervisor;

		fixture_start(fixture, &start);
		do
			supervisor = supervisor_of(fixture, number, 0);
		while (supervisor == 0 && fixture_find(fixture, number, &status) && status.state != WEIR_ENDED &&
		       (fixture_turn(fixture), true));
		while (boottime_us() < until_us)
			;
		if (supervisor > 0)
			kill(supervisor, SIGKILL);
		status = wait_for_state(fixture, number, WEIR_ENDED);
		assert_true(status.outcome == WEIR_FAILED || status.outcome == WEIR_SUCCEEDED);
		assert_true(runs_of(fixture, number) <= 1);
	}
	wait_until(fixture, nothing_is_left, fixture, "its processes to be gone");
}

static void live_with_slow_supervisor(struct engine_fixture *fixture)
{
	struct weir_start start = start_of(fixture, 1, WORK_SUCCEED);

	setenv("SHIM_DELAY_MS", "1000", 1);
	fixture_start(fixture, &start);
}

/* The agent is killed before its supervisor got to its lock: the next agent starts another, and one runs. */
static void test_two_supervisors(void **state)
{
	struct engine_fixture *fixture = *state;

	fixture_killed_agent(fixture, live_with_slow_supervisor, 0);
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	wait_until(fixture, nothing_is_left, fixture, "the slow supervisor to go away");
	assert_int_equal(runs_of(fixture, 1), 1);
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
}

static void test_stopped_before_it_began(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_start start = start_of(fixture, 1, WORK_SUCCEED);
	struct weir_attempt_status status;

	setenv("SHIM_DELAY_MS", "200", 1);
	fixture_start(fixture, &start);
	stop(fixture, 1, 1000000);
	status = wait_for_end(fixture, 1, WEIR_STOPPED);
	assert_int_equal(status.started_us, 0);
	assert_int_equal(runs_of(fixture, 1), 0);
}

static void spec_path(const struct engine_fixture *fixture, unsigned number, const char *file, char path[256])
{
	struct weir_attempt_key key = key_of(number);
	char name[KEY_NAME_BYTES];

	key_name(&key, name);
	snprintf(path, 256, "%s/attempts/%s/%s", fixture->folder, name, file);
}

/* As after a restart of the machine: supervisors are gone, the spec names another life. */
static void test_machine_restarted(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status status;
	struct spec_record spec;
	struct arena arena;
	pid_t supervisor;
	char path[256];

	start_text(fixture, 1, "exec sleep 3600");
	start_text(fixture, 2, "true");
	wait_for_state(fixture, 1, WEIR_RUNNING);
	wait_for_end(fixture, 2, WEIR_SUCCEEDED);
	supervisor = supervisor_of(fixture, 1, 0);
	fixture_close(fixture);
	kill(supervisor, SIGKILL);
	waitpid(supervisor, NULL, 0);
	arena_init(&arena);
	for (unsigned number = 1; number <= 2; number++) {
		spec_path(fixture, number, "spec", path);
		assert_int_equal(record_load(AT_FDCWD, path, &spec_record_schema, &arena, &spec), 0);
		spec.life = "another";
		assert_int_equal(record_save(AT_FDCWD, path, &spec_record_schema, &spec, false), 0);
	}
	arena_done(&arena);
	fixture_open(fixture);
	status = wait_for_end(fixture, 1, WEIR_ENGINE_LOST);
	assert_string_equal(status.message, "the machine restarted");
	wait_for_end(fixture, 2, WEIR_SUCCEEDED);
}

static void test_torn_records(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_key key = key_of(2);
	struct stat before, after;
	char path[256];

	start_text(fixture, 1, "true");
	start_text(fixture, 2, "true");
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	wait_for_end(fixture, 2, WEIR_SUCCEEDED);
	fixture_close(fixture);
	spec_path(fixture, 1, "0/result", path);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(truncate(path, before.st_size / 2), 0);
	spec_path(fixture, 2, "spec", path);
	assert_int_equal(truncate(path, 10), 0);
	fixture_open(fixture);
	wait_for_end(fixture, 1, WEIR_ENGINE_LOST);
	wait_for_end(fixture, 2, WEIR_ENGINE_LOST);
	assert_int_equal(fixture->ops->forget(fixture->engine, &key), 0);
	spec_path(fixture, 2, "", path);
	assert_int_not_equal(stat(path, &after), 0);
}

static bool trash_is_empty(void *context)
{
	const struct engine_fixture *fixture = context;
	char path[128];

	snprintf(path, sizeof(path), "%s/trash", fixture->folder);
	if (rmdir(path) < 0)
		return false;
	assert_int_equal(mkdir(path, 0700), 0);
	return true;
}

static void test_folders_are_cleared(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_key key = key_of(1);
	char path[128];

	start_text(fixture, 1, "mkdir -p a/b/c; echo x > a/b/c/d; chmod 0 a/b; ln -s /usr link; mkfifo fifo");
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	assert_int_equal(fixture->ops->forget(fixture->engine, &key), 0);
	wait_until(fixture, trash_is_empty, fixture, "the trash to be emptied");
	assert_int_equal(access("/usr/bin", F_OK), 0);
	fixture_close(fixture);
	snprintf(path, sizeof(path), "%s/making/half", fixture->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	fixture_open(fixture);
	assert_int_not_equal(access(path, F_OK), 0);
	wait_until(fixture, trash_is_empty, fixture, "the trash to be emptied");
}

static void hold(struct engine_fixture *fixture)
{
	struct engine_fixture other = *fixture;
	char message[200] = "";

	if (fork() == 0) { /* record locks are a process's: another is needed to be turned away */
		assert_int_equal(fixture_try_open(&other, message), -EBUSY);
		assert_non_null(strstr(message, "another agent"));
		_exit(0);
	}
	wait(NULL);
	start_text(fixture, 1, "true");
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
}

static void test_one_agent_a_folder(void **state)
{
	fixture_killed_agent(*state, hold, 0);
	wait_for_end(*state, 1, WEIR_SUCCEEDED);
}

static bool has_note(struct engine_fixture *fixture, const char *text)
{
	const struct weir_supply_group *groups;
	const char *const *notes;
	size_t count, note_count;

	fixture->ops->supply(fixture->engine, &groups, &count, &notes, &note_count);
	for (size_t i = 0; i < note_count; i++)
		if (strstr(notes[i], text))
			return true;
	return false;
}

static void test_memory_limit(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_start start = start_shell(fixture, 1, "head -c 100000000 /dev/zero | tail"); /* keeps it all: there is no line */
	struct weir_attempt_status status;

	if (has_note(fixture, "no cgroup for memory"))
		skip();
	start.memory_mib = 16;
	fixture_start(fixture, &start);
	status = wait_for_end(fixture, 1, WEIR_FAILED);
	assert_int_equal(status.exit_code, 128 + SIGKILL);
	assert_string_equal(status.message, "it needed more than its 16 MiB of memory, and was killed for it");
	assert_true(status.memory_peak_mib > 0 && status.memory_peak_mib <= 17);
}

static void test_cpu_limit(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_start start = start_shell(fixture, 1, "while :; do :; done");
	struct weir_attempt_status status;
	int64_t ran_us;

	if (has_note(fixture, "no cgroup for CPU"))
		skip();
	start.cpu_milli = 200;
	start.time_limit_us = 1500000;
	fixture_start(fixture, &start);
	status = wait_for_end(fixture, 1, WEIR_TIMED_OUT);
	ran_us = status.ended_us - status.started_us;
	assert_true(status.cpu_used_us > 0);
	assert_true(status.cpu_used_us < ran_us / 2); /* a fifth, and some for the edges */
}

static void test_as_another_user(void **state)
{
	struct engine_fixture *fixture = *state;
	struct weir_attempt_status status;

	if (geteuid() != 0)
		skip();
	fixture_close(fixture);
	fixture->run_as = "nobody";
	fixture_open(fixture);
	start_text(fixture, 1,
		   "id -un; echo $USER; echo x > mine && echo wrote; echo 5% > $WEIR_PROGRESS && echo told; cat ../lock ../../spec; true");
	wait_for_end(fixture, 1, WEIR_SUCCEEDED);
	assert_true(has_note(fixture, "cannot pass through")); /* the scratch folder is closed to others */
	assert_int_equal(chmod(fixture->root, 0711), 0);
	start_text(fixture, 2,
		   "id -un; echo $USER; echo x > mine && echo wrote; echo 5% > $WEIR_PROGRESS && echo told; cat ../lock ../../spec; true");
	status = wait_for_end(fixture, 2, WEIR_SUCCEEDED);
	assert_output(fixture, 1, 0, 1, "nobody\nnobody\nwrote\n");
	assert_output(fixture, 2, 0, 1, "nobody\nnobody\nwrote\ntold\n");
	assert_int_equal(status.progress_permille, -1); /* it was over before anybody looked */
	fixture_close(fixture);
	fixture->run_as = "";
	fixture_open(fixture);
}

static void test_run_as_nobody_there(void **state)
{
	struct engine_fixture *fixture = *state;
	char message[200] = "";

	fixture_close(fixture);
	fixture->run_as = "no-such-user";
	assert_int_equal(fixture_try_open(fixture, message), -ENOENT);
	assert_string_equal(message, "there is no user 'no-such-user' to run attempts as");
	fixture->run_as = "";
	fixture->engine = NULL;
	fixture_open(fixture);
}

static void test_finds_the_machine(void **state)
{
	struct engine_fixture *fixture = *state;
	const struct weir_supply_group *groups;
	const char *const *notes;
	size_t count, note_count;

	fixture_close(fixture);
	fixture->find_out = true;
	fixture_open(fixture);
	fixture->ops->supply(fixture->engine, &groups, &count, &notes, &note_count);
	assert_int_equal(count, 1);
	assert_int_equal(groups[0].count, 1);
	assert_true(groups[0].cpu_milli >= 100 && groups[0].cpu_milli <= sysconf(_SC_NPROCESSORS_CONF) * 1000);
	assert_true(groups[0].memory_mib > 0);
}

#define PROCESSES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROCESSES(test_environment),
		PROCESSES(test_signals_are_told),
		PROCESSES(test_what_cannot_start),
		PROCESSES(test_no_supervisor),
		PROCESSES(test_force_after_grace),
		PROCESSES(test_polite_stop),
		PROCESSES(test_leftovers_are_ended),
		PROCESSES(test_output_is_whole_and_bounded),
		PROCESSES(test_output_while_it_runs),
		PROCESSES(test_gang),
		PROCESSES(test_progress),
		PROCESSES(test_supervisor_killed),
		PROCESSES(test_supervisor_killed_without_an_agent),
		PROCESSES(test_supervisor_killed_at_any_moment),
		PROCESSES(test_two_supervisors),
		PROCESSES(test_stopped_before_it_began),
		PROCESSES(test_machine_restarted),
		PROCESSES(test_torn_records),
		PROCESSES(test_folders_are_cleared),
		PROCESSES(test_one_agent_a_folder),
		PROCESSES(test_memory_limit),
		PROCESSES(test_cpu_limit),
		PROCESSES(test_as_another_user),
		PROCESSES(test_run_as_nobody_there),
		PROCESSES(test_finds_the_machine),
	};

	return cmocka_run_group_tests_name("engine_processes", tests, NULL, NULL);
}
