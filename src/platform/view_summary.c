/* The network at a glance. O(nodes of sites with chips + classes with something queued). */
#include <string.h>

#include "platform/state.h"

struct chip_row {
	struct chip_summary summary;
	uint64_t hash;
};

static bool row_has_model(const void *item, const void *key)
{
	return strcmp(((const struct chip_row *)item)->summary.model, key) == 0;
}

static struct chip_summary *chip_row(const struct platform *platform, struct table *rows, const char *name, struct arena *arena)
{
	uint64_t hash = hash_text(name);
	struct chip_row *row = table_find(rows, hash, row_has_model, name);
	const struct chip_model *model;

	if (row)
		return &row->summary;
	row = ARENA_NEW(arena, struct chip_row);
	model = catalogue_find(&platform->catalogue, name);
	row->hash = hash;
	row->summary = (struct chip_summary){ .model = arena_strdup(arena, name), .vendor = model ? model->vendor : "",
					      .origin = model ? model->origin : ORIGIN_FOREIGN };
	table_add(rows, hash, row);
	return &row->summary;
}

static void add_site(const struct platform *platform, const struct site *site, int64_t now_us, struct table *rows, struct arena *arena,
		     struct summary *ret)
{
	struct tier_summary *tier = &ret->tiers[site->spec->tier];
	struct site_status status;
	bool up = site->condition == CONDITION_UP;

	site_fill(site, now_us, false, arena, &status);
	ret->sites++;
	ret->sites_up += up;
	ret->sites_draining += site->draining;
	ret->sites_simulated += site->spec->engine == ENGINE_SIMULATED;
	tier->sites++;
	tier->sites_up += up;
	tier->nodes += status.nodes;
	tier->cpu_milli += status.cpu_milli;
	tier->cpu_free_milli += up ? status.cpu_free_milli : 0;
	tier->memory_mib += status.memory_mib;
	tier->memory_free_mib += up ? status.memory_free_mib : 0;
	tier->chips += status.chips;
	tier->chips_free += up ? status.chips_free : 0;
	for (size_t i = 0; i < status.chip_use_count; i++) {
		struct chip_summary *chip = chip_row(platform, rows, status.chip_uses[i].model, arena);

		chip->count += status.chip_uses[i].count;
		chip->free += up ? status.chip_uses[i].free : 0;
	}
}

/* Whole chips that the queue asks for by name; of several names each counts. */
static void add_waiting(const struct platform *platform, struct table *rows, struct arena *arena)
{
	for (size_t i = 0; i < platform->active_count; i++) {
		const struct class *class = platform->active[i]->class;
		int64_t workers = class->kind == DEMAND_JOB ? class->workers : 1;
		int64_t chips = (class->shape.chips.milli * workers + CHIP_MILLI - 1) / CHIP_MILLI;
		const struct ask *ask;

		if (chips == 0)
			continue;
		ask = class_ask(class, arena);
		for (size_t m = 0; m < ask->shape.chips.model_count; m++)
			chip_row(platform, rows, ask->shape.chips.models[m], arena)->waiting += chips * (int64_t)queue_length(platform->active[i]);
	}
}

static int compare_chips(const void *left, const void *right)
{
	return strcmp(((const struct chip_summary *)left)->model, ((const struct chip_summary *)right)->model);
}

void view_summary(const struct platform *platform, int64_t now_us, struct arena *arena, struct summary *ret)
{
	struct table rows = { 0 };
	struct arena scratch;

	*ret = (struct summary){ .name = platform->settings.name, .network = platform->network.name ? platform->network.name : "",
				 .title = platform->network.title ? platform->network.title : "",
				 .note = platform->network.note ? platform->network.note : "", .version = WEIR_VERSION,
				 .epoch = platform->epoch, .sequence = platform->sequence, .tier_count = TIER_COUNT,
				 .tallies = platform->tallies };
	ret->round = gap_last(platform, arena);
	ret->tiers = ARENA_ARRAY(arena, struct tier_summary, TIER_COUNT);
	for (int t = 0; t < TIER_COUNT; t++)
		ret->tiers[t].tier = (enum tier)t;
	for (int s = 0; s < STATE_COUNT; s++)
		ret->demands[s] = (int64_t)platform->state_counts[s];
	arena_init(&scratch);
	for (size_t i = 0; i < platform->site_count; i++) {
		add_site(platform, platform->sites[i], now_us, &rows, &scratch, ret);
	}
	add_waiting(platform, &rows, &scratch);
	ret->chips = ARENA_ARRAY(arena, struct chip_summary, rows.count + 1);
	for (size_t i = 0; i < rows.capacity; i++) {
		const struct chip_row *row = rows.slots[i].item;

		if (!row)
			continue;
		ret->chips[ret->chip_count] = row->summary;
		ret->chips[ret->chip_count++].model = arena_strdup(arena, row->summary.model);
		if (catalogue_find(&platform->catalogue, row->summary.model))
			*(row->summary.origin == ORIGIN_DOMESTIC ? &ret->chips_domestic : &ret->chips_foreign) += row->summary.count;
	}
	if (ret->chip_count > 1)
		qsort(ret->chips, ret->chip_count, sizeof(*ret->chips), compare_chips);
	table_done(&rows);
	arena_done(&scratch);
}
