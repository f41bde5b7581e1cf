#include <sodium.h>
#include <string.h>

#include "daemon/agent_site.h"
#include "wire/files.h"

static enum attempt_state state_of(enum weir_attempt_state state)
{
	switch (state) {
	case WEIR_STARTING:
		return ATTEMPT_STARTING;
	case WEIR_RUNNING:
		return ATTEMPT_RUNNING;
	case WEIR_STOPPING:
		return ATTEMPT_STOPPING;
	case WEIR_ENDED:
		break;
	}
	return ATTEMPT_ENDED;
}

static enum outcome outcome_of(const struct weir_attempt_status *status)
{
	if (status->state != WEIR_ENDED)
		return OUTCOME_NONE;
	switch (status->outcome) {
	case WEIR_SUCCEEDED:
		return OUTCOME_SUCCEEDED;
	case WEIR_FAILED:
		return OUTCOME_FAILED;
	case WEIR_TIMED_OUT:
		return OUTCOME_TIMED_OUT;
	case WEIR_STOPPED:
		return OUTCOME_STOPPED;
	case WEIR_LEASE_EXPIRED:
	case WEIR_ENGINE_LOST:
		break;
	}
	return OUTCOME_LOST;
}

static struct attempt_report report_status(const struct weir_attempt_status *status, struct arena *arena)
{
	return (struct attempt_report){
		.demand = status->key.demand,
		.replica = status->key.replica,
		.attempt = status->key.attempt,
		.token = status->token,
		.state = state_of(status->state),
		.outcome = outcome_of(status),
		.exit_code = status->exit_code,
		.exit_signal = status->exit_signal,
		.failed_worker = status->failed_worker,
		.message = arena_strdup(arena, status->message),
		.started_us = status->started_us,
		.ended_us = status->ended_us,
		.progress_permille = status->progress_permille,
		.cpu_used_us = status->cpu_used_us,
		.memory_peak_mib = status->memory_peak_mib,
	};
}

static struct attempt_report report_refusal(const struct refusal *refusal)
{
	return (struct attempt_report){
		.demand = refusal->key.demand,
		.replica = refusal->key.replica,
		.attempt = refusal->key.attempt,
		.token = refusal->token,
		.state = ATTEMPT_ENDED,
		.outcome = OUTCOME_REFUSED,
		.exit_code = -1,
		.failed_worker = -1,
		.message = refusal->message,
		.progress_permille = -1,
		.cpu_used_us = -1,
		.memory_peak_mib = -1,
	};
}

static void report_attempts(struct site *site, struct arena *arena, struct sync_request *request)
{
	const struct weir_attempt_status *statuses;
	size_t count;

	site->engine->ops->attempts(site->engine, &statuses, &count);
	request->attempts = ARENA_ARRAY(arena, struct attempt_report, count + site->refusal_count + 1);
	for (size_t i = 0; i < count; i++)
		if (statuses[i].state != WEIR_ENDED || !site_keeps(site, &statuses[i].key))
			request->attempts[request->attempt_count++] = report_status(&statuses[i], arena);
	for (size_t i = 0; i < site->refusal_count; i++)
		request->attempts[request->attempt_count++] = report_refusal(&site->refusals[i]);
}

static struct node_group *copy_groups(const struct weir_supply_group *from, size_t count, struct arena *arena)
{
	struct node_group *groups = ARENA_ARRAY(arena, struct node_group, count + 1);

	for (size_t g = 0; g < count; g++) {
		groups[g].name = arena_strdup(arena, from[g].name);
		groups[g].count = from[g].count;
		groups[g].cpu_milli = from[g].cpu_milli;
		groups[g].memory_mib = from[g].memory_mib;
		groups[g].chip_count = from[g].chip_model_count;
		groups[g].chips = ARENA_ARRAY(arena, struct chip_count, from[g].chip_model_count + 1);
		for (size_t c = 0; c < from[g].chip_model_count; c++)
			groups[g].chips[c] = (struct chip_count){ arena_strdup(arena, from[g].chip_models[c]), from[g].chip_counts[c] };
		groups[g].resource_count = from[g].resource_count;
		groups[g].resources = ARENA_ARRAY(arena, struct countable, from[g].resource_count + 1);
		for (size_t r = 0; r < from[g].resource_count; r++)
			groups[g].resources[r] = (struct countable){ arena_strdup(arena, from[g].resource_names[r]), from[g].resource_counts[r] };
	}
	return groups;
}

static uint64_t hash_groups(const struct node_group *groups, size_t count)
{
	cleanup_strbuf struct strbuf bytes = { 0 };
	uint64_t hash;

	for (size_t g = 0; g < count; g++)
		schema_encode(&node_group_schema, &groups[g], &bytes);
	crypto_generichash((unsigned char *)&hash, sizeof(hash), (const unsigned char *)strbuf_text(&bytes), bytes.length, NULL, 0);
	return hash ? hash : 1; /* 0 stands for: none told yet */
}

static void report_supply(struct site *site, struct arena *arena, struct sync_request *request)
{
	const struct weir_supply_group *groups;
	const char *const *notes;
	size_t count, note_count;

	site->engine->ops->supply(site->engine, &groups, &count, &notes, &note_count);
	request->notes = ARENA_ARRAY(arena, const char *, note_count + 1);
	for (size_t i = 0; i < note_count && i < SYNC_NOTES_MAX; i++)
		request->notes[request->note_count++] = arena_strdup(arena, notes[i]);
	request->groups = copy_groups(groups, count, arena);
	request->group_count = count;
	request->supply_hash = hash_groups(request->groups, count);
	request->has_groups = site->want_supply || request->supply_hash != site->supply_hash_told;
	if (!request->has_groups)
		request->group_count = 0;
}

void site_report(struct site *site, struct arena *arena, struct sync_request *ret)
{
	*ret = (struct sync_request){
		.version = SYNC_VERSION,
		.site = site->spec->name,
		.epoch = site->epoch,
		.sequence = ++site->sequence,
		.agent = WEIR_VERSION,
		.engine = site->spec->engine,
		.heard_epoch = site->heard_epoch,
		.heard_revision = site->heard_revision,
	};
	report_supply(site, arena, ret);
	report_attempts(site, arena, ret);
}
