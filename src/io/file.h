/* Whole small files: reading with a limit, writing so that a crash leaves the old or the new content. */
#ifndef WEIR_IO_FILE_H
#define WEIR_IO_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strbuf.h"

#define FILE_READ_MAX (64u << 20)

/* Appends the file's bytes to `ret`; "-" is standard input. -ENOENT, -EFBIG and the like with the path in the sentence. */
int file_read(const char *path, size_t bytes_max, struct strbuf *ret, struct err *err);
/* The same for files that gzip may have packed: they are told by their first bytes, and the limit is on what they unpack to.
 * -EINVAL: damaged, or cut off. */
int file_read_packed(const char *path, size_t bytes_max, struct strbuf *ret, struct err *err);
/* Writes beside, syncs, renames. */
int file_write(const char *path, const void *data, size_t length, mode_t mode, struct err *err);
/* Makes the file if missing and locks it for as long as the descriptor is open: it ends with the process, however
 * that ends, and children do not inherit it. -EBUSY when another process holds it. Within one process it locks
 * nobody out, and any other descriptor of the file that is closed takes it away: open it nowhere else. */
int file_lock(const char *path, int *ret_fd, struct err *err);
/* Makes the folder and those above it; one that exists is fine. -ENOTDIR when something else is there. */
int folder_make(const char *path, mode_t mode, struct err *err);

#endif
