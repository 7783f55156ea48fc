// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of lock: that of flock(1), and more. Options stand before the
 * command; what stands behind is the command's.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "lock.h"

enum { LONG_HEARTBEAT = 256, LONG_ON_LOSS, LONG_GRACE, LONG_VERBOSE, LONG_JSON };

static const struct option long_options[] = {
	{ "shared", no_argument, NULL, 's' },
	{ "exclusive", no_argument, NULL, 'x' },
	{ "nonblock", no_argument, NULL, 'n' },
	{ "nb", no_argument, NULL, 'n' },
	{ "wait", required_argument, NULL, 'w' },
	{ "timeout", required_argument, NULL, 'w' },
	{ "conflict-exit-code", required_argument, NULL, 'E' },
	{ "close", no_argument, NULL, 'o' },
	{ "no-fork", no_argument, NULL, 'F' },
	{ "command", required_argument, NULL, 'c' },
	{ "heartbeat", required_argument, NULL, LONG_HEARTBEAT },
	{ "on-loss", required_argument, NULL, LONG_ON_LOSS },
	{ "grace", required_argument, NULL, LONG_GRACE },
	{ "verbose", no_argument, NULL, LONG_VERBOSE },
	{ "json", no_argument, NULL, LONG_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

enum { N_OPTIONS = sizeof(long_options) / sizeof(long_options[0]) - 1 };

static const char letters[] = "+:sxenw:E:oFc:h";

static const uint64_t ms = 1000 * 1000, longest = 3600ULL * 1000 * 1000 * 1000;

/* Seconds, as flock has them (".5", "2"), or with a unit, as everything here. */
static int take_wait(struct lock_options *l)
{
	char text[64];

	if (!strcmp(optarg, "none")) {
		l->wait_ns = UINT64_MAX;
		return 0;
	}
	if (optarg[0] && !optarg[strspn(optarg, "0.")]) {
		l->wait_ns = 0;
		return 0;
	}
	if (parse_duration(optarg, &l->wait_ns))
		return 0;
	snprintf(text, sizeof(text), "%s%.50ss", optarg[0] == '.' ? "0" : "", optarg);
	if (strlen(optarg) <= 50 && parse_duration(text, &l->wait_ns))
		return 0;
	return fail(&l->common, CTL_USAGE, EINVAL, "-w %s: write seconds, as 2 or .5, or a number with its unit, as 500ms",
		    optarg);
}

static int take_code(struct lock_options *l)
{
	uint64_t v;

	if (!parse_u64(optarg, 255, &v))
		return fail(&l->common, CTL_USAGE, EINVAL, "-E %s: write an exit status, 0 to 255",
			    optarg);
	l->conflict = (int)v;
	return 0;
}

static int take_duration(struct lock_options *l, const char *name, uint64_t least,
			 uint64_t *ns)
{
	if (parse_duration(optarg, ns) && *ns >= least && *ns <= longest)
		return 0;
	return fail(&l->common, CTL_USAGE, EINVAL, "--%s %s: write a number with its unit, from %d ms to 1 h, as 5s",
		    name, optarg, (int)(least / ms));
}

static int take_loss(struct lock_options *l)
{
	static const char *const words[] = {
		[LOSS_TERM] = "term", [LOSS_KILL] = "kill", [LOSS_NONE] = "none",
	};
	int i;

	for (i = 0; i <= LOSS_NONE; i++) {
		if (!strcmp(optarg, words[i])) {
			l->on_loss = (enum on_loss)i;
			l->loss_given = true;
			return 0;
		}
	}
	return fail(&l->common, CTL_USAGE, EINVAL, "--on-loss %s: must be term, kill or none",
		    optarg);
}

static int take(struct lock_options *l, int option)
{
	switch (option) {
	case 's':
		l->shared = true;
		break;
	case 'x':
	case 'e':
		l->shared = false;
		break;
	case 'n':
		l->try = true;
		break;
	case 'w':
		return take_wait(l);
	case 'E':
		return take_code(l);
	case 'o':
		l->close = true;
		break;
	case 'F':
		l->no_fork = true;
		break;
	case 'c':
		l->shell = optarg;
		break;
	case 'h':
		l->help = true;
		break;
	case LONG_HEARTBEAT:
		return take_duration(l, "heartbeat", LOCK_BEAT_LEAST_MS * ms, &l->beat_ns);
	case LONG_ON_LOSS:
		return take_loss(l);
	case LONG_GRACE:
		return take_duration(l, "grace", ms, &l->grace_ns);
	case LONG_VERBOSE:
		l->verbose = true;
		break;
	case LONG_JSON:
		l->common.json = true;
		break;
	}
	return 0;
}

static int wrong_option(const struct lock_options *l, const char *word)
{
	const char *names[N_OPTIONS + 1];
	int i;

	for (i = 0; i <= N_OPTIONS; i++)
		names[i] = long_options[i].name;
	return options_wrong(&l->common, word, names);
}

/* Up to the first word that is no option, or behind "--": that is optind then. */
static int take_all(struct lock_options *l, int argc, char **argv)
{
	int c, at, status;

	opterr = 0;
	optind = 0;	/* glibc: begin anew */
	for (;;) {
		at = optind ? optind : 1;
		c = getopt_long(argc, argv, letters, long_options, NULL);
		if (c == -1)
			return 0;
		if (c == ':')
			return fail(&l->common, CTL_USAGE, EINVAL, "%s needs a value",
				    argv[optind - 1]);
		if (c == '?')
			return wrong_option(l, argv[optind > at ? optind - 1 : at]);
		status = take(l, c);
		if (status)
			return status;
	}
}

/* "-c TEXT" is a command, too. */
static int put_command(struct lock_options *l, char **command)
{
	if (l->shell && command[0])
		return fail(&l->common, CTL_USAGE, EINVAL, "-c has the whole command: %s is too much",
			    command[0]);
	l->by_shell[0] = (char *)"/bin/sh";
	l->by_shell[1] = (char *)"-c";
	l->by_shell[2] = l->shell;
	l->command = l->shell ? l->by_shell : command;
	if (l->command[0] && l->command[0][0])
		return 0;
	return fail(&l->common, CTL_USAGE, EINVAL, "lock needs a command to run while the lock %s is held: consensusctl lock %s -- COMMAND...",
		    l->name, l->name);
}

static int check(const struct lock_options *l)
{
	if (l->no_fork && l->close)
		return fail(&l->common, CTL_USAGE, EINVAL, "-F and -o do not go together: nobody would hold the lock");
	if (l->no_fork && (l->beat_ns || l->grace_ns))
		return fail(&l->common, CTL_USAGE, EINVAL, "-F leaves nobody to see to --heartbeat or --grace: the command does that itself, at CONSENSUS_LOCK_FD");
	if (l->no_fork && l->loss_given && l->on_loss != LOSS_NONE)
		return fail(&l->common, CTL_USAGE, EINVAL, "-F leaves nobody to stop the command: it watches CONSENSUS_LOCK_FD by itself (--on-loss none)");
	return device_name(&l->common, l->name);
}

int lock_parse(const struct options *o, struct lock_options *l)
{
	/* getopt begins behind the first word: the verb, then the name. */
	char **argv = o->args - 1;
	int argc = o->n_args + 1;
	int status;

	memset(l, 0, sizeof(*l));
	l->common = *o;
	l->wait_ns = o->timeout_ns ? o->timeout_ns : UINT64_MAX;
	l->conflict = CTL_ERROR;
	status = take_all(l, argc, argv);
	if (status || l->help)
		return status;
	if (optind >= argc)
		return fail(&l->common, CTL_USAGE, EINVAL, "lock needs a name and a command: consensusctl lock NAME -- COMMAND...");
	l->name = argv[optind];
	argv += optind;
	argc -= optind;
	status = take_all(l, argc, argv);
	if (status || l->help)
		return status;
	status = put_command(l, argv + optind);
	if (!l->wait_ns)
		l->try = true;
	return status ? status : check(l);
}
