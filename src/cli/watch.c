#include "cli/watch.h"

#include <stdio.h>
#include <string.h>

#include "cli/shown.h"

#define ONE_BY_ONE_MAX 32 /* more live ones than this are read by pages */

void watch_add(struct watch *watch, const char *id)
{
	size_t at = watch->count;

	/* Ids mostly come in order. */
	while (at > 0 && strcmp(watch->list[at - 1].id, id) > 0)
		at--;
	if (at > 0 && strcmp(watch->list[at - 1].id, id) == 0)
		return;
	ARRAY_RESERVE(watch->list, watch->capacity, watch->count + 1);
	memmove(&watch->list[at + 1], &watch->list[at], (watch->count - at) * sizeof(*watch->list));
	watch->list[at] = (struct watched){ 0 };
	snprintf(watch->list[at].id, sizeof(watch->list[at].id), "%s", id);
	watch->count++;
}

void watch_done(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		json_decref(watch->list[i].demand);
	free(watch->list);
	*watch = (struct watch){ 0 };
}

const char *watched_state(const struct watched *watched)
{
	return json_text(watched->demand, "state");
}

const char *watched_expected(const struct watched *watched)
{
	const char *expect = json_text(watched->demand, "expect");

	return *expect && strcmp(expect, "none") != 0 ? expect : "succeeded";
}

bool watched_as_expected(const struct watched *watched)
{
	return strcmp(watched_state(watched), watched_expected(watched)) == 0;
}

static bool is_live(const struct watched *watched)
{
	return !watched->demand || !state_has_ended(watched_state(watched));
}

size_t watch_count_ended(const struct watch *watch)
{
	size_t count = 0;

	for (size_t i = 0; i < watch->count; i++)
		count += !is_live(&watch->list[i]);
	return count;
}

static void take(struct watched *watched, json_t *demand)
{
	watched->changed = strcmp(watched_state(watched), json_text(demand, "state")) != 0 ||
			   strcmp(json_text(watched->demand, "reason"), json_text(demand, "reason")) != 0;
	json_decref(watched->demand);
	watched->demand = demand;
}

static int compare_ids(const void *id, const void *watched)
{
	return strcmp(id, ((const struct watched *)watched)->id);
}

/* From the newest demand back to the oldest that is still live here. */
static int poll_pages(struct client *client, struct watch *watch, const char *oldest, bool quiet)
{
	cleanup_free char *cursor = NULL;
	bool reached = false;

	do {
		cleanup_strbuf struct strbuf path = { 0 };
		json_t *page = NULL;
		const json_t *demand;
		size_t i;
		int code;

		strbuf_puts(&path, "/v1/demands?order=newest&limit=1000");
		query_add(&path, "cursor", cursor);
		code = client_call(client, &(struct client_request){ .path = strbuf_text(&path), .quiet = quiet }, &page);
		if (code != EXIT_OK)
			return code;
		json_array_foreach(json_object_get(page, "items"), i, demand) {
			const char *id = json_text(demand, "id");
			struct watched *watched = bsearch(id, watch->list, watch->count, sizeof(*watch->list), compare_ids);

			if (watched && is_live(watched))
				take(watched, json_incref((json_t *)demand));
			reached = reached || strcmp(id, oldest) <= 0;
		}
		free(cursor);
		cursor = *json_text(page, "next") ? mem_strdup(json_text(page, "next")) : NULL;
		json_decref(page);
	} while (cursor && !reached);
	return EXIT_OK;
}

int watch_poll(struct client *client, struct watch *watch, bool quiet)
{
	const char *oldest = NULL;
	size_t live = 0;

	for (size_t i = 0; i < watch->count; i++) {
		watch->list[i].changed = false;
		if (!is_live(&watch->list[i]))
			continue;
		oldest = oldest ? oldest : watch->list[i].id;
		live++;
	}
	if (live > ONE_BY_ONE_MAX)
		return poll_pages(client, watch, oldest, quiet);
	for (size_t i = 0; i < watch->count; i++) {
		json_t *demand = NULL;
		int code;

		if (!is_live(&watch->list[i]))
			continue;
		code = demand_get(client, watch->list[i].id, quiet, &demand);
		if (code != EXIT_OK)
			return code;
		take(&watch->list[i], demand);
	}
	return EXIT_OK;
}

static bool stays_pending(struct client *client, const char *id)
{
	json_t *why = NULL;
	bool stays = demand_ask(client, NULL, id, "why", &why) == EXIT_OK && !json_flag(why, "fits_now");

	json_decref(why);
	return stays;
}

static bool all_replicas_run(const json_t *demand)
{
	return strcmp(json_text(demand, "kind"), "service") != 0 ||
	       json_number(demand, "running_count", 0) == json_number(demand, "workers", 0);
}

bool watch_is_over(struct client *client, const struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		const struct watched *watched = &watch->list[i];

		if (!is_live(watched))
			continue;
		if (!watched_as_expected(watched))
			return false;
		if (strcmp(watched_state(watched), "running") == 0 && !all_replicas_run(watched->demand))
			return false;
	}
	/* Only now: what holds others up may be about to end. */
	for (size_t i = 0; i < watch->count; i++)
		if (strcmp(watched_state(&watch->list[i]), "pending") == 0 && !stays_pending(client, watch->list[i].id))
			return false;
	return true;
}
