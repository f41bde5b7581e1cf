/* The simulated engine: an attempt ends when its declared duration has passed; nothing runs.
 *
 * Many sites live in one process, so one timer serves an engine: it waits for the nearest of the ends
 * (a heap) and the leases. What is known lies in a journal (engine/journal.h) before it is said; an end
 * that was missed while no agent was there is worked out from the record of the start, with the time at
 * which it would have come. After the machine restarted, unfinished attempts are lost, as real ones would be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "engine/simulated.h"
#include "engine/supply_copy.h"

#define TIMER_MS_MAX 60000     /* the loop's clock stands still while the machine sleeps; leases don't */
#define REWRITE_RECORDS_MIN 64 /* below this the journal is left as it is */

static size_t place_of(const struct simulated_engine *engine, const struct weir_attempt_key *key)
{
	size_t low = 0, high = engine->attempt_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (key_order(&engine->attempts[middle]->key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct simulated_attempt *find(const struct simulated_engine *engine, const struct weir_attempt_key *key)
{
	size_t at = place_of(engine, key);

	return at < engine->attempt_count && key_order(&engine->attempts[at]->key, key) == 0 ? engine->attempts[at] : NULL;
}

static void on_timer(uv_timer_t *timer);

/* For the nearest thing to happen; at once when there is something to say. */
static void arm(struct simulated_engine *engine)
{
	int64_t next_us = engine->heap_count ? engine->heap[0]->due_us : INT64_MAX;
	int64_t now_us = engine_boottime_us();
	int64_t wait_ms;

	if (engine->lease_check_us < next_us)
		next_us = engine->lease_check_us;
	if (next_us == INT64_MAX && !engine->news) {
		uv_timer_stop(&engine->timer);
		return;
	}
	wait_ms = engine->news || next_us <= now_us ? 0 : (next_us - now_us - 1) / 1000 + 1;
	uv_timer_start(&engine->timer, on_timer, (uint64_t)(wait_ms < TIMER_MS_MAX ? wait_ms : TIMER_MS_MAX), 0);
}

static struct journal_record record_of(const struct simulated_attempt *attempt, enum journal_type type)
{
	return (struct journal_record){
		.type = type,
		.demand = attempt->key.demand,
		.replica = attempt->key.replica,
		.attempt = attempt->key.attempt,
		.token = attempt->token,
		.started_us = attempt->started_us,
		.started_boottime_us = attempt->started_boottime_us,
		.duration_us = attempt->duration_us,
		.time_limit_us = attempt->time_limit_us,
		.exit_code = attempt->exit_code,
		.lease_until_us = attempt->lease_until_us,
		.workers = attempt->workers,
		.outcome = attempt->outcome,
		.ended_us = attempt->ended_us,
	};
}

static int remember(struct simulated_engine *engine, const struct simulated_attempt *attempt, enum journal_type type)
{
	struct journal_record record = record_of(attempt, type);

	return journal_append(&engine->journal, &record);
}

/* `at_us` is on CLOCK_BOOTTIME. An end that could not be written is worked out again after a restart. */
static void end(struct simulated_engine *engine, struct simulated_attempt *attempt, enum weir_outcome outcome, int64_t at_us)
{
	int64_t ran_us = at_us - attempt->started_boottime_us;
	int code;

	simulated_heap_remove(engine, attempt);
	attempt->ended = true;
	attempt->outcome = outcome;
	attempt->ended_us = attempt->started_us + (ran_us > 0 ? ran_us : 0);
	code = remember(engine, attempt, JOURNAL_END);
	if (code < 0)
		log_warning("engine", "the end of a simulated attempt was not written: %s", strerror(-code));
	engine->news = true;
}

static int64_t lease_of(const struct simulated_engine *engine, const struct simulated_attempt *attempt)
{
	return attempt->lease_until_us > engine->journal.lease_until_us ? attempt->lease_until_us : engine->journal.lease_until_us;
}

static void end_due(struct simulated_engine *engine, int64_t now_us)
{
	while (engine->heap_count > 0 && engine->heap[0]->due_us <= now_us) {
		struct simulated_attempt *attempt = engine->heap[0];
		bool limited = attempt->time_limit_us > 0 && (attempt->duration_us == 0 || attempt->time_limit_us < attempt->duration_us);

		if (lease_of(engine, attempt) < attempt->due_us)
			end(engine, attempt, WEIR_LEASE_EXPIRED, lease_of(engine, attempt));
		else if (limited)
			end(engine, attempt, WEIR_TIMED_OUT, attempt->due_us);
		else
			end(engine, attempt, attempt->exit_code ? WEIR_FAILED : WEIR_SUCCEEDED, attempt->due_us);
	}
}

/* O(attempts), once a lease may have ended. */
static void end_leases(struct simulated_engine *engine, int64_t now_us)
{
	if (now_us < engine->lease_check_us)
		return;
	engine->lease_check_us = INT64_MAX;
	for (size_t i = 0; i < engine->attempt_count; i++) {
		struct simulated_attempt *attempt = engine->attempts[i];
		int64_t lease_us = lease_of(engine, attempt);

		if (attempt->ended)
			continue;
		if (lease_us <= now_us)
			end(engine, attempt, WEIR_LEASE_EXPIRED, lease_us);
		else if (lease_us < engine->lease_check_us)
			engine->lease_check_us = lease_us;
	}
}

static void rewrite(struct simulated_engine *engine)
{
	cleanup_free struct journal_record *records = mem_alloc((engine->attempt_count * 2 + 1) * sizeof(*records));
	size_t count = 0;
	int code;

	for (size_t i = 0; i < engine->attempt_count; i++) {
		records[count++] = record_of(engine->attempts[i], JOURNAL_START);
		if (engine->attempts[i]->ended)
			records[count++] = record_of(engine->attempts[i], JOURNAL_END);
	}
	code = journal_rewrite(&engine->journal, records, count);
	if (code < 0)
		log_warning("engine", "a simulated site's journal was not rewritten: %s", strerror(-code));
}

/* Ends, and attempts that were forgotten, take room in the journal; twice what is needed is too much. */
static void tidy(struct simulated_engine *engine)
{
	if (engine->journal.records >= REWRITE_RECORDS_MIN && engine->journal.records > engine->attempt_count * 4)
		rewrite(engine);
}

static void catch_up(struct simulated_engine *engine)
{
	int64_t now_us = engine_boottime_us();

	end_due(engine, now_us);
	end_leases(engine, now_us);
	tidy(engine);
}

static void on_timer(uv_timer_t *timer)
{
	struct simulated_engine *engine = timer->data;
	bool news;

	catch_up(engine);
	news = engine->news;
	engine->news = false;
	arm(engine);
	if (news && engine->changed)
		engine->changed(engine->context);
}

static int64_t due_of(const struct simulated_attempt *attempt)
{
	int64_t lasts_us = attempt->duration_us > 0 ? attempt->duration_us : INT64_MAX;

	if (attempt->time_limit_us > 0 && attempt->time_limit_us < lasts_us)
		lasts_us = attempt->time_limit_us;
	return lasts_us > INT64_MAX - attempt->started_boottime_us ? INT64_MAX : attempt->started_boottime_us + lasts_us;
}

/* Takes the attempt over. */
static void add(struct simulated_engine *engine, struct simulated_attempt *attempt)
{
	size_t at = place_of(engine, &attempt->key);

	attempt->heap_place = NOT_IN_HEAP;
	attempt->due_us = due_of(attempt);
	ARRAY_RESERVE(engine->attempts, engine->attempt_capacity, engine->attempt_count + 1);
	memmove(engine->attempts + at + 1, engine->attempts + at, (engine->attempt_count - at) * sizeof(*engine->attempts));
	engine->attempts[at] = attempt;
	engine->attempt_count++;
	if (attempt->due_us < INT64_MAX)
		simulated_heap_add(engine, attempt);
	if (lease_of(engine, attempt) < engine->lease_check_us)
		engine->lease_check_us = lease_of(engine, attempt);
}

static void drop(struct simulated_engine *engine, struct simulated_attempt *attempt)
{
	size_t at = place_of(engine, &attempt->key);

	simulated_heap_remove(engine, attempt);
	memmove(engine->attempts + at, engine->attempts + at + 1, (--engine->attempt_count - at) * sizeof(*engine->attempts));
	free(attempt);
}

static void replay(void *context, const struct journal_record *record)
{
	struct simulated_engine *engine = context;
	struct weir_attempt_key key = { record->demand, record->replica, record->attempt };
	struct simulated_attempt *attempt = find(engine, &key);

	if (record->type == JOURNAL_START && !attempt) {
		attempt = mem_alloc(sizeof(*attempt));
		*attempt = (struct simulated_attempt){
			.key = key,
			.token = record->token,
			.started_us = record->started_us,
			.started_boottime_us = record->started_boottime_us,
			.lease_until_us = record->lease_until_us,
			.duration_us = record->duration_us,
			.time_limit_us = record->time_limit_us,
			.workers = record->workers,
			.exit_code = (int32_t)record->exit_code,
		};
		add(engine, attempt);
	} else if (record->type == JOURNAL_END && attempt) {
		simulated_heap_remove(engine, attempt);
		attempt->ended = true;
		attempt->outcome = (enum weir_outcome)record->outcome;
		attempt->ended_us = record->ended_us;
	} else if (record->type == JOURNAL_FORGET && attempt) {
		drop(engine, attempt);
	}
}

static void lose_all(struct simulated_engine *engine)
{
	for (size_t i = 0; i < engine->attempt_count; i++) {
		struct simulated_attempt *attempt = engine->attempts[i];

		if (attempt->ended)
			continue;
		end(engine, attempt, WEIR_ENGINE_LOST, attempt->started_boottime_us);
		attempt->ended_us = engine_unix_us();
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct simulated_engine *engine = handle->data;

	for (size_t i = 0; i < engine->attempt_count; i++)
		free(engine->attempts[i]);
	free(engine->attempts);
	free(engine->heap);
	free(engine->statuses);
	arena_done(&engine->arena);
	free(engine);
}

static void simulated_close(struct weir_engine *base)
{
	struct simulated_engine *engine = (struct simulated_engine *)base;

	journal_done(&engine->journal);
	uv_close((uv_handle_t *)&engine->timer, on_closed);
}

static int simulated_open(const struct weir_engine_settings *settings, struct weir_engine **ret, char *message, size_t message_size)
{
	struct simulated_engine *engine = mem_alloc(sizeof(*engine));
	struct err err = { "" };
	int code;

	engine->base.ops = &weir_engine_simulated;
	engine->lease_check_us = INT64_MAX;
	arena_init(&engine->arena);
	uv_timer_init(settings->loop, &engine->timer);
	engine->timer.data = engine;
	code = journal_open(&engine->journal, settings->folder, &err);
	if (code == 0)
		code = journal_replay(&engine->journal, replay, engine);
	if (code < 0) {
		snprintf(message, message_size, "%s", err.text[0] ? err.text : strerror(-code));
		simulated_close(&engine->base);
		return code;
	}
	engine->changed = settings->changed;
	engine->context = settings->context;
	engine->groups = supply_copy(settings->groups, settings->group_count, &engine->arena);
	engine->group_count = settings->group_count;
	if (!engine->journal.same_life) {
		lose_all(engine);
		rewrite(engine); /* in one step with the new life's name: a crash before it loses them again */
	}
	catch_up(engine);
	arm(engine);
	*ret = &engine->base;
	return 0;
}

static void simulated_supply(struct weir_engine *base, const struct weir_supply_group **ret_groups, size_t *ret_count,
			     const char *const **ret_notes, size_t *ret_note_count)
{
	static const char *const notes[] = { "simulated: nothing runs here" };
	struct simulated_engine *engine = (struct simulated_engine *)base;

	*ret_groups = engine->groups;
	*ret_count = engine->group_count;
	*ret_notes = notes;
	*ret_note_count = ARRAY_COUNT(notes);
}

static int simulated_start(struct weir_engine *base, const struct weir_start *start, char *message, size_t message_size)
{
	struct simulated_engine *engine = (struct simulated_engine *)base;
	struct simulated_attempt *attempt;
	int code;

	if (find(engine, &start->key))
		return 0;
	if (!start->simulated) {
		snprintf(message, message_size, "this site is simulated, and the demand runs a command");
		return -EINVAL;
	}
	attempt = mem_alloc(sizeof(*attempt));
	*attempt = (struct simulated_attempt){
		.key = start->key,
		.token = start->token,
		.started_us = engine_unix_us(),
		.started_boottime_us = engine_boottime_us(),
		.lease_until_us = start->lease_until_us,
		.duration_us = start->simulate_duration_us,
		.time_limit_us = start->time_limit_us,
		.workers = start->workers_total > (int64_t)start->worker_count ? start->workers_total : (int64_t)start->worker_count,
		.exit_code = (int32_t)start->simulate_exit_code,
	};
	code = remember(engine, attempt, JOURNAL_START);
	if (code < 0) {
		snprintf(message, message_size, "the attempt cannot be written to the site's disk: %s", strerror(-code));
		free(attempt);
		return code;
	}
	add(engine, attempt);
	engine->news = true;
	arm(engine);
	return 0;
}

static int simulated_stop(struct weir_engine *base, const struct weir_attempt_key *key, int64_t grace_us)
{
	struct simulated_engine *engine = (struct simulated_engine *)base;
	struct simulated_attempt *attempt;

	catch_up(engine); /* what ended before the stop ended by itself */
	attempt = find(engine, key);
	if (attempt && !attempt->ended)
		end(engine, attempt, WEIR_STOPPED, engine_boottime_us());
	arm(engine);
	return 0;
}

static int simulated_lease(struct weir_engine *base, int64_t until_us)
{
	struct simulated_engine *engine = (struct simulated_engine *)base;
	int code;

	catch_up(engine); /* a lease that ended is not revived */
	if (until_us <= engine->journal.lease_until_us)
		return 0;
	code = journal_lease(&engine->journal, until_us);
	if (engine->lease_check_us < until_us)
		engine->lease_check_us = until_us;
	arm(engine);
	return code;
}

static int32_t progress_of(const struct simulated_attempt *attempt, int64_t now_us)
{
	int64_t ran_us = now_us - attempt->started_boottime_us;

	if (attempt->duration_us <= 0)
		return -1;
	if (attempt->ended)
		ran_us = attempt->ended_us - attempt->started_us;
	return ran_us >= attempt->duration_us ? 1000 : ran_us <= 0 ? 0 : (int32_t)(ran_us / (attempt->duration_us / 1000 + 1));
}

static struct weir_attempt_status status_of(const struct simulated_attempt *attempt, int64_t now_us)
{
	struct weir_attempt_status status = {
		.key = attempt->key,
		.token = attempt->token,
		.state = attempt->ended ? WEIR_ENDED : WEIR_RUNNING,
		.outcome = attempt->outcome,
		.exit_code = -1,
		.failed_worker = -1,
		.started_us = attempt->started_us,
		.ended_us = attempt->ended_us,
		.progress_permille = progress_of(attempt, now_us),
		.cpu_used_us = -1,
		.memory_peak_mib = -1,
	};
	char limit[32];

	if (attempt->ended && (attempt->outcome == WEIR_SUCCEEDED || attempt->outcome == WEIR_FAILED))
		status.exit_code = attempt->exit_code;
	if (attempt->ended && attempt->outcome == WEIR_FAILED)
		status.failed_worker = 0;
	if (attempt->ended && attempt->outcome == WEIR_TIMED_OUT)
		snprintf(status.message, sizeof(status.message), "it was allowed %s",
			 unit_format(UNIT_DURATION, attempt->time_limit_us, limit, sizeof(limit)));
	if (attempt->ended && attempt->outcome == WEIR_LEASE_EXPIRED)
		snprintf(status.message, sizeof(status.message), "the site heard nothing from its platform for longer than its lease");
	if (attempt->ended && attempt->outcome == WEIR_ENGINE_LOST)
		snprintf(status.message, sizeof(status.message), "the machine restarted");
	return status;
}

static void simulated_attempts(struct weir_engine *base, const struct weir_attempt_status **ret, size_t *ret_count)
{
	struct simulated_engine *engine = (struct simulated_engine *)base;
	int64_t now_us = engine_boottime_us();

	ARRAY_RESERVE(engine->statuses, engine->status_capacity, engine->attempt_count);
	for (size_t i = 0; i < engine->attempt_count; i++)
		engine->statuses[i] = status_of(engine->attempts[i], now_us);
	*ret = engine->statuses;
	*ret_count = engine->attempt_count;
}

static int64_t simulated_read_log(struct weir_engine *base, const struct weir_attempt_key *key, uint32_t worker, int stream, int64_t offset,
				  void *buffer, size_t size, int64_t *ret_first)
{
	const struct simulated_attempt *attempt = find((struct simulated_engine *)base, key);
	char line[128], lasts[32];
	size_t length = 0, rest;

	if (!attempt || worker >= attempt->workers || (stream != 1 && stream != 2) || offset < 0)
		return -ENOENT;
	if (stream == 1 && attempt->duration_us > 0)
		length = (size_t)snprintf(line, sizeof(line), "This site is simulated: nothing runs, and it ends after %s.\n",
					  unit_format(UNIT_DURATION, attempt->duration_us, lasts, sizeof(lasts)));
	else if (stream == 1)
		length = (size_t)snprintf(line, sizeof(line), "This site is simulated: nothing runs, until it is stopped.\n");
	*ret_first = 0;
	if ((uint64_t)offset >= length)
		return 0;
	rest = length - (size_t)offset < size ? length - (size_t)offset : size;
	memcpy(buffer, line + offset, rest);
	return (int64_t)rest;
}

static int simulated_forget(struct weir_engine *base, const struct weir_attempt_key *key)
{
	struct simulated_engine *engine = (struct simulated_engine *)base;
	struct simulated_attempt *attempt;
	int code;

	catch_up(engine);
	arm(engine);
	attempt = find(engine, key);
	if (!attempt)
		return 0;
	if (!attempt->ended)
		return -EBUSY;
	code = remember(engine, attempt, JOURNAL_FORGET);
	if (code < 0)
		return code;
	drop(engine, attempt);
	engine->news = true;
	arm(engine);
	return 0;
}

const struct weir_engine_ops weir_engine_simulated = {
	.abi = WEIR_ENGINE_ABI,
	.name = "simulated",
	.open = simulated_open,
	.close = simulated_close,
	.supply = simulated_supply,
	.start = simulated_start,
	.stop = simulated_stop,
	.lease = simulated_lease,
	.attempts = simulated_attempts,
	.read_log = simulated_read_log,
	.forget = simulated_forget,
};
