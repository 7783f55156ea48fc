/* SPDX-License-Identifier: GPL-2.0 */
/*
 * consensusctl lock: a command that runs while a lock is held.
 *
 *	wrapper --- guardian --- command --- what it starts
 *	  |            |
 *	  +---handle---+
 *
 * The wrapper is the process that was called. It takes the lock, passes signals
 * on, and ends with the command's exit status. The guardian, its child, starts
 * the command, and ends it when the wrapper dies or the lock is lost. Both have the
 * handle, which owns the lock; nothing that they start has it. So the lock is held
 * until both are gone, and each goes last of all:
 *
 *   - the guardian is a subreaper: what the command leaves behind becomes its child,
 *     also what has left the process group. It ends when it has no child any more;
 *   - the wrapper is one, too: if the guardian is killed, all of that becomes the
 *     wrapper's, which kills it, and ends when it has no child any more;
 *   - if both are killed, the command is killed by the guardian's death
 *     (PR_SET_PDEATHSIG). Only then may it outlive the lock, by a moment; and
 *     what it has started may go on. That is what tokens are for.
 *
 * Death is seen at the socket between them, which closes with either.
 */
#ifndef CTL_LOCK_H
#define CTL_LOCK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/consensus.h"
#include "ctl.h"

enum {
	LOCK_LOST = 122,	/* exit status: stopped because the lock was lost */
	LOCK_GRACE_MS = 5000,	/* from TERM to KILL */
	LOCK_GRACE_LEAST_MS = 20,
	LOCK_GRACE_PART = 20,	/* after a loss: such a part of the lease */
	LOCK_BEAT_LEAST_MS = 10,
	/* How long these may take; if not, the kernel does it when we are closed. */
	LOCK_RELEASE_MS = 5000,	/* giving back */
	LOCK_LEAVE_MS = 1000,	/* leaving the queue */
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
};

/* What becomes of the command when the lock is lost. */
enum on_loss { LOSS_TERM, LOSS_KILL, LOSS_NONE };

/**
 * struct lock_options - the command line of lock
 * @common: those of every verb
 * @shared: -s
 * @try: -n
 * @wait_ns: -w; UINT64_MAX: for ever
 * @conflict: -E: exit status if it is not acquired
 * @close: -o: the lock ends with the command, whatever that leaves behind
 * @no_fork: -F: no guardian: the command itself gets the handle
 * @verbose: say what happens
 * @help: only that
 * @beat_ns: --heartbeat; 0: none
 * @grace_ns: --grace; 0: the default
 * @on_loss: --on-loss; of no meaning with -F
 * @loss_given: it was said
 * @name: of the lock
 * @shell: what -c gave, or NULL
 * @by_shell: the words for that
 * @command: its words, NULL behind the last
 */
struct lock_options {
	struct options common;
	bool shared, try, close, no_fork, verbose, help;
	uint64_t wait_ns;
	int conflict;
	uint64_t beat_ns, grace_ns;
	enum on_loss on_loss;
	bool loss_given;
	const char *name;
	char *shell, *by_shell[4];
	char **command;
};

/* lock_options.c: 0, or CTL_USAGE after saying why */
int lock_parse(const struct options *o, struct lock_options *l);

/**
 * struct guard - what wrapper and guardian share, each with its own copy
 * @o: the command line
 * @fd: the handle
 * @grant: of the lock
 * @link: between them: [0] the wrapper's end, [1] the guardian's
 * @beat: pipe of --heartbeat: [0] the guardian's end, [1] the command's; -1: none
 * @signals: signalfd of @caught
 * @caught: signals that are blocked and read there
 * @before: signal mask of the caller, for the command
 * @child_before: disposition of SIGCHLD of the caller, for the command
 * @tty: the controlling terminal; -1: none
 * @home: process group of the wrapper
 * @front: the command gets the terminal when it starts
 * @self: process whose descendants are ours to end: wrapper or guardian
 * @guardian: its pid
 * @command: its pid and process group; 0: not started, or not known
 * @ended: the command was reaped, so that its pid means nothing any more
 * @status: as wait(2) had it
 */
struct guard {
	const struct lock_options *o;
	int fd;
	struct consensus_grant grant;
	int link[2], beat[2];
	int signals;
	sigset_t caught, before;
	struct sigaction child_before;
	int tty;
	pid_t home;
	bool front;
	pid_t self, guardian, command;
	bool ended;
	int status;
};

/* What they tell each other. */
enum note_kind {
	NOTE_STARTED,	/* guardian: pid of the command */
	NOTE_STOPPED,	/* guardian: the command was stopped by that signal */
	NOTE_EXITED,	/* guardian: status of the command */
	NOTE_EVENT,	/* guardian: enum consensus_event_type */
	NOTE_LOST,	/* guardian: the lock is lost; errno */
	NOTE_ENDED,	/* guardian: all is gone; 1: because the lock was lost */
	NOTE_SIGNAL,	/* wrapper: pass that signal on */
};

/**
 * struct note - a message
 * @kind: enum note_kind
 * @value: see there
 * @ended: the command was reaped
 * @status: then: as wait(2) had it
 */
struct note {
	int32_t kind, value;
	int32_t ended, status;
};

/* Never waits, but for NOTE_ENDED. @link: the own end. */
void note_send(const struct guard *g, int link, enum note_kind kind, int value);
/* One note: 1; 0: the other is dead; -1: none now. */
int note_take(int link, struct note *note);

/* acquire.c: is it ours? If not, @status to exit with, which may be any; why is said. */
bool lock_acquire(struct guard *g, int *status);
/* Reading events never waits, then; nor does a call for its place in a queue. */
void lock_nonblock(const struct guard *g, bool on);
/* 0 or -errno: it was given back. */
int lock_give_back(const struct guard *g);

/* wrapper.c: runs all of it; the exit status */
int wrapper_run(struct guard *g);
/* Says that the command could not be started; the exit status. */
int command_failed(const char *command, int error);
/* Signal mask and the disposition of SIGCHLD back to what they were. */
void signals_restore(const struct guard *g);

/* guardian.c: does not return */
_Noreturn void guardian_run(struct guard *g);

/* family.c: everything below a process */

/* Sends @number to the command's group, and to all descendants of @g->self. */
void family_signal(const struct guard *g, int number);
/*
 * Reaps what has ended. True: there is no child any more. @told: gets the signal
 * that stopped the command, or 0; NULL: not asked.
 */
bool family_reap(struct guard *g, int *told);

/* terminal.c */

/* Opens the controlling terminal, if there is one. */
void terminal_find(struct guard *g);
/* Is the wrapper's process group in the foreground? */
bool terminal_ours(const struct guard *g);
void terminal_give(const struct guard *g, pid_t group);

#endif
