#include "wire/files.h"

#include <stdlib.h>
#include <string.h>

#include "wire/checks.h"

#define FILE_DEMANDS_MAX 100000

static const char *const file_kind_words[] = { "network", "catalogue", "demands", "policy" };
STRING_TABLE_DEFINE(enum file_kind, file_kind, FILE_KIND_COUNT);

static const char *const top_keys[] = { "network", "catalogue", "demand", "demands", "policy" };
enum { TOP_NETWORK, TOP_CATALOGUE, TOP_DEMAND, TOP_DEMANDS, TOP_POLICY, TOP_COUNT };
#define TOP_EXPECTED "expected one of network, catalogue, demand, demands, policy"

static void check_demands(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct file *file = value;
	cleanup_name_index struct name_index names;

	name_index_init(&names, file->demands, file->demand_count, sizeof(file->demands[0]), offsetof(struct demand_spec, name));
	name_index_report(&names, at, path, "demands", "name", problems);
}

static const struct field demands_fields[] = {
	FIELD_LIST_OF(FIELD_OBJECT, struct file, demands, demand_count, "demands", 0, .schema = &demand_schema, .minimum = 1,
		      .maximum = FILE_DEMANDS_MAX),
};
static const struct schema demands_schema = SCHEMA("demands", struct file, demands_fields, .check = check_demands, .check_faulty = true);

/* Splits "LINE:COLUMN: text", as the parsers write it. */
static void add_parse_problem(struct problems *problems, const struct err *err)
{
	struct doc_place place = { 0 };
	const char *text = err->text;
	char *end;

	place.line = (unsigned)strtoul(text, &end, 10);
	if (*end == ':')
		place.column = (unsigned)strtoul(end + 1, &end, 10);
	text = *end == ':' ? end + 1 : text;
	problems_add_place(problems, place, "", "%s", text + (*text == ' '));
}

static bool looks_like_json(const char *text, size_t length)
{
	size_t start = 0;

	while (start < length && (text[start] == ' ' || text[start] == '\t' || text[start] == '\r' || text[start] == '\n'))
		start++;
	return start < length && (text[start] == '{' || text[start] == '[');
}

/* Characters that are text in JSON and line breaks in YAML: U+0085, U+2028, U+2029. */
static bool has_yaml_breaks(const char *text, size_t length)
{
	return memmem(text, length, "\xc2\x85", 2) || memmem(text, length, "\xe2\x80\xa8", 3) || memmem(text, length, "\xe2\x80\xa9", 3);
}

/* YAML's reader goes first also for JSON, since it keeps where things stand; the few texts that are JSON
 * but no YAML (tabs, surrogate pairs), or mean something else there, go to JSON's own. */
static int parse(const char *text, size_t length, struct problems *problems, struct doc **ret)
{
	bool is_json = looks_like_json(text, length);
	struct err err;
	int code = -EINVAL;

	if (!is_json || !has_yaml_breaks(text, length))
		code = doc_parse_yaml(text, length, &doc_limits_file, problems->arena, ret, &err);
	if (code == 0)
		return 0;
	if (code != -E2BIG && is_json)
		code = doc_parse_json(text, length, &doc_limits_file, problems->arena, ret, &err);
	if (code < 0)
		add_parse_problem(problems, &err);
	return code < 0 ? -EINVAL : 0;
}

static int top_key_find(const char *key)
{
	for (int i = 0; i < TOP_COUNT; i++)
		if (!strcmp(top_keys[i], key))
			return i;
	return -1;
}

static struct doc_place key_place(const struct doc *map, size_t i)
{
	if (map->places)
		return map->places[i];
	return (struct doc_place){ map->values[i].line, map->values[i].column };
}

/* Which of the keys the file has: exactly one, and nothing beside it. */
static int top_key_read(const struct doc *doc, struct problems *problems)
{
	size_t before = problems->count;
	int found = -1;

	if (doc->kind != DOC_MAP) {
		problems_add(problems, doc, "", "the file is no map, " TOP_EXPECTED);
		return -EINVAL;
	}
	for (size_t i = 0; i < doc->count; i++) {
		int top = top_key_find(doc->keys[i]);
		const char *nearest = string_nearest(doc->keys[i], top_keys, TOP_COUNT);

		if (top >= 0 && found < 0)
			found = top;
		else if (top >= 0)
			problems_add_place(problems, key_place(doc, i), "", "\"%s\" stands beside \"%s\", expected one of them in a file",
					   top_keys[top], top_keys[found]);
		else if (nearest)
			problems_add_place(problems, key_place(doc, i), "", "unknown key \"%.60s\", did you mean \"%s\"?", doc->keys[i],
					   nearest);
		else
			problems_add_place(problems, key_place(doc, i), "", "unknown key \"%.60s\", " TOP_EXPECTED, doc->keys[i]);
	}
	if (problems->count != before)
		return -EINVAL;
	if (found < 0) {
		problems_add(problems, doc, "", "the file holds nothing, " TOP_EXPECTED);
		return -EINVAL;
	}
	return found;
}

int file_read_text(const char *text, size_t length, struct problems *problems, struct file *ret)
{
	struct file file = { 0 };
	struct demand_spec *demand;
	struct doc *doc;
	int code, top;

	code = parse(text, length, problems, &doc);
	if (code < 0)
		return code;
	top = top_key_read(doc, problems);
	if (top < 0)
		return top;
	switch (top) {
	case TOP_NETWORK:
		file.kind = FILE_NETWORK;
		code = schema_read_at(&network_schema, &doc->values[0], "network", &file.network, problems);
		break;
	case TOP_CATALOGUE:
		file.kind = FILE_CATALOGUE;
		code = schema_read_at(&catalogue_schema, &doc->values[0], "catalogue", &file.catalogue, problems);
		break;
	case TOP_DEMAND:
		demand = ARENA_NEW(problems->arena, struct demand_spec);
		code = schema_read_at(&demand_schema, &doc->values[0], "demand", demand, problems);
		file.demands = demand;
		file.demand_count = 1;
		file.kind = FILE_DEMANDS;
		break;
	case TOP_POLICY:
		file.kind = FILE_POLICY;
		code = schema_read_at(&policy_schema, &doc->values[0], "policy", &file.policy, problems);
		break;
	default:
		code = schema_read(&demands_schema, doc, &file, problems);
		file.kind = FILE_DEMANDS;
	}
	if (code == 0)
		*ret = file;
	return code;
}

int demand_read(const struct doc *doc, struct problems *problems, struct demand_spec *ret)
{
	struct demand_spec demand;
	int code = schema_read(&demand_schema, doc, &demand, problems);

	if (code == 0)
		*ret = demand;
	return code;
}
