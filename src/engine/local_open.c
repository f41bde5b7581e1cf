#include "engine/local_open.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/cgroup.h"
#include "engine/supply_copy.h"

static void note(struct local_engine *engine, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct local_engine *engine, const char *format, ...)
{
	va_list arguments;

	if (engine->note_count == LOCAL_NOTES_MAX)
		return;
	va_start(arguments, format);
	engine->notes[engine->note_count++] = arena_vprintf(&engine->arena, format, arguments);
	va_end(arguments);
}

/* As root and told to, attempts belong to that user; as the user itself nothing changes. */
static int find_user(struct local_engine *engine, const char *run_as, struct err *err)
{
	const struct passwd *self = getpwuid(geteuid());
	const char *home = getenv("HOME");
	const struct passwd *found;

	engine->user_name = arena_strdup(&engine->arena, self ? self->pw_name : "weir");
	engine->user_home = arena_strdup(&engine->arena, home ? home : self ? self->pw_dir : "/");
	if (!run_as || !run_as[0])
		return 0;
	found = getpwnam(run_as);
	if (!found)
		return err_set(err, -ENOENT, "there is no user '%s' to run attempts as", run_as);
	if (found->pw_uid == geteuid())
		return 0;
	if (geteuid() != 0)
		return err_set(err, -EPERM, "only root can run attempts as another user ('%s')", run_as);
	engine->user = ARENA_NEW(&engine->arena, struct user_record);
	engine->user_name = engine->user->name = arena_strdup(&engine->arena, found->pw_name);
	engine->user_home = engine->user->home = arena_strdup(&engine->arena, found->pw_dir);
	engine->user->uid = found->pw_uid;
	engine->user->gid = found->pw_gid;
	return 0;
}

/* The user needs to pass through to its working folder, which lies below this one. */
static void check_passage(struct local_engine *engine)
{
	char path[PATH_BYTES];
	struct stat status;

	snprintf(path, sizeof(path), "%s", engine->folder);
	for (char *end = strrchr(path, '/'); end && end != path; end = strrchr(path, '/')) {
		*end = 0;
		if (stat(path, &status) == 0 && !(status.st_mode & S_IXOTH))
			note(engine, "user %s cannot pass through %s: attempts reach their own folder by relative paths only",
			     engine->user_name, path);
	}
}

static int open_folder(struct local_engine *engine, const char *folder, struct err *err)
{
	mode_t mode = engine->user ? 0711 : 0700;
	char resolved[PATH_MAX];

	if (mkdir(folder, mode) < 0 && errno != EEXIST)
		return err_set(err, -errno, "cannot make %s: %s", folder, strerror(errno));
	if (!realpath(folder, resolved))
		return err_set(err, -errno, "cannot find %s: %s", folder, strerror(errno));
	engine->folder = mem_strdup(resolved);
	engine->folder_fd = open(resolved, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (engine->folder_fd < 0)
		return err_set(err, -errno, "cannot open %s: %s", folder, strerror(errno));
	engine->lock_fd = lock_take(engine->folder_fd, "lock");
	if (engine->lock_fd == -EAGAIN)
		return err_set(err, -EBUSY, "another agent has %s open", folder);
	if (engine->lock_fd < 0)
		return err_set(err, engine->lock_fd, "cannot lock %s: %s", folder, strerror(-engine->lock_fd));
	for (size_t i = 0; i < 3; i++) {
		static const char *const inner[] = { "attempts", "making", "trash" };

		if (mkdirat(engine->folder_fd, inner[i], mode) < 0 && errno != EEXIST)
			return err_set(err, -errno, "cannot make %s/%s: %s", folder, inner[i], strerror(errno));
	}
	if (engine->user && (fchmod(engine->folder_fd, mode) < 0 || fchmodat(engine->folder_fd, "attempts", mode, 0) < 0))
		return err_set(err, -errno, "cannot open up %s for its user: %s", folder, strerror(errno));
	engine->attempts_fd = openat(engine->folder_fd, "attempts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkfifoat(engine->folder_fd, "events", 0600) < 0 && errno != EEXIST)
		return err_set(err, -errno, "cannot make %s/events: %s", folder, strerror(errno));
	/* For writing too: a reader alone would see the end whenever the last supervisor closes its side. */
	engine->events_fd = openat(engine->folder_fd, "events", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (engine->attempts_fd < 0 || engine->events_fd < 0)
		return err_set(err, -errno, "cannot open what is in %s: %s", folder, strerror(errno));
	return 0;
}

/* What was being written when an agent was killed goes where the forgotten goes. */
static void clear_making(struct local_engine *engine)
{
	int fd = openat(engine->folder_fd, "making", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (listing && (entry = readdir(listing))) {
		char trash[NAME_MAX + 64];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(trash, sizeof(trash), "trash/%s.%lld", entry->d_name, (long long)engine_unix_us());
		if (renameat(dirfd(listing), entry->d_name, engine->folder_fd, trash) < 0)
			tree_remove(dirfd(listing), entry->d_name);
	}
	if (listing)
		closedir(listing);
}

static void read_lease(struct local_engine *engine)
{
	cleanup_arena struct arena arena = { 0 };
	struct lease_record lease;

	arena_init(&arena);
	if (record_load(engine->folder_fd, "lease", &lease_record_schema, &arena, &lease) == 0 && strcmp(lease.life, engine->life) == 0)
		engine->lease_until_us = lease.until_us;
}

static void find_cgroups(struct local_engine *engine)
{
	int64_t controls = 0;

	cgroup_find(&engine->arena, &engine->cgroups, &engine->cgroup_count);
	for (size_t i = 0; i < engine->cgroup_count; i++)
		controls |= engine->cgroups[i].controls;
	if (!(controls & CGROUP_CPU))
		note(engine, "no cgroup for CPU: what a worker asked for is not enforced");
	if (!(controls & CGROUP_MEMORY))
		note(engine, "no cgroup for memory: limits are not enforced");
	if (!(controls & CGROUP_PROCESSES))
		note(engine, "no cgroup for processes: their number is not limited");
}

static void find_supply(struct local_engine *engine, const struct weir_engine_settings *settings)
{
	engine->place.site = arena_strdup(&engine->arena, settings->site ? settings->site : "");
	engine->place.tier = arena_strdup(&engine->arena, settings->tier ? settings->tier : "");
	engine->place.region = arena_strdup(&engine->arena, settings->region ? settings->region : "");
	if (settings->groups) {
		engine->place.groups = supply_copy(settings->groups, settings->group_count, &engine->arena);
		engine->place.group_count = settings->group_count;
		return;
	}
	discover(&engine->arena, &engine->discovery);
	engine->place.groups = &engine->discovery.machine;
	engine->place.group_count = 1;
	engine->place.devices = engine->discovery.devices;
	for (size_t i = 0; i < engine->discovery.note_count; i++)
		note(engine, "%s", engine->discovery.notes[i]);
}

int engine_prepare(struct local_engine *engine, const struct weir_engine_settings *settings, struct err *err)
{
	int code;

	if (!settings->shim || !settings->shim[0])
		return err_set(err, -EINVAL, "the local engine needs the path of the program with the shim");
	if (settings->log_bytes_max <= 0)
		return err_set(err, -EINVAL, "the bound on output must be above 0");
	engine_life(engine->life);
	engine->shim = mem_strdup(settings->shim);
	engine->log_bytes_max = settings->log_bytes_max;
	code = find_user(engine, settings->run_as, err);
	if (code == 0)
		code = open_folder(engine, settings->folder, err);
	if (code < 0)
		return code;
	clear_making(engine);
	read_lease(engine);
	find_cgroups(engine);
	if (engine->user)
		check_passage(engine);
	find_supply(engine, settings);
	return 0;
}

void engine_release(struct local_engine *engine)
{
	int fds[] = { engine->events_fd, engine->attempts_fd, engine->folder_fd, engine->lock_fd };

	for (size_t i = 0; i < ARRAY_COUNT(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (size_t i = 0; i < engine->attempt_count; i++)
		local_attempt_free(engine->attempts[i]);
	free(engine->attempts);
	free(engine->statuses);
	free(engine->orphans);
	free(engine->folder);
	free(engine->shim);
	arena_done(&engine->arena);
	free(engine);
}

/* Knows nothing of the engine, which may be closed before this is done. */
struct removal {
	uv_work_t work;
	char *trash;
};

static void remove_trash(uv_work_t *work)
{
	const struct removal *removal = work->data;
	DIR *listing = opendir(removal->trash);
	struct dirent *entry;

	while (listing && (entry = readdir(listing)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			tree_remove(dirfd(listing), entry->d_name);
	if (listing)
		closedir(listing);
}

static void after_removal(uv_work_t *work, int status)
{
	struct removal *removal = work->data;

	free(removal->trash);
	free(removal);
}

void engine_empty_trash(uv_loop_t *loop, const char *folder)
{
	struct removal *removal = mem_alloc(sizeof(*removal));

	removal->work.data = removal;
	removal->trash = mem_printf("%s/trash", folder);
	if (uv_queue_work(loop, &removal->work, remove_trash, after_removal) < 0)
		after_removal(&removal->work, 0);
}
