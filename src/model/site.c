#include "model/site.h"

static const char *const tier_words[] = { "hub", "regional", "edge" };
STRING_TABLE_DEFINE(enum tier, tier, TIER_COUNT);

static const char *const engine_kind_words[] = { "local", "slurm", "kubernetes", "simulated" };
STRING_TABLE_DEFINE(enum engine_kind, engine_kind, ENGINE_KIND_COUNT);

int64_t node_group_chips(const struct node_group *group)
{
	int64_t chips = 0;

	for (size_t i = 0; i < group->chip_count; i++)
		chips += group->chips[i].count;
	return chips;
}
