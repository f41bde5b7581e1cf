#include "engine/shim_worker.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/environment.h"

#define RESULT_TRIES_MAX 3600 /* a second apart: a full disk may be cleared */
#define EVENT_BYTES 256	      /* below PIPE_BUF: written whole */

int shim_load(struct shim *shim)
{
	long index = strtol(strrchr(shim->folder, '/') + 1, NULL, 10);
	int code = record_load(AT_FDCWD, "../spec", &spec_record_schema, &shim->arena, &shim->spec);

	if (code < 0)
		return code;
	for (size_t i = 0; i < shim->spec.worker_count; i++)
		if (shim->spec.workers[i].index == index)
			shim->worker = &shim->spec.workers[i];
	if (!shim->worker || shim->spec.command_count == 0)
		return -EINVAL;
	shim->cgroup_name = arena_printf(&shim->arena, "%s.%ld", shim->spec.cgroup_name, index);
	shim->lease_until_us = shim->spec.lease_until_us;
	return 0;
}

/* The worker's own folder and the file for its progress; both are the user's that runs the command. */
static void make_places(struct shim *shim)
{
	const struct user_record *user = shim->spec.user;
	int fd = open("progress", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	mkdir("work", 0700);
	if (user) {
		chmod(".", 0711); /* to be passed through, not to be read */
		if (chown("work", (uid_t)user->uid, (gid_t)user->gid) < 0 ||
		    (fd >= 0 && fchown(fd, (uid_t)user->uid, (gid_t)user->gid) < 0))
			shim->result.message = "its own folder could not be given to its user";
	}
	if (fd >= 0)
		close(fd);
	for (int i = 0; i < 2; i++)
		segment_writer_init(&shim->logs[i], AT_FDCWD, i + 1, shim->spec.log_bytes_max);
}

static void fail(int fd, enum exec_step step)
{
	struct exec_failure failure = { (int32_t)step, errno };

	if (write(fd, &failure, sizeof(failure)) < 0)
		_exit(126);
	_exit(127);
}

static void become(const struct user_record *user, int status_fd)
{
	if (initgroups(user->name, (gid_t)user->gid) < 0 || setgid((gid_t)user->gid) < 0 || setuid((uid_t)user->uid) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail(status_fd, EXEC_USER);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* changing the user took it away */
}

static void set_environment(struct shim *shim)
{
	struct environment all = { .arena = &shim->arena };
	char **list;

	for (size_t i = 0; i < shim->spec.environment_count; i++)
		environment_put(&all, shim->spec.environment[i]);
	for (size_t i = 0; i < shim->worker->environment_count; i++)
		environment_put(&all, shim->worker->environment[i]);
	list = ARENA_ARRAY(&shim->arena, char *, all.count + 1);
	for (size_t i = 0; i < all.count; i++)
		list[i] = (char *)all.items[i];
	environ = list;
}

/* The child. `ends` are the writing ends of the two outputs and of the status pipe. */
static void execute(struct shim *shim, const int ends[3], pid_t supervisor)
{
	const char **command = ARENA_ARRAY(&shim->arena, const char *, shim->spec.command_count + 1);
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != supervisor)
		_exit(127);
	setsid();
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(nothing, 0);
	dup2(ends[0], 1);
	dup2(ends[1], 2);
	cgroup_enter(shim->spec.cgroups, shim->spec.cgroup_count, shim->cgroup_name);
	if (!shim->spec.working_folder[0] && chdir("work") < 0)
		fail(ends[2], EXEC_FOLDER);
	if (shim->spec.user)
		become(shim->spec.user, ends[2]);
	if (shim->spec.working_folder[0] && chdir(shim->spec.working_folder) < 0)
		fail(ends[2], EXEC_FOLDER);
	umask(022);
	set_environment(shim);
	for (size_t i = 0; i < shim->spec.command_count; i++)
		command[i] = shim->spec.command[i];
	execvp(command[0], (char *const *)command);
	fail(ends[2], EXEC_COMMAND);
}

int shim_spawn(struct shim *shim)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } }, ends[3];
	pid_t supervisor = getpid();
	int reason;

	make_places(shim);
	shim->limits = cgroup_make(shim->spec.cgroups, shim->spec.cgroup_count, shim->cgroup_name, shim->spec.cpu_milli,
				   shim->spec.memory_mib);
	for (int i = 0; i < 3; i++) {
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return -1; /* this process is about to end */
		ends[i] = pipes[i][1];
	}
	shim->result.started_us = engine_unix_us();
	shim->pid = fork();
	if (shim->pid == 0)
		execute(shim, ends, supervisor);
	reason = errno;
	for (int i = 0; i < 3; i++) {
		close(ends[i]);
		fcntl(pipes[i][0], F_SETFL, O_NONBLOCK);
	}
	shim->outputs[0] = pipes[0][0];
	shim->outputs[1] = pipes[1][0];
	shim->exec_status = pipes[2][0];
	if (shim->spec.time_limit_us > 0)
		shim->time_limit_at_us = engine_boottime_us() + shim->spec.time_limit_us;
	errno = reason;
	return shim->pid < 0 ? -1 : 0;
}

void shim_describe_failure(struct shim *shim, const struct exec_failure *failure)
{
	const char *reason = strerror(failure->error);

	shim->result.started_us = 0;
	switch ((enum exec_step)failure->step) {
	case EXEC_FOLDER:
		shim->result.message = arena_printf(&shim->arena, "cannot enter its working folder '%s': %s",
						    shim->spec.working_folder[0] ? shim->spec.working_folder : "work", reason);
		break;
	case EXEC_USER:
		shim->result.message = arena_printf(&shim->arena, "cannot become user %s: %s", shim->spec.user->name, reason);
		break;
	case EXEC_COMMAND:
		shim->result.message = arena_printf(&shim->arena, "cannot run '%s': %s", shim->spec.command[0], reason);
		break;
	}
}

void shim_poke_engine(const struct shim *shim)
{
	const char *worker = strrchr(shim->folder, '/');
	const char *key = worker;
	char event[EVENT_BYTES];
	int length, fd;

	while (key > shim->folder && key[-1] != '/')
		key--;
	length = snprintf(event, sizeof(event), "%s\n", key);
	fd = open("../../../events", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return; /* no agent: the next one looks at everything */
	if (length < (int)sizeof(event) && write(fd, event, (size_t)length) < 0)
		length = 0; /* full: the agent looks at everything each second */
	close(fd);
}

void shim_count(struct shim *shim)
{
	struct cgroup_usage usage;
	struct rusage children;

	getrusage(RUSAGE_CHILDREN, &children);
	cgroup_read(shim->spec.cgroups, shim->spec.cgroup_count, shim->cgroup_name, &usage);
	shim->result.cpu_used_us = usage.cpu_us;
	if (usage.cpu_us < 0)
		shim->result.cpu_used_us = (int64_t)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000 +
					   children.ru_utime.tv_usec + children.ru_stime.tv_usec;
	shim->result.memory_peak_mib = usage.memory_mib >= 0 ? usage.memory_mib : (children.ru_maxrss + 1023) / 1024;
	if (usage.kills > 0 && shim->result.cause != END_STOPPED && !shim->result.message[0] &&
	    (shim->result.exit_code != 0 || shim->result.exit_signal != 0))
		shim->result.message = arena_printf(&shim->arena, "it needed more than its %lld MiB of memory, and was killed for it",
						    (long long)shim->spec.memory_mib);
	if (shim->logs[0].lost + shim->logs[1].lost > 0 && !shim->result.message[0])
		shim->result.message = arena_printf(&shim->arena, "%lld bytes of its output could not be written to the site's disk",
						    (long long)(shim->logs[0].lost + shim->logs[1].lost));
}

int shim_finish(struct shim *shim)
{
	int code = 0, folder;
	struct stat log;

	cgroup_remove(shim->spec.cgroups, shim->spec.cgroup_count, shim->cgroup_name);
	shim->result.ended_us = engine_unix_us();
	if (shim->result.ended_us < shim->result.started_us)
		shim->result.ended_us = shim->result.started_us;
	for (int i = 0; i < RESULT_TRIES_MAX; i++) {
		code = record_save(AT_FDCWD, "result", &result_record_schema, &shim->result, true);
		if (code == 0 || code == -ENOENT)
			break;
		sleep(1);
	}
	unlink("control");
	shim_poke_engine(shim);
	if (stat("shim.log", &log) == 0 && log.st_size == 0)
		unlink("shim.log"); /* what this process itself complained of: nothing */
	folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0) {
		fsync(folder); /* after the agent was told: it need not wait for the name */
		close(folder);
	}
	return code;
}
