#include "sim_site.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_US 8000000
#define SIM_NODES_MAX 8

bool sim_attempt_is_alive(const struct sim_attempt *attempt)
{
	return attempt->state != ATTEMPT_ENDED;
}

void sim_site_report(struct sim_site *site, struct arena *arena, struct sync_request *ret)
{
	*ret = (struct sync_request){
		.version = SYNC_VERSION, .site = site->name, .epoch = site->epoch, .sequence = ++site->sequence, .agent = "sim",
		.heard_epoch = site->heard_epoch, .heard_revision = site->heard_revision, .supply_hash = site->supply_hash,
		.has_groups = site->want_supply || site->sequence == 1,
	};
	if (ret->has_groups) {
		ret->groups = arena_dup(arena, site->groups, sizeof(site->groups));
		ret->group_count = site->group_count;
	}
	ret->attempts = ARENA_ARRAY(arena, struct attempt_report, site->attempt_count + 1);
	for (size_t i = 0; i < site->attempt_count; i++) {
		const struct sim_attempt *attempt = &site->attempts[i];
		struct attempt_report *report = &ret->attempts[ret->attempt_count];

		if (attempt->orphan)
			continue;
		ret->attempt_count++;
		*report = (struct attempt_report){
			.demand = attempt->demand, .replica = attempt->replica, .attempt = attempt->attempt, .token = attempt->token,
			.state = attempt->state, .outcome = attempt->outcome, .exit_code = attempt->outcome == OUTCOME_FAILED ? 1 : -1,
			.failed_worker = -1, .message = "", .started_us = attempt->started_us, .progress_permille = -1, .cpu_used_us = -1,
			.memory_peak_mib = -1,
		};
	}
}

static struct sim_attempt *find(struct sim_site *site, uint64_t demand, int64_t replica, int64_t number)
{
	for (size_t i = 0; i < site->attempt_count; i++) {
		struct sim_attempt *attempt = &site->attempts[i];

		if (!attempt->orphan && attempt->demand == demand && attempt->replica == replica && attempt->attempt == number)
			return attempt;
	}
	return NULL;
}

static bool is_wanted(const struct sync_reply *reply, const struct sim_attempt *attempt)
{
	for (size_t i = 0; i < reply->run_count; i++)
		if (reply->run[i].demand == attempt->demand && reply->run[i].replica == attempt->replica &&
		    reply->run[i].attempt == attempt->attempt)
			return true;
	return false;
}

static void stop(struct sim_attempt *attempt, bool asked, int64_t now_us, struct rng *rng)
{
	if (attempt->state == ATTEMPT_ENDED || attempt->stop_us)
		return;
	attempt->stop_us = now_us + (int64_t)rng_below(rng, GRACE_US);
	attempt->asked = asked;
	attempt->state = ATTEMPT_STOPPING;
}

static void forget(struct sim_site *site, const struct attempt_name *name)
{
	struct sim_attempt *attempt = find(site, name->demand, name->replica, name->attempt);

	if (attempt && attempt->state == ATTEMPT_ENDED)
		*attempt = site->attempts[--site->attempt_count];
}

/* "group/3" */
static struct sim_worker read_worker(const struct sim_site *site, const struct worker_slot *slot)
{
	const char *slash = strchr(slot->node, '/');
	struct sim_worker worker = { .chip_milli = slot->chip_milli };

	assert(slash);
	while (strncmp(site->groups[worker.group].name, slot->node, (size_t)(slash - slot->node)) != 0)
		assert(++worker.group < site->group_count);
	worker.node = (unsigned)atoi(slash + 1);
	for (size_t i = 0; i < slot->chip_count; i++)
		worker.chips |= UINT64_C(1) << slot->chips[i];
	return worker;
}

static void start(struct sim_site *site, const struct sync_run *run)
{
	struct sim_attempt *attempt = &site->attempts[site->attempt_count++];

	assert(site->attempt_count <= SIM_ATTEMPTS_MAX && run->worker_count <= SIM_WORKERS_MAX);
	*attempt = (struct sim_attempt){
		.demand = run->demand,
		.replica = run->replica,
		.attempt = run->attempt,
		.token = run->token,
		.state = ATTEMPT_STARTING,
		.cpu_milli = run->spec->ask.shape.cpu_milli,
		.memory_mib = run->spec->ask.shape.memory_mib,
		.worker_count = run->worker_count,
	};
	for (size_t i = 0; i < run->worker_count; i++)
		attempt->workers[i] = read_worker(site, &run->workers[i]);
}

bool sim_site_is_within_supply(const struct sim_site *site)
{
	int64_t cpu[2][SIM_NODES_MAX] = { 0 }, memory[2][SIM_NODES_MAX] = { 0 }, chips[2][SIM_NODES_MAX][NODE_CHIPS_MAX] = { 0 };
	bool within = true;

	for (size_t i = 0; i < site->attempt_count; i++) {
		const struct sim_attempt *attempt = &site->attempts[i];

		for (size_t w = 0; w < attempt->worker_count && !attempt->orphan && sim_attempt_is_alive(attempt); w++) {
			const struct sim_worker *worker = &attempt->workers[w];
			const struct node_group *group = &site->groups[worker->group];

			if (worker->node >= SIM_NODES_MAX)
				return false;
			within &= worker->node < (unsigned)group->count;
			within &= (cpu[worker->group][worker->node] += attempt->cpu_milli) <= group->cpu_milli;
			within &= (memory[worker->group][worker->node] += attempt->memory_mib) <= group->memory_mib;
			for (uint64_t rest = worker->chips; rest; rest &= rest - 1)
				within &= (chips[worker->group][worker->node][__builtin_ctzll(rest)] += worker->chip_milli) <= CHIP_MILLI;
		}
	}
	return within;
}

void sim_site_act(struct sim_site *site, const struct sync_reply *reply, uint64_t sequence, int64_t sent_us, int64_t now_us,
		  struct rng *rng, void (*started)(void *context, struct sim_site *site, const struct sync_run *run), void *context)
{
	if (sequence <= site->acted_sequence || reply->epoch < site->heard_epoch ||
	    (reply->epoch == site->heard_epoch && reply->revision < site->heard_revision))
		return;
	site->acted_sequence = sequence;
	site->heard_epoch = reply->epoch;
	site->heard_revision = reply->revision;
	site->want_supply = reply->want_supply;
	if (sent_us + reply->lease_us > site->lease_until_us)
		site->lease_until_us = sent_us + reply->lease_us;
	for (size_t i = 0; i < site->attempt_count; i++)
		if (!site->attempts[i].orphan && !is_wanted(reply, &site->attempts[i]))
			stop(&site->attempts[i], true, now_us, rng);
	for (size_t i = 0; i < reply->run_count; i++) {
		const struct sync_run *run = &reply->run[i];

		/* What comes later than its lease is not begun. */
		if (!run->spec || find(site, run->demand, run->replica, run->attempt) || now_us >= site->lease_until_us)
			continue;
		start(site, run);
		started(context, site, run);
	}
	for (size_t i = 0; i < reply->forget_count; i++)
		forget(site, &reply->forget[i]);
}

static void end(struct sim_attempt *attempt, enum outcome outcome)
{
	attempt->state = ATTEMPT_ENDED;
	attempt->outcome = outcome;
	attempt->stop_us = 0;
}

void sim_site_step(struct sim_site *site, int64_t now_us, struct rng *rng, bool may_end)
{
	for (size_t i = 0; i < site->attempt_count; i++) {
		struct sim_attempt *attempt = &site->attempts[i];
		int64_t lease_us = attempt->orphan ? attempt->lease_until_us : site->lease_until_us;

		if (attempt->state == ATTEMPT_ENDED)
			continue;
		if (now_us >= lease_us)
			stop(attempt, false, lease_us, rng);
		if (attempt->stop_us && now_us >= attempt->stop_us) {
			end(attempt, attempt->asked ? OUTCOME_STOPPED : OUTCOME_LOST);
		} else if (attempt->state == ATTEMPT_STARTING && rng_below(rng, 2)) {
			attempt->state = ATTEMPT_RUNNING;
			attempt->started_us = now_us;
		} else if (may_end && attempt->state == ATTEMPT_RUNNING && rng_below(rng, 10) == 0) {
			end(attempt, rng_below(rng, 4) ? OUTCOME_SUCCEEDED : rng_below(rng, 2) ? OUTCOME_FAILED : OUTCOME_TIMED_OUT);
		} else if (may_end && attempt->state == ATTEMPT_STARTING && rng_below(rng, 20) == 0) {
			end(attempt, OUTCOME_REFUSED);
		}
	}
	for (size_t i = site->attempt_count; i-- > 0;)
		if (site->attempts[i].orphan && site->attempts[i].state == ATTEMPT_ENDED)
			site->attempts[i] = site->attempts[--site->attempt_count];
}

void sim_site_restart(struct sim_site *site)
{
	site->epoch++;
	site->sequence = 0;
	site->acted_sequence = 0;
	site->heard_epoch = site->heard_revision = 0;
	site->want_supply = false;
}
