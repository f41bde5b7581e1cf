/* When a job can no longer end in time: a heap of the live demands with a deadline, by the moment at which that is so.
 *
 * One that has no attempt must begin while its time limit still fits before the deadline; one that has an attempt must
 * have ended by the deadline itself. The moment moves whenever the first becomes the second or back, so each demand
 * knows its place in the heap. Ties go by id, so that decisions follow from the state alone.
 */
#include <assert.h>

#include "platform/state.h"

int64_t demand_due_us(const struct demand *demand)
{
	if (demand->deadline_us == 0 || demand->cancelled || demand->finishing || demand_state_is_ended(demand->state))
		return INT64_MAX;
	return demand->current_count > 0 ? demand->deadline_us : demand->deadline_us - demand->time_limit_us;
}

static bool is_before(const struct demand *a, const struct demand *b)
{
	return a->due_us != b->due_us ? a->due_us < b->due_us : a->id < b->id;
}

static void put(struct platform *platform, size_t at, struct demand *demand)
{
	platform->due_demands[at] = demand;
	demand->due_index = at + 1;
}

static void sift(struct platform *platform, size_t at)
{
	struct demand **heap = platform->due_demands, *demand = heap[at];

	for (; at > 0 && is_before(demand, heap[(at - 1) / 2]); at = (at - 1) / 2)
		put(platform, at, heap[(at - 1) / 2]);
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < platform->due_demand_count && is_before(heap[child + 1], heap[child]))
			child++;
		if (child >= platform->due_demand_count || !is_before(heap[child], demand))
			break;
		put(platform, at, heap[child]);
		at = child;
	}
	put(platform, at, demand);
}

static void leave(struct platform *platform, struct demand *demand)
{
	size_t at = demand->due_index - 1;
	struct demand *last = platform->due_demands[--platform->due_demand_count];

	demand->due_index = 0;
	if (last == demand)
		return;
	put(platform, at, last);
	sift(platform, at);
}

void deadline_refresh(struct platform *platform, struct demand *demand)
{
	int64_t due_us = demand_due_us(demand);

	if (demand->due_index > 0 && due_us == demand->due_us)
		return;
	demand->due_us = due_us;
	if (due_us == INT64_MAX) {
		if (demand->due_index > 0)
			leave(platform, demand);
		return;
	}
	if (demand->due_index == 0) {
		ARRAY_RESERVE(platform->due_demands, platform->due_demand_capacity, platform->due_demand_count + 1);
		put(platform, platform->due_demand_count++, demand);
	}
	sift(platform, demand->due_index - 1);
}

int64_t deadline_next_us(const struct platform *platform)
{
	return platform->due_demand_count > 0 ? platform->due_demands[0]->due_us : INT64_MAX;
}

static int compare_dues(const void *left, const void *right)
{
	const struct demand *a = *(struct demand *const *)left, *b = *(struct demand *const *)right;

	return is_before(a, b) ? -1 : is_before(b, a);
}

/* Down the heap as far as it is due: O(what is due). */
struct demand **deadlines_due(const struct platform *platform, int64_t now_us, struct arena *arena, size_t *ret_count)
{
	struct demand **due = NULL, **sorted;
	size_t count = 0, capacity = 0;

	*ret_count = 0;
	if (deadline_next_us(platform) > now_us)
		return NULL;
	ARRAY_RESERVE(due, capacity, 1);
	due[count++] = platform->due_demands[0];
	for (size_t i = 0; i < count; i++)
		for (size_t child = 2 * due[i]->due_index - 1; child <= 2 * due[i]->due_index; child++) {
			if (child >= platform->due_demand_count || platform->due_demands[child]->due_us > now_us)
				continue;
			ARRAY_RESERVE(due, capacity, count + 1);
			due[count++] = platform->due_demands[child];
		}
	sorted = arena_dup(arena, due, count * sizeof(*due));
	free(due);
	qsort(sorted, count, sizeof(*sorted), compare_dues);
	*ret_count = count;
	return sorted;
}
