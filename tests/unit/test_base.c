/* Arena, strings, memory, errors, ids, random numbers, UTF-8, string tables, the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "base/string_table.h"
#include "base/utf8.h"

static void test_arena_is_zeroed_and_aligned(void **state)
{
	cleanup_arena struct arena arena = { 0 };

	arena_init(&arena);
	for (int round = 0; round < 3; round++) {
		for (size_t size = 0; size < 3000; size += 7) {
			unsigned char *data = arena_alloc(&arena, size);

			assert_int_equal((uintptr_t)data % _Alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(data[i], 0);
			memset(data, 0xee, size);
		}
		arena_reset(&arena);
		assert_int_equal(arena.used, 0);
	}
}

static void test_arena_large_blocks_go(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	char *small;

	small = arena_strdup(&arena, "small");
	memset(arena_alloc(&arena, 8u << 20), 1, 8u << 20);
	assert_string_equal(small, "small");
	arena_reset(&arena);
	assert_string_equal(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
	assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
	assert_memory_equal(arena_dup(&arena, "xyz", 4), "xyz", 4);
	assert_ptr_not_equal(ARENA_ARRAY(&arena, int, 0), ARENA_ARRAY(&arena, int, 0));
}

static void test_strbuf(void **state)
{
	cleanup_strbuf struct strbuf buf = { 0 };
	char *taken;

	assert_string_equal(strbuf_text(&buf), "");
	strbuf_puts(&buf, "ab");
	strbuf_putc(&buf, 'c');
	strbuf_printf(&buf, "%05d", 42);
	strbuf_add(&buf, "\0z", 2);
	assert_int_equal(buf.length, 10);
	assert_memory_equal(buf.data, "abc00042\0z", 11);
	strbuf_reset(&buf);
	assert_string_equal(strbuf_text(&buf), "");
	for (int i = 0; i < 10000; i++)
		strbuf_putc(&buf, 'x');
	assert_int_equal(strlen(strbuf_text(&buf)), 10000);
	taken = strbuf_take(&buf);
	assert_int_equal(strlen(taken), 10000);
	free(taken);
	taken = strbuf_take(&buf);
	assert_string_equal(taken, "");
	free(taken);
}

static void test_mem(void **state)
{
	cleanup_free char *text = mem_printf("%s-%d", "a", 1);
	cleanup_free char *copy = mem_strndup("abcdef", 2);
	int *numbers = NULL;
	size_t capacity = 0;

	assert_string_equal(text, "a-1");
	assert_string_equal(copy, "ab");
	for (int i = 0; i < 1000; i++) {
		ARRAY_RESERVE(numbers, capacity, (size_t)i + 1);
		numbers[i] = i;
	}
	assert_true(capacity >= 1000);
	assert_int_equal(numbers[999], 999);
	free(numbers);
}

static void test_err(void **state)
{
	struct err err = { "" };
	char longer[2000];

	assert_int_equal(err_set(&err, -EINVAL, "no %s", "thing"), -EINVAL);
	assert_string_equal(err.text, "no thing");
	assert_int_equal(err_prefix(&err, -EIO, "file %d", 3), -EIO);
	assert_string_equal(err.text, "file 3: no thing");
	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	err_prefix(&err, -EIO, "%s", longer);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_set(&err, -EIO, "%s", longer);
	err_prefix(&err, -EIO, "before");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strncmp(err.text, "before: yyy", 11), 0);
	assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(err_prefix(NULL, -EIO, "x"), -EIO);
}

static void test_ids_grow(void **state)
{
	int64_t now_us = INT64_C(1790000000000000);
	char text[ID_TEXT_SIZE], before[ID_TEXT_SIZE] = "";
	uint64_t id = 0;

	for (int i = 0; i < 100000; i++) {
		uint64_t next = id_next(id, now_us + (i % 3 ? i : -i) * 10, 5), parsed;

		assert_true(next > id);
		assert_int_equal(next >> 13 & 1023, 5);
		id_format(next, text);
		assert_int_equal(strlen(text), 13);
		assert_true(strcmp(before, text) < 0);
		assert_int_equal(id_parse(text, &parsed), 0);
		assert_true(parsed == next);
		memcpy(before, text, sizeof(before));
		id = next;
	}
	/* other platforms: never the same, never smaller than `last` */
	for (unsigned platform = 0; platform <= ID_PLATFORM_MAX; platform += 33) {
		uint64_t next = id_next(id, now_us, platform);

		assert_true(next > id);
		assert_int_equal(next >> 13 & 1023, platform);
	}
	assert_true(id_next(0, 0, 0) > 0);
	assert_true(id_next(0, -1000000, 0) > 0);
}

static void test_id_texts(void **state)
{
	static const char *const bad[] = { "",
					   "0",
					   "0000000000000",
					   "g000000000000",
					   "000000000000u",
					   "00000000000001",
					   "00000000000-1",
					   "0000000000 01",
					   "zzzzzzzzzzzzz" };
	uint64_t id = 7;

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(id_parse(bad[i], &id), -EINVAL);
	assert_int_equal(id, 7);
	assert_int_equal(id_parse("fzzzzzzzzzzzz", &id), 0);
	assert_true(id == UINT64_MAX);
	assert_int_equal(id_parse("0OIL00000000A", &id), 0);
	assert_true(id == ((UINT64_C(1) << 50) + (UINT64_C(1) << 45)) + 10);
}

/* First outputs for the state {1, 2, 3, 4}, as the authors' reference code gives them. */
static void test_rng(void **state)
{
	struct rng rng = { { 1, 2, 3, 4 } }, again;
	uint64_t counts[7] = { 0 };

	assert_true(rng_next(&rng) == 11520);
	assert_true(rng_next(&rng) == 0);
	assert_true(rng_next(&rng) == 1509978240);
	assert_true(rng_next(&rng) == UINT64_C(1215971899390074240));
	rng_init(&rng, 42);
	rng_init(&again, 42);
	for (int i = 0; i < 70000; i++) {
		uint64_t value = rng_below(&rng, 7);

		assert_true(value < 7);
		assert_true(value == rng_below(&again, 7));
		counts[value]++;
	}
	for (int i = 0; i < 7; i++)
		assert_in_range(counts[i], 9000, 11000);
	assert_true(rng_below(&rng, 1) == 0);
	for (int i = 0; i < 100; i++)
		assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
}

static void test_utf8(void **state)
{
	static const char *const bad[] = { "\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
					   "\xff", "\xe4\xb8", "\xc3" };
	char text[] = "a\xe4\xb8\xad\x01\x80z\xc2\x85";
	uint32_t point;

	assert_int_equal(utf8_read("a", &point), 1);
	assert_int_equal(utf8_read("\xe4\xb8\xad", &point), 3);
	assert_int_equal(point, 0x4e2d);
	assert_int_equal(utf8_read("\xf0\x9f\x98\x80", &point), 4);
	assert_int_equal(point, 0x1f600);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(utf8_read(bad[i], &point), 0);
	utf8_clean(text);
	assert_string_equal(text, "a\xe4\xb8\xad??z??");
	assert_int_equal(utf8_cut("a\xe4\xb8\xad", 4), 4);
	assert_int_equal(utf8_cut("a\xe4\xb8\xad", 3), 1);
	assert_int_equal(utf8_cut("a\xe4\xb8\xad", 1), 1);
}

static void test_nearest(void **state)
{
	static const char *const keys[] = { "memory", "cpu", "chips", "count", "command" };

	assert_string_equal(string_nearest("memroy", keys, ARRAY_COUNT(keys)), "memory");
	assert_string_equal(string_nearest("memmory", keys, ARRAY_COUNT(keys)), "memory");
	assert_string_equal(string_nearest("chip", keys, ARRAY_COUNT(keys)), "chips");
	assert_string_equal(string_nearest("gpu", keys, ARRAY_COUNT(keys)), "cpu");
	assert_null(string_nearest("bandwidth", keys, ARRAY_COUNT(keys)));
	assert_null(string_nearest("x", keys, ARRAY_COUNT(keys)));
	assert_null(string_nearest("", keys, ARRAY_COUNT(keys)));
	assert_null(string_nearest("zz", keys, 0));
}

/* Runs `write` with standard error in a pipe and gives what came. */
static size_t log_captured(void (*write_entries)(void), char *buffer, size_t size)
{
	int ends[2], kept = dup(STDERR_FILENO);
	ssize_t length;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	write_entries();
	dup2(kept, STDERR_FILENO);
	close(kept);
	length = read(ends[0], buffer, size - 1);
	close(ends[0]);
	buffer[length < 0 ? 0 : length] = 0;
	return (size_t)length;
}

static void write_two_entries(void)
{
	log_warning("sync", "site %s\nis up", "gz-hub");
	log_debug("sync", "not shown");
}

static void test_log(void **state)
{
	char text[8192];

	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_INFO);
	log_set_name("platform");
	log_captured(write_two_entries, text, sizeof(text));
	assert_int_equal(text[4], '-');
	assert_string_equal(text + 24, " platform warn  sync: site gz-hub?is up\n");
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_set_name("");
	log_captured(write_two_entries, text, sizeof(text));
	assert_string_equal(text, "<4>sync: site gz-hub?is up\n");
	unsetenv("JOURNAL_STREAM");
}

static void write_long_entry(void)
{
	char longer[10000];

	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	log_error("area", "%s", longer);
}

static void test_log_is_bounded(void **state)
{
	char text[16384];
	size_t length = log_captured(write_long_entry, text, sizeof(text));

	assert_in_range(length, 4000, 4096);
	assert_int_equal(text[length - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_is_zeroed_and_aligned),
		cmocka_unit_test(test_arena_large_blocks_go),
		cmocka_unit_test(test_strbuf),
		cmocka_unit_test(test_mem),
		cmocka_unit_test(test_err),
		cmocka_unit_test(test_ids_grow),
		cmocka_unit_test(test_id_texts),
		cmocka_unit_test(test_rng),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
