/* `weir shim` by itself, for tests. SHIM_DELAY_MS makes it slow to begin, SHIM_DIES makes it end before it does. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
	const char *delay_ms = getenv("SHIM_DELAY_MS");

	if (delay_ms)
		usleep((useconds_t)strtoul(delay_ms, NULL, 10) * 1000);
	if (getenv("SHIM_DIES"))
		return 9;
	if (argc < 2 || strcmp(argv[1], "shim") != 0)
		return EXIT_USAGE;
	return cmd_shim(argc - 1, argv + 1);
}
