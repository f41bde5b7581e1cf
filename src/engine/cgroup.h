/* Control groups: limits on CPU, memory and processes, and a sure way to find and end all processes of a
 * worker. Whatever the machine has is used: v2, v1 controllers, or both beside each other.
 *
 * CPU is limited as a quota, not shared by weight: a worker gets what it asked for and no more, so that
 * how long it takes doesn't depend on who else is there, and a quiet machine doesn't teach tenants to ask
 * for less than they use. The price is that idle cores stay idle.
 */
#ifndef WEIR_ENGINE_CGROUP_H
#define WEIR_ENGINE_CGROUP_H

#include "engine/records.h"

enum cgroup_control {
	CGROUP_CPU = 1,
	CGROUP_MEMORY = 2,
	CGROUP_PROCESSES = 4,
	CGROUP_KILL = 8,   /* one write ends all processes */
	CGROUP_USAGE = 16, /* counts CPU time */
};

#define CGROUP_PROCESSES_MAX 4096 /* of one worker */

/* One mounted hierarchy with the group that this process is in. */
struct cgroup_mount {
	const char *folder;
	const char *own; /* path below `folder` */
	bool unified;
	const char *controllers; /* v1: "cpu,cpuacct" */
};

/* From the texts of /proc/self/mountinfo and /proc/self/cgroup. Pure. Gives the count. */
size_t cgroup_parse(const char *mountinfo, const char *groups, struct arena *arena, struct cgroup_mount **ret);

/* Finds where this process may make groups, makes the parents of those to come, and tries them. `controls` of all
 * places together say what can be had. Everything is the arena's. */
void cgroup_find(struct arena *arena, struct cgroup_place **ret, size_t *ret_count);

/* Of one worker: `name` below each place. Places where that fails are skipped; gives what is in force. */
int64_t cgroup_make(const struct cgroup_place *places, size_t count, const char *name, int64_t cpu_milli, int64_t memory_mib);
/* Moves the calling process in. */
void cgroup_enter(const struct cgroup_place *places, size_t count, const char *name);
/* Sends SIGKILL to all in the groups. Gives whether there were any. */
bool cgroup_kill(const struct cgroup_place *places, size_t count, const char *name);

struct cgroup_usage {
	int64_t cpu_us;	    /* -1 unknown */
	int64_t memory_mib; /* highest so far; -1 unknown */
	int64_t kills;	    /* processes ended for want of memory */
};
void cgroup_read(const struct cgroup_place *places, size_t count, const char *name, struct cgroup_usage *ret);
/* Groups that still hold processes stay. */
void cgroup_remove(const struct cgroup_place *places, size_t count, const char *name);

#endif
