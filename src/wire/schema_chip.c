#include <stdio.h>
#include <string.h>

#include "model/name.h"
#include "wire/checks.h"
#include "wire/files.h"

#define THROUGHPUT_GOPS_MAX INT64_C(1000000000000) /* a thousand E */

static const struct field throughput_fields[] = {
	FIELD(FIELD_ENUM, struct throughput, format, "format", 1, .table = &number_format_table, .flags = FIELD_REQUIRED),
	FIELD(FIELD_QUANTITY, struct throughput, gops, "operations", 2, .unit = UNIT_THROUGHPUT, .maximum = THROUGHPUT_GOPS_MAX,
	      .flags = FIELD_REQUIRED),
};
const struct schema throughput_schema = SCHEMA("throughput", struct throughput, throughput_fields);

static const struct field review_fields[] = {
	FIELD(FIELD_ENUM, struct security_review, state, "state", 1, .table = &review_table, .flags = FIELD_REQUIRED,
	      .help = "where the model's security review stands"),
	FIELD(FIELD_STRING, struct security_review, by, "by", 2, .maximum = TITLE_MAX_LENGTH, .check = title_check, .help = "who decided"),
	FIELD(FIELD_STRING, struct security_review, since, "since", 3, .check = date_check, .help = "the date of the decision"),
};
static const struct schema review_schema = SCHEMA("review", struct security_review, review_fields);

static int figure_check(const char *figure, struct err *err)
{
	static const char *const figures[] = { "memory", "memory_bandwidth", "power", "throughput", "software", "origin", "review" };
	const char *nearest;

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		if (!strcmp(figure, figures[i]))
			return 0;
	if (!strncmp(figure, "throughput.", 11) && number_format_from_string(figure + 11) >= 0)
		return 0;
	nearest = string_nearest(figure, figures, sizeof(figures) / sizeof(figures[0]));
	return err_set(err, -EINVAL, "is \"%.40s\", expected the key of a figure such as memory, power or throughput.fp16%s%s%s", figure,
		       nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static const struct field source_fields[] = {
	FIELD(FIELD_STRING, struct figure_source, figure, "figure", 1, .check = figure_check, .flags = FIELD_REQUIRED,
	      .help = "the figure's key: memory, memory_bandwidth, power, throughput.fp16"),
	FIELD(FIELD_STRING, struct figure_source, source, "source", 2, .maximum = 1000, .check = note_check, .flags = FIELD_REQUIRED,
	      .help = "where it was published"),
};
static const struct schema source_schema = SCHEMA("source", struct figure_source, source_fields);

static const struct field chip_model_fields[] = {
	FIELD(FIELD_STRING, struct chip_model, name, "name", 1, .check = name_check, .flags = FIELD_REQUIRED, .expected = "a name"),
	FIELD(FIELD_STRING, struct chip_model, title, "title", 2, .maximum = TITLE_MAX_LENGTH, .check = title_check,
	      .help = "the name that people use"),
	FIELD(FIELD_STRING, struct chip_model, vendor, "vendor", 3, .maximum = TITLE_MAX_LENGTH, .check = text_check_required,
	      .flags = FIELD_REQUIRED),
	FIELD(FIELD_ENUM, struct chip_model, origin, "origin", 4, .table = &origin_table, .flags = FIELD_REQUIRED),
	FIELD(FIELD_QUANTITY, struct chip_model, memory_mib, "memory", 5, .unit = UNIT_MEMORY, .maximum = MEMORY_MIB_MAX),
	FIELD(FIELD_QUANTITY, struct chip_model, bandwidth_mbit, "memory_bandwidth", 6, .unit = UNIT_BANDWIDTH, .maximum = 1000000000000),
	FIELD(FIELD_QUANTITY, struct chip_model, power_w, "power", 7, .unit = UNIT_POWER, .maximum = 1000000),
	{ .key = "throughput",
	  .number = 8,
	  .kind = FIELD_MAP,
	  .offset = offsetof(struct chip_model, throughputs),
	  .count_offset = offsetof(struct chip_model, throughput_count),
	  .schema = &throughput_schema,
	  .maximum = FORMAT_COUNT,
	  .help = "dense operations a second by number format" },
	FIELD_LIST_OF(FIELD_STRING, struct chip_model, software, software_count, "software", 9, .check = name_check,
		      .maximum = DEMAND_LIST_MAX, .flags = FIELD_SINGLE_OK, .help = "software stacks that run on it"),
	FIELD(FIELD_OBJECT, struct chip_model, review, "review", 10, .schema = &review_schema),
	FIELD_LIST_OF(FIELD_OBJECT, struct chip_model, sources, source_count, "sources", 11, .schema = &source_schema,
		      .maximum = DEMAND_LIST_MAX, .help = "where the figures were published"),
};
const struct schema chip_model_schema = SCHEMA("chip_model", struct chip_model, chip_model_fields);

static void check_catalogue(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct catalogue *catalogue = value;
	cleanup_name_index struct name_index models;

	name_index_init(&models, catalogue->models, catalogue->model_count, sizeof(catalogue->models[0]),
			offsetof(struct chip_model, name));
	name_index_report(&models, at, path, "models", "name", problems);
}

static const struct field catalogue_fields[] = {
	FIELD_LIST_OF(FIELD_OBJECT, struct catalogue, models, model_count, "models", 1, .schema = &chip_model_schema, .minimum = 1,
		      .maximum = CATALOGUE_MODELS_MAX, .flags = FIELD_REQUIRED),
};
const struct schema catalogue_schema = SCHEMA("catalogue", struct catalogue, catalogue_fields, .check = check_catalogue, .check_faulty = true);
