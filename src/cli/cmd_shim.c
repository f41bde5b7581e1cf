/* weir shim: the supervisor of one worker of an attempt. Started by the agent, not by people. */
#include "cli/cli.h"
#include "engine/shim.h"

int cmd_shim(int argc, char **argv)
{
	return argc == 2 ? shim_run(argv[1]) : EXIT_USAGE;
}
