/* What reading, writing and the binary form share: defaults, sizes, comparisons. */
#include "wire/schema_field.h"

#include <string.h>

size_t element_size(const struct field *field)
{
	switch (field->element) {
	case FIELD_OBJECT:
		return field->schema->size;
	case FIELD_ENUM:
		return sizeof(int);
	case FIELD_STRING:
		return sizeof(const char *);
	case FIELD_BOOL:
		return sizeof(bool);
	default:
		return sizeof(int64_t);
	}
}

static void field_default(const struct field *field, void *value)
{
	switch (field->kind) {
	case FIELD_BOOL:
		*(bool *)value = field->fallback != 0;
		break;
	case FIELD_ENUM:
		*(int *)value = (int)field->fallback;
		break;
	case FIELD_INTEGER:
	case FIELD_QUANTITY:
		*(int64_t *)value = field->fallback;
		break;
	case FIELD_STRING:
		*(const char **)value = field->fallback_text ? field->fallback_text : "";
		break;
	case FIELD_OBJECT:
		schema_defaults(field->schema, value);
		break;
	default: /* all bits 0 */
		break;
	}
}

void schema_defaults(const struct schema *schema, void *value)
{
	memset(value, 0, schema->size);
	for (size_t i = 0; i < schema->field_count; i++)
		field_default(&schema->fields[i], (char *)value + schema->fields[i].offset);
}

bool field_is_default(const struct field *field, const void *base)
{
	const void *value = (const char *)base + field->offset;

	if (field->flags & FIELD_PRESENCE)
		return !*(const bool *)((const char *)base + field->present_offset);
	switch (field->kind) {
	case FIELD_BOOL:
		return *(const bool *)value == (field->fallback != 0);
	case FIELD_ENUM:
		return *(const int *)value == (int)field->fallback;
	case FIELD_INTEGER:
	case FIELD_QUANTITY:
		return *(const int64_t *)value == field->fallback;
	case FIELD_ID:
	case FIELD_U64:
		return *(const uint64_t *)value == 0;
	case FIELD_STRING: {
		const char *text = *(const char *const *)value;
		const char *fallback = field->fallback_text ? field->fallback_text : "";

		return !text || !strcmp(text, fallback);
	}
	case FIELD_POINTER:
		return !*(const void *const *)value;
	case FIELD_LIST:
	case FIELD_MAP:
		return *(const size_t *)((const char *)base + field->count_offset) == 0;
	case FIELD_BYTES:
		return ((const struct bytes *)value)->length == 0;
	case FIELD_OBJECT: /* looked at field by field */
		break;
	}
	return false;
}
