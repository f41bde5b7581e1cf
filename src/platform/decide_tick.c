/* What time alone brings about: sites fall silent, replicas come out of their backoff,
 * deadlines pass; and what follows from the ends of others. */
#include "base/id.h"
#include "platform/state.h"

#define SETTLED_A_TICK_MAX 4096 /* demands that are released or cancelled because of others */

static void change_condition(const struct site *site, int64_t now_us, enum site_condition condition, struct event_list *list)
{
	struct condition_body *body = event_add(list, now_us, EVENT_SITE_CONDITION);

	body->site = site->name;
	body->condition = condition;
	body->epoch = site->agent_epoch;
	body->cause = arena_printf(list->arena, "no sync for %lld s", (long long)((now_us - site->seen_us) / 1000000));
}

/* An engine that stops its work when the lease runs out holds nothing any more. Of the others the demand says what to do. */
static bool loses_with_site(const struct attempt *attempt)
{
	enum engine_kind engine = attempt->site->spec->engine;

	return engine == ENGINE_LOCAL || engine == ENGINE_SIMULATED || attempt->demand->on_site_loss == LOSS_REQUEUE;
}

static void lose_site(struct ending *ending, const struct site *site)
{
	struct attempt **attempts = site_attempts_sorted(site, ending->list->arena);

	change_condition(site, ending->now_us, CONDITION_LOST, ending->list);
	for (size_t i = 0; i < site->attempt_count; i++) {
		struct attempt_report report = report_of(attempts[i], OUTCOME_LOST, "the site was lost");

		if (loses_with_site(attempts[i]))
			ending_add(ending, attempts[i], &report, 0);
	}
}

/* "train ended as failed, and this waits for its success". */
static const char *hopeless_text(const struct platform *platform, const struct hold *hold, struct arena *arena)
{
	const struct edge *edge = hold->edges;
	const struct demand *demand;
	const struct hold *array;
	char id[ID_TEXT_SIZE];

	while (edge->state != EDGE_HOPELESS)
		edge++;
	array = edge->whole ? hold_find(platform, edge->target) : NULL;
	demand = edge->whole ? NULL : demand_find(platform, edge->target);
	if (array && edge->when == AFTER_OK)
		return arena_printf(arena, "cancelled: %u of %u members of %s did not succeed, and this waits for the success of all",
				    array->failed, array->count, array->array);
	if (edge->when == AFTER_OK)
		return arena_printf(arena, "cancelled: %s ended as %s, and this waits for its success",
				    demand ? demand->name->text : id_format(edge->target, id),
				    demand ? demand_state_to_string(demand->state) : "something else");
	return arena_printf(arena, "cancelled: %s succeeded, and this waits for its failure",
			    array	 ? array->array
			    : demand ? demand->name->text
				     : id_format(edge->target, id));
}

static void cancel_hopeless(const struct demand *demand, const char *message, int64_t now_us, struct event_list *list)
{
	struct cancelled_body *cancelled = event_add(list, now_us, EVENT_DEMAND_CANCELLED);
	struct demand_ended_body *ended = event_add(list, now_us, EVENT_DEMAND_ENDED);

	cancelled->demand = ended->demand = demand->id;
	cancelled->by = "";
	ended->state = STATE_CANCELLED;
	ended->message = message;
}

/* Loosens or cancels members, `*room` of all holds at most; what is left stays due. */
static void settle_hold(const struct platform *platform, const struct hold *hold, int64_t now_us, size_t *room, struct event_list *list)
{
	const char *message = hold->hopeless_count > 0 ? hopeless_text(platform, hold, list->arena) : NULL;
	size_t most = message || hold->at_once == 0 ? hold->held_count : hold->at_once - hold->loose;

	if (most > hold->held_count)
		most = hold->held_count;
	for (uint32_t i = hold->next_held; most > 0 && *room > 0; i++) {
		const struct demand *demand = hold->members[i];
		struct released_body *body;

		if (!demand || !demand_is_held(demand))
			continue;
		most--;
		--*room;
		if (message) {
			cancel_hopeless(demand, message, now_us, list);
			continue;
		}
		body = event_add(list, now_us, EVENT_DEMAND_RELEASED);
		body->demand = demand->id;
	}
}

static void settle_holds(const struct platform *platform, int64_t now_us, struct event_list *list)
{
	struct hold **holds = holds_due_sorted(platform, list->arena);
	size_t room = SETTLED_A_TICK_MAX;

	for (size_t i = 0; i < platform->due_hold_count && room > 0; i++)
		settle_hold(platform, holds[i], now_us, &room, list);
}

/* This very tick cancels it for another reason, or ends its attempt. */
static bool is_settled_now(const struct platform *platform, const struct demand *demand, int64_t now_us)
{
	const struct attempt *attempt = demand->single.attempt;

	if (demand_is_held(demand) && demand->hold->hopeless_count > 0)
		return true;
	return attempt && attempt->site->watch && attempt->site->seen_us <= now_us - platform->settings.lost_after_us &&
	       loses_with_site(attempt);
}

static const char *late_text(const struct demand *demand, int64_t now_us, struct arena *arena)
{
	int64_t left_us = demand->deadline_us > now_us ? demand->deadline_us - now_us : 0;
	char limit[32], left[32];

	if (demand->time_limit_us == 0)
		return "could not be placed before its deadline";
	return arena_printf(arena, "could not be placed before its deadline: its time limit is %s, and %s are left",
			    unit_human(UNIT_DURATION, demand->time_limit_us, limit, sizeof(limit)),
			    unit_human(UNIT_DURATION, left_us / 1000000 * 1000000, left, sizeof(left)));
}

/* What can no longer end in time: stopped as by a cancel, or ended where it waits. */
static void expire_due(const struct platform *platform, int64_t now_us, struct event_list *list)
{
	size_t count;
	struct demand **due = deadlines_due(platform, now_us, list->arena, &count);

	for (size_t i = 0; i < count && i < SETTLED_A_TICK_MAX; i++) {
		struct demand_ended_body *ended;

		if (is_settled_now(platform, due[i], now_us))
			continue;
		((struct expired_body *)event_add(list, now_us, EVENT_DEMAND_EXPIRED))->demand = due[i]->id;
		if (due[i]->current_count > 0)
			continue;
		ended = event_add(list, now_us, EVENT_DEMAND_ENDED);
		ended->demand = due[i]->id;
		ended->state = STATE_TIMED_OUT;
		ended->message = late_text(due[i], now_us, list->arena);
	}
}

int decide_tick(const struct platform *platform, int64_t now_us, struct event_list *ret, struct err *err)
{
	struct ending ending = { .platform = platform, .now_us = now_us, .list = ret };
	int64_t lost_before_us = now_us - platform->settings.lost_after_us;
	int64_t suspect_before_us = now_us - platform->settings.suspect_after_us;
	const struct waiting *due;
	size_t due_count;

	for (const struct site *site = platform->suspect.first; site && site->seen_us <= lost_before_us; site = site->later)
		lose_site(&ending, site);
	for (const struct site *site = platform->up.first; site && site->seen_us <= suspect_before_us; site = site->later) {
		if (site->seen_us <= lost_before_us)
			lose_site(&ending, site);
		else
			change_condition(site, now_us, CONDITION_SUSPECT, ret);
	}
	ending_finish(&ending);
	settle_holds(platform, now_us, ret);
	due = waiting_due(platform, now_us, ret->arena, &due_count);
	for (size_t i = 0; i < due_count; i++) {
		struct ready_body *body = event_add(ret, now_us, EVENT_DEMAND_READY);

		body->demand = due[i].demand;
		body->replica = due[i].replica;
	}
	expire_due(platform, now_us, ret); /* last: it may end what was queued above */
	return 0;
}

int64_t platform_next_tick_us(const struct platform *platform)
{
	int64_t next_us = waiting_next_us(platform);

	if (platform->due_hold_count > 0)
		return 0; /* at once */
	if (deadline_next_us(platform) < next_us)
		next_us = deadline_next_us(platform);
	if (platform->up.first && platform->up.first->seen_us + platform->settings.suspect_after_us < next_us)
		next_us = platform->up.first->seen_us + platform->settings.suspect_after_us;
	if (platform->suspect.first && platform->suspect.first->seen_us + platform->settings.lost_after_us < next_us)
		next_us = platform->suspect.first->seen_us + platform->settings.lost_after_us;
	return next_us;
}
