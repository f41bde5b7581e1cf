/* The event log, behind one vtable: sqlite.c (default), memory.c; postgres.c joins them later.
 *
 * A log is a sequence of records numbered from 1 without gaps, and at most a few snapshots: the records
 * that rebuild the state as it was after record `sequence`. The store does not look into payloads.
 *
 * Invariants:
 *   S1  store_append returned 0: every record of the batch is on stable storage, whatever is pulled out next.
 *   S2  after a crash the log is a prefix of what was appended, record by record; a torn batch leaves none
 *       or all of it.
 *   S3  a snapshot that is not complete is never read.
 *   S4  records are only dropped when a complete snapshot stands at or after them.
 *   S5  one process at a time holds a store open for writing; a second one is refused (-EBUSY), never waits.
 *
 * All calls block; the daemon makes them on a thread of its own (core/committer.h). A handle is used
 * by one thread at a time.
 */
#ifndef WEIR_STORE_STORE_H
#define WEIR_STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define STORE_PAYLOAD_MAX (64u << 20)
#define STORE_SCHEMA_VERSION 1

struct record {
	uint64_t sequence; /* of events from 1; 0 in snapshots */
	int64_t time_us;   /* Unix time at which it was decided */
	uint32_t type;     /* enum event_type */
	const void *payload;
	size_t payload_length;
};

/* Return non-zero to stop; it is passed on. The record is valid during the call. */
typedef int (*record_visit)(void *context, const struct record *record, struct err *err);

struct store;

struct store_ops {
	const char *name;
	void (*close)(struct store *store);
	int (*append)(struct store *store, const struct record *records, size_t count, struct err *err);
	int (*read)(struct store *store, uint64_t after, size_t count_max, record_visit visit, void *context, struct err *err);
	int (*last)(struct store *store, uint64_t *ret_first, uint64_t *ret_last, struct err *err);
	int (*snapshot_begin)(struct store *store, uint64_t sequence, struct err *err);
	int (*snapshot_add)(struct store *store, const struct record *records, size_t count, struct err *err);
	int (*snapshot_commit)(struct store *store, const uint8_t hash[32], struct err *err);
	int (*snapshot_read)(struct store *store, uint64_t *ret_sequence, uint8_t ret_hash[32], record_visit visit, void *context, struct err *err);
	int (*trim)(struct store *store, uint64_t keep_after, struct err *err);
};

struct store {
	const struct store_ops *ops;
};

/* Opens or makes the log at `path`. `vfs`: name of a registered SQLite VFS, or NULL; tests use it to
 * put a simulated disk below. Migrates an older schema within one transaction; refuses a newer one.
 * -EBUSY: another process has it. -EINVAL: not a weir log. */
int store_open_sqlite(const char *path, const char *vfs, struct store **ret, struct err *err);
int store_open_memory(struct store **ret, struct err *err);

static inline void store_close(struct store *store) /* takes NULL */
{
	if (store)
		store->ops->close(store);
}
/* Records must follow the last one without a gap (-EINVAL) and be no larger than STORE_PAYLOAD_MAX (-E2BIG).
 * Durable on return (S1). On failure (-EIO, -ENOSPC) nothing of the batch is in the log, and the same batch
 * may be tried again; only when the process ends before it appends anything else may the whole batch be
 * there at the next opening, since a failed sync does not tell what reached the disk. */
static inline int store_append(struct store *store, const struct record *records, size_t count, struct err *err)
{
	return store->ops->append(store, records, count, err);
}
/* Visits records with sequence > after, in order, at most count_max (0: all). -ENODATA when some of
 * them were trimmed away. */
static inline int store_read(struct store *store, uint64_t after, size_t count_max, record_visit visit, void *context, struct err *err)
{
	return store->ops->read(store, after, count_max, visit, context, err);
}
/* First and last sequence in the log. An empty log: 1 and 0; a log trimmed empty: n + 1 and n. */
static inline int store_last(struct store *store, uint64_t *ret_first, uint64_t *ret_last, struct err *err)
{
	return store->ops->last(store, ret_first, ret_last, err);
}
/* A snapshot is written in parts between other calls; begin discards one that was not finished. -EINVAL: it
 * would be older than the one there, or, at commit, ahead of the log's last record. */
static inline int store_snapshot_begin(struct store *store, uint64_t sequence, struct err *err)
{
	return store->ops->snapshot_begin(store, sequence, err);
}
static inline int store_snapshot_add(struct store *store, const struct record *records, size_t count, struct err *err)
{
	return store->ops->snapshot_add(store, records, count, err);
}
static inline int store_snapshot_commit(struct store *store, const uint8_t hash[32], struct err *err)
{
	return store->ops->snapshot_commit(store, hash, err);
}
/* The newest complete one. Without one: 0 with *ret_sequence 0 and no visit. */
static inline int store_snapshot_read(struct store *store, uint64_t *ret_sequence, uint8_t ret_hash[32], record_visit visit, void *context,
				      struct err *err)
{
	return store->ops->snapshot_read(store, ret_sequence, ret_hash, visit, context, err);
}
/* Drops records up to and including `keep_after`; -EINVAL unless a complete snapshot covers them (S4). */
static inline int store_trim(struct store *store, uint64_t keep_after, struct err *err)
{
	return store->ops->trim(store, keep_after, err);
}

#endif
