#include "match/mix.h"

#include <string.h>

#include "base/mem.h"

#define COUNT_ONE 64
#define COUNT_MAX ((int64_t)1 << 40)
#define LOOK_FIRST 4
#define WORKERS_MAX 1024 /* of one call: a single great gang is not the mix */

void mix_init(struct mix *mix)
{
	*mix = (struct mix){ .next_look = LOOK_FIRST, .next_halving = MIX_HALF_LIFE };
}

void mix_done(struct mix *mix)
{
	free(mix->entries);
	free(mix->places);
	free(mix->dropped);
	*mix = (struct mix){ 0 };
}

static void drop(struct mix *mix, size_t at)
{
	ARRAY_RESERVE(mix->dropped, mix->dropped_capacity, mix->dropped_count + 1);
	mix->dropped[mix->dropped_count++] = mix->entries[at].need;
	mix->places[mix->entries[at].need] = 0;
}

/* Keeps the entries with at least so much, and at most `room` of those with exactly that. */
static void keep(struct mix *mix, uint64_t least, size_t room)
{
	size_t kept = 0;

	for (size_t i = 0; i < mix->count; i++) {
		bool stays = mix->entries[i].count > least || (mix->entries[i].count == least && room > 0);

		room -= stays && mix->entries[i].count == least;
		if (!stays) {
			drop(mix, i);
			continue;
		}
		mix->entries[kept] = mix->entries[i];
		mix->places[mix->entries[kept].need] = (uint32_t)kept + 1;
		kept++;
	}
	mix->count = kept;
}

static void halve(struct mix *mix)
{
	for (size_t i = 0; i < mix->count; i++)
		mix->entries[i].count /= 2;
	keep(mix, 1, SIZE_MAX);
	mix->next_halving = mix->arrived + MIX_HALF_LIFE;
}

static int compare_counts(const void *a, const void *b)
{
	uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

	return first < second ? 1 : first > second ? -1 : 0;
}

static void drop_lighter_half(struct mix *mix)
{
	cleanup_free uint64_t *counts = mem_alloc(mix->count * sizeof(*counts));
	size_t half = mix->count / 2, greater = 0;

	for (size_t i = 0; i < mix->count; i++)
		counts[i] = mix->entries[i].count;
	qsort(counts, mix->count, sizeof(*counts), compare_counts);
	while (counts[greater] > counts[half - 1])
		greater++;
	keep(mix, counts[half - 1], half - greater);
}

static bool count_up(struct mix *mix, uint32_t need, uint64_t count)
{
	bool is_new;

	if (need >= mix->place_count) {
		size_t wanted = need + (size_t)1 > mix->place_count * 2 ? need + (size_t)1 : mix->place_count * 2;

		mix->places = mem_resize(mix->places, wanted, sizeof(*mix->places));
		memset(mix->places + mix->place_count, 0, (wanted - mix->place_count) * sizeof(*mix->places));
		mix->place_count = wanted;
	}
	is_new = mix->places[need] == 0;
	if (is_new) {
		if (mix->count == MIX_NEEDS_MAX)
			drop_lighter_half(mix);
		ARRAY_RESERVE(mix->entries, mix->capacity, mix->count + 1);
		mix->entries[mix->count++] = (struct mix_entry){ .need = need };
		mix->places[need] = (uint32_t)mix->count;
	}
	mix->entries[mix->places[need] - 1].count += count * COUNT_ONE;
	return is_new;
}

bool mix_add(struct mix *mix, uint32_t need, int64_t workers)
{
	uint64_t count = (uint64_t)(workers < WORKERS_MAX ? workers : WORKERS_MAX);
	bool is_new;

	if (workers <= 0)
		return false;
	is_new = count_up(mix, need, count);
	mix->arrived += count;
	if (mix->arrived >= mix->next_halving)
		halve(mix);
	return is_new;
}

bool mix_set(struct mix *mix, uint32_t need, int64_t workers)
{
	return workers > 0 && count_up(mix, need, (uint64_t)(workers < COUNT_MAX ? workers : COUNT_MAX));
}

bool mix_look_due(struct mix *mix)
{
	uint64_t step = mix->arrived / 4;

	if (mix->fixed || mix->arrived < mix->next_look)
		return false;
	mix->next_look = mix->arrived + (step < LOOK_FIRST ? LOOK_FIRST : step > MIX_LOOK_MAX ? MIX_LOOK_MAX : step);
	return true;
}

size_t mix_take_dropped(struct mix *mix, const uint32_t **ret)
{
	size_t count = mix->dropped_count;

	*ret = mix->dropped;
	mix->dropped_count = 0;
	return count;
}

void mix_clear(struct mix *mix)
{
	keep(mix, UINT64_MAX, 0);
}
