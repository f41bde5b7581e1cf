/* The API's description for machines (api/openapi.yaml) against the descriptions that the program reads and
 * writes by: each schema has the same keys, kinds, words and bounds in both, so that they cannot drift apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "platform/view.h"
#include "wire/doc.h"
#include "wire/files.h"
#include "wire/sync.h"

static struct arena arena;
static const struct doc *root, *components;
static int faults;

static const char *const unit_names[UNIT_COUNT] = {
	"Count", "Cpu", "Memory", "DataSize", "Duration", "Bandwidth", "Money", "Power", "Angle", "Throughput", "ChipCount",
};

#define fault(...)                                                                                                                         \
	do {                                                                                                                               \
		faults++;                                                                                                                  \
		print_error(__VA_ARGS__);                                                                                                  \
	} while (0)

/* The schema that a $ref names, or the schema itself. */
static const struct doc *follow(const struct doc *schema)
{
	const struct doc *ref = schema ? doc_get(schema, "$ref") : NULL;

	return ref ? doc_get(components, strrchr(ref->text, '/') + 1) : schema;
}

static bool refers_to(const struct doc *schema, const char *name)
{
	const struct doc *ref = doc_get(schema, "$ref");

	return ref && !strcmp(strrchr(ref->text, '/') + 1, name);
}

static bool has_type(const struct doc *schema, const char *type)
{
	const struct doc *found = schema ? doc_get(schema, "type") : NULL;

	return found && found->kind == DOC_STRING && !strcmp(found->text, type);
}

/* Of "either one or a list of them", the alternative with this key; else the schema. */
static const struct doc *alternative(const struct doc *schema, const char *key)
{
	const struct doc *any = doc_get(schema, "anyOf");

	for (size_t i = 0; any && i < any->count; i++) {
		const struct doc *found = follow(&any->values[i]);

		if (found && doc_get(found, key))
			return &any->values[i];
	}
	return schema;
}

static void check_struct(const char *where, const struct schema *schema, const struct doc *described, int depth);

static void check_words(const char *where, const struct string_table *table, const struct doc *described)
{
	const struct doc *words = doc_get(follow(described), "enum");

	if (!words || words->count != table->count) {
		fault("%s: the words are not those of %s\n", where, table->name);
		return;
	}
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(words->values[i].text, table->words[i]))
			fault("%s: has %s instead of %s\n", where, words->values[i].text, table->words[i]);
}

static void check_bounds(const char *where, int64_t minimum, int64_t maximum, const struct doc *described)
{
	const struct doc *least = doc_get(described, "minimum"), *most = doc_get(described, "maximum");

	if (!minimum && !maximum)
		return;
	if (!least || least->integer != minimum || !most || most->integer != maximum)
		fault("%s: is not from %lld to %lld\n", where, (long long)minimum, (long long)maximum);
}

static void check_value(const char *where, const struct field *field, enum field_kind kind, int64_t minimum, int64_t maximum,
			const struct doc *described, int depth)
{
	const struct doc *schema = follow(described);

	switch (kind) {
	case FIELD_BOOL:
		if (!has_type(schema, "boolean"))
			fault("%s: is no boolean\n", where);
		break;
	case FIELD_INTEGER:
		if (!has_type(schema, "integer"))
			fault("%s: is no integer\n", where);
		else
			check_bounds(where, minimum, maximum, schema);
		break;
	case FIELD_QUANTITY:
		if (!refers_to(described, unit_names[field->unit]))
			fault("%s: is no %s\n", where, unit_names[field->unit]);
		break;
	case FIELD_ID:
		if (!refers_to(described, "Id"))
			fault("%s: is no Id\n", where);
		break;
	case FIELD_U64:
		if (!refers_to(described, "U64"))
			fault("%s: is no U64\n", where);
		break;
	case FIELD_ENUM:
		check_words(where, field->table, described);
		break;
	case FIELD_OBJECT:
	case FIELD_POINTER:
		check_struct(where, field->schema, alternative(described, "properties"), depth + 1);
		break;
	default:
		if (!has_type(schema, "string"))
			fault("%s: is no string\n", where);
	}
}

static void check_field(const char *where, const struct field *field, const struct doc *described, int depth)
{
	const struct doc *list, *item;

	if (field->kind == FIELD_LIST) {
		list = follow(alternative(described, "items"));
		item = doc_get(list, "items");
		if (!has_type(list, "array") || !item)
			fault("%s: is no array\n", where);
		else
			check_value(where, field, field->element, field->element_minimum, field->element_maximum, item, depth);
		if (field->maximum && (!doc_get(list, "maxItems") || doc_get(list, "maxItems")->integer != field->maximum))
			fault("%s: maxItems is not %lld\n", where, (long long)field->maximum);
	} else if (field->kind == FIELD_MAP) {
		if (!has_type(follow(described), "object"))
			fault("%s: is no object\n", where);
	} else {
		check_value(where, field, field->kind, field->minimum, field->maximum, described, depth);
	}
}

static bool is_shown(const struct schema *schema, const char *key)
{
	for (size_t i = 0; i < schema->field_count; i++)
		if (!(schema->fields[i].flags & FIELD_HIDDEN) && !strcmp(schema->fields[i].key, key))
			return true;
	return false;
}

static void check_struct(const char *where, const struct schema *schema, const struct doc *described, int depth)
{
	const struct doc *properties = doc_get(follow(described), "properties");
	char path[256];

	if (!properties || depth > 16) {
		fault("%s: has no properties\n", where);
		return;
	}
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct field *field = &schema->fields[i];
		const struct doc *property = doc_get(properties, field->key);

		snprintf(path, sizeof(path), "%s.%s", where, field->key);
		if (field->flags & FIELD_HIDDEN)
			continue;
		if (!property)
			fault("%s: is not described\n", path);
		else
			check_field(path, field, property, depth);
	}
	for (size_t i = 0; i < properties->count; i++)
		if (!is_shown(schema, properties->keys[i]))
			fault("%s.%s: is described and does not exist\n", where, properties->keys[i]);
}

static int load(void **state)
{
	FILE *file = fopen(OPENAPI_PATH, "r");
	static char text[1 << 20];
	struct err err = { "" };
	struct doc *doc;
	size_t length;

	if (!file)
		return -1;
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	arena_init(&arena);
	if (doc_parse_yaml(text, length, &doc_limits_file, &arena, &doc, &err)) {
		print_error("%s\n", err.text);
		return -1;
	}
	root = doc;
	components = doc_get(doc_get(root, "components"), "schemas");
	return 0;
}

static int unload(void **state)
{
	arena_done(&arena);
	return 0;
}

static void test_schemas(void **state)
{
	static const struct {
		const char *name;
		const struct schema *schema;
	} pairs[] = {
		{ "DemandSpec", &demand_schema },     { "ChipModel", &chip_model_schema },   { "Region", &region_schema },
		{ "SyncRequest", &sync_request_schema }, { "SyncReply", &sync_reply_schema }, { "SyncLog", &sync_log_schema },
		{ "Demand", &demand_view_schema },    { "DemandFull", &demand_full_schema }, { "Site", &site_status_schema },
		{ "SiteFull", &site_full_schema },    { "Link", &link_view_schema },         { "Summary", &summary_schema },
		{ "StoryLine", &story_line_schema },  { "Why", &why_schema },                { "Token", &token_view_schema },
		{ "Tenant", &tenant_view_schema },
		{ "GapView", &gap_schema },
		{ "PolicySpec", &policy_schema },
	};

	faults = 0;
	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
		const struct doc *described = doc_get(components, pairs[i].name);

		if (described)
			check_struct(pairs[i].name, pairs[i].schema, described, 0);
		else
			fault("%s is not described\n", pairs[i].name);
	}
	assert_int_equal(faults, 0);
}

/* Whether the description has this parameter of a query, by name or by reference. */
static bool describes_parameter(const struct doc *list, const char *name)
{
	const struct doc *named = doc_get(doc_get(root, "components"), "parameters");

	for (size_t i = 0; list && i < list->count; i++) {
		const struct doc *ref = doc_get(&list->values[i], "$ref");
		const struct doc *parameter = ref ? doc_get(named, strrchr(ref->text, '/') + 1) : &list->values[i];

		if (parameter && !strcmp(doc_get(parameter, "in")->text, "query") && !strcmp(doc_get(parameter, "name")->text, name))
			return true;
	}
	return false;
}

static void check_route(const struct route *route)
{
	const struct doc *paths = doc_get(root, "paths");
	const struct doc *path, *operation, *parameters;
	char method[16] = "";

	for (size_t i = 0; route->method[i]; i++)
		method[i] = (char)(route->method[i] | 32);
	path = doc_get(paths, strcmp(route->pattern, "/assets/{*}") ? route->pattern : "/assets/{file}");
	operation = path ? doc_get(path, method) : NULL;
	if (!operation) {
		fault("%s %s is not described\n", route->method, route->pattern);
		return;
	}
	parameters = doc_get(operation, "parameters");
	for (const char *const *name = route->parameters; name && *name; name++)
		if (!describes_parameter(parameters, *name))
			fault("%s %s: parameter %s is not described\n", route->method, route->pattern, *name);
	if ((route->body != BODY_NONE) != (doc_get(operation, "requestBody") != NULL))
		fault("%s %s: the body is not described as it is\n", route->method, route->pattern);
}

static void test_routes(void **state)
{
	const struct route_table *const tables[] = {
		&health_routes, &summary_routes, &gap_routes, &network_routes, &policy_routes, &link_routes, &chip_routes, &site_routes, &demand_routes,
		&why_routes, &log_routes, &event_routes, &token_routes, &sync_routes, &metrics_routes, &page_routes,
	};
	const struct doc *paths = doc_get(root, "paths");
	size_t routes = 0, operations = 0;

	faults = 0;
	for (size_t t = 0; t < ARRAY_COUNT(tables); t++)
		for (size_t i = 0; i < tables[t]->count; i++, routes++)
			check_route(&tables[t]->routes[i]);
	for (size_t i = 0; i < paths->count; i++)
		for (size_t k = 0; k < paths->values[i].count; k++)
			operations += strcmp(paths->values[i].keys[k], "parameters") != 0;
	assert_int_equal(operations, routes);
	assert_int_equal(faults, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schemas),
		cmocka_unit_test(test_routes),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
