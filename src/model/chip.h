/* Chip models and the catalogue of them: what an accelerator is, and what the network may trust it with. */
#ifndef WEIR_MODEL_CHIP_H
#define WEIR_MODEL_CHIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/string_table.h"

#define CATALOGUE_MODELS_MAX 1024
#define CHIP_MILLI 1000 /* one chip in milli-chips */

enum origin { ORIGIN_DOMESTIC, ORIGIN_FOREIGN, ORIGIN_COUNT };
STRING_TABLE_DECLARE(enum origin, origin);

enum review { REVIEW_NONE, REVIEW_PENDING, REVIEW_PASSED, REVIEW_REVOKED, REVIEW_COUNT };
STRING_TABLE_DECLARE(enum review, review); /* none, pending, passed, revoked */

/* Dense throughput, without structured sparsity. */
enum number_format {
	FORMAT_FP64, FORMAT_FP32, FORMAT_TF32, FORMAT_BF16, FORMAT_FP16, FORMAT_FP8, FORMAT_INT8, FORMAT_INT4, FORMAT_COUNT
};
STRING_TABLE_DECLARE(enum number_format, number_format); /* fp64, fp32, ... */

struct throughput {
	enum number_format format;
	int64_t gops; /* giga-operations a second */
};

struct security_review {
	enum review state;
	const char *by;    /* "" unknown */
	const char *since; /* a date, 2026-01-31, or "" */
};

struct figure_source {
	const char *figure; /* the key it speaks of: memory, throughput.fp16 */
	const char *source; /* where the figure was published */
};

/* Unknown figures are 0 and never satisfy a need. */
struct chip_model {
	const char *name;   /* ascend-910b */
	const char *title;  /* Ascend 910B */
	const char *vendor; /* Huawei */
	enum origin origin;
	int64_t memory_mib;
	int64_t bandwidth_mbit; /* memory bandwidth, Mbit/s; 0 unknown */
	int64_t power_w;
	struct throughput *throughputs;
	size_t throughput_count;
	const char **software; /* software stacks: cann, cuda, rocm */
	size_t software_count;
	struct security_review review;
	struct figure_source *sources;
	size_t source_count;
};

struct catalogue {
	struct chip_model *models;
	size_t model_count;
};

/* NULL when there is none. O(n). */
const struct chip_model *catalogue_find(const struct catalogue *catalogue, const char *name);
int64_t chip_model_throughput(const struct chip_model *model, enum number_format format); /* giga-operations/s, 0 unknown */

#endif
