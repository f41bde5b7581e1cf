/* The matcher's books of this platform.
 *
 * The state's own supplies and queues are the truth. The books say the same in the form in which matching is fast: nodes by
 * their state, sites by class. They are made when a round, or a question, first needs them, so that replaying a log costs nothing
 * here, and follow each event after that. What changes everything (network, catalogue, policy) throws them away. check.c holds
 * them against the state in debug builds.
 *
 * They steer nothing but decisions: what a round decides becomes events, and those alone change the state. */
#include <string.h>

#include "platform/state.h"

static uint32_t match_class_of(const struct platform *platform, const struct attempt *attempt)
{
	size_t count;
	const uint32_t *classes = books_classes(platform, attempt->demand->class, &count);
	cleanup_arena struct arena arena = { 0 };

	return classes[count == 1 ? 0 : ask_caller_of(class_ask(attempt->demand->class, &arena), attempt->replica)];
}

static int64_t work_end(const struct attempt *attempt)
{
	int64_t from_us = attempt->started_us > 0 ? attempt->started_us : attempt->placed_us;

	return attempt->demand->time_limit_us > 0 ? from_us + attempt->demand->time_limit_us : INT64_MAX;
}

static void fill_work(const struct platform *platform, struct attempt *attempt)
{
	attempt->work = (struct match_work){
		.demand = attempt->demand->id, .replica = attempt->replica, .class = match_class_of(platform, attempt),
		.tenant = shares_tenant(platform->shares, attempt->demand->tenant->text), .site = attempt->site->index, .slots = attempt->slots,
		.slot_count = attempt->slot_count, .started_us = attempt->started_us > 0 ? attempt->started_us : attempt->placed_us,
		.ends_us = work_end(attempt), .stopping = !attempt_is_wanted(attempt), .borrowed = attempt->borrowed,
	};
}

static void adopt_site(const struct platform *platform, const struct site *site)
{
	for (size_t i = 0; i < site->attempt_count; i++) {
		fill_work(platform, site->attempts[i]);
		matcher_adopt(platform->observed->matcher, &site->attempts[i]->work);
	}
}

struct matcher *books_get(const struct platform *platform)
{
	struct observed *observed = platform->observed;

	if (observed->matcher)
		return observed->matcher;
	observed->context = (struct rule_context){ &platform->catalogue, platform->topology };
	observed->matcher = matcher_new(&platform->policy, &observed->context, 1);
	observed->books_serial++;
	matcher_set_sites(observed->matcher, &observed->context, platform->views, platform->site_count);
	for (size_t i = 0; i < platform->class_table.capacity; i++) {
		struct class *class = platform->class_table.slots[i].item;

		if (class && class->demand_count > 0)
			books_learn(platform, class, (int64_t)class->demand_count);
	}
	for (size_t i = 0; i < platform->site_count; i++)
		adopt_site(platform, platform->sites[i]);
	return observed->matcher;
}

void books_drop(const struct platform *platform)
{
	matcher_free(platform->observed->matcher);
	platform->observed->matcher = NULL;
	/* What was held back for a reservation may have another by the new rules. */
	for (size_t i = 0; i < platform->active_count; i++)
		platform->active[i]->reserved_us = 0;
}

const uint32_t *books_classes(const struct platform *platform, struct class *class, size_t *ret_count)
{
	struct observed *observed = platform->observed;

	if (class->books_serial != observed->books_serial) {
		cleanup_arena struct arena arena = { 0 };
		const struct ask *ask = class_ask(class, &arena);
		size_t callers = ask->where.caller_count;

		class->match_class_count = callers ? callers : 1;
		class->match_classes = mem_resize(class->match_classes, class->match_class_count, sizeof(*class->match_classes));
		if (callers == 0)
			class->match_classes[0] = matcher_class_add(observed->matcher, ask);
		for (size_t c = 0; c < callers; c++) {
			struct ask near = ask_at_caller(ask, c);

			class->match_classes[c] = matcher_class_add(observed->matcher, &near);
		}
		class->books_serial = observed->books_serial;
	}
	*ret_count = class->match_class_count;
	return class->match_classes;
}

void books_forget_class(const struct platform *platform, struct class *class)
{
	const struct observed *observed = platform->observed;

	if (!observed->matcher || class->books_serial != observed->books_serial)
		return;
	for (size_t c = 0; c < class->match_class_count; c++)
		matcher_class_remove(observed->matcher, class->match_classes[c]);
	class->books_serial = 0;
}

void books_learn(const struct platform *platform, struct class *class, int64_t entries)
{
	const uint32_t *classes;
	size_t count;

	if (!platform->observed->matcher)
		return;
	classes = books_classes(platform, class, &count);
	if (class->kind == DEMAND_SERVICE)
		entries *= class->workers;
	matcher_learn(platform->observed->matcher, classes[0], entries);
}

void books_placed(const struct platform *platform, struct attempt *attempt)
{
	if (!platform->observed->matcher)
		return;
	fill_work(platform, attempt);
	matcher_begin(platform->observed->matcher, &attempt->work);
}

void books_started(const struct platform *platform, struct attempt *attempt)
{
	if (!platform->observed->matcher || attempt->work.stopping)
		return;
	attempt->work.started_us = attempt->started_us;
	attempt->work.ends_us = work_end(attempt);
}

void books_stopping(const struct platform *platform, struct attempt *attempt)
{
	if (platform->observed->matcher)
		attempt->work.stopping = true;
}

void books_ended(const struct platform *platform, struct attempt *attempt)
{
	if (platform->observed->matcher)
		matcher_end(platform->observed->matcher, &attempt->work);
}

void books_site_changed(const struct platform *platform, const struct site *site)
{
	if (platform->observed->matcher)
		matcher_site_changed(platform->observed->matcher, &platform->views[site->index]);
}

void books_supply_changed(const struct platform *platform, const struct site *site)
{
	if (!platform->observed->matcher)
		return;
	matcher_site_supply(platform->observed->matcher, &platform->views[site->index]);
	adopt_site(platform, site);
}
