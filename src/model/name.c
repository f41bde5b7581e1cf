#include "model/name.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

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
	return err_set(err, -EINVAL,
		       "is \"%.*s\", expected a name: 1 to %d lower-case letters, digits, '-', '.', '_', a letter or digit at both ends",
		       (int)utf8_cut(name, length < 80 ? length : 80), name, NAME_MAX_LENGTH);
}

int title_check(const char *title, struct err *err)
{
	const char *text = title;

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
