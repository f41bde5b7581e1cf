/* What follows from the end of an attempt: decided here once, for syncs, ticks and shrinking supplies.
 *
 *   job        succeeded, failed, timed-out   the demand ends so
 *   service    the same                       the replica comes back after a backoff, doubled each time
 *   both       refused                        back into the queue after a backoff
 *              lost, stopped unasked          back into the queue; a job only attempts_max times
 *   preempted  anything but succeeded         back into the queue at its old age; neither a failure nor a loss
 *   cancelled  anything                       the demand ends once the last of its attempts has
 *   expired    the same, as timed-out; but one that had succeeded by its deadline, which only came to be known late, succeeded
 *
 * A site that is believed lost is silent for longer than its lease, so its attempts are over. Where an
 * attempt may still run for a while (its folder or its node vanished), the next one waits for as long.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "platform/state.h"

static int64_t backoff_us(const struct platform *platform, int64_t failures)
{
	int64_t wait_us = platform->settings.replica_backoff_us;

	for (; failures > 1 && wait_us < BACKOFF_MAX_US; failures--)
		wait_us *= 2;
	return wait_us < 1 ? 1 : wait_us > BACKOFF_MAX_US ? BACKOFF_MAX_US : wait_us;
}

struct attempt_report report_of(const struct attempt *attempt, enum outcome outcome, const char *message)
{
	return (struct attempt_report){
		.demand = attempt->demand->id, .replica = attempt->replica, .attempt = attempt->number, .token = attempt->token,
		.state = ATTEMPT_ENDED, .outcome = outcome, .exit_code = -1, .failed_worker = -1, .message = message,
		.started_us = attempt->started_us, .progress_permille = -1, .cpu_used_us = attempt->cpu_used_us,
		.memory_peak_mib = attempt->memory_peak_mib,
	};
}

void preempt(const struct platform *platform, const struct attempt *attempt, uint64_t by, bool reclaimed, int64_t now_us,
	     struct event_list *ret)
{
	struct preempted_body *body = event_add(ret, now_us, EVENT_ATTEMPT_PREEMPTED);

	assert(attempt_is_wanted(attempt) && (by == 0 || demand_find(platform, by)));
	body->demand = attempt->demand->id;
	body->replica = attempt->replica;
	body->attempt = attempt->number;
	body->site = attempt->site->name;
	body->by = by;
	body->reclaimed = reclaimed;
}

static void wait_or_queue(struct attempt_ended_body *body, int64_t now_us, int64_t wait_us)
{
	body->next = wait_us > 0 ? NEXT_WAIT : NEXT_QUEUE;
	body->ready_us = wait_us > 0 ? now_us + wait_us : 0;
}

static void end_demand(struct ending *ending, const struct demand *demand, enum demand_state state, int64_t exit_code, const char *message)
{
	struct demand_ended_body *body = event_add(ending->list, ending->now_us, EVENT_DEMAND_ENDED);

	body->demand = demand->id;
	body->state = state;
	body->exit_code = exit_code;
	body->message = message;
}

/* "failed: exit status 3", "failed: lost at guian-hub". */
static const char *describe_end(struct ending *ending, const struct attempt *attempt, const struct attempt_ended_body *body, int64_t tries)
{
	cleanup_strbuf struct strbuf text = { 0 };

	outcome_describe(body->outcome, body->exit_code, body->exit_signal, body->message, &text);
	if (tries > 1)
		strbuf_printf(&text, " at %s; that was the last of %lld attempts", attempt->site->name, (long long)tries);
	else
		strbuf_printf(&text, " at %s", attempt->site->name);
	return arena_strdup(ending->list->arena, strbuf_text(&text));
}

static void add_cancelled(struct ending *ending, struct demand *demand)
{
	if (ending->cancelled_count == ending->cancelled_capacity) {
		size_t capacity = ending->cancelled_capacity ? ending->cancelled_capacity * 2 : 16;
		struct demand **grown = ARENA_ARRAY(ending->list->arena, struct demand *, capacity);

		if (ending->cancelled_count > 0)
			memcpy(grown, ending->cancelled, ending->cancelled_count * sizeof(struct demand *));
		ending->cancelled = grown;
		ending->cancelled_capacity = capacity;
	}
	ending->cancelled[ending->cancelled_count++] = demand;
}

/* Lost, or stopped without having been asked to. */
static void follow_loss(struct ending *ending, const struct attempt *attempt, struct attempt_ended_body *body, int64_t delay_us)
{
	const struct demand *demand = attempt->demand;
	int64_t losses = (int64_t)demand->replicas[attempt->replica].losses + 1;

	if (demand->class->kind == DEMAND_JOB && losses >= demand->attempts_max)
		end_demand(ending, demand, STATE_FAILED, -1, describe_end(ending, attempt, body, losses));
	else
		wait_or_queue(body, ending->now_us, delay_us);
}

static void follow_own_end(struct ending *ending, const struct attempt *attempt, struct attempt_ended_body *body)
{
	static const enum demand_state states[OUTCOME_COUNT] = {
		[OUTCOME_SUCCEEDED] = STATE_SUCCEEDED, [OUTCOME_FAILED] = STATE_FAILED, [OUTCOME_TIMED_OUT] = STATE_TIMED_OUT,
	};
	const struct demand *demand = attempt->demand;

	if (demand->class->kind == DEMAND_JOB) {
		body->failures = 0;
		end_demand(ending, demand, states[body->outcome], body->exit_code, describe_end(ending, attempt, body, 1));
		return;
	}
	wait_or_queue(body, ending->now_us, backoff_us(ending->platform, body->failures));
}

static struct attempt_ended_body *add_end(struct ending *ending, const struct attempt *attempt, const struct attempt_report *report)
{
	const struct replica *replica = &attempt->demand->replicas[attempt->replica];
	struct attempt_ended_body *body = event_add(ending->list, ending->now_us, EVENT_ATTEMPT_ENDED);
	int64_t ran_us = attempt->started_us > 0 ? ending->now_us - attempt->started_us : 0;

	body->demand = attempt->demand->id;
	body->replica = attempt->replica;
	body->attempt = attempt->number;
	body->site = attempt->site->name;
	body->outcome = report->outcome == OUTCOME_NONE ? OUTCOME_LOST : report->outcome;
	body->exit_code = report->exit_code;
	body->exit_signal = report->exit_signal;
	body->failed_worker = report->failed_worker;
	body->message = arena_strndup(ending->list->arena, report->message ? report->message : "",
				      strnlen(report->message ? report->message : "", MESSAGE_MAX));
	body->started_us = report->started_us;
	body->ended_us = report->ended_us;
	body->cpu_used_us = report->cpu_used_us;
	body->memory_peak_mib = report->memory_peak_mib;
	/* What ran for long did not fail at once: its backoff begins anew. */
	body->failures = (ran_us < BACKOFF_MAX_US ? (int64_t)replica->failures : 0) + 1;
	return body;
}

static bool succeeded_in_time(const struct demand *demand, const struct attempt_ended_body *body)
{
	return body->outcome == OUTCOME_SUCCEEDED && body->ended_us > 0 && body->ended_us <= demand->deadline_us;
}

void ending_add(struct ending *ending, const struct attempt *attempt, const struct attempt_report *report, int64_t delay_us)
{
	const struct replica *replica = &attempt->demand->replicas[attempt->replica];
	struct attempt_ended_body *body = add_end(ending, attempt, report);

	if (attempt->demand->expired && succeeded_in_time(attempt->demand, body)) {
		body->failures = 0;
		end_demand(ending, attempt->demand, STATE_SUCCEEDED, body->exit_code, describe_end(ending, attempt, body, 1));
		return;
	}
	if (attempt->demand->cancelled) {
		add_cancelled(ending, attempt->demand);
		return;
	}
	if (attempt->preempted_sequence > 0 && body->outcome != OUTCOME_SUCCEEDED) {
		body->failures = replica->failures;
		wait_or_queue(body, ending->now_us, delay_us);
		return;
	}
	switch (body->outcome) {
	case OUTCOME_SUCCEEDED:
	case OUTCOME_FAILED:
	case OUTCOME_TIMED_OUT:
		follow_own_end(ending, attempt, body);
		break;
	case OUTCOME_REFUSED:
		wait_or_queue(body, ending->now_us, backoff_us(ending->platform, body->failures));
		break;
	default:
		body->outcome = OUTCOME_LOST;
		body->failures = replica->failures;
		follow_loss(ending, attempt, body, delay_us);
	}
}

static int compare_demands(const void *left, const void *right)
{
	const struct demand *a = *(struct demand *const *)left, *b = *(struct demand *const *)right;

	return (a->id > b->id) - (a->id < b->id);
}

void ending_finish(struct ending *ending)
{
	size_t begin = 0;

	if (ending->cancelled_count == 0)
		return;
	qsort(ending->cancelled, ending->cancelled_count, sizeof(struct demand *), compare_demands);
	for (size_t i = 1; i <= ending->cancelled_count; i++) {
		const struct demand *demand = ending->cancelled[begin];

		if (i < ending->cancelled_count && ending->cancelled[i] == demand)
			continue;
		if (i - begin == demand->current_count)
			end_demand(ending, demand, demand->expired ? STATE_TIMED_OUT : STATE_CANCELLED, -1,
				   demand->expired ? "ran past its deadline and was stopped"
						   : demand_cancel_text(demand->cancelled_by, ending->list->arena));
		begin = i;
	}
}

const char *demand_cancel_text(const char *by, struct arena *arena)
{
	return by && *by ? arena_printf(arena, "cancelled by %s", by) : "cancelled";
}
