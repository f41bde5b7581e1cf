/* The SQLite store on the machine's own disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "contract/store.h"
#include "store/sqlite.h"

struct place {
	char folder[64];
	char path[96];
};

static struct store *open_sqlite(void *context)
{
	const struct place *place = context;
	struct store *store = NULL;
	struct err err = { "" };

	if (store_open_sqlite(place->path, NULL, &store, &err) < 0)
		fail_msg("%s", err.text);
	store_sqlite_set_checkpoint(store, 20); /* so that the tests meet many */
	return store;
}

static void clear_sqlite(void *context)
{
	const struct place *place = context;
	char path[128];

	unlink(place->path);
	snprintf(path, sizeof(path), "%s-wal", place->path);
	unlink(path);
}

int main(void)
{
	struct place place = { .folder = "/tmp/weir-store-XXXXXX" };
	struct store_maker maker = { .open = open_sqlite, .clear = clear_sqlite, .context = &place, .outlives = true };
	int failed;

	if (!mkdtemp(place.folder))
		return 1;
	snprintf(place.path, sizeof(place.path), "%s/log.db", place.folder);
	failed = store_contract_run("store_sqlite", &maker);
	clear_sqlite(&place);
	rmdir(place.folder);
	return failed;
}
