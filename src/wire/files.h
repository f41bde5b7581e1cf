/* The files that people write: networks, chip catalogues, demands, policies (docs/files.md).
 * A file is a map with one of the keys `network`, `catalogue`, `demand`, `demands`, `policy` at its top. */
#ifndef WEIR_WIRE_FILES_H
#define WEIR_WIRE_FILES_H

#include "model/demand.h"
#include "model/network.h"
#include "model/policy.h"
#include "wire/schema.h"

extern const struct schema throughput_schema, chip_model_schema, catalogue_schema;
extern const struct schema region_schema, node_group_schema, site_spec_schema, link_spec_schema, network_schema;
extern const struct schema ask_schema; /* the canonical form of what matching reads: its encoding is the key of equal asks */
extern const struct schema demand_schema;
extern const struct schema policy_schema; /* its defaults are those of policy_defaults() */

enum file_kind { FILE_NETWORK, FILE_CATALOGUE, FILE_DEMANDS, FILE_POLICY, FILE_KIND_COUNT };
STRING_TABLE_DECLARE(enum file_kind, file_kind);

struct file {
	enum file_kind kind;
	struct network_spec network;
	struct catalogue catalogue;
	struct demand_spec *demands;
	size_t demand_count;
	struct policy_spec policy;
};

/* Reads the text of one file, JSON or YAML. 0, or -EINVAL with everything that is wrong in `problems`
 * (whose origin is the file's name). References inside the file (a site's region, a link's ends) are
 * checked; references to other files are not. */
int file_read_text(const char *text, size_t length, struct problems *problems, struct file *ret);

/* Reads a demand from a request's body. */
int demand_read(const struct doc *doc, struct problems *problems, struct demand_spec *ret);

#endif
