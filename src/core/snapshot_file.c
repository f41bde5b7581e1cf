#include "core/snapshot_file.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define WRITE_CHUNK (1u << 20)

struct header {
	uint32_t type;
	uint32_t length;
};

struct writer {
	int fd;
	struct strbuf pending;
};

int snapshot_file_create(struct err *err)
{
	int fd = memfd_create("weir-snapshot", MFD_CLOEXEC);

	if (fd < 0)
		return err_set(err, -errno, "cannot make a file for the snapshot: %s", strerror(errno));
	return fd;
}

static int write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, data, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		data += written;
		length -= (size_t)written;
	}
	return 0;
}

static int read_all(int fd, void *data, size_t length)
{
	size_t have = 0;

	while (have < length) {
		ssize_t got = read(fd, (char *)data + have, length - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return have == 0 ? 0 : -EIO;
		have += (size_t)got;
	}
	return 1;
}

static int writer_flush(struct writer *writer)
{
	int code = write_all(writer->fd, strbuf_text(&writer->pending), writer->pending.length);

	strbuf_reset(&writer->pending);
	return code;
}

static int write_record(void *context, uint32_t type, const void *payload, size_t length)
{
	struct writer *writer = context;
	struct header header = { type, (uint32_t)length };

	strbuf_add(&writer->pending, &header, sizeof(header));
	strbuf_add(&writer->pending, payload, length);
	return writer->pending.length < WRITE_CHUNK ? 0 : writer_flush(writer);
}

int snapshot_file_write(int fd, const struct platform *platform, struct err *err)
{
	struct writer writer = { .fd = fd };
	uint8_t hash[32];
	int code;

	platform_hash(platform, hash);
	strbuf_add(&writer.pending, hash, sizeof(hash));
	code = platform_snapshot(platform, write_record, &writer);
	if (code == 0)
		code = writer_flush(&writer);
	strbuf_done(&writer.pending);
	return code < 0 ? err_set(err, code, "cannot write the snapshot: %s", strerror(-code)) : 0;
}

int snapshot_file_read_hash(int fd, uint8_t ret_hash[32], struct err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0 || read_all(fd, ret_hash, 32) != 1)
		return err_set(err, -EIO, "the snapshot's file is cut short");
	return 0;
}

int snapshot_file_copy(int fd, size_t bytes_max, struct store *store, struct err *err)
{
	cleanup_strbuf struct strbuf payloads = { 0 };
	cleanup_free struct record *records = NULL;
	size_t count = 0, capacity = 0, offset = 0;
	int more = 1, code;

	while (payloads.length < bytes_max) {
		struct header header;
		cleanup_free void *payload = NULL;

		more = read_all(fd, &header, sizeof(header));
		if (more < 0)
			return err_set(err, more, "cannot read the snapshot's file");
		if (more == 0)
			break;
		if (header.length > STORE_PAYLOAD_MAX)
			return err_set(err, -E2BIG, "a record of the snapshot has %u bytes, at most %u fit", header.length, STORE_PAYLOAD_MAX);
		payload = mem_alloc(header.length + 1);
		if (header.length > 0 && read_all(fd, payload, header.length) != 1)
			return err_set(err, -EIO, "the snapshot's file is cut short");
		ARRAY_RESERVE(records, capacity, count + 1);
		records[count++] = (struct record){ .type = header.type, .payload_length = header.length };
		strbuf_add(&payloads, payload, header.length);
	}
	for (size_t i = 0; i < count; i++) {
		records[i].payload = strbuf_text(&payloads) + offset;
		offset += records[i].payload_length;
	}
	code = store_snapshot_add(store, records, count, err);
	return code < 0 ? code : more;
}
