#include "daemon/up_children.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "io/file.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MOST_MS 30000
#define LIVED_LONG_MS 60000
#define STOP_GRACE_MS 20000
#define SWEEP_WAIT_MS 10000
#define LOG_KEPT_MAX (16 << 20) /* a longer one is put aside at the next start */

struct child {
	struct children *children;
	char *name, *log_path;
	char **arguments;
	uv_process_t process;
	uv_timer_t timer; /* backoff; while stopping: until force */
	bool running;
	bool process_open; /* the handle is not closed yet */
	uint64_t started_ms;
	unsigned failures;
};

struct children {
	struct children_settings settings;
	struct child *list[CHILDREN_MAX];
	size_t count;
	enum stopping { STOP_NOT, STOP_OTHERS, STOP_FIRST, STOP_TIMERS } stopping; /* the first child, the platform, ends last */
	size_t timers_left;
	void (*stopped)(void *context);
	void *stopped_context;
};

struct children *children_new(const struct children_settings *settings)
{
	struct children *children = mem_alloc(sizeof(*children));

	children->settings = *settings;
	return children;
}

static void tell(struct children *children, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct children *children, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = { 0 };
	va_list arguments;

	va_start(arguments, format);
	strbuf_vprintf(&text, format, arguments);
	va_end(arguments);
	children->settings.told(children->settings.context, strbuf_text(&text));
}

/* --- the file of pids ------------------------------------------------------------------------------- */

/* When the process began, in clock ticks since boot; 0: there is none, or it has ended. Field 22 of /proc/PID/stat; the
 * second field is in parentheses and may hold anything, so counting starts after the last one. */
static uint64_t process_begun(long pid)
{
	cleanup_free char *path = mem_printf("/proc/%ld/stat", pid);
	cleanup_strbuf struct strbuf text = { 0 };
	char *at;

	if (file_read(path, 4096, &text, NULL) < 0)
		return 0;
	at = strrchr(strbuf_text(&text), ')');
	if (at && (at[2] == 'Z' || at[2] == 'X'))
		return 0;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static void write_pids(const struct children *children)
{
	cleanup_strbuf struct strbuf text = { 0 };

	for (size_t i = 0; i < children->count; i++)
		if (children->list[i]->running)
			strbuf_printf(&text, "%d %" PRIu64 " %s\n", children->list[i]->process.pid,
				      process_begun(children->list[i]->process.pid), children->list[i]->name);
	file_write(children->settings.pid_file, strbuf_text(&text), text.length, 0600, NULL);
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* Asks, waits, forces. */
static void end_process(long pid, uint64_t begun)
{
	kill((pid_t)pid, SIGTERM);
	for (int waited_ms = 0; waited_ms < SWEEP_WAIT_MS && process_begun(pid) == begun; waited_ms += 20)
		sleep_ms(20);
	if (process_begun(pid) == begun)
		kill((pid_t)pid, SIGKILL);
}

int children_sweep(const char *pid_file, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	int code = file_read(pid_file, 65536, &text, err), count = 0;
	char *rest = NULL;

	if (code == -ENOENT)
		return 0;
	if (code < 0)
		return code;
	for (char *line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		uint64_t begun = 0;
		long pid = 0;

		if (sscanf(line, "%ld %" SCNu64, &pid, &begun) != 2 || pid <= 1 || begun == 0 || process_begun(pid) != begun)
			continue;
		end_process(pid, begun);
		count++;
	}
	unlink(pid_file);
	return count;
}

/* --- starting --------------------------------------------------------------------------------------- */

static int spawn(struct child *child);
static void stop_next(struct children *children);

static void on_backoff(uv_timer_t *timer)
{
	struct child *child = timer->data;
	int code = spawn(child);

	if (code < 0) {
		tell(child->children, "%s cannot be started: %s", child->name, uv_strerror(code));
		uv_timer_start(&child->timer, on_backoff, BACKOFF_MOST_MS, 0);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct child *child = handle->data;

	child->process_open = false;
	if (child->children->stopping)
		stop_next(child->children);
}

static void on_process_exit(uv_process_t *process, int64_t status, int number)
{
	struct child *child = process->data;
	struct children *children = child->children;
	uint64_t lived_ms = uv_now(children->settings.loop) - child->started_ms;
	uint64_t backoff_ms = BACKOFF_FIRST_MS;
	char how[64];

	child->running = false;
	write_pids(children);
	uv_close((uv_handle_t *)process, on_closed);
	uv_timer_stop(&child->timer);
	if (children->stopping)
		return;
	child->failures = lived_ms > LIVED_LONG_MS ? 1 : child->failures + 1;
	for (unsigned i = 1; i < child->failures && backoff_ms < BACKOFF_MOST_MS; i++)
		backoff_ms *= 2;
	if (number)
		snprintf(how, sizeof(how), "signal %d, %s", number, strsignal(number));
	else
		snprintf(how, sizeof(how), "exit code %lld", (long long)status);
	tell(children, "%s ended (%s); it is started again, its messages are in %s", child->name, how, child->log_path);
	uv_timer_start(&child->timer, on_backoff, backoff_ms, 0);
}

static int open_log(const char *path)
{
	struct stat status;

	if (stat(path, &status) == 0 && status.st_size > LOG_KEPT_MAX) {
		cleanup_free char *old = mem_printf("%s.1", path);

		rename(path, old);
	}
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int spawn(struct child *child)
{
	struct children *children = child->children;
	uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE } };
	uv_process_options_t options = { .file = child->arguments[0], .args = child->arguments, .exit_cb = on_process_exit, .stdio = stdio,
					 .stdio_count = 3, .flags = UV_PROCESS_DETACHED };
	int log = open_log(child->log_path), code;

	if (log < 0)
		return -errno;
	stdio[1] = stdio[2] = (uv_stdio_container_t){ .flags = UV_INHERIT_FD, .data.fd = log };
	child->process.data = child;
	code = uv_spawn(children->settings.loop, &child->process, &options);
	close(log);
	child->process_open = true;
	child->running = code == 0;
	child->started_ms = uv_now(children->settings.loop);
	if (code < 0)
		uv_close((uv_handle_t *)&child->process, on_closed);
	else
		write_pids(children);
	return code;
}

int children_start(struct children *children, const char *name, const char *const *arguments, struct err *err)
{
	struct child *child;
	size_t count = 0;
	int code;

	if (children->count == CHILDREN_MAX)
		return err_set(err, -ENOSPC, "more than %d processes are not started", CHILDREN_MAX);
	child = mem_alloc(sizeof(*child));
	while (arguments[count])
		count++;
	child->arguments = mem_alloc((count + 1) * sizeof(*child->arguments));
	for (size_t i = 0; i < count; i++)
		child->arguments[i] = mem_strdup(arguments[i]);
	child->children = children;
	child->name = mem_strdup(name);
	child->log_path = mem_printf("%s/%s.log", children->settings.log_folder, name);
	uv_timer_init(children->settings.loop, &child->timer);
	child->timer.data = child;
	children->list[children->count++] = child;
	code = spawn(child);
	return code < 0 ? err_set(err, code, "%s cannot be started: %s", name, uv_strerror(code)) : 0;
}

size_t children_running(const struct children *children)
{
	size_t count = 0;

	for (size_t i = 0; i < children->count; i++)
		count += children->list[i]->running;
	return count;
}

size_t children_count(const struct children *children)
{
	return children->count;
}

unsigned children_failures(const struct children *children, const char *name)
{
	for (size_t i = 0; i < children->count; i++)
		if (strcmp(children->list[i]->name, name) == 0)
			return children->list[i]->failures;
	return 0;
}

/* --- stopping --------------------------------------------------------------------------------------- */

static void on_force(uv_timer_t *timer)
{
	struct child *child = timer->data;

	if (child->running)
		uv_process_kill(&child->process, SIGKILL);
}

static void ask_to_end(struct child *child)
{
	uv_timer_stop(&child->timer);
	if (!child->running)
		return;
	uv_process_kill(&child->process, SIGTERM);
	uv_timer_start(&child->timer, on_force, STOP_GRACE_MS, 0);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct children *children = ((struct child *)handle->data)->children;

	if (--children->timers_left > 0)
		return;
	unlink(children->settings.pid_file);
	children->stopped(children->stopped_context);
}

/* Goes on with stopping as far as it can. */
static void stop_next(struct children *children)
{
	size_t others = 0;

	for (size_t i = 1; i < children->count; i++)
		others += children->list[i]->process_open;
	if (children->stopping == STOP_OTHERS && others == 0) {
		children->stopping = STOP_FIRST;
		ask_to_end(children->list[0]);
	}
	if (children->stopping != STOP_FIRST || children->list[0]->process_open)
		return;
	children->stopping = STOP_TIMERS;
	children->timers_left = children->count;
	for (size_t i = 0; i < children->count; i++)
		uv_close((uv_handle_t *)&children->list[i]->timer, on_timer_closed);
}

void children_stop(struct children *children, void (*stopped)(void *context), void *context)
{
	if (children->stopping != STOP_NOT) {
		for (size_t i = 0; i < children->count; i++)
			if (children->list[i]->running)
				uv_process_kill(&children->list[i]->process, SIGKILL);
		return;
	}
	children->stopped = stopped;
	children->stopped_context = context;
	children->stopping = STOP_OTHERS;
	if (children->count == 0) {
		stopped(context);
		return;
	}
	for (size_t i = 1; i < children->count; i++)
		ask_to_end(children->list[i]);
	stop_next(children);
}

void children_free(struct children *children)
{
	if (!children)
		return;
	for (size_t i = 0; i < children->count; i++) {
		struct child *child = children->list[i];

		for (char **argument = child->arguments; *argument; argument++)
			free(*argument);
		free(child->arguments);
		free(child->name);
		free(child->log_path);
		free(child);
	}
	free(children);
}
