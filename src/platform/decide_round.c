/* One round of the matcher over the queue.
 *
 * Classes that could not be placed wait until something that may help them happened (supply_serial): a
 * round over a million blocked demands then costs nothing. What a round found out about a class, and the
 * reason it gives, is kept aside until platform_observe_round() puts it in force.
 */
#include <string.h>

#include "platform/state.h"

static bool class_is_blocked(const struct platform *platform, const struct class *class)
{
	return class->blocked_serial == platform->supply_serial;
}

static int compare_classes(const void *left, const void *right)
{
	const struct match_class *a = left, *b = right;

	return (a->entries->order > b->entries->order) - (a->entries->order < b->entries->order);
}

static struct class *class_of_entry(const struct platform *platform, const struct match_entry *entry)
{
	return demand_find(platform, entry->demand)->class;
}

void match_input_make(const struct platform *platform, bool with_blocked, size_t entries_max, struct arena *arena, struct match_input *ret)
{
	struct match_class *classes = ARENA_ARRAY(arena, struct match_class, platform->active_count + 1);
	size_t count = 0;

	for (size_t i = 0; i < platform->active_count; i++) {
		const struct class *class = platform->active[i];
		struct match_class *entry = &classes[count];

		if (!with_blocked && class_is_blocked(platform, class))
			continue;
		entry->ask = class_ask(class, arena);
		entry->entries = queue_entries(class, entries_max, arena, &entry->entry_count);
		count++;
	}
	/* By age: the order of the active classes depends on their history. */
	if (count > 1)
		qsort(classes, count, sizeof(*classes), compare_classes);
	*ret = (struct match_input){ .sites = platform->views, .site_count = platform->site_count, .classes = classes, .class_count = count,
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
		       struct arena *arena)
{
	const struct match_class_result *result = &plan->classes[index];
	const struct match_class *entry = &input->classes[index];
	struct observed *observed = platform->observed;
	cleanup_strbuf struct strbuf reason = { 0 };
	struct class_note *note;

	if (!result->tried || result->placed >= entry->entry_count)
		return;
	if (input->site_count == 0) {
		strbuf_puts(&reason, "the network has no sites");
	} else if (result->nearest.code != VERDICT_FITS) {
		strbuf_puts(&reason, verdict_is_never(result->nearest.code) ? "fits nowhere; nearest: " : "waits; nearest: ");
		verdict_describe(&result->nearest, chips_text(entry->ask, arena), &reason);
		strbuf_printf(&reason, " (%s)", input->sites[result->nearest_site].name);
	} else {
		return; /* a limit ended the round */
	}
	ARRAY_RESERVE(observed->notes, observed->note_capacity, observed->note_count + 1);
	note = &observed->notes[observed->note_count++];
	note->class = class_of_entry(platform, entry->entries);
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

	arena_init(&arena);
	match_input_make(platform, false, platform->settings.round_placements_max + 1, &arena, &input); /* one more: so a limit shows */
	input.limits.placements_max = platform->settings.round_placements_max;
	input.limits.slots_max = SLOTS_A_ROUND_MAX;
	match_round(&input, &arena, &plan);
	for (size_t i = 0; i < plan.placement_count; i++)
		place(platform, &plan.placements[i], platform->last_token + 1 + i, now_us, ret);
	drop_notes(platform->observed);
	platform->observed->note_serial = platform->supply_serial;
	for (size_t i = 0; i < input.class_count; i++)
		note_class(platform, &input, &plan, i, &arena);
	*ret_complete = plan.complete;
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
	for (size_t i = 0; i < observed->note_count; i++) {
		struct class_note *note = &observed->notes[i];

		if (!note->class)
			continue;
		free(note->class->reason);
		note->class->reason = note->reason;
		note->class->blocked_serial = observed->note_serial;
		note->reason = NULL;
	}
	drop_notes(observed);
}
