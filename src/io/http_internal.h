/* What the two halves of the HTTP server share: http_server.c drives libmicrohttpd from the loop,
 * http_exchange.c takes requests in and gives answers out.
 *
 * An exchange is one request with its answer. Its life, and who moves it on:
 *
 *   RECEIVING --body whole--> HELD --http_respond--------> ANSWERED --sent--> freed
 *       |                      |---http_stream_begin--> STREAMING --http_stream_close--> ANSWERED
 *       |                      |                          |
 *       |                      `--------client gone-------'--> GONE --> freed
 *       `--refused (400, 413, 431, 503)--> ANSWERED
 *
 * While HELD, and while STREAMING with nothing to send, the connection is suspended: libmicrohttpd does not
 * look at its socket, so the server's own watch does, for the client's leaving only.
 */
#ifndef WEIR_IO_HTTP_INTERNAL_H
#define WEIR_IO_HTTP_INTERNAL_H

#include <microhttpd.h>

#include "base/strbuf.h"
#include "io/http_server.h"
#include "io/http_target.h"

#define HTTP_RATE_MIN 1024                 /* bytes a second that a client must move in the long run */
#define HTTP_DISCARD_FACTOR 4              /* a body too large is read and dropped up to so many times body_max, so that the client reads the 413 */
#define HTTP_DISCARD_MIN ((size_t)1 << 20)
#define HTTP_BODY_SMALL ((size_t)1 << 16)   /* bodies up to here are taken whatever others there are */
#define HTTP_SWEEP_MS 500
#define HTTP_PEER_SIZE 64
#define HTTP_HANDLES 7                     /* uv handles of a server */

struct http_exchange;

/* A connection: lives from accept to close. */
struct http_connection {
	struct http_server *server;
	struct http_connection *next, *previous;
	struct MHD_Connection *mhd;
	struct http_exchange *exchange; /* the one going on, or NULL */
	struct strbuf target;           /* raw, of the request that begins */
	int fd;
	uint64_t deadline_ms;           /* on the loop's clock: receiving or sending must be over; UINT64_MAX none */
	bool watched;                   /* in the server's watch */
	bool ended;                     /* was shut down: too slow */
	char peer[HTTP_PEER_SIZE];
};

struct http_server {
	struct http_settings settings;
	uv_loop_t *loop;
	struct MHD_Daemon *daemon;
	struct http_connection *connections;
	char *certificate, *key; /* borrowed by libmicrohttpd for its life */
	uint16_t port;
	size_t bodies;           /* bytes of large bodies in memory */
	int watch_fd;            /* epoll: clients of suspended connections that leave */
	bool wanted;             /* MHD_run has something to do */
	bool closing;
	unsigned handles_open;
	uv_poll_t poll, watch;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	uv_timer_t timer, sweep;
};

enum exchange_state { EXCHANGE_RECEIVING, EXCHANGE_HELD, EXCHANGE_STREAMING, EXCHANGE_ANSWERED, EXCHANGE_GONE };

struct http_exchange {
	struct http_request request;
	struct http_connection *connection;
	enum exchange_state state;
	bool suspended;
	bool handling;            /* inside settings.handle */
	bool queued;              /* libmicrohttpd has the answer */
	uint64_t held_since_ms;
	struct http_target target;
	struct strbuf body;
	size_t body_max;
	size_t counted;           /* of the body, in server->bodies */
	uint64_t received;        /* bytes of the body, also dropped ones */
	unsigned refusal;         /* status to answer with, 0 none */
	const char *refusal_detail;
	unsigned status;
	struct MHD_Response *response;
	struct strbuf stream;     /* data[sent..length) waits */
	size_t stream_sent, stream_max;
};

/* http_server.c */
void http_connection_watch(struct http_connection *connection, bool on);
void http_server_want(struct http_server *server); /* MHD_run at the end of this turn of the loop */

/* http_exchange.c */
enum MHD_Result http_exchange_step(void *context, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
				   const char *upload_data, size_t *upload_size, void **ret_exchange);
void http_exchange_completed(void *context, struct MHD_Connection *mhd, void **exchange, enum MHD_RequestTerminationCode code);
void http_exchange_gone(struct http_exchange *exchange); /* the client left while suspended */
void http_exchange_resume(struct http_exchange *exchange);

#endif
