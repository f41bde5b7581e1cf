/* Yards: pools of slots with a queue of their own, first come first served with EASY backfill. A job stays in the yard that it was
 * sent to. Three policies differ only in the yards there are and in where a job is sent.
 *
 * What a job that overruns its time asked for is expected to do is to end at any moment. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lcg.h"

struct yard {
	uint32_t capacity, free;
	uint32_t *queue; /* jobs, the oldest at `head`; a backfilled one leaves a hole */
	size_t head, count, size;
	struct running {
		int64_t expected_s;
		uint32_t job;
	} *running; /* in no order */
	size_t running_count, running_size;
	/* When a further job would start, were all to take what they asked for: the times at which the slots come free, as a heap. */
	int64_t *plan;
	bool planned;
	int64_t stale_s; /* the plan is out of date from then on */
};

struct end {
	int64_t at_s;
	uint32_t job, yard;
};

struct yards {
	struct lcg *lcg;
	struct yard *yards;
	size_t count;
	struct end *ends; /* a heap */
	size_t end_count;
	uint32_t (*send)(struct yards *yards, uint32_t job, int64_t now_s);
	int64_t *scratch;
};

#define HOLE UINT32_MAX

/* --- heaps --- */

static bool end_before(const struct end *a, const struct end *b)
{
	return a->at_s != b->at_s ? a->at_s < b->at_s : a->job < b->job;
}

static void ends_push(struct yards *yards, struct end end)
{
	size_t at = yards->end_count++;

	for (; at > 0 && end_before(&end, &yards->ends[(at - 1) / 2]); at = (at - 1) / 2)
		yards->ends[at] = yards->ends[(at - 1) / 2];
	yards->ends[at] = end;
}

static struct end ends_pop(struct yards *yards)
{
	struct end first = yards->ends[0], moved = yards->ends[--yards->end_count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < yards->end_count) {
		if (child + 1 < yards->end_count && end_before(&yards->ends[child + 1], &yards->ends[child]))
			child++;
		if (!end_before(&yards->ends[child], &moved))
			break;
		yards->ends[at] = yards->ends[child];
		at = child;
	}
	yards->ends[at] = moved;
	return first;
}

static void plan_down(int64_t *plan, size_t count, size_t at)
{
	int64_t moved = plan[at];
	size_t child;

	while ((child = 2 * at + 1) < count) {
		if (child + 1 < count && plan[child + 1] < plan[child])
			child++;
		if (plan[child] >= moved)
			break;
		plan[at] = plan[child];
		at = child;
	}
	plan[at] = moved;
}

/* --- the plan of a yard --- */

/* The earliest moment at which so many slots are free, which then are taken until `asked_s` later if `take`. Slots that wait for a wider
 * job are not planned for others. With jobs of one slot there are none. */
static int64_t plan_job(struct yards *yards, int64_t *plan, uint32_t capacity, uint32_t slots, int64_t asked_s)
{
	int64_t start_s;

	if (slots == 1) {
		start_s = plan[0];
		plan[0] = start_s + asked_s;
		plan_down(plan, capacity, 0);
		return start_s;
	}
	/* The first `slots` of the heap come off and go back. */
	for (uint32_t i = 0; i < slots; i++) {
		yards->scratch[i] = plan[0];
		plan[0] = INT64_MAX;
		plan_down(plan, capacity, 0);
	}
	start_s = yards->scratch[slots - 1];
	/* Those taken off are INT64_MAX now, anywhere: find them. */
	for (uint32_t i = 0; i < capacity; i++)
		if (plan[i] == INT64_MAX)
			plan[i] = start_s + asked_s;
	for (size_t i = capacity / 2; i-- > 0;)
		plan_down(plan, capacity, i);
	return start_s;
}

static void plan_make(struct yards *yards, struct yard *yard, int64_t now_s)
{
	size_t at = 0;

	if (yard->planned && now_s < yard->stale_s)
		return;
	if (!yard->plan)
		yard->plan = mem_alloc(yard->capacity * sizeof(*yard->plan));
	yard->stale_s = INT64_MAX;
	for (size_t r = 0; r < yard->running_count; r++) {
		int64_t expected_s = yard->running[r].expected_s > now_s ? yard->running[r].expected_s : now_s + 1;

		yard->stale_s = expected_s < yard->stale_s ? expected_s : yard->stale_s;
		for (uint32_t i = 0; i < yards->lcg->jobs[yard->running[r].job].slots; i++)
			yard->plan[at++] = expected_s;
	}
	while (at < yard->capacity)
		yard->plan[at++] = now_s;
	for (size_t i = yard->capacity / 2; i-- > 0;)
		plan_down(yard->plan, yard->capacity, i);
	for (size_t q = yard->head; q < yard->count; q++)
		if (yard->queue[q] != HOLE)
			plan_job(yards, yard->plan, yard->capacity, yards->lcg->jobs[yard->queue[q]].slots, yards->lcg->jobs[yard->queue[q]].asked_s);
	yard->planned = true;
}

/* When the job would start there. */
static int64_t plan_start(struct yards *yards, struct yard *yard, const struct lcg_job *job, int64_t now_s)
{
	int64_t start_s;

	plan_make(yards, yard, now_s);
	if (job->slots == 1) {
		start_s = yard->plan[0];
	} else {
		int64_t *copy = mem_dup(yard->plan, yard->capacity * sizeof(*copy));

		start_s = plan_job(yards, copy, yard->capacity, job->slots, job->asked_s);
		free(copy);
	}
	return start_s > now_s ? start_s : now_s;
}

/* --- EASY --- */

static void start_job(struct yards *yards, struct yard *yard, uint32_t number, int64_t now_s)
{
	struct lcg_job *job = &yards->lcg->jobs[number];

	job->start_s = now_s;
	yard->free -= job->slots;
	ARRAY_RESERVE(yard->running, yard->running_size, yard->running_count + 1);
	yard->running[yard->running_count++] = (struct running){ now_s + job->asked_s, number };
	ends_push(yards, (struct end){ now_s + job->run_s, number, (uint32_t)(yard - yards->yards) });
}

static int compare_running(const void *left, const void *right)
{
	const struct running *a = left, *b = right;

	return (a->expected_s > b->expected_s) - (a->expected_s < b->expected_s);
}

/* When the head will start at the latest, and how many slots are then left beside it. */
static void shadow(const struct yards *yards, struct yard *yard, uint32_t slots, int64_t now_s, int64_t *ret_start_s, uint32_t *ret_extra)
{
	uint32_t free = yard->free;

	qsort(yard->running, yard->running_count, sizeof(*yard->running), compare_running);
	*ret_start_s = now_s;
	for (size_t r = 0; r < yard->running_count && free < slots; r++) {
		free += yards->lcg->jobs[yard->running[r].job].slots;
		*ret_start_s = yard->running[r].expected_s > now_s ? yard->running[r].expected_s : now_s + 1;
	}
	*ret_extra = free - slots;
}

static void backfill(struct yards *yards, struct yard *yard, int64_t now_s)
{
	int64_t shadow_s;
	uint32_t extra;

	shadow(yards, yard, yards->lcg->jobs[yard->queue[yard->head]].slots, now_s, &shadow_s, &extra);
	for (size_t q = yard->head + 1; q < yard->count && yard->free > 0; q++) {
		const struct lcg_job *job = yard->queue[q] == HOLE ? NULL : &yards->lcg->jobs[yard->queue[q]];

		if (!job || job->slots > yard->free || (now_s + job->asked_s > shadow_s && job->slots > extra))
			continue;
		if (now_s + job->asked_s > shadow_s)
			extra -= job->slots;
		start_job(yards, yard, yard->queue[q], now_s);
		yard->queue[q] = HOLE;
		yard->planned = false;
	}
}

static void serve(struct yards *yards, struct yard *yard, int64_t now_s)
{
	for (; yard->head < yard->count; yard->head++) {
		uint32_t job = yard->queue[yard->head];

		if (job == HOLE)
			continue;
		if (yards->lcg->jobs[job].slots > yard->free)
			break;
		start_job(yards, yard, job, now_s);
	}
	if (yard->head < yard->count && yard->free > 0)
		backfill(yards, yard, now_s);
}

static void end_job(struct yards *yards, const struct end *end)
{
	struct yard *yard = &yards->yards[end->yard];
	size_t r = 0;

	while (yard->running[r].job != end->job)
		r++;
	yard->running[r] = yard->running[--yard->running_count];
	yard->free += yards->lcg->jobs[end->job].slots;
	yard->planned = false;
}

static void submit_job(struct yards *yards, uint32_t number, int64_t now_s, uint32_t *ret_yard)
{
	const struct lcg_job *job = &yards->lcg->jobs[number];
	uint32_t y = yards->send(yards, number, now_s);
	struct yard *yard = &yards->yards[y];

	ARRAY_RESERVE(yard->queue, yard->size, yard->count + 1);
	yard->queue[yard->count++] = number;
	/* Behind all others: the plan goes on. */
	if (yard->planned && now_s < yard->stale_s)
		plan_job(yards, yard->plan, yard->capacity, job->slots, job->asked_s);
	*ret_yard = y;
}

static void run(struct yards *yards)
{
	struct lcg *lcg = yards->lcg;
	uint32_t *touched = mem_alloc((2 * lcg->job_count + 1) * sizeof(*touched));
	size_t next = 0;

	yards->ends = mem_alloc((lcg->job_count + 1) * sizeof(*yards->ends));
	yards->scratch = mem_alloc((lcg->slots + 1) * sizeof(*yards->scratch));
	while (next < lcg->job_count || yards->end_count > 0) {
		int64_t now_s = next < lcg->job_count ? lcg->jobs[next].submit_s : INT64_MAX;
		size_t count = 0;

		if (yards->end_count > 0 && yards->ends[0].at_s < now_s)
			now_s = yards->ends[0].at_s;
		while (yards->end_count > 0 && yards->ends[0].at_s == now_s) {
			struct end end = ends_pop(yards);

			end_job(yards, &end);
			touched[count++] = end.yard;
		}
		while (next < lcg->job_count && lcg->jobs[next].submit_s == now_s) {
			submit_job(yards, (uint32_t)next++, now_s, &touched[count]);
			count++;
		}
		for (size_t i = 0; i < count; i++)
			serve(yards, &yards->yards[touched[i]], now_s);
	}
	for (size_t y = 0; y < yards->count; y++) {
		free(yards->yards[y].queue);
		free(yards->yards[y].running);
		free(yards->yards[y].plan);
	}
	free(yards->yards);
	free(yards->ends);
	free(yards->scratch);
	free(touched);
}

/* --- the policies --- */

static uint32_t send_home(struct yards *yards, uint32_t job, int64_t now_s)
{
	return yards->lcg->jobs[job].site;
}

static uint32_t send_pooled(struct yards *yards, uint32_t job, int64_t now_s)
{
	return 0;
}

/* Ties go to the first site. */
static uint32_t send_earliest(struct yards *yards, uint32_t number, int64_t now_s)
{
	const struct lcg_job *job = &yards->lcg->jobs[number];
	const bool *may_run = yards->lcg->may_run + job->group * yards->lcg->site_count;
	int64_t best_s = INT64_MAX;
	uint32_t best = job->site;

	for (uint32_t s = 0; s < yards->count && best_s > now_s; s++) {
		int64_t start_s;

		if (!may_run[s] || job->slots > yards->yards[s].capacity)
			continue;
		start_s = plan_start(yards, &yards->yards[s], job, now_s);
		if (start_s < best_s) {
			best_s = start_s;
			best = s;
		}
	}
	return best;
}

static void run_sites(struct lcg *lcg, uint32_t (*send)(struct yards *, uint32_t, int64_t))
{
	struct yards yards = { .lcg = lcg, .count = lcg->site_count, .send = send };

	yards.yards = mem_alloc(yards.count * sizeof(*yards.yards));
	for (size_t s = 0; s < yards.count; s++)
		yards.yards[s] = (struct yard){ .capacity = lcg->capacity[s], .free = lcg->capacity[s] };
	run(&yards);
}

void lcg_home(struct lcg *lcg)
{
	run_sites(lcg, send_home);
}

void lcg_earliest(struct lcg *lcg)
{
	run_sites(lcg, send_earliest);
}

void lcg_pooled(struct lcg *lcg)
{
	struct yards yards = { .lcg = lcg, .count = 1, .send = send_pooled };

	yards.yards = mem_alloc(sizeof(*yards.yards));
	yards.yards[0] = (struct yard){ .capacity = (uint32_t)lcg->slots, .free = (uint32_t)lcg->slots };
	run(&yards);
}
