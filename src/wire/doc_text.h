/* What the readers of YAML and JSON share. For this folder only. */
#ifndef WEIR_WIRE_DOC_TEXT_H
#define WEIR_WIRE_DOC_TEXT_H

#include "wire/doc.h"

/* Bytes of a byte order mark at the start of the text: 3 or 0. */
size_t text_mark_length(const char *text, size_t length);
/* "LINE:COLUMN: problem" for a byte offset; columns count characters. Gives `code` back. */
int text_fail_at(struct err *err, int code, const char *text, size_t length, size_t offset, const char *problem);
int text_check_size(size_t length, const struct doc_limits *limits, struct err *err);

#endif
