/* How far a round was from the best, at most: what it placed beside a bound on what any plan could have placed (match/bound.h).
 *
 * Measured on its way, a round must not notice it: so only complete rounds, once a second, over few nodes and classes, in few
 * steps. On request a round is made to see, of all that is queued, and given back; the bound may then take longer, but a
 * thread that everybody waits for makes it, so beyond GAP_NODES_MAX what is free is only added up. That is a bound as well, a
 * coarse one. A thread of its own was rejected: it would need a copy of the state.
 *
 * What a bound leaves out only raises it: reservations, shares and the order of the queue. So a gap is what these cost, and what
 * the choice of places cost, and what the bound is too high by. Limits of tenants count, stream by stream.
 */
#include <string.h>

#include "match/bound.h"
#include "platform/state.h"

#define GAP_EVERY_US 1000000
#define GAP_WORK_MAX 5000    /* nodes times classes of what is measured on its way: about 2 ms at GAP_STEPS when no two nodes are alike */
#define GAP_STEPS 40
#define GAP_KEPT_US 10000000 /* an answer that took longer */
#define GAP_NODES_MAX 100000 /* up to there a bound takes less than half a second, whatever the classes */
#define GAP_PLACEMENTS_MAX 20000 /* of a round made to see */
#define GAP_CHECKS_MAX 4000000   /* its queues times sites */
#define GAP_QUEUES_MIN 64

static int64_t count_nodes(const struct platform *platform)
{
	int64_t nodes = 0;

	for (size_t s = 0; s < platform->site_count; s++)
		for (size_t g = 0; platform->sites[s]->has_supply && g < platform->sites[s]->supply.group_count; g++)
			nodes += platform->sites[s]->supply.groups[g].node_count;
	return nodes;
}

static int64_t times(int64_t count, int64_t value)
{
	int64_t product;

	return __builtin_mul_overflow(count, value, &product) ? INT64_MAX : product;
}

static int64_t plus(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Of so many, those that the limits of the tenant and of those above it let in. */
static int64_t admitted(const struct shares *shares, uint32_t tenant, const struct ask *ask, int64_t count)
{
	int64_t workers = ask->kind == DEMAND_JOB ? ask->workers : 1, low = 0, high = count;

	while (low < high) {
		int64_t middle = high - (high - low) / 2;
		struct amounts all = { times(middle, ask->shape.cpu_milli * workers), times(middle, ask->shape.memory_mib * workers),
				       times(middle, ask->shape.chips.milli * workers) };

		if (shares_admit(shares, tenant, &all).code == VERDICT_FITS)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

struct class_count {
	uint32_t class;
	int64_t count;
};

static int compare_classes(const void *left, const void *right)
{
	const struct class_count *a = left, *b = right;

	return (a->class > b->class) - (a->class < b->class);
}

/* What the streams ask for, by class; gives the number of classes. */
static size_t count_classes(const struct match_input *input, struct arena *arena, struct class_count **ret)
{
	struct class_count *counts = ARENA_ARRAY(arena, struct class_count, input->stream_count + 1);
	size_t kept = 0;

	for (size_t s = 0; s < input->stream_count; s++) {
		const struct match_stream *stream = &input->streams[s];
		const struct ask *ask = matcher_class_ask(input->matcher, stream->class);

		counts[s] = (struct class_count){ stream->class,
						  admitted(input->shares, stream->tenant, ask, (int64_t)stream->entry_count) };
	}
	if (input->stream_count > 1)
		qsort(counts, input->stream_count, sizeof(*counts), compare_classes);
	for (size_t s = 0; s < input->stream_count; s++) {
		if (kept > 0 && counts[kept - 1].class == counts[s].class)
			counts[kept - 1].count += counts[s].count;
		else
			counts[kept++] = counts[s];
	}
	*ret = counts;
	return kept;
}

static int64_t count_placed(const struct match_input *input, const struct match_plan *plan)
{
	int64_t placed = 0;

	for (size_t s = 0; s < input->stream_count; s++)
		placed = plus(placed, times((int64_t)plan->streams[s].placed,
					    bound_value_of(matcher_class_ask(input->matcher, input->streams[s].class))));
	return placed;
}

static int64_t bound_of(const struct platform *platform, const struct match_input *input, const struct class_count *classes, size_t count,
			uint32_t steps, int64_t placed, struct arena *arena)
{
	const struct supply **supplies = ARENA_ARRAY(arena, const struct supply *, platform->site_count + 1);
	struct bound_demand *demands = ARENA_ARRAY(arena, struct bound_demand, count + 1);
	struct bound_input in = { .supplies = supplies, .site_count = platform->site_count, .demands = demands,
				  .context = platform->observed->context, .steps = steps, .placed = placed };
	size_t bytes = (platform->site_count + 63) / 64 * sizeof(uint64_t);
	struct bound bound;

	for (size_t s = 0; s < platform->site_count; s++)
		supplies[s] = platform->sites[s]->has_supply ? &platform->sites[s]->supply : NULL;
	for (size_t c = 0; c < count; c++) {
		const struct ask *ask = matcher_class_ask(input->matcher, classes[c].class);

		if (classes[c].count == 0)
			continue;
		demands[in.demand_count++] = (struct bound_demand){
			ask, classes[c].count, arena_dup(arena, matcher_class_allowed(input->matcher, classes[c].class), bytes),
			bound_value_of(ask),
		};
	}
	bound_compute(&in, arena, &bound);
	return bound.value;
}

/* The most that is placed is what is asked for, and what is free: each chip is worth itself; work without chips is worth its CPU or
 * its memory, whichever is more, and so at most both; but work that is tiny is worth 1. */
static int64_t coarse_bound(const struct platform *platform, const struct match_input *input, const struct class_count *classes,
			    size_t count)
{
	int64_t with_chips = 0, without = 0, tiny = 0, chips = 0, cpu = 0, memory = 0;
	__int128 both;

	for (size_t c = 0; c < count; c++) {
		const struct ask *ask = matcher_class_ask(input->matcher, classes[c].class);
		int64_t value = bound_value_of(ask), *asked = ask->shape.chips.milli > 0 ? &with_chips : value > 1 ? &without : &tiny;

		*asked = plus(*asked, times(classes[c].count, value));
	}
	for (size_t s = 0; s < platform->site_count; s++)
		for (size_t g = 0; platform->sites[s]->has_supply && g < platform->sites[s]->supply.group_count; g++) {
			const struct supply_group *group = &platform->sites[s]->supply.groups[g];

			chips = plus(chips, group->chip_milli_free_total);
			cpu = plus(cpu, group->cpu_free_total);
			memory = plus(memory, group->memory_free_total);
		}
	both = (__int128)cpu * CHIP_MILLI / BOUND_CPU_OF_CHIP_MILLI + (__int128)memory * CHIP_MILLI / BOUND_MEMORY_OF_CHIP_MIB;
	return plus(tiny, plus(with_chips < chips ? with_chips : chips, without < both ? without : (int64_t)both));
}

static void note(const struct match_input *input, const struct class_count *classes, size_t count, int64_t placed, int64_t bound,
		 struct gap_measure *ret)
{
	/* A bound that is rounded is never below. */
	*ret = (struct gap_measure){ .measured_us = input->now_us, .placed_chip_milli = placed,
				     .bound_chip_milli = bound > placed ? bound : placed };
	for (size_t c = 0; c < count; c++)
		ret->demands = plus(ret->demands, classes[c].count);
	if (ret->bound_chip_milli > 0)
		ret->gap_permille = (int64_t)(((__int128)(ret->bound_chip_milli - placed) * 1000 + ret->bound_chip_milli - 1) /
					      ret->bound_chip_milli);
}

void gap_measure(const struct platform *platform, const struct match_input *input, const struct match_plan *plan, struct arena *arena)
{
	struct gap_measure *last = &platform->observed->gap;
	struct class_count *classes;
	int64_t placed;
	size_t count;

	if (last->measured_us > 0 && input->now_us - last->measured_us < GAP_EVERY_US)
		return;
	if (input->stream_count > GAP_WORK_MAX || platform->site_count > GAP_WORK_MAX)
		return;
	count = count_classes(input, arena, &classes);
	if (count == 0 || times((int64_t)count, count_nodes(platform)) > GAP_WORK_MAX)
		return;
	placed = count_placed(input, plan);
	note(input, classes, count, placed, bound_of(platform, input, classes, count, GAP_STEPS, placed, arena), last);
	last->complete = true;
}

struct gap_measure *gap_last(const struct platform *platform, struct arena *arena)
{
	const struct gap_measure *last = &platform->observed->gap;

	return last->measured_us > 0 ? arena_dup(arena, last, sizeof(*last)) : NULL;
}

static void try_round(const struct platform *platform, int64_t now_us, int64_t nodes, struct arena *arena, struct gap_measure *ret)
{
	size_t most = platform->site_count ? GAP_CHECKS_MAX / platform->site_count : GAP_CHECKS_MAX;
	struct class_count *classes;
	struct match_input input;
	struct match_plan plan;
	struct queue **queues;
	size_t count, class_count, *queue_of;
	int64_t placed, bound;
	bool all;

	if (most < GAP_QUEUES_MIN)
		most = GAP_QUEUES_MIN;
	queues = queues_choose(platform, true, arena, &count, &all);
	all = count <= most;
	match_input_make(platform, queues, all ? count : most, GAP_PLACEMENTS_MAX + 1, now_us, arena, &input, &queue_of);
	input.limits.placements_max = GAP_PLACEMENTS_MAX;
	match_round(&input, arena, &plan);
	matcher_settle(input.matcher);
	class_count = count_classes(&input, arena, &classes);
	placed = count_placed(&input, &plan);
	bound = nodes > GAP_NODES_MAX ? coarse_bound(platform, &input, classes, class_count)
				      : bound_of(platform, &input, classes, class_count, 0, placed, arena);
	note(&input, classes, class_count, placed, bound, ret);
	ret->complete = plan.complete && all;
	ret->coarse = nodes > GAP_NODES_MAX;
}

void view_gap(const struct platform *platform, int64_t now_us, struct arena *arena, struct gap_view *ret)
{
	struct gap_measure *kept = &platform->observed->asked_gap;
	int64_t nodes = count_nodes(platform);
	bool cheap = times(nodes, (int64_t)platform->active_count) <= GAP_WORK_MAX;
	cleanup_arena struct arena scratch = { 0 };

	arena_init(&scratch);
	if (cheap || kept->measured_us == 0 || now_us - kept->measured_us >= GAP_KEPT_US || now_us < kept->measured_us)
		try_round(platform, now_us, nodes, &scratch, kept);
	*ret = (struct gap_view){ .now = *kept, .last = gap_last(platform, arena) };
}
