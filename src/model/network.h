/* The network: regions, sites, links. */
#ifndef WEIR_MODEL_NETWORK_H
#define WEIR_MODEL_NETWORK_H

#include "model/site.h"

#define NETWORK_REGIONS_MAX 1024
#define NETWORK_SITES_MAX 50000
#define NETWORK_LINKS_MAX 200000

struct region {
	const char *name;
	const char *title;
};

struct link_spec {
	const char *from;
	const char *to;
	int64_t rtt_us;
	int64_t bandwidth_mbit;      /* Mbit/s; 0 not given */
	int64_t price_micro_per_gib;
};

/* Round-trip time between sites without a link: base_us + km * us_per_km * detour_permille / 1000.
 * Light in fibre takes 4.9 us a km one way, so 9.8 us a km there and back; roads and rails make the
 * fibre longer than the great circle. */
struct link_rule {
	int64_t base_us;         /* default 1000 */
	int64_t us_per_km_milli; /* thousandths of a microsecond per km there and back; default 9800 */
	int64_t detour_permille; /* default 1500 */
};

struct network_spec {
	const char *name;
	const char *title;
	const char *note;     /* what the reader should know: which figures are made up */
	const char *currency; /* CNY */
	struct region *regions;
	size_t region_count;
	struct site_spec *sites;
	size_t site_count;
	struct link_spec *links;
	size_t link_count;
	struct link_rule link_rule;
};

#endif
