/* What became of an attempt: its status is worked out from the records of its workers, nothing else. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/cgroup.h"
#include "engine/local.h"
#include "engine/processes.h"

#define WORKER_PATH_BYTES (KEY_NAME_BYTES + 48)
#define PROGRESS_BYTES_MAX 64

static void worker_path(char path[static WORKER_PATH_BYTES], const struct local_attempt *attempt, const struct local_worker *worker,
			const char *file)
{
	snprintf(path, WORKER_PATH_BYTES, "%s/%u/%s", attempt->name, worker->index, file);
}

static bool worker_succeeded(const struct local_worker *worker)
{
	return worker->result.cause == END_EXITED && worker->result.exit_code == 0;
}

struct local_attempt *attempt_load(struct local_engine *engine, const char *name)
{
	cleanup_arena struct arena arena = { 0 };
	struct local_attempt *attempt;
	struct weir_attempt_key key;
	struct stop_record stop;
	struct spec_record spec;
	char path[KEY_NAME_BYTES + 16];

	arena_init(&arena);
	if (key_from_name(name, &key) < 0)
		return NULL;
	snprintf(path, sizeof(path), "%s/spec", name);
	if (record_load(engine->attempts_fd, path, &spec_record_schema, &arena, &spec) < 0) {
		log_warning("engine", "attempt %s: its record cannot be read; it counts as lost", name);
		attempt = attempt_new(&key, 0, 0);
		attempt->status.state = WEIR_ENDED;
		attempt->status.outcome = WEIR_ENGINE_LOST;
		attempt->status.ended_us = engine_unix_us();
		snprintf(attempt->status.message, sizeof(attempt->status.message), "the machine's record of it cannot be read");
		return attempt;
	}
	attempt = attempt_new(&key, spec.token, spec.worker_count);
	attempt->grace_us = spec.grace_us;
	attempt->this_life = strcmp(spec.life, engine->life) == 0;
	for (size_t w = 0; w < spec.worker_count; w++)
		attempt->workers[w].index = (uint32_t)spec.workers[w].index;
	snprintf(path, sizeof(path), "%s/stop", name);
	if (record_load(engine->attempts_fd, path, &stop_record_schema, &arena, &stop) == 0)
		attempt->kill_at_us = stop.kill_at_us;
	return attempt;
}

/* Wakes the supervisors that live; one that doesn't, or is not there yet, looks by itself. */
static void poke_workers(struct local_engine *engine, const struct local_attempt *attempt)
{
	for (size_t w = 0; w < attempt->worker_count; w++) {
		char path[WORKER_PATH_BYTES];
		int fd;

		if (attempt->workers[w].ended)
			continue;
		worker_path(path, attempt, &attempt->workers[w], "control");
		fd = openat(engine->attempts_fd, path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (write(fd, "!", 1) < 0)
			log_debug("engine", "%s: not woken: %s", path, strerror(errno));
		close(fd);
	}
}

void attempt_stop(struct local_engine *engine, struct local_attempt *attempt, int64_t grace_us)
{
	struct stop_record stop = { engine_boottime_us() + (grace_us > 0 ? grace_us : 0) };
	char path[WORKER_PATH_BYTES];
	int code;

	if (stop.kill_at_us >= attempt->kill_at_us)
		return; /* asked before, and for no later */
	snprintf(path, sizeof(path), "%s/stop", attempt->name);
	code = record_save(engine->attempts_fd, path, &stop_record_schema, &stop, false);
	if (code < 0) {
		log_warning("engine", "attempt %s: its stop cannot be written: %s", attempt->name, strerror(-code));
		return; /* the agent asks again */
	}
	attempt->kill_at_us = stop.kill_at_us;
	poke_workers(engine, attempt);
	if (attempt->status.state != WEIR_ENDED)
		attempt->status.state = WEIR_STOPPING;
	local_news(engine);
}

static bool read_result(struct local_engine *engine, const struct local_attempt *attempt, struct local_worker *worker)
{
	cleanup_arena struct arena arena = { 0 };
	struct result_record result;
	char path[WORKER_PATH_BYTES];
	int code;

	arena_init(&arena);
	worker_path(path, attempt, worker, "result");
	code = record_load(engine->attempts_fd, path, &result_record_schema, &arena, &result);
	if (code == -ENOENT)
		return false;
	if (code < 0) { /* torn by a crash of the machine */
		result = (struct result_record){ .cause = END_MACHINE,
						 .exit_code = -1,
						 .message = "the record of its end cannot be read",
						 .cpu_used_us = -1,
						 .memory_peak_mib = -1 };
	}
	worker->result = result;
	worker->result.message = mem_strdup(result.message);
	worker->ended = true;
	if (result.started_us > 0) {
		worker->started = true;
		worker->started_us = result.started_us;
	}
	return true;
}

static void read_started(struct local_engine *engine, const struct local_attempt *attempt, struct local_worker *worker)
{
	cleanup_arena struct arena arena = { 0 };
	struct started_record started;
	char path[WORKER_PATH_BYTES];

	arena_init(&arena);
	worker_path(path, attempt, worker, "started");
	if (record_load(engine->attempts_fd, path, &started_record_schema, &arena, &started) == 0) {
		worker->started = true;
		worker->started_us = started.started_us;
	}
}

void worker_settle(struct local_engine *engine, const struct local_attempt *attempt, struct local_worker *worker, enum end_cause cause,
		   const char *message)
{
	int64_t now_us = engine_unix_us();
	struct result_record result = { .cause = cause,
					.exit_code = -1,
					.message = message,
					.decided_us = now_us,
					.started_us = worker->started_us,
					.ended_us = now_us,
					.cpu_used_us = -1,
					.memory_peak_mib = -1 };
	char path[WORKER_PATH_BYTES];
	int lock;

	worker_path(path, attempt, worker, "lock");
	lock = lock_take(engine->attempts_fd, path);
	if (lock < 0)
		return; /* one lives after all, or the disk fails: the next glance tells */
	worker_path(path, attempt, worker, "result");
	if (faccessat(engine->attempts_fd, path, F_OK, 0) < 0) {
		lock_claim(lock); /* -EEXIST is as good */
		record_save(engine->attempts_fd, path, &result_record_schema, &result, true);
	}
	close(lock);
	read_result(engine, attempt, worker);
}

/* Ends what a dead supervisor left. Gives whether nothing is left. */
static bool clear_leftovers(struct local_engine *engine, const struct local_attempt *attempt, const struct local_worker *worker)
{
	cleanup_arena struct arena arena = { 0 };
	struct spec_record spec;
	char path[KEY_NAME_BYTES + 16];
	const char *name, *mark;
	bool any = false;

	arena_init(&arena);
	mark = arena_printf(&arena, ENVIRONMENT_FOLDER "=%s/attempts/%s/%u", engine->folder, attempt->name, worker->index);
	snprintf(path, sizeof(path), "%s/spec", attempt->name);
	if (record_load(engine->attempts_fd, path, &spec_record_schema, &arena, &spec) == 0) {
		name = arena_printf(&arena, "%s.%u", spec.cgroup_name, worker->index);
		any = cgroup_kill(spec.cgroups, spec.cgroup_count, name);
		if (!any)
			cgroup_remove(spec.cgroups, spec.cgroup_count, name);
	}
	return !processes_kill_marked(mark) && !any;
}

/* Claimed and without a supervisor. In another life of the machine there is nothing left but perhaps cgroups: a
 * container that was started anew. */
static void worker_abandoned(struct local_engine *engine, const struct local_attempt *attempt, struct local_worker *worker)
{
	if (!clear_leftovers(engine, attempt, worker))
		local_hurry(engine); /* the kernel takes a moment to end what was killed */
	else if (attempt->this_life)
		worker_settle(engine, attempt, worker, END_ABANDONED, "its supervisor was killed, and its processes with it");
	else
		worker_settle(engine, attempt, worker, END_MACHINE, "the machine restarted");
}

/* No claim, no lock, no supervisor of ours: nothing ran. */
static void worker_unclaimed(struct local_engine *engine, const struct local_attempt *attempt, struct local_worker *worker, bool ours_ended)
{
	if (ours_ended)
		worker_settle(engine, attempt, worker, END_NOT_STARTED, "its supervisor ended before it began");
	else if (worker_spawn(engine, attempt, worker) < 0)
		worker_settle(engine, attempt, worker, END_NOT_STARTED, "its supervisor could not be started");
}

/* Progress that the job wrote: thousandths, or per cent with a % behind. */
static int32_t read_progress(struct local_engine *engine, const struct local_attempt *attempt, const struct local_worker *worker)
{
	cleanup_strbuf struct strbuf text = { 0 };
	char path[WORKER_PATH_BYTES], *end;
	long value;

	worker_path(path, attempt, worker, "progress");
	if (record_read(engine->attempts_fd, path, PROGRESS_BYTES_MAX, &text) < 0 || text.length == 0)
		return worker->progress_permille;
	value = strtol(text.data, &end, 10);
	if (end == text.data || value < 0)
		return worker->progress_permille;
	if (value > 1000)
		value = 1000;
	if (*end == '.' && end[1] >= '0' && end[1] <= '9') { /* 37.5%: one digit is a thousandth */
		long tenth = end[1] - '0';

		end += 1 + strspn(end + 1, "0123456789");
		if (*end == '%')
			value = value * 10 + tenth;
	} else if (*end == '%') {
		value *= 10;
	}
	return value > 1000 ? 1000 : (int32_t)value;
}

static void worker_look(struct local_engine *engine, const struct local_attempt *attempt, struct local_worker *worker)
{
	struct lock_state lock = { false, false };
	bool ours_ended = false;
	char path[WORKER_PATH_BYTES];

	if (worker->supervisor > 0 && waitpid(worker->supervisor, NULL, WNOHANG) != 0) {
		ours_ended = true;
		worker->supervisor = 0;
	}
	if (worker->ended)
		return;
	/* The lock before the result: a supervisor writes the result before it lets go. */
	worker_path(path, attempt, worker, "lock");
	if (lock_look(engine->attempts_fd, path, &lock) < 0)
		return;
	if (read_result(engine, attempt, worker))
		return;
	if (!worker->started)
		read_started(engine, attempt, worker);
	worker->progress_permille = read_progress(engine, attempt, worker);
	if (lock.held)
		return;
	if (lock.claimed || !attempt->this_life)
		worker_abandoned(engine, attempt, worker);
	else if (worker->supervisor == 0)
		worker_unclaimed(engine, attempt, worker, ours_ended);
}

static enum weir_outcome outcome_of(enum end_cause cause)
{
	switch (cause) {
	case END_TIMED_OUT:
		return WEIR_TIMED_OUT;
	case END_STOPPED:
		return WEIR_STOPPED;
	case END_LEASE_EXPIRED:
		return WEIR_LEASE_EXPIRED;
	case END_MACHINE:
		return WEIR_ENGINE_LOST;
	case END_EXITED:
	case END_SIGNALED:
	case END_NOT_STARTED:
	case END_ABANDONED:
	case END_CAUSE_COUNT:
		break;
	}
	return WEIR_FAILED;
}

/* The first that did not succeed; the others were stopped for its sake. NULL when all did. */
static const struct local_worker *first_failure(const struct local_attempt *attempt)
{
	const struct local_worker *first = NULL;

	for (size_t w = 0; w < attempt->worker_count; w++) {
		const struct local_worker *worker = &attempt->workers[w];

		if (worker->ended && !worker_succeeded(worker) && (!first || worker->result.decided_us < first->result.decided_us))
			first = worker;
	}
	return first;
}

static void add_up(const struct local_attempt *attempt, struct weir_attempt_status *status)
{
	status->started_us = 0;
	status->ended_us = 0;
	for (size_t w = 0; w < attempt->worker_count; w++) {
		const struct local_worker *worker = &attempt->workers[w];

		if (worker->started && (status->started_us == 0 || worker->started_us < status->started_us))
			status->started_us = worker->started_us;
		if (worker->progress_permille >= 0 &&
		    (status->progress_permille < 0 || worker->progress_permille < status->progress_permille))
			status->progress_permille = worker->progress_permille;
		if (!worker->ended)
			continue;
		if (worker->result.ended_us > status->ended_us)
			status->ended_us = worker->result.ended_us;
		if (worker->result.cpu_used_us >= 0)
			status->cpu_used_us = (status->cpu_used_us < 0 ? 0 : status->cpu_used_us) + worker->result.cpu_used_us;
		if (worker->result.memory_peak_mib > status->memory_peak_mib)
			status->memory_peak_mib = worker->result.memory_peak_mib;
	}
}

static void describe_end(const struct local_attempt *attempt, struct weir_attempt_status *status)
{
	const struct local_worker *first = first_failure(attempt);

	status->state = WEIR_ENDED;
	status->outcome = WEIR_SUCCEEDED;
	status->exit_code = 0;
	if (!first)
		return;
	status->outcome = outcome_of(first->result.cause);
	status->exit_code = (int32_t)first->result.exit_code;
	status->exit_signal = (int32_t)first->result.exit_signal;
	if (status->outcome == WEIR_FAILED || status->outcome == WEIR_TIMED_OUT)
		status->failed_worker = (int32_t)first->index;
	if (attempt->worker_count > 1 && first->result.message[0] && status->failed_worker >= 0)
		snprintf(status->message, sizeof(status->message), "worker %u: %s", first->index, first->result.message);
	else
		snprintf(status->message, sizeof(status->message), "%s", first->result.message);
}

static void work_out(const struct local_attempt *attempt, struct weir_attempt_status *ret)
{
	size_t started = 0, ended = 0;

	memset(ret, 0, sizeof(*ret)); /* padding too: statuses are compared as bytes */
	ret->key = attempt->status.key;
	ret->token = attempt->status.token;
	ret->exit_code = ret->failed_worker = ret->progress_permille = -1;
	ret->cpu_used_us = ret->memory_peak_mib = -1;
	for (size_t w = 0; w < attempt->worker_count; w++) {
		started += attempt->workers[w].started || attempt->workers[w].ended;
		ended += attempt->workers[w].ended;
	}
	add_up(attempt, ret);
	if (ended == attempt->worker_count) {
		describe_end(attempt, ret);
		return;
	}
	ret->ended_us = 0;
	ret->cpu_used_us = ret->memory_peak_mib = -1;
	ret->state = attempt->kill_at_us != INT64_MAX ? WEIR_STOPPING : started == attempt->worker_count ? WEIR_RUNNING : WEIR_STARTING;
}

void attempt_look(struct local_engine *engine, struct local_attempt *attempt)
{
	struct weir_attempt_status status;

	for (size_t w = 0; w < attempt->worker_count; w++)
		worker_look(engine, attempt, &attempt->workers[w]);
	if (attempt->status.state == WEIR_ENDED && attempt->status.ended_us > 0)
		return;
	work_out(attempt, &status);
	if (status.state != WEIR_ENDED && first_failure(attempt))
		attempt_stop(engine, attempt, attempt->grace_us);
	if (status.state != WEIR_ENDED && attempt->kill_at_us != INT64_MAX)
		status.state = WEIR_STOPPING;
	if (memcmp(&status, &attempt->status, sizeof(status)) == 0)
		return;
	attempt->status = status;
	local_news(engine);
}
