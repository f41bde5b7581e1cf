#include "store/checksum.h"

#include <sodium.h>
#include <string.h>

/* Not a secret: it only has to stay what it is, or no old file can be read. */
static const uint8_t fixed_key[crypto_shorthash_KEYBYTES] = "weir event log 1";

static void put_u64(uint8_t *to, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t hash_u64(const void *data, size_t length, const uint8_t key[crypto_shorthash_KEYBYTES])
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t value = 0;

	crypto_shorthash(out, data, length, key);
	for (int i = 0; i < 8; i++)
		value |= (uint64_t)out[i] << (8 * i);
	return value;
}

/* The head's hash becomes the key for the payload, which so need not be copied behind the head. */
uint64_t record_checksum(uint64_t group, uint64_t number, const struct record *record)
{
	uint8_t head[40], key[crypto_shorthash_KEYBYTES];

	put_u64(head, group);
	put_u64(head + 8, number);
	put_u64(head + 16, (uint64_t)record->time_us);
	put_u64(head + 24, record->type);
	put_u64(head + 32, record->payload_length);
	memcpy(key, fixed_key, sizeof(key));
	put_u64(key, hash_u64(head, sizeof(head), fixed_key));
	return hash_u64(record->payload_length > 0 ? record->payload : head, record->payload_length, key);
}

uint64_t snapshot_checksum(uint64_t sequence, uint64_t first_row, uint64_t row_count, const uint8_t hash[32])
{
	uint8_t head[56];

	put_u64(head, sequence);
	put_u64(head + 8, first_row);
	put_u64(head + 16, row_count);
	memcpy(head + 24, hash, 32);
	return hash_u64(head, sizeof(head), fixed_key);
}
