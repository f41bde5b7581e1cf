#include "http_test.h"

#include "io/http_internal.h"
#include "io/http_target.h"

static void test_request_parts(void **state)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_start(&fixture);
	client_try(&fixture, "GET /a%20b/%e8%b4%b5?x=1+2&y=%26&z HTTP/1.1\r\nHost: h\r\nX-TEST: v\r\n\r\n",
		   "GET /a b/\xe8\xb4\xb5 0 v [x=1 2] [y=&] [z=]");
	client_try(&fixture, "GET http://h/p?q=1 HTTP/1.1\r\nHost: h\r\n\r\n", "GET /p 0 - [q=1]");
	client_try(&fixture, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "POST / 5 - hello");
	client_try(&fixture, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "POST / 5 - hello");
	client_try(&fixture, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "X-Peer: 127.0.0.1\r\n");
	client_try(&fixture, "DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n", "DELETE /x 0 -");
	fixture_done(&fixture);
}

static void test_keep_alive_head_and_pipeline(void **state)
{
	struct fixture fixture;
	struct strbuf got cleanup_strbuf = { 0 };
	const char *second;
	int fd;

	fixture_init(&fixture);
	fixture_start(&fixture);
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "HEAD /one HTTP/1.1\r\nHost: h\r\n\r\n");
	client_expect(&fixture, fd, &got, "\r\n\r\n");
	assert_non_null(strstr(got.data, "Content-Length: 13\r\n"));
	assert_string_equal(strstr(got.data, "\r\n\r\n"), "\r\n\r\n");
	strbuf_reset(&got);
	client_puts(&fixture, fd, "GET /two HTTP/1.1\r\nHost: h\r\n\r\nPOST /three HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhiGET /four HTTP/1.1\r\nHost: h\r\n\r\n");
	client_expect(&fixture, fd, &got, "GET /four 0 -");
	second = strstr(got.data, "POST /three 2 - hi");
	assert_non_null(second);
	assert_true(strstr(got.data, "GET /two 0 -") < second);
	close(fd);
	fixture_done(&fixture);
}

static void test_body_limit(void **state)
{
	struct fixture fixture;
	struct strbuf request cleanup_strbuf = { 0 };

	fixture_init(&fixture);
	fixture_start(&fixture);
	/* Just at the limit, and one byte more; the connection serves on after the refusal. */
	strbuf_puts(&request, "POST /full HTTP/1.1\r\nHost: h\r\nContent-Length: 4096\r\n\r\n");
	for (int i = 0; i < 4096; i++)
		strbuf_putc(&request, 'x');
	client_try(&fixture, request.data, "POST /full 4096");
	strbuf_reset(&request);
	strbuf_puts(&request, "POST /over HTTP/1.1\r\nHost: h\r\nContent-Length: 4097\r\n\r\n");
	for (int i = 0; i < 4097; i++)
		strbuf_putc(&request, 'x');
	client_try(&fixture, request.data, "\"status\":413");
	strbuf_puts(&request, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
	client_try(&fixture, request.data, "GET /next 0");
	/* Without a length. */
	strbuf_reset(&request);
	strbuf_puts(&request, "POST /over HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 50; i++)
		strbuf_puts(&request, "64\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
	strbuf_puts(&request, "0\r\n\r\n");
	client_try(&fixture, request.data, "\"status\":413");
	fixture_done(&fixture);
}

static size_t body_max_for(void *context, struct http_request *request)
{
	return http_request_header(request, "x-test") ? 1000000 : 100;
}

/* A request whose body lacks its last byte. */
static int send_but_one(struct fixture *fixture, size_t length)
{
	struct strbuf request cleanup_strbuf = { 0 };
	int fd = client_open(fixture);

	strbuf_printf(&request, "POST /big HTTP/1.1\r\nHost: h\r\nX-Test: known\r\nContent-Length: %zu\r\n\r\n", length);
	for (size_t i = 1; i < length; i++)
		strbuf_putc(&request, 'x');
	client_send(fixture, fd, request.data, request.length);
	return fd;
}

/* Large bodies share a bound; small ones and those that come later are taken. */
static void test_bodies_together(void **state)
{
	struct fixture fixture;
	struct strbuf got cleanup_strbuf = { 0 };
	int first, second, small;

	fixture_init(&fixture);
	fixture.settings.body_max = 1000000;
	fixture.settings.bodies_max = 1000000;
	fixture_start(&fixture);
	first = send_but_one(&fixture, 900000);
	wait_until(&fixture, fixture.server->bodies == 899999);
	second = send_but_one(&fixture, 200000);
	small = send_but_one(&fixture, 60000);
	client_puts(&fixture, second, "x");
	client_expect(&fixture, second, &got, "\"status\":503");
	assert_non_null(strstr(got.data, "Retry-After"));
	assert_non_null(strstr(got.data, "/problems/full"));
	client_puts(&fixture, small, "x");
	strbuf_reset(&got);
	client_expect(&fixture, small, &got, "POST /big 60000");
	client_puts(&fixture, first, "x");
	strbuf_reset(&got);
	client_expect(&fixture, first, &got, "POST /big 900000");
	assert_int_equal(fixture.server->bodies, 0);
	close(first);
	close(second);
	first = send_but_one(&fixture, 200000);
	client_puts(&fixture, first, "x");
	strbuf_reset(&got);
	client_expect(&fixture, first, &got, "POST /big 200000");
	close(first);
	close(small);
	fixture_done(&fixture);
}

/* What a sender may send follows from its header. */
static void test_body_limit_by_sender(void **state)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.settings.body_max_for = body_max_for;
	fixture_start(&fixture);
	client_try(&fixture, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n", "from this sender");
	client_try(&fixture, "POST /a HTTP/1.1\r\nHost: h\r\nX-Test: known\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n",
		   "100 Continue");
	fixture_done(&fixture);
}

/* More parameters than libmicrohttpd has memory for: the connection ends without other clients' help. */
static void test_parameters_without_end(void **state)
{
	struct fixture fixture;
	struct strbuf request cleanup_strbuf = { 0 };
	struct strbuf got cleanup_strbuf = { 0 };
	int fd;

	fixture_init(&fixture);
	fixture.settings.header_max = 16384;
	fixture_start(&fixture);
	fd = client_open(&fixture);
	strbuf_puts(&request, "GET /?a=1");
	for (int i = 0; i < 1500; i++)
		strbuf_puts(&request, "&b=1234");
	strbuf_puts(&request, " HTTP/1.1\r\nHost: h\r\n\r\n");
	client_send(&fixture, fd, request.data, request.length);
	client_expect_close(&fixture, fd, &got);
	close(fd);
	fixture_done(&fixture);
}

static void test_body_refused_early(void **state)
{
	struct fixture fixture;
	struct strbuf got cleanup_strbuf = { 0 };
	int fd;

	fixture_init(&fixture);
	fixture_start(&fixture);
	/* The client asks first, or announces far too much: it hears 413 without sending anything. */
	client_try(&fixture, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 413 ");
	client_try(&fixture, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 413 ");
	client_try(&fixture, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n", "HTTP/1.1 4");
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "POST /asked HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	client_expect(&fixture, fd, &got, "HTTP/1.1 100 ");
	client_puts(&fixture, fd, "ok");
	client_expect(&fixture, fd, &got, "POST /asked 2 - ok");
	close(fd);
	assert_int_equal(fixture.handled_count, 1);
	fixture_done(&fixture);
}

static void test_header_limit(void **state)
{
	struct fixture fixture;
	struct strbuf request cleanup_strbuf = { 0 };
	static const size_t sizes[] = { 3900, 4200, 60000 };
	static const char *const answers[] = { "HTTP/1.1 200 ", "HTTP/1.1 431 ", "HTTP/1.1 431 " };

	fixture_init(&fixture);
	fixture_start(&fixture);
	for (size_t i = 0; i < 3; i++) {
		strbuf_reset(&request);
		strbuf_puts(&request, "GET / HTTP/1.1\r\nHost: h\r\nX-Long: ");
		for (size_t n = 0; n < sizes[i]; n++)
			strbuf_putc(&request, 'y');
		strbuf_puts(&request, "\r\n\r\n");
		client_try(&fixture, request.data, answers[i]);
	}
	strbuf_reset(&request);
	strbuf_puts(&request, "GET /");
	for (size_t n = 0; n < 60000; n++)
		strbuf_putc(&request, 'y');
	strbuf_puts(&request, " HTTP/1.1\r\nHost: h\r\n\r\n");
	client_try(&fixture, request.data, "HTTP/1.1 4");
	assert_int_equal(fixture.handled_count, 1);
	fixture_done(&fixture);
}

static void test_bad_targets(void **state)
{
	static const char *const targets[] = {
		"/a%00b", "/%ff", "/%c0%80", "/%ed%a0%80", "/%f4%90%80%80", "/%e8%b4", "/%", "/%4", "/%zz", "/a%0ab", "/?a=%00", "/?%ff=1",
		"/?a=%f", "nowhere", "ftp://h/",
	};
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_start(&fixture);
	for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
		char request[128];

		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", targets[i]);
		client_try(&fixture, request, "\"status\":400");
	}
	client_try(&fixture, "GET / HTTP/1.1\r\nHost h\r\n\r\n", "HTTP/1.1 400 ");
	client_try(&fixture, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
	assert_int_equal(fixture.handled_count, 0);
	fixture_done(&fixture);
}

static void test_target_limits(void **state)
{
	struct arena arena;
	struct http_target target;
	struct strbuf raw cleanup_strbuf = { 0 };

	arena_init(&arena);
	strbuf_puts(&raw, "/?a0=0");
	for (int i = 1; i < HTTP_QUERY_MAX; i++)
		strbuf_printf(&raw, "&a%d=%d", i, i);
	assert_int_equal(http_target_parse(raw.data, &arena, &target, NULL), 0);
	assert_int_equal(target.parameter_count, HTTP_QUERY_MAX);
	strbuf_puts(&raw, "&more=1");
	assert_int_equal(http_target_parse(raw.data, &arena, &target, NULL), -E2BIG);
	assert_int_equal(http_target_parse("*", &arena, &target, NULL), 0);
	assert_int_equal(http_target_parse("https://h", &arena, &target, NULL), 0);
	assert_string_equal(target.path, "/");
	assert_int_equal(http_target_parse("", &arena, &target, NULL), -EINVAL);
	arena_done(&arena);
}

static void test_connection_limit(void **state)
{
	struct fixture fixture;
	struct strbuf got cleanup_strbuf = { 0 };
	int fds[3];

	fixture_init(&fixture);
	fixture.settings.connections_max = 2;
	fixture_start(&fixture);
	for (int i = 0; i < 3; i++) {
		fds[i] = client_open(&fixture);
		client_puts(&fixture, fds[i], "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	}
	wait_until(&fixture, fixture.held_count == 2);
	for (int i = 0; i < 20; i++)
		turn(&fixture);
	assert_int_equal(fixture.held_count, 2);
	http_respond(fixture.held[0], 200, NULL, "a", 1, NULL);
	http_respond(fixture.held[1], 200, NULL, "b", 1, "Connection", "close", NULL);
	wait_until(&fixture, fixture.held_count == 3);
	http_respond(fixture.held[2], 200, NULL, "third", 5, NULL);
	client_expect(&fixture, fds[2], &got, "third");
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	fixture_done(&fixture);
}

static void test_connections_per_address(void **state)
{
	struct fixture fixture;
	struct strbuf got cleanup_strbuf = { 0 };
	int first, second, third;

	fixture_init(&fixture);
	fixture.settings.connections_per_address_max = 2;
	fixture_start(&fixture);
	first = client_open(&fixture);
	second = client_open(&fixture);
	client_puts(&fixture, first, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	client_puts(&fixture, second, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_until(&fixture, fixture.held_count == 2);
	third = client_open(&fixture);
	client_expect_close(&fixture, third, &got);
	assert_int_equal(got.length, 0);
	close(first);
	close(second);
	close(third);
	wait_until(&fixture, fixture.gone_count == 2);
	client_try(&fixture, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n", "GET /again 0");
	fixture_done(&fixture);
}

/* A client that is silent, and one that sends a byte now and then: both are put out. */
static void test_slow_clients(void **state)
{
	static const char text[] = "GET /slow HTTP/1.1\r\nHost: h\r\nX-Padding: ";
	struct fixture fixture;
	struct strbuf got cleanup_strbuf = { 0 };
	uint64_t sent_at = 0;
	size_t sent = 0;
	int fd;

	fixture_init(&fixture);
	fixture.settings.idle_timeout_s = 1;
	fixture_start(&fixture);
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
	client_expect_close(&fixture, fd, &got);
	close(fd);
	fd = client_open(&fixture);
	while (!client_receive(fd, &got)) {
		assert_true(sent < 1000);
		if (uv_hrtime() - sent_at > UINT64_C(100000000)) {
			send(fd, sent < sizeof(text) - 1 ? text + sent : "p", 1, MSG_NOSIGNAL);
			sent++;
			sent_at = uv_hrtime();
		}
		turn(&fixture);
	}
	close(fd);
	assert_int_equal(fixture.handled_count, 0);
	fixture_done(&fixture);
}

static void test_held_answers(void **state)
{
	struct fixture fixture;
	int fds[100];

	fixture_init(&fixture);
	fixture_start(&fixture);
	for (int i = 0; i < 100; i++) {
		fds[i] = client_open(&fixture);
		client_puts(&fixture, fds[i], "POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
	}
	for (int round = 1; round <= 3; round++) {
		wait_until(&fixture, fixture.held_count == 100 * (size_t)round);
		for (size_t i = fixture.held_count; i-- > fixture.held_count - 100;)
			http_respond(fixture.held[i], 201, "application/json", "{}", 2, "Location", "/x", NULL);
		for (int i = 0; i < 100; i++) {
			struct strbuf got cleanup_strbuf = { 0 };

			client_expect(&fixture, fds[i], &got, "\r\n\r\n{}");
			assert_non_null(strstr(got.data, "HTTP/1.1 201 "));
			assert_non_null(strstr(got.data, "Location: /x\r\n"));
			if (round < 3)
				client_puts(&fixture, fds[i], "POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
		}
	}
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	assert_int_equal(fixture.gone_count, 0);
	fixture_done(&fixture);
}

/* An answer in the last phase before the loop sleeps does not wait for the loop to wake. */
static void respond_first(uv_prepare_t *prepare)
{
	struct fixture *fixture = prepare->data;

	uv_prepare_stop(prepare);
	http_respond(fixture->held[0], 200, NULL, "early", 5, NULL);
	assert_int_equal(uv_backend_timeout(&fixture->loop), 0);
}

static void test_answer_before_sleep(void **state)
{
	struct fixture fixture;
	struct strbuf got cleanup_strbuf = { 0 };
	uv_prepare_t prepare;
	int fd;

	fixture_init(&fixture);
	fixture_start(&fixture);
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_until(&fixture, fixture.held_count == 1);
	uv_prepare_init(&fixture.loop, &prepare);
	prepare.data = &fixture;
	uv_prepare_start(&prepare, respond_first);
	client_expect(&fixture, fd, &got, "early");
	uv_close((uv_handle_t *)&prepare, NULL);
	close(fd);
	fixture_done(&fixture);
}

static void test_client_gone(void **state)
{
	struct fixture fixture;
	int fd;

	fixture_init(&fixture);
	fixture_start(&fixture);
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_until(&fixture, fixture.held_count == 1);
	close(fd);
	wait_until(&fixture, fixture.gone_count == 1);
	assert_null(fixture.held[0]);
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_until(&fixture, fixture.stream);
	close(fd);
	wait_until(&fixture, fixture.gone_count == 2);
	assert_null(fixture.stream);
	/* Answered in the moment in which the client leaves: nothing is told, nothing breaks. */
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_until(&fixture, fixture.held_count == 2);
	close(fd);
	http_respond(fixture.held[1], 200, NULL, "late", 4, NULL);
	for (int i = 0; i < 20; i++)
		turn(&fixture);
	assert_int_equal(fixture.gone_count, 2);
	fixture_done(&fixture);
}

static void test_stream(void **state)
{
	struct fixture fixture;
	struct strbuf got cleanup_strbuf = { 0 };
	int fd;

	fixture_init(&fixture);
	fixture_start(&fixture);
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	client_expect(&fixture, fd, &got, "\r\n\r\n");
	assert_non_null(strstr(got.data, "Transfer-Encoding: chunked"));
	assert_non_null(strstr(got.data, "X-Stream: yes\r\n"));
	assert_int_equal(http_stream_write(fixture.stream, "first ", 6), 0);
	client_expect(&fixture, fd, &got, "first ");
	assert_int_equal(http_stream_write(fixture.stream, "second ", 7), 0);
	assert_int_equal(http_stream_write(fixture.stream, "third", 5), 0);
	http_stream_close(fixture.stream);
	client_expect(&fixture, fd, &got, "0\r\n\r\n");
	assert_non_null(strstr(got.data, "third"));
	/* The connection serves on. */
	client_puts(&fixture, fd, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
	client_expect(&fixture, fd, &got, "GET /next 0 -");
	close(fd);
	assert_int_equal(fixture.gone_count, 0);
	fixture_done(&fixture);
}

/* Reads the body of a chunked answer out of it; returns its length, and checks that it counts up. */
static size_t check_chunks(const char *text, size_t length)
{
	const char *next = (const char *)memmem(text, length, "\r\n\r\n", 4) + 4;
	size_t total = 0;

	for (;;) {
		char *end;
		size_t chunk = strtoul(next, &end, 16);

		if (!chunk)
			return total;
		next = end + 2;
		for (size_t i = 0; i < chunk; i++, total++)
			if ((unsigned char)next[i] != total % 251)
				fail_msg("byte %zu is wrong", total);
		next += chunk + 2;
	}
}

static void test_stream_back_pressure(void **state)
{
	struct fixture fixture;
	struct strbuf got cleanup_strbuf = { 0 };
	unsigned char piece[5000];
	size_t written = 0;
	bool refused = false;
	int fd;

	fixture_init(&fixture);
	fixture_start(&fixture);
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_until(&fixture, fixture.stream);
	assert_int_equal(http_stream_room(fixture.stream), 65536);
	/* The client reads nothing, so sooner or later the buffer is full; then it reads all. */
	while (!refused || written < 20000000) {
		for (size_t i = 0; i < sizeof(piece); i++)
			piece[i] = (unsigned char)((written + i) % 251);
		if (!http_stream_write(fixture.stream, piece, sizeof(piece))) {
			written += sizeof(piece);
			if (refused)
				client_receive(fd, &got);
		} else {
			assert_true(http_stream_room(fixture.stream) < sizeof(piece));
			for (int i = 0; i < 3; i++)
				turn(&fixture);
			refused = true;
			client_receive(fd, &got);
		}
	}
	http_stream_close(fixture.stream);
	wait_until(&fixture, (client_receive(fd, &got), got.length > 5 && !memcmp(got.data + got.length - 5, "0\r\n\r\n", 5)));
	assert_int_equal(check_chunks(got.data, got.length), written);
	close(fd);
	fixture_done(&fixture);
}

/* A stream whose client takes nothing for the idle time ends. */
static void test_stream_stuck(void **state)
{
	struct fixture fixture;
	char piece[4096] = { 0 };
	int fd;

	fixture_init(&fixture);
	fixture.settings.idle_timeout_s = 1;
	fixture_start(&fixture);
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_until(&fixture, fixture.stream);
	wait_until(&fixture, !fixture.stream || http_stream_write(fixture.stream, piece, sizeof(piece)) == 1);
	assert_int_equal(fixture.gone_count, 1);
	close(fd);
	fixture_done(&fixture);
}

static void test_free_tells_gone(void **state)
{
	struct fixture fixture;
	int held, stream, half;

	fixture_init(&fixture);
	fixture_start(&fixture);
	held = client_open(&fixture);
	stream = client_open(&fixture);
	half = client_open(&fixture);
	client_puts(&fixture, held, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	client_puts(&fixture, stream, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	client_puts(&fixture, half, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
	wait_until(&fixture, fixture.stream && fixture.held_count == 1);
	fixture_done(&fixture);
	assert_int_equal(fixture.gone_count, 2);
	close(held);
	close(stream);
	close(half);
}

static void test_start_errors(void **state)
{
	struct fixture fixture;
	struct http_server *second = NULL;
	struct http_settings settings;
	struct err err = { 0 };

	fixture_init(&fixture);
	fixture_start(&fixture);
	settings = fixture.settings;
	settings.port = http_server_port(fixture.server);
	assert_int_equal(http_server_new(&fixture.loop, &settings, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "127.0.0.1"));
	settings.port = 0;
	settings.address = "localhost";
	assert_int_equal(http_server_new(&fixture.loop, &settings, &second, &err), -EINVAL);
	settings.address = "127.0.0.1";
	settings.certificate_path = settings.key_path = "/dev/null";
	assert_int_equal(http_server_new(&fixture.loop, &settings, &second, &err), -EINVAL);
	settings.key_path = NULL;
	assert_int_equal(http_server_new(&fixture.loop, &settings, &second, &err), -EINVAL);
	assert_null(second);
	fixture_done(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_parts),
		cmocka_unit_test(test_keep_alive_head_and_pipeline),
		cmocka_unit_test(test_body_limit),
		cmocka_unit_test(test_bodies_together),
		cmocka_unit_test(test_body_limit_by_sender),
		cmocka_unit_test(test_parameters_without_end),
		cmocka_unit_test(test_body_refused_early),
		cmocka_unit_test(test_header_limit),
		cmocka_unit_test(test_bad_targets),
		cmocka_unit_test(test_target_limits),
		cmocka_unit_test(test_connection_limit),
		cmocka_unit_test(test_connections_per_address),
		cmocka_unit_test(test_slow_clients),
		cmocka_unit_test(test_held_answers),
		cmocka_unit_test(test_answer_before_sleep),
		cmocka_unit_test(test_client_gone),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_back_pressure),
		cmocka_unit_test(test_stream_stuck),
		cmocka_unit_test(test_free_tells_gone),
		cmocka_unit_test(test_start_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
