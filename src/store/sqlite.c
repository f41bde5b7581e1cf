/* The event log in a SQLite file: appending, reading, trimming. Its invariants stand in sqlite.h.
 *
 * The write-ahead log is copied into the database (a checkpoint) by this file, after the commit that
 * made it long enough, and not by SQLite's own hook: that one hides its errors. A checkpoint that fails
 * loses nothing, since the records are safe in the write-ahead log; it is logged and tried again later.
 */
#include "store/sqlite.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/checksum.h"

#define SWEEP_ROWS 64 /* waste rows deleted in each transaction, on top of twice its weight */

static int errno_of(sqlite3 *db, int result)
{
	switch (result & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_IOERR: {
		int cause = sqlite3_system_errno(db);

		return cause == ENOSPC || cause == EDQUOT ? -ENOSPC : -EIO;
	}
	case SQLITE_CORRUPT:
		return -EIO;
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* the tables are not those that the statements expect */
		return -EINVAL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_TOOBIG:
		return -E2BIG;
	case SQLITE_CANTOPEN: {
		int cause = sqlite3_system_errno(db);

		return cause > 0 ? -cause : -ENOENT;
	}
	default:
		return -EIO;
	}
}

static const char *sentence_of(sqlite3 *db, int result)
{
	switch (result & 0xff) {
	case SQLITE_FULL:
		return "the disk is full";
	case SQLITE_CORRUPT:
		return "the file is damaged";
	case SQLITE_NOTADB:
		return "it is not a weir log";
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "another process has it open";
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN: {
		int cause = sqlite3_system_errno(db);

		return cause > 0 ? strerror(cause) : sqlite3_errstr(result);
	}
	default:
		return result == sqlite3_errcode(db) || result == sqlite3_extended_errcode(db) ? sqlite3_errmsg(db)
											       : sqlite3_errstr(result);
	}
}

int sqlite_store_fail(struct sqlite_store *s, int result, struct err *err, const char *format, ...)
{
	int code = errno_of(s->db, result);
	const char *why = sentence_of(s->db, result);
	char what[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	return err_set(err, code, "%s: %s: %s", s->path, what, why);
}

int sqlite_store_prepare(struct sqlite_store *s, const char *sql, unsigned flags, sqlite3_stmt **ret, struct err *err)
{
	int result = sqlite3_prepare_v3(s->db, sql, -1, flags, ret, NULL);

	return result == SQLITE_OK ? 0 : sqlite_store_fail(s, result, err, "cannot read the tables");
}

int sqlite_store_run(sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);
	int reset = sqlite3_reset(statement);

	assert(result != SQLITE_ROW);
	return result == SQLITE_DONE ? reset : result;
}

/* --- transactions -------------------------------------------------------------------------------- */

int sqlite_store_begin(struct sqlite_store *s, struct err *err)
{
	int result = sqlite_store_run(s->begin);

	return result == SQLITE_OK ? 0 : sqlite_store_fail(s, result, err, "cannot begin to write");
}

void sqlite_store_rollback(struct sqlite_store *s)
{
	/* SQLite has rolled back by itself after some errors; what a failing rollback leaves, the next
	 * BEGIN reports. */
	if (!sqlite3_get_autocommit(s->db))
		sqlite_store_run(s->rollback);
}

/* The rows of `span` that one transaction may delete. */
static struct row_span span_step(const struct row_span *span, uint64_t rows_max)
{
	uint64_t rows = span->to > span->from ? span->to - span->from : 0;

	return (struct row_span){ span->from, span->from + (rows < rows_max ? rows : rows_max) };
}

static int delete_span(sqlite3_stmt *statement, const struct row_span *span)
{
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)span->from);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)span->to);
	return sqlite_store_run(statement);
}

static void maybe_checkpoint(struct sqlite_store *s)
{
	int result;

	if (s->wal_pages < s->checkpoint_at)
		return;
	result = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (result == SQLITE_OK) {
		s->checkpoint_at = s->checkpoint_pages;
		return;
	}
	log_warning("store", "%s: the write-ahead log of %d pages cannot be copied into the database and goes on growing: %s", s->path,
		    s->wal_pages, sentence_of(s->db, result));
	s->checkpoint_at = s->wal_pages + s->checkpoint_pages;
}

int sqlite_store_commit(struct sqlite_store *s, size_t weight, struct err *err)
{
	struct row_span *waste[] = { &s->waste_records, &s->waste_before, &s->waste_after };
	struct row_span step = { 0, 0 };
	size_t which = 0;
	int result = SQLITE_OK;

	while (which + 1 < ARRAY_COUNT(waste) && waste[which]->from >= waste[which]->to)
		which++;
	step = span_step(waste[which], 2 * (uint64_t)weight + SWEEP_ROWS);
	if (step.from < step.to)
		result = delete_span(which == 0 ? s->delete_records : s->delete_parts, &step);
	if (result == SQLITE_OK)
		result = sqlite_store_run(s->commit);
	if (result != SQLITE_OK) {
		int code = sqlite_store_fail(s, result, err, "cannot write");

		sqlite_store_rollback(s);
		return code;
	}
	waste[which]->from = step.to;
	maybe_checkpoint(s);
	return 0;
}

/* --- records ------------------------------------------------------------------------------------- */

bool sqlite_store_take_record(sqlite3_stmt *statement, uint64_t group, uint64_t number, struct record *ret)
{
	sqlite3_int64 type = sqlite3_column_int64(statement, 2);
	uint64_t checksum = (uint64_t)sqlite3_column_int64(statement, 3);

	if (type < 0 || type > UINT32_MAX || sqlite3_column_type(statement, 4) != SQLITE_BLOB)
		return false;
	ret->sequence = group == 0 ? number : 0;
	ret->time_us = sqlite3_column_int64(statement, 1);
	ret->type = (uint32_t)type;
	ret->payload = sqlite3_column_blob(statement, 4);
	ret->payload_length = (size_t)sqlite3_column_bytes(statement, 4);
	if (!ret->payload) {
		if (ret->payload_length > 0)
			return false;
		ret->payload = "";
	}
	return record_checksum(group, number, ret) == checksum;
}

int sqlite_store_put_record(sqlite3_stmt *statement, uint64_t row, uint64_t group, uint64_t number, const struct record *record)
{
	int result;

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)row);
	sqlite3_bind_int64(statement, 2, record->time_us);
	sqlite3_bind_int64(statement, 3, record->type);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)record_checksum(group, number, record));
	result = sqlite3_bind_blob64(statement, 5, record->payload_length > 0 ? record->payload : "", record->payload_length,
				     SQLITE_STATIC);
	if (result == SQLITE_OK)
		result = sqlite_store_run(statement);
	sqlite3_clear_bindings(statement);
	return result;
}

int sqlite_store_check_sizes(struct sqlite_store *s, const struct record *records, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (records[i].payload_length > STORE_PAYLOAD_MAX)
			return err_set(err, -E2BIG, "%s: a record has %zu bytes, at most %u fit", s->path, records[i].payload_length,
				       STORE_PAYLOAD_MAX);
	return 0;
}

static int check_batch(struct sqlite_store *s, const struct record *records, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (records[i].sequence != s->last + 1 + i || records[i].sequence > INT64_MAX)
			return err_set(err, -EINVAL, "%s: record %llu cannot follow record %llu", s->path,
				       (unsigned long long)records[i].sequence, (unsigned long long)(s->last + i));
	return sqlite_store_check_sizes(s, records, count, err);
}

static int sqlite_append(struct store *store, const struct record *records, size_t count, struct err *err)
{
	struct sqlite_store *s = sqlite_store(store);
	int code = check_batch(s, records, count, err);

	if (code < 0 || count == 0)
		return code;
	code = sqlite_store_begin(s, err);
	for (size_t i = 0; code == 0 && i < count; i++) {
		int result = sqlite_store_put_record(s->insert_record, records[i].sequence, 0, records[i].sequence, &records[i]);

		if (result != SQLITE_OK) {
			code = sqlite_store_fail(s, result, err, "cannot append record %llu", (unsigned long long)records[i].sequence);
			sqlite_store_rollback(s);
		}
	}
	if (code == 0)
		code = sqlite_store_commit(s, count, err);
	if (code < 0)
		return code;
	s->last += count;
	return 0;
}

static int sqlite_read(struct store *store, uint64_t after, size_t count_max, record_visit visit, void *context, struct err *err)
{
	struct sqlite_store *s = sqlite_store(store);
	cleanup_statement sqlite3_stmt *select = NULL;
	uint64_t next = after + 1, end = s->last;
	int code, result = SQLITE_DONE;

	if (after >= s->last)
		return 0;
	if (next < s->first)
		return err_set(err, -ENODATA, "%s: records up to %llu were trimmed away", s->path, (unsigned long long)(s->first - 1));
	if (count_max > 0 && count_max < end - after)
		end = after + count_max;
	code = sqlite_store_prepare(
		s, "SELECT sequence, time_us, type, checksum, payload FROM records WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence", 0,
		&select, err);
	if (code < 0)
		return code;
	sqlite3_bind_int64(select, 1, (sqlite3_int64)next);
	sqlite3_bind_int64(select, 2, (sqlite3_int64)end);
	for (; next <= end && (result = sqlite3_step(select)) == SQLITE_ROW; next++) {
		struct record record;

		if ((uint64_t)sqlite3_column_int64(select, 0) != next)
			return err_set(err, -EIO, "%s: record %llu is missing", s->path, (unsigned long long)next);
		if (!sqlite_store_take_record(select, 0, next, &record))
			return err_set(err, -EIO, "%s: record %llu is damaged", s->path, (unsigned long long)next);
		code = visit(context, &record, err);
		if (code != 0)
			return code;
	}
	if (next > end)
		return 0;
	if (result != SQLITE_DONE)
		return sqlite_store_fail(s, result, err, "cannot read record %llu", (unsigned long long)next);
	return err_set(err, -EIO, "%s: record %llu is missing", s->path, (unsigned long long)next);
}

static int sqlite_last(struct store *store, uint64_t *ret_first, uint64_t *ret_last, struct err *err)
{
	*ret_first = sqlite_store(store)->first;
	*ret_last = sqlite_store(store)->last;
	return 0;
}

static int sqlite_trim(struct store *store, uint64_t keep_after, struct err *err)
{
	struct sqlite_store *s = sqlite_store(store);
	cleanup_statement sqlite3_stmt *update = NULL;
	int code, result;

	if (keep_after < s->first)
		return 0;
	if (keep_after > s->complete.sequence)
		return err_set(err, -EINVAL, "%s: records up to %llu cannot be dropped: the snapshot holds those up to %llu", s->path,
			       (unsigned long long)keep_after, (unsigned long long)s->complete.sequence);
	code = sqlite_store_prepare(s, "UPDATE log SET first = ?1", 0, &update, err);
	if (code == 0)
		code = sqlite_store_begin(s, err);
	if (code < 0)
		return code;
	sqlite3_bind_int64(update, 1, (sqlite3_int64)keep_after + 1);
	result = sqlite_store_run(update);
	if (result != SQLITE_OK) {
		code = sqlite_store_fail(s, result, err, "cannot drop records up to %llu", (unsigned long long)keep_after);
		sqlite_store_rollback(s);
		return code;
	}
	code = sqlite_store_commit(s, 0, err);
	if (code < 0)
		return code;
	s->first = keep_after + 1;
	s->waste_records.to = s->first;
	return 0;
}

/* --- the handle ---------------------------------------------------------------------------------- */

void store_sqlite_set_checkpoint(struct store *store, int pages)
{
	struct sqlite_store *s = sqlite_store(store);

	s->checkpoint_pages = s->checkpoint_at = pages;
}

void sqlite_store_free(struct sqlite_store *s)
{
	sqlite3_stmt *statements[] = { s->begin,       s->commit,	  s->rollback,	  s->insert_record,
				       s->insert_part, s->delete_records, s->delete_parts };

	for (size_t i = 0; i < ARRAY_COUNT(statements); i++)
		sqlite3_finalize(statements[i]);
	sqlite3_close_v2(s->db);
	free(s->path);
	free(s);
}

static void sqlite_close(struct store *store)
{
	sqlite_store_free(sqlite_store(store));
}

const struct store_ops sqlite_store_ops = {
	.name = "sqlite",
	.close = sqlite_close,
	.append = sqlite_append,
	.read = sqlite_read,
	.last = sqlite_last,
	.snapshot_begin = sqlite_snapshot_begin,
	.snapshot_add = sqlite_snapshot_add,
	.snapshot_commit = sqlite_snapshot_commit,
	.snapshot_read = sqlite_snapshot_read,
	.trim = sqlite_trim,
};
