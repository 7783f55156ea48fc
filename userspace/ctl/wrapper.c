// SPDX-License-Identifier: GPL-2.0
/*
 * The wrapper: what the caller sees. Passes signals on, mirrors stops, and ends as
 * the command did.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"

enum { PASS_MS = 20, PATIENCE_MS = 2000 };

/**
 * struct run - how far the wrapper is
 * @g: what it runs
 * @wants: the command is to have the terminal when that is ours
 * @holds: it has it
 * @interrupted: SIGINT came here
 * @ctrl_c: it came to the command from the terminal that it had, and ended it
 * @lost: errno of the loss; 0: none
 * @stopped: the command was stopped because of that
 * @over: the guardian has said that all is gone
 * @orphaned: it died before
 * @told: that the command has left something behind
 */
struct run {
	struct guard *g;
	bool wants, holds, interrupted, ctrl_c;
	int lost;
	bool stopped, over, orphaned, told;
};

__attribute__((format(printf, 2, 3)))
static void say(const struct run *r, const char *format, ...)
{
	va_list args;

	if (!r->g->o->verbose)
		return;
	fputs("consensusctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* ---------------------------------------------------------------- terminal */

static void give(struct run *r)
{
	if (!r->wants || !r->g->command || r->g->ended || !terminal_ours(r->g))
		return;
	terminal_give(r->g, r->g->command);
	r->holds = true;
}

static void take_back(struct run *r)
{
	if (r->holds)
		terminal_give(r->g, r->g->home);
	r->holds = false;
}

/* To ourselves and the rest of the job, as the terminal would have sent it. */
static void send_home(int number)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	kill(0, number);
	sigprocmask(SIG_BLOCK, &one, NULL);
}

static bool continued(void)
{
	sigset_t pending;

	return !sigpending(&pending) && sigismember(&pending, SIGCONT);
}

/*
 * The command was stopped by the terminal: so is the job, that the shell sees it.
 * Where nothing can be stopped (an orphaned group), it goes on at once, unless it
 * was stopped for reaching for a terminal that it cannot get.
 */
static void mirror_stop(struct run *r, int number)
{
	bool asks = number == SIGTTIN || number == SIGTTOU;

	if (r->g->tty < 0 || (!asks && number != SIGTSTP))
		return;
	r->wants |= asks;
	if (asks && terminal_ours(r->g)) {
		give(r);
		note_send(r->g, r->g->link[0], NOTE_SIGNAL, SIGCONT);
		return;
	}
	take_back(r);
	send_home(number);
	if (number == SIGTSTP && !continued())
		note_send(r->g, r->g->link[0], NOTE_SIGNAL, SIGCONT);
}

/* ----------------------------------------------------------------- hearing */

static void exited(struct run *r, int status)
{
	r->g->ended = true;
	r->g->status = status;
	r->ctrl_c = r->holds && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT;
	/* What is left behind does not get Ctrl-C any more: we do, and pass it on. */
	take_back(r);
}

static void hear_event(const struct run *r, int type)
{
	const char *name = r->g->o->name;

	if (type == CONSENSUS_EVENT_SUSPECT)
		say(r, "no quorum is heard: the lock %s may be lost soon", name);
	else if (type == CONSENSUS_EVENT_SURE)
		say(r, "a quorum is heard again: the lock %s is safe", name);
	else if (type == CONSENSUS_EVENT_WANTED)
		say(r, "others wait for the lock %s", name);
}

static void hear_loss(struct run *r, int error)
{
	static const char *const then[] = {
		[LOSS_TERM] = "the command is told to end",
		[LOSS_KILL] = "the command is killed",
		[LOSS_NONE] = "the command goes on without it",
	};

	r->lost = error ? error : EKEYEXPIRED;
	fail(NULL, 0, r->lost, "the lock %s is lost (%s): %s", r->g->o->name,
	     r->lost == EKEYREVOKED ? "an administrator took it" :
	     r->lost == EKEYEXPIRED ? "no quorum, or no heartbeat, in time" : strerror(r->lost),
	     then[r->g->o->on_loss]);
}

static void hear_note(struct run *r, const struct note *note)
{
	if (note->ended && !r->g->ended)
		exited(r, note->status);
	switch (note->kind) {
	case NOTE_STARTED:
		r->g->command = note->value;
		r->holds = r->g->front;
		say(r, "the command runs as process %d", note->value);
		break;
	case NOTE_STOPPED:
		mirror_stop(r, note->value);
		break;
	case NOTE_EVENT:
		hear_event(r, note->value);
		break;
	case NOTE_LOST:
		hear_loss(r, note->value);
		break;
	case NOTE_ENDED:
		r->over = true;
		r->stopped = note->value;
		break;
	default:
		break;
	}
}

static void hear_guardian(struct run *r)
{
	struct note note;
	int got;

	while ((got = note_take(r->g->link[0], &note)) > 0)
		hear_note(r, &note);
	if (!got && !r->over)
		r->orphaned = true;
}

static void hear_signal(struct run *r)
{
	struct signalfd_siginfo info;
	int number;

	while (read(r->g->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		number = (int)info.ssi_signo;
		/* The guardian's end is seen at the socket. */
		if (number == SIGCHLD)
			continue;
		r->interrupted |= number == SIGINT;
		if (number == SIGTSTP && r->g->ended) {
			send_home(number);
			continue;
		}
		if (number == SIGCONT)
			give(r);
		note_send(r->g, r->g->link[0], NOTE_SIGNAL, number);
	}
}

/* Why it does not come back, for whoever sits and wonders. */
static void tell_left(struct run *r)
{
	if (r->told || !r->g->ended || r->over)
		return;
	r->told = true;
	if (r->g->o->verbose || isatty(STDERR_FILENO))
		fprintf(stderr, "consensusctl: the command has ended, but what it started goes on: the lock %s is held until that ends, too (not with -o)\n",
			r->g->o->name);
}

static void hear(struct run *r)
{
	struct pollfd at[] = {
		{ .fd = r->g->signals, .events = POLLIN },
		{ .fd = r->g->link[0], .events = POLLIN },
	};
	int n = poll(at, 2, r->g->ended && !r->told ? PATIENCE_MS : -1);

	if (!n)
		tell_left(r);
	if (n > 0 && at[1].revents)
		hear_guardian(r);
	if (n > 0 && at[0].revents)
		hear_signal(r);
}

/* ---------------------------------------------------------------- the end */

/* The guardian was killed: what it guarded is ours now, and must not live on. */
static void end_orphans(struct run *r)
{
	struct pollfd at = { .fd = r->g->signals, .events = POLLIN };
	struct signalfd_siginfo info;

	fail(NULL, 0, 0, "the guardian process was killed: the command is killed, too");
	/* The lock stays until they are gone. */
	if (r->g->o->beat_ns)
		consensus_handle_heartbeat(r->g->fd, 0);
	while (!family_reap(r->g, NULL)) {
		if (r->g->o->close && r->g->ended)
			break;
		family_signal(r->g, SIGKILL);
		poll(&at, 1, PASS_MS);
		while (read(r->g->signals, &info, sizeof(info)) > 0)
			;
	}
}

/* It held to the end, or we do not say that all went well. */
static void give_back(struct run *r)
{
	int ret;

	/* Death by a signal is death of the holder: whoever comes next is told. */
	if (r->lost || r->orphaned || !r->g->ended || !WIFEXITED(r->g->status))
		return;
	ret = lock_give_back(r->g);
	if (ret == -EKEYEXPIRED || ret == -EKEYREVOKED || ret == -EPERM || ret == -ESTALE) {
		r->lost = -ret;
		r->stopped = r->g->o->on_loss != LOSS_NONE;
		fail(NULL, 0, ret, "the lock %s was lost when the command ended: %s",
		     r->g->o->name, consensus_strerror(ret));
	} else if (ret) {
		say(r, "the lock could not be given back at once (%s): the kernel does it",
		    consensus_strerror(ret));
	}
}

/*
 * Ctrl-C reached the command alone: the others of the job get it, too, and a shell
 * must see that we died of it, or it takes it for handled and goes on.
 */
static void die_interrupted(struct run *r)
{
	if (r->ctrl_c)
		send_home(SIGINT);
	sigprocmask(SIG_SETMASK, &r->g->before, NULL);
	if (r->interrupted)
		kill(getpid(), SIGINT);
}

static int conclude(struct run *r)
{
	int status = r->g->status;

	take_back(r);
	give_back(r);
	if (r->stopped)
		return LOCK_LOST;
	if (!r->g->ended)
		return CTL_SIGNAL + SIGKILL;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
		die_interrupted(r);
	return WIFSIGNALED(status) ? CTL_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

static int fork_guardian(struct guard *g)
{
	int ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, g->link))
		return -errno;
	/* Before there is anything to be reaped. */
	g->self = getpid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	g->guardian = fork();
	if (!g->guardian)
		guardian_run(g);
	ret = g->guardian < 0 ? -errno : 0;
	close(g->link[1]);
	if (g->beat[0] >= 0) {
		close(g->beat[0]);
		close(g->beat[1]);
	}
	return ret;
}

int wrapper_run(struct guard *g)
{
	struct run r = { .g = g, .wants = g->front };
	int ret;

	ret = fork_guardian(g);
	if (ret) {
		lock_give_back(g);
		return fail(&g->o->common, CTL_ERROR, ret, "no guardian process: %s",
			    strerror(-ret));
	}
	while (!r.over && !r.orphaned)
		hear(&r);
	if (r.orphaned)
		end_orphans(&r);
	else
		waitpid(g->guardian, NULL, 0);
	return conclude(&r);
}
