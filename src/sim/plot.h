/* A replay as a picture: an SVG of three panels, the queue and the use over time and how the waits are spread. */
#ifndef WEIR_SIM_PLOT_H
#define WEIR_SIM_PLOT_H

#include "base/strbuf.h"
#include "sim/replay_sum.h"

/* Appends the whole file. `title` is one line of text. */
void plot_replay(const char *title, const struct replay_trace *trace, const struct replay *replay, const struct replay_summary *summary,
		 struct arena *arena, struct strbuf *out);

#endif
