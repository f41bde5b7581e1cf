#include "engine/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/folder.h"

#define ENVIRONMENT_BYTES_MAX (16u << 20)

/* The parent's number: the field after the name in parentheses and the state. */
static pid_t parent_of(const char *pid)
{
	cleanup_strbuf struct strbuf text = { 0 };
	char path[64];
	const char *at;
	int parent;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	if (record_read(AT_FDCWD, path, 4096, &text) < 0)
		return 0;
	at = strrchr(strbuf_text(&text), ')');
	return at && sscanf(at + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static bool each_process(bool (*visit)(const char *pid, void *context), void *context)
{
	DIR *listing = opendir("/proc");
	struct dirent *entry;
	bool any = false;

	if (!listing)
		return false;
	while ((entry = readdir(listing)))
		if (isdigit((unsigned char)entry->d_name[0]))
			any = visit(entry->d_name, context) || any;
	closedir(listing);
	return any;
}

static bool kill_child(const char *pid, void *context)
{
	if (parent_of(pid) != getpid())
		return false;
	kill((pid_t)atoi(pid), SIGKILL);
	return true;
}

bool processes_kill_children(void)
{
	return each_process(kill_child, NULL);
}

static bool carries(const char *pid, const char *item)
{
	cleanup_strbuf struct strbuf text = { 0 };
	size_t length = strlen(item);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	if (record_read(AT_FDCWD, path, ENVIRONMENT_BYTES_MAX, &text) < 0)
		return false;
	for (size_t at = 0; at < text.length; at += strlen(text.data + at) + 1)
		if (strncmp(text.data + at, item, length + 1) == 0)
			return true;
	return false;
}

static bool kill_marked(const char *pid, void *context)
{
	pid_t number = (pid_t)atoi(pid);
	int pin = (int)syscall(SYS_pidfd_open, number, 0);
	bool found = number != getpid() && carries(pid, context);

	if (found && pin >= 0)
		syscall(SYS_pidfd_send_signal, pin, SIGKILL, NULL, 0);
	else if (found)
		kill(number, SIGKILL); /* a kernel before 5.3 */
	if (pin >= 0)
		close(pin);
	return found;
}

bool processes_kill_marked(const char *item)
{
	return each_process(kill_marked, (void *)item);
}
