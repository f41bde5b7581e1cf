/* Tenants: those that the policy names, those that hold or used something, and those with demands that are remembered. */
#include <string.h>

#include "platform/state.h"

const struct policy_spec *view_policy(const struct platform *platform)
{
	return &platform->policy;
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static bool has_used(const struct platform *platform, uint32_t tenant, int64_t now_us)
{
	struct share_view view;

	shares_view(platform->shares, tenant, now_us, &view);
	return view.used_ppm > 0 || view.held.cpu_milli > 0 || view.held.memory_mib > 0 || view.held.chip_milli > 0;
}

/* Some come more than once. */
static size_t collect(const struct platform *platform, int64_t now_us, struct arena *arena, const char ***ret)
{
	size_t known = shares_tenant_count(platform->shares), count = 0;
	const char **names = ARENA_ARRAY(arena, const char *, platform->policy.tenant_count + known + platform->tenant_table.count + 1);

	for (size_t i = 0; i < platform->policy.tenant_count; i++)
		names[count++] = platform->policy.tenants[i].name;
	for (uint32_t t = 1; t < known; t++)
		if (has_used(platform, t, now_us))
			names[count++] = shares_tenant_name(platform->shares, t);
	for (size_t i = 0; i < platform->tenant_table.capacity; i++) {
		const struct label *label = platform->tenant_table.slots[i].item;

		if (label && *label->text)
			names[count++] = label->text;
	}
	if (count > 1)
		qsort(names, count, sizeof(*names), compare_names);
	*ret = names;
	return count;
}

static void fill_tenant(const struct platform *platform, const char *name, int64_t now_us, struct tenant_view *ret)
{
	struct share_view view;

	shares_view(platform->shares, shares_tenant(platform->shares, name), now_us, &view);
	*ret = (struct tenant_view){ .name = view.name, .parent = view.parent, .weight = view.weight, .held = view.held,
				     .quota = (struct amounts *)view.quota, .limit = (struct amounts *)view.limit,
				     .used_ppm = view.used_ppm, .promised_ppm = view.promised_ppm, .borrows = view.borrows };
}

size_t view_tenants(const struct platform *platform, int64_t now_us, const char *only, const char *after, size_t limit,
		    struct arena *arena, struct tenant_view **ret, bool *ret_more)
{
	const char **names;
	size_t all = collect(platform, now_us, arena, &names), count = 0;

	*ret = ARENA_ARRAY(arena, struct tenant_view, (limit < all ? limit : all) + 1);
	*ret_more = false;
	for (size_t i = 0; i < all; i++) {
		if ((i > 0 && strcmp(names[i], names[i - 1]) == 0) || strcmp(names[i], after) <= 0 || (only && strcmp(names[i], only) != 0))
			continue;
		if (count == limit) {
			*ret_more = true;
			break;
		}
		fill_tenant(platform, names[i], now_us, &(*ret)[count++]);
	}
	return count;
}
