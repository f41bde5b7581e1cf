#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/agent_site.h"

#define STOP_GRACE_US 10000000 /* for attempts whose text is not at hand */

static bool key_equal(const struct weir_attempt_key *a, const struct weir_attempt_key *b)
{
	return a->demand == b->demand && a->replica == b->replica && a->attempt == b->attempt;
}

static int key_compare(const struct weir_attempt_key *a, const struct weir_attempt_key *b)
{
	if (a->demand != b->demand)
		return a->demand < b->demand ? -1 : 1;
	if (a->replica != b->replica)
		return a->replica < b->replica ? -1 : 1;
	return a->attempt == b->attempt ? 0 : a->attempt < b->attempt ? -1 : 1;
}

static int compare_keys(const void *a, const void *b)
{
	return key_compare(a, b);
}

static struct weir_attempt_key key_of(uint64_t demand, int64_t replica, int64_t attempt)
{
	return (struct weir_attempt_key){ demand, (uint32_t)replica, (uint32_t)attempt };
}

static bool is_refused(const struct site *site, const struct weir_attempt_key *key)
{
	for (size_t i = 0; i < site->refusal_count; i++)
		if (key_equal(&site->refusals[i].key, key))
			return true;
	return false;
}

static void refuse(struct site *site, const struct weir_attempt_key *key, uint64_t token, const char *message)
{
	struct refusal *refusal;

	if (site->refusal_count == REFUSALS_MAX)
		return; /* the platform sends it again; by then some have been forgotten */
	ARRAY_RESERVE(site->refusals, site->refusal_capacity, site->refusal_count + 1);
	refusal = &site->refusals[site->refusal_count++];
	refusal->key = *key;
	refusal->token = token;
	snprintf(refusal->message, sizeof(refusal->message), "%s", message);
	site->dirty = true;
	log_warning("agent", "%s: an attempt was refused: %s", site->spec->name, message);
}

static uint64_t chip_bits(const struct worker_slot *slot)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < slot->chip_count; i++)
		if (slot->chips[i] >= 0 && slot->chips[i] < 64)
			bits |= UINT64_C(1) << slot->chips[i];
	return bits;
}

static void start_attempt(struct site *site, const struct sync_run *run, int64_t lease_until_us, struct arena *arena)
{
	const struct demand_spec *spec = run->spec;
	struct weir_start start = {
		.key = key_of(run->demand, run->replica, run->attempt),
		.token = run->token,
		.name = spec->name,
		.command = (const char *const *)spec->command,
		.command_count = spec->command_count,
		.working_folder = spec->working_folder,
		.cpu_milli = spec->ask.shape.cpu_milli,
		.memory_mib = spec->ask.shape.memory_mib,
		.time_limit_us = spec->time_limit_us,
		.grace_us = spec->grace_us,
		.worker_count = run->worker_count,
		.workers_total = spec->ask.workers,
		.lease_until_us = lease_until_us,
		.environment_count = spec->environment_count,
	};
	struct weir_worker *workers = ARENA_ARRAY(arena, struct weir_worker, run->worker_count + 1);
	struct weir_variable *environment = ARENA_ARRAY(arena, struct weir_variable, spec->environment_count + 1);
	char message[200] = "";

	/* A reply that was on its way when the refusal was said names it again. Were it started now, it could run
	 * beside the attempt that follows it elsewhere. */
	if (is_refused(site, &start.key))
		return;
	for (size_t i = 0; i < spec->environment_count; i++)
		environment[i] = (struct weir_variable){ spec->environment[i].name, spec->environment[i].value };
	for (size_t i = 0; i < run->worker_count; i++)
		workers[i] = (struct weir_worker){ (uint32_t)run->workers[i].worker, run->workers[i].node, run->workers[i].chip_model,
						   chip_bits(&run->workers[i]), run->workers[i].chip_milli };
	start.environment = environment;
	start.workers = workers;
	if (spec->simulate) {
		start.simulated = true;
		start.simulate_duration_us = spec->simulate->duration_us;
		start.simulate_exit_code = spec->simulate->exit_code;
	}
	if (site->engine->ops->start(site->engine, &start, message, sizeof(message)) < 0)
		refuse(site, &start.key, run->token, message[0] ? message : "the engine did not take it");
}

/* Sorted keys of what should exist. */
static struct weir_attempt_key *wanted_keys(const struct sync_reply *reply, struct arena *arena)
{
	struct weir_attempt_key *keys = ARENA_ARRAY(arena, struct weir_attempt_key, reply->run_count + 1);

	for (size_t i = 0; i < reply->run_count; i++)
		keys[i] = key_of(reply->run[i].demand, reply->run[i].replica, reply->run[i].attempt);
	qsort(keys, reply->run_count, sizeof(*keys), compare_keys);
	return keys;
}

static void stop_unwanted(struct site *site, const struct sync_reply *reply, struct arena *arena)
{
	const struct weir_attempt_key *wanted = wanted_keys(reply, arena);
	const struct weir_attempt_status *listed;
	struct weir_attempt_key *unwanted;
	size_t count, unwanted_count = 0;

	site->engine->ops->attempts(site->engine, &listed, &count);
	unwanted = ARENA_ARRAY(arena, struct weir_attempt_key, count + 1);
	for (size_t i = 0; i < count; i++)
		if (listed[i].state != WEIR_ENDED && listed[i].state != WEIR_STOPPING &&
		    !bsearch(&listed[i].key, wanted, reply->run_count, sizeof(*wanted), compare_keys))
			unwanted[unwanted_count++] = listed[i].key;
	for (size_t i = 0; i < unwanted_count; i++)
		site->engine->ops->stop(site->engine, &unwanted[i], STOP_GRACE_US);
}

static void forget_refusal(struct site *site, const struct weir_attempt_key *key)
{
	for (size_t i = 0; i < site->refusal_count; i++)
		if (key_equal(&site->refusals[i].key, key)) {
			site->refusals[i] = site->refusals[--site->refusal_count];
			return;
		}
}

static void forget_ended(struct site *site, const struct sync_reply *reply)
{
	for (size_t i = 0; i < reply->forget_count; i++) {
		struct weir_attempt_key key = key_of(reply->forget[i].demand, reply->forget[i].replica, reply->forget[i].attempt);

		forget_refusal(site, &key);
		site_keep(site, &key);
	}
}

void site_act(struct site *site, const struct sync_reply *reply, int64_t sent_us)
{
	int64_t lease_until_us = sent_us + reply->lease_us;
	cleanup_arena struct arena arena = { 0 };

	site->engine->ops->lease(site->engine, lease_until_us);
	stop_unwanted(site, reply, &arena);
	for (size_t i = 0; i < reply->run_count; i++)
		if (reply->run[i].spec)
			start_attempt(site, &reply->run[i], lease_until_us, &arena);
	forget_ended(site, reply);
	site_watch_logs(site, reply->watches, reply->watch_count);
}
