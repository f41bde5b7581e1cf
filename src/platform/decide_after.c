/* What a demand waits for: names and ids as they were written, turned into ids of demands and arrays.
 *
 * Only what was accepted before can be named, in an earlier submission or earlier in the same one; so there are no
 * circles, and a name always means one demand: the tenant's newest of that name at that moment.
 */
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "platform/submission.h"

struct accepted_body *submission_body(const struct submission *submission, size_t event)
{
	return (struct accepted_body *)submission->list.events[event].body;
}

static bool label_is(const void *item, const void *key)
{
	return strcmp(((const struct label *)item)->text, key) == 0;
}

/* The tenant's newest demand of the name. Walks the lists of both, so that the shorter one ends the search. */
static const struct demand *newest_of(const struct platform *platform, const char *tenant, const char *name)
{
	const struct label *named = table_find(&platform->name_table, hash_text(name), label_is, name);
	const struct label *owned = table_find(&platform->tenant_table, hash_text(tenant), label_is, tenant);
	const struct demand *by_name = named ? named->last : NULL, *by_tenant = owned ? owned->last : NULL;

	while (by_name && by_tenant) {
		if (by_name->tenant == owned)
			return by_name;
		if (by_tenant->name == named)
			return by_tenant;
		by_name = by_name->by_name.previous;
		by_tenant = by_tenant->by_tenant.previous;
	}
	return NULL;
}

struct spec_key {
	const struct submission *submission;
	const char *tenant, *name;
};

static bool spec_is_named(const void *item, const void *key)
{
	const struct spec_key *named = key;
	const struct submission *submission = named->submission;
	size_t spec = (size_t)((const size_t *)item - submission->first);

	return strcmp(submission->specs[spec].name, named->name) == 0 &&
	       strcmp(submission_body(submission, submission->first[spec])->tenant, named->tenant) == 0;
}

/* The place in submission->first of the last spec of the name so far, or NULL. */
static size_t *earlier_spec(const struct submission *submission, const char *tenant, const char *name)
{
	struct spec_key key = { submission, tenant, name };

	return table_find(&submission->names, hash_text(name), spec_is_named, &key);
}

/* "sweep.17" gives 17 and the length of "sweep". */
static bool split_member(const char *name, size_t *ret_length, size_t *ret_index)
{
	const char *dot = strrchr(name, '.');

	if (!dot || !dot[1] || strlen(dot + 1) > 6 || strspn(dot + 1, "0123456789") != strlen(dot + 1) || (dot[1] == '0' && dot[2]))
		return false;
	*ret_length = (size_t)(dot - name);
	*ret_index = strtoul(dot + 1, NULL, 10);
	return true;
}

/* Among those that come earlier in the submission, the last of the name: a demand, an array, or a member of one. */
static bool find_earlier(const struct submission *submission, const char *tenant, const char *name, struct edge_body *ret)
{
	const size_t *spec = earlier_spec(submission, tenant, name), *array = NULL;
	size_t length, index;

	if (split_member(name, &length, &index))
		array = earlier_spec(submission, tenant, arena_strndup(submission->list.arena, name, length));
	if (array && (array < spec || !submission->specs[array - submission->first].array || index >= array[1] - array[0]))
		array = NULL;
	if (!spec && !array)
		return false;
	ret->whole = !array && submission->specs[spec - submission->first].array;
	ret->target = submission_body(submission, array ? *array + index : *spec)->demand;
	return true;
}

static bool find_target(const struct submission *submission, const char *tenant, const char *word, struct edge_body *ret)
{
	const struct platform *platform = submission->platform;
	const struct demand *demand;
	const struct hold *array;
	uint64_t id;

	if (id_parse(word, &id) == 0) {
		demand = demand_find(platform, id);
		if (demand && strcmp(demand->tenant->text, tenant) == 0) {
			ret->target = id;
			return true;
		}
	}
	if (find_earlier(submission, tenant, word, ret))
		return true;
	demand = newest_of(platform, tenant, word);
	array = array_find(platform, tenant, word);
	if (!demand && !array)
		return false;
	ret->whole = array && (!demand || array->first > demand->id);
	ret->target = ret->whole ? array->first : demand->id;
	return true;
}

static int resolve(const struct submission *submission, size_t index, struct err *err)
{
	const struct demand_spec *spec = &submission->specs[index];
	struct accepted_body *body = submission_body(submission, submission->first[index]);
	struct arena *arena = submission->list.arena;

	if (!spec->array && spec->after_count == 0)
		return 0;
	body->hold = ARENA_NEW(arena, struct hold_body);
	schema_defaults(&hold_body_schema, body->hold);
	if (spec->array) {
		body->hold->array = arena_strdup(arena, spec->name);
		body->hold->count = spec->array->count;
		body->hold->at_once = spec->array->at_once;
	}
	body->hold->edges = ARENA_ARRAY(arena, struct edge_body, spec->after_count + 1);
	body->hold->edge_count = spec->after_count;
	for (size_t i = 0; i < spec->after_count; i++) {
		body->hold->edges[i].when = spec->after[i].when;
		if (!find_target(submission, body->tenant, spec->after[i].demand, &body->hold->edges[i]))
			return err_set(err, -EINVAL,
				       "%s: after: %s has no demand %.63s; what is waited for must have been submitted before, and not be "
				       "forgotten",
				       spec->name, *body->tenant ? body->tenant : "the tenant", spec->after[i].demand);
	}
	return 0;
}

int submission_resolve(struct submission *submission, struct err *err)
{
	bool any = false;
	int code = 0;

	for (size_t s = 0; s < submission->count; s++)
		any |= submission->specs[s].after_count > 0;
	for (size_t s = 0; code == 0 && s < submission->count; s++) {
		const char *name = submission->specs[s].name;
		size_t *same;

		code = resolve(submission, s, err);
		if (!any)
			continue;
		same = earlier_spec(submission, submission_body(submission, submission->first[s])->tenant, name);
		if (same)
			table_remove(&submission->names, hash_text(name), same);
		table_add(&submission->names, hash_text(name), &submission->first[s]);
	}
	table_done(&submission->names);
	return code;
}
