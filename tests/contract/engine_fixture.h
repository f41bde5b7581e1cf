/* What tests of engines share: a scratch folder, a loop, waiting for states, and killing an agent. */
#ifndef TESTS_CONTRACT_ENGINE_FIXTURE_H
#define TESTS_CONTRACT_ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include <cmocka.h>

#include "weir/engine.h"

#define PATIENCE_US 60000000 /* a bound on waiting, far above what anything should take */
#define LOG_BYTES 65536
#define FOREVER_US INT64_C(3600000000)

struct engine_fixture {
	const struct weir_engine_ops *ops;
	bool real; /* runs processes */
	uv_loop_t loop;
	uv_timer_t tick;
	char root[32];	 /* scratch */
	char folder[80]; /* the engine's */
	char shim[256];
	const char *run_as;
	int64_t log_bytes_max;
	bool find_out;		    /* groups are not told */
	struct weir_engine *engine; /* NULL: closed */
	unsigned changes;
};

/* What an attempt does. */
enum work { WORK_SUCCEED, WORK_FAIL, WORK_LAST /* until it is stopped */, WORK_NAP /* half a second */ };

void fixture_open_scratch(struct engine_fixture *fixture, const struct weir_engine_ops *ops, bool real);
void fixture_done(struct engine_fixture *fixture);
void fixture_open(struct engine_fixture *fixture);
int fixture_try_open(struct engine_fixture *fixture, char message[200]);
void fixture_close(struct engine_fixture *fixture);
/* Turns the loop for a moment. */
void fixture_turn(struct engine_fixture *fixture);

int64_t boottime_us(void);
struct weir_attempt_key key_of(unsigned number);
/* A start with one worker; every pointer in it is static or the fixture's until the next call. Real work first adds a
 * line with its worker's number to ROOT/ran-NUMBER. */
struct weir_start start_of(struct engine_fixture *fixture, unsigned number, enum work work);
/* The same with a shell's text; real engines only. */
struct weir_start start_shell(struct engine_fixture *fixture, unsigned number, const char *text);
void fixture_start(struct engine_fixture *fixture, const struct weir_start *start);
/* Lines in ROOT/ran-NUMBER. */
unsigned runs_of(const struct engine_fixture *fixture, unsigned number);
/* Waits until it has run as often and checks that it did not more often; simulated attempts never run. */
void wait_for_runs(struct engine_fixture *fixture, unsigned number, unsigned runs);

bool fixture_find(struct engine_fixture *fixture, unsigned number, struct weir_attempt_status *ret);
struct weir_attempt_status wait_for_state(struct engine_fixture *fixture, unsigned number, enum weir_attempt_state state);
struct weir_attempt_status wait_for_end(struct engine_fixture *fixture, unsigned number, enum weir_outcome outcome);
void wait_until(struct engine_fixture *fixture, bool (*condition)(void *context), void *context, const char *what);
/* A worker's whole stream; the caller frees. */
char *read_stream(struct engine_fixture *fixture, unsigned number, uint32_t worker, int stream);

/* Runs `live` in a process of its own with the engine open there, and kills that with SIGKILL when it returns, or
 * `after_us` after it began if that is not 0. The engine is closed here meanwhile. */
void fixture_killed_agent(struct engine_fixture *fixture, void (*live)(struct engine_fixture *fixture), int64_t after_us);
/* The process that has a worker's lock; 0 none. */
pid_t supervisor_of(const struct engine_fixture *fixture, unsigned number, uint32_t worker);
/* Processes whose command line or environment names the scratch folder, but for this one. */
unsigned processes_left(const struct engine_fixture *fixture);

#endif
