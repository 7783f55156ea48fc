// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "ctl.h"

static atomic_int came;

static void note(int number)
{
	came = number;
}

/* What was ignored when we were started (nohup) stays so. */
static void catch_one(int number)
{
	struct sigaction action, before;

	memset(&action, 0, sizeof(action));
	action.sa_handler = note;
	sigemptyset(&action.sa_mask);
	if (!sigaction(number, NULL, &before) && before.sa_handler != SIG_IGN)
		sigaction(number, &action, NULL);
}

void signals_catch(void)
{
	catch_one(SIGINT);
	catch_one(SIGTERM);
}

int signals_came(void)
{
	return came;
}
