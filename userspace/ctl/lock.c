// SPDX-License-Identifier: GPL-2.0
/*
 * lock: from the command line to the command.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "device.h"
#include "lock.h"

static void put_number(const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	setenv(key, text, 1);
}

static void put_environment(const struct guard *g)
{
	setenv("CONSENSUS_LOCK_NAME", g->o->name, 1);
	put_number("CONSENSUS_LOCK_TOKEN", g->grant.token);
	if (g->grant.info & CONSENSUS_GRANT_DIED)
		setenv("CONSENSUS_LOCK_DIED", "1", 1);
	else
		unsetenv("CONSENSUS_LOCK_DIED");
	if (g->beat[1] >= 0)
		put_number("CONSENSUS_LOCK_HEARTBEAT_FD", (uint64_t)g->beat[1]);
	if (g->o->no_fork)
		put_number("CONSENSUS_LOCK_FD", (uint64_t)g->fd);
}

/*
 * From now on signals are read, not taken. What the caller had ignored (nohup)
 * stays so.
 */
static int catch_signals(struct guard *g)
{
	static const int numbers[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT,
	};
	const struct sigaction normal = { .sa_handler = SIG_DFL };
	struct sigaction before;
	sigset_t blocked;
	size_t i;

	sigemptyset(&g->caught);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!sigaction(numbers[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaddset(&g->caught, numbers[i]);
	}
	/* An ignored SIGCHLD would reap what we wait for. */
	sigaddset(&g->caught, SIGCHLD);
	sigaction(SIGCHLD, &normal, &g->child_before);
	blocked = g->caught;
	/* To have the terminal is not ours to be asked. */
	sigaddset(&blocked, SIGTTIN);
	sigaddset(&blocked, SIGTTOU);
	sigprocmask(SIG_BLOCK, &blocked, &g->before);
	g->signals = signalfd(-1, &g->caught, SFD_CLOEXEC | SFD_NONBLOCK);
	return g->signals < 0 ? -errno : 0;
}

/* -F: the command holds the lock by itself, and so does what inherits it. */
static int become(const struct guard *g)
{
	char **command = g->o->command;
	int error;

	lock_nonblock(g, false);
	fcntl(g->fd, F_SETFD, 0);
	execvp(command[0], command);
	error = errno;
	lock_give_back(g);
	return command_failed(command[0], error);
}

static int run_held(struct guard *g)
{
	int ret = 0;

	put_environment(g);
	if (g->o->no_fork)
		return become(g);
	if (g->o->beat_ns)
		ret = consensus_handle_heartbeat(g->fd, g->o->beat_ns);
	if (!ret)
		ret = catch_signals(g);
	if (ret) {
		lock_give_back(g);
		return device_refused(&g->o->common, ret);
	}
	terminal_find(g);
	lock_nonblock(g, true);
	return wrapper_run(g);
}

/*
 * Where the caller had closed standard input, output or error, the handle must not
 * take that place; the command finds it closed, as it was.
 */
static void fill_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int run_lock(const struct options *o)
{
	struct lock_options l;
	struct guard g = { .o = &l, .beat = { -1, -1 }, .tty = -1 };
	int status;

	status = lock_parse(o, &l);
	if (status)
		return status;
	if (l.help || o->given & OPT_HELP)
		return print_help("lock");
	fill_standard();
	/* First of all, for a low number: not every shell can write to a high one. */
	if (l.beat_ns && pipe2(g.beat, O_CLOEXEC | O_NONBLOCK))
		return fail(&l.common, CTL_ERROR, errno, "no pipe: %s", strerror(errno));
	status = device_open(&l.common, O_RDWR, &g.fd);
	if (!status && lock_acquire(&g, &status))
		status = run_held(&g);
	return status;
}
