#include "match/once.h"

static void add_stream(struct once *once, size_t class, const struct ask *ask, uint32_t tenant, const struct match_entry *entries,
		       size_t entry_count)
{
	struct match_stream *stream = (struct match_stream *)&once->input.streams[once->input.stream_count];

	*stream = (struct match_stream){ matcher_class_add(once->matcher, ask), tenant, entries, entry_count };
	once->class_of[once->input.stream_count++] = class;
	matcher_learn(once->matcher, stream->class, (int64_t)entry_count);
}

/* One stream for each caller, of the replicas that serve it. */
static void add_callers(struct once *once, size_t number, const struct once_class *class, uint32_t tenant, struct arena *arena)
{
	struct match_entry *own = ARENA_ARRAY(arena, struct match_entry, class->entry_count + 1);
	int64_t ends[DEMAND_LIST_MAX];
	size_t filled = 0;

	ask_caller_ends(class->ask, ends);
	for (size_t c = 0; c < class->ask->where.caller_count; c++) {
		struct ask ask = ask_at_caller(class->ask, c);
		size_t first = filled;

		for (size_t e = 0; e < class->entry_count; e++)
			if (class->entries[e].replica < ends[c] && (c == 0 || class->entries[e].replica >= ends[c - 1]))
				own[filled++] = class->entries[e];
		add_stream(once, number, &ask, tenant, own + first, filled - first);
	}
}

static struct amounts supply_of(const struct once_input *input)
{
	struct amounts total = { 0 };

	for (size_t s = 0; s < input->site_count; s++)
		for (size_t g = 0; input->sites[s].supply && g < input->sites[s].supply->group_count; g++) {
			const struct supply_group *group = &input->sites[s].supply->groups[g];

			total.cpu_milli += group->cpu_milli * group->node_count;
			total.memory_mib += group->memory_mib * group->node_count;
			total.chip_milli += (int64_t)group->node_count * group->chips_per_node * CHIP_MILLI;
		}
	return total;
}

void once_open(struct once *once, const struct once_input *input, struct arena *arena)
{
	size_t streams = 0;
	struct amounts total = supply_of(input);

	*once = (struct once){ .policy = ARENA_NEW(arena, struct policy_spec) };
	if (input->policy)
		*once->policy = *input->policy;
	else
		policy_defaults(once->policy);
	once->matcher = matcher_new(once->policy, &input->context, 1);
	once->shares = shares_new(once->policy);
	shares_set_supply(once->shares, &total);
	matcher_set_sites(once->matcher, &input->context, input->sites, input->site_count);
	for (size_t c = 0; c < input->class_count; c++)
		streams += input->classes[c].ask->where.caller_count ? input->classes[c].ask->where.caller_count : 1;
	once->input = (struct match_input){ .matcher = once->matcher, .shares = once->shares,
					    .streams = ARENA_ARRAY(arena, struct match_stream, streams + 1), .now_us = input->now_us,
					    .limits = input->limits };
	once->class_of = ARENA_ARRAY(arena, size_t, streams + 1);
	for (size_t c = 0; c < input->class_count; c++) {
		const struct once_class *class = &input->classes[c];
		uint32_t tenant = shares_tenant(once->shares, class->tenant ? class->tenant : "default");

		if (class->ask->where.caller_count)
			add_callers(once, c, class, tenant, arena);
		else
			add_stream(once, c, class->ask, tenant, class->entries, class->entry_count);
	}
}

void once_close(struct once *once)
{
	matcher_free(once->matcher);
	shares_free(once->shares);
	*once = (struct once){ 0 };
}
