#include "daemon/up_work.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "io/file.h"

#define COMMAND_MAX (1u << 20)

/* Whether the process was started as "... shim FOLDER", FOLDER being below `folder`. */
static bool is_supervisor(long pid, const char *folder)
{
	cleanup_free char *path = mem_printf("/proc/%ld/cmdline", pid);
	cleanup_strbuf struct strbuf words = { 0 };
	size_t length = strlen(folder), first, second;

	if (file_read(path, COMMAND_MAX, &words, NULL) < 0 || words.length == 0)
		return false;
	first = strlen(words.data) + 1;
	if (first >= words.length || strcmp(words.data + first, "shim") != 0)
		return false;
	second = first + strlen("shim") + 1;
	return second < words.length && strncmp(words.data + second, folder, length) == 0 && words.data[second + length] == '/';
}

/* A descriptor that names this process and no later one with its number, or -1. */
static int find(long pid, const char *folder)
{
	int fd;

	if (!is_supervisor(pid, folder))
		return -1;
	fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (fd >= 0 && !is_supervisor(pid, folder)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

size_t work_end(const char *folder, unsigned wait_ms)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	int64_t until_ms = now_ms() + wait_ms;
	size_t count = 0, capacity = 0;
	int *fds = NULL;

	while (processes && (entry = readdir(processes))) {
		long pid = strtol(entry->d_name, NULL, 10);
		int fd = pid > 1 ? find(pid, folder) : -1;

		if (fd < 0)
			continue;
		syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0);
		ARRAY_RESERVE(fds, capacity, count + 1);
		fds[count++] = fd;
	}
	if (processes)
		closedir(processes);
	for (size_t i = 0; i < count; i++) {
		struct pollfd end = { .fd = fds[i], .events = POLLIN };
		int64_t left_ms = until_ms - now_ms();

		poll(&end, 1, left_ms > 0 ? (int)left_ms : 0);
		close(fds[i]);
	}
	free(fds);
	return count;
}
