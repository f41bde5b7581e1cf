/* Where groups are made:
 *   v1: below the group that this process is in, so that limits set from above hold; at the mount's root
 *       when that path is not to be seen from here (a container with a view of its own).
 *   v2: processes may not be in a group that hands controllers down, so it cannot be the agent's own group.
 *       As root: at the root of the hierarchy. Else beside the agent, when a service manager put it into a
 *       group "weir-agent" below one that belongs to this user (systemd: Delegate=yes, DelegateSubgroup=weir-agent).
 *       Moving the agent into a leaf by itself was rejected: attempts outlive the agent, and the service
 *       manager could then not start the next one in a group that has become an inner one.
 */
#include "engine/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define PARENT "weir"
#define PROBE "probe-"
#define AGENT_LEAF "weir-agent"
#define PERIOD_US 100000  /* of the CPU quota: the kernel's default */
#define QUOTA_US_MIN 1000 /* the kernel refuses less */
#define PATH_BYTES 4096
#define FILE_PATH_BYTES (PATH_BYTES + 64)
#define FILE_BYTES_MAX (1u << 20)

/* Gives 0 or a negative errno. */
static int put(const char *folder, const char *file, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int put(const char *folder, const char *file, const char *format, ...)
{
	char path[FILE_PATH_BYTES], text[64];
	va_list arguments;
	int fd, length, code = 0;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	snprintf(path, sizeof(path), "%s/%s", folder, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)length) < 0)
		code = -errno;
	close(fd);
	return code;
}

static int get(const char *folder, const char *file, struct strbuf *ret)
{
	char path[FILE_PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	return record_read(AT_FDCWD, path, FILE_BYTES_MAX, ret);
}

/* The number in the file, or behind `key` in a file of "key number" lines; -1 when it is not there. */
static int64_t get_number(const char *folder, const char *file, const char *key)
{
	cleanup_strbuf struct strbuf text = { 0 };
	size_t length = key ? strlen(key) : 0;
	const char *line;

	if (get(folder, file, &text) < 0)
		return -1;
	if (!key)
		return strtoll(strbuf_text(&text), NULL, 10);
	for (line = strbuf_text(&text); line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return strtoll(line + length, NULL, 10);
	return -1;
}

static bool has(const char *folder, const char *file)
{
	char path[FILE_PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	return access(path, W_OK) == 0;
}

static bool list_holds(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == 0))
			return true;
	return false;
}

/* The path behind "N:controllers:" of the line for these controllers; "" of v2 has no controllers. */
static const char *own_group(const char *groups, const char *controllers, struct arena *arena)
{
	for (const char *line = groups; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *names = strchr(line, ':');
		const char *path = names ? strchr(names + 1, ':') : NULL;
		char *list;

		if (!path)
			break;
		list = arena_strndup(arena, names + 1, (size_t)(path - names - 1));
		if (controllers[0] ? list_holds(list, controllers) : list[0] == 0)
			return arena_strndup(arena, path + 1, strcspn(path + 1, "\n"));
	}
	return NULL;
}

/* Which of the controllers weir uses a v1 mount carries, by its super options. */
static const char *v1_controllers(const char *options, struct arena *arena)
{
	static const char *const known[] = { "cpu", "cpuacct", "memory", "pids" };
	const char *found = "";

	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (list_holds(options, known[i]))
			found = arena_printf(arena, "%s%s%s", found, found[0] ? "," : "", known[i]);
	return found;
}

/* A line: id parent device root mount-point options [tags] - type source super-options. */
static bool parse_mount(char *line, const char *groups, struct arena *arena, struct cgroup_mount *ret)
{
	char *separator = strstr(line, " - ");
	char *saved = NULL, *type, *options = NULL, *folder = NULL;
	char *word = separator ? strtok_r(line, " ", &saved) : NULL;

	for (int i = 0; word && i < 4; i++)
		word = strtok_r(NULL, " ", &saved);
	folder = word;
	type = separator ? strtok_r(separator + 3, " ", &saved) : NULL;
	if (type && strtok_r(NULL, " ", &saved))
		options = strtok_r(NULL, " ", &saved);
	if (!folder || !options)
		return false;
	*ret = (struct cgroup_mount){ .folder = arena_strdup(arena, folder), .controllers = "" };
	if (strcmp(type, "cgroup2") == 0) {
		ret->unified = true;
		ret->own = own_group(groups, "", arena);
		return ret->own != NULL;
	}
	if (strcmp(type, "cgroup") != 0)
		return false;
	ret->controllers = v1_controllers(options, arena);
	if (!ret->controllers[0])
		return false;
	ret->own = own_group(groups, arena_strndup(arena, ret->controllers, strcspn(ret->controllers, ",")), arena);
	return ret->own != NULL;
}

size_t cgroup_parse(const char *mountinfo, const char *groups, struct arena *arena, struct cgroup_mount **ret)
{
	char *copy = arena_strdup(arena, mountinfo), *saved = NULL;
	size_t lines = 1, count = 0;
	struct cgroup_mount *mounts;

	for (const char *at = mountinfo; *at; at++)
		lines += *at == '\n';
	mounts = ARENA_ARRAY(arena, struct cgroup_mount, lines);
	for (char *line = strtok_r(copy, "\n", &saved); line; line = strtok_r(NULL, "\n", &saved)) {
		char *one = arena_strdup(arena, line);

		if (parse_mount(one, groups, arena, &mounts[count]))
			count++;
	}
	*ret = mounts;
	return count;
}

static bool make_folder(const char *path)
{
	return mkdir(path, 0755) == 0 || errno == EEXIST;
}

static void hand_down(const char *folder)
{
	put(folder, "cgroup.subtree_control", "+cpu");
	put(folder, "cgroup.subtree_control", "+memory");
	put(folder, "cgroup.subtree_control", "+pids");
}

/* The group beside whose members the agent may make others, or NULL. */
static const char *base_of(const struct cgroup_mount *mount, struct arena *arena)
{
	char *own = arena_printf(arena, "%s%s", mount->folder, strcmp(mount->own, "/") == 0 ? "" : mount->own);
	size_t length = strlen(own), leaf = strlen("/" AGENT_LEAF);

	if (!mount->unified)
		return access(own, F_OK) == 0 ? own : mount->folder;
	if (geteuid() == 0)
		return mount->folder;
	if (length <= leaf || strcmp(own + length - leaf, "/" AGENT_LEAF) != 0)
		return NULL;
	own[length - leaf] = 0;
	return own;
}

/* The folder below which workers' groups are made, or NULL. */
static const char *prepare(const struct cgroup_mount *mount, struct arena *arena)
{
	const char *base = base_of(mount, arena);
	const char *parent = base ? arena_printf(arena, "%s/%s", base, PARENT) : NULL;

	if (base && mount->unified)
		hand_down(base);
	if (!parent || !make_folder(parent))
		return NULL;
	if (mount->unified)
		hand_down(parent);
	return parent;
}

/* Of agents that were killed while they tried. */
static void remove_probes(const char *parent)
{
	DIR *listing = opendir(parent);
	struct dirent *entry;

	while (listing && (entry = readdir(listing))) {
		long pid = strncmp(entry->d_name, PROBE, strlen(PROBE)) == 0 ? strtol(entry->d_name + strlen(PROBE), NULL, 10) : 0;

		if (pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH)
			unlinkat(dirfd(listing), entry->d_name, AT_REMOVEDIR);
	}
	if (listing)
		closedir(listing);
}

/* What a group made below `parent` can do. */
static int64_t try_controls(const char *parent, bool unified)
{
	char path[PATH_BYTES];
	int64_t controls = 0;

	remove_probes(parent);
	snprintf(path, sizeof(path), "%s/" PROBE "%ld", parent, (long)getpid());
	if (!make_folder(path))
		return 0;
	if (has(path, "cgroup.procs")) {
		controls |= has(path, unified ? "cpu.max" : "cpu.cfs_quota_us") ? CGROUP_CPU : 0;
		controls |= has(path, unified ? "memory.max" : "memory.limit_in_bytes") ? CGROUP_MEMORY : 0;
		controls |= has(path, "pids.max") ? CGROUP_PROCESSES : 0;
		controls |= unified && has(path, "cgroup.kill") ? CGROUP_KILL : 0;
		if (unified ? get_number(path, "cpu.stat", "usage_usec") >= 0 : get_number(path, "cpuacct.usage", NULL) >= 0)
			controls |= CGROUP_USAGE;
	}
	rmdir(path);
	return controls;
}

void cgroup_find(struct arena *arena, struct cgroup_place **ret, size_t *ret_count)
{
	cleanup_strbuf struct strbuf mountinfo = { 0 };
	cleanup_strbuf struct strbuf groups = { 0 };
	struct cgroup_mount *mounts;
	size_t mount_count;

	*ret = NULL;
	*ret_count = 0;
	if (record_read(AT_FDCWD, "/proc/self/mountinfo", 16u << 20, &mountinfo) < 0 ||
	    record_read(AT_FDCWD, "/proc/self/cgroup", 1u << 20, &groups) < 0)
		return;
	mount_count = cgroup_parse(strbuf_text(&mountinfo), strbuf_text(&groups), arena, &mounts);
	*ret = ARENA_ARRAY(arena, struct cgroup_place, mount_count + 1);
	for (size_t i = 0; i < mount_count; i++) {
		const char *parent = prepare(&mounts[i], arena);
		int64_t controls = parent ? try_controls(parent, mounts[i].unified) : 0;

		if (controls)
			(*ret)[(*ret_count)++] = (struct cgroup_place){ parent, controls, mounts[i].unified };
	}
}

static void group_path(char path[static PATH_BYTES], const struct cgroup_place *place, const char *name)
{
	snprintf(path, PATH_BYTES, "%s/%s", place->path, name);
}

static int limit_cpu(const char *path, bool unified, int64_t cpu_milli)
{
	long long quota_us = cpu_milli * PERIOD_US / 1000;

	if (quota_us < QUOTA_US_MIN)
		quota_us = QUOTA_US_MIN;
	if (unified)
		return put(path, "cpu.max", "%lld %d", quota_us, PERIOD_US);
	put(path, "cpu.cfs_period_us", "%d", PERIOD_US);
	return put(path, "cpu.cfs_quota_us", "%lld", quota_us);
}

static int limit_memory(const char *path, bool unified, int64_t memory_mib)
{
	long long bytes = memory_mib << 20;
	int code = put(path, unified ? "memory.max" : "memory.limit_in_bytes", "%lld", bytes);

	/* Swap would only make the limit a slow one. */
	if (unified)
		put(path, "memory.swap.max", "0");
	else
		put(path, "memory.memsw.limit_in_bytes", "%lld", bytes);
	return code;
}

int64_t cgroup_make(const struct cgroup_place *places, size_t count, const char *name, int64_t cpu_milli, int64_t memory_mib)
{
	int64_t in_force = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t controls = places[i].controls;
		bool unified = places[i].unified;
		char path[PATH_BYTES];

		group_path(path, &places[i], name);
		if (!make_folder(path))
			continue;
		if (controls & CGROUP_CPU && cpu_milli > 0 && limit_cpu(path, unified, cpu_milli) == 0)
			in_force |= CGROUP_CPU;
		if (controls & CGROUP_MEMORY && memory_mib > 0 && limit_memory(path, unified, memory_mib) == 0)
			in_force |= CGROUP_MEMORY;
		if (controls & CGROUP_PROCESSES && put(path, "pids.max", "%d", CGROUP_PROCESSES_MAX) == 0)
			in_force |= CGROUP_PROCESSES;
		in_force |= controls & (CGROUP_KILL | CGROUP_USAGE);
	}
	return in_force;
}

void cgroup_enter(const struct cgroup_place *places, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		char path[PATH_BYTES];

		group_path(path, &places[i], name);
		put(path, "cgroup.procs", "0");
	}
}

bool cgroup_kill(const struct cgroup_place *places, size_t count, const char *name)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		cleanup_strbuf struct strbuf members = { 0 };
		char path[PATH_BYTES];

		group_path(path, &places[i], name);
		if (get(path, "cgroup.procs", &members) < 0 || members.length == 0)
			continue;
		any = true;
		if (places[i].controls & CGROUP_KILL && put(path, "cgroup.kill", "1") == 0)
			continue;
		for (char *at = members.data; *at;) {
			long pid = strtol(at, &at, 10);

			if (pid > 0)
				kill((pid_t)pid, SIGKILL);
			at += *at == '\n';
		}
	}
	return any;
}

void cgroup_read(const struct cgroup_place *places, size_t count, const char *name, struct cgroup_usage *ret)
{
	*ret = (struct cgroup_usage){ .cpu_us = -1, .memory_mib = -1 };
	for (size_t i = 0; i < count; i++) {
		bool unified = places[i].unified;
		char path[PATH_BYTES];
		int64_t bytes, kills;

		group_path(path, &places[i], name);
		if (places[i].controls & CGROUP_USAGE) {
			int64_t used = unified ? get_number(path, "cpu.stat", "usage_usec") : get_number(path, "cpuacct.usage", NULL);

			if (used >= 0)
				ret->cpu_us = unified ? used : used / 1000;
		}
		if (!(places[i].controls & CGROUP_MEMORY))
			continue;
		bytes = get_number(path, unified ? "memory.peak" : "memory.max_usage_in_bytes", NULL);
		if (bytes >= 0)
			ret->memory_mib = (bytes + (1 << 20) - 1) >> 20;
		kills = unified ? get_number(path, "memory.events", "oom_kill") : get_number(path, "memory.oom_control", "oom_kill");
		if (kills > 0)
			ret->kills = kills;
	}
}

void cgroup_remove(const struct cgroup_place *places, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		char path[PATH_BYTES];

		group_path(path, &places[i], name);
		rmdir(path);
	}
}
