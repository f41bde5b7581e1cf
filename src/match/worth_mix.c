#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "match/sizes.h"
#include "match/worth.h"

#define LIMIT_BITS 20
#define COUNT_BITS 24
#define AMOUNT_LEAST 64 /* milli-cores or MiB; who asks for less is not limited by them */

struct weighed {
	struct need *need;
	uint64_t count;
	uint64_t weight;
};

static int compare_weighed(const void *a, const void *b)
{
	const struct weighed *first = a, *second = b;

	if (first->count != second->count)
		return first->count < second->count ? 1 : -1;
	return first->need->handle < second->need->handle ? -1 : first->need->handle > second->need->handle;
}

/* What is counted of the mix, heaviest first. */
static size_t weigh(const struct worth *worth, struct need *const *needs, const uint64_t *counts, size_t count, struct weighed *ret)
{
	bool fgd = worth->policy == NODE_POLICY_FGD;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		size_t at = kept;

		if (counts[i] == 0 || (!fgd && needs[i]->chips == 0) || needs[i]->chips > NODE_CHIPS_MAX)
			continue;
		for (size_t k = 0; fgd && k < kept && at == kept; k++)
			if (need_alike(ret[k].need, needs[i]))
				at = k;
		if (at < kept)
			ret[at].count += counts[i];
		else
			ret[kept++] = (struct weighed){ .need = needs[i], .count = counts[i] };
	}
	qsort(ret, kept, sizeof(*ret), compare_weighed);
	return kept;
}

/* Of the published rule: the commonest that make up 95 %. */
static size_t commonest(const struct weighed *weighed, size_t count)
{
	uint64_t total = 0, sum = 0;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		total += weighed[i].count;
	while (kept < count && sum * 100 < total * 95)
		sum += weighed[kept++].count;
	return kept;
}

/* 0.45 times the CPU that the mix asks for with each chip: so much is added to what a shape asks for. */
static uint64_t cpu_base(const struct weighed *weighed, size_t count)
{
	unsigned __int128 cpu = 0, milli = 0;

	for (size_t i = 0; i < count; i++) {
		cpu += (unsigned __int128)weighed[i].count * (uint64_t)weighed[i].need->cpu;
		milli += (unsigned __int128)weighed[i].count * weighed[i].need->chips * weighed[i].need->milli;
	}
	return milli ? (uint64_t)(cpu * (CHIP_MILLI * 9 / 20) / milli) + 1 : 1;
}

/* Shapes beyond the most that are kept count with the one that is likest: the same chips, the nearest CPU. */
static size_t join_tail(struct weighed *weighed, size_t count)
{
	for (size_t i = WORTH_SHAPES_MAX; i < count; i++) {
		struct weighed *nearest = NULL;

		for (size_t k = 0; k < WORTH_SHAPES_MAX; k++)
			if (need_alike_chips(weighed[k].need, weighed[i].need) &&
			    (!nearest || llabs(weighed[k].need->cpu - weighed[i].need->cpu) < llabs(nearest->need->cpu - weighed[i].need->cpu)))
				nearest = &weighed[k];
		if (nearest)
			nearest->count += weighed[i].count;
	}
	return count < WORTH_SHAPES_MAX ? count : WORTH_SHAPES_MAX;
}

static size_t shapes_of(const struct worth *worth, struct need *const *needs, const uint64_t *counts, size_t count, struct weighed **ret)
{
	struct weighed *weighed = mem_alloc((count + 1) * sizeof(*weighed));
	size_t kept = weigh(worth, needs, counts, count, weighed);
	uint64_t most = 1, total = 0, base = cpu_base(weighed, kept);

	if (worth->policy == NODE_POLICY_FGD)
		kept = commonest(weighed, kept);
	kept = join_tail(weighed, kept);
	for (size_t i = 0; i < kept; i++)
		most = weighed[i].count > most ? weighed[i].count : most;
	for (size_t i = 0; i < kept; i++) {
		uint64_t part = (uint64_t)(((unsigned __int128)weighed[i].count << COUNT_BITS) / most);

		part = part ? part : 1;
		weighed[i].weight = worth->policy == NODE_POLICY_FGD ? part : (part << 20) / ((uint64_t)weighed[i].need->cpu + base);
		weighed[i].weight = weighed[i].weight ? weighed[i].weight : 1;
		total += weighed[i].weight;
	}
	for (size_t i = 0; i < kept; i++)
		weighed[i].weight = (weighed[i].weight * WORTH_ONE + total / 2) / total;
	*ret = weighed;
	return kept;
}

static void set_values(struct worth *worth, struct need *const *needs, const uint64_t *counts, size_t count)
{
	cleanup_free struct share *shares = mem_alloc((count + 1) * sizeof(*shares));
	int64_t values[CHIP_MILLI + 1];
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (needs[i]->milli > 0 && needs[i]->milli < CHIP_MILLI && counts[i] > 0)
			shares[kept++] = (struct share){ .milli = needs[i]->milli, .count = counts[i] };
	sizes_compute(shares, kept, values);
	memcpy(worth->values, values, sizeof(worth->values));
}

void worth_set_mix(struct worth *worth, struct need *const *needs, const uint64_t *counts, size_t count)
{
	cleanup_free struct weighed *weighed = NULL;
	bool fgd = worth->policy == NODE_POLICY_FGD;

	worth_forget(worth);
	worth->shape_count = shapes_of(worth, needs, counts, count, &weighed);
	for (size_t i = 0; i < worth->shape_count; i++) {
		const struct need *need = weighed[i].need;
		uint64_t asked = (uint64_t)need->chips * need->milli;

		worth->shapes[i] = (struct worth_shape){ .need = weighed[i].need, .count = weighed[i].count,
							 .weight = (uint32_t)weighed[i].weight };
		if (!fgd && need->cpu >= AMOUNT_LEAST)
			worth->shapes[i].cpu_factor = (asked * 8 / 5 << LIMIT_BITS) / (uint64_t)need->cpu;
		if (!fgd && need->memory >= AMOUNT_LEAST)
			worth->shapes[i].memory_factor = (asked * 16 / 5 << LIMIT_BITS) / (uint64_t)need->memory;
	}
	if (!fgd)
		set_values(worth, needs, counts, count);
	for (int g = 0; g <= CHIP_MILLI; g++)
		worth->usable[g] = (int32_t)(fgd ? g : worth->values[g] * CHIP_MILLI / SIZE_ONE);
}

int64_t worth_distance(const struct worth *worth, struct need *const *needs, const uint64_t *counts, size_t count)
{
	cleanup_free struct weighed *weighed = NULL;
	size_t kept = shapes_of(worth, needs, counts, count, &weighed);
	int64_t distance = 0, found = 0, total = 0;

	for (size_t i = 0; i < worth->shape_count; i++)
		total += worth->shapes[i].weight;
	for (size_t i = 0; i < kept; i++) {
		int64_t before = 0;

		for (size_t k = 0; k < worth->shape_count; k++)
			if (worth->shapes[k].need == weighed[i].need)
				before = worth->shapes[k].weight;
		found += before;
		distance += llabs((int64_t)weighed[i].weight - before);
	}
	return distance + total - found;
}

void worth_marks(const struct worth *worth, struct need *const *needs, const uint64_t *counts, size_t count, struct grain_marks *ret)
{
	cleanup_free struct weighed *weighed = mem_alloc((count + 1) * sizeof(*weighed));

	*ret = (struct grain_marks){ .count = count < GRAIN_MARKS_MAX ? count : GRAIN_MARKS_MAX };
	for (size_t i = 0; i < count; i++)
		weighed[i] = (struct weighed){ .need = needs[i], .count = counts[i] };
	qsort(weighed, count, sizeof(*weighed), compare_weighed);
	for (int g = 1; g <= CHIP_MILLI; g++)
		ret->chips[g] = worth->values[g] != worth->values[g - 1];
	for (size_t i = 0; i < ret->count; i++) {
		const struct need *need = weighed[i].need;

		ret->cpu[i] = need->cpu > INT32_MAX ? INT32_MAX : (int32_t)need->cpu;
		ret->memory[i] = need->memory > INT32_MAX ? INT32_MAX : (int32_t)need->memory;
		ret->chips[need->milli] = true;
	}
}
