#include "contract/engine_fixture.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/attempt_key.h"

#define TICK_MS 5

int64_t boottime_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void on_tick(uv_timer_t *timer)
{
}

static void open_loop(struct engine_fixture *fixture)
{
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	uv_timer_init(&fixture->loop, &fixture->tick);
	uv_timer_start(&fixture->tick, on_tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&fixture->tick);
}

void fixture_open_scratch(struct engine_fixture *fixture, const struct weir_engine_ops *ops, bool real)
{
	*fixture = (struct engine_fixture){ .ops = ops, .real = real, .run_as = "", .log_bytes_max = LOG_BYTES };
	snprintf(fixture->root, sizeof(fixture->root), "/tmp/weir-engine-XXXXXX");
	assert_non_null(mkdtemp(fixture->root));
	snprintf(fixture->folder, sizeof(fixture->folder), "%s/engine", fixture->root);
	snprintf(fixture->shim, sizeof(fixture->shim), "%s", SHIM_PATH);
	open_loop(fixture);
}

void fixture_done(struct engine_fixture *fixture)
{
	char command[160];
	struct stat status;

	if (fixture->engine)
		fixture_close(fixture);
	/* A sanitizer of a supervisor would have written there. */
	snprintf(command, sizeof(command), "! find %s -name shim.log -size +0 -exec cat {} + | grep .", fixture->root);
	assert_int_equal(system(command), 0);
	if (fixture->real && stat(fixture->folder, &status) == 0 && processes_left(fixture) == 0) {
		snprintf(command, sizeof(command), "! find /sys/fs/cgroup -type d -name '*-%lx-%lx.*' 2>/dev/null | grep .",
			 (unsigned long)status.st_dev, (unsigned long)status.st_ino);
		assert_int_equal(system(command), 0);
	}
	uv_close((uv_handle_t *)&fixture->tick, NULL);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	while (waitpid(-1, NULL, WNOHANG) > 0) /* supervisors that ended after the last glance */
		;
	snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", fixture->root, fixture->root);
	assert_int_equal(system(command), 0);
}

static void on_changed(void *context)
{
	((struct engine_fixture *)context)->changes++;
}

int fixture_try_open(struct engine_fixture *fixture, char message[200])
{
	static const char *const models[] = { "ascend-910b", "h100" };
	static const int64_t counts[] = { 4, 4 };
	static const char *const resources[] = { "rdma" };
	static const int64_t amounts[] = { 2 };
	static const struct weir_supply_group groups[] = {
		{ .name = "machine",
		  .count = 2,
		  .cpu_milli = 8000,
		  .memory_mib = 65536,
		  .chip_models = models,
		  .chip_counts = counts,
		  .chip_model_count = 2,
		  .resource_names = resources,
		  .resource_counts = amounts,
		  .resource_count = 1 },
		{ .name = "plain", .count = 1, .cpu_milli = 4000, .memory_mib = 1024 },
	};
	struct weir_engine_settings settings = {
		.site = "guian-hub",
		.tier = "hub",
		.region = "guizhou",
		.folder = fixture->folder,
		.run_as = fixture->run_as,
		.log_bytes_max = fixture->log_bytes_max,
		.groups = fixture->find_out ? NULL : groups,
		.group_count = fixture->find_out ? 0 : 2,
		.shim = fixture->shim,
		.loop = &fixture->loop,
		.changed = on_changed,
		.context = fixture,
	};

	return fixture->ops->open(&settings, &fixture->engine, message, 200);
}

void fixture_open(struct engine_fixture *fixture)
{
	char message[200] = "";

	if (fixture_try_open(fixture, message) < 0)
		fail_msg("the engine does not open: %s", message);
}

void fixture_close(struct engine_fixture *fixture)
{
	fixture->ops->close(fixture->engine);
	fixture->engine = NULL;
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

void fixture_turn(struct engine_fixture *fixture)
{
	if (fixture->engine)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	else
		usleep(TICK_MS * 1000);
}

struct weir_attempt_key key_of(unsigned number)
{
	return (struct weir_attempt_key){ .demand = UINT64_C(0x5000000000000000) + number, .replica = number % 3, .attempt = 1 };
}

static struct weir_start start_common(unsigned number)
{
	static const struct weir_worker workers[] = { { .index = 0, .node = "machine/0", .chip_model = "" } };

	return (struct weir_start){ .key = key_of(number),
				    .token = number + 100,
				    .name = "a-test",
				    .working_folder = "",
				    .grace_us = 10000000,
				    .workers = workers,
				    .worker_count = 1,
				    .workers_total = 1,
				    .lease_until_us = boottime_us() + FOREVER_US };
}

struct weir_start start_shell(struct engine_fixture *fixture, unsigned number, const char *text)
{
	static const char *command[] = { "sh", "-c", NULL };
	struct weir_start start = start_common(number);

	command[2] = text;
	start.command = command;
	start.command_count = 3;
	return start;
}

struct weir_start start_of(struct engine_fixture *fixture, unsigned number, enum work work)
{
	static const char *const texts[] = { "true", "exit 3", "exec sleep 3600", "exec sleep 0.5" };
	static const int64_t durations_us[] = { 1000, 1000, 0, 500000 };
	static char text[256];
	struct weir_start start;

	if (fixture->real) {
		snprintf(text, sizeof(text), "echo $WEIR_WORKER >> %s/ran-%u; echo out; echo err >&2; %s", fixture->root, number,
			 texts[work]);
		return start_shell(fixture, number, text);
	}
	start = start_common(number);
	start.simulated = true;
	start.simulate_duration_us = durations_us[work];
	start.simulate_exit_code = work == WORK_FAIL ? 3 : 0;
	return start;
}

void fixture_start(struct engine_fixture *fixture, const struct weir_start *start)
{
	char message[200] = "";

	if (fixture->ops->start(fixture->engine, start, message, sizeof(message)) < 0)
		fail_msg("the attempt does not start: %s", message);
}

unsigned runs_of(const struct engine_fixture *fixture, unsigned number)
{
	char path[128];
	unsigned lines = 0;
	FILE *file;
	int c;

	snprintf(path, sizeof(path), "%s/ran-%u", fixture->root, number);
	file = fopen(path, "r");
	if (!file)
		return 0;
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

void wait_for_runs(struct engine_fixture *fixture, unsigned number, unsigned runs)
{
	int64_t until_us = boottime_us() + PATIENCE_US;

	while (fixture->real && runs_of(fixture, number) < runs) {
		if (boottime_us() > until_us)
			fail_msg("attempt %u ran %u times instead of %u", number, runs_of(fixture, number), runs);
		fixture_turn(fixture);
	}
	assert_int_equal(runs_of(fixture, number), fixture->real ? runs : 0);
}

bool fixture_find(struct engine_fixture *fixture, unsigned number, struct weir_attempt_status *ret)
{
	struct weir_attempt_key key = key_of(number);
	const struct weir_attempt_status *listed;
	size_t count;

	fixture->ops->attempts(fixture->engine, &listed, &count);
	for (size_t i = 0; i < count; i++)
		if (key_order(&listed[i].key, &key) == 0) {
			*ret = listed[i];
			return true;
		}
	return false;
}

struct weir_attempt_status wait_for_state(struct engine_fixture *fixture, unsigned number, enum weir_attempt_state state)
{
	int64_t until_us = boottime_us() + PATIENCE_US;
	struct weir_attempt_status status = { .message = "" };

	while (!fixture_find(fixture, number, &status) || status.state != state) {
		if (boottime_us() > until_us)
			fail_msg("attempt %u does not get to state %d; it is in %d, '%s'", number, state, status.state, status.message);
		fixture_turn(fixture);
	}
	return status;
}

struct weir_attempt_status wait_for_end(struct engine_fixture *fixture, unsigned number, enum weir_outcome outcome)
{
	struct weir_attempt_status status = wait_for_state(fixture, number, WEIR_ENDED);

	if (status.outcome != outcome)
		fail_msg("attempt %u ended with outcome %d instead of %d: exit %d, signal %d, '%s'", number, status.outcome, outcome,
			 status.exit_code, status.exit_signal, status.message);
	return status;
}

void wait_until(struct engine_fixture *fixture, bool (*condition)(void *context), void *context, const char *what)
{
	int64_t until_us = boottime_us() + PATIENCE_US;

	while (!condition(context)) {
		if (boottime_us() > until_us)
			fail_msg("waited too long for %s", what);
		fixture_turn(fixture);
	}
}

char *read_stream(struct engine_fixture *fixture, unsigned number, uint32_t worker, int stream)
{
	struct weir_attempt_key key = key_of(number);
	size_t size = 4 << 20, length = 0;
	char *text = malloc(size + 1);
	int64_t first = -1, got;

	while ((got = fixture->ops->read_log(fixture->engine, &key, worker, stream, (int64_t)length, text + length, size - length,
					     &first)) > 0)
		length += (size_t)got;
	if (got < 0)
		fail_msg("the output cannot be read: %s", strerror((int)-got));
	assert_int_equal(first, 0);
	text[length] = 0;
	return text;
}

void fixture_killed_agent(struct engine_fixture *fixture, void (*live)(struct engine_fixture *fixture), int64_t after_us)
{
	bool open = fixture->engine != NULL;
	int64_t begin_us = boottime_us();
	pid_t agent;
	int status;

	if (open)
		fixture_close(fixture);
	agent = fork();
	assert_true(agent >= 0);
	if (agent == 0) {
		struct engine_fixture here = *fixture;

		open_loop(&here);
		fixture_open(&here);
		live(&here);
		if (after_us)
			pause();
		raise(SIGKILL);
	}
	while (after_us && boottime_us() < begin_us + after_us)
		usleep(200);
	if (after_us)
		kill(agent, SIGKILL);
	assert_int_equal(waitpid(agent, &status, 0), agent);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	if (open)
		fixture_open(fixture);
}

pid_t supervisor_of(const struct engine_fixture *fixture, unsigned number, uint32_t worker)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct weir_attempt_key key = key_of(number);
	char name[KEY_NAME_BYTES], path[256];
	int fd;

	key_name(&key, name);
	snprintf(path, sizeof(path), "%s/attempts/%s/%u/lock", fixture->folder, name, worker);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0;
	assert_int_equal(fcntl(fd, F_GETLK, &lock), 0);
	close(fd);
	return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

static bool file_names(const char *path, const char *text)
{
	static char bytes[1 << 20];
	size_t length, size = strlen(text);
	FILE *file = fopen(path, "r");

	if (!file)
		return false;
	length = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	return length >= size && memmem(bytes, length, text, size) != NULL;
}

unsigned processes_left(const struct engine_fixture *fixture)
{
	DIR *listing = opendir("/proc");
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(listing);
	while ((entry = readdir(listing))) {
		char line[64], environment[64];

		if (!isdigit((unsigned char)entry->d_name[0]) || atoi(entry->d_name) == getpid())
			continue;
		snprintf(line, sizeof(line), "/proc/%.20s/cmdline", entry->d_name);
		snprintf(environment, sizeof(environment), "/proc/%.20s/environ", entry->d_name);
		count += file_names(line, fixture->root) || file_names(environment, fixture->root);
	}
	closedir(listing);
	return count;
}
