#include "monitor/metrics.h"

#include <inttypes.h>

static void family(struct strbuf *out, const char *name, const char *type, const char *unit, const char *help)
{
	strbuf_printf(out, "# TYPE %s %s\n", name, type);
	if (unit)
		strbuf_printf(out, "# UNIT %s %s\n", name, unit);
	strbuf_printf(out, "# HELP %s %s\n", name, help);
}

/* Backslash, quote and line feed are escaped (OpenMetrics 1.0, "escaping"). */
static void put_label(struct strbuf *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			strbuf_putc(out, '\\');
		if (*value == '\n')
			strbuf_puts(out, "\\n");
		else
			strbuf_putc(out, *value);
	}
}

static void sample(struct strbuf *out, const char *name, const char *label, const char *value, int64_t number)
{
	strbuf_puts(out, name);
	if (label) {
		strbuf_printf(out, "{%s=\"", label);
		put_label(out, value);
		strbuf_puts(out, "\"}");
	}
	strbuf_printf(out, " %" PRId64 "\n", number);
}

/* Microseconds as seconds, exactly. */
static void sample_seconds(struct strbuf *out, const char *name, int64_t us)
{
	const char *sign = us < 0 ? "-" : "";

	us = us < 0 ? -us : us;
	strbuf_printf(out, "%s %s%" PRId64 ".%06" PRId64 "\n", name, sign, us / 1000000, us % 1000000);
}

static void write_sites(const struct summary *s, struct strbuf *out)
{
	family(out, "weir_sites", "gauge", NULL, "Sites of the network, by tier.");
	for (size_t i = 0; i < TIER_COUNT; i++)
		sample(out, "weir_sites", "tier", tier_to_string(s->tiers[i].tier), s->tiers[i].sites);
	family(out, "weir_sites_up", "gauge", NULL, "Sites whose agent speaks, by tier.");
	for (size_t i = 0; i < TIER_COUNT; i++)
		sample(out, "weir_sites_up", "tier", tier_to_string(s->tiers[i].tier), s->tiers[i].sites_up);
	family(out, "weir_sites_draining", "gauge", NULL, "Sites that take nothing new.");
	sample(out, "weir_sites_draining", NULL, NULL, s->sites_draining);
	family(out, "weir_sites_simulated", "gauge", NULL, "Sites whose engine only simulates.");
	sample(out, "weir_sites_simulated", NULL, NULL, s->sites_simulated);
}

static void write_capacity(const struct summary *s, struct strbuf *out)
{
	family(out, "weir_cpu_milli", "gauge", NULL, "Milli-cores that sites offer, by tier.");
	for (size_t i = 0; i < TIER_COUNT; i++)
		sample(out, "weir_cpu_milli", "tier", tier_to_string(s->tiers[i].tier), s->tiers[i].cpu_milli);
	family(out, "weir_cpu_free_milli", "gauge", NULL, "Milli-cores that are free, by tier.");
	for (size_t i = 0; i < TIER_COUNT; i++)
		sample(out, "weir_cpu_free_milli", "tier", tier_to_string(s->tiers[i].tier), s->tiers[i].cpu_free_milli);
	family(out, "weir_chips", "gauge", NULL, "Chips that sites offer, by model.");
	for (size_t i = 0; i < s->chip_count; i++)
		sample(out, "weir_chips", "model", s->chips[i].model, s->chips[i].count);
	family(out, "weir_chips_free", "gauge", NULL, "Chips that are wholly free, by model.");
	for (size_t i = 0; i < s->chip_count; i++)
		sample(out, "weir_chips_free", "model", s->chips[i].model, s->chips[i].free);
	family(out, "weir_chips_waiting", "gauge", NULL, "Chips that pending demands ask for by the model's name.");
	for (size_t i = 0; i < s->chip_count; i++)
		sample(out, "weir_chips_waiting", "model", s->chips[i].model, s->chips[i].waiting);
	family(out, "weir_chips_by_origin", "gauge", NULL, "Chips that sites offer, by origin.");
	sample(out, "weir_chips_by_origin", "origin", origin_to_string(ORIGIN_DOMESTIC), s->chips_domestic);
	sample(out, "weir_chips_by_origin", "origin", origin_to_string(ORIGIN_FOREIGN), s->chips_foreign);
}

/* Thousandths as whole ones, exactly. */
static void sample_milli(struct strbuf *out, const char *name, int64_t milli)
{
	strbuf_printf(out, "%s %" PRId64 ".%03" PRId64 "\n", name, milli / 1000, milli % 1000);
}

/* Nothing before a round was measured: a gap of 0 would be good news. */
static void write_round(const struct gap_measure *round, struct strbuf *out)
{
	family(out, "weir_round_bound_chips", "gauge", "chips",
	       "More no plan could have placed in the last round that was measured; where no chip is asked for, 8 cores or 64 GiB count as one.");
	if (round)
		sample_milli(out, "weir_round_bound_chips", round->bound_chip_milli);
	family(out, "weir_round_placed_chips", "gauge", "chips", "What that round placed, counted likewise.");
	if (round)
		sample_milli(out, "weir_round_placed_chips", round->placed_chip_milli);
	family(out, "weir_round_gap_ratio", "gauge", "ratio", "The share of the bound that was not placed.");
	if (round)
		sample_milli(out, "weir_round_gap_ratio", round->gap_permille);
	family(out, "weir_round_measured_timestamp_seconds", "gauge", "seconds", "When that round was.");
	if (round)
		sample_seconds(out, "weir_round_measured_timestamp_seconds", round->measured_us);
}

static void write_figures(const struct summary *s, const struct metrics_figures *f, struct strbuf *out)
{
	family(out, "weir_events", "counter", NULL, "Events of the log.");
	sample(out, "weir_events_total", NULL, NULL, (int64_t)s->sequence);
	family(out, "weir_commits", "counter", NULL, "Writes to the log; events that came together share one.");
	sample(out, "weir_commits_total", NULL, NULL, (int64_t)f->commits);
	family(out, "weir_events_committed", "counter", NULL, "Events written since this process began.");
	sample(out, "weir_events_committed_total", NULL, NULL, (int64_t)f->events_committed);
	family(out, "weir_events_waiting", "gauge", NULL, "Events that wait to be written.");
	sample(out, "weir_events_waiting", NULL, NULL, (int64_t)f->queue_length);
	family(out, "weir_commit_last_seconds", "gauge", "seconds", "How long the last write took.");
	sample_seconds(out, "weir_commit_last_seconds", f->commit_us_last);
	family(out, "weir_rounds", "counter", NULL, "Rounds of the matcher since this process began.");
	sample(out, "weir_rounds_total", NULL, NULL, (int64_t)f->rounds);
	family(out, "weir_placements", "counter", NULL, "Placements made since this process began.");
	sample(out, "weir_placements_total", NULL, NULL, (int64_t)f->placements);
	family(out, "weir_preemptions", "counter", NULL, "Attempts that were stopped to make room for others.");
	sample(out, "weir_preemptions_total", NULL, NULL, (int64_t)s->tallies.preemptions);
	family(out, "weir_start_prediction_error_seconds", "summary", "seconds",
	       "How far placements were from the start that had been foretold for them.");
	sample(out, "weir_start_prediction_error_seconds_count", NULL, NULL, (int64_t)s->tallies.predictions);
	sample_seconds(out, "weir_start_prediction_error_seconds_sum", s->tallies.prediction_error_us);
	family(out, "weir_start_prediction_bias_seconds", "gauge", "seconds",
	       "The same summed up with its sign: more than 0 is later than foretold.");
	sample_seconds(out, "weir_start_prediction_bias_seconds", s->tallies.prediction_bias_us);
	family(out, "weir_round_seconds", "counter", "seconds", "Time spent in rounds.");
	sample_seconds(out, "weir_round_seconds_total", f->round_us_total);
	family(out, "weir_round_last_seconds", "gauge", "seconds", "How long the last round took.");
	sample_seconds(out, "weir_round_last_seconds", f->round_us_last);
	family(out, "weir_estimates_last_seconds", "gauge", "seconds", "How long it last took to estimate when what waits will start.");
	sample_seconds(out, "weir_estimates_last_seconds", f->estimate_us_last);
	write_round(s->round, out);
}

void metrics_write(const struct summary *summary, const struct metrics_figures *figures, struct strbuf *out)
{
	family(out, "weir_build", "info", NULL, "The version of this program.");
	sample(out, "weir_build_info", "version", summary->version, 1);
	write_sites(summary, out);
	write_capacity(summary, out);
	family(out, "weir_demands", "gauge", NULL, "Demands that the platform remembers, by state.");
	for (int i = 0; i < STATE_COUNT; i++)
		sample(out, "weir_demands", "state", demand_state_to_string((enum demand_state)i), summary->demands[i]);
	write_figures(summary, figures, out);
	strbuf_puts(out, "# EOF\n");
}
