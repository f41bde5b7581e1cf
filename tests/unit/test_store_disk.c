/* The simulated disk itself: what stays after the power failed, and what each fault does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/mem.h"
#include "sim/disk.h"

/* disk_reboot() draws the way from the seed's remainder by six. */
enum { NONE, ALL, ALL_BUT_LAST, STEPS, SECTORS, TORN };

struct fixture {
	struct disk *disk;
	sqlite3_vfs *vfs;
	sqlite3_file *file;
};

static void open_file(struct fixture *f)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB;

	f->file = mem_alloc((size_t)f->vfs->szOsFile);
	assert_int_equal(f->vfs->xOpen(f->vfs, "f", f->file, flags, NULL), SQLITE_OK);
}

static void close_file(struct fixture *f)
{
	if (f->file)
		f->file->pMethods->xClose(f->file);
	free(f->file);
	f->file = NULL;
}

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	f->disk = disk_new(1);
	f->vfs = sqlite3_vfs_find(disk_vfs(f->disk));
	if (!f->vfs)
		return -1;
	open_file(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close_file(f);
	disk_free(f->disk);
	free(f);
	return 0;
}

static int put(struct fixture *f, size_t offset, char byte, int length)
{
	cleanup_free char *data = mem_alloc((size_t)length);

	memset(data, byte, (size_t)length);
	return f->file->pMethods->xWrite(f->file, data, length, (sqlite3_int64)offset);
}

static int sync_file(struct fixture *f)
{
	return f->file->pMethods->xSync(f->file, SQLITE_SYNC_NORMAL);
}

static const char *bytes_after(struct fixture *f, uint64_t seed, size_t *ret_length)
{
	close_file(f);
	disk_reboot(f->disk, seed);
	return disk_get(f->disk, "f", ret_length);
}

static void the_program_sees_its_writes(void **state)
{
	struct fixture *f = *state;
	char read[8];

	assert_int_equal(put(f, 3, 'a', 4), SQLITE_OK);
	assert_int_equal(f->file->pMethods->xRead(f->file, read, 8, 0), SQLITE_IOERR_SHORT_READ);
	assert_memory_equal(read, "\0\0\0aaaa\0", 8);
	assert_int_equal(f->file->pMethods->xTruncate(f->file, 4), SQLITE_OK);
	assert_int_equal(f->file->pMethods->xRead(f->file, read, 4, 0), SQLITE_OK);
	assert_int_equal(disk_used(f->disk), 4);
	assert_int_equal(disk_steps(f->disk), 2);
	assert_int_equal(disk_steps_of(f->disk, DISK_WRITE), 1);
	assert_int_equal(disk_open_handles(f->disk), 1);
}

static void what_was_synced_stays(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f, 0, 'a', 2000), SQLITE_OK);
	assert_int_equal(sync_file(f), SQLITE_OK);
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct disk *copy = disk_copy(f->disk, seed);
		const char *bytes;
		size_t length;

		disk_reboot(copy, seed);
		bytes = disk_get(copy, "f", &length);
		assert_int_equal(length, 2000);
		assert_int_equal(bytes[0], 'a');
		assert_int_equal(bytes[1999], 'a');
		disk_free(copy);
	}
}

static void what_was_not_synced_may_be_lost(void **state)
{
	struct fixture *f = *state;
	size_t length = 0;
	const char *bytes;

	assert_int_equal(put(f, 0, 'a', 600), SQLITE_OK);
	assert_int_equal(sync_file(f), SQLITE_OK);
	assert_int_equal(put(f, 0, 'b', 600), SQLITE_OK);
	assert_int_equal(put(f, 600, 'c', 600), SQLITE_OK);
	bytes = bytes_after(f, NONE, &length);
	assert_int_equal(length, 600);
	assert_int_equal(bytes[0], 'a');
}

static void or_stay(void **state)
{
	struct fixture *f = *state;
	size_t length = 0;
	const char *bytes;

	assert_int_equal(put(f, 0, 'b', 600), SQLITE_OK);
	assert_int_equal(put(f, 600, 'c', 600), SQLITE_OK);
	bytes = bytes_after(f, ALL, &length);
	assert_int_equal(length, 1200);
	assert_int_equal(bytes[0], 'b');
	assert_int_equal(bytes[1199], 'c');
}

/* Over many seeds each way of tearing is met: of three sectors any may be lost alone, and one be torn. */
static void or_be_torn(void **state)
{
	struct fixture *f = *state;
	unsigned patterns = 0, torn = 0, missing = 0;

	assert_int_equal(put(f, 0, 'a', 3 * DISK_SECTOR_BYTES), SQLITE_OK);
	assert_int_equal(sync_file(f), SQLITE_OK);
	assert_int_equal(put(f, 0, 'b', 3 * DISK_SECTOR_BYTES), SQLITE_OK);
	for (uint64_t seed = 0; seed < 600; seed++) {
		struct disk *copy = disk_copy(f->disk, seed);
		unsigned pattern = 0;
		const char *bytes;
		size_t length;

		disk_reboot(copy, seed);
		bytes = disk_get(copy, "f", &length);
		assert_int_equal(length, 3 * DISK_SECTOR_BYTES);
		for (int sector = 0; sector < 3; sector++) {
			const char *at = bytes + sector * DISK_SECTOR_BYTES;

			pattern |= (unsigned)(at[0] == 'b') << sector;
			if (at[0] != at[DISK_SECTOR_BYTES - 1]) {
				torn++;
				assert_int_equal(seed % 6, TORN);
				assert_int_equal(at[0], 'b');
			}
		}
		patterns |= 1u << pattern;
		missing += pattern == 0;
		disk_free(copy);
	}
	assert_int_equal(patterns, 0xff);
	assert_true(torn > 0);
	assert_true(missing > 100);
}

static void power_fails_when_told(void **state)
{
	struct fixture *f = *state;
	sqlite3_int64 size;
	size_t length = 0;
	char byte;
	int there;

	assert_int_equal(put(f, 0, 'a', 10), SQLITE_OK);
	disk_fail_power_at(f->disk, 2);
	assert_int_equal(sync_file(f), SQLITE_IOERR_FSYNC);
	assert_true(disk_is_off(f->disk));
	assert_int_equal(put(f, 0, 'a', 10), SQLITE_IOERR_WRITE);
	assert_int_equal(f->file->pMethods->xRead(f->file, &byte, 1, 0), SQLITE_IOERR_READ);
	assert_int_equal(f->file->pMethods->xTruncate(f->file, 0), SQLITE_IOERR_TRUNCATE);
	assert_int_equal(f->file->pMethods->xFileSize(f->file, &size), SQLITE_IOERR_FSTAT);
	assert_int_equal(f->vfs->xDelete(f->vfs, "f", 1), SQLITE_IOERR_DELETE);
	assert_int_equal(f->vfs->xAccess(f->vfs, "f", 0, &there), SQLITE_IOERR_ACCESS);
	assert_int_equal(disk_steps(f->disk), 2);
	assert_null(bytes_after(f, NONE, &length)); /* not even its name was synced */
	assert_false(disk_is_off(f->disk));
	open_file(f);
	assert_int_equal(put(f, 0, 'b', 10), SQLITE_OK);
}

/* After a failed sync a second one that succeeds means nothing for what waited before. */
static void a_failed_sync_forgets(void **state)
{
	struct fixture *f = *state;
	size_t length = 0, kept = 0;
	const char *bytes;

	assert_int_equal(put(f, 0, 'a', 100 * DISK_SECTOR_BYTES), SQLITE_OK);
	assert_int_equal(sync_file(f), SQLITE_OK);
	assert_int_equal(put(f, 0, 'b', 100 * DISK_SECTOR_BYTES), SQLITE_OK);
	disk_fail_step(f->disk, DISK_SYNC, 4);
	assert_int_equal(sync_file(f), SQLITE_IOERR_FSYNC);
	assert_int_equal(sync_file(f), SQLITE_OK);
	bytes = disk_get(f->disk, "f", &length);
	assert_int_equal(bytes[99 * DISK_SECTOR_BYTES], 'b'); /* the program still reads it */
	bytes = bytes_after(f, ALL, &length);
	for (size_t i = 0; i < 100; i++)
		kept += bytes[i * DISK_SECTOR_BYTES + DISK_SECTOR_BYTES - 1] == 'b';
	assert_in_range(kept, 10, 90);
}

static void other_steps_can_fail(void **state)
{
	struct fixture *f = *state;

	disk_fail_step(f->disk, DISK_WRITE, 1);
	assert_int_equal(put(f, 0, 'a', 10), SQLITE_IOERR_WRITE);
	assert_int_equal(disk_used(f->disk), 0);
	disk_fail_step(f->disk, DISK_TRUNCATE, 2);
	assert_int_equal(f->file->pMethods->xTruncate(f->file, 7), SQLITE_IOERR_TRUNCATE);
	disk_fail_step(f->disk, DISK_REMOVE, 3);
	assert_int_equal(f->vfs->xDelete(f->vfs, "f", 1), SQLITE_IOERR_DELETE);
	assert_int_equal(f->vfs->xDelete(f->vfs, "f", 1), SQLITE_OK);
	assert_int_equal(f->vfs->xDelete(f->vfs, "f", 1), SQLITE_IOERR_DELETE_NOENT);
}

static void a_full_disk_takes_what_fits(void **state)
{
	struct fixture *f = *state;

	disk_set_capacity(f->disk, 100);
	assert_int_equal(put(f, 0, 'a', 90), SQLITE_OK);
	assert_int_equal(put(f, 90, 'b', 20), SQLITE_FULL);
	assert_int_equal(disk_used(f->disk), 100);
	assert_int_equal(put(f, 0, 'c', 100), SQLITE_OK); /* what is there can be written over */
	assert_int_equal(put(f, 200, 'c', 1), SQLITE_FULL);
	assert_int_equal(disk_used(f->disk), 100);
}

static void a_removal_can_be_undone(void **state)
{
	struct fixture *f = *state;
	size_t length = 0;

	assert_int_equal(put(f, 0, 'a', 10), SQLITE_OK);
	assert_int_equal(sync_file(f), SQLITE_OK);
	assert_int_equal(f->vfs->xDelete(f->vfs, "f", 0), SQLITE_OK);
	assert_null(disk_get(f->disk, "f", &length));
	assert_non_null(bytes_after(f, NONE, &length));
	assert_int_equal(length, 10);
	assert_int_equal(f->vfs->xDelete(f->vfs, "f", 1), SQLITE_OK);
	assert_null(bytes_after(f, NONE, &length));
}

static void locks_shut_others_out(void **state)
{
	struct fixture *f = *state;
	struct fixture g = { .disk = f->disk, .vfs = f->vfs };

	open_file(&g);
	assert_int_equal(f->file->pMethods->xLock(f->file, SQLITE_LOCK_SHARED), SQLITE_OK);
	assert_int_equal(g.file->pMethods->xLock(g.file, SQLITE_LOCK_SHARED), SQLITE_OK);
	assert_int_equal(f->file->pMethods->xLock(f->file, SQLITE_LOCK_RESERVED), SQLITE_OK);
	assert_int_equal(g.file->pMethods->xLock(g.file, SQLITE_LOCK_RESERVED), SQLITE_BUSY);
	assert_int_equal(f->file->pMethods->xLock(f->file, SQLITE_LOCK_EXCLUSIVE), SQLITE_BUSY);
	assert_int_equal(g.file->pMethods->xUnlock(g.file, SQLITE_LOCK_NONE), SQLITE_OK);
	assert_int_equal(f->file->pMethods->xLock(f->file, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
	assert_int_equal(g.file->pMethods->xLock(g.file, SQLITE_LOCK_SHARED), SQLITE_BUSY);
	close_file(f);
	assert_int_equal(g.file->pMethods->xLock(g.file, SQLITE_LOCK_SHARED), SQLITE_OK);
	close_file(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_program_sees_its_writes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_synced_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_not_synced_may_be_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(or_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(or_be_torn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(power_fails_when_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failed_sync_forgets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_steps_can_fail, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_disk_takes_what_fits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_removal_can_be_undone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(locks_shut_others_out, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("store_disk", tests, NULL, NULL);
}
