/* What time alone brings about: sites fall silent, replicas come out of their backoff. */
#include "platform/state.h"

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
	due = waiting_due(platform, now_us, ret->arena, &due_count);
	for (size_t i = 0; i < due_count; i++) {
		struct ready_body *body = event_add(ret, now_us, EVENT_DEMAND_READY);

		body->demand = due[i].demand;
		body->replica = due[i].replica;
	}
	return 0;
}

int64_t platform_next_tick_us(const struct platform *platform)
{
	int64_t next_us = waiting_next_us(platform);

	if (platform->up.first && platform->up.first->seen_us + platform->settings.suspect_after_us < next_us)
		next_us = platform->up.first->seen_us + platform->settings.suspect_after_us;
	if (platform->suspect.first && platform->suspect.first->seen_us + platform->settings.lost_after_us < next_us)
		next_us = platform->suspect.first->seen_us + platform->settings.lost_after_us;
	return next_us;
}
