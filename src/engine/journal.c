#include "engine/journal.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define MAGIC UINT64_C(0x31304d4953574557)
#define READ_RECORDS 512

struct header {
	uint64_t magic;
	char life[LIFE_SIZE];
	int64_t lease_until_us;
};

/* FNV-1a over all but the checksum itself. */
static uint32_t checksum(const struct journal_record *record)
{
	const unsigned char *bytes = (const unsigned char *)record;
	uint32_t hash = 2166136261u;

	for (size_t i = sizeof(record->check); i < sizeof(*record); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

static int put(int fd, const void *data, size_t length, off_t offset)
{
	ssize_t written;

	do
		written = pwrite(fd, data, length, offset);
	while (written < 0 && errno == EINTR);
	if (written < 0)
		return -errno;
	return (size_t)written == length ? 0 : -ENOSPC;
}

static off_t place(uint64_t records)
{
	return (off_t)(sizeof(struct header) + records * sizeof(struct journal_record));
}

static int write_header(const struct journal *journal, int fd)
{
	struct header header = { .magic = MAGIC, .lease_until_us = journal->lease_until_us };

	memcpy(header.life, journal->life, LIFE_SIZE);
	return put(fd, &header, sizeof(header), 0);
}

static int lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_SETLK, &lock) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

int journal_open(struct journal *journal, const char *folder, struct err *err)
{
	struct header header;
	int code;

	*journal = (struct journal){ .fd = -1, .same_life = true };
	memset(journal->life, 0, LIFE_SIZE);
	engine_life(journal->life);
	if (!folder || !folder[0])
		return 0;
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "cannot make %s: %s", folder, strerror(errno));
	journal->path = mem_printf("%s/journal", folder);
	journal->fd = open(journal->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	code = journal->fd < 0 ? -errno : lock(journal->fd);
	if (code == -EBUSY)
		return err_set(err, code, "another agent has %s open", folder);
	if (code == 0 && pread(journal->fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) && header.magic == MAGIC) {
		journal->same_life = strncmp(header.life, journal->life, LIFE_SIZE) == 0;
		journal->lease_until_us = journal->same_life ? header.lease_until_us : 0;
	} else if (code == 0) { /* new, or no journal */
		code = ftruncate(journal->fd, 0) < 0 ? -errno : write_header(journal, journal->fd);
	}
	return code < 0 ? err_set(err, code, "cannot open %s: %s", journal->path, strerror(-code)) : 0;
}

void journal_done(struct journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	free(journal->path);
	*journal = (struct journal){ .fd = -1 };
}

int journal_replay(struct journal *journal, void (*visit)(void *context, const struct journal_record *record), void *context)
{
	cleanup_free struct journal_record *records = NULL;
	bool whole = true;

	if (journal->fd < 0)
		return 0;
	records = mem_alloc(READ_RECORDS * sizeof(*records));
	journal->records = 0;
	while (whole) {
		ssize_t got = pread(journal->fd, records, READ_RECORDS * sizeof(*records), place(journal->records));
		size_t count = got > 0 ? (size_t)got / sizeof(*records) : 0;

		if (got < 0)
			return -errno;
		whole = count == READ_RECORDS;
		for (size_t i = 0; i < count; i++) {
			if (records[i].check != checksum(&records[i])) {
				whole = false;
				break;
			}
			visit(context, &records[i]);
			journal->records++;
		}
	}
	return ftruncate(journal->fd, place(journal->records)) < 0 ? -errno : 0;
}

int journal_append(struct journal *journal, struct journal_record *record)
{
	int code;

	if (journal->fd < 0)
		return 0;
	record->check = checksum(record);
	code = put(journal->fd, record, sizeof(*record), place(journal->records));
	if (code == 0)
		journal->records++;
	return code;
}

int journal_lease(struct journal *journal, int64_t until_us)
{
	journal->lease_until_us = until_us;
	return journal->fd < 0 ? 0 : put(journal->fd, &until_us, sizeof(until_us), (off_t)offsetof(struct header, lease_until_us));
}

int journal_rewrite(struct journal *journal, struct journal_record *records, size_t count)
{
	cleanup_free char *beside = NULL;
	int fd, code;

	if (journal->fd < 0)
		return 0;
	beside = mem_printf("%s.new", journal->path);
	fd = open(beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < count; i++)
		records[i].check = checksum(&records[i]);
	code = lock(fd);
	if (code == 0)
		code = write_header(journal, fd);
	if (code == 0 && count > 0)
		code = put(fd, records, count * sizeof(*records), place(0));
	if (code == 0 && rename(beside, journal->path) < 0)
		code = -errno;
	if (code < 0) {
		close(fd);
		unlink(beside);
		return code;
	}
	close(journal->fd);
	journal->fd = fd;
	journal->records = count;
	return 0;
}
