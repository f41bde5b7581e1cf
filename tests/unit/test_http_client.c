#include "http_test.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "io/http_client.h"

#define REPLIES_MAX 256

struct reply {
	struct fixture *fixture;
	struct http_client *client;
	struct http_call *call;
	unsigned done_count;
	int code;
	unsigned status;
	struct strbuf body;
	char message[512];
	size_t data_stop;  /* stop after so many bytes; 0 never */
	bool data_cancel;  /* cancel the call from `data` */
	bool call_again;   /* make another call from `data` */
	bool free_client;  /* from `done` */
	struct reply *second;
};

static struct http_call *get(struct reply *reply, const char *path, const struct http_call_settings *more);

static void on_done(void *context, int code, unsigned status, const void *body, size_t length, const char *message)
{
	struct reply *reply = context;

	reply->done_count++;
	reply->code = code;
	reply->status = status;
	reply->call = NULL;
	strbuf_add(&reply->body, body, length);
	snprintf(reply->message, sizeof(reply->message), "%s", message);
	if (reply->free_client)
		http_client_free(reply->client);
}

static int on_data(void *context, const void *data, size_t length)
{
	struct reply *reply = context;

	strbuf_add(&reply->body, data, length);
	if (reply->call_again) {
		reply->call_again = false;
		reply->second->call = get(reply->second, "/second", NULL);
	}
	if (reply->data_cancel) {
		http_call_cancel(reply->call);
		reply->call = NULL;
	}
	return reply->data_stop && reply->body.length >= reply->data_stop;
}

/* GET unless `more` says otherwise. */
static struct http_call *get(struct reply *reply, const char *path, const struct http_call_settings *more)
{
	struct http_call_settings settings = more ? *more : (struct http_call_settings){ 0 };
	char url[128];

	snprintf(url, sizeof(url), "%s://127.0.0.1:%u%s", reply->fixture->settings.certificate_path ? "https" : "http",
		 http_server_port(reply->fixture->server), path);
	settings.url = url;
	if (!settings.method)
		settings.method = "GET";
	if (!settings.reply_max)
		settings.reply_max = 1000;
	settings.done = on_done;
	settings.context = reply;
	return http_client_call(reply->client, &settings);
}

struct setup {
	struct fixture fixture;
	struct http_client *client;
	struct reply reply, other;
};

static void setup_init(struct setup *setup)
{
	memset(setup, 0, sizeof(*setup));
	fixture_init(&setup->fixture);
	setup->fixture.settings.body_max = 4 << 20;
	fixture_start(&setup->fixture);
	setup->client = http_client_new(&setup->fixture.loop, NULL);
	setup->reply = (struct reply){ .fixture = &setup->fixture, .client = setup->client };
	setup->other = setup->reply;
	setup->reply.second = &setup->other;
}

static void setup_done(struct setup *setup)
{
	if (!setup->reply.free_client)
		http_client_free(setup->client);
	strbuf_done(&setup->reply.body);
	strbuf_done(&setup->other.body);
	fixture_done(&setup->fixture);
}

static void test_done(void **state)
{
	static const char *const headers[] = { "X-Test: hello", NULL };
	struct setup setup;
	char body[100] = "some text";

	setup_init(&setup);
	get(&setup.reply, "/a%20b?q=1", &(struct http_call_settings){ .headers = headers });
	assert_int_equal(setup.reply.done_count, 0);
	wait_until(&setup.fixture, setup.reply.done_count == 1);
	assert_int_equal(setup.reply.code, 0);
	assert_int_equal(setup.reply.status, 200);
	assert_string_equal(setup.reply.body.data, "GET /a b 0 hello [q=1]");
	/* The body is copied, so it may change once the call was made. */
	strbuf_reset(&setup.reply.body);
	get(&setup.reply, "/post",
	    &(struct http_call_settings){ .method = "POST", .body = body, .body_length = 9, .content_type = "text/plain", .token = "t" });
	memset(body, 'x', sizeof(body));
	wait_until(&setup.fixture, setup.reply.done_count == 2);
	assert_string_equal(setup.reply.body.data, "POST /post 9 - some text");
	strbuf_reset(&setup.reply.body);
	get(&setup.reply, "/gone", &(struct http_call_settings){ .method = "DELETE" });
	wait_until(&setup.fixture, setup.reply.done_count == 3);
	assert_string_equal(setup.reply.body.data, "DELETE /gone 0 -");
	strbuf_reset(&setup.reply.body);
	get(&setup.reply, "/head", &(struct http_call_settings){ .method = "HEAD" });
	wait_until(&setup.fixture, setup.reply.done_count == 4);
	assert_int_equal(setup.reply.status, 200);
	assert_int_equal(setup.reply.body.length, 0);
	setup_done(&setup);
}

static void test_large_body(void **state)
{
	struct setup setup;
	char *body = mem_alloc((4 << 20) + 1);

	setup_init(&setup);
	get(&setup.reply, "/large", &(struct http_call_settings){ .method = "POST", .body = body, .body_length = 4 << 20 });
	wait_until(&setup.fixture, setup.reply.done_count == 1);
	assert_string_equal(strbuf_text(&setup.reply.body), "POST /large 4194304 -");
	strbuf_reset(&setup.reply.body);
	/* One byte more than the server takes. */
	get(&setup.reply, "/large", &(struct http_call_settings){ .method = "POST", .body = body, .body_length = (4 << 20) + 1 });
	free(body);
	wait_until(&setup.fixture, setup.reply.done_count == 2);
	assert_int_equal(setup.reply.status, 413);
	setup_done(&setup);
}

static void test_reply_limit(void **state)
{
	struct setup setup;

	setup_init(&setup);
	get(&setup.reply, "/1234567890", &(struct http_call_settings){ .reply_max = 10 });
	wait_until(&setup.fixture, setup.reply.done_count == 1);
	assert_int_equal(setup.reply.code, -EMSGSIZE);
	assert_int_equal(setup.reply.body.length, 0);
	assert_non_null(strstr(setup.reply.message, "longer than 10 bytes"));
	get(&setup.reply, "/", &(struct http_call_settings){ .reply_max = 9 });
	wait_until(&setup.fixture, setup.reply.done_count == 2);
	assert_int_equal(setup.reply.code, 0);
	assert_int_equal(setup.reply.body.length, 9);
	setup_done(&setup);
}

static void test_streaming(void **state)
{
	struct setup setup;
	char piece[1000] = { 0 };

	setup_init(&setup);
	/* Longer than reply_max, which does not bind a stream. */
	setup.reply.call = get(&setup.reply, "/stream", &(struct http_call_settings){ .data = on_data });
	wait_until(&setup.fixture, setup.fixture.stream);
	for (size_t i = 1; i <= 5; i++) {
		assert_int_equal(http_stream_write(setup.fixture.stream, piece, sizeof(piece)), 0);
		wait_until(&setup.fixture, setup.reply.body.length == i * sizeof(piece));
	}
	assert_int_equal(setup.reply.done_count, 0);
	http_stream_close(setup.fixture.stream);
	wait_until(&setup.fixture, setup.reply.done_count == 1);
	assert_int_equal(setup.reply.code, 0);
	/* Stopped by `data`. */
	strbuf_reset(&setup.reply.body);
	setup.fixture.stream = NULL;
	setup.reply.data_stop = 1500;
	setup.reply.call = get(&setup.reply, "/stream", &(struct http_call_settings){ .data = on_data });
	wait_until(&setup.fixture, setup.fixture.stream);
	wait_until(&setup.fixture, setup.reply.done_count == 2 || http_stream_write(setup.fixture.stream, piece, sizeof(piece)) == 1);
	assert_int_equal(setup.reply.code, -ECANCELED);
	wait_until(&setup.fixture, setup.fixture.gone_count == 1);
	setup_done(&setup);
}

static void test_cancel(void **state)
{
	struct setup setup;

	setup_init(&setup);
	/* Before it began, while it is held, and from inside `data`. */
	http_call_cancel(get(&setup.reply, "/", NULL));
	setup.reply.call = get(&setup.reply, "/hold", NULL);
	wait_until(&setup.fixture, setup.fixture.held_count == 1);
	http_call_cancel(setup.reply.call);
	wait_until(&setup.fixture, setup.fixture.gone_count == 1);
	setup.reply.data_cancel = true;
	setup.reply.call = get(&setup.reply, "/x", &(struct http_call_settings){ .data = on_data });
	wait_until(&setup.fixture, !setup.reply.call);
	for (int i = 0; i < 10; i++)
		turn(&setup.fixture);
	assert_int_equal(setup.reply.done_count, 0);
	/* The client works on. */
	get(&setup.other, "/after", NULL);
	wait_until(&setup.fixture, setup.other.done_count == 1);
	assert_string_equal(setup.other.body.data, "GET /after 0 -");
	setup_done(&setup);
}

static void test_calls_from_callbacks(void **state)
{
	struct setup setup;

	setup_init(&setup);
	setup.reply.call_again = true;
	get(&setup.reply, "/first", &(struct http_call_settings){ .data = on_data });
	wait_until(&setup.fixture, setup.reply.done_count == 1 && setup.other.done_count == 1);
	assert_string_equal(setup.other.body.data, "GET /second 0 -");
	/* The client goes from inside `done`, with another call open. */
	get(&setup.other, "/hold", NULL);
	wait_until(&setup.fixture, setup.fixture.held_count == 1);
	setup.reply.free_client = true;
	get(&setup.reply, "/last", NULL);
	wait_until(&setup.fixture, setup.reply.done_count == 2);
	wait_until(&setup.fixture, setup.fixture.gone_count == 1);
	assert_int_equal(setup.other.done_count, 1);
	setup_done(&setup);
}

static void test_failures(void **state)
{
	struct setup setup;
	struct http_call_settings settings = { .method = "GET", .reply_max = 10, .done = on_done, .context = &setup.reply };
	static const struct {
		const char *url;
		int code;
	} cases[] = {
		{ "file:///etc/hostname", -EINVAL },
		{ "no url", -EINVAL },
		{ "http://127.0.0.1:1/", -ECONNREFUSED },
	};

	setup_init(&setup);
	for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
		settings.url = cases[i].url;
		http_client_call(setup.client, &settings);
		assert_int_equal(setup.reply.done_count, i);
		wait_until(&setup.fixture, setup.reply.done_count == i + 1);
		assert_int_equal(setup.reply.code, cases[i].code);
		assert_true(setup.reply.message[0]);
	}
	get(&setup.reply, "/hold", &(struct http_call_settings){ .timeout_us = 50000 });
	wait_until(&setup.fixture, setup.reply.done_count == 4);
	assert_int_equal(setup.reply.code, -ETIMEDOUT);
	wait_until(&setup.fixture, setup.fixture.gone_count == 1);
	/* The server goes away in the middle. */
	setup.fixture.settings.port = http_server_port(setup.fixture.server);
	get(&setup.reply, "/hold", NULL);
	wait_until(&setup.fixture, setup.fixture.held_count == 2);
	http_server_free(setup.fixture.server);
	wait_until(&setup.fixture, setup.reply.done_count == 5);
	assert_int_equal(setup.reply.code, -ECONNRESET);
	/* And comes back on the same port. */
	fixture_start(&setup.fixture);
	get(&setup.reply, "/back", NULL);
	wait_until(&setup.fixture, setup.reply.done_count == 6);
	assert_int_equal(setup.reply.code, 0);
	setup_done(&setup);
}

static void test_many(void **state)
{
	struct setup setup;
	struct reply *replies = mem_alloc(REPLIES_MAX * sizeof(*replies));
	size_t done = 0;

	setup_init(&setup);
	for (size_t i = 0; i < REPLIES_MAX; i++) {
		replies[i] = (struct reply){ .fixture = &setup.fixture, .client = setup.client };
		get(&replies[i], "/many", NULL);
	}
	for (size_t i = 0; i < REPLIES_MAX; i++) {
		wait_until(&setup.fixture, replies[i].done_count == 1);
		assert_int_equal(replies[i].code, 0);
		strbuf_done(&replies[i].body);
		done++;
	}
	assert_int_equal(done, REPLIES_MAX);
	free(replies);
	setup_done(&setup);
}

static void write_pem(const char *path, const gnutls_datum_t *pem)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, pem->data, pem->size), pem->size);
	close(fd);
}

/* A self-signed certificate for 127.0.0.1. */
static void make_certificate(const char *certificate_path, const char *key_path)
{
	static const unsigned char loopback[] = { 127, 0, 0, 1 };
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t certificate;
	gnutls_datum_t pem;

	gnutls_x509_privkey_init(&key);
	gnutls_x509_crt_init(&certificate);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
	gnutls_x509_crt_set_version(certificate, 3);
	gnutls_x509_crt_set_serial(certificate, "\1", 1);
	gnutls_x509_crt_set_activation_time(certificate, time(NULL) - 3600);
	gnutls_x509_crt_set_expiration_time(certificate, time(NULL) + 3600);
	gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, "test", 4);
	gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, loopback, 4, GNUTLS_FSAN_SET);
	gnutls_x509_crt_set_basic_constraints(certificate, 1, -1);
	gnutls_x509_crt_set_key(certificate, key);
	assert_int_equal(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
	write_pem(key_path, &pem);
	gnutls_free(pem.data);
	assert_int_equal(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem), 0);
	write_pem(certificate_path, &pem);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(certificate);
	gnutls_x509_privkey_deinit(key);
}

static void test_tls(void **state)
{
	char folder[] = "/tmp/weir-test-XXXXXX";
	char paths[4][64];
	struct fixture fixture;
	struct reply trusting, other;
	struct strbuf got cleanup_strbuf = { 0 };
	struct err err = { 0 };
	struct http_server *mixed = NULL;
	struct http_settings settings;
	int fd;

	assert_non_null(mkdtemp(folder));
	for (int i = 0; i < 4; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%d.pem", folder, i);
	make_certificate(paths[0], paths[1]);
	make_certificate(paths[2], paths[3]);
	fixture_init(&fixture);
	fixture.settings.certificate_path = paths[0];
	fixture.settings.key_path = paths[1];
	fixture_start(&fixture);
	trusting = (struct reply){ .fixture = &fixture, .client = http_client_new(&fixture.loop, paths[0]) };
	other = (struct reply){ .fixture = &fixture, .client = http_client_new(&fixture.loop, paths[2]) };
	get(&trusting, "/secret", NULL);
	get(&other, "/secret", NULL);
	wait_until(&fixture, trusting.done_count == 1 && other.done_count == 1);
	assert_string_equal(trusting.body.data, "GET /secret 0 -");
	assert_int_equal(other.code, -EACCES);
	/* Held answers and streams, over TLS as well. */
	strbuf_reset(&trusting.body);
	get(&trusting, "/hold", NULL);
	wait_until(&fixture, fixture.held_count == 1);
	http_respond(fixture.held[0], 200, NULL, "held", 4, NULL);
	wait_until(&fixture, trusting.done_count == 2);
	assert_string_equal(trusting.body.data, "held");
	get(&trusting, "/stream", &(struct http_call_settings){ .data = on_data });
	wait_until(&fixture, fixture.stream);
	assert_int_equal(http_stream_write(fixture.stream, "and streamed", 12), 0);
	wait_until(&fixture, strstr(trusting.body.data, "and streamed"));
	/* In the clear nothing is answered. */
	fd = client_open(&fixture);
	client_puts(&fixture, fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	client_expect_close(&fixture, fd, &got);
	assert_null(strstr(strbuf_text(&got), "HTTP/1.1 200"));
	close(fd);
	/* A key that is another certificate's is refused at the start. */
	settings = fixture.settings;
	settings.key_path = paths[3];
	assert_int_equal(http_server_new(&fixture.loop, &settings, &mixed, &err), -EINVAL);
	http_client_free(trusting.client);
	http_client_free(other.client);
	strbuf_done(&trusting.body);
	strbuf_done(&other.body);
	fixture_done(&fixture);
	for (int i = 0; i < 4; i++)
		unlink(paths[i]);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_done),
		cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_reply_limit),
		cmocka_unit_test(test_streaming),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_calls_from_callbacks),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
