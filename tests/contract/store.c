#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "contract/store.h"

static const struct store_maker *maker; /* cmocka hands tests nothing but a state of its own */

struct fixture {
	struct store *store;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	maker->clear(maker->context);
	f->store = maker->open(maker->context);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	free(f);
	return 0;
}

static void reopen(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
	f->store = maker->open(maker->context);
}

/* --- what is written and read -------------------------------------------------------------------- */

/* A payload that tells its number, of a length that varies with it, with zero bytes in it. */
static size_t make_payload(uint64_t number, uint8_t *ret, size_t size)
{
	size_t length = (size_t)(number * 37 % 400);

	assert_true(length <= size);
	for (size_t i = 0; i < length; i++)
		ret[i] = (uint8_t)((number >> (8 * (i % 3))) + i);
	return length;
}

static int append_range(struct fixture *f, uint64_t from, uint64_t to)
{
	size_t count = (size_t)(to - from + 1);
	cleanup_free struct record *records = mem_alloc(count * sizeof(*records));
	cleanup_free uint8_t *payloads = mem_alloc(count * 400);

	for (size_t i = 0; i < count; i++) {
		uint64_t number = from + i;

		records[i] = (struct record){ .sequence = number,
					      .time_us = -7 + (int64_t)number * 1000003,
					      .type = (uint32_t)(number * 2654435761u),
					      .payload = payloads + i * 400 };
		records[i].payload_length = make_payload(number, payloads + i * 400, 400);
	}
	return store_append(f->store, records, count, &f->err);
}

struct seen {
	uint64_t next; /* the number that must come */
	size_t count;
	size_t stop_after; /* 0: never */
	bool snapshot;
};

static int check_record(void *context, const struct record *record, struct err *err)
{
	struct seen *seen = context;
	uint8_t payload[400];
	size_t length = make_payload(seen->next, payload, sizeof(payload));

	assert_int_equal(record->sequence, seen->snapshot ? 0 : seen->next);
	assert_int_equal(record->time_us, seen->snapshot ? 11 : -7 + (int64_t)seen->next * 1000003);
	assert_int_equal(record->type, seen->snapshot ? 5 : (uint32_t)(seen->next * 2654435761u));
	assert_int_equal(record->payload_length, length);
	assert_non_null(record->payload);
	assert_memory_equal(record->payload, payload, length);
	seen->next++;
	seen->count++;
	return seen->count == seen->stop_after ? err_set(err, 7, "stopped by the visitor") : 0;
}

static void expect_records(struct fixture *f, uint64_t after, size_t count_max, size_t count)
{
	struct seen seen = { .next = after + 1 };

	assert_int_equal(store_read(f->store, after, count_max, check_record, &seen, &f->err), 0);
	assert_int_equal(seen.count, count);
}

static void expect_bounds(struct fixture *f, uint64_t first, uint64_t last)
{
	uint64_t is_first = 999, is_last = 999;

	assert_int_equal(store_last(f->store, &is_first, &is_last, &f->err), 0);
	assert_int_equal(is_first, first);
	assert_int_equal(is_last, last);
}

static int add_parts(struct fixture *f, uint64_t from, size_t count)
{
	struct record records[32];
	uint8_t payloads[32][400];

	assert_true(count <= 32);
	for (size_t i = 0; i < count; i++) {
		records[i] = (struct record){ .time_us = 11, .type = 5, .payload = payloads[i] };
		records[i].payload_length = make_payload(from + i, payloads[i], sizeof(payloads[i]));
	}
	return store_snapshot_add(f->store, records, count, &f->err);
}

static int write_snapshot(struct fixture *f, uint64_t sequence, uint64_t from, size_t count, uint8_t mark)
{
	uint8_t hash[32];
	int code = store_snapshot_begin(f->store, sequence, &f->err);

	memset(hash, mark, sizeof(hash));
	for (size_t done = 0; code == 0 && done < count; done += 16)
		code = add_parts(f, from + done, count - done < 16 ? count - done : 16);
	return code < 0 ? code : store_snapshot_commit(f->store, hash, &f->err);
}

static void expect_snapshot(struct fixture *f, uint64_t sequence, uint64_t from, size_t count, uint8_t mark)
{
	struct seen seen = { .next = from, .snapshot = true };
	uint8_t hash[32] = { 0 }, wanted[32];
	uint64_t is_sequence = 999;

	memset(wanted, mark, sizeof(wanted));
	assert_int_equal(store_snapshot_read(f->store, &is_sequence, hash, check_record, &seen, &f->err), 0);
	assert_int_equal(is_sequence, sequence);
	assert_int_equal(seen.count, count);
	if (sequence > 0)
		assert_memory_equal(hash, wanted, sizeof(hash));
}

/* --- the log ------------------------------------------------------------------------------------- */

static void empty_log(void **state)
{
	struct fixture *f = *state;

	expect_bounds(f, 1, 0);
	expect_records(f, 0, 0, 0);
	expect_records(f, 12, 0, 0);
	expect_snapshot(f, 0, 0, 0, 0);
	assert_int_equal(store_append(f->store, NULL, 0, &f->err), 0);
	expect_bounds(f, 1, 0);
	assert_non_null(f->store->ops->name);
}

static void records_come_back_as_they_were(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(append_range(f, 1, 1), 0);
	assert_int_equal(append_range(f, 2, 700), 0);
	expect_bounds(f, 1, 700);
	expect_records(f, 0, 0, 700);
	expect_records(f, 699, 0, 1);
	expect_records(f, 700, 0, 0);
	expect_records(f, UINT64_MAX, 0, 0);
	expect_records(f, 10, 5, 5);
	expect_records(f, 690, 500, 10);
	if (maker->outlives) {
		reopen(f);
		expect_bounds(f, 1, 700);
		expect_records(f, 0, 0, 700);
	}
	assert_int_equal(append_range(f, 701, 702), 0);
	expect_records(f, 0, 0, 702);
}

static void gaps_and_repeats_are_refused(void **state)
{
	struct fixture *f = *state;
	struct record records[3] = { { .sequence = 11, .payload = "a", .payload_length = 1 },
				     { .sequence = 12, .payload = "b", .payload_length = 1 },
				     { .sequence = 12, .payload = "c", .payload_length = 1 } };

	assert_int_equal(append_range(f, 2, 2), -EINVAL);
	assert_int_equal(append_range(f, 0, 0), -EINVAL);
	assert_int_equal(append_range(f, 1, 10), 0);
	assert_int_equal(append_range(f, 10, 10), -EINVAL);
	assert_int_equal(append_range(f, 12, 12), -EINVAL);
	assert_true(f->err.text[0] != 0);
	/* A batch that is wrong at its end leaves nothing. */
	assert_int_equal(store_append(f->store, records, 3, &f->err), -EINVAL);
	expect_bounds(f, 1, 10);
	expect_records(f, 0, 0, 10);
}

static void sizes_have_a_bound(void **state)
{
	struct fixture *f = *state;
	struct record record = { .sequence = 1, .payload = "x", .payload_length = (size_t)STORE_PAYLOAD_MAX + 1 };
	cleanup_free uint8_t *large = NULL;

	assert_int_equal(store_append(f->store, &record, 1, &f->err), -E2BIG);
	assert_int_equal(store_snapshot_begin(f->store, 1, &f->err), 0);
	assert_int_equal(store_snapshot_add(f->store, &record, 1, &f->err), -E2BIG);
	expect_bounds(f, 1, 0);
	large = mem_alloc(STORE_PAYLOAD_MAX);
	record.payload = large;
	record.payload_length = STORE_PAYLOAD_MAX;
	assert_int_equal(store_append(f->store, &record, 1, &f->err), 0);
	expect_bounds(f, 1, 1);
}

static int count_bytes(void *context, const struct record *record, struct err *err)
{
	const uint8_t *bytes = record->payload;
	size_t *total = context;

	for (size_t i = 0; i < record->payload_length; i++)
		*total += bytes[i];
	return 0;
}

static void large_and_empty_payloads(void **state)
{
	struct fixture *f = *state;
	cleanup_free uint8_t *large = mem_alloc(3000000);
	struct record records[2] = { { .sequence = 1, .payload = large, .payload_length = 3000000 }, { .sequence = 2 } };
	size_t total = 0;

	memset(large, 1, 3000000);
	assert_int_equal(store_append(f->store, records, 2, &f->err), 0);
	if (maker->outlives)
		reopen(f);
	assert_int_equal(store_read(f->store, 0, 0, count_bytes, &total, &f->err), 0);
	assert_int_equal(total, 3000000);
}

static void a_visitor_can_stop(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .next = 1, .stop_after = 4 };

	assert_int_equal(append_range(f, 1, 10), 0);
	assert_int_equal(store_read(f->store, 0, 0, check_record, &seen, &f->err), 7);
	assert_int_equal(seen.count, 4);
	assert_string_equal(f->err.text, "stopped by the visitor");
	/* The store is as good as before. */
	assert_int_equal(append_range(f, 11, 12), 0);
	expect_records(f, 0, 0, 12);
}

/* --- snapshots ----------------------------------------------------------------------------------- */

static void snapshots_come_back_as_they_were(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(append_range(f, 1, 50), 0);
	assert_int_equal(write_snapshot(f, 20, 1000, 100, 1), 0);
	expect_snapshot(f, 20, 1000, 100, 1);
	assert_int_equal(write_snapshot(f, 40, 3000, 1, 2), 0);
	expect_snapshot(f, 40, 3000, 1, 2);
	/* One at the same place takes the older one's. */
	assert_int_equal(write_snapshot(f, 40, 5000, 70, 3), 0);
	expect_snapshot(f, 40, 5000, 70, 3);
	if (maker->outlives) {
		reopen(f);
		expect_snapshot(f, 40, 5000, 70, 3);
	}
	assert_int_equal(write_snapshot(f, 50, 0, 0, 4), 0);
	expect_snapshot(f, 50, 0, 0, 4);
	expect_records(f, 0, 0, 50);
}

static void an_unfinished_snapshot_is_never_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(append_range(f, 1, 50), 0);
	assert_int_equal(store_snapshot_begin(f->store, 10, &f->err), 0);
	assert_int_equal(add_parts(f, 1, 32), 0);
	expect_snapshot(f, 0, 0, 0, 0);
	assert_int_equal(append_range(f, 51, 60), 0);
	assert_int_equal(write_snapshot(f, 30, 2000, 40, 9), 0);
	expect_snapshot(f, 30, 2000, 40, 9);
	assert_int_equal(store_snapshot_begin(f->store, 60, &f->err), 0);
	assert_int_equal(add_parts(f, 1, 32), 0);
	expect_snapshot(f, 30, 2000, 40, 9);
	if (maker->outlives) {
		uint8_t hash[32] = { 0 };

		reopen(f);
		expect_snapshot(f, 30, 2000, 40, 9);
		/* It is not gone on with after a restart. */
		assert_int_equal(add_parts(f, 1, 1), -EINVAL);
		assert_int_equal(store_snapshot_commit(f->store, hash, &f->err), -EINVAL);
	}
	assert_int_equal(write_snapshot(f, 60, 4000, 40, 10), 0);
	expect_snapshot(f, 60, 4000, 40, 10);
	expect_records(f, 0, 0, 60);
}

static void snapshots_out_of_order_are_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t hash[32] = { 0 };

	assert_int_equal(store_snapshot_commit(f->store, hash, &f->err), -EINVAL);
	assert_int_equal(add_parts(f, 1, 1), -EINVAL);
	assert_int_equal(store_snapshot_begin(f->store, 0, &f->err), -EINVAL);
	assert_int_equal(append_range(f, 1, 10), 0);
	assert_int_equal(write_snapshot(f, 11, 1, 1, 1), -EINVAL); /* ahead of the log */
	expect_snapshot(f, 0, 0, 0, 0);
	assert_int_equal(write_snapshot(f, 10, 1, 1, 1), 0);
	assert_int_equal(store_snapshot_commit(f->store, hash, &f->err), -EINVAL);
	assert_int_equal(store_snapshot_begin(f->store, 9, &f->err), -EINVAL);
	expect_snapshot(f, 10, 1, 1, 1);
}

static void a_snapshot_visitor_can_stop(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .next = 1, .stop_after = 3, .snapshot = true };
	uint64_t sequence = 77;
	uint8_t hash[32];

	assert_int_equal(append_range(f, 1, 10), 0);
	assert_int_equal(write_snapshot(f, 10, 1, 20, 1), 0);
	assert_int_equal(store_snapshot_read(f->store, &sequence, hash, check_record, &seen, &f->err), 7);
	assert_int_equal(sequence, 77); /* outputs stay untouched */
	expect_snapshot(f, 10, 1, 20, 1);
}

/* --- trimming ------------------------------------------------------------------------------------ */

static void trimming_needs_a_snapshot(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(append_range(f, 1, 100), 0);
	assert_int_equal(store_trim(f->store, 0, &f->err), 0);
	assert_int_equal(store_trim(f->store, 1, &f->err), -EINVAL);
	assert_int_equal(write_snapshot(f, 60, 1, 5, 1), 0);
	assert_int_equal(store_trim(f->store, 61, &f->err), -EINVAL);
	expect_bounds(f, 1, 100);
	expect_records(f, 0, 0, 100);
}

static void trimmed_records_are_gone(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };

	assert_int_equal(append_range(f, 1, 1000), 0);
	assert_int_equal(write_snapshot(f, 900, 1, 30, 1), 0);
	assert_int_equal(store_trim(f->store, 800, &f->err), 0);
	assert_int_equal(store_trim(f->store, 300, &f->err), 0);
	for (uint64_t at = 1001; at <= 1100; at += 20) {
		expect_bounds(f, 801, at - 1);
		expect_records(f, 800, 0, (size_t)(at - 801));
		assert_int_equal(store_read(f->store, 799, 0, check_record, &seen, &f->err), -ENODATA);
		assert_int_equal(store_read(f->store, 0, 1, check_record, &seen, &f->err), -ENODATA);
		assert_int_equal(append_range(f, at, at + 19), 0);
		if (maker->outlives)
			reopen(f);
	}
	assert_int_equal(seen.count, 0);
	expect_snapshot(f, 900, 1, 30, 1);
}

static void a_log_can_be_trimmed_empty(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(append_range(f, 1, 300), 0);
	assert_int_equal(write_snapshot(f, 300, 1, 30, 1), 0);
	assert_int_equal(store_trim(f->store, 300, &f->err), 0);
	expect_bounds(f, 301, 300);
	expect_records(f, 300, 0, 0);
	if (maker->outlives) {
		reopen(f);
		expect_bounds(f, 301, 300);
	}
	assert_int_equal(append_range(f, 302, 302), -EINVAL);
	assert_int_equal(append_range(f, 301, 400), 0);
	expect_bounds(f, 301, 400);
	expect_records(f, 300, 0, 100);
}

/* Many rounds of everything, so that the sweeping of waste meets all its cases. */
static void rounds_of_everything(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0, first = 1, snapshot = 0, snapshot_round = 0;

	for (uint64_t round = 1; round <= 60; round++) {
		uint64_t more = 1 + round * 13 % 97;

		assert_int_equal(append_range(f, last + 1, last + more), 0);
		last += more;
		if (round % 3 == 1)
			assert_int_equal(store_snapshot_begin(f->store, last, &f->err), 0);
		if (round % 3 == 1)
			assert_int_equal(add_parts(f, 1, 20), 0);
		if (round % 5 == 0) {
			assert_int_equal(write_snapshot(f, last, round, (size_t)(round * 7), (uint8_t)round), 0);
			snapshot = last;
			snapshot_round = round;
			first = last > 150 ? last - 150 : 1;
			assert_int_equal(store_trim(f->store, first - 1, &f->err), 0);
		}
		if (maker->outlives && round % 7 == 0)
			reopen(f);
		expect_bounds(f, first, last);
		expect_records(f, first - 1, 0, (size_t)(last - first + 1));
		expect_snapshot(f, snapshot, snapshot_round, (size_t)(snapshot_round * 7), (uint8_t)snapshot_round);
	}
}

int store_contract_run(const char *name, const struct store_maker *of)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty_log, set_up, tear_down),
		cmocka_unit_test_setup_teardown(records_come_back_as_they_were, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gaps_and_repeats_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sizes_have_a_bound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(large_and_empty_payloads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_visitor_can_stop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(snapshots_come_back_as_they_were, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_unfinished_snapshot_is_never_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(snapshots_out_of_order_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_snapshot_visitor_can_stop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(trimming_needs_a_snapshot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(trimmed_records_are_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_log_can_be_trimmed_empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rounds_of_everything, set_up, tear_down),
	};

	maker = of;
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
