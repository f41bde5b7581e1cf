/* Load over HTTP: some keep-alive connections, one request at a time on each, latencies kept.
 * Plain sockets, so that the load costs little of the two cores that it shares with the server. */
#ifndef WEIR_BENCH_LOAD_H
#define WEIR_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

struct load_settings {
	uint16_t port;
	const char *path;
	const char *token;
	unsigned connections;
	int64_t duration_us;  /* 0: until `requests_max` */
	uint64_t requests_max; /* 0: until the duration */
	/* Gives the body of request `number`; it must stay valid until the next call. */
	const char *(*body)(void *context, uint64_t number, size_t *ret_length);
	void *context;
};

struct load_result {
	uint64_t answers;  /* with status 200 or 201 */
	uint64_t refused;  /* with any other */
	int64_t elapsed_us;
	int64_t p50_us, p99_us, p999_us;
};

int64_t load_now_us(void); /* CLOCK_MONOTONIC */
/* 0 or a negative errno. */
int load_run(const struct load_settings *settings, struct load_result *ret);
int64_t load_percentile(int64_t *values, size_t count, unsigned permille); /* sorts; 0 without values */

#endif
