/* NVIDIA chips through NVML (libnvidia-ml, a part of the driver), loaded when it is there. The few
 * declarations that are needed stand here, so that weir builds on machines without NVIDIA's headers. */
#include <dlfcn.h>

#include "engine/discover.h"

#define NAME_BYTES 96 /* NVML_DEVICE_NAME_V2_BUFFER_SIZE */

typedef int nvml_result;
struct nvml_device;

struct nvml {
	nvml_result (*init)(void);
	nvml_result (*shutdown)(void);
	const char *(*error_string)(nvml_result);
	nvml_result (*device_count)(unsigned *);
	nvml_result (*device_by_index)(unsigned, struct nvml_device **);
	nvml_result (*device_name)(struct nvml_device *, char *, unsigned);
};

static void *load(void *library, const char *symbol)
{
	return dlsym(library, symbol);
}

static int load_all(void *library, struct nvml *nvml)
{
	*(void **)&nvml->init = load(library, "nvmlInit_v2");
	*(void **)&nvml->shutdown = load(library, "nvmlShutdown");
	*(void **)&nvml->error_string = load(library, "nvmlErrorString");
	*(void **)&nvml->device_count = load(library, "nvmlDeviceGetCount_v2");
	*(void **)&nvml->device_by_index = load(library, "nvmlDeviceGetHandleByIndex_v2");
	*(void **)&nvml->device_name = load(library, "nvmlDeviceGetName");
	return nvml->init && nvml->shutdown && nvml->error_string && nvml->device_count && nvml->device_by_index && nvml->device_name;
}

static const char *list_devices(const struct nvml *nvml, struct arena *arena, struct chip_names *chips)
{
	unsigned count = 0;
	nvml_result result = nvml->device_count(&count);

	for (unsigned i = 0; result == 0 && i < count && chips->count < DISCOVERED_CHIPS_MAX; i++) {
		struct nvml_device *device;
		char name[NAME_BYTES] = "";

		result = nvml->device_by_index(i, &device);
		if (result == 0)
			result = nvml->device_name(device, name, sizeof(name));
		if (result == 0)
			chips->names[chips->count++] = chip_name_nvidia(name, arena);
	}
	return result == 0 ? NULL
			   : arena_printf(arena, "the NVIDIA driver's library does not list its chips: %s", nvml->error_string(result));
}

const char *chips_find_nvidia(struct arena *arena, struct chip_names *chips)
{
	void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
	const char *note = NULL;
	struct nvml nvml;
	nvml_result result;

	if (!library)
		return NULL;
	if (!load_all(library, &nvml)) {
		note = "the NVIDIA driver's library is too old to list its chips";
	} else {
		result = nvml.init();
		if (result == 0) {
			note = list_devices(&nvml, arena, chips);
			nvml.shutdown();
		} else {
			note = arena_printf(arena, "the NVIDIA driver's library does not start: %s", nvml.error_string(result));
		}
	}
	dlclose(library);
	return note;
}
