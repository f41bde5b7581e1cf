/* Folding events into the state: the entry points, and what concerns the platform as a whole and its sites.
 *
 * Each apply function first holds the event against the state and gives -EINVAL without having changed
 * anything, then changes it. Live events that are refused are bugs and end the process; records of a log
 * are refused with a sentence. The alternative, trusting the log, would turn a damaged one into a crash.
 *
 *   site condition    unseen -> up        decide_sync: the first sync of an agent's epoch
 *                     up -> suspect       decide_tick: silent for suspect_after_us
 *                     suspect -> lost     decide_tick: silent for lost_after_us; its attempts end
 *                     suspect, lost -> up decide_sync
 */
#include <stdio.h>
#include <string.h>

#include "model/name.h"
#include "platform/snapshot.h"
#include "platform/state.h"
#include "wire/files.h"

#define CHECK_SMALL 1000 /* rows and sites that are walked after each event */

/* --- network and catalogue --------------------------------------------------------------------- */

static bool region_is_named(const void *item, const void *key)
{
	return strcmp(((const struct region *)item)->name, key) == 0;
}

const struct region *region_find(const struct platform *platform, const char *name)
{
	return table_find(&platform->region_table, hash_text(name), region_is_named, name);
}

static int compare_names(const void *left, const void *right)
{
	return strcmp((*(struct site *const *)left)->name, (*(struct site *const *)right)->name);
}

/* A deep copy by way of the binary form. */
static void copy_struct(const struct schema *schema, const void *from, struct arena *arena, void *to)
{
	cleanup_strbuf struct strbuf bytes = { 0 };
	struct err err;

	schema_encode(schema, from, &bytes);
	if (schema_decode(schema, bytes.data, bytes.length, arena, to, &err) < 0)
		abort(); /* what was just written can be read */
}

/* Sites that are no longer named: nothing is held there, so only past attempts remember them. */
static void retire_site(struct platform *platform, struct site *site)
{
	site_unlist(platform, site);
	supply_done(&site->supply);
	free(site->drain_by);
	free(site->drain_reason);
	site->drain_by = site->drain_reason = NULL;
	site->index = SITE_NONE;
	site->spec = NULL;
	site->condition = CONDITION_UNSEEN;
	site->condition_since_us = 0;
	site->agent_epoch = site->supply_hash = site->supply_epoch = site->supply_sequence = 0;
	site->draining = site->has_supply = site->changed = false;
	site->sequence = 0;
	site->seen_us = 0;
	account_site(platform, site);
}

static void place_sites(struct platform *platform)
{
	struct site **old = platform->sites;
	size_t old_count = platform->site_count;

	platform->site_count = platform->network.site_count;
	platform->sites = mem_alloc((platform->site_count + 1) * sizeof(*platform->sites));
	platform->sorted_sites = mem_resize(platform->sorted_sites, platform->site_count + 1, sizeof(*platform->sorted_sites));
	platform->views = mem_resize(platform->views, platform->site_count + 1, sizeof(*platform->views));
	for (size_t i = 0; i < old_count; i++)
		old[i]->index = SITE_NONE;
	for (uint32_t i = 0; i < platform->site_count; i++) {
		const struct site_spec *spec = &platform->network.sites[i];
		struct site *site = site_find_any(platform, spec->name);

		if (!site)
			site = site_make(platform, spec->name);
		site->index = i;
		site->spec = spec;
		platform->sites[i] = platform->sorted_sites[i] = site;
		site_refresh_view(platform, site);
		site_list(platform, site);
	}
	for (size_t i = 0; i < old_count; i++)
		if (old[i]->index == SITE_NONE)
			retire_site(platform, old[i]);
	if (platform->site_count > 0)
		qsort(platform->sorted_sites, platform->site_count, sizeof(*platform->sorted_sites), compare_names);
	free(old);
	platform->changed_count = 0;
	for (size_t i = 0; i < platform->site_count; i++) {
		platform->sites[i]->changed = false;
		site_touch(platform, platform->sites[i]);
	}
}

static void place_regions(struct platform *platform)
{
	table_done(&platform->region_table);
	for (size_t i = 0; i < platform->network.region_count; i++)
		table_add(&platform->region_table, hash_text(platform->network.regions[i].name), &platform->network.regions[i]);
}

static bool spec_is_named(const void *item, const void *key)
{
	return strcmp(((const struct site_spec *)item)->name, key) == 0;
}

/* Sites that hold something must go on being in the network. */
static int check_vanishing(const struct platform *platform, const struct network_spec *network, struct err *err)
{
	struct table names = { 0 };
	int code = 0;

	for (size_t i = 0; i < network->site_count; i++)
		table_add(&names, hash_text(network->sites[i].name), &network->sites[i]);
	for (size_t i = 0; code == 0 && i < platform->site_count; i++) {
		const struct site *site = platform->sites[i];

		if (site->attempt_count > 0 && !table_find(&names, site->hash, spec_is_named, site->name))
			code = err_set(err, -EINVAL, "site %s vanishes while work is placed there", site->name);
	}
	table_done(&names);
	return code;
}

int apply_network(struct platform *platform, const struct network_spec *network, struct err *err)
{
	struct arena old;
	int code = network_check(network, err);

	if (code == 0)
		code = check_vanishing(platform, network, err);
	if (code < 0)
		return code;
	books_drop(platform);
	/* The old texts live until nothing points at them any more. */
	old = platform->network_arena;
	arena_init(&platform->network_arena);
	copy_struct(&network_schema, network, &platform->network_arena, &platform->network);
	place_sites(platform);
	place_regions(platform);
	arena_done(&old);
	topology_free(platform->topology);
	platform->topology = topology_new(&platform->network);
	platform->network_serial++;
	platform->supply_serial++;
	platform->observed->round_wanted = true;
	return 0;
}

int apply_catalogue(struct platform *platform, const struct catalogue *catalogue, struct err *err)
{
	if (catalogue->model_count > CATALOGUE_MODELS_MAX)
		return err_set(err, -EINVAL, "%zu chip models, expected at most %d", catalogue->model_count, CATALOGUE_MODELS_MAX);
	books_drop(platform);
	arena_done(&platform->catalogue_arena);
	copy_struct(&catalogue_schema, catalogue, &platform->catalogue_arena, &platform->catalogue);
	platform->supply_serial++;
	platform->observed->round_wanted = true;
	return 0;
}

/* What is used stays with the tenants' names. The matcher's books borrow the policy, so they go first. */
int apply_policy(struct platform *platform, const struct policy_spec *policy, struct err *err)
{
	struct arena old = platform->policy_arena;
	int code = policy_check(policy, err);

	if (code < 0)
		return code;
	books_drop(platform);
	arena_init(&platform->policy_arena);
	copy_struct(&policy_schema, policy, &platform->policy_arena, &platform->policy);
	platform->has_policy = true;
	shares_set_policy(platform->shares, &platform->policy);
	arena_done(&old);
	platform->supply_serial++;
	platform->observed->round_wanted = true;
	return 0;
}

/* --- sites ------------------------------------------------------------------------------------- */

static int find_site(const struct platform *platform, const char *name, struct site **ret, struct err *err)
{
	*ret = site_find(platform, name);
	return *ret ? 0 : err_set(err, -EINVAL, "the site \"%.63s\" is unknown", name);
}

int apply_supply(struct platform *platform, const struct event *event, struct err *err)
{
	const struct supply_body *body = event->body;
	struct supply supply = { 0 };
	struct slot **slots;
	struct site *site;
	size_t fitting = 0;
	int code = find_site(platform, body->site, &site, err);

	if (code == 0)
		code = groups_check(body->groups, body->group_count, err);
	if (code < 0)
		return code;
	supply_init(&supply, body->groups, body->group_count);
	slots = mem_alloc((site->attempt_count + 1) * sizeof(*slots));
	for (; fitting < site->attempt_count; fitting++) {
		const struct attempt *attempt = site->attempts[fitting];

		slots[fitting] = mem_alloc(attempt->slot_count * sizeof(struct slot));
		if (!slots_remap(&site->supply, &supply, attempt->slots, attempt->slot_count, slots[fitting]) ||
		    !slots_take(&supply, slots[fitting], attempt->slot_count, &attempt->demand->class->shape)) {
			free(slots[fitting]);
			break;
		}
	}
	if (fitting < site->attempt_count) {
		code = err_set(err, -EINVAL, "the supply of %s does not hold what is placed there", site->name);
		supply_done(&supply);
		for (size_t i = 0; i < fitting; i++)
			free(slots[i]);
	} else {
		for (size_t i = 0; i < fitting; i++) {
			free(site->attempts[i]->slots);
			site->attempts[i]->slots = slots[i];
		}
		site_set_supply(platform, site, &supply);
		site->supply_hash = body->hash;
		site->supply_epoch = body->epoch;
		site->supply_sequence = body->sequence;
		platform->observed->round_wanted = true;
	}
	free(slots);
	return code;
}

static int apply_condition(struct platform *platform, const struct event *event, struct err *err)
{
	const struct condition_body *body = event->body;
	struct site *site;
	int code = find_site(platform, body->site, &site, err);

	if (code < 0)
		return code;
	if (body->epoch < site->agent_epoch)
		return err_set(err, -EINVAL, "the agent of %s is of an older epoch", site->name);
	if (body->epoch != site->agent_epoch)
		site->sequence = 0;
	site->agent_epoch = body->epoch;
	if (site->condition != body->condition)
		site->condition_since_us = event->time_us;
	site->condition = body->condition;
	if (body->condition == CONDITION_UP && site->seen_us < event->time_us)
		site->seen_us = event->time_us;
	site_refresh_view(platform, site);
	if (body->condition != CONDITION_UP && site->seen_us > 0)
		platform->views[site->index].seconds_since_seen = (event->time_us - site->seen_us) / 1000000;
	site_list(platform, site);
	site_touch(platform, site);
	if (body->condition == CONDITION_UP) {
		platform->supply_serial++;
		platform->observed->round_wanted = true;
	}
	return 0;
}

static int apply_drained(struct platform *platform, const struct event *event, struct err *err)
{
	const struct drained_body *body = event->body;
	struct site *site;
	int code = find_site(platform, body->site, &site, err);

	if (code < 0)
		return code;
	free(site->drain_by);
	free(site->drain_reason);
	site->draining = true;
	site->drain_by = mem_strndup(body->by, strnlen(body->by, MESSAGE_MAX));
	site->drain_reason = mem_strndup(body->reason, strnlen(body->reason, MESSAGE_MAX));
	site_refresh_view(platform, site);
	return 0;
}

static int apply_undrained(struct platform *platform, const struct event *event, struct err *err)
{
	const struct undrained_body *body = event->body;
	struct site *site;
	int code = find_site(platform, body->site, &site, err);

	if (code < 0)
		return code;
	free(site->drain_by);
	free(site->drain_reason);
	site->drain_by = site->drain_reason = NULL;
	site->draining = false;
	site_refresh_view(platform, site);
	platform->supply_serial++;
	platform->observed->round_wanted = true;
	return 0;
}

static int apply_opened(struct platform *platform, const struct event *event, struct err *err)
{
	const struct opened_body *body = event->body;

	if (body->epoch <= platform->epoch)
		return err_set(err, -EINVAL, "epoch %llu does not follow %llu", (unsigned long long)body->epoch,
			       (unsigned long long)platform->epoch);
	platform->epoch = body->epoch;
	return 0;
}

/* --- the entry points -------------------------------------------------------------------------- */

static int apply_event(struct platform *platform, const struct event *event, struct err *err)
{
	switch (event->type) {
	case EVENT_OPENED:
		return apply_opened(platform, event, err);
	case EVENT_NETWORK_LOADED:
		return apply_network(platform, event->body, err);
	case EVENT_CATALOGUE_LOADED:
		return apply_catalogue(platform, event->body, err);
	case EVENT_POLICY_LOADED:
		return apply_policy(platform, event->body, err);
	case EVENT_TOKEN_CREATED:
		return apply_token(platform, event->body, err);
	case EVENT_TOKEN_REVOKED:
		return apply_token_revoked(platform, event->body, err);
	case EVENT_DEMAND_ACCEPTED:
		return apply_accepted(platform, event, err);
	case EVENT_DEMAND_EXPIRED:
		return apply_expired(platform, event, err);
	case EVENT_DEMAND_CANCELLED:
		return apply_cancelled(platform, event, err);
	case EVENT_PLACED:
		return apply_placed(platform, event, err);
	case EVENT_ATTEMPT_PREEMPTED:
		return apply_preempted(platform, event, err);
	case EVENT_ATTEMPT_CHANGED:
		return apply_changed(platform, event, err);
	case EVENT_ATTEMPT_ENDED:
		return apply_attempt_ended(platform, event, err);
	case EVENT_DEMAND_ENDED:
		return apply_demand_ended(platform, event, err);
	case EVENT_SITE_SUPPLY:
		return apply_supply(platform, event, err);
	case EVENT_SITE_CONDITION:
		return apply_condition(platform, event, err);
	case EVENT_SITE_DRAINED:
		return apply_drained(platform, event, err);
	case EVENT_SITE_UNDRAINED:
		return apply_undrained(platform, event, err);
	case EVENT_DEMAND_RELEASED:
		return apply_released(platform, event, err);
	case EVENT_DEMAND_READY:
		return apply_ready(platform, event, err);
	default:
		return err_set(err, -EINVAL, "an event of the unknown type %d", (int)event->type);
	}
}

/* Debug builds: after each event, as long as the state is small; a large one is walked less often, so that
 * the walks cost no more than some microseconds an event. */
static void check_now_and_then(struct platform *platform)
{
	if (!platform->checks || platform->sequence - platform->checked <= (platform->row_count + platform->site_count) / CHECK_SMALL)
		return;
	platform->checked = platform->sequence;
	platform_check(platform);
}

void platform_apply(struct platform *platform, struct event *event)
{
	struct err err = { "" };

	event->sequence = platform->sequence + 1;
	if (apply_event(platform, event, &err) < 0) {
		fprintf(stderr, "weir: event %llu (%s) does not follow from the state: %s\n", (unsigned long long)event->sequence,
			event_type_to_string(event->type), err.text);
		abort();
	}
	platform->sequence = event->sequence;
	check_now_and_then(platform);
}

int platform_replay(struct platform *platform, uint64_t sequence, int64_t time_us, uint32_t type, const void *payload, size_t length,
		    struct err *err)
{
	const struct schema *schema = event_schema((enum event_type)type);
	struct event event = { .sequence = sequence, .time_us = time_us, .type = (enum event_type)type };
	void *body;
	int code;

	if (!schema)
		return err_set(err, -EINVAL, "record %llu has the unknown type %u", (unsigned long long)sequence, type);
	if (type < EVENT_SNAP_FIRST && sequence != platform->sequence + 1)
		return err_set(err, -EINVAL, "record %llu does not follow %llu", (unsigned long long)sequence,
			       (unsigned long long)platform->sequence);
	arena_reset(&platform->replay_arena);
	body = arena_alloc(&platform->replay_arena, schema->size);
	code = schema_decode(schema, payload, length, &platform->replay_arena, body, err);
	event.body = body;
	event.body_size = schema->size;
	if (code == 0)
		code = type < EVENT_SNAP_FIRST ? apply_event(platform, &event, err) : apply_snapshot_record(platform, &event, err);
	if (code < 0)
		return err_prefix(err, code, "record %llu", (unsigned long long)sequence);
	if (type < EVENT_SNAP_FIRST)
		platform->sequence = sequence;
	if (!platform->in_snapshot)
		check_now_and_then(platform);
	return 0;
}
