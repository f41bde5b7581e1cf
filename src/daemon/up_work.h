/* Work that outlives its agents: the supervisors (`weir shim FOLDER`) of the local engine. */
#ifndef WEIR_DAEMON_UP_WORK_H
#define WEIR_DAEMON_UP_WORK_H

#include <stddef.h>

/* Tells the supervisors whose folder lies below `folder` (absolute) that the machine goes down: they end
 * their work with a short grace, and it counts as lost, not as failed. Waits until they are gone, `wait_ms`
 * at most. Gives how many there were. O(processes of the machine). */
size_t work_end(const char *folder, unsigned wait_ms);

#endif
