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
/* From a site to the place of a `near`. -ENOENT when it names an unknown site. */
int topology_near_us(const struct topology *topology, uint32_t site, const struct near *near, int64_t *ret_us);

#endif
