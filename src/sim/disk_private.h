/* What the two halves of the simulated disk share: disk.c (files, what survives) and disk_vfs.c (its
 * face towards SQLite). */
#ifndef WEIR_SIM_DISK_PRIVATE_H
#define WEIR_SIM_DISK_PRIVATE_H

#include <sqlite3.h>

#include "base/rng.h"
#include "sim/disk.h"

#define DISK_FILES_MAX 16
#define DISK_NAME_BYTES 256

struct bytes {
	uint8_t *data;
	size_t length, capacity;
};

struct step {
	enum disk_step kind; /* DISK_WRITE or DISK_TRUNCATE */
	size_t offset;	     /* of a truncation: the new length */
	struct bytes data;
};

struct file {
	char name[DISK_NAME_BYTES];
	bool exists;	     /* as the program sees it */
	bool exists_platter; /* survives a power failure for sure */
	struct bytes seen;
	struct bytes platter;
	struct step *waiting; /* not synced, in order */
	size_t waiting_count, waiting_capacity;
};

struct handle; /* an open file, of disk_vfs.c */

struct disk {
	sqlite3_vfs vfs;
	char name[32];
	struct rng rng;
	struct file files[DISK_FILES_MAX];
	struct handle *handles;
	uint64_t steps, steps_of[DISK_STEP_COUNT];
	uint64_t power_fails_at;
	uint64_t fails_at[DISK_STEP_COUNT];
	uint64_t capacity;
	bool off;
};

void disk_vfs_init(struct disk *disk);

/* A slot stays its name's for good, so that a removal that was not synced can be undone. NULL when
 * the name is too long or there are too many. */
struct file *disk_file_slot(struct disk *disk, const char *name);
struct file *disk_file_find(const struct disk *disk, const char *name); /* NULL when there is none */

/* The steps, without their counting and their faults. */
void disk_file_create(struct file *file);
void disk_file_write(struct file *file, size_t offset, const void *data, size_t length);
void disk_file_truncate(struct file *file, size_t length);
void disk_file_sync(struct file *file);
void disk_file_sync_fails(struct file *file, struct rng *rng);
void disk_file_remove(struct file *file, bool sync);

#endif
