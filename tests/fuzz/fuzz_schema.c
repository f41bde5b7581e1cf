/* Any bytes as a binary form: the first byte chooses the schema. What is accepted has one binary form. */
#include <stdlib.h>
#include <string.h>

#include "wire/files.h"
#include "wire/sync.h"

static const struct schema *const schemas[] = { &demand_schema,	      &ask_schema,	  &network_schema, &catalogue_schema,
						&sync_request_schema, &sync_reply_schema, &sync_log_schema, &policy_schema };

static union {
	struct demand_spec demand;
	struct ask ask;
	struct network_spec network;
	struct catalogue catalogue;
	struct sync_request request;
	struct sync_reply reply;
	struct sync_log log;
	struct policy_spec policy;
} value, back;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf bytes = { 0 }, again = { 0 }, json = { 0 };
	const struct schema *schema;
	struct err err;

	if (!size)
		return 0;
	schema = schemas[data[0] % (sizeof(schemas) / sizeof(schemas[0]))];
	if (schema_decode(schema, data + 1, size - 1, &arena, &value, &err) < 0)
		return 0;
	schema_encode(schema, &value, &bytes);
	if (schema_decode(schema, bytes.data, bytes.length, &arena, &back, &err) < 0)
		abort();
	schema_encode(schema, &back, &again);
	if (bytes.length != again.length || memcmp(bytes.data, again.data, bytes.length))
		abort();
	schema_write_json(schema, &value, false, &json);
	schema_write_json(schema, &value, true, &json);
	return 0;
}
