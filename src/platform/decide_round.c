/* One round of the matcher over the queue.
 *
 * Classes that could not be placed wait until something that may help them happened (supply_serial): a
 * round over a million blocked demands then costs nothing. A round looks at so many classes that it ends
 * within a fraction of a second, however many there are; those that were stuck before go behind
 * the others, the longest ago first, so that none is passed over for ever. What a round found out about a class, and the reason it
 * gives, is kept aside until platform_observe_round() puts it in force.
 */
#include <string.h>

#include "platform/state.h"

#define CHECKS_A_ROUND_MAX 4000000 /* classes times sites; about 50 ns each */
#define CLASSES_A_ROUND_MIN 64

static bool class_is_blocked(const struct platform *platform, const struct class *class)
{
	return class->blocked_serial == platform->supply_serial;
}

static uint64_t class_order(const struct class *class)
{
	return class->entries[class->head].order;
}

/* By age, that the order does not depend on the classes' history. */
static int compare_ages(const void *left, const void *right)
{
	uint64_t a = class_order(*(struct class *const *)left), b = class_order(*(struct class *const *)right);

	return (a > b) - (a < b);
}

static int compare_turns(const void *left, const void *right)
{
	const struct class *a = *(struct class *const *)left, *b = *(struct class *const *)right;

	if (a->stuck_round != b->stuck_round)
		return a->stuck_round < b->stuck_round ? -1 : 1;
	if (a->priority != b->priority)
		return a->priority > b->priority ? -1 : 1;
	return compare_ages(left, right);
}

struct class **classes_choose(const struct platform *platform, bool all, struct arena *arena, size_t *ret_count, bool *ret_complete)
{
	struct class **classes = ARENA_ARRAY(arena, struct class *, platform->active_count + 1);
	size_t most = platform->site_count ? CHECKS_A_ROUND_MAX / platform->site_count : CHECKS_A_ROUND_MAX;
	size_t count = 0;

	if (most < CLASSES_A_ROUND_MIN)
		most = CLASSES_A_ROUND_MIN;
	for (size_t i = 0; i < platform->active_count; i++)
		if (all || !class_is_blocked(platform, platform->active[i]))
			classes[count++] = platform->active[i];
	*ret_complete = all || count <= most;
	if (!*ret_complete) {
		qsort(classes, count, sizeof(*classes), compare_turns);
		count = most;
	}
	if (count > 1)
		qsort(classes, count, sizeof(*classes), compare_ages);
	*ret_count = count;
	return classes;
}

void match_input_make(const struct platform *platform, struct class *const *classes, size_t count, size_t entries_max, struct arena *arena,
		      struct match_input *ret)
{
	struct match_class *matched = ARENA_ARRAY(arena, struct match_class, count + 1);

	for (size_t i = 0; i < count; i++) {
		matched[i].ask = class_ask(classes[i], arena);
		matched[i].entries = queue_entries(classes[i], entries_max, arena, &matched[i].entry_count);
	}
	*ret = (struct match_input){ .sites = platform->views, .site_count = platform->site_count, .classes = matched, .class_count = count,
				     .context = { &platform->catalogue, platform->topology } };
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
}

/* What the round found out about one class. */
static void note_class(const struct platform *platform, const struct match_input *input, const struct match_plan *plan, size_t index,
		       struct class *class, struct arena *arena)
{
	const struct match_class_result *result = &plan->classes[index];
	const struct match_class *entry = &input->classes[index];
	struct observed *observed = platform->observed;
	cleanup_strbuf struct strbuf reason = { 0 };
	struct class_note *note;

	if (!result->stuck)
		return; /* placed, or a limit ended the round before it was tried */
	if (input->site_count == 0) {
		strbuf_puts(&reason, "the network has no sites");
	} else {
		strbuf_puts(&reason, verdict_is_never(result->nearest.code) ? "fits nowhere; nearest: " : "waits; nearest: ");
		verdict_describe(&result->nearest, chips_text(entry->ask, arena), &reason);
		strbuf_printf(&reason, " (%s)", input->sites[result->nearest_site].name);
	}
	ARRAY_RESERVE(observed->notes, observed->note_capacity, observed->note_count + 1);
	note = &observed->notes[observed->note_count++];
	note->class = class;
	note->reason = strbuf_take(&reason);
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
	struct class **classes;
	size_t count;
	bool all;

	arena_init(&arena);
	classes = classes_choose(platform, false, &arena, &count, &all);
	/* One entry more than can be placed, so that a limit shows. */
	match_input_make(platform, classes, count, platform->settings.round_placements_max + 1, &arena, &input);
	input.limits.placements_max = platform->settings.round_placements_max;
	input.limits.slots_max = SLOTS_A_ROUND_MAX;
	match_round(&input, &arena, &plan);
	for (size_t i = 0; i < plan.placement_count; i++)
		place(platform, &plan.placements[i], platform->last_token + 1 + i, now_us, ret);
	drop_notes(platform->observed);
	platform->observed->note_serial = platform->supply_serial;
	for (size_t i = 0; i < count; i++)
		note_class(platform, &input, &plan, i, classes[i], &arena);
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
	observed->round++;
	for (size_t i = 0; i < observed->note_count; i++) {
		struct class_note *note = &observed->notes[i];

		if (!note->class)
			continue;
		free(note->class->reason);
		note->class->reason = note->reason;
		note->class->blocked_serial = observed->note_serial;
		note->class->stuck_round = observed->round;
		note->reason = NULL;
	}
	drop_notes(observed);
}
