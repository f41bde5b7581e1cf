/* What a worker asks of a node, and how many such workers a node holds.
 *
 * The chips of one worker are all of one model and lie in one node: nobody's program runs across two
 * kinds of accelerator. So a group's chips fall into parts, one per model that the ask may use, and a
 * node holds the sum of what its parts hold, as far as its CPU and memory go.
 */
#ifndef WEIR_POLICY_FIT_H
#define WEIR_POLICY_FIT_H

#include "base/arena.h"
#include "policy/rules.h"

/* One worker's share of a node. */
struct worker_need {
	int64_t cpu_milli;
	int64_t memory_mib;
	uint32_t chips;      /* 0 none; 1 for a share */
	uint16_t chip_milli; /* per chip: 1000, or the share; 0 without chips */
	const struct countable *resources; /* further ones, by name; borrowed from the shape */
	size_t resource_count;
};

/* The same of a group's further resources, by their number in the group. */
struct resource_need {
	bool lacking; /* something is asked for that the group's nodes don't have: no worker fits */
	int64_t counts[RESOURCES_MAX];
};

/* The chips of a group's nodes that an ask may use. */
struct chip_parts {
	uint64_t mask;  /* all of them */
	unsigned count; /* 0 when the ask wants no chips, or may use none */
	uint64_t parts[NODE_CHIPS_MAX];
};

/* Verdicts on chip models, kept for one ask. */
struct chip_cache {
	const struct ask *ask;
	const struct rule_context *context;
	struct arena *arena;
	struct chip_cache_entry {
		const char *model; /* borrowed from the supply or catalogue */
		enum verdict_code code;
	} *entries;
	size_t count, capacity; /* capacity: a power of two */
};

struct worker_need worker_need_of(const struct shape *shape);
struct resource_need resource_need_of(const struct worker_need *need, const struct supply_group *group);
/* Workers, `limit` at most, that a node of the group with so much left (`resource_count` numbers) holds, by further resources alone. */
int64_t resource_workers(const struct resource_need *need, const struct supply_group *group, const int32_t *left, int64_t limit);

/* `arena` holds the entries and outlives the cache, as do the names that are asked about. */
void chip_cache_init(struct chip_cache *cache, const struct ask *ask, const struct rule_context *context, struct arena *arena);
enum verdict_code chip_cache_check(struct chip_cache *cache, const char *model);

void chip_parts_of(struct chip_cache *cache, const struct supply_group *group, struct chip_parts *ret);

/* Workers, `limit` at most, that an empty node of the group holds; its further resources count. */
int64_t empty_node_workers(const struct worker_need *need, const struct chip_parts *parts, const struct supply_group *group, int64_t limit);
/* Most whole chips of one model in a node of these parts. */
uint32_t chip_parts_largest(const struct chip_parts *parts);

/* rules_check_site() with the chip verdicts kept between sites. */
struct verdict rules_check_site_cached(struct chip_cache *cache, const struct site_view *site);

#endif
