#include "engine/discover.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/cgroup.h"
#include "engine/environment.h"
#include "engine/folder.h"

#define TOOL_US_MAX 5000000 /* a tool may hang when its driver does */
#define TOOL_BYTES_MAX (4u << 20)
#define PROCESSORS_MAX 8192

struct finder {
	struct arena *arena;
	struct discovery *found;
};

static void note(struct finder *finder, const char *text)
{
	if (text && finder->found->note_count < DISCOVER_NOTES_MAX)
		finder->found->notes[finder->found->note_count++] = text;
}

int64_t quota_cpu_milli(const char *quota, const char *period)
{
	int64_t quota_us = strtoll(quota, NULL, 10), period_us = strtoll(period, NULL, 10);

	return quota_us > 0 && period_us > 0 ? quota_us * 1000 / period_us : 0;
}

/* "MAX PERIOD" of v2, or the two files of v1, of the group that this process is in. */
static int64_t mount_quota(const struct cgroup_mount *mount, struct arena *arena)
{
	const char *own = arena_printf(arena, "%s%s", mount->folder, strcmp(mount->own, "/") == 0 ? "" : mount->own);
	cleanup_strbuf struct strbuf quota = { 0 };
	cleanup_strbuf struct strbuf period = { 0 };

	if (access(own, F_OK) < 0)
		own = mount->folder;
	if (mount->unified) {
		if (record_read(AT_FDCWD, arena_printf(arena, "%s/cpu.max", own), 4096, &quota) < 0)
			return 0;
		return quota_cpu_milli(strbuf_text(&quota), strbuf_text(&quota) + strcspn(strbuf_text(&quota), " "));
	}
	if (record_read(AT_FDCWD, arena_printf(arena, "%s/cpu.cfs_quota_us", own), 4096, &quota) < 0 ||
	    record_read(AT_FDCWD, arena_printf(arena, "%s/cpu.cfs_period_us", own), 4096, &period) < 0)
		return 0;
	return quota_cpu_milli(strbuf_text(&quota), strbuf_text(&period));
}

static int64_t mount_memory_mib(const struct cgroup_mount *mount, struct arena *arena)
{
	const char *own = arena_printf(arena, "%s%s", mount->folder, strcmp(mount->own, "/") == 0 ? "" : mount->own);
	cleanup_strbuf struct strbuf limit = { 0 };

	if (access(own, F_OK) < 0)
		own = mount->folder;
	if (record_read(AT_FDCWD, arena_printf(arena, "%s/%s", own, mount->unified ? "memory.max" : "memory.limit_in_bytes"), 4096,
			&limit) < 0)
		return 0;
	return strtoll(strbuf_text(&limit), NULL, 10) >> 20; /* "max" is 0: none */
}

static int64_t total_memory_mib(void)
{
	cleanup_strbuf struct strbuf text = { 0 };
	const char *line;

	record_read(AT_FDCWD, "/proc/meminfo", 65536, &text);
	line = strstr(strbuf_text(&text), "MemTotal:");
	return line ? strtoll(line + strlen("MemTotal:"), NULL, 10) / 1024 : 0;
}

static int64_t processors(void)
{
	cpu_set_t *set = CPU_ALLOC(PROCESSORS_MAX);
	size_t size = CPU_ALLOC_SIZE(PROCESSORS_MAX);
	int64_t count = 1;

	if (set && sched_getaffinity(0, size, set) == 0)
		count = CPU_COUNT_S(size, set);
	CPU_FREE(set);
	return count;
}

static void find_machine(struct finder *finder, struct weir_supply_group *ret)
{
	cleanup_strbuf struct strbuf mountinfo = { 0 };
	cleanup_strbuf struct strbuf groups = { 0 };
	struct cgroup_mount *mounts;
	size_t count;

	ret->cpu_milli = processors() * 1000;
	ret->memory_mib = total_memory_mib();
	if (record_read(AT_FDCWD, "/proc/self/mountinfo", 16u << 20, &mountinfo) < 0 ||
	    record_read(AT_FDCWD, "/proc/self/cgroup", 1u << 20, &groups) < 0)
		return;
	count = cgroup_parse(strbuf_text(&mountinfo), strbuf_text(&groups), finder->arena, &mounts);
	for (size_t i = 0; i < count; i++) {
		int64_t cpu_milli = mount_quota(&mounts[i], finder->arena), memory_mib = mount_memory_mib(&mounts[i], finder->arena);

		if (cpu_milli > 0 && cpu_milli < ret->cpu_milli)
			ret->cpu_milli = cpu_milli;
		if (memory_mib > 0 && memory_mib < ret->memory_mib)
			ret->memory_mib = memory_mib;
	}
}

/* What the tool wrote until its end, or until its time was up. */
static void read_until(int fd, pid_t pid, struct strbuf *ret)
{
	int64_t until_us = engine_boottime_us() + TOOL_US_MAX;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int64_t left_us = until_us - engine_boottime_us();
		ssize_t got = 0;

		if (left_us > 0 && ret->length < TOOL_BYTES_MAX && poll(&poll_fd, 1, (int)(left_us / 1000) + 1) > 0)
			got = read(fd, strbuf_reserve(ret, 65536), 65536);
		if (got <= 0)
			break;
		ret->length += (size_t)got;
		ret->data[ret->length] = 0;
	}
	kill(pid, SIGKILL); /* it is our child and not reaped yet: the number is still its own */
	waitpid(pid, NULL, 0);
}

/* Runs a vendor's tool. Gives 0, or -ENOENT when it is not installed. */
static int run_tool(const char *const *words, struct strbuf *ret)
{
	posix_spawn_file_actions_t actions;
	int ends[2], code;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	code = posix_spawnp(&pid, words[0], &actions, NULL, (char *const *)words, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (code == 0)
		read_until(ends[0], pid, ret);
	close(ends[0]);
	return -code;
}

static void find_by_tools(struct finder *finder, struct chip_names *chips)
{
	static const char *const ascend[] = { "npu-smi", "info", "-m", NULL };
	static const char *const rocm[] = { "rocm-smi", "--showproductname", "--json", NULL };
	static const char *const hygon[] = { "hy-smi", "--showproductname", "--json", NULL };
	static const char *const metax[] = { "mx-smi", "-L", NULL };
	const struct {
		const char *const *words;
		const char *(*name)(const char *product, struct arena *arena);
		void (*read)(const char *text, struct arena *arena, struct chip_names *chips);
	} tools[] = {
		{ ascend, NULL, chips_read_ascend },
		{ hygon, chip_name_hygon, NULL },
		{ rocm, chip_name_rocm, NULL },
		{ metax, NULL, chips_read_metax },
	};
	bool hygon_found = false;

	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		cleanup_strbuf struct strbuf text = { 0 };
		size_t before = chips->count;

		if (tools[i].words == rocm && hygon_found)
			continue; /* Hygon's toolkit brings a rocm-smi that lists the same chips */
		if (run_tool(tools[i].words, &text) < 0)
			continue;
		if (tools[i].read)
			tools[i].read(strbuf_text(&text), finder->arena, chips);
		else
			chips_read_rocm(strbuf_text(&text), tools[i].name, finder->arena, chips);
		if (chips->count == before)
			note(finder, arena_printf(finder->arena, "%s is installed but lists no chips", tools[i].words[0]));
		hygon_found = hygon_found || (tools[i].words == hygon && chips->count > before);
	}
}

/* Chips that one runtime drives, before `chip` in the list. */
static int device_of(const struct chip_names *chips, size_t chip)
{
	const char *variable = chip_variable(chips->names[chip]);
	int device = 0;

	for (size_t i = 0; i < chip; i++) {
		const char *other = chip_variable(chips->names[i]);

		device += variable == other || (variable && other && strcmp(variable, other) == 0);
	}
	return device;
}

void discovery_set_chips(struct discovery *discovery, const struct chip_names *chips, struct arena *arena)
{
	struct weir_supply_group *machine = &discovery->machine;
	const char **models = ARENA_ARRAY(arena, const char *, chips->count + 1);
	int64_t *counts = ARENA_ARRAY(arena, int64_t, chips->count + 1);
	size_t number = 0;

	for (size_t i = 0; i < chips->count; i++) {
		size_t m = 0;

		while (m < machine->chip_model_count && strcmp(models[m], chips->names[i]) != 0)
			m++;
		if (m == machine->chip_model_count)
			models[machine->chip_model_count++] = chips->names[i];
		counts[m]++;
	}
	for (size_t m = 0; m < machine->chip_model_count; m++)
		for (size_t i = 0; i < chips->count; i++)
			if (strcmp(models[m], chips->names[i]) == 0)
				discovery->devices[number++] = device_of(chips, i);
	machine->chip_models = models;
	machine->chip_counts = counts;
}

void discover(struct arena *arena, struct discovery *ret)
{
	struct finder finder = { .arena = arena, .found = ret };
	struct chip_names chips = { .count = 0 };

	*ret = (struct discovery){ .machine = { .name = "machine", .count = 1 } };
	find_machine(&finder, &ret->machine);
	note(&finder, chips_find_nvidia(arena, &chips));
	find_by_tools(&finder, &chips);
	discovery_set_chips(ret, &chips, arena);
}
