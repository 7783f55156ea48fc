/* SPDX-License-Identifier: GPL-2.0 */
#include <signal.h>
#include <string.h>

#include "ctl.h"

static volatile sig_atomic_t came;

static void note(int number)
{
	came = number;
}

void signals_catch(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = note;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

int signals_came(void)
{
	return came;
}
