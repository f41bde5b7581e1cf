#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lcg.h"

#define ASKED_UNKNOWN_S 86400

struct change {
	int64_t at_s, slots;
};

/* Ends, which are negative, before starts. */
static int compare_changes(const void *left, const void *right)
{
	const struct change *a = left, *b = right;

	if (a->at_s != b->at_s)
		return a->at_s < b->at_s ? -1 : 1;
	return (a->slots > b->slots) - (a->slots < b->slots);
}

static int compare_numbers(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

/* Distinct numbers in their order; a number's place among them is its index. */
struct numbers {
	int64_t *items;
	size_t count;
};

static void numbers_make(struct numbers *numbers, struct arena *arena, size_t count)
{
	numbers->items = ARENA_ARRAY(arena, int64_t, count + 1);
	numbers->count = 0;
}

static void numbers_sort(struct numbers *numbers)
{
	size_t kept = 0;

	qsort(numbers->items, numbers->count, sizeof(*numbers->items), compare_numbers);
	for (size_t i = 0; i < numbers->count; i++)
		if (kept == 0 || numbers->items[kept - 1] != numbers->items[i])
			numbers->items[kept++] = numbers->items[i];
	numbers->count = kept;
}

static uint32_t numbers_find(const struct numbers *numbers, int64_t number)
{
	const int64_t *found = bsearch(&number, numbers->items, numbers->count, sizeof(*numbers->items), compare_numbers);

	return (uint32_t)(found - numbers->items);
}

/* A user's number within its group, as one number. */
static int64_t user_key(const struct swf_job *job)
{
	return (job->group + 1) * (SWF_VALUE_MAX / 1000) + (job->user + 1) % (SWF_VALUE_MAX / 1000);
}

static int64_t width_of(const struct swf_job *job)
{
	return job->processors_asked > 0 ? job->processors_asked : job->processors_used;
}

static bool is_usable(const struct swf_job *job)
{
	return job->run_s >= 0 && width_of(job) > 0 && width_of(job) <= 1000000 && job->partition >= 0;
}

static int compare_jobs(const void *left, const void *right)
{
	const struct swf_job *const *a = left, *const *b = right;

	if ((*a)->submit_s != (*b)->submit_s)
		return (*a)->submit_s < (*b)->submit_s ? -1 : 1;
	return (*a > *b) - (*a < *b);
}

static void set_capacities(struct lcg *lcg, int64_t divisor, struct arena *arena)
{
	struct change *changes = mem_alloc((2 * lcg->job_count + 1) * sizeof(*changes));

	lcg->capacity = ARENA_ARRAY(arena, uint32_t, lcg->site_count);
	for (uint32_t s = 0; s < lcg->site_count; s++) {
		int64_t now = 0, peak = 0, widest = 1, capacity;
		size_t count = 0;

		for (size_t j = 0; j < lcg->job_count; j++) {
			const struct lcg_job *job = &lcg->jobs[j];

			if (job->site != s)
				continue;
			changes[count++] = (struct change){ job->submit_s, job->slots };
			changes[count++] = (struct change){ job->submit_s + job->run_s, -(int64_t)job->slots };
			widest = job->slots > widest ? job->slots : widest;
		}
		qsort(changes, count, sizeof(*changes), compare_changes);
		for (size_t i = 0; i < count; i++) {
			now += changes[i].slots;
			peak = now > peak ? now : peak;
		}
		capacity = (peak + divisor - 1) / divisor;
		lcg->capacity[s] = (uint32_t)(capacity > widest ? capacity : widest);
		lcg->slots += lcg->capacity[s];
	}
	free(changes);
}

void lcg_load(const struct swf *swf, int64_t divisor, struct arena *arena, struct lcg *ret)
{
	const struct swf_job **usable = mem_alloc((swf->job_count + 1) * sizeof(*usable));
	struct numbers sites, groups, users;

	*ret = (struct lcg){ .jobs = ARENA_ARRAY(arena, struct lcg_job, swf->job_count + 1) };
	numbers_make(&sites, arena, swf->job_count);
	numbers_make(&groups, arena, swf->job_count);
	numbers_make(&users, arena, swf->job_count);
	for (size_t j = 0; j < swf->job_count; j++) {
		const struct swf_job *job = &swf->jobs[j];

		if (!is_usable(job)) {
			ret->left_out++;
			continue;
		}
		usable[ret->job_count++] = job;
		sites.items[sites.count++] = job->partition;
		groups.items[groups.count++] = job->group;
		users.items[users.count++] = user_key(job);
	}
	numbers_sort(&sites);
	numbers_sort(&groups);
	numbers_sort(&users);
	qsort(usable, ret->job_count, sizeof(*usable), compare_jobs);
	ret->site_count = sites.count;
	ret->group_count = groups.count;
	ret->user_count = users.count;
	ret->may_run = ARENA_ARRAY(arena, bool, groups.count * sites.count + 1);
	ret->user_group = ARENA_ARRAY(arena, uint32_t, users.count + 1);
	for (size_t j = 0; j < ret->job_count; j++) {
		const struct swf_job *job = usable[j];
		struct lcg_job *own = &ret->jobs[j];

		*own = (struct lcg_job){ .submit_s = job->submit_s, .run_s = job->run_s,
					 .asked_s = job->time_asked_s > 0 ? job->time_asked_s : ASKED_UNKNOWN_S, .slots = (uint32_t)width_of(job),
					 .site = numbers_find(&sites, job->partition), .group = numbers_find(&groups, job->group),
					 .user = numbers_find(&users, user_key(job)) };
		ret->may_run[own->group * ret->site_count + own->site] = true;
		ret->user_group[own->user] = own->group;
	}
	free(usable);
	set_capacities(ret, divisor, arena);
}
