/* The SQLite store on the simulated disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contract/store.h"
#include "sim/disk.h"
#include "store/sqlite.h"

static struct store *open_on_disk(void *context)
{
	struct disk **disk = context;
	struct store *store = NULL;
	struct err err = { "" };

	if (store_open_sqlite("log.db", disk_vfs(*disk), &store, &err) < 0)
		fail_msg("%s", err.text);
	store_sqlite_set_checkpoint(store, 20);
	return store;
}

static void clear_disk(void *context)
{
	struct disk **disk = context;

	disk_free(*disk);
	*disk = disk_new(1);
}

int main(void)
{
	struct disk *disk = NULL;
	struct store_maker maker = { .open = open_on_disk, .clear = clear_disk, .context = &disk, .outlives = true };
	int failed = store_contract_run("store_disk", &maker);

	disk_free(disk);
	return failed;
}
