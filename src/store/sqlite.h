/* What the parts of the SQLite store share: sqlite.c (the log), sqlite_snapshot.c, sqlite_open.c
 * (schema, migration, opening).
 *
 * Invariants:
 *   Q1  one transaction a batch, one sync of the write-ahead log a transaction (synchronous=EXTRA, which
 *       means FULL there); hence S1 and S2.
 *   Q2  `snapshots` holds at most one row, and that snapshot is complete: it is written in the same
 *       transaction as the last that it needs; hence S3. Rows of snapshot_records that belong to no
 *       snapshot are waste.
 *   Q3  row numbers of snapshot_records only grow: a row of an old snapshot is never taken for a new one's.
 *   Q4  the fields below change only after the transaction that they describe has been committed.
 *
 * Waste (trimmed records, rows of old and of unfinished snapshots) is swept in small steps, within the
 * transactions that append anyway. To delete all of it at once was rejected: dropping millions of rows
 * would hold up the appends behind it for seconds and blow up the write-ahead log.
 */
#ifndef WEIR_STORE_SQLITE_H
#define WEIR_STORE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/store.h"

#define SQLITE_APPLICATION_ID 0x77656972 /* "weir" */

struct row_span {
	uint64_t from, to; /* rows from <= row < to */
};

struct snapshot_row {
	uint64_t sequence; /* 0: there is none */
	uint64_t first_row, row_count;
	uint8_t hash[32];
};

struct sqlite_store {
	struct store store;
	sqlite3 *db;
	char *path;
	sqlite3_stmt *begin, *commit, *rollback;
	sqlite3_stmt *insert_record, *insert_part, *delete_records, *delete_parts;
	uint64_t first, last; /* as store_last tells them */
	struct snapshot_row complete;
	struct snapshot_row building;  /* hash unused */
	struct row_span waste_records; /* of records */
	struct row_span waste_before;  /* of snapshot_records, below the complete snapshot */
	struct row_span waste_after;   /* of snapshot_records, above it */
	int wal_pages;		       /* of the write-ahead log after the last commit */
	int checkpoint_pages, checkpoint_at;
};

/* How many pages the write-ahead log may grow to before it is copied into the database. For tests. */
void store_sqlite_set_checkpoint(struct store *store, int pages);

/* Turns a result of SQLite into a negative errno and a sentence: "path: what: why". */
int sqlite_store_fail(struct sqlite_store *s, int result, struct err *err, const char *format, ...) __attribute__((format(printf, 4, 5)));
int sqlite_store_prepare(struct sqlite_store *s, const char *sql, unsigned flags, sqlite3_stmt **ret, struct err *err);

/* A transaction: begin, then commit or rollback. A failed commit has rolled back. `weight`: how many
 * rows the transaction writes; so much waste, twofold, is swept with it. */
int sqlite_store_begin(struct sqlite_store *s, struct err *err);
int sqlite_store_commit(struct sqlite_store *s, size_t weight, struct err *err);
void sqlite_store_rollback(struct sqlite_store *s);

/* Runs a statement that gives no rows, and resets it. A result of SQLite. */
int sqlite_store_run(sqlite3_stmt *statement);
/* Takes time_us, type, checksum, payload from columns 1 to 4 and checks them. False: damaged. The
 * payload is valid until the statement steps. */
bool sqlite_store_take_record(sqlite3_stmt *statement, uint64_t group, uint64_t number, struct record *ret);
/* Binds the same to parameters 1 (row), 2 to 5. A result of SQLite. */
int sqlite_store_put_record(sqlite3_stmt *statement, uint64_t row, uint64_t group, uint64_t number, const struct record *record);
int sqlite_store_check_sizes(struct sqlite_store *s, const struct record *records, size_t count, struct err *err);

int sqlite_snapshot_begin(struct store *store, uint64_t sequence, struct err *err);
int sqlite_snapshot_add(struct store *store, const struct record *records, size_t count, struct err *err);
int sqlite_snapshot_commit(struct store *store, const uint8_t hash[32], struct err *err);
int sqlite_snapshot_read(struct store *store, uint64_t *ret_sequence, uint8_t ret_hash[32], record_visit visit, void *context,
			 struct err *err);
/* Fills complete, waste_before and waste_after from the file. */
int sqlite_snapshot_load(struct sqlite_store *s, struct err *err);

/* Of sqlite.c, for the opening. */
extern const struct store_ops sqlite_store_ops;
void sqlite_store_free(struct sqlite_store *s); /* takes half-built ones */

static inline struct sqlite_store *sqlite_store(struct store *store)
{
	return (struct sqlite_store *)store;
}

static inline void sqlite_store_finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}
#define cleanup_statement __attribute__((__cleanup__(sqlite_store_finalize)))

#endif
