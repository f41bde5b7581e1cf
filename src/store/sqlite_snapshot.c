/* Snapshots in a SQLite file. What keeps a half-written one from being read stands in sqlite.h (Q2, Q3).
 *
 * The rows of snapshot_records fall into four parts, in this order, of which any may be empty:
 *
 *   waste_before | the complete snapshot | waste_after | the one being built
 *
 * Completing a snapshot makes the first three parts one waste; beginning anew makes what was built so
 * far part of waste_after.
 */
#include <string.h>

#include "store/checksum.h"
#include "store/sqlite.h"

static uint64_t complete_end(const struct sqlite_store *s)
{
	return s->complete.first_row + s->complete.row_count;
}

/* The row after the highest one in the file. */
static int next_row(struct sqlite_store *s, uint64_t *ret, struct err *err)
{
	cleanup_statement sqlite3_stmt *select = NULL;
	int code = sqlite_store_prepare(s, "SELECT coalesce(max(row), 0) FROM snapshot_records", 0, &select, err);
	int result;

	if (code < 0)
		return code;
	result = sqlite3_step(select);
	if (result != SQLITE_ROW)
		return sqlite_store_fail(s, result, err, "cannot read the snapshot");
	if (sqlite3_column_int64(select, 0) < 0 || sqlite3_column_int64(select, 0) > INT64_MAX / 2)
		return err_set(err, -EIO, "%s: the snapshot's rows are damaged", s->path);
	*ret = (uint64_t)sqlite3_column_int64(select, 0) + 1;
	return 0;
}

int sqlite_snapshot_begin(struct store *store, uint64_t sequence, struct err *err)
{
	struct sqlite_store *s = sqlite_store(store);
	uint64_t row;
	int code;

	if (sequence == 0 || sequence < s->complete.sequence)
		return err_set(err, -EINVAL, "%s: a snapshot at %llu would be older than the one at %llu", s->path,
			       (unsigned long long)sequence, (unsigned long long)s->complete.sequence);
	code = next_row(s, &row, err);
	if (code < 0)
		return code;
	if (row < complete_end(s))
		row = complete_end(s);
	if (row < s->waste_after.to)
		row = s->waste_after.to;
	s->waste_after.to = row;
	s->building = (struct snapshot_row){ .sequence = sequence, .first_row = row };
	return 0;
}

int sqlite_snapshot_add(struct store *store, const struct record *records, size_t count, struct err *err)
{
	struct sqlite_store *s = sqlite_store(store);
	struct snapshot_row *building = &s->building;
	int code;

	if (building->sequence == 0)
		return err_set(err, -EINVAL, "%s: no snapshot was begun", s->path);
	code = sqlite_store_check_sizes(s, records, count, err);
	if (code < 0 || count == 0)
		return code;
	code = sqlite_store_begin(s, err);
	for (size_t i = 0; code == 0 && i < count; i++) {
		uint64_t number = building->row_count + i;
		int result = sqlite_store_put_record(s->insert_part, building->first_row + number, building->sequence, number, &records[i]);

		if (result != SQLITE_OK) {
			code = sqlite_store_fail(s, result, err, "cannot write the snapshot at %llu",
						 (unsigned long long)building->sequence);
			sqlite_store_rollback(s);
		}
	}
	if (code == 0)
		code = sqlite_store_commit(s, count, err);
	if (code < 0)
		return code;
	building->row_count += count;
	return 0;
}

static int insert_complete(struct sqlite_store *s, const struct snapshot_row *row, struct err *err)
{
	cleanup_statement sqlite3_stmt *delete = NULL;
	cleanup_statement sqlite3_stmt *insert = NULL;
	int result, code = sqlite_store_prepare(s, "DELETE FROM snapshots", 0, &delete, err);

	if (code == 0)
		code = sqlite_store_prepare(
			s, "INSERT INTO snapshots (sequence, first_row, row_count, hash, checksum) VALUES (?1, ?2, ?3, ?4, ?5)", 0, &insert,
			err);
	if (code < 0)
		return code;
	sqlite3_bind_int64(insert, 1, (sqlite3_int64)row->sequence);
	sqlite3_bind_int64(insert, 2, (sqlite3_int64)row->first_row);
	sqlite3_bind_int64(insert, 3, (sqlite3_int64)row->row_count);
	sqlite3_bind_blob(insert, 4, row->hash, sizeof(row->hash), SQLITE_STATIC);
	sqlite3_bind_int64(insert, 5, (sqlite3_int64)snapshot_checksum(row->sequence, row->first_row, row->row_count, row->hash));
	result = sqlite_store_run(delete);
	if (result == SQLITE_OK)
		result = sqlite_store_run(insert);
	return result == SQLITE_OK
		       ? 0
		       : sqlite_store_fail(s, result, err, "cannot complete the snapshot at %llu", (unsigned long long)row->sequence);
}

int sqlite_snapshot_commit(struct store *store, const uint8_t hash[32], struct err *err)
{
	struct sqlite_store *s = sqlite_store(store);
	struct snapshot_row row = s->building;
	uint64_t waste_from = s->waste_before.from < s->waste_before.to ? s->waste_before.from : s->complete.first_row;
	int code;

	if (row.sequence == 0)
		return err_set(err, -EINVAL, "%s: no snapshot was begun", s->path);
	if (row.sequence > s->last)
		return err_set(err, -EINVAL, "%s: the snapshot at %llu is ahead of the log, which ends at %llu", s->path,
			       (unsigned long long)row.sequence, (unsigned long long)s->last);
	memcpy(row.hash, hash, sizeof(row.hash));
	code = sqlite_store_begin(s, err);
	if (code < 0)
		return code;
	code = insert_complete(s, &row, err);
	if (code < 0) {
		sqlite_store_rollback(s);
		return code;
	}
	code = sqlite_store_commit(s, 0, err);
	if (code < 0)
		return code;
	s->complete = row;
	s->building = (struct snapshot_row){ 0 };
	s->waste_before = (struct row_span){ waste_from, row.first_row };
	s->waste_after = (struct row_span){ complete_end(s), complete_end(s) };
	return 0;
}

static int visit_rows(struct sqlite_store *s, sqlite3_stmt *select, record_visit visit, void *context, struct err *err)
{
	const struct snapshot_row *snapshot = &s->complete;
	uint64_t number = 0;
	int result = SQLITE_DONE;

	for (; number < snapshot->row_count && (result = sqlite3_step(select)) == SQLITE_ROW; number++) {
		struct record record;
		int code;

		if ((uint64_t)sqlite3_column_int64(select, 0) != snapshot->first_row + number)
			break;
		if (!sqlite_store_take_record(select, snapshot->sequence, number, &record))
			return err_set(err, -EIO, "%s: record %llu of the snapshot at %llu is damaged", s->path, (unsigned long long)number,
				       (unsigned long long)snapshot->sequence);
		code = visit(context, &record, err);
		if (code != 0)
			return code;
	}
	if (number == snapshot->row_count)
		return 0;
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		return sqlite_store_fail(s, result, err, "cannot read the snapshot at %llu", (unsigned long long)snapshot->sequence);
	return err_set(err, -EIO, "%s: record %llu of the snapshot at %llu is missing", s->path, (unsigned long long)number,
		       (unsigned long long)snapshot->sequence);
}

int sqlite_snapshot_read(struct store *store, uint64_t *ret_sequence, uint8_t ret_hash[32], record_visit visit, void *context,
			 struct err *err)
{
	struct sqlite_store *s = sqlite_store(store);
	cleanup_statement sqlite3_stmt *select = NULL;
	int code;

	if (s->complete.sequence == 0) {
		*ret_sequence = 0;
		return 0;
	}
	code = sqlite_store_prepare(
		s, "SELECT row, time_us, type, checksum, payload FROM snapshot_records WHERE row >= ?1 AND row < ?2 ORDER BY row", 0,
		&select, err);
	if (code < 0)
		return code;
	sqlite3_bind_int64(select, 1, (sqlite3_int64)s->complete.first_row);
	sqlite3_bind_int64(select, 2, (sqlite3_int64)complete_end(s));
	code = visit_rows(s, select, visit, context, err);
	if (code != 0)
		return code;
	*ret_sequence = s->complete.sequence;
	memcpy(ret_hash, s->complete.hash, sizeof(s->complete.hash));
	return 0;
}

/* --- opening ------------------------------------------------------------------------------------- */

static bool take_complete(sqlite3_stmt *select, struct snapshot_row *ret)
{
	sqlite3_int64 sequence = sqlite3_column_int64(select, 0), first = sqlite3_column_int64(select, 1);
	sqlite3_int64 count = sqlite3_column_int64(select, 2);
	const void *hash = sqlite3_column_blob(select, 3);

	if (sequence <= 0 || first < 0 || count < 0 || first > INT64_MAX / 2 || count > INT64_MAX / 2)
		return false;
	if (!hash || sqlite3_column_bytes(select, 3) != (int)sizeof(ret->hash))
		return false;
	*ret = (struct snapshot_row){ .sequence = (uint64_t)sequence, .first_row = (uint64_t)first, .row_count = (uint64_t)count };
	memcpy(ret->hash, hash, sizeof(ret->hash));
	return snapshot_checksum(ret->sequence, ret->first_row, ret->row_count, ret->hash) == (uint64_t)sqlite3_column_int64(select, 4);
}

int sqlite_snapshot_load(struct sqlite_store *s, struct err *err)
{
	cleanup_statement sqlite3_stmt *select = NULL;
	cleanup_statement sqlite3_stmt *lowest = NULL;
	uint64_t end;
	int result, code = sqlite_store_prepare(s, "SELECT sequence, first_row, row_count, hash, checksum FROM snapshots", 0, &select, err);

	if (code == 0)
		code = sqlite_store_prepare(s, "SELECT coalesce(min(row), 0) FROM snapshot_records", 0, &lowest, err);
	if (code < 0)
		return code;
	result = sqlite3_step(select);
	if (result == SQLITE_ROW) {
		if (!take_complete(select, &s->complete))
			return err_set(err, -EIO, "%s: the snapshot's description is damaged", s->path);
		result = sqlite3_step(select);
	}
	if (result == SQLITE_ROW)
		return err_set(err, -EIO, "%s: there is more than one snapshot", s->path);
	if (result == SQLITE_DONE)
		result = sqlite3_step(lowest);
	if (result != SQLITE_ROW)
		return sqlite_store_fail(s, result, err, "cannot read the snapshot");
	code = next_row(s, &end, err);
	if (code < 0)
		return code;
	if (sqlite3_column_int64(lowest, 0) >= 0)
		s->waste_before.from = (uint64_t)sqlite3_column_int64(lowest, 0);
	s->waste_before.to = s->complete.first_row;
	s->waste_after = (struct row_span){ complete_end(s), end };
	return 0;
}
