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

/* What was told to stop, or runs longer than it may and is being stopped, may end at any moment from now on: never before, or
 * what is reserved from now on would seem to come later. */
static int64_t work_end(const struct round *round, const struct match_work *work)
{
	bool stops = work->stopping || work->doomed == round->matcher->round || work->ends_us < round->input->now_us;

	return stops ? round->input->now_us : work->ends_us;
}

static int compare_ends(const void *left, const void *right)
{
	const struct work_end *a = left, *b = right;

	if (a->us != b->us)
		return a->us < b->us ? -1 : 1;
	if (a->work->demand != b->work->demand)
		return a->work->demand < b->work->demand ? -1 : 1;
	return (a->work->replica > b->work->replica) - (a->work->replica < b->work->replica);
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
	timeline->ends = ARENA_ARRAY(round->arena, struct work_end, books->work_count + 1);
	for (size_t w = 0; w < books->work_count; w++) {
		int64_t end_us = work_end(round, books->works[w]);

		if (end_us != INT64_MAX)
			timeline->ends[timeline->count++] = (struct work_end){ end_us, books->works[w] };
	}
	if (timeline->count > 1)
		qsort(timeline->ends, timeline->count, sizeof(*timeline->ends), compare_ends);
	if (timeline->count > RESERVE_WORKS_MAX)
		timeline->count = RESERVE_WORKS_MAX;
	timeline->next = round->timelines;
	round->timelines = timeline;
	return timeline;
}

void reserve_forget(struct round *round, uint32_t site)
{
	struct timeline **at = &round->timelines;

	while (*at && (*at)->site != site)
		at = &(*at)->next;
	if (*at)
		*at = (*at)->next;
}

/* --- holds --------------------------------------------------------------------------------------- */

static void hold(struct round *round, struct reserved *reserved)
{
	const struct match_reservation *record = reserved->record;

	struct pool *pool = round->matcher->sites[record->site].pool;
	struct pool_totals before, after;

	if (reserved->hold)
		return;
	pool_totals(pool, &before);
	reserved->hold = pool_hold(pool, record->slots, record->slot_count, reserved->need);
	pool_totals(pool, &after);
	reserved->held_cpu_milli = before.cpu_free_milli - after.cpu_free_milli;
	round->trials += record->slot_count;
}

/* What another held of its slots may be free now; it needs that too. */
static void hold_anew(struct round *round, struct reserved *reserved)
{
	pool_unhold(round->matcher->sites[reserved->record->site].pool, reserved->hold);
	reserved->hold = NULL;
	hold(round, reserved);
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
	bool blind; /* one could not begin: work beyond the bound is in its way, and what happens from there on is not known */
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
	/* What two of them need one after the other is held for the first. */
	for (size_t b = 0; b < course->booking_count; b++) {
		pool_unhold(course->pool, course->bookings[b]->hold);
		course->bookings[b]->hold = NULL;
	}
	for (size_t b = 0; b < course->booking_count; b++)
		hold(round, course->bookings[b]);
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

/* The first end of a reservation that has begun; INT64_MAX none. */
static int64_t next_booking_end(const struct course *course)
{
	int64_t first_us = INT64_MAX;

	for (size_t b = 0; b < course->begun; b++)
		if (course->bookings[b]->claimed && course->bookings[b]->end_us < first_us)
			first_us = course->bookings[b]->end_us;
	return first_us;
}

static int64_t next_work_end(const struct course *course)
{
	return course->ended < course->timeline->count ? course->timeline->ends[course->ended].us : INT64_MAX;
}

/* Gives back all that ends at this moment. */
static void end_at(struct course *course, int64_t now_us)
{
	for (size_t b = 0; b < course->begun; b++)
		if (course->bookings[b]->claimed && course->bookings[b]->end_us == now_us)
			unclaim(course->pool, course->bookings[b]);
	for (; next_work_end(course) == now_us; course->ended++) {
		const struct match_work *work = course->timeline->ends[course->ended].work;

		pool_give(course->pool, work->slots, work->slot_count, work_need(course->round, work));
		course->round->trials += work->slot_count;
	}
}

static void begin_next(struct course *course)
{
	struct reserved *booking = course->bookings[course->begun++];

	claim(course->pool, booking);
	course->blind |= !booking->claimed;
}

/* Goes on to the next moment at which something is given back; INT64_MAX when nothing more is. Reservations that begin on
 * the way take what is theirs: at the same moment after what ends. */
static int64_t course_advance(struct course *course)
{
	for (;;) {
		int64_t work_us = next_work_end(course), booking_us = next_booking_end(course);
		int64_t end_us = work_us < booking_us ? work_us : booking_us;

		if (course->begun < course->booking_count && course->bookings[course->begun]->record->start_us < end_us) {
			begin_next(course);
			continue;
		}
		if (end_us != INT64_MAX)
			end_at(course, end_us);
		return end_us;
	}
}

/* Those that begin at this very moment come before the one that looks for a place. */
static void course_settle(struct course *course, int64_t now_us)
{
	while (course->begun < course->booking_count && course->bookings[course->begun]->record->start_us <= now_us)
		begin_next(course);
}

static void course_undo(struct course *course)
{
	for (size_t b = course->begun; b-- > 0;)
		unclaim(course->pool, course->bookings[b]);
	while (course->ended > 0) {
		const struct match_work *work = course->timeline->ends[--course->ended].work;

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
	return time_us > 0 && later_us(now_us, time_us) <= course->bookings[course->begun]->record->start_us;
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
		if (course.blind)
			break;
		round->trials += TRIAL_FITS;
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
				       .end_us = entry->time_us ? later_us(start_us, entry->time_us) : INT64_MAX };
	*reserved->record = (struct match_reservation){
		.demand = entry->demand, .replica = entry->replica, .site = site, .stream = stream, .slot_count = class->workers,
		.slots = arena_dup(round->arena, slots, class->workers * sizeof(*slots)), .start_us = start_us,
	};
	hold(round, reserved);
}

/* Room for two ways to place so many workers. */
static void need_scratch(struct round *round, uint32_t workers)
{
	size_t capacity = round->scratch_capacity * 2;

	if (round->scratch_capacity >= 2 * (size_t)workers)
		return;
	capacity = capacity > 2 * (size_t)workers ? capacity : 2 * (size_t)workers;
	round->scratch = ARENA_ARRAY(round->arena, struct slot, capacity);
	round->scratch_capacity = capacity;
}

bool reserve(struct round *round, size_t stream, const struct match_entry *entry, int64_t *ret_start_us)
{
	const struct match_stream *in = &round->input->streams[stream];
	struct class *class = class_at(round->matcher, in->class);
	const struct class_cache *cache = class->cache;
	int64_t best_us = INT64_MAX;
	uint32_t best_site = 0;
	struct slot *slots[2];

	if (round->trials >= TRIALS_MAX || round->reserve_tries++ >= RESERVE_TRIES_MAX)
		return false;
	need_scratch(round, class->workers);
	slots[0] = round->scratch;
	slots[1] = round->scratch + class->workers;
	for (size_t i = 0; i < cache->cheapest_count && i < RESERVE_SITES; i++) {
		uint32_t site = cache->cheapest[i].site;
		struct slot *swap = slots[0];
		int64_t start_us;

		if (!class_allows(cache, site))
			continue;
		start_us = find_start(round, class, entry->time_us, site, best_us, slots[1]);
		if (start_us >= best_us)
			continue;
		best_us = start_us;
		best_site = site;
		slots[0] = slots[1];
		slots[1] = swap;
	}
	if (best_us == INT64_MAX)
		return false;
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
	for (size_t r = 0; lifted > 0 && r < round->reserved_count; r++)
		if (round->reserved[r].record->site == site && round->reserved[r].hold)
			hold_anew(round, &round->reserved[r]);
	return lifted;
}

int64_t reserve_room(const struct round *round, uint32_t site, int64_t until_us)
{
	struct pool_totals totals;

	pool_totals(round->matcher->sites[site].pool, &totals);
	for (size_t r = 0; r < round->reserved_count; r++) {
		const struct reserved *reserved = &round->reserved[r];

		if (reserved->record->site == site && reserved->record->start_us >= until_us && reserved->hold)
			totals.cpu_free_milli += reserved->held_cpu_milli;
	}
	return totals.cpu_free_milli;
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

void reserve_loosen(struct round *round, uint32_t site)
{
	for (size_t r = 0; r < round->reserved_count; r++) {
		if (round->reserved[r].record->site != site || !round->reserved[r].hold)
			continue;
		pool_unhold(round->matcher->sites[site].pool, round->reserved[r].hold);
		round->reserved[r].hold = NULL;
	}
}

void reserve_tighten(struct round *round, uint32_t site)
{
	for (size_t r = 0; r < round->reserved_count; r++)
		if (round->reserved[r].record->site == site && !round->reserved[r].claimed)
			hold(round, &round->reserved[r]);
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
