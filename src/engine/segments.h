/* A stream of output as files of a bounded total: each file is a segment, named by the stream's word and
 * the offset of its first byte ("out.8192"). Offsets count from the start of the stream and never change.
 * Everything is kept until the bound; then the oldest segment goes as a whole. One process writes, any may read. */
#ifndef WEIR_ENGINE_SEGMENTS_H
#define WEIR_ENGINE_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

#define SEGMENTS_KEPT 8 /* the bound's parts: what goes at once is an eighth of it */
#define SEGMENT_BYTES_MIN 64

struct segment_writer {
	int folder;
	int stream; /* 1 standard output, 2 standard error */
	int fd;	    /* of the newest segment; -1 none yet */
	int64_t segment_bytes;
	int64_t starts[SEGMENTS_KEPT + 2]; /* oldest first */
	size_t count;
	int64_t end;
	int64_t bytes_max;
	int64_t lost; /* bytes that could not be written */
};

void segment_writer_init(struct segment_writer *writer, int folder, int stream, int64_t bytes_max);
void segment_writer_done(struct segment_writer *writer);
/* What the disk does not take is dropped and counted: a full disk never stops the one who writes. */
void segment_write(struct segment_writer *writer, const void *data, size_t length);

/* Reads from `offset`, or from the oldest byte kept when that is later. Gives the count, 0 at the present end, or a negative errno. */
int64_t segment_read(int folder, const char *path, int stream, int64_t offset, void *buffer, size_t size, int64_t *ret_first);

#endif
