/* Ending work that outlived its agents: the supervisors below a folder, and nobody else's. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "daemon/up_work.h"
#include "io/file.h"

/* Looks like a supervisor: its command line is "sh shim FOLDER". It starts no process once it is ready: a
 * child that has not come to its exec yet would look like a third supervisor. */
static const char script[] = "trap 'exit 5' TERM\n: > \"$0.$(basename \"$1\")\"\nwhile :; do :; done\n";

static pid_t start_one(const char *folder, const char *below, const char *name)
{
	cleanup_free char *ready = mem_printf("%s/shim.%s", folder, name);
	cleanup_free char *argument = mem_printf("%s/%s", below, name);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a check fails and the test ends */
		if (chdir(folder) == 0)
			execl("/bin/sh", "/bin/sh", "shim", argument, (char *)NULL);
		_exit(127);
	}
	while (access(ready, F_OK) != 0)
		usleep(1000);
	return pid;
}

static int status_of(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_only_those_below_the_folder(void **state)
{
	char folder[] = "/tmp/weir-work-XXXXXX";
	cleanup_free char *path = NULL, *agents = NULL, *other = NULL, *remove = NULL;
	struct err err;
	pid_t one, two, another;
	int status;

	assert_non_null(mkdtemp(folder));
	path = mem_printf("%s/shim", folder);
	agents = mem_printf("%s/agents", folder);
	other = mem_printf("%s/agents-of-another", folder);
	remove = mem_printf("rm -rf '%s'", folder);
	assert_int_equal(file_write(path, script, strlen(script), 0700, &err), 0);
	assert_int_equal(work_end(agents, 0), 0);
	one = start_one(folder, agents, "one");
	two = start_one(folder, agents, "two");
	another = start_one(folder, other, "three");
	assert_int_equal(work_end(agents, 60000), 2);
	status = status_of(one);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	status = status_of(two);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	assert_int_equal(waitpid(another, &status, WNOHANG), 0);
	assert_int_equal(work_end(agents, 0), 0);
	kill(another, SIGKILL);
	status_of(another);
	assert_int_equal(system(remove), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_only_those_below_the_folder) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
