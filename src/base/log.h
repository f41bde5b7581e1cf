/* The process's own log, one line an entry on standard error:
 * `2026-11-02T10:00:00.123Z info  sync: site gz-hub is up`. With JOURNAL_STREAM set, the time is left
 * to the journal and the level becomes its prefix. The only global of weir: level and clock are set once. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT };

void log_set_level(enum log_level level);
void log_set_name(const char *name); /* shown before each entry when several processes share a terminal */
void log_write(enum log_level level, const char *area, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_error(area, ...) log_write(LOG_ERROR, area, __VA_ARGS__)
#define log_warning(area, ...) log_write(LOG_WARNING, area, __VA_ARGS__)
#define log_info(area, ...) log_write(LOG_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) log_write(LOG_DEBUG, area, __VA_ARGS__)

#endif
