/* Small files and folders of an engine: whole records written so that a reader sees the old or the new
 * one, the lock by which a supervisor is known to live, clocks, and the name of this life of the machine.
 *
 * Locks are POSIX record locks: the kernel drops them with the process however it ends, children do not
 * inherit them, and whoever asks learns of them without taking them (flock could only be tried, and the
 * trial itself would turn a supervisor away).
 */
#ifndef WEIR_ENGINE_FOLDER_H
#define WEIR_ENGINE_FOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strbuf.h"

#define LIFE_SIZE 80 /* bytes of the name of a machine's life, with the final 0 */

int64_t engine_boottime_us(void); /* CLOCK_BOOTTIME */
int64_t engine_unix_us(void);
/* Differs after a reboot, and after a restart of the container that this is: the boot's id and the start of process 1. */
void engine_life(char ret[static LIFE_SIZE]);

/* All of these take a folder's descriptor, or AT_FDCWD, and a path from there. */

/* Beside, then renamed. With `durable` the bytes are synced before the rename. Gives 0 or a negative errno. */
int record_write(int folder, const char *path, const struct strbuf *bytes, mode_t mode, bool durable);
/* Appends the file's bytes; -EFBIG past `bytes_max`. */
int record_read(int folder, const char *path, size_t bytes_max, struct strbuf *ret);
/* Removes a file, or a folder with all that is in it, folders without permissions too. One that is not there is fine. */
int tree_remove(int folder, const char *path);

/* What is known of a worker from its lock file. */
struct lock_state {
	bool held;    /* a supervisor lives */
	bool claimed; /* one has begun, now or before: none may begin again */
};
/* A file that is not there is neither. */
int lock_look(int folder, const char *path, struct lock_state *ret);
/* Takes the lock and gives the descriptor, which keeps it until it is closed. -EAGAIN while another has it. */
int lock_take(int folder, const char *path);
/* Writes the claim into a lock that is held. -EEXIST when there was one. */
int lock_claim(int fd);

#endif
