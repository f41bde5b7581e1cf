/* A snapshot's records back into the state. Like apply: refused whole, or taken. */
#include <string.h>

#include "model/name.h"
#include "platform/snapshot.h"
#include "platform/state.h"

static int read_site(struct platform *platform, const struct snap_site *body, struct err *err)
{
	struct site *site = site_find(platform, body->name);
	struct supply supply = { 0 };
	int code = groups_check(body->groups, body->group_count, err);

	if (!site)
		return err_set(err, -EINVAL, "the site \"%.63s\" is unknown", body->name);
	if (site->attempt_count > 0)
		return err_set(err, -EINVAL, "the site %s comes after what is placed there", site->name);
	if (code < 0)
		return code;
	site->condition = body->condition;
	site->condition_since_us = body->condition_since_us;
	site->agent_epoch = body->agent_epoch;
	site->draining = body->draining;
	free(site->drain_by);
	free(site->drain_reason);
	site->drain_by = body->draining ? mem_strdup(body->drain_by) : NULL;
	site->drain_reason = body->draining ? mem_strdup(body->drain_reason) : NULL;
	site->supply_hash = body->supply_hash;
	site->supply_epoch = body->supply_epoch;
	site->supply_sequence = body->supply_sequence;
	supply_init(&supply, body->groups, body->group_count);
	site_set_supply(platform, site, &supply);
	site->has_supply = body->has_supply;
	site_refresh_view(platform, site);
	site_list(platform, site);
	return 0;
}

static bool replica_is_sound(const struct snap_demand *demand, const struct snap_replica *body, int64_t count)
{
	bool ends = demand->cancelled || demand->finishing;

	if (body->replica < 0 || body->replica >= count || body->place < 0 || body->place >= REPLICA_PLACE_COUNT)
		return false;
	if (body->attempts < 0 || body->attempts >= UINT32_MAX || body->losses < 0 || body->losses > UINT32_MAX || body->failures < 0 ||
	    body->failures > UINT32_MAX)
		return false;
	if (body->place == REPLICA_OUT)
		return ends;
	if (body->place == REPLICA_HELD)
		return !ends && demand->hold && body->attempts == 0;
	return !ends || (body->place == REPLICA_PLACED && demand->cancelled && !demand->finishing);
}

/* A demand is held with all of its replicas, or not at all. */
static bool holding_is_sound(const struct snap_demand *body, int64_t count)
{
	size_t held = 0;

	for (size_t i = 0; i < body->replica_count; i++)
		held += body->replicas[i].place == REPLICA_HELD;
	return held == 0 || held == (size_t)count;
}

static int check_replicas(const struct snap_demand *body, const struct class *class, struct err *err)
{
	int64_t count = class->kind == DEMAND_SERVICE ? class->workers : 1;
	bool is_out = body->cancelled || body->finishing;
	size_t current = 0;
	int64_t last = -1;

	if (class->kind != DEMAND_JOB && (body->deadline_us > 0 || body->time_limit_us > 0 || (body->hold_body && *body->hold_body->array)))
		return err_set(err, -EINVAL, "a service with what only jobs have");
	if (body->finishing && class->kind != DEMAND_JOB)
		return err_set(err, -EINVAL, "a service that ends without having been cancelled");
	for (size_t i = 0; i < body->replica_count; i++) {
		const struct snap_replica *replica = &body->replicas[i];

		if (replica->replica <= last || !replica_is_sound(body, replica, count))
			return err_set(err, -EINVAL, "a replica that cannot be");
		last = replica->replica;
		if (replica->place != REPLICA_PLACED)
			continue;
		if (current >= body->current_count || body->current[current].replica != replica->replica ||
		    body->current[current].number != replica->attempts || replica->attempts == 0)
			return err_set(err, -EINVAL, "a placed replica without its attempt");
		current++;
	}
	if (current != body->current_count || !holding_is_sound(body, count) || (is_out && body->replica_count != (size_t)count))
		return err_set(err, -EINVAL, "replicas and attempts that do not fit together");
	if (demand_state_is_ended(body->state) && (!is_out || body->current_count > 0))
		return err_set(err, -EINVAL, "an ended demand that still has something to run");
	return 0;
}

static struct attempt *make_attempt(struct platform *platform, struct demand *demand, const struct snap_attempt *body)
{
	struct attempt *attempt = mem_alloc(sizeof(*attempt));
	struct site *site = site_find_any(platform, body->site);

	*attempt = (struct attempt){
		.demand = demand, .site = site ? site : site_make(platform, body->site), .token = body->token,
		.replica = (uint32_t)body->replica, .number = (uint32_t)body->number, .state = body->state, .outcome = body->outcome,
		.exit_code = (int32_t)body->exit_code, .exit_signal = (int32_t)body->exit_signal,
		.failed_worker = (int32_t)body->failed_worker, .message = *body->message ? mem_strdup(body->message) : NULL,
		.placed_us = body->placed_us, .started_us = body->started_us, .ended_us = body->ended_us,
		.placed_sequence = body->placed_sequence, .started_sequence = body->started_sequence,
		.ended_sequence = body->ended_sequence, .report_epoch = body->report_epoch, .report_sequence = body->report_sequence,
		.policy_version = (uint32_t)body->policy_version, .candidates = (uint32_t)body->candidates,
		.score_micro = body->score_micro, .preempted_by = body->preempted_by, .preempted_sequence = body->preempted_sequence,
		.preempted_us = body->preempted_us, .reclaimed = body->reclaimed, .predicted_start_us = body->predicted_start_us, .cpu_used_us = body->cpu_used_us, .memory_peak_mib = body->memory_peak_mib,
		.progress_permille = -1, .second_score_micro = body->second_score_micro, .backfilled = body->backfilled,
		.borrowed = body->borrowed,
	};
	if (*body->second_site) {
		site = site_find_any(platform, body->second_site);
		attempt->second_site = site ? site : site_make(platform, body->second_site);
	}
	return attempt;
}

/* Takes the slots of all current attempts, or none. `slots` has an entry per attempt; what is there is the caller's to free. */
static int take_slots(struct platform *platform, const struct snap_demand *body, const struct class *class, struct slot **slots,
		      struct err *err)
{
	int64_t wanted = class->kind == DEMAND_SERVICE ? 1 : class->workers;
	size_t taken = 0;

	for (; taken < body->current_count; taken++) {
		const struct snap_attempt *attempt = &body->current[taken];
		struct site *site = site_find(platform, attempt->site);

		slots[taken] = (int64_t)attempt->slot_count == wanted ? slots_read(attempt->slots, attempt->slot_count, wanted) : NULL;
		if (!site || attempt->state == ATTEMPT_ENDED || attempt->token > platform->last_token || !slots[taken] ||
		    !slots_take(&site->supply, slots[taken], attempt->slot_count, &class->shape))
			break;
	}
	if (taken == body->current_count)
		return 0;
	for (size_t i = 0; i < taken; i++)
		for (size_t k = 0; k < body->current[i].slot_count; k++)
			supply_give(&site_find(platform, body->current[i].site)->supply, &slots[i][k], &class->shape);
	return err_set(err, -EINVAL, "the slots of attempt %lld of replica %lld are not free", (long long)body->current[taken].number,
		       (long long)body->current[taken].replica);
}

static void fill_replicas(struct platform *platform, struct demand *demand, const struct snap_demand *body, struct slot **slots)
{
	size_t next = 0, current = 0;

	for (uint32_t r = 0; r < demand->replica_count; r++) {
		struct replica *replica = &demand->replicas[r];
		const struct snap_replica *from = next < body->replica_count && body->replicas[next].replica == r ? &body->replicas[next++]
														  : NULL;

		if (!from) {
			queue_add(platform, demand, r);
			continue;
		}
		replica->attempts = (uint32_t)from->attempts;
		replica->losses = (uint32_t)from->losses;
		replica->failures = (uint32_t)from->failures;
		replica->ready_us = from->ready_us;
		replica->place = (enum replica_place)from->place;
		if (from->place == REPLICA_HELD) {
			replica->place = REPLICA_OUT; /* until all are read */
		} else if (from->place == REPLICA_QUEUED) {
			queue_add(platform, demand, r);
		} else if (from->place == REPLICA_WAITING) {
			waiting_add(platform, demand, r);
		} else if (from->place == REPLICA_PLACED) {
			struct attempt *attempt = make_attempt(platform, demand, &body->current[current]);

			attempt->slots = slots[current];
			attempt->slot_count = (uint32_t)body->current[current].slot_count;
			slots[current++] = NULL;
			replica->attempt = attempt;
			demand->current_count++;
			demand->running_count += attempt_is_running(attempt);
			demand->preempted_count += attempt->preempted_sequence > 0;
			site_add_attempt(platform, attempt->site, attempt);
		}
	}
	for (size_t i = body->past_count; i-- > 0;)
		demand_keep_past(demand, make_attempt(platform, demand, &body->past[i]));
}

/* Whether one more member that is live, or has ended, goes with what the hold has counted. */
static bool hold_has_room(const struct hold *hold, const struct snap_demand *body)
{
	bool ended = demand_state_is_ended(body->state);
	int64_t live, counted;

	if (!hold)
		return ended ? body->hold_body->ended > 0 : body->hold_body->ended < body->hold_body->count;
	live = (int64_t)hold->loose + hold->held_count;
	counted = hold->ended;
	return ended ? hold->remembered - live < counted : live + counted < hold->count;
}

static int get_hold(struct platform *platform, const struct snap_demand *body, struct hold **ret, struct err *err)
{
	bool is_array;

	*ret = NULL;
	if (body->hold == 0)
		return body->hold_body ? err_set(err, -EINVAL, "a hold that nobody has") : 0;
	*ret = hold_find(platform, body->hold);
	is_array = *ret ? (*ret)->array != NULL : body->hold_body && *body->hold_body->array;
	if ((*ret != NULL) == (body->hold_body != NULL) || (is_array ? body->hold > body->demand : body->hold != body->demand) ||
	    body->index < 0 || (*ret && (body->index >= (*ret)->count || body->index <= (*ret)->lowest || (*ret)->members[body->index])) ||
	    (body->hold_body && body->index >= body->hold_body->count) || !hold_has_room(*ret, body))
		return err_set(err, -EINVAL, "a hold, or a member of it, that cannot be");
	return body->hold_body ? hold_make(platform, body->hold, body->hold_body, ret, err) : 0;
}

static void join_hold(struct platform *platform, struct demand *demand, const struct snap_demand *body, struct hold *hold)
{
	if (demand_state_is_ended(body->state)) {
		hold_add_ended(platform, hold, demand, (uint32_t)body->index);
		return;
	}
	hold_add(platform, hold, demand, (uint32_t)body->index);
	if (body->replica_count > 0 && body->replicas[0].place == REPLICA_HELD)
		hold_hold(platform, demand);
}

static void fill_demand(struct platform *platform, struct demand *demand, const struct snap_demand *body)
{
	demand->attempts_max = (uint32_t)body->attempts_max;
	demand->on_site_loss = (uint8_t)body->on_site_loss;
	demand->cancelled = body->cancelled;
	demand->finishing = body->finishing;
	demand->accepted_us = body->accepted_us;
	demand->started_us = body->started_us;
	demand->ended_us = body->ended_us;
	demand->cancelled_us = body->cancelled_us;
	demand->cancelled_sequence = body->cancelled_sequence;
	demand->ended_sequence = body->ended_sequence;
	demand->cancelled_by = body->cancelled ? mem_strdup(body->cancelled_by) : NULL;
	demand->message = *body->message ? mem_strdup(body->message) : NULL;
	demand->exit_code = (int32_t)body->exit_code;
	demand->time_limit_us = body->time_limit_us;
	demand->deadline_us = body->deadline_us;
	demand->expired = body->expired;
	if (demand_state_is_ended(body->state))
		demand_end(platform, demand, body->state);
	else
		demand_refresh(platform, demand, body->started_us);
}

static int check_demand(const struct platform *platform, const struct snap_demand *body, struct err *err)
{
	const struct demand_row *last = platform->row_count ? &platform->rows[platform->row_count - 1] : NULL;
	struct accepted_body accepted = { .demand = body->demand, .name = body->name, .tenant = body->tenant,
					  .attempts_max = body->attempts_max, .spec = body->spec,
					  .time_limit_us = body->time_limit_us, .deadline_us = body->deadline_us };

	if (body->demand > platform->last_id || body->demand == 0 || (last && body->demand <= last->id) ||
	    (last && last->demand && body->sequence <= last->demand->sequence))
		return err_set(err, -EINVAL, "a demand out of its order");
	if (body->expired && (!body->cancelled || body->deadline_us == 0))
		return err_set(err, -EINVAL, "a deadline that nobody gave");
	if (body->past_count > PAST_ATTEMPTS_MAX)
		return err_set(err, -EINVAL, "too many past attempts");
	for (size_t i = 0; i < body->past_count; i++)
		if (name_check(body->past[i].site, NULL) < 0 || body->past[i].state != ATTEMPT_ENDED)
			return err_set(err, -EINVAL, "a past attempt that cannot be");
	return accepted_numbers_check(&accepted, body->sequence, err);
}

static int read_demand(struct platform *platform, const struct snap_demand *body, struct err *err)
{
	struct slot **slots;
	struct class *class;
	struct demand *demand;
	struct hold *hold = NULL;
	int code = check_demand(platform, body, err);

	if (code == 0)
		code = class_get(platform, &body->ask, &class, err);
	if (code < 0)
		return code;
	class->demand_count++; /* holds it while the demand may yet be refused */
	slots = mem_alloc((body->current_count + 1) * sizeof(*slots));
	code = check_replicas(body, class, err);
	if (code == 0)
		code = get_hold(platform, body, &hold, err);
	if (code == 0) {
		code = take_slots(platform, body, class, slots, err);
		if (code < 0 && body->hold_body)
			hold_drop(platform, hold);
	}
	if (code == 0) {
		demand = demand_make(platform, body->demand, body->sequence, body->name, body->tenant, class, &body->spec);
		fill_replicas(platform, demand, body, slots);
		fill_demand(platform, demand, body);
		if (hold)
			join_hold(platform, demand, body, hold);
	}
	class_release(platform, class);
	for (size_t i = 0; i < body->current_count; i++)
		free(slots[i]);
	free(slots);
	return code;
}

int apply_snapshot_record(struct platform *platform, const struct event *event, struct err *err)
{
	const struct snap_platform *head = event->body;
	const struct snap_key *key = event->body;
	uint32_t type = (uint32_t)event->type;

	if (type == SNAP_PLATFORM ? platform->sequence > 0 || platform->in_snapshot : !platform->in_snapshot)
		return err_set(err, -EINVAL, "a record of a snapshot where none is read");
	switch (type) {
	case SNAP_PLATFORM:
		platform->in_snapshot = true;
		platform->epoch = head->epoch;
		platform->last_id = head->last_id;
		platform->last_token = head->last_token;
		platform->tallies = head->tallies;
		return 0;
	case SNAP_NETWORK:
		return apply_network(platform, event->body, err);
	case SNAP_CATALOGUE:
		return apply_catalogue(platform, event->body, err);
	case SNAP_POLICY:
		return apply_policy(platform, event->body, err);
	case SNAP_SHARES:
		return accounts_import(platform, event->body, err);
	case SNAP_TOKEN:
		return apply_token(platform, event->body, err);
	case SNAP_SITE:
		return read_site(platform, event->body, err);
	case SNAP_DEMAND:
		return read_demand(platform, event->body, err);
	default:
		return apply_key(platform, key->key, key->request_hash, key->first, key->count, err);
	}
}

static int compare_ends(const void *left, const void *right)
{
	const struct demand *a = *(struct demand *const *)left, *b = *(struct demand *const *)right;

	return a->ended_sequence != b->ended_sequence ? (a->ended_sequence < b->ended_sequence ? -1 : 1)
						      : (a->id > b->id) - (a->id < b->id);
}

void platform_replay_snapshot_end(struct platform *platform, uint64_t sequence)
{
	struct demand **ended = mem_alloc((platform->ended_count + 1) * sizeof(*ended));
	size_t count = 0;

	for (struct demand *demand = platform->ended_first; demand; demand = demand->ended_next)
		ended[count++] = demand;
	if (count > 1)
		qsort(ended, count, sizeof(*ended), compare_ends);
	for (size_t i = 0; i < count; i++)
		ended[i]->ended_next = i + 1 < count ? ended[i + 1] : NULL;
	platform->ended_first = count ? ended[0] : NULL;
	platform->ended_last = count ? ended[count - 1] : NULL;
	free(ended);
	accounts_charge_all(platform);
	platform->in_snapshot = false;
	platform->sequence = sequence;
	if (platform->checks)
		platform_check(platform);
}
