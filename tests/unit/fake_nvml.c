/* Stands in for the NVIDIA driver's library in tests. FAKE_NVML: "two", "broken" (does not start), "mute" (does not list). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
const char *nvmlErrorString(int code);
int nvmlDeviceGetCount_v2(unsigned *ret);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret);
int nvmlDeviceGetName(void *device, char *name, unsigned size);

static int is(const char *mode)
{
	const char *chosen = getenv("FAKE_NVML");

	return chosen && strcmp(chosen, mode) == 0;
}

int nvmlInit_v2(void)
{
	return is("broken") ? 9 : 0;
}

int nvmlShutdown(void)
{
	return 0;
}

const char *nvmlErrorString(int code)
{
	return code == 9 ? "Driver Not Loaded" : "Unknown Error";
}

int nvmlDeviceGetCount_v2(unsigned *ret)
{
	*ret = is("two") ? 2 : 0;
	return is("mute") ? 999 : 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret)
{
	static char devices[2];

	*ret = &devices[index];
	return 0;
}

int nvmlDeviceGetName(void *device, char *name, unsigned size)
{
	snprintf(name, size, "NVIDIA H100 80GB HBM3");
	return 0;
}
