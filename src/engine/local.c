/* The local engine: processes on this machine, each worker of an attempt below a supervisor of its own
 * (`weir shim`), which outlives the agent. Every fact lies in the folder before it counts, so the agent
 * can be killed anywhere. What is left behind, and what the next one makes of it:
 *
 *   while an attempt is written in making/     it means nothing; removed. start() begins anew.
 *   after its rename to attempts/, before or   the name is the intent, and the spec is whole. Workers without a
 *   among the starts of supervisors            claim get a supervisor.
 *   a supervisor started, not yet at its lock  it gets a second one. Only the one with the lock that finds no claim
 *                                              executes; the other goes away. Never twice.
 *   between the stop's record and its poke     supervisors look for it each second.
 *   in the midst of a forget                   the rename to trash/ is the forgetting; the trash is emptied at open.
 *   while writing a result in a dead           the claim is there and the result is not: done again.
 *   supervisor's stead
 *
 * And when a supervisor is killed:
 *   before its claim                           nothing ran. If this agent started it: WEIR_FAILED; if not: a new one.
 *   after its claim, before the result         the kernel kills the command; what else is left is found by cgroup and
 *                                              by mark and killed; then WEIR_FAILED with a sentence.
 *   after the result's rename                  it was done.
 *
 * After the machine restarted, attempts without a result are WEIR_ENGINE_LOST. A folder may then lack what
 * was not synced: an attempt whose spec cannot be read is lost too; one whose name is gone was never
 * reported as running by a machine that is up, and is run anew. Syncing each start was rejected: it costs
 * more than the start itself, and protects only work that the restart has ended anyway.
 *
 * One process for all workers instead of one each was rejected: it would have to be as unbreakable as the
 * work of a whole machine is dear; a supervisor that breaks takes one worker with it.
 */
#include "engine/local.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/local_open.h"
#include "engine/segments.h"

#define GLANCE_MS 1000 /* everything is looked at this often, whatever was heard */
#define HURRY_MS 20
#define EVENT_BYTES 4096

/* Where the key is, or would be. */
static size_t place_of(const struct local_engine *engine, const struct weir_attempt_key *key)
{
	size_t low = 0, high = engine->attempt_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (key_order(&engine->attempts[middle]->status.key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct local_attempt *local_find(struct local_engine *engine, const struct weir_attempt_key *key)
{
	size_t at = place_of(engine, key);

	return at < engine->attempt_count && key_order(&engine->attempts[at]->status.key, key) == 0 ? engine->attempts[at] : NULL;
}

void local_add(struct local_engine *engine, struct local_attempt *attempt)
{
	size_t at = place_of(engine, &attempt->status.key);

	ARRAY_RESERVE(engine->attempts, engine->attempt_capacity, engine->attempt_count + 1);
	memmove(engine->attempts + at + 1, engine->attempts + at, (engine->attempt_count - at) * sizeof(*engine->attempts));
	engine->attempts[at] = attempt;
	engine->attempt_count++;
}

/* Supervisors that were not reaped yet are, later. Frees the attempt. */
void local_remove(struct local_engine *engine, struct local_attempt *attempt)
{
	size_t at = place_of(engine, &attempt->status.key);

	memmove(engine->attempts + at, engine->attempts + at + 1, (--engine->attempt_count - at) * sizeof(*engine->attempts));
	for (size_t w = 0; w < attempt->worker_count; w++) {
		pid_t supervisor = attempt->workers[w].supervisor;

		if (supervisor == 0 || waitpid(supervisor, NULL, WNOHANG) != 0)
			continue;
		ARRAY_RESERVE(engine->orphans, engine->orphan_capacity, engine->orphan_count + 1);
		engine->orphans[engine->orphan_count++] = supervisor;
	}
	local_attempt_free(attempt);
}

static void on_news(uv_timer_t *timer)
{
	struct local_engine *engine = timer->data;

	if (engine->changed)
		engine->changed(engine->context);
}

void local_news(struct local_engine *engine)
{
	uv_timer_start(&engine->news, on_news, 0, 0);
}

static void on_glance(uv_timer_t *timer)
{
	struct local_engine *engine = timer->data;
	size_t left = 0;

	uv_timer_start(&engine->glance, on_glance, GLANCE_MS, 0);
	for (size_t i = 0; i < engine->orphan_count; i++)
		if (waitpid(engine->orphans[i], NULL, WNOHANG) == 0)
			engine->orphans[left++] = engine->orphans[i];
	engine->orphan_count = left;
	for (size_t i = 0; i < engine->attempt_count; i++)
		attempt_look(engine, engine->attempts[i]);
}

void local_hurry(struct local_engine *engine)
{
	uv_timer_start(&engine->glance, on_glance, HURRY_MS, 0);
}

/* Lines "KEY/W". One that was cut off is made up for by the next glance. */
static void on_events(uv_poll_t *poll, int status, int events)
{
	struct local_engine *engine = poll->data;
	char buffer[EVENT_BYTES + 1], *line, *saved = NULL;
	ssize_t got;

	while ((got = read(engine->events_fd, buffer, EVENT_BYTES)) > 0) {
		buffer[got] = 0;
		for (line = strtok_r(buffer, "\n", &saved); line; line = strtok_r(NULL, "\n", &saved)) {
			struct local_attempt *attempt;
			struct weir_attempt_key key;

			line[strcspn(line, "/")] = 0;
			attempt = key_from_name(line, &key) == 0 ? local_find(engine, &key) : NULL;
			if (attempt)
				attempt_look(engine, attempt);
		}
	}
}

static void load_attempts(struct local_engine *engine)
{
	int fd = openat(engine->attempts_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (listing && (entry = readdir(listing))) {
		struct local_attempt *attempt = entry->d_name[0] == '.' ? NULL : attempt_load(engine, entry->d_name);

		if (attempt)
			local_add(engine, attempt);
	}
	if (listing)
		closedir(listing);
	for (size_t i = 0; i < engine->attempt_count; i++)
		attempt_look(engine, engine->attempts[i]);
}

static int local_open(const struct weir_engine_settings *settings, struct weir_engine **ret, char *message, size_t message_size)
{
	struct local_engine *engine = mem_alloc(sizeof(*engine));
	struct err err = { "" };
	int code;

	engine->base.ops = &weir_engine_local;
	arena_init(&engine->arena);
	engine->folder_fd = engine->attempts_fd = engine->lock_fd = engine->events_fd = -1;
	code = engine_prepare(engine, settings, &err);
	if (code < 0) {
		snprintf(message, message_size, "%s", err.text);
		engine_release(engine);
		return code;
	}
	engine->changed = settings->changed;
	engine->context = settings->context;
	uv_timer_init(settings->loop, &engine->glance);
	uv_timer_init(settings->loop, &engine->news);
	uv_poll_init(settings->loop, &engine->events, engine->events_fd);
	engine->glance.data = engine->news.data = engine->events.data = engine;
	engine->handles = 3;
	uv_timer_start(&engine->glance, on_glance, GLANCE_MS, 0);
	uv_poll_start(&engine->events, UV_READABLE, on_events);
	engine_empty_trash(settings->loop, engine->folder);
	load_attempts(engine);
	*ret = &engine->base;
	return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct local_engine *engine = handle->data;

	if (--engine->handles == 0)
		engine_release(engine);
}

/* The folder is free for another at once; the memory goes when the loop has let go of the handles. */
static void local_close(struct weir_engine *base)
{
	struct local_engine *engine = (struct local_engine *)base;

	uv_poll_stop(&engine->events);
	close(engine->lock_fd);
	engine->lock_fd = -1;
	uv_close((uv_handle_t *)&engine->glance, on_handle_closed);
	uv_close((uv_handle_t *)&engine->news, on_handle_closed);
	uv_close((uv_handle_t *)&engine->events, on_handle_closed);
}

static void local_supply(struct weir_engine *base, const struct weir_supply_group **ret_groups, size_t *ret_count,
			 const char *const **ret_notes, size_t *ret_note_count)
{
	struct local_engine *engine = (struct local_engine *)base;

	*ret_groups = engine->place.groups;
	*ret_count = engine->place.group_count;
	*ret_notes = engine->notes;
	*ret_note_count = engine->note_count;
}

static int local_stop(struct weir_engine *base, const struct weir_attempt_key *key, int64_t grace_us)
{
	struct local_engine *engine = (struct local_engine *)base;
	struct local_attempt *attempt = local_find(engine, key);

	if (attempt && attempt->status.state != WEIR_ENDED)
		attempt_stop(engine, attempt, grace_us);
	return 0;
}

/* A lease that was given is not taken back by a message that comes late. */
static int local_lease(struct weir_engine *base, int64_t until_us)
{
	struct local_engine *engine = (struct local_engine *)base;
	struct lease_record lease = { engine->life, until_us };
	int code;

	if (until_us <= engine->lease_until_us)
		return 0;
	code = record_save(engine->folder_fd, "lease", &lease_record_schema, &lease, false);
	if (code == 0)
		engine->lease_until_us = until_us;
	return code;
}

static void local_attempts(struct weir_engine *base, const struct weir_attempt_status **ret, size_t *ret_count)
{
	struct local_engine *engine = (struct local_engine *)base;

	ARRAY_RESERVE(engine->statuses, engine->status_capacity, engine->attempt_count);
	for (size_t i = 0; i < engine->attempt_count; i++)
		engine->statuses[i] = engine->attempts[i]->status;
	*ret = engine->statuses;
	*ret_count = engine->attempt_count;
}

static int64_t local_read_log(struct weir_engine *base, const struct weir_attempt_key *key, uint32_t worker, int stream, int64_t offset,
			      void *buffer, size_t size, int64_t *ret_first)
{
	struct local_engine *engine = (struct local_engine *)base;
	const struct local_attempt *attempt = local_find(engine, key);
	char path[KEY_NAME_BYTES + 16];

	if (!attempt || (stream != 1 && stream != 2) || offset < 0)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%u", attempt->name, worker);
	return segment_read(engine->attempts_fd, path, stream, offset, buffer, size, ret_first);
}

static int local_forget(struct weir_engine *base, const struct weir_attempt_key *key)
{
	struct local_engine *engine = (struct local_engine *)base;
	struct local_attempt *attempt = local_find(engine, key);
	char trash[KEY_NAME_BYTES + 64];

	if (!attempt)
		return 0;
	if (attempt->status.state != WEIR_ENDED)
		return -EBUSY;
	snprintf(trash, sizeof(trash), "trash/%s.%lld.%llu", attempt->name, (long long)engine_unix_us(),
		 (unsigned long long)engine->forgotten++);
	if (renameat(engine->attempts_fd, attempt->name, engine->folder_fd, trash) < 0 && errno != ENOENT)
		return -errno;
	local_remove(engine, attempt);
	engine_empty_trash(engine->glance.loop, engine->folder);
	local_news(engine);
	return 0;
}

const struct weir_engine_ops weir_engine_local = {
	.abi = WEIR_ENGINE_ABI,
	.name = "local",
	.open = local_open,
	.close = local_close,
	.supply = local_supply,
	.start = local_start,
	.stop = local_stop,
	.lease = local_lease,
	.attempts = local_attempts,
	.read_log = local_read_log,
	.forget = local_forget,
};
