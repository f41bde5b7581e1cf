#include "io/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define READ_CHUNK 65536

static int read_descriptor(int fd, const char *path, size_t bytes_max, struct strbuf *ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };

	for (;;) {
		char chunk[READ_CHUNK];
		ssize_t got = read(fd, chunk, sizeof(chunk));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, -errno, "%s: cannot read: %s", path, strerror(errno));
		if (got == 0)
			break;
		if (text.length + (size_t)got > bytes_max)
			return err_set(err, -EFBIG, "%s: too large, at most %zu bytes are read", path, bytes_max);
		strbuf_add(&text, chunk, (size_t)got);
	}
	strbuf_add(ret, strbuf_text(&text), text.length);
	return 0;
}

int file_read(const char *path, size_t bytes_max, struct strbuf *ret, struct err *err)
{
	int fd, code;

	if (strcmp(path, "-") == 0)
		return read_descriptor(STDIN_FILENO, "standard input", bytes_max, ret, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	code = read_descriptor(fd, path, bytes_max, ret, err);
	close(fd);
	return code;
}

static int write_descriptor(int fd, const char *data, size_t length)
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
	return fsync(fd) < 0 ? -errno : 0;
}

static int sync_parent(const char *path)
{
	cleanup_free char *parent = mem_strdup(path);
	char *slash = strrchr(parent, '/');
	int fd, code = 0;

	if (slash)
		slash[slash == parent] = 0;
	fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		code = -errno;
	close(fd);
	return code;
}

int file_write(const char *path, const void *data, size_t length, mode_t mode, struct err *err)
{
	cleanup_free char *beside = mem_printf("%s.%ld.new", path, (long)getpid());
	int code, fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return err_set(err, -errno, "%s: cannot create: %s", beside, strerror(errno));
	code = fchmod(fd, mode) < 0 ? -errno : write_descriptor(fd, data, length);
	if (close(fd) < 0 && code == 0)
		code = -errno;
	if (code == 0 && rename(beside, path) < 0)
		code = -errno;
	if (code == 0)
		code = sync_parent(path);
	if (code < 0) {
		unlink(beside);
		return err_set(err, code, "%s: cannot write: %s", path, strerror(-code));
	}
	return 0;
}

int file_lock(const char *path, int *ret_fd, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int code, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	if (fcntl(fd, F_SETLK, &lock) < 0) {
		code = errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
		close(fd);
		return err_set(err, code, "%s: %s", path, code == -EBUSY ? "another process holds it" : strerror(-code));
	}
	*ret_fd = fd;
	return 0;
}

static int check_folder(const char *path, struct err *err)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return err_set(err, -errno, "%s: cannot look at the folder: %s", path, strerror(errno));
	return S_ISDIR(status.st_mode) ? 0 : err_set(err, -ENOTDIR, "%s: is no folder", path);
}

int folder_make(const char *path, mode_t mode, struct err *err)
{
	cleanup_free char *part = mem_strdup(path);

	if (!*path)
		return err_set(err, -EINVAL, "the folder's path is empty");
	for (char *at = part + 1;; at++) {
		char kept = *at;

		if (kept != '/' && kept != 0)
			continue;
		*at = 0;
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_set(err, -errno, "%s: cannot make the folder: %s", part, strerror(errno));
		*at = kept;
		if (kept == 0)
			return check_folder(path, err);
	}
}
