#include "match/preempt.h"

#include <stdlib.h>

#define HOUR_US (INT64_C(3600) * 1000000)

struct victim {
	struct match_work *work;
	int64_t loss_micro;
	bool reclaimed;
	bool spared;
};

/* A way to make room at one site. */
struct rescue {
	uint32_t site;
	struct victim *victims;
	size_t victim_count;
	struct slot *slots;
	int64_t loss_micro;
};

static const struct class *work_class(const struct round *round, const struct match_work *work)
{
	return class_at(round->matcher, work->class);
}

static int64_t loss_micro(const struct round *round, const struct match_work *work)
{
	int64_t elapsed_us = round->input->now_us - work->started_us;
	int64_t price = price_at_site(work_class(round, work)->ask, &round->matcher->sites[work->site].view);
	__int128 loss = (__int128)(price + 1) * (elapsed_us > 0 ? elapsed_us : 0) / HOUR_US;

	return loss > SCORE_MAX ? SCORE_MAX : (int64_t)loss;
}

static bool is_stopping(const struct round *round, const struct match_work *work)
{
	return work->stopping || work->doomed == round->matcher->round;
}

/* Whether the stream's demand, sure or not, outranks the work. */
static bool outranks(const struct round *round, size_t stream, bool sure, const struct match_work *work, bool *ret_reclaimed)
{
	static const struct amounts nothing;
	const struct match_stream *in = &round->input->streams[stream];
	const struct class *class = class_at(round->matcher, in->class);
	bool other_sure = !work->borrowed || share_pick_within_quota(round->pick, work->tenant, &nothing);

	*ret_reclaimed = sure && !other_sure && share_pick_may_reclaim(round->pick, in->tenant, &class->amounts, work->tenant);
	if (!sure && other_sure)
		return false;
	return *ret_reclaimed || class->ask->priority > work_class(round, work)->ask->priority;
}

static int compare_victims(const void *left, const void *right)
{
	const struct victim *a = left, *b = right;

	if (a->loss_micro != b->loss_micro)
		return a->loss_micro < b->loss_micro ? -1 : 1;
	/* Of equal loss the youngest goes first. */
	if (a->work->started_us != b->work->started_us)
		return a->work->started_us > b->work->started_us ? -1 : 1;
	if (a->work->demand != b->work->demand)
		return a->work->demand > b->work->demand ? -1 : 1;
	return (a->work->replica < b->work->replica) - (a->work->replica > b->work->replica);
}

static struct victim *find_victims(struct round *round, size_t stream, bool sure, uint32_t site, size_t *ret_count)
{
	const struct site_books *books = &round->matcher->sites[site];
	struct victim *victims = ARENA_ARRAY(round->arena, struct victim, books->willing_count + 1);
	size_t count = 0;

	round->trials += books->work_count;
	for (size_t w = 0; w < books->work_count; w++) {
		struct match_work *work = books->works[w];
		bool reclaimed;

		if (is_stopping(round, work) || !work_class(round, work)->ask->preemptible || !outranks(round, stream, sure, work, &reclaimed))
			continue;
		victims[count++] = (struct victim){ work, loss_micro(round, work), reclaimed, false };
	}
	if (count > 1)
		qsort(victims, count, sizeof(*victims), compare_victims);
	*ret_count = count < PREEMPT_VICTIMS_MAX ? count : PREEMPT_VICTIMS_MAX;
	return victims;
}

static void give(struct round *round, struct pool *pool, const struct match_work *work)
{
	pool_give(pool, work->slots, work->slot_count, work_class(round, work)->need);
}

static void take(struct round *round, struct pool *pool, const struct match_work *work)
{
	pool_take(pool, work->slots, work->slot_count, work_class(round, work)->need);
}

/* Gives back (or takes again) what stops already. */
static void free_stopping(struct round *round, uint32_t site, bool back)
{
	const struct site_books *books = &round->matcher->sites[site];

	for (size_t w = 0; w < books->work_count; w++) {
		if (!is_stopping(round, books->works[w]))
			continue;
		if (back)
			take(round, books->pool, books->works[w]);
		else
			give(round, books->pool, books->works[w]);
	}
}

/* Gives the victim's place back, or takes it again. What is reserved there for later stays with whom it is reserved for. */
static void move_victim(struct round *round, uint32_t site, const struct match_work *work, bool back)
{
	struct pool *pool = round->matcher->sites[site].pool;

	reserve_loosen(round, site);
	if (back)
		take(round, pool, work);
	else
		give(round, pool, work);
	reserve_tighten(round, site);
	round->trials += work->slot_count + TRIAL_FITS;
}

/* The dearest first: what fits without is left to run. */
static void spare(struct round *round, const struct class *class, uint32_t site, struct victim *victims, size_t given)
{
	for (size_t v = given; v-- > 0;) {
		move_victim(round, site, victims[v].work, true);
		victims[v].spared = pool_fits(round->matcher->sites[site].pool, class->need, class->workers);
		if (!victims[v].spared)
			move_victim(round, site, victims[v].work, false);
	}
}

/* What making room at the site would take. The books are the same before and after. */
static bool plan_rescue(struct round *round, size_t stream, bool sure, uint32_t site, struct rescue *ret)
{
	const struct class *class = class_at(round->matcher, round->input->streams[stream].class);
	struct pool *pool = round->matcher->sites[site].pool;
	size_t count, given = 0;
	struct victim *victims = find_victims(round, stream, sure, site, &count);
	int64_t spoilt_milli;
	bool fits;

	*ret = (struct rescue){ .site = site, .victims = victims };
	reserve_unclaim(round, site);
	free_stopping(round, site, false);
	reserve_claim(round, site);
	fits = pool_fits(pool, class->need, class->workers);
	while (!fits && given < count) {
		move_victim(round, site, victims[given++].work, false);
		fits = pool_fits(pool, class->need, class->workers);
	}
	if (fits) {
		spare(round, class, site, victims, given);
		ret->slots = ARENA_ARRAY(round->arena, struct slot, class->workers);
		if (!pool_place(pool, class->need, class->workers, ret->slots, &spoilt_milli))
			abort();
		pool_give(pool, ret->slots, class->workers, class->need);
	}
	reserve_unclaim(round, site);
	for (size_t v = 0; v < given; v++) {
		if (victims[v].spared)
			continue;
		take(round, pool, victims[v].work);
		ret->loss_micro = victims[v].loss_micro > SCORE_MAX - ret->loss_micro ? SCORE_MAX : ret->loss_micro + victims[v].loss_micro;
		victims[ret->victim_count++] = victims[v];
	}
	free_stopping(round, site, true);
	reserve_hold(round, site);
	return fits;
}

static void record(struct round *round, size_t stream, const struct match_entry *entry, const struct rescue *rescue)
{
	struct match_plan *plan = round->plan;
	size_t needed = plan->preemption_count + rescue->victim_count;

	if (needed > round->preemption_capacity) {
		size_t capacity = needed * 2;
		struct match_preemption *grown = ARENA_ARRAY(round->arena, struct match_preemption, capacity);

		for (size_t i = 0; i < plan->preemption_count; i++)
			grown[i] = plan->preemptions[i];
		plan->preemptions = grown;
		round->preemption_capacity = capacity;
	}
	for (size_t v = 0; v < rescue->victim_count; v++) {
		struct match_work *work = rescue->victims[v].work;

		plan->preemptions[plan->preemption_count++] = (struct match_preemption){ work, entry->demand, entry->replica,
											 rescue->victims[v].reclaimed };
		work->doomed = round->matcher->round;
		share_pick_release(round->pick, work->tenant, &work_class(round, work)->amounts);
	}
	share_pick_charge(round->pick, round->input->streams[stream].tenant,
			  &class_at(round->matcher, round->input->streams[stream].class)->amounts);
}

bool round_preempt(struct round *round, size_t stream, const struct match_entry *entry)
{
	const struct match_stream *in = &round->input->streams[stream];
	const struct class *class = class_at(round->matcher, in->class);
	struct rescue best = { .loss_micro = INT64_MAX }, rescue;
	bool sure;

	if (round->matcher->willing_count == 0 || round->heads_preempting >= PREEMPT_HEADS_MAX ||
	    round->reserved_count >= round->reserved_max || round->trials >= TRIALS_MAX || round->preempt_tries++ >= PREEMPT_TRIES_MAX)
		return false;
	sure = share_pick_within_quota(round->pick, in->tenant, &class->amounts);
	for (size_t i = 0; i < class->cache->cheapest_count && best.loss_micro > 0; i++) {
		uint32_t site = class->cache->cheapest[i].site;

		if (!class_allows(class->cache, site) || round->matcher->sites[site].willing_count == 0)
			continue;
		if (plan_rescue(round, stream, sure, site, &rescue) && rescue.loss_micro < best.loss_micro)
			best = rescue;
	}
	if (best.loss_micro == INT64_MAX)
		return false;
	round->heads_preempting++;
	record(round, stream, entry, &best);
	reserve_forget(round, best.site);
	reserve_slots(round, stream, entry, best.site, best.slots, round->input->now_us);
	round->plan->streams[stream].reserved_us = round->input->now_us;
	return true;
}
