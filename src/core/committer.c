#include "core/committer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/snapshot_file.h"

#define SNAPSHOT_PART_BYTES (4u << 20)
#define BATCH_KEPT_BYTES (8u << 20) /* of an empty batch; the memory of a larger one is given back */

struct waiter {
	void (*done)(void *context);
	void *context;
};

struct batch {
	struct record *records; /* payload pointers are set when the batch is sealed */
	size_t count, capacity;
	struct strbuf payloads;
	struct waiter *waiters;
	size_t waiter_count, waiter_capacity;
};

enum job { JOB_APPEND, JOB_SNAPSHOT };

/* The loop's thread makes idle -> given and finished -> idle, the store's thread given -> finished; the
 * loop's thread makes idle -> over once, at the end. */
enum phase { PHASE_IDLE, PHASE_GIVEN, PHASE_FINISHED, PHASE_OVER };

struct committer {
	uv_loop_t *loop;
	struct store *store;
	struct committer_settings settings;
	uv_thread_t thread;
	uv_mutex_t mutex;
	uv_cond_t wake;
	uv_async_t finished;
	uv_prepare_t before_poll;
	uv_idle_t stay_awake; /* keeps the loop from sleeping while callbacks wait that need no disk */

	struct batch batches[2];
	struct batch *gathering;
	struct batch *writing;
	uint64_t added, durable; /* highest sequences */
	int64_t last_us;
	bool failed;
	bool appending; /* `writing` is with the thread */
	bool closing;   /* nobody is told any more */

	enum phase phase; /* guarded by mutex, as is what follows */
	enum job job;
	int job_code; /* of a snapshot: 1 complete, 0 parts are left */
	struct err job_err;
	int64_t job_us;

	int snapshot_fd; /* -1: none */
	bool snapshot_begun;
	uint64_t snapshot_sequence;
	uint8_t snapshot_hash[32];
	int snapshot_turn; /* alternates with batches */
};

static int64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- on the store's thread --- */

/* Gives 1 when the snapshot is complete, 0 while parts are left. */
static int snapshot_part(struct committer *c, struct err *err)
{
	int code;

	if (!c->snapshot_begun) {
		code = store_snapshot_begin(c->store, c->snapshot_sequence, err);
		if (code < 0)
			return code;
		c->snapshot_begun = true;
	}
	code = snapshot_file_copy(c->snapshot_fd, SNAPSHOT_PART_BYTES, c->store, err);
	if (code != 0)
		return code < 0 ? code : 0;
	code = store_snapshot_commit(c->store, c->snapshot_hash, err);
	if (code == 0 && c->snapshot_sequence > c->settings.keep_records)
		code = store_trim(c->store, c->snapshot_sequence - c->settings.keep_records, err);
	return code < 0 ? code : 1;
}

static void committer_thread(void *context)
{
	struct committer *c = context;

	uv_mutex_lock(&c->mutex);
	for (;;) {
		struct err err = { "" };
		int64_t begin;
		int code;

		while (c->phase != PHASE_GIVEN && c->phase != PHASE_OVER)
			uv_cond_wait(&c->wake, &c->mutex);
		if (c->phase == PHASE_OVER)
			break;
		uv_mutex_unlock(&c->mutex);
		begin = monotonic_us();
		code = c->job == JOB_APPEND ? store_append(c->store, c->writing->records, c->writing->count, &err) : snapshot_part(c, &err);
		uv_mutex_lock(&c->mutex);
		c->job_us = monotonic_us() - begin;
		c->job_err = err;
		c->job_code = code;
		c->phase = PHASE_FINISHED;
		uv_async_send(&c->finished);
		uv_cond_broadcast(&c->wake);
	}
	uv_mutex_unlock(&c->mutex);
}

/* --- on the loop's thread --- */

static void batch_seal(struct batch *batch)
{
	size_t offset = 0;

	for (size_t i = 0; i < batch->count; i++) {
		batch->records[i].payload = strbuf_text(&batch->payloads) + offset;
		offset += batch->records[i].payload_length;
	}
}

static void batch_clear(struct batch *batch)
{
	batch->count = 0;
	batch->waiter_count = 0;
	if (batch->payloads.capacity + batch->capacity * sizeof(*batch->records) <= BATCH_KEPT_BYTES) {
		strbuf_reset(&batch->payloads);
		return;
	}
	strbuf_done(&batch->payloads);
	free(batch->records);
	batch->records = NULL;
	batch->capacity = 0;
}

static void batch_done(struct batch *batch)
{
	free(batch->records);
	free(batch->waiters);
	strbuf_done(&batch->payloads);
}

static void run_waiters(struct batch *batch)
{
	for (size_t i = 0; i < batch->waiter_count; i++)
		if (batch->waiters[i].done)
			batch->waiters[i].done(batch->waiters[i].context);
}

static enum phase phase_now(struct committer *c)
{
	enum phase phase;

	uv_mutex_lock(&c->mutex);
	phase = c->phase;
	uv_mutex_unlock(&c->mutex);
	return phase;
}

static void give_job(struct committer *c, enum job job)
{
	uv_mutex_lock(&c->mutex);
	assert(c->phase == PHASE_IDLE);
	c->job = job;
	c->phase = PHASE_GIVEN;
	uv_cond_broadcast(&c->wake);
	uv_mutex_unlock(&c->mutex);
}

static void swap_batches(struct committer *c)
{
	struct batch *sealed = c->gathering;

	c->gathering = c->writing;
	c->writing = sealed;
	batch_seal(sealed);
}

/* Callbacks that need no disk: with nothing gathered and nothing being appended, all is durable. */
static bool waiters_are_due(const struct committer *c)
{
	return c->gathering->count == 0 && c->gathering->waiter_count > 0 && !c->appending && !c->failed;
}

static void start_next(struct committer *c)
{
	bool snapshot;

	if (waiters_are_due(c)) {
		swap_batches(c);
		run_waiters(c->writing);
		batch_clear(c->writing);
	}
	if (c->failed || phase_now(c) != PHASE_IDLE)
		return;
	/* The state that a snapshot shows may be ahead of the log: the log catches up first. */
	snapshot = c->snapshot_fd >= 0 && c->durable >= c->snapshot_sequence;
	if (snapshot && (c->gathering->count == 0 || c->snapshot_turn)) {
		c->snapshot_turn = 0;
		give_job(c, JOB_SNAPSHOT);
	} else if (c->gathering->count > 0) {
		c->snapshot_turn = 1;
		c->appending = true;
		swap_batches(c);
		give_job(c, JOB_APPEND);
	}
}

static void snapshot_end(struct committer *c, int code, const struct err *err)
{
	close(c->snapshot_fd);
	c->snapshot_fd = -1;
	c->snapshot_begun = false;
	if (c->settings.snapshot_done && !c->closing)
		c->settings.snapshot_done(c->settings.context, code, err);
}

static void take_append(struct committer *c, int code, const struct err *err)
{
	c->appending = false;
	if (code < 0) {
		c->failed = true;
		c->settings.failed(c->settings.context, err);
		return;
	}
	c->durable = c->writing->records[c->writing->count - 1].sequence;
	if (!c->closing) {
		c->settings.durable(c->settings.context, c->writing->records, c->writing->count);
		run_waiters(c->writing);
	}
	batch_clear(c->writing);
}

static void take_result(struct committer *c)
{
	struct err err;
	enum job job;
	int code;

	uv_mutex_lock(&c->mutex);
	if (c->phase != PHASE_FINISHED) {
		uv_mutex_unlock(&c->mutex);
		return;
	}
	job = c->job;
	code = c->job_code;
	err = c->job_err;
	if (job == JOB_APPEND)
		c->last_us = c->job_us;
	c->phase = PHASE_IDLE;
	uv_mutex_unlock(&c->mutex);

	if (job == JOB_APPEND)
		take_append(c, code, &err);
	else if (code != 0)
		snapshot_end(c, code < 0 ? code : 0, &err);
	start_next(c);
}

static void on_finished(uv_async_t *handle)
{
	take_result(handle->data);
}

static void on_awake(uv_idle_t *handle)
{
	/* Only its being active matters. */
}

static void on_before_poll(uv_prepare_t *handle)
{
	struct committer *c = handle->data;

	start_next(c);
	if (waiters_are_due(c))
		uv_idle_start(&c->stay_awake, on_awake);
	else
		uv_idle_stop(&c->stay_awake);
}

struct committer *committer_new(uv_loop_t *loop, struct store *store, const struct committer_settings *settings)
{
	struct committer *c = mem_alloc(sizeof(*c));

	c->loop = loop;
	c->store = store;
	c->settings = *settings;
	c->snapshot_fd = -1;
	c->gathering = &c->batches[0];
	c->writing = &c->batches[1];
	uv_mutex_init(&c->mutex);
	uv_cond_init(&c->wake);
	uv_async_init(loop, &c->finished, on_finished);
	uv_prepare_init(loop, &c->before_poll);
	uv_idle_init(loop, &c->stay_awake);
	c->finished.data = c->before_poll.data = c->stay_awake.data = c;
	uv_prepare_start(&c->before_poll, on_before_poll);
	if (uv_thread_create(&c->thread, committer_thread, c) != 0) {
		log_error("committer", "cannot start the store's thread");
		abort();
	}
	return c;
}

static void wait_for_job(struct committer *c)
{
	uv_mutex_lock(&c->mutex);
	while (c->phase == PHASE_GIVEN)
		uv_cond_wait(&c->wake, &c->mutex);
	uv_mutex_unlock(&c->mutex);
}

static void on_last_closed(uv_handle_t *handle)
{
	struct committer *c = handle->data;

	batch_done(&c->batches[0]);
	batch_done(&c->batches[1]);
	uv_mutex_destroy(&c->mutex);
	uv_cond_destroy(&c->wake);
	free(c);
}

static void on_part_closed(uv_handle_t *handle)
{
	struct committer *c = handle->data;

	uv_close((uv_handle_t *)&c->finished, on_last_closed);
}

static void on_first_closed(uv_handle_t *handle)
{
	struct committer *c = handle->data;

	uv_close((uv_handle_t *)&c->stay_awake, on_part_closed);
}

int committer_free(struct committer *c, struct err *err)
{
	int code = 0;

	if (!c)
		return 0;
	c->closing = true;
	c->batches[0].waiter_count = c->batches[1].waiter_count = 0;
	while (!c->failed && (phase_now(c) != PHASE_IDLE || c->gathering->count > 0 || c->snapshot_fd >= 0)) {
		start_next(c);
		wait_for_job(c);
		take_result(c);
	}
	if (c->failed)
		code = err_set(err, -EIO, "%s", c->job_err.text);
	if (c->snapshot_fd >= 0)
		close(c->snapshot_fd);
	uv_mutex_lock(&c->mutex);
	c->phase = PHASE_OVER;
	uv_cond_broadcast(&c->wake);
	uv_mutex_unlock(&c->mutex);
	uv_thread_join(&c->thread);
	store_close(c->store);
	uv_close((uv_handle_t *)&c->before_poll, on_first_closed);
	return code;
}

void committer_add(struct committer *c, uint64_t sequence, int64_t time_us, uint32_t type, const void *payload, size_t length)
{
	struct batch *batch = c->gathering;

	ARRAY_RESERVE(batch->records, batch->capacity, batch->count + 1);
	batch->records[batch->count++] =
		(struct record){ .sequence = sequence, .time_us = time_us, .type = type, .payload_length = length };
	strbuf_add(&batch->payloads, payload, length);
	c->added = sequence;
}

void committer_when_durable(struct committer *c, void (*done)(void *context), void *context)
{
	/* With an empty batch the one being written may still hold what is waited for: it ends first. */
	struct batch *batch = c->gathering;

	ARRAY_RESERVE(batch->waiters, batch->waiter_capacity, batch->waiter_count + 1);
	batch->waiters[batch->waiter_count++] = (struct waiter){ done, context };
}

void committer_forget(struct committer *c, void *context)
{
	for (size_t b = 0; b < ARRAY_COUNT(c->batches); b++)
		for (size_t i = 0; i < c->batches[b].waiter_count; i++)
			if (c->batches[b].waiters[i].context == context)
				c->batches[b].waiters[i].done = NULL;
}

uint64_t committer_durable(const struct committer *c)
{
	return c->durable;
}

void committer_set_durable(struct committer *c, uint64_t sequence)
{
	c->added = c->durable = sequence;
}

size_t committer_waiting(const struct committer *c)
{
	return c->gathering->count + c->writing->count;
}

int64_t committer_last_us(const struct committer *c)
{
	return c->last_us;
}

int committer_snapshot(struct committer *c, int fd, uint64_t sequence, const uint8_t hash[32])
{
	assert(sequence <= c->added);
	if (c->snapshot_fd >= 0) {
		close(fd);
		return -EBUSY;
	}
	c->snapshot_fd = fd;
	c->snapshot_sequence = sequence;
	memcpy(c->snapshot_hash, hash, sizeof(c->snapshot_hash));
	return 0;
}
