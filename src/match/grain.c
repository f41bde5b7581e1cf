#include <string.h>

#include "match/states.h"

/* What each level adds to the amounts asked for: a geometric grid of 1/2^bits steps for CPU and for memory, multiples of the
 * heaviest asks, and for chips a step in milli; 0: only where their worth changes. */
static const struct grain_rule {
	unsigned cpu_bits, memory_bits;
	size_t asks, multiplied, multiples;
	uint16_t chip_step;
} rules[GRAIN_LEVEL_MAX + 1] = {
	{ 0, 0, 0, 0, 0, 0 },
	{ 3, 1, GRAIN_MARKS_MAX, 12, 6, 0 },
	{ 2, 0, 24, 6, 3, 50 },
	{ 1, 0, 8, 0, 0, 125 },
};

static void cut_add(int32_t *cuts, size_t *count, int64_t value)
{
	size_t at = *count;

	if (value > INT32_MAX || *count == GRAIN_CUTS_MAX)
		return;
	while (at > 0 && cuts[at - 1] > value)
		at--;
	if (at > 0 && cuts[at - 1] == value)
		return;
	memmove(cuts + at + 1, cuts + at, (*count - at) * sizeof(*cuts));
	cuts[at] = (int32_t)value;
	++*count;
}

/* 2^bits steps in each doubling, from `from` on. */
static void cut_grid(int32_t *cuts, size_t *count, int64_t from, unsigned bits)
{
	for (int64_t base = from; base <= INT32_MAX; base *= 2)
		for (int64_t step = 0; step < (int64_t)1 << bits; step++)
			cut_add(cuts, count, base + (base >> bits) * step);
}

static void chip_floors(struct grain *grain, const struct grain_rule *rule, const struct grain_marks *marks)
{
	uint16_t floor = 0, ceil = CHIP_MILLI;

	for (uint16_t g = 0; g <= CHIP_MILLI; g++) {
		if (g == 0 || g == CHIP_MILLI || grain->level == 0 || (rule->chip_step ? g % rule->chip_step == 0 : marks->chips[g]))
			floor = g;
		grain->chip_floor[g] = floor;
	}
	for (uint16_t g = CHIP_MILLI + 1; g-- > 0;) {
		if (g < CHIP_MILLI && grain->chip_floor[g] != grain->chip_floor[g + 1])
			ceil = g;
		grain->chip_ceil[g] = ceil;
	}
}

void grain_init(struct grain *grain, unsigned level, const struct grain_marks *marks)
{
	const struct grain_rule *rule = &rules[level];

	grain->level = level;
	grain->cpu_count = grain->memory_count = 0;
	chip_floors(grain, rule, marks);
	if (level == 0)
		return;
	cut_add(grain->cpu_cuts, &grain->cpu_count, 0);
	cut_add(grain->memory_cuts, &grain->memory_count, 0);
	for (size_t i = 0; i < marks->count && i < rule->asks; i++) {
		cut_add(grain->cpu_cuts, &grain->cpu_count, marks->cpu[i]);
		cut_add(grain->memory_cuts, &grain->memory_count, marks->memory[i]);
		for (size_t k = 2; i < rule->multiplied && k <= rule->multiples; k++)
			cut_add(grain->cpu_cuts, &grain->cpu_count, (int64_t)marks->cpu[i] * (int64_t)k);
	}
	cut_grid(grain->cpu_cuts, &grain->cpu_count, 1000, rule->cpu_bits);
	cut_grid(grain->memory_cuts, &grain->memory_count, 1024, rule->memory_bits);
}

/* The last cut that is not above the value; cuts[0] is 0. */
static size_t cut_below(const int32_t *cuts, size_t count, int32_t value)
{
	size_t low = 0, high = count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (cuts[middle] <= value)
			low = middle;
		else
			high = middle;
	}
	return low;
}

bool grain_follows(const struct grain *grain, const struct grain_marks *marks)
{
	for (int g = 0; g <= CHIP_MILLI; g++)
		if (grain->level == 1 && marks->chips[g] && grain->chip_floor[g] != g)
			return false;
	return true;
}

bool grain_cuts(const struct grain *grain, int64_t cpu, int64_t memory, uint16_t chip_milli)
{
	if (grain->level == 0)
		return true;
	if (cpu > INT32_MAX || memory > INT32_MAX)
		return true;
	return grain->cpu_cuts[cut_below(grain->cpu_cuts, grain->cpu_count, (int32_t)cpu)] == cpu &&
	       grain->memory_cuts[cut_below(grain->memory_cuts, grain->memory_count, (int32_t)memory)] == memory &&
	       grain->chip_floor[chip_milli] == chip_milli;
}

static int32_t power_below(int32_t value)
{
	return value > 0 ? 1 << (31 - __builtin_clz((unsigned)value)) : 0;
}

void grain_floor(const struct grain *grain, const struct node_free *of, struct node_copy *ret)
{
	copy_set(ret, of);
	if (grain->level == 0)
		return;
	ret->cpu = grain->cpu_cuts[cut_below(grain->cpu_cuts, grain->cpu_count, of->cpu)];
	ret->memory = grain->memory_cuts[cut_below(grain->memory_cuts, grain->memory_count, of->memory)];
	for (uint32_t r = 0; r < of->layout->resource_count; r++)
		ret->resources[r] = power_below(of->resources[r]);
	for (uint32_t c = 0; c < of->layout->chip_count; c++)
		ret->chips[c] = grain->chip_floor[of->chips[c]];
}

static int32_t cut_end(const int32_t *cuts, size_t count, int32_t floor)
{
	size_t at = cut_below(cuts, count, floor);

	return at + 1 < count ? cuts[at + 1] - 1 : INT32_MAX;
}

void grain_ceil(const struct grain *grain, const struct node_free *floor, struct node_copy *ret)
{
	copy_set(ret, floor);
	if (grain->level == 0)
		return;
	ret->cpu = cut_end(grain->cpu_cuts, grain->cpu_count, floor->cpu);
	ret->memory = cut_end(grain->memory_cuts, grain->memory_count, floor->memory);
	for (uint32_t r = 0; r < floor->layout->resource_count; r++)
		ret->resources[r] = floor->resources[r] > INT32_MAX / 2 ? INT32_MAX : floor->resources[r] * 2 - (floor->resources[r] > 0);
	for (uint32_t c = 0; c < floor->layout->chip_count; c++)
		ret->chips[c] = grain->chip_ceil[floor->chips[c]];
}
