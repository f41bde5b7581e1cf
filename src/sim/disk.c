#include "sim/disk.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sim/disk_private.h"

/* --- bytes --------------------------------------------------------------------------------------- */

static void bytes_resize(struct bytes *bytes, size_t length)
{
	ARRAY_RESERVE(bytes->data, bytes->capacity, length);
	if (length > bytes->length)
		memset(bytes->data + bytes->length, 0, length - bytes->length);
	bytes->length = length;
}

static void bytes_put(struct bytes *bytes, size_t offset, const void *data, size_t length)
{
	if (length == 0)
		return;
	if (bytes->length < offset + length)
		bytes_resize(bytes, offset + length);
	memcpy(bytes->data + offset, data, length);
}

static void bytes_done(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){ 0 };
}

static void bytes_set(struct bytes *bytes, const void *data, size_t length)
{
	bytes->length = 0;
	bytes_put(bytes, 0, data, length);
}

/* --- files --------------------------------------------------------------------------------------- */

struct file *disk_file_find(const struct disk *disk, const char *name)
{
	for (size_t i = 0; i < DISK_FILES_MAX; i++)
		if (strcmp(disk->files[i].name, name) == 0)
			return (struct file *)&disk->files[i];
	return NULL;
}

struct file *disk_file_slot(struct disk *disk, const char *name)
{
	struct file *file = disk_file_find(disk, name);

	if (file || strlen(name) >= DISK_NAME_BYTES || name[0] == 0)
		return name[0] == 0 ? NULL : file;
	file = disk_file_find(disk, "");
	if (file)
		memcpy(file->name, name, strlen(name) + 1);
	return file;
}

static void waiting_clear(struct file *file)
{
	for (size_t i = 0; i < file->waiting_count; i++)
		bytes_done(&file->waiting[i].data);
	file->waiting_count = 0;
}

static void file_done(struct file *file)
{
	waiting_clear(file);
	free(file->waiting);
	bytes_done(&file->seen);
	bytes_done(&file->platter);
}

static struct step *waiting_add(struct file *file, enum disk_step kind, size_t offset)
{
	ARRAY_RESERVE(file->waiting, file->waiting_capacity, file->waiting_count + 1);
	file->waiting[file->waiting_count] = (struct step){ .kind = kind, .offset = offset };
	return &file->waiting[file->waiting_count++];
}

uint64_t disk_used(const struct disk *disk)
{
	uint64_t used = 0;

	for (size_t i = 0; i < DISK_FILES_MAX; i++)
		used += disk->files[i].seen.length;
	return used;
}

/* --- what survives ------------------------------------------------------------------------------- */

enum survival { SURVIVE_NONE, SURVIVE_ALL, SURVIVE_ALL_BUT_LAST, SURVIVE_STEPS, SURVIVE_SECTORS, SURVIVE_TORN, SURVIVAL_COUNT };

/* Puts a write on the platter sector by sector, as the draw has it. */
static void write_survives(struct file *file, const struct step *step, struct rng *rng, enum survival survival)
{
	size_t done = 0;

	while (done < step->data.length) {
		size_t at = step->offset + done;
		size_t part = DISK_SECTOR_BYTES - at % DISK_SECTOR_BYTES;
		uint64_t draw = rng_below(rng, 4);

		if (part > step->data.length - done)
			part = step->data.length - done;
		if (draw >= 2)
			bytes_put(&file->platter, at, step->data.data + done, part);
		else if (draw == 1 && survival == SURVIVE_TORN)
			bytes_put(&file->platter, at, step->data.data + done, (size_t)rng_below(rng, part + 1));
		done += part;
	}
}

static void step_applies(struct file *file, const struct step *step)
{
	if (step->kind == DISK_TRUNCATE)
		bytes_resize(&file->platter, step->offset);
	else
		bytes_put(&file->platter, step->offset, step->data.data, step->data.length);
}

static void some_survive(struct file *file, struct rng *rng, enum survival survival)
{
	for (size_t i = 0; i < file->waiting_count; i++) {
		const struct step *step = &file->waiting[i];
		bool last = i + 1 == file->waiting_count;

		if (survival == SURVIVE_NONE || (survival == SURVIVE_ALL_BUT_LAST && last))
			continue;
		if (survival == SURVIVE_ALL || survival == SURVIVE_ALL_BUT_LAST)
			step_applies(file, step);
		else if (survival == SURVIVE_STEPS || step->kind == DISK_TRUNCATE) {
			if (rng_below(rng, 2))
				step_applies(file, step);
		} else {
			write_survives(file, step, rng, survival);
		}
	}
	waiting_clear(file);
}

static bool existence_survives(const struct file *file, struct rng *rng, enum survival survival)
{
	if (file->exists == file->exists_platter)
		return file->exists;
	if (survival == SURVIVE_NONE)
		return file->exists_platter;
	if (survival == SURVIVE_ALL)
		return file->exists;
	return rng_below(rng, 2);
}

void disk_reboot(struct disk *disk, uint64_t seed)
{
	enum survival survival = (enum survival)(seed % SURVIVAL_COUNT);
	struct rng rng;

	assert(!disk->handles);
	rng_init(&rng, seed);
	for (size_t i = 0; i < DISK_FILES_MAX; i++) {
		struct file *file = &disk->files[i];

		some_survive(file, &rng, survival);
		file->exists = file->exists_platter = existence_survives(file, &rng, survival);
		if (!file->exists)
			file->platter.length = 0;
		bytes_set(&file->seen, file->platter.data, file->platter.length);
	}
	disk->off = false;
	disk->power_fails_at = 0;
	memset(disk->fails_at, 0, sizeof(disk->fails_at));
}

/* --- the steps ----------------------------------------------------------------------------------- */

void disk_file_create(struct file *file)
{
	/* What an unsynced removal left on the platter is gone with the new file's first sync. */
	waiting_clear(file);
	waiting_add(file, DISK_TRUNCATE, 0);
	file->exists = true;
	file->seen.length = 0;
}

void disk_file_write(struct file *file, size_t offset, const void *data, size_t length)
{
	bytes_put(&waiting_add(file, DISK_WRITE, offset)->data, 0, data, length);
	bytes_put(&file->seen, offset, data, length);
}

void disk_file_truncate(struct file *file, size_t length)
{
	waiting_add(file, DISK_TRUNCATE, length);
	bytes_resize(&file->seen, length);
}

void disk_file_sync(struct file *file)
{
	for (size_t i = 0; i < file->waiting_count; i++)
		step_applies(file, &file->waiting[i]);
	waiting_clear(file);
	file->exists_platter = file->exists;
}

void disk_file_sync_fails(struct file *file, struct rng *rng)
{
	some_survive(file, rng, SURVIVE_TORN);
}

void disk_file_remove(struct file *file, bool sync)
{
	file->exists = false;
	file->seen.length = 0;
	if (sync) {
		file->exists_platter = false;
		file->platter.length = 0;
		waiting_clear(file);
	}
}

/* --- the disk ------------------------------------------------------------------------------------ */

struct disk *disk_new(uint64_t seed)
{
	static unsigned counter; /* only makes names differ; SQLite's list of disks is global too */
	struct disk *disk = mem_alloc(sizeof(*disk));

	snprintf(disk->name, sizeof(disk->name), "weir-disk-%u", __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED));
	rng_init(&disk->rng, seed);
	disk->capacity = UINT64_MAX / 2;
	disk_vfs_init(disk);
	sqlite3_vfs_register(&disk->vfs, 0);
	return disk;
}

void disk_free(struct disk *disk)
{
	if (!disk)
		return;
	assert(!disk->handles);
	sqlite3_vfs_unregister(&disk->vfs);
	for (size_t i = 0; i < DISK_FILES_MAX; i++)
		file_done(&disk->files[i]);
	free(disk);
}

struct disk *disk_copy(const struct disk *disk, uint64_t seed)
{
	struct disk *copy = disk_new(seed);

	for (size_t i = 0; i < DISK_FILES_MAX; i++) {
		const struct file *from = &disk->files[i];
		struct file *to = &copy->files[i];

		memcpy(to->name, from->name, sizeof(to->name));
		to->exists = from->exists;
		to->exists_platter = from->exists_platter;
		bytes_set(&to->seen, from->seen.data, from->seen.length);
		bytes_set(&to->platter, from->platter.data, from->platter.length);
		for (size_t j = 0; j < from->waiting_count; j++) {
			const struct step *step = &from->waiting[j];

			bytes_set(&waiting_add(to, step->kind, step->offset)->data, step->data.data, step->data.length);
		}
	}
	copy->off = disk->off;
	return copy;
}

const char *disk_vfs(const struct disk *disk)
{
	return disk->name;
}

uint64_t disk_steps(const struct disk *disk)
{
	return disk->steps;
}

uint64_t disk_steps_of(const struct disk *disk, enum disk_step kind)
{
	return disk->steps_of[kind];
}

void disk_fail_power_at(struct disk *disk, uint64_t step)
{
	disk->power_fails_at = step;
}

bool disk_is_off(const struct disk *disk)
{
	return disk->off;
}

void disk_fail_step(struct disk *disk, enum disk_step kind, uint64_t step)
{
	disk->fails_at[kind] = step;
}

void disk_set_capacity(struct disk *disk, uint64_t bytes)
{
	disk->capacity = bytes;
}

void disk_put(struct disk *disk, const char *name, const void *data, size_t length)
{
	struct file *file = disk_file_slot(disk, name);

	assert(file);
	waiting_clear(file);
	bytes_set(&file->platter, data, length);
	bytes_set(&file->seen, data, length);
	file->exists = file->exists_platter = true;
}

const void *disk_get(const struct disk *disk, const char *name, size_t *ret_length)
{
	const struct file *file = disk_file_find(disk, name);

	if (!file || !file->exists)
		return NULL;
	*ret_length = file->seen.length;
	return file->seen.data ? file->seen.data : (const uint8_t *)"";
}
