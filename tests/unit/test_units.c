/* Quantities as text: what is read, what is refused, and that what is written reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/units.h"

struct good {
	enum unit unit;
	const char *text;
	int64_t value;
};

static void test_reads(void **state)
{
	static const struct good cases[] = {
		{ UNIT_COUNT_ONE, "12", 12 },
		{ UNIT_COUNT_ONE, "12k", 12000 },
		{ UNIT_COUNT_ONE, "1.5M", 1500000 },
		{ UNIT_COUNT_ONE, "9223372036854775807", INT64_MAX },
		{ UNIT_CPU, "2", 2000 },
		{ UNIT_CPU, "1.5", 1500 },
		{ UNIT_CPU, "500m", 500 },
		{ UNIT_CPU, "0.001", 1 },
		{ UNIT_CPU, "1.500000", 1500 },
		{ UNIT_CPU, "1e2", 100000 },
		{ UNIT_CPU, "15e-1", 1500 },
		{ UNIT_MEMORY, "512MiB", 512 },
		{ UNIT_MEMORY, "64GiB", 65536 },
		{ UNIT_MEMORY, "2TiB", 2097152 },
		{ UNIT_MEMORY, "0.5GiB", 512 },
		{ UNIT_BYTES, "1B", 1 },
		{ UNIT_BYTES, "1KiB", 1 },
		{ UNIT_BYTES, "0B", 0 },
		{ UNIT_BYTES, "1TB", 953675 },
		{ UNIT_BYTES, "2TiB", 2097152 },
		{ UNIT_DURATION, "10us", 10 },
		{ UNIT_DURATION, "5ms", 5000 },
		{ UNIT_DURATION, "30s", 30000000 },
		{ UNIT_DURATION, "1h30m", INT64_C(5400000000) },
		{ UNIT_DURATION, "1.5h", INT64_C(5400000000) },
		{ UNIT_DURATION, "1d2h3m4s5ms6us", INT64_C(93784005006) },
		{ UNIT_BANDWIDTH, "100Mbit/s", 100 },
		{ UNIT_BANDWIDTH, "1.6Tbit/s", 1600000 },
		{ UNIT_MONEY, "12", 12000000 },
		{ UNIT_MONEY, "0.35", 350000 },
		{ UNIT_POWER, "400W", 400 },
		{ UNIT_POWER, "2.5kW", 2500 },
		{ UNIT_POWER, "30MW", 30000000 },
		{ UNIT_ANGLE, "39.904200", 39904200 },
		{ UNIT_ANGLE, "-3.5", -3500000 },
		{ UNIT_ANGLE, "-0", 0 },
		{ UNIT_THROUGHPUT, "320T", 320000 },
		{ UNIT_THROUGHPUT, "1.2P", 1200000 },
		{ UNIT_THROUGHPUT, "500G", 500 },
		{ UNIT_THROUGHPUT, "1E", 1000000000 },
		{ UNIT_CHIP, "2", 2000 },
		{ UNIT_CHIP, "0.25", 250 },
		{ UNIT_CHIP, "250m", 250 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		int64_t value = -1;
		struct err err = { "" };

		assert_int_equal(unit_parse(cases[i].unit, cases[i].text, &value, &err), 0);
		assert_true(value == cases[i].value);
	}
}

static void test_refuses(void **state)
{
	static const struct good cases[] = {
		{ UNIT_COUNT_ONE, "", -EINVAL },
		{ UNIT_COUNT_ONE, "-1", -EINVAL },
		{ UNIT_COUNT_ONE, "+1", -EINVAL },
		{ UNIT_COUNT_ONE, "1.5", -EINVAL },
		{ UNIT_COUNT_ONE, "12 ", -EINVAL },
		{ UNIT_COUNT_ONE, " 12", -EINVAL },
		{ UNIT_COUNT_ONE, "9223372036854775808", -ERANGE },
		{ UNIT_COUNT_ONE, "99999999999999999999999999999999999999999999", -ERANGE },
		{ UNIT_COUNT_ONE, "1e40", -ERANGE },
		{ UNIT_COUNT_ONE, "1e99999999999", -ERANGE },
		{ UNIT_CPU, "0.0001", -EINVAL },
		{ UNIT_CPU, "1e-40", -EINVAL },
		{ UNIT_CPU, "1.2.3", -EINVAL },
		{ UNIT_CPU, "1.", -EINVAL },
		{ UNIT_CPU, ".", -EINVAL },
		{ UNIT_CPU, "m", -EINVAL },
		{ UNIT_CPU, "nan", -EINVAL },
		{ UNIT_MEMORY, "64", -EINVAL },
		{ UNIT_MEMORY, "64GB", -EINVAL },
		{ UNIT_MEMORY, "64gib", -EINVAL },
		{ UNIT_MEMORY, "0.3MiB", -EINVAL },
		{ UNIT_MEMORY, "9999999999999PiB", -ERANGE },
		{ UNIT_DURATION, "30", -EINVAL },
		{ UNIT_DURATION, "30m1h", -EINVAL },
		{ UNIT_DURATION, "1h1h", -EINVAL },
		{ UNIT_DURATION, "1h30", -EINVAL },
		{ UNIT_DURATION, "300000000d", -ERANGE },
		{ UNIT_DURATION, "106751991d106751991h", -ERANGE },
		{ UNIT_MONEY, "0.0000001", -EINVAL },
		{ UNIT_MONEY, "-1", -EINVAL },
		{ UNIT_ANGLE, "--1", -EINVAL },
		{ UNIT_ANGLE, "-", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		int64_t value = -77;
		struct err err = { "" };
		int code = unit_parse(cases[i].unit, cases[i].text, &value, &err);

		if (code != cases[i].value)
			fail_msg("\"%s\": %d", cases[i].text, code);
		assert_int_equal(value, -77);
		assert_non_null(strstr(err.text, unit_expected(cases[i].unit)));
	}
}

static void test_bare_integers(void **state)
{
	int64_t value = 0;

	assert_int_equal(unit_from_integer(UNIT_CPU, 3, &value, NULL), 0);
	assert_int_equal(value, 3000);
	assert_int_equal(unit_from_integer(UNIT_ANGLE, -3, &value, NULL), 0);
	assert_int_equal(value, -3000000);
	assert_int_equal(unit_from_integer(UNIT_CPU, -3, &value, NULL), -EINVAL);
	assert_int_equal(unit_from_integer(UNIT_MEMORY, 3, &value, NULL), -EINVAL);
	assert_int_equal(unit_from_integer(UNIT_MONEY, INT64_MAX, &value, NULL), -ERANGE);
}

static void test_formats(void **state)
{
	static const struct good cases[] = {
		{ UNIT_COUNT_ONE, "0", 0 },
		{ UNIT_COUNT_ONE, "12k", 12000 },
		{ UNIT_CPU, "1.5", 1500 },
		{ UNIT_CPU, "100m", 100 },
		{ UNIT_MEMORY, "0MiB", 0 },
		{ UNIT_MEMORY, "512GiB", 512 << 10 },
		{ UNIT_MEMORY, "64GiB", 65536 },
		{ UNIT_BYTES, "953675MiB", 953675 },
		{ UNIT_DURATION, "0s", 0 },
		{ UNIT_DURATION, "90s", 90000000 },
		{ UNIT_DURATION, "2h", 7200000000 },
		{ UNIT_DURATION, "1ms", 1000 },
		{ UNIT_MONEY, "0.35", 350000 },
		{ UNIT_ANGLE, "-3.5", -3500000 },
		{ UNIT_THROUGHPUT, "320T", 320000 },
		{ UNIT_CHIP, "250m", 250 },
		{ UNIT_CHIP, "8", 8000 },
		{ UNIT_POWER, "2.5kW", 2500 },
	};
	char text[32];

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_string_equal(unit_format(cases[i].unit, cases[i].value, text, sizeof(text)), cases[i].text);
}

static void test_what_is_written_reads_back(void **state)
{
	struct rng rng;
	char text[32];

	rng_init(&rng, 7);
	for (int i = 0; i < 200000; i++) {
		enum unit unit = (enum unit)rng_below(&rng, UNIT_COUNT);
		int64_t value = (int64_t)(rng_next(&rng) >> (1 + rng_below(&rng, 63))), back = -1;

		if (rng_below(&rng, 3) == 0)
			value = value / 1000 * 1000;
		if (unit == UNIT_ANGLE && rng_below(&rng, 2))
			value = -value;
		assert_true(strlen(unit_format(unit, value, text, sizeof(text))) < sizeof(text) - 1);
		assert_int_equal(unit_parse(unit, text, &back, NULL), 0);
		assert_true(back == value);
	}
}

static void test_human(void **state)
{
	static const struct good cases[] = {
		{ UNIT_MEMORY, "64 GiB", 65536 },
		{ UNIT_MEMORY, "1.5 TiB", 1536 << 10 },
		{ UNIT_MEMORY, "0 MiB", 0 },
		{ UNIT_DURATION, "2 h 5 min", 7500000000 },
		{ UNIT_DURATION, "2 h", 7200000000 },
		{ UNIT_DURATION, "1 min 1 s", 61000000 },
		{ UNIT_DURATION, "1.25 s", 1250000 },
		{ UNIT_DURATION, "18 ms", 18000 },
		{ UNIT_DURATION, "12 us", 12 },
		{ UNIT_DURATION, "0 s", 0 },
		{ UNIT_DURATION, "3 d 4 h", 273600000000 },
		{ UNIT_THROUGHPUT, "1.2 P", 1200000 },
		{ UNIT_COUNT_ONE, "999", 999 },
		{ UNIT_COUNT_ONE, "12.3 k", 12345 },
		{ UNIT_CPU, "1.5", 1500 },
		{ UNIT_CPU, "98.3 k", 98304000 },
		{ UNIT_CHIP, "0.25", 250 },
		{ UNIT_MONEY, "4.20", 4200000 },
		{ UNIT_MONEY, "0.002", 2000 },
		{ UNIT_ANGLE, "-26.4068", -26406800 },
		{ UNIT_POWER, "60 MW", 60000000 },
		{ UNIT_BANDWIDTH, "400 Gbit/s", 400000 },
		{ UNIT_BYTES, "2 TiB", 2 << 20 },
	};
	char text[40];

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_string_equal(unit_human(cases[i].unit, cases[i].value, text, sizeof(text)), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_bare_integers),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_what_is_written_reads_back),
		cmocka_unit_test(test_human),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
