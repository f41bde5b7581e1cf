/* Decisions of operators and of the process: opening, network, catalogue, tokens, drains, cancels. */
#include <string.h>

#include "model/name.h"
#include "platform/state.h"
#include "wire/files.h"

int decide_open(const struct platform *platform, int64_t now_us, uint64_t epoch, struct event_list *ret, struct err *err)
{
	struct opened_body *body = event_add(ret, now_us, EVENT_OPENED);

	/* Also when the clock went back: each life is later than the one before. */
	body->epoch = epoch > platform->epoch ? epoch : platform->epoch + 1;
	return 0;
}

static bool same_struct(const struct schema *schema, const void *a, const void *b)
{
	cleanup_strbuf struct strbuf first = { 0 }, second = { 0 };

	schema_encode(schema, a, &first);
	schema_encode(schema, b, &second);
	return first.length == second.length && memcmp(first.data, second.data, first.length) == 0;
}

static bool site_is_named(const void *item, const void *key)
{
	return strcmp(((const struct site_spec *)item)->name, key) == 0;
}

static int check_vanishing(const struct platform *platform, const struct network_spec *network, struct err *err)
{
	struct table names = { 0 };
	int code = 0;

	for (size_t i = 0; i < network->site_count; i++)
		table_add(&names, hash_text(network->sites[i].name), &network->sites[i]);
	for (size_t i = 0; code == 0 && i < platform->site_count; i++) {
		const struct site *site = platform->sites[i];

		if (table_find(&names, site->hash, site_is_named, site->name))
			continue;
		if (site->attempt_count > 0)
			code = err_set(err, -EBUSY,
				       "the site %s is not in the new network, but %zu attempts are placed there; drain it first",
				       site->name, site->attempt_count);
		else if (!site->draining && site->condition != CONDITION_UNSEEN)
			code = err_set(err, -EBUSY, "the site %s is not in the new network, but was not drained", site->name);
	}
	table_done(&names);
	return code;
}

int decide_load_network(const struct platform *platform, int64_t now_us, const struct network_spec *network, struct event_list *ret,
			struct err *err)
{
	int code = network_check(network, err);

	if (code < 0)
		return code;
	if (platform->site_count > 0 && same_struct(&network_schema, network, &platform->network))
		return 0;
	code = check_vanishing(platform, network, err);
	if (code < 0)
		return code;
	*(struct network_spec *)event_add(ret, now_us, EVENT_NETWORK_LOADED) = *network;
	return 0;
}

int decide_load_catalogue(const struct platform *platform, int64_t now_us, const struct catalogue *catalogue, struct event_list *ret,
			  struct err *err)
{
	if (catalogue->model_count > CATALOGUE_MODELS_MAX)
		return err_set(err, -EINVAL, "%zu chip models, expected at most %d", catalogue->model_count, CATALOGUE_MODELS_MAX);
	if (same_struct(&catalogue_schema, catalogue, &platform->catalogue))
		return 0;
	*(struct catalogue *)event_add(ret, now_us, EVENT_CATALOGUE_LOADED) = *catalogue;
	return 0;
}

int decide_load_policy(const struct platform *platform, int64_t now_us, const struct policy_spec *policy, struct event_list *ret,
		       struct err *err)
{
	int code = policy_check(policy, err);

	if (code < 0)
		return code;
	if (same_struct(&policy_schema, policy, &platform->policy))
		return 0;
	*(struct policy_spec *)event_add(ret, now_us, EVENT_POLICY_LOADED) = *policy;
	return 0;
}

int decide_cancel(const struct platform *platform, int64_t now_us, uint64_t id, const char *by, struct event_list *ret, struct err *err)
{
	const struct demand *demand = demand_find(platform, id);
	struct demand_ended_body *ended;
	struct cancelled_body *body;

	if (!demand)
		return err_set(err, -ENOENT, "there is no such demand");
	if (demand_state_is_ended(demand->state) || demand->cancelled)
		return 0;
	body = event_add(ret, now_us, EVENT_DEMAND_CANCELLED);
	body->demand = id;
	body->by = arena_strdup(ret->arena, by ? by : "");
	if (demand->current_count > 0)
		return 0;
	ended = event_add(ret, now_us, EVENT_DEMAND_ENDED);
	ended->demand = id;
	ended->state = STATE_CANCELLED;
	ended->message = demand_cancel_text(by, ret->arena);
	return 0;
}

int decide_cancel_array(const struct platform *platform, int64_t now_us, const char *tenant, const char *name, const char *by,
			struct event_list *ret, size_t *ret_count, struct err *err)
{
	const struct hold *array = array_find(platform, tenant, name);

	*ret_count = 0;
	if (!array)
		return err_set(err, -ENOENT, "there is no array %.63s", name);
	for (uint32_t i = 0; i < array->count; i++) {
		const struct demand *member = array->members[i];

		if (!member || demand_state_is_ended(member->state) || member->cancelled)
			continue;
		decide_cancel(platform, now_us, member->id, by, ret, err);
		++*ret_count;
	}
	return 0;
}

int decide_drain(const struct platform *platform, int64_t now_us, const char *name, const char *by, const char *reason,
		 struct event_list *ret, struct err *err)
{
	const struct site *site = site_find(platform, name);
	struct drained_body *body;

	if (!site)
		return err_set(err, -ENOENT, "there is no site %.63s", name);
	if (site->draining && strcmp(site->drain_reason, reason ? reason : "") == 0)
		return 0;
	body = event_add(ret, now_us, EVENT_SITE_DRAINED);
	body->site = site->name;
	body->by = arena_strdup(ret->arena, by ? by : "");
	body->reason = arena_strndup(ret->arena, reason ? reason : "", strnlen(reason ? reason : "", MESSAGE_MAX));
	return 0;
}

int decide_undrain(const struct platform *platform, int64_t now_us, const char *name, const char *by, struct event_list *ret,
		   struct err *err)
{
	const struct site *site = site_find(platform, name);
	struct undrained_body *body;

	if (!site)
		return err_set(err, -ENOENT, "there is no site %.63s", name);
	if (!site->draining)
		return 0;
	body = event_add(ret, now_us, EVENT_SITE_UNDRAINED);
	body->site = site->name;
	body->by = arena_strdup(ret->arena, by ? by : "");
	return 0;
}

int decide_token_create(const struct platform *platform, int64_t now_us, const struct token_view *token, struct event_list *ret,
			struct err *err)
{
	struct token_body *body;
	bool found;
	int code = name_check(token->name, err);

	if (code < 0)
		return code;
	token_place(platform, token->name, &found);
	if (found || platform_token(platform, token->hash))
		return err_set(err, -EEXIST, "there is a token %s already", token->name);
	if (platform->token_count >= TOKENS_MAX)
		return err_set(err, -ENOSPC, "there are %d tokens already, revoke some first", TOKENS_MAX);
	if (token->site && *token->site && !site_find(platform, token->site))
		return err_set(err, -EINVAL, "there is no site %.63s", token->site);
	body = event_add(ret, now_us, EVENT_TOKEN_CREATED);
	body->name = arena_strdup(ret->arena, token->name);
	body->role = token->role;
	body->tenant = arena_strdup(ret->arena, token->tenant ? token->tenant : "");
	body->site = arena_strdup(ret->arena, token->site ? token->site : "");
	body->created_us = token->created_us ? token->created_us : now_us;
	body->hash = (struct bytes){ arena_dup(ret->arena, token->hash, sizeof(token->hash)), sizeof(token->hash) };
	return 0;
}

int decide_token_revoke(const struct platform *platform, int64_t now_us, const char *name, struct event_list *ret, struct err *err)
{
	struct token_revoked_body *body;
	bool found;

	token_place(platform, name, &found);
	if (!found)
		return err_set(err, -ENOENT, "there is no token %.63s", name);
	body = event_add(ret, now_us, EVENT_TOKEN_REVOKED);
	body->name = arena_strdup(ret->arena, name);
	return 0;
}
