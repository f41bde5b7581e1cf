/* A site: one data centre as its operator describes it, before anything runs on it. */
#ifndef WEIR_MODEL_SITE_H
#define WEIR_MODEL_SITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/string_table.h"

#define SITE_GROUPS_MAX 64
#define GROUP_NODES_MAX 1000000
#define NODE_CHIPS_MAX 64 /* chips of one node, of all its models together */
#define COUNTABLE_MAX 1000000000 /* of one further resource in one node, and asked of one */
#define RESOURCES_MAX 8   /* further countable resources of a node, and of what is asked of one */

enum tier { TIER_HUB, TIER_REGIONAL, TIER_EDGE, TIER_COUNT };
STRING_TABLE_DECLARE(enum tier, tier);

enum engine_kind { ENGINE_LOCAL, ENGINE_SLURM, ENGINE_KUBERNETES, ENGINE_SIMULATED, ENGINE_KIND_COUNT };
STRING_TABLE_DECLARE(enum engine_kind, engine_kind);

/* `count` chips of one model in each node of a group. */
struct chip_count {
	const char *model;
	int64_t count;
};

/* So much of something that is counted and nothing else: network interfaces, licences, local disks. */
struct countable {
	const char *name;
	int64_t count;
};

/* Nodes alike. Within a node the chips are numbered from 0, in the order of `chips`. */
struct node_group {
	const char *name;
	int64_t count;
	int64_t cpu_milli;  /* of each node */
	int64_t memory_mib; /* of each node */
	struct chip_count *chips;
	size_t chip_count;
	struct countable *resources; /* of each node, different names */
	size_t resource_count;
};

/* Prices in micro-units of the network's currency an hour. */
struct price {
	int64_t core_hour_micro;
	int64_t gib_hour_micro;
	int64_t chip_hour_micro;
};

/* What a kilowatt-hour costs here, and emits. Zeros: not given. */
struct energy {
	int64_t price_micro_per_kwh;
	int64_t carbon_g_per_kwh;
	int64_t overhead_permille; /* power drawn by the site for each watt of its chips (PUE); default 1000 */
};

struct site_spec {
	const char *name;
	const char *title;
	enum tier tier;
	const char *region;
	const char *operator_name;
	int64_t latitude_udeg;
	int64_t longitude_udeg;
	enum engine_kind engine;
	struct node_group *groups;
	size_t group_count;
	int64_t power_limit_w; /* 0: none given */
	struct price price;
	struct energy energy;
};

/* Chips in one node of the group. */
int64_t node_group_chips(const struct node_group *group);

#endif
