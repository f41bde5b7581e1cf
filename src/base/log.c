#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

#define ENTRY_MAX 4096

static enum log_level level_shown = LOG_INFO;
static char name_shown[32];

void log_set_level(enum log_level level)
{
	level_shown = level;
}

void log_set_name(const char *name)
{
	snprintf(name_shown, sizeof(name_shown), "%s", name);
}

/* The time, or the journal's own prefix. Gives its length. */
static size_t entry_begin(char *entry, size_t size, enum log_level level)
{
	static const char *const words[LOG_LEVEL_COUNT] = { "error", "warn ", "info ", "debug" };
	static const char *const journal[LOG_LEVEL_COUNT] = { "<3>", "<4>", "<6>", "<7>" };
	const char *separator = name_shown[0] ? " " : "";
	struct timespec now;
	struct tm utc;
	int length;

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(entry, size, "%s%s%s", journal[level], name_shown, separator);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	length = snprintf(entry, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s%s%s ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
			  utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000, name_shown, separator, words[level]);
	return (size_t)length;
}

void log_write(enum log_level level, const char *area, const char *format, ...)
{
	char entry[ENTRY_MAX];
	va_list arguments;
	size_t length;

	if (level > level_shown || level >= LOG_LEVEL_COUNT)
		return;
	length = entry_begin(entry, sizeof(entry), level);
	length += (size_t)snprintf(entry + length, sizeof(entry) - length, "%.100s: ", area);
	va_start(arguments, format);
	vsnprintf(entry + length, sizeof(entry) - length, format, arguments);
	va_end(arguments);
	length += strlen(entry + length);
	if (length > sizeof(entry) - 2)
		length = sizeof(entry) - 2;
	entry[length] = 0;
	utf8_clean(entry); /* one entry stays one line, whatever is in it */
	entry[length++] = '\n';
	/* One write, so that entries of several threads and processes do not mix. There is nowhere to report a failure. */
	if (write(STDERR_FILENO, entry, length) < 0)
		return;
}
