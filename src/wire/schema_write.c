#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "base/id.h"
#include "wire/schema_field.h"

static void write_struct(const struct schema *schema, const void *value, bool brief, struct strbuf *out);

/* Bytes of a line break that only YAML knows (U+0085, U+2028, U+2029): they are escaped, so that readers of
 * both kinds see the same text. */
static size_t yaml_break(const unsigned char *text)
{
	if (text[0] == 0xc2 && text[1] == 0x85)
		return 2;
	return text[0] == 0xe2 && text[1] == 0x80 && (text[2] == 0xa8 || text[2] == 0xa9) ? 3 : 0;
}

void json_write_string(struct strbuf *out, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	const char *plain = text;

	strbuf_putc(out, '"');
	for (;; text++) {
		unsigned char c = (unsigned char)*text;
		char escape[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };
		size_t length = c < 0x80 ? 0 : yaml_break((const unsigned char *)text);

		if (!length && c >= ' ' && c != '"' && c != '\\' && c != 127)
			continue;
		strbuf_add(out, plain, (size_t)(text - plain));
		text += length ? length - 1 : 0;
		plain = text + 1;
		if (!c)
			break;
		if (length) {
			strbuf_puts(out, length == 2 ? "\\u0085" : *text == '\xa8' ? "\\u2028" : "\\u2029");
		} else if (c == '"' || c == '\\') {
			strbuf_putc(out, '\\');
			strbuf_putc(out, (char)c);
		} else if (c == '\n') {
			strbuf_puts(out, "\\n");
		} else {
			strbuf_add(out, escape, sizeof(escape));
		}
	}
	strbuf_putc(out, '"');
}

static void write_unsigned(struct strbuf *out, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	strbuf_add(out, digits + at, sizeof(digits) - at);
}

static void write_integer(struct strbuf *out, int64_t value)
{
	if (value < 0)
		strbuf_putc(out, '-');
	write_unsigned(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void write_bytes(struct strbuf *out, const struct bytes *bytes)
{
	size_t size = sodium_base64_ENCODED_LEN(bytes->length, sodium_base64_VARIANT_ORIGINAL); /* with the final 0 */
	char *end;

	strbuf_putc(out, '"');
	end = strbuf_reserve(out, size);
	sodium_bin2base64(end, size, bytes->data ? bytes->data : (const uint8_t *)"", bytes->length, sodium_base64_VARIANT_ORIGINAL);
	out->length += size - 1;
	strbuf_putc(out, '"');
}

static void write_scalar(const struct field *field, enum field_kind kind, const void *value, struct strbuf *out)
{
	char text[48];

	switch (kind) {
	case FIELD_BOOL:
		strbuf_puts(out, *(const bool *)value ? "true" : "false");
		break;
	case FIELD_INTEGER:
		write_integer(out, *(const int64_t *)value);
		break;
	case FIELD_QUANTITY:
		strbuf_putc(out, '"');
		strbuf_puts(out, unit_format(field->unit, *(const int64_t *)value, text, sizeof(text)));
		strbuf_putc(out, '"');
		break;
	case FIELD_ID:
		strbuf_putc(out, '"');
		strbuf_puts(out, id_format(*(const uint64_t *)value, text));
		strbuf_putc(out, '"');
		break;
	case FIELD_U64:
		strbuf_putc(out, '"');
		write_unsigned(out, *(const uint64_t *)value);
		strbuf_putc(out, '"');
		break;
	case FIELD_STRING:
		json_write_string(out, *(const char *const *)value ? *(const char *const *)value : "");
		break;
	case FIELD_ENUM:
		json_write_string(out, string_table_to_string(field->table, *(const int *)value));
		break;
	case FIELD_BYTES:
		write_bytes(out, value);
		break;
	default:
		assert(!"a scalar");
	}
}

static void write_list(const struct field *field, const void *base, bool brief, struct strbuf *out)
{
	const char *array = *(const char *const *)((const char *)base + field->offset);
	size_t count = *(const size_t *)((const char *)base + field->count_offset);
	size_t size = element_size(field);

	strbuf_putc(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			strbuf_putc(out, ',');
		if (field->element == FIELD_OBJECT)
			write_struct(field->schema, array + i * size, brief, out);
		else
			write_scalar(field, field->element, array + i * size, out);
	}
	strbuf_putc(out, ']');
}

static void write_map(const struct field *field, const void *base, struct strbuf *out)
{
	const char *array = *(const char *const *)((const char *)base + field->offset);
	size_t count = *(const size_t *)((const char *)base + field->count_offset);
	const struct field *key = &field->schema->fields[0], *value = &field->schema->fields[1];

	strbuf_putc(out, '{');
	for (size_t i = 0; i < count; i++) {
		const char *entry = array + i * field->schema->size;

		if (i)
			strbuf_putc(out, ',');
		write_scalar(key, key->kind, entry + key->offset, out);
		strbuf_putc(out, ':');
		write_scalar(value, value->kind, entry + value->offset, out);
	}
	strbuf_putc(out, '}');
}

static bool is_written(const struct field *field, const void *base, bool brief)
{
	bool is_default;

	if (field->flags & FIELD_HIDDEN)
		return false;
	if (field->kind == FIELD_OBJECT)
		return true;
	is_default = field_is_default(field, base);
	if (!is_default)
		return true;
	if (field->flags & FIELD_PRESENCE || field->kind == FIELD_POINTER || field->kind == FIELD_ID) /* these have no way to say "none" */
		return false;
	return !brief || (field->flags & FIELD_REQUIRED);
}

static void write_field(const struct field *field, const void *base, bool brief, struct strbuf *out)
{
	const void *value = (const char *)base + field->offset;

	switch (field->kind) {
	case FIELD_OBJECT:
		write_struct(field->schema, value, brief, out);
		break;
	case FIELD_POINTER:
		write_struct(field->schema, *(const void *const *)value, brief, out);
		break;
	case FIELD_LIST:
		write_list(field, base, brief, out);
		break;
	case FIELD_MAP:
		write_map(field, base, out);
		break;
	default:
		write_scalar(field, field->kind, value, out);
	}
}

static void write_struct(const struct schema *schema, const void *value, bool brief, struct strbuf *out)
{
	bool first = true;

	strbuf_putc(out, '{');
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct field *field = &schema->fields[i];
		size_t before = out->length, content;

		if (!is_written(field, value, brief))
			continue;
		if (!first)
			strbuf_putc(out, ',');
		strbuf_putc(out, '"');
		strbuf_puts(out, field->key);
		strbuf_puts(out, "\":");
		content = out->length;
		write_field(field, value, brief, out);
		if (brief && field->kind == FIELD_OBJECT && out->length == content + 2 && !(field->flags & FIELD_REQUIRED)) {
			out->length = before; /* {}: nothing in it differs from its default */
			out->data[before] = 0;
			continue;
		}
		first = false;
	}
	strbuf_putc(out, '}');
}

void schema_write_json(const struct schema *schema, const void *value, bool brief, struct strbuf *out)
{
	write_struct(schema, value, brief, out);
}
