#include "engine/supply_copy.h"

struct weir_supply_group *supply_copy(const struct weir_supply_group *groups, size_t count, struct arena *arena)
{
	struct weir_supply_group *copies = ARENA_ARRAY(arena, struct weir_supply_group, count + 1);

	for (size_t g = 0; g < count; g++) {
		const char **models = ARENA_ARRAY(arena, const char *, groups[g].chip_model_count + 1);
		int64_t *counts = ARENA_ARRAY(arena, int64_t, groups[g].chip_model_count + 1);

		for (size_t m = 0; m < groups[g].chip_model_count; m++) {
			models[m] = arena_strdup(arena, groups[g].chip_models[m]);
			counts[m] = groups[g].chip_counts[m];
		}
		copies[g] = groups[g];
		copies[g].name = arena_strdup(arena, groups[g].name);
		copies[g].chip_models = models;
		copies[g].chip_counts = counts;
	}
	return copies;
}
