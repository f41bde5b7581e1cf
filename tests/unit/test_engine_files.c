/* An engine's files: segments of output, the journal of a simulated site, locks, records, trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/journal.h"
#include "engine/records.h"
#include "engine/segments.h"

static char root[32];
static int root_fd;

static int setup(void **state)
{
	snprintf(root, sizeof(root), "/tmp/weir-files-XXXXXX");
	assert_non_null(mkdtemp(root));
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root_fd < 0;
}

static int teardown(void **state)
{
	close(root_fd);
	return tree_remove(AT_FDCWD, root);
}

static unsigned char byte_at(int64_t offset)
{
	return (unsigned char)(offset * 31 + offset / 251);
}

/* Everything from the oldest byte on is there, and as it was written. */
static void check_stream(const struct segment_writer *writer)
{
	int64_t first = -1, at = 0, got;
	unsigned char buffer[97];

	got = segment_read(root_fd, ".", writer->stream, 0, buffer, sizeof(buffer), &first);
	assert_true(got >= 0);
	assert_true(first >= 0 && first <= writer->end);
	assert_true(writer->end - first <= writer->bytes_max);
	assert_true(first == 0 || writer->end - first >= writer->bytes_max - writer->segment_bytes - SEGMENTS_KEPT);
	for (at = first; (got = segment_read(root_fd, ".", writer->stream, at, buffer, sizeof(buffer), &first)) > 0; at += got)
		for (int64_t i = 0; i < got; i++)
			assert_int_equal(buffer[i], byte_at(at + i));
	assert_int_equal(got, 0);
	assert_int_equal(at, writer->end);
}

static void write_bytes(struct segment_writer *writer, size_t length)
{
	unsigned char buffer[5000];

	for (size_t i = 0; i < length; i++)
		buffer[i] = byte_at(writer->end + (int64_t)i);
	segment_write(writer, buffer, length);
}

static void test_segments(void **state)
{
	const int64_t bounds[] = { 600, 4096, 10007 };
	struct segment_writer writer;
	struct rng rng;

	rng_init(&rng, 7);
	for (size_t b = 0; b < ARRAY_COUNT(bounds); b++) {
		teardown(NULL);
		setup(NULL);
		segment_writer_init(&writer, root_fd, 1 + (int)(b % 2), bounds[b]);
		for (int i = 0; i < 400; i++) {
			write_bytes(&writer, rng_below(&rng, i % 10 ? 200 : 5000));
			if (i % 7 == 0 && writer.end > 0)
				check_stream(&writer);
		}
		check_stream(&writer);
		assert_int_equal(writer.lost, 0);
		segment_writer_done(&writer);
	}
}

static void test_segments_whole_up_to_the_bound(void **state)
{
	struct segment_writer writer;
	int64_t first = -1;
	char buffer[8];

	segment_writer_init(&writer, root_fd, 1, 4096);
	assert_int_equal(segment_read(root_fd, ".", 1, 0, buffer, 8, &first), 0);
	assert_int_equal(first, 0);
	write_bytes(&writer, 4096);
	check_stream(&writer);
	assert_int_equal(segment_read(root_fd, ".", 1, 0, buffer, 8, &first), 8);
	assert_int_equal(first, 0);
	write_bytes(&writer, 1);
	segment_read(root_fd, ".", 1, 0, buffer, 8, &first);
	assert_int_equal(first, 512);
	/* The other stream is another's. */
	assert_int_equal(segment_read(root_fd, ".", 2, 0, buffer, 8, &first), 0);
	assert_int_equal(segment_read(root_fd, "no-such-folder", 1, 0, buffer, 8, &first), -ENOENT);
	segment_writer_done(&writer);
}

/* A disk that takes no more: the rest is counted, and what was written stays readable. */
static void test_segments_on_a_full_disk(void **state)
{
	struct segment_writer writer;
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct rlimit limit = { 100, 100 };

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		segment_writer_init(&writer, root_fd, 1, 4096);
		write_bytes(&writer, 50);
		write_bytes(&writer, 300);
		check_stream(&writer);
		segment_writer_done(&writer);
		_exit(writer.end == 100 && writer.lost == 250 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_locks(void **state)
{
	struct lock_state lock;
	int pipes[2], fd, status;
	pid_t child;
	char c;

	assert_int_equal(lock_look(root_fd, "lock", &lock), 0);
	assert_false(lock.held || lock.claimed);
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		close(pipes[0]);
		fd = lock_take(root_fd, "lock");
		if (fd < 0 || lock_claim(fd) < 0 || lock_claim(fd) != -EEXIST || write(pipes[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &c, 1), 1);
	assert_int_equal(lock_look(root_fd, "lock", &lock), 0);
	assert_true(lock.held && lock.claimed);
	assert_int_equal(lock_take(root_fd, "lock"), -EAGAIN);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(lock_look(root_fd, "lock", &lock), 0);
	assert_true(!lock.held && lock.claimed);
	fd = lock_take(root_fd, "lock");
	assert_true(fd >= 0);
	assert_int_equal(lock_claim(fd), -EEXIST);
	close(fd);
	close(pipes[0]);
}

static void test_records(void **state)
{
	struct result_record result = { .cause = END_TIMED_OUT,
					.exit_code = -1,
					.exit_signal = 15,
					.message = "it ran into its time limit",
					.decided_us = 1,
					.started_us = 2,
					.ended_us = 3,
					.cpu_used_us = -1,
					.memory_peak_mib = 7 };
	cleanup_strbuf struct strbuf bytes = { 0 };
	struct result_record read = { .message = "" };
	struct arena arena;
	struct stat before, after;
	char path[64];

	snprintf(path, sizeof(path), "%s/torn", root);
	arena_init(&arena);
	assert_int_equal(record_load(root_fd, "result", &result_record_schema, &arena, &read), -ENOENT);
	assert_int_equal(record_save(root_fd, "result", &result_record_schema, &result, true), 0);
	assert_int_equal(record_load(root_fd, "result", &result_record_schema, &arena, &read), 0);
	assert_int_equal(read.cause, END_TIMED_OUT);
	assert_int_equal(read.exit_code, -1);
	assert_int_equal(read.memory_peak_mib, 7);
	assert_string_equal(read.message, "it ran into its time limit");
	assert_int_equal(fstatat(root_fd, "result", &before, 0), 0);
	assert_int_equal(before.st_mode & 0777, 0600);
	assert_true(record_save(root_fd, "no/such/place", &result_record_schema, &result, false) < 0);
	/* A file of any length that is not the whole record is none. */
	for (off_t length = before.st_size - 1; length >= 0; length--) {
		assert_int_equal(record_save(root_fd, "torn", &result_record_schema, &result, false), 0);
		assert_int_equal(truncate(path, length), 0);
		assert_true(record_load(root_fd, "torn", &result_record_schema, &arena, &read) < 0);
	}
	assert_int_equal(fstatat(root_fd, "result", &after, 0), 0);
	assert_int_equal(record_read(root_fd, "result", (size_t)after.st_size - 1, &bytes), -EFBIG);
	assert_int_equal(bytes.length, 0);
	arena_done(&arena);
}

static void test_causes(void **state)
{
	for (int cause = 0; cause < END_CAUSE_COUNT; cause++)
		assert_int_equal(end_cause_from_string(end_cause_to_string((enum end_cause)cause)), cause);
}

static void test_trees(void **state)
{
	char deep[1024] = "deep";

	assert_int_equal(tree_remove(root_fd, "nothing"), 0);
	assert_int_equal(mkdirat(root_fd, "deep", 0700), 0);
	for (int i = 0; i < 100; i++) {
		strcat(deep, "/d");
		assert_int_equal(mkdirat(root_fd, deep, 0700), 0);
	}
	assert_int_equal(symlinkat("/etc", root_fd, "deep/d/link"), 0);
	assert_int_equal(symlinkat("/nowhere", root_fd, "deep/broken"), 0);
	assert_int_equal(mkfifoat(root_fd, "deep/fifo", 0600), 0);
	assert_int_equal(fchmodat(root_fd, "deep/d/d", 0, 0), 0);
	assert_int_equal(tree_remove(root_fd, "deep"), 0);
	assert_int_equal(faccessat(root_fd, "deep", F_OK, 0), -1);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
}

struct heard {
	uint64_t demands[64];
	uint32_t types[64];
	size_t count;
};

static void hear(void *context, const struct journal_record *record)
{
	struct heard *heard = context;

	heard->types[heard->count] = record->type;
	heard->demands[heard->count++] = record->demand;
}

static void append(struct journal *journal, uint64_t demand, enum journal_type type)
{
	struct journal_record record = { .type = type, .demand = demand, .duration_us = 5 };

	assert_int_equal(journal_append(journal, &record), 0);
}

static size_t reopen(struct journal *journal, struct heard *heard)
{
	struct err err = { "" };

	journal_done(journal);
	heard->count = 0;
	assert_int_equal(journal_open(journal, root, &err), 0);
	assert_int_equal(journal_replay(journal, hear, heard), 0);
	return heard->count;
}

static void test_journal(void **state)
{
	struct journal_record kept = { .type = JOURNAL_START, .demand = 9 };
	struct journal journal = { .fd = -1 };
	struct heard heard = { .count = 0 };

	assert_int_equal(reopen(&journal, &heard), 0);
	append(&journal, 1, JOURNAL_START);
	append(&journal, 2, JOURNAL_START);
	append(&journal, 1, JOURNAL_END);
	assert_int_equal(journal_lease(&journal, 12345), 0);
	assert_int_equal(reopen(&journal, &heard), 3);
	assert_int_equal(journal.lease_until_us, 12345);
	assert_true(journal.same_life);
	assert_int_equal(heard.types[2], JOURNAL_END);
	assert_int_equal(heard.demands[1], 2);
	assert_int_equal(journal_rewrite(&journal, &kept, 1), 0);
	append(&journal, 10, JOURNAL_START);
	assert_int_equal(reopen(&journal, &heard), 2);
	assert_int_equal(heard.demands[0], 9);
	assert_int_equal(heard.demands[1], 10);
	assert_int_equal(journal.lease_until_us, 12345);
	journal_done(&journal);
}

/* Cut anywhere, what is whole before the cut is heard, and writing goes on from there. */
static void test_torn_journal(void **state)
{
	struct journal journal = { .fd = -1 };
	struct heard heard;
	char path[64];
	off_t whole, header;

	snprintf(path, sizeof(path), "%s/journal", root);
	reopen(&journal, &heard);
	header = lseek(journal.fd, 0, SEEK_END);
	for (off_t cut = 0; cut <= (off_t)sizeof(struct journal_record) * 2; cut += 13) {
		assert_int_equal(journal_rewrite(&journal, NULL, 0), 0);
		append(&journal, 1, JOURNAL_START);
		append(&journal, 2, JOURNAL_START);
		assert_int_equal(truncate(path, header + cut), 0);
		assert_int_equal(reopen(&journal, &heard), (size_t)cut / sizeof(struct journal_record));
		append(&journal, 3, JOURNAL_START);
		whole = cut / (off_t)sizeof(struct journal_record) + 1;
		assert_int_equal(reopen(&journal, &heard), (size_t)whole);
		assert_int_equal(heard.demands[whole - 1], 3);
	}
	journal_done(&journal);
}

static void test_damaged_journal(void **state)
{
	struct journal journal = { .fd = -1 };
	struct heard heard;
	off_t end;

	reopen(&journal, &heard);
	append(&journal, 1, JOURNAL_START);
	end = lseek(journal.fd, 0, SEEK_END);
	append(&journal, 2, JOURNAL_START);
	append(&journal, 3, JOURNAL_START);
	assert_int_equal(pwrite(journal.fd, "!", 1, end + 40), 1);
	assert_int_equal(reopen(&journal, &heard), 1);
	/* Another machine's life, or no journal at all. */
	assert_int_equal(pwrite(journal.fd, "another", 8, 8), 8);
	assert_int_equal(reopen(&journal, &heard), 1);
	assert_false(journal.same_life);
	assert_int_equal(journal.lease_until_us, 0);
	assert_int_equal(journal_rewrite(&journal, NULL, 0), 0);
	reopen(&journal, &heard);
	assert_true(journal.same_life);
	assert_int_equal(pwrite(journal.fd, "garbage", 7, 0), 7);
	assert_int_equal(reopen(&journal, &heard), 0);
	assert_true(journal.same_life);
	journal_done(&journal);
}

#define FILES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILES(test_segments),
		FILES(test_segments_whole_up_to_the_bound),
		FILES(test_segments_on_a_full_disk),
		FILES(test_locks),
		FILES(test_records),
		FILES(test_causes),
		FILES(test_trees),
		FILES(test_journal),
		FILES(test_torn_journal),
		FILES(test_damaged_journal),
	};

	return cmocka_run_group_tests_name("engine_files", tests, NULL, NULL);
}
