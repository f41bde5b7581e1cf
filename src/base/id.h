/* Demand ids: sortable by creation, unique in the network, 13 characters.
 *
 * 64 bits: 41 of milliseconds since 2024-01-01 (until 2093), 10 of the platform's number, 13 of a
 * counter; when the counter is full or the clock stands still or goes back, the time part is advanced
 * instead. As text: 13 characters of Crockford's base 32 in lower case, so text order is number order.
 * 0 is no id. UUIDv7 was rejected: twice the memory at a million demands, and 36 characters to type.
 */
#ifndef WEIR_BASE_ID_H
#define WEIR_BASE_ID_H

#include <stdint.h>

#include "base/err.h"

#define ID_TEXT_SIZE 14          /* with the final 0 */
#define ID_PLATFORM_MAX 1023

/* The id after `last` for a clock that reads `now_us` (Unix time). Strictly greater than `last`. */
uint64_t id_next(uint64_t last, int64_t now_us, unsigned platform);
const char *id_format(uint64_t id, char buffer[static ID_TEXT_SIZE]);
int id_parse(const char *text, uint64_t *ret_id); /* -EINVAL; takes upper case, and i, l, o as 1, 1, 0 */

#endif
