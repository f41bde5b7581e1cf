/* Names and links are looked up in open-addressing tables, half full at most, keyed by FNV-1a of the
 * name and by the pair of site numbers. A full matrix was rejected: 20,000 sites would take 1.6 GB, and
 * nearly all of it follows from the coordinates. Links are undirected; of several between two sites the
 * fastest counts. Only direct links count: a detour over a third site is the links' operator's to declare. */
#include "model/topology.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "model/geo.h"

#define EMPTY UINT32_MAX

struct link_slot {
	uint64_t pair; /* smaller site number << 32 | greater; UINT64_MAX: empty */
	int64_t rtt_us;
	int64_t bandwidth_mbit;
	int64_t price_micro_per_gib;
};

struct place {
	int64_t latitude_udeg;
	int64_t longitude_udeg;
	const char *name;
};

struct topology {
	struct place *places;
	size_t place_count;
	char *names;
	uint32_t *by_name;
	size_t by_name_mask;
	struct link_slot *links;
	size_t links_mask;
	struct link_rule rule;
};

static size_t table_size(size_t count)
{
	size_t size = 8;

	while (size < count * 2)
		size *= 2;
	return size;
}

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash ^ hash >> 29;
}

static uint64_t hash_pair(uint64_t pair)
{
	pair *= 0x9e3779b97f4a7c15u;
	return pair ^ pair >> 32;
}

static uint32_t find_site(const struct topology *topology, const char *name)
{
	for (uint64_t at = hash_text(name);; at++) {
		uint32_t site = topology->by_name[at & topology->by_name_mask];

		if (site == EMPTY || strcmp(topology->places[site].name, name) == 0)
			return site;
	}
}

static struct link_slot *find_link(const struct topology *topology, uint32_t a, uint32_t b)
{
	uint64_t pair = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;

	for (uint64_t at = hash_pair(pair);; at++) {
		struct link_slot *slot = &topology->links[at & topology->links_mask];

		if (slot->pair == pair || slot->pair == UINT64_MAX)
			return slot;
	}
}

static void copy_sites(struct topology *topology, const struct network_spec *network)
{
	size_t text = 1;
	char *free_text;

	for (size_t i = 0; i < network->site_count; i++)
		text += strlen(network->sites[i].name) + 1;
	topology->names = free_text = mem_alloc(text);
	topology->place_count = network->site_count;
	topology->places = mem_alloc((network->site_count + 1) * sizeof(*topology->places));
	topology->by_name_mask = table_size(network->site_count) - 1;
	topology->by_name = mem_alloc((topology->by_name_mask + 1) * sizeof(uint32_t));
	memset(topology->by_name, 0xff, (topology->by_name_mask + 1) * sizeof(uint32_t));
	for (size_t i = 0; i < network->site_count; i++) {
		const struct site_spec *site = &network->sites[i];
		uint64_t at = hash_text(site->name);

		topology->places[i] = (struct place){ site->latitude_udeg, site->longitude_udeg, free_text };
		memcpy(free_text, site->name, strlen(site->name) + 1);
		free_text += strlen(site->name) + 1;
		while (topology->by_name[at & topology->by_name_mask] != EMPTY)
			at++;
		topology->by_name[at & topology->by_name_mask] = (uint32_t)i;
	}
}

static void copy_links(struct topology *topology, const struct network_spec *network)
{
	topology->links_mask = table_size(network->link_count) - 1;
	topology->links = mem_alloc((topology->links_mask + 1) * sizeof(*topology->links));
	for (size_t i = 0; i <= topology->links_mask; i++)
		topology->links[i].pair = UINT64_MAX;
	for (size_t i = 0; i < network->link_count; i++) {
		const struct link_spec *link = &network->links[i];
		uint32_t a = find_site(topology, link->from);
		uint32_t b = find_site(topology, link->to);
		struct link_slot *slot;

		if (a == EMPTY || b == EMPTY || a == b)
			continue;
		slot = find_link(topology, a, b);
		if (slot->pair == UINT64_MAX || link->rtt_us < slot->rtt_us) {
			slot->rtt_us = link->rtt_us;
			slot->bandwidth_mbit = link->bandwidth_mbit;
			slot->price_micro_per_gib = link->price_micro_per_gib;
		}
		slot->pair = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
	}
}

struct topology *topology_new(const struct network_spec *network)
{
	struct topology *topology = mem_alloc(sizeof(*topology));

	topology->rule = network->link_rule;
	copy_sites(topology, network);
	copy_links(topology, network);
	return topology;
}

void topology_free(struct topology *topology)
{
	if (!topology)
		return;
	free(topology->places);
	free(topology->names);
	free(topology->by_name);
	free(topology->links);
	free(topology);
}

int64_t topology_rtt_us(const struct topology *topology, uint32_t site_a, uint32_t site_b)
{
	const struct place *a = &topology->places[site_a];
	const struct place *b = &topology->places[site_b];
	const struct link_slot *link;

	if (site_a == site_b)
		return 0;
	link = find_link(topology, site_a, site_b);
	if (link->pair != UINT64_MAX)
		return link->rtt_us;
	return geo_rtt_us(&topology->rule, geo_distance_m(a->latitude_udeg, a->longitude_udeg, b->latitude_udeg, b->longitude_udeg));
}

void topology_path(const struct topology *topology, uint32_t site_a, uint32_t site_b, int64_t *ret_bandwidth_mbit,
		   int64_t *ret_price_micro_per_gib)
{
	const struct link_slot *link = site_a == site_b ? NULL : find_link(topology, site_a, site_b);

	*ret_price_micro_per_gib = 0;
	*ret_bandwidth_mbit = site_a == site_b ? 0 : TOPOLOGY_BANDWIDTH_MBIT;
	if (!link || link->pair == UINT64_MAX)
		return;
	*ret_price_micro_per_gib = link->price_micro_per_gib;
	if (link->bandwidth_mbit > 0)
		*ret_bandwidth_mbit = link->bandwidth_mbit;
}

int topology_site(const struct topology *topology, const char *name, uint32_t *ret_site)
{
	uint32_t site = find_site(topology, name);

	if (site == EMPTY)
		return -ENOENT;
	*ret_site = site;
	return 0;
}

int topology_near_us(const struct topology *topology, uint32_t site, const struct near *near, int64_t *ret_us)
{
	const struct place *place = &topology->places[site];
	uint32_t at;

	if (near->has_coordinates) {
		*ret_us = geo_rtt_us(&topology->rule, geo_distance_m(place->latitude_udeg, place->longitude_udeg, near->latitude_udeg,
								     near->longitude_udeg));
		return 0;
	}
	at = find_site(topology, near->site);
	if (at == EMPTY)
		return -ENOENT;
	*ret_us = topology_rtt_us(topology, site, at);
	return 0;
}
