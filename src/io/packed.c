/* Whole files that may be packed by gzip. What a small file unpacks to is bounded like a plain file's size, piece by piece, so that
 * a packed terabyte of zeros costs no more than the limit. */
#include "io/file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define UNPACK_CHUNK 65536

static void close_packed(gzFile *file)
{
	if (*file)
		gzclose(*file);
}

/* zlib tells of a file that ends too early with Z_BUF_ERROR, and of plain ones nothing: they come as they are. */
static int fail(gzFile file, const char *shown, struct err *err)
{
	int result, saved = errno;
	const char *text = gzerror(file, &result);

	if (result == Z_ERRNO)
		return err_set(err, saved ? -saved : -EIO, "%s: cannot read: %s", shown, strerror(saved ? saved : EIO));
	if (result == Z_BUF_ERROR)
		return err_set(err, -EINVAL, "%s: ends in the middle of what gzip packed", shown);
	return err_set(err, -EINVAL, "%s: cannot unpack: %s", shown, text);
}

static int read_packed(gzFile file, const char *shown, size_t bytes_max, struct strbuf *ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	int result;

	for (;;) {
		char chunk[UNPACK_CHUNK];
		int got = gzread(file, chunk, sizeof(chunk));

		if (got < 0)
			return fail(file, shown, err);
		if (got == 0)
			break;
		if (text.length + (size_t)got > bytes_max)
			return err_set(err, -EFBIG, "%s: too large, at most %zu bytes are read, unpacked", shown, bytes_max);
		strbuf_add(&text, chunk, (size_t)got);
	}
	gzerror(file, &result);
	if (result != Z_OK && result != Z_STREAM_END)
		return fail(file, shown, err);
	if (ret->length == 0) {
		strbuf_done(ret);
		*ret = text;
		text = (struct strbuf){ 0 };
	} else {
		strbuf_add(ret, strbuf_text(&text), text.length);
	}
	return 0;
}

int file_read_packed(const char *path, size_t bytes_max, struct strbuf *ret, struct err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
	__attribute__((__cleanup__(close_packed))) gzFile file = NULL;
	const char *shown = is_stdin ? "standard input" : path;

	if (fd < 0)
		return err_set(err, -errno, "%s: cannot open: %s", shown, strerror(errno));
	file = gzdopen(fd, "rb");
	if (!file) {
		close(fd);
		return err_set(err, -ENOMEM, "%s: cannot begin to unpack", shown);
	}
	return read_packed(file, shown, bytes_max, ret, err);
}
