/* A server on a free port of the loopback, and clients of bare sockets driven on the same loop and thread. */
#ifndef WEIR_TEST_HTTP_TEST_H
#define WEIR_TEST_HTTP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "io/http_server.h"

#define WAIT_MS 20000 /* for what must come; never reached when it does */
#define HELD_MAX 1024

struct fixture {
	uv_loop_t loop;
	struct http_settings settings;
	struct http_server *server;
	struct http_request *held[HELD_MAX];
	size_t held_count, gone_count, handled_count;
	struct http_request *stream;
	uv_timer_t tick;
};

static inline void on_tick(uv_timer_t *timer)
{
}

/* One turn of the loop that sleeps for at most some milliseconds. */
static inline void turn(struct fixture *fixture)
{
	uv_timer_start(&fixture->tick, on_tick, 2, 0);
	uv_run(&fixture->loop, UV_RUN_ONCE);
}

/* Turns the loop until the condition holds. */
#define wait_until(fixture_, condition)                                                                                                    \
	do {                                                                                                                               \
		uint64_t end_ = uv_hrtime() + WAIT_MS * UINT64_C(1000000);                                                                 \
		while (!(condition) && uv_hrtime() < end_)                                                                                 \
			turn(fixture_);                                                                                                    \
		assert_true(condition);                                                                                                    \
	} while (0)

static inline void test_gone(void *context, struct http_request *request)
{
	struct fixture *fixture = context;

	fixture->gone_count++;
	if (fixture->stream == request)
		fixture->stream = NULL;
	for (size_t i = 0; i < fixture->held_count; i++)
		if (fixture->held[i] == request)
			fixture->held[i] = NULL;
}

static inline void add_parameter(void *context, const char *name, const char *value)
{
	strbuf_printf(context, " [%s=%s]", name, value);
}

/* /hold waits, /stream streams, everything else is told back. */
static inline void test_handle(void *context, struct http_request *request)
{
	struct fixture *fixture = context;
	struct strbuf text cleanup_strbuf = { 0 };
	const char *header = http_request_header(request, "x-test");

	fixture->handled_count++;
	if (!strcmp(request->path, "/hold")) {
		assert_true(fixture->held_count < HELD_MAX);
		fixture->held[fixture->held_count++] = request;
		return;
	}
	if (!strcmp(request->path, "/stream")) {
		assert_int_equal(http_stream_begin(request, 200, "text/event-stream", 65536, "X-Stream", "yes", NULL), 0);
		fixture->stream = request;
		return;
	}
	strbuf_printf(&text, "%s %s %zu %s", request->method, request->path, request->body_length, header ? header : "-");
	http_request_each_query(request, add_parameter, &text);
	if (request->body_length && request->body_length < 100)
		strbuf_printf(&text, " %s", request->body);
	http_respond(request, 200, "text/plain", text.data, text.length, "X-Peer", request->peer, NULL);
}

static inline void fixture_start(struct fixture *fixture)
{
	struct err err = { 0 };

	if (http_server_new(&fixture->loop, &fixture->settings, &fixture->server, &err))
		fail_msg("%s", err.text);
}

static inline void fixture_init(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	uv_loop_init(&fixture->loop);
	uv_timer_init(&fixture->loop, &fixture->tick);
	fixture->settings = (struct http_settings){
		.address = "127.0.0.1",
		.body_max = 4096,
		.header_max = 4096,
		.connections_max = 1000,
		.idle_timeout_s = 30,
		.handle = test_handle,
		.gone = test_gone,
		.context = fixture,
	};
}

static inline void fixture_done(struct fixture *fixture)
{
	http_server_free(fixture->server);
	uv_close((uv_handle_t *)&fixture->tick, NULL);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

/* ---- bare clients ---- */

static inline int client_open(const struct fixture *fixture)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(http_server_port(fixture->server)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline void client_send(struct fixture *fixture, int fd, const void *data, size_t length)
{
	uint64_t end = uv_hrtime() + WAIT_MS * UINT64_C(1000000);
	const char *next = data;

	while (length && uv_hrtime() < end) {
		ssize_t n = send(fd, next, length, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			next += n;
			length -= (size_t)n;
		} else {
			turn(fixture);
		}
	}
	assert_int_equal(length, 0);
}

static inline void client_puts(struct fixture *fixture, int fd, const char *text)
{
	client_send(fixture, fd, text, strlen(text));
}

/* What has come. True when the server has closed. */
static inline bool client_receive(int fd, struct strbuf *ret)
{
	char buffer[65536];
	ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	if (n > 0)
		strbuf_add(ret, buffer, (size_t)n);
	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* Receives until `text` has come. */
static inline void client_expect(struct fixture *fixture, int fd, struct strbuf *got, const char *text)
{
	bool closed = false;

	wait_until(fixture, strstr(strbuf_text(got), text) || closed || ((closed = client_receive(fd, got)), strstr(strbuf_text(got), text)));
	if (!strstr(strbuf_text(got), text))
		fail_msg("got '%s' instead of '%s'", strbuf_text(got), text);
}

/* Receives until the server closes. */
static inline void client_expect_close(struct fixture *fixture, int fd, struct strbuf *got)
{
	wait_until(fixture, client_receive(fd, got));
}

/* One connection, one request; `expected` must come in its answer. */
static inline void client_try(struct fixture *fixture, const char *request, const char *expected)
{
	struct strbuf got cleanup_strbuf = { 0 };
	int fd = client_open(fixture);

	client_puts(fixture, fd, request);
	client_expect(fixture, fd, &got, expected);
	close(fd);
}

#endif
