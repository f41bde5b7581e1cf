/* Quantities as people write them, and as integers in one fixed unit.
 *
 * Parsing is exact decimal arithmetic on text, no floats; a value that is no whole number of the
 * unit is refused (1.5 cores are 1500 milli-cores, 0.0001 cores are an error), as is one that overflows.
 */
#ifndef WEIR_BASE_UNITS_H
#define WEIR_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum unit {
	UNIT_COUNT_ONE,   /* plain whole numbers: 12, 12k, 3M */
	UNIT_CPU,         /* milli-cores:   2, 1.5, 500m */
	UNIT_MEMORY,      /* MiB:           512MiB, 64GiB, 2TiB; a bare number is refused */
	UNIT_BYTES,       /* MiB rounded up: as MEMORY, KiB and decimal GB, TB too (data sizes) */
	UNIT_DURATION,    /* microseconds:  10us, 5ms, 30s, 10m, 2h, 1d, 1h30m */
	UNIT_BANDWIDTH,   /* Mbit/s:        100Mbit/s, 10Gbit/s, 1.6Tbit/s */
	UNIT_MONEY,       /* micro-units of the network's currency: 12, 0.35 */
	UNIT_POWER,       /* W:             400W, 2.5kW, 30MW */
	UNIT_ANGLE,       /* micro-degrees: 39.904200, -3.5 */
	UNIT_THROUGHPUT,  /* giga-operations/s: 320T, 1.2P, 500G */
	UNIT_CHIP,        /* milli-chips:   2, 0.25, 250m */
	UNIT_COUNT
};

/* Parses `text` into whole units. Error: -EINVAL or -ERANGE, with what was expected in `err`. */
int unit_parse(enum unit unit, const char *text, int64_t *ret_value, struct err *err);
/* The same for a bare whole number, as JSON and YAML give it. */
int unit_from_integer(enum unit unit, int64_t number, int64_t *ret_value, struct err *err);
/* Writes the shortest exact text that unit_parse reads back, with at least 1 before the point if it can be; gives `buffer` back. 32 bytes always suffice. */
const char *unit_format(enum unit unit, int64_t value, char *buffer, size_t size);
/* What unit_parse takes, for messages: "a duration such as 30s, 10m or 2h". */
const char *unit_expected(enum unit unit);

/* For tables: about three digits, "64 GiB", "2 h 5 min", "1.2 P". Not parsed back. */
const char *unit_human(enum unit unit, int64_t value, char *buffer, size_t size);

#endif
