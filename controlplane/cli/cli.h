/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * tagwardenctl as its commands see it. A command is one row of the table in commands.c; its
 * handler asks the server through api.h, prints, and returns an exit status.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The exit status tells a script what to do next; tagwardenctl(1) lists them. */
enum cli_exit {
	CLI_OK = 0,
	CLI_REFUSED = 1,       /* the server would not, or what was asked for is not in order */
	CLI_USAGE = 2,         /* the command line is wrong; nothing was asked */
	CLI_UNREACHABLE = 3,   /* no answer from the control plane */
	CLI_FORBIDDEN = 4,     /* this user may not */
	CLI_NOT_FOUND = 5,     /* no such device, session, service */
	CLI_BAD_ANSWER = 6,    /* an answer that makes no sense, or no memory for it */
	CLI_INTERRUPTED = 130, /* Ctrl-C, as shells have it */
};

#define CLI_ARGS_MAX 64u /* a filter has many words */
#define CLI_OPTIONS_MAX 8u
#define CLI_LITERALS 4u /* arguments that may be shortened words */
#define CLI_LITERAL_MAX 32u
#define CLI_SOCKET_DEFAULT "/run/tagwarden/api.sock"

struct cli_option {
	const char *name; /* without dashes; not terminated when "--name=value" was given */
	size_t name_len;
	const char *value; /* "" for one that takes none */
};

struct shell;

struct cli {
	struct shell *shell; /* that the command runs in; NULL: it runs alone */
	const char *socket_path;
	unsigned timeout_s, watch_s;
	bool is_json, is_help, is_bold;
	size_t terminal; /* columns; 0: no terminal */
	const char *arg[CLI_ARGS_MAX];
	size_t nb_args;
	char literal[CLI_LITERALS][CLI_LITERAL_MAX]; /* in full, where <arg> was shortened */
	struct cli_option option[CLI_OPTIONS_MAX];
	size_t nb_options;
};

struct command {
	const char *words; /* "show devices" */
	const char *args;  /* for people: "UID"; "[UID]" may be left out */
	/*
	 * What it takes: "tag=TAG uid=PREFIX all"; one with '=' takes a value. Besides the general
	 * options, which every command takes.
	 */
	const char *options;
	unsigned min_args, max_args;
	const char *help;    /* one line */
	const char *example; /* a whole command line */
	int (*run)(struct cli *cli);
};

/* Ends with a row whose words are NULL. */
extern const struct command cli_commands[];

/* Value of option <name>, or NULL when it was not given. */
const char *cli_option(const struct cli *cli, const char *name);
/*
 * A decimal number up to <max>; <fallback> when the option was not given. False, and told the
 * user, when it is no such number.
 */
bool cli_option_uint(const struct cli *cli, const char *name, uint64_t fallback, uint64_t max,
		     uint64_t *ret);
/* Digits alone, up to <max>. */
bool cli_parse_uint(const char *s, uint64_t max, uint64_t *ret);

/*
 * From now on messages are for somebody in the shell, who types no program's name; <line>: of the
 * input that is read, 0 for a terminal.
 */
void cli_be_in_shell(unsigned line);
/* What stands before a command in examples: "tagwardenctl ", or nothing in the shell. */
const char *cli_program(void);
/* Between two calls nobody is told anything: for what is asked by the way. */
void cli_be_quiet(bool quiet);
/* Complain on stderr, control bytes replaced; "tagwardenctl: " or "line N: " stands before it. */
void cli_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same without that, for the lines that follow. */
void cli_tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- args.c ---- */

/*
 * Sort <argv> (without the program's name) into <cli>, and find its command. CLI_OK with NULL in
 * <ret>: only help was asked for, of the level in <ret_words>. Words that are no command: told.
 */
int cli_parse(struct cli *cli, int argc, char **argv, const struct command **ret, char *ret_words,
	      size_t cap);

/* General options alone, for the shell. */
int cli_parse_general(struct cli *cli, int argc, char **argv);

/* ---- help.c ---- */

/* Everything that begins with <words>; "": all. */
void cli_help_level(const char *words);
void cli_help_command(const struct command *c);
/* "Did you mean" for words that no command begins with. False: nothing is like them. */
bool cli_suggest(const char *words);
/* One command per line, tab-separated: words, arguments, options, help, example. */
void cli_dump_commands(void);
/* Is <words> the beginning of <c>'s, at a word's end? */
bool cli_begins_with(const struct command *c, const char *words, size_t len);
