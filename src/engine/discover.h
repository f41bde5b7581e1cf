/* Finds out what this machine has: processors, memory, chips.
 *
 * The readers of tools' output are pure functions over text, so that they can be tested on recorded
 * output of machines that are not at hand. Nothing found is no error: many machines have no chips.
 */
#ifndef WEIR_ENGINE_DISCOVER_H
#define WEIR_ENGINE_DISCOVER_H

#include "base/arena.h"
#include "weir/engine.h"

#define DISCOVERED_CHIPS_MAX 64 /* as many as a node may have */

/* Names as the chip catalogue writes them, in the runtime's order of devices. */
struct chip_names {
	const char *names[DISCOVERED_CHIPS_MAX];
	size_t count;
};

#define DISCOVER_NOTES_MAX 8

struct discovery {
	struct weir_supply_group machine;      /* one group of one node */
	int devices[DISCOVERED_CHIPS_MAX];     /* of each of the node's chips: the number by which its runtime knows it */
	const char *notes[DISCOVER_NOTES_MAX]; /* what could not be found out */
	size_t note_count;
};

/* Everything is the arena's. */
void discover(struct arena *arena, struct discovery *ret);
/* The machine's chips and devices from a list in the runtimes' order. A node's chips of one model come together. */
void discovery_set_chips(struct discovery *discovery, const struct chip_names *chips, struct arena *arena);

/* Makers' names to those of the catalogue; one that is not known becomes lower case with '-' between words. */
const char *chip_name_nvidia(const char *product, struct arena *arena); /* "NVIDIA H100 80GB HBM3": h100 */
const char *chip_name_ascend(const char *product, struct arena *arena); /* "Ascend 910B3": ascend-910b */
const char *chip_name_rocm(const char *product, struct arena *arena);	/* "AMD Instinct MI300X": mi300x */
const char *chip_name_hygon(const char *product, struct arena *arena);	/* "K100_AI": dcu-k100-ai */
const char *chip_name_metax(const char *product, struct arena *arena);	/* "MXC500": metax-c500 */

/* `npu-smi info -m`: one row a chip, by its logic id; management controllers have none. */
void chips_read_ascend(const char *text, struct arena *arena, struct chip_names *chips);
/* `rocm-smi --showproductname --json`, and hy-smi, made from it. Read as text, not as JSON: hy-smi leaves out commas. */
void chips_read_rocm(const char *text, const char *(*name)(const char *product, struct arena *arena), struct arena *arena,
		     struct chip_names *chips);
/* `mx-smi -L`: "GPU#0  MXC500  0000:06:00.0  Available (UUID: ...)". */
void chips_read_metax(const char *text, struct arena *arena, struct chip_names *chips);
/* Through the driver's own library, loaded if it is there. Gives a sentence when it is there and fails, else NULL. */
const char *chips_find_nvidia(struct arena *arena, struct chip_names *chips);

/* The number of milli-cores of a v2 "max period" or v1 quota and period; 0 for no limit. */
int64_t quota_cpu_milli(const char *quota, const char *period);

#endif
