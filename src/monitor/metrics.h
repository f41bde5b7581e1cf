/* The metrics' exposition in the OpenMetrics format, from a summary and the process's figures. Pure. */
#ifndef WEIR_MONITOR_METRICS_H
#define WEIR_MONITOR_METRICS_H

#include "base/strbuf.h"
#include "platform/view.h"

/* What the process counts beside the state. */
struct metrics_figures {
	uint64_t commits;
	uint64_t events_committed;
	uint64_t rounds;
	uint64_t placements;
	int64_t commit_us_last;
	int64_t round_us_last;
	int64_t round_us_total;
	int64_t estimate_us_last; /* the last forecast of starts took */
	uint64_t queue_length; /* events that wait for the store */
};

/* Appends the whole exposition, with its "# EOF". */
void metrics_write(const struct summary *summary, const struct metrics_figures *figures, struct strbuf *out);

#endif
