#include "platform/state.h"

#include <sodium.h>
#include <string.h>

static const char *const demand_state_words[] = { "pending",   "placed", "running",   "stopping",
						  "succeeded", "failed", "timed-out", "cancelled" };
STRING_TABLE_DEFINE(enum demand_state, demand_state, STATE_COUNT);

static const char *const role_words[] = { "operator", "supplier", "tenant", "auditor", "viewer" };
STRING_TABLE_DEFINE(enum role, role, ROLE_COUNT);

bool demand_state_is_ended(enum demand_state state)
{
	return state >= STATE_SUCCEEDED;
}

void platform_settings_defaults(struct platform_settings *settings)
{
	*settings = (struct platform_settings){
		.name = "weir",
		.demands_live_max = DEMANDS_LIVE_MAX_DEFAULT,
		.ended_kept = ENDED_KEPT_DEFAULT,
		.lease_us = 30000000,
		.suspect_after_us = 15000000,
		.lost_after_us = 45000000,
		.replica_backoff_us = 1000000,
		.round_placements_max = 4096,
		.site_attempts_max = 50000,
	};
}

struct platform *platform_new(const struct platform_settings *settings)
{
	struct platform *platform = mem_alloc(sizeof(*platform));

	platform->settings = *settings;
	platform->settings.name = mem_strdup(settings->name ? settings->name : "");
	platform->observed = mem_alloc(sizeof(*platform->observed));
	platform->topology = topology_new(&platform->network);
	platform->supply_serial = 1;
	policy_defaults(&platform->policy);
	platform->shares = shares_new(&platform->policy);
#ifdef WEIR_DEBUG_CHECKS
	platform->checks = true;
#endif
	return platform;
}

static void free_labels(struct table *table)
{
	for (size_t i = 0; i < table->capacity; i++)
		free(table->slots[i].item);
	table_done(table);
}

static void free_tokens(struct platform *platform)
{
	for (size_t i = 0; i < platform->token_count; i++)
		token_free(platform->tokens[i]);
	free(platform->tokens);
	table_done(&platform->token_table);
}

static void free_demands(struct platform *platform)
{
	for (size_t i = 0; i < platform->row_count; i++)
		if (platform->rows[i].demand)
			demand_free(platform->rows[i].demand);
	free(platform->rows);
	for (size_t i = 0; i < platform->class_table.capacity; i++)
		if (platform->class_table.slots[i].item)
			class_free(platform->class_table.slots[i].item);
	table_done(&platform->class_table);
	for (size_t i = 0; i < platform->hold_table.capacity; i++)
		if (platform->hold_table.slots[i].item)
			hold_free(platform->hold_table.slots[i].item);
	table_done(&platform->hold_table);
	table_done(&platform->array_table);
	free(platform->due_holds);
	free(platform->due_demands);
	free_labels(&platform->name_table);
	free_labels(&platform->tenant_table);
	free(platform->active);
	free(platform->waiting);
}

static void free_observed(struct platform *platform)
{
	for (size_t i = 0; i < platform->observed->note_count; i++)
		free(platform->observed->notes[i].reason);
	free(platform->observed->notes);
	free(platform->observed);
}

void platform_free(struct platform *platform)
{
	if (!platform)
		return;
	books_drop(platform);
	free_demands(platform);
	shares_free(platform->shares);
	for (size_t i = 0; i < platform->site_table.capacity; i++)
		site_free(platform->site_table.slots[i].item);
	table_done(&platform->site_table);
	table_done(&platform->region_table);
	free(platform->sites);
	free(platform->sorted_sites);
	free(platform->views);
	free(platform->changed);
	free_tokens(platform);
	while (platform->key_first) {
		struct key_entry *next = platform->key_first->next;

		free(platform->key_first);
		platform->key_first = next;
	}
	table_done(&platform->key_table);
	free_observed(platform);
	topology_free(platform->topology);
	arena_done(&platform->network_arena);
	arena_done(&platform->catalogue_arena);
	arena_done(&platform->policy_arena);
	arena_done(&platform->replay_arena);
	free((char *)platform->settings.name);
	free(platform);
}

uint64_t platform_sequence(const struct platform *platform)
{
	return platform->sequence;
}

struct hashing {
	crypto_generichash_state state;
};

static int hash_record(void *context, uint32_t type, const void *payload, size_t length)
{
	struct hashing *hashing = context;
	uint64_t head[2] = { type, length };

	crypto_generichash_update(&hashing->state, (const unsigned char *)head, sizeof(head));
	crypto_generichash_update(&hashing->state, payload, length);
	return 0;
}

void platform_hash(const struct platform *platform, uint8_t ret_hash[32])
{
	struct hashing hashing;

	crypto_generichash_init(&hashing.state, NULL, 0, 32);
	platform_snapshot(platform, hash_record, &hashing);
	crypto_generichash_final(&hashing.state, ret_hash, 32);
}
