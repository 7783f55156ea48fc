// SPDX-License-Identifier: GPL-2.0
/*
 * How a guard loses its lock, and what it says then.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "../lock/lk.h"
#include "guard.h"
#include "lt.h"

/* Reads events until there are none; what was said then. @lost: of LOST events. */
static int read_all(struct consensus_guard *guard, int *lost)
{
	struct consensus_event event;
	int ret;

	*lost = 0;
	while ((ret = consensus_guard_event(guard, &event)) == 1)
		if (event.type == CONSENSUS_EVENT_LOST)
			*lost = event.status;
	return ret;
}

/* It was lost, @why; whoever was told so by check() or by an event. Taken anew. */
static void after_loss(struct consensus_guard *g, const struct consensus_fence *old, int why,
		       const char *how)
{
	struct consensus_result result;
	struct consensus_fence fence;
	int lost, ret;

	ok(lk_poll(consensus_guard_fd(g), 5000) & POLLERR, "%s: poll() has POLLERR", how);
	ok(guard_gives_nothing(g, why) && consensus_guard_release(g, 0) == why,
	   "%s: no token, no fence, no release", how);
	ret = read_all(g, &lost);
	ok(lost == why && ret == why && guard_gives_nothing(g, why), "%s: an event tells so", how);
	ret = consensus_guard_acquire(g, 0);
	is_errno(-ret, 0, "%s: it is taken anew", how);
	ok(!consensus_guard_check(g) && !consensus_guard_fence(g, &fence) &&
	   fence.token > old->token, "%s: with a higher token", how);
	ret = consensus_counter_add_fenced(consensus_guard_fd(g), old, "lost.work", 1, 0, &result);
	is_errno(-ret, ESTALE, "%s: the old fence is worth nothing", how);
	ok(!consensus_counter_add_fenced(consensus_guard_fd(g), &fence, "lost.work", 1, 0, &result),
	   "%s: the new one is good", how);
	consensus_guard_free(g);
}

/* ---- an administrator ---- */

static int revokes(void *arg)
{
	int fd;

	lt_enter(opt.other);
	fd = lk_open(NULL, O_RDWR);
	return fd < 0 ? 1 : lk_revoke(fd, arg, 0, NULL);
}

void test_revoke(void)
{
	struct consensus_guard *g = guard_held("revoked", 0);
	struct consensus_fence fence;
	int lost;

	consensus_guard_fence(g, &fence);
	ok(!lt_wait(lt_child(revokes, (void *)"revoked")), "an administrator takes it");
	is_errno(-guard_until(g, 0, 5000), EKEYREVOKED, "check() says so");
	after_loss(g, &fence, -EKEYREVOKED, "revoked");

	g = guard_held("revoked", 0);
	consensus_guard_fence(g, &fence);
	lt_wait(lt_child(revokes, (void *)"revoked"));
	ok(lk_poll(consensus_guard_fd(g), 5000) & POLLIN && read_all(g, &lost) == -EKEYREVOKED &&
	   lost == -EKEYREVOKED, "who reads the event first");
	ok(guard_gives_nothing(g, -EKEYREVOKED), "is told by check() also then");
	ok(!consensus_guard_acquire(g, 0) && !consensus_guard_check(g), "and takes it anew");
	consensus_guard_free(g);

	g = guard_held("revoked", 0);
	lt_wait(lt_child(revokes, (void *)"revoked"));
	is_errno(-consensus_guard_release(g, 0), EKEYREVOKED, "a release of what was taken");
	ok(guard_gives_nothing(g, -EKEYREVOKED), "and after it");
	consensus_guard_free(g);
}

/* ---- a program that hangs ---- */

void test_heartbeat(void)
{
	struct consensus_guard *g = guard_held("beats", 0), *other = guard_new("beats", 0);
	struct consensus_fence fence;
	int i, ret = 0;

	consensus_guard_fence(g, &fence);
	for (i = 0; i < 10 && !ret; i++) {
		ret = consensus_handle_heartbeat(consensus_guard_fd(g), SEC);
		ret = ret ? ret : consensus_guard_check(g);
		sleep_ms(20);
	}
	is_errno(-ret, 0, "with heartbeats it is held");
	ret = consensus_handle_heartbeat(consensus_guard_fd(g), SEC / 10);
	sleep_ms(150);
	is_errno(-consensus_guard_check(g), EKEYEXPIRED, "without one it is lost");
	is_errno(-consensus_guard_acquire(other, 0), 0, "another has it then");
	consensus_guard_free(other);
	after_loss(g, &fence, -EKEYEXPIRED, "no heartbeat");
}

/* ---- a node that is cut off ---- */

static struct {
	_Atomic uint64_t waits, granted, token;
	int error;
} *heir;

/* On the other node: waits for the lock of the one that is cut off. */
static int inherits(void *arg)
{
	struct consensus_guard *g;
	uint64_t token = 0;

	(void)arg;
	lt_enter(opt.other);
	g = guard_new("cut", 0);
	atomic_store(&heir->waits, now_ns());
	heir->error = consensus_guard_acquire(g, 120 * SEC);
	atomic_store(&heir->granted, now_ns());
	consensus_guard_token(g, &token);
	atomic_store(&heir->token, token);
	consensus_guard_free(g);
	return !!heir->error;
}

/**
 * struct watch - what a holder that is cut off sees
 * @last: when it was told last that it holds it (when it asked, not when it was told)
 * @longest: that a check took (ns)
 * @end: what it was told then
 */
struct watch {
	uint64_t last, longest;
	int end;
};

static void watch(struct consensus_guard *g, struct watch *w)
{
	uint64_t until = now_ns() + 5ULL * opt.ttl_ms * 1000000, asked, took;

	memset(w, 0, sizeof(*w));
	do {
		asked = now_ns();
		w->end = consensus_guard_check(g);
		took = now_ns() - asked;
		if (!w->end)
			w->last = asked;
		w->longest = took > w->longest ? took : w->longest;
		sleep_ms(1);
	} while (!w->end && asked < until);
}

static void holder_cut(struct consensus_guard *g)
{
	struct consensus_fence fence;
	uint64_t before, cut, token;
	struct watch w;
	pid_t pid;

	consensus_guard_fence(g, &fence);
	pid = lt_child(inherits, NULL);
	lt_await(&heir->waits, 10000);
	before = now_ns();
	hook(opt.cut);
	/* To cut it takes a while on a busy machine: what follows counts from its end. */
	cut = now_ns();
	watch(g, &w);
	is_errno(-w.end, EKEYEXPIRED, "cut off: the lock is lost");
	note("held for %" PRIu64 " ms, the longest check took %" PRIu64 " us",
	     (w.last - cut) / 1000000, w.longest / 1000);
	/* A lease of TTL was renewed a quarter of one before, or less. */
	ok(w.last - before > opt.ttl_ms * 1000000ULL / 4 && w.last - cut < opt.ttl_ms * 1000000ULL,
	   "not before its time, and not after it");
	ok(w.longest < opt.ttl_ms * 1000000ULL / 4, "no check waited for the cluster");
	token = lt_await(&heir->token, 4 * opt.ttl_ms + 20000);
	ok(token > fence.token && !lt_wait(pid), "another node has it then");
	ok(heir->granted > w.last, "and had it when this one knew of its loss");
	ok(guard_gives_nothing(g, -EKEYEXPIRED) && consensus_guard_release(g, 0) == -EKEYEXPIRED,
	   "nothing is to be had any more, still cut off");
}

/* A release that cannot come through: the guard has nothing, whatever becomes of it. */
static void release_cut(struct consensus_guard *g)
{
	int ret = consensus_guard_release(g, SEC / 10);

	is_errno(-ret, ENOTRECOVERABLE, "cut off: what becomes of a release is not known");
	ok(guard_gives_nothing(g, -EPERM) && consensus_guard_release(g, 0) == -EPERM,
	   "the guard has nothing then");
}

void test_cut(void)
{
	struct consensus_guard *g = guard_held("cut", 0), *r = guard_held("released", 0);
	struct consensus_fence fence;
	int ret;

	heir = lt_shared(sizeof(*heir));
	consensus_guard_fence(g, &fence);
	holder_cut(g);
	hook(opt.heal);
	after_loss(g, &fence, -EKEYEXPIRED, "healed");
	/* Its session was another's: it is lost with the first. */
	ret = consensus_guard_acquire(r, 60 * SEC);
	is_errno(-ret, 0, "a guard that had not asked takes its lock anew, too");
	hook(opt.cut);
	release_cut(r);
	hook(opt.heal);
	ret = consensus_guard_acquire(r, 60 * SEC);
	is_errno(-ret, 0, "healed, it takes the lock again");
	ok(!consensus_guard_check(r) && !consensus_guard_release(r, 0),
	   "has it, and gives it back");
	consensus_guard_free(r);
}

/* ---- a node that is stopped ---- */

void test_stop(void)
{
	struct consensus_guard *g = guard_held("stopped", 0);
	int ret, i;

	hook(opt.stop);
	ret = guard_until(g, 0, 5000);
	ok(ret == -EKEYEXPIRED || ret == -ENOTCONN, "the node is stopped: nothing is held");
	is_errno(-guard_until(g, -ENOTCONN, 5000), EKEYEXPIRED, "and that is told");
	ok(guard_gives_nothing(g, -EKEYEXPIRED), "there is nothing to be had of it");
	is_errno(-consensus_guard_acquire(g, SEC), ENOTCONN, "nor can it be taken");
	hook(opt.start);
	/* It joins again first, as one that has forgotten all. */
	for (i = 0, ret = -1; ret && i < 600; i++) {
		ret = consensus_guard_acquire(g, SEC);
		sleep_ms(100);
	}
	is_errno(-ret, 0, "started, it takes the lock again");
	ok(!consensus_guard_check(g) && !consensus_guard_release(g, 0),
	   "has it, and gives it back");
	consensus_guard_free(g);
}
