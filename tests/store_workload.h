/* A workload for an event log on a simulated disk, and the check of what must be there after a fault.
 *
 * Everything follows from one seed: what each operation does from the seed and its number, what a record
 * holds from its sequence alone. So an operation can be done again after it failed, and records can be
 * checked without keeping a copy.
 */
#ifndef TESTS_STORE_WORKLOAD_H
#define TESTS_STORE_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/disk.h"
#include "store/store.h"

/* What was acknowledged, and what it becomes if the operation that is under way was durable after all. */
struct workload_bound {
	uint64_t known, trying;
};

struct workload {
	struct disk *disk;
	struct store *store; /* NULL: not open */
	uint64_t seed;
	unsigned operation, operations;
	struct workload_bound first, last, snapshot;
	uint64_t building, building_count; /* the snapshot's sequence, 0 for none */
	struct err err;
};

void workload_init(struct workload *w, struct disk *disk, uint64_t seed, unsigned operations);
void workload_done(struct workload *w); /* closes the store */

/* Opens the store, if it is not, and goes on until all operations are done (0), one fails (its code) or
 * the power has failed (-EIO). Called again, it does the failed operation again. */
int workload_run(struct workload *w);

/* Opens the store if need be and fails the test unless S1 to S4 hold; what is found becomes what is known. */
void workload_check(struct workload *w);

#endif
