/* What every store must do (store/store.h), as one set of tests that each store's program runs. */
#ifndef TESTS_CONTRACT_STORE_H
#define TESTS_CONTRACT_STORE_H

#include <stdbool.h>

#include "store/store.h"

struct store_maker {
	/* Opens the store, an empty one after `clear`. Aborts the test on failure. */
	struct store *(*open)(void *context);
	void (*clear)(void *context);
	void *context;
	bool outlives; /* what was written is there after closing and opening */
};

/* Runs them all; the number of failures, for main to return. */
int store_contract_run(const char *name, const struct store_maker *maker);

#endif
