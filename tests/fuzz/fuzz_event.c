/* Any bytes as records of a log or of a snapshot: refused with a sentence, or taken, and then the state is
 * whole and can be written down. First byte: odd, a snapshot into an empty platform; even, events onto a
 * small one. Then records: a byte for the type, two for the length, the payload. */
#include <stdlib.h>
#include <string.h>

#include "platform/snapshot.h"
#include "platform_seed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct platform_settings settings;
	struct platform *platform;
	bool snapshot = size > 0 && data[0] & 1;
	bool whole = true;
	struct err err;

	platform_settings_defaults(&settings);
	settings.ended_kept = 3;
	platform = snapshot ? platform_new(&settings) : seed_platform();
	for (size_t at = 1; at + 3 <= size;) {
		uint32_t type = snapshot ? SNAP_PLATFORM + data[at] % (SNAP_END - SNAP_PLATFORM) : data[at] % (EVENT_TYPE_COUNT + 1);
		size_t length = data[at + 1] | (size_t)data[at + 2] << 8;

		at += 3;
		if (length > size - at)
			length = size - at;
		if (platform_replay(platform, snapshot ? 0 : platform_sequence(platform) + 1, SEED_NOW_US + (int64_t)at, type, data + at,
				    length, &err) < 0 &&
		    !*err.text)
			abort();
		whole &= !snapshot || platform_sequence(platform) == 0;
		at += length;
	}
	if (snapshot)
		platform_replay_snapshot_end(platform, 1000);
	if (whole)
		seed_check(platform);
	platform_free(platform);
	return 0;
}
