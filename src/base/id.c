#include "base/id.h"

#include <string.h>

#define ID_EPOCH_MS 1704067200000 /* 2024-01-01T00:00:00Z in Unix time */
#define COUNTER_BITS 13
#define PLATFORM_BITS 10
#define COUNTER_MAX ((1u << COUNTER_BITS) - 1)
#define TIME_MAX ((UINT64_C(1) << 41) - 1)

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static uint64_t id_make(uint64_t time_ms, unsigned platform, unsigned counter)
{
	return time_ms << (PLATFORM_BITS + COUNTER_BITS) | (uint64_t)platform << COUNTER_BITS | counter;
}

uint64_t id_next(uint64_t last, int64_t now_us, unsigned platform)
{
	uint64_t last_ms = last >> (PLATFORM_BITS + COUNTER_BITS);
	unsigned last_platform = (unsigned)(last >> COUNTER_BITS) & ID_PLATFORM_MAX;
	unsigned last_counter = (unsigned)last & COUNTER_MAX;
	int64_t since_ms = now_us / 1000 - ID_EPOCH_MS;
	uint64_t now_ms = since_ms < 1 ? 1 : (uint64_t)since_ms; /* 1: an id is never 0 */

	platform &= ID_PLATFORM_MAX;
	if (now_ms > TIME_MAX)
		now_ms = TIME_MAX;
	if (now_ms > last_ms)
		return id_make(now_ms, platform, 0);
	if (platform == last_platform && last_counter < COUNTER_MAX)
		return last + 1;
	if (platform > last_platform)
		return id_make(last_ms, platform, 0);
	return id_make(last_ms + 1, platform, 0);
}

const char *id_format(uint64_t id, char buffer[static ID_TEXT_SIZE])
{
	for (int i = ID_TEXT_SIZE - 2; i >= 0; i--) {
		buffer[i] = alphabet[id & 31];
		id >>= 5;
	}
	buffer[ID_TEXT_SIZE - 1] = 0;
	return buffer;
}

static int digit_value(char c)
{
	const char *found;

	if (c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	if (c == 'i' || c == 'l')
		c = '1';
	if (c == 'o')
		c = '0';
	found = c ? strchr(alphabet, c) : NULL;
	return found ? (int)(found - alphabet) : -1;
}

int id_parse(const char *text, uint64_t *ret_id)
{
	uint64_t id = 0;

	if (strnlen(text, ID_TEXT_SIZE) != ID_TEXT_SIZE - 1)
		return -EINVAL;
	for (unsigned i = 0; i < ID_TEXT_SIZE - 1; i++) {
		int value = digit_value(text[i]);

		if (value < 0 || (!i && value > 15)) /* 13 digits hold 65 bits: the first has four */
			return -EINVAL;
		id = id << 5 | (unsigned)value;
	}
	if (!id)
		return -EINVAL;
	*ret_id = id;
	return 0;
}
