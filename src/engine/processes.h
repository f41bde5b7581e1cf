/* Finding and ending processes: those below a supervisor, and those that a dead supervisor left behind. */
#ifndef WEIR_ENGINE_PROCESSES_H
#define WEIR_ENGINE_PROCESSES_H

#include <stdbool.h>
#include <sys/types.h>

/* Sends SIGKILL to the children of this process, which only this process reaps. Gives whether there were any. */
bool processes_kill_children(void);
/* Sends SIGKILL to every process that carries `item` ("NAME=value") in the environment it was started with; each
 * is pinned by a descriptor before it is looked at, so that a number used again hits nobody else. Gives whether
 * there were any. O(processes of the machine). */
bool processes_kill_marked(const char *item);

#endif
