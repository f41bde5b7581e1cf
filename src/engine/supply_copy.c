#include "engine/supply_copy.h"

static const char **copy_names(const char *const *names, size_t count, struct arena *arena)
{
	const char **copies = ARENA_ARRAY(arena, const char *, count + 1);

	for (size_t i = 0; i < count; i++)
		copies[i] = arena_strdup(arena, names[i]);
	return copies;
}

static int64_t *copy_counts(const int64_t *counts, size_t count, struct arena *arena)
{
	int64_t *copies = ARENA_ARRAY(arena, int64_t, count + 1);

	for (size_t i = 0; i < count; i++)
		copies[i] = counts[i];
	return copies;
}

struct weir_supply_group *supply_copy(const struct weir_supply_group *groups, size_t count, struct arena *arena)
{
	struct weir_supply_group *copies = ARENA_ARRAY(arena, struct weir_supply_group, count + 1);

	for (size_t g = 0; g < count; g++) {
		copies[g] = groups[g];
		copies[g].name = arena_strdup(arena, groups[g].name);
		copies[g].chip_models = copy_names(groups[g].chip_models, groups[g].chip_model_count, arena);
		copies[g].chip_counts = copy_counts(groups[g].chip_counts, groups[g].chip_model_count, arena);
		copies[g].resource_names = copy_names(groups[g].resource_names, groups[g].resource_count, arena);
		copies[g].resource_counts = copy_counts(groups[g].resource_counts, groups[g].resource_count, arena);
	}
	return copies;
}
