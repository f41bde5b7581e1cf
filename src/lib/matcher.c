/* The matcher: what is submitted, what runs, what ends. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "lib/lib.h"

#define TENANT_DEFAULT "default"

static uint64_t mix(uint64_t hash)
{
	hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

/* --- distinct asks --- */

static void class_grow(struct weir_matcher *matcher)
{
	size_t places = matcher->class_places ? matcher->class_places * 2 : 64;

	free(matcher->class_table);
	matcher->class_table = mem_alloc(places * sizeof(*matcher->class_table));
	matcher->class_places = places;
	for (size_t c = 0; c < matcher->class_count; c++) {
		uint64_t at = matcher->classes[c].hash;

		while (matcher->class_table[at & (places - 1)])
			at++;
		matcher->class_table[at & (places - 1)] = c + 1;
	}
}

/* The number of the ask, which is copied when it is new. */
static size_t class_of(struct weir_matcher *matcher, const struct ask *ask)
{
	cleanup_strbuf struct strbuf key = { 0 };
	uint64_t hash = 0, at;
	size_t *place;

	lib_ask_key(ask, &key);
	for (size_t i = 0; i < key.length; i++)
		hash = (hash ^ (unsigned char)key.data[i]) * 0x100000001b3u;
	hash = mix(hash);
	if (matcher->class_count * 2 >= matcher->class_places)
		class_grow(matcher);
	for (at = hash; *(place = &matcher->class_table[at & (matcher->class_places - 1)]); at++) {
		const struct lib_class *class = &matcher->classes[*place - 1];

		if (class->hash == hash && class->key_size == key.length && memcmp(class->key, key.data, key.length) == 0)
			return *place - 1;
	}
	ARRAY_RESERVE(matcher->classes, matcher->class_capacity, matcher->class_count + 1);
	matcher->classes[matcher->class_count] =
		(struct lib_class){ .ask = ask_copy(ask, &matcher->arena), .class = MATCH_CLASS_NONE, .value = bound_value_of(ask),
				    .hash = hash, .key = arena_dup(&matcher->arena, key.data, key.length), .key_size = key.length };
	*place = ++matcher->class_count;
	return matcher->class_count - 1;
}

/* --- streams --- */

static void stream_grow(struct weir_matcher *matcher)
{
	size_t places = matcher->stream_places ? matcher->stream_places * 2 : 64;

	free(matcher->stream_table);
	matcher->stream_table = mem_alloc(places * sizeof(*matcher->stream_table));
	matcher->stream_places = places;
	for (size_t s = 0; s < matcher->stream_count; s++) {
		uint64_t at = mix((uint64_t)matcher->streams[s].class << 32 | matcher->streams[s].tenant);

		while (matcher->stream_table[at & (places - 1)])
			at++;
		matcher->stream_table[at & (places - 1)] = s + 1;
	}
}

static size_t stream_of(struct weir_matcher *matcher, size_t class, uint32_t tenant)
{
	struct lib_class *asked = &matcher->classes[class];
	uint64_t at;
	size_t *place;

	if (matcher->stream_count * 2 >= matcher->stream_places)
		stream_grow(matcher);
	for (at = mix((uint64_t)class << 32 | tenant); *(place = &matcher->stream_table[at & (matcher->stream_places - 1)]); at++)
		if (matcher->streams[*place - 1].class == class && matcher->streams[*place - 1].tenant == tenant)
			return *place - 1;
	if (asked->class == MATCH_CLASS_NONE)
		asked->class = matcher_class_add(matcher->books, asked->ask);
	ARRAY_RESERVE(matcher->streams, matcher->stream_capacity, matcher->stream_count + 1);
	matcher->streams[matcher->stream_count] = (struct lib_stream){ .class = class, .tenant = tenant, .sorted = true };
	*place = ++matcher->stream_count;
	return matcher->stream_count - 1;
}

static void stream_push(struct weir_matcher *matcher, const struct lib_item *item, uint32_t replica)
{
	struct lib_stream *stream = &matcher->streams[lib_item_stream(item, replica)];
	struct match_entry entry = { .demand = item->id, .replica = replica, .order = item->order + replica, .time_us = item->time_limit_us,
				     .deadline_us = item->deadline_us };

	if (stream->entry_count > 0 && (entry.order < stream->entries[stream->entry_count - 1].order || item->deadline_us))
		stream->sorted = false;
	ARRAY_RESERVE(stream->entries, stream->entry_capacity, stream->entry_count + 1);
	stream->entries[stream->entry_count++] = entry;
	item->queued[replica] = true;
	matcher->queued++;
}

/* The nearest deadline first, then the oldest. */
static int compare_entries(const void *left, const void *right)
{
	const struct match_entry *a = left, *b = right;
	int64_t ends_a = a->deadline_us ? a->deadline_us : INT64_MAX, ends_b = b->deadline_us ? b->deadline_us : INT64_MAX;

	if (ends_a != ends_b)
		return ends_a < ends_b ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void lib_queue(struct weir_matcher *matcher, int64_t now_us, struct arena *arena, struct match_input *ret, size_t **ret_streams)
{
	struct match_stream *streams = ARENA_ARRAY(arena, struct match_stream, matcher->stream_count + 1);
	size_t *numbers = ARENA_ARRAY(arena, size_t, matcher->stream_count + 1), count = 0;

	matcher->now_us = now_us > matcher->now_us ? now_us : matcher->now_us;
	for (size_t s = 0; s < matcher->stream_count; s++) {
		struct lib_stream *stream = &matcher->streams[s];

		if (stream->entry_count == 0)
			continue;
		if (!stream->sorted)
			qsort(stream->entries, stream->entry_count, sizeof(*stream->entries), compare_entries);
		stream->sorted = true;
		numbers[count] = s;
		streams[count++] = (struct match_stream){ matcher->classes[stream->class].class, stream->tenant, stream->entries,
							  stream->entry_count };
	}
	*ret = (struct match_input){ .matcher = matcher->books, .shares = matcher->shares, .streams = streams, .stream_count = count,
				     .now_us = matcher->now_us };
	*ret_streams = numbers;
}

void lib_queue_clear(struct weir_matcher *matcher)
{
	for (size_t s = 0; s < matcher->stream_count; s++) {
		struct lib_stream *stream = &matcher->streams[s];
		size_t kept = 0;

		if (!stream->changed)
			continue;
		for (size_t e = 0; e < stream->entry_count; e++) {
			const struct lib_item *item = lib_item_find(matcher, stream->entries[e].demand);

			if (item && item->queued[stream->entries[e].replica])
				stream->entries[kept++] = stream->entries[e];
		}
		stream->entry_count = kept;
		stream->changed = false;
	}
}

/* --- items --- */

static struct lib_item **item_place(const struct weir_matcher *matcher, uint64_t id)
{
	for (uint64_t at = mix(id);; at++) {
		struct lib_item **place = &matcher->items[at & (matcher->item_places - 1)];

		if (!*place || (*place)->id == id)
			return place;
	}
}

static struct lib_item *item_find(const struct weir_matcher *matcher, uint64_t id)
{
	return matcher->item_places ? *item_place(matcher, id) : NULL;
}

const struct lib_item *lib_item_find(const struct weir_matcher *matcher, uint64_t id)
{
	return item_find(matcher, id);
}

size_t lib_item_stream(const struct lib_item *item, uint32_t replica)
{
	return item->streams[item->ask->where.caller_count ? ask_caller_of(item->ask, replica) : 0];
}

static void item_free(struct lib_item *item)
{
	for (uint32_t r = 0; r < item->replica_count; r++)
		free(item->works[r]);
	free(item->works);
	free(item->queued);
	free(item->streams);
	free(item);
}

static void item_add(struct weir_matcher *matcher, struct lib_item *item)
{
	struct lib_item **old = matcher->items;
	size_t places = matcher->item_places;

	if (matcher->item_count * 2 >= places) {
		matcher->item_places = places ? places * 2 : 64;
		matcher->items = mem_alloc(matcher->item_places * sizeof(*matcher->items));
		for (size_t i = 0; i < places; i++)
			if (old[i])
				*item_place(matcher, old[i]->id) = old[i];
		free(old);
	}
	*item_place(matcher, item->id) = item;
	matcher->item_count++;
}

/* Those behind it in the table move up, so that they are found. */
static void item_remove(struct weir_matcher *matcher, struct lib_item *item)
{
	size_t at = (size_t)(item_place(matcher, item->id) - matcher->items);

	matcher->items[at] = NULL;
	matcher->item_count--;
	for (;;) {
		struct lib_item *next;

		at = (at + 1) & (matcher->item_places - 1);
		next = matcher->items[at];
		if (!next)
			break;
		matcher->items[at] = NULL;
		*item_place(matcher, next->id) = next;
	}
	item_free(item);
}

static struct amounts item_amounts(const struct lib_item *item, size_t workers)
{
	const struct shape *shape = &item->ask->shape;
	int64_t count = (int64_t)workers;

	return (struct amounts){ shape->cpu_milli * count, shape->memory_mib * count, shape->chips.milli * count };
}

/* --- the matcher itself --- */

static void open_sites(struct weir_matcher *matcher)
{
	const struct network_spec *spec = &matcher->network->spec;
	struct amounts all = { 0 };

	matcher->site_count = spec->site_count;
	matcher->supplies = mem_alloc((spec->site_count + 1) * sizeof(*matcher->supplies));
	matcher->views = mem_alloc((spec->site_count + 1) * sizeof(*matcher->views));
	for (size_t s = 0; s < spec->site_count; s++) {
		const struct site_spec *site = &spec->sites[s];
		struct supply *supply = &matcher->supplies[s];

		supply_init(supply, site->groups, site->group_count);
		for (size_t g = 0; g < supply->group_count; g++) {
			all.cpu_milli += supply->groups[g].cpu_free_total;
			all.memory_mib += supply->groups[g].memory_free_total;
			all.chip_milli += supply->groups[g].chip_milli_free_total;
		}
		matcher->views[s] = (struct site_view){ .index = (uint32_t)s, .name = site->name, .title = site->title, .tier = site->tier,
							.region = site->region, .engine = site->engine, .condition = CONDITION_UP,
							.price = site->price, .energy = site->energy, .supply = supply };
	}
	matcher_set_sites(matcher->books, &matcher->context, matcher->views, matcher->site_count);
	shares_set_supply(matcher->shares, &all);
}

/* Everything the matcher would find out the hard way: names that stand twice. */
static int check_network(struct weir_network *network, const struct topology *topology)
{
	for (uint32_t s = 0; s < network->spec.site_count; s++) {
		uint32_t found;

		if (topology_site(topology, network->spec.sites[s].name, &found) < 0 || found != s)
			return err_set(&network->err, -EEXIST, "there are two sites named %s", network->spec.sites[s].name);
	}
	return 0;
}

struct weir_matcher *weir_matcher_new(struct weir_network *network, struct weir_policy *policy, uint64_t seed)
{
	struct topology *topology = topology_new(&network->spec);
	struct weir_matcher *matcher;

	if (check_network(network, topology) < 0) {
		topology_free(topology);
		return NULL;
	}
	matcher = mem_alloc(sizeof(*matcher));
	arena_init(&matcher->arena);
	matcher->network = network;
	network->users++;
	network->sealed = true;
	matcher->policy = policy ? policy : weir_policy_new();
	matcher->policy->users += policy != NULL;
	matcher->policy->sealed = true;
	matcher->topology = topology;
	matcher->context = (struct rule_context){ &network->catalogue, topology };
	matcher->books = matcher_new(&matcher->policy->spec, &matcher->context, seed);
	matcher->shares = shares_new(&matcher->policy->spec);
	matcher->order = 1;
	open_sites(matcher);
	return matcher;
}

void weir_matcher_free(struct weir_matcher *matcher)
{
	if (!matcher)
		return;
	matcher_free(matcher->books);
	shares_free(matcher->shares);
	for (size_t i = 0; i < matcher->item_places; i++)
		if (matcher->items[i])
			item_free(matcher->items[i]);
	for (size_t s = 0; s < matcher->stream_count; s++)
		free(matcher->streams[s].entries);
	for (size_t s = 0; s < matcher->site_count; s++)
		supply_done(&matcher->supplies[s]);
	free(matcher->items);
	free(matcher->streams);
	free(matcher->stream_table);
	free(matcher->classes);
	free(matcher->class_table);
	free(matcher->supplies);
	free(matcher->views);
	topology_free(matcher->topology);
	lib_network_unref(matcher->network);
	lib_policy_unref(matcher->policy);
	arena_done(&matcher->arena);
	free(matcher);
}

static int check_site(struct weir_matcher *matcher, int64_t site)
{
	if (site >= 0 && (size_t)site < matcher->site_count)
		return 0;
	return err_set(&matcher->err, -ENOENT, "there is no site %lld", (long long)site);
}

int weir_site_condition(struct weir_matcher *matcher, int64_t site, int condition)
{
	static const enum site_condition conditions[] = { CONDITION_UP, CONDITION_SUSPECT, CONDITION_LOST, CONDITION_UP };
	int code = check_site(matcher, site);

	code = code < 0 ? code : lib_check_range(&matcher->err, "the condition", condition, 0, WEIR_SITE_DRAINING);
	if (code < 0)
		return code;
	matcher->views[site].condition = conditions[condition];
	matcher->views[site].draining = condition == WEIR_SITE_DRAINING;
	matcher_site_changed(matcher->books, &matcher->views[site]);
	return 0;
}

int weir_site_free(const struct weir_matcher *matcher, int64_t site, struct weir_free *ret)
{
	if (site < 0 || (size_t)site >= matcher->site_count)
		return -ENOENT;
	*ret = (struct weir_free){ 0 };
	for (size_t g = 0; g < matcher->supplies[site].group_count; g++) {
		const struct supply_group *group = &matcher->supplies[site].groups[g];

		ret->cpu_milli += group->cpu_free_total;
		ret->memory_mib += group->memory_free_total;
		ret->chip_milli += group->chip_milli_free_total;
		ret->chips += group->chips_free_total;
		ret->cpu_milli_all += group->cpu_milli * group->node_count;
		ret->memory_mib_all += group->memory_mib * group->node_count;
		ret->chips_all += (int64_t)group->chips_per_node * group->node_count;
	}
	return 0;
}

uint64_t weir_queued(const struct weir_matcher *matcher)
{
	return matcher->queued;
}

/* --- in, running, out --- */

/* The streams of an ask: one, or one for each of its callers. */
static size_t *item_streams(struct weir_matcher *matcher, const struct ask *ask, uint32_t tenant)
{
	size_t callers = ask->where.caller_count, count = callers ? callers : 1;
	size_t *streams = mem_alloc(count * sizeof(*streams));

	for (size_t c = 0; c < count; c++) {
		struct ask at = callers ? ask_at_caller(ask, c) : *ask;

		streams[c] = stream_of(matcher, class_of(matcher, &at), tenant);
	}
	return streams;
}

int weir_submit(struct weir_matcher *matcher, uint64_t id, struct weir_demand *demand, const char *tenant)
{
	cleanup_arena struct arena scratch = { 0 };
	struct lib_item *item;
	struct ask *ask;
	uint32_t number;
	int code;

	tenant = tenant ? tenant : TENANT_DEFAULT;
	code = lib_check_name(&matcher->err, "the tenant", tenant);
	if (code < 0)
		return code;
	if (item_find(matcher, id))
		return err_set(&matcher->err, -EEXIST, "there is a demand %llu already", (unsigned long long)id);
	code = lib_demand_ask(demand, &scratch, &ask);
	if (code < 0)
		return err_set(&matcher->err, code, "%s", demand->err.text);
	number = shares_tenant(matcher->shares, tenant);
	item = mem_alloc(sizeof(*item));
	*item = (struct lib_item){ .id = id, .order = matcher->order, .time_limit_us = demand->time_limit_us,
				   .deadline_us = demand->deadline_us };
	item->replica_count = ask->kind == DEMAND_SERVICE ? (uint32_t)ask->workers : 1;
	item->left = item->replica_count;
	item->streams = item_streams(matcher, ask, number);
	item->ask = matcher->classes[class_of(matcher, ask)].ask;
	item->queued = mem_alloc(item->replica_count);
	item->works = mem_alloc(item->replica_count * sizeof(*item->works));
	matcher->order += item->replica_count;
	item_add(matcher, item);
	for (uint32_t r = 0; r < item->replica_count; r++) {
		stream_push(matcher, item, r);
		matcher_learn(matcher->books, matcher->classes[matcher->streams[lib_item_stream(item, r)].class].class, 1);
	}
	return 0;
}

int weir_withdraw(struct weir_matcher *matcher, uint64_t id)
{
	struct lib_item *item = item_find(matcher, id);
	uint32_t removed = 0;

	for (uint32_t r = 0; item && r < item->replica_count; r++) {
		if (!item->queued[r])
			continue;
		item->queued[r] = false;
		matcher->streams[lib_item_stream(item, r)].changed = true;
		removed++;
	}
	if (removed == 0)
		return err_set(&matcher->err, -ENOENT, "nothing of demand %llu is queued", (unsigned long long)id);
	lib_queue_clear(matcher);
	matcher->queued -= removed;
	item->left -= removed;
	if (item->left == 0)
		item_remove(matcher, item);
	return 0;
}

void lib_item_begin(struct weir_matcher *matcher, uint64_t id, uint32_t replica, uint32_t site, const struct slot *slots, size_t slot_count,
		    int64_t started_us, bool borrowed)
{
	struct lib_item *item = item_find(matcher, id);
	struct lib_stream *stream = &matcher->streams[lib_item_stream(item, replica)];
	struct amounts amounts = item_amounts(item, slot_count);
	struct match_work *work = mem_alloc(sizeof(*work) + slot_count * sizeof(*slots));

	memcpy(work + 1, slots, slot_count * sizeof(*slots));
	*work = (struct match_work){ .demand = id, .replica = replica, .class = matcher->classes[stream->class].class,
				     .tenant = stream->tenant, .site = site, .slots = (struct slot *)(work + 1),
				     .slot_count = (uint32_t)slot_count, .started_us = started_us,
				     .ends_us = item->time_limit_us ? started_us + item->time_limit_us : INT64_MAX, .borrowed = borrowed };
	matcher_begin(matcher->books, work);
	shares_charge(matcher->shares, stream->tenant, &amounts, matcher->now_us);
	for (size_t w = 0; w < slot_count; w++)
		supply_take(&matcher->supplies[site], &work->slots[w], &item->ask->shape);
	item->works[replica] = work;
	item->queued[replica] = false;
	stream->changed = true;
	matcher->queued--;
}

/* Whether all slots are free together. Leaves the supply as it is. */
static bool slots_free(struct supply *supply, const struct slot *slots, size_t count, const struct shape *shape)
{
	size_t taken = 0;
	bool all;

	while (taken < count && supply_fits(supply, &slots[taken], shape))
		supply_take(supply, &slots[taken++], shape);
	all = taken == count;
	while (taken > 0)
		supply_give(supply, &slots[--taken], shape);
	return all;
}

int weir_begin(struct weir_matcher *matcher, uint64_t id, uint32_t replica, int64_t site, const struct weir_slot *slots, size_t slot_count,
	       int64_t started_us)
{
	cleanup_arena struct arena scratch = { 0 };
	struct lib_item *item = item_find(matcher, id);
	struct slot *taken;
	int code = check_site(matcher, site);

	code = code < 0 ? code : lib_check_range(&matcher->err, "the start", started_us, 0, LIB_TIME_US_MAX);
	if (code < 0)
		return code;
	if (!item || replica >= item->replica_count || !item->queued[replica])
		return err_set(&matcher->err, -ENOENT, "demand %llu, replica %u is not queued", (unsigned long long)id, replica);
	if (slot_count != (size_t)(item->ask->kind == DEMAND_JOB ? item->ask->workers : 1))
		return err_set(&matcher->err, -EINVAL, "%zu slots are not one for each worker", slot_count);
	taken = ARENA_ARRAY(&scratch, struct slot, slot_count);
	for (size_t w = 0; w < slot_count; w++)
		taken[w] = (struct slot){ slots[w].worker, slots[w].group, slots[w].node, (uint16_t)slots[w].chip_milli, slots[w].chips };
	if (!slots_free(&matcher->supplies[site], taken, slot_count, &item->ask->shape))
		return err_set(&matcher->err, -EBUSY, "the slots are not free at %s, or not what the demand asks for", matcher->views[site].name);
	lib_item_begin(matcher, id, replica, (uint32_t)site, taken, slot_count, started_us, false);
	lib_queue_clear(matcher);
	return 0;
}

int weir_end(struct weir_matcher *matcher, uint64_t id, uint32_t replica, int64_t now_us, int how)
{
	struct lib_item *item = item_find(matcher, id);
	struct match_work *work = item && replica < item->replica_count ? item->works[replica] : NULL;
	struct amounts amounts;
	int code = lib_check_range(&matcher->err, "the end", how, 0, WEIR_END_REQUEUE);

	if (code < 0)
		return code;
	if (!work)
		return err_set(&matcher->err, -ENOENT, "demand %llu, replica %u is not placed", (unsigned long long)id, replica);
	matcher->now_us = now_us > matcher->now_us ? now_us : matcher->now_us;
	amounts = item_amounts(item, work->slot_count);
	matcher_end(matcher->books, work);
	shares_release(matcher->shares, work->tenant, &amounts, matcher->now_us);
	for (size_t w = 0; w < work->slot_count; w++)
		supply_give(&matcher->supplies[work->site], &work->slots[w], &item->ask->shape);
	free(work);
	item->works[replica] = NULL;
	if (how == WEIR_END_REQUEUE)
		stream_push(matcher, item, replica);
	else if (--item->left == 0)
		item_remove(matcher, item);
	return 0;
}
