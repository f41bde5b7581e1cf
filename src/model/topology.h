/* How far sites are from each other: explicit links, else the network's rule over great-circle distance. */
#ifndef WEIR_MODEL_TOPOLOGY_H
#define WEIR_MODEL_TOPOLOGY_H

#include "model/demand.h"
#include "model/network.h"

struct topology;

/* Copies what it needs of the network. Sites are numbered as in network->sites. */
struct topology *topology_new(const struct network_spec *network);
void topology_free(struct topology *topology); /* takes NULL */
/* Round-trip time in microseconds; 0 for a site and itself. O(1) expected. */
int64_t topology_rtt_us(const struct topology *topology, uint32_t site_a, uint32_t site_b);
/* What data takes from one site to another: the bandwidth and price of their link, or of no link TOPOLOGY_BANDWIDTH_MBIT and
 * nothing. A link whose bandwidth is not given counts as that too. Within a site: 0 and 0, no time at all. O(1) expected. */
#define TOPOLOGY_BANDWIDTH_MBIT 1000 /* assumed where nothing is known */
void topology_path(const struct topology *topology, uint32_t site_a, uint32_t site_b, int64_t *ret_bandwidth_mbit,
		   int64_t *ret_price_micro_per_gib);
/* The site's number; -ENOENT. O(1) expected. */
int topology_site(const struct topology *topology, const char *name, uint32_t *ret_site);
/* From a site to the place of a `near`. -ENOENT when it names an unknown site. */
int topology_near_us(const struct topology *topology, uint32_t site, const struct near *near, int64_t *ret_us);

#endif
