/* What client.c and client_stream.c share. */
#ifndef WEIR_CLI_CLIENT_PRIVATE_H
#define WEIR_CLI_CLIENT_PRIVATE_H

#include <curl/curl.h>

#include "cli/client.h"

struct client {
	struct context context;
	CURL *curl;
};

/* Sets what every request has: address, token, trust, limits. The caller frees *headers and *ret_url once it is over. */
void client_prepare(const struct client *client, CURL *curl, const char *path, struct curl_slist **headers, char **ret_url);
struct curl_slist *client_add_header(struct curl_slist *headers, const char *name, const char *value); /* NULL value: nothing */
/* Says what the server refused, and gives the exit status for it. */
int client_explain(const struct client *client, long status, const char *body, size_t length, bool quiet);
/* Says that no answer came; gives EXIT_UNREACHABLE. */
int client_unreachable(const struct client *client, const char *error, bool quiet);
int64_t client_now_us(void); /* monotonic */

#endif
