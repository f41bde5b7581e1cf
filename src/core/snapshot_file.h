/* A snapshot on its way into the store: the state's records in an unlinked file, written by a forked
 * child from its copy-on-write picture of the state, so that the platform goes on meanwhile. */
#ifndef WEIR_CORE_SNAPSHOT_FILE_H
#define WEIR_CORE_SNAPSHOT_FILE_H

#include <stdint.h>

#include "platform/platform.h"
#include "store/store.h"

/* Makes an unlinked file. Gives the descriptor or a negative errno. */
int snapshot_file_create(struct err *err);
/* Writes the platform's records and, first, the hash. */
int snapshot_file_write(int fd, const struct platform *platform, struct err *err);
/* Reads the hash from the start of the file and stands at the first record after. */
int snapshot_file_read_hash(int fd, uint8_t ret_hash[32], struct err *err);
/* Hands the next records, about `bytes_max` of them, to the store's open snapshot. Gives 1 while there
 * are more, 0 at the end. */
int snapshot_file_copy(int fd, size_t bytes_max, struct store *store, struct err *err);

#endif
