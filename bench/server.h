/* A platform and its agents as real processes in a scratch folder, for benchmarks. */
#ifndef WEIR_BENCH_SERVER_H
#define WEIR_BENCH_SERVER_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct server {
	char folder[256];
	char weir[4096];
	pid_t platform;
	pid_t agent;
	uint16_t port;
	char token[128];
	int64_t up_us; /* from the start of the process to its first answer */
};

/* Makes the scratch folder below TMPDIR, or beside this program, so that the disk is the build's own. */
int server_init(struct server *server, struct err *err);
/* Starts the platform, on what the folder holds, and waits for its first answer. `network` may be NULL. */
int server_start(struct server *server, const char *network_path, struct err *err);
int server_start_agent(struct server *server, const char *network_path, const char *site, struct err *err);
void server_stop(struct server *server, int signal); /* of the platform; waits for its end */
void server_done(struct server *server);             /* ends what runs and removes the folder */

/* The peak resident memory of the platform, MiB. */
int64_t server_peak_mib(const struct server *server);
/* The answer's body, or NULL; the caller decrefs. */
json_t *server_get(const struct server *server, const char *path);
int server_write(const struct server *server, const char *name, const char *text, char *ret_path, size_t size, struct err *err);

#endif
