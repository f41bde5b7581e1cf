/* A demand, and the part of it that matching reads.
 *
 * `ask` has no key of its own in files: its fields stand beside the demand's. Two schemas therefore list
 * them, from one macro, so that they cannot differ.
 */
#include <stdio.h>
#include <string.h>

#include "model/name.h"
#include "wire/checks.h"
#include "wire/files.h"

#define GRACE_US_MAX INT64_C(3600000000)
#define DATA_MIB_MAX (INT64_C(1) << 40)
#define NEAR_US_MAX INT64_C(60000000)

static const struct field needs_fields[] = {
	FIELD(FIELD_QUANTITY, struct chip_needs, memory_mib, "memory", 1, .unit = UNIT_MEMORY, .maximum = MEMORY_MIB_MAX),
	{ .key = "throughput",
	  .number = 2,
	  .kind = FIELD_MAP,
	  .offset = offsetof(struct chip_needs, throughputs),
	  .count_offset = offsetof(struct chip_needs, throughput_count),
	  .schema = &throughput_schema,
	  .maximum = FORMAT_COUNT },
	FIELD_LIST_OF(FIELD_STRING, struct chip_needs, software, software_count, "software", 3, .check = name_check,
		      .maximum = DEMAND_LIST_MAX, .flags = FIELD_SINGLE_OK, .help = "each of these must run on it"),
};
static const struct schema needs_schema = SCHEMA("chip_needs", struct chip_needs, needs_fields);

static void check_chips(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct chip_ask *chips = value;
	bool is_particular = chips->model_count || chips->needs.memory_mib || chips->needs.throughput_count || chips->needs.software_count;

	if (chips->milli > CHIP_MILLI && chips->milli % CHIP_MILLI)
		problems_add_key(problems, at, path, "count",
				 "is neither whole chips nor a share of one, expected such as 2, 0.25 or 250m");
	if (!chips->milli && is_particular)
		problems_add_key(problems, at, path, "count",
				 "is %s, but models or needs are given; expected a number of chips such as 1 or 0.25",
				 doc_get(at, "count") ? "0" : "missing");
}

static const struct field chips_fields[] = {
	FIELD(FIELD_QUANTITY, struct chip_ask, milli, "count", 1, .unit = UNIT_CHIP, .maximum = NODE_CHIPS_MAX * CHIP_MILLI,
	      .help = "whole chips, or a share of one"),
	FIELD_LIST_OF(FIELD_STRING, struct chip_ask, models, model_count, "models", 2, .check = name_check, .maximum = DEMAND_LIST_MAX,
		      .flags = FIELD_SINGLE_OK, .help = "any of these; left out: any model"),
	FIELD(FIELD_OBJECT, struct chip_ask, needs, "needs", 3, .schema = &needs_schema, .help = "what each chip must at least offer"),
};
static const struct schema chips_schema = SCHEMA("chips", struct chip_ask, chips_fields, .check = check_chips);

static const struct field shape_fields[] = {
	FIELD(FIELD_QUANTITY, struct shape, cpu_milli, "cpu", 1, .unit = UNIT_CPU, .minimum = 1, .maximum = CPU_MILLI_MAX,
	      .fallback = 1000),
	FIELD(FIELD_QUANTITY, struct shape, memory_mib, "memory", 2, .unit = UNIT_MEMORY, .minimum = 1, .maximum = MEMORY_MIB_MAX,
	      .fallback = 1024),
	FIELD(FIELD_OBJECT, struct shape, chips, "chips", 3, .schema = &chips_schema, .flags = FIELD_SINGLE_OK),
	FIELD_RESOURCES(struct shape, 4, "what else its node must have, counted"),
};
static const struct schema shape_schema = SCHEMA("shape", struct shape, shape_fields);

static void check_near(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	struct near *near = value;
	bool latitude = doc_get(at, "latitude"), longitude = doc_get(at, "longitude");

	near->has_coordinates = latitude && longitude;
	if (latitude != longitude)
		problems_add_key(problems, at, path, latitude ? "longitude" : "latitude", "is missing, expected both coordinates");
	else if (*near->site && latitude)
		problems_add_key(problems, at, path, "site", "stands beside coordinates, expected one or the other");
	else if (!*near->site && !latitude)
		problems_add_key(problems, at, path, "site", "is missing, expected a site's name, or latitude and longitude");
}

/* A place and its bound, also of a caller; from a prefix of the member's name. */
#define NEAR_FIELDS(type, prefix)                                                                                                     \
	FIELD(FIELD_STRING, type, prefix site, "site", 1, .check = name_check),                                                       \
		FIELD(FIELD_QUANTITY, type, prefix latitude_udeg, "latitude", 2, .unit = UNIT_ANGLE, .minimum = -90000000,            \
		      .maximum = 90000000, .flags = FIELD_PRESENCE, .present_offset = offsetof(type, prefix has_coordinates)),        \
		FIELD(FIELD_QUANTITY, type, prefix longitude_udeg, "longitude", 3, .unit = UNIT_ANGLE, .minimum = -180000000,         \
		      .maximum = 180000000, .flags = FIELD_PRESENCE, .present_offset = offsetof(type, prefix has_coordinates)),       \
		FIELD(FIELD_QUANTITY, type, prefix within_us, "within", 4, .unit = UNIT_DURATION, .minimum = 1,                       \
		      .maximum = NEAR_US_MAX, .flags = FIELD_REQUIRED, .help = "round-trip time")

static const struct field near_fields[] = { NEAR_FIELDS(struct near, ) };
static const struct schema near_schema = SCHEMA("near", struct near, near_fields, .check = check_near);

static void check_caller(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	check_near(&((struct caller_place *)value)->place, at, path, problems);
}

#define TYPE struct caller_place
static const struct field caller_fields[] = {
	NEAR_FIELDS(TYPE, place.),
	FIELD(FIELD_INTEGER, TYPE, weight, "weight", 5, .minimum = 1, .maximum = CALLER_WEIGHT_MAX, .fallback = 1,
	      .help = "its share of the calls, against the other callers'"),
};
static const struct schema caller_schema = SCHEMA("caller", TYPE, caller_fields, .check = check_caller);
#undef TYPE

static bool is_same_place(const struct near *a, const struct near *b)
{
	return !strcmp(a->site, b->site) && a->latitude_udeg == b->latitude_udeg && a->longitude_udeg == b->longitude_udeg;
}

static void check_where(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct where *where = value;

	if (where->near && where->caller_count)
		problems_add_key(problems, at, path, "callers", "stands beside near, expected one or the other");
	if (where->together == TOGETHER_NODE && where->arrange == ARRANGE_SPREAD)
		problems_add_key(problems, at, path, "arrange", "is \"spread\", but all workers go to one node; expected pack, or another together");
	for (size_t i = 1; i < where->caller_count; i++) {
		size_t k = 0;

		while (k < i && !is_same_place(&where->callers[k].place, &where->callers[i].place))
			k++;
		if (k < i)
			problems_add(problems, doc_element(at, "callers", i), arena_printf(problems->arena, "%s.callers[%zu]", path, i),
				     "is the place of callers[%zu] again, expected different places", k);
	}
}

static const struct field where_fields[] = {
	FIELD_LIST_OF(FIELD_ENUM, struct where, tiers, tier_count, "tiers", 1, .table = &tier_table, .maximum = DEMAND_LIST_MAX,
		      .flags = FIELD_SINGLE_OK),
	FIELD_LIST_OF(FIELD_STRING, struct where, regions, region_count, "regions", 2, .check = name_check, .maximum = DEMAND_LIST_MAX,
		      .flags = FIELD_SINGLE_OK),
	FIELD_LIST_OF(FIELD_STRING, struct where, sites, site_count, "sites", 3, .check = name_check, .maximum = DEMAND_LIST_MAX,
		      .flags = FIELD_SINGLE_OK),
	FIELD(FIELD_POINTER, struct where, near, "near", 4, .schema = &near_schema, .help = "a bound on the round-trip time from a place"),
	FIELD_LIST_OF(FIELD_OBJECT, struct where, callers, caller_count, "callers", 5, .schema = &caller_schema, .maximum = DEMAND_LIST_MAX,
		      .help = "of a service: the places that call it"),
	FIELD(FIELD_ENUM, struct where, together, "together", 6, .table = &together_table, .help = "how close a job's workers must be"),
	FIELD(FIELD_ENUM, struct where, arrange, "arrange", 7, .table = &arrange_table, .help = "to as few nodes as may be, or to as many"),
};
static const struct schema where_schema = SCHEMA("where", struct where, where_fields, .check = check_where);

static const struct field rules_fields[] = {
	FIELD(FIELD_BOOL, struct rules, domestic_only, "domestic_only", 1, .help = "only chips of domestic origin"),
	FIELD(FIELD_BOOL, struct rules, clearance, "clearance", 2, .help = "only chips whose security review is passed"),
	FIELD_LIST_OF(FIELD_STRING, struct rules, residency, residency_count, "residency", 3, .check = name_check,
		      .maximum = DEMAND_LIST_MAX, .flags = FIELD_SINGLE_OK, .help = "regions that the work may not leave"),
};
static const struct schema rules_schema = SCHEMA("rules", struct rules, rules_fields);

static const struct field data_fields[] = {
	FIELD(FIELD_STRING, struct data_reference, name, "name", 1, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a name"),
	FIELD(FIELD_QUANTITY, struct data_reference, size_mib, "size", 2, .unit = UNIT_BYTES, .maximum = DATA_MIB_MAX),
	FIELD(FIELD_STRING, struct data_reference, site, "site", 3, .check = name_check, .flags = FIELD_REQUIRED,
	      .expected = "a site's name"),
	FIELD_LIST_OF(FIELD_STRING, struct data_reference, residency, residency_count, "residency", 4, .check = name_check,
		      .maximum = DEMAND_LIST_MAX, .flags = FIELD_SINGLE_OK, .help = "regions that it may not leave"),
};
static const struct schema data_schema = SCHEMA("data", struct data_reference, data_fields);

static const struct field variable_fields[] = {
	FIELD(FIELD_STRING, struct variable, name, "name", 1, .check = variable_name_check, .flags = FIELD_REQUIRED),
	FIELD(FIELD_STRING, struct variable, value, "value", 2, .maximum = DEMAND_TEXT_MAX, .flags = FIELD_REQUIRED),
};
static const struct schema variable_schema = SCHEMA("variable", struct variable, variable_fields);

static const struct field simulate_fields[] = {
	FIELD(FIELD_QUANTITY, struct simulate, duration_us, "duration", 1, .unit = UNIT_DURATION, .maximum = DURATION_US_MAX,
	      .flags = FIELD_REQUIRED, .help = "how long it runs; a service runs until it is stopped"),
	FIELD(FIELD_INTEGER, struct simulate, exit_code, "exit_code", 2, .minimum = 0, .maximum = 255),
};
static const struct schema simulate_schema = SCHEMA("simulate", struct simulate, simulate_fields);

static const struct field after_fields[] = {
	FIELD(FIELD_STRING, struct after, demand, "demand", 1, .check = name_check, .flags = FIELD_REQUIRED,
	      .expected = "a demand's id or name"),
	FIELD(FIELD_ENUM, struct after, when, "when", 2, .table = &after_when_table, .help = "how it must have ended"),
};
static const struct schema after_schema = SCHEMA("after", struct after, after_fields);

static const struct field array_fields[] = {
	FIELD(FIELD_INTEGER, struct array, count, "count", 1, .minimum = 1, .maximum = DEMAND_ARRAY_MAX, .flags = FIELD_REQUIRED,
	      .help = "members"),
	FIELD(FIELD_INTEGER, struct array, at_once, "at_once", 2, .minimum = 0, .maximum = DEMAND_ARRAY_MAX,
	      .help = "members that may be placed at the same time; 0: all"),
};
static const struct schema array_schema = SCHEMA("array", struct array, array_fields);

/* Fields 1 to 10 of both, from a prefix of the member's name. */
#define ASK_FIELDS(type, prefix)                                                                                                      \
	FIELD(FIELD_ENUM, type, prefix kind, "kind", 1, .table = &demand_kind_table),                                                 \
		FIELD(FIELD_INTEGER, type, prefix workers, "workers", 2, .minimum = 1, .maximum = DEMAND_WORKERS_MAX, .fallback = 1,  \
		      .help = "of a job: all or nothing; of a service: replicas"),                                                    \
		FIELD(FIELD_OBJECT, type, prefix shape, "shape", 3, .schema = &shape_schema, .help = "of one worker"),                \
		FIELD(FIELD_INTEGER, type, prefix priority, "priority", 4, .minimum = 0, .maximum = PRIORITY_MAX,                     \
		      .fallback = PRIORITY_DEFAULT, .help = "more is sooner"),                                                        \
		FIELD(FIELD_BOOL, type, prefix preemptible, "preemptible", 5, .help = "may be stopped for others and started again"), \
		FIELD(FIELD_BOOL, type, prefix simulated, "simulated", 6, .flags = FIELD_HIDDEN),                                     \
		FIELD(FIELD_OBJECT, type, prefix where, "where", 7, .schema = &where_schema),                                         \
		FIELD(FIELD_OBJECT, type, prefix rules, "rules", 8, .schema = &rules_schema),                                         \
		FIELD_LIST_OF(FIELD_OBJECT, type, prefix data, prefix data_count, "data", 9, .schema = &data_schema,                  \
			      .maximum = DEMAND_LIST_MAX, .help = "what it reads"),                                                   \
		FIELD(FIELD_QUANTITY, type, prefix price_max_micro, "price_limit", 10, .unit = UNIT_MONEY, .maximum = MONEY_MICRO_MAX, \
		      .help = "an hour: all workers of a job, one replica of a service; 0: any price"),                              \
		FIELD(FIELD_INTEGER, type, prefix data_hours, "data_hours", 11, .flags = FIELD_HIDDEN)

static const struct field ask_fields[] = { ASK_FIELDS(struct ask, ) };
const struct schema ask_schema = SCHEMA("ask", struct ask, ask_fields);

static void check_command(const struct demand_spec *demand, const struct doc *at, const char *path, struct problems *problems)
{
	if (!demand->command_count && !demand->simulate)
		problems_add_key(problems, at, path, "command",
				 "is missing, expected a list of words such as [sh, -c, \"echo hello\"], or simulate for simulated sites");
	if (demand->command_count && !*demand->command[0])
		problems_add_key(problems, at, path, "command", "begins with an empty word, expected a program's name");
}

/* What belongs to jobs only, or to services only. */
static void check_kind(const struct demand_spec *demand, const struct doc *at, const char *path, struct problems *problems)
{
	const struct where *where = &demand->ask.where;
	const char *place = *path ? arena_printf(problems->arena, "%s.where", path) : "where";

	if (demand->ask.kind == DEMAND_JOB) {
		if (where->caller_count)
			problems_add_key(problems, doc_get(at, "where"), place, "callers",
					 "belongs to services, expected none: a job has near");
		return;
	}
	if (demand->time_limit_us)
		problems_add_key(problems, at, path, "time_limit",
				 "belongs to jobs, expected none: a service stays up until it is cancelled");
	if (demand->deadline_us)
		problems_add_key(problems, at, path, "deadline",
				 "belongs to jobs, expected none: a service stays up until it is cancelled");
	if (demand->array)
		problems_add_key(problems, at, path, "array", "belongs to jobs, expected none: a service has workers");
	if (where->together != TOGETHER_SITE)
		problems_add_key(problems, doc_get(at, "where"), place, "together",
				 "belongs to jobs, expected none: each replica of a service is placed by itself");
}

/* Members are named NAME.0 to NAME.(count-1), and these must be names too. */
static void check_array(const struct demand_spec *demand, const struct doc *at, const char *path, struct problems *problems)
{
	char last[24];
	int digits;

	if (demand->array->at_once > demand->array->count)
		problems_add_key(problems, at, path, "array", "has at_once %lld, expected at most its count of %lld",
				 (long long)demand->array->at_once, (long long)demand->array->count);
	digits = snprintf(last, sizeof(last), ".%lld", (long long)demand->array->count - 1);
	if (strlen(demand->name) + (size_t)digits > NAME_MAX_LENGTH)
		problems_add_key(problems, at, path, "name", "is too long for an array whose last member is named NAME%s, expected at most %d bytes",
				 last, NAME_MAX_LENGTH - digits);
}

static void check_after(const struct demand_spec *demand, const struct doc *at, const char *path, struct problems *problems)
{
	cleanup_name_index struct name_index names;

	name_index_init(&names, demand->after, demand->after_count, sizeof(demand->after[0]), offsetof(struct after, demand));
	name_index_report(&names, at, path, "after", "demand", problems);
	if (name_index_find(&names, demand->name))
		problems_add_key(problems, at, path, "after", "names the demand itself, expected others");
}

static void check_demand(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	struct demand_spec *demand = value;
	cleanup_name_index struct name_index data;

	check_command(demand, at, path, problems);
	check_kind(demand, at, path, problems);
	check_after(demand, at, path, problems);
	if (demand->array)
		check_array(demand, at, path, problems);
	if (demand->deadline_us && demand->time_limit_us > demand->deadline_us)
		problems_add_key(problems, at, path, "time_limit",
				 "is longer than the deadline, expected at most as long: it could not be used in full");
	name_index_init(&data, demand->ask.data, demand->ask.data_count, sizeof(demand->ask.data[0]),
			offsetof(struct data_reference, name));
	name_index_report(&data, at, path, "data", "name", problems);
	demand->ask.simulated = demand->simulate != NULL;
	demand->ask.data_hours = demand->ask.data_count ? ask_data_hours(demand->time_limit_us) : 0;
	ask_canonicalize(&demand->ask);
}

static const struct field demand_fields[] = {
	FIELD(FIELD_STRING, struct demand_spec, name, "name", 21, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a name"),
	FIELD(FIELD_STRING, struct demand_spec, title, "title", 22, .maximum = TITLE_MAX_LENGTH, .check = title_check,
	      .help = "a sentence for people"),
	FIELD(FIELD_STRING, struct demand_spec, tenant, "tenant", 23, .check = name_check, .help = "left out: the token's tenant"),
	ASK_FIELDS(struct demand_spec, ask.),
	FIELD_LIST_OF(FIELD_STRING, struct demand_spec, command, command_count, "command", 24, .maximum = DEMAND_COMMAND_MAX,
		      .element_maximum = DEMAND_TEXT_MAX, .expected = "a list of words such as [sh, -c, \"echo hello\"]"),
	{ .key = "environment",
	  .number = 25,
	  .kind = FIELD_MAP,
	  .offset = offsetof(struct demand_spec, environment),
	  .count_offset = offsetof(struct demand_spec, environment_count),
	  .schema = &variable_schema,
	  .maximum = DEMAND_ENVIRONMENT_MAX },
	FIELD(FIELD_STRING, struct demand_spec, working_folder, "working_folder", 26, .maximum = 4096, .check = folder_check,
	      .help = "left out: the attempt's own folder"),
	FIELD(FIELD_QUANTITY, struct demand_spec, time_limit_us, "time_limit", 27, .unit = UNIT_DURATION, .maximum = DURATION_US_MAX,
	      .help = "of each attempt of a job; left out or 0s: none"),
	FIELD(FIELD_QUANTITY, struct demand_spec, deadline_us, "deadline", 33, .unit = UNIT_DURATION, .maximum = DURATION_US_MAX,
	      .help = "after its acceptance, by which a job must have ended; left out or 0s: none"),
	FIELD_LIST_OF(FIELD_OBJECT, struct demand_spec, after, after_count, "after", 34, .schema = &after_schema,
		      .maximum = DEMAND_AFTER_MAX, .flags = FIELD_SINGLE_OK | FIELD_ELEMENT_SINGLE_OK, .help = "demands that it waits for"),
	FIELD(FIELD_POINTER, struct demand_spec, array, "array", 35, .schema = &array_schema, .flags = FIELD_SINGLE_OK,
	      .help = "stands for many jobs alike"),
	FIELD(FIELD_QUANTITY, struct demand_spec, grace_us, "grace", 28, .unit = UNIT_DURATION, .maximum = GRACE_US_MAX,
	      .fallback = 10000000, .help = "between the polite signal and the hard one"),
	FIELD(FIELD_INTEGER, struct demand_spec, attempts_max, "attempts", 29, .minimum = 1, .maximum = 1000, .fallback = 3,
	      .help = "how often it may be tried when sites are lost"),
	FIELD(FIELD_ENUM, struct demand_spec, on_site_loss, "on_site_loss", 30, .table = &on_site_loss_table),
	FIELD(FIELD_POINTER, struct demand_spec, simulate, "simulate", 31, .schema = &simulate_schema,
	      .help = "only simulated sites take it; without it only real ones do"),
	FIELD(FIELD_ENUM, struct demand_spec, expect, "expect", 32, .table = &expectation_table, .help = "how a sample should end"),
};
const struct schema demand_schema = SCHEMA("demand", struct demand_spec, demand_fields, .check = check_demand);
