// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "ctl.h"

static void print_options(void)
{
	printf("\nWith all of them:\n"
	       "  --json            JSON on standard output, errors too\n"
	       "  --timeout D       how long to wait: 500ms, 5s, 2m, none\n"
	       "                    (default none for lock; 10m for up, backup and restore; 5s\n"
	       "                    for status and down; else 30s)\n"
	       "  --help\n");
}

static void print_exits(void)
{
	printf("\nExit status:\n"
	       "  0    done\n"
	       "  1    refused or failed; nothing happened\n"
	       "  2    wrong arguments or configuration; nothing happened\n"
	       "  3    no quorum, or the time was up; nothing happened\n"
	       "  4    the outcome is unknown, or it still goes on: see consensusctl status\n"
	       "  5    the node is not started or the module not loaded; nothing happened\n"
	       "  130  interrupted (143: terminated); nothing happened\n"
	       "check and, once its command runs, lock have others: see there.\n");
}

void print_usage(void)
{
	const struct verb *v;

	printf("consensusctl: the node of this machine (more exactly: of this network namespace)\n\n");
	for (v = verbs; v->name; v++) {
		printf("  consensusctl %-7s %-34s ", v->name, v->args);
		/* What is too long has its summary below. */
		if (strlen(v->args) > 34)
			printf("\n%57s", "");
		printf("%s\n", v->summary);
	}
	print_options();
	print_exits();
	printf("\nMore on one of them: consensusctl help VERB; on all: man consensusctl\n");
}

static void print_verb(const struct verb *v)
{
	printf("consensusctl %s %s\n\n%s.\n\n%s\n", v->name, v->args, v->summary, v->text);
	print_options();
	print_exits();
}

int print_help(const char *verb)
{
	print_verb(verb_find(verb));
	return CTL_OK;
}

int run_help(const struct options *o)
{
	const struct verb *v = NULL;

	if (o->n_args)
		v = verb_find(o->args[0]);
	if (o->n_args && !v)
		return fail(o, CTL_USAGE, 0, "there is no command %s: see consensusctl help",
			    o->args[0]);
	if (v)
		print_verb(v);
	else
		print_usage();
	return CTL_OK;
}
