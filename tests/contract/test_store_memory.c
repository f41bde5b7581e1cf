#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contract/store.h"

static struct store *open_memory(void *context)
{
	struct store *store = NULL;
	struct err err = { "" };

	assert_int_equal(store_open_memory(&store, &err), 0);
	return store;
}

static void clear_memory(void *context)
{
	/* Each opening gives a new one. */
}

int main(void)
{
	struct store_maker maker = { .open = open_memory, .clear = clear_memory };

	return store_contract_run("store_memory", &maker);
}
