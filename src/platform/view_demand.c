#include <string.h>

#include "platform/state.h"

#define SITES_NAMED 4

static const char *current_sites(const struct demand *demand, struct arena *arena)
{
	const char *names[SITES_NAMED];
	cleanup_strbuf struct strbuf text = { 0 };
	size_t count = 0, others = 0;

	for (uint32_t r = 0; r < demand->replica_count; r++) {
		const struct attempt *attempt = demand->replicas[r].attempt;
		bool known = false;

		if (!attempt)
			continue;
		for (size_t i = 0; i < count && !known; i++)
			known = names[i] == attempt->site->name;
		if (!known && count < SITES_NAMED)
			names[count++] = attempt->site->name;
		else if (!known)
			others++;
	}
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&text, "%s%s", i ? ", " : "", names[i]);
	if (others > 0)
		strbuf_puts(&text, ", ...");
	return arena_strdup(arena, strbuf_text(&text));
}

static const struct attempt *latest_attempt(const struct demand *demand)
{
	const struct attempt *latest = demand->past;

	for (uint32_t r = 0; r < demand->replica_count; r++)
		if (demand->replicas[r].attempt && (!latest || demand->replicas[r].attempt->token > latest->token))
			latest = demand->replicas[r].attempt;
	return latest;
}

static void fill_placement(const struct attempt *attempt, struct arena *arena, struct placement_view *ret)
{
	const struct site_spec *spec = attempt->site->spec;

	*ret = (struct placement_view){
		.replica = attempt->replica, .attempt = attempt->number, .token = attempt->token, .site = attempt->site->name,
		.tier = spec ? spec->tier : TIER_HUB, .region = spec ? spec->region : "", .engine = spec ? spec->engine : ENGINE_LOCAL,
		.state = attempt->state, .outcome = attempt->outcome, .exit_code = attempt->exit_code, .exit_signal = attempt->exit_signal,
		.message = attempt->message ? attempt->message : "", .placed_us = attempt->placed_us, .started_us = attempt->started_us,
		.ended_us = attempt->ended_us, .progress_permille = attempt->progress_permille, .cpu_used_us = attempt->cpu_used_us,
		.memory_peak_mib = attempt->memory_peak_mib, .policy_version = attempt->policy_version, .candidates = attempt->candidates,
		.score_micro = attempt->score_micro, .preempted = attempt->preempted_sequence > 0, .preempted_by = attempt->preempted_by,
		.predicted_start_us = attempt->predicted_start_us, .second_site = attempt->second_site ? attempt->second_site->name : "",
		.second_score_micro = attempt->second_score_micro, .backfilled = attempt->backfilled, .borrowed = attempt->borrowed,
	};
	if (!attempt->slots)
		return;
	ret->workers = worker_slots(attempt, arena);
	ret->worker_count = attempt->slot_count;
}

static void fill_placements(const struct demand *demand, struct arena *arena, struct demand_view *ret)
{
	ret->placements = ARENA_ARRAY(arena, struct placement_view, demand->current_count + demand->past_count + 1u);
	for (uint32_t r = 0; r < demand->replica_count; r++)
		if (demand->replicas[r].attempt)
			fill_placement(demand->replicas[r].attempt, arena, &ret->placements[ret->placement_count++]);
	for (const struct attempt *attempt = demand->past; attempt; attempt = attempt->older)
		fill_placement(attempt, arena, &ret->placements[ret->placement_count++]);
}

static void fill_after(const struct platform *platform, const struct hold *hold, struct arena *arena, struct demand_view *ret)
{
	ret->after = ARENA_ARRAY(arena, struct after_view, hold->edge_count + 1u);
	ret->after_count = hold->edge_count;
	for (uint32_t i = 0; i < hold->edge_count; i++) {
		const struct edge *edge = &hold->edges[i];
		const struct hold *array = edge->whole ? hold_find(platform, edge->target) : NULL;
		const struct demand *demand = edge->whole ? NULL : demand_find(platform, edge->target);

		ret->after[i] = (struct after_view){ .demand = edge->target, .array = edge->whole, .when = edge->when,
						     .name = array ? array->array : demand ? demand->name->text : "",
						     .state = edge->state };
	}
}

static void fill_demand(const struct platform *platform, const struct demand *demand, int64_t now_us, bool full, struct arena *arena,
			struct demand_view *ret)
{
	const struct class *class = demand->class;
	const struct attempt *latest = latest_attempt(demand);
	struct demand_spec *spec = demand_spec_read(demand, arena);

	*ret = (struct demand_view){
		.id = demand->id, .name = demand->name->text, .title = spec->title, .tenant = demand->tenant->text, .kind = class->kind,
		.state = demand->state, .reason = demand_reason(platform, demand, now_us, arena), .priority = class->priority,
		.workers = class->workers, .running_count = demand->running_count, .attempt = latest ? latest->number : 0,
		.accepted_us = demand->accepted_us, .started_us = demand->started_us, .ended_us = demand->ended_us,
		.progress_permille = latest ? latest->progress_permille : -1, .exit_code = demand->exit_code, .simulated = class->simulated,
		.cpu_milli = class->shape.cpu_milli, .memory_mib = class->shape.memory_mib, .chip_milli = class->shape.chips.milli,
		.sites = current_sites(demand, arena), .expect = spec->expect,
		.deadline_us = demand->deadline_us, .estimated_start_us = estimate_of(platform, demand),
	};
	if (demand->hold && demand->hold->array) {
		ret->array = demand->hold->first;
		ret->index = demand->index;
		ret->array_count = demand->hold->count;
	}
	if (!full)
		return;
	if (demand->hold)
		fill_after(platform, demand->hold, arena, ret);
	ret->spec = spec;
	fill_placements(demand, arena, ret);
}

int view_demand(const struct platform *platform, int64_t now_us, uint64_t id, bool full, struct arena *arena, struct demand_view *ret)
{
	const struct demand *demand = demand_find(platform, id);

	if (!demand)
		return -ENOENT;
	fill_demand(platform, demand, now_us, full, arena, ret);
	return 0;
}

/* --- lists -------------------------------------------------------------------------------------- */

static bool attempt_matches(const struct attempt *attempt, const struct demand_filter *filter)
{
	const struct site_spec *spec = attempt->site->spec;

	return (!filter->site || strcmp(attempt->site->name, filter->site) == 0) &&
	       (!filter->region || (spec && strcmp(spec->region, filter->region) == 0));
}

/* Of a live demand the present placements count, of one that ended its last. */
static bool place_matches(const struct demand *demand, const struct demand_filter *filter)
{
	if (!filter->site && !filter->region)
		return true;
	if (demand_state_is_ended(demand->state))
		return demand->past && attempt_matches(demand->past, filter);
	for (uint32_t r = 0; r < demand->replica_count; r++)
		if (demand->replicas[r].attempt && attempt_matches(demand->replicas[r].attempt, filter))
			return true;
	return false;
}

static bool demand_matches(const struct demand *demand, const struct demand_filter *filter)
{
	bool ended = demand_state_is_ended(demand->state);

	return (filter->state < 0 || demand->state == filter->state) && (!filter->ended_only || ended) && (!filter->live_only || !ended) &&
	       (filter->kind < 0 || (int)demand->class->kind == filter->kind) &&
	       (!filter->tenant || strcmp(demand->tenant->text, filter->tenant) == 0) &&
	       (!filter->name || strcmp(demand->name->text, filter->name) == 0) && place_matches(demand, filter);
}

/* A walk over the rows, or over the shorter list of those with the name or tenant asked for. */
struct walk {
	const struct platform *platform;
	bool newest_first;
	const struct label *label;
	bool by_name;
	const struct demand *at; /* in the label's list */
	size_t row;              /* the next, or behind it when newest first */
};

static const struct label_link *walk_link(const struct walk *walk, const struct demand *demand)
{
	return walk->by_name ? &demand->by_name : &demand->by_tenant;
}

static bool label_is(const void *item, const void *key)
{
	return strcmp(((const struct label *)item)->text, key) == 0;
}

/* False when no demand can match. */
static bool walk_begin(struct walk *walk, const struct platform *platform, const struct demand_filter *filter, uint64_t cursor,
		       bool newest_first)
{
	const char *text = filter->name ? filter->name : filter->tenant;

	*walk = (struct walk){ .platform = platform, .newest_first = newest_first, .by_name = filter->name != NULL };
	if (text) {
		walk->label = table_find(filter->name ? &platform->name_table : &platform->tenant_table, hash_text(text), label_is, text);
		if (!walk->label)
			return false;
		walk->at = newest_first ? walk->label->last : walk->label->first;
		while (walk->at && cursor && (newest_first ? walk->at->id >= cursor : walk->at->id <= cursor))
			walk->at = newest_first ? walk_link(walk, walk->at)->previous : walk_link(walk, walk->at)->next;
		return true;
	}
	if (newest_first)
		walk->row = cursor ? demand_row_after(platform, cursor - 1) : platform->row_count;
	else
		walk->row = demand_row_after(platform, cursor);
	return true;
}

static const struct demand *walk_next(struct walk *walk)
{
	const struct demand *demand = walk->at;

	if (walk->label) {
		if (demand)
			walk->at = walk->newest_first ? walk_link(walk, demand)->previous : walk_link(walk, demand)->next;
		return demand;
	}
	while (walk->newest_first ? walk->row > 0 : walk->row < walk->platform->row_count) {
		demand = walk->platform->rows[walk->newest_first ? --walk->row : walk->row++].demand;
		if (demand)
			return demand;
	}
	return NULL;
}

size_t view_demands(const struct platform *platform, int64_t now_us, const struct demand_filter *filter, uint64_t cursor, bool newest_first,
		    size_t limit, struct arena *arena, struct demand_view **ret, bool *ret_more)
{
	const struct demand *demand;
	struct walk walk;
	size_t count = 0;

	*ret = ARENA_ARRAY(arena, struct demand_view, limit + 1);
	*ret_more = false;
	/* Nobody is in that state: no need to look. */
	if (filter->state >= 0 && filter->state < STATE_COUNT && platform->state_counts[filter->state] == 0)
		return 0;
	if (!walk_begin(&walk, platform, filter, cursor, newest_first))
		return 0;
	while ((demand = walk_next(&walk))) {
		if (!demand_matches(demand, filter))
			continue;
		if (count == limit) {
			*ret_more = true;
			break;
		}
		fill_demand(platform, demand, now_us, false, arena, &(*ret)[count++]);
	}
	return count;
}

int view_placement_site(const struct platform *platform, uint64_t id, int64_t replica, int64_t number, const char **ret_site,
			struct attempt_name *ret_name)
{
	const struct demand *demand = demand_find(platform, id);
	const struct attempt *found = NULL;

	if (!demand || replica < 0 || replica >= demand->replica_count)
		return -ENOENT;
	if (demand->replicas[replica].attempt && (number <= 0 || demand->replicas[replica].attempt->number == number))
		found = demand->replicas[replica].attempt;
	for (const struct attempt *past = demand->past; past && !found; past = past->older)
		if (past->replica == replica && (number <= 0 || past->number == number))
			found = past;
	if (!found || !found->site->spec)
		return -ENOENT;
	*ret_site = found->site->name;
	*ret_name = (struct attempt_name){ id, replica, found->number };
	return 0;
}
