/* What only a store in a file has to do: versions, locks, damage, files that are not its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "sim/disk.h"
#include "store/checksum.h"
#include "store/sqlite.h"

static char folder[64], path[96];

static int set_up(void **state)
{
	log_set_level(LOG_ERROR);
	snprintf(folder, sizeof(folder), "/tmp/weir-store-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/log.db", folder);
	return 0;
}

static int tear_down(void **state)
{
	char other[112];

	unlink(path);
	snprintf(other, sizeof(other), "%s-wal", path);
	unlink(other);
	return rmdir(folder);
}

static void append(struct store *store, uint64_t from, uint64_t to)
{
	struct err err = { "" };

	for (uint64_t sequence = from; sequence <= to; sequence++) {
		char payload[64];
		struct record record = { .sequence = sequence, .time_us = 5, .type = 9, .payload = payload };

		record.payload_length = (size_t)snprintf(payload, sizeof(payload), "payload of %06llu.", (unsigned long long)sequence);
		assert_int_equal(store_append(store, &record, 1, &err), 0);
	}
}

static int visit(void *context, const struct record *record, struct err *err)
{
	uint64_t *next = context;
	char payload[64];

	snprintf(payload, sizeof(payload), "payload of %06llu.", (unsigned long long)*next);
	assert_int_equal(record->payload_length, strlen(payload));
	assert_memory_equal(record->payload, payload, strlen(payload));
	(*next)++;
	return 0;
}

static struct store *open_disk(struct disk *disk)
{
	struct store *store = NULL;
	struct err err = { "" };

	if (store_open_sqlite("log.db", disk_vfs(disk), &store, &err) < 0)
		fail_msg("%s", err.text);
	return store;
}

/* Works on the file behind the store's back. */
static void execute(const char *file, const char *vfs, const char *sql)
{
	char *message = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s", message);
	sqlite3_close(db);
}

/* --- locks --------------------------------------------------------------------------------------- */

static void a_second_opening_is_refused(void **state)
{
	struct store *store = NULL, *second = NULL;
	struct err err = { "" };
	int status;
	pid_t child;

	assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
	assert_int_equal(store_open_sqlite(path, NULL, &second, &err), -EBUSY);
	assert_null(second);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "another process"));
	append(store, 1, 3);
	/* The failed attempts have not loosened the lock. */
	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(store_open_sqlite(path, NULL, &second, NULL) == -EBUSY ? 17 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 17);
	append(store, 4, 4);
	store_close(store);
	assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
	store_close(store);
}

/* A killed process leaves its lock to nobody, not even to a child that it forked. */
static void a_killed_owner_leaves_no_lock(void **state)
{
	struct store *store = NULL;
	struct err err = { "" };
	int to_parent[2], from_parent[2], status;
	char byte = 0;
	uint64_t first, last;
	pid_t child;

	assert_int_equal(pipe(to_parent), 0);
	assert_int_equal(pipe(from_parent), 0);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		if (store_open_sqlite(path, NULL, &store, NULL) < 0)
			_exit(1);
		append(store, 1, 5);
		if (fork() == 0) { /* lives on until the test has seen enough */
			close(from_parent[1]);
			_exit(read(from_parent[0], &byte, 1) != 0);
		}
		_exit(write(to_parent[1], "x", 1) != 1 || pause());
	}
	close(to_parent[1]);
	assert_int_equal(read(to_parent[0], &byte, 1), 1);
	assert_int_equal(store_open_sqlite(path, NULL, &store, &err), -EBUSY);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
	assert_int_equal(store_last(store, &first, &last, &err), 0);
	assert_int_equal(last, 5);
	store_close(store);
	close(from_parent[0]);
	close(from_parent[1]);
	close(to_parent[0]);
}

/* --- files --------------------------------------------------------------------------------------- */

static void the_file_is_its_owners(void **state)
{
	struct store *store = NULL;
	struct err err = { "" };
	struct stat info;

	assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	store_close(store);
}

static void other_files_are_refused_untouched(void **state)
{
	static const char text[] = "This is no database. It is a text that is longer than the hundred bytes of a database's head, so "
				   "that nobody can take it for one that was cut short.";
	struct store *store = NULL;
	struct err err = { "" };
	struct stat before, after;
	char missing[160];
	FILE *file;

	execute(path, NULL, "CREATE TABLE pets (name); INSERT INTO pets VALUES ('cat')");
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(store_open_sqlite(path, NULL, &store, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a weir log"));
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_int_equal(before.st_size, after.st_size);

	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(store_open_sqlite(path, NULL, &store, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a weir log"));

	snprintf(missing, sizeof(missing), "%s/none/log.db", folder);
	assert_int_equal(store_open_sqlite(missing, NULL, &store, &err), -ENOENT);
	assert_non_null(strstr(err.text, missing));
	assert_int_equal(store_open_sqlite("", NULL, &store, &err), -EINVAL);
	assert_int_equal(store_open_sqlite(folder, NULL, &store, &err) < 0, 1);
	assert_null(store);
}

static void tables_of_another_make_are_refused(void **state)
{
	static const char *const spoilers[] = {
		"CREATE VIEW extra AS SELECT 1",
		"CREATE TRIGGER extra AFTER INSERT ON records BEGIN DELETE FROM records; END",
		"DROP TABLE records",
		"DROP TABLE snapshot_records",
		"DROP TABLE log; CREATE TABLE log (other)",
		"DELETE FROM log",
		"UPDATE log SET first = 3",
		"UPDATE log SET first = 0",
		"UPDATE log SET first = 9000000000000000000",
		"DELETE FROM records WHERE sequence = 1",
		"INSERT INTO snapshots VALUES (2, 1, 0, zeroblob(32), 0)",
		"INSERT INTO snapshots VALUES (2, 1, 0, 'short', 0)",
		"INSERT INTO snapshot_records VALUES (9223372036854775807, 0, 0, 0, x'')",
		"INSERT INTO records VALUES (9223372036854775807, 0, 0, 0, x'')",
	};

	for (size_t i = 0; i < ARRAY_COUNT(spoilers); i++) {
		struct store *store = NULL;
		struct err err = { "" };
		int code;

		assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
		append(store, 1, 4);
		store_close(store);
		store = NULL;
		execute(path, NULL, spoilers[i]);
		code = store_open_sqlite(path, NULL, &store, &err);
		if (code != -EINVAL && code != -EIO)
			fail_msg("%s: gives %d", spoilers[i], code);
		assert_true(strncmp(err.text, path, strlen(path)) == 0);
		unlink(path);
	}
}

/* --- versions ------------------------------------------------------------------------------------ */

/* As version 0 wrote it: no table `log`, trimmed records are not there. */
static void make_version_0(const char *file, const char *vfs, uint64_t from, uint64_t to)
{
	cleanup_free char *sql = NULL;

	execute(file, vfs,
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA application_id = 2003134834;"
		"CREATE TABLE records (sequence INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, type INTEGER NOT NULL,"
		" checksum INTEGER NOT NULL, payload BLOB NOT NULL);"
		"CREATE TABLE snapshots (sequence INTEGER PRIMARY KEY, first_row INTEGER NOT NULL, row_count INTEGER NOT NULL,"
		" hash BLOB NOT NULL, checksum INTEGER NOT NULL);"
		"CREATE TABLE snapshot_records (row INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, type INTEGER NOT NULL,"
		" checksum INTEGER NOT NULL, payload BLOB NOT NULL);");
	for (uint64_t sequence = from; sequence <= to; sequence++) {
		char payload[64], statement[200];
		struct record record = { .sequence = sequence, .time_us = 5, .type = 9, .payload = payload };

		record.payload_length = (size_t)snprintf(payload, sizeof(payload), "payload of %06llu.", (unsigned long long)sequence);
		snprintf(statement, sizeof(statement),
			 "PRAGMA locking_mode = EXCLUSIVE; INSERT INTO records VALUES (%llu, 5, 9, %lld, CAST('%s' AS BLOB))",
			 (unsigned long long)sequence, (long long)record_checksum(0, sequence, &record), payload);
		execute(file, vfs, statement);
	}
	if (from > 1) {
		static const uint8_t hash[32];

		sql = mem_printf("PRAGMA locking_mode = EXCLUSIVE; INSERT INTO snapshots VALUES (%llu, 1, 0, zeroblob(32), %lld)",
				 (unsigned long long)from - 1, (long long)snapshot_checksum(from - 1, 1, 0, hash));
		execute(file, vfs, sql);
	}
}

static void expect_log(struct store *store, uint64_t first, uint64_t last)
{
	uint64_t is_first, is_last, next = first;
	struct err err = { "" };

	assert_int_equal(store_last(store, &is_first, &is_last, &err), 0);
	assert_int_equal(is_first, first);
	assert_int_equal(is_last, last);
	if (store_read(store, first - 1, 0, visit, &next, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(next, last + 1);
}

static int64_t version_of(const char *file)
{
	sqlite3_stmt *statement;
	int64_t version;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	version = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return version;
}

static void an_older_version_is_migrated(void **state)
{
	static const uint64_t ranges[][2] = { { 1, 0 }, { 1, 7 }, { 5, 20 }, { 5, 4 } };

	for (size_t i = 0; i < ARRAY_COUNT(ranges); i++) {
		uint64_t from = ranges[i][0], to = ranges[i][1];
		struct store *store = NULL;
		struct err err = { "" };

		make_version_0(path, NULL, from, to);
		assert_int_equal(version_of(path), 0);
		if (store_open_sqlite(path, NULL, &store, &err) < 0)
			fail_msg("%s", err.text);
		expect_log(store, from, to);
		append(store, to + 1, to + 3);
		store_close(store);
		assert_int_equal(version_of(path), STORE_SCHEMA_VERSION);
		assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
		expect_log(store, from, to + 3);
		store_close(store);
		unlink(path);
	}
}

/* Power fails at each step of a migration: after it the file is of the old version or of the new one. */
static void a_migration_is_whole_or_not_at_all(void **state)
{
	bool met = true;

	for (uint64_t step = 1; met; step++) {
		struct disk *before = disk_new(step);
		struct store *store = NULL;

		make_version_0("log.db", disk_vfs(before), 5, 20);
		for (uint64_t draw = 0; draw < 6; draw++) {
			struct disk *disk = disk_copy(before, step);

			disk_reboot(disk, 1); /* everything so far is on the platter */
			disk_fail_power_at(disk, step);
			if (store_open_sqlite("log.db", disk_vfs(disk), &store, NULL) == 0)
				store_close(store);
			met = disk_is_off(disk);
			disk_reboot(disk, step * 6 + draw);
			store = open_disk(disk);
			expect_log(store, 5, 20);
			store_close(store);
			disk_free(disk);
		}
		disk_free(before);
	}
}

static void a_newer_version_is_refused(void **state)
{
	struct store *store = NULL;
	struct err err = { "" };

	assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
	append(store, 1, 2);
	store_close(store);
	store = NULL;
	execute(path, NULL, "PRAGMA user_version = 2");
	assert_int_equal(store_open_sqlite(path, NULL, &store, &err), -EINVAL);
	assert_non_null(strstr(err.text, "newer"));
	assert_int_equal(version_of(path), 2);
	execute(path, NULL, "PRAGMA user_version = -1");
	assert_int_equal(store_open_sqlite(path, NULL, &store, &err), -EINVAL);
	assert_null(store);
}

/* --- damage -------------------------------------------------------------------------------------- */

static void damage_names_the_record(void **state)
{
	static const char wanted[] = "payload of 000042.";
	struct disk *disk = disk_new(1);
	struct store *store = open_disk(disk);
	uint64_t next = 1;
	struct err err = { "" };
	cleanup_free uint8_t *bytes = NULL;
	const void *file;
	size_t length;
	uint8_t *at;

	append(store, 1, 100);
	store_close(store);
	file = disk_get(disk, "log.db", &length);
	bytes = mem_dup(file, length);
	at = memmem(bytes, length, wanted, strlen(wanted));
	assert_non_null(at);
	at[3] ^= 0x20;
	disk_put(disk, "log.db", bytes, length);
	store = open_disk(disk);
	assert_int_equal(store_read(store, 0, 0, visit, &next, &err), -EIO);
	assert_int_equal(next, 42);
	assert_string_equal(err.text, "log.db: record 42 is damaged");
	next = 43;
	assert_int_equal(store_read(store, 42, 0, visit, &next, &err), 0);
	store_close(store);
	disk_free(disk);
}

static void every_field_is_guarded(void **state)
{
	static const char *const spoilers[] = {
		"UPDATE records SET time_us = 6 WHERE sequence = 2",
		"UPDATE records SET type = 10 WHERE sequence = 2",
		"UPDATE records SET type = -1 WHERE sequence = 2",
		"UPDATE records SET type = 4294967305 WHERE sequence = 2",
		"UPDATE records SET checksum = checksum + 1 WHERE sequence = 2",
		"UPDATE records SET payload = x'' WHERE sequence = 2",
		"UPDATE records SET payload = CAST(payload AS TEXT) WHERE sequence = 2",
		"UPDATE records SET payload = payload || x'00' WHERE sequence = 2",
		"DELETE FROM records WHERE sequence = 2",
		"DELETE FROM records WHERE sequence = 2; UPDATE records SET sequence = 2 WHERE sequence = 3",
	};

	for (size_t i = 0; i < ARRAY_COUNT(spoilers); i++) {
		struct store *store = NULL;
		struct err err = { "" };
		uint64_t next = 1;

		assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
		append(store, 1, 4);
		store_close(store);
		execute(path, NULL, spoilers[i]);
		assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
		assert_int_equal(store_read(store, 0, 0, visit, &next, &err), -EIO);
		assert_int_equal(next, 2);
		assert_non_null(strstr(err.text, "record 2 is"));
		store_close(store);
		unlink(path);
	}
}

static int ignore(void *context, const struct record *record, struct err *err)
{
	return 0;
}

static void snapshots_are_guarded(void **state)
{
	static const char *const spoilers[] = {
		"UPDATE snapshot_records SET payload = x'00' WHERE row = 2",
		"UPDATE snapshot_records SET time_us = 1 WHERE row = 2",
		"DELETE FROM snapshot_records WHERE row = 2",
		"DELETE FROM snapshot_records WHERE row = 3",
		"DELETE FROM snapshot_records",
	};

	for (size_t i = 0; i < ARRAY_COUNT(spoilers); i++) {
		struct record parts[3] = { { .type = 1, .payload = "a", .payload_length = 1 },
					   { .type = 2, .payload = "b", .payload_length = 1 },
					   { .type = 3, .payload = "c", .payload_length = 1 } };
		struct store *store = NULL;
		struct err err = { "" };
		uint64_t sequence = 0;
		uint8_t hash[32] = { 1 };

		assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
		append(store, 1, 4);
		assert_int_equal(store_snapshot_begin(store, 4, &err), 0);
		assert_int_equal(store_snapshot_add(store, parts, 3, &err), 0);
		assert_int_equal(store_snapshot_commit(store, hash, &err), 0);
		store_close(store);
		execute(path, NULL, spoilers[i]);
		assert_int_equal(store_open_sqlite(path, NULL, &store, &err), 0);
		assert_int_equal(store_snapshot_read(store, &sequence, hash, ignore, NULL, &err), -EIO);
		assert_non_null(strstr(err.text, "of the snapshot at 4 is"));
		store_close(store);
		unlink(path);
	}
}

/* Waste does not pile up: after many snapshots and trims the file is not larger than after a few. */
static void the_file_stays_bounded(void **state)
{
	struct disk *disk = disk_new(1);
	struct store *store = open_disk(disk);
	struct record parts[50];
	struct err err = { "" };
	uint8_t hash[32] = { 0 };
	size_t early = 0, late = 0;
	uint64_t last = 0;

	for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
		parts[i] = (struct record){ .type = 1, .payload = "a part of a snapshot, a little longer", .payload_length = 37 };
	store_sqlite_set_checkpoint(store, 10);
	for (int round = 1; round <= 60; round++) {
		append(store, last + 1, last + 100);
		last += 100;
		assert_int_equal(store_snapshot_begin(store, last, &err), 0);
		for (int part = 0; part < 4; part++)
			assert_int_equal(store_snapshot_add(store, parts, ARRAY_COUNT(parts), &err), 0);
		if (round % 3 == 0) /* every third one is given up */
			continue;
		assert_int_equal(store_snapshot_commit(store, hash, &err), 0);
		assert_int_equal(store_trim(store, last - 50, &err), 0);
		disk_get(disk, "log.db", round < 10 ? &early : &late);
	}
	assert_true(early > 0);
	assert_in_range(late, early / 2, early * 2);
	store_close(store);
	disk_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_second_opening_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_killed_owner_leaves_no_lock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_file_is_its_owners, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_files_are_refused_untouched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tables_of_another_make_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_older_version_is_migrated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_migration_is_whole_or_not_at_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_newer_version_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_names_the_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_field_is_guarded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(snapshots_are_guarded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_file_stays_bounded, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("store_sqlite", tests, NULL, NULL);
}
