// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A daemon of which one instance is active, on whichever machine; the others stand by.
 *
 *	one-active NAME
 *
 * Waits for the lock NAME, then works until the lock is lost or SIGTERM comes; after a loss it
 * stops at once and stands by again. Run it on every machine, and kill the one that is active:
 * another is, at once if a process died, after the TTL if a machine did.
 *
 * Each line begins with the token of the grant. Whatever is stored elsewhere should carry it,
 * so that the store can refuse an instance that was paused and does not know that it lost the
 * lock:  one-active NAME | token-store FILE
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <consensus.h>
#include <consensus_guard.h>

static void say(const char *what, uint64_t token)
{
	printf("%llu %s %d\n", (unsigned long long)token, what, getpid());
}

/* Works while the lock is held. Returns 0 for SIGTERM, else why it must stop. */
static int active(struct consensus_guard *guard, int signals)
{
	struct pollfd on[] = {
		{ .fd = consensus_guard_fd(guard), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	struct consensus_event event;
	uint64_t token;
	int ret;

	/* Asks the kernel before each step: a guard that lost its lock gives no token. */
	while (!(ret = consensus_guard_token(guard, &token))) {
		say("work", token); /* a step that is short against the lease */
		if (poll(on, 2, 20) < 0 && errno != EINTR)
			return -errno;
		if (on[1].revents)
			return 0;
		while ((ret = consensus_guard_event(guard, &event)) == 1)
			if (event.type == CONSENSUS_EVENT_SUSPECT)
				fprintf(stderr, "no quorum: the lock may be lost soon\n");
		if (ret)
			return ret;
	}
	return ret;
}

/* Returns when the lock is lost, or why it is not got. SIGTERM ends who waits, at once. */
static int stand_by(struct consensus_guard *guard, int signals, const sigset_t *term)
{
	int ret = consensus_guard_acquire(guard, CONSENSUS_NO_TIMEOUT);
	uint64_t token;

	if (ret)
		return ret;
	sigprocmask(SIG_BLOCK, term, NULL);
	ret = consensus_guard_token(guard, &token);
	if (!ret) {
		say("active", token);
		ret = active(guard, signals);
		say("stopped", token);
		if (!ret)
			exit(consensus_guard_release(guard, 0) ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	sigprocmask(SIG_UNBLOCK, term, NULL);
	return ret;
}

int main(int argc, char **argv)
{
	struct consensus_guard *guard;
	int signals, ret = -ENOMEM;
	sigset_t term;

	if (argc != 2 || *argv[1] == '-')
		return fprintf(stderr, "usage: one-active NAME\n"), 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	signals = signalfd(-1, &term, SFD_CLOEXEC);
	while (signals >= 0 && !(ret = consensus_guard_new(&guard, argv[1], 0))) {
		ret = stand_by(guard, signals, &term);
		fprintf(stderr, "one-active: %s\n", consensus_strerror(ret));
		consensus_guard_free(guard);
		sleep(1);
	}
	fprintf(stderr, "one-active: %s\n", consensus_strerror(ret));
	return EXIT_FAILURE;
}
