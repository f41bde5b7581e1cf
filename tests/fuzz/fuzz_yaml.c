/* Any text as a file of people's. What is accepted must survive JSON and the log: read, written as JSON, read
 * again, it has the same binary form. */
#include <stdlib.h>
#include <string.h>

#include "wire/files.h"

static const char *const top_keys[FILE_KIND_COUNT] = { "network", "catalogue", "demand", "policy" };
static const struct schema *const schemas[FILE_KIND_COUNT] = { &network_schema, &catalogue_schema, &demand_schema, &policy_schema };

static const void *file_value(const struct file *file)
{
	if (file->kind == FILE_NETWORK)
		return &file->network;
	if (file->kind == FILE_CATALOGUE)
		return &file->catalogue;
	if (file->kind == FILE_POLICY)
		return &file->policy;
	return &file->demands[0];
}

static void check_round_trip(const struct file *file, struct problems *problems)
{
	cleanup_strbuf struct strbuf json = { 0 }, before = { 0 }, after = { 0 };
	const struct schema *schema = schemas[file->kind];
	struct file again;

	strbuf_printf(&json, "{\"%s\":", top_keys[file->kind]);
	schema_write_json(schema, file_value(file), true, &json);
	strbuf_putc(&json, '}');
	if (file_read_text(json.data, json.length, problems, &again) < 0)
		abort();
	schema_encode(schema, file_value(file), &before);
	schema_encode(schema, file_value(&again), &after);
	if (before.length != after.length || memcmp(before.data, after.data, before.length))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf out = { 0 };
	static struct problems problems;
	struct file file;

	problems_init(&problems, &arena, "file");
	if (file_read_text((const char *)data, size, &problems, &file) == 0)
		check_round_trip(&file, &problems);
	else if (!problems.count)
		abort();
	problems_print(&problems, &out);
	return 0;
}
