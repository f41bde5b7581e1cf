/* Distances on the globe in integers: the same on each machine, so that decisions are. */
#ifndef WEIR_MODEL_GEO_H
#define WEIR_MODEL_GEO_H

#include <stdint.h>

#include "model/network.h"

/* Great-circle distance in metres (sphere of 6,371 km) between points in micro-degrees. Fixed-point
 * throughout; within 0.1 % of the haversine formula. */
int64_t geo_distance_m(int64_t latitude_a_udeg, int64_t longitude_a_udeg, int64_t latitude_b_udeg, int64_t longitude_b_udeg);
/* Round-trip time by the network's rule. */
int64_t geo_rtt_us(const struct link_rule *rule, int64_t distance_m);

#endif
