/* Building a policy, call by call. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "lib/lib.h"

struct weir_policy *weir_policy_new(void)
{
	struct weir_policy *policy = mem_alloc(sizeof(*policy));

	policy->users = 1;
	arena_init(&policy->arena);
	policy_defaults(&policy->spec);
	return policy;
}

void lib_policy_unref(struct weir_policy *policy)
{
	if (!policy || --policy->users > 0)
		return;
	free(policy->spec.tenants);
	arena_done(&policy->arena);
	free(policy);
}

void weir_policy_free(struct weir_policy *policy)
{
	lib_policy_unref(policy);
}

static int check_open(struct weir_policy *policy)
{
	return policy->sealed ? err_set(&policy->err, -EBUSY, "a matcher was made of this policy, it stays as it is") : 0;
}

int weir_policy_set(struct weir_policy *policy, int setting, int64_t value)
{
	struct policy_spec *spec = &policy->spec;
	struct score_weights *weights = &spec->weights;
	struct {
		int64_t *at;
		int64_t least, most;
	} settings[] = {
		[WEIR_POLICY_NODES] = { NULL, 0, NODE_POLICY_COUNT - 1 },
		[WEIR_POLICY_RESERVATIONS] = { &spec->reservations, 0, POLICY_RESERVATIONS_MAX },
		[WEIR_POLICY_BACKFILL_DEPTH] = { &spec->backfill_depth, 0, POLICY_BACKFILL_MAX },
		[WEIR_POLICY_PREEMPTION] = { NULL, 0, 1 },
		[WEIR_POLICY_HALF_LIFE_US] = { &spec->half_life_us, 1000000, INT64_C(3660) * 86400000000 },
		[WEIR_POLICY_LATENCY_PERMILLE_PER_MS] = { &weights->latency_permille_per_ms, 0, POLICY_PERMILLE_MAX },
		[WEIR_POLICY_WAIT_PERMILLE] = { &weights->wait_permille, 0, POLICY_PERMILLE_MAX },
		[WEIR_POLICY_DATA_PERMILLE] = { &weights->data_permille, 0, POLICY_PERMILLE_MAX },
		[WEIR_POLICY_ENERGY_PERMILLE] = { &weights->energy_permille, 0, POLICY_PERMILLE_MAX },
		[WEIR_POLICY_CARBON_MICRO_PER_KG] = { &weights->carbon_micro_per_kg, 0, LIB_MONEY_MICRO_MAX },
		[WEIR_POLICY_FRAGMENTATION_PERMILLE] = { &weights->fragmentation_permille, 0, POLICY_PERMILLE_MAX },
		[WEIR_POLICY_JOB_HUB_PERMILLE] = { &weights->tier_permille[DEMAND_JOB][TIER_HUB], 0, POLICY_PERMILLE_MAX },
		[WEIR_POLICY_JOB_REGIONAL_PERMILLE] = { &weights->tier_permille[DEMAND_JOB][TIER_REGIONAL], 0, POLICY_PERMILLE_MAX },
		[WEIR_POLICY_JOB_EDGE_PERMILLE] = { &weights->tier_permille[DEMAND_JOB][TIER_EDGE], 0, POLICY_PERMILLE_MAX },
		[WEIR_POLICY_SERVICE_HUB_PERMILLE] = { &weights->tier_permille[DEMAND_SERVICE][TIER_HUB], 0, POLICY_PERMILLE_MAX },
		[WEIR_POLICY_SERVICE_REGIONAL_PERMILLE] = { &weights->tier_permille[DEMAND_SERVICE][TIER_REGIONAL], 0, POLICY_PERMILLE_MAX },
		[WEIR_POLICY_SERVICE_EDGE_PERMILLE] = { &weights->tier_permille[DEMAND_SERVICE][TIER_EDGE], 0, POLICY_PERMILLE_MAX },
	};
	int code = check_open(policy);

	code = code < 0 ? code : lib_check_range(&policy->err, "the setting", setting, 0, ARRAY_COUNT(settings) - 1);
	code = code < 0 ? code : lib_check_range(&policy->err, "the value", value, settings[setting].least, settings[setting].most);
	if (code < 0)
		return code;
	if (setting == WEIR_POLICY_NODES)
		spec->nodes = (enum node_policy)value;
	else if (setting == WEIR_POLICY_PREEMPTION)
		spec->preemption = value;
	else
		*settings[setting].at = value;
	return 0;
}

static struct tenant_spec *find_tenant(struct weir_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->spec.tenant_count; i++)
		if (name && strcmp(policy->spec.tenants[i].name, name) == 0)
			return &policy->spec.tenants[i];
	return NULL;
}

static int depth_of(struct weir_policy *policy, const struct tenant_spec *tenant)
{
	int depth = 0;

	for (; tenant; tenant = find_tenant(policy, tenant->parent))
		depth++;
	return depth;
}

int weir_policy_add_tenant(struct weir_policy *policy, const char *name, const char *parent, int64_t weight)
{
	struct err *err = &policy->err;
	const struct tenant_spec *above = parent && *parent ? find_tenant(policy, parent) : NULL;
	int code = check_open(policy);

	code = code < 0 ? code : lib_check_name(err, "the tenant", name);
	code = code < 0 ? code : lib_check_range(err, "the weight", weight, 1, POLICY_WEIGHT_MAX);
	if (code < 0)
		return code;
	if (find_tenant(policy, name))
		return err_set(err, -EEXIST, "there is a tenant %s already", name);
	if (parent && *parent && !above)
		return err_set(err, -ENOENT, "there is no tenant %s to stand below", parent);
	if (depth_of(policy, above) + 1 > POLICY_DEPTH_MAX)
		return err_set(err, -ENOSPC, "%s would stand more than %d levels deep", name, POLICY_DEPTH_MAX);
	if (policy->spec.tenant_count == POLICY_TENANTS_MAX)
		return err_set(err, -ENOSPC, "there are %d tenants already, as many as may be", POLICY_TENANTS_MAX);
	name = arena_strdup(&policy->arena, name);
	parent = above ? above->name : "";
	ARRAY_RESERVE(policy->spec.tenants, policy->tenant_capacity, policy->spec.tenant_count + 1);
	policy->spec.tenants[policy->spec.tenant_count++] = (struct tenant_spec){ .name = name, .parent = parent, .weight = weight };
	return 0;
}

static int set_amounts(struct weir_policy *policy, const char *tenant, const struct amounts *amounts, bool limit)
{
	struct tenant_spec *spec = find_tenant(policy, tenant);
	int code = check_open(policy);

	code = code < 0 ? code : lib_check_range(&policy->err, "the cpu", amounts->cpu_milli, 0, AMOUNT_MAX);
	code = code < 0 ? code : lib_check_range(&policy->err, "the memory", amounts->memory_mib, 0, AMOUNT_MAX);
	code = code < 0 ? code : lib_check_range(&policy->err, "the chips", amounts->chip_milli, 0, AMOUNT_MAX);
	if (code < 0)
		return code;
	if (!spec)
		return err_set(&policy->err, -ENOENT, "there is no tenant %s", tenant ? tenant : "");
	*(limit ? &spec->limit : &spec->quota) = arena_dup(&policy->arena, amounts, sizeof(*amounts));
	return 0;
}

int weir_policy_quota(struct weir_policy *policy, const char *tenant, int64_t cpu_milli, int64_t memory_mib, int64_t chip_milli)
{
	return set_amounts(policy, tenant, &(struct amounts){ cpu_milli, memory_mib, chip_milli }, false);
}

int weir_policy_limit(struct weir_policy *policy, const char *tenant, int64_t cpu_milli, int64_t memory_mib, int64_t chip_milli)
{
	return set_amounts(policy, tenant, &(struct amounts){ cpu_milli, memory_mib, chip_milli }, true);
}
