/* Walks the whole state and ends the process on the first invariant that does not hold. */
#include <stdio.h>
#include <string.h>

#include "platform/state.h"

#define REQUIRE(condition, ...)                                                                                                            \
	do {                                                                                                                               \
		if (!(condition))                                                                                                          \
			breach(__VA_ARGS__);                                                                                               \
	} while (0)

static _Noreturn __attribute__((format(printf, 1, 2))) void breach(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("weir: broken invariant: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	abort();
}

/* P1: takes all attempts from an empty copy of the supply and compares. */
static void check_supply(const struct site *site)
{
	cleanup_arena struct arena arena = { 0 };
	struct supply supply;

	arena_init(&arena);
	supply_init(&supply, supply_groups(&site->supply, &arena), site->supply.group_count);
	for (size_t i = 0; i < site->attempt_count; i++) {
		const struct attempt *attempt = site->attempts[i];

		REQUIRE(slots_take(&supply, attempt->slots, attempt->slot_count, &attempt->demand->class->shape),
			"P1: %s gives something out twice", site->name);
	}
	for (size_t g = 0; g < supply.group_count; g++) {
		const struct supply_group *a = &supply.groups[g], *b = &site->supply.groups[g];
		size_t chips = (size_t)a->node_count * a->chips_per_node, resources = (size_t)a->node_count * a->resource_count;

		REQUIRE(memcmp(a->cpu_free, b->cpu_free, a->node_count * sizeof(*a->cpu_free)) == 0 &&
				memcmp(a->memory_free, b->memory_free, a->node_count * sizeof(*a->memory_free)) == 0 &&
				memcmp(a->chip_free, b->chip_free, chips * sizeof(*a->chip_free)) == 0 &&
				(resources == 0 || memcmp(a->resource_free, b->resource_free, resources * sizeof(*a->resource_free)) == 0),
			"P1: group %s of %s is not what its attempts leave", a->name, site->name);
	}
	REQUIRE(supply_is_consistent(&site->supply), "P1: the totals of %s are wrong", site->name);
	supply_done(&supply);
}

static void check_site(const struct platform *platform, const struct site *site)
{
	REQUIRE(platform->sites[site->index] == site && platform->views[site->index].supply == &site->supply &&
			platform->views[site->index].condition == site->condition &&
			platform->views[site->index].draining == site->draining &&
			platform->views[site->index].crowded == (site->attempt_count >= platform->settings.site_attempts_max),
		"the view of %s is not its own", site->name);
	for (size_t i = 0; i < site->attempt_count; i++) {
		const struct attempt *attempt = site->attempts[i];

		REQUIRE(attempt->site == site && attempt->site_index == i, "an attempt at %s stands in the wrong place", site->name);
		REQUIRE(attempt->replica < attempt->demand->replica_count && attempt->demand->replicas[attempt->replica].attempt == attempt,
			"P4: an attempt at %s is not the current one of its replica", site->name);
	}
	REQUIRE((site->watch != NULL) == (site->condition == CONDITION_UP || site->condition == CONDITION_SUSPECT),
		"%s is not watched as it should be", site->name);
	check_supply(site);
	REQUIRE(memcmp(&site->counted, &(struct amounts[]){ site_amounts(site) }, sizeof(struct amounts)) == 0,
		"what %s adds to the network is counted wrongly", site->name);
}

static const char *tenant_of(const struct attempt *attempt)
{
	return attempt->demand->tenant->text;
}

/* What is held, counted anew over the attempts of all sites, and what there is. */
static void check_accounts(const struct platform *platform)
{
	struct shares *shares = shares_new(&platform->policy);
	struct amounts total = { 0 };

	for (size_t i = 0; i < platform->site_count; i++) {
		const struct site *site = platform->sites[i];

		total.cpu_milli += site->counted.cpu_milli;
		total.memory_mib += site->counted.memory_mib;
		total.chip_milli += site->counted.chip_milli;
		for (size_t k = 0; k < site->attempt_count; k++) {
			struct amounts amounts = attempt_amounts(site->attempts[k]);

			shares_charge(shares, shares_tenant(shares, tenant_of(site->attempts[k])), &amounts, 0);
		}
	}
	REQUIRE(memcmp(&total, &platform->supply_total, sizeof(total)) == 0, "the network's supply is counted wrongly");
	for (uint32_t t = 0; t < shares_tenant_count(platform->shares); t++) {
		struct share_view own, anew;

		shares_view(platform->shares, t, platform->shares_us, &own);
		shares_view(shares, shares_tenant(shares, shares_tenant_name(platform->shares, t)), 0, &anew);
		REQUIRE(memcmp(&own.held, &anew.held, sizeof(own.held)) == 0, "what tenant %s holds is counted wrongly", own.name);
	}
	shares_free(shares);
}

static void check_watch(const struct site_watch *watch)
{
	for (const struct site *site = watch->first; site; site = site->later) {
		REQUIRE(site->watch == watch, "%s stands in another list", site->name);
		REQUIRE(site->later ? site->later->earlier == site && site->later->seen_us >= site->seen_us : watch->last == site,
			"the list of sites is out of order at %s", site->name);
	}
}

static void check_past(const struct demand *demand)
{
	uint32_t count = 0;

	for (const struct attempt *attempt = demand->past; attempt; attempt = attempt->older) {
		REQUIRE(attempt->state == ATTEMPT_ENDED && attempt->outcome != OUTCOME_NONE && !attempt->slots, "a past attempt goes on");
		REQUIRE(attempt->number <= demand->replicas[attempt->replica].attempts, "P4: a past attempt is numbered too high");
		count++;
	}
	REQUIRE(count == demand->past_count && count <= PAST_ATTEMPTS_MAX, "past attempts are counted wrongly");
}

static void check_replica(const struct platform *platform, const struct demand *demand, const struct replica *replica, uint64_t order)
{
	const struct attempt *attempt = replica->attempt;
	bool ends = demand->cancelled || demand->finishing;

	REQUIRE((replica->place == REPLICA_HELD) == demand_is_held(demand) && (!demand_is_held(demand) || replica->attempts == 0),
		"P2: a replica is held without the others, or after it was tried");
	REQUIRE((attempt != NULL) == (replica->place == REPLICA_PLACED), "P2: a replica and its attempt disagree");
	REQUIRE((replica->ready_us > 0) == (replica->place == REPLICA_WAITING), "P2: a replica waits without an end");
	REQUIRE(replica->place != REPLICA_OUT || ends, "P2: a replica is in no place");
	REQUIRE(!ends || replica->place == REPLICA_OUT || replica->place == REPLICA_PLACED, "P2: a replica of an ending demand waits");
	if (attempt) {
		REQUIRE(attempt->demand == demand && attempt->number == replica->attempts && attempt->token <= platform->last_token &&
				attempt->state != ATTEMPT_ENDED,
			"P4: the current attempt is not the latest");
		for (const struct attempt *past = demand->past; past; past = past->older)
			REQUIRE(past->replica != attempt->replica || past->token < attempt->token, "P4: a past token is greater");
	}
	if (replica->place == REPLICA_QUEUED) {
		const struct queue *queue = demand->queue;
		size_t low = queue->head, high = queue->end;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (queue->entries[middle].order < order)
				low = middle + 1;
			else
				high = middle;
		}
		REQUIRE(low < queue->end && queue->entries[low].order == order && queue->entries[low].demand == demand->id,
			"P3: a queued replica is not in its queue");
	}
}

static void check_edge(const struct platform *platform, const struct hold *hold, const struct edge *edge)
{
	bool linked = edge->state == EDGE_WAITS && hold->ended < hold->count;
	const struct edge *at = edge->head ? *edge->head : NULL;

	REQUIRE(edge->hold == hold && (edge->head != NULL) == linked, "H1: an edge stands in a list that it should not, or in none");
	while (at && at != edge)
		at = at->next;
	REQUIRE(!linked || (at && edge_judge(platform, edge) == EDGE_WAITS), "H1: an edge waits for what has ended");
}

static void check_hold(const struct platform *platform, const struct hold *hold)
{
	uint32_t held = 0, live = 0, remembered = 0, waiting = 0, hopeless = 0;

	for (uint32_t i = 0; i < hold->count; i++) {
		const struct demand *member = hold->members[i];

		if (!member)
			continue;
		REQUIRE(member->hold == hold && member->index == i && i >= hold->lowest, "H2: a member is not the hold's own");
		REQUIRE(!demand_is_held(member) || i >= hold->next_held, "H2: a held member is passed over");
		live += !demand_state_is_ended(member->state);
		held += demand_is_held(member);
		remembered++;
	}
	REQUIRE(held == hold->held_count && live == hold->loose + held && remembered == hold->remembered && remembered > 0,
		"H2: the members of a hold are counted wrongly");
	REQUIRE(hold->failed <= hold->ended && live + hold->ended <= hold->count && hold->ended >= remembered - live,
		"H2: ended members are counted wrongly");
	for (uint32_t i = 0; i < hold->edge_count; i++) {
		check_edge(platform, hold, &hold->edges[i]);
		waiting += hold->edges[i].state == EDGE_WAITS;
		hopeless += hold->edges[i].state == EDGE_HOPELESS;
	}
	REQUIRE(waiting == hold->waiting_count && hopeless == hold->hopeless_count, "H1: edges are counted wrongly");
	REQUIRE((hold->due_index > 0) == (held > 0 && (hopeless > 0 || !hold_is_shut(hold))) &&
			(hold->due_index == 0 || platform->due_holds[hold->due_index - 1] == hold),
		"H3: a hold is due and not listed, or listed and not due");
}

static void check_holds(const struct platform *platform)
{
	size_t arrays = 0;

	for (size_t i = 0; i < platform->hold_table.capacity; i++)
		if (platform->hold_table.slots[i].item)
			check_hold(platform, platform->hold_table.slots[i].item);
	for (size_t i = 0; i < platform->array_table.capacity; i++)
		for (const struct hold *hold = platform->array_table.slots[i].item; hold; hold = hold->older) {
			REQUIRE(hold->array && (!hold->older || hold->older->first < hold->first), "arrays of a name are out of order");
			arrays++;
		}
	for (size_t i = 0; i < platform->hold_table.capacity; i++)
		arrays -= platform->hold_table.slots[i].item && ((const struct hold *)platform->hold_table.slots[i].item)->array;
	REQUIRE(arrays == 0, "an array is not listed by its name");
}

struct totals {
	size_t queued, waiting, due, live, live_replicas, ended, states[STATE_COUNT];
};

static void check_demand(const struct platform *platform, const struct demand *demand, struct totals *totals)
{
	bool ended = demand_state_is_ended(demand->state);
	uint32_t current = 0, running = 0, preempted = 0;

	for (uint32_t r = 0; r < demand->replica_count; r++) {
		const struct replica *replica = &demand->replicas[r];

		check_replica(platform, demand, replica, demand_order(demand, r));
		current += replica->attempt != NULL;
		running += replica->attempt && attempt_is_running(replica->attempt);
		preempted += replica->attempt && replica->attempt->preempted_sequence > 0;
		totals->queued += replica->place == REPLICA_QUEUED;
		totals->waiting += replica->place == REPLICA_WAITING;
	}
	REQUIRE(demand->due_index > 0 ? demand->due_us == demand_due_us(demand) && platform->due_demands[demand->due_index - 1] == demand
				      : demand_due_us(demand) == INT64_MAX,
		"a deadline is not watched as it should be");
	totals->due += demand->due_index > 0;
	REQUIRE(!demand->hold || demand->hold->members[demand->index] == demand, "H2: a demand is not in its hold");
	REQUIRE(!ended || !demand->dependents, "H1: something waits for what has ended");
	REQUIRE(current == demand->current_count && running == demand->running_count && preempted == demand->preempted_count,
		"attempts of a demand are counted wrongly");
	REQUIRE(!ended || (current == 0 && (demand->cancelled || demand->finishing)), "P5: an ended demand goes on");
	check_past(demand);
	totals->states[demand->state]++;
	totals->live += !ended;
	totals->live_replicas += ended ? 0 : demand->replica_count;
	totals->ended += ended;
}

static size_t check_queue(const struct queue *queue)
{
	size_t live = 0;

	for (size_t i = queue->head; i < queue->end; i++) {
		REQUIRE(i == queue->head || queue->entries[i - 1].order < queue->entries[i].order, "P3: a queue is out of order");
		live += queue->entries[i].demand != 0;
	}
	REQUIRE(live == queue_length(queue) && live > 0, "P3: a queue is counted wrongly");
	return live;
}

void platform_check(const struct platform *platform)
{
	struct totals totals = { 0 };
	size_t queued = 0, ended = 0;
	uint64_t last = 0;

	for (size_t i = 0; i < platform->site_count; i++)
		check_site(platform, platform->sites[i]);
	check_watch(&platform->up);
	check_watch(&platform->suspect);
	check_holds(platform);
	check_accounts(platform);
	for (size_t i = 0; i < platform->row_count; i++) {
		const struct demand_row *row = &platform->rows[i];

		REQUIRE(row->id > last && row->id <= platform->last_id, "P5: demands are out of order");
		last = row->id;
		if (row->demand)
			check_demand(platform, row->demand, &totals);
	}
	for (size_t i = 0; i < platform->active_count; i++) {
		REQUIRE(platform->active[i]->active_index == i + 1, "an active queue stands in the wrong place");
		queued += check_queue(platform->active[i]);
	}
	for (const struct demand *demand = platform->ended_first; demand; demand = demand->ended_next)
		ended++;
	REQUIRE(queued == totals.queued, "P3: %zu entries are queued for %zu replicas", queued, totals.queued);
	REQUIRE(totals.due == platform->due_demand_count, "deadlines are counted wrongly");
	for (size_t i = 1; i < platform->due_demand_count; i++)
		REQUIRE(platform->due_demands[(i - 1) / 2]->due_us <= platform->due_demands[i]->due_us, "deadlines are out of order");
	REQUIRE(totals.waiting == platform->waiting_live, "waiting replicas are counted wrongly");
	REQUIRE(totals.live == platform->live_count && totals.live_replicas == platform->live_replicas, "live demands are counted wrongly");
	REQUIRE(totals.ended == platform->ended_count && ended == totals.ended, "ended demands are counted wrongly");
	REQUIRE(memcmp(totals.states, platform->state_counts, sizeof(totals.states)) == 0, "states are counted wrongly");
}
