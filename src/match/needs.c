#include "match/needs.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "match/pool.h"

#define INDEX_FIRST 64
#define BUNDLE_BITS 20
#define BUNDLE_WORKERS_MAX ((1u << BUNDLE_BITS) - 1)
_Static_assert(BUNDLE_WORKERS_MAX >= DEMAND_WORKERS_MAX, "a bundle may be as large as a demand");

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
	hash = (hash ^ number) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

static uint64_t hash_words(uint64_t hash, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (const char *c = words[i]; *c; c++)
			hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
	return hash_number(hash, count);
}

static uint64_t ask_hash(const struct ask *ask)
{
	const struct chip_ask *chips = &ask->shape.chips;
	uint64_t hash = hash_number((uint64_t)ask->shape.cpu_milli + 1, (uint64_t)ask->shape.memory_mib);

	hash = hash_number(hash_number(hash, (uint64_t)chips->milli), (uint64_t)chips->needs.memory_mib);
	hash = hash_words(hash_words(hash, chips->models, chips->model_count), chips->needs.software, chips->needs.software_count);
	for (size_t i = 0; i < chips->needs.throughput_count; i++)
		hash = hash_number(hash, (uint64_t)chips->needs.throughputs[i].gops);
	for (size_t i = 0; i < ask->shape.resource_count; i++) {
		hash = hash_words(hash, &ask->shape.resources[i].name, 1);
		hash = hash_number(hash, (uint64_t)ask->shape.resources[i].count);
	}
	return hash_number(hash, (uint64_t)ask->rules.domestic_only | (uint64_t)ask->rules.clearance << 1 |
					 (uint64_t)ask->where.together << 2 | (uint64_t)ask->where.arrange << 4);
}

static bool words_equal(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool chips_equal(const struct chip_ask *a, const struct chip_ask *b)
{
	if (a->milli != b->milli || a->needs.memory_mib != b->needs.memory_mib || a->needs.throughput_count != b->needs.throughput_count)
		return false;
	for (size_t i = 0; i < a->needs.throughput_count; i++)
		if (a->needs.throughputs[i].format != b->needs.throughputs[i].format ||
		    a->needs.throughputs[i].gops != b->needs.throughputs[i].gops)
			return false;
	return words_equal(a->models, a->model_count, b->models, b->model_count) &&
	       words_equal(a->needs.software, a->needs.software_count, b->needs.software, b->needs.software_count);
}

static bool alike_chips(const struct ask *a, const struct ask *b)
{
	if (a->shape.resource_count != b->shape.resource_count ||
	    a->rules.domestic_only != b->rules.domestic_only || a->rules.clearance != b->rules.clearance)
		return false;
	for (size_t i = 0; i < a->shape.resource_count; i++)
		if (strcmp(a->shape.resources[i].name, b->shape.resources[i].name) != 0 ||
		    a->shape.resources[i].count != b->shape.resources[i].count)
			return false;
	return chips_equal(&a->shape.chips, &b->shape.chips);
}

static bool alike(const struct ask *a, const struct ask *b)
{
	return a->shape.cpu_milli == b->shape.cpu_milli && alike_chips(a, b);
}

bool need_alike(const struct need *a, const struct need *b)
{
	return alike(a->ask, b->ask);
}

bool need_alike_chips(const struct need *a, const struct need *b)
{
	return alike_chips(a->ask, b->ask);
}

static bool ask_equals(const struct ask *a, const struct ask *b)
{
	return a->shape.memory_mib == b->shape.memory_mib && a->where.together == b->where.together &&
	       a->where.arrange == b->where.arrange && alike(a, b);
}

/* Room within one block: first counted (`at` NULL), then filled. */
struct block {
	char *at;
	size_t size;
};

static void *block_add(struct block *block, const void *data, size_t size)
{
	void *copy = block->at ? block->at + block->size : NULL;

	if (copy && size)
		memcpy(copy, data, size);
	block->size += (size + 7) & ~(size_t)7;
	return copy;
}

static const char **block_words(struct block *block, const char *const *words, size_t count)
{
	const char **copy = block_add(block, words, count * sizeof(*words));

	for (size_t i = 0; i < count; i++) {
		const char *word = block_add(block, words[i], strlen(words[i]) + 1);

		if (copy)
			copy[i] = word;
	}
	return copy;
}

/* The ask with only what needs are made of. */
static struct ask *block_ask(struct block *block, const struct ask *from)
{
	const struct chip_ask *chips = &from->shape.chips;
	struct ask bare = { .workers = 1, .shape = from->shape };
	struct ask *ask;

	bare.rules.domestic_only = from->rules.domestic_only;
	bare.rules.clearance = from->rules.clearance;
	bare.where.together = from->where.together;
	bare.where.arrange = from->where.arrange;
	ask = block_add(block, &bare, sizeof(bare));
	bare.shape.chips.models = block_words(block, chips->models, chips->model_count);
	bare.shape.chips.needs.software = block_words(block, chips->needs.software, chips->needs.software_count);
	bare.shape.chips.needs.throughputs = block_add(block, chips->needs.throughputs,
						       chips->needs.throughput_count * sizeof(*chips->needs.throughputs));
	bare.shape.resources = block_add(block, from->shape.resources, from->shape.resource_count * sizeof(*from->shape.resources));
	for (size_t i = 0; i < from->shape.resource_count; i++) {
		const char *name = block_add(block, from->shape.resources[i].name, strlen(from->shape.resources[i].name) + 1);

		if (ask)
			bare.shape.resources[i].name = name;
	}
	if (ask)
		*ask = bare;
	return ask;
}

static struct need *need_new(const struct ask *ask)
{
	struct need *need = mem_alloc(sizeof(*need));
	struct worker_need worker = worker_need_of(&ask->shape);
	struct block block = { 0 };

	assert(ask->shape.resource_count <= RESOURCES_MAX);
	block_ask(&block, ask);
	block = (struct block){ .at = mem_alloc(block.size) };
	need->ask = block_ask(&block, ask);
	need->cpu = worker.cpu_milli;
	need->memory = worker.memory_mib;
	need->chips = worker.chips;
	need->milli = worker.chip_milli;
	need->resource_count = (uint32_t)ask->shape.resource_count;
	for (size_t i = 0; i < ask->shape.resource_count; i++)
		need->resources[i] = ask->shape.resources[i].count;
	return need;
}

static uint32_t *index_place(const struct need_table *table, const struct ask *ask, uint64_t hash)
{
	for (uint64_t at = hash;; at++) {
		uint32_t *place = &table->index[at & (table->index_capacity - 1)];
		const struct need *need = *place ? table->needs[*place - 1] : NULL;

		if (!need || (need->hash == hash && ask && ask_equals(need->ask, ask)))
			return place;
	}
}

static void index_grow(struct need_table *table)
{
	free(table->index);
	table->index_capacity = table->index_capacity ? table->index_capacity * 2 : INDEX_FIRST;
	table->index = mem_alloc(table->index_capacity * sizeof(*table->index));
	for (size_t i = 0; i < table->count; i++)
		if (table->needs[i])
			*index_place(table, NULL, table->needs[i]->hash) = (uint32_t)i + 1;
}

struct need *need_ref(struct need_table *table, const struct ask *ask)
{
	uint64_t hash = ask_hash(ask);
	struct need *need;
	uint32_t *place;

	if (table->in_use * 2 >= table->index_capacity)
		index_grow(table);
	place = index_place(table, ask, hash);
	if (*place) {
		table->needs[*place - 1]->refs++;
		return table->needs[*place - 1];
	}
	assert(table->in_use < CHOOSER_NEEDS_MAX);
	need = need_new(ask);
	need->hash = hash;
	need->refs = 1;
	need->serial = ++table->serial;
	if (table->free_count > 0) {
		need->handle = table->free_handles[--table->free_count];
	} else {
		need->handle = (uint32_t)table->count;
		if ((table->count & (table->count - 1)) == 0)
			table->needs = mem_resize(table->needs, table->count ? table->count * 2 : 1, sizeof(*table->needs));
		table->count++;
	}
	table->needs[need->handle] = need;
	table->in_use++;
	*place = need->handle + 1;
	return need;
}

bool need_unref(struct need *need)
{
	assert(need->refs > 0);
	return --need->refs == 0;
}

static void index_remove(struct need_table *table, const struct need *need)
{
	size_t mask = table->index_capacity - 1;
	size_t hole = need->hash & mask;

	while (table->index[hole] != need->handle + 1)
		hole = (hole + 1) & mask;
	for (size_t at = (hole + 1) & mask; table->index[at]; at = (at + 1) & mask) {
		size_t home = table->needs[table->index[at] - 1]->hash & mask;

		if (((at - home) & mask) >= ((at - hole) & mask)) {
			table->index[hole] = table->index[at];
			hole = at;
		}
	}
	table->index[hole] = 0;
}

static void need_destroy(struct need *need)
{
	for (size_t i = 0; i < need->bundle_count; i++) {
		free(need->bundles[i]->row);
		free(need->bundles[i]);
	}
	free(need->bundles);
	free(need->layouts);
	free(need->ask);
	free(need);
}

void need_free(struct need_table *table, struct need *need)
{
	index_remove(table, need);
	table->needs[need->handle] = NULL;
	ARRAY_RESERVE(table->free_handles, table->free_capacity, table->free_count + 1);
	table->free_handles[table->free_count++] = need->handle;
	table->in_use--;
	need_destroy(need);
}

void need_table_done(struct need_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->needs[i])
			need_destroy(table->needs[i]);
	free(table->needs);
	free(table->free_handles);
	free(table->index);
	*table = (struct need_table){ 0 };
}

static void layout_check(const struct need *need, const struct layout *layout, const struct rule_context *context, struct need_layout *ret)
{
	*ret = (struct need_layout){ .serial = layout->serial, .possible = true };
	for (uint32_t p = 0; need->chips > 0 && p < layout->part_count; p++)
		if (rules_check_chip(need->ask, layout->models[p], context).code == VERDICT_FITS)
			ret->parts |= (uint64_t)1 << p;
	if (need->chips > 0 && ret->parts == 0)
		ret->possible = false;
	for (uint32_t i = 0; i < need->resource_count; i++) {
		uint32_t r = 0;

		while (r < layout->resource_count && strcmp(layout->resources[r], need->ask->shape.resources[i].name) != 0)
			r++;
		if (r == layout->resource_count)
			ret->possible &= need->resources[i] == 0;
		ret->resource_place[i] = (uint8_t)r;
	}
}

const struct need_layout *need_layout_fill(struct need *need, const struct layout *layout, const struct rule_context *context)
{
	if (layout->id >= need->layout_count) {
		size_t count = layout->id + 1;

		need->layouts = mem_resize(need->layouts, count, sizeof(*need->layouts));
		memset(need->layouts + need->layout_count, 0, (count - need->layout_count) * sizeof(*need->layouts));
		need->layout_count = count;
	}
	layout_check(need, layout, context, &need->layouts[layout->id]);
	return &need->layouts[layout->id];
}

void need_forget(struct need *need)
{
	need->layout_count = 0;
}

struct bundle *need_bundle(struct need *need, uint32_t workers)
{
	size_t at = 0;

	while (at < need->bundle_count && need->bundles[at]->workers < workers)
		at++;
	if (at < need->bundle_count && need->bundles[at]->workers == workers)
		return need->bundles[at];
	need->bundles = mem_resize(need->bundles, need->bundle_count + 1, sizeof(*need->bundles));
	memmove(need->bundles + at + 1, need->bundles + at, (need->bundle_count - at) * sizeof(*need->bundles));
	need->bundle_count++;
	need->bundles[at] = mem_alloc(sizeof(struct bundle));
	assert(workers <= BUNDLE_WORKERS_MAX);
	*need->bundles[at] = (struct bundle){ .id = need->serial << BUNDLE_BITS | workers, .need = need->handle, .workers = workers };
	return need->bundles[at];
}

int64_t need_times(int64_t whole, int64_t part, int64_t limit)
{
	if (part == 0)
		return limit;
	if (limit == 1)
		return whole >= part;
	whole /= part;
	return whole < limit ? whole : limit;
}

static int64_t part_workers(const struct need *need, const uint16_t *chips, const uint16_t *end, int64_t limit)
{
	int64_t workers = 0;
	uint32_t whole = 0;

	/* The fullest come last. */
	if (need->milli == CHIP_MILLI) {
		while (end > chips && end[-1] == CHIP_MILLI)
			end--, whole++;
		return whole / need->chips;
	}
	for (; end > chips && end[-1] >= need->milli && workers < limit; end--)
		workers += limit == 1 ? 1 : end[-1] / need->milli;
	return workers;
}

int64_t need_workers(const struct need *need, const struct need_layout *in, const struct node_free *free, int64_t limit)
{
	int64_t workers = 0;

	if (!in->possible)
		return 0;
	limit = need_times(free->cpu, need->cpu, limit);
	if (limit > 0)
		limit = need_times(free->memory, need->memory, limit);
	for (uint32_t i = 0; i < need->resource_count && limit > 0; i++)
		if (need->resources[i] > 0)
			limit = need_times(free->resources[in->resource_place[i]], need->resources[i], limit);
	if (limit == 0 || need->chips == 0)
		return limit;
	for (uint64_t rest = in->parts; rest && workers < limit; rest &= rest - 1) {
		unsigned p = (unsigned)__builtin_ctzll(rest);

		workers += part_workers(need, free->chips + free->layout->part_start[p], free->chips + free->layout->part_start[p + 1],
					limit - workers);
	}
	return workers < limit ? workers : limit;
}
