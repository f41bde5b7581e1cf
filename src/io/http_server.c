/* Drives libmicrohttpd from the uv loop: its epoll descriptor is watched by a uv_poll, its timeouts by a
 * uv_timer, and MHD_run is called at most once in each turn of the loop, in the check phase (or before the
 * loop sleeps, when an answer came from a timer). So a commit that answers a thousand held requests costs
 * one MHD_run.
 *
 * Clients get time by two rules: idle_timeout_s without a byte ends the connection (libmicrohttpd), and
 * so does being slower than HTTP_RATE_MIN in the long run (the sweep), which one byte now and then would
 * otherwise escape. Held requests and streams are exempt; their clients are watched for leaving instead.
 */
#include "io/http_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <gnutls/gnutls.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"

#define PEM_MAX ((size_t)1 << 20)
#define LISTEN_BACKLOG 1024
#define WATCH_EVENTS 64

/* ---- driving ---- */

/* Only there so that the loop does not sleep while libmicrohttpd has work: a resume makes no descriptor
 * readable, and it may come when this turn's phases of ours are over. */
static void on_idle(uv_idle_t *idle)
{
}

void http_server_want(struct http_server *server)
{
	server->wanted = true;
	uv_idle_start(&server->idle, on_idle);
}

static void on_timer(uv_timer_t *timer)
{
	http_server_want(timer->data);
}

static void server_run(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	if (!server->wanted || server->closing)
		return;
	server->wanted = false;
	MHD_run(server->daemon);
	if (server->wanted)
		timeout_ms = 0;
	else if (MHD_get_timeout(server->daemon, &timeout_ms) != MHD_YES)
		timeout_ms = UINT64_MAX;
	if (timeout_ms == 0) {
		http_server_want(server);
		return;
	}
	uv_idle_stop(&server->idle);
	if (timeout_ms == UINT64_MAX)
		uv_timer_stop(&server->timer);
	else
		uv_timer_start(&server->timer, on_timer, timeout_ms, 0);
}

static void on_prepare(uv_prepare_t *prepare)
{
	server_run(prepare->data);
}

static void on_check(uv_check_t *check)
{
	server_run(check->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	http_server_want(poll->data);
}

/* ---- connections ---- */

void http_connection_watch(struct http_connection *connection, bool on)
{
	struct epoll_event event = { .events = EPOLLRDHUP | EPOLLET, .data.ptr = connection };

	if (connection->watched == on)
		return;
	connection->watched = on;
	epoll_ctl(connection->server->watch_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, connection->fd, &event);
}

static void on_watch(uv_poll_t *watch, int status, int events)
{
	struct http_server *server = watch->data;
	struct epoll_event list[WATCH_EVENTS];
	int count = epoll_wait(server->watch_fd, list, WATCH_EVENTS, 0);

	for (int i = 0; i < count; i++) {
		struct http_connection *connection = list[i].data.ptr;

		/* An earlier one of this list may have had this one answered. */
		if (connection->watched && connection->exchange)
			http_exchange_gone(connection->exchange);
	}
}

/* Ends those that are too slow; watches those held for longer than one sweep. Watching each from the
 * start was rejected: most are answered within milliseconds, and a watch costs two system calls. */
static void on_sweep(uv_timer_t *sweep)
{
	struct http_server *server = sweep->data;
	uint64_t now_ms = uv_now(server->loop);

	/* libmicrohttpd closes one that it gave up (more parameters than it has memory for) only when it runs again. */
	if (server->connections)
		http_server_want(server);
	for (struct http_connection *connection = server->connections; connection; connection = connection->next) {
		struct http_exchange *exchange = connection->exchange;

		if (now_ms > connection->deadline_ms && !connection->ended) {
			connection->ended = true;
			shutdown(connection->fd, SHUT_RDWR);
		}
		if (exchange && exchange->suspended && now_ms - exchange->held_since_ms >= HTTP_SWEEP_MS)
			http_connection_watch(connection, true);
	}
}

static void connection_open(struct http_server *server, struct MHD_Connection *mhd, void **ret)
{
	struct http_connection *connection = mem_alloc(sizeof(*connection));
	const struct sockaddr *address = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	socklen_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	connection->server = server;
	connection->mhd = mhd;
	connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	connection->deadline_ms = uv_now(server->loop) + 2000 * (uint64_t)server->settings.idle_timeout_s;
	if (getnameinfo(address, length, connection->peer, sizeof(connection->peer), NULL, 0, NI_NUMERICHOST))
		snprintf(connection->peer, sizeof(connection->peer), "unknown");
	connection->next = server->connections;
	if (connection->next)
		connection->next->previous = connection;
	server->connections = connection;
	*ret = connection;
}

static void connection_close(struct http_server *server, struct http_connection *connection)
{
	http_connection_watch(connection, false);
	if (connection->next)
		connection->next->previous = connection->previous;
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	strbuf_done(&connection->target);
	free(connection);
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_open(context, mhd, socket_context);
	} else if (*socket_context) {
		connection_close(context, *socket_context);
		*socket_context = NULL;
	}
}

/* The raw target, before anything decodes it. */
static void *on_target(void *context, const char *uri, struct MHD_Connection *mhd)
{
	struct http_connection *connection = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

	strbuf_reset(&connection->target);
	strbuf_puts(&connection->target, uri);
	return NULL;
}

/* libmicrohttpd's own decoding is switched off: it would cut a path at an encoded NUL. */
static size_t no_unescape(void *context, struct MHD_Connection *mhd, char *text)
{
	return strlen(text);
}

static void on_log(void *context, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
static void on_log(void *context, const char *format, va_list arguments)
{
	char text[256];

	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = 0;
	log_debug("http", "%s", text);
}

/* ---- start and end ---- */

static int listen_socket(const struct http_settings *settings, int *ret_fd, uint16_t *ret_port, struct err *err)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *info;
	struct sockaddr_storage bound = { 0 };
	socklen_t length = sizeof(bound);
	char port[8];
	int one = 1, r = 0, fd;

	snprintf(port, sizeof(port), "%u", settings->port);
	if (getaddrinfo(settings->address, port, &hints, &info))
		return err_set(err, -EINVAL, "'%s' is not a numeric address to listen on", settings->address);
	fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) || bind(fd, info->ai_addr, info->ai_addrlen) ||
	    listen(fd, LISTEN_BACKLOG) || getsockname(fd, (struct sockaddr *)&bound, &length))
		r = err_set(err, -errno, "cannot listen on %s port %s: %s", settings->address, port, strerror(errno));
	freeaddrinfo(info);
	if (r) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	*ret_fd = fd;
	*ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port : ((struct sockaddr_in *)&bound)->sin_port);
	return 0;
}

/* Reads certificate and key and tries them together, so that a mistake is told in words. */
static int certificate_load(struct http_server *server, struct err *err)
{
	struct strbuf certificate cleanup_strbuf = { 0 };
	struct strbuf key cleanup_strbuf = { 0 };
	gnutls_certificate_credentials_t credentials;
	gnutls_datum_t certificate_data, key_data;
	int r;

	if (!server->settings.key_path)
		return err_set(err, -EINVAL, "a certificate is given without its key");
	r = file_read(server->settings.certificate_path, PEM_MAX, &certificate, err);
	if (!r)
		r = file_read(server->settings.key_path, PEM_MAX, &key, err);
	if (r)
		return r;
	certificate_data = (gnutls_datum_t){ (unsigned char *)certificate.data, (unsigned)certificate.length };
	key_data = (gnutls_datum_t){ (unsigned char *)key.data, (unsigned)key.length };
	if (gnutls_certificate_allocate_credentials(&credentials))
		return err_set(err, -ENOMEM, "cannot set up TLS");
	r = gnutls_certificate_set_x509_key_mem(credentials, &certificate_data, &key_data, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(credentials);
	if (r < 0)
		return err_set(err, -EINVAL, "%s and %s are no certificate and its key in PEM: %s", server->settings.certificate_path,
			       server->settings.key_path, gnutls_strerror(r));
	server->certificate = strbuf_take(&certificate);
	server->key = strbuf_take(&key);
	return 0;
}

static struct MHD_Daemon *daemon_start(struct http_server *server, int listen_fd, bool ipv6)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG | (ipv6 ? MHD_USE_IPv6 : 0);
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, server->key },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-TLS1.0:-VERS-TLS1.1" },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem *options = server->certificate ? tls : &tls[3];

	if (server->certificate)
		flags |= MHD_USE_TLS;
	/* Of a connection's memory the first part holds the header, the rest reads bodies and writes answers. */
	return MHD_start_daemon(flags, 0, NULL, NULL, http_exchange_step, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, server,
				MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT, server->settings.header_max + 16384,
				MHD_OPTION_CONNECTION_LIMIT, server->settings.connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
				server->settings.connections_per_address_max, MHD_OPTION_CONNECTION_TIMEOUT, server->settings.idle_timeout_s,
				MHD_OPTION_NOTIFY_COMPLETED, http_exchange_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
				MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, server,
				MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static void server_free(struct http_server *server)
{
	if (server->watch_fd >= 0)
		close(server->watch_fd);
	free(server->certificate);
	free(server->key);
	free(server);
}

static void handles_open(struct http_server *server)
{
	int epoll_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

	uv_poll_init(server->loop, &server->poll, epoll_fd);
	uv_poll_init(server->loop, &server->watch, server->watch_fd);
	uv_prepare_init(server->loop, &server->prepare);
	uv_check_init(server->loop, &server->check);
	uv_idle_init(server->loop, &server->idle);
	uv_timer_init(server->loop, &server->timer);
	uv_timer_init(server->loop, &server->sweep);
	server->poll.data = server->watch.data = server->prepare.data = server->check.data = server;
	server->idle.data = server->timer.data = server->sweep.data = server;
	server->handles_open = HTTP_HANDLES;
	uv_poll_start(&server->poll, UV_READABLE, on_poll);
	uv_poll_start(&server->watch, UV_READABLE, on_watch);
	uv_prepare_start(&server->prepare, on_prepare);
	uv_check_start(&server->check, on_check);
	uv_timer_start(&server->sweep, on_sweep, HTTP_SWEEP_MS, HTTP_SWEEP_MS);
	/* The listening itself keeps the loop alive, the rest does not. */
	uv_unref((uv_handle_t *)&server->watch);
	uv_unref((uv_handle_t *)&server->prepare);
	uv_unref((uv_handle_t *)&server->check);
	uv_unref((uv_handle_t *)&server->idle);
	uv_unref((uv_handle_t *)&server->timer);
	uv_unref((uv_handle_t *)&server->sweep);
}

int http_server_new(uv_loop_t *loop, const struct http_settings *settings, struct http_server **ret, struct err *err)
{
	struct http_server *server = mem_alloc(sizeof(*server));
	int listen_fd = -1;
	int r = 0;

	server->settings = *settings;
	server->loop = loop;
	server->watch_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->watch_fd < 0)
		r = err_set(err, -errno, "cannot make an epoll descriptor: %s", strerror(errno));
	if (!r && settings->certificate_path)
		r = certificate_load(server, err);
	if (!r)
		r = listen_socket(settings, &listen_fd, &server->port, err);
	if (r) {
		server_free(server);
		return r;
	}
	server->daemon = daemon_start(server, listen_fd, strchr(settings->address, ':'));
	if (!server->daemon) {
		r = err_set(err, -EIO, "the HTTP server on port %u cannot be started", server->port);
		close(listen_fd);
		server_free(server);
		return r;
	}
	handles_open(server);
	http_server_want(server);
	*ret = server;
	return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}

static void on_closed(uv_handle_t *handle)
{
	struct http_server *server = handle->data;

	if (--server->handles_open == 0)
		server_free(server);
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	server->closing = true;
	uv_poll_stop(&server->poll);
	uv_poll_stop(&server->watch);
	for (struct http_connection *connection = server->connections; connection; connection = connection->next)
		if (connection->exchange)
			http_exchange_gone(connection->exchange);
	MHD_stop_daemon(server->daemon);
	assert(!server->connections);
	uv_close((uv_handle_t *)&server->poll, on_closed);
	uv_close((uv_handle_t *)&server->watch, on_closed);
	uv_close((uv_handle_t *)&server->prepare, on_closed);
	uv_close((uv_handle_t *)&server->check, on_closed);
	uv_close((uv_handle_t *)&server->idle, on_closed);
	uv_close((uv_handle_t *)&server->timer, on_closed);
	uv_close((uv_handle_t *)&server->sweep, on_closed);
}
