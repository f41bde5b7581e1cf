/* One round. Where there are quotas the levels of the order (match/order.h) are gone through twice: first as far as quotas cover what
 * comes, then for the rest. A stream whose head does not fit goes on, if at all, with entries that end before something that
 * is held begins. */
#include "match/match.h"

#include <stdlib.h>

#include "match/order.h"
#include "match/preempt.h"

#define BACKFILL_TRIES_MAX 100000 /* looks for room before what is reserved, in one round */
#define SITE_CHOICES 3 /* sites with room that are compared in full */

struct choice {
	struct candidate candidate;
	int64_t total; /* with what is spoilt; INT64_MAX none */
};

static struct class *class_of(const struct round *round, size_t stream)
{
	return class_at(round->matcher, round->input->streams[stream].class);
}

/* --- sites --------------------------------------------------------------------------------------- */

static int64_t total_cost(const struct round *round, const struct class *class, struct candidate candidate)
{
	const struct site_books *books = &round->matcher->sites[candidate.site];
	int64_t loss_milli = pool_loss_milli(books->pool, class->need);

	if (loss_milli <= 0 || round->matcher->policy->weights.fragmentation_permille == 0)
		return candidate.cost;
	return candidate.cost + score_fragmentation(&books->view, loss_milli * class->workers, &round->matcher->policy->weights);
}

static bool has_room(const struct round *round, const struct class *class, const struct class_cache *cache, uint32_t site)
{
	return class_allows(cache, site) && pool_fits(round->matcher->sites[site].pool, class->need, class->workers);
}

static void consider(struct choice choice, struct choice *best, struct choice *second)
{
	if (choice.total < best->total) {
		*second = *best;
		*best = choice;
	} else if (choice.total < second->total) {
		*second = choice;
	}
}

/* What the choice of nodes spoils made the cheapest dearer than it seemed: a few more are looked at in full. */
static void compare_more(struct round *round, const struct class *class, struct class_cache *cache, struct choice *best, struct choice *second)
{
	struct candidate fits[SITE_CHOICES];
	size_t count = 0;
	struct candidate next;

	fits[count++] = best->candidate;
	candidate_pop(cache);
	while (count < SITE_CHOICES && candidate_first(cache, &next) && next.cost < best->total) {
		candidate_pop(cache);
		if (!has_room(round, class, cache, next.site))
			continue;
		fits[count++] = next;
		consider((struct choice){ next, total_cost(round, class, next) }, best, second);
	}
	for (size_t i = 0; i < count; i++)
		candidate_push(cache, fits[i]);
}

/* The best site with room, and the second best when it is at hand. Sites without room leave the heap. */
static bool choose_site(struct round *round, const struct class *class, struct class_cache *cache, struct choice *ret_best,
			struct choice *ret_second)
{
	struct candidate first;

	ret_best->total = ret_second->total = INT64_MAX;
	while (candidate_first(cache, &first) && !has_room(round, class, cache, first.site))
		candidate_pop(cache);
	if (cache->heap_count == 0)
		return false;
	*ret_best = (struct choice){ first, total_cost(round, class, first) };
	if (ret_best->total > first.cost)
		compare_more(round, class, cache, ret_best, ret_second);
	/* The two below the top of the heap are the next cheapest of their halves; the cheaper one is looked at first. */
	for (size_t i = 0; i < 2 && ret_second->total == INT64_MAX; i++) {
		size_t at = 1 + (i ^ (cache->heap_count > 2 && candidate_cheaper(&cache->heap[2], &cache->heap[1])));

		if (at < cache->heap_count && has_room(round, class, cache, cache->heap[at].site))
			consider((struct choice){ cache->heap[at], cache->heap[at].cost }, ret_best, ret_second);
	}
	return true;
}

static struct match_placement *add_placement(struct round *round)
{
	struct match_plan *plan = round->plan;

	if (plan->placement_count == round->placement_capacity) {
		size_t capacity = round->placement_capacity ? round->placement_capacity * 2 : 16;
		struct match_placement *grown = ARENA_ARRAY(round->arena, struct match_placement, capacity);

		for (size_t i = 0; i < plan->placement_count; i++)
			grown[i] = plan->placements[i];
		plan->placements = grown;
		round->placement_capacity = capacity;
	}
	return &plan->placements[plan->placement_count++];
}

static void place(struct round *round, uint32_t stream, const struct class_cache *cache, const struct choice *best,
		  const struct choice *second, bool backfilled)
{
	const struct match_stream *in = &round->input->streams[stream];
	const struct match_entry *entry = head(round, stream);
	struct class *class = class_of(round, stream);
	struct match_placement *placement = add_placement(round);
	int64_t loss_milli;

	*placement = (struct match_placement){
		.demand = entry->demand, .replica = entry->replica, .site = best->candidate.site, .stream = stream,
		.slots = ARENA_ARRAY(round->arena, struct slot, class->workers), .slot_count = class->workers, .score = best->total,
		.second_score = second->total == INT64_MAX ? -1 : second->total, .second_site = second->candidate.site,
		.candidates = (uint32_t)cache->heap_count, .backfilled = backfilled,
		.borrowed = !share_pick_within_quota(round->pick, in->tenant, &class->amounts),
	};
	if (!pool_place(round->matcher->sites[placement->site].pool, class->need, class->workers, placement->slots, &loss_milli))
		abort(); /* pool_fits() said so */
	books_promise(round->matcher, entry->demand, entry->replica, in->class, placement->site, placement->slots, class->workers);
	share_pick_charge(round->pick, in->tenant, &class->amounts);
	round->plan->streams[stream].placed++;
	round->slots += class->workers;
}

/* Whether it is worth a look if the stream's head ends before something reserved begins. */
static bool may_slip_in(const struct round *round, uint32_t stream)
{
	int64_t time_us = head(round, stream)->time_us;

	return time_us > 0 && time_us < round->streams[stream].fails_us && round->backfill_tries < BACKFILL_TRIES_MAX &&
	       round->trials < TRIALS_MAX;
}

/* A place in what is held, for one that ends before it is needed. */
static bool place_in_reserved(struct round *round, uint32_t stream, struct class_cache *cache)
{
	const struct match_entry *entry = head(round, stream);
	struct class *class = class_of(round, stream);
	struct choice best = { .total = INT64_MAX };
	const struct choice none = { .total = INT64_MAX };
	int64_t end_us = later_us(round->input->now_us, entry->time_us);

	if (!may_slip_in(round, stream))
		return false;
	round->backfill_tries++;
	for (size_t r = 0; r < round->reserved_count; r++) {
		const struct match_reservation *record = round->reserved[r].record;
		struct candidate candidate = { 0, record->site };

		if (record->start_us < end_us || !class_allows(cache, record->site))
			continue;
		candidate.cost = cache->costs[record->site];
		if (candidate.cost >= best.total || reserve_lift(round, record->site, end_us) == 0)
			continue;
		if (pool_fits(round->matcher->sites[record->site].pool, class->need, class->workers))
			best = (struct choice){ candidate, total_cost(round, class, candidate) };
		reserve_hold(round, record->site);
	}
	if (best.total == INT64_MAX) {
		round->streams[stream].fails_us = entry->time_us;
		return false;
	}
	reserve_lift(round, best.candidate.site, end_us);
	place(round, stream, cache, &best, &none, true);
	reserve_hold(round, best.candidate.site);
	return true;
}

/* --- what does not fit --------------------------------------------------------------------------- */

static void note_verdict(struct match_stream_result *result, uint32_t site, struct verdict verdict)
{
	if (result->nearest.code != VERDICT_FITS && verdict_compare(&verdict, &result->nearest) <= 0)
		return;
	result->nearest = verdict;
	result->nearest_site = site;
}

/* What is held at the site stands in the way, and nothing else. */
static bool is_reserved(struct round *round, const struct class *class, uint32_t site, int64_t *ret_start_us)
{
	bool fits = false;

	*ret_start_us = INT64_MAX;
	for (size_t r = 0; r < round->reserved_count; r++)
		if (round->reserved[r].record->site == site && round->reserved[r].record->start_us < *ret_start_us)
			*ret_start_us = round->reserved[r].record->start_us;
	if (*ret_start_us == INT64_MAX || round->trials >= TRIALS_MAX)
		return false;
	reserve_lift(round, site, INT64_MIN);
	fits = pool_fits(round->matcher->sites[site].pool, class->need, class->workers);
	reserve_hold(round, site);
	return fits;
}

static void note_stuck(struct round *round, uint32_t stream, const struct class_cache *cache)
{
	struct match_stream_result *result = &round->plan->streams[stream];
	struct class *class = class_of(round, stream);

	result->stuck = true;
	if (cache->nearest.code != VERDICT_FITS)
		note_verdict(result, cache->nearest_site, cache->nearest);
	for (size_t i = 0; i < cache->cheapest_count; i++) {
		uint32_t site = cache->cheapest[i].site;
		int64_t start_us;

		if (!class_allows(cache, site))
			continue;
		if (is_reserved(round, class, site, &start_us))
			note_verdict(result, site,
				     (struct verdict){ .code = VERDICT_RESERVED,
						       .want = start_us > round->input->now_us ? (start_us - round->input->now_us) / 1000000 : 0 });
		else
			note_verdict(result, site, pool_verdict(round->matcher->sites[site].pool, class->need, class->workers));
	}
}

/* Nobody's worker in this round asks for less of anything, so where it does not fit nobody else does, and nobody can slip in. */
static bool asks_least(const struct round *round, const struct class *class)
{
	const struct shape *shape = &class->ask->shape;

	return class->workers == 1 && shape->resource_count == 0 && shape->cpu_milli == round->smallest.cpu_milli &&
	       shape->memory_mib == round->smallest.memory_mib && shape->chips.milli == round->smallest.chip_milli;
}

static void stuck_first(struct round *round, uint32_t stream, const struct class_cache *cache)
{
	const struct match_entry *entry = head(round, stream);
	struct class *class = class_of(round, stream);
	int64_t start_us;

	note_stuck(round, stream, cache);
	if (cache->allowed_count == 0)
		return;
	if (round->matcher->policy->preemption && round_preempt(round, stream, entry))
		return;
	if (round->reserved_count < (size_t)round->matcher->policy->reservations && !asks_least(round, class) &&
	    reserve(round, stream, entry, &start_us))
		round->plan->streams[stream].reserved_us = start_us;
}

static bool limit_reached(const struct round *round, uint32_t workers)
{
	const struct match_limits *limits = &round->input->limits;

	if (limits->placements_max && round->plan->placement_count >= limits->placements_max)
		return true;
	return limits->slots_max && round->slots > 0 && round->slots + workers > limits->slots_max;
}

/* What the tenant's limits say; a probe is told what they lack. */
static struct verdict admit(const struct round *round, uint32_t stream, const struct class *class)
{
	uint32_t tenant = round->input->streams[stream].tenant;
	struct match_probe *probe = round->input->probe;
	struct verdict verdict = share_pick_admit(round->pick, tenant, &class->amounts);

	if (probe && probe->stream == stream) {
		share_pick_lacking(round->pick, tenant, &class->amounts, &probe->lacking);
		probe->limited_name = verdict.code == VERDICT_FITS ? NULL : verdict.name;
	}
	return verdict;
}

/* Places the stream's head if it can be placed. */
static bool try_head(struct round *round, uint32_t stream)
{
	const struct match_stream *in = &round->input->streams[stream];
	struct stream_state *state = &round->streams[stream];
	struct match_stream_result *result = &round->plan->streams[stream];
	struct class *class = class_of(round, stream);
	struct verdict verdict = admit(round, stream, class);
	struct choice best, second;
	struct class_cache *cache;

	result->tried = true;
	if (verdict.code != VERDICT_FITS) {
		result->stuck = true;
		result->nearest = verdict;
		state->done = true;
		return false;
	}
	cache = class_cache_get(round->matcher, in->class);
	if (state->behind == 0 && choose_site(round, class, cache, &best, &second)) {
		place(round, stream, cache, &best, &second, false);
		return true;
	}
	if (place_in_reserved(round, stream, cache))
		return true;
	if (state->behind++ == 0)
		stuck_first(round, stream, cache);
	return false;
}

static void stream_next(struct round *round, uint32_t stream, bool placed)
{
	struct stream_state *state = &round->streams[stream];
	size_t depth = (size_t)round->matcher->policy->backfill_depth, count = round->input->streams[stream].entry_count;

	if (!placed && (round->reserved_count == 0 || state->behind >= depth))
		state->done = true;
	if (++state->next >= count)
		state->done = true;
	/* Those that take as long as one which found no room need not try. */
	while (!state->done && state->behind > 0 && !may_slip_in(round, stream))
		state->done = ++state->behind > depth || ++state->next >= count;
}

static bool is_covered(const struct round *round, uint32_t stream)
{
	return share_pick_within_quota(round->pick, round->input->streams[stream].tenant, &class_of(round, stream)->amounts);
}

static bool run_level(struct round *round, struct level *level, bool covered_only)
{
	uint32_t stream;

	while ((stream = level_pick(round, level)) != UINT32_MAX) {
		bool placed;

		if (covered_only && !is_covered(round, stream)) {
			round->streams[stream].done = round->streams[stream].waits = true;
			level_moved(round, level, stream);
			continue;
		}
		if (limit_reached(round, class_of(round, stream)->workers))
			return false;
		placed = try_head(round, stream);
		if (round->input->probe && round->input->probe->stream == stream)
			return false;
		stream_next(round, stream, placed);
		level_moved(round, level, stream);
	}
	return true;
}

/* False when a limit ended it. */
static bool run_levels(struct round *round, struct sorted_stream *sorted, size_t count, bool covered_only)
{
	size_t left = 0, end;

	for (size_t i = 0; i < count; i++) {
		struct stream_state *state = &round->streams[sorted[i].stream];

		if (state->done && !state->waits)
			continue;
		state->done = state->waits = false;
		sorted[left++] = sorted[i];
	}
	for (size_t begin = 0; begin < left; begin = end) {
		struct level level;

		for (end = begin + 1; end < left && sorted[end].priority == sorted[begin].priority && sorted[end].band == sorted[begin].band;)
			end++;
		level_open(round, sorted + begin, end - begin, &level);
		if (!run_level(round, &level, covered_only))
			return false;
	}
	return true;
}

static void find_smallest(struct round *round)
{
	round->smallest = (struct amounts){ INT64_MAX, INT64_MAX, INT64_MAX };
	for (size_t s = 0; s < round->input->stream_count; s++) {
		const struct shape *shape = &class_of(round, s)->ask->shape;

		if (shape->cpu_milli < round->smallest.cpu_milli)
			round->smallest.cpu_milli = shape->cpu_milli;
		if (shape->memory_mib < round->smallest.memory_mib)
			round->smallest.memory_mib = shape->memory_mib;
		if (shape->chips.milli < round->smallest.chip_milli)
			round->smallest.chip_milli = shape->chips.milli;
	}
}

void match_round(const struct match_input *input, struct arena *arena, struct match_plan *ret)
{
	struct round round = { .input = input, .matcher = input->matcher, .plan = ret, .arena = arena };
	struct sorted_stream *sorted;
	size_t count;

	matcher_settle(input->matcher);
	input->matcher->round++;
	*ret = (struct match_plan){ .streams = ARENA_ARRAY(arena, struct match_stream_result, input->stream_count + 1), .complete = true };
	round.streams = ARENA_ARRAY(arena, struct stream_state, input->stream_count + 1);
	for (size_t s = 0; s < input->stream_count; s++)
		round.streams[s].fails_us = INT64_MAX;
	round.reserved_max = (size_t)input->matcher->policy->reservations + PREEMPT_HEADS_MAX;
	round.pick = share_pick_new(input->shares, input->now_us);
	if (input->probe)
		share_pick_raise(round.pick, input->streams[input->probe->stream].tenant, &input->probe->raise);
	find_smallest(&round);
	sorted = order_streams(&round, &count);
	if (shares_have_quotas(input->shares))
		ret->complete = run_levels(&round, sorted, count, true);
	if (ret->complete)
		ret->complete = run_levels(&round, sorted, count, false);
	reserve_end(&round);
	share_pick_free(round.pick);
}

bool match_fits_now(struct matcher *matcher, uint32_t number, uint32_t *ret_site)
{
	struct class *class = class_at(matcher, number);
	struct class_cache *cache = class_cache_get(matcher, number);
	struct candidate first;

	while (candidate_first(cache, &first)) {
		if (class_allows(cache, first.site) && pool_fits(matcher->sites[first.site].pool, class->need, class->workers)) {
			*ret_site = first.site;
			return true;
		}
		candidate_pop(cache);
	}
	return false;
}
