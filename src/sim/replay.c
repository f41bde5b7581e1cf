#include "sim/replay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "match/forecast.h"
#include "sim/replay_private.h"

#define PROGRESS_EVENTS 4096

static int64_t amounts_main(const struct engine *engine, const struct amounts *amounts)
{
	return engine->ret->by_chips ? amounts->chip_milli : amounts->cpu_milli;
}

/* --- ends: a heap by time, then by the job's number --- */

static bool end_before(const struct replay_end *a, const struct replay_end *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->work->demand < b->work->demand;
}

static void ends_push(struct engine *engine, struct replay_end end)
{
	size_t at;

	ARRAY_RESERVE(engine->ends, engine->end_capacity, engine->end_count + 1);
	for (at = engine->end_count++; at > 0 && end_before(&end, &engine->ends[(at - 1) / 2]); at = (at - 1) / 2)
		engine->ends[at] = engine->ends[(at - 1) / 2];
	engine->ends[at] = end;
}

static struct replay_end ends_pop(struct engine *engine)
{
	struct replay_end first = engine->ends[0], moved = engine->ends[--engine->end_count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < engine->end_count) {
		if (child + 1 < engine->end_count && end_before(&engine->ends[child + 1], &engine->ends[child]))
			child++;
		if (!end_before(&engine->ends[child], &moved))
			break;
		engine->ends[at] = engine->ends[child];
		at = child;
	}
	if (engine->end_count > 0)
		engine->ends[at] = moved;
	return first;
}

/* --- opening and closing --- */

static void open_sites(struct engine *engine, const struct network_spec *network, const struct catalogue *catalogue, struct arena *arena)
{
	struct site_view *views = ARENA_ARRAY(arena, struct site_view, network->site_count + 1);
	struct amounts all = { 0 };

	engine->site_count = network->site_count;
	engine->supplies = mem_alloc((network->site_count + 1) * sizeof(*engine->supplies));
	engine->topology = topology_new(network);
	engine->context = (struct rule_context){ catalogue, engine->topology };
	for (size_t s = 0; s < network->site_count; s++) {
		const struct site_spec *spec = &network->sites[s];
		struct supply *supply = &engine->supplies[s];

		supply_init(supply, spec->groups, spec->group_count);
		for (size_t g = 0; g < supply->group_count; g++) {
			all.cpu_milli += supply->groups[g].cpu_free_total;
			all.memory_mib += supply->groups[g].memory_free_total;
			all.chip_milli += supply->groups[g].chip_milli_free_total;
		}
		views[s] = (struct site_view){ .index = (uint32_t)s, .name = spec->name, .title = spec->title, .tier = spec->tier,
					       .region = spec->region, .engine = ENGINE_SIMULATED, .condition = CONDITION_UP, .price = spec->price,
					       .energy = spec->energy, .supply = supply };
	}
	matcher_set_sites(engine->matcher, &engine->context, views, network->site_count);
	shares_set_supply(engine->shares, &all);
	engine->ret->by_chips = all.chip_milli > 0;
	engine->ret->capacity_milli = engine->ret->by_chips ? all.chip_milli : all.cpu_milli;
}

static bool policy_names(const struct policy_spec *policy, const char *name)
{
	for (size_t i = 0; i < policy->tenant_count; i++)
		if (strcmp(policy->tenants[i].name, name) == 0)
			return true;
	return false;
}

/* The policy, with those tenants of the trace that stand below another one and that it does not name itself. */
static const struct policy_spec *widen_policy(const struct policy_spec *policy, const struct replay_trace *trace, struct arena *arena)
{
	struct policy_spec *wide = arena_dup(arena, policy, sizeof(*policy));

	wide->tenants = ARENA_ARRAY(arena, struct tenant_spec, policy->tenant_count + trace->tenant_count + 1);
	for (size_t i = 0; i < policy->tenant_count; i++)
		wide->tenants[i] = policy->tenants[i];
	for (size_t i = 0; i < trace->tenant_count; i++)
		if (trace->tenants[i].parent[0] && (policy->tenant_count == 0 || !policy_names(policy, trace->tenants[i].name)))
			wide->tenants[wide->tenant_count++] = (struct tenant_spec){ .name = trace->tenants[i].name,
										   .parent = trace->tenants[i].parent, .weight = 1 };
	return wide;
}

static struct amounts ask_amounts(const struct ask *ask)
{
	int64_t workers = ask->kind == DEMAND_JOB ? ask->workers : 1;

	return (struct amounts){ ask->shape.cpu_milli * workers, ask->shape.memory_mib * workers, ask->shape.chips.milli * workers };
}

static void engine_open(struct engine *engine, const struct replay_trace *trace, const struct replay_settings *settings,
			struct arena *arena, struct replay *ret)
{
	*engine = (struct engine){ .trace = trace, .settings = settings, .ret = ret };
	*ret = (struct replay){ .outcomes = ARENA_ARRAY(arena, struct replay_outcome, trace->job_count + 1) };
	engine->policy = widen_policy(settings->policy, trace, arena);
	engine->shares = shares_new(engine->policy);
	engine->topology = NULL;
	engine->matcher = matcher_new(engine->policy, &(struct rule_context){ 0 }, 1);
	open_sites(engine, settings->network, settings->catalogue, arena);
	engine->classes = ARENA_ARRAY(arena, uint32_t, trace->ask_count + 1);
	engine->amounts = ARENA_ARRAY(arena, struct amounts, trace->ask_count + 1);
	engine->tenants = ARENA_ARRAY(arena, uint32_t, trace->tenant_count + 1);
	for (size_t a = 0; a < trace->ask_count; a++) {
		engine->classes[a] = MATCH_CLASS_NONE;
		engine->amounts[a] = ask_amounts(trace->asks[a]);
	}
	for (size_t t = 0; t < trace->tenant_count; t++)
		engine->tenants[t] = shares_tenant(engine->shares, trace->tenants[t].name);
	for (size_t j = 0; j < trace->job_count; j++)
		ret->outcomes[j] = (struct replay_outcome){ .start_us = -1, .predicted_us = -1 };
	replay_samples_open(engine, arena);
}

static void engine_close(struct engine *engine)
{
	for (size_t e = 0; e < engine->end_count; e++)
		free(engine->ends[e].work);
	free(engine->ends);
	replay_queue_done(engine);
	matcher_free(engine->matcher);
	shares_free(engine->shares);
	topology_free(engine->topology);
	for (size_t s = 0; s < engine->site_count; s++)
		supply_done(&engine->supplies[s]);
	free(engine->supplies);
}

/* --- what happens --- */

static void submit_job(struct engine *engine, size_t number)
{
	const struct replay_job *job = &engine->trace->jobs[number];

	assert(job->ask < engine->trace->ask_count && job->tenant < engine->trace->tenant_count);
	if (engine->classes[job->ask] == MATCH_CLASS_NONE)
		engine->classes[job->ask] = matcher_class_add(engine->matcher, engine->trace->asks[job->ask]);
	matcher_learn(engine->matcher, engine->classes[job->ask], 1);
	replay_queue_add(engine, number);
}

static void begin_work(struct engine *engine, const struct match_placement *placement)
{
	size_t number = (size_t)placement->demand - 1;
	const struct replay_job *job = &engine->trace->jobs[number];
	struct replay_outcome *outcome = &engine->ret->outcomes[number];
	struct match_work *work = mem_alloc(sizeof(*work) + placement->slot_count * sizeof(struct slot));

	memcpy(work + 1, placement->slots, placement->slot_count * sizeof(struct slot));
	*work = (struct match_work){ .demand = placement->demand, .replica = placement->replica, .class = engine->classes[job->ask],
				     .tenant = engine->tenants[job->tenant], .site = placement->site, .slots = (struct slot *)(work + 1),
				     .slot_count = (uint32_t)placement->slot_count, .started_us = engine->now_us,
				     .ends_us = job->limit_us ? engine->now_us + job->limit_us : INT64_MAX, .borrowed = placement->borrowed };
	matcher_begin(engine->matcher, work);
	shares_charge(engine->shares, work->tenant, &engine->amounts[job->ask], engine->now_us);
	engine->used_milli += amounts_main(engine, &engine->amounts[job->ask]);
	outcome->start_us = engine->now_us;
	outcome->site = placement->site;
	outcome->backfilled = placement->backfilled;
	engine->ret->backfilled += placement->backfilled;
	replay_queue_remove(engine, number);
	ends_push(engine, (struct replay_end){ engine->now_us + job->run_us, work });
}

static void end_work(struct engine *engine, struct match_work *work)
{
	const struct replay_job *job = &engine->trace->jobs[work->demand - 1];

	matcher_end(engine->matcher, work);
	shares_release(engine->shares, work->tenant, &engine->amounts[job->ask], engine->now_us);
	engine->used_milli -= amounts_main(engine, &engine->amounts[job->ask]);
	engine->done++;
	free(work);
}

/* It stops at once, and begins again from nothing when it is placed again. */
static void preempt_work(struct engine *engine, struct match_work *work)
{
	size_t number = (size_t)work->demand - 1, e = 0;

	while (engine->ends[e].work != work)
		e++;
	engine->ends[e] = engine->ends[--engine->end_count];
	/* The heap's order is made anew; this is rare. */
	for (size_t at = 0, count = engine->end_count; count > 0 && at < count; at++) {
		struct replay_end end = engine->ends[at];
		size_t place = at;

		for (; place > 0 && end_before(&end, &engine->ends[(place - 1) / 2]); place = (place - 1) / 2)
			engine->ends[place] = engine->ends[(place - 1) / 2];
		engine->ends[place] = end;
	}
	end_work(engine, work);
	engine->done--;
	engine->ret->preemptions++;
	engine->ret->outcomes[number].preempted++;
	engine->ret->outcomes[number].start_us = -1;
	replay_queue_add(engine, number);
}

/* Rounds at this moment, until one neither places nor makes room. */
static void decide(struct engine *engine)
{
	bool again = replay_queue_length(engine) > 0;

	while (again) {
		cleanup_arena struct arena arena = { 0 };
		struct match_input input;
		struct match_plan plan;

		replay_queue_input(engine, &arena, &input);
		match_round(&input, &arena, &plan);
		engine->ret->rounds++;
		for (size_t p = 0; p < plan.placement_count; p++)
			begin_work(engine, &plan.placements[p]);
		for (size_t p = 0; p < plan.preemption_count; p++)
			preempt_work(engine, plan.preemptions[p].victim);
		again = (plan.preemption_count > 0 || !plan.complete) && replay_queue_length(engine) > 0;
	}
}

/* --- time --- */

static void pass_time(struct engine *engine, int64_t now_us)
{
	engine->ret->used_milli_us += (__int128)engine->used_milli * (now_us - engine->now_us);
	replay_samples_pass(engine, now_us);
	engine->now_us = now_us;
}

static void step(struct engine *engine)
{
	const struct replay_trace *trace = engine->trace;
	bool first_is_end = engine->end_count > 0 &&
			    (engine->next == trace->job_count || engine->ends[0].at_us <= trace->jobs[engine->next].submit_us);
	bool submitted = false;

	pass_time(engine, first_is_end ? engine->ends[0].at_us : trace->jobs[engine->next].submit_us);
	while (engine->end_count > 0 && engine->ends[0].at_us == engine->now_us) {
		struct match_work *work = ends_pop(engine).work;

		replay_learn_time(engine, &trace->jobs[work->demand - 1]);
		end_work(engine, work);
	}
	for (; engine->next < trace->job_count && trace->jobs[engine->next].submit_us == engine->now_us; engine->next++, submitted = true)
		submit_job(engine, engine->next);
	decide(engine);
	if (submitted)
		replay_predict(engine);
}

void replay_run(const struct replay_trace *trace, const struct replay_settings *settings, struct arena *arena, struct replay *ret)
{
	struct engine engine;
	size_t told = 0;

	assert(trace->job_count > 0);
	engine_open(&engine, trace, settings, arena, ret);
	engine.now_us = ret->begin_us = trace->jobs[0].submit_us;
	for (size_t j = 1; j < trace->job_count; j++)
		assert(trace->jobs[j - 1].submit_us <= trace->jobs[j].submit_us);
	for (size_t steps = 0; engine.next < trace->job_count || engine.end_count > 0; steps++) {
		step(&engine);
		if (settings->progress && engine.done + engine.next >= told + PROGRESS_EVENTS) {
			told = engine.done + engine.next;
			settings->progress(settings->context, engine.done, trace->job_count, engine.now_us);
		}
	}
	ret->end_us = engine.now_us;
	ret->never = replay_queue_length(&engine);
	replay_samples_end(&engine);
	engine_close(&engine);
}
