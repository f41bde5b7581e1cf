/* Questions about what waits. Nothing changes. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "lib/lib.h"
#include "match/explain.h"
#include "match/forecast.h"
#include "match/relax.h"

/* The entry of a replica (of the first that is queued: UINT32_MAX) in the input; false when there is none. */
static bool find_entry(const struct weir_matcher *matcher, const struct match_input *input, const size_t *streams, uint64_t id,
		       uint32_t replica, size_t *ret_stream, size_t *ret_entry)
{
	const struct lib_item *item = lib_item_find(matcher, id);
	size_t stream;

	for (uint32_t r = 0; item && replica == UINT32_MAX && r < item->replica_count; r++)
		if (item->queued[r])
			replica = r;
	if (!item || replica >= item->replica_count || !item->queued[replica])
		return false;
	stream = lib_item_stream(item, replica);
	for (size_t s = 0; s < input->stream_count; s++)
		for (size_t e = 0; streams[s] == stream && e < input->streams[s].entry_count; e++)
			if (input->streams[s].entries[e].demand == id && input->streams[s].entries[e].replica == replica) {
				*ret_stream = s;
				*ret_entry = e;
				return true;
			}
	return false;
}

char *weir_explain(struct weir_matcher *matcher, uint64_t id, int64_t now_us)
{
	static const struct forecast_settings as_long_as_may_be = { .time_permille = 1000 };
	cleanup_arena struct arena arena = { 0 };
	struct strbuf text = { 0 };
	struct match_input input;
	struct explanation why;
	struct relaxation relaxation;
	struct forecast forecast;
	const struct match_stream *stream;
	size_t *streams, s, e;

	lib_queue(matcher, now_us, &arena, &input, &streams);
	if (!find_entry(matcher, &input, streams, id, UINT32_MAX, &s, &e)) {
		err_set(&matcher->err, -ENOENT, "nothing of demand %llu is queued", (unsigned long long)id);
		return NULL;
	}
	stream = &input.streams[s];
	explain_ask(&input, stream->class, stream->tenant, &stream->entries[e], 0, &arena, &why);
	relax_ask(&input, stream->class, stream->tenant, &stream->entries[e], &arena, &relaxation);
	match_forecast(&input, &as_long_as_may_be, &arena, &forecast);
	explain_start(&why, matcher->now_us, forecast.start_us[s][e], relaxation.reserved_us, &arena);
	strbuf_printf(&text, "%s\n", why.summary);
	for (size_t g = 0; g < why.group_count; g++)
		strbuf_printf(&text, "  %s\n", why.groups[g].sentence);
	if (why.ahead > 0)
		strbuf_printf(&text, "ahead in the queue: %zu\n", why.ahead);
	if (why.start)
		strbuf_printf(&text, "start: %s\n", why.start);
	strbuf_printf(&text, "%s\n", relaxation.sentence);
	return strbuf_take(&text);
}

void weir_text_free(char *text)
{
	free(text);
}

int weir_estimate(struct weir_matcher *matcher, uint64_t id, uint32_t replica, int64_t now_us, int64_t *ret_start_us)
{
	static const struct forecast_settings as_long_as_may_be = { .time_permille = 1000 };
	cleanup_arena struct arena arena = { 0 };
	struct match_input input;
	struct forecast forecast;
	size_t *streams, s, e;

	lib_queue(matcher, now_us, &arena, &input, &streams);
	if (!find_entry(matcher, &input, streams, id, replica, &s, &e))
		return err_set(&matcher->err, -ENOENT, "demand %llu, replica %u is not queued", (unsigned long long)id, replica);
	match_forecast(&input, &as_long_as_may_be, &arena, &forecast);
	*ret_start_us = forecast.start_us[s][e];
	return 0;
}

/* Sites that the rules allow to a class. */
static uint64_t *allowed_sites(const struct weir_matcher *matcher, const struct ask *ask, struct arena *arena)
{
	uint64_t *allowed = ARENA_ARRAY(arena, uint64_t, (matcher->site_count + 63) / 64 + 1);
	struct chip_cache cache;

	chip_cache_init(&cache, ask, &matcher->context, arena);
	for (size_t s = 0; s < matcher->site_count; s++)
		if (rules_check_site_cached(&cache, &matcher->views[s]).code == VERDICT_FITS)
			allowed[s / 64] |= (uint64_t)1 << (s % 64);
	return allowed;
}

int weir_bound(struct weir_matcher *matcher, struct weir_bound *ret)
{
	cleanup_arena struct arena arena = { 0 };
	const struct supply **supplies = ARENA_ARRAY(&arena, const struct supply *, matcher->site_count + 1);
	struct bound_demand *demands = ARENA_ARRAY(&arena, struct bound_demand, matcher->stream_count + 1);
	struct bound_input input = { .supplies = supplies, .site_count = matcher->site_count, .demands = demands, .context = matcher->context };
	struct bound bound;
	__int128 queued = 0;

	for (size_t s = 0; s < matcher->site_count; s++)
		supplies[s] = &matcher->supplies[s];
	for (size_t s = 0; s < matcher->stream_count; s++) {
		const struct lib_stream *stream = &matcher->streams[s];
		const struct lib_class *class = &matcher->classes[stream->class];

		if (stream->entry_count == 0)
			continue;
		demands[input.demand_count++] = (struct bound_demand){ class->ask, (int64_t)stream->entry_count,
								       allowed_sites(matcher, class->ask, &arena), class->value };
		queued += (__int128)class->value * (int64_t)stream->entry_count;
	}
	bound_compute(&input, &arena, &bound);
	*ret = (struct weir_bound){ .value = bound.value, .queued = queued > INT64_MAX ? INT64_MAX : (int64_t)queued, .steps = bound.steps,
				    .pooled = bound.pooled };
	return 0;
}
