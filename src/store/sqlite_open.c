/* Opening a SQLite log: the lock, the schema, its migration, and what the handle knows at the start.
 *
 * S5 is kept by SQLite's own lock on the database file, held from the first access to the last
 * (locking_mode=EXCLUSIVE). A lock file beside it was rejected: a lock by flock() would outlive a killed
 * platform in the child that it had forked to write a snapshot, and the next start would be refused.
 * The mode also keeps the index of the write-ahead log in memory of our own, without a shared file.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/sqlite.h"

#define CHECKPOINT_PAGES 1000          /* 4 MiB: a checkpoint holds up a batch for milliseconds */
#define WAL_BYTES_KEPT "67108864" /* a write-ahead log that grew longer is cut at the next reset */

/* Version 1. `log` says where the log begins: records below `first` were dropped, though their rows may
 * not have been swept yet. */
static const char schema[] = "CREATE TABLE records (sequence INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, type INTEGER NOT NULL,"
			     " checksum INTEGER NOT NULL, payload BLOB NOT NULL);"
			     "CREATE TABLE snapshots (sequence INTEGER PRIMARY KEY, first_row INTEGER NOT NULL, row_count INTEGER NOT NULL,"
			     " hash BLOB NOT NULL, checksum INTEGER NOT NULL);"
			     "CREATE TABLE snapshot_records (row INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, type INTEGER NOT NULL,"
			     " checksum INTEGER NOT NULL, payload BLOB NOT NULL);"
			     "CREATE TABLE log (id INTEGER PRIMARY KEY CHECK (id = 1), first INTEGER NOT NULL);"
			     "INSERT INTO log VALUES (1, 1);";

/* migrations[n] makes version n + 1 of version n. All that are needed run in one transaction. */
static const char *const migrations[STORE_SCHEMA_VERSION] = {
	/* Version 0 deleted trimmed records at once and told the log's beginning from the lowest one. */
	"CREATE TABLE log (id INTEGER PRIMARY KEY CHECK (id = 1), first INTEGER NOT NULL);"
	"INSERT INTO log SELECT 1, coalesce((SELECT min(sequence) FROM records), (SELECT max(sequence) + 1 FROM snapshots), 1);",
};

static int execute(struct sqlite_store *s, const char *sql, struct err *err, const char *what)
{
	int result = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return result == SQLITE_OK ? 0 : sqlite_store_fail(s, result, err, "%s", what);
}

/* The first column of the first row. */
static int query_int64(struct sqlite_store *s, const char *sql, int64_t *ret, struct err *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int result, code = sqlite_store_prepare(s, sql, 0, &statement, err);

	if (code < 0)
		return code;
	result = sqlite3_step(statement);
	if (result == SQLITE_DONE)
		return err_set(err, -EIO, "%s: the log's beginning is missing", s->path);
	if (result != SQLITE_ROW)
		return sqlite_store_fail(s, result, err, "cannot open the log");
	*ret = sqlite3_column_int64(statement, 0);
	return 0;
}

/* --- whose file, which version ------------------------------------------------------------------- */

enum kind { KIND_EMPTY, KIND_WEIR };

/* Touches nothing: a file that is not ours must stay as it is. */
static int find_kind(struct sqlite_store *s, enum kind *ret_kind, int64_t *ret_version, struct err *err)
{
	int64_t application = 0, version = 0, objects = 0, strange = 0;
	int code = query_int64(s, "PRAGMA application_id", &application, err);

	if (code == 0)
		code = query_int64(s, "PRAGMA user_version", &version, err);
	if (code == 0)
		code = query_int64(s, "SELECT count(*) FROM sqlite_schema", &objects, err);
	if (code == 0)
		code = query_int64(s,
				   "SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index') OR sql LIKE 'create virtual%'",
				   &strange, err);
	if (code < 0)
		return code;
	if (application == 0 && version == 0 && objects == 0) {
		*ret_kind = KIND_EMPTY;
		return 0;
	}
	if (application != SQLITE_APPLICATION_ID || version < 0 || strange > 0)
		return err_set(err, -EINVAL, "%s: it is not a weir log but another SQLite database", s->path);
	if (version > STORE_SCHEMA_VERSION)
		return err_set(err, -EINVAL, "%s: it was written by a newer weir (schema %lld, this one knows up to %d)", s->path,
			       (long long)version, STORE_SCHEMA_VERSION);
	*ret_kind = KIND_WEIR;
	*ret_version = version;
	return 0;
}

/* Also takes the lock. */
static int switch_to_wal(struct sqlite_store *s, struct err *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	int result, code = sqlite_store_prepare(s, "PRAGMA journal_mode = WAL", 0, &statement, err);

	if (code < 0)
		return code;
	result = sqlite3_step(statement);
	if (result != SQLITE_ROW)
		return sqlite_store_fail(s, result, err, "cannot open the log");
	if (strcmp((const char *)sqlite3_column_text(statement, 0), "wal") != 0)
		return err_set(err, -EINVAL, "%s: this place cannot hold a log with a write-ahead log", s->path);
	sqlite3_finalize(statement);
	statement = NULL;
	return execute(s, "BEGIN EXCLUSIVE; COMMIT", err, "cannot open the log");
}

static int make_schema(struct sqlite_store *s, struct err *err)
{
	cleanup_free char *marks = mem_printf("PRAGMA application_id = %d; PRAGMA user_version = %d", SQLITE_APPLICATION_ID,
					      STORE_SCHEMA_VERSION);
	int code = execute(s, schema, err, "cannot make the log");

	return code < 0 ? code : execute(s, marks, err, "cannot make the log");
}

static int migrate(struct sqlite_store *s, int64_t version, struct err *err)
{
	cleanup_free char *mark = mem_printf("PRAGMA user_version = %d", STORE_SCHEMA_VERSION);
	int code = 0;

	for (; code == 0 && version < STORE_SCHEMA_VERSION; version++) {
		code = execute(s, migrations[version], err, "cannot migrate the log");
		if (code < 0)
			err_prefix(err, code, "from schema %lld to %lld", (long long)version, (long long)version + 1);
	}
	return code < 0 ? code : execute(s, mark, err, "cannot migrate the log");
}

static int bring_schema(struct sqlite_store *s, struct err *err)
{
	enum kind kind = KIND_EMPTY;
	int64_t version = 0;
	int code = find_kind(s, &kind, &version, err);

	if (code == 0)
		code = switch_to_wal(s, err);
	if (code < 0 || (kind == KIND_WEIR && version == STORE_SCHEMA_VERSION))
		return code;
	code = execute(s, "BEGIN IMMEDIATE", err, "cannot open the log");
	if (code < 0)
		return code;
	code = kind == KIND_EMPTY ? make_schema(s, err) : migrate(s, version, err);
	if (code == 0)
		code = execute(s, "COMMIT", err, "cannot open the log");
	if (code < 0 && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return code;
}

/* --- opening ------------------------------------------------------------------------------------- */

static int keep_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
	struct sqlite_store *s = context;

	s->wal_pages = pages;
	return SQLITE_OK;
}

/* EXTRA is FULL for the write-ahead log. While a new file is being made it also syncs the removal of the
 * rollback journal: one that came back after a power failure would undo the file below its log. */
static int configure(struct sqlite_store *s, struct err *err)
{
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, 0);
	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, (int)STORE_PAYLOAD_MAX + (1 << 20));
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	return execute(
		s,
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON; PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY;"
		"PRAGMA cache_size = -16384; PRAGMA synchronous = EXTRA;"
		"PRAGMA journal_size_limit = " WAL_BYTES_KEPT,
		err, "cannot open the log");
}

static int prepare_all(struct sqlite_store *s, struct err *err)
{
	const struct {
		sqlite3_stmt **statement;
		const char *sql;
	} wanted[] = {
		{ &s->begin, "BEGIN IMMEDIATE" },
		{ &s->commit, "COMMIT" },
		{ &s->rollback, "ROLLBACK" },
		{ &s->insert_record, "INSERT INTO records (sequence, time_us, type, checksum, payload) VALUES (?1, ?2, ?3, ?4, ?5)" },
		{ &s->insert_part, "INSERT INTO snapshot_records (row, time_us, type, checksum, payload) VALUES (?1, ?2, ?3, ?4, ?5)" },
		{ &s->delete_records, "DELETE FROM records WHERE sequence >= ?1 AND sequence < ?2" },
		{ &s->delete_parts, "DELETE FROM snapshot_records WHERE row >= ?1 AND row < ?2" },
	};
	int code = 0;

	for (size_t i = 0; code == 0 && i < ARRAY_COUNT(wanted); i++)
		code = sqlite_store_prepare(s, wanted[i].sql, SQLITE_PREPARE_PERSISTENT, wanted[i].statement, err);
	return code;
}

static int load_bounds(struct sqlite_store *s, struct err *err)
{
	int64_t first = 0, lowest = 0, highest = 0;
	int code = query_int64(s, "SELECT first FROM log", &first, err);

	if (code == 0)
		code = query_int64(s, "SELECT coalesce(min(sequence), 0) FROM records", &lowest, err);
	if (code == 0)
		code = query_int64(s, "SELECT coalesce(max(sequence), 0) FROM records", &highest, err);
	if (code < 0)
		return code;
	if (first < 1 || lowest < 0 || highest < 0 || highest == INT64_MAX || lowest > first || (highest >= first && lowest == 0))
		return err_set(err, -EIO, "%s: the log's bounds are damaged", s->path);
	s->first = (uint64_t)first;
	s->last = highest >= first ? (uint64_t)highest : (uint64_t)first - 1;
	s->waste_records = (struct row_span){ lowest > 0 ? (uint64_t)lowest : s->first, s->first };
	code = sqlite_snapshot_load(s, err);
	if (code < 0)
		return code;
	if (s->complete.sequence > s->last)
		return err_set(err, -EIO, "%s: the log ends at %llu, below its snapshot at %llu", s->path, (unsigned long long)s->last,
			       (unsigned long long)s->complete.sequence);
	if (s->first > s->complete.sequence + 1)
		return err_set(err, -EIO, "%s: the log begins at %llu, and no snapshot stands for what was before", s->path,
			       (unsigned long long)s->first);
	return 0;
}

/* A new file is for its owner alone; SQLite gives the files beside it the same mode. A file that exists
 * is not opened here: to close a descriptor would drop this process's locks on it. */
static int create_private(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		return err_set(err, -errno, "%s: cannot make the log: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return 0;
}

static int open_database(struct sqlite_store *s, const char *vfs, struct err *err)
{
	/* This build of SQLite may read "file:" as an address, so the path must not begin with it. */
	cleanup_free char *plain = s->path[0] == '/' ? mem_strdup(s->path) : mem_printf("./%s", s->path);
	int result, code = vfs ? 0 : create_private(plain, err);

	if (code < 0)
		return code;
	result = sqlite3_open_v2(plain, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs);
	if (result != SQLITE_OK)
		return sqlite_store_fail(s, result, err, "cannot open the log");
	sqlite3_wal_hook(s->db, keep_wal_pages, s); /* in place of SQLite's own checkpoints */
	return configure(s, err);
}

int store_open_sqlite(const char *path, const char *vfs, struct store **ret, struct err *err)
{
	struct sqlite_store *s;
	int code;

	if (path[0] == 0)
		return err_set(err, -EINVAL, "the log needs a path");
	s = mem_alloc(sizeof(*s));
	s->store.ops = &sqlite_store_ops;
	s->path = mem_strdup(path);
	store_sqlite_set_checkpoint(&s->store, CHECKPOINT_PAGES);
	code = open_database(s, vfs, err);
	if (code == 0)
		code = bring_schema(s, err);
	if (code == 0)
		code = prepare_all(s, err);
	if (code == 0)
		code = load_bounds(s, err);
	if (code < 0) {
		sqlite_store_free(s);
		return code;
	}
	*ret = &s->store;
	return 0;
}
