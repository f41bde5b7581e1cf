/* Every site gives its verdict by the same code as a round's, against the supply as it is; the verdicts
 * are then sorted into groups of one obstacle each. A group's sentence speaks for all of its sites: it
 * keeps the names (of a tier, a region, a chip) that they share and drops those in which they differ. */
#include "match/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "match/room.h"

#define MODELS_NAMED 3 /* chip models that a sentence names; of more it says how many */

static void judge_sites(const struct match_input *input, const struct ask *ask, int64_t replica_backoff_s, struct arena *arena,
			struct explanation *ret)
{
	int64_t want = ask->kind == DEMAND_JOB ? ask->workers : 1;
	struct room *room = ARENA_NEW(arena, struct room);
	struct overlay overlay;
	struct chip_cache cache;

	overlay_init(&overlay, input->site_count, arena);
	chip_cache_init(&cache, ask, &input->context, arena);
	ret->verdicts = ARENA_ARRAY(arena, struct verdict, input->site_count ? input->site_count : 1);
	for (size_t s = 0; s < input->site_count; s++) {
		const struct site_view *site = &input->sites[s];
		struct verdict verdict = rules_check_site_cached(&cache, site);

		if (verdict.code == VERDICT_FITS) {
			room_open(room, &cache, site->supply, overlay_site(&overlay, s, site->supply));
			if (room_fits(room, want)) {
				verdict.code = replica_backoff_s > 0 ? VERDICT_BACKOFF : VERDICT_ROUND_PENDING;
				verdict.want = replica_backoff_s > 0 ? replica_backoff_s : 0;
				ret->fits_now = true;
			} else {
				verdict = room_verdict(room, want);
			}
		}
		ret->verdicts[s] = verdict;
	}
}

struct sorted_site {
	const struct verdict *verdict;
	uint32_t site;
};

static int compare_sites(const void *left, const void *right)
{
	const struct sorted_site *a = left, *b = right;
	int order = verdict_compare(b->verdict, a->verdict);

	if (a->verdict->code != b->verdict->code)
		return a->verdict->code < b->verdict->code ? -1 : 1;
	return order ? order : (a->site > b->site) - (a->site < b->site);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* "ascend-910b or h100", "chips". */
static const char *name_chips(const struct ask *ask, struct arena *arena)
{
	const struct chip_ask *chips = &ask->shape.chips;
	const char *text;

	if (chips->milli == 0 || chips->model_count == 0)
		return "chips";
	text = chips->models[0];
	for (size_t i = 1; i < chips->model_count && i < MODELS_NAMED; i++)
		text = arena_printf(arena, "%s%s%s", text, i + 1 == chips->model_count ? " or " : ", ", chips->models[i]);
	if (chips->model_count > MODELS_NAMED)
		text = arena_printf(arena, "%s or %zu other models", text, chips->model_count - MODELS_NAMED);
	return text;
}

static const char *group_sentence(const struct match_input *input, const struct explain_group *group, const struct verdict *verdicts,
				  const char *chips, struct arena *arena)
{
	struct verdict shared = group->best;
	struct strbuf text = { 0 };
	struct strbuf numbers = { 0 };
	bool aged = group->code == VERDICT_SITE_LOST || group->code == VERDICT_SITE_SUSPECT;
	const char *sentence;

	for (size_t i = 1; i < group->site_count; i++) {
		const struct verdict *other = &verdicts[group->sites[i]];

		if (!same_text(shared.name, other->name))
			shared.name = NULL;
		if (!same_text(shared.other, other->other))
			shared.other = NULL;
	}
	/* "The work may not" would be untrue where it is the data of several names. */
	if (group->code == VERDICT_RESIDENCY && group->best.other && !shared.other)
		shared.other = group->best.other, shared.name = NULL;
	strbuf_printf(&text, "%zu site%s: ", group->site_count, group->site_count == 1 ? "" : "s");
	verdict_reason(&shared, chips, &text);
	if (verdict_numbers(&group->best, &numbers))
		strbuf_printf(&text, ", %s %s", group->site_count == 1 ? "has" : "best has", strbuf_text(&numbers));
	else if (aged && group->site_count > 1)
		strbuf_puts(&text, " at best");
	if (group->site_count == 1 || numbers.length > 0 || aged || group->code == VERDICT_ROUND_PENDING)
		strbuf_printf(&text, " (%s%s)", group->code == VERDICT_ROUND_PENDING && group->site_count > 1 ? "first " : "",
			      input->sites[group->sites[0]].name);
	sentence = arena_strdup(arena, strbuf_text(&text));
	strbuf_done(&text);
	strbuf_done(&numbers);
	return sentence;
}

/* Fitting first, then what waiting may cure, then the larger group, then the later code. */
static int compare_groups(const void *left, const void *right)
{
	const struct explain_group *a = left, *b = right;
	bool a_fits = a->code >= VERDICT_BACKOFF, b_fits = b->code >= VERDICT_BACKOFF;

	if (a_fits != b_fits)
		return a_fits ? -1 : 1;
	if (a->never != b->never)
		return a->never ? 1 : -1;
	if (a->site_count != b->site_count)
		return a->site_count > b->site_count ? -1 : 1;
	return (int)b->code - (int)a->code;
}

static void make_groups(const struct match_input *input, const char *chips, struct arena *arena, struct explanation *ret)
{
	struct sorted_site *sorted = ARENA_ARRAY(arena, struct sorted_site, input->site_count ? input->site_count : 1);
	struct explain_group *group = NULL;

	for (size_t s = 0; s < input->site_count; s++)
		sorted[s] = (struct sorted_site){ &ret->verdicts[s], (uint32_t)s };
	qsort(sorted, input->site_count, sizeof(*sorted), compare_sites);
	ret->groups = ARENA_ARRAY(arena, struct explain_group, VERDICT_COUNT);
	for (size_t i = 0; i < input->site_count; i++) {
		if (!group || group->code != sorted[i].verdict->code) {
			group = &ret->groups[ret->group_count++];
			group->code = sorted[i].verdict->code;
			group->never = verdict_is_never(group->code);
			group->sites = ARENA_ARRAY(arena, uint32_t, input->site_count - i);
			group->best = *sorted[i].verdict;
		}
		group->sites[group->site_count++] = sorted[i].site;
	}
	for (size_t g = 0; g < ret->group_count; g++)
		ret->groups[g].sentence = group_sentence(input, &ret->groups[g], ret->verdicts, chips, arena);
	qsort(ret->groups, ret->group_count, sizeof(*ret->groups), compare_groups);
}

/* Entries of the queue that the round tries before this one. */
static size_t count_ahead(const struct match_input *input, const struct ask *ask, uint64_t order)
{
	size_t ahead = 0;

	for (size_t c = 0; c < input->class_count; c++) {
		const struct match_class *class = &input->classes[c];
		size_t low = 0, high = class->entry_count;

		if (class->ask->priority < ask->priority)
			continue;
		if (class->ask->priority > ask->priority)
			low = high;
		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (class->entries[middle].order < order)
				low = middle + 1;
			else
				high = middle;
		}
		ahead += low;
	}
	return ahead;
}

static const char *ahead_text(const struct explanation *explanation, struct arena *arena)
{
	if (explanation->ahead == 0)
		return "";
	return arena_printf(arena, "; %zu %s ahead of it in the queue", explanation->ahead, explanation->ahead == 1 ? "is" : "are");
}

/* The reason that matters most: of the groups that waiting may cure, the one nearest to fitting. */
static const struct explain_group *nearest_group(const struct explanation *explanation)
{
	const struct explain_group *nearest = &explanation->groups[0];

	for (size_t g = 1; g < explanation->group_count; g++)
		if (verdict_compare(&explanation->groups[g].best, &nearest->best) > 0)
			nearest = &explanation->groups[g];
	return nearest;
}

static const char *summarise(const struct match_input *input, const struct explanation *explanation, int64_t replica_backoff_s,
			     struct arena *arena)
{
	const struct explain_group *nearest;
	struct strbuf text = { 0 };
	const char *summary;

	if (input->site_count == 0)
		return "the network has no sites";
	nearest = nearest_group(explanation);
	if (replica_backoff_s > 0) {
		struct verdict wait = { .code = VERDICT_BACKOFF, .want = replica_backoff_s };

		verdict_reason(&wait, NULL, &text);
		if (!explanation->fits_now)
			strbuf_printf(&text, "; then: %s", nearest->sentence);
	} else if (explanation->fits_now) {
		strbuf_printf(&text, "fits at %zu site%s now, the next round takes it%s", nearest->site_count,
			      nearest->site_count == 1 ? "" : "s", ahead_text(explanation, arena));
	} else if (explanation->never) {
		strbuf_printf(&text, "fits nowhere in this network, waiting does not help; nearest: %s", nearest->sentence);
	} else {
		strbuf_printf(&text, "waits; nearest: %s%s", nearest->sentence, ahead_text(explanation, arena));
	}
	summary = arena_strdup(arena, strbuf_text(&text));
	strbuf_done(&text);
	return summary;
}

void explain_ask(const struct match_input *input, const struct ask *ask, uint64_t order, int64_t replica_backoff_s, struct arena *arena,
		 struct explanation *ret)
{
	*ret = (struct explanation){ 0 };
	judge_sites(input, ask, replica_backoff_s, arena, ret);
	make_groups(input, name_chips(ask, arena), arena, ret);
	if (order)
		ret->ahead = count_ahead(input, ask, order);
	ret->never = true;
	for (size_t g = 0; g < ret->group_count; g++)
		ret->never &= ret->groups[g].never;
	ret->summary = summarise(input, ret, replica_backoff_s, arena);
}
