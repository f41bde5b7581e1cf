/* A network's policy: weights, tenants, how the queue moves. Its defaults are policy_defaults(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/name.h"
#include "wire/checks.h"
#include "wire/files.h"

#define PERMILLE .minimum = 0, .maximum = POLICY_PERMILLE_MAX
#define HALF_LIFE_US_MIN 1000000

#define TIER_WEIGHT(tier_, key_, number_, fallback_)                                                                                       \
	{ .key = (key_), .number = (number_), .kind = FIELD_INTEGER, .offset = (tier_) * sizeof(int64_t), PERMILLE,                        \
	  .fallback = (fallback_) }

static const struct field job_tier_fields[] = {
	TIER_WEIGHT(TIER_HUB, "hub", 1, 0),
	TIER_WEIGHT(TIER_REGIONAL, "regional", 2, 50),
	TIER_WEIGHT(TIER_EDGE, "edge", 3, 100),
};
static const struct schema job_tier_schema = SCHEMA("job tiers", int64_t[TIER_COUNT], job_tier_fields);

static const struct field service_tier_fields[] = {
	TIER_WEIGHT(TIER_HUB, "hub", 1, 100),
	TIER_WEIGHT(TIER_REGIONAL, "regional", 2, 50),
	TIER_WEIGHT(TIER_EDGE, "edge", 3, 0),
};
static const struct schema service_tier_schema = SCHEMA("service tiers", int64_t[TIER_COUNT], service_tier_fields);

#define TYPE struct score_weights
static const struct field weight_fields[] = {
	FIELD(FIELD_OBJECT, TYPE, tier_permille[DEMAND_JOB], "job_tier_permille", 1, .schema = &job_tier_schema,
	      .help = "of the price, added for each tier"),
	FIELD(FIELD_OBJECT, TYPE, tier_permille[DEMAND_SERVICE], "service_tier_permille", 2, .schema = &service_tier_schema,
	      .help = "of the price, added for each tier"),
	FIELD(FIELD_INTEGER, TYPE, latency_permille_per_ms, "latency_permille_per_ms", 3, PERMILLE, .fallback = 50,
	      .help = "of the price, added for each millisecond from a service to its callers"),
	FIELD(FIELD_INTEGER, TYPE, wait_permille, "wait_permille", 4, PERMILLE, .fallback = 1000,
	      .help = "what an hour of waiting counts, of the price of an hour"),
	FIELD(FIELD_INTEGER, TYPE, data_permille, "data_permille", 5, PERMILLE, .fallback = 1000,
	      .help = "what moving data counts, of the links' prices"),
	FIELD(FIELD_INTEGER, TYPE, energy_permille, "energy_permille", 6, PERMILLE, .fallback = 1000,
	      .help = "what energy counts, of the site's price of it"),
	FIELD(FIELD_QUANTITY, TYPE, carbon_micro_per_kg, "carbon_per_kg", 7, .unit = UNIT_MONEY, .maximum = MONEY_MICRO_MAX,
	      .help = "what a kilogram of CO2 counts"),
	FIELD(FIELD_INTEGER, TYPE, fragmentation_permille, "fragmentation_permille", 8, PERMILLE, .fallback = 1000,
	      .help = "what chips made useless count, of the site's price of chips"),
	FIELD(FIELD_INTEGER, TYPE, scarcity_permille, "scarcity_permille", 9, PERMILLE,
	      .help = "of the price, added at the site that narrow work depends on most, and less at the others"),
};
static const struct schema weights_schema = SCHEMA("weights", TYPE, weight_fields);
#undef TYPE

static void check_amounts(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct amounts *amounts = value;

	if (!amounts->cpu_milli && !amounts->memory_mib && !amounts->chip_milli)
		problems_add(problems, at, path, "names no amount, expected at least one of cpu, memory, chips");
}

#define TYPE struct amounts
static const struct field amounts_fields[] = {
	FIELD(FIELD_QUANTITY, TYPE, cpu_milli, "cpu", 1, .unit = UNIT_CPU, .maximum = AMOUNT_MAX),
	FIELD(FIELD_QUANTITY, TYPE, memory_mib, "memory", 2, .unit = UNIT_MEMORY, .maximum = AMOUNT_MAX),
	FIELD(FIELD_QUANTITY, TYPE, chip_milli, "chips", 3, .unit = UNIT_CHIP, .maximum = AMOUNT_MAX),
};
static const struct schema amounts_schema = SCHEMA("amounts", TYPE, amounts_fields, .check = check_amounts);
#undef TYPE

static void check_within(int64_t quota, int64_t limit, const char *what, const struct doc *at, const char *path, struct problems *problems)
{
	if (limit && quota > limit)
		problems_add_key(problems, at, path, "quota", "promises more %s than the limit allows, expected at most as much", what);
}

static void check_tenant(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct tenant_spec *tenant = value;

	if (!tenant->quota || !tenant->limit)
		return;
	check_within(tenant->quota->cpu_milli, tenant->limit->cpu_milli, "cpu", at, path, problems);
	check_within(tenant->quota->memory_mib, tenant->limit->memory_mib, "memory", at, path, problems);
	check_within(tenant->quota->chip_milli, tenant->limit->chip_milli, "chips", at, path, problems);
}

#define TYPE struct tenant_spec
static const struct field tenant_fields[] = {
	FIELD(FIELD_STRING, TYPE, name, "name", 1, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a name"),
	FIELD(FIELD_STRING, TYPE, parent, "parent", 2, .check = name_check, .help = "left out: it stands below the root"),
	FIELD(FIELD_INTEGER, TYPE, weight, "weight", 3, .minimum = 1, .maximum = POLICY_WEIGHT_MAX, .fallback = 1,
	      .help = "against its siblings'"),
	FIELD(FIELD_POINTER, TYPE, quota, "quota", 4, .schema = &amounts_schema, .help = "what it is sure of"),
	FIELD(FIELD_POINTER, TYPE, limit, "limit", 5, .schema = &amounts_schema, .help = "never more at once"),
};
static const struct schema tenant_schema = SCHEMA("tenant", TYPE, tenant_fields, .check = check_tenant);
#undef TYPE

#define NO_PARENT SIZE_MAX

/* The tree that the tenants make: whose parent is whose, and what was seen on the way up from each. */
struct tree {
	const struct policy_spec *policy;
	const struct doc *at;
	const char *path;
	struct problems *problems;
	size_t *parents; /* the index of each one's parent; NO_PARENT */
	size_t *way;     /* of the walk */
	enum { UNSEEN, WALKING, SOUND, CIRCULAR } *marks;
};

static void report_parent(struct tree *tree, size_t i, const char *text)
{
	char place[256];

	snprintf(place, sizeof(place), "%.200s%stenants[%zu]", tree->path, *tree->path ? "." : "", i);
	problems_add_key(tree->problems, doc_element(tree->at, "tenants", i), place, "parent", "%s", text);
}

static void find_parents(struct tree *tree, const struct name_index *names)
{
	struct problems *problems = tree->problems;

	for (size_t i = 0; i < tree->policy->tenant_count; i++) {
		const char *parent = tree->policy->tenants[i].parent;
		const struct name_entry *entry = *parent ? name_index_find(names, parent) : NULL;
		const char *nearest;

		tree->parents[i] = entry ? entry->index : NO_PARENT;
		if (entry || !*parent)
			continue;
		nearest = problems->count < PROBLEMS_MAX ? name_index_nearest(names, parent) : NULL;
		if (nearest)
			report_parent(tree, i, arena_printf(problems->arena, "there is no tenant \"%s\", did you mean \"%s\"?", parent, nearest));
		else
			report_parent(tree, i, arena_printf(problems->arena, "there is no tenant \"%s\", expected one of those listed", parent));
	}
}

/* Walks up from `i`; each tenant is walked over once. A circle is reported at that of its tenants which the walk met first. */
static void walk_up(struct tree *tree, size_t i)
{
	size_t count = 0;
	int mark;

	for (; i != NO_PARENT && tree->marks[i] == UNSEEN; i = tree->parents[i]) {
		tree->marks[i] = WALKING;
		tree->way[count++] = i;
	}
	mark = i == NO_PARENT ? SOUND : tree->marks[i] == WALKING ? CIRCULAR : (int)tree->marks[i];
	if (i != NO_PARENT && tree->marks[i] == WALKING)
		report_parent(tree, i, "leads back to the tenant itself, expected a tree");
	while (count)
		tree->marks[tree->way[--count]] = mark;
}

/* Only the first tenants that are too deep are reported, not those below them. */
static void check_depth(struct tree *tree, size_t i)
{
	unsigned depth = 1;

	if (tree->marks[i] == CIRCULAR)
		return;
	for (size_t up = tree->parents[i]; up != NO_PARENT && depth <= POLICY_DEPTH_MAX + 1; up = tree->parents[up])
		depth++;
	if (depth == POLICY_DEPTH_MAX + 1)
		report_parent(tree, i, arena_printf(tree->problems->arena, "is the %dth level of tenants, expected at most %d",
						    POLICY_DEPTH_MAX + 1, POLICY_DEPTH_MAX));
}

static void check_policy(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct policy_spec *policy = value;
	cleanup_name_index struct name_index names;
	size_t count = policy->tenant_count;
	struct tree tree = { policy, at, path, problems, .parents = mem_resize(NULL, count, sizeof(tree.parents[0])),
			     .way = mem_resize(NULL, count, sizeof(tree.way[0])), .marks = mem_resize(NULL, count, sizeof(tree.marks[0])) };

	name_index_init(&names, policy->tenants, count, sizeof(policy->tenants[0]), offsetof(struct tenant_spec, name));
	name_index_report(&names, at, path, "tenants", "name", problems);
	find_parents(&tree, &names);
	for (size_t i = 0; i < count; i++)
		tree.marks[i] = UNSEEN;
	for (size_t i = 0; i < count; i++)
		walk_up(&tree, i);
	for (size_t i = 0; i < count; i++)
		check_depth(&tree, i);
	free(tree.parents);
	free(tree.way);
	free(tree.marks);
}

#define TYPE struct policy_spec
static const struct field policy_fields[] = {
	FIELD(FIELD_STRING, TYPE, name, "name", 1, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a name"),
	FIELD(FIELD_STRING, TYPE, title, "title", 2, .maximum = TITLE_MAX_LENGTH, .check = title_check),
	FIELD(FIELD_OBJECT, TYPE, weights, "weights", 3, .schema = &weights_schema, .help = "what counts in the choice of a site"),
	FIELD_LIST_OF(FIELD_OBJECT, TYPE, tenants, tenant_count, "tenants", 4, .schema = &tenant_schema, .maximum = POLICY_TENANTS_MAX,
		      .help = "who may use how much"),
	FIELD(FIELD_QUANTITY, TYPE, half_life_us, "half_life", 5, .unit = UNIT_DURATION, .minimum = HALF_LIFE_US_MIN,
	      .maximum = DURATION_US_MAX, .fallback = INT64_C(7) * 86400 * 1000000, .help = "of what was used, in the fair share"),
	FIELD(FIELD_INTEGER, TYPE, reservations, "reservations", 6, .minimum = 0, .maximum = POLICY_RESERVATIONS_MAX, .fallback = 8,
	      .help = "demands at the head of the queue that get one"),
	FIELD(FIELD_INTEGER, TYPE, backfill_depth, "backfill_depth", 7, .minimum = 0, .maximum = POLICY_BACKFILL_MAX, .fallback = 256,
	      .help = "entries of each class looked at behind one that does not fit"),
	FIELD(FIELD_BOOL, TYPE, preemption, "preemption", 8, .fallback = true,
	      .help = "willing work gives way to higher priorities and to quotas"),
	FIELD(FIELD_ENUM, TYPE, nodes, "nodes", 9, .table = &node_policy_table, .fallback = NODE_POLICY_WEIR,
	      .help = "the rule for nodes and chips"),
	FIELD(FIELD_ENUM, TYPE, order, "order", 10, .table = &queue_order_table, .fallback = QUEUE_AGE,
	      .help = "who comes next within a priority"),
};
const struct schema policy_schema = SCHEMA("policy", TYPE, policy_fields, .check = check_policy, .check_faulty = true);
#undef TYPE
