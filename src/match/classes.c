/* What is known of each class: which sites its rules allow, and which of them may have room, by cost.
 *
 * Made from nothing a cache costs one pass over the sites. After that it follows the log. Sorting the sites of each class
 * was rejected: most are never asked for. A heap that loses sites as they are found full costs what is looked at. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "match/books.h"

struct class *class_at(struct matcher *matcher, uint32_t class)
{
	assert(class < matcher->class_count && matcher->classes[class].ask);
	return &matcher->classes[class];
}

uint32_t matcher_class_add(struct matcher *matcher, const struct ask *ask)
{
	uint32_t number = matcher->class_free;
	struct class *class;
	int64_t workers = ask->kind == DEMAND_JOB ? ask->workers : 1;

	if (number == MATCH_CLASS_NONE) {
		ARRAY_RESERVE(matcher->classes, matcher->class_capacity, matcher->class_count + 1);
		number = (uint32_t)matcher->class_count++;
	} else {
		matcher->class_free = matcher->classes[number].next_free;
	}
	class = &matcher->classes[number];
	*class = (struct class){
		.workers = (uint32_t)workers,
		.amounts = { ask->shape.cpu_milli * workers, ask->shape.memory_mib * workers, ask->shape.chips.milli * workers },
		.newer = MATCH_CLASS_NONE, .older = MATCH_CLASS_NONE,
	};
	arena_init(&class->arena);
	class->ask = ask_copy(ask, &class->arena);
	class->need = chooser_need_add(matcher->chooser, class->ask);
	return number;
}

void matcher_class_remove(struct matcher *matcher, uint32_t number)
{
	struct class *class = class_at(matcher, number);

	matcher_settle(matcher); /* one of them may be the class's */
	class_cache_drop(matcher, number);
	chooser_need_remove(matcher->chooser, class->need);
	arena_done(&class->arena);
	class->ask = NULL;
	class->next_free = matcher->class_free;
	matcher->class_free = number;
}

void matcher_learn(struct matcher *matcher, uint32_t number, int64_t entries)
{
	const struct class *class = class_at(matcher, number);

	chooser_learn(matcher->chooser, class->need, entries * class->workers);
	scarcity_learn(matcher, number);
}

const struct ask *matcher_class_ask(const struct matcher *matcher, uint32_t class)
{
	assert(class < matcher->class_count && matcher->classes[class].ask);
	return matcher->classes[class].ask;
}

/* --- the heap of candidates -------------------------------------------------------------------- */

bool candidate_cheaper(const struct candidate *a, const struct candidate *b)
{
	return a->cost != b->cost ? a->cost < b->cost : a->site < b->site;
}

static void sift_down(struct class_cache *cache, size_t at)
{
	struct candidate moved = cache->heap[at];

	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= cache->heap_count)
			break;
		if (child + 1 < cache->heap_count && candidate_cheaper(&cache->heap[child + 1], &cache->heap[child]))
			child++;
		if (!candidate_cheaper(&cache->heap[child], &moved))
			break;
		cache->heap[at] = cache->heap[child];
		at = child;
	}
	cache->heap[at] = moved;
}

bool candidate_first(const struct class_cache *cache, struct candidate *ret)
{
	if (cache->heap_count == 0)
		return false;
	*ret = cache->heap[0];
	return true;
}

void candidate_pop(struct class_cache *cache)
{
	uint32_t site = cache->heap[0].site;

	cache->queued[site / 64] &= ~((uint64_t)1 << (site % 64));
	cache->heap[0] = cache->heap[--cache->heap_count];
	if (cache->heap_count > 0)
		sift_down(cache, 0);
}

void candidate_push(struct class_cache *cache, struct candidate candidate)
{
	uint64_t bit = (uint64_t)1 << (candidate.site % 64);
	size_t at;

	if (cache->queued[candidate.site / 64] & bit)
		return;
	cache->queued[candidate.site / 64] |= bit;
	ARRAY_RESERVE(cache->heap, cache->heap_capacity, cache->heap_count + 1);
	for (at = cache->heap_count++; at > 0 && candidate_cheaper(&candidate, &cache->heap[(at - 1) / 2]); at = (at - 1) / 2)
		cache->heap[at] = cache->heap[(at - 1) / 2];
	cache->heap[at] = candidate;
}

/* --- caches ------------------------------------------------------------------------------------ */

static void unlink_class(struct matcher *matcher, uint32_t number)
{
	struct class *class = &matcher->classes[number];

	if (class->newer != MATCH_CLASS_NONE)
		matcher->classes[class->newer].older = class->older;
	else
		matcher->newest = class->older;
	if (class->older != MATCH_CLASS_NONE)
		matcher->classes[class->older].newer = class->newer;
	else
		matcher->oldest = class->newer;
}

static void link_newest(struct matcher *matcher, uint32_t number)
{
	struct class *class = &matcher->classes[number];

	class->newer = MATCH_CLASS_NONE;
	class->older = matcher->newest;
	if (matcher->newest != MATCH_CLASS_NONE)
		matcher->classes[matcher->newest].newer = number;
	else
		matcher->oldest = number;
	matcher->newest = number;
}

void class_cache_drop(struct matcher *matcher, uint32_t number)
{
	struct class *class = &matcher->classes[number];
	struct class_cache *cache = class->cache;

	if (!cache)
		return;
	unlink_class(matcher, number);
	matcher->cache_bytes -= cache->bytes;
	free(cache->allowed);
	free(cache->queued);
	free(cache->heap);
	free(cache->costs);
	free(cache);
	class->cache = NULL;
}

void class_caches_drop(struct matcher *matcher)
{
	while (matcher->oldest != MATCH_CLASS_NONE)
		class_cache_drop(matcher, matcher->oldest);
}

static int64_t site_cost(const struct matcher *matcher, const struct class *class, uint32_t site)
{
	struct score score;

	score_site(class->ask, &matcher->sites[site].view, &matcher->context, &matcher->policy->weights, &score);
	if (matcher->policy->weights.scarcity_permille > 0)
		score.total += score_scarcity(class->ask, &matcher->sites[site].view, matcher->sites[site].scarcity_permille, &matcher->policy->weights);
	return score.total > SCORE_MAX ? SCORE_MAX : score.total;
}

static void note_cheapest(struct class_cache *cache, struct candidate candidate)
{
	size_t at = cache->cheapest_count;

	for (size_t i = 0; i < at; i++)
		if (cache->cheapest[i].site == candidate.site)
			return;
	if (at == NEAREST_SITES) {
		if (!candidate_cheaper(&candidate, &cache->cheapest[at - 1]))
			return;
		at--;
	} else {
		cache->cheapest_count++;
	}
	for (; at > 0 && candidate_cheaper(&candidate, &cache->cheapest[at - 1]); at--)
		cache->cheapest[at] = cache->cheapest[at - 1];
	cache->cheapest[at] = candidate;
}

static void set_allowed(struct class_cache *cache, uint32_t site, bool allowed)
{
	uint64_t bit = (uint64_t)1 << (site % 64);

	cache->allowed_count -= (cache->allowed[site / 64] & bit) != 0;
	cache->allowed[site / 64] &= ~bit;
	if (!allowed)
		return;
	cache->allowed[site / 64] |= bit;
	cache->allowed_count++;
}

static struct verdict check_rules(struct chip_cache *chips, const struct site_books *books)
{
	struct verdict unseen = { .code = VERDICT_SITE_UNSEEN };

	return books->pool || books->view.condition == CONDITION_UNSEEN ? rules_check_site_cached(chips, &books->view) : unseen;
}

static void note_refused(struct class_cache *cache, uint32_t site, struct verdict verdict)
{
	if (cache->nearest.code != VERDICT_FITS && verdict_compare(&verdict, &cache->nearest) <= 0)
		return;
	cache->nearest = verdict;
	cache->nearest_site = site;
}

static struct class_cache *cache_make(struct matcher *matcher, struct class *class)
{
	struct class_cache *cache = mem_alloc(sizeof(*cache));
	size_t words = (matcher->site_count + 63) / 64 + 1;
	cleanup_arena struct arena arena = { 0 };
	struct chip_cache chips;

	cache->allowed = mem_alloc(words * sizeof(uint64_t));
	cache->queued = mem_alloc(words * sizeof(uint64_t));
	cache->costs = mem_resize(NULL, matcher->site_count + 1, sizeof(*cache->costs));
	memset(cache->costs, 0xff, (matcher->site_count + 1) * sizeof(*cache->costs));
	class->reach_known = false;
	chip_cache_init(&chips, class->ask, &matcher->context, &arena);
	for (uint32_t s = 0; s < matcher->site_count; s++) {
		struct verdict verdict = check_rules(&chips, &matcher->sites[s]);

		if (verdict.code != VERDICT_FITS) {
			note_refused(cache, s, verdict);
			continue;
		}
		set_allowed(cache, s, true);
		ARRAY_RESERVE(cache->heap, cache->heap_capacity, cache->heap_count + 1);
		cache->costs[s] = site_cost(matcher, class, s);
		cache->heap[cache->heap_count++] = (struct candidate){ cache->costs[s], s };
		cache->queued[s / 64] |= (uint64_t)1 << (s % 64);
		note_cheapest(cache, cache->heap[cache->heap_count - 1]);
	}
	for (size_t i = cache->heap_count / 2; i-- > 0;)
		sift_down(cache, i);
	cache->heap_capacity = cache->heap_count + 1;
	cache->heap = mem_resize(cache->heap, cache->heap_capacity, sizeof(*cache->heap));
	cache->caught_up = matcher->log_end;
	cache->bytes = (int64_t)(sizeof(*cache) + 2 * words * sizeof(uint64_t) + matcher->site_count * sizeof(int64_t) +
				 cache->heap_capacity * sizeof(*cache->heap));
	return cache;
}

/* One of the cheapest is refused now. When there may be others behind it, they are found anew. O(sites). */
static void forget_cheapest(struct matcher *matcher, struct class_cache *cache, uint32_t site)
{
	bool full = cache->cheapest_count == NEAREST_SITES;
	size_t at = 0;

	while (at < cache->cheapest_count && cache->cheapest[at].site != site)
		at++;
	if (at == cache->cheapest_count)
		return;
	memmove(&cache->cheapest[at], &cache->cheapest[at + 1], (--cache->cheapest_count - at) * sizeof(struct candidate));
	for (uint32_t s = 0; full && s < matcher->site_count; s++)
		if (class_allows(cache, s))
			note_cheapest(cache, (struct candidate){ cache->costs[s], s });
}

/* The site itself changed: its rules anew. */
static void recheck(struct matcher *matcher, struct class *class, uint32_t site)
{
	struct class_cache *cache = class->cache;
	cleanup_arena struct arena arena = { 0 };
	struct chip_cache chips;
	struct verdict verdict;

	chip_cache_init(&chips, class->ask, &matcher->context, &arena);
	verdict = check_rules(&chips, &matcher->sites[site]);
	class->reach_known = false;
	set_allowed(cache, site, verdict.code == VERDICT_FITS);
	if (cache->nearest.code != VERDICT_FITS && cache->nearest_site == site && verdict_compare(&verdict, &cache->nearest) != 0)
		cache->nearest_past = true;
	if (verdict.code != VERDICT_FITS) {
		note_refused(cache, site, verdict);
		forget_cheapest(matcher, cache, site);
		return;
	}
	cache->stale |= cache->costs[site] >= 0 && cache->costs[site] != site_cost(matcher, class, site);
	cache->costs[site] = site_cost(matcher, class, site);
	note_cheapest(cache, (struct candidate){ cache->costs[site], site });
}

static void catch_up(struct matcher *matcher, struct class *class)
{
	struct class_cache *cache = class->cache;

	for (; cache->caught_up < matcher->log_end; cache->caught_up++) {
		uint32_t entry = matcher->log[cache->caught_up & (LOG_MAX - 1)];
		uint32_t site = entry >> 1;

		if (entry & 1)
			recheck(matcher, class, site);
		if (class_allows(cache, site))
			candidate_push(cache, (struct candidate){ cache->costs[site], site });
	}
	if (cache->caught_up > matcher->log_read)
		matcher->log_read = cache->caught_up;
}

/* Keeps the caches within their bound. The class longest unused gives way; but when all were asked for of late, the one asked
 * for just before does: classes come in the same order round after round, and the oldest would be next. */
static void caches_bound(struct matcher *matcher, uint32_t number)
{
	while (matcher->cache_bytes > matcher->cache_bytes_max && matcher->oldest != number) {
		bool idle = matcher->classes[matcher->oldest].used + 1 < matcher->round;

		class_cache_drop(matcher, idle ? matcher->oldest : matcher->classes[number].older);
	}
}

struct class_cache *class_cache_get(struct matcher *matcher, uint32_t number)
{
	struct class *class = class_at(matcher, number);

	class->used = matcher->round;
	if (class->cache && matcher->log_end - class->cache->caught_up > LOG_MAX)
		class_cache_drop(matcher, number);
	if (class->cache)
		catch_up(matcher, class);
	if (class->cache && (class->cache->stale || (class->cache->nearest_past && class->cache->allowed_count == 0)))
		class_cache_drop(matcher, number);
	if (class->cache) {
		if (matcher->newest != number) {
			unlink_class(matcher, number);
			link_newest(matcher, number);
		}
		return class->cache;
	}
	class->cache = cache_make(matcher, class);
	matcher->log_read = matcher->log_end;
	matcher->cache_bytes += class->cache->bytes;
	link_newest(matcher, number);
	caches_bound(matcher, number);
	return class->cache;
}

const uint64_t *matcher_class_allowed(struct matcher *matcher, uint32_t class)
{
	return class_cache_get(matcher, class)->allowed;
}
