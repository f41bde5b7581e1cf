/* The event log's reader on files that something has damaged: it must not crash or hang, every refusal
 * must have a sentence, and no record may come back other than it was written.
 *
 * The first byte chooses: a list of patches to a good database and its write-ahead log (what finds most,
 * since the file stays nearly whole), a whole database, or a whole write-ahead log beside a good database.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "sim/disk.h"
#include "store/sqlite.h"

#define RECORDS 60
#define PARTS 20
#define IMAGE_BYTES_MAX (1u << 20)

enum choice { CHOICE_PATCHES, CHOICE_DATABASE, CHOICE_WAL, CHOICE_COUNT };

struct image {
	uint8_t *bytes;
	size_t length;
};

static struct image good_database, good_wal;

/* What a record holds follows from its number; a few are longer than a page. */
static size_t make_payload(uint64_t number, uint8_t ret[8192])
{
	size_t length = number % 17 == 3 ? 6000 + (size_t)(number % 1000) : (size_t)(number % 90);

	for (size_t i = 0; i < length; i++)
		ret[i] = (uint8_t)(number * 11 + i * i);
	return length;
}

static int append(struct store *store, uint64_t from, uint64_t to, struct err *err)
{
	int code = 0;

	for (uint64_t number = from; code == 0 && number <= to; number++) {
		uint8_t payload[8192];
		struct record record = { .sequence = number, .time_us = (int64_t)number, .type = 1, .payload = payload };

		record.payload_length = make_payload(number, payload);
		code = store_append(store, &record, 1, err);
	}
	return code;
}

static int write_snapshot(struct store *store, uint64_t sequence, struct err *err)
{
	uint8_t payload[8192], hash[32] = { 7 };
	int code = store_snapshot_begin(store, sequence, err);

	for (uint64_t number = 0; code == 0 && number < PARTS; number++) {
		struct record record = { .type = 2, .payload = payload, .payload_length = make_payload(1000 + number, payload) };

		code = store_snapshot_add(store, &record, 1, err);
	}
	return code < 0 ? code : store_snapshot_commit(store, hash, err);
}

static struct image take_image(const struct disk *disk, const char *name)
{
	struct image image = { 0 };
	const void *bytes = disk_get(disk, name, &image.length);

	assert(bytes && image.length > 0);
	image.bytes = mem_dup(bytes, image.length);
	return image;
}

/* Half of the log lies in the database, half in the write-ahead log. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct disk *disk = disk_new(1);
	struct store *store = NULL;
	struct err err = { "" };
	int code;

	log_set_level(LOG_ERROR);
	code = store_open_sqlite("log.db", disk_vfs(disk), &store, &err);
	if (code == 0)
		code = append(store, 1, RECORDS / 2, &err);
	if (code == 0)
		code = write_snapshot(store, RECORDS / 2, &err);
	store_close(store);
	if (code == 0)
		code = store_open_sqlite("log.db", disk_vfs(disk), &store, &err);
	if (code == 0)
		code = store_trim(store, 10, &err);
	if (code == 0)
		code = append(store, RECORDS / 2 + 1, RECORDS, &err);
	if (code < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	good_database = take_image(disk, "log.db");
	good_wal = take_image(disk, "log.db-wal");
	store_close(store);
	disk_free(disk);
	return 0;
}

/* Each patch: which file, offset in three bytes, length, bytes. */
static void put_patched(struct disk *disk, const uint8_t *data, size_t size)
{
	struct image images[2] = { { mem_dup(good_database.bytes, good_database.length), good_database.length },
				   { mem_dup(good_wal.bytes, good_wal.length), good_wal.length } };

	while (size > 5) {
		struct image *image = &images[data[0] & 1];
		size_t offset = (data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16) % image->length;
		size_t length = 1 + data[4] % 16;

		if (data[0] & 2) /* cut the file here instead */
			image->length = offset > 0 ? offset : 1;
		data += 5;
		size -= 5;
		for (size_t i = 0; i < length && i < size && offset + i < image->length; i++)
			image->bytes[offset + i] = data[i];
		data += length < size ? length : size;
		size -= length < size ? length : size;
	}
	disk_put(disk, "log.db", images[0].bytes, images[0].length);
	disk_put(disk, "log.db-wal", images[1].bytes, images[1].length);
	free(images[0].bytes);
	free(images[1].bytes);
}

struct reader {
	uint64_t next;
	bool must_match; /* false: the file's author may have written anything, checksums and all */
};

static int check_record(void *context, const struct record *record, struct err *err)
{
	struct reader *reader = context;
	uint8_t payload[8192];
	uint32_t sum = 0;

	assert(record->sequence == 0 || record->sequence == reader->next);
	assert(record->payload && record->payload_length <= STORE_PAYLOAD_MAX + (1u << 20));
	if (reader->must_match) {
		assert(record->payload_length == make_payload(reader->next, payload));
		assert(memcmp(record->payload, payload, record->payload_length) == 0);
	}
	for (size_t i = 0; i < record->payload_length; i++)
		sum += ((const uint8_t *)record->payload)[i];
	reader->next++;
	return sum == UINT32_MAX ? err_set(err, 1, "never") : 0;
}

static void must_be_told(int code, struct err *err)
{
	assert(code <= 0 && (code == 0 || err->text[0] != 0));
	err->text[0] = 0;
}

static void use_store(struct store *store, bool must_match)
{
	struct reader parts = { .next = 1000, .must_match = must_match }, records = { .must_match = must_match };
	uint64_t first = 0, last = 0, sequence = 0;
	struct err err = { "" };
	uint8_t hash[32];

	must_be_told(store_last(store, &first, &last, &err), &err);
	assert(first >= 1 && first <= last + 1);
	must_be_told(store_snapshot_read(store, &sequence, hash, check_record, &parts, &err), &err);
	assert(sequence <= last);
	records.next = first;
	must_be_told(store_read(store, first - 1, 0, check_record, &records, &err), &err);
	assert(records.next <= last + 1);
	must_be_told(append(store, last + 1, last + 3, &err), &err);
	must_be_told(write_snapshot(store, last + 1, &err), &err);
	must_be_told(store_trim(store, last, &err), &err);
	must_be_told(append(store, last + 4, last + 5, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store *store = NULL;
	struct err err = { "" };
	struct disk *disk;
	enum choice choice;
	int code;

	if (size == 0 || size > IMAGE_BYTES_MAX)
		return 0;
	choice = (enum choice)(data[0] % CHOICE_COUNT);
	disk = disk_new(2);
	disk_set_capacity(disk, 16u << 20);
	if (choice == CHOICE_PATCHES)
		put_patched(disk, data + 1, size - 1);
	else
		disk_put(disk, "log.db", choice == CHOICE_DATABASE ? data + 1 : good_database.bytes,
			 choice == CHOICE_DATABASE ? size - 1 : good_database.length);
	if (choice == CHOICE_WAL)
		disk_put(disk, "log.db-wal", data + 1, size - 1);
	code = store_open_sqlite("log.db", disk_vfs(disk), &store, &err);
	must_be_told(code, &err);
	if (code == 0)
		use_store(store, choice == CHOICE_PATCHES);
	store_close(store);
	disk_free(disk);
	return 0;
}
