#include "engine/environment.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/strbuf.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CHIPS_MAX 64

/* Which variable each maker's runtime reads, by the names of the chip catalogue. The first match counts. */
static const struct {
	const char *prefix;
	const char *variable;
} families[] = {
	{ "ascend-", "ASCEND_RT_VISIBLE_DEVICES" }, /* Huawei, CANN */
	{ "mlu", "MLU_VISIBLE_DEVICES" },	    /* Cambricon, Neuware */
	{ "br1", "SUPA_VISIBLE_DEVICES" },	    /* Biren */
	{ "mtt-", "MUSA_VISIBLE_DEVICES" },	    /* Moore Threads */
	{ "dcu-", "HIP_VISIBLE_DEVICES" },	    /* Hygon, DTK */
	{ "kunlun-", "XPU_VISIBLE_DEVICES" },	    /* Kunlunxin */
	{ "enflame-", "TOPS_VISIBLE_DEVICES" },
	{ "mi", "HIP_VISIBLE_DEVICES" }, /* AMD, ROCm */
	/* Runtimes that read CUDA's variable. */
	{ "zhenwu-", "CUDA_VISIBLE_DEVICES" }, /* T-Head */
	{ "metax-", "CUDA_VISIBLE_DEVICES" },
	{ "bi-", "CUDA_VISIBLE_DEVICES" }, /* Iluvatar CoreX */
	{ "a1", "CUDA_VISIBLE_DEVICES" },  /* NVIDIA: a10, a100 */
	{ "a3", "CUDA_VISIBLE_DEVICES" },
	{ "a4", "CUDA_VISIBLE_DEVICES" },
	{ "a8", "CUDA_VISIBLE_DEVICES" },
	{ "b2", "CUDA_VISIBLE_DEVICES" },
	{ "gb", "CUDA_VISIBLE_DEVICES" },
	{ "gh", "CUDA_VISIBLE_DEVICES" },
	{ "gtx", "CUDA_VISIBLE_DEVICES" },
	{ "h1", "CUDA_VISIBLE_DEVICES" },
	{ "h2", "CUDA_VISIBLE_DEVICES" },
	{ "h8", "CUDA_VISIBLE_DEVICES" },
	{ "l2", "CUDA_VISIBLE_DEVICES" },
	{ "l4", "CUDA_VISIBLE_DEVICES" },
	{ "p100", "CUDA_VISIBLE_DEVICES" },
	{ "p4", "CUDA_VISIBLE_DEVICES" },
	{ "rtx-", "CUDA_VISIBLE_DEVICES" },
	{ "t4", "CUDA_VISIBLE_DEVICES" },
	{ "v100", "CUDA_VISIBLE_DEVICES" },
};

/* All of the above, once each: set to nothing for a worker without chips, to everything it has for a model that is not known. */
static const char *const variables[] = {
	"ASCEND_RT_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",  "MLU_VISIBLE_DEVICES",
	"MUSA_VISIBLE_DEVICES",	     "SUPA_VISIBLE_DEVICES", "TOPS_VISIBLE_DEVICES", "XPU_VISIBLE_DEVICES",
};

const char *chip_variable(const char *model)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strncmp(model, families[i].prefix, strlen(families[i].prefix)) == 0)
			return families[i].variable;
	return NULL;
}

void environment_put(struct environment *environment, const char *item)
{
	size_t name = strcspn(item, "=") + 1;

	for (size_t i = 0; i < environment->count; i++)
		if (strncmp(environment->items[i], item, name) == 0) {
			environment->items[i] = item;
			return;
		}
	if (environment->count == environment->capacity) {
		size_t capacity = environment->capacity ? environment->capacity * 2 : 32;
		const char **items = ARENA_ARRAY(environment->arena, const char *, capacity);

		for (size_t i = 0; i < environment->count; i++)
			items[i] = environment->items[i];
		environment->items = items;
		environment->capacity = capacity;
	}
	environment->items[environment->count++] = item;
}

void environment_set(struct environment *environment, const char *name, const char *value)
{
	environment_put(environment, arena_printf(environment->arena, "%s=%s", name, value));
}

void environment_printf(struct environment *environment, const char *name, const char *format, ...)
{
	va_list arguments;
	char *value;

	va_start(arguments, format);
	value = arena_vprintf(environment->arena, format, arguments);
	va_end(arguments);
	environment_set(environment, name, value);
}

void environment_common(struct environment *environment, const struct weir_start *start, const char *user, const char *home)
{
	environment_set(environment, "PATH", PATH_DEFAULT);
	environment_set(environment, "HOME", home);
	environment_set(environment, "LANG", "C.UTF-8");
	environment_set(environment, "USER", user);
	for (size_t i = 0; i < start->environment_count; i++)
		environment_set(environment, start->environment[i].name, start->environment[i].value);
}

/* The group of a node's name, "group/3". */
static const struct weir_supply_group *group_of(const char *node, const struct weir_supply_group *groups, size_t count)
{
	size_t length = strcspn(node, "/");

	for (size_t g = 0; g < count; g++)
		if (strlen(groups[g].name) == length && strncmp(groups[g].name, node, length) == 0)
			return &groups[g];
	return NULL;
}

static bool same_runtime(const char *model, const char *variable)
{
	const char *other = chip_variable(model);

	return other && variable && strcmp(other, variable) == 0;
}

/* weir numbers a node's chips through all its models, a runtime only those that it drives: chips of other
 * runtimes that come before are not counted. */
static int device_number(unsigned chip, const char *variable, const struct environment_place *place, const struct weir_supply_group *group)
{
	int64_t at = 0;
	int device = 0;

	if (place->devices)
		return place->devices[chip];
	if (!group)
		return (int)chip;
	for (size_t m = 0; m < group->chip_model_count; m++)
		for (int64_t i = 0; i < group->chip_counts[m] && at < (int64_t)chip; i++, at++)
			device += same_runtime(group->chip_models[m], variable) || !variable;
	return device;
}

static void set_chips(struct environment *environment, const struct weir_worker *worker, const struct environment_place *place)
{
	const struct weir_supply_group *group = group_of(worker->node ? worker->node : "", place->groups, place->group_count);
	const char *model = worker->chip_model ? worker->chip_model : "";
	cleanup_strbuf struct strbuf chips = { 0 };
	cleanup_strbuf struct strbuf devices = { 0 };
	const char *variable = chip_variable(model);

	for (unsigned chip = 0; chip < CHIPS_MAX; chip++) {
		if (!(worker->chips >> chip & 1))
			continue;
		strbuf_printf(&chips, "%s%u", chips.length ? "," : "", chip);
		strbuf_printf(&devices, "%s%d", devices.length ? "," : "", device_number(chip, variable, place, group));
	}
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		bool mine = !variable || strcmp(variable, variables[i]) == 0;

		environment_set(environment, variables[i], mine ? strbuf_text(&devices) : "");
	}
	environment_set(environment, "CUDA_DEVICE_ORDER", "PCI_BUS_ID"); /* as NVML counts; CUDA's own order is by speed */
	environment_set(environment, "WEIR_CHIPS", strbuf_text(&chips));
	environment_set(environment, "WEIR_CHIP_MODEL", model);
	environment_printf(environment, "WEIR_CHIP_MILLI", "%lld", (long long)worker->chip_milli);
}

void environment_worker(struct environment *environment, const struct weir_start *start, const struct weir_worker *worker,
			const struct environment_place *place, const char *folder)
{
	char id[ID_TEXT_SIZE];

	environment_set(environment, "WEIR_DEMAND", id_format(start->key.demand, id));
	environment_set(environment, "WEIR_NAME", start->name ? start->name : "");
	environment_set(environment, "WEIR_SITE", place->site);
	environment_set(environment, "WEIR_TIER", place->tier);
	environment_set(environment, "WEIR_REGION", place->region);
	environment_set(environment, "WEIR_NODE", worker->node ? worker->node : "");
	environment_printf(environment, "WEIR_REPLICA", "%u", start->key.replica);
	environment_printf(environment, "WEIR_ATTEMPT", "%u", start->key.attempt);
	environment_printf(environment, "WEIR_WORKER", "%u", worker->index);
	environment_printf(environment, "WEIR_WORKERS", "%lld", (long long)start->workers_total);
	environment_set(environment, ENVIRONMENT_FOLDER, folder);
	environment_printf(environment, "WEIR_PROGRESS", "%s/progress", folder);
	set_chips(environment, worker, place);
}
