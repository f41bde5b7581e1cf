/* `weir agent`: speaks for one site or several to their platform, and drives their engines.
 *
 * Per site: report what is (attempts, supply), hear what should be, make it so, again. One sync is held
 * open by the platform; when something changes here another one overtakes it. Only replies newer than
 * the last that was acted on are acted on, so lost, repeated and late ones change nothing.
 *
 * The lease runs from the moment a request was sent, on CLOCK_BOOTTIME, and only ends by itself: the
 * engine stops the attempts when it passes, whether this process lives or not.
 */
#ifndef WEIR_DAEMON_AGENT_H
#define WEIR_DAEMON_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/network.h"

struct agent_settings {
	const char *server;      /* http://127.0.0.1:7400 */
	const char *token;       /* NULL: none */
	const char *ca_path;     /* NULL: the system's */
	const char *state_folder;
	const char *run_as;      /* "" : as this process */
	int64_t log_bytes_max;   /* per worker and stream */
	const char *shim;        /* the program with the `shim` subcommand */
	/* The sites to speak for. With groups: they offer just these; without, the engine finds out. */
	const struct site_spec *sites;
	size_t site_count;
};

#define AGENT_LOG_BYTES_MAX_DEFAULT (64 << 20)

/* Runs until SIGTERM or SIGINT; what runs goes on running. 0 or a negative errno with a sentence: -EBUSY when
 * another agent speaks for one of the sites from the same state folder. */
int agent_run(const struct agent_settings *settings, struct err *err);

#endif
