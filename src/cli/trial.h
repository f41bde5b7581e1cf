/* One round of matching over files: every site up and empty, no server, no clock. */
#ifndef WEIR_CLI_TRIAL_H
#define WEIR_CLI_TRIAL_H

#include "match/explain.h"
#include "match/forecast.h"
#include "match/once.h"
#include "match/relax.h"
#include "wire/files.h"

#define TRIAL_RELAX_MAX 256 /* classes that wait of which the smallest change is looked for */

/* Why the demands of a class wait, against what the round left free; the first of them that was not placed speaks for all. */
struct trial_reason {
	bool waits; /* else nothing of it is left */
	struct explanation why;
	struct relaxation relaxation; /* without a sentence beyond TRIAL_RELAX_MAX, and for what waits for other demands */
};

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
	struct match_work *works; /* what was placed runs from then on */
	size_t work_count;
	struct trial_reason *reasons; /* per class of the input */
};

/* `demands` in their order of age; `policy` NULL: the defaults. What the files hold is borrowed; everything is the arena's but for
 * supplies and topology. */
void trial_run(struct trial *trial, const struct network_spec *network, const struct catalogue *catalogue, const struct policy_spec *policy,
	       const struct demand_spec **demands, size_t demand_count, struct arena *arena);
void trial_done(struct trial *trial);

const struct ask *placement_ask(const struct trial *trial, const struct match_placement *placement);
/* Placements that the demand asks for: 1, its replicas, or the members of its array. */
size_t demand_placements(const struct demand_spec *demand);

#endif
