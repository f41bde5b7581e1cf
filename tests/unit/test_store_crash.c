/* Power fails at every step of a workload; whatever of the unsynced steps survives, S1 to S4 hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/log.h"
#include "../store_workload.h"

#define OPERATIONS 60
#define DRAWS 12 /* twice each way in which a power failure can treat unsynced steps */

/* SQLite's own random numbers must not differ between runs. Not again within a run: two write-ahead logs
 * with the same salt would be mistaken for one another. */
static int set_up(void **state)
{
	log_set_level(LOG_ERROR); /* a checkpoint that the power cuts off is worth a warning, but not here */
	sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1, NULL);
	return 0;
}

static uint64_t count_steps(uint64_t seed)
{
	struct disk *disk = disk_new(seed);
	struct workload w;
	uint64_t steps;

	workload_init(&w, disk, seed, OPERATIONS);
	assert_int_equal(workload_run(&w), 0);
	workload_check(&w);
	workload_done(&w);
	steps = disk_steps(disk);
	disk_free(disk);
	return steps;
}

struct tally {
	unsigned under_way, survived, lost, power_failed_twice;
};

/* Goes on after the failure: checks, works on, and is checked once more. */
static void recover(const struct workload *before, uint64_t draw, struct tally *tally)
{
	struct disk *disk = disk_copy(before->disk, draw);
	struct workload w = *before;
	uint64_t known = before->last.known;

	w.disk = disk;
	disk_reboot(disk, draw);
	if (draw / DRAWS % 3 == 0) {
		/* The power fails again while the log is being recovered. */
		disk_fail_power_at(disk, 1 + draw / (3 * DRAWS) % 15);
		if (store_open_sqlite("log.db", disk_vfs(disk), &w.store, &w.err) == 0)
			workload_done(&w);
		tally->power_failed_twice += disk_is_off(disk);
		disk_reboot(disk, draw * 7 + 1);
	}
	workload_check(&w);
	if (before->last.trying != known) {
		tally->under_way++;
		tally->survived += w.last.known != known;
		tally->lost += w.last.known == known;
	}
	w.operations = w.operation + 6;
	assert_int_equal(workload_run(&w), 0);
	workload_check(&w);
	workload_done(&w);
	workload_check(&w);
	workload_done(&w);
	disk_free(disk);
}

static void fail_at_every_step(uint64_t seed)
{
	uint64_t steps = count_steps(seed);
	struct tally tally = { 0 };

	for (uint64_t step = 1; step <= steps; step++) {
		struct disk *disk = disk_new(seed);
		struct workload w;

		workload_init(&w, disk, seed, OPERATIONS);
		disk_fail_power_at(disk, step);
		/* The last steps are those of closing. */
		if (workload_run(&w) < 0)
			assert_true(disk_is_off(disk));
		workload_done(&w);
		assert_true(disk_is_off(disk));
		for (uint64_t draw = 0; draw < DRAWS; draw++)
			recover(&w, step * DRAWS + draw, &tally);
		disk_free(disk);
	}
	print_message("seed %llu: %llu steps; of %u batches under way %u survived; power failed again in %u recoveries\n",
		      (unsigned long long)seed, (unsigned long long)steps, tally.under_way, tally.survived, tally.power_failed_twice);
	/* The disk is cruel enough, and not always. */
	assert_true(tally.survived > 0);
	assert_true(tally.lost > tally.survived);
	assert_true(tally.power_failed_twice > 0);
}

static void power_fails_at_every_step_1(void **state)
{
	fail_at_every_step(1);
}

static void power_fails_at_every_step_2(void **state)
{
	fail_at_every_step(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(power_fails_at_every_step_1, set_up),
		cmocka_unit_test_setup(power_fails_at_every_step_2, set_up),
	};

	return cmocka_run_group_tests_name("store_crash", tests, NULL, NULL);
}
