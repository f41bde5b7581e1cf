/* Any bytes as the body of a request for a demand. What is accepted survives the binary form. */
#include <stdlib.h>
#include <string.h>

#include "wire/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf bytes = { 0 }, again = { 0 };
	static struct problems problems;
	struct demand_spec demand, back;
	struct doc *doc;
	struct err err;

	problems_init(&problems, &arena, "");
	if (doc_parse_json((const char *)data, size, &doc_limits_request, &arena, &doc, &err) < 0)
		return 0;
	if (demand_read(doc, &problems, &demand) < 0) {
		if (!problems.count)
			abort();
		return 0;
	}
	schema_encode(&demand_schema, &demand, &bytes);
	if (schema_decode(&demand_schema, bytes.data, bytes.length, &arena, &back, &err) < 0)
		abort();
	schema_encode(&demand_schema, &back, &again);
	if (bytes.length != again.length || memcmp(bytes.data, again.data, bytes.length))
		abort();
	return 0;
}
