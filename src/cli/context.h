/* Which server the command line talks to, and as whom.
 *
 * Server: --server, else WEIR_SERVER, else the context file. Token: --token-file, else WEIR_TOKEN, else
 * WEIR_TOKEN_FILE, else the context file's, but that one only for the context file's own server: a
 * secret is not sent to whichever address was typed. The context file is WEIR_CONTEXT or
 * ~/.config/weir/context.json: {"server": URL, "token_file": PATH, "ca_file": PATH}; paths in it that
 * are not absolute begin at its folder.
 */
#ifndef WEIR_CLI_CONTEXT_H
#define WEIR_CLI_CONTEXT_H

#include "base/err.h"

#define CONTEXT_SERVER_DEFAULT "http://127.0.0.1:7400"

/* As given on the command line; NULL where not. */
struct context_options {
	const char *server, *token_file, *ca_file;
};

struct context {
	char *path;       /* of the context file, whether there is one or not; NULL: no home */
	char *server;     /* without a final slash */
	char *token;      /* NULL: none known */
	char *ca_file;    /* NULL: the system's */
	const char *server_from, *token_from; /* for people: "--server", "WEIR_SERVER", "the context file", "the default" */
};

/* -EINVAL, -ENOENT (a token file that is named but missing) and the like, with a sentence. */
int context_find(const struct context_options *options, struct context *ret, struct err *err);
void context_done(struct context *context);
/* Whether the options alone make sense: a URL, a token file that holds a token. */
int context_check(const struct context_options *options, struct err *err);
/* Writes the context file. `token_file`, `ca_file` may be NULL. */
int context_write(const char *path, const char *server, const char *token_file, const char *ca_file, struct err *err);
char *context_path(void); /* the caller frees; NULL: no home */

#endif
