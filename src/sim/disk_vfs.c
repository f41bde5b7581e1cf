/* The simulated disk's face towards SQLite: a VFS whose files are those of disk.c. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "sim/disk_private.h"

struct handle {
	sqlite3_file base; /* first, as SQLite wants it */
	struct disk *disk;
	struct file *file;
	int lock;
	struct handle *next;
	bool remove_on_close;
};

/* --- steps --------------------------------------------------------------------------------------- */

enum outcome { GO_ON, FAIL, POWER_FAILS };

/* Counts the step and says what becomes of it. */
static enum outcome step_begin(struct disk *disk, enum disk_step kind)
{
	assert(!disk->off);
	disk->steps++;
	disk->steps_of[kind]++;
	if (disk->power_fails_at == disk->steps) {
		disk->off = true;
		return POWER_FAILS;
	}
	return disk->fails_at[kind] == disk->steps ? FAIL : GO_ON;
}

static int handle_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 offset)
{
	struct handle *handle = (struct handle *)base;
	struct disk *disk = handle->disk;
	struct file *file = handle->file;
	size_t at = (size_t)offset, length = (size_t)amount, grows;
	enum outcome outcome;
	bool full;

	if (disk->off)
		return SQLITE_IOERR_WRITE;
	outcome = step_begin(disk, DISK_WRITE);
	if (outcome == FAIL)
		return SQLITE_IOERR_WRITE;
	/* A full disk takes what fits. */
	grows = at + length > file->seen.length ? at + length - file->seen.length : 0;
	full = disk_used(disk) + grows > disk->capacity;
	if (full) {
		size_t fits = disk->capacity > disk_used(disk) ? (size_t)(disk->capacity - disk_used(disk)) : 0;

		length = file->seen.length + fits > at ? file->seen.length + fits - at : 0;
	}
	if (length > 0)
		disk_file_write(file, at, data, length);
	if (outcome == POWER_FAILS)
		return SQLITE_IOERR_WRITE;
	return full ? SQLITE_FULL : SQLITE_OK;
}

static int handle_truncate(sqlite3_file *base, sqlite3_int64 length)
{
	struct handle *handle = (struct handle *)base;
	enum outcome outcome;

	if (handle->disk->off)
		return SQLITE_IOERR_TRUNCATE;
	outcome = step_begin(handle->disk, DISK_TRUNCATE);
	if (outcome == FAIL)
		return SQLITE_IOERR_TRUNCATE;
	disk_file_truncate(handle->file, (size_t)length);
	return outcome == POWER_FAILS ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int handle_sync(sqlite3_file *base, int flags)
{
	struct handle *handle = (struct handle *)base;
	struct file *file = handle->file;
	enum outcome outcome;

	if (handle->disk->off)
		return SQLITE_IOERR_FSYNC;
	outcome = step_begin(handle->disk, DISK_SYNC);
	if (outcome == POWER_FAILS)
		return SQLITE_IOERR_FSYNC;
	if (outcome == FAIL) {
		disk_file_sync_fails(file, &handle->disk->rng);
		return SQLITE_IOERR_FSYNC;
	}
	disk_file_sync(file);
	return SQLITE_OK;
}

static int disk_remove(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	struct disk *disk = vfs->pAppData;
	struct file *file = disk_file_find(disk, name);
	enum outcome outcome;

	if (disk->off)
		return SQLITE_IOERR_DELETE;
	if (!file || !file->exists)
		return SQLITE_IOERR_DELETE_NOENT;
	outcome = step_begin(disk, DISK_REMOVE);
	if (outcome == FAIL)
		return SQLITE_IOERR_DELETE;
	disk_file_remove(file, sync_folder && outcome == GO_ON);
	return outcome == POWER_FAILS ? SQLITE_IOERR_DELETE : SQLITE_OK;
}

/* --- the other calls of a handle ----------------------------------------------------------------- */

static int handle_read(sqlite3_file *base, void *buffer, int amount, sqlite3_int64 offset)
{
	const struct handle *handle = (const struct handle *)base;
	const struct bytes *seen = &handle->file->seen;
	size_t at = (size_t)offset, length = (size_t)amount;
	size_t have = at < seen->length ? seen->length - at : 0;

	if (handle->disk->off)
		return SQLITE_IOERR_READ;
	if (have > length)
		have = length;
	if (have > 0)
		memcpy(buffer, seen->data + at, have);
	if (have == length)
		return SQLITE_OK;
	memset((uint8_t *)buffer + have, 0, length - have);
	return SQLITE_IOERR_SHORT_READ;
}

static int handle_size(sqlite3_file *base, sqlite3_int64 *ret)
{
	const struct handle *handle = (const struct handle *)base;

	if (handle->disk->off)
		return SQLITE_IOERR_FSTAT;
	*ret = (sqlite3_int64)handle->file->seen.length;
	return SQLITE_OK;
}

static int highest_other_lock(const struct handle *handle)
{
	int highest = SQLITE_LOCK_NONE;

	for (const struct handle *other = handle->disk->handles; other; other = other->next)
		if (other != handle && other->file == handle->file && other->lock > highest)
			highest = other->lock;
	return highest;
}

static int handle_lock(sqlite3_file *base, int wanted)
{
	struct handle *handle = (struct handle *)base;
	int others = highest_other_lock(handle);

	if (wanted <= handle->lock)
		return SQLITE_OK;
	if (wanted == SQLITE_LOCK_SHARED && others >= SQLITE_LOCK_PENDING)
		return SQLITE_BUSY;
	if (wanted == SQLITE_LOCK_RESERVED && others >= SQLITE_LOCK_RESERVED)
		return SQLITE_BUSY;
	if (wanted == SQLITE_LOCK_EXCLUSIVE && others >= SQLITE_LOCK_SHARED)
		return SQLITE_BUSY;
	handle->lock = wanted;
	return SQLITE_OK;
}

static int handle_unlock(sqlite3_file *base, int wanted)
{
	struct handle *handle = (struct handle *)base;

	if (wanted < handle->lock)
		handle->lock = wanted;
	return SQLITE_OK;
}

static int handle_is_reserved(sqlite3_file *base, int *ret)
{
	const struct handle *handle = (const struct handle *)base;

	*ret = handle->lock >= SQLITE_LOCK_RESERVED || highest_other_lock(handle) >= SQLITE_LOCK_RESERVED;
	return SQLITE_OK;
}

static int handle_control(sqlite3_file *base, int operation, void *argument)
{
	return SQLITE_NOTFOUND;
}

static int handle_sector_size(sqlite3_file *base)
{
	return DISK_SECTOR_BYTES;
}

static int handle_characteristics(sqlite3_file *base)
{
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int handle_close(sqlite3_file *base)
{
	struct handle *handle = (struct handle *)base;
	struct handle **link = &handle->disk->handles;

	while (*link != handle)
		link = &(*link)->next;
	*link = handle->next;
	if (handle->remove_on_close && !handle->disk->off)
		disk_remove(&handle->disk->vfs, handle->file->name, 0);
	return SQLITE_OK;
}

/* Version 1: no shared memory, hence no write-ahead log but for a handle that locks all others out. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = handle_close,
	.xRead = handle_read,
	.xWrite = handle_write,
	.xTruncate = handle_truncate,
	.xSync = handle_sync,
	.xFileSize = handle_size,
	.xLock = handle_lock,
	.xUnlock = handle_unlock,
	.xCheckReservedLock = handle_is_reserved,
	.xFileControl = handle_control,
	.xSectorSize = handle_sector_size,
	.xDeviceCharacteristics = handle_characteristics,
};

/* --- the other calls of the disk ----------------------------------------------------------------- */

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
	struct disk *disk = vfs->pAppData;
	struct handle *handle = (struct handle *)base;
	struct file *file;

	handle->base.pMethods = NULL;
	if (disk->off || !name) /* no temporary files: the store wants none */
		return SQLITE_CANTOPEN;
	file = disk_file_slot(disk, name);
	if (!file || (!file->exists && !(flags & SQLITE_OPEN_CREATE)))
		return SQLITE_CANTOPEN;
	if (!file->exists)
		disk_file_create(file);
	*handle = (struct handle){ .disk = disk, .file = file, .next = disk->handles };
	handle->remove_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
	handle->base.pMethods = &methods;
	disk->handles = handle;
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	const struct disk *disk = vfs->pAppData;
	const struct file *file = disk_file_find(disk, name);

	if (disk->off)
		return SQLITE_IOERR_ACCESS;
	*ret = file && file->exists;
	return SQLITE_OK;
}

static int disk_full_path(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
	if (strncmp(name, "./", 2) == 0)
		name += 2;
	return snprintf(ret, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int disk_randomness(sqlite3_vfs *vfs, int size, char *ret)
{
	struct disk *disk = vfs->pAppData;

	for (int i = 0; i < size; i++)
		ret[i] = (char)rng_next(&disk->rng);
	return size;
}

static int disk_sleep(sqlite3_vfs *vfs, int microseconds)
{
	return microseconds;
}

static int disk_time(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)2461000 * 86400000; /* a day in Julian milliseconds; always the same */
	return SQLITE_OK;
}

static int disk_last_error(sqlite3_vfs *vfs, int size, char *ret)
{
	return 0;
}

size_t disk_open_handles(const struct disk *disk)
{
	size_t count = 0;

	for (const struct handle *handle = disk->handles; handle; handle = handle->next)
		count++;
	return count;
}

void disk_vfs_init(struct disk *disk)
{
	disk->vfs = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = sizeof(struct handle),
		.mxPathname = DISK_NAME_BYTES - 16,
		.zName = disk->name,
		.pAppData = disk,
		.xOpen = disk_open,
		.xDelete = disk_remove,
		.xAccess = disk_access,
		.xFullPathname = disk_full_path,
		.xRandomness = disk_randomness,
		.xSleep = disk_sleep,
		.xGetLastError = disk_last_error,
		.xCurrentTimeInt64 = disk_time,
	};
}
