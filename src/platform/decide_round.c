/* One round of the matcher over the queues.
 *
 * Queues whose oldest could not be placed wait until something that may help them happened (supply_serial): a round over a
 * million blocked demands then costs nothing. Only those for which something is reserved come along each time, so that
 * nobody takes it. A round looks at so many queues that it ends within a fraction of a second, however many there are; those
 * that were stuck before go behind the others, the longest ago first, so that none is passed over for ever. What a round found out
 * about a queue, and the reason it gives, is kept aside until platform_observe_round() puts it in force.
 */
#include <string.h>

#include "platform/state.h"

#define CHECKS_A_ROUND_MAX 4000000 /* queues times sites; about 50 ns each when nothing is known of the queue's class */
#define QUEUES_A_ROUND_MIN 64

static bool queue_is_blocked(const struct platform *platform, const struct queue *queue)
{
	return queue->blocked_serial == platform->supply_serial && queue->reserved_us == 0;
}

static uint64_t queue_order(const struct queue *queue)
{
	return queue->entries[queue->head].order;
}

/* By age, that the order does not depend on the queues' history. */
static int compare_ages(const void *left, const void *right)
{
	uint64_t a = queue_order(*(struct queue *const *)left), b = queue_order(*(struct queue *const *)right);

	return (a > b) - (a < b);
}

static int compare_turns(const void *left, const void *right)
{
	const struct queue *a = *(struct queue *const *)left, *b = *(struct queue *const *)right;

	if ((a->reserved_us > 0) != (b->reserved_us > 0))
		return a->reserved_us > 0 ? -1 : 1;
	if (a->stuck_round != b->stuck_round)
		return a->stuck_round < b->stuck_round ? -1 : 1;
	if (a->class->priority != b->class->priority)
		return a->class->priority > b->class->priority ? -1 : 1;
	return compare_ages(left, right);
}

struct queue **queues_choose(const struct platform *platform, bool all, struct arena *arena, size_t *ret_count, bool *ret_complete)
{
	struct queue **queues = ARENA_ARRAY(arena, struct queue *, platform->active_count + 1);
	size_t most = platform->site_count ? CHECKS_A_ROUND_MAX / platform->site_count : CHECKS_A_ROUND_MAX;
	size_t count = 0;

	if (most < QUEUES_A_ROUND_MIN)
		most = QUEUES_A_ROUND_MIN;
	for (size_t i = 0; i < platform->active_count; i++)
		if (all || !queue_is_blocked(platform, platform->active[i]))
			queues[count++] = platform->active[i];
	*ret_complete = all || count <= most;
	if (!*ret_complete) {
		qsort(queues, count, sizeof(*queues), compare_turns);
		count = most;
	}
	if (count > 1)
		qsort(queues, count, sizeof(*queues), compare_ages);
	*ret_count = count;
	return queues;
}

static int compare_deadlines(const void *left, const void *right)
{
	const struct match_entry *a = left, *b = right;

	if (a->deadline_us != b->deadline_us)
		return a->deadline_us < b->deadline_us ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static struct match_stream *add_stream(struct match_input *input, size_t *queue_of, size_t queue, uint32_t class, uint32_t tenant,
				       const struct match_entry *entries, size_t count)
{
	struct match_stream *stream = (struct match_stream *)&input->streams[input->stream_count];

	*stream = (struct match_stream){ class, tenant, entries, count };
	queue_of[input->stream_count++] = queue;
	return stream;
}

/* The replicas of a service by the caller that each is for. */
static void add_callers(struct match_input *input, size_t *queue_of, size_t at, const struct queue *queue, const uint32_t *classes,
			size_t class_count, uint32_t tenant, const struct match_entry *entries, size_t count, struct arena *arena)
{
	const struct ask *ask = class_ask(queue->class, arena);
	struct match_entry *own = ARENA_ARRAY(arena, struct match_entry, count + 1);
	int64_t ends[DEMAND_LIST_MAX];
	size_t filled = 0;

	ask_caller_ends(ask, ends);
	for (size_t c = 0; c < class_count; c++) {
		size_t first = filled;

		for (size_t e = 0; e < count; e++)
			if (entries[e].replica < ends[c] && (c == 0 || entries[e].replica >= ends[c - 1]))
				own[filled++] = entries[e];
		if (filled > first)
			add_stream(input, queue_of, at, classes[c], tenant, own + first, filled - first);
	}
}

void match_input_make(const struct platform *platform, struct queue *const *queues, size_t count, size_t entries_max, int64_t now_us,
		      struct arena *arena, struct match_input *ret, size_t **ret_queue_of)
{
	size_t streams = 1;

	*ret = (struct match_input){ .matcher = books_get(platform), .shares = platform->shares, .now_us = now_us };
	for (size_t i = 0; i < count; i++) {
		size_t class_count;

		books_classes(platform, queues[i]->class, &class_count);
		streams += class_count;
	}
	ret->streams = ARENA_ARRAY(arena, struct match_stream, streams);
	*ret_queue_of = ARENA_ARRAY(arena, size_t, streams);
	for (size_t i = 0; i < count; i++) {
		uint32_t tenant = shares_tenant(platform->shares, queues[i]->tenant);
		size_t class_count, entry_count;
		const uint32_t *classes = books_classes(platform, queues[i]->class, &class_count);
		const struct match_entry *entries = queue_entries(queues[i], queues[i]->dated ? 0 : entries_max, arena, &entry_count);

		if (queues[i]->dated) {
			struct match_entry *sorted = arena_dup(arena, entries, entry_count * sizeof(*entries));

			qsort(sorted, entry_count, sizeof(*sorted), compare_deadlines);
			entries = sorted;
		}
		if (class_count == 1)
			add_stream(ret, *ret_queue_of, i, classes[0], tenant, entries, entry_count);
		else
			add_callers(ret, *ret_queue_of, i, queues[i], classes, class_count, tenant, entries, entry_count, arena);
	}
}

static void place(const struct platform *platform, const struct match_placement *placement, uint64_t token, int64_t now_us,
		  struct event_list *list)
{
	const struct demand *demand = demand_find(platform, placement->demand);
	struct placed_body *body = event_add(list, now_us, EVENT_PLACED);

	body->demand = placement->demand;
	body->replica = placement->replica;
	body->attempt = (int64_t)demand->replicas[placement->replica].attempts + 1;
	body->token = token;
	body->site = platform->sites[placement->site]->name;
	body->slots = ARENA_ARRAY(list->arena, struct slot_body, placement->slot_count + 1);
	body->slot_count = placement->slot_count;
	for (size_t i = 0; i < placement->slot_count; i++) {
		const struct slot *slot = &placement->slots[i];

		body->slots[i] = (struct slot_body){ slot->worker, slot->group, slot->node, slot->chips, slot->chip_milli };
	}
	body->policy_version = POLICY_VERSION;
	body->candidates = placement->candidates;
	body->score_micro = placement->score;
	body->predicted_start_us = demand->replicas[placement->replica].predicted_us;
	body->second_site = placement->second_score < 0 ? "" : platform->sites[placement->second_site]->name;
	body->second_score_micro = placement->second_score < 0 ? 0 : placement->second_score;
	body->backfilled = placement->backfilled;
	body->borrowed = placement->borrowed;
}

static void describe_stuck(const struct match_input *input, const struct match_stream_result *result, uint32_t class, struct arena *arena,
			   struct strbuf *reason)
{
	if (matcher_site_count(input->matcher) == 0) {
		strbuf_puts(reason, "the network has no sites");
		return;
	}
	strbuf_puts(reason, verdict_is_never(result->nearest.code) ? "fits nowhere; nearest: " : "waits; nearest: ");
	verdict_describe(&result->nearest, chips_text(matcher_class_ask(input->matcher, class), arena), reason);
	if (result->nearest.code != VERDICT_LIMIT)
		strbuf_printf(reason, " (%s)", matcher_site(input->matcher, result->nearest_site)->name);
}

/* What the round found out about a queue; of several streams the first that is stuck speaks. */
static void note_stream(const struct platform *platform, const struct match_input *input, const struct match_plan *plan, size_t stream,
			struct queue *queue, struct arena *arena)
{
	const struct match_stream_result *result = &plan->streams[stream];
	struct observed *observed = platform->observed;
	cleanup_strbuf struct strbuf reason = { 0 };
	struct queue_note *note = observed->note_count ? &observed->notes[observed->note_count - 1] : NULL;

	if (!result->stuck || (note && note->queue == queue))
		return; /* placed, or a limit ended the round before it was tried */
	describe_stuck(input, result, input->streams[stream].class, arena, &reason);
	ARRAY_RESERVE(observed->notes, observed->note_capacity, observed->note_count + 1);
	note = &observed->notes[observed->note_count++];
	*note = (struct queue_note){ .queue = queue, .reason = strbuf_take(&reason), .reserved_us = result->reserved_us };
}

static const struct attempt *attempt_of_work(const struct platform *platform, const struct match_work *work)
{
	return demand_find(platform, work->demand)->replicas[work->replica].attempt;
}

static void drop_notes(struct observed *observed)
{
	for (size_t i = 0; i < observed->note_count; i++)
		free(observed->notes[i].reason);
	observed->note_count = 0;
}

int decide_round(const struct platform *platform, int64_t now_us, struct event_list *ret, bool *ret_complete, struct err *err)
{
	cleanup_arena struct arena arena = { 0 };
	struct match_input input;
	struct match_plan plan;
	struct queue **queues;
	size_t count, *queue_of;
	bool all;

	arena_init(&arena);
	queues = queues_choose(platform, false, &arena, &count, &all);
	/* One entry more than can be placed, so that a limit shows. */
	match_input_make(platform, queues, count, platform->settings.round_placements_max + 1, now_us, &arena, &input, &queue_of);
	input.limits.placements_max = platform->settings.round_placements_max;
	input.limits.slots_max = SLOTS_A_ROUND_MAX;
	match_round(&input, &arena, &plan);
	if (plan.complete && all)
		gap_measure(platform, &input, &plan, &arena);
	for (size_t i = 0; i < plan.placement_count; i++)
		place(platform, &plan.placements[i], platform->last_token + 1 + i, now_us, ret);
	for (size_t i = 0; i < plan.preemption_count; i++) {
		const struct match_preemption *preemption = &plan.preemptions[i];

		preempt(platform, attempt_of_work(platform, preemption->victim), preemption->by, preemption->reclaimed, now_us, ret);
	}
	drop_notes(platform->observed);
	platform->observed->note_serial = platform->supply_serial;
	for (size_t i = 0; i < input.stream_count; i++)
		note_stream(platform, &input, &plan, i, queues[queue_of[i]], &arena);
	*ret_complete = plan.complete && all;
	return 0;
}

bool platform_round_wanted(const struct platform *platform)
{
	return platform->observed->round_wanted && platform->active_count > 0;
}

void platform_observe_round(struct platform *platform, bool complete)
{
	struct observed *observed = platform->observed;

	observed->round_wanted = !complete;
	observed->arrived = false;
	observed->round++;
	for (size_t i = 0; i < observed->note_count; i++) {
		struct queue_note *note = &observed->notes[i];

		if (!note->queue)
			continue;
		free(note->queue->reason);
		note->queue->reason = note->reason;
		note->queue->blocked_serial = observed->note_serial;
		note->queue->stuck_round = observed->round;
		note->queue->reserved_us = note->reserved_us;
		note->reason = NULL;
	}
	drop_notes(observed);
}
