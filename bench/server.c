#include "server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "io/file.h"
#include "load.h"

#define PATIENCE_US 600000000

int server_init(struct server *server, struct err *err)
{
	char self[PATH_MAX], *slash;
	const char *scratch = getenv("TMPDIR");
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	memset(server, 0, sizeof(*server));
	if (length < 0)
		return err_set(err, -errno, "cannot find this program's path");
	self[length] = 0;
	slash = strrchr(self, '/');
	*slash = 0;
	snprintf(server->weir, sizeof(server->weir), "%.3900s/../src/cli/weir", self);
	if (access(server->weir, X_OK) < 0)
		return err_set(err, -ENOENT, "%s is not there: build it first", server->weir);
	snprintf(server->folder, sizeof(server->folder), "%.200s/weir-bench-XXXXXX", scratch ? scratch : self);
	if (!mkdtemp(server->folder))
		return err_set(err, -errno, "%s: cannot make the folder", server->folder);
	return 0;
}

int server_write(const struct server *server, const char *name, const char *text, char *ret_path, size_t size, struct err *err)
{
	snprintf(ret_path, size, "%s/%s", server->folder, name);
	return file_write(ret_path, text, strlen(text), 0600, err);
}

static pid_t spawn(const struct server *server, const char *log, const char *const arguments[])
{
	cleanup_free char *path = mem_printf("%s/%s", server->folder, log);
	pid_t parent = getpid(), child = fork();

	if (child == 0) {
		int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

		/* Nothing is left running when the benchmark is killed. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(127);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		execv(server->weir, (char *const *)arguments);
		_exit(127);
	}
	return child;
}

static int read_line(const char *path, char *line, size_t size)
{
	cleanup_strbuf struct strbuf text = { 0 };

	if (file_read(path, size - 1, &text, NULL) < 0 || text.length == 0)
		return -ENOENT;
	snprintf(line, size, "%.*s", (int)strcspn(text.data, "\n"), text.data);
	return 0;
}

int server_start(struct server *server, const char *network_path, struct err *err)
{
	cleanup_free char *state = mem_printf("%s/state", server->folder);
	cleanup_free char *tokens = mem_printf("%s/tokens", server->folder);
	cleanup_free char *address = mem_printf("%s/address", server->folder);
	cleanup_free char *token = mem_printf("%s/operator.token", tokens);
	const char *const arguments[] = { "weir", "serve", "--state", state, "--listen", "127.0.0.1:0", "--write-tokens", tokens, "--write-address", address,
			      "--rate", "0", network_path ? "--network" : NULL, network_path, NULL };
	int64_t begin_us = load_now_us();
	char line[128];

	unlink(address);
	server->platform = spawn(server, "serve.log", arguments);
	while (read_line(address, line, sizeof(line)) < 0) {
		if (waitpid(server->platform, NULL, WNOHANG) == server->platform || load_now_us() - begin_us > PATIENCE_US) {
			server->platform = 0;
			return err_set(err, -EIO, "the platform did not come up; see %s/serve.log", server->folder);
		}
		usleep(2000);
	}
	server->port = (uint16_t)strtoul(strrchr(line, ':') + 1, NULL, 10);
	if (read_line(token, server->token, sizeof(server->token)) < 0)
		return err_set(err, -EIO, "%s is not there", token);
	json_decref(server_get(server, "/v1/health"));
	server->up_us = load_now_us() - begin_us;
	return 0;
}

int server_start_agent(struct server *server, const char *network_path, const char *site, struct err *err)
{
	cleanup_free char *url = mem_printf("http://127.0.0.1:%u", server->port);
	cleanup_free char *token = mem_printf("%s/tokens/supplier.token", server->folder);
	cleanup_free char *state = mem_printf("%s/agent", server->folder);
	cleanup_free char *path = mem_printf("/v1/sites/%s", site);
	const char *const arguments[] = { "weir", "agent", "--server", url, "--token-file", token, "--state", state, "--network", network_path,
			      "--site", site, NULL };
	int64_t begin_us = load_now_us();

	server->agent = spawn(server, "agent.log", arguments);
	for (;;) {
		json_t *answer = server_get(server, path);
		const char *condition = json_string_value(json_object_get(answer, "condition"));
		bool up = condition && strcmp(condition, "up") == 0;

		json_decref(answer);
		if (up)
			return 0;
		if (load_now_us() - begin_us > PATIENCE_US)
			return err_set(err, -EIO, "site %s did not come up; see %s/agent.log", site, server->folder);
		usleep(20000);
	}
}

static void end_process(pid_t *process, int signal)
{
	if (*process > 0) {
		kill(*process, signal);
		while (waitpid(*process, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*process = 0;
}

void server_stop(struct server *server, int signal)
{
	end_process(&server->platform, signal);
}

void server_done(struct server *server)
{
	cleanup_free char *command = mem_printf("rm -rf '%s'", server->folder);

	end_process(&server->agent, SIGTERM);
	end_process(&server->platform, SIGTERM);
	if (server->folder[0] && system(command) != 0)
		fprintf(stderr, "%s could not be removed\n", server->folder);
}

int64_t server_peak_mib(const struct server *server)
{
	cleanup_free char *path = mem_printf("/proc/%d/status", server->platform);
	cleanup_strbuf struct strbuf text = { 0 };
	const char *line;

	if (file_read(path, 65536, &text, NULL) < 0)
		return -1;
	line = strstr(strbuf_text(&text), "VmHWM:");
	return line ? strtoll(line + 6, NULL, 10) / 1024 : -1;
}

json_t *server_get(const struct server *server, const char *path)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(server->port) };
	cleanup_free char *request = mem_printf("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", path,
						server->token);
	cleanup_strbuf struct strbuf answer = { 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char chunk[65536];
	const char *body;
	ssize_t got;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || write(fd, request, strlen(request)) < 0) {
		close(fd);
		return NULL;
	}
	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		strbuf_add(&answer, chunk, (size_t)got);
	close(fd);
	body = strstr(strbuf_text(&answer), "\r\n\r\n");
	return body ? json_loads(body + 4, 0, NULL) : NULL;
}
