/* Why a demand is where it is: for one that has no place, what each site says. */
#include <string.h>

#include "match/explain.h"
#include "platform/state.h"

#define EXAMPLES_MAX 8

/* The replica that has waited longest for a place, or the one that waits out the shortest backoff. */
static const struct replica *find_unplaced(const struct demand *demand)
{
	const struct replica *found = NULL;

	for (uint32_t r = 0; r < demand->replica_count; r++) {
		const struct replica *replica = &demand->replicas[r];

		if (replica->place == REPLICA_QUEUED)
			return replica;
		if (replica->place == REPLICA_WAITING && (!found || replica->ready_us < found->ready_us))
			found = replica;
	}
	return found;
}

static void copy_groups(const struct match_input *input, const struct explanation *explanation, struct arena *arena, struct why_view *ret)
{
	ret->groups = ARENA_ARRAY(arena, struct why_group, explanation->group_count + 1);
	ret->group_count = explanation->group_count;
	for (size_t g = 0; g < explanation->group_count; g++) {
		const struct explain_group *from = &explanation->groups[g];
		struct why_group *group = &ret->groups[g];

		*group = (struct why_group){ .code = from->code, .never = from->never, .sites = (int64_t)from->site_count,
					     .sentence = from->sentence };
		group->examples = ARENA_ARRAY(arena, const char *, EXAMPLES_MAX);
		for (; group->example_count < EXAMPLES_MAX && group->example_count < from->site_count; group->example_count++)
			group->examples[group->example_count] = matcher_site(input->matcher, from->sites[group->example_count])->name;
	}
}

static void note_seen(const struct platform *platform, struct matcher *matcher, int64_t now_us)
{
	for (size_t i = 0; i < platform->site_count; i++) {
		const struct site *site = platform->sites[i];

		matcher_site_seen(matcher, site->index, site->seen_us > 0 && now_us >= site->seen_us ? (now_us - site->seen_us) / 1000000 : -1);
	}
}

/* Of the class's streams that which the replica is in. */
static uint32_t match_class(const struct platform *platform, const struct demand *demand, uint32_t replica, struct arena *arena)
{
	size_t count;
	const uint32_t *classes = books_classes(platform, demand->class, &count);

	return classes[count == 1 ? 0 : ask_caller_of(class_ask(demand->class, arena), replica)];
}

int view_why(const struct platform *platform, int64_t now_us, uint64_t id, struct arena *arena, struct why_view *ret)
{
	const struct demand *demand = demand_find(platform, id);
	const struct replica *unplaced = demand ? find_unplaced(demand) : NULL;
	struct explanation explanation;
	struct match_entry entry = { .demand = id };
	struct match_input input;
	size_t count, *queue_of;
	int64_t backoff_s = 0;
	struct queue **queues;
	bool all;

	if (!demand)
		return -ENOENT;
	*ret = (struct why_view){ .id = id, .state = demand->state, .summary = demand_reason(platform, demand, now_us, arena) };
	if (!unplaced)
		return 0;
	queues = queues_choose(platform, true, arena, &count, &all);
	match_input_make(platform, queues, count, 0, now_us, arena, &input, &queue_of);
	note_seen(platform, input.matcher, now_us);
	if (unplaced->place == REPLICA_WAITING)
		backoff_s = unplaced->ready_us > now_us ? (unplaced->ready_us - now_us + 999999) / 1000000 : 1;
	entry.replica = (uint32_t)(unplaced - demand->replicas);
	entry.order = demand_order(demand, entry.replica);
	explain_ask(&input, match_class(platform, demand, entry.replica, arena), shares_tenant(platform->shares, demand->tenant->text), &entry,
		    backoff_s, arena, &explanation);
	ret->fits_now = explanation.fits_now;
	ret->never = explanation.never;
	ret->ahead = (int64_t)explanation.ahead;
	if (demand->running_count == 0)
		ret->summary = explanation.summary;
	copy_groups(&input, &explanation, arena, ret);
	return 0;
}
