#include "core/clock.h"

#define AHEAD_PART 100 /* of what passed is made up for at most, when the system's time is ahead */
#define BEHIND_PART 2  /* and when it is behind */

void core_clock_init(struct core_clock *clock, int64_t boot_us, int64_t unix_us, int64_t earliest_us)
{
	*clock = (struct core_clock){ .now_us = unix_us > earliest_us ? unix_us : earliest_us, .boot_us = boot_us };
}

int64_t core_clock_turn(struct core_clock *clock, int64_t boot_us, int64_t unix_us)
{
	int64_t passed_us = boot_us > clock->boot_us ? boot_us - clock->boot_us : 0;
	int64_t even_us = clock->now_us + passed_us;
	int64_t error_us = unix_us - even_us;
	int64_t counted_us = clock->rest_us + passed_us;

	clock->boot_us += passed_us;
	clock->rest_us = counted_us % AHEAD_PART;
	if (error_us > counted_us / AHEAD_PART)
		error_us = counted_us / AHEAD_PART;
	else if (error_us < -(passed_us / BEHIND_PART))
		error_us = -(passed_us / BEHIND_PART);
	clock->now_us = even_us + error_us;
	return clock->now_us;
}
