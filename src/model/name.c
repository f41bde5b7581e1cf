#include "model/name.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int name_check(const char *name, struct err *err)
{
	size_t length = strlen(name);
	bool good = length >= 1 && length <= NAME_MAX_LENGTH && is_alphanumeric(name[0]) && is_alphanumeric(name[length - 1]);

	for (size_t i = 0; good && i < length; i++)
		good = is_alphanumeric(name[i]) || name[i] == '-' || name[i] == '.' || name[i] == '_';
	if (good)
		return 0;
	return err_set(err, -EINVAL, "\"%.80s\" is no name, expected 1 to %d lower-case letters, digits, '-', '.' or '_', a letter or digit at both ends",
		       name, NAME_MAX_LENGTH);
}

/* The length of the UTF-8 character at `text` and its code point; 0 when it is none (RFC 3629). */
static unsigned utf8_read(const unsigned char *text, uint32_t *ret_point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
	uint32_t point = length == 1 ? text[0] : text[0] & (0xffu >> (length + 1));

	for (unsigned i = 1; i < length; i++) {
		if (text[i] >> 6 != 2)
			return 0;
		point = point << 6 | (text[i] & 63u);
	}
	if (length > 1 && (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)))
		return 0;
	*ret_point = point;
	return length;
}

int title_check(const char *title, struct err *err)
{
	const unsigned char *text = (const unsigned char *)title;

	if (strlen(title) > TITLE_MAX_LENGTH)
		return err_set(err, -EINVAL, "is too long, expected at most %d bytes", TITLE_MAX_LENGTH);
	while (*text) {
		uint32_t point;
		unsigned length = utf8_read(text, &point);

		if (!length)
			return err_set(err, -EINVAL, "is not UTF-8");
		if (point < 0x20 || (point >= 0x7f && point < 0xa0))
			return err_set(err, -EINVAL, "holds a control character, expected one line of text");
		text += length;
	}
	return 0;
}
