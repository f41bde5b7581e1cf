#include "store_workload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "store/sqlite.h"

#define PATH "log.db"
#define BATCH_MAX 24
#define PART_MAX 12
#define CHECKPOINT_PAGES 12 /* so few that checkpoints are met all the time */
#define KEEP_RECORDS 40

/* --- what records hold --------------------------------------------------------------------------- */

/* Mostly small, now and then one of several pages. */
static size_t payload_length(uint64_t key)
{
	struct rng rng;

	rng_init(&rng, key);
	return (size_t)(rng_below(&rng, 24) == 0 ? rng_below(&rng, 9000) : rng_below(&rng, 300));
}

static void payload_fill(uint64_t key, uint8_t *ret, size_t length)
{
	struct rng rng;

	rng_init(&rng, key ^ 0x5a5a);
	for (size_t i = 0; i < length; i += sizeof(uint64_t)) {
		uint64_t word = rng_next(&rng);

		memcpy(ret + i, &word, length - i < sizeof(word) ? length - i : sizeof(word));
	}
}

static uint64_t part_key(uint64_t snapshot, uint64_t number)
{
	return (snapshot << 20) + number + ((uint64_t)1 << 50);
}

/* The caller frees the payload. */
static struct record make_record(uint64_t key, uint64_t sequence)
{
	size_t length = payload_length(key);
	uint8_t *payload = mem_alloc(length + 1);

	payload_fill(key, payload, length);
	return (struct record){ .sequence = sequence,
				.time_us = (int64_t)key * 3 - 5,
				.type = (uint32_t)(key * 31),
				.payload = payload,
				.payload_length = length };
}

static void free_records(struct record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free((void *)records[i].payload);
}

/* A snapshot's hash tells how many records it has. */
static void make_hash(uint64_t sequence, uint64_t count, uint8_t ret[32])
{
	memset(ret, 0x77, 32);
	memcpy(ret, &sequence, sizeof(sequence));
	memcpy(ret + 8, &count, sizeof(count));
}

/* --- operations ---------------------------------------------------------------------------------- */

static int open_store(struct workload *w)
{
	int code = store_open_sqlite(PATH, disk_vfs(w->disk), &w->store, &w->err);

	w->building = 0;
	if (code == 0)
		store_sqlite_set_checkpoint(w->store, CHECKPOINT_PAGES);
	return code;
}

static int append(struct workload *w, struct rng *rng)
{
	struct record records[BATCH_MAX];
	size_t count = 1 + (size_t)rng_below(rng, BATCH_MAX);
	int code;

	for (size_t i = 0; i < count; i++)
		records[i] = make_record(w->last.known + 1 + i, w->last.known + 1 + i);
	w->last.trying = w->last.known + count;
	code = store_append(w->store, records, count, &w->err);
	if (code == 0)
		w->last.known = w->last.trying;
	free_records(records, count);
	return code;
}

static int snapshot_begin(struct workload *w)
{
	int code = store_snapshot_begin(w->store, w->last.known, &w->err);

	if (code == 0) {
		w->building = w->last.known;
		w->building_count = 0;
	}
	return code;
}

static int snapshot_add(struct workload *w, struct rng *rng)
{
	struct record records[PART_MAX];
	size_t count = 1 + (size_t)rng_below(rng, PART_MAX);
	int code;

	for (size_t i = 0; i < count; i++)
		records[i] = make_record(part_key(w->building, w->building_count + i), 0);
	code = store_snapshot_add(w->store, records, count, &w->err);
	if (code == 0)
		w->building_count += count;
	free_records(records, count);
	return code;
}

static int snapshot_commit(struct workload *w)
{
	uint8_t hash[32];
	int code;

	make_hash(w->building, w->building_count, hash);
	w->snapshot.trying = w->building;
	code = store_snapshot_commit(w->store, hash, &w->err);
	if (code == 0) {
		w->snapshot.known = w->snapshot.trying;
		w->building = 0;
	}
	return code;
}

static int trim(struct workload *w)
{
	uint64_t keep_after = w->snapshot.known > KEEP_RECORDS ? w->snapshot.known - KEEP_RECORDS : 0;
	int code;

	if (keep_after + 1 > w->first.known)
		w->first.trying = keep_after + 1;
	code = store_trim(w->store, keep_after, &w->err);
	if (code == 0)
		w->first.known = w->first.trying;
	return code;
}

static int operate(struct workload *w)
{
	struct rng rng;
	uint64_t draw;

	rng_init(&rng, w->seed * 100000 + w->operation);
	draw = rng_below(&rng, 20);
	if (draw < 9 || w->last.known == 0)
		return append(w, &rng);
	if (draw < 16 && w->building == 0)
		return snapshot_begin(w);
	if (draw < 14)
		return snapshot_add(w, &rng);
	if (draw < 16)
		return snapshot_commit(w);
	if (draw < 19)
		return trim(w);
	store_close(w->store);
	w->store = NULL;
	return open_store(w);
}

void workload_init(struct workload *w, struct disk *disk, uint64_t seed, unsigned operations)
{
	*w = (struct workload){ .disk = disk, .seed = seed, .operations = operations, .first = { 1, 1 } };
}

void workload_done(struct workload *w)
{
	store_close(w->store);
	w->store = NULL;
}

int workload_run(struct workload *w)
{
	int code = w->store ? 0 : open_store(w);

	for (; code == 0 && w->operation < w->operations && !disk_is_off(w->disk); w->operation++) {
		code = operate(w);
		if (code < 0)
			return code;
	}
	return code == 0 && disk_is_off(w->disk) ? -EIO : code;
}

/* --- the check ----------------------------------------------------------------------------------- */

static void check_bound(struct workload_bound *bound, uint64_t found)
{
	if (found != bound->known && found != bound->trying)
		fail_msg("found %llu; %llu was acknowledged, %llu under way", (unsigned long long)found, (unsigned long long)bound->known,
			 (unsigned long long)bound->trying);
	*bound = (struct workload_bound){ found, found };
}

struct reader {
	uint64_t next, snapshot; /* snapshot: 0 for events */
};

static int check_record(void *context, const struct record *record, struct err *err)
{
	struct reader *reader = context;
	uint64_t key = reader->snapshot ? part_key(reader->snapshot, reader->next) : reader->next;
	struct record wanted = make_record(key, reader->snapshot ? 0 : reader->next);

	assert_int_equal(record->sequence, wanted.sequence);
	assert_int_equal(record->time_us, wanted.time_us);
	assert_int_equal(record->type, wanted.type);
	assert_int_equal(record->payload_length, wanted.payload_length);
	assert_memory_equal(record->payload, wanted.payload, wanted.payload_length);
	free_records(&wanted, 1);
	reader->next++;
	return 0;
}

static int look_away(void *context, const struct record *record, struct err *err)
{
	return 0;
}

static void check_snapshot(struct workload *w)
{
	struct reader reader = { 0 };
	uint8_t hash[32], wanted[32];
	uint64_t sequence = 0;

	/* Once to learn which one it is, once to look at its records. */
	if (store_snapshot_read(w->store, &sequence, hash, look_away, NULL, &w->err) < 0)
		fail_msg("%s", w->err.text);
	check_bound(&w->snapshot, sequence);
	reader.snapshot = sequence;
	assert_int_equal(store_snapshot_read(w->store, &sequence, hash, check_record, &reader, &w->err), 0);
	if (sequence > 0) {
		make_hash(sequence, reader.next, wanted);
		assert_memory_equal(hash, wanted, sizeof(hash));
	}
}

void workload_check(struct workload *w)
{
	uint64_t first, last;
	struct reader reader;

	if (!w->store && open_store(w) < 0)
		fail_msg("the log cannot be opened any more: %s", w->err.text);
	assert_int_equal(store_last(w->store, &first, &last, &w->err), 0);
	check_bound(&w->first, first);
	check_bound(&w->last, last);
	check_snapshot(w);
	assert_true(first <= w->snapshot.known + 1);
	reader = (struct reader){ .next = first };
	if (store_read(w->store, first - 1, 0, check_record, &reader, &w->err) < 0)
		fail_msg("%s", w->err.text);
	assert_int_equal(reader.next, last + 1);
}
