/* How scarce the sites are: how many kinds of work may go there, where asks with the same sites are of one kind. Work that has a choice
 * is best kept off sites that many kinds share, and goes where few others could (least flexible first, for jobs and machines:
 * Pinedo, Scheduling, on machines with eligibility constraints).
 *
 * Weighing the kinds by what was asked for, over what they may reach, sounds better and is worse on the log of the LHC Computing Grid: the
 * kinds that ask for most are the wide ones, which are everywhere.
 *
 * Made anew whenever what was asked for has grown by half. It costs a pass over classes and sites, and all caches go with it, as
 * costs have changed; so it is seldom, and a kind that hardly anybody is of counts late. Counting each at once was tried, and made
 * the figures of that log more uneven. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "match/books.h"

#define ASKED_FEW 64

struct kind {
	uint64_t hash;
	uint32_t class;
};

static int compare_kinds(const void *left, const void *right)
{
	const struct kind *a = left, *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (a->class > b->class) - (a->class < b->class);
}

static uint64_t hash_set(const uint64_t *words, size_t count)
{
	uint64_t hash = count;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ words[i] ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return hash ^ hash >> 32;
}

static void count_kinds(struct matcher *matcher, uint32_t *counts)
{
	struct kind *kinds = mem_alloc((matcher->class_count + 1) * sizeof(*kinds));
	size_t count = 0;

	for (uint32_t c = 0; c < matcher->class_count; c++)
		if (matcher->classes[c].ask && matcher->classes[c].asked)
			kinds[count++] = (struct kind){ hash_set(class_cache_get(matcher, c)->allowed, (matcher->site_count + 63) / 64), c };
	if (count > 1)
		qsort(kinds, count, sizeof(*kinds), compare_kinds);
	for (size_t k = 0; k < count; k++) {
		const struct class_cache *cache;

		if (k > 0 && kinds[k].hash == kinds[k - 1].hash)
			continue;
		cache = class_cache_get(matcher, kinds[k].class);
		for (uint32_t s = 0; s < matcher->site_count; s++)
			counts[s] += class_allows(cache, s);
	}
	free(kinds);
}

static void make(struct matcher *matcher)
{
	uint32_t *counts = mem_alloc((matcher->site_count + 1) * sizeof(*counts)), most = 1;

	count_kinds(matcher, counts);
	for (size_t s = 0; s < matcher->site_count; s++)
		most = counts[s] > most ? counts[s] : most;
	for (size_t s = 0; s < matcher->site_count; s++)
		matcher->sites[s].scarcity_permille = (int32_t)((uint64_t)counts[s] * 1000 / most);
	free(counts);
	class_caches_drop(matcher);
}

void scarcity_learn(struct matcher *matcher, uint32_t number)
{
	class_at(matcher, number)->asked = true;
	if (++matcher->asked < matcher->asked_next || matcher->policy->weights.scarcity_permille == 0)
		return;
	matcher->asked_next = matcher->asked + ASKED_FEW + matcher->asked / 2;
	make(matcher);
}
