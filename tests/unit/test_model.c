/* Words, names, distances, canonical asks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/demand.h"
#include "model/geo.h"
#include "model/name.h"
#include "wire/files.h"
#include "wire/sync.h"

static void test_every_enum_has_its_words(void **state)
{
	static const struct string_table *const tables[] = {
		&origin_table,	     &review_table,	 &number_format_table, &tier_table,	     &engine_kind_table, &demand_kind_table,
		&on_site_loss_table, &expectation_table, &file_kind_table,     &attempt_state_table, &outcome_table,
		&together_table,	     &arrange_table,	 &after_when_table,    &node_policy_table,
	};

	for (size_t t = 0; t < ARRAY_COUNT(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			assert_non_null(tables[t]->words[i]);
			assert_true(*tables[t]->words[i]);
			assert_int_equal(string_table_from_string(tables[t], tables[t]->words[i]), i);
			assert_string_equal(string_table_to_string(tables[t], (long)i), tables[t]->words[i]);
		}
		assert_string_equal(string_table_to_string(tables[t], (long)tables[t]->count), "?");
		assert_string_equal(string_table_to_string(tables[t], -1), "?");
		assert_int_equal(string_table_from_string(tables[t], "no such word"), -EINVAL);
	}
	assert_string_equal(tier_to_string(TIER_REGIONAL), "regional");
	assert_string_equal(expectation_to_string(EXPECT_TIMED_OUT), "timed-out");
	assert_int_equal(engine_kind_from_string("kubernetes"), ENGINE_KUBERNETES);
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "guian-hub", "ascend-910b",
					    "0", "a.b_c-d",   "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0" };
	static const char *const bad[] = {
		"",    "-a",	      "a-", "A",   "a b",
		"a/b", "caf\xc3\xa9", ".",  "a\n", "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01"
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		assert_int_equal(name_check(good[i], &err), 0);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(name_check(bad[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, "expected a name"));
		assert_int_equal(name_check(bad[i], NULL), -EINVAL);
	}
}

static void test_titles(void **state)
{
	char longer[TITLE_MAX_LENGTH + 2];
	struct err err;

	assert_int_equal(title_check("", &err), 0);
	assert_int_equal(title_check("Gui'an cluster \xe8\xb4\xb5\xe5\xae\x89", &err), 0);
	assert_int_equal(title_check("two\nlines", &err), -EINVAL);
	assert_int_equal(title_check("\xc2\x85", &err), -EINVAL);
	assert_int_equal(title_check("\xff", &err), -EINVAL);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(title_check(longer, &err), -EINVAL);
	longer[TITLE_MAX_LENGTH] = 0;
	assert_int_equal(title_check(longer, &err), 0);
}

/* The haversine formula in floating point: what the fixed-point one is held against. */
static double haversine_m(int64_t lat_a, int64_t lon_a, int64_t lat_b, int64_t lon_b)
{
	double scale = acos(-1) / 180e6;
	double across = sin((double)(lat_a - lat_b) * scale / 2), along = sin((double)(lon_a - lon_b) * scale / 2);
	double h = across * across + cos((double)lat_a * scale) * cos((double)lat_b * scale) * along * along;

	return 2 * 6371000.0 * asin(h < 1 ? sqrt(h) : 1);
}

static void test_distances_match_haversine(void **state)
{
	struct rng rng;

	rng_init(&rng, 3);
	for (int i = 0; i < 200000; i++) {
		int64_t lat_a = (int64_t)rng_below(&rng, 180000001) - 90000000, lon_a = (int64_t)rng_below(&rng, 360000001) - 180000000;
		int64_t lat_b = (int64_t)rng_below(&rng, 180000001) - 90000000, lon_b = (int64_t)rng_below(&rng, 360000001) - 180000000;
		int64_t distance;
		double expected;

		if (i % 2) { /* neighbours, from metres to some kilometres */
			lat_b = lat_a + (int64_t)rng_below(&rng, 20000) * (lat_a > 0 ? -1 : 1);
			lon_b = lon_a + (int64_t)rng_below(&rng, 20000) * (lon_a > 0 ? -1 : 1);
		}
		distance = geo_distance_m(lat_a, lon_a, lat_b, lon_b);
		expected = haversine_m(lat_a, lon_a, lat_b, lon_b);
		assert_true(fabs((double)distance - expected) <= 1.0 + expected * 1e-6);
		assert_true(distance == geo_distance_m(lat_b, lon_b, lat_a, lon_a));
	}
}

static void test_distances_at_the_edges(void **state)
{
	int64_t half = 20015086; /* pi * 6371 km */

	assert_int_equal(geo_distance_m(0, 0, 0, 0), 0);
	assert_int_equal(geo_distance_m(31230000, 121470000, 31230000, 121470000), 0);
	assert_true(llabs(geo_distance_m(90000000, 0, -90000000, 0) - half) <= 1);
	assert_true(llabs(geo_distance_m(0, 0, 0, 180000000) - half) <= 1);
	assert_int_equal(geo_distance_m(0, -180000000, 0, 180000000), 0);
	assert_int_equal(geo_distance_m(90000000, 10000000, 90000000, -120000000), 0);
	assert_true(llabs(geo_distance_m(0, 179500000, 0, -179500000) - half / 180) <= 1);
}

static void test_round_trip_times(void **state)
{
	struct link_rule rule = { .base_us = 1000, .us_per_km_milli = 9800, .detour_permille = 1500 };

	assert_int_equal(geo_rtt_us(&rule, 0), 1000);
	assert_int_equal(geo_rtt_us(&rule, 1000000), 1000 + 14700);
	assert_int_equal(geo_rtt_us(&rule, 20015086), 1000 + 294221);
	rule = (struct link_rule){ .base_us = 0, .us_per_km_milli = 1000000, .detour_permille = 100000 };
	assert_int_equal(geo_rtt_us(&rule, 20015086), 2001508600);
}

static void test_group_and_catalogue(void **state)
{
	struct chip_count counts[] = { { "a", 8 }, { "b", 2 } };
	struct node_group group = { .chips = counts, .chip_count = 2 };
	struct throughput throughputs[] = { { FORMAT_FP16, 320000 } };
	struct chip_model models[] = { { .name = "a", .throughputs = throughputs, .throughput_count = 1 }, { .name = "b" } };
	struct catalogue catalogue = { models, 2 };

	assert_int_equal(node_group_chips(&group), 10);
	assert_ptr_equal(catalogue_find(&catalogue, "b"), &models[1]);
	assert_null(catalogue_find(&catalogue, "c"));
	assert_int_equal(chip_model_throughput(&models[0], FORMAT_FP16), 320000);
	assert_int_equal(chip_model_throughput(&models[0], FORMAT_FP8), 0);
}

static void test_equal_asks_have_equal_bytes(void **state)
{
	const char *models_a[] = { "h100", "ascend-910b", "h100" }, *models_b[] = { "ascend-910b", "h100" };
	enum tier tiers_a[] = { TIER_EDGE, TIER_HUB, TIER_EDGE, TIER_EDGE }, tiers_b[] = { TIER_HUB, TIER_EDGE };
	struct throughput needs_a[] = { { FORMAT_INT8, 1 }, { FORMAT_FP32, 2 } }, needs_b[] = { { FORMAT_FP32, 2 }, { FORMAT_INT8, 1 } };
	const char *residency[] = { "z", "y", "z" }, *sorted[] = { "y", "z" };
	struct data_reference data_a[] = { { "n", 1, "s", residency, 3 }, { "m", 1, "s", NULL, 0 } };
	struct data_reference data_b[] = { { "m", 1, "s", NULL, 0 }, { "n", 1, "s", sorted, 2 } };
	struct ask a = { .workers = 1, .data = data_a, .data_count = 2 }, b = { .workers = 1, .data = data_b, .data_count = 2 };
	cleanup_strbuf struct strbuf bytes_a = { 0 }, bytes_b = { 0 };

	a.shape.chips = (struct chip_ask){ 1000, models_a, 3, { 0, needs_a, 2, NULL, 0 } };
	b.shape.chips = (struct chip_ask){ 1000, models_b, 2, { 0, needs_b, 2, NULL, 0 } };
	a.where.tiers = tiers_a;
	a.where.tier_count = 4;
	b.where.tiers = tiers_b;
	b.where.tier_count = 2;
	ask_canonicalize(&a);
	ask_canonicalize(&b);
	assert_int_equal(a.shape.chips.model_count, 2);
	schema_encode(&ask_schema, &a, &bytes_a);
	schema_encode(&ask_schema, &b, &bytes_b);
	assert_int_equal(bytes_a.length, bytes_b.length);
	assert_memory_equal(bytes_a.data, bytes_b.data, bytes_a.length);
	b.shape.chips.milli = 2000;
	strbuf_reset(&bytes_b);
	schema_encode(&ask_schema, &b, &bytes_b);
	assert_true(bytes_a.length != bytes_b.length || memcmp(bytes_a.data, bytes_b.data, bytes_a.length) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_enum_has_its_words),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_titles),
		cmocka_unit_test(test_distances_match_haversine),
		cmocka_unit_test(test_distances_at_the_edges),
		cmocka_unit_test(test_round_trip_times),
		cmocka_unit_test(test_group_and_catalogue),
		cmocka_unit_test(test_equal_asks_have_equal_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
