/* Quantities as text.
 *
 * A unit is a list of suffixes, each a fraction of the integer unit, largest first. A number is read as a
 * 128-bit mantissa and a power of ten and multiplied by that fraction; what leaves a rest is refused. So
 * nothing is ever rounded, save data sizes, which are rounded up.
 */
#include "base/units.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 30 /* of a number; more than any 64-bit value needs */
#define EXPONENT_MAX 30
#define FRACTION_DIGITS 6 /* at most, when written */
#define SUFFIXES_MAX 11

struct suffix {
	const char *text; /* "" for a bare number */
	int64_t numerator;
	int64_t denominator; /* 0 stands for 1 */
	bool read_only;	     /* never written */
};

struct unit_rule {
	const char *expected;
	struct suffix suffixes[SUFFIXES_MAX + 1]; /* the last one has no text */
	bool is_signed;
	bool rounds_up;
	bool compound; /* 1h30m */
};

static const struct unit_rule rules[UNIT_COUNT] = {
	[UNIT_COUNT_ONE] = { "a whole number such as 12, 12k or 3M", { { "G", 1000000000 }, { "M", 1000000 }, { "k", 1000 }, { "", 1 } } },
	[UNIT_CPU] = { "a number of cores such as 2, 1.5 or 500m", { { "", 1000 }, { "m", 1 } } },
	[UNIT_MEMORY] = { "a memory size such as 512MiB, 64GiB or 2TiB",
			  { { "PiB", 1 << 30 }, { "TiB", 1 << 20 }, { "GiB", 1 << 10 }, { "MiB", 1 } } },
	[UNIT_BYTES] = { "a data size such as 512MiB, 64GiB or 2TB",
			 { { "PiB", 1 << 30 },
			   { "TiB", 1 << 20 },
			   { "GiB", 1 << 10 },
			   { "MiB", 1 },
			   { "KiB", 1, 1 << 10, true },
			   { "PB", 1000000000000000, 1 << 20, true },
			   { "TB", 1000000000000, 1 << 20, true },
			   { "GB", 1000000000, 1 << 20, true },
			   { "MB", 1000000, 1 << 20, true },
			   { "kB", 1000, 1 << 20, true },
			   { "B", 1, 1 << 20, true } },
			 .rounds_up = true },
	[UNIT_DURATION] = { "a duration such as 30s, 10m, 2h or 1h30m",
			    { { "d", 86400000000 }, { "h", 3600000000 }, { "m", 60000000 }, { "s", 1000000 }, { "ms", 1000 }, { "us", 1 } },
			    .compound = true },
	[UNIT_BANDWIDTH] = { "a bandwidth such as 100Mbit/s, 10Gbit/s or 1.6Tbit/s",
			     { { "Tbit/s", 1000000 }, { "Gbit/s", 1000 }, { "Mbit/s", 1 }, { "kbit/s", 1, 1000, true } } },
	[UNIT_MONEY] = { "an amount such as 12 or 0.35, with at most 6 decimals", { { "", 1000000 } } },
	[UNIT_POWER] = { "a power such as 400W, 2.5kW or 30MW", { { "GW", 1000000000 }, { "MW", 1000000 }, { "kW", 1000 }, { "W", 1 } } },
	[UNIT_ANGLE] = { "degrees such as 39.9042 or -3.5, with at most 6 decimals", { { "", 1000000 } }, .is_signed = true },
	[UNIT_THROUGHPUT] = { "a number of operations a second such as 320T, 1.2P or 500G",
			      { { "E", 1000000000 }, { "P", 1000000 }, { "T", 1000 }, { "G", 1 } } },
	[UNIT_CHIP] = { "a number of chips such as 2, 0.25 or 250m", { { "", 1000 }, { "m", 1 } } },
};

const char *unit_expected(enum unit unit)
{
	return rules[unit].expected;
}

typedef unsigned __int128 wide;

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct decimal {
	wide mantissa;
	int scale; /* the value is mantissa / 10^scale; never negative */
};

/* Reads digits with at most one point, and an exponent when digits follow its letter. Gives what follows,
 * or NULL when there is no number or it has too many digits (*ret_code tells which). */
static const char *decimal_read(const char *text, struct decimal *ret, int *ret_code)
{
	struct decimal decimal = { 0 };
	bool point = false, any = false;
	int digits = 0;

	for (; is_digit(*text) || (*text == '.' && !point); text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		any = true;
		decimal.mantissa = decimal.mantissa * 10 + (unsigned)(*text - '0');
		digits += decimal.mantissa != 0;
		decimal.scale += point;
		if (digits > DIGITS_MAX || decimal.scale > DIGITS_MAX) {
			*ret_code = point ? -EINVAL : -ERANGE;
			return NULL;
		}
	}
	*ret_code = -EINVAL;
	if (!any || text[-1] == '.')
		return NULL;
	if ((*text == 'e' || *text == 'E') && (is_digit(text[1]) || ((text[1] == '-' || text[1] == '+') && is_digit(text[2])))) {
		bool negative = text[1] == '-';
		int exponent = 0;

		for (text += is_digit(text[1]) ? 1 : 2; is_digit(*text); text++)
			if (exponent <= EXPONENT_MAX)
				exponent = exponent * 10 + (*text - '0');
		decimal.scale += negative ? exponent : -exponent;
	}
	for (; decimal.scale > 0 && decimal.mantissa % 10 == 0; decimal.scale--)
		decimal.mantissa /= 10;
	if (decimal.scale > DIGITS_MAX)
		return NULL;
	for (; decimal.scale < 0; decimal.scale++) {
		if (__builtin_mul_overflow(decimal.mantissa, (wide)10, &decimal.mantissa)) {
			*ret_code = -ERANGE;
			return NULL;
		}
	}
	*ret = decimal;
	return text;
}

/* 0, -EINVAL when it is no whole number of the unit, -ERANGE when it does not fit. */
static int decimal_scale(const struct decimal *decimal, const struct suffix *suffix, bool rounds_up, int64_t *ret)
{
	wide divisor = suffix->denominator ? (wide)suffix->denominator : 1;
	wide value, rest;

	if (__builtin_mul_overflow(decimal->mantissa, (wide)suffix->numerator, &value))
		return -ERANGE;
	for (int i = 0; i < decimal->scale; i++)
		divisor *= 10; /* below 2^121: DIGITS_MAX and the largest denominator */
	rest = value % divisor;
	value /= divisor;
	if (rest && !rounds_up)
		return -EINVAL;
	value += rest != 0;
	if (value > INT64_MAX)
		return -ERANGE;
	*ret = (int64_t)value;
	return 0;
}

static const struct suffix *suffix_find(const struct unit_rule *rule, const char *text, size_t length)
{
	for (const struct suffix *suffix = rule->suffixes; suffix->text; suffix++)
		if (strlen(suffix->text) == length && !memcmp(suffix->text, text, length))
			return suffix;
	return NULL;
}

static int parse_failed(const struct unit_rule *rule, int code, bool inexact, struct err *err)
{
	if (code == -ERANGE)
		return err_set(err, code, "too large, expected %s", rule->expected);
	if (inexact)
		return err_set(err, code, "finer than the smallest unit, expected %s", rule->expected);
	return err_set(err, code, "expected %s", rule->expected);
}

int unit_parse(enum unit unit, const char *text, int64_t *ret_value, struct err *err)
{
	const struct unit_rule *rule = &rules[unit];
	const struct suffix *last = NULL;
	bool negative = rule->is_signed && *text == '-';
	int64_t total = 0;

	text += negative;
	do {
		struct decimal decimal;
		const struct suffix *suffix;
		int64_t part;
		size_t length;
		int code;

		text = decimal_read(text, &decimal, &code);
		if (!text)
			return parse_failed(rule, code, false, err);
		for (length = 0; text[length] && !(rule->compound && is_digit(text[length])); length++)
			;
		suffix = suffix_find(rule, text, length);
		if (!suffix || (last && suffix <= last)) /* 1h30m, never 30m1h */
			return parse_failed(rule, -EINVAL, false, err);
		code = decimal_scale(&decimal, suffix, rule->rounds_up, &part);
		if (code < 0)
			return parse_failed(rule, code, true, err);
		if (__builtin_add_overflow(total, part, &total))
			return parse_failed(rule, -ERANGE, false, err);
		last = suffix;
		text += length;
	} while (*text);
	*ret_value = negative ? -total : total;
	return 0;
}

int unit_from_integer(enum unit unit, int64_t number, int64_t *ret_value, struct err *err)
{
	const struct unit_rule *rule = &rules[unit];
	const struct suffix *suffix = suffix_find(rule, "", 0);
	int64_t value;

	if (!suffix || (number < 0 && !rule->is_signed))
		return parse_failed(rule, -EINVAL, false, err);
	if (__builtin_mul_overflow(number, suffix->numerator, &value))
		return parse_failed(rule, -ERANGE, false, err);
	*ret_value = value;
	return 0;
}

/* Writes value / divisor as an exact decimal and the suffix. Gives the length, or 0 when it needs too many digits. */
static int exact_format(uint64_t value, uint64_t divisor, const char *suffix, char buffer[static 64])
{
	uint64_t rest = value % divisor;
	char fraction[FRACTION_DIGITS + 2] = ".";
	int digits = 0;

	for (; rest && digits < FRACTION_DIGITS; digits++) {
		rest *= 10; /* divisors stay below 2^37 */
		fraction[1 + digits] = (char)('0' + rest / divisor);
		rest %= divisor;
	}
	if (rest)
		return 0;
	fraction[digits ? 1 + digits : 0] = 0;
	return snprintf(buffer, 64, "%llu%s%s", (unsigned long long)(value / divisor), fraction, suffix);
}

const char *unit_format(enum unit unit, int64_t value, char *buffer, size_t size)
{
	const struct unit_rule *rule = &rules[unit];
	uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char best[64] = "", attempt[64];
	bool best_small = false; /* below 1: 0.5TiB only where nothing smaller than TiB is written */
	int best_length = 0;

	for (const struct suffix *suffix = rule->suffixes; suffix->text; suffix++) {
		bool small = magnitude < (uint64_t)suffix->numerator;
		int length;

		if (suffix->read_only || (!magnitude && suffix->numerator != 1 && *suffix->text))
			continue;
		length = exact_format(magnitude, (uint64_t)suffix->numerator, suffix->text, attempt);
		if (length && (!best_length || (best_small && !small) || (best_small == small && length < best_length))) {
			memcpy(best, attempt, (size_t)length + 1);
			best_length = length;
			best_small = small;
		}
	}
	if (!magnitude && unit == UNIT_DURATION)
		strcpy(best, "0s");
	snprintf(buffer, size, "%s%s", value < 0 ? "-" : "", best);
	return buffer;
}

/* value / divisor with three digits, rounded down, without needless zeros. */
static void short_decimal(uint64_t value, uint64_t divisor, char buffer[static 32])
{
	uint64_t whole = value / divisor;
	unsigned places = whole >= 100 ? 0 : whole >= 10 ? 1 : 2;
	char fraction[4] = ".";
	uint64_t rest = value % divisor;

	for (unsigned i = 0; i < places; i++) {
		rest *= 10;
		fraction[1 + i] = (char)('0' + rest / divisor);
		rest %= divisor;
	}
	while (places && fraction[places] == '0')
		places--;
	fraction[places ? 1 + places : 0] = 0;
	snprintf(buffer, 32, "%llu%s", (unsigned long long)whole, fraction);
}

static void human_duration(uint64_t us, char buffer[static 64])
{
	static const struct {
		const char *large, *small;
		uint64_t large_s, small_s;
	} pairs[] = { { "d", "h", 86400, 3600 }, { "h", "min", 3600, 60 }, { "min", "s", 60, 1 } };
	uint64_t seconds = us / 1000000;
	char number[32];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		uint64_t large = seconds / pairs[i].large_s, small = seconds % pairs[i].large_s / pairs[i].small_s;

		if (!large)
			continue;
		if (small)
			snprintf(buffer, 64, "%llu %s %llu %s", (unsigned long long)large, pairs[i].large, (unsigned long long)small,
				 pairs[i].small);
		else
			snprintf(buffer, 64, "%llu %s", (unsigned long long)large, pairs[i].large);
		return;
	}
	short_decimal(us, us >= 1000000 ? 1000000 : us >= 1000 ? 1000 : 1, number);
	snprintf(buffer, 64, "%s %s", number, us >= 1000000 || !us ? "s" : us >= 1000 ? "ms" : "us");
}

/* The largest suffix that leaves at least 1 before the point; bare thousands for units without one. */
static void human_scaled(enum unit unit, uint64_t value, char buffer[static 64])
{
	static const struct suffix plain[] = { { "G", 1000000000 }, { "M", 1000000 }, { "k", 1000 }, { "", 1 }, { NULL, 0 } };
	const struct suffix *suffix = rules[unit].suffixes;
	uint64_t scale = 1;
	char number[32];

	if (unit == UNIT_CPU || unit == UNIT_CHIP) {
		suffix = plain;
		scale = 1000;
	}
	while (suffix[1].text && !suffix[1].read_only && (uint64_t)suffix->numerator * scale > value)
		suffix++;
	short_decimal(value, (uint64_t)suffix->numerator * scale, number);
	snprintf(buffer, 64, "%s%s%s", number, *suffix->text ? " " : "", suffix->text);
}

const char *unit_human(enum unit unit, int64_t value, char *buffer, size_t size)
{
	uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char text[64];

	if (unit == UNIT_DURATION)
		human_duration(magnitude, text);
	else if (unit == UNIT_ANGLE)
		snprintf(text, sizeof(text), "%llu.%04llu", (unsigned long long)(magnitude / 1000000),
			 (unsigned long long)(magnitude % 1000000 / 100));
	else if (unit == UNIT_MONEY && (magnitude >= 10000 || !magnitude))
		snprintf(text, sizeof(text), "%llu.%02llu", (unsigned long long)(magnitude / 1000000),
			 (unsigned long long)(magnitude % 1000000 / 10000));
	else if (unit == UNIT_MONEY)
		exact_format(magnitude, 1000000, "", text);
	else
		human_scaled(unit, magnitude, text);
	snprintf(buffer, size, "%s%s", value < 0 ? "-" : "", text);
	return buffer;
}
