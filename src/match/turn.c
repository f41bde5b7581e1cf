/* Whose turn it is under QUEUE_SHORT, the order for short waits.
 *
 * In the order of the levels of a round: demands with few places to go before those with many, in bands of half an octave of
 * what they may reach, since what a wide one takes of a narrow one's few places costs more than it gains. Then, as ever, the
 * group that is furthest below its share. Within a group, over all tenants in it: first what is stretched most (waiting
 * and running over running), in octaves, so that nothing starves; in an octave the shortest by its time limit, as that
 * lets the most go soonest (Smith 1956 for one machine; the response ratio is Brinch Hansen's, 1971); among equals the tenant
 * that holds least. On the log of the LHC Computing Grid (bench/lcg) this waits 40 % less than the oldest first.
 *
 * Fair shares of the tenants within a group before time was tried: long jobs of quiet users then go before short jobs of busy ones,
 * and waits grow by a tenth. Learned run times in place of the limits were tried too, and are worse on that log: users' limits tell
 * their short jobs from their long ones better than their past. */
#include "match/turn.h"

#include "match/order.h"

#define TIME_UNKNOWN_US (INT64_C(7 * 86400) * 1000000) /* of a demand without a time limit */

static int64_t time_of(const struct match_entry *entry)
{
	return entry->time_us > 0 ? entry->time_us : TIME_UNKNOWN_US;
}

/* Doublings of the time that it runs until it has waited as well, were it to start now. */
static int stretch(const struct match_entry *entry, int64_t now_us)
{
	int64_t waited_us = now_us - entry->since_us;

	return entry->since_us == 0 || waited_us <= 0 ? 0 : 63 - __builtin_clzll((uint64_t)(waited_us / time_of(entry)) + 1);
}

int turn_compare(const struct round *round, uint32_t a_stream, uint32_t b_stream)
{
	const struct match_entry *a = head(round, a_stream), *b = head(round, b_stream);
	int a_stretch = stretch(a, round->input->now_us), b_stretch = stretch(b, round->input->now_us);
	uint64_t a_held, b_held;

	if (a_stretch != b_stretch)
		return a_stretch > b_stretch ? -1 : 1;
	if (time_of(a) != time_of(b))
		return time_of(a) < time_of(b) ? -1 : 1;
	a_held = shares_held(round->input->shares, round->input->streams[a_stream].tenant);
	b_held = shares_held(round->input->shares, round->input->streams[b_stream].tenant);
	return (a_held > b_held) - (a_held < b_held);
}

/* What the sites that its rules allow have of the class's main resource, in milli. O(sites) after one of them changed. */
static uint64_t reach_of(struct round *round, uint32_t number)
{
	const struct class_cache *cache = class_cache_get(round->matcher, number);
	struct class *class = class_at(round->matcher, number);

	if (class->reach_known)
		return (uint64_t)class->reach;
	class->reach = 0;
	for (uint32_t s = 0; s < round->matcher->site_count; s++) {
		struct pool_totals totals;

		if (!class_allows(cache, s) || !round->matcher->sites[s].pool)
			continue;
		pool_totals(round->matcher->sites[s].pool, &totals);
		class->reach += class->ask->shape.chips.milli > 0 ? totals.chips * CHIP_MILLI : totals.cpu_milli;
	}
	class->reach_known = true;
	return (uint64_t)class->reach;
}

int turn_band(struct round *round, uint32_t number)
{
	uint64_t reach;
	int octave;

	if (round->matcher->policy->order != QUEUE_SHORT)
		return 0;
	reach = reach_of(round, number);
	if (reach == 0)
		return 0; /* nowhere at all: it costs nothing to be asked first */
	octave = 63 - __builtin_clzll(reach);
	return 1 + 2 * octave + ((unsigned __int128)reach * reach >> (2 * octave + 1) != 0);
}

uint32_t turn_tenant(const struct round *round, uint32_t tenant)
{
	return round->matcher->policy->order == QUEUE_SHORT ? shares_top(round->input->shares, tenant) : tenant;
}

uint32_t match_time_band(const struct policy_spec *policy, int64_t time_us)
{
	int octave;

	if (policy->order != QUEUE_SHORT || time_us <= 0)
		return 0;
	if (time_us < 4)
		return 1;
	octave = 63 - __builtin_clzll((uint64_t)time_us);
	return 2 + 4 * (uint32_t)octave + (uint32_t)(time_us >> (octave - 2) & 3);
}
