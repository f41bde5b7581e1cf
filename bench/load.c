#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define ANSWER_MIN 65536
#define ANSWER_MAX (64u << 20)

struct connection {
	int fd;
	struct strbuf out;
	size_t sent;
	char *in;
	size_t in_length, in_capacity;
	int64_t begun_us;
	bool busy;
};

struct load {
	const struct load_settings *settings;
	struct connection *connections;
	int epoll;
	uint64_t begun;
	struct load_result result;
	int64_t *latencies;
	size_t latency_count, latency_capacity;
};

int64_t load_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int compare_values(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

int64_t load_percentile(int64_t *values, size_t count, unsigned permille)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(*values), compare_values);
	return values[(count - 1) * permille / 1000];
}

static int flush(struct connection *connection)
{
	while (connection->sent < connection->out.length) {
		ssize_t sent = send(connection->fd, connection->out.data + connection->sent, connection->out.length - connection->sent,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (sent < 0)
			return -errno;
		connection->sent += (size_t)sent;
	}
	return 0;
}

static bool more_wanted(const struct load *load, int64_t begin_us)
{
	const struct load_settings *s = load->settings;

	if (s->requests_max && load->begun >= s->requests_max)
		return false;
	return !s->duration_us || load_now_us() - begin_us < s->duration_us;
}

static int begin_request(struct load *load, struct connection *connection)
{
	size_t length;
	const char *body = load->settings->body(load->settings->context, load->begun++, &length);

	strbuf_reset(&connection->out);
	strbuf_printf(&connection->out,
		      "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		      load->settings->path, load->settings->token, length);
	strbuf_add(&connection->out, body, length);
	connection->sent = 0;
	connection->in_length = 0;
	connection->busy = true;
	connection->begun_us = load_now_us();
	return flush(connection);
}

/* Gives the status once the whole answer is there, else 0. */
static int parse_answer(struct connection *connection)
{
	char *end, *field;
	size_t length;

	connection->in[connection->in_length] = 0;
	end = strstr(connection->in, "\r\n\r\n");
	if (!end)
		return 0;
	field = strcasestr(connection->in, "\r\ncontent-length:");
	length = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
	if (connection->in_length < (size_t)(end + 4 - connection->in) + length)
		return 0;
	return (int)strtol(connection->in + 9, NULL, 10);
}

static void take_answer(struct load *load, struct connection *connection, int status)
{
	connection->busy = false;
	if (status != 200 && status != 201) {
		if (load->result.refused++ == 0)
			fprintf(stderr, "refused: %.400s\n", connection->in);
		return;
	}
	load->result.answers++;
	ARRAY_RESERVE(load->latencies, load->latency_capacity, load->latency_count + 1);
	load->latencies[load->latency_count++] = load_now_us() - connection->begun_us;
}

/* Reads all that is there: it is told of once. */
static int on_readable(struct load *load, struct connection *connection)
{
	int status;

	for (;;) {
		ssize_t got;

		if (connection->in_capacity - connection->in_length < ANSWER_MIN) {
			if (connection->in_capacity >= ANSWER_MAX)
				return -EMSGSIZE;
			connection->in_capacity = connection->in_capacity ? connection->in_capacity * 2 : 2 * ANSWER_MIN;
			connection->in = mem_resize(connection->in, connection->in_capacity, 1);
		}
		got = recv(connection->fd, connection->in + connection->in_length, connection->in_capacity - connection->in_length - 1, MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		if (got <= 0)
			return got < 0 ? -errno : -ECONNRESET;
		connection->in_length += (size_t)got;
	}
	if (!connection->busy || connection->in_length == 0)
		return 0;
	status = parse_answer(connection);
	if (status != 0)
		take_answer(load, connection, status);
	return 0;
}

static int connect_one(struct load *load, struct connection *connection)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(load->settings->port) };
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection };
	int one = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0 ? -errno : 0;
}

static int turn(struct load *load, int64_t begin_us, size_t *busy)
{
	struct epoll_event events[64];
	int count = epoll_wait(load->epoll, events, 64, 1000), code = 0;

	for (int i = 0; i < count && code == 0; i++) {
		struct connection *connection = events[i].data.ptr;
		bool was_busy = connection->busy;

		code = flush(connection);
		if (code == 0 && (events[i].events & EPOLLIN))
			code = on_readable(load, connection);
		if (code == 0 && was_busy && !connection->busy) {
			(*busy)--;
			if (more_wanted(load, begin_us)) {
				code = begin_request(load, connection);
				(*busy)++;
			}
		}
	}
	return code;
}

int load_run(const struct load_settings *settings, struct load_result *ret)
{
	struct load load = { .settings = settings, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	int64_t begin_us;
	size_t busy = 0;
	int code = 0;

	load.connections = mem_alloc(settings->connections * sizeof(*load.connections));
	for (unsigned i = 0; i < settings->connections && code == 0; i++)
		code = connect_one(&load, &load.connections[i]);
	begin_us = load_now_us();
	for (unsigned i = 0; i < settings->connections && code == 0 && more_wanted(&load, begin_us); i++, busy++)
		code = begin_request(&load, &load.connections[i]);
	while (busy > 0 && code == 0)
		code = turn(&load, begin_us, &busy);
	load.result.elapsed_us = load_now_us() - begin_us;
	load.result.p50_us = load_percentile(load.latencies, load.latency_count, 500);
	load.result.p99_us = load_percentile(load.latencies, load.latency_count, 990);
	load.result.p999_us = load_percentile(load.latencies, load.latency_count, 999);
	for (unsigned i = 0; i < settings->connections; i++) {
		if (load.connections[i].fd > 0)
			close(load.connections[i].fd);
		strbuf_done(&load.connections[i].out);
		free(load.connections[i].in);
	}
	close(load.epoll);
	free(load.connections);
	free(load.latencies);
	*ret = load.result;
	return code;
}
