/* The supervisor of one worker: `weir shim FOLDER`, FOLDER being ENGINE/attempts/KEY/W. Outlives the agent. */
#ifndef WEIR_ENGINE_SHIM_H
#define WEIR_ENGINE_SHIM_H

/* Runs the worker to its end and leaves the result in its folder. Gives the exit status: 0 also when
 * another supervisor has or had the worker. */
int shim_run(const char *folder);

#endif
