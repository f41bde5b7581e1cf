/* What a site should do, as a reply to its sync: level-triggered, so it is worked out from the state alone. */
#include <string.h>

#include "platform/state.h"

#define TEXT_BYTES_MAX (4u << 20)   /* of the binary texts of one reply, so that it stays below SYNC_MESSAGE_MAX as JSON */
#define WORKER_BYTES 100            /* of one worker's place, about */

struct worker_slot *worker_slots(const struct attempt *attempt, struct arena *arena)
{
	struct worker_slot *workers = ARENA_ARRAY(arena, struct worker_slot, attempt->slot_count + 1);

	for (uint32_t i = 0; i < attempt->slot_count; i++) {
		const struct slot *slot = &attempt->slots[i];
		const struct supply_group *group = &attempt->site->supply.groups[slot->group];
		struct worker_slot *worker = &workers[i];

		*worker = (struct worker_slot){ .worker = slot->worker, .node = arena_printf(arena, "%s/%u", group->name, slot->node),
						.chip_model = "", .chip_milli = slot->chip_milli };
		if (slot->chips == 0)
			continue;
		worker->chip_model = group->chip_names[__builtin_ctzll(slot->chips)];
		worker->chips = ARENA_ARRAY(arena, int64_t, (size_t)__builtin_popcountll(slot->chips));
		for (uint64_t rest = slot->chips; rest; rest &= rest - 1)
			worker->chips[worker->chip_count++] = __builtin_ctzll(rest);
	}
	return workers;
}

static int compare_tokens(const void *left, const void *right)
{
	const struct sync_run *a = *(struct sync_run *const *)left, *b = *(struct sync_run *const *)right;

	return (a->token > b->token) - (a->token < b->token);
}

/* Texts for those that the site did not report, oldest first, as many as one reply may carry. */
static void add_texts(const struct platform *platform, struct sync_run **unknown, size_t count, struct arena *arena, struct sync_reply *ret)
{
	size_t bytes = 0;
	size_t given = 0;

	if (count > 1)
		qsort(unknown, count, sizeof(*unknown), compare_tokens);
	for (; given < count && given < SYNC_STARTS_MAX; given++) {
		struct sync_run *run = unknown[given];
		const struct attempt *attempt = attempt_current(platform, run->demand, run->replica, run->attempt);
		const struct class *class = attempt->demand->class;

		bytes += attempt->demand->spec_length + class->key.length + (size_t)attempt->slot_count * WORKER_BYTES;
		if (given > 0 && bytes > TEXT_BYTES_MAX)
			break;
		run->spec = demand_spec_read(attempt->demand, arena);
		run->spec->after_count = 0; /* the platform's business, as is the deadline */
		run->spec->deadline_us = 0;
		run->workers = worker_slots(attempt, arena);
		run->worker_count = attempt->slot_count;
	}
	ret->more = given < count;
}

/* Marks the site's attempts that the request reports, and lists those that the agent may forget. */
static bool *read_reports(const struct platform *platform, const struct site *site, const struct sync_request *request, struct arena *arena,
			  struct sync_reply *ret)
{
	bool *reported = ARENA_ARRAY(arena, bool, site->attempt_count + 1);

	ret->forget = ARENA_ARRAY(arena, struct attempt_name, request->attempt_count + 1);
	for (size_t i = 0; i < request->attempt_count; i++) {
		const struct attempt_report *report = &request->attempts[i];
		const struct attempt *attempt = attempt_current(platform, report->demand, report->replica, report->attempt);

		if (attempt && attempt->site == site && attempt->token == report->token)
			reported[attempt->site_index] = true;
		else if (report->state == ATTEMPT_ENDED)
			ret->forget[ret->forget_count++] = (struct attempt_name){ report->demand, report->replica, report->attempt };
	}
	return reported;
}

void platform_sync_reply(const struct platform *platform, const struct sync_request *request, struct arena *arena, struct sync_reply *ret)
{
	const struct site *site = site_find(platform, request->site);
	struct sync_run **unknown;
	size_t unknown_count = 0;
	bool *reported;

	*ret = (struct sync_reply){ .version = SYNC_VERSION, .platform = platform->settings.name, .epoch = platform->epoch,
				    .lease_us = platform->settings.lease_us };
	if (!site)
		return;
	ret->revision = site->revision;
	ret->want_supply = !request->has_groups && (!site->has_supply || site->supply_hash != request->supply_hash);
	reported = read_reports(platform, site, request, arena, ret);
	ret->run = ARENA_ARRAY(arena, struct sync_run, site->attempt_count + 1);
	unknown = ARENA_ARRAY(arena, struct sync_run *, site->attempt_count + 1);
	for (size_t i = 0; i < site->attempt_count; i++) {
		const struct attempt *attempt = site->attempts[i];
		struct sync_run *run;

		if (!attempt_is_wanted(attempt))
			continue;
		run = &ret->run[ret->run_count++];
		*run = (struct sync_run){ .demand = attempt->demand->id, .replica = attempt->replica, .attempt = attempt->number,
					  .token = attempt->token };
		/* One that was reported before and is not now is lost (decide_sync's Y3): it is not started again. */
		if (!reported[i] && attempt->report_epoch == 0)
			unknown[unknown_count++] = run;
	}
	add_texts(platform, unknown, unknown_count, arena, ret);
}
