/* Every site gives its verdict by the same code as a round's, against the supply as it is; the verdicts
 * are then sorted into groups of one obstacle each. A group's sentence speaks for all of its sites: it
 * keeps the names (of a tier, a region, a chip) that they share and drops those in which they differ. */
#include "match/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "match/books.h"

#define MODELS_NAMED 3 /* chip models that a sentence names; of more it says how many */

static struct verdict judge_site(const struct site_books *books, const struct class *class, struct chip_cache *cache,
				 int64_t replica_backoff_s)
{
	struct verdict verdict = rules_check_site_cached(cache, &books->view);

	if (verdict.code == VERDICT_FITS && !books->pool)
		verdict.code = VERDICT_SITE_UNSEEN;
	if (verdict.code != VERDICT_FITS)
		return verdict;
	if (!pool_fits(books->pool, class->need, class->workers))
		return pool_verdict(books->pool, class->need, class->workers);
	verdict.code = replica_backoff_s > 0 ? VERDICT_BACKOFF : VERDICT_ROUND_PENDING;
	verdict.want = replica_backoff_s > 0 ? replica_backoff_s : 0;
	return verdict;
}

static void judge_sites(struct matcher *matcher, const struct class *class, int64_t replica_backoff_s, struct arena *arena,
			struct explanation *ret)
{
	struct chip_cache cache;

	chip_cache_init(&cache, class->ask, &matcher->context, arena);
	ret->verdicts = ARENA_ARRAY(arena, struct verdict, matcher->site_count + 1);
	for (size_t s = 0; s < matcher->site_count; s++) {
		ret->verdicts[s] = judge_site(&matcher->sites[s], class, &cache, replica_backoff_s);
		ret->fits_now |= ret->verdicts[s].code == VERDICT_ROUND_PENDING || ret->verdicts[s].code == VERDICT_BACKOFF;
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

static const char *group_sentence(const struct matcher *matcher, const struct explain_group *group, const struct explanation *said,
				  const char *chips, struct arena *arena)
{
	const struct verdict *verdicts = said->verdicts;
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
	if (group->code == VERDICT_ROUND_PENDING && said->limit.code != VERDICT_FITS)
		strbuf_puts(&text, "room for it, but for its tenant's limit");
	else
		verdict_reason(&shared, chips, &text);
	if (verdict_numbers(&group->best, &numbers))
		strbuf_printf(&text, ", %s %s", group->site_count == 1 ? "has" : "best has", strbuf_text(&numbers));
	else if (aged && group->site_count > 1)
		strbuf_puts(&text, " at best");
	if (group->site_count == 1 || numbers.length > 0 || aged || group->code == VERDICT_ROUND_PENDING)
		strbuf_printf(&text, " (%s%s)", group->code == VERDICT_ROUND_PENDING && group->site_count > 1 ? "first " : "",
			      matcher->sites[group->sites[0]].view.name);
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

static void make_groups(const struct matcher *matcher, const char *chips, struct arena *arena, struct explanation *ret)
{
	struct sorted_site *sorted = ARENA_ARRAY(arena, struct sorted_site, matcher->site_count + 1);
	struct explain_group *group = NULL;

	for (size_t s = 0; s < matcher->site_count; s++)
		sorted[s] = (struct sorted_site){ &ret->verdicts[s], (uint32_t)s };
	qsort(sorted, matcher->site_count, sizeof(*sorted), compare_sites);
	ret->groups = ARENA_ARRAY(arena, struct explain_group, VERDICT_COUNT);
	for (size_t i = 0; i < matcher->site_count; i++) {
		if (!group || group->code != sorted[i].verdict->code) {
			group = &ret->groups[ret->group_count++];
			group->code = sorted[i].verdict->code;
			group->never = verdict_is_never(group->code);
			group->sites = ARENA_ARRAY(arena, uint32_t, matcher->site_count - i);
			group->best = *sorted[i].verdict;
		}
		group->sites[group->site_count++] = sorted[i].site;
	}
	for (size_t g = 0; g < ret->group_count; g++)
		ret->groups[g].sentence = group_sentence(matcher, &ret->groups[g], ret, chips, arena);
	qsort(ret->groups, ret->group_count, sizeof(*ret->groups), compare_groups);
}

/* Entries of the stream that are older. */
static size_t count_older(const struct match_stream *stream, uint64_t order)
{
	size_t low = 0, high = stream->entry_count, older = 0;

	if (stream->entries[0].deadline_us) { /* these stand by their deadlines */
		for (size_t e = 0; e < stream->entry_count; e++)
			older += stream->entries[e].order < order;
		return older;
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (stream->entries[middle].order < order)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_ahead(struct explanation *ret, const char *tenant, size_t count)
{
	size_t at = 0;

	ret->ahead += count;
	while (at < ret->ahead_by_count && ret->ahead_by[at].tenant != tenant)
		at++;
	if (at == ret->ahead_by_count)
		ret->ahead_by[ret->ahead_by_count++] = (struct explain_ahead){ .tenant = tenant };
	ret->ahead_by[at].count += count;
}

static int compare_ahead(const void *left, const void *right)
{
	const struct explain_ahead *a = left, *b = right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return strcmp(a->tenant, b->tenant);
}

/* What the next round tries before the entry: higher priorities, tenants further below their share, and what is older of its own. */
static void find_ahead(const struct match_input *input, int64_t priority, uint32_t tenant, uint64_t order, struct arena *arena,
		       struct explanation *ret)
{
	struct share_pick *pick = share_pick_new(input->shares, input->now_us);

	ret->ahead_by = ARENA_ARRAY(arena, struct explain_ahead, input->stream_count + 1);
	for (size_t s = 0; s < input->stream_count; s++) {
		const struct match_stream *stream = &input->streams[s];
		int64_t other = matcher_class_ask(input->matcher, stream->class)->priority;
		int first = other == priority ? share_pick_compare(pick, stream->tenant, tenant) : 0;
		size_t count = stream->entry_count;

		if (other < priority || first > 0 || count == 0)
			continue;
		if (other == priority && first == 0)
			count = count_older(stream, order);
		if (count > 0)
			add_ahead(ret, shares_tenant_name(input->shares, stream->tenant), count);
	}
	share_pick_free(pick);
	qsort(ret->ahead_by, ret->ahead_by_count, sizeof(*ret->ahead_by), compare_ahead);
	if (ret->ahead_by_count > EXPLAIN_AHEAD_MAX)
		ret->ahead_by_count = EXPLAIN_AHEAD_MAX;
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

static const char *summarise(const struct explanation *explanation, size_t site_count, int64_t replica_backoff_s, struct arena *arena)
{
	const struct explain_group *nearest;
	struct strbuf text = { 0 };
	const char *summary;

	if (site_count == 0)
		return "the network has no sites";
	nearest = nearest_group(explanation);
	if (replica_backoff_s > 0) {
		struct verdict wait = { .code = VERDICT_BACKOFF, .want = replica_backoff_s };

		verdict_reason(&wait, NULL, &text);
		if (!explanation->fits_now)
			strbuf_printf(&text, "; then: %s", nearest->sentence);
	} else if (explanation->limit.code != VERDICT_FITS && !explanation->never) {
		strbuf_puts(&text, "waits; ");
		verdict_describe(&explanation->limit, NULL, &text);
		strbuf_puts(&text, ahead_text(explanation, arena));
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

void explain_ask(const struct match_input *input, uint32_t number, uint32_t tenant, const struct match_entry *entry,
		 int64_t replica_backoff_s, struct arena *arena, struct explanation *ret)
{
	struct matcher *matcher = input->matcher;
	const struct class *class = class_at(matcher, number);

	matcher_settle(matcher);
	*ret = (struct explanation){ .start_us = -1, .limit = shares_admit(input->shares, tenant, &class->amounts) };
	judge_sites(matcher, class, replica_backoff_s, arena, ret);
	make_groups(matcher, name_chips(class->ask, arena), arena, ret);
	if (entry)
		find_ahead(input, class->ask->priority, tenant, entry->order, arena, ret);
	ret->never = true;
	for (size_t g = 0; g < ret->group_count; g++)
		ret->never &= ret->groups[g].never;
	ret->summary = summarise(ret, matcher->site_count, replica_backoff_s, arena);
}

static const char *wait_text(int64_t wait_us, struct arena *arena)
{
	char text[32];

	/* Whole seconds: nobody estimates better. */
	return arena_strdup(arena, unit_human(UNIT_DURATION, (wait_us + 999999) / 1000000 * 1000000, text, sizeof(text)));
}

void explain_start(struct explanation *explanation, int64_t now_us, int64_t start_us, int64_t reserved_us, struct arena *arena)
{
	int64_t wait_us = start_us > now_us ? start_us - now_us : 0, latest_us = reserved_us > now_us ? reserved_us - now_us : 0;
	const char *latest = latest_us > 0 ? wait_text(latest_us, arena) : "now";

	explanation->start_us = start_us;
	explanation->reserved_us = reserved_us;
	if (start_us < 0 && reserved_us <= 0)
		explanation->start = explanation->never ? "not as things are" : "not known: nothing says when what it needs will be free";
	else if (start_us < 0)
		explanation->start = latest_us > 0 ? arena_printf(arena, "in %s at the latest", latest) : latest;
	else if (wait_us == 0)
		explanation->start = "now";
	else if (reserved_us <= 0 || latest_us < wait_us)
		explanation->start = arena_printf(arena, "in about %s", wait_text(wait_us, arena));
	else
		explanation->start = arena_printf(arena, "in about %s, in %s at the latest", wait_text(wait_us, arena), latest);
}

void explain_score(struct matcher *matcher, uint32_t number, uint32_t site, int64_t recorded, struct score *ret)
{
	score_site(class_at(matcher, number)->ask, &matcher->sites[site].view, &matcher->context, &matcher->policy->weights, ret);
	ret->fragmentation = recorded > ret->total ? recorded - ret->total : 0;
	ret->total += ret->fragmentation;
}

static void put_money(const char *site, int64_t micro, const char *currency, struct strbuf *out)
{
	char text[32];

	strbuf_printf(out, "%s for %s%s%s an hour", site, unit_human(UNIT_MONEY, micro, text, sizeof(text)), currency && *currency ? " " : "",
		      currency ? currency : "");
}

const char *explain_choice(const struct explain_choice *choice, struct arena *arena)
{
	struct strbuf text = { 0 };
	const char *sentence;

	strbuf_puts(&text, "at ");
	put_money(choice->site, choice->score, choice->currency, &text);
	if (choice->backfilled)
		strbuf_puts(&text, ", in what is kept for others until later");
	else if (choice->candidates <= 1)
		strbuf_puts(&text, ", the only site that could take it");
	else
		strbuf_printf(&text, ", the best of %" PRIu32 " sites", choice->candidates);
	if (choice->second_site) {
		strbuf_puts(&text, "; next would have been ");
		put_money(choice->second_site, choice->second_score, choice->currency, &text);
	}
	if (choice->borrowed)
		strbuf_puts(&text, "; beyond the quota of its tenant");
	sentence = arena_strdup(arena, strbuf_text(&text));
	strbuf_done(&text);
	return sentence;
}
