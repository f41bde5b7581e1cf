#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "base/arena.h"
#include "model/geo.h"
#include "model/topology.h"

static struct site_spec sites[] = {
	{ .name = "beijing", .latitude_udeg = 39904200, .longitude_udeg = 116407400 },
	{ .name = "shanghai", .latitude_udeg = 31230400, .longitude_udeg = 121473700 },
	{ .name = "guian", .latitude_udeg = 26406800, .longitude_udeg = 106630200 },
};
static struct link_spec links[] = {
	{ .from = "beijing", .to = "guian", .rtt_us = 31000 },
	{ .from = "guian", .to = "beijing", .rtt_us = 29000 },
	{ .from = "guian", .to = "beijing", .rtt_us = 30000 },
	{ .from = "nowhere", .to = "beijing", .rtt_us = 1 },
};
static const struct network_spec network = {
	.sites = sites, .site_count = 3, .links = links, .link_count = 4, .link_rule = { 1000, 9800, 1500 },
};

static void links_count_before_the_rule(void **state)
{
	struct topology *topology = topology_new(&network);

	(void)state;
	assert_int_equal(topology_rtt_us(topology, 0, 0), 0);
	assert_int_equal(topology_rtt_us(topology, 0, 2), 29000);
	assert_int_equal(topology_rtt_us(topology, 2, 0), 29000);
	/* About 1,068 km: 1 ms and 14.7 us a km. */
	assert_in_range(topology_rtt_us(topology, 0, 1), 16500, 16900);
	assert_int_equal(topology_rtt_us(topology, 0, 1), topology_rtt_us(topology, 1, 0));
	topology_free(topology);
}

static void near_is_a_site_or_a_point(void **state)
{
	struct topology *topology = topology_new(&network);
	struct near at_site = { .site = "beijing" };
	struct near at_point = { .site = "", .has_coordinates = true, .latitude_udeg = 39904200, .longitude_udeg = 116407400 };
	struct near unknown = { .site = "atlantis" };
	int64_t rtt_us = -7;

	(void)state;
	assert_int_equal(topology_near_us(topology, 2, &at_site, &rtt_us), 0);
	assert_int_equal(rtt_us, 29000);
	assert_int_equal(topology_near_us(topology, 0, &at_point, &rtt_us), 0);
	assert_int_equal(rtt_us, 1000);
	assert_int_equal(topology_near_us(topology, 1, &at_point, &rtt_us), 0);
	assert_int_equal(rtt_us, topology_rtt_us(topology, 0, 1));
	rtt_us = -7;
	assert_int_equal(topology_near_us(topology, 0, &unknown, &rtt_us), -ENOENT);
	assert_int_equal(rtt_us, -7);
	topology_free(topology);
	topology_free(NULL);
}

/* Many sites and links, looked up against the lists they came from. */
static void large_networks_are_found_again(void **state)
{
	enum { SITES = 3000 };
	struct arena arena;
	struct network_spec large = { .site_count = SITES, .link_count = SITES - 1, .link_rule = { 1000, 9800, 1500 } };
	struct topology *topology;
	int64_t rtt_us;

	(void)state;
	arena_init(&arena);
	large.sites = ARENA_ARRAY(&arena, struct site_spec, SITES);
	large.links = ARENA_ARRAY(&arena, struct link_spec, SITES);
	for (int64_t i = 0; i < SITES; i++)
		large.sites[i] = (struct site_spec){ .name = arena_printf(&arena, "site-%d", (int)i), .latitude_udeg = i * 10000 };
	for (int64_t i = 0; i + 1 < SITES; i++)
		large.links[i] = (struct link_spec){ .from = large.sites[i + 1].name, .to = large.sites[i].name, .rtt_us = i + 1 };
	topology = topology_new(&large);
	for (uint32_t i = 0; i + 2 < SITES; i++) {
		struct near near = { .site = large.sites[i + 1].name };

		assert_int_equal(topology_rtt_us(topology, i, i + 1), i + 1);
		assert_int_equal(topology_near_us(topology, i, &near, &rtt_us), 0);
		assert_int_equal(rtt_us, i + 1);
		assert_int_equal(topology_rtt_us(topology, i, i + 2),
				 geo_rtt_us(&large.link_rule, geo_distance_m((int64_t)i * 10000, 0, (int64_t)(i + 2) * 10000, 0)));
	}
	topology_free(topology);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_count_before_the_rule),
		cmocka_unit_test(near_is_a_site_or_a_point),
		cmocka_unit_test(large_networks_are_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
