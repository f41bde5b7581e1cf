/* The API from the command line: blocking calls over libcurl, faults told to the person.
 *
 * Functions give EXIT_OK or the exit status, after they said on standard error what was wrong.
 */
#ifndef WEIR_CLI_CLIENT_H
#define WEIR_CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/context.h"

#define CLIENT_REPLY_MAX (256u << 20)
#define CLIENT_PAGE 1000

struct client;

/* The options that every subcommand with a server has. */
#define CLIENT_OPTIONS(context_)                                                                                                           \
	CLI_TEXT("server", 0, &(context_)->server, "URL", "the platform to talk to (else WEIR_SERVER, else the context)"),                 \
		CLI_TEXT("token-file", 0, &(context_)->token_file, "FILE",                                                                 \
			 "file that holds the token (else WEIR_TOKEN, WEIR_TOKEN_FILE, the context)"),                                     \
		CLI_TEXT("ca-file", 0, &(context_)->ca_file, "FILE",                                                                       \
			 "certificates to trust for https (else WEIR_CA_FILE, the context, the system's)")
#define CLIENT_JSON(flag_) CLI_FLAG("json", 0, flag_, "print what the API answers, for programs")

int client_open(const struct context_options *options, struct client **ret);
void client_free(struct client *client); /* takes NULL */
DEFINE_CLEANUP(struct client *, client_free)
const char *client_server(const struct client *client);

struct client_request {
	const char *method; /* NULL: GET */
	const char *path;   /* "/v1/sites?tier=hub" */
	const json_t *body;
	const char *body_text; /* JSON that was written already; instead of `body` */
	const char *idempotency_key;
	int64_t retry_us;   /* tries again as long while the server can't be reached or is too busy; 0: not */
	int64_t timeout_us; /* of one try; 0: 60 s */
	bool quiet;         /* says nothing on standard error */
};

/* *ret_json (may be NULL) is the caller's to decref; NULL when the answer had no JSON. */
int client_call(struct client *client, const struct client_request *request, json_t **ret_json);
int client_get(struct client *client, const char *path, json_t **ret_json);

/* Reads pages until `maximum` items (0: all) and gives {"items": [...], "next": "..."}. */
int client_get_pages(struct client *client, const char *path, size_t maximum, bool quiet, json_t **ret_json);

/* Appends ?name=value or &name=value, escaped; nothing when value is NULL. */
void query_add(struct strbuf *path, const char *name, const char *value);
/* Appends text escaped for one segment of a path. */
void path_add(struct strbuf *path, const char *text);

/* An answer that comes piece by piece. */
struct client_stream {
	const char *path;
	const char *accept;                                             /* NULL: any */
	const char *last_event_id;                                      /* NULL none */
	int (*data)(void *context, const void *data, size_t length);    /* non-zero: stop this stream */
	void *context;
	/* set by client_streams: */
	bool ended;
	int status;    /* EXIT_OK: the server ended it, or `data` did */
	bool broken;   /* the connection broke, not the server's word: may be resumed */
	int64_t first; /* header Weir-Log-First; -1 absent */
};
/* Runs all of them until each has ended, or `turn` (called at least every `turn_us`; may be NULL) gives non-zero.
 * Faults are in each stream's status; with `quiet` they are not said. */
void client_streams(struct client *client, struct client_stream **streams, size_t count, bool quiet, int (*turn)(void *context),
		    void *context, int64_t turn_us);

/* --- reading answers ----------------------------------------------------------------------------- */

const char *json_text(const json_t *object, const char *key);                 /* "" when absent */
int64_t json_number(const json_t *object, const char *key, int64_t fallback); /* also numbers in text */
bool json_flag(const json_t *object, const char *key);
/* To standard output, followed by a newline: indented, or on one line. */
void json_print(const json_t *json);
void json_print_line(const json_t *json);

#endif
