#include "policy/verdict.h"

#include <inttypes.h>
#include <string.h>

#include "base/units.h"

static const char *const verdict_code_words[VERDICT_COUNT] = {
	[VERDICT_FITS] = "fits",
	[VERDICT_ENGINE_SIMULATED] = "engine-simulated",
	[VERDICT_ENGINE_REAL] = "engine-real",
	[VERDICT_TIER] = "tier",
	[VERDICT_REGION] = "region",
	[VERDICT_SITE] = "site",
	[VERDICT_LATENCY] = "latency",
	[VERDICT_RESIDENCY] = "residency",
	[VERDICT_SITE_UNSEEN] = "site-unseen",
	[VERDICT_CHIP_MODEL] = "chip-model",
	[VERDICT_CHIP_NEEDS] = "chip-needs",
	[VERDICT_CHIP_ORIGIN] = "chip-origin",
	[VERDICT_CHIP_CLEARANCE] = "chip-clearance",
	[VERDICT_PRICE] = "price",
	[VERDICT_NODE_TOO_SMALL] = "node-too-small",
	[VERDICT_SITE_TOO_SMALL] = "site-too-small",
	[VERDICT_LIMIT] = "limit",
	[VERDICT_SITE_LOST] = "site-lost",
	[VERDICT_SITE_SUSPECT] = "site-suspect",
	[VERDICT_SITE_DRAINING] = "site-draining",
	[VERDICT_SITE_CROWDED] = "site-crowded",
	[VERDICT_CHIPS_BUSY] = "chips-busy",
	[VERDICT_CPU_BUSY] = "cpu-busy",
	[VERDICT_MEMORY_BUSY] = "memory-busy",
	[VERDICT_RESOURCE_BUSY] = "resource-busy",
	[VERDICT_APART] = "apart",
	[VERDICT_RESERVED] = "reserved",
	[VERDICT_SCATTERED] = "scattered",
	[VERDICT_BACKOFF] = "backoff",
	[VERDICT_ROUND_PENDING] = "round-pending",
};
STRING_TABLE_DEFINE(enum verdict_code, verdict_code, VERDICT_COUNT);

static const char *const verdict_resource_words[RESOURCE_COUNT] = { "cpu", "memory", "chips", "chip-share", "other" };
STRING_TABLE_DEFINE(enum verdict_resource, verdict_resource, RESOURCE_COUNT);

bool verdict_is_never(enum verdict_code code)
{
	switch (code) {
	case VERDICT_ENGINE_SIMULATED:
	case VERDICT_ENGINE_REAL:
	case VERDICT_TIER:
	case VERDICT_REGION:
	case VERDICT_SITE:
	case VERDICT_LATENCY:
	case VERDICT_RESIDENCY:
	case VERDICT_CHIP_MODEL:
	case VERDICT_CHIP_NEEDS:
	case VERDICT_CHIP_ORIGIN:
	case VERDICT_PRICE:
	case VERDICT_NODE_TOO_SMALL:
	case VERDICT_SITE_TOO_SMALL:
		return true;
	default:
		return false;
	}
}

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int verdict_compare(const struct verdict *a, const struct verdict *b)
{
	bool a_fits = a->code == VERDICT_FITS, b_fits = b->code == VERDICT_FITS;
	__int128 left, right;

	if (a_fits || b_fits)
		return a_fits - b_fits;
	if (verdict_is_never(a->code) != verdict_is_never(b->code))
		return verdict_is_never(a->code) ? -1 : 1;
	if (a->code != b->code)
		return compare_numbers(a->code, b->code);
	switch (a->code) {
	case VERDICT_LATENCY:
	case VERDICT_PRICE:
	case VERDICT_SITE_LOST:
	case VERDICT_SITE_SUSPECT: /* the fewer the better; below 0 is unknown */
		if ((a->have < 0) != (b->have < 0))
			return a->have < 0 ? -1 : 1;
		return compare_numbers(b->have, a->have);
	case VERDICT_RESERVED: /* the sooner the better; 0 is unknown */
		if (!a->want || !b->want)
			return compare_numbers(a->want != 0, b->want != 0);
		return compare_numbers(b->want, a->want);
	case VERDICT_NODE_TOO_SMALL: /* the later resource was reached through the earlier ones */
		if (a->resource != b->resource)
			return a->resource == RESOURCE_CHIPS ? -1 : b->resource == RESOURCE_CHIPS ? 1 : compare_numbers(a->resource, b->resource);
		break;
	default:
		break;
	}
	/* have/want without dividing. */
	left = (__int128)a->have * b->want;
	right = (__int128)b->have * a->want;
	return (left > right) - (left < right);
}

/* Thousandths as a decimal: 250 is 0.25. */
static void put_milli(int64_t milli, struct strbuf *out)
{
	int64_t rest = milli % 1000;

	strbuf_printf(out, "%" PRId64, milli / 1000);
	if (rest == 0)
		return;
	if (rest % 100 == 0)
		strbuf_printf(out, ".%" PRId64, rest / 100);
	else if (rest % 10 == 0)
		strbuf_printf(out, ".%02" PRId64, rest / 10);
	else
		strbuf_printf(out, ".%03" PRId64, rest);
}

/* "HAVE of WANT" for people, exact where rounding would make them look the same. */
static void put_quantities(enum unit unit, const struct verdict *verdict, const char *between, struct strbuf *out)
{
	char have[32], want[32];

	unit_human(unit, verdict->have, have, sizeof(have));
	unit_human(unit, verdict->want, want, sizeof(want));
	if (strcmp(have, want) == 0 && verdict->have != verdict->want) {
		unit_format(unit, verdict->have, have, sizeof(have));
		unit_format(unit, verdict->want, want, sizeof(want));
	}
	strbuf_printf(out, "%s%s%s", verdict->have == 0 ? "0" : have, between, want);
}

static void put_seen(const char *state, int64_t seconds, struct strbuf *out)
{
	char text[32];

	strbuf_puts(out, state);
	if (seconds < 0)
		strbuf_puts(out, ", never seen");
	else
		strbuf_printf(out, ", last seen %s ago",
			      seconds == 0 ? "0 s" : unit_human(UNIT_DURATION, seconds * 1000000, text, sizeof(text)));
}

static void residency_reason(const struct verdict *verdict, struct strbuf *out)
{
	if (verdict->other)
		strbuf_printf(out, "the data %s may not ", verdict->other);
	else
		strbuf_puts(out, "the work may not ");
	if (verdict->name)
		strbuf_printf(out, "go to %s", verdict->name);
	else
		strbuf_puts(out, "leave the regions it is kept to");
}

static void chip_reason(const struct verdict *verdict, const char *chips, struct strbuf *out)
{
	const char *name = verdict->name;

	if (verdict->code == VERDICT_CHIP_MODEL)
		strbuf_printf(out, "no %s", chips);
	else if (verdict->code == VERDICT_CHIP_NEEDS && name)
		strbuf_printf(out, "%s lacks the memory, throughput or software asked for", name);
	else if (verdict->code == VERDICT_CHIP_NEEDS)
		strbuf_puts(out, "no chips with the memory, throughput and software asked for");
	else if (verdict->code == VERDICT_CHIP_ORIGIN && name)
		strbuf_printf(out, "%s is not of domestic origin", name);
	else if (verdict->code == VERDICT_CHIP_ORIGIN)
		strbuf_puts(out, "no chips of domestic origin");
	else if (name)
		strbuf_printf(out, "the security review of %s is not passed", name);
	else
		strbuf_puts(out, "no chips whose security review is passed");
}

static void busy_reason(const struct verdict *verdict, const char *chips, struct strbuf *out)
{
	char text[32];

	switch (verdict->code) {
	case VERDICT_CHIPS_BUSY:
		strbuf_printf(out, "too %s %s", verdict->resource == RESOURCE_CHIP_SHARE ? "little left of" : "few free", chips);
		break;
	case VERDICT_CPU_BUSY:
		strbuf_puts(out, "too little free CPU");
		break;
	case VERDICT_MEMORY_BUSY:
		strbuf_puts(out, "too little free memory");
		break;
	case VERDICT_RESOURCE_BUSY:
		strbuf_printf(out, "too little free of %s", verdict->name ? verdict->name : "a further resource");
		break;
	case VERDICT_APART:
		strbuf_printf(out, "enough is free, but not in one %s", verdict->name ? verdict->name : "place");
		break;
	case VERDICT_RESERVED:
		strbuf_puts(out, "what is free is kept for a demand ahead of it");
		if (verdict->want > 0)
			strbuf_printf(out, " that starts in %s", unit_human(UNIT_DURATION, verdict->want * 1000000, text, sizeof(text)));
		break;
	case VERDICT_SCATTERED:
		strbuf_puts(out, "enough is free, but scattered over the nodes");
		break;
	case VERDICT_BACKOFF:
		strbuf_printf(out, "waits %s after its last failure",
			      verdict->want <= 0 ? "0 s" : unit_human(UNIT_DURATION, verdict->want * 1000000, text, sizeof(text)));
		break;
	case VERDICT_ROUND_PENDING:
		strbuf_puts(out, "fits, the next round takes it");
		break;
	default:
		strbuf_puts(out, "fits");
	}
}

static void named_reason(const struct verdict *verdict, const char *what, struct strbuf *out)
{
	if (verdict->name)
		strbuf_printf(out, "%s %s is not asked for", what, verdict->name);
	else
		strbuf_printf(out, "not of a %s asked for", what);
}

void verdict_reason(const struct verdict *verdict, const char *chips, struct strbuf *out)
{
	if (!chips || !*chips)
		chips = "chips";
	switch (verdict->code) {
	case VERDICT_ENGINE_SIMULATED:
		strbuf_puts(out, "only simulated, and this demand runs a command");
		break;
	case VERDICT_ENGINE_REAL:
		strbuf_puts(out, "not simulated, and this demand is");
		break;
	case VERDICT_TIER:
		named_reason(verdict, "tier", out);
		break;
	case VERDICT_REGION:
		named_reason(verdict, "region", out);
		break;
	case VERDICT_SITE:
		strbuf_puts(out, "not among the sites asked for");
		break;
	case VERDICT_LATENCY:
		strbuf_puts(out, verdict->have < 0 ? "the place to be near is unknown" : "too far away");
		break;
	case VERDICT_RESIDENCY:
		residency_reason(verdict, out);
		break;
	case VERDICT_SITE_UNSEEN:
		strbuf_puts(out, "no agent has reported yet");
		break;
	case VERDICT_CHIP_MODEL:
	case VERDICT_CHIP_NEEDS:
	case VERDICT_CHIP_ORIGIN:
	case VERDICT_CHIP_CLEARANCE:
		chip_reason(verdict, chips, out);
		break;
	case VERDICT_NODE_TOO_SMALL:
		strbuf_puts(out, "no node is large enough for a worker");
		break;
	case VERDICT_SITE_TOO_SMALL:
		if (verdict->name)
			strbuf_printf(out, "no %s is large enough for all workers even when empty", verdict->name);
		else
			strbuf_puts(out, "too small even when empty");
		break;
	case VERDICT_PRICE:
		strbuf_puts(out, "costs more than is accepted");
		break;
	case VERDICT_LIMIT:
		if (verdict->name)
			strbuf_printf(out, "the limit of the tenant %s is reached", verdict->name);
		else
			strbuf_puts(out, "a tenant's limit is reached");
		break;
	case VERDICT_SITE_LOST:
		put_seen("lost", verdict->have, out);
		break;
	case VERDICT_SITE_SUSPECT:
		put_seen("suspect", verdict->have, out);
		break;
	case VERDICT_SITE_DRAINING:
		strbuf_puts(out, "draining");
		break;
	case VERDICT_SITE_CROWDED:
		strbuf_puts(out, "runs as many attempts as one site may report");
		break;
	default:
		busy_reason(verdict, chips, out);
	}
}

static void resource_numbers(const struct verdict *verdict, struct strbuf *out)
{
	switch (verdict->resource) {
	case RESOURCE_CPU:
		put_milli(verdict->have, out);
		strbuf_puts(out, " of ");
		put_milli(verdict->want, out);
		strbuf_puts(out, verdict->want == 1000 ? " core" : " cores");
		break;
	case RESOURCE_MEMORY:
		put_quantities(UNIT_MEMORY, verdict, " of ", out);
		break;
	case RESOURCE_CHIP_SHARE:
		put_milli(verdict->have, out);
		strbuf_puts(out, " of ");
		put_milli(verdict->want, out);
		strbuf_puts(out, verdict->want <= 1000 ? " chip" : " chips");
		break;
	case RESOURCE_OTHER:
		strbuf_printf(out, "%" PRId64 " of %" PRId64, verdict->have, verdict->want);
		if (verdict->code == VERDICT_NODE_TOO_SMALL && verdict->name)
			strbuf_printf(out, " %s", verdict->name);
		break;
	default:
		strbuf_printf(out, "%" PRId64 " of %" PRId64, verdict->have, verdict->want);
		if (verdict->code == VERDICT_NODE_TOO_SMALL)
			strbuf_puts(out, verdict->want == 1 ? " usable chip" : " usable chips");
	}
}

bool verdict_numbers(const struct verdict *verdict, struct strbuf *out)
{
	switch (verdict->code) {
	case VERDICT_LATENCY:
		if (verdict->have < 0)
			return false;
		put_quantities(UNIT_DURATION, verdict, " where at most ", out);
		strbuf_puts(out, " is asked for");
		return true;
	case VERDICT_NODE_TOO_SMALL:
	case VERDICT_LIMIT:
	case VERDICT_CHIPS_BUSY:
	case VERDICT_CPU_BUSY:
	case VERDICT_MEMORY_BUSY:
	case VERDICT_RESOURCE_BUSY:
		resource_numbers(verdict, out);
		return true;
	case VERDICT_PRICE:
		put_quantities(UNIT_MONEY, verdict, " an hour where at most ", out);
		strbuf_puts(out, " is accepted");
		return true;
	case VERDICT_SITE_TOO_SMALL:
	case VERDICT_APART:
	case VERDICT_SCATTERED:
		strbuf_printf(out, "room for %" PRId64 " of %" PRId64 " worker%s", verdict->have, verdict->want, verdict->want == 1 ? "" : "s");
		return true;
	default:
		return false;
	}
}

void verdict_describe(const struct verdict *verdict, const char *chips, struct strbuf *out)
{
	struct strbuf numbers = { 0 };

	verdict_reason(verdict, chips, out);
	if (verdict_numbers(verdict, &numbers))
		strbuf_printf(out, verdict->code == VERDICT_PRICE ? ": %s" : ": has %s", strbuf_text(&numbers));
	strbuf_done(&numbers);
}
