#include "match/books.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct matcher *matcher_new(const struct policy_spec *policy, const struct rule_context *context, uint64_t seed)
{
	struct matcher *matcher = mem_alloc(sizeof(*matcher));

	matcher->policy = policy;
	matcher->context = *context;
	matcher->chooser = chooser_new(policy->nodes, &matcher->context, seed);
	matcher->log = mem_alloc(LOG_MAX * sizeof(*matcher->log));
	matcher->class_free = matcher->newest = matcher->oldest = MATCH_CLASS_NONE;
	matcher->cache_bytes_max = CLASS_CACHE_BYTES_MAX;
	return matcher;
}

static void sites_drop(struct matcher *matcher)
{
	matcher_settle(matcher);
	for (size_t s = 0; s < matcher->site_count; s++) {
		pool_free(matcher->sites[s].pool);
		free(matcher->sites[s].works);
	}
	free(matcher->sites);
	matcher->sites = NULL;
	matcher->site_count = matcher->work_count = matcher->willing_count = 0;
}

void matcher_free(struct matcher *matcher)
{
	if (!matcher)
		return;
	sites_drop(matcher);
	for (uint32_t c = 0; c < matcher->class_count; c++)
		if (matcher->classes[c].ask)
			matcher_class_remove(matcher, c);
	free(matcher->classes);
	free(matcher->promises);
	free(matcher->promised);
	free(matcher->log);
	chooser_free(matcher->chooser);
	free(matcher);
}

void matcher_set_sites(struct matcher *matcher, const struct rule_context *context, const struct site_view *sites, size_t count)
{
	sites_drop(matcher);
	class_caches_drop(matcher);
	matcher->context = *context;
	chooser_set_context(matcher->chooser, &matcher->context);
	matcher->sites = mem_alloc((count + 1) * sizeof(*matcher->sites));
	matcher->site_count = count;
	matcher->asked_next = 0;
	for (size_t s = 0; s < count; s++) {
		matcher->sites[s].view = sites[s];
		if (sites[s].supply)
			matcher->sites[s].pool = pool_new(matcher->chooser, sites[s].supply);
	}
}

void matcher_set_policy(struct matcher *matcher, const struct policy_spec *policy)
{
	matcher->policy = policy;
	matcher->asked_next = 0;
	class_caches_drop(matcher);
}

/* An entry that nobody has read yet says it already. */
void books_log(struct matcher *matcher, uint32_t site, bool changed)
{
	struct site_books *books = &matcher->sites[site];

	if (books->logged > matcher->log_read) {
		matcher->log[(books->logged - 1) & (LOG_MAX - 1)] |= changed;
		return;
	}
	matcher->log[matcher->log_end++ & (LOG_MAX - 1)] = site << 1 | changed;
	books->logged = matcher->log_end;
}

void matcher_site_changed(struct matcher *matcher, const struct site_view *view)
{
	struct site_books *books = &matcher->sites[view->index];
	const struct supply *supply = books->view.supply;

	books->view = *view;
	books->view.supply = supply;
	books_log(matcher, view->index, true);
}

void matcher_site_seen(struct matcher *matcher, uint32_t site, int64_t seconds)
{
	matcher->sites[site].view.seconds_since_seen = seconds;
}

void matcher_site_supply(struct matcher *matcher, const struct site_view *view)
{
	struct site_books *books = &matcher->sites[view->index];

	matcher_settle(matcher);
	matcher->work_count -= books->work_count;
	matcher->willing_count -= books->willing_count;
	books->work_count = books->willing_count = 0;
	pool_free(books->pool);
	books->pool = view->supply ? pool_new(matcher->chooser, view->supply) : NULL;
	books->view = *view;
	books_log(matcher, view->index, true);
}

/* --- work and promises ------------------------------------------------------------------------- */

static void list_work(struct matcher *matcher, struct match_work *work)
{
	struct site_books *books = &matcher->sites[work->site];
	bool willing = class_at(matcher, work->class)->ask->preemptible;

	ARRAY_RESERVE(books->works, books->work_capacity, books->work_count + 1);
	work->place = books->work_count;
	books->works[books->work_count++] = work;
	books->willing_count += willing;
	matcher->willing_count += willing;
	matcher->work_count++;
}

static bool same_slots(const struct slot *a, const struct slot *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (a[i].worker != b[i].worker || a[i].group != b[i].group || a[i].node != b[i].node || a[i].chips != b[i].chips ||
		    a[i].chip_milli != b[i].chip_milli)
			return false;
	return true;
}

/* The next promise is this very placement: the slots are taken already. */
static bool redeem(struct matcher *matcher, const struct match_work *work)
{
	struct promise *promise;

	if (matcher->promise_first == matcher->promise_count)
		return false;
	promise = &matcher->promises[matcher->promise_first];
	if (promise->demand != work->demand || promise->replica != work->replica || promise->site != work->site ||
	    promise->slot_count != work->slot_count || !same_slots(matcher->promised + promise->first_slot, work->slots, work->slot_count))
		return false;
	if (++matcher->promise_first == matcher->promise_count)
		matcher->promise_first = matcher->promise_count = matcher->promised_count = 0;
	return true;
}

void matcher_begin(struct matcher *matcher, struct match_work *work)
{
	struct site_books *books = &matcher->sites[work->site];

	if (!redeem(matcher, work)) {
		matcher_settle(matcher);
		pool_take(books->pool, work->slots, work->slot_count, class_at(matcher, work->class)->need);
	}
	list_work(matcher, work);
}

void matcher_adopt(struct matcher *matcher, struct match_work *work)
{
	list_work(matcher, work);
}

void matcher_end(struct matcher *matcher, struct match_work *work)
{
	struct site_books *books = &matcher->sites[work->site];
	struct class *class = class_at(matcher, work->class);
	struct match_work *last;

	assert(work->place < books->work_count && books->works[work->place] == work);
	last = books->works[--books->work_count];
	books->works[work->place] = last;
	last->place = work->place;
	books->willing_count -= class->ask->preemptible;
	matcher->willing_count -= class->ask->preemptible;
	matcher->work_count--;
	pool_give(books->pool, work->slots, work->slot_count, class->need);
	books_log(matcher, work->site, false);
}

void books_promise(struct matcher *matcher, uint64_t demand, uint32_t replica, uint32_t class, uint32_t site, const struct slot *slots,
		   uint32_t slot_count)
{
	ARRAY_RESERVE(matcher->promises, matcher->promise_capacity, matcher->promise_count + 1);
	matcher->promises[matcher->promise_count++] = (struct promise){
		.demand = demand, .replica = replica, .class = class, .site = site, .slot_count = slot_count,
		.first_slot = matcher->promised_count,
	};
	ARRAY_RESERVE(matcher->promised, matcher->promised_capacity, matcher->promised_count + slot_count);
	memcpy(matcher->promised + matcher->promised_count, slots, slot_count * sizeof(*slots));
	matcher->promised_count += slot_count;
}

void matcher_settle(struct matcher *matcher)
{
	for (size_t p = matcher->promise_count; p > matcher->promise_first; p--) {
		struct promise *promise = &matcher->promises[p - 1];

		pool_give(matcher->sites[promise->site].pool, matcher->promised + promise->first_slot, promise->slot_count,
			  class_at(matcher, promise->class)->need);
		books_log(matcher, promise->site, false);
	}
	matcher->promise_first = matcher->promise_count = matcher->promised_count = 0;
}

/* --- reading ----------------------------------------------------------------------------------- */

size_t matcher_site_count(const struct matcher *matcher)
{
	return matcher->site_count;
}

const struct site_view *matcher_site(const struct matcher *matcher, uint32_t site)
{
	return &matcher->sites[site].view;
}

struct pool *matcher_pool(struct matcher *matcher, uint32_t site)
{
	return matcher->sites[site].pool;
}

struct match_work *const *matcher_works(const struct matcher *matcher, uint32_t site, size_t *ret_count)
{
	*ret_count = matcher->sites[site].work_count;
	return matcher->sites[site].works;
}

struct chooser *matcher_chooser(struct matcher *matcher)
{
	return matcher->chooser;
}
