/* The platform's clock: Unix time that goes on evenly, whatever is done to the system's clock.
 *
 * Sites are declared lost by this clock while their agents count the lease on theirs (CLOCK_BOOTTIME). With
 * the system's Unix time as it is, a clock set forward by a minute would declare every site lost at once,
 * and their work would run a second time elsewhere. So time passes as CLOCK_BOOTTIME does, and the
 * system's time is followed: a hundredth faster when it is ahead, since that eats into the margin between a
 * lease's end and the loss; at half the pace when it is behind, which only lets the platform wait longer.
 */
#ifndef WEIR_CORE_CLOCK_H
#define WEIR_CORE_CLOCK_H

#include <stdint.h>

struct core_clock {
	int64_t now_us;  /* Unix time; never goes back */
	int64_t boot_us; /* CLOCK_BOOTTIME of that moment */
	int64_t rest_us; /* passed, but too short to count for a correction */
};

/* `earliest_us`: the clock shows at least that, such as the time of the newest event of a log. */
void core_clock_init(struct core_clock *clock, int64_t boot_us, int64_t unix_us, int64_t earliest_us);
/* Gives the time, and notes it. */
int64_t core_clock_turn(struct core_clock *clock, int64_t boot_us, int64_t unix_us);

#endif
