// SPDX-License-Identifier: GPL-2.0
/*
 * Who has the terminal. The command is a process group of its own; so that Ctrl-C
 * and Ctrl-Z reach it and it may read, it must be the one in the foreground
 * whenever its wrapper would be.
 */
#include <fcntl.h>
#include <unistd.h>

#include "lock.h"

/* With a standard input that is no terminal it asks first, by SIGTTIN or SIGTTOU. */
void terminal_find(struct guard *g)
{
	g->home = getpgrp();
	g->tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	g->front = terminal_ours(g) && isatty(STDIN_FILENO);
}

bool terminal_ours(const struct guard *g)
{
	return g->tty >= 0 && tcgetpgrp(g->tty) == g->home;
}

/* SIGTTOU is blocked: so it works from the background, too. */
void terminal_give(const struct guard *g, pid_t group)
{
	if (g->tty >= 0)
		tcsetpgrp(g->tty, group);
}
