/* Ended attempts whose end the platform has recorded, kept for their output. They are reported no more;
 * the engine forgets the oldest when there are too many. After a restart of the agent they are reported
 * once more, and kept again when the platform says so: nothing of this needs to be on disk.
 *
 * Sorted by key. Ids ascend with time, so the first is the oldest. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/agent_site.h"

static int key_compare(const void *left, const void *right)
{
	const struct weir_attempt_key *a = left, *b = right;

	if (a->demand != b->demand)
		return a->demand < b->demand ? -1 : 1;
	if (a->replica != b->replica)
		return a->replica < b->replica ? -1 : 1;
	return a->attempt == b->attempt ? 0 : a->attempt < b->attempt ? -1 : 1;
}

bool site_keeps(const struct site *site, const struct weir_attempt_key *key)
{
	return site->kept_count > 0 && bsearch(key, site->kept, site->kept_count, sizeof(*key), key_compare) != NULL;
}

void site_keep(struct site *site, const struct weir_attempt_key *key)
{
	size_t at = site->kept_count;

	if (site_keeps(site, key))
		return;
	if (!site->kept)
		site->kept = mem_alloc((KEPT_MAX + 1) * sizeof(*site->kept));
	while (at > 0 && key_compare(&site->kept[at - 1], key) > 0)
		at--;
	memmove(&site->kept[at + 1], &site->kept[at], (site->kept_count - at) * sizeof(*site->kept));
	site->kept[at] = *key;
	if (++site->kept_count <= KEPT_MAX)
		return;
	site->engine->ops->forget(site->engine, &site->kept[0]);
	memmove(&site->kept[0], &site->kept[1], --site->kept_count * sizeof(*site->kept));
}
