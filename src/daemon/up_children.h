/* Child processes that are kept running: what `weir up` starts.
 *
 * Each is a process group of its own, so that a Ctrl-C reaches only the parent, which stops them in
 * order: the first one (the platform) when the others (its agents) have ended. A child that ends by itself
 * is started again after a while that doubles each time; one that lived for long starts with the short
 * while anew.
 *
 * A parent that is killed leaves its children behind. Their pids are in a file, with the moment each
 * began so that a number used again is not mistaken for one of them; children_sweep() ends those.
 */
#ifndef WEIR_DAEMON_UP_CHILDREN_H
#define WEIR_DAEMON_UP_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/err.h"

#define CHILDREN_MAX 64

struct children;

struct children_settings {
	uv_loop_t *loop;
	const char *log_folder; /* NAME.log of each */
	const char *pid_file;
	/* Something worth saying: "the agent guian-hub ended (signal 9) and is started again". */
	void (*told)(void *context, const char *sentence);
	void *context;
};

/* Ends what an earlier parent left behind. Gives how many there were, or a negative errno. Blocks for a few seconds at most. */
int children_sweep(const char *pid_file, struct err *err);

struct children *children_new(const struct children_settings *settings);
/* `arguments` ends with NULL and is copied; arguments[0] is the program's path. */
int children_start(struct children *children, const char *name, const char *const *arguments, struct err *err);
size_t children_running(const struct children *children);
size_t children_count(const struct children *children);
/* How often the child was started again since it last lived for long; for giving up. */
unsigned children_failures(const struct children *children, const char *name);
/* Stops all but the first child together, then the first, with SIGTERM and after a while SIGKILL; `stopped`
 * once none is left, perhaps before this returns. Called again: SIGKILL for what is left. */
void children_stop(struct children *children, void (*stopped)(void *context), void *context);
void children_free(struct children *children); /* after `stopped`, or when none was started; takes NULL */

#endif
