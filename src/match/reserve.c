/* Reservations. What runs at a site ends by its time limit; going through these ends in order and giving back what each holds,
 * the first moment at which the demand fits is found, and there its nodes and chips are chosen as for a real
 * placement. Then everything is taken back as it was: the books are the same before and after.
 *
 * A reservation made earlier in the round takes its place in that course of events too: at its moment its slots are taken, and when
 * its demand's time is over they come back. So a later one never counts on what an earlier one needs.
 *
 * What is held now is the part of the chosen slots that is free now; the rest is in use by what will have ended. So one that is
 * placed beside the holds can't be in the way: its slots and the reserved ones have nothing in common. And one that ends
 * before is gone by then. */
#include <stdlib.h>

#include "match/round.h"

/* What was told to stop may end at any moment. */
static int64_t work_end(const struct match_work *work)
{
	return work->stopping ? 0 : work->ends_us;
}

static int compare_ends(const void *left, const void *right)
{
	const struct match_work *a = *(struct match_work *const *)left, *b = *(struct match_work *const *)right;

	if (work_end(a) != work_end(b))
		return work_end(a) < work_end(b) ? -1 : 1;
	if (a->demand != b->demand)
		return a->demand < b->demand ? -1 : 1;
	return (a->replica > b->replica) - (a->replica < b->replica);
}

static const struct timeline *timeline_of(struct round *round, uint32_t site)
{
	const struct site_books *books = &round->matcher->sites[site];
	struct timeline *timeline;

	for (timeline = round->timelines; timeline; timeline = timeline->next)
		if (timeline->site == site)
			return timeline;
	timeline = ARENA_NEW(round->arena, struct timeline);
	timeline->site = site;
	timeline->works = ARENA_ARRAY(round->arena, struct match_work *, books->work_count + 1);
	for (size_t w = 0; w < books->work_count; w++)
		if (work_end(books->works[w]) != INT64_MAX)
			timeline->works[timeline->count++] = books->works[w];
	if (timeline->count > 1)
		qsort(timeline->works, timeline->count, sizeof(struct match_work *), compare_ends);
	if (timeline->count > RESERVE_WORKS_MAX)
		timeline->count = RESERVE_WORKS_MAX;
	timeline->next = round->timelines;
	round->timelines = timeline;
	return timeline;
}

/* --- the course of events at one site -------------------------------------------------------------- */

struct course {
	struct round *round;
	struct pool *pool;
	uint32_t site;
	const struct timeline *timeline;
	size_t ended;           /* works given back */
	struct reserved **bookings; /* of this site, by their start */
	size_t booking_count, begun;
};

static int compare_bookings(const void *left, const void *right)
{
	const struct match_reservation *a = (*(struct reserved *const *)left)->record;
	const struct match_reservation *b = (*(struct reserved *const *)right)->record;

	if (a->start_us != b->start_us)
		return a->start_us < b->start_us ? -1 : 1;
	return (a->stream > b->stream) - (a->stream < b->stream);
}

static void course_open(struct course *course, struct round *round, uint32_t site)
{
	*course = (struct course){ .round = round, .pool = round->matcher->sites[site].pool, .site = site,
				   .timeline = timeline_of(round, site),
				   .bookings = ARENA_ARRAY(round->arena, struct reserved *, round->reserved_count + 1) };
	for (size_t r = 0; r < round->reserved_count; r++)
		if (round->reserved[r].record->site == site)
			course->bookings[course->booking_count++] = &round->reserved[r];
	if (course->booking_count > 1)
		qsort(course->bookings, course->booking_count, sizeof(*course->bookings), compare_bookings);
}

static uint32_t work_need(const struct round *round, const struct match_work *work)
{
	return class_at(round->matcher, work->class)->need;
}

/* Its hold becomes the whole. With works beyond the bound left out of sight, what it needs may still be in use; then the hold
 * goes on. */
static void claim(struct pool *pool, struct reserved *reserved)
{
	const struct match_reservation *record = reserved->record;

	pool_unhold(pool, reserved->hold);
	reserved->hold = NULL;
	reserved->claimed = pool_slots_free(pool, record->slots, record->slot_count, reserved->need);
	if (reserved->claimed)
		pool_take(pool, record->slots, record->slot_count, reserved->need);
	else
		reserved->hold = pool_hold(pool, record->slots, record->slot_count, reserved->need);
}

static void unclaim(struct pool *pool, struct reserved *reserved)
{
	if (reserved->claimed)
		pool_give(pool, reserved->record->slots, reserved->record->slot_count, reserved->need);
	reserved->claimed = false;
	pool_unhold(pool, reserved->hold);
	reserved->hold = NULL;
}

static int64_t next_booking_end(const struct course *course, struct reserved **ret)
{
	int64_t first_us = INT64_MAX;

	for (size_t b = 0; b < course->begun; b++)
		if (course->bookings[b]->claimed && course->bookings[b]->end_us < first_us) {
			first_us = course->bookings[b]->end_us;
			*ret = course->bookings[b];
		}
	return first_us;
}

/* Goes on to the next moment at which something is given back; INT64_MAX when nothing more is. Reservations that begin on
 * the way take what is theirs: at the same moment after what ends. */
static int64_t course_advance(struct course *course)
{
	struct reserved *ending = NULL;
	int64_t work_us = course->ended < course->timeline->count ? work_end(course->timeline->works[course->ended]) : INT64_MAX;
	int64_t booking_us = next_booking_end(course, &ending);
	int64_t begin_us = course->begun < course->booking_count ? course->bookings[course->begun]->record->start_us : INT64_MAX;

	while (begin_us < work_us && begin_us < booking_us) {
		claim(course->pool, course->bookings[course->begun++]);
		begin_us = course->begun < course->booking_count ? course->bookings[course->begun]->record->start_us : INT64_MAX;
		booking_us = next_booking_end(course, &ending);
	}
	if (work_us == INT64_MAX && booking_us == INT64_MAX)
		return INT64_MAX;
	if (booking_us < work_us) {
		unclaim(course->pool, ending);
		return booking_us;
	}
	while (course->ended < course->timeline->count && work_end(course->timeline->works[course->ended]) == work_us) {
		const struct match_work *work = course->timeline->works[course->ended++];

		pool_give(course->pool, work->slots, work->slot_count, work_need(course->round, work));
	}
	return work_us;
}

/* Those that begin at this very moment come before the one that looks for a place. */
static void course_settle(struct course *course, int64_t now_us)
{
	while (course->begun < course->booking_count && course->bookings[course->begun]->record->start_us <= now_us)
		claim(course->pool, course->bookings[course->begun++]);
}

static void course_undo(struct course *course)
{
	for (size_t b = course->begun; b-- > 0;)
		unclaim(course->pool, course->bookings[b]);
	while (course->ended > 0) {
		const struct match_work *work = course->timeline->works[--course->ended];

		pool_take(course->pool, work->slots, work->slot_count, work_need(course->round, work));
	}
	reserve_hold(course->round, course->site);
}

/* Whether one that begins now and takes `time_us` (0: not known) is gone before each reservation that is yet to begin. What those
 * count on is partly given back already, so it only seems free. */
static bool ends_before_bookings(const struct course *course, int64_t now_us, int64_t time_us)
{
	if (course->begun == course->booking_count)
		return true;
	return time_us > 0 && now_us + time_us <= course->bookings[course->begun]->record->start_us;
}

/* When one of the class that takes `time_us` will fit at the site, before `before_us`; INT64_MAX: not before, or not known. Fills
 * `slots`. */
static int64_t find_start(struct round *round, const struct class *class, int64_t time_us, uint32_t site, int64_t before_us,
			  struct slot *slots)
{
	struct course course;
	int64_t at_us, found_us = INT64_MAX, loss_milli;

	course_open(&course, round, site);
	while (found_us == INT64_MAX && (at_us = course_advance(&course)) < before_us) {
		course_settle(&course, at_us);
		if (!ends_before_bookings(&course, at_us, time_us) || !pool_fits(course.pool, class->need, class->workers))
			continue;
		if (!pool_place(course.pool, class->need, class->workers, slots, &loss_milli))
			abort();
		pool_give(course.pool, slots, class->workers, class->need);
		found_us = at_us;
	}
	course_undo(&course);
	return found_us;
}

/* --- reserving ----------------------------------------------------------------------------------- */

static void hold(struct round *round, struct reserved *reserved)
{
	const struct match_reservation *record = reserved->record;

	if (!reserved->hold)
		reserved->hold = pool_hold(round->matcher->sites[record->site].pool, record->slots, record->slot_count, reserved->need);
}

void reserve_slots(struct round *round, size_t stream, const struct match_entry *entry, uint32_t site, const struct slot *slots,
		   int64_t start_us)
{
	struct class *class = class_at(round->matcher, round->input->streams[stream].class);
	struct match_plan *plan = round->plan;
	struct reserved *reserved;

	if (!round->reserved) {
		round->reserved = ARENA_ARRAY(round->arena, struct reserved, round->reserved_max + 1);
		plan->reservations = ARENA_ARRAY(round->arena, struct match_reservation, round->reserved_max + 1);
	}
	reserved = &round->reserved[round->reserved_count++];
	*reserved = (struct reserved){ .record = &plan->reservations[plan->reservation_count++], .need = class->need,
				       .end_us = entry->time_us ? start_us + entry->time_us : INT64_MAX };
	*reserved->record = (struct match_reservation){
		.demand = entry->demand, .replica = entry->replica, .site = site, .stream = stream, .slot_count = class->workers,
		.slots = arena_dup(round->arena, slots, class->workers * sizeof(*slots)), .start_us = start_us,
	};
	hold(round, reserved);
}

bool reserve(struct round *round, size_t stream, const struct match_entry *entry, int64_t *ret_start_us)
{
	const struct match_stream *in = &round->input->streams[stream];
	struct class *class = class_at(round->matcher, in->class);
	const struct class_cache *cache = class->cache;
	struct slot *slots[2] = { ARENA_ARRAY(round->arena, struct slot, class->workers),
				  ARENA_ARRAY(round->arena, struct slot, class->workers) };
	int64_t best_us = INT64_MAX;
	uint32_t best_site = 0;
	struct slot *swap;

	for (size_t i = 0; i < cache->cheapest_count && i < RESERVE_SITES; i++) {
		uint32_t site = cache->cheapest[i].site;
		int64_t start_us;

		if (!class_allows(cache, site))
			continue;
		start_us = find_start(round, class, entry->time_us, site, best_us, slots[1]);
		if (start_us >= best_us)
			continue;
		best_us = start_us;
		best_site = site;
		swap = slots[0];
		slots[0] = slots[1];
		slots[1] = swap;
	}
	if (best_us == INT64_MAX)
		return false;
	if (best_us < round->input->now_us)
		best_us = round->input->now_us; /* something runs longer than it may; it is being stopped */
	reserve_slots(round, stream, entry, best_site, slots[0], best_us);
	*ret_start_us = best_us;
	return true;
}

size_t reserve_lift(struct round *round, uint32_t site, int64_t until_us)
{
	size_t lifted = 0;

	for (size_t r = 0; r < round->reserved_count; r++) {
		struct reserved *reserved = &round->reserved[r];

		if (reserved->record->site != site || reserved->record->start_us < until_us || !reserved->hold)
			continue;
		pool_unhold(round->matcher->sites[site].pool, reserved->hold);
		reserved->hold = NULL;
		lifted++;
	}
	return lifted;
}

void reserve_hold(struct round *round, uint32_t site)
{
	for (size_t r = 0; r < round->reserved_count; r++)
		if (round->reserved[r].record->site == site)
			hold(round, &round->reserved[r]);
}

void reserve_claim(struct round *round, uint32_t site)
{
	for (size_t r = 0; r < round->reserved_count; r++)
		if (round->reserved[r].record->site == site)
			claim(round->matcher->sites[site].pool, &round->reserved[r]);
}

void reserve_unclaim(struct round *round, uint32_t site)
{
	for (size_t r = 0; r < round->reserved_count; r++)
		if (round->reserved[r].record->site == site)
			unclaim(round->matcher->sites[site].pool, &round->reserved[r]);
}

void reserve_end(struct round *round)
{
	for (size_t r = 0; r < round->reserved_count; r++) {
		uint32_t site = round->reserved[r].record->site;

		pool_unhold(round->matcher->sites[site].pool, round->reserved[r].hold);
		round->reserved[r].hold = NULL;
		/* Classes that found it full because of the hold look again. */
		books_log(round->matcher, site, false);
	}
}
