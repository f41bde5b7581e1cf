/* A simulated disk under SQLite: files in memory, and a power switch.
 *
 * Model
 *   - A write, a truncation, the making and the removal of a file are seen at once by the program, and are
 *     on the platter only after the file's next sync. Each of these, and each sync, is a step, numbered
 *     from 1.
 *   - When the power fails, any of the steps that were not synced may be on the platter: none, all, some
 *     of them in any order, and of a write any of its sectors; a sector may be torn, so that it begins with
 *     new bytes and ends with old ones. Which, is drawn from a seed.
 *   - The power can be made to fail at a given step. That step itself may then be on the platter too, as
 *     above; a sync that is cut off has synced nothing for sure. Every call fails until disk_reboot().
 *   - A sync that fails has put some sectors on the platter, drawn from the seed; the rest of what waited
 *     will never get there by itself, though the program still reads it. This is what Linux does.
 *   - Bytes outside a write are never harmed by it (SQLite's "powersafe overwrite", its own default).
 *
 * One thread uses a disk at a time. Locks between handles are those of SQLite.
 */
#ifndef WEIR_SIM_DISK_H
#define WEIR_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_SECTOR_BYTES 512

struct disk;

enum disk_step { DISK_WRITE, DISK_TRUNCATE, DISK_SYNC, DISK_REMOVE, DISK_STEP_COUNT };

struct disk *disk_new(uint64_t seed);
void disk_free(struct disk *disk); /* takes NULL; no handle may be open on it */
/* The name by which SQLite finds the disk, for as long as the disk lives. */
const char *disk_vfs(const struct disk *disk);
/* What is on the platter and what waits, with no handle open and no fault set. */
struct disk *disk_copy(const struct disk *disk, uint64_t seed);

/* Steps so far, and those of one kind. */
uint64_t disk_steps(const struct disk *disk);
uint64_t disk_steps_of(const struct disk *disk, enum disk_step kind);
size_t disk_open_handles(const struct disk *disk);

/* The power fails at this step (0: never). */
void disk_fail_power_at(struct disk *disk, uint64_t step);
bool disk_is_off(const struct disk *disk);
/* Draws from `seed` which unsynced steps survived, and makes that the state of the disk, power on and
 * faults cleared. No handle may be open. */
void disk_reboot(struct disk *disk, uint64_t seed);

/* The step fails with an I/O error if it is of this kind (0: never). */
void disk_fail_step(struct disk *disk, enum disk_step kind, uint64_t step);
/* Files together hold at most so many bytes; what goes beyond fails as on a full disk. */
void disk_set_capacity(struct disk *disk, uint64_t bytes);
uint64_t disk_used(const struct disk *disk);

/* Puts a whole file on the platter, in place of the one that was there. */
void disk_put(struct disk *disk, const char *name, const void *data, size_t length);
/* A file's bytes as the program sees them, valid until the next step; NULL when there is none. */
const void *disk_get(const struct disk *disk, const char *name, size_t *ret_length);

#endif
