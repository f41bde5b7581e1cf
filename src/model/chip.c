#include "model/chip.h"

#include <string.h>

static const char *const origin_words[] = { "domestic", "foreign" };
STRING_TABLE_DEFINE(enum origin, origin, ORIGIN_COUNT);

static const char *const review_words[] = { "none", "pending", "passed", "revoked" };
STRING_TABLE_DEFINE(enum review, review, REVIEW_COUNT);

static const char *const number_format_words[] = { "fp64", "fp32", "tf32", "bf16", "fp16", "fp8", "int8", "int4" };
STRING_TABLE_DEFINE(enum number_format, number_format, FORMAT_COUNT);

const struct chip_model *catalogue_find(const struct catalogue *catalogue, const char *name)
{
	for (size_t i = 0; i < catalogue->model_count; i++)
		if (!strcmp(catalogue->models[i].name, name))
			return &catalogue->models[i];
	return NULL;
}

int64_t chip_model_throughput(const struct chip_model *model, enum number_format format)
{
	for (size_t i = 0; i < model->throughput_count; i++)
		if (model->throughputs[i].format == format)
			return model->throughputs[i].gops;
	return 0;
}
