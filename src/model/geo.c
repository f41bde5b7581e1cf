/* Great-circle distance in fixed point.
 *
 * Angles and ratios are Q60: 60 bits behind the point, so 1 is 2^60 and a metre on the globe is about
 * 10^11 steps. Sine and arc sine are their power series, which leave errors far below a metre. Floating
 * point was rejected: libm's results differ between machines, and decisions must not.
 */
#include "model/geo.h"

#define ONE (INT64_C(1) << 60)
#define PI INT64_C(3622009729038561421) /* pi * 2^60 */
#define EARTH_RADIUS_M 6371000
#define FULL_CIRCLE_UDEG 360000000

static int64_t multiply(int64_t a, int64_t b)
{
	return (int64_t)((__int128)a * b >> 60);
}

/* For 0 <= x <= pi / 2: x (1 - x^2/(2*3) (1 - x^2/(4*5) (...))). */
static int64_t sine(int64_t x)
{
	int64_t square = multiply(x, x);
	int64_t sum = ONE;

	for (int k = 20; k >= 2; k -= 2)
		sum = ONE - multiply(square / (k * (k + 1)), sum);
	return multiply(x, sum);
}

/* For 0 <= s <= 1/2: the sum over n of (2n)! / (4^n n!^2 (2n + 1)) s^(2n + 1). */
static int64_t arc_sine_series(int64_t s)
{
	int64_t square = multiply(s, s);
	int64_t power = s; /* without the factor 1 / (2n + 1) */
	int64_t sum = s;

	for (int n = 1; power; n++) {
		power = multiply(power, square) / (2 * n) * (2 * n - 1);
		sum += power / (2 * n + 1);
	}
	return sum;
}

/* The largest root with root^2 <= value * 2^60. Bit by bit; value <= 1. */
static int64_t square_root(int64_t value)
{
	unsigned __int128 rest = (unsigned __int128)value << 60;
	unsigned __int128 root = 0;

	for (unsigned __int128 bit = (unsigned __int128)1 << 120; bit; bit >>= 2) {
		if (rest >= root + bit) {
			rest -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return (int64_t)root;
}

static int64_t arc_sine(int64_t s)
{
	if (s <= ONE / 2)
		return arc_sine_series(s);
	if (s > ONE)
		s = ONE;
	return PI / 2 - 2 * arc_sine_series(square_root((ONE - s) / 2));
}

static int64_t radians(int64_t udeg)
{
	return (int64_t)((__int128)udeg * PI / (FULL_CIRCLE_UDEG / 2));
}

static int64_t cosine_of_latitude(int64_t udeg)
{
	return sine(PI / 2 - radians(udeg < 0 ? -udeg : udeg));
}

int64_t geo_distance_m(int64_t latitude_a_udeg, int64_t longitude_a_udeg, int64_t latitude_b_udeg, int64_t longitude_b_udeg)
{
	int64_t across = latitude_a_udeg - latitude_b_udeg;
	int64_t along = longitude_a_udeg - longitude_b_udeg;
	int64_t sine_across, sine_along, cosines, haversine;

	across = across < 0 ? -across : across;
	along = along < 0 ? -along : along;
	if (along > FULL_CIRCLE_UDEG / 2)
		along = FULL_CIRCLE_UDEG - along;
	sine_across = sine(radians(across) / 2);
	sine_along = sine(radians(along) / 2);
	cosines = multiply(cosine_of_latitude(latitude_a_udeg), cosine_of_latitude(latitude_b_udeg));
	haversine = multiply(sine_across, sine_across) + multiply(cosines, multiply(sine_along, sine_along));
	if (haversine > ONE)
		haversine = ONE;
	return (int64_t)((__int128)2 * arc_sine(square_root(haversine)) * EARTH_RADIUS_M >> 60);
}

int64_t geo_rtt_us(const struct link_rule *rule, int64_t distance_m)
{
	__int128 micro = (__int128)distance_m * rule->us_per_km_milli * rule->detour_permille;

	return rule->base_us + (int64_t)(micro / 1000000000); /* metres, thousandths, thousandths */
}
