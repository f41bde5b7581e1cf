/* The committer: group commit on a thread of its own.
 *
 * Records gather in a batch while the one before is being written; each batch is one store_append, so
 * the disk's sync is shared by all that came meanwhile. Snapshots go in by parts, between batches.
 *
 * Invariants: at most one job is with the thread; batches reach the store in the order of their records;
 * callbacks of a batch run on the loop's thread, after the batch is durable, in the order they were given;
 * no snapshot enters the store before the records that it stands for.
 */
#ifndef WEIR_CORE_COMMITTER_H
#define WEIR_CORE_COMMITTER_H

#include <stdbool.h>
#include <uv.h>

#include "store/store.h"

struct committer;

struct committer_settings {
	/* The records of a batch are durable. Called before the batch's callbacks. */
	void (*durable)(void *context, const struct record *records, size_t count);
	/* A snapshot was written (0) or not. */
	void (*snapshot_done)(void *context, int code, const struct err *err);
	/* The store failed; nothing is written any more and no callback comes. Also called from committer_free. */
	void (*failed)(void *context, const struct err *err);
	void *context;
	uint64_t keep_records; /* records that stay below a snapshot */
};

/* Takes the store over. */
struct committer *committer_new(uv_loop_t *loop, struct store *store, const struct committer_settings *settings);
/* Writes what waits, ends the thread, closes the store; callbacks that are left do not run, only `failed`.
 * Not from inside a callback. Gives 0, or -EIO with the store's sentence. Takes NULL. */
int committer_free(struct committer *committer, struct err *err);

/* Payload is copied. */
void committer_add(struct committer *committer, uint64_t sequence, int64_t time_us, uint32_t type, const void *payload, size_t length);
/* `done` once everything added so far is durable. Never before this call returned. */
void committer_when_durable(struct committer *committer, void (*done)(void *context), void *context);
void committer_forget(struct committer *committer, void *context);
/* The highest sequence that is durable. */
uint64_t committer_durable(const struct committer *committer);
void committer_set_durable(struct committer *committer, uint64_t sequence); /* what the store held at the start */
size_t committer_waiting(const struct committer *committer);
int64_t committer_last_us(const struct committer *committer);

/* Puts a snapshot file (core/snapshot_file.h) into the store, once all records up to `sequence` are durable, then
 * trims. The descriptor is taken over. -EBUSY while one is under way. */
int committer_snapshot(struct committer *committer, int fd, uint64_t sequence, const uint8_t hash[32]);

#endif
