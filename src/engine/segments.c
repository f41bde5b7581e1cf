#include "engine/segments.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/mem.h"

#define NAME_BYTES 32
#define LISTINGS_MAX 8 /* times that a reader lists anew because a segment went under its hands */

static const char *stream_word(int stream)
{
	return stream == 1 ? "out" : "err";
}

static void segment_name(char name[static NAME_BYTES], int stream, int64_t start)
{
	snprintf(name, NAME_BYTES, "%s.%lld", stream_word(stream), (long long)start);
}

void segment_writer_init(struct segment_writer *writer, int folder, int stream, int64_t bytes_max)
{
	*writer = (struct segment_writer){ .folder = folder, .stream = stream, .fd = -1, .bytes_max = bytes_max };
	writer->segment_bytes = bytes_max / SEGMENTS_KEPT > SEGMENT_BYTES_MIN ? bytes_max / SEGMENTS_KEPT : SEGMENT_BYTES_MIN;
}

void segment_writer_done(struct segment_writer *writer)
{
	if (writer->fd >= 0)
		close(writer->fd);
	writer->fd = -1;
}

/* The oldest go until `more` bytes fit below the bound; the newest stays. */
static void make_room(struct segment_writer *writer, int64_t more)
{
	while (writer->count > 1 && writer->end + more - writer->starts[0] > writer->bytes_max) {
		char name[NAME_BYTES];

		segment_name(name, writer->stream, writer->starts[0]);
		unlinkat(writer->folder, name, 0);
		memmove(writer->starts, writer->starts + 1, --writer->count * sizeof(writer->starts[0]));
	}
}

static int begin_segment(struct segment_writer *writer)
{
	char name[NAME_BYTES];
	int fd;

	segment_name(name, writer->stream, writer->end);
	fd = openat(writer->folder, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	segment_writer_done(writer);
	writer->fd = fd;
	if (writer->count == 0 || writer->starts[writer->count - 1] != writer->end)
		writer->starts[writer->count++] = writer->end;
	assert(writer->count <= ARRAY_COUNT(writer->starts));
	return 0;
}

void segment_write(struct segment_writer *writer, const void *data, size_t length)
{
	const char *at = data;

	while (length > 0) {
		int64_t used = writer->count ? writer->end - writer->starts[writer->count - 1] : 0;
		size_t part;
		ssize_t written;

		if (writer->fd < 0 || used >= writer->segment_bytes) {
			if (begin_segment(writer) < 0)
				break;
			used = 0;
		}
		part = (size_t)(writer->segment_bytes - used) < length ? (size_t)(writer->segment_bytes - used) : length;
		make_room(writer, (int64_t)part);
		written = write(writer->fd, at, part);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		writer->end += written;
		at += written;
		length -= (size_t)written;
	}
	writer->lost += (int64_t)length;
}

static int compare_starts(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

/* The starts of the stream's segments, sorted. The caller frees. */
static int list_segments(int folder, const char *path, int stream, int64_t **ret, size_t *ret_count)
{
	int fd = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	size_t capacity = 0, count = 0;
	int64_t *starts = NULL;
	struct dirent *entry;

	if (!listing) {
		int code = -errno;

		if (fd >= 0)
			close(fd);
		return code;
	}
	while ((entry = readdir(listing))) {
		char *end;
		long long start;

		if (strncmp(entry->d_name, stream_word(stream), 3) != 0 || entry->d_name[3] != '.')
			continue;
		start = strtoll(entry->d_name + 4, &end, 10);
		if (*end || start < 0)
			continue;
		ARRAY_RESERVE(starts, capacity, count + 1);
		starts[count++] = start;
	}
	closedir(listing);
	if (count > 0)
		qsort(starts, count, sizeof(*starts), compare_starts);
	*ret = starts;
	*ret_count = count;
	return 0;
}

/* From one segment; -ENOENT when it went in the meantime. */
static int64_t read_segment(int folder, const char *path, int stream, int64_t start, int64_t offset, char *buffer, size_t size)
{
	char name[4096];
	size_t done = 0;
	int fd;

	if (snprintf(name, sizeof(name), "%s/%s.%lld", path, stream_word(stream), (long long)start) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	while (done < size) {
		ssize_t got = pread(fd, buffer + done, size - done, offset - start + (int64_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	close(fd);
	return (int64_t)done;
}

/* Reads on through the segments in turn. -ENOENT only when the first one went. */
static int64_t read_listed(int folder, const char *path, int stream, const int64_t *starts, size_t count, int64_t offset, char *buffer,
			   size_t size)
{
	size_t done = 0, i = 0;

	while (i + 1 < count && starts[i + 1] <= offset)
		i++;
	for (; i < count && done < size; i++) {
		int64_t at = offset + (int64_t)done;
		int64_t got;

		if (starts[i] > at)
			break; /* the segment before has not all been written yet */
		got = read_segment(folder, path, stream, starts[i], at, buffer + done, size - done);
		if (got < 0)
			return done > 0 ? (int64_t)done : got;
		done += (size_t)got;
	}
	return (int64_t)done;
}

int64_t segment_read(int folder, const char *path, int stream, int64_t offset, void *buffer, size_t size, int64_t *ret_first)
{
	for (int listing = 0; listing < LISTINGS_MAX; listing++) {
		cleanup_free int64_t *starts = NULL;
		size_t count = 0;
		int64_t first, got;
		int code = list_segments(folder, path, stream, &starts, &count);

		if (code < 0)
			return code;
		first = count ? starts[0] : 0;
		got = count ? read_listed(folder, path, stream, starts, count, offset < first ? first : offset, buffer, size) : 0;
		if (got == -ENOENT)
			continue;
		if (got >= 0)
			*ret_first = first;
		return got;
	}
	return -EAGAIN;
}
