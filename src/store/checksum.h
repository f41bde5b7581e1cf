/* The checksum that each stored record carries, against what a disk may do to it on its own. */
#ifndef WEIR_STORE_CHECKSUM_H
#define WEIR_STORE_CHECKSUM_H

#include "store/store.h"

/* Over all of the record and the place where it belongs: `group` is 0 for events and a snapshot's
 * sequence for its records, `number` counts within the group. The same on every machine. */
uint64_t record_checksum(uint64_t group, uint64_t number, const struct record *record);
/* Over what describes a snapshot. */
uint64_t snapshot_checksum(uint64_t sequence, uint64_t first_row, uint64_t row_count, const uint8_t hash[32]);

#endif
