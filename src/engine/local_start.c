/* How an attempt comes to be: written whole in making/, renamed into attempts/, then its supervisors. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/local.h"

struct local_attempt *attempt_new(const struct weir_attempt_key *key, uint64_t token, size_t worker_count)
{
	struct local_attempt *attempt = mem_alloc(sizeof(*attempt));

	key_name(key, attempt->name);
	attempt->status = (struct weir_attempt_status){ .key = *key,
							.token = token,
							.exit_code = -1,
							.failed_worker = -1,
							.progress_permille = -1,
							.cpu_used_us = -1,
							.memory_peak_mib = -1 };
	attempt->this_life = true;
	attempt->kill_at_us = INT64_MAX;
	attempt->workers = mem_alloc((worker_count + 1) * sizeof(*attempt->workers));
	attempt->worker_count = worker_count;
	for (size_t w = 0; w < worker_count; w++)
		attempt->workers[w].progress_permille = -1;
	return attempt;
}

void local_attempt_free(struct local_attempt *attempt)
{
	if (!attempt)
		return;
	for (size_t w = 0; w < attempt->worker_count; w++)
		if (attempt->workers[w].ended)
			free((char *)attempt->workers[w].result.message);
	free(attempt->workers);
	free(attempt);
}

static int check_start(const struct weir_start *start, struct err *err)
{
	if (start->simulated)
		return err_set(err, -EINVAL, "this site runs real processes, and the demand is simulated");
	if (start->key.demand == 0)
		return err_set(err, -EINVAL, "0 is no demand's id");
	if (start->command_count == 0 || !start->command[0][0])
		return err_set(err, -EINVAL, "there is no command to run");
	if (start->worker_count == 0 || start->worker_count > LOCAL_WORKERS_MAX)
		return err_set(err, -EINVAL, "%zu workers on one machine, expected 1 to %d", start->worker_count, LOCAL_WORKERS_MAX);
	for (size_t i = 0; i < start->worker_count; i++)
		for (size_t j = 0; j < i; j++)
			if (start->workers[i].index == start->workers[j].index)
				return err_set(err, -EINVAL, "worker %u is there twice", start->workers[i].index);
	return 0;
}

/* Groups of the same attempt below other folders (tests beside each other, an agent moved) get other names. */
static const char *cgroup_name(struct local_engine *engine, const char *name, struct arena *arena)
{
	struct stat status = { 0 };

	fstat(engine->folder_fd, &status);
	return arena_printf(arena, "%s-%lx-%lx", name, (unsigned long)status.st_dev, (unsigned long)status.st_ino);
}

static void fill_spec(struct local_engine *engine, const struct weir_start *start, const char *name, struct arena *arena,
		      struct spec_record *ret)
{
	struct environment common = { .arena = arena };

	environment_common(&common, start, engine->user_name, engine->user_home);
	*ret = (struct spec_record){
		.life = engine->life,
		.demand = start->key.demand,
		.replica = start->key.replica,
		.attempt = start->key.attempt,
		.token = start->token,
		.command = (const char **)start->command,
		.command_count = start->command_count,
		.environment = common.items,
		.environment_count = common.count,
		.working_folder = start->working_folder ? start->working_folder : "",
		.cpu_milli = start->cpu_milli,
		.memory_mib = start->memory_mib,
		.time_limit_us = start->time_limit_us,
		.grace_us = start->grace_us,
		.lease_until_us = start->lease_until_us,
		.log_bytes_max = engine->log_bytes_max,
		.user = engine->user,
		.cgroups = engine->cgroups,
		.cgroup_count = engine->cgroup_count,
		.cgroup_name = cgroup_name(engine, name, arena),
		.workers = ARENA_ARRAY(arena, struct worker_record, start->worker_count),
		.worker_count = start->worker_count,
	};
	for (size_t i = 0; i < start->worker_count; i++) {
		struct environment own = { .arena = arena };
		const char *folder = arena_printf(arena, "%s/attempts/%s/%u", engine->folder, name, start->workers[i].index);

		environment_worker(&own, start, &start->workers[i], &engine->place, folder);
		ret->workers[i] = (struct worker_record){ start->workers[i].index, own.items, own.count };
	}
}

/* The folder in making/, whole. */
static int write_attempt(struct local_engine *engine, const struct weir_start *start, const char *name)
{
	mode_t mode = engine->user ? 0711 : 0700;
	cleanup_arena struct arena arena = { 0 };
	char path[KEY_NAME_BYTES + 64];
	struct spec_record spec;
	int code = 0;

	arena_init(&arena);
	snprintf(path, sizeof(path), "making/%s", name);
	if (mkdirat(engine->folder_fd, path, mode) < 0) {
		if (errno != EEXIST)
			return -errno;
		tree_remove(engine->folder_fd, path); /* of a start that failed */
		if (mkdirat(engine->folder_fd, path, mode) < 0)
			return -errno;
	}
	if (engine->user)
		fchmodat(engine->folder_fd, path, mode, 0); /* the mask may have taken it away */
	for (size_t i = 0; i < start->worker_count && code == 0; i++) {
		snprintf(path, sizeof(path), "making/%s/%u", name, start->workers[i].index);
		code = mkdirat(engine->folder_fd, path, mode) < 0 ? -errno : 0;
	}
	if (code < 0)
		return code;
	fill_spec(engine, start, name, &arena, &spec);
	snprintf(path, sizeof(path), "making/%s/spec", name);
	return record_save(engine->folder_fd, path, &spec_record_schema, &spec, false);
}

int worker_spawn(struct local_engine *engine, const struct local_attempt *attempt, struct local_worker *worker)
{
	cleanup_free char *folder = mem_printf("%s/attempts/%s/%u", engine->folder, attempt->name, worker->index);
	cleanup_free char *log = mem_printf("%s/shim.log", folder);
	char *words[] = { engine->shim, (char[]){ "shim" }, folder, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int code;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	code = posix_spawn(&worker->supervisor, engine->shim, &actions, &attributes, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (code != 0)
		worker->supervisor = 0;
	return -code;
}

/* -errno only when none could be started: then nothing ran, and the attempt is taken back. */
static int spawn_all(struct local_engine *engine, struct local_attempt *attempt)
{
	for (size_t w = 0; w < attempt->worker_count; w++) {
		int code = worker_spawn(engine, attempt, &attempt->workers[w]);

		if (code == 0)
			continue;
		if (w == 0)
			return code;
		worker_settle(engine, attempt, &attempt->workers[w], END_NOT_STARTED, "its supervisor could not be started");
	}
	return 0;
}

int local_start(struct weir_engine *base, const struct weir_start *start, char *message, size_t message_size)
{
	struct local_engine *engine = (struct local_engine *)base;
	char making[KEY_NAME_BYTES + 16];
	struct local_attempt *attempt;
	struct err err = { "" };
	int code;

	if (local_find(engine, &start->key))
		return 0;
	code = check_start(start, &err);
	if (code < 0) {
		snprintf(message, message_size, "%s", err.text);
		return code;
	}
	attempt = attempt_new(&start->key, start->token, start->worker_count);
	attempt->grace_us = start->grace_us;
	for (size_t w = 0; w < start->worker_count; w++)
		attempt->workers[w].index = start->workers[w].index;
	snprintf(making, sizeof(making), "making/%s", attempt->name);
	code = write_attempt(engine, start, attempt->name);
	if (code == 0 && renameat(engine->folder_fd, making, engine->attempts_fd, attempt->name) < 0)
		code = -errno;
	if (code < 0) {
		snprintf(message, message_size, "the attempt cannot be written to the site's disk: %s", strerror(-code));
		tree_remove(engine->folder_fd, making);
		local_attempt_free(attempt);
		return code;
	}
	local_add(engine, attempt);
	code = spawn_all(engine, attempt);
	if (code < 0) {
		snprintf(message, message_size, "its supervisor %s cannot be started: %s", engine->shim, strerror(-code));
		tree_remove(engine->attempts_fd, attempt->name);
		local_remove(engine, attempt);
		return code;
	}
	local_news(engine);
	return 0;
}
