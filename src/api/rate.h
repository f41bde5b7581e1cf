/* Token buckets, one per key, in fixed memory: a caller that is not in the table has a full bucket. */
#ifndef WEIR_API_RATE_H
#define WEIR_API_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate;

/* `per_second` 0: no limit. */
struct rate *rate_new(unsigned per_second, unsigned burst);
void rate_free(struct rate *rate); /* takes NULL */
/* Takes one from the key's bucket. When it is empty: false, and in how many seconds there is one again. O(1). */
bool rate_take(struct rate *rate, const void *key, size_t length, int64_t now_us, unsigned *ret_wait_s);

#endif
