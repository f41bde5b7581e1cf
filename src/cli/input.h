/* The files that `weir check` and `weir match` read: networks, catalogues, demands; and what holds
 * between them. Everything is the arena's. */
#ifndef WEIR_CLI_INPUT_H
#define WEIR_CLI_INPUT_H

#include "wire/files.h"

struct input {
	const char *path;
	const char *shown; /* the path, or "<stdin>" for "-" */
	bool read;         /* `file` is whole */
	struct file file;
	const struct doc *doc; /* of `file`, for the places of what is wrong; NULL when it could not be had */
	struct problems problems;
};

/* Reads one file. 0, or a negative errno; what is wrong is in input->problems, at least one. */
int input_read(const char *path, struct arena *arena, struct input *ret);

/* Adds problems for names that no other file knows: the chip models of networks and demands, when there
 * is a catalogue among the files; the sites and regions that demands name, when there is a network. */
void inputs_cross_check(struct input *inputs, size_t count);

/* The same of one kind. What is wrong is told on standard error; gives an exit status. */
int input_read_kind(const char *path, enum file_kind kind, struct arena *arena, struct input *ret);

#endif
