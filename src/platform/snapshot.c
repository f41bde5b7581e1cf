/* The durable state as records. Their order follows from the state alone, so equal states give equal bytes. */
#include "platform/snapshot.h"

#include <string.h>

#include "platform/state.h"

struct writer {
	int (*visit)(void *context, uint32_t type, const void *payload, size_t length);
	void *context;
	struct strbuf bytes;
	struct arena arena;
	int code;
};

static void write_record(struct writer *writer, uint32_t type, const void *body)
{
	if (writer->code != 0)
		return;
	strbuf_reset(&writer->bytes);
	schema_encode(snapshot_schema(type), body, &writer->bytes);
	writer->code = writer->visit(writer->context, type, strbuf_text(&writer->bytes), writer->bytes.length);
}

struct node_group *supply_groups(const struct supply *supply, struct arena *arena)
{
	struct node_group *groups = ARENA_ARRAY(arena, struct node_group, supply->group_count + 1);

	for (size_t g = 0; g < supply->group_count; g++) {
		const struct supply_group *from = &supply->groups[g];
		struct node_group *group = &groups[g];

		*group = (struct node_group){ .name = from->name, .count = from->node_count, .cpu_milli = from->cpu_milli,
					      .memory_mib = from->memory_mib };
		group->chips = ARENA_ARRAY(arena, struct chip_count, from->chips_per_node + 1);
		for (uint32_t c = 0; c < from->chips_per_node; c++) {
			if (c == 0 || strcmp(from->chip_names[c], from->chip_names[c - 1]) != 0)
				group->chips[group->chip_count++].model = from->chip_names[c];
			group->chips[group->chip_count - 1].count++;
		}
		group->resource_count = from->resource_count;
		group->resources = ARENA_ARRAY(arena, struct countable, from->resource_count + 1);
		for (uint32_t r = 0; r < from->resource_count; r++)
			group->resources[r] = (struct countable){ from->resource_names[r], from->resource_capacity[r] };
	}
	return groups;
}

static void write_site(struct writer *writer, const struct site *site)
{
	struct snap_site body = {
		.name = site->name,
		.condition = site->condition,
		.condition_since_us = site->condition_since_us,
		.agent_epoch = site->agent_epoch,
		.draining = site->draining,
		.drain_by = site->drain_by,
		.drain_reason = site->drain_reason,
		.has_supply = site->has_supply,
		.supply_hash = site->supply_hash,
		.supply_epoch = site->supply_epoch,
		.supply_sequence = site->supply_sequence,
		.group_count = site->supply.group_count,
	};

	arena_reset(&writer->arena);
	body.groups = supply_groups(&site->supply, &writer->arena);
	write_record(writer, SNAP_SITE, &body);
}

static void fill_attempt(const struct attempt *attempt, struct arena *arena, struct snap_attempt *ret)
{
	bool ended = attempt->state == ATTEMPT_ENDED;

	*ret = (struct snap_attempt){
		.replica = attempt->replica, .number = attempt->number, .token = attempt->token, .site = attempt->site->name,
		.state = attempt->state, .outcome = attempt->outcome, .exit_code = attempt->exit_code, .exit_signal = attempt->exit_signal,
		.failed_worker = attempt->failed_worker, .message = attempt->message, .placed_us = attempt->placed_us,
		.started_us = attempt->started_us, .ended_us = attempt->ended_us, .placed_sequence = attempt->placed_sequence,
		.started_sequence = attempt->started_sequence, .ended_sequence = attempt->ended_sequence,
		.report_epoch = attempt->report_epoch, .report_sequence = attempt->report_sequence,
		.policy_version = attempt->policy_version, .candidates = attempt->candidates, .score_micro = attempt->score_micro,
		.preempted_by = attempt->preempted_by, .preempted_sequence = attempt->preempted_sequence,
		.preempted_us = attempt->preempted_us, .reclaimed = attempt->reclaimed, .predicted_start_us = attempt->predicted_start_us,
		.cpu_used_us = ended ? attempt->cpu_used_us : -1, .memory_peak_mib = ended ? attempt->memory_peak_mib : -1,
		.slot_count = attempt->slot_count, .second_site = attempt->second_site ? attempt->second_site->name : "",
		.second_score_micro = attempt->second_score_micro, .backfilled = attempt->backfilled, .borrowed = attempt->borrowed,
	};
	if (attempt->slot_count == 0)
		return;
	ret->slots = ARENA_ARRAY(arena, struct slot_body, attempt->slot_count);
	for (uint32_t i = 0; i < attempt->slot_count; i++) {
		const struct slot *slot = &attempt->slots[i];

		ret->slots[i] = (struct slot_body){ slot->worker, slot->group, slot->node, slot->chips, slot->chip_milli };
	}
}

static bool replica_is_fresh(const struct replica *replica)
{
	return replica->place == REPLICA_QUEUED && replica->attempts == 0;
}

static void fill_replicas(const struct demand *demand, struct arena *arena, struct snap_demand *body)
{
	for (uint32_t r = 0; r < demand->replica_count; r++) {
		body->replica_count += !replica_is_fresh(&demand->replicas[r]);
		body->current_count += demand->replicas[r].attempt != NULL;
	}
	if (body->replica_count > 0)
		body->replicas = ARENA_ARRAY(arena, struct snap_replica, body->replica_count);
	if (body->current_count > 0)
		body->current = ARENA_ARRAY(arena, struct snap_attempt, body->current_count);
	body->replica_count = body->current_count = 0;
	for (uint32_t r = 0; r < demand->replica_count; r++) {
		const struct replica *replica = &demand->replicas[r];

		if (!replica_is_fresh(replica))
			body->replicas[body->replica_count++] = (struct snap_replica){ r, replica->ready_us, replica->attempts,
										       replica->losses, replica->failures, replica->place };
		if (replica->attempt)
			fill_attempt(replica->attempt, arena, &body->current[body->current_count++]);
	}
	if (demand->past_count > 0)
		body->past = ARENA_ARRAY(arena, struct snap_attempt, demand->past_count);
	for (const struct attempt *attempt = demand->past; attempt; attempt = attempt->older)
		fill_attempt(attempt, arena, &body->past[body->past_count++]);
}

/* The hold, on the first member that is remembered: the others come behind it and refer to it. */
static struct hold_body *fill_hold(const struct demand *demand, struct arena *arena)
{
	const struct hold *hold = demand->hold;
	struct hold_body *body;

	if (!hold || hold->lowest != demand->index)
		return NULL;
	body = ARENA_NEW(arena, struct hold_body);
	*body = (struct hold_body){ .array = hold->array ? hold->array : "", .count = hold->count, .at_once = hold->at_once,
				    .edge_count = hold->edge_count, .ended = hold->ended, .failed = hold->failed };
	body->edges = ARENA_ARRAY(arena, struct edge_body, hold->edge_count + 1u);
	for (uint32_t i = 0; i < hold->edge_count; i++) {
		const struct edge *edge = &hold->edges[i];

		body->edges[i] = (struct edge_body){ .target = edge->target, .whole = edge->whole, .when = edge->when,
						     .state = edge->state };
	}
	return body;
}

static void write_demand(struct writer *writer, const struct demand *demand)
{
	struct snap_demand body = {
		.demand = demand->id, .sequence = demand->sequence, .name = demand->name->text, .tenant = demand->tenant->text,
		.attempts_max = demand->attempts_max, .on_site_loss = demand->on_site_loss, .ask = demand->class->key,
		.spec = { demand->spec, demand->spec_length }, .state = demand->state, .cancelled = demand->cancelled,
		.finishing = demand->finishing, .accepted_us = demand->accepted_us, .started_us = demand->started_us,
		.ended_us = demand->ended_us, .cancelled_us = demand->cancelled_us, .cancelled_sequence = demand->cancelled_sequence,
		.ended_sequence = demand->ended_sequence, .cancelled_by = demand->cancelled_by, .message = demand->message,
		.exit_code = demand->exit_code, .hold = demand->hold ? demand->hold->first : 0, .index = demand->index,
		.time_limit_us = demand->time_limit_us, .deadline_us = demand->deadline_us,
		.expired = demand->expired,
	};

	arena_reset(&writer->arena);
	body.hold_body = fill_hold(demand, &writer->arena);
	fill_replicas(demand, &writer->arena, &body);
	write_record(writer, SNAP_DEMAND, &body);
}

static void write_tokens(struct writer *writer, const struct platform *platform)
{
	for (size_t i = 0; i < platform->token_count; i++) {
		const struct token_view *token = platform->tokens[i];
		struct token_body body = { .name = token->name, .role = token->role, .tenant = token->tenant, .site = token->site,
					   .created_us = token->created_us, .hash = { token->hash, sizeof(token->hash) } };

		write_record(writer, SNAP_TOKEN, &body);
	}
}

static void write_accounts(struct writer *writer, const struct platform *platform)
{
	struct snap_shares body;

	if (platform->shares_us == 0)
		return;
	arena_reset(&writer->arena);
	accounts_export(platform, &writer->arena, &body);
	write_record(writer, SNAP_SHARES, &body);
}

int platform_snapshot(const struct platform *platform, int (*visit)(void *context, uint32_t type, const void *payload, size_t length),
		      void *context)
{
	struct writer writer = { .visit = visit, .context = context };
	struct snap_platform body = { platform->epoch, platform->last_id, platform->last_token, platform->tallies };

	write_record(&writer, SNAP_PLATFORM, &body);
	if (platform->site_count > 0 || platform->network.region_count > 0)
		write_record(&writer, SNAP_NETWORK, &platform->network);
	if (platform->catalogue.model_count > 0)
		write_record(&writer, SNAP_CATALOGUE, &platform->catalogue);
	if (platform->has_policy)
		write_record(&writer, SNAP_POLICY, &platform->policy);
	write_tokens(&writer, platform);
	for (size_t i = 0; writer.code == 0 && i < platform->site_count; i++)
		write_site(&writer, platform->sorted_sites[i]);
	for (size_t i = 0; writer.code == 0 && i < platform->row_count; i++)
		if (platform->rows[i].demand)
			write_demand(&writer, platform->rows[i].demand);
	for (const struct key_entry *key = platform->key_first; writer.code == 0 && key; key = key->next) {
		struct snap_key key_body = { key->text, key->request_hash, key->first, key->count };

		write_record(&writer, SNAP_KEY, &key_body);
	}
	write_accounts(&writer, platform);
	strbuf_done(&writer.bytes);
	arena_done(&writer.arena);
	return writer.code;
}
