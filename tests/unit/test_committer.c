/* The committer before a store that stops, fails and is slow whenever the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "core/committer.h"
#include "core/snapshot_file.h"

enum gate { GATE_APPEND, GATE_SNAPSHOT, GATE_COUNT };

/* A memory log behind gates: with a gate closed, the store's thread stands in it until it is opened. */
struct gated {
	struct store store;
	struct store *inner;
	uv_mutex_t mutex;
	uv_cond_t changed;
	bool closed[GATE_COUNT], inside[GATE_COUNT];
	int append_code, snapshot_code; /* negative: fails */
	int appends, snapshots, trims;
	uint64_t last;
	uint64_t last_at_snapshot; /* what the log held when the snapshot was begun */
};

struct bench {
	uv_loop_t loop;
	struct gated gated;
	struct committer *committer;
	uint64_t sequence;
	int called[64];
	size_t called_count;
	uint64_t durable; /* as the callback was told */
	int failures, snapshots_done, snapshot_code;
};

struct mark {
	struct bench *bench;
	int number;
};

static struct gated *gated_of(struct store *store)
{
	return (struct gated *)store;
}

static void pass_gate(struct gated *gated, enum gate gate)
{
	uv_mutex_lock(&gated->mutex);
	gated->inside[gate] = true;
	uv_cond_broadcast(&gated->changed);
	while (gated->closed[gate])
		uv_cond_wait(&gated->changed, &gated->mutex);
	gated->inside[gate] = false;
	uv_mutex_unlock(&gated->mutex);
}

static void gate_close(struct gated *gated, enum gate gate)
{
	uv_mutex_lock(&gated->mutex);
	gated->closed[gate] = true;
	uv_mutex_unlock(&gated->mutex);
}

static void gate_open(struct gated *gated, enum gate gate)
{
	uv_mutex_lock(&gated->mutex);
	gated->closed[gate] = false;
	uv_cond_broadcast(&gated->changed);
	uv_mutex_unlock(&gated->mutex);
}

/* Until the store's thread stands in the gate. */
static void gate_await(struct gated *gated, enum gate gate)
{
	uv_mutex_lock(&gated->mutex);
	while (!gated->inside[gate])
		uv_cond_wait(&gated->changed, &gated->mutex);
	uv_mutex_unlock(&gated->mutex);
}

static void gated_close(struct store *store)
{
	store_close(gated_of(store)->inner);
}

static int gated_append(struct store *store, const struct record *records, size_t count, struct err *err)
{
	struct gated *gated = gated_of(store);
	int code;

	pass_gate(gated, GATE_APPEND);
	if (gated->append_code < 0)
		return err_set(err, gated->append_code, "the disk is full");
	code = store_append(gated->inner, records, count, err);
	gated->appends++;
	gated->last = records[count - 1].sequence;
	return code;
}

static int gated_begin(struct store *store, uint64_t sequence, struct err *err)
{
	struct gated *gated = gated_of(store);

	gated->last_at_snapshot = gated->last;
	if (gated->snapshot_code < 0)
		return err_set(err, gated->snapshot_code, "no room for a snapshot");
	return store_snapshot_begin(gated->inner, sequence, err);
}

static int gated_add(struct store *store, const struct record *records, size_t count, struct err *err)
{
	pass_gate(gated_of(store), GATE_SNAPSHOT);
	return store_snapshot_add(gated_of(store)->inner, records, count, err);
}

static int gated_commit(struct store *store, const uint8_t hash[32], struct err *err)
{
	gated_of(store)->snapshots++;
	return store_snapshot_commit(gated_of(store)->inner, hash, err);
}

static int gated_trim(struct store *store, uint64_t keep_after, struct err *err)
{
	gated_of(store)->trims++;
	return store_trim(gated_of(store)->inner, keep_after, err);
}

static const struct store_ops gated_ops = { .name = "gated", .close = gated_close, .append = gated_append, .snapshot_begin = gated_begin,
					    .snapshot_add = gated_add, .snapshot_commit = gated_commit, .trim = gated_trim };

static void on_durable(void *context, const struct record *records, size_t count)
{
	struct bench *bench = context;

	for (size_t i = 0; i < count; i++) {
		assert_int_equal(records[i].sequence, bench->durable + 1);
		assert_int_equal(records[i].payload_length, 4);
		assert_memory_equal(records[i].payload, "text", 4);
		bench->durable++;
	}
}

static void on_failed(void *context, const struct err *err)
{
	struct bench *bench = context;

	assert_string_equal(err->text, "the disk is full");
	bench->failures++;
}

static void on_snapshot(void *context, int code, const struct err *err)
{
	struct bench *bench = context;

	bench->snapshots_done++;
	bench->snapshot_code = code;
}

static int setup(void **state)
{
	struct bench *bench = mem_alloc(sizeof(*bench));
	struct committer_settings settings = { .durable = on_durable, .failed = on_failed, .snapshot_done = on_snapshot, .context = bench,
					       .keep_records = 2 };
	struct err err;

	uv_loop_init(&bench->loop);
	uv_mutex_init(&bench->gated.mutex);
	uv_cond_init(&bench->gated.changed);
	bench->gated.store.ops = &gated_ops;
	if (store_open_memory(&bench->gated.inner, &err) < 0)
		return -1;
	bench->committer = committer_new(&bench->loop, &bench->gated.store, &settings);
	*state = bench;
	return 0;
}

static int finish(struct bench *bench)
{
	struct err err = { "" };
	int code = committer_free(bench->committer, &err);

	bench->committer = NULL;
	return code;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	if (bench->committer)
		finish(bench);
	uv_run(&bench->loop, UV_RUN_DEFAULT);
	uv_mutex_destroy(&bench->gated.mutex);
	uv_cond_destroy(&bench->gated.changed);
	if (uv_loop_close(&bench->loop) != 0)
		return -1;
	free(bench);
	return 0;
}

static void add(struct bench *bench)
{
	committer_add(bench->committer, ++bench->sequence, 1, 7, "text", 4);
}

static void on_called(void *context)
{
	struct mark *mark = context;

	assert_true(mark->bench->called_count < ARRAY_COUNT(mark->bench->called));
	mark->bench->called[mark->bench->called_count++] = mark->number;
}

static void turn_until_called(struct bench *bench, size_t count)
{
	/* Callbacks that need no disk come before the loop would wait, so it must not wait for something more. */
	while (bench->called_count < count)
		uv_run(&bench->loop, UV_RUN_NOWAIT);
}

static void test_what_gathers_shares_a_commit(void **state)
{
	struct bench *bench = *state;
	struct mark marks[11];

	gate_close(&bench->gated, GATE_APPEND);
	for (int i = 0; i <= 10; i++) {
		marks[i] = (struct mark){ bench, i };
		add(bench);
		committer_when_durable(bench->committer, on_called, &marks[i]);
		uv_run(&bench->loop, UV_RUN_NOWAIT);
		if (i == 0)
			gate_await(&bench->gated, GATE_APPEND);
	}
	assert_int_equal(bench->called_count, 0);
	assert_int_equal(committer_durable(bench->committer), 0);
	assert_int_equal(committer_waiting(bench->committer), 11);
	gate_open(&bench->gated, GATE_APPEND);
	turn_until_called(bench, 11);
	for (int i = 0; i <= 10; i++)
		assert_int_equal(bench->called[i], i);
	assert_int_equal(bench->gated.appends, 2);
	assert_int_equal(bench->durable, 11);
	assert_int_equal(committer_durable(bench->committer), 11);
	assert_int_equal(committer_waiting(bench->committer), 0);
}

static void test_a_callback_without_records_waits_for_those_before(void **state)
{
	struct bench *bench = *state;
	struct mark first = { bench, 1 }, second = { bench, 2 }, third = { bench, 3 };

	committer_when_durable(bench->committer, on_called, &first);
	assert_int_equal(bench->called_count, 0); /* never before the call returned */
	turn_until_called(bench, 1);
	gate_close(&bench->gated, GATE_APPEND);
	add(bench);
	committer_when_durable(bench->committer, on_called, &second);
	uv_run(&bench->loop, UV_RUN_NOWAIT);
	gate_await(&bench->gated, GATE_APPEND);
	committer_when_durable(bench->committer, on_called, &third);
	for (int i = 0; i < 3; i++)
		uv_run(&bench->loop, UV_RUN_NOWAIT);
	assert_int_equal(bench->called_count, 1);
	gate_open(&bench->gated, GATE_APPEND);
	turn_until_called(bench, 3);
	assert_int_equal(bench->called[1], 2);
	assert_int_equal(bench->called[2], 3);
}

static void test_the_forgotten_are_not_called(void **state)
{
	struct bench *bench = *state;
	struct mark gone = { bench, 1 }, kept = { bench, 2 };

	gate_close(&bench->gated, GATE_APPEND);
	add(bench);
	committer_when_durable(bench->committer, on_called, &gone);
	uv_run(&bench->loop, UV_RUN_NOWAIT);
	add(bench);
	committer_when_durable(bench->committer, on_called, &gone);
	committer_when_durable(bench->committer, on_called, &kept);
	committer_forget(bench->committer, &gone); /* of the batch on its way, and of the one that gathers */
	gate_open(&bench->gated, GATE_APPEND);
	turn_until_called(bench, 1);
	assert_int_equal(bench->called[0], 2);
}

static void test_a_failing_store_calls_nobody(void **state)
{
	struct bench *bench = *state;
	struct mark mark = { bench, 1 };

	bench->gated.append_code = -ENOSPC;
	add(bench);
	committer_when_durable(bench->committer, on_called, &mark);
	while (bench->failures == 0)
		uv_run(&bench->loop, UV_RUN_ONCE);
	add(bench);
	committer_when_durable(bench->committer, on_called, &mark);
	for (int i = 0; i < 3; i++)
		uv_run(&bench->loop, UV_RUN_NOWAIT);
	assert_int_equal(finish(bench), -EIO);
	assert_int_equal(bench->failures, 1);
	assert_int_equal(bench->called_count, 0);
	assert_int_equal(bench->durable, 0);
}

static void test_the_end_writes_what_waits_and_calls_nobody(void **state)
{
	struct bench *bench = *state;
	struct mark mark = { bench, 1 };

	add(bench);
	add(bench);
	committer_when_durable(bench->committer, on_called, &mark);
	assert_int_equal(finish(bench), 0);
	assert_int_equal(bench->gated.last, 2);
	assert_int_equal(bench->called_count, 0);
	assert_int_equal(bench->durable, 0);
}

static void test_the_end_tells_of_a_store_that_fails_only_then(void **state)
{
	struct bench *bench = *state;

	bench->gated.append_code = -EIO;
	add(bench);
	assert_int_equal(finish(bench), -EIO);
	assert_int_equal(bench->failures, 1);
}

/* A small state's snapshot, in its file. */
static int snapshot_of_nothing(uint8_t hash[32])
{
	struct platform_settings settings;
	struct platform *platform;
	struct err err = { "" };
	int fd = snapshot_file_create(&err);

	assert_true(fd >= 0);
	platform_settings_defaults(&settings);
	settings.name = "test";
	platform = platform_new(&settings);
	assert_int_equal(snapshot_file_write(fd, platform, &err), 0);
	assert_int_equal(snapshot_file_read_hash(fd, hash, &err), 0);
	platform_free(platform);
	return fd;
}

static void test_a_snapshot_waits_for_its_records(void **state)
{
	struct bench *bench = *state;
	uint8_t hash[32];
	int fd = snapshot_of_nothing(hash);

	gate_close(&bench->gated, GATE_APPEND);
	add(bench);
	uv_run(&bench->loop, UV_RUN_NOWAIT);
	gate_await(&bench->gated, GATE_APPEND);
	for (int i = 0; i < 4; i++)
		add(bench);
	assert_int_equal(committer_snapshot(bench->committer, fd, 5, hash), 0);
	assert_int_equal(committer_snapshot(bench->committer, snapshot_of_nothing(hash), 5, hash), -EBUSY);
	gate_open(&bench->gated, GATE_APPEND);
	while (bench->snapshots_done == 0)
		uv_run(&bench->loop, UV_RUN_ONCE);
	assert_int_equal(bench->snapshot_code, 0);
	assert_int_equal(bench->gated.last_at_snapshot, 5);
	assert_int_equal(bench->gated.snapshots, 1);
	assert_int_equal(bench->gated.trims, 1);
}

static void test_a_snapshot_at_the_end_waits_for_its_records(void **state)
{
	struct bench *bench = *state;
	uint8_t hash[32];

	add(bench);
	add(bench);
	assert_int_equal(committer_snapshot(bench->committer, snapshot_of_nothing(hash), 2, hash), 0);
	assert_int_equal(finish(bench), 0);
	assert_int_equal(bench->gated.last_at_snapshot, 2);
	assert_int_equal(bench->gated.snapshots, 1);
}

static void test_readers_do_not_wait_for_a_snapshot(void **state)
{
	struct bench *bench = *state;
	struct mark mark = { bench, 1 };
	uint8_t hash[32];

	gate_close(&bench->gated, GATE_SNAPSHOT);
	add(bench);
	while (bench->durable < 1)
		uv_run(&bench->loop, UV_RUN_ONCE);
	assert_int_equal(committer_snapshot(bench->committer, snapshot_of_nothing(hash), 1, hash), 0);
	uv_run(&bench->loop, UV_RUN_NOWAIT);
	gate_await(&bench->gated, GATE_SNAPSHOT);
	committer_when_durable(bench->committer, on_called, &mark);
	turn_until_called(bench, 1);
	assert_int_equal(bench->snapshots_done, 0);
	gate_open(&bench->gated, GATE_SNAPSHOT);
}

static void test_a_snapshot_that_fails_leaves_the_log_going(void **state)
{
	struct bench *bench = *state;
	struct mark mark = { bench, 1 };
	uint8_t hash[32];

	bench->gated.snapshot_code = -ENOSPC;
	add(bench);
	assert_int_equal(committer_snapshot(bench->committer, snapshot_of_nothing(hash), 1, hash), 0);
	while (bench->snapshots_done == 0)
		uv_run(&bench->loop, UV_RUN_ONCE);
	assert_int_equal(bench->snapshot_code, -ENOSPC);
	assert_int_equal(bench->gated.trims, 0);
	add(bench);
	committer_when_durable(bench->committer, on_called, &mark);
	turn_until_called(bench, 1);
	assert_int_equal(bench->failures, 0);
	assert_int_equal(bench->durable, 2);
}

static void add_more(void *context)
{
	struct mark *mark = context;

	on_called(mark);
	if (mark->bench->called_count < 20) {
		if (mark->bench->called_count % 2)
			add(mark->bench);
		committer_when_durable(mark->bench->committer, add_more, mark);
	}
}

static void test_callbacks_may_commit_again(void **state)
{
	struct bench *bench = *state;
	struct mark mark = { bench, 1 };

	committer_when_durable(bench->committer, add_more, &mark);
	turn_until_called(bench, 20);
	assert_int_equal(bench->durable, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_gathers_shares_a_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_callback_without_records_waits_for_those_before, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_forgotten_are_not_called, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_failing_store_calls_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_end_writes_what_waits_and_calls_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_end_tells_of_a_store_that_fails_only_then, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_snapshot_waits_for_its_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_snapshot_at_the_end_waits_for_its_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readers_do_not_wait_for_a_snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_snapshot_that_fails_leaves_the_log_going, setup, teardown),
		cmocka_unit_test_setup_teardown(test_callbacks_may_commit_again, setup, teardown),
	};

	return cmocka_run_group_tests_name("committer", tests, NULL, NULL);
}
