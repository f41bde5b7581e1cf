/* The observed state: when sites spoke, what they said of running attempts, what they should hear. */
#include <string.h>

#include "platform/state.h"

static void observe_notes(struct site *site, const struct sync_request *request)
{
	bool same = site->note_count == request->note_count;

	for (size_t i = 0; same && i < site->note_count; i++)
		same = strcmp(site->notes[i], request->notes[i]) == 0;
	if (same)
		return;
	for (size_t i = 0; i < site->note_count; i++)
		free(site->notes[i]);
	site->note_count = request->note_count < SYNC_NOTES_MAX ? request->note_count : SYNC_NOTES_MAX;
	site->notes = mem_resize(site->notes, site->note_count + 1, sizeof(*site->notes));
	for (size_t i = 0; i < site->note_count; i++)
		site->notes[i] = mem_strndup(request->notes[i], strnlen(request->notes[i], MESSAGE_MAX));
}

static void observe_attempts(struct platform *platform, const struct site *site, const struct sync_request *request)
{
	for (size_t i = 0; i < request->attempt_count; i++) {
		const struct attempt_report *report = &request->attempts[i];
		struct attempt *attempt = attempt_current(platform, report->demand, report->replica, report->attempt);

		if (!attempt || attempt->site != site || attempt->token != report->token)
			continue;
		attempt->progress_permille = (int32_t)report->progress_permille;
		attempt->cpu_used_us = report->cpu_used_us;
		attempt->memory_peak_mib = report->memory_peak_mib;
	}
}

void platform_observe_sync(struct platform *platform, int64_t now_us, const struct sync_request *request)
{
	struct site *site = site_find(platform, request->site);

	if (!site || request->epoch != site->agent_epoch || request->sequence <= site->sequence)
		return;
	site->sequence = request->sequence;
	if (now_us > site->seen_us)
		site->seen_us = now_us;
	site_list(platform, site);
	if (!site->agent || strcmp(site->agent, request->agent) != 0) {
		free(site->agent);
		site->agent = mem_strndup(request->agent, strnlen(request->agent, MESSAGE_MAX));
	}
	observe_notes(site, request);
	observe_attempts(platform, site, request);
}

void platform_observe_restart(struct platform *platform, int64_t now_us, uint64_t epoch)
{
	(void)epoch; /* the durable one, from decide_open(), is what counts */
	for (size_t i = 0; i < platform->site_count; i++) {
		struct site *site = platform->sites[i];

		if (site->condition != CONDITION_UP && site->condition != CONDITION_SUSPECT)
			continue;
		site->seen_us = now_us;
		site_list(platform, site);
	}
	platform->observed->round_wanted = true;
}

uint64_t platform_site_revision(const struct platform *platform, uint32_t site)
{
	return site < platform->site_count ? platform->sites[site]->revision : 0;
}

void platform_drain_changed_sites(struct platform *platform, void (*visit)(void *context, uint32_t site), void *context)
{
	struct site **changed = platform->changed;
	size_t count = platform->changed_count;

	/* The visitor may bring about more changes. */
	platform->changed = NULL;
	platform->changed_count = platform->changed_capacity = 0;
	for (size_t i = 0; i < count; i++)
		changed[i]->changed = false;
	for (size_t i = 0; i < count; i++)
		if (changed[i]->index != SITE_NONE)
			visit(context, changed[i]->index);
	free(changed);
}

int platform_site_index(const struct platform *platform, const char *name, uint32_t *ret_site)
{
	const struct site *site = site_find(platform, name);

	if (!site)
		return -ENOENT;
	*ret_site = site->index;
	return 0;
}
