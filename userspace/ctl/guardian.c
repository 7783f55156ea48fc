// SPDX-License-Identifier: GPL-2.0
/*
 * The guardian: starts the command, and ends it before the lock may be another's.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"

enum { PASS_LEAST_MS = 10, PASS_MOST_MS = 1000, EVENTS = 16 };

static const uint64_t ms = 1000 * 1000;

/**
 * struct watch - how far the guardian is
 * @g: what it guards
 * @alone: the wrapper is dead
 * @lost: the lock is lost
 * @stopping: the command was told to end
 * @killing: and is killed now
 * @kill_at: when it is killed, again (ns); UINT64_MAX: not
 * @pass_ms: to the next pass of killing
 * @gone: there is no child any more
 */
struct watch {
	struct guard *g;
	bool alone, lost, stopping, killing;
	uint64_t kill_at;
	unsigned int pass_ms;
	bool gone;
};

/*
 * The other may be stopped, and then nothing is read: only the end is worth waiting
 * for. Whether it died is noticed by reading.
 */
void note_send(const struct guard *g, int link, enum note_kind kind, int value)
{
	const struct note note = {
		.kind = (int32_t)kind, .value = value, .ended = g->ended, .status = g->status,
	};

	while (send(link, &note, sizeof(note), MSG_NOSIGNAL |
		    (kind == NOTE_ENDED ? 0 : MSG_DONTWAIT)) < 0 && errno == EINTR)
		;
}

int note_take(int link, struct note *note)
{
	ssize_t n;

	/* It ended without reading our last: that is told first, once; its own follow. */
	do
		n = recv(link, note, sizeof(*note), MSG_DONTWAIT);
	while (n < 0 && errno == ECONNRESET);
	if (n == (ssize_t)sizeof(*note))
		return 1;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? -1 : 0;
}

/* ---------------------------------------------------------------- command */

int command_failed(const char *command, int error)
{
	fail(NULL, 0, error, "%s: %s", command, strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

void signals_restore(const struct guard *g)
{
	sigaction(SIGCHLD, &g->child_before, NULL);
	sigprocmask(SIG_SETMASK, &g->before, NULL);
}

static _Noreturn void command_run(const struct guard *g)
{
	char **command = g->o->command;

	setpgid(0, 0);
	/* The guardian's death is ours, also if it came before this call. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != g->guardian)
		_exit(CTL_SIGNAL + SIGKILL);
	if (g->front)
		terminal_give(g, getpid());
	/* All others close by themselves at exec. */
	if (g->beat[1] >= 0)
		fcntl(g->beat[1], F_SETFD, 0);
	signals_restore(g);
	execvp(command[0], command);
	_exit(command_failed(command[0], errno));
}

/* Both sides move it, so that neither finds it in the wrong group. */
static int command_start(struct guard *g)
{
	pid_t pid = fork();

	if (!pid)
		command_run(g);
	if (pid < 0)
		return -errno;
	setpgid(pid, pid);
	g->command = pid;
	if (g->beat[1] >= 0)
		close(g->beat[1]);
	note_send(g, g->link[1], NOTE_STARTED, pid);
	return 0;
}

/* ------------------------------------------------------------------ ending */

/* The twentieth part is what the node gives up earlier than the cluster. */
static uint64_t grace(const struct watch *w)
{
	uint64_t most = LOCK_GRACE_MS * ms, least = LOCK_GRACE_LEAST_MS * ms, ns;

	if (w->g->o->grace_ns)
		return w->g->o->grace_ns;
	if (!w->lost)
		return most;
	ns = w->g->grant.lease_ns / LOCK_GRACE_PART;
	return ns < least ? least : ns > most ? most : ns;
}

/* TERM, or KILL at once; what is stopped must go on to see it. */
static void stop(struct watch *w, bool at_once)
{
	uint64_t kill_at = at_once ? 0 : later_ns(now_ns(), grace(w));

	/* The lock stays until they are gone, however long that takes. */
	if (!w->stopping && w->g->o->beat_ns)
		consensus_handle_heartbeat(w->g->fd, 0);
	if (kill_at < w->kill_at)
		w->kill_at = kill_at;
	if (!w->stopping && !at_once) {
		family_signal(w->g, SIGTERM);
		family_signal(w->g, SIGCONT);
	}
	w->stopping = true;
}

static void lose(struct watch *w, int error)
{
	enum on_loss on_loss = w->g->o->on_loss;

	if (w->lost)
		return;
	w->lost = true;
	note_send(w->g, w->g->link[1], NOTE_LOST, error);
	if (on_loss != LOSS_NONE)
		stop(w, on_loss == LOSS_KILL);
}

/* What is killed leaves children, and those are killed by the next pass. */
static void kill_pass(struct watch *w)
{
	w->killing = true;
	family_signal(w->g, SIGKILL);
	w->pass_ms = w->pass_ms ? 2 * w->pass_ms : PASS_LEAST_MS;
	if (w->pass_ms > PASS_MOST_MS)
		w->pass_ms = PASS_MOST_MS;
	w->kill_at = later_ns(now_ns(), w->pass_ms * ms);
}

/* ---------------------------------------------------------------- watching */

/* A signal for the command: to its group, as a terminal would send it. */
static void pass_on(const struct guard *g, int number)
{
	if (g->command && !g->ended)
		kill(-g->command, number);
	else
		family_signal(g, number);
}

static void hear_wrapper(struct watch *w)
{
	struct note note;
	int got = note_take(w->g->link[1], &note);

	if (got > 0 && note.kind == NOTE_SIGNAL)
		pass_on(w->g, note.value);
	if (got)
		return;
	w->alone = true;
	stop(w, false);
}

static void hear_children(struct watch *w)
{
	struct guard *g = w->g;
	bool before = g->ended;
	int stopped;

	w->gone = family_reap(g, &stopped);
	if (stopped && !w->stopping)
		note_send(g, g->link[1], NOTE_STOPPED, stopped);
	if (!before && g->ended)
		note_send(g, g->link[1], NOTE_EXITED, g->status);
	/* There are orphans, perhaps: they are not to wait. */
	if (w->killing) {
		w->pass_ms = 0;
		w->kill_at = 0;
	}
}

static void hear_signal(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->g->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			hear_children(w);
		else
			pass_on(w->g, (int)info.ssi_signo);
	}
}

static void hear_handle(struct watch *w, short happened)
{
	struct consensus_event event[EVENTS];
	int i, n = 0;

	if (happened & POLLIN)
		n = consensus_events(w->g->fd, event, EVENTS);
	for (i = 0; i < n; i++) {
		if (event[i].type == CONSENSUS_EVENT_LOST)
			lose(w, -event[i].status);
		else
			note_send(w->g, w->g->link[1], NOTE_EVENT, (int)event[i].type);
	}
	if (n < 0 && n != -EINTR && n != -EAGAIN)
		lose(w, -n);
	if (happened & (POLLERR | POLLHUP | POLLNVAL))
		lose(w, EKEYEXPIRED);
}

static void hear_beat(struct watch *w)
{
	struct guard *g = w->g;
	char bytes[256];
	ssize_t n = read(g->beat[0], bytes, sizeof(bytes));

	if (n > 0 && !w->stopping)
		consensus_handle_heartbeat(g->fd, g->o->beat_ns);
	if (n)
		return;
	/* Nobody has the other end any more: nothing will come. */
	close(g->beat[0]);
	g->beat[0] = -1;
}

static int wait_ms(const struct watch *w)
{
	uint64_t now = now_ns(), left;

	if (w->kill_at == UINT64_MAX)
		return -1;
	if (w->kill_at <= now)
		return 0;
	left = (w->kill_at - now) / ms + 1;
	return left < INT_MAX ? (int)left : INT_MAX;
}

static void watch_once(struct watch *w)
{
	struct guard *g = w->g;
	struct pollfd at[] = {
		{ .fd = g->signals, .events = POLLIN },
		{ .fd = w->alone ? -1 : g->link[1], .events = POLLIN },
		{ .fd = w->lost ? -1 : g->fd, .events = POLLIN },
		{ .fd = g->beat[0], .events = POLLIN },
	};

	if (poll(at, sizeof(at) / sizeof(at[0]), wait_ms(w)) < 0)
		return;
	if (at[0].revents)
		hear_signal(w);
	if (at[1].revents)
		hear_wrapper(w);
	if (at[2].revents)
		hear_handle(w, at[2].revents);
	if (at[3].revents)
		hear_beat(w);
	if (w->stopping && now_ns() >= w->kill_at)
		kill_pass(w);
}

_Noreturn void guardian_run(struct guard *g)
{
	struct watch w = { .g = g, .kill_at = UINT64_MAX };
	int error;

	close(g->link[0]);
	g->self = getpid();
	g->guardian = g->self;
	setpgid(0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "lock-guardian");
	error = command_start(g);
	if (error) {
		fail(NULL, 0, error, "no process for the command: %s", strerror(-error));
		g->ended = true;
		g->status = W_EXITCODE(CTL_ERROR, 0);
		w.gone = true;
	}
	while (!(w.gone || (g->o->close && g->ended)))
		watch_once(&w);
	if (w.alone && g->tty >= 0 && tcgetpgrp(g->tty) == g->command)
		terminal_give(g, g->home);
	note_send(g, g->link[1], NOTE_ENDED, w.lost && w.stopping);
	_exit(CTL_OK);
}
