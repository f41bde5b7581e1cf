/* Building a demand, call by call; and the bytes by which equal ones are known. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "lib/lib.h"

#define WITHIN_US_MAX INT64_C(60000000)
#define DATA_MIB_MAX (INT64_C(1) << 40)

struct weir_demand *weir_demand_new(int kind)
{
	struct weir_demand *demand = mem_alloc(sizeof(*demand));

	arena_init(&demand->arena);
	demand->ask = (struct ask){ .kind = kind == WEIR_KIND_SERVICE ? DEMAND_SERVICE : DEMAND_JOB, .workers = 1, .priority = PRIORITY_DEFAULT };
	return demand;
}

void weir_demand_free(struct weir_demand *demand)
{
	if (!demand)
		return;
	arena_done(&demand->arena);
	free(demand);
}

static void set_number(struct weir_demand *demand, int field, int64_t value)
{
	struct ask *ask = &demand->ask;
	int64_t *const numbers[] = {
		[WEIR_DEMAND_WORKERS] = &ask->workers, [WEIR_DEMAND_CPU_MILLI] = &ask->shape.cpu_milli,
		[WEIR_DEMAND_MEMORY_MIB] = &ask->shape.memory_mib, [WEIR_DEMAND_CHIP_MILLI] = &ask->shape.chips.milli,
		[WEIR_DEMAND_CHIP_MEMORY_MIB] = &ask->shape.chips.needs.memory_mib, [WEIR_DEMAND_PRIORITY] = &ask->priority,
		[WEIR_DEMAND_PRICE_MAX_MICRO] = &ask->price_max_micro, [WEIR_DEMAND_TIME_LIMIT_US] = &demand->time_limit_us,
		[WEIR_DEMAND_DEADLINE_US] = &demand->deadline_us,
	};

	switch (field) {
	case WEIR_DEMAND_PREEMPTIBLE:
		ask->preemptible = value;
		break;
	case WEIR_DEMAND_DOMESTIC_ONLY:
		ask->rules.domestic_only = value;
		break;
	case WEIR_DEMAND_CLEARANCE:
		ask->rules.clearance = value;
		break;
	case WEIR_DEMAND_TOGETHER:
		ask->where.together = (enum together)value;
		break;
	case WEIR_DEMAND_ARRANGE:
		ask->where.arrange = (enum arrange)value;
		break;
	default:
		*numbers[field] = value;
	}
}

int weir_demand_set(struct weir_demand *demand, int field, int64_t value)
{
	static const int64_t most[] = {
		[WEIR_DEMAND_WORKERS] = DEMAND_WORKERS_MAX, [WEIR_DEMAND_CPU_MILLI] = LIB_CPU_MILLI_MAX,
		[WEIR_DEMAND_MEMORY_MIB] = LIB_MEMORY_MIB_MAX, [WEIR_DEMAND_CHIP_MILLI] = NODE_CHIPS_MAX * CHIP_MILLI,
		[WEIR_DEMAND_CHIP_MEMORY_MIB] = LIB_MEMORY_MIB_MAX, [WEIR_DEMAND_PRIORITY] = PRIORITY_MAX, [WEIR_DEMAND_PREEMPTIBLE] = 1,
		[WEIR_DEMAND_DOMESTIC_ONLY] = 1, [WEIR_DEMAND_CLEARANCE] = 1, [WEIR_DEMAND_TOGETHER] = TOGETHER_COUNT - 1,
		[WEIR_DEMAND_ARRANGE] = ARRANGE_COUNT - 1, [WEIR_DEMAND_PRICE_MAX_MICRO] = LIB_MONEY_MICRO_MAX,
		[WEIR_DEMAND_TIME_LIMIT_US] = LIB_TIME_US_MAX, [WEIR_DEMAND_DEADLINE_US] = LIB_TIME_US_MAX,
	};
	int code = lib_check_range(&demand->err, "the field", field, 0, ARRAY_COUNT(most) - 1);

	code = code < 0 ? code : lib_check_range(&demand->err, "the value", value, field == WEIR_DEMAND_WORKERS, most[field]);
	if (code < 0)
		return code;
	if (field == WEIR_DEMAND_CHIP_MILLI && value > CHIP_MILLI && value % CHIP_MILLI)
		return err_set(&demand->err, -EINVAL, "%lld milli-chips are neither whole chips nor a share of one", (long long)value);
	set_number(demand, field, value);
	return 0;
}

int weir_demand_add(struct weir_demand *demand, int list, const char *word)
{
	struct ask *ask = &demand->ask;
	struct {
		const char *what;
		const char ***words;
		size_t *count;
	} lists[] = {
		[WEIR_LIST_MODELS] = { "the chip model", &ask->shape.chips.models, &ask->shape.chips.model_count },
		[WEIR_LIST_SOFTWARE] = { "the software", &ask->shape.chips.needs.software, &ask->shape.chips.needs.software_count },
		[WEIR_LIST_REGIONS] = { "the region", &ask->where.regions, &ask->where.region_count },
		[WEIR_LIST_SITES] = { "the site", &ask->where.sites, &ask->where.site_count },
		[WEIR_LIST_RESIDENCY] = { "the region", &ask->rules.residency, &ask->rules.residency_count },
	};
	int code = lib_check_range(&demand->err, "the list", list, 0, ARRAY_COUNT(lists) - 1);

	if (code < 0)
		return code;
	return lib_list_add(lists[list].words, lists[list].count, &demand->arena, &demand->err, lists[list].what, word);
}

int weir_demand_add_tier(struct weir_demand *demand, int tier)
{
	struct where *where = &demand->ask.where;
	int code = lib_check_range(&demand->err, "the tier", tier, 0, TIER_COUNT - 1);

	if (code < 0)
		return code;
	for (size_t i = 0; i < where->tier_count; i++)
		if (where->tiers[i] == (enum tier)tier)
			return 0;
	if (where->tier_count == 0)
		where->tiers = ARENA_ARRAY(&demand->arena, enum tier, TIER_COUNT);
	where->tiers[where->tier_count++] = (enum tier)tier;
	return 0;
}

int weir_demand_add_throughput(struct weir_demand *demand, int format, int64_t gops)
{
	struct chip_needs *needs = &demand->ask.shape.chips.needs;
	int code = lib_check_range(&demand->err, "the number format", format, 0, FORMAT_COUNT - 1);

	code = code < 0 ? code : lib_check_range(&demand->err, "the throughput", gops, 1, LIB_GOPS_MAX);
	if (code < 0)
		return code;
	for (size_t i = 0; i < needs->throughput_count; i++)
		if (needs->throughputs[i].format == (enum number_format)format)
			return err_set(&demand->err, -EEXIST, "a throughput in %s is asked for already",
				       number_format_to_string((enum number_format)format));
	if (needs->throughput_count == 0)
		needs->throughputs = ARENA_ARRAY(&demand->arena, struct throughput, FORMAT_COUNT);
	needs->throughputs[needs->throughput_count++] = (struct throughput){ (enum number_format)format, gops };
	return 0;
}

int weir_demand_add_resource(struct weir_demand *demand, const char *name, int64_t count)
{
	struct shape *shape = &demand->ask.shape;
	int code = lib_check_name(&demand->err, "the resource", name);

	code = code < 0 ? code : lib_check_range(&demand->err, "the number of it", count, 1, COUNTABLE_MAX);
	if (code < 0)
		return code;
	for (size_t i = 0; i < shape->resource_count; i++)
		if (strcmp(shape->resources[i].name, name) == 0)
			return err_set(&demand->err, -EEXIST, "%s is asked for already", name);
	if (shape->resource_count == RESOURCES_MAX)
		return err_set(&demand->err, -ENOSPC, "%d further resources are asked for already, as many as may be", RESOURCES_MAX);
	if (shape->resource_count == 0)
		shape->resources = ARENA_ARRAY(&demand->arena, struct countable, RESOURCES_MAX);
	shape->resources[shape->resource_count++] = (struct countable){ arena_strdup(&demand->arena, name), count };
	return 0;
}

/* --- places and data --- */

static int make_place(struct weir_demand *demand, const char *site, int64_t latitude_udeg, int64_t longitude_udeg, int64_t within_us,
		      struct near *ret)
{
	int code = site ? lib_check_name(&demand->err, "the site", site) : 0;

	code = code < 0 ? code : lib_check_range(&demand->err, "the latitude", latitude_udeg, -90000000, 90000000);
	code = code < 0 ? code : lib_check_range(&demand->err, "the longitude", longitude_udeg, -180000000, 180000000);
	code = code < 0 ? code : lib_check_range(&demand->err, "the round-trip time", within_us, 0, WITHIN_US_MAX);
	if (code < 0)
		return code;
	*ret = (struct near){ .site = site ? arena_strdup(&demand->arena, site) : "", .within_us = within_us };
	if (site)
		return 0;
	ret->has_coordinates = true;
	ret->latitude_udeg = latitude_udeg;
	ret->longitude_udeg = longitude_udeg;
	return 0;
}

int weir_demand_near(struct weir_demand *demand, const char *site, int64_t latitude_udeg, int64_t longitude_udeg, int64_t within_us)
{
	struct near near;
	int code = make_place(demand, site, latitude_udeg, longitude_udeg, within_us, &near);

	if (code < 0)
		return code;
	if (demand->ask.where.caller_count > 0)
		return err_set(&demand->err, -EEXIST, "it has callers already: these say what it is near to");
	demand->ask.where.near = arena_dup(&demand->arena, &near, sizeof(near));
	return 0;
}

int weir_demand_add_caller(struct weir_demand *demand, const char *site, int64_t latitude_udeg, int64_t longitude_udeg, int64_t within_us,
			   int64_t weight)
{
	struct where *where = &demand->ask.where;
	struct near near;
	int code = make_place(demand, site, latitude_udeg, longitude_udeg, within_us, &near);

	code = code < 0 ? code : lib_check_range(&demand->err, "the weight", weight, 1, CALLER_WEIGHT_MAX);
	if (code < 0)
		return code;
	if (demand->ask.kind != DEMAND_SERVICE)
		return err_set(&demand->err, -EINVAL, "a job has no callers");
	if (where->near)
		return err_set(&demand->err, -EEXIST, "it is near to a place already: callers say that instead");
	if (where->caller_count == DEMAND_LIST_MAX)
		return err_set(&demand->err, -ENOSPC, "there are %d callers already, as many as may be", DEMAND_LIST_MAX);
	if (where->caller_count == 0)
		where->callers = ARENA_ARRAY(&demand->arena, struct caller_place, DEMAND_LIST_MAX);
	where->callers[where->caller_count++] = (struct caller_place){ near, weight };
	return 0;
}

int64_t weir_demand_add_data(struct weir_demand *demand, const char *name, int64_t size_mib, const char *site)
{
	struct ask *ask = &demand->ask;
	int code = lib_check_name(&demand->err, "the data", name);

	code = code < 0 ? code : lib_check_name(&demand->err, "the data's site", site);
	code = code < 0 ? code : lib_check_range(&demand->err, "the data's size", size_mib, 0, DATA_MIB_MAX);
	if (code < 0)
		return code;
	if (ask->data_count == DEMAND_LIST_MAX)
		return err_set(&demand->err, -ENOSPC, "there are %d pieces of data already, as many as may be", DEMAND_LIST_MAX);
	if (ask->data_count == 0)
		ask->data = ARENA_ARRAY(&demand->arena, struct data_reference, DEMAND_LIST_MAX);
	ask->data[ask->data_count] = (struct data_reference){ .name = arena_strdup(&demand->arena, name), .size_mib = size_mib,
							      .site = arena_strdup(&demand->arena, site) };
	return (int64_t)ask->data_count++;
}

int weir_demand_data_residency(struct weir_demand *demand, int64_t data, const char *region)
{
	struct ask *ask = &demand->ask;

	if (data < 0 || (size_t)data >= ask->data_count)
		return err_set(&demand->err, -ENOENT, "there is no data %lld", (long long)data);
	return lib_list_add(&ask->data[data].residency, &ask->data[data].residency_count, &demand->arena, &demand->err, "the region", region);
}

/* --- as it is matched --- */

int lib_demand_ask(struct weir_demand *demand, struct arena *arena, struct ask **ret)
{
	const struct ask *ask = &demand->ask;

	if (ask->kind == DEMAND_SERVICE && (demand->time_limit_us || demand->deadline_us))
		return err_set(&demand->err, -EINVAL, "a service has no time limit and no deadline");
	if (ask->kind == DEMAND_SERVICE && ask->where.together != TOGETHER_SITE)
		return err_set(&demand->err, -EINVAL, "a service's replicas are placed each by itself, not together");
	if (ask->shape.cpu_milli == 0 && ask->shape.memory_mib == 0 && ask->shape.chips.milli == 0)
		return err_set(&demand->err, -EINVAL, "it asks for nothing: neither cpu nor memory nor chips");
	*ret = ask_copy(ask, arena);
	if (ask->data_count > 0)
		(*ret)->data_hours = ask_data_hours(demand->time_limit_us);
	ask_canonicalize(*ret);
	return 0;
}

static void key_number(struct strbuf *out, int64_t number)
{
	strbuf_add(out, &number, sizeof(number));
}

static void key_text(struct strbuf *out, const char *text)
{
	text = text ? text : "";
	strbuf_add(out, text, strlen(text) + 1);
}

static void key_list(struct strbuf *out, const char *const *words, size_t count)
{
	key_number(out, (int64_t)count);
	for (size_t i = 0; i < count; i++)
		key_text(out, words[i]);
}

static void key_place(struct strbuf *out, const struct near *near)
{
	key_text(out, near->site);
	key_number(out, near->has_coordinates);
	key_number(out, near->latitude_udeg);
	key_number(out, near->longitude_udeg);
	key_number(out, near->within_us);
}

static void key_shape(struct strbuf *out, const struct shape *shape)
{
	const struct chip_needs *needs = &shape->chips.needs;

	key_number(out, shape->cpu_milli);
	key_number(out, shape->memory_mib);
	key_number(out, shape->chips.milli);
	key_list(out, shape->chips.models, shape->chips.model_count);
	key_number(out, needs->memory_mib);
	key_list(out, needs->software, needs->software_count);
	key_number(out, (int64_t)needs->throughput_count);
	for (size_t i = 0; i < needs->throughput_count; i++) {
		key_number(out, needs->throughputs[i].format);
		key_number(out, needs->throughputs[i].gops);
	}
	key_number(out, (int64_t)shape->resource_count);
	for (size_t i = 0; i < shape->resource_count; i++) {
		key_text(out, shape->resources[i].name);
		key_number(out, shape->resources[i].count);
	}
}

static void key_where(struct strbuf *out, const struct where *where)
{
	key_number(out, (int64_t)where->tier_count);
	for (size_t i = 0; i < where->tier_count; i++)
		key_number(out, where->tiers[i]);
	key_list(out, where->regions, where->region_count);
	key_list(out, where->sites, where->site_count);
	key_number(out, where->near != NULL);
	if (where->near)
		key_place(out, where->near);
	key_number(out, (int64_t)where->caller_count);
	for (size_t i = 0; i < where->caller_count; i++) {
		key_place(out, &where->callers[i].place);
		key_number(out, where->callers[i].weight);
	}
	key_number(out, where->together);
	key_number(out, where->arrange);
}

void lib_ask_key(const struct ask *ask, struct strbuf *out)
{
	key_number(out, ask->kind);
	key_number(out, ask->workers);
	key_shape(out, &ask->shape);
	key_number(out, ask->priority);
	key_number(out, ask->preemptible);
	key_where(out, &ask->where);
	key_number(out, ask->rules.domestic_only);
	key_number(out, ask->rules.clearance);
	key_list(out, ask->rules.residency, ask->rules.residency_count);
	key_number(out, (int64_t)ask->data_count);
	for (size_t i = 0; i < ask->data_count; i++) {
		key_text(out, ask->data[i].name);
		key_number(out, ask->data[i].size_mib);
		key_text(out, ask->data[i].site);
		key_list(out, ask->data[i].residency, ask->data[i].residency_count);
	}
	key_number(out, ask->data_hours);
	key_number(out, ask->price_max_micro);
}
