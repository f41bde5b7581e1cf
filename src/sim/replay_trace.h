/* Traces for a replay, from what others recorded and from weir's own log. Everything is the arena's. */
#ifndef WEIR_SIM_REPLAY_TRACE_H
#define WEIR_SIM_REPLAY_TRACE_H

#include "sim/replay.h"
#include "store/store.h"
#include "wire/swf.h"

/* Why jobs of a trace are not replayed. */
struct replay_left_out {
	size_t no_run_time; /* it is not recorded, or the job never ran */
	size_t no_size;     /* no processors, or more than one demand may ask for */
};

/* A trace in the Standard Workload Format.
 *
 *   processors asked, else used   workers of one core, all at one site
 *   time asked                    time limit; at least what the job ran, as it was let run so long. Not known: no limit
 *   memory asked, a processor     memory of each worker, KiB rounded up to MiB
 *   group G, user U               tenant group-G-user-U below group-G; group-none and user-none where they are not known
 *   partition P                   with `network`: the site that the job must go to, named as the comments name the partition, or
 *                                 partition-P
 *
 * -ENOENT: with `network`, a partition that is no site of it; -EINVAL: no job is left. */
int replay_trace_swf(const struct swf *swf, const struct network_spec *network, struct arena *arena, struct replay_trace *ret,
		     struct replay_left_out *ret_left_out, struct err *err);

/* weir's event log: demands when they were accepted (those that waited for others, or for a place in their array: when they were let
 * go), for the time that their last attempt ran. Replicas of services run from their first start to their last end, or as long as the log
 * goes. What is in a snapshot only is not replayed. -EINVAL: no job is left; errors of the store. */
int replay_trace_log(struct store *store, struct arena *arena, struct replay_trace *ret, struct replay_left_out *ret_left_out,
		     struct err *err);

#endif
