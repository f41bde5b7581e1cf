/* One worker, from its claim to its result.
 *
 *   lock -> claim -> (stop, lease?) -> fork -> exec -> started -> exit, or told to end -> leftovers ended -> result
 *
 * Invariants:
 *   S1  The command is executed only by the process that holds the lock and wrote the claim: once, ever.
 *   S2  The result appears only when no process of the worker is left, and its output is on disk.
 *   S3  Nothing here depends on the agent: time limit, lease and stop are looked at by this process itself.
 *       The pokes through FIFOs only make it quick; every second all of it is looked at anyway.
 *   S4  If this process is killed, the kernel kills the command with it (PR_SET_PDEATHSIG); the agent finds
 *       what that left behind by its mark, and writes the result.
 *
 * The end of the first process is the end of the worker: what it left running is killed. All descendants
 * become children of this process (PR_SET_CHILD_SUBREAPER), so that "no children" means that none is left.
 */
#include "engine/shim.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/shim_worker.h"

#define GLANCE_MS 1000	       /* the longest sleep */
#define LEASE_GRACE_US 5000000 /* whatever the demand's grace: others may begin soon after the lease's end */
#define TERM_GRACE_US 2000000  /* the machine is going down */
#define READS_MAX 16	       /* of one stream before the others are looked at */
#define READ_BYTES 65536
#define LAST_READS_MAX 64 /* when all are dead a pipe holds less; more comes from a stranger who got hold of it */

static void decide(struct shim *shim, enum end_cause cause)
{
	if (shim->decided)
		return;
	shim->decided = true;
	shim->result.cause = cause;
	shim->result.decided_us = engine_unix_us();
}

static void say(struct shim *shim, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	shim->result.message = arena_vprintf(&shim->arena, format, arguments);
	va_end(arguments);
}

static void signal_all(struct shim *shim, int number)
{
	if (shim->pid > 0 && kill(-shim->pid, number) < 0)
		kill(shim->pid, number); /* it has no group of its own yet */
}

/* Asks the worker to end by `kill_at_us`. The first cause counts, the earliest time too. */
static void request_end(struct shim *shim, enum end_cause cause, int64_t kill_at_us)
{
	if (!shim->decided) {
		decide(shim, cause);
		signal_all(shim, SIGTERM);
		signal_all(shim, SIGCONT);
	}
	if (kill_at_us < shim->kill_at_us)
		shim->kill_at_us = kill_at_us;
}

static void look_for_stop(struct shim *shim)
{
	struct stop_record stop;

	if (access("../stop", F_OK) == 0 && record_load(AT_FDCWD, "../stop", &stop_record_schema, &shim->arena, &stop) == 0)
		request_end(shim, END_STOPPED, stop.kill_at_us);
}

static void look_at_lease(struct shim *shim, int64_t now_us)
{
	struct lease_record lease;

	if (shim->decided || now_us < shim->lease_until_us)
		return;
	if (record_load(AT_FDCWD, "../../../lease", &lease_record_schema, &shim->arena, &lease) == 0 &&
	    strcmp(lease.life, shim->spec.life) == 0 && lease.until_us > shim->lease_until_us)
		shim->lease_until_us = lease.until_us;
	if (now_us < shim->lease_until_us)
		return;
	say(shim, "the site heard nothing from its platform for longer than its lease");
	request_end(shim, END_LEASE_EXPIRED, now_us + (shim->spec.grace_us < LEASE_GRACE_US ? shim->spec.grace_us : LEASE_GRACE_US));
}

static void look_at_clock(struct shim *shim)
{
	int64_t now_us = engine_boottime_us();

	look_at_lease(shim, now_us);
	if (!shim->decided && now_us >= shim->time_limit_at_us) {
		char limit[32];

		say(shim, "it was allowed %s", unit_format(UNIT_DURATION, shim->spec.time_limit_us, limit, sizeof(limit)));
		request_end(shim, END_TIMED_OUT, now_us + shim->spec.grace_us);
	}
	if (now_us >= shim->kill_at_us && !shim->killed) {
		shim->killed = true;
		signal_all(shim, SIGKILL);
		cgroup_kill(shim->spec.cgroups, shim->spec.cgroup_count, shim->cgroup_name);
	}
}

static int sleep_ms(const struct shim *shim)
{
	int64_t now_us = engine_boottime_us(), until_us = now_us + GLANCE_MS * 1000;

	if (!shim->decided && shim->lease_until_us < until_us)
		until_us = shim->lease_until_us;
	if (!shim->decided && shim->time_limit_at_us < until_us)
		until_us = shim->time_limit_at_us;
	if (!shim->killed && shim->kill_at_us < until_us)
		until_us = shim->kill_at_us;
	return until_us <= now_us ? 0 : (int)((until_us - now_us + 999) / 1000);
}

/* Copies what a stream has; closes it at its end. */
static void copy_output(struct shim *shim, int i, int reads_max)
{
	static char buffer[READ_BYTES];

	for (int turn = 0; turn < reads_max && shim->outputs[i] >= 0; turn++) {
		ssize_t got = read(shim->outputs[i], buffer, sizeof(buffer));

		if (got > 0) {
			segment_write(&shim->logs[i], buffer, (size_t)got);
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		close(shim->outputs[i]);
		shim->outputs[i] = -1;
	}
}

/* The end of the pipe: the command runs. Anything in it: why it does not. */
static void hear_exec(struct shim *shim)
{
	struct exec_failure failure;
	ssize_t got = read(shim->exec_status, &failure, sizeof(failure));

	close(shim->exec_status);
	shim->exec_status = -1;
	if (got == (ssize_t)sizeof(failure)) {
		decide(shim, END_NOT_STARTED);
		shim_describe_failure(shim, &failure);
		return;
	}
	record_save(AT_FDCWD, "started", &started_record_schema, &(struct started_record){ shim->result.started_us }, false);
	shim_poke_engine(shim);
}

/* The first process ended. Its group is ended before it is reaped: after that its number may be another's. */
static void hear_exit(struct shim *shim)
{
	siginfo_t info = { 0 };

	while (!shim->exited && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
		if (info.si_pid == shim->pid) {
			if (shim->exec_status >= 0)
				hear_exec(shim);
			shim->exited = true;
			kill(-shim->pid, SIGKILL);
			decide(shim, info.si_code == CLD_EXITED ? END_EXITED : END_SIGNALED);
		}
		waitpid(info.si_pid, info.si_pid == shim->pid ? &shim->status : NULL, 0);
		info.si_pid = 0;
	}
}

static void hear_signals(struct shim *shim)
{
	struct signalfd_siginfo info;

	while (read(shim->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGTERM)
			continue;
		say(shim, "its supervisor was told to end, as when the machine shuts down");
		request_end(shim, END_MACHINE, engine_boottime_us() + TERM_GRACE_US);
	}
}

static void hear_control(struct shim *shim)
{
	char pokes[64];

	while (read(shim->control, pokes, sizeof(pokes)) > 0)
		;
}

static void watch(struct shim *shim)
{
	while (!shim->exited) {
		struct pollfd fds[] = {
			{ .fd = shim->signals, .events = POLLIN },     { .fd = shim->control, .events = POLLIN },
			{ .fd = shim->outputs[0], .events = POLLIN },  { .fd = shim->outputs[1], .events = POLLIN },
			{ .fd = shim->exec_status, .events = POLLIN },
		};

		if (poll(fds, sizeof(fds) / sizeof(fds[0]), sleep_ms(shim)) < 0 && errno != EINTR)
			usleep(GLANCE_MS); /* out of memory for a moment */
		if (shim->exec_status >= 0 && fds[4].revents)
			hear_exec(shim);
		hear_control(shim);
		look_for_stop(shim);
		hear_signals(shim);
		for (int i = 0; i < 2; i++)
			copy_output(shim, i, READS_MAX);
		hear_exit(shim);
		if (!shim->exited)
			look_at_clock(shim);
	}
}

/* Ends what the first process left. Waits for as long as the kernel takes: S2. */
static void end_leftovers(struct shim *shim)
{
	useconds_t pause_us = 500;

	for (;;) {
		bool any = cgroup_kill(shim->spec.cgroups, shim->spec.cgroup_count, shim->cgroup_name);
		pid_t reaped;

		do
			reaped = waitpid(-1, NULL, WNOHANG);
		while (reaped > 0);
		if (reaped < 0 && errno == ECHILD && !any)
			return;
		processes_kill_children();
		for (int i = 0; i < 2; i++)
			copy_output(shim, i, READS_MAX);
		usleep(pause_us);
		pause_us = pause_us < 50000 ? pause_us * 2 : pause_us;
	}
}

static void run(struct shim *shim)
{
	if (shim_spawn(shim) < 0) {
		decide(shim, END_NOT_STARTED);
		say(shim, "its supervisor could not fork: %s", strerror(errno));
		return;
	}
	watch(shim);
	end_leftovers(shim);
	for (int i = 0; i < 2; i++) {
		copy_output(shim, i, LAST_READS_MAX);
		segment_writer_done(&shim->logs[i]);
	}
	if (shim->result.cause == END_NOT_STARTED)
		return;
	if (WIFEXITED(shim->status))
		shim->result.exit_code = WEXITSTATUS(shim->status);
	else if (WIFSIGNALED(shim->status))
		shim->result.exit_signal = WTERMSIG(shim->status);
	shim_count(shim);
}

static int supervise(struct shim *shim)
{
	sigset_t signals;

	shim->result = (struct result_record){ .exit_code = -1, .message = "", .cpu_used_us = -1, .memory_peak_mib = -1 };
	shim->outputs[0] = shim->outputs[1] = shim->exec_status = -1;
	shim->kill_at_us = shim->time_limit_at_us = INT64_MAX;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	shim->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	/* The way in before the first look: a stop written after that look finds it. */
	mkfifo("control", 0600);
	shim->control = open("control", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (shim_load(shim) < 0) {
		decide(shim, END_NOT_STARTED);
		say(shim, "the record of what to run cannot be read");
	} else {
		look_for_stop(shim);
		look_at_lease(shim, engine_boottime_us());
	}
	if (!shim->decided)
		run(shim);
	return shim_finish(shim);
}

int shim_run(const char *folder)
{
	struct shim shim = { .folder = folder };
	int code;

	syscall(SYS_close_range, 3u, ~0u, 0u);
	umask(077);
	if (folder[0] != '/' || chdir(folder) < 0)
		return 1;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	shim.lock = lock_take(AT_FDCWD, "lock");
	if (shim.lock < 0)
		return shim.lock == -EAGAIN ? 0 : 1;
	code = lock_claim(shim.lock);
	if (code == 0) {
		arena_init(&shim.arena);
		code = supervise(&shim);
		arena_done(&shim.arena);
	}
	close(shim.lock);
	return code == 0 || code == -EEXIST ? 0 : 1;
}
