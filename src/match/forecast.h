/* When each pending demand will start.
 *
 * The queue is played forward on the books themselves: what runs ends after its expected time, what is placed runs for its own,
 * and between the ends the same rounds are made as ever. Then everything is taken back. Time goes in steps of the
 * next end, or of a fiftieth of the way already gone when ends lie closer together, so a forecast over weeks has some hundred rounds.
 * Within a step, what is placed starts when its place became free, and when it ends there, a round more is made.
 * Entries beyond the bounds get an estimate from the rate at which those before them started.
 *
 * Expected times: a time limit is what work may take at most, and mostly it takes less. `time_permille` says how much of its
 * limit work has taken of late; the caller keeps it honest by comparing (1000: as long as it may).
 */
#ifndef WEIR_MATCH_FORECAST_H
#define WEIR_MATCH_FORECAST_H

#include "match/match.h"

#define FORECAST_UNKNOWN (-1) /* it waits for something whose end is not known, or fits nowhere */

struct forecast_settings {
	int64_t time_permille;  /* of the limits; 1 to 1000 */
	size_t placements_max;  /* that are played; 0: 10,000 */
	size_t steps_max;       /* rounds; 0: 400 */
};

struct forecast {
	int64_t **start_us; /* per stream and entry */
	size_t steps;
	bool complete;      /* every entry was played to its start */
};

/* The input's limits do not count. Everything is the arena's. Cost: steps rounds over what is left. */
void match_forecast(const struct match_input *input, const struct forecast_settings *settings, struct arena *arena, struct forecast *ret);

#endif
