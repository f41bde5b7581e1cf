/* One round of matching over files: every site up and empty, no server, no clock. */
#ifndef WEIR_CLI_TRIAL_H
#define WEIR_CLI_TRIAL_H

#include "match/explain.h"
#include "match/once.h"
#include "wire/files.h"

struct trial {
	const struct network_spec *network;
	const struct demand_spec **demands; /* entry->demand counts from 1 into these */
	size_t demand_count;
	size_t *class_of; /* per demand */
	size_t *placed;   /* per demand: its placements; a service has one per replica */
	struct supply *supplies;
	struct topology *topology;
	struct once_input input;
	struct once once;
	struct match_plan plan;
	/* Per class of the input, of those with something left: why, against what the round left free. NULL summary: nothing is left. */
	struct explanation *reasons;
};

/* `demands` in their order of age. What the files hold is borrowed; everything is the arena's but for supplies and topology. */
void trial_run(struct trial *trial, const struct network_spec *network, const struct catalogue *catalogue,
	       const struct demand_spec **demands, size_t demand_count, struct arena *arena);
void trial_done(struct trial *trial);

const struct ask *placement_ask(const struct trial *trial, const struct match_placement *placement);
/* Placements that the demand asks for: 1, or its replicas. */
size_t demand_placements(const struct demand_spec *demand);

#endif
