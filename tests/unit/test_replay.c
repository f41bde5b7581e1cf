/* Traces in simulated time: what each job waits can be worked out by hand, books add up at each moment, and the same trace gives the
 * same result. Then the mapping of traces, and the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "platform/body.h"
#include "sim/plot.h"
#include "sim/replay_trace.h"
#include "wire/files.h"

#define SECOND_US INT64_C(1000000)

static struct region here = { .name = "here", .title = "here" };
static struct node_group slots[2] = { { .name = "slots", .count = 4, .cpu_milli = 1000, .memory_mib = 1024 },
				      { .name = "slots", .count = 2, .cpu_milli = 1000, .memory_mib = 1024 } };
static struct site_spec sites[2] = {
	{ .name = "first.example", .title = "", .region = "here", .operator_name = "", .engine = ENGINE_LOCAL, .groups = &slots[0], .group_count = 1 },
	{ .name = "partition-2", .title = "", .region = "here", .operator_name = "", .engine = ENGINE_LOCAL, .groups = &slots[1], .group_count = 1 },
};
static const struct network_spec network = { .name = "n", .title = "", .currency = "", .regions = &here, .region_count = 1, .sites = sites,
					     .site_count = 2 };
static const struct network_spec first_only = { .name = "n", .title = "", .currency = "", .regions = &here, .region_count = 1, .sites = sites,
						.site_count = 1 };
static const struct catalogue no_catalogue;

static void run(const struct replay_trace *trace, const struct network_spec *in, struct policy_spec *policy, struct arena *arena,
		struct replay *ret)
{
	struct replay_settings settings = { .network = in, .catalogue = &no_catalogue, .policy = policy, .predictions_max = 10 };

	replay_run(trace, &settings, arena, ret);
}

static void read_swf(const char *text, const struct network_spec *home, struct arena *arena, struct replay_trace *ret)
{
	struct replay_left_out left_out;
	struct err err = { "" };
	struct swf swf;

	assert_int_equal(swf_read(text, strlen(text), arena, &swf, &err), 0);
	assert_int_equal(replay_trace_swf(&swf, home, arena, ret, &left_out, &err), 0);
}

static int64_t start_s(const struct replay *replay, size_t job)
{
	return replay->outcomes[job].start_us / SECOND_US;
}

/* Four cores: a job on three runs to 100; one on four waits for it; one on a single core ends by 50 and slips in; one that would not
 * end in time does not. */
static void test_backfill_by_hand(void **state)
{
	static const char text[] = "1 0 -1 100 3 -1 -1 3 100 -1 1 1 1 -1 -1 -1 -1 -1\n"
				   "2 10 -1 50 4 -1 -1 4 60 -1 1 1 1 -1 -1 -1 -1 -1\n"
				   "3 20 -1 30 1 -1 -1 1 500 -1 1 1 1 -1 -1 -1 -1 -1\n"
				   "4 20 -1 25 1 -1 -1 1 30 -1 1 1 1 -1 -1 -1 -1 -1\n";
	cleanup_arena struct arena arena = { 0 };
	struct replay_summary summary;
	struct policy_spec policy;
	struct replay_trace trace;
	struct replay replay;

	policy_defaults(&policy);
	read_swf(text, NULL, &arena, &trace);
	assert_int_equal(trace.ask_count, 3);
	run(&trace, &first_only, &policy, &arena, &replay);
	assert_int_equal(start_s(&replay, 0), 0);
	assert_int_equal(start_s(&replay, 1), 100);
	assert_int_equal(start_s(&replay, 2), 150);
	assert_int_equal(start_s(&replay, 3), 20);
	assert_true(replay.outcomes[3].backfilled);
	assert_int_equal(replay.end_us, 180 * SECOND_US);
	assert_int_equal(replay.never, 0);
	replay_sum(&trace, &policy, &replay, &arena, &summary);
	assert_int_equal(summary.waits.count, 4);
	assert_int_equal(summary.waits.mean_us, (90 + 130) * SECOND_US / 4);
	assert_int_equal(summary.waits.most_us, 130 * SECOND_US);
	assert_int_equal(summary.used_permille, (300 + 200 + 30 + 25) * 1000 / (4 * 180));
	assert_int_equal(summary.tenant_count, 1);
	assert_string_equal(summary.tenants[0].name, "group-1");
	assert_int_equal(summary.tenants[0].used_ppm, 1000000);
}

static void test_home_is_where_the_partition_is(void **state)
{
	static const char text[] = "; Partition: 1 first.example\n"
				   "1 0 -1 100 2 -1 -1 2 100 -1 1 1 1 -1 -1 2 -1 -1\n"
				   "2 0 -1 100 1 -1 -1 1 100 -1 1 1 1 -1 -1 2 -1 -1\n"
				   "3 0 -1 100 1 -1 -1 1 100 -1 1 1 1 -1 -1 1 -1 -1\n";
	static const char unknown[] = "1 0 -1 100 2 -1 -1 2 100 -1 1 1 1 -1 -1 3 -1 -1\n";
	cleanup_arena struct arena arena = { 0 };
	struct replay_left_out left_out;
	struct policy_spec policy;
	struct replay_trace trace;
	struct replay replay;
	struct err err = { "" };
	struct swf swf;

	policy_defaults(&policy);
	read_swf(text, &network, &arena, &trace);
	run(&trace, &network, &policy, &arena, &replay);
	assert_int_equal(start_s(&replay, 0) + start_s(&replay, 1), 100);
	assert_int_equal(replay.outcomes[0].site, 1);
	assert_int_equal(replay.outcomes[1].site, 1);
	assert_int_equal(replay.outcomes[2].site, 0);
	assert_int_equal(start_s(&replay, 2), 0);
	assert_int_equal(swf_read(unknown, strlen(unknown), &arena, &swf, &err), 0);
	assert_int_equal(replay_trace_swf(&swf, &network, &arena, &trace, &left_out, &err), -ENOENT);
	assert_non_null(strstr(err.text, "partition 3 is no site"));
}

static void test_what_cannot_be_replayed_is_counted(void **state)
{
	static const char text[] = "1 5 -1 -1 2 -1 -1 2 100 -1 1 1 1 -1 -1 2 -1 -1\n"
				   "2 4 -1 10 -1 -1 -1 -1 100 -1 1 1 1 -1 -1 2 -1 -1\n"
				   "3 3 -1 10 -1 -1 -1 99 5 -1 1 -1 -1 -1 -1 2 -1 -1\n"
				   "4 1 -1 10 1 -1 -1 -1 5 1000 1 2 -1 -1 -1 2 -1 -1\n";
	cleanup_arena struct arena arena = { 0 };
	struct replay_left_out left_out;
	struct policy_spec policy;
	struct replay_trace trace;
	struct replay replay;
	struct err err = { "" };
	struct swf swf;

	policy_defaults(&policy);
	assert_int_equal(swf_read(text, strlen(text), &arena, &swf, &err), 0);
	assert_int_equal(replay_trace_swf(&swf, NULL, &arena, &trace, &left_out, &err), 0);
	assert_int_equal(left_out.no_run_time, 1);
	assert_int_equal(left_out.no_size, 1);
	assert_int_equal(trace.job_count, 2);
	assert_int_equal(trace.jobs[0].submit_us, 1 * SECOND_US); /* sorted */
	assert_int_equal(trace.jobs[0].limit_us, 10 * SECOND_US); /* it was let run so long */
	assert_int_equal(trace.asks[trace.jobs[0].ask]->shape.memory_mib, 1);
	assert_string_equal(trace.tenants[trace.jobs[1].tenant].name, "group-none-user-none");
	run(&trace, &network, &policy, &arena, &replay);
	assert_int_equal(replay.never, 1); /* 99 workers fit nowhere */
	assert_int_equal(replay.outcomes[1].start_us, -1);
}

/* --- random traces --- */

static void random_trace(uint64_t seed, struct arena *arena, struct replay_trace *ret)
{
	cleanup_strbuf struct strbuf text = { 0 };
	struct rng rng;
	int64_t now_s = 0;

	rng_init(&rng, seed);
	for (int j = 0; j < 300; j++) {
		int64_t run_s = (int64_t)rng_below(&rng, 200);

		now_s += (int64_t)rng_below(&rng, 30);
		strbuf_printf(&text, "%d %lld -1 %lld %d -1 -1 -1 %lld -1 1 %d %d -1 -1 -1 -1 -1\n", j + 1, (long long)now_s, (long long)run_s,
			      1 + (int)rng_below(&rng, 4), (long long)(run_s + (int64_t)rng_below(&rng, 100)), (int)rng_below(&rng, 6),
			      (int)rng_below(&rng, 3));
	}
	read_swf(strbuf_text(&text), NULL, arena, ret);
}

/* Walks the starts and ends of each site against its capacity. */
static void check_capacity(const struct replay_trace *trace, const struct replay *replay)
{
	for (size_t j = 0; j < trace->job_count; j++) {
		int64_t at_us = replay->outcomes[j].start_us, used = 0;
		uint32_t site = replay->outcomes[j].site;

		assert_true(at_us >= trace->jobs[j].submit_us);
		for (size_t k = 0; k < trace->job_count; k++)
			if (replay->outcomes[k].site == site && replay->outcomes[k].start_us <= at_us &&
			    replay->outcomes[k].start_us + trace->jobs[k].run_us > at_us)
				used += trace->asks[trace->jobs[k].ask]->workers;
		assert_true(used <= slots[site].count);
	}
}

static void test_random_traces_add_up_and_repeat(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		cleanup_strbuf struct strbuf plot = { 0 }, plot_again = { 0 };
		cleanup_arena struct arena arena = { 0 };
		struct replay replay, again;
		struct replay_summary summary;
		struct policy_spec policy;
		struct replay_trace trace;
		__int128 used = 0;

		policy_defaults(&policy);
		policy.order = seed % 2 ? QUEUE_SHORT : QUEUE_AGE;
		policy.weights.scarcity_permille = seed % 3 ? 0 : 100;
		random_trace(seed, &arena, &trace);
		run(&trace, &network, &policy, &arena, &replay);
		run(&trace, &network, &policy, &arena, &again);
		assert_int_equal(replay.never, 0);
		check_capacity(&trace, &replay);
		for (size_t j = 0; j < trace.job_count; j++)
			used += (__int128)trace.asks[trace.jobs[j].ask]->workers * 1000 * trace.jobs[j].run_us;
		assert_true(used == replay.used_milli_us);
		assert_memory_equal(replay.outcomes, again.outcomes, trace.job_count * sizeof(*replay.outcomes));
		replay_sum(&trace, &policy, &replay, &arena, &summary);
		plot_replay("a <b> & c", &trace, &replay, &summary, &arena, &plot);
		plot_replay("a <b> & c", &trace, &again, &summary, &arena, &plot_again);
		assert_string_equal(strbuf_text(&plot), strbuf_text(&plot_again));
		assert_non_null(strstr(strbuf_text(&plot), "a &lt;b&gt; &amp; c"));
	}
}

static void test_samples_stay_within_their_bound(void **state)
{
	cleanup_strbuf struct strbuf text = { 0 };
	cleanup_arena struct arena arena = { 0 };
	struct policy_spec policy;
	struct replay_trace trace;
	struct replay replay;

	for (int j = 0; j < 10; j++)
		strbuf_printf(&text, "%d %d -1 1000 1 -1 -1 1 1000 -1 1 1 1 -1 -1 -1 -1 -1\n", j + 1, j * 100000);
	policy_defaults(&policy);
	read_swf(strbuf_text(&text), NULL, &arena, &trace);
	run(&trace, &network, &policy, &arena, &replay);
	assert_in_range(replay.sample_count, REPLAY_SAMPLES_MAX / 4, REPLAY_SAMPLES_MAX);
	for (size_t i = 1; i < replay.sample_count; i++)
		assert_true(replay.samples[i].at_us > replay.samples[i - 1].at_us);
}

/* --- the log --- */

struct log_maker {
	struct store *store;
	uint64_t sequence;
};

static void append(struct log_maker *maker, int64_t time_us, enum event_type type, const void *body)
{
	cleanup_strbuf struct strbuf bytes = { 0 };
	struct record record;
	struct err err = { "" };

	schema_encode(event_schema(type), body, &bytes);
	record = (struct record){ ++maker->sequence, time_us, type, bytes.data, bytes.length };
	assert_int_equal(store_append(maker->store, &record, 1, &err), 0);
}

static void accept(struct log_maker *maker, int64_t time_us, uint64_t id, const char *tenant, int64_t workers, int64_t limit_us)
{
	cleanup_strbuf struct strbuf key = { 0 };
	struct ask ask = { .kind = DEMAND_JOB, .workers = workers, .shape = { .cpu_milli = 1000, .memory_mib = 16 }, .priority = 100 };
	struct accepted_body body = { .demand = id, .name = "job", .tenant = tenant, .attempts_max = 3, .key = "", .time_limit_us = limit_us };

	schema_encode(&ask_schema, &ask, &key);
	body.ask = (struct bytes){ (const uint8_t *)key.data, key.length };
	append(maker, time_us, EVENT_DEMAND_ACCEPTED, &body);
}

static void end(struct log_maker *maker, uint64_t id, int64_t started_us, int64_t ended_us)
{
	struct attempt_ended_body body = { .demand = id, .attempt = 1, .site = "x", .message = "", .started_us = started_us, .ended_us = ended_us };

	append(maker, ended_us, EVENT_ATTEMPT_ENDED, &body);
}

static void test_the_log_is_a_trace(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct log_maker maker = { 0 };
	struct replay_left_out left_out;
	struct replay_trace trace;
	struct err err = { "" };

	assert_int_equal(store_open_memory(&maker.store, &err), 0);
	accept(&maker, 100 * SECOND_US, 11, "a", 4, 50 * SECOND_US);
	accept(&maker, 110 * SECOND_US, 12, "b", 4, 0);
	accept(&maker, 120 * SECOND_US, 13, "a", 2, 0);
	end(&maker, 11, 130 * SECOND_US, 190 * SECOND_US);
	append(&maker, 200 * SECOND_US, EVENT_DEMAND_RELEASED, &(struct released_body){ .demand = 12 });
	end(&maker, 12, 210 * SECOND_US, 215 * SECOND_US); /* its site was lost; once more */
	end(&maker, 12, 220 * SECOND_US, 260 * SECOND_US);
	end(&maker, 99, 220 * SECOND_US, 260 * SECOND_US); /* from before the log */
	assert_int_equal(replay_trace_log(maker.store, &arena, &trace, &left_out, &err), 0);
	store_close(maker.store);
	assert_int_equal(trace.job_count, 2);
	assert_int_equal(left_out.no_run_time, 1);
	assert_int_equal(trace.ask_count, 2);
	assert_int_equal(trace.jobs[0].submit_us, 100 * SECOND_US);
	assert_int_equal(trace.jobs[0].run_us, 60 * SECOND_US);
	assert_int_equal(trace.jobs[0].limit_us, 60 * SECOND_US);
	assert_int_equal(trace.jobs[1].submit_us, 200 * SECOND_US);
	assert_int_equal(trace.jobs[1].run_us, 40 * SECOND_US);
	assert_int_equal(trace.jobs[1].ask, trace.jobs[0].ask);
	assert_string_equal(trace.tenants[trace.jobs[1].tenant].name, "b");
	assert_true(trace.asks[0]->simulated);
}

static void test_an_empty_log_is_no_trace(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct replay_left_out left_out;
	struct replay_trace trace;
	struct store *store;
	struct err err = { "" };

	assert_int_equal(store_open_memory(&store, &err), 0);
	assert_int_equal(replay_trace_log(store, &arena, &trace, &left_out, &err), -EINVAL);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backfill_by_hand),
		cmocka_unit_test(test_home_is_where_the_partition_is),
		cmocka_unit_test(test_what_cannot_be_replayed_is_counted),
		cmocka_unit_test(test_random_traces_add_up_and_repeat),
		cmocka_unit_test(test_samples_stay_within_their_bound),
		cmocka_unit_test(test_the_log_is_a_trace),
		cmocka_unit_test(test_an_empty_log_is_no_trace),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
