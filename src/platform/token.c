/* Tokens and idempotency keys: small things with names, kept by hash. */
#include <string.h>

#include "model/name.h"
#include "platform/state.h"

static bool token_has_hash(const void *item, const void *key)
{
	return memcmp(((const struct token_view *)item)->hash, key, 32) == 0;
}

void token_free(struct token_view *token)
{
	if (!token)
		return;
	free((char *)token->name);
	free((char *)token->tenant);
	free((char *)token->site);
	free(token);
}

size_t token_place(const struct platform *platform, const char *name, bool *ret_found)
{
	size_t low = 0, high = platform->token_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(platform->tokens[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_found = low < platform->token_count && strcmp(platform->tokens[low]->name, name) == 0;
	return low;
}

const struct token_view *platform_token(const struct platform *platform, const uint8_t hash[32])
{
	return table_find(&platform->token_table, hash_bytes(hash, 32), token_has_hash, hash);
}

int apply_token(struct platform *platform, const struct token_body *body, struct err *err)
{
	struct token_view *token;
	size_t place;
	bool found;

	if (name_check(body->name, NULL) < 0 || body->hash.length != 32)
		return err_set(err, -EINVAL, "a token without a proper name or hash");
	place = token_place(platform, body->name, &found);
	if (found || platform_token(platform, body->hash.data))
		return err_set(err, -EINVAL, "the token %s is there already", body->name);
	if (platform->token_count >= TOKENS_MAX)
		return err_set(err, -EINVAL, "more than %d tokens", TOKENS_MAX);
	token = mem_alloc(sizeof(*token));
	*token = (struct token_view){ .name = mem_strdup(body->name), .role = body->role, .tenant = mem_strdup(body->tenant),
				      .site = mem_strdup(body->site), .created_us = body->created_us };
	memcpy(token->hash, body->hash.data, 32);
	platform->tokens = mem_resize(platform->tokens, platform->token_count + 1, sizeof(struct token_view *));
	memmove(platform->tokens + place + 1, platform->tokens + place, (platform->token_count - place) * sizeof(struct token_view *));
	platform->tokens[place] = token;
	platform->token_count++;
	table_add(&platform->token_table, hash_bytes(token->hash, 32), token);
	return 0;
}

int apply_token_revoked(struct platform *platform, const struct token_revoked_body *body, struct err *err)
{
	struct token_view *token;
	size_t place;
	bool found;

	place = token_place(platform, body->name, &found);
	if (!found)
		return err_set(err, -EINVAL, "the token \"%.63s\" is unknown", body->name);
	token = platform->tokens[place];
	table_remove(&platform->token_table, hash_bytes(token->hash, 32), token);
	platform->token_count--;
	memmove(platform->tokens + place, platform->tokens + place + 1, (platform->token_count - place) * sizeof(struct token_view *));
	token_free(token);
	return 0;
}

/* --- idempotency keys --------------------------------------------------------------------------- */

static bool key_has_text(const void *item, const void *key)
{
	return strcmp(((const struct key_entry *)item)->text, key) == 0;
}

struct key_entry *key_find(const struct platform *platform, const char *text)
{
	return table_find(&platform->key_table, hash_text(text), key_has_text, text);
}

static void drop_oldest_key(struct platform *platform)
{
	struct key_entry *oldest = platform->key_first;

	platform->key_first = oldest->next;
	if (!platform->key_first)
		platform->key_last = NULL;
	table_remove(&platform->key_table, oldest->hash, oldest);
	free(oldest);
}

int apply_key(struct platform *platform, const char *text, uint64_t request_hash, uint64_t first, int64_t count, struct err *err)
{
	size_t size = strlen(text) + 1;
	struct key_entry *key;

	if (size > NAME_MAX_LENGTH + IDEMPOTENCY_KEY_LENGTH_MAX + 2 || count < 1 || count > UINT32_MAX)
		return err_set(err, -EINVAL, "an idempotency key that cannot be");
	if (key_find(platform, text))
		return err_set(err, -EINVAL, "an idempotency key that is there already");
	key = mem_alloc(sizeof(*key) + size);
	key->hash = hash_text(text);
	key->request_hash = request_hash;
	key->first = first;
	key->count = (uint32_t)count;
	memcpy(key->text, text, size);
	if (platform->key_last)
		platform->key_last->next = key;
	else
		platform->key_first = key;
	platform->key_last = key;
	table_add(&platform->key_table, key->hash, key);
	if (platform->key_table.count > IDEMPOTENCY_KEYS_MAX)
		drop_oldest_key(platform);
	return 0;
}
