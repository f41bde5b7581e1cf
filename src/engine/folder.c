#include "engine/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define PATH_BYTES 4096
#define TREE_DEPTH_MAX 256 /* deeper trees are left: no job makes them by accident */
#define CLAIM "claimed\n"

static int64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t engine_boottime_us(void)
{
	return clock_us(CLOCK_BOOTTIME);
}

int64_t engine_unix_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

/* Field 22 of /proc/1/stat; the name in field 2 may hold anything, so fields are counted from its last parenthesis. */
static unsigned long long first_process_start(void)
{
	cleanup_strbuf struct strbuf text = { 0 };
	const char *at;

	if (record_read(AT_FDCWD, "/proc/1/stat", 4096, &text) < 0)
		return 0;
	at = strrchr(strbuf_text(&text), ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

void engine_life(char ret[static LIFE_SIZE])
{
	cleanup_strbuf struct strbuf boot = { 0 };

	record_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot);
	snprintf(ret, LIFE_SIZE, "%.*s/%llu", (int)strcspn(strbuf_text(&boot), "\n"), strbuf_text(&boot), first_process_start());
}

static int write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, data, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		data += written;
		length -= (size_t)written;
	}
	return 0;
}

int record_write(int folder, const char *path, const struct strbuf *bytes, mode_t mode, bool durable)
{
	char beside[PATH_BYTES];
	int fd, code;

	if (snprintf(beside, sizeof(beside), "%s.%ld", path, (long)getpid()) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	fd = openat(folder, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	code = write_all(fd, strbuf_text(bytes), bytes->length);
	if (code == 0 && durable && fsync(fd) < 0)
		code = -errno;
	close(fd);
	if (code == 0 && renameat(folder, beside, folder, path) < 0)
		code = -errno;
	if (code < 0)
		unlinkat(folder, beside, 0);
	return code;
}

int record_read(int folder, const char *path, size_t bytes_max, struct strbuf *ret)
{
	size_t before = ret->length;
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int code = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t got = read(fd, strbuf_reserve(ret, 4096), 4096);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			code = -errno;
		if (got <= 0)
			break;
		ret->length += (size_t)got;
		ret->data[ret->length] = 0;
		if (ret->length - before > bytes_max) {
			code = -EFBIG;
			break;
		}
	}
	close(fd);
	if (code < 0 && ret->data) {
		ret->length = before;
		ret->data[before] = 0;
	}
	return code;
}

static int folder_empty(int fd, unsigned depth);

/* One entry of a folder. A folder whose owner may not enter it is opened up first. */
static int entry_remove(int folder, const char *name, unsigned depth)
{
	int fd, code;

	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (depth == 0)
		return -ELOOP;
	fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == EACCES && fchmodat(folder, name, 0700, 0) == 0)
		fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	code = folder_empty(fd, depth - 1);
	if (code < 0)
		return code;
	return unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Closes `fd`. */
static int folder_empty(int fd, unsigned depth)
{
	struct dirent *entry;
	DIR *listing;
	int code = 0;

	fchmod(fd, 0700); /* if it is not ours to change, the removal says so */
	listing = fdopendir(fd);
	if (!listing) {
		close(fd);
		return -errno;
	}
	while ((entry = readdir(listing))) {
		int removed;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		removed = entry_remove(dirfd(listing), entry->d_name, depth);
		if (removed < 0)
			code = removed;
	}
	closedir(listing);
	return code;
}

int tree_remove(int folder, const char *path)
{
	return entry_remove(folder, path, TREE_DEPTH_MAX);
}

int lock_look(int folder, const char *path, struct lock_state *ret)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(folder, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;

	if (fd < 0 && errno == ENOENT) {
		*ret = (struct lock_state){ false, false };
		return 0;
	}
	/* The lock first: a supervisor claims before it lets go. */
	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || fstat(fd, &status) < 0) {
		int code = -errno;

		if (fd >= 0)
			close(fd);
		return code;
	}
	close(fd);
	*ret = (struct lock_state){ .held = lock.l_type != F_UNLCK, .claimed = status.st_size > 0 };
	return 0;
}

int lock_take(int folder, const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(folder, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int code;

	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return fd;
	code = errno == EACCES ? -EAGAIN : -errno;
	close(fd);
	return code;
}

int lock_claim(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size > 0)
		return -EEXIST;
	return write_all(fd, CLAIM, strlen(CLAIM));
}
