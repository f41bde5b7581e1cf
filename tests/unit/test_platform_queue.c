/* The queue, the heap of those that wait, and the hash table, beside slow and simple ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/rng.h"
#include "platform/state.h"
#include "wire/files.h"

#define DEMANDS 600

struct fixture {
	struct platform *platform;
	struct class *class;
	struct demand *demands[DEMANDS];
};

static int setup(void **state)
{
	struct fixture *fixture = mem_alloc(sizeof(*fixture));
	struct platform_settings settings;
	struct strbuf key = { 0 };
	struct ask ask;
	struct err err;

	platform_settings_defaults(&settings);
	fixture->platform = platform_new(&settings);
	schema_defaults(&ask_schema, &ask);
	schema_encode(&ask_schema, &ask, &key);
	assert_int_equal(class_get(fixture->platform, &(struct bytes){ (uint8_t *)key.data, key.length }, &fixture->class, &err), 0);
	strbuf_done(&key);
	for (unsigned i = 0; i < DEMANDS; i++)
		fixture->demands[i] = demand_make(fixture->platform, i + 1, i + 1, "name", "lab", fixture->class,
						  &(struct bytes){ (uint8_t *)"", 0 });
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	platform_free(fixture->platform);
	free(fixture);
	return 0;
}

static void check_queue(const struct fixture *fixture)
{
	struct arena arena = { 0 };
	size_t count, at = 0;
	struct queue *queue = queue_get(fixture->class, "lab", false, 0);
	const struct match_entry *entries = queue_entries(queue, 0, &arena, &count);

	assert_int_equal(queue->active_index != 0, count > 0);
	for (unsigned i = 0; i < DEMANDS; i++)
		if (fixture->demands[i]->single.place == REPLICA_QUEUED) {
			assert_true(at < count);
			assert_int_equal(entries[at++].demand, i + 1);
		}
	assert_int_equal(at, count);
	if (count > 3) {
		entries = queue_entries(queue, 3, &arena, &count);
		assert_int_equal(count, 3);
	}
	arena_done(&arena);
}

static void test_the_queue_is_by_age(void **state)
{
	struct fixture *fixture = *state;
	struct rng rng;

	rng_init(&rng, 7);
	for (int i = 0; i < 30000; i++) {
		/* Now mostly in, now mostly out; now at the head, now anywhere. */
		bool add = rng_below(&rng, 10) < (i / 3000 % 2 ? 3u : 7u);
		unsigned index = (unsigned)rng_below(&rng, i / 500 % 3 ? DEMANDS : 40);
		struct demand *demand = fixture->demands[index];

		if (add && demand->single.place != REPLICA_QUEUED)
			queue_add(fixture->platform, demand, 0);
		else if (!add && demand->single.place == REPLICA_QUEUED)
			queue_remove(fixture->platform, demand, 0);
		if (i % 50 == 0)
			check_queue(fixture);
	}
	for (unsigned i = 0; i < DEMANDS; i++)
		if (fixture->demands[i]->single.place == REPLICA_QUEUED)
			queue_remove(fixture->platform, fixture->demands[i], 0);
	check_queue(fixture);
}

static void test_those_that_wait_come_by_time(void **state)
{
	struct fixture *fixture = *state;
	struct rng rng;

	rng_init(&rng, 8);
	for (int i = 0; i < 4000; i++) {
		struct demand *demand = fixture->demands[rng_below(&rng, DEMANDS)];
		struct arena arena = { 0 };
		const struct waiting *due;
		size_t count, expected = 0;
		int64_t now_us = (int64_t)rng_below(&rng, 1200);

		if (demand->single.place != REPLICA_WAITING) {
			demand->single.ready_us = 1 + (int64_t)rng_below(&rng, 1000);
			waiting_add(fixture->platform, demand, 0);
		} else {
			demand->single.place = REPLICA_OUT;
			demand->single.ready_us = 0;
			waiting_remove(fixture->platform);
		}
		if (i % 20 != 0)
			continue;
		due = waiting_due(fixture->platform, now_us, &arena, &count);
		for (unsigned d = 0; d < DEMANDS; d++)
			expected += fixture->demands[d]->single.place == REPLICA_WAITING && fixture->demands[d]->single.ready_us <= now_us;
		assert_int_equal(count, expected);
		for (size_t d = 1; d < count; d++)
			assert_true(due[d - 1].ready_us < due[d].ready_us ||
				    (due[d - 1].ready_us == due[d].ready_us && due[d - 1].order < due[d].order));
		if (count > 0)
			assert_true(waiting_next_us(fixture->platform) <= due[0].ready_us);
		arena_done(&arena);
	}
}

static bool number_equals(const void *item, const void *key)
{
	return *(const uint64_t *)item == *(const uint64_t *)key;
}

static void test_the_table_finds_what_is_there(void **state)
{
	static uint64_t numbers[500];
	static bool there[500];
	struct table table = { 0 };
	struct rng rng;

	rng_init(&rng, 9);
	for (int i = 0; i < 500; i++)
		numbers[i] = (uint64_t)i;
	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)rng_below(&rng, 500);
		uint64_t hash = numbers[n] % 40; /* many collisions */

		assert_ptr_equal(table_find(&table, hash, number_equals, &numbers[n]), there[n] ? &numbers[n] : NULL);
		if (there[n])
			table_remove(&table, hash, &numbers[n]);
		else
			table_add(&table, hash, &numbers[n]);
		there[n] = !there[n];
	}
	table_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_queue_is_by_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_those_that_wait_come_by_time, setup, teardown),
		cmocka_unit_test(test_the_table_finds_what_is_there),
	};

	return cmocka_run_group_tests_name("platform_queue", tests, NULL, NULL);
}
