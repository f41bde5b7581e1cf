/* Rounds, and what they decided. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "lib/lib.h"

#define MODELS_NAMED 3
#define PLACEMENTS_MAX 1000000 /* of one round when no bound is given */

struct waiting {
	struct weir_waiting shown;
	const char *code, *reason;
};

/* Everything is the arena's, and nothing the matcher's. */
struct weir_plan {
	struct err err;
	struct arena arena;
	struct match_plan made;
	struct weir_preemption *preemptions;
	struct waiting *waiting;
	size_t waiting_count;
	int64_t value;
};

const char *lib_chips_text(const struct ask *ask, struct arena *arena)
{
	const struct chip_ask *chips = &ask->shape.chips;
	cleanup_strbuf struct strbuf text = { 0 };

	for (size_t i = 0; i < chips->model_count && i < MODELS_NAMED; i++)
		strbuf_printf(&text, "%s%s", i == 0 ? "" : " or ", chips->models[i]);
	if (chips->model_count > MODELS_NAMED)
		strbuf_printf(&text, " or %zu others", chips->model_count - MODELS_NAMED);
	return arena_strdup(arena, strbuf_text(&text));
}

static void begin_all(struct weir_matcher *matcher, struct weir_plan *plan, const size_t *streams)
{
	for (size_t p = 0; p < plan->made.placement_count; p++) {
		const struct match_placement *placement = &plan->made.placements[p];
		const struct lib_stream *stream = &matcher->streams[streams[placement->stream]];

		if (__builtin_add_overflow(plan->value, matcher->classes[stream->class].value, &plan->value))
			plan->value = INT64_MAX;
		lib_item_begin(matcher, placement->demand, placement->replica, placement->site, placement->slots, placement->slot_count,
			       matcher->now_us, placement->borrowed);
	}
}

/* Victims count on until weir_end(); the plan keeps numbers, since they may be gone before it. */
static void stop_all(struct weir_plan *plan)
{
	plan->preemptions = ARENA_ARRAY(&plan->arena, struct weir_preemption, plan->made.preemption_count + 1);
	for (size_t p = 0; p < plan->made.preemption_count; p++) {
		const struct match_preemption *preemption = &plan->made.preemptions[p];

		preemption->victim->stopping = true;
		plan->preemptions[p] = (struct weir_preemption){ preemption->victim->demand, preemption->by, preemption->victim->replica,
								 preemption->by_replica, preemption->victim->site, preemption->reclaimed };
	}
}

static void tell_waiting(struct weir_matcher *matcher, struct weir_plan *plan, size_t number, const struct lib_stream *stream)
{
	const struct match_stream_result *result = &plan->made.streams[number];
	const struct ask *ask = matcher->classes[stream->class].ask;
	struct waiting *waiting = &plan->waiting[plan->waiting_count++];
	cleanup_strbuf struct strbuf text = { 0 };

	waiting->shown = (struct weir_waiting){ .demand = stream->entries[0].demand, .replica = stream->entries[0].replica,
						.count = stream->entry_count, .reserved_us = result->reserved_us };
	if (!result->stuck || result->nearest.code == VERDICT_FITS) {
		waiting->code = verdict_code_to_string(VERDICT_ROUND_PENDING);
		waiting->reason = "the round ended before its turn";
		return;
	}
	waiting->shown.site = result->nearest_site;
	waiting->shown.have = result->nearest.have;
	waiting->shown.want = result->nearest.want;
	waiting->code = verdict_code_to_string(result->nearest.code);
	verdict_describe(&result->nearest, lib_chips_text(ask, &plan->arena), &text);
	waiting->reason = arena_strdup(&plan->arena, strbuf_text(&text));
}

int weir_round(struct weir_matcher *matcher, int64_t now_us, uint64_t placements_max, struct weir_plan **ret)
{
	struct match_input input;
	struct weir_plan *plan;
	size_t *streams;
	int code = lib_check_range(&matcher->err, "now", now_us, 0, LIB_TIME_US_MAX);

	if (code < 0)
		return code;
	plan = mem_alloc(sizeof(*plan));
	arena_init(&plan->arena);
	lib_queue(matcher, now_us, &plan->arena, &input, &streams);
	input.limits.placements_max = placements_max && placements_max < PLACEMENTS_MAX ? (size_t)placements_max : PLACEMENTS_MAX;
	match_round(&input, &plan->arena, &plan->made);
	begin_all(matcher, plan, streams);
	stop_all(plan);
	lib_queue_clear(matcher);
	plan->waiting = ARENA_ARRAY(&plan->arena, struct waiting, input.stream_count + 1);
	for (size_t s = 0; s < input.stream_count; s++)
		if (matcher->streams[streams[s]].entry_count > 0)
			tell_waiting(matcher, plan, s, &matcher->streams[streams[s]]);
	*ret = plan;
	return 0;
}

void weir_plan_free(struct weir_plan *plan)
{
	if (!plan)
		return;
	arena_done(&plan->arena);
	free(plan);
}

int weir_plan_complete(const struct weir_plan *plan)
{
	return plan->made.complete;
}

int64_t weir_plan_value(const struct weir_plan *plan)
{
	return plan->value;
}

static int give_slot(const struct slot *slots, size_t count, uint32_t worker, struct weir_slot *ret)
{
	if (worker >= count)
		return -ENOENT;
	*ret = (struct weir_slot){ slots[worker].worker, slots[worker].group, slots[worker].node, slots[worker].chip_milli,
				   slots[worker].chips };
	return 0;
}

size_t weir_plan_placement_count(const struct weir_plan *plan)
{
	return plan->made.placement_count;
}

int weir_plan_placement(const struct weir_plan *plan, size_t index, struct weir_placement *ret)
{
	const struct match_placement *placement;

	if (index >= plan->made.placement_count)
		return -ENOENT;
	placement = &plan->made.placements[index];
	*ret = (struct weir_placement){
		.demand = placement->demand, .replica = placement->replica, .site = placement->site,
		.worker_count = (uint32_t)placement->slot_count, .candidates = placement->candidates,
		.second_site = placement->second_site, .score_micro = placement->score, .second_score_micro = placement->second_score,
		.flags = (placement->backfilled ? WEIR_PLACEMENT_BACKFILLED : 0) | (placement->borrowed ? WEIR_PLACEMENT_BORROWED : 0),
	};
	return 0;
}

int weir_plan_placement_slot(const struct weir_plan *plan, size_t index, uint32_t worker, struct weir_slot *ret)
{
	if (index >= plan->made.placement_count)
		return -ENOENT;
	return give_slot(plan->made.placements[index].slots, plan->made.placements[index].slot_count, worker, ret);
}

size_t weir_plan_reservation_count(const struct weir_plan *plan)
{
	return plan->made.reservation_count;
}

int weir_plan_reservation(const struct weir_plan *plan, size_t index, struct weir_reservation *ret)
{
	const struct match_reservation *reservation;

	if (index >= plan->made.reservation_count)
		return -ENOENT;
	reservation = &plan->made.reservations[index];
	*ret = (struct weir_reservation){ .demand = reservation->demand, .replica = reservation->replica, .site = reservation->site,
					  .worker_count = (uint32_t)reservation->slot_count, .start_us = reservation->start_us };
	return 0;
}

int weir_plan_reservation_slot(const struct weir_plan *plan, size_t index, uint32_t worker, struct weir_slot *ret)
{
	if (index >= plan->made.reservation_count)
		return -ENOENT;
	return give_slot(plan->made.reservations[index].slots, plan->made.reservations[index].slot_count, worker, ret);
}

size_t weir_plan_preemption_count(const struct weir_plan *plan)
{
	return plan->made.preemption_count;
}

int weir_plan_preemption(const struct weir_plan *plan, size_t index, struct weir_preemption *ret)
{
	if (index >= plan->made.preemption_count)
		return -ENOENT;
	*ret = plan->preemptions[index];
	return 0;
}

size_t weir_plan_waiting_count(const struct weir_plan *plan)
{
	return plan->waiting_count;
}

int weir_plan_waiting(const struct weir_plan *plan, size_t index, struct weir_waiting *ret)
{
	if (index >= plan->waiting_count)
		return -ENOENT;
	*ret = plan->waiting[index].shown;
	return 0;
}

const char *weir_plan_waiting_code(const struct weir_plan *plan, size_t index)
{
	return index < plan->waiting_count ? plan->waiting[index].code : "";
}

const char *weir_plan_waiting_reason(const struct weir_plan *plan, size_t index)
{
	return index < plan->waiting_count ? plan->waiting[index].reason : "";
}
