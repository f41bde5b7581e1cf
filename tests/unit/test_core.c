/* The core: nothing leaves before it is durable, commits are shared, a restart gives the same state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/core.h"
#include "wire/files.h"

static const char network_text[] = "network:\n  name: test\n  regions: [{name: here}]\n  sites:\n"
				   "    - {name: only, title: Only, tier: hub, region: here, operator: test, latitude: 30, longitude: 110,\n"
				   "       engine: local, groups: [{name: machine, count: 1, cpu: 4, memory: 4GiB}]}\n";

/* A store that counts, and fails when it is told to. */
struct probe {
	struct store store;
	struct store *inner;
	int appends;
	int records;
	int fail; /* negative errno for the next append */
};

static int probe_append(struct store *store, const struct record *records, size_t count, struct err *err)
{
	struct probe *probe = (struct probe *)store;

	if (probe->fail < 0)
		return err_set(err, probe->fail, "the disk is full");
	probe->appends++;
	probe->records += (int)count;
	return store_append(probe->inner, records, count, err);
}

static void probe_close(struct store *store)
{
	store_close(((struct probe *)store)->inner);
}

static int probe_read(struct store *store, uint64_t after, size_t count_max, record_visit visit, void *context, struct err *err)
{
	return store_read(((struct probe *)store)->inner, after, count_max, visit, context, err);
}

static int probe_last(struct store *store, uint64_t *ret_first, uint64_t *ret_last, struct err *err)
{
	return store_last(((struct probe *)store)->inner, ret_first, ret_last, err);
}

static int probe_begin(struct store *store, uint64_t sequence, struct err *err)
{
	return store_snapshot_begin(((struct probe *)store)->inner, sequence, err);
}

static int probe_add(struct store *store, const struct record *records, size_t count, struct err *err)
{
	return store_snapshot_add(((struct probe *)store)->inner, records, count, err);
}

static int probe_commit(struct store *store, const uint8_t hash[32], struct err *err)
{
	return store_snapshot_commit(((struct probe *)store)->inner, hash, err);
}

static int probe_snapshot_read(struct store *store, uint64_t *ret_sequence, uint8_t ret_hash[32], record_visit visit, void *context,
			       struct err *err)
{
	return store_snapshot_read(((struct probe *)store)->inner, ret_sequence, ret_hash, visit, context, err);
}

static int probe_trim(struct store *store, uint64_t keep_after, struct err *err)
{
	return store_trim(((struct probe *)store)->inner, keep_after, err);
}

static const struct store_ops probe_ops = { "probe",	  probe_close, probe_append, probe_read,	   probe_last,
					    probe_begin, probe_add,   probe_commit, probe_snapshot_read, probe_trim };

struct bench {
	uv_loop_t loop;
	struct core *core;
	struct probe probe;
	struct arena arena;
	char folder[64];
	int failures;
	int done;
	uint64_t seen[4096];
	int seen_count;
};

static void on_failed(void *context, const struct err *err)
{
	struct bench *bench = context;

	bench->failures++;
	uv_stop(&bench->loop);
}

static void open_core(struct bench *bench, uint64_t snapshot_every)
{
	cleanup_free char *path = mem_printf("%s/weir.db", bench->folder);
	struct core_settings settings = { .store = &bench->probe.store, .snapshot_every = snapshot_every, .failed = on_failed, .context = bench };
	struct err err = { "" };

	uv_loop_init(&bench->loop);
	assert_int_equal(store_open_sqlite(path, NULL, &bench->probe.inner, &err), 0);
	bench->probe.store.ops = &probe_ops;
	platform_settings_defaults(&settings.platform);
	settings.platform.name = "test";
	assert_int_equal(core_new(&bench->loop, &settings, &bench->core, &err), 0);
	platform_observe_restart(core_platform(bench->core), core_now_us(bench->core), 1);
}

static void close_core(struct bench *bench)
{
	core_free(bench->core);
	uv_run(&bench->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&bench->loop), 0);
}

static void load_network(struct bench *bench)
{
	struct problems problems;
	struct event_list events;
	struct err err = { "" };
	struct file file;

	problems_init(&problems, &bench->arena, "network.yaml");
	assert_int_equal(file_read_text(network_text, strlen(network_text), &problems, &file), 0);
	event_list_init(&events, &bench->arena);
	assert_int_equal(decide_load_network(core_platform(bench->core), core_now_us(bench->core), &file.network, &events, &err), 0);
	core_commit(bench->core, &events, NULL, NULL);
}

static void count_done(void *context)
{
	((struct bench *)context)->done++;
}

static void submit(struct bench *bench, const char *name)
{
	const char *command[] = { "true" };
	struct demand_spec spec;
	struct submit_result result;
	struct event_list events;
	struct err err = { "" };

	schema_defaults(&demand_schema, &spec);
	spec.name = name;
	spec.command = command;
	spec.command_count = 1;
	spec.ask.shape.cpu_milli = 100;
	spec.ask.shape.memory_mib = 16;
	event_list_init(&events, &bench->arena);
	assert_int_equal(decide_submit(core_platform(bench->core), core_now_us(bench->core), "tenant", NULL, &spec, 1, &result, &events, &err), 0);
	core_commit(bench->core, &events, count_done, bench);
}

static void run_until_done(struct bench *bench, int count)
{
	while (bench->done < count && bench->failures == 0)
		uv_run(&bench->loop, UV_RUN_ONCE);
}

static int setup(void **state)
{
	struct bench *bench = mem_alloc(sizeof(*bench));

	snprintf(bench->folder, sizeof(bench->folder), "/tmp/weir-core-XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	arena_init(&bench->arena);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;
	static const char *const names[] = { "weir.db", "weir.db-wal", "weir.db-shm", "weir.db.lock", "weir.db-lock" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		cleanup_free char *path = mem_printf("%s/%s", bench->folder, names[i]);

		unlink(path);
	}
	rmdir(bench->folder);
	arena_done(&bench->arena);
	free(bench);
	return 0;
}

static void test_replies_wait_and_share_a_commit(void **state)
{
	struct bench *bench = *state;
	int appends;

	open_core(bench, 0);
	load_network(bench);
	submit(bench, "first");
	run_until_done(bench, 1);
	appends = bench->probe.appends;
	for (int i = 0; i < 100; i++)
		submit(bench, "many");
	assert_int_equal(bench->done, 1); /* nothing is said before the disk has it */
	run_until_done(bench, 101);
	assert_int_equal(bench->done, 101);
	assert_int_equal(bench->probe.appends, appends + 1);
	core_when_durable(bench->core, count_done, bench);
	assert_int_equal(bench->done, 101);
	run_until_done(bench, 102);
	close_core(bench);
}

static void test_forgotten_callbacks_stay_silent(void **state)
{
	struct bench *bench = *state;

	open_core(bench, 0);
	load_network(bench);
	submit(bench, "forgotten");
	core_forget(bench->core, bench);
	close_core(bench);
	assert_int_equal(bench->done, 0);
}

static void test_a_failing_store_answers_nobody(void **state)
{
	struct bench *bench = *state;

	open_core(bench, 0);
	load_network(bench);
	submit(bench, "kept");
	run_until_done(bench, 1);
	bench->probe.fail = -ENOSPC;
	submit(bench, "lost");
	run_until_done(bench, 2);
	assert_int_equal(bench->failures, 1);
	assert_int_equal(bench->done, 1);
	close_core(bench);
}

static void check_restart(struct bench *bench, uint64_t snapshot_every)
{
	uint8_t before[32], after[32];
	uint64_t sequence;

	open_core(bench, snapshot_every);
	load_network(bench);
	for (int i = 0; i < 500; i++) {
		submit(bench, "restart");
		if (i % 50 == 49)
			run_until_done(bench, i + 1);
	}
	run_until_done(bench, 500);
	platform_hash(core_platform(bench->core), before);
	sequence = platform_sequence(core_platform(bench->core));
	close_core(bench);
	open_core(bench, snapshot_every);
	platform_hash(core_platform(bench->core), after);
	assert_int_equal(platform_sequence(core_platform(bench->core)), sequence);
	assert_memory_equal(before, after, sizeof(before));
	close_core(bench);
}

static void test_a_restart_gives_the_same_state(void **state)
{
	check_restart(*state, 0);
}

static void test_snapshots_by_a_child_give_the_same_state(void **state)
{
	check_restart(*state, 64);
}

static void see(void *context, const struct core_event *event)
{
	struct bench *bench = context;

	assert_true(event->json_length > 2);
	assert_int_equal(event->json[0], '{');
	if (bench->seen_count < (int)ARRAY_COUNT(bench->seen))
		bench->seen[bench->seen_count++] = event->sequence;
}

static void test_subscribers_see_each_event_once_in_order(void **state)
{
	struct bench *bench = *state;
	struct core_subscription *subscription;
	uint64_t oldest;
	int live;

	open_core(bench, 0);
	subscription = core_subscribe(bench->core, see, bench);
	load_network(bench);
	for (int i = 0; i < 50; i++)
		submit(bench, "watched");
	run_until_done(bench, 50);
	live = bench->seen_count;
	assert_true(live >= 51);
	for (int i = 1; i < live; i++)
		assert_int_equal(bench->seen[i], bench->seen[i - 1] + 1);
	core_unsubscribe(subscription);
	submit(bench, "unwatched");
	run_until_done(bench, 51);
	assert_int_equal(bench->seen_count, live);
	bench->seen_count = 0;
	assert_int_equal(core_recent_events(bench->core, 10, 5, see, bench, &oldest), 5);
	assert_int_equal(oldest, 1);
	assert_int_equal(bench->seen[0], 11);
	close_core(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replies_wait_and_share_a_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten_callbacks_stay_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_failing_store_answers_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_restart_gives_the_same_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_snapshots_by_a_child_give_the_same_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subscribers_see_each_event_once_in_order, setup, teardown),
	};

	return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
