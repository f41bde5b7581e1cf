/* What the subcommands share: exit codes, options with their help, and the list of subcommands.
 *
 * Each subcommand is one file with `int cmd_x(int argc, char **argv)`; argv[0] is its name ("ls") and
 * the result is the process's exit status. Its options are one table: cli_parse() reads them from it and
 * prints --help from it, so neither can say what the other does not do.
 */
#ifndef WEIR_CLI_CLI_H
#define WEIR_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/string_table.h"
#include "base/units.h"

enum cli_exit {
	EXIT_OK = 0,
	EXIT_FAILED = 1,      /* the thing itself failed */
	EXIT_USAGE = 2,       /* the command line is wrong; nothing was done */
	EXIT_UNREACHABLE = 3, /* no answer from the server */
	EXIT_DENIED = 4,      /* the token is missing, unknown, or its role may not */
	EXIT_MISSING = 5,     /* there is no such demand, site, token */
};

enum option_kind {
	OPTION_FLAG,     /* bool */
	OPTION_TEXT,     /* const char * */
	OPTION_TEXTS,    /* struct texts; may be given several times */
	OPTION_NUMBER,   /* int64_t, minimum..maximum */
	OPTION_QUANTITY, /* int64_t in `unit` */
	OPTION_ENUM,     /* int, one of the words of `table` */
};

/* Borrowed words, in the order given. */
struct texts {
	const char **items;
	size_t count;
	size_t capacity;
};
void texts_add(struct texts *texts, const char *text);
void texts_done(struct texts *texts);
#define cleanup_texts __attribute__((__cleanup__(texts_done)))

struct cli_option {
	const char *name;     /* without the dashes */
	char letter;          /* 0 none */
	enum option_kind kind;
	void *value;
	const char *argument; /* as --help names it; not for flags */
	const char *help;     /* one sentence without a final stop */
	enum unit unit;
	const struct string_table *table;
	int64_t minimum, maximum; /* both 0: 0 to INT64_MAX */
};

#define CLI_FLAG(name_, letter_, value_, help_)                                                                                            \
	{ .name = (name_), .letter = (letter_), .kind = OPTION_FLAG, .value = (value_), .help = (help_) }
#define CLI_TEXT(name_, letter_, value_, argument_, help_)                                                                                 \
	{ .name = (name_), .letter = (letter_), .kind = OPTION_TEXT, .value = (value_), .argument = (argument_), .help = (help_) }
#define CLI_TEXTS(name_, letter_, value_, argument_, help_)                                                                                \
	{ .name = (name_), .letter = (letter_), .kind = OPTION_TEXTS, .value = (value_), .argument = (argument_), .help = (help_) }
#define CLI_NUMBER(name_, letter_, value_, argument_, minimum_, maximum_, help_)                                                           \
	{ .name = (name_), .letter = (letter_), .kind = OPTION_NUMBER, .value = (value_), .argument = (argument_), .help = (help_),        \
	  .minimum = (minimum_), .maximum = (maximum_) }
#define CLI_QUANTITY(name_, letter_, value_, argument_, unit_, help_)                                                                      \
	{ .name = (name_), .letter = (letter_), .kind = OPTION_QUANTITY, .value = (value_), .argument = (argument_), .help = (help_),      \
	  .unit = (unit_) }
#define CLI_ENUM(name_, letter_, value_, argument_, table_, help_)                                                                         \
	{ .name = (name_), .letter = (letter_), .kind = OPTION_ENUM, .value = (value_), .argument = (argument_), .help = (help_),          \
	  .table = (table_) }

/* The text of --help. */
struct cli_help {
	const char *const *usage;    /* lines without "weir": "ls [OPTION]..." */
	size_t usage_count;
	const char *purpose;         /* one or more sentences */
	const char *const *examples; /* command, explanation, command, explanation ... */
	size_t example_count;        /* of the words: twice the examples */
	const char *after;           /* further paragraphs, or NULL */
	int arguments_min;
	int arguments_max;           /* -1: any number */
	const char *arguments_expected; /* for the message: "one demand", "at least one file" */
};

/* What is left after the options. Words after "--" are kept apart. */
struct cli_arguments {
	struct texts words;
	struct texts command; /* after "--" */
	bool has_command;
};
void cli_arguments_done(struct cli_arguments *arguments);
#define cleanup_arguments __attribute__((__cleanup__(cli_arguments_done)))

/* Reads argv[1..]. Gives -1 to go on, else the exit status: --help was printed, or the fault was. */
int cli_parse(int argc, char **argv, const struct cli_help *help, const struct cli_option *options, size_t option_count,
	      struct cli_arguments *ret);

/* "weir ls: ..." on standard error. */
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* As above, then where to find help; gives EXIT_USAGE. */
int cli_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Which subcommand speaks; set by main. */
void cli_set_name(const char *name);
const char *cli_name(void);

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *purpose; /* for `weir help`; NULL: hidden */
	const char *group;   /* heading in `weir help` */
};
extern const struct command commands[];
extern const size_t command_count;

int cmd_cancel(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_chips(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_tenants(int argc, char **argv);
int cmd_complete(int argc, char **argv);
int cmd_context(int argc, char **argv);
int cmd_agent(int argc, char **argv);
int cmd_drain(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_match(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_shim(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_sites(int argc, char **argv);
int cmd_submit(int argc, char **argv);
int cmd_summary(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_undrain(int argc, char **argv);
int cmd_up(int argc, char **argv);
int cmd_why(int argc, char **argv);

#endif
