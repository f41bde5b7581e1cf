#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char *name_now = "";

void cli_set_name(const char *name)
{
	name_now = name;
}

const char *cli_name(void)
{
	return name_now;
}

void texts_add(struct texts *texts, const char *text)
{
	ARRAY_RESERVE(texts->items, texts->capacity, texts->count + 1);
	texts->items[texts->count++] = text;
}

void texts_done(struct texts *texts)
{
	free(texts->items);
	*texts = (struct texts){ 0 };
}

void cli_arguments_done(struct cli_arguments *arguments)
{
	texts_done(&arguments->words);
	texts_done(&arguments->command);
}

static void complain(const char *format, va_list arguments)
{
	fflush(stdout);
	fprintf(stderr, "weir%s%s: ", *name_now ? " " : "", name_now);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void cli_complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
}

int cli_usage_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
	fprintf(stderr, "Try 'weir%s%s --help'.\n", *name_now ? " " : "", name_now);
	return EXIT_USAGE;
}

/* --- help ---------------------------------------------------------------------------------------- */

#define HELP_WIDTH 96
#define HELP_INDENT 28

/* Prints words from column `indent` on, broken at HELP_WIDTH. The cursor stands at `column`. */
static void print_wrapped(const char *text, size_t indent, size_t column)
{
	while (*text) {
		size_t length = strcspn(text, " ");

		if (column > indent && column + 1 + length > HELP_WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)length, text);
		column += length;
		text += length;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_option(const struct cli_option *option)
{
	int column = printf(option->letter ? "  -%c, " : "      ", option->letter);

	column += printf("--%s", option->name);
	if (option->argument)
		column += printf(" %s", option->argument);
	if (column + 2 > HELP_INDENT) {
		putchar('\n');
		column = 0;
	}
	printf("%*s", HELP_INDENT - column, "");
	print_wrapped(option->help, HELP_INDENT, HELP_INDENT);
}

static void print_help(const struct cli_help *help, const struct cli_option *options, size_t option_count)
{
	static const struct cli_option help_option = { .name = "help", .letter = 'h', .help = "print this text" };

	for (size_t i = 0; i < help->usage_count; i++)
		printf("%s weir %s\n", i ? "      " : "Usage:", help->usage[i]);
	putchar('\n');
	print_wrapped(help->purpose, 0, 0);
	printf("\nOptions:\n");
	for (size_t i = 0; i < option_count; i++)
		print_option(&options[i]);
	print_option(&help_option);
	if (help->after)
		printf("\n%s\n", help->after);
	if (help->example_count)
		printf("\nExamples:\n");
	for (size_t i = 0; i + 1 < help->example_count; i += 2)
		printf("  %s\n      %s\n", help->examples[i], help->examples[i + 1]);
}

/* --- reading ------------------------------------------------------------------------------------- */

static const struct cli_option *find_long(const struct cli_option *options, size_t count, const char *name, size_t length)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0)
			return &options[i];
	return NULL;
}

static const struct cli_option *find_letter(const struct cli_option *options, size_t count, char letter)
{
	for (size_t i = 0; i < count; i++)
		if (options[i].letter && options[i].letter == letter)
			return &options[i];
	return NULL;
}

static int unknown_option(const char *word, const struct cli_option *options, size_t count)
{
	cleanup_free const char **names = mem_alloc((count + 1) * sizeof(*names));
	const char *near;

	for (size_t i = 0; i < count; i++)
		names[i] = options[i].name;
	near = string_nearest(word + strspn(word, "-"), names, count);
	if (near)
		return cli_usage_error("unknown option '%s'; did you mean '--%s'?", word, near);
	return cli_usage_error("unknown option '%s'", word);
}

static int set_number(const struct cli_option *option, const char *text)
{
	bool any = option->minimum == 0 && option->maximum == 0;
	int64_t maximum = any ? INT64_MAX : option->maximum;
	struct err err;
	int64_t value;

	if (unit_parse(option->kind == OPTION_NUMBER ? UNIT_COUNT_ONE : option->unit, text, &value, &err) < 0)
		return cli_usage_error("--%s %s: %s", option->name, text, err.text);
	if (value < option->minimum || value > maximum) {
		if (any)
			return cli_usage_error("--%s %s: expected 0 or more", option->name, text);
		return cli_usage_error("--%s %s: expected %lld to %lld", option->name, text, (long long)option->minimum, (long long)maximum);
	}
	*(int64_t *)option->value = value;
	return -1;
}

static int set_enum(const struct cli_option *option, const char *text)
{
	int value = string_table_from_string(option->table, text);
	char words[256] = "";

	if (value >= 0) {
		*(int *)option->value = value;
		return -1;
	}
	for (size_t i = 0; i < option->table->count; i++) {
		size_t length = strlen(words);

		snprintf(words + length, sizeof(words) - length, "%s%s", i ? ", " : "", option->table->words[i]);
	}
	return cli_usage_error("--%s %s: expected one of %s", option->name, text, words);
}

static int set_value(const struct cli_option *option, const char *text)
{
	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)option->value = true;
		return -1;
	case OPTION_TEXT:
		*(const char **)option->value = text;
		return -1;
	case OPTION_TEXTS:
		texts_add(option->value, text);
		return -1;
	case OPTION_NUMBER:
	case OPTION_QUANTITY:
		return set_number(option, text);
	case OPTION_ENUM:
		return set_enum(option, text);
	}
	return -1;
}

struct reading {
	int argc;
	char **argv;
	int next;
	const struct cli_option *options;
	size_t option_count;
};

static int take_value(struct reading *reading, const struct cli_option *option, const char *attached)
{
	if (option->kind == OPTION_FLAG)
		return attached ? cli_usage_error("--%s takes no value", option->name) : set_value(option, NULL);
	if (attached)
		return set_value(option, attached);
	if (reading->next >= reading->argc)
		return cli_usage_error("--%s needs a value: %s", option->name, option->argument);
	return set_value(option, reading->argv[reading->next++]);
}

static int read_long(struct reading *reading, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
	const struct cli_option *option = find_long(reading->options, reading->option_count, word + 2, length);

	if (!option)
		return unknown_option(word, reading->options, reading->option_count);
	return take_value(reading, option, equals ? equals + 1 : NULL);
}

/* -f, -fw (flags together), -n5, -n 5. */
static int read_letters(struct reading *reading, const char *word)
{
	for (const char *at = word + 1; *at; at++) {
		const struct cli_option *option = find_letter(reading->options, reading->option_count, *at);
		int code;

		if (!option)
			return unknown_option(word, reading->options, reading->option_count);
		if (option->kind != OPTION_FLAG)
			return take_value(reading, option, at[1] ? at + 1 : NULL);
		code = set_value(option, NULL);
		if (code >= 0)
			return code;
	}
	return -1;
}

static int check_arguments(const struct cli_help *help, const struct cli_arguments *arguments)
{
	int count = (int)arguments->words.count;

	if (count < help->arguments_min)
		return cli_usage_error("expected %s", help->arguments_expected ? help->arguments_expected : "an argument");
	if (help->arguments_max >= 0 && count > help->arguments_max)
		return cli_usage_error("unexpected argument '%s'", arguments->words.items[help->arguments_max]);
	return -1;
}

int cli_parse(int argc, char **argv, const struct cli_help *help, const struct cli_option *options, size_t option_count,
	      struct cli_arguments *ret)
{
	struct reading reading = { .argc = argc, .argv = argv, .next = 1, .options = options, .option_count = option_count };

	*ret = (struct cli_arguments){ 0 };
	while (reading.next < argc) {
		const char *word = argv[reading.next++];
		int code = -1;

		if (strcmp(word, "--") == 0) {
			ret->has_command = true;
			while (reading.next < argc)
				texts_add(&ret->command, argv[reading.next++]);
		} else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			print_help(help, options, option_count);
			return EXIT_OK;
		} else if (strncmp(word, "--", 2) == 0) {
			code = read_long(&reading, word);
		} else if (word[0] == '-' && word[1]) {
			code = read_letters(&reading, word);
		} else {
			texts_add(&ret->words, word);
		}
		if (code >= 0)
			return code;
	}
	return check_arguments(help, ret);
}
