/* What an agent said, turned into events.
 *
 * Messages may be lost, repeated, late, or out of order, on either side, and agent and platform may each
 * begin a new life between any two of them. What makes that harmless:
 *
 *   Y1  An agent's life has an epoch, its syncs a sequence. A sync of an older epoch is refused; one whose
 *       sequence is not greater than the newest believed is answered, and changes nothing.
 *   Y2  An attempt only goes forward. A report names it by demand, replica, number and token, so it can
 *       only be about the attempt that it was meant for, however late it comes.
 *   Y3  An attempt that was reported once is listed by its agent until the platform said "forget", which it
 *       says only of ended ones. So a sync that is later than the recorded report (epoch, sequence: durable)
 *       and does not list it means that the agent lost it. It may go on running until its lease is over;
 *       the next attempt waits for that long.
 *   Y4  An attempt that was never reported is sent again and again; starting one twice does nothing.
 *   Y5  An attempt that should no longer run and was never reported is over once the agent acted on a reply
 *       that left it out (heard_epoch, heard_revision): it never acts on an older reply after that.
 *   Y6  Supply is believed only from a sync later than the one that told it last (durable as well).
 */
#include <string.h>

#include "platform/state.h"

struct syncing {
	const struct platform *platform;
	const struct site *site;
	const struct sync_request *request;
	struct ending ending;
	uint64_t *listed; /* bit i: the request lists site->attempts[i] */
	uint64_t *ended;  /* bit i: this decision ends it */
};

static bool is_later(uint64_t epoch, uint64_t sequence, uint64_t than_epoch, uint64_t than_sequence)
{
	return epoch != than_epoch ? epoch > than_epoch : sequence > than_sequence;
}

static bool get_bit(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static void set_bit(uint64_t *bits, size_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static void end_attempt(struct syncing *syncing, const struct attempt *attempt, const struct attempt_report *report, int64_t delay_us)
{
	set_bit(syncing->ended, attempt->site_index);
	ending_add(&syncing->ending, attempt, report, delay_us);
}

static void sync_condition(struct syncing *syncing)
{
	const struct site *site = syncing->site;
	struct condition_body *body;

	if (site->condition == CONDITION_UP && syncing->request->epoch == site->agent_epoch)
		return;
	body = event_add(syncing->ending.list, syncing->ending.now_us, EVENT_SITE_CONDITION);
	body->site = site->name;
	body->condition = CONDITION_UP;
	body->epoch = syncing->request->epoch;
	body->cause = syncing->request->epoch == site->agent_epoch ? "its agent speaks again" : "an agent speaks for it";
}

/* --- supply ------------------------------------------------------------------------------------ */

static int compare_tokens(const void *left, const void *right)
{
	const struct attempt *a = *(struct attempt *const *)left, *b = *(struct attempt *const *)right;

	return (a->token > b->token) - (a->token < b->token);
}

/* Attempts that the new supply has no room for, newest first to go: they end. */
static void end_without_room(struct syncing *syncing, struct supply *supply)
{
	const struct site *site = syncing->site;
	struct arena *arena = syncing->ending.list->arena;
	struct attempt **attempts = site_attempts_sorted(site, arena);

	if (site->attempt_count > 0)
		qsort(attempts, site->attempt_count, sizeof(*attempts), compare_tokens);
	for (size_t i = 0; i < site->attempt_count; i++) {
		const struct attempt *attempt = attempts[i];
		struct slot *slots = ARENA_ARRAY(arena, struct slot, attempt->slot_count + 1);
		struct attempt_report report = report_of(attempt, OUTCOME_LOST, "the site no longer offers what it ran on");

		if (get_bit(syncing->ended, attempt->site_index))
			continue;
		if (slots_remap(&site->supply, supply, attempt->slots, attempt->slot_count, slots) &&
		    slots_take(supply, slots, attempt->slot_count, &attempt->demand->class->shape))
			continue;
		end_attempt(syncing, attempt, &report, syncing->platform->settings.lost_after_us);
	}
}

static void sync_supply(struct syncing *syncing)
{
	const struct sync_request *request = syncing->request;
	const struct site *site = syncing->site;
	struct supply supply = { 0 };
	struct supply_body *body;

	if (!request->has_groups || (site->has_supply && site->supply_hash == request->supply_hash) ||
	    !is_later(request->epoch, request->sequence, site->supply_epoch, site->supply_sequence))
		return;
	supply_init(&supply, request->groups, request->group_count);
	end_without_room(syncing, &supply);
	supply_done(&supply);
	body = event_add(syncing->ending.list, syncing->ending.now_us, EVENT_SITE_SUPPLY);
	body->site = site->name;
	body->hash = request->supply_hash;
	body->epoch = request->epoch;
	body->sequence = request->sequence;
	body->groups = request->groups;
	body->group_count = request->group_count;
}

/* --- attempts ---------------------------------------------------------------------------------- */

static void sync_change(struct syncing *syncing, const struct attempt *attempt, const struct attempt_report *report)
{
	struct changed_body *body;

	if (report->state <= attempt->state)
		return;
	body = event_add(syncing->ending.list, syncing->ending.now_us, EVENT_ATTEMPT_CHANGED);
	body->demand = report->demand;
	body->replica = report->replica;
	body->attempt = report->attempt;
	body->site = syncing->site->name;
	body->state = report->state;
	body->started_us = report->started_us;
	body->report_epoch = syncing->request->epoch;
	body->report_sequence = syncing->request->sequence;
}

static void sync_report(struct syncing *syncing, const struct attempt_report *report)
{
	struct attempt *attempt = attempt_current(syncing->platform, report->demand, report->replica, report->attempt);

	if (!attempt || attempt->site != syncing->site || attempt->token != report->token || get_bit(syncing->listed, attempt->site_index))
		return;
	set_bit(syncing->listed, attempt->site_index);
	if (report->state == ATTEMPT_ENDED)
		end_attempt(syncing, attempt, report, 0);
	else
		sync_change(syncing, attempt, report);
}

/* The attempts that the request does not list. */
static void sync_missing(struct syncing *syncing)
{
	const struct sync_request *request = syncing->request;
	const struct platform *platform = syncing->platform;
	struct attempt **attempts = site_attempts_sorted(syncing->site, syncing->ending.list->arena);
	bool heard_now = request->heard_epoch == platform->epoch;

	for (size_t i = 0; i < syncing->site->attempt_count; i++) {
		const struct attempt *attempt = attempts[i];
		bool reported = attempt->report_epoch > 0;
		struct attempt_report report;

		if (get_bit(syncing->listed, attempt->site_index))
			continue;
		if (reported && is_later(request->epoch, request->sequence, attempt->report_epoch, attempt->report_sequence)) {
			report = report_of(attempt, OUTCOME_LOST, "the site's agent does not know it any more");
			end_attempt(syncing, attempt, &report, platform->settings.lost_after_us);
		} else if (!reported && !attempt_is_wanted(attempt) && heard_now && request->heard_revision >= attempt->unwanted_revision) {
			report = report_of(attempt, OUTCOME_STOPPED, "never started");
			end_attempt(syncing, attempt, &report, 0);
		}
	}
}

static int check_request(const struct platform *platform, const struct sync_request *request, const struct site **ret_site, struct err *err)
{
	const struct site *site = site_find(platform, request->site);

	if (request->version < SYNC_VERSION_MIN)
		return err_set(err, -EPROTO, "the agent speaks version %lld, at least %d is needed", (long long)request->version,
			       SYNC_VERSION_MIN);
	if (!site)
		return err_set(err, -ENOENT, "there is no site %.63s", request->site);
	if (request->epoch == 0)
		return err_set(err, -EINVAL, "the agent's epoch is 0, expected a number that grows with each of its lives");
	if (request->epoch < site->agent_epoch)
		return err_set(err, -ESTALE, "a later agent speaks for %s", site->name);
	*ret_site = site;
	return request->has_groups ? groups_check(request->groups, request->group_count, err) : 0;
}

int decide_sync(const struct platform *platform, int64_t now_us, const struct sync_request *request, struct event_list *ret,
		struct err *err)
{
	struct syncing syncing = { .platform = platform, .request = request,
				   .ending = { .platform = platform, .now_us = now_us, .list = ret } };
	int code = check_request(platform, request, &syncing.site, err);

	if (code < 0)
		return code;
	if (request->epoch == syncing.site->agent_epoch && request->sequence <= syncing.site->sequence)
		return 0;
	syncing.listed = ARENA_ARRAY(ret->arena, uint64_t, syncing.site->attempt_count / 64 + 1);
	syncing.ended = ARENA_ARRAY(ret->arena, uint64_t, syncing.site->attempt_count / 64 + 1);
	sync_condition(&syncing);
	for (size_t i = 0; i < request->attempt_count; i++)
		sync_report(&syncing, &request->attempts[i]);
	sync_missing(&syncing);
	sync_supply(&syncing);
	ending_finish(&syncing.ending);
	return 0;
}
