/* Sites: their place in the tables, their attempts, and the lists by which decide_tick() finds late ones. */
#include <assert.h>
#include <string.h>

#include "platform/state.h"

static bool site_is_named(const void *item, const void *key)
{
	return strcmp(((const struct site *)item)->name, key) == 0;
}

struct site *site_find_any(const struct platform *platform, const char *name)
{
	return table_find(&platform->site_table, hash_text(name), site_is_named, name);
}

struct site *site_find(const struct platform *platform, const char *name)
{
	struct site *site = site_find_any(platform, name);

	return site && site->index != SITE_NONE ? site : NULL;
}

struct site *site_make(struct platform *platform, const char *name)
{
	struct site *site = mem_alloc(sizeof(*site));

	site->name = mem_strdup(name);
	site->hash = hash_text(name);
	site->index = SITE_NONE;
	site->revision = 1;
	table_add(&platform->site_table, site->hash, site);
	return site;
}

void site_free(struct site *site)
{
	if (!site)
		return;
	for (size_t i = 0; i < site->note_count; i++)
		free(site->notes[i]);
	free(site->notes);
	free(site->agent);
	free(site->drain_by);
	free(site->drain_reason);
	free(site->attempts);
	supply_done(&site->supply);
	free(site->name);
	free(site);
}

void site_touch(struct platform *platform, struct site *site)
{
	site->revision++;
	if (site->changed || site->index == SITE_NONE)
		return;
	site->changed = true;
	ARRAY_RESERVE(platform->changed, platform->changed_capacity, platform->changed_count + 1);
	platform->changed[platform->changed_count++] = site;
}

static bool site_is_crowded(const struct platform *platform, const struct site *site)
{
	return site->attempt_count >= platform->settings.site_attempts_max;
}

static void note_crowded(struct platform *platform, struct site *site)
{
	if (site->index == SITE_NONE || platform->views[site->index].crowded == site_is_crowded(platform, site))
		return;
	platform->views[site->index].crowded = site_is_crowded(platform, site);
	books_site_changed(platform, site);
}

void site_refresh_view(struct platform *platform, struct site *site)
{
	const struct site_spec *spec = site->spec;

	platform->views[site->index] = (struct site_view){
		.index = site->index, .name = spec->name, .title = spec->title, .tier = spec->tier, .region = spec->region,
		.engine = spec->engine, .condition = site->condition, .draining = site->draining, .seconds_since_seen = -1,
		.crowded = site_is_crowded(platform, site), .price = spec->price, .energy = spec->energy,
		.supply = &site->supply,
	};
	account_site(platform, site);
	books_site_changed(platform, site);
}

void site_unlist(struct platform *platform, struct site *site)
{
	if (!site->watch)
		return;
	*(site->earlier ? &site->earlier->later : &site->watch->first) = site->later;
	*(site->later ? &site->later->earlier : &site->watch->last) = site->earlier;
	site->earlier = site->later = NULL;
	site->watch = NULL;
}

void site_list(struct platform *platform, struct site *site)
{
	struct site *after;

	site_unlist(platform, site);
	if (site->index == SITE_NONE || (site->condition != CONDITION_UP && site->condition != CONDITION_SUSPECT))
		return;
	site->watch = site->condition == CONDITION_UP ? &platform->up : &platform->suspect;
	/* Nearly always at the end: it spoke just now. */
	for (after = site->watch->last; after && after->seen_us > site->seen_us; after = after->earlier)
		;
	site->earlier = after;
	site->later = after ? after->later : site->watch->first;
	*(after ? &after->later : &site->watch->first) = site;
	*(site->later ? &site->later->earlier : &site->watch->last) = site;
}

void site_add_attempt(struct platform *platform, struct site *site, struct attempt *attempt)
{
	ARRAY_RESERVE(site->attempts, site->attempt_capacity, site->attempt_count + 1);
	attempt->site_index = site->attempt_count;
	site->attempts[site->attempt_count++] = attempt;
	note_crowded(platform, site);
}

void site_remove_attempt(struct platform *platform, struct site *site, struct attempt *attempt)
{
	struct attempt *last = site->attempts[--site->attempt_count];

	assert(site->attempts[attempt->site_index] == attempt);
	site->attempts[attempt->site_index] = last;
	last->site_index = attempt->site_index;
	note_crowded(platform, site);
}

void site_set_supply(struct platform *platform, struct site *site, struct supply *supply)
{
	supply_done(&site->supply);
	site->supply = *supply;
	*supply = (struct supply){ 0 };
	site->has_supply = true;
	account_site(platform, site);
	books_supply_changed(platform, site);
	platform->supply_serial++;
}

static int compare_attempts(const void *left, const void *right)
{
	const struct attempt *a = *(struct attempt *const *)left, *b = *(struct attempt *const *)right;

	if (a->demand->id != b->demand->id)
		return a->demand->id < b->demand->id ? -1 : 1;
	return (a->replica > b->replica) - (a->replica < b->replica);
}

struct attempt **site_attempts_sorted(const struct site *site, struct arena *arena)
{
	struct attempt **sorted = ARENA_ARRAY(arena, struct attempt *, site->attempt_count + 1);

	if (site->attempt_count == 0)
		return sorted;
	memcpy(sorted, site->attempts, site->attempt_count * sizeof(*sorted));
	qsort(sorted, site->attempt_count, sizeof(*sorted), compare_attempts);
	return sorted;
}
