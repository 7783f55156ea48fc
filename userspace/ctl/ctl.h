/* SPDX-License-Identifier: GPL-2.0 */
/*
 * consensusctl: what its files share. main.c has the table of verbs.
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

#define CTL_VERSION "0.1"

/*
 * Exit statuses, for scripts. Whether something happened can be told from them
 * alone: with 1, 2, 3, 5 and 130 (143) nothing did.
 */
enum ctl_exit {
	CTL_OK = 0,
	CTL_ERROR = 1,		/* refused, or failed */
	CTL_USAGE = 2,		/* wrong arguments or configuration */
	CTL_NO_QUORUM = 3,	/* time is up, or no quorum */
	CTL_UNKNOWN = 4,	/* outcome unknown, or still under way */
	CTL_DOWN = 5,		/* node not started, or module not loaded */
	CTL_SIGNAL = 128,	/* + number of the signal */
};

enum option_bit {
	OPT_JSON = 1 << 0,
	OPT_TIMEOUT = 1 << 1,
	OPT_CONFIG = 1 << 2,
	OPT_NODE = 1 << 3,
	OPT_WITH = 1 << 4,
	OPT_BY = 1 << 5,
	OPT_CONSISTENCY = 1 << 6,
	OPT_HELP = 1 << 7,
	OPT_VERSION = 1 << 8,
	OPT_SIZE = 1 << 9,
	OPT_RING = 1 << 10,
	OPT_FORCE = 1 << 11,
	OPT_VERIFY = 1 << 12,
	OPT_ABOVE = 1 << 13,
	OPT_ADVANCE = 1 << 14,
	OPT_YES = 1 << 15,
	OPT_FENCE = 1 << 16,
	OPT_TOKEN = 1 << 17,
	OPT_ALWAYS = OPT_JSON | OPT_TIMEOUT | OPT_HELP,
};

/**
 * struct options - the command line
 * @given: enum option_bit of those that are there
 * @json: JSON on standard output, also for errors
 * @timeout_ns: 0: the verb's default; UINT64_MAX: none
 * @config: name or path, or NULL
 * @node: or NULL
 * @with: names with commas, or NULL
 * @by: at least 1
 * @consistency: enum consensus_consistency
 * @index: for CONSENSUS_AT_LEAST
 * @size: bytes; 0: not given
 * @ring: bytes; 0: the default
 * @force: overwrite what is there
 * @verify: only look
 * @above: least index of a restore, less one
 * @advance: what a restore adds to every counter
 * @yes: do not ask
 * @fence_name, @fence_token: the grant under which to act; token 0: none
 * @token: of a grant; 0: not given
 * @verb: NULL: none
 * @args: the verb's own, NULL behind the last
 * @n_args: how many
 */
struct options {
	unsigned int given;
	bool json;
	uint64_t timeout_ns;
	const char *config;
	const char *node;
	const char *with;
	uint64_t by;
	int consistency;
	uint64_t index;
	uint64_t size, ring;
	uint64_t above, advance;
	bool force, verify, yes;
	char fence_name[NAME_MAX_BYTES + 1];
	uint64_t fence_token, token;
	const char *verb;
	char **args;
	int n_args;
};

/**
 * struct verb - one command
 * @name: as typed
 * @args: its synopsis
 * @allowed: enum option_bit
 * @raw: it reads what stands behind its name by itself
 * @min_args, @max_args: how many arguments it takes
 * @summary: one line
 * @text: its help
 * @run: returns an exit status
 */
struct verb {
	const char *name;
	const char *args;
	unsigned int allowed;
	bool raw;
	int min_args, max_args;
	const char *summary;
	const char *text;
	int (*run)(const struct options *o);
};

extern const struct verb verbs[];	/* up to one without name */

/* options.c: 0, or CTL_USAGE after saying why */
int options_parse(struct options *o, int argc, char **argv);
/* Says that @word is no option, and which of @names (ended by NULL) may be meant. */
int options_wrong(const struct options *o, const char *word, const char *const *names);
/* "500ms", "none": 0, or CTL_USAGE after saying why. */
int options_timeout(const struct options *o, const char *text, uint64_t *ns);
/* "NAME:TOKEN"; a name may have colons of its own. */
bool parse_fence(const char *s, char name[NAME_MAX_BYTES + 1], uint64_t *token);
/* The verb of that name, or NULL. */
const struct verb *verb_find(const char *name);
/* The closest of @n names, NULL if none is close. */
const char *closest(const char *word, const char *const *names, int n);

/* help.c */
int run_help(const struct options *o);
/* Help on a verb that there is; the exit status. */
int print_help(const char *verb);
void print_usage(void);

/* The verbs. */
int run_create(const struct options *o);
int run_up(const struct options *o);
int run_down(const struct options *o);
int run_status(const struct options *o);
int run_inc(const struct options *o);
int run_get(const struct options *o);
int run_lock(const struct options *o);
int run_locks(const struct options *o);
int run_check(const struct options *o);
int run_revoke(const struct options *o);
int run_session(const struct options *o);
int run_keygen(const struct options *o);
int run_format(const struct options *o);
int run_backup(const struct options *o);
int run_restore(const struct options *o);

/*
 * say.c. fail() tells an error in words on standard error, or with --json as
 * an object on standard output, and returns @status. @error: an errno, or 0.
 */
__attribute__((format(printf, 4, 5)))
int fail(const struct options *o, int status, int error, const char *format, ...);
/* A remark for people, on standard error; nothing with --json. */
__attribute__((format(printf, 2, 3)))
void remark(const struct options *o, const char *format, ...);

/* clock.c: monotonic time; a time after another, UINT64_MAX where that overflows */
uint64_t now_ns(void);
uint64_t later_ns(uint64_t begin, uint64_t ns);
/* Ends early when a signal comes. */
void pause_ms(unsigned int ms);

/* signals.c: SIGINT and SIGTERM are noted, and end waits (no SA_RESTART). */
void signals_catch(void);
/* Number of the signal that came, or 0. */
int signals_came(void);

#endif
