/* Random histories of a platform and its sites, with everything that can go wrong between them, held
 * against what DESIGN.md promises by a checker that shares none of the platform's code:
 *
 *   1  what was acknowledged is remembered, and ends once the faults are over
 *   2  nothing is given out twice (counted over the views of what is placed, and over what is alive at a site)
 *   3  of a replica at most one process is alive, also while a cut-off site still runs its own
 *   4  a placement's site was up, not draining, of the tiers and regions asked for, and says its rules' version
 *   5  after the faults the sites run exactly what the platform says
 *   6  the log, and a snapshot, give the same state bit for bit
 *   7  a demand always has a reason
 *
 * WEIR_SEED and WEIR_SEEDS choose the seeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../platform_world.h"
#include "../sim_site.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/rng.h"
#include "platform/body.h"
#include "wire/files.h"

#define SITES 5
#define STEPS 400
#define FLIGHT_MAX 64
#define DEMANDS_MAX 2000

struct message {
	bool is_reply;
	unsigned site;
	uint64_t agent_epoch, sequence; /* a reply only reaches the process that asked */
	int64_t sent_us;
	void *bytes;
	size_t length;
};

struct model {
	struct world world;
	struct rng rng;
	struct sim_site sites[SITES];
	struct site_spec specs[SITES];
	struct message flight[FLIGHT_MAX];
	size_t flight_count;
	uint64_t demands[DEMANDS_MAX];
	bool others[DEMANDS_MAX]; /* of another tenant: the first may not wait for it */
	size_t demand_count;
	bool faults, has_array;
	uint64_t starts, losses;
};

static struct region regions[] = { { "west", "" }, { "east", "" } };
static struct chip_count two_alpha[] = { { "alpha", 2 } };
static const enum engine_kind engines[SITES] = { ENGINE_LOCAL, ENGINE_LOCAL, ENGINE_SIMULATED, ENGINE_SLURM, ENGINE_LOCAL };

static void make_sites(struct model *model)
{
	static const char *const names[SITES] = { "site-a", "site-b", "site-c", "site-d", "site-e" };

	for (unsigned s = 0; s < SITES; s++) {
		struct sim_site *site = &model->sites[s];

		site->name = names[s];
		site->epoch = 1;
		site->supply_hash = 100 + s;
		site->groups[0] = (struct node_group){ .name = "plain", .count = 3, .cpu_milli = 4000, .memory_mib = 8192 };
		site->groups[1] = (struct node_group){
			.name = "train", .count = 2, .cpu_milli = 8000, .memory_mib = 16384, .chips = two_alpha, .chip_count = 1
		};
		site->group_count = 2;
		schema_defaults(&site_spec_schema, &model->specs[s]);
		model->specs[s].name = names[s];
		model->specs[s].tier = (enum tier)(s % TIER_COUNT);
		model->specs[s].region = regions[s % 2].name;
		model->specs[s].engine = engines[s];
		model->specs[s].price.core_hour_micro = 100 + s;
	}
}

/* --- promise 4: each placement, as it is decided ------------------------------------------------- */

static bool has_text(const char **list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], text) == 0)
			return true;
	return count == 0;
}

static void check_placement(struct model *model, const struct placed_body *body)
{
	struct arena arena = { 0 };
	struct site_status site;
	struct demand_view demand = world_demand(&model->world, body->demand, &arena);
	const struct ask *ask = &demand.spec->ask;
	bool tier_fits = ask->where.tier_count == 0;

	assert_int_equal(view_site(model->world.platform, model->world.now_us, body->site, true, &arena, &site), 0);
	assert_int_equal(site.condition, CONDITION_UP);
	assert_false(site.draining);
	for (size_t i = 0; i < ask->where.tier_count; i++)
		tier_fits |= ask->where.tiers[i] == site.tier;
	assert_true(tier_fits);
	assert_true(has_text(ask->where.regions, ask->where.region_count, site.region));
	assert_int_equal(demand.simulated, site.engine == ENGINE_SIMULATED);
	assert_int_equal(body->policy_version, POLICY_VERSION);
	assert_int_equal(body->slot_count, demand.kind == DEMAND_JOB ? demand.workers : 1);
	assert_true(body->candidates > 0);
	arena_done(&arena);
}

static void on_event(void *context, const struct event *event)
{
	struct model *model = context;

	if (event->type == EVENT_PLACED)
		check_placement(model, event->body);
	if (event->type == EVENT_ATTEMPT_ENDED)
		model->losses += ((const struct attempt_ended_body *)event->body)->outcome == OUTCOME_LOST;
}

/* --- promise 3: each start ----------------------------------------------------------------------- */

static void on_start(void *context, struct sim_site *at, const struct sync_run *run)
{
	struct model *model = context;
	unsigned same = 0;

	model->starts++;
	for (size_t i = 0; i < at->attempt_count; i++)
		same += at->attempts[i].demand == run->demand && at->attempts[i].replica == run->replica &&
			at->attempts[i].attempt == run->attempt;
	assert_int_equal(same, 1);
	assert_int_equal(run->worker_count, run->spec->ask.kind == DEMAND_JOB ? run->spec->ask.workers : 1);
	for (unsigned s = 0; s < SITES; s++)
		for (size_t i = 0; i < model->sites[s].attempt_count; i++) {
			const struct sim_attempt *other = &model->sites[s].attempts[i];

			if (other->demand != run->demand || other->replica != run->replica || other->attempt == run->attempt)
				continue;
			/* An engine that is not guarded by the lease: the demand said that it may be started elsewhere. */
			if (engines[s] == ENGINE_SLURM)
				continue;
			if (sim_attempt_is_alive(other))
				fail_msg("replica %lld runs twice: attempt %lld at %s, attempt %lld at %s", (long long)run->replica,
					 (long long)other->attempt, model->sites[s].name, (long long)run->attempt, at->name);
			assert_true(other->attempt < run->attempt);
		}
	/* What ran on nodes that are gone may hold them until the platform knows and has it stopped. */
	if (model->world.now_us - at->supply_changed_us > model->world.settings.lost_after_us)
		assert_true(sim_site_is_within_supply(at));
}

/* --- promises 2 and 7: what the views show ------------------------------------------------------- */

struct books {
	int64_t cpu[SITES][2][8], memory[SITES][2][8], chips[SITES][2][8][2];
};

static void book_worker(struct model *model, struct books *books, unsigned s, const struct worker_slot *worker, const struct shape *shape)
{
	unsigned g = strncmp(worker->node, "train/", 6) == 0;
	int node = worker->node[6] - '0';
	const struct node_group *group = &model->sites[s].groups[g];

	assert_true(node >= 0 && node < 8);
	assert_true((books->cpu[s][g][node] += shape->cpu_milli) <= group->cpu_milli);
	assert_true((books->memory[s][g][node] += shape->memory_mib) <= group->memory_mib);
	for (size_t i = 0; i < worker->chip_count; i++)
		assert_true((books->chips[s][g][node][worker->chips[i]] += worker->chip_milli) <= CHIP_MILLI);
}

static void check_views(struct model *model)
{
	struct books books = { 0 };

	for (size_t d = 0; d < model->demand_count; d++) {
		struct arena arena = { 0 };
		struct demand_view view = world_demand(&model->world, model->demands[d], &arena);
		struct why_view why;

		for (size_t i = 0; i < view.placement_count; i++) {
			const struct placement_view *placement = &view.placements[i];
			unsigned s = (unsigned)(placement->site[5] - 'a');

			for (size_t w = 0; w < placement->worker_count; w++)
				book_worker(model, &books, s, &placement->workers[w], &view.spec->ask.shape);
		}
		if (rng_below(&model->rng, 50) == 0) {
			assert_int_equal(view_why(model->world.platform, model->world.now_us, view.id, &arena, &why), 0);
			assert_true(*why.summary);
		}
		arena_done(&arena);
	}
}

/* --- the network --------------------------------------------------------------------------------- */

static void drop_message(struct model *model, size_t index)
{
	free(model->flight[index].bytes);
	model->flight[index] = model->flight[--model->flight_count];
}

static void send(struct model *model, bool is_reply, unsigned s, uint64_t epoch, uint64_t sequence, int64_t sent_us,
		 const struct schema *schema, const void *value)
{
	struct strbuf bytes = { 0 };

	if (model->flight_count == FLIGHT_MAX)
		drop_message(model, rng_below(&model->rng, FLIGHT_MAX));
	schema_encode(schema, value, &bytes);
	model->flight[model->flight_count++] = (struct message){ is_reply, s, epoch, sequence, sent_us, bytes.data, bytes.length };
}

static void send_report(struct model *model, unsigned s)
{
	struct sim_site *site = &model->sites[s];
	struct arena arena = { 0 };
	struct sync_request request;

	sim_site_report(site, &arena, &request);
	send(model, false, s, site->epoch, request.sequence, model->world.now_us, &sync_request_schema, &request);
	arena_done(&arena);
}

static void deliver_request(struct model *model, const struct message *message)
{
	struct arena arena = { 0 };
	struct sync_request request;
	struct sync_reply reply;
	struct err err;

	assert_int_equal(schema_decode(&sync_request_schema, message->bytes, message->length, &arena, &request, &err), 0);
	if (world_sync(&model->world, &request, &arena, &reply) == 0)
		send(model, true, message->site, message->agent_epoch, message->sequence, message->sent_us, &sync_reply_schema, &reply);
	arena_done(&arena);
}

static void deliver_reply(struct model *model, const struct message *message)
{
	struct sim_site *site = &model->sites[message->site];
	struct arena arena = { 0 };
	struct sync_reply reply;
	struct err err;

	assert_int_equal(schema_decode(&sync_reply_schema, message->bytes, message->length, &arena, &reply, &err), 0);
	if (message->agent_epoch == site->epoch)
		sim_site_act(site, &reply, message->sequence, message->sent_us, model->world.now_us, &model->rng, on_start, model);
	arena_done(&arena);
}

/* One of those in flight arrives, perhaps not for the last time, or is lost. */
static void deliver(struct model *model)
{
	size_t index;
	struct message message;

	if (model->flight_count == 0)
		return;
	index = model->faults ? rng_below(&model->rng, model->flight_count) : 0;
	message = model->flight[index];
	if (model->sites[message.site].cut_off || (model->faults && rng_below(&model->rng, 10) == 0)) {
		drop_message(model, index);
		return;
	}
	message.bytes = mem_dup(message.bytes, message.length);
	if (!model->faults || rng_below(&model->rng, 10) != 0)
		drop_message(model, index);
	if (message.is_reply)
		deliver_reply(model, &message);
	else
		deliver_request(model, &message);
	free(message.bytes);
}

/* --- what happens ---------------------------------------------------------------------------------- */

/* Some of them as arrays, some waiting for others. All members are among the model's demands. */
static void submit_with_holds(struct model *model, struct demand_spec *spec)
{
	struct array array = { 1 + (int64_t)rng_below(&model->rng, 5), (int64_t)rng_below(&model->rng, 4) };
	struct after waits[2];
	char ids[2][ID_TEXT_SIZE];
	uint64_t id;

	if (model->demand_count + 5 > DEMANDS_MAX)
		return;
	if (spec->ask.kind == DEMAND_JOB && rng_below(&model->rng, 6) == 0)
		spec->array = &array;
	for (int i = 0; i < 2 && model->demand_count > 0 && rng_below(&model->rng, 4) == 0; i++) {
		size_t place = rng_below(&model->rng, model->demand_count);
		uint64_t other = model->demands[place];

		if (model->others[place])
			break;
		waits[i] = (struct after){ id_format(other, ids[i]), (enum after_when)rng_below(&model->rng, AFTER_WHEN_COUNT) };
		if (i == 0 && rng_below(&model->rng, 2) && model->has_array)
			waits[i].demand = "many";
		spec->after = waits;
		spec->after_count = (size_t)i + 1;
	}
	if (spec->ask.kind == DEMAND_JOB && rng_below(&model->rng, 5) == 0) {
		spec->deadline_us = 1000000 * (1 + (int64_t)rng_below(&model->rng, 200));
		spec->time_limit_us = (int64_t)rng_below(&model->rng, 2) * (spec->deadline_us / 3);
	}
	if (!spec->array && spec->after_count == 0 && rng_below(&model->rng, 3) == 0)
		spec->tenant = "ops";
	spec->name = spec->array ? "many" : "work";
	id = world_submit(&model->world, spec);
	for (int64_t i = 0; i < (spec->array ? array.count : 1); i++, id = id_next(id, 0, 0)) {
		model->others[model->demand_count] = strcmp(spec->tenant, "lab") != 0;
		model->demands[model->demand_count++] = id;
	}
	model->has_array |= spec->array != NULL;
}

static void submit(struct model *model)
{
	static enum tier hubs[] = { TIER_HUB, TIER_EDGE };
	static const char *west[] = { "west" };
	static const char *alpha[] = { "alpha" };
	static struct simulate simulate = { 1000000, 0 };
	struct demand_spec spec = world_job("work");
	unsigned kind = (unsigned)rng_below(&model->rng, 10);

	spec.ask.shape.cpu_milli = 500 * (int64_t)(1 + rng_below(&model->rng, 4));
	spec.ask.priority = 50 * (int64_t)rng_below(&model->rng, 4);
	spec.attempts_max = 1 + (int64_t)rng_below(&model->rng, 4);
	spec.on_site_loss = (enum on_site_loss)rng_below(&model->rng, LOSS_COUNT);
	if (kind < 2) {
		spec.ask.kind = DEMAND_SERVICE;
		spec.ask.workers = 1 + (int64_t)rng_below(&model->rng, 4);
	} else if (kind < 5) {
		spec.ask.workers = 1 + (int64_t)rng_below(&model->rng, 6);
	}
	if (rng_below(&model->rng, 3) == 0) {
		spec.ask.shape.chips.milli = rng_below(&model->rng, 2) ? 1000 : 250;
		spec.ask.shape.chips.models = alpha;
		spec.ask.shape.chips.model_count = rng_below(&model->rng, 2);
	}
	spec.ask.where.tiers = hubs;
	spec.ask.where.tier_count = rng_below(&model->rng, 4) ? 0 : 2;
	spec.ask.where.regions = west;
	spec.ask.where.region_count = rng_below(&model->rng, 4) ? 0 : 1;
	spec.simulate = rng_below(&model->rng, 4) ? NULL : &simulate;
	submit_with_holds(model, &spec);
}

static void drain_some(struct model *model)
{
	const char *site = model->sites[rng_below(&model->rng, SITES)].name;
	struct arena arena = { 0 };
	struct event_list list;
	struct err err;

	event_list_init(&list, &arena);
	if (rng_below(&model->rng, 2))
		decide_drain(model->world.platform, model->world.now_us, site, "ann", "test", &list, &err);
	else
		decide_undrain(model->world.platform, model->world.now_us, site, "ann", &list, &err);
	world_apply(&model->world, &list);
	arena_done(&arena);
}

/* One of those that hold something makes room. Rounds do so with willing work only; what follows is the same for all. */
static void preempt_some(struct model *model)
{
	struct arena arena = { 0 };
	struct demand_view view = world_demand(&model->world, model->demands[rng_below(&model->rng, model->demand_count)], &arena);
	const struct placement_view *placement = view.placements;
	struct preempted_body *body;
	struct event_list list;

	event_list_init(&list, &arena);
	if (view.state == STATE_PLACED || view.state == STATE_RUNNING) {
		body = event_add(&list, model->world.now_us, EVENT_ATTEMPT_PREEMPTED);
		body->demand = view.id;
		body->replica = placement->replica;
		body->attempt = placement->attempt;
		body->site = placement->site;
		body->by = rng_below(&model->rng, 2) ? model->demands[0] : 0;
		if (!placement->preempted)
			world_apply(&model->world, &list);
	}
	arena_done(&arena);
}

/* Other weights, another memory of what was used. */
static void change_policy(struct model *model)
{
	struct tenant_spec tenants[] = { { .name = "lab", .parent = "", .weight = 1 + (int64_t)rng_below(&model->rng, 3) },
					 { .name = "ops", .parent = rng_below(&model->rng, 2) ? "lab" : "", .weight = 1 } };
	struct policy_spec policy;
	struct arena arena = { 0 };
	struct event_list list;
	struct err err;

	policy_defaults(&policy);
	policy.name = "model";
	policy.tenants = tenants;
	policy.tenant_count = rng_below(&model->rng, 3);
	policy.half_life_us = 1000000 * (1 + (int64_t)rng_below(&model->rng, 300));
	policy.reservations = (int64_t)rng_below(&model->rng, 3);
	event_list_init(&list, &arena);
	assert_int_equal(decide_load_policy(model->world.platform, model->world.now_us, &policy, &list, &err), 0);
	world_apply(&model->world, &list);
	arena_done(&arena);
}

/* The site offers more nodes, or fewer. */
static void change_supply(struct model *model)
{
	struct sim_site *site = &model->sites[rng_below(&model->rng, SITES)];

	site->groups[rng_below(&model->rng, 2)].count = 1 + (int64_t)rng_below(&model->rng, 5);
	site->supply_hash += 1000;
	site->want_supply = true;
	site->supply_changed_us = INT64_MAX / 2; /* until the platform heard of it: for the rest of this history */
}

/* The agent's folder is gone. What it had started goes on until its lease is over; what the platform does
 * not know to have started is gone with it (the engine's contract rules out the rest). */
static void lose_folder(struct model *model)
{
	struct sim_site *site = &model->sites[rng_below(&model->rng, SITES)];

	sim_site_restart(site);
	for (size_t i = site->attempt_count; i-- > 0;) {
		struct sim_attempt *attempt = &site->attempts[i];
		struct arena arena = { 0 };
		struct demand_view view = world_demand(&model->world, attempt->demand, &arena);
		bool known = false;

		for (size_t p = 0; p < view.placement_count; p++)
			known |= view.placements[p].token == attempt->token && view.placements[p].state != ATTEMPT_ASSIGNED;
		arena_done(&arena);
		attempt->orphan = true;
		attempt->lease_until_us = site->lease_until_us;
		if (!known || attempt->state == ATTEMPT_ENDED)
			*attempt = site->attempts[--site->attempt_count];
	}
}

static void advance(struct model *model, int64_t span_us)
{
	while (span_us > 0) {
		int64_t step_us = span_us < 500000 ? span_us : 500000;

		span_us -= step_us;
		model->world.now_us += step_us;
		for (unsigned s = 0; s < SITES; s++)
			sim_site_step(&model->sites[s], model->world.now_us, &model->rng, rng_below(&model->rng, 4) == 0);
		if (platform_next_tick_us(model->world.platform) <= model->world.now_us)
			world_tick(&model->world);
	}
}

static void fault(struct model *model)
{
	struct sim_site *site = &model->sites[rng_below(&model->rng, SITES)];

	switch (rng_below(&model->rng, 8)) {
	case 0:
	case 1:
		site->cut_off = !site->cut_off;
		break;
	case 2:
	case 3:
		sim_site_restart(site);
		break;
	case 4:
		lose_folder(model);
		break;
	case 5:
		change_supply(model);
		break;
	case 6:
		advance(model, (int64_t)rng_below(&model->rng, 60000000));
		break;
	default:
		world_restart(&model->world, rng_below(&model->rng, 2));
	}
}

static void step(struct model *model)
{
	switch (rng_below(&model->rng, 16)) {
	case 0:
	case 1:
		submit(model);
		break;
	case 2:
		if (model->demand_count > 0 && rng_below(&model->rng, 2))
			world_cancel(&model->world, model->demands[rng_below(&model->rng, model->demand_count)]);
		else if (model->demand_count > 0)
			preempt_some(model);
		break;
	case 3:
	case 4:
		world_round(&model->world);
		break;
	case 5:
		drain_some(model);
		if (rng_below(&model->rng, 6) == 0)
			change_policy(model);
		break;
	case 6:
		if (rng_below(&model->rng, 3) == 0)
			fault(model);
		break;
	case 7:
	case 8:
		advance(model, (int64_t)rng_below(&model->rng, 4000000));
		break;
	case 9:
	case 10:
	case 11:
		send_report(model, (unsigned)rng_below(&model->rng, SITES));
		break;
	default:
		deliver(model);
	}
}

/* --- promises 1 and 5: the faults are over --------------------------------------------------------- */

static void cancel_services(struct model *model)
{
	for (size_t d = 0; d < model->demand_count; d++) {
		struct arena arena = { 0 };
		struct demand_view view = world_demand(&model->world, model->demands[d], &arena);

		if (view.kind == DEMAND_SERVICE)
			world_cancel(&model->world, view.id);
		arena_done(&arena);
	}
}

static void heal(struct model *model)
{
	struct arena arena = { 0 };
	struct event_list list;
	struct err err;

	model->faults = false;
	while (model->flight_count > 0)
		drop_message(model, 0);
	event_list_init(&list, &arena);
	for (unsigned s = 0; s < SITES; s++) {
		model->sites[s].cut_off = false;
		model->sites[s].groups[0].count = 3;
		model->sites[s].groups[1].count = 4;
		model->sites[s].supply_hash += 1000000;
		model->sites[s].supply_changed_us = model->world.now_us;
		model->sites[s].want_supply = true;
		decide_undrain(model->world.platform, model->world.now_us, model->sites[s].name, "ann", &list, &err);
	}
	world_apply(&model->world, &list);
	arena_done(&arena);
}

/* A turn without faults: everybody speaks and is answered. */
static void calm_turn(struct model *model)
{
	for (unsigned s = 0; s < SITES; s++)
		send_report(model, s);
	while (model->flight_count > 0)
		deliver(model);
	world_round(&model->world);
	advance(model, 1000000);
}

static bool is_settled(struct model *model)
{
	struct arena arena = { 0 };
	struct summary summary;
	bool settled;

	view_summary(model->world.platform, model->world.now_us, &arena, &summary);
	settled = summary.demands[STATE_PENDING] + summary.demands[STATE_PLACED] + summary.demands[STATE_RUNNING] +
			  summary.demands[STATE_STOPPING] == 0;
	arena_done(&arena);
	for (unsigned s = 0; s < SITES; s++)
		settled &= model->sites[s].attempt_count == 0;
	return settled;
}

static void check_agreement(struct model *model)
{
	for (unsigned s = 0; s < SITES; s++)
		for (size_t i = 0; i < model->sites[s].attempt_count; i++) {
			const struct sim_attempt *attempt = &model->sites[s].attempts[i];
			struct arena arena = { 0 };
			struct demand_view view = world_demand(&model->world, attempt->demand, &arena);
			bool current = false;

			for (size_t p = 0; p < view.placement_count; p++)
				current |= view.placements[p].token == attempt->token && view.placements[p].state != ATTEMPT_ENDED;
			arena_done(&arena);
			if (attempt->state == ATTEMPT_RUNNING && !attempt->orphan)
				assert_true(current);
		}
}

static void run_seed(uint64_t seed)
{
	struct model *model = mem_alloc(sizeof(*model));
	struct network_spec network;
	int turns = 0;

	schema_defaults(&network_schema, &network);
	network.name = "model";
	network.regions = regions;
	network.region_count = ARRAY_COUNT(regions);
	network.sites = model->specs;
	network.site_count = SITES;
	if (getenv("WEIR_SEED"))
		fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
	rng_init(&model->rng, seed);
	make_sites(model);
	world_init(&model->world, NULL, &network, NULL);
	model->world.on_event = on_event;
	model->world.context = model;
	model->faults = true;
	for (int i = 0; i < STEPS; i++) {
		step(model);
		platform_check(model->world.platform);
		if (i % 20 == 0)
			check_views(model);
		if (rng_below(&model->rng, 60) == 0)
			world_check_rebuild(&model->world);
	}
	heal(model);
	for (int i = 0; i < 8; i++)
		calm_turn(model);
	check_agreement(model);
	check_views(model);
	cancel_services(model);
	for (; turns < 3000 && !is_settled(model); turns++)
		calm_turn(model);
	assert_true(is_settled(model));
	check_views(model);
	world_check_rebuild(&model->world);
	if (getenv("WEIR_SEED"))
		fprintf(stderr, "seed %llu: %zu events, %zu demands, %llu starts, %llu losses\n", (unsigned long long)seed,
			model->world.log_count, model->demand_count, (unsigned long long)model->starts, (unsigned long long)model->losses);
	world_done(&model->world);
	free(model);
}

static void test_random_histories(void **state)
{
	const char *first = getenv("WEIR_SEED"), *count = getenv("WEIR_SEEDS");
	uint64_t seed = first ? strtoull(first, NULL, 10) : 1;
	uint64_t seeds = count ? strtoull(count, NULL, 10) : first ? 1 : 30;

	for (uint64_t i = 0; i < seeds; i++) {
		run_seed(seed + i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_histories) };

	return cmocka_run_group_tests_name("platform_model", tests, NULL, NULL);
}
