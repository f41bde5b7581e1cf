#include "match_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"

static void make_network(struct play *play, const struct play_settings *settings)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	struct network_spec *network = &play->network;

	network->link_rule = (struct link_rule){ 1000, 9800, 1500 };
	network->site_count = settings->sites;
	network->sites = ARENA_ARRAY(&play->arena, struct site_spec, settings->sites);
	play->supplies = ARENA_ARRAY(&play->arena, struct supply, settings->sites);
	play->views = ARENA_ARRAY(&play->arena, struct site_view, settings->sites);
	for (unsigned s = 0; s < settings->sites; s++) {
		struct chip_count *chips = ARENA_NEW(&play->arena, struct chip_count);
		struct node_group *group = ARENA_NEW(&play->arena, struct node_group);

		*chips = (struct chip_count){ "alpha", settings->chips };
		*group = (struct node_group){ .name = "g", .count = 1 + (int64_t)rng_below(&play->rng, settings->nodes_max),
					      .cpu_milli = 64000, .memory_mib = 65536, .chips = chips, .chip_count = 1 };
		network->sites[s] = (struct site_spec){ .name = names[s], .tier = TIER_HUB, .region = "r", .groups = group, .group_count = 1,
							.price = { 0, 0, 1000000 + 1000 * (int64_t)s } };
		supply_init(&play->supplies[s], group, 1);
		play->views[s] = (struct site_view){ .index = s, .name = names[s], .tier = TIER_HUB, .region = "r", .engine = ENGINE_LOCAL,
						     .condition = CONDITION_UP, .price = network->sites[s].price,
						     .supply = &play->supplies[s] };
	}
}

void play_open(struct play *play, uint64_t seed, const struct play_settings *settings)
{
	struct rule_context context;
	struct amounts total = { 0 };

	*play = (struct play){ .policy = settings->policy, .now_us = PLAY_BEGIN_US, .tenant_count = settings->tenant_count };
	rng_init(&play->rng, seed);
	make_network(play, settings);
	play->topology = topology_new(&play->network);
	context = (struct rule_context){ &play->catalogue, play->topology };
	play->matcher = matcher_new(play->policy, &context, seed);
	matcher_set_sites(play->matcher, &context, play->views, settings->sites);
	play->shares = shares_new(play->policy);
	for (unsigned s = 0; s < settings->sites; s++) {
		const struct supply_group *group = &play->supplies[s].groups[0];

		total.cpu_milli += group->cpu_milli * group->node_count;
		total.memory_mib += group->memory_mib * group->node_count;
		total.chip_milli += (int64_t)group->node_count * group->chips_per_node * 1000;
	}
	shares_set_supply(play->shares, &total);
	for (unsigned t = 0; t < settings->tenant_count; t++)
		play->tenants[t] = shares_tenant(play->shares, settings->tenants[t]);
}

void play_close(struct play *play)
{
	matcher_free(play->matcher);
	shares_free(play->shares);
	topology_free(play->topology);
	for (size_t s = 0; s < play->network.site_count; s++)
		supply_done(&play->supplies[s]);
	arena_done(&play->round_arena);
	arena_done(&play->arena);
}

struct play_demand *play_submit(struct play *play, unsigned tenant, int64_t workers, int64_t chips_milli, int64_t limit_us, int64_t runtime_us)
{
	struct play_demand *demand = &play->demands[play->demand_count++];

	assert_true(play->demand_count <= PLAY_DEMANDS_MAX);
	*demand = (struct play_demand){
		.id = play->demand_count, .tenant = play->tenants[tenant], .limit_us = limit_us, .runtime_us = runtime_us, .state = PLAY_QUEUED,
		.ask = { .kind = DEMAND_JOB, .workers = workers, .priority = 100,
			 .shape = { .cpu_milli = 1000, .memory_mib = 1024, .chips = { .milli = chips_milli } } },
	};
	return demand;
}

static struct amounts amounts_of(const struct play_demand *demand)
{
	const struct ask *ask = &demand->ask;

	return (struct amounts){ ask->shape.cpu_milli * ask->workers, ask->shape.memory_mib * ask->workers,
				 ask->shape.chips.milli * ask->workers };
}

static bool is_running(const struct play_demand *demand)
{
	return demand->state == PLAY_RUNNING || demand->state == PLAY_STOPPING;
}

static void stop(struct play *play, struct play_demand *demand, enum play_state state)
{
	struct amounts amounts = amounts_of(demand);

	matcher_end(play->matcher, &demand->work);
	matcher_class_remove(play->matcher, demand->work.class);
	shares_release(play->shares, demand->tenant, &amounts, play->now_us);
	demand->state = state;
}

void play_end(struct play *play, struct play_demand *demand)
{
	stop(play, demand, PLAY_ENDED);
}

int64_t play_next_us(const struct play *play)
{
	int64_t next_us = INT64_MAX;

	for (size_t d = 0; d < play->demand_count; d++)
		if (is_running(&play->demands[d]) && play->demands[d].ends_us < next_us)
			next_us = play->demands[d].ends_us;
	return next_us;
}

size_t play_count(const struct play *play, enum play_state state)
{
	size_t count = 0;

	for (size_t d = 0; d < play->demand_count; d++)
		count += play->demands[d].state == state;
	return count;
}

int64_t play_held_milli(const struct play *play, uint32_t tenant)
{
	int64_t held = 0;

	for (size_t d = 0; d < play->demand_count; d++)
		if (is_running(&play->demands[d]) && play->demands[d].tenant == tenant)
			held += amounts_of(&play->demands[d]).chip_milli;
	return held;
}

/* Everything that runs, booked node by node into what there is. */
static void check_books(const struct play *play)
{
	for (size_t s = 0; s < play->network.site_count; s++) {
		const struct supply_group *group = &play->supplies[s].groups[0];
		int64_t *cpu = mem_alloc(group->node_count * sizeof(*cpu));
		int64_t *chips = mem_alloc((size_t)group->node_count * group->chips_per_node * sizeof(*chips) + 1);

		for (size_t d = 0; d < play->demand_count; d++) {
			const struct play_demand *demand = &play->demands[d];

			if (!is_running(demand) || demand->work.site != s)
				continue;
			assert_int_equal(demand->work.slot_count, demand->ask.workers);
			for (uint32_t w = 0; w < demand->work.slot_count; w++) {
				const struct slot *slot = &demand->work.slots[w];

				cpu[slot->node] += demand->ask.shape.cpu_milli;
				assert_int_equal(__builtin_popcountll(slot->chips) * slot->chip_milli, demand->ask.shape.chips.milli);
				for (unsigned c = 0; c < group->chips_per_node; c++)
					if (slot->chips >> c & 1)
						chips[slot->node * group->chips_per_node + c] += slot->chip_milli;
			}
		}
		for (uint32_t n = 0; n < group->node_count; n++)
			assert_true(cpu[n] <= group->cpu_milli);
		for (size_t c = 0; c < (size_t)group->node_count * group->chips_per_node; c++)
			assert_true(chips[c] <= 1000);
		free(cpu);
		free(chips);
	}
}

/* --- the course of events to come ----------------------------------------------------------------- */

/* So much of a site, for so long: what runs, by its time limit, or what is reserved. */
struct span {
	int64_t from_us, until_us;
	uint32_t site;
	const struct ask *ask;
	const struct slot *slots;
	size_t slot_count;
	uint64_t demand;
};

static size_t make_spans(const struct play *play, struct span *spans)
{
	size_t count = 0;

	for (size_t d = 0; d < play->demand_count; d++) {
		const struct play_demand *demand = &play->demands[d];
		int64_t until_us = demand->work.ends_us > play->now_us ? demand->work.ends_us : play->now_us;

		if (is_running(demand))
			spans[count++] = (struct span){ play->now_us, until_us, demand->work.site, &demand->ask, demand->work.slots,
							demand->work.slot_count, demand->id };
	}
	for (size_t r = 0; r < play->plan.reservation_count; r++) {
		const struct match_reservation *reservation = &play->plan.reservations[r];
		const struct play_demand *demand = &play->demands[reservation->demand - 1];

		assert_true(reservation->start_us >= play->now_us);
		assert_int_equal(demand->state, PLAY_QUEUED);
		assert_int_equal(reservation->slot_count, demand->ask.workers);
		spans[count++] = (struct span){ reservation->start_us, demand->limit_us ? reservation->start_us + demand->limit_us : INT64_MAX,
						reservation->site, &demand->ask, reservation->slots, reservation->slot_count, demand->id };
	}
	return count;
}

/* Everything that lasts at the moment, booked chip by chip at its site. */
static void check_moment(const struct play *play, const struct span *spans, size_t count, const struct span *at)
{
	const struct supply_group *group = &play->supplies[at->site].groups[0];
	uint32_t each = group->chips_per_node;
	int64_t *cpu = mem_alloc(group->node_count * sizeof(*cpu));
	int64_t *chips = mem_alloc((size_t)group->node_count * each * sizeof(*chips) + 1);

	for (size_t i = 0; i < count; i++) {
		if (spans[i].site != at->site || spans[i].from_us > at->from_us || spans[i].until_us <= at->from_us)
			continue;
		for (size_t w = 0; w < spans[i].slot_count; w++) {
			const struct slot *slot = &spans[i].slots[w];

			cpu[slot->node] += spans[i].ask->shape.cpu_milli;
			if (cpu[slot->node] > group->cpu_milli)
				fail_msg("at %lld us node %u would be booked twice, by %llu too", (long long)at->from_us, slot->node,
					 (unsigned long long)spans[i].demand);
			for (unsigned c = 0; c < each; c++) {
				chips[slot->node * each + c] += slot->chips >> c & 1 ? slot->chip_milli : 0;
				if (chips[slot->node * each + c] > 1000)
					fail_msg("at %lld us chip %u of node %u would be booked twice, by %llu too (seen for %llu)",
						 (long long)at->from_us, c, slot->node, (unsigned long long)spans[i].demand,
						 (unsigned long long)at->demand);
			}
		}
	}
	free(cpu);
	free(chips);
}

/* If everything goes on to its time limit, each reservation finds its place free at its moment, beside all others. What is booked
 * only grows when something begins. */
static void check_course(const struct play *play)
{
	struct span *spans = mem_alloc((play->demand_count * 2 + 1) * sizeof(*spans));
	size_t count = make_spans(play, spans);

	for (size_t i = 0; i < count; i++)
		check_moment(play, spans, count, &spans[i]);
	free(spans);
}

/* --- limits and deadlines -------------------------------------------------------------------------- */

static const struct tenant_spec *spec_of(const struct play *play, const char *name)
{
	for (size_t t = 0; t < play->policy->tenant_count; t++)
		if (!strcmp(play->policy->tenants[t].name, name))
			return &play->policy->tenants[t];
	return NULL;
}

static bool stands_below(const struct play *play, const char *name, const char *above)
{
	for (const struct tenant_spec *spec = spec_of(play, name); spec; spec = spec_of(play, spec->parent))
		if (!strcmp(spec->name, above))
			return true;
	return !strcmp(name, above);
}

void play_held(const struct play *play, const char *name, struct amounts *ret)
{
	*ret = (struct amounts){ 0 };
	for (size_t d = 0; d < play->demand_count; d++) {
		struct amounts amounts = amounts_of(&play->demands[d]);

		if (!is_running(&play->demands[d]) || !stands_below(play, shares_tenant_name(play->shares, play->demands[d].tenant), name))
			continue;
		ret->cpu_milli += amounts.cpu_milli;
		ret->memory_mib += amounts.memory_mib;
		ret->chip_milli += amounts.chip_milli;
	}
}

static void check_limits(const struct play *play)
{
	for (size_t t = 0; t < play->policy->tenant_count; t++) {
		const struct tenant_spec *spec = &play->policy->tenants[t];
		struct amounts held;

		if (!spec->limit)
			continue;
		play_held(play, spec->name, &held);
		assert_true(!spec->limit->cpu_milli || held.cpu_milli <= spec->limit->cpu_milli);
		assert_true(!spec->limit->memory_mib || held.memory_mib <= spec->limit->memory_mib);
		assert_true(!spec->limit->chip_milli || held.chip_milli <= spec->limit->chip_milli);
	}
}

/* Its latest start is nearer than it runs, or than ten minutes. */
static bool is_urgent(const struct play *play, const struct play_demand *demand)
{
	int64_t near_us = demand->limit_us > 600000000 ? demand->limit_us : 600000000;

	return demand->deadline_us && demand->deadline_us - demand->limit_us - play->now_us <= near_us;
}

/* Without quotas one pass over the queue: by priority, and within one those with a near deadline first, the nearest before the others. */
static void check_deadlines(const struct play *play)
{
	for (size_t t = 0; t < play->policy->tenant_count; t++)
		if (play->policy->tenants[t].quota)
			return;
	for (size_t p = 1; p < play->plan.placement_count; p++) {
		const struct play_demand *before = &play->demands[play->plan.placements[p - 1].demand - 1];
		const struct play_demand *after = &play->demands[play->plan.placements[p].demand - 1];

		assert_true(before->ask.priority >= after->ask.priority);
		if (before->ask.priority == after->ask.priority && is_urgent(play, after))
			assert_true(is_urgent(play, before) && before->deadline_us <= after->deadline_us);
	}
}

/* --- rounds --------------------------------------------------------------------------------------- */

/* Each queued demand is a stream of its own: the asks are all apart. */
static void make_input(struct play *play, struct match_entry *entries)
{
	size_t count = 0;

	for (size_t d = 0; d < play->demand_count; d++) {
		struct play_demand *demand = &play->demands[d];

		if (demand->state != PLAY_QUEUED)
			continue;
		assert_true(count < PLAY_STREAMS_MAX);
		entries[count] = (struct match_entry){ .demand = demand->id, .order = demand->id, .time_us = demand->limit_us,
						       .deadline_us = demand->deadline_us };
		play->streams[count] = (struct match_stream){ matcher_class_add(play->matcher, &demand->ask), demand->tenant, &entries[count], 1 };
		count++;
	}
	play->input = (struct match_input){ .matcher = play->matcher, .shares = play->shares, .streams = play->streams, .stream_count = count,
					    .now_us = play->now_us };
}

static void begin(struct play *play, const struct match_placement *placement)
{
	struct play_demand *demand = &play->demands[placement->demand - 1];
	struct amounts amounts = amounts_of(demand);

	assert_int_equal(demand->state, PLAY_QUEUED);
	demand->state = PLAY_RUNNING;
	demand->started_us = play->now_us;
	demand->ends_us = play->now_us + demand->runtime_us;
	demand->work = (struct match_work){
		.demand = demand->id, .class = play->streams[placement->stream].class, .tenant = demand->tenant, .site = placement->site,
		.slots = arena_dup(&play->arena, placement->slots, placement->slot_count * sizeof(struct slot)),
		.slot_count = (uint32_t)placement->slot_count, .started_us = play->now_us,
		.ends_us = demand->limit_us ? play->now_us + demand->limit_us : INT64_MAX, .borrowed = placement->borrowed,
	};
	matcher_begin(play->matcher, &demand->work);
	shares_charge(play->shares, demand->tenant, &amounts, play->now_us);
	play->streams[placement->stream].class = MATCH_CLASS_NONE; /* the work has it now */
}

static void carry_out(struct play *play)
{
	for (size_t p = 0; p < play->plan.placement_count; p++)
		begin(play, &play->plan.placements[p]);
	for (size_t p = 0; p < play->plan.preemption_count; p++) {
		struct play_demand *victim = &play->demands[play->plan.preemptions[p].victim->demand - 1];

		assert_true(victim->ask.preemptible);
		assert_int_equal(victim->state, PLAY_RUNNING);
		victim->preempted++;
		stop(play, victim, PLAY_QUEUED);
	}
	for (size_t s = 0; s < play->input.stream_count; s++) {
		const struct match_stream_result *result = &play->plan.streams[s];
		struct play_demand *demand = &play->demands[play->streams[s].entries[0].demand - 1];

		if (result->reserved_us && !demand->promised_us)
			demand->promised_us = result->reserved_us;
		if (result->stuck)
			assert_int_not_equal(result->nearest.code, VERDICT_FITS);
		if (play->streams[s].class != MATCH_CLASS_NONE)
			matcher_class_remove(play->matcher, play->streams[s].class);
	}
}

void play_end_due(struct play *play)
{
	for (size_t d = 0; d < play->demand_count; d++)
		if (is_running(&play->demands[d]) && play->demands[d].ends_us <= play->now_us)
			stop(play, &play->demands[d], PLAY_ENDED);
}

void play_forecast(struct play *play, const struct forecast_settings *settings, struct forecast *ret)
{
	struct match_entry *entries;

	play_end_due(play);
	arena_reset(&play->round_arena);
	entries = ARENA_ARRAY(&play->round_arena, struct match_entry, PLAY_STREAMS_MAX);
	make_input(play, entries);
	match_forecast(&play->input, settings, &play->round_arena, ret);
	for (size_t s = 0; s < play->input.stream_count; s++) {
		play->demands[play->streams[s].entries[0].demand - 1].forecast_us = ret->start_us[s][0];
		matcher_class_remove(play->matcher, play->streams[s].class);
	}
}

void play_match(struct play *play)
{
	struct match_entry *entries;

	play_end_due(play);
	arena_reset(&play->round_arena);
	entries = ARENA_ARRAY(&play->round_arena, struct match_entry, PLAY_STREAMS_MAX);
	make_input(play, entries);
	match_round(&play->input, &play->round_arena, &play->plan);
}

void play_carry_out(struct play *play)
{
	carry_out(play);
	check_books(play);
	check_course(play);
	check_limits(play);
	check_deadlines(play);
}

void play_round(struct play *play)
{
	play_match(play);
	play_carry_out(play);
}
