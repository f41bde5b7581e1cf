/* Helpers over single fields, for the files of the schema mechanism only. */
#ifndef WEIR_WIRE_SCHEMA_FIELD_H
#define WEIR_WIRE_SCHEMA_FIELD_H

#include "wire/schema.h"

/* Bytes of one element of a LIST. */
size_t element_size(const struct field *field);
/* Whether the field of the struct at `base` may be left out: it has its default, or was not given. Never for OBJECT. */
bool field_is_default(const struct field *field, const void *base);

#endif
