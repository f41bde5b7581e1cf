/* A disk that fails once, or is full: the store says so, keeps what it had, and goes on when it can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../store_workload.h"
#include "base/log.h"

#define OPERATIONS 60
#define DRAWS 6

static int set_up(void **state)
{
	log_set_level(LOG_ERROR);
	sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1, NULL);
	return 0;
}

static void fail_all_kinds(struct disk *disk, uint64_t step)
{
	for (int kind = 0; kind < DISK_STEP_COUNT; kind++)
		disk_fail_step(disk, (enum disk_step)kind, step);
}

/* Right after the failure the power goes too. What was under way may be there, wholly. */
static void lose_power(const struct workload *before, uint64_t draw)
{
	struct workload w = *before;

	w.store = NULL;
	w.disk = disk_copy(before->disk, draw);
	disk_reboot(w.disk, draw);
	workload_check(&w);
	workload_done(&w);
	disk_free(w.disk);
}

/* The failed operation has left nothing that this handle shows; done again, it succeeds, for good. */
static void go_on(struct workload *w, uint64_t draw)
{
	if (w->store) { /* else it was the opening that failed: what is found counts */
		w->first.trying = w->first.known;
		w->last.trying = w->last.known;
		w->snapshot.trying = w->snapshot.known;
		workload_check(w);
	}
	assert_int_equal(workload_run(w), 0);
	lose_power(w, draw);
	workload_check(w);
	workload_done(w);
	workload_check(w);
	workload_done(w);
}

static void each_step_fails_once(void **state)
{
	unsigned failures = 0, swallowed = 0;
	uint64_t step = 0;
	bool met = true;

	while (met) {
		struct disk *disk = disk_new(3);
		struct workload w;
		int code;

		workload_init(&w, disk, 3, OPERATIONS);
		fail_all_kinds(disk, ++step);
		code = workload_run(&w);
		met = disk_steps(disk) >= step;
		if (code < 0) {
			failures++;
			assert_int_equal(code, -EIO);
			assert_non_null(strstr(w.err.text, "log.db"));
			for (uint64_t draw = 0; draw < DRAWS; draw++)
				lose_power(&w, step * DRAWS + draw);
		} else {
			swallowed++; /* in a checkpoint or in closing: nothing is lost, and it is done again */
		}
		go_on(&w, step);
		disk_free(disk);
	}
	print_message("%u failures told, %u without harm, in %llu steps\n", failures, swallowed, (unsigned long long)step);
	assert_true(failures > 100);
}

static void a_full_disk_is_told(void **state)
{
	unsigned told = 0;

	for (uint64_t capacity = 0; capacity < 200000; capacity += 2777) {
		struct disk *disk = disk_new(4);
		struct workload w;
		int code;

		workload_init(&w, disk, 4, OPERATIONS);
		disk_set_capacity(disk, capacity);
		code = workload_run(&w);
		assert_true(disk_used(disk) <= capacity);
		if (code < 0) {
			told++;
			assert_int_equal(code, -ENOSPC);
			assert_non_null(strstr(w.err.text, "full"));
			assert_int_not_equal(workload_run(&w), 0); /* it does not heal by trying */
			for (uint64_t draw = 0; draw < DRAWS; draw++)
				lose_power(&w, capacity * DRAWS + draw);
		}
		disk_set_capacity(disk, UINT64_MAX / 2);
		go_on(&w, capacity);
		disk_free(disk);
	}
	assert_true(told > 20);
}

/* The figure on which the throughput rests. */
static void one_sync_a_batch(void **state)
{
	struct disk *disk = disk_new(5);
	struct store *store = NULL;
	struct record records[500];
	struct err err = { "" };
	uint64_t sequence = 0;

	assert_int_equal(store_open_sqlite("log.db", disk_vfs(disk), &store, &err), 0);
	for (int batch = 0; batch < 10; batch++) {
		uint64_t before = disk_steps_of(disk, DISK_SYNC);

		for (size_t i = 0; i < 500; i++)
			records[i] = (struct record){ .sequence = ++sequence, .payload = "some event", .payload_length = 10 };
		assert_int_equal(store_append(store, records, 500, &err), 0);
		/* The first one also makes the write-ahead log. */
		assert_int_equal(disk_steps_of(disk, DISK_SYNC) - before, 1);
	}
	store_close(store);
	disk_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_step_fails_once, set_up),
		cmocka_unit_test_setup(a_full_disk_is_told, set_up),
		cmocka_unit_test_setup(one_sync_a_batch, set_up),
	};

	return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
