/* Folding what happens to demands into the state.
 *
 *   demand    pending -> placed        apply_placed          decide_round
 *             placed -> running        apply_changed         decide_sync
 *             -> pending               apply_attempt_ended   decide_sync, decide_tick (lost, refused, a service's replica)
 *             -> stopping              apply_cancelled       decide_cancel, decide_tick (waits in vain)
 *                                      apply_expired         decide_tick: its deadline can no longer be kept
 *             -> succeeded, failed, timed-out, cancelled     apply_demand_ended, with the end of its last attempt
 *   replica   held -> queued           apply_released        decide_tick
 *             queued -> placed         apply_placed
 *             placed -> queued, waiting, out                 apply_attempt_ended: `next` says which
 *             waiting -> queued        apply_ready           decide_tick
 *             -> out                   apply_cancelled, apply_expired
 *   attempt   assigned -> starting -> running -> stopping    apply_changed, forward only
 *             -> ended                 apply_attempt_ended
 *             told to make room        apply_preempted       decide_round: it goes on as it is until its site has stopped it
 */
#include <string.h>

#include "model/name.h"
#include "platform/state.h"

#define SEQUENCE_MAX (UINT64_C(1) << 46) /* so that an order fits */
#define ATTEMPTS_MAX 1000000

static int find_live(const struct platform *platform, uint64_t id, struct demand **ret, struct err *err)
{
	*ret = demand_find(platform, id);
	if (!*ret || demand_state_is_ended((*ret)->state))
		return err_set(err, -EINVAL, "demand %llu is unknown or has ended", (unsigned long long)id);
	return 0;
}

static int find_attempt(const struct platform *platform, uint64_t id, int64_t replica, int64_t number, struct attempt **ret,
			struct err *err)
{
	*ret = attempt_current(platform, id, replica, number);
	if (!*ret)
		return err_set(err, -EINVAL, "attempt %lld of demand %llu, replica %lld, is not the current one", (long long)number,
			       (unsigned long long)id, (long long)replica);
	return 0;
}

int accepted_numbers_check(const struct accepted_body *body, uint64_t sequence, struct err *err)
{
	if (name_check(body->name, NULL) < 0 || (*body->tenant && name_check(body->tenant, NULL) < 0))
		return err_set(err, -EINVAL, "a demand without a proper name or tenant");
	if (body->time_limit_us < 0 || body->deadline_us < 0)
		return err_set(err, -EINVAL, "a demand with a time that cannot be");
	if (body->attempts_max < 1 || body->attempts_max > ATTEMPTS_MAX || sequence >= SEQUENCE_MAX || body->spec.length > UINT32_MAX)
		return err_set(err, -EINVAL, "a demand with a number that cannot be");
	return 0;
}

/* The hold that the new demand belongs to, made when it is the first of it; NULL none. */
static int get_hold(struct platform *platform, const struct accepted_body *body, const struct class *class, struct hold **ret,
		    struct err *err)
{
	bool is_array = body->hold && *body->hold->array;

	*ret = NULL;
	if (body->hold) {
		if (body->index != 0 || body->array != (is_array ? body->demand : 0) || (is_array && class->kind != DEMAND_JOB) ||
		    body->hold->ended > 0)
			return err_set(err, -EINVAL, "a first member that cannot be");
		return hold_make(platform, body->demand, body->hold, ret, err);
	}
	if (body->array == 0)
		return 0;
	*ret = hold_find(platform, body->array);
	/* Members come in the order of their index. */
	if (!*ret || !(*ret)->array || class->kind != DEMAND_JOB || body->index < 1 || body->index >= (*ret)->count ||
	    body->index != (int64_t)(*ret)->loose + (*ret)->held_count + (*ret)->ended)
		return err_set(err, -EINVAL, "a member of an array that cannot be");
	return 0;
}

static void enter(struct platform *platform, struct demand *demand, struct hold *hold, uint32_t index)
{
	bool shut = hold && hold_is_shut(hold);

	if (hold)
		hold_add(platform, hold, demand, index);
	if (shut)
		hold_hold(platform, demand);
	for (uint32_t r = 0; r < demand->replica_count && !shut; r++)
		queue_add(platform, demand, r);
}

int apply_accepted(struct platform *platform, const struct event *event, struct err *err)
{
	const struct accepted_body *body = event->body;
	struct hold *hold = NULL;
	struct demand *demand;
	struct class *class;
	int code = accepted_numbers_check(body, event->sequence, err);

	if (body->demand == 0 || body->demand <= platform->last_id)
		return err_set(err, -EINVAL, "demand %llu does not follow %llu", (unsigned long long)body->demand,
			       (unsigned long long)platform->last_id);
	if (code == 0)
		code = class_get(platform, &body->ask, &class, err);
	if (code < 0)
		return code;
	class->demand_count++; /* holds it while the rest may yet be refused */
	if (class->kind != DEMAND_JOB && (body->deadline_us > 0 || body->time_limit_us > 0))
		code = err_set(err, -EINVAL, "a service with a deadline or a time limit");
	if (code == 0)
		code = get_hold(platform, body, class, &hold, err);
	if (code == 0 && *body->key)
		code = apply_key(platform, body->key, body->key_hash, body->demand, body->key_count, err);
	if (code < 0) {
		if (hold && body->hold)
			hold_drop(platform, hold);
		class_release(platform, class);
		return code;
	}
	demand = demand_make(platform, body->demand, event->sequence, body->name, body->tenant, class, &body->spec);
	class_release(platform, class);
	class->network_serial = platform->network_serial;
	platform->last_id = body->demand;
	demand->attempts_max = (uint32_t)body->attempts_max;
	demand->on_site_loss = (uint8_t)body->on_site_loss;
	demand->accepted_us = event->time_us;
	demand->time_limit_us = body->time_limit_us;
	demand->deadline_us = body->deadline_us;
	books_learn(platform, class, 1);
	deadline_refresh(platform, demand);
	enter(platform, demand, hold, (uint32_t)body->index);
	return 0;
}

int apply_released(struct platform *platform, const struct event *event, struct err *err)
{
	const struct released_body *body = event->body;
	struct demand *demand;
	int code = find_live(platform, body->demand, &demand, err);

	if (code < 0)
		return code;
	if (!demand_is_held(demand))
		return err_set(err, -EINVAL, "the demand is not held");
	hold_loosen(platform, demand);
	for (uint32_t r = 0; r < demand->replica_count; r++)
		queue_add(platform, demand, r);
	return 0;
}

/* Nothing of it goes on or begins. */
static void withdraw(struct platform *platform, struct demand *demand, const struct event *event, const char *by)
{
	if (demand_is_held(demand))
		hold_loosen(platform, demand);
	demand->cancelled = true;
	demand->cancelled_us = event->time_us;
	demand->cancelled_sequence = event->sequence;
	demand->cancelled_by = mem_strndup(by, strnlen(by, MESSAGE_MAX));
	for (uint32_t r = 0; r < demand->replica_count; r++) {
		struct replica *replica = &demand->replicas[r];

		if (replica->place == REPLICA_QUEUED) {
			queue_remove(platform, demand, r);
		} else if (replica->place == REPLICA_WAITING) {
			replica->place = REPLICA_OUT;
			replica->ready_us = 0;
			waiting_remove(platform);
		} else if (replica->attempt) {
			attempt_leave(platform, replica->attempt);
		}
	}
	demand_refresh(platform, demand, event->time_us);
}

static int find_cancellable(const struct platform *platform, uint64_t id, struct demand **ret, struct err *err)
{
	int code = find_live(platform, id, ret, err);

	return code == 0 && (*ret)->cancelled ? err_set(err, -EINVAL, "the demand is cancelled already") : code;
}

int apply_cancelled(struct platform *platform, const struct event *event, struct err *err)
{
	const struct cancelled_body *body = event->body;
	struct demand *demand;
	int code = find_cancellable(platform, body->demand, &demand, err);

	if (code == 0)
		withdraw(platform, demand, event, body->by);
	return code;
}

int apply_expired(struct platform *platform, const struct event *event, struct err *err)
{
	const struct expired_body *body = event->body;
	struct demand *demand;
	int code = find_cancellable(platform, body->demand, &demand, err);

	if (code == 0 && demand->deadline_us == 0)
		code = err_set(err, -EINVAL, "the demand has no deadline");
	if (code < 0)
		return code;
	demand->expired = true;
	withdraw(platform, demand, event, "");
	return 0;
}

/* --- placements -------------------------------------------------------------------------------- */

/* The slots of a record, or NULL when a number is out of range; the caller frees. */
struct slot *slots_read(const struct slot_body *bodies, size_t count, int64_t workers)
{
	struct slot *slots = mem_alloc(count * sizeof(*slots));

	for (size_t i = 0; i < count; i++) {
		const struct slot_body *body = &bodies[i];

		if (body->worker < 0 || body->worker >= workers || body->group < 0 || body->group >= SITE_GROUPS_MAX || body->node < 0 ||
		    body->node > UINT32_MAX || body->chip_milli < 0 || body->chip_milli > CHIP_MILLI) {
			free(slots);
			return NULL;
		}
		slots[i] = (struct slot){ .worker = (uint32_t)body->worker, .group = (uint32_t)body->group, .node = (uint32_t)body->node,
					  .chips = body->chips, .chip_milli = (uint16_t)body->chip_milli };
	}
	return slots;
}

static int64_t slots_wanted(const struct class *class)
{
	return class->kind == DEMAND_SERVICE ? 1 : class->workers;
}

static int find_queued(const struct platform *platform, const struct placed_body *body, struct demand **ret_demand, struct site **ret_site,
		       struct err *err)
{
	int code = find_live(platform, body->demand, ret_demand, err);
	const struct replica *replica;

	if (code < 0)
		return code;
	if (body->replica < 0 || body->replica >= (*ret_demand)->replica_count)
		return err_set(err, -EINVAL, "there is no replica %lld", (long long)body->replica);
	replica = &(*ret_demand)->replicas[body->replica];
	if (replica->place != REPLICA_QUEUED || body->attempt != (int64_t)replica->attempts + 1)
		return err_set(err, -EINVAL, "the replica is not queued for attempt %lld", (long long)body->attempt);
	if (body->token <= platform->last_token)
		return err_set(err, -EINVAL, "token %llu does not follow %llu", (unsigned long long)body->token,
			       (unsigned long long)platform->last_token);
	*ret_site = site_find(platform, body->site);
	if (!*ret_site)
		return err_set(err, -EINVAL, "the site \"%.63s\" is unknown", body->site);
	if ((int64_t)body->slot_count != slots_wanted((*ret_demand)->class))
		return err_set(err, -EINVAL, "%zu slots for %lld workers", body->slot_count, (long long)slots_wanted((*ret_demand)->class));
	return 0;
}

/* A prediction that was right to the microsecond counts as well. */
static void count_prediction(struct tallies *tallies, const struct attempt *attempt)
{
	int64_t late_us, bias_us, error_us;

	if (attempt->predicted_start_us <= 0 || attempt->placed_us < 0)
		return;
	late_us = attempt->placed_us - attempt->predicted_start_us;
	if (__builtin_add_overflow(tallies->prediction_bias_us, late_us, &bias_us) ||
	    __builtin_add_overflow(tallies->prediction_error_us, late_us < 0 ? -late_us : late_us, &error_us))
		return; /* times of a foreign log that cannot be */
	tallies->predictions++;
	tallies->prediction_bias_us = bias_us;
	tallies->prediction_error_us = error_us;
}

int apply_placed(struct platform *platform, const struct event *event, struct err *err)
{
	const struct placed_body *body = event->body;
	struct replica *replica;
	struct attempt *attempt;
	struct demand *demand = NULL;
	struct site *site = NULL;
	struct slot *slots;
	int code = find_queued(platform, body, &demand, &site, err);

	if (code < 0)
		return code;
	slots = slots_read(body->slots, body->slot_count, slots_wanted(demand->class));
	if (!slots || !slots_take(&site->supply, slots, body->slot_count, &demand->class->shape)) {
		free(slots);
		return err_set(err, -EINVAL, "the slots are not free at %s", site->name);
	}
	queue_remove(platform, demand, (uint32_t)body->replica);
	replica = &demand->replicas[body->replica];
	attempt = mem_alloc(sizeof(*attempt));
	*attempt = (struct attempt){
		.demand = demand, .site = site, .token = body->token, .replica = (uint32_t)body->replica, .number = ++replica->attempts,
		.state = ATTEMPT_ASSIGNED, .exit_code = -1, .failed_worker = -1, .slots = slots, .slot_count = (uint32_t)body->slot_count,
		.placed_us = event->time_us, .placed_sequence = event->sequence, .policy_version = (uint32_t)body->policy_version,
		.candidates = (uint32_t)body->candidates, .score_micro = body->score_micro, .cpu_used_us = -1, .memory_peak_mib = -1,
		.progress_permille = -1, .predicted_start_us = body->predicted_start_us,
		.second_site = body->second_site && *body->second_site ? site_find_any(platform, body->second_site) : NULL,
		.second_score_micro = body->second_score_micro, .backfilled = body->backfilled, .borrowed = body->borrowed,
	};
	count_prediction(&platform->tallies, attempt);
	replica->attempt = attempt;
	replica->place = REPLICA_PLACED;
	replica->ready_us = 0;
	demand->current_count++;
	platform->last_token = body->token;
	site_add_attempt(platform, site, attempt);
	account_charge(platform, attempt, event->time_us);
	books_placed(platform, attempt);
	site_touch(platform, site);
	demand_refresh(platform, demand, event->time_us);
	return 0;
}

int apply_changed(struct platform *platform, const struct event *event, struct err *err)
{
	const struct changed_body *body = event->body;
	struct attempt *attempt;
	int code = find_attempt(platform, body->demand, body->replica, body->attempt, &attempt, err);

	if (code < 0)
		return code;
	if (body->state <= attempt->state || body->state >= ATTEMPT_ENDED)
		return err_set(err, -EINVAL, "an attempt does not go from %s to %s", attempt_state_to_string(attempt->state),
			       attempt_state_to_string(body->state));
	attempt->demand->running_count -= attempt_is_running(attempt);
	attempt->state = body->state;
	attempt->demand->running_count += attempt_is_running(attempt);
	attempt->report_epoch = body->report_epoch;
	attempt->report_sequence = body->report_sequence;
	if (attempt_is_running(attempt) && attempt->started_sequence == 0) {
		attempt->started_us = body->started_us ? body->started_us : event->time_us;
		attempt->started_sequence = event->sequence;
		books_started(platform, attempt);
	}
	demand_refresh(platform, attempt->demand, event->time_us);
	return 0;
}

int apply_preempted(struct platform *platform, const struct event *event, struct err *err)
{
	const struct preempted_body *body = event->body;
	struct attempt *attempt;
	int code = find_attempt(platform, body->demand, body->replica, body->attempt, &attempt, err);

	if (code < 0)
		return code;
	if (!attempt_is_wanted(attempt))
		return err_set(err, -EINVAL, "the attempt is being stopped already");
	attempt->preempted_sequence = event->sequence;
	attempt->preempted_us = event->time_us;
	attempt->preempted_by = body->by;
	attempt->reclaimed = body->reclaimed;
	attempt->demand->preempted_count++;
	platform->tallies.preemptions++;
	attempt_leave(platform, attempt);
	demand_refresh(platform, attempt->demand, event->time_us);
	return 0;
}

static void record_end(struct attempt *attempt, const struct event *event)
{
	const struct attempt_ended_body *body = event->body;

	attempt->state = ATTEMPT_ENDED;
	attempt->outcome = body->outcome;
	attempt->exit_code = (int32_t)body->exit_code;
	attempt->exit_signal = (int32_t)body->exit_signal;
	attempt->failed_worker = (int32_t)body->failed_worker;
	attempt->message = *body->message ? mem_strndup(body->message, strnlen(body->message, MESSAGE_MAX)) : NULL;
	if (body->started_us)
		attempt->started_us = body->started_us;
	/* One that began and ended between two reports was never seen running. */
	if (attempt->demand->started_us == 0)
		attempt->demand->started_us = attempt->started_us;
	attempt->ended_us = body->ended_us ? body->ended_us : event->time_us;
	attempt->ended_sequence = event->sequence;
	attempt->cpu_used_us = body->cpu_used_us;
	attempt->memory_peak_mib = body->memory_peak_mib;
	free(attempt->slots);
	attempt->slots = NULL;
	attempt->slot_count = 0;
}

static int check_next(const struct demand *demand, const struct attempt_ended_body *body, struct err *err)
{
	if (body->outcome == OUTCOME_NONE)
		return err_set(err, -EINVAL, "an attempt ended without an outcome");
	if ((demand->cancelled || demand->finishing) && body->next != NEXT_NOTHING)
		return err_set(err, -EINVAL, "a demand that ends gets no further attempt");
	if (body->next == NEXT_NOTHING && !demand->cancelled && demand->class->kind != DEMAND_JOB)
		return err_set(err, -EINVAL, "a service goes on until it is cancelled");
	if (body->next == NEXT_WAIT && body->ready_us <= 0)
		return err_set(err, -EINVAL, "a replica waits for no time at all");
	if (body->failures < 0 || body->failures > UINT32_MAX)
		return err_set(err, -EINVAL, "a number of failures that cannot be");
	return 0;
}

int apply_attempt_ended(struct platform *platform, const struct event *event, struct err *err)
{
	const struct attempt_ended_body *body = event->body;
	struct attempt *attempt;
	struct replica *replica;
	struct demand *demand;
	int code = find_attempt(platform, body->demand, body->replica, body->attempt, &attempt, err);

	if (code == 0)
		code = check_next(attempt->demand, body, err);
	if (code < 0)
		return code;
	demand = attempt->demand;
	replica = &demand->replicas[attempt->replica];
	account_release(platform, attempt, event->time_us);
	books_ended(platform, attempt);
	for (uint32_t i = 0; i < attempt->slot_count; i++)
		supply_give(&attempt->site->supply, &attempt->slots[i], &demand->class->shape);
	site_remove_attempt(platform, attempt->site, attempt);
	site_touch(platform, attempt->site);
	demand->current_count--;
	demand->running_count -= attempt_is_running(attempt);
	demand->preempted_count -= attempt->preempted_sequence > 0;
	record_end(attempt, event);
	estimate_learn(platform, attempt);
	replica->attempt = NULL;
	replica->place = REPLICA_OUT;
	replica->losses += body->outcome == OUTCOME_LOST && attempt->preempted_sequence == 0;
	replica->failures = (uint32_t)body->failures;
	demand_keep_past(demand, attempt);
	if (body->next == NEXT_QUEUE) {
		queue_add(platform, demand, (uint32_t)body->replica);
	} else if (body->next == NEXT_WAIT) {
		replica->ready_us = body->ready_us;
		waiting_add(platform, demand, (uint32_t)body->replica);
	} else if (!demand->cancelled) {
		demand->finishing = true;
	}
	demand_refresh(platform, demand, event->time_us);
	platform->supply_serial++;
	platform->observed->round_wanted = true;
	return 0;
}

int apply_ready(struct platform *platform, const struct event *event, struct err *err)
{
	const struct ready_body *body = event->body;
	struct demand *demand;
	int code = find_live(platform, body->demand, &demand, err);

	if (code < 0)
		return code;
	if (body->replica < 0 || body->replica >= demand->replica_count || demand->replicas[body->replica].place != REPLICA_WAITING)
		return err_set(err, -EINVAL, "the replica does not wait");
	demand->replicas[body->replica].ready_us = 0;
	queue_add(platform, demand, (uint32_t)body->replica);
	waiting_remove(platform);
	return 0;
}

int apply_demand_ended(struct platform *platform, const struct event *event, struct err *err)
{
	const struct demand_ended_body *body = event->body;
	struct demand *demand;
	int code = find_live(platform, body->demand, &demand, err);

	if (code < 0)
		return code;
	if (!demand_state_is_ended(body->state))
		return err_set(err, -EINVAL, "a demand does not end as %s", demand_state_to_string(body->state));
	if (demand->current_count > 0 || (!demand->cancelled && !demand->finishing))
		return err_set(err, -EINVAL, "the demand still has something to run");
	if (demand->replica_count > 1)
		for (uint32_t r = 0; r < demand->replica_count; r++)
			if (demand->replicas[r].place != REPLICA_OUT)
				return err_set(err, -EINVAL, "replica %u of the demand still waits", r);
	demand->ended_us = event->time_us;
	demand->ended_sequence = event->sequence;
	demand->exit_code = (int32_t)body->exit_code;
	demand->message = *body->message ? mem_strndup(body->message, strnlen(body->message, MESSAGE_MAX)) : NULL;
	demand_end(platform, demand, body->state);
	hold_member_ended(platform, demand);
	while (platform->ended_count > platform->settings.ended_kept) {
		struct demand *oldest = platform->ended_first;

		platform->ended_first = oldest->ended_next;
		if (!platform->ended_first)
			platform->ended_last = NULL;
		platform->ended_count--;
		demand_drop(platform, oldest);
	}
	return 0;
}
