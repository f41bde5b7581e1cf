#include "engine/attempt_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"

int key_order(const struct weir_attempt_key *a, const struct weir_attempt_key *b)
{
	if (a->demand != b->demand)
		return a->demand < b->demand ? -1 : 1;
	if (a->replica != b->replica)
		return a->replica < b->replica ? -1 : 1;
	return a->attempt == b->attempt ? 0 : a->attempt < b->attempt ? -1 : 1;
}

void key_name(const struct weir_attempt_key *key, char ret[static KEY_NAME_BYTES])
{
	char id[ID_TEXT_SIZE];

	snprintf(ret, KEY_NAME_BYTES, "%s.%u.%u", id_format(key->demand, id), key->replica, key->attempt);
}

int key_from_name(const char *name, struct weir_attempt_key *ret)
{
	struct weir_attempt_key key = { 0 };
	char again[KEY_NAME_BYTES], id[ID_TEXT_SIZE];

	if (strlen(name) <= ID_TEXT_SIZE)
		return -EINVAL;
	memcpy(id, name, ID_TEXT_SIZE - 1);
	id[ID_TEXT_SIZE - 1] = 0;
	if (id_parse(id, &key.demand) < 0 || sscanf(name + ID_TEXT_SIZE - 1, ".%u.%u", &key.replica, &key.attempt) != 2)
		return -EINVAL;
	key_name(&key, again);
	if (strcmp(name, again) != 0)
		return -EINVAL;
	*ret = key;
	return 0;
}
