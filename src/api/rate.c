/* A set-associative table: a key may stand in any of the WAYS places of its row. When all are taken, the
 * bucket that would be full soonest goes, whose owner loses least by being forgotten. Rejected: a map that
 * grows, which whoever varies his address could fill. */
#include "api/rate.h"

#include "base/mem.h"

#define ROWS 4096 /* a power of two */
#define WAYS 4
#define MICRO 1000000

struct bucket {
	uint64_t key;      /* 0: empty */
	int64_t full_at_us; /* when it is full again; what is missing now follows from it */
};

struct rate {
	unsigned per_second, burst;
	struct bucket rows[ROWS][WAYS];
};

struct rate *rate_new(unsigned per_second, unsigned burst)
{
	struct rate *rate = mem_alloc(sizeof(*rate));

	rate->per_second = per_second;
	rate->burst = burst ? burst : per_second;
	return rate;
}

void rate_free(struct rate *rate)
{
	free(rate);
}

/* FNV-1a, then mixed so that the low bits depend on all. */
static uint64_t key_hash(const void *key, size_t length)
{
	const unsigned char *bytes = key;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	hash ^= hash >> 32;
	return hash ? hash : 1;
}

static struct bucket *bucket_find(struct rate *rate, uint64_t key)
{
	struct bucket *row = rate->rows[key & (ROWS - 1)];
	struct bucket *found = &row[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (row[i].key == key)
			return &row[i];
		if (row[i].full_at_us < found->full_at_us)
			found = &row[i];
	}
	*found = (struct bucket){ .key = key };
	return found;
}

bool rate_take(struct rate *rate, const void *key, size_t length, int64_t now_us, unsigned *ret_wait_s)
{
	struct bucket *bucket;
	int64_t one_us, full_at_us;

	if (!rate->per_second)
		return true;
	one_us = MICRO / rate->per_second;
	if (!one_us)
		one_us = 1;
	bucket = bucket_find(rate, key_hash(key, length));
	full_at_us = (bucket->full_at_us > now_us ? bucket->full_at_us : now_us) + one_us;
	if (full_at_us - now_us > (int64_t)rate->burst * one_us) {
		*ret_wait_s = (unsigned)((full_at_us - now_us - (int64_t)rate->burst * one_us + MICRO - 1) / MICRO);
		return false;
	}
	bucket->full_at_us = full_at_us;
	return true;
}
