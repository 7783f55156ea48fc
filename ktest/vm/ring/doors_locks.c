// SPDX-License-Identifier: GPL-2.0
/* Locks and handles: each call by one door. The other side of it goes by ioctl. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doors.h"

/* An acquire; but for its results, the struct is as it was. */
static int acquire_by(struct gate *g, struct consensus_lock_acquire *a)
{
	struct consensus_lock_acquire before = *a;
	int error;

	before.cookie = 0xc0ffee00c0ffeeULL;
	a->cookie = before.cookie;
	a->op.status = 4711;
	error = gate_call(g, CONSENSUS_IOC_LOCK_ACQUIRE, a);
	same(g, (uint64_t)-a->op.status, (uint64_t)error, "acquire: .status beside the result");
	before.op.status = a->op.status;
	before.op.index = a->op.index;
	if (!error) {
		before.token = a->token;
		before.ticket = a->ticket;
		before.lease_ns = a->lease_ns;
		before.info = a->info;
		that(g, a->op.index && a->ticket, "acquire: index and ticket");
	}
	that(g, !memcmp(&before, a, sizeof(before)), "acquire (%d): the rest is as it was", error);
	return error;
}

static int acquire(struct gate *g, const char *name, uint32_t flags, uint64_t timeout_ns,
		   struct consensus_lock_acquire *a)
{
	*a = lk_good_acquire(name, flags);
	a->op.timeout_ns = timeout_ns;
	return acquire_by(g, a);
}

static int release_by(struct gate *g, const char *name, uint64_t token, uint64_t ticket)
{
	struct consensus_lock_release r = lk_good_release(name, token), before;
	int error;

	r.ticket = ticket;
	before = r;
	r.op.status = 4711;
	error = gate_call(g, CONSENSUS_IOC_LOCK_RELEASE, &r);
	same(g, (uint64_t)-r.op.status, (uint64_t)error, "release: .status beside the result");
	that(g, error || r.op.index, "release: its index");
	before.op.status = r.op.status;
	before.op.index = r.op.index;
	that(g, !memcmp(&before, &r, sizeof(r)), "release: the rest of the struct is as it was");
	return error;
}

static int check_by(struct gate *g, const char *name, uint64_t token, uint32_t how, uint64_t index)
{
	struct consensus_lock_check c = lk_good_check(name, token);
	int error;

	c.op.flags = how;
	c.op.index = index;
	c.op.status = 4711;
	error = gate_call(g, CONSENSUS_IOC_LOCK_CHECK, &c);
	same(g, (uint64_t)-c.op.status, (uint64_t)error, "check: .status beside the result");
	that(g, c.op.index >= index && (error || c.op.index), "check: the index of the state");
	return error;
}

void by_acquire(struct gate *g, const struct world *w)
{
	const char *name = fresh("lock");
	struct consensus_lock_acquire a, b;

	want(g, acquire(g, name, 0, 30 * SEC, &a), 0, "acquire a free lock");
	that(g, a.token && a.lease_ns && a.lease_ns < 600 * SEC, "acquire: token and lease");
	want(g, lk_check(w->other, name, a.token), 0, "another node knows the grant");
	want(g, acquire(g, name, 0, SEC, &b), EDEADLK, "acquire it again");
	want(g, acquire(g, name, CONSENSUS_LOCK_TRY, SEC, &b), EDEADLK, "try it again");
	want(g, release_by(g, name, a.token + 1, 0), EPERM, "release by a wrong token");
	want(g, release_by(g, name, 0, a.ticket + 1), EPERM, "release by a wrong ticket");
	want(g, release_by(g, name, a.token, 0), 0, "release by its token");
	want(g, release_by(g, name, a.token, 0), EPERM, "release it again");
	want(g, acquire(g, name, CONSENSUS_LOCK_TRY, 30 * SEC, &b), 0, "try a free lock");
	that(g, b.token > a.token, "tokens rise");
	want(g, release_by(g, name, 0, b.ticket), 0, "release by its ticket");
	that(g, there_are(w->fd, name, 0), "nothing is left of it");
}

void by_shared(struct gate *g, const struct world *w)
{
	const char *name = fresh("shared");
	struct consensus_lock_acquire a, b;
	uint64_t token = take(w->fd, name, CONSENSUS_LOCK_SHARED);
	int third = handle();
	struct gate beside = gate_beside(g, third);

	want(g, acquire(g, name, CONSENSUS_LOCK_SHARED, 30 * SEC, &a), 0, "acquire it shared, too");
	that(g, a.token > token, "each who shares has its token");
	want(&beside, acquire(&beside, name, CONSENSUS_LOCK_TRY, SEC, &b), EAGAIN,
	     "try it exclusively");
	want(&beside, acquire(&beside, name, 0, SEC / 50, &b), ETIMEDOUT, "wait for it exclusively");
	want(&beside, acquire(&beside, name, CONSENSUS_LOCK_SHARED | CONSENSUS_LOCK_TRY, 30 * SEC,
			      &b), 0, "try it shared");
	want(&beside, release_by(&beside, name, b.token, b.ticket), 0, "release by token and ticket");
	want(g, release_by(g, name, a.token, 0), 0, "release it");
	want(g, lk_release(w->fd, name, token), 0, "release by ioctl");
	gate_leave(g, &beside);
	close(third);
	that(g, there_are(w->fd, name, 0), "nothing is left of it");
}

/* A ticket, and then the grant as an event; or none, as it was given back before. */
void by_async(struct gate *g, const struct world *w)
{
	const char *name = fresh("async");
	uint64_t token = take(w->fd, name, 0);
	struct consensus_lock_acquire a;
	struct consensus_event e = { 0 };

	want(g, acquire(g, name, CONSENSUS_LOCK_ASYNC, 30 * SEC, &a), 0, "queue for a lock");
	same(g, a.token, 0, "the token of one who waits");
	want(g, release_by(g, name, 0, a.ticket), 0, "leave the queue");
	that(g, there_are(w->fd, name, 1), "only the holder is there");
	want(g, acquire(g, name, CONSENSUS_LOCK_ASYNC, 30 * SEC, &a), 0, "queue again");
	want(g, lk_release(w->fd, name, token), 0, "the holder releases by ioctl");
	that(g, await_event(g->fd, CONSENSUS_EVENT_GRANTED, &e), "the event of the grant");
	that(g, e.ticket == a.ticket && e.token > token && e.cookie == a.cookie &&
	     !strcmp(e.name, name), "what it says: ticket %llu, token %llu",
	     (unsigned long long)e.ticket, (unsigned long long)e.token);
	want(g, release_by(g, name, e.token, 0), 0, "release what the event told of");
	want(g, acquire(g, name, CONSENSUS_LOCK_ASYNC, 30 * SEC, &a), 0, "queue for a free lock");
	if (!a.token && that(g, await_event(g->fd, CONSENSUS_EVENT_GRANTED, &e), "its event"))
		a.token = e.token;
	want(g, release_by(g, name, 0, a.ticket), 0, "release it by its ticket");
}

/* Granted later; or not in time; or the holder before died. */
void by_waiting(struct gate *g, const struct world *w)
{
	const char *name = fresh("waiting");
	struct later l = { .fd = w->fd, .name = name, .waiters = 2 };
	uint64_t begin = now_ns();
	struct consensus_lock_acquire a;
	int dying;

	l.token = take(w->fd, name, 0);
	want(g, acquire(g, name, 0, SEC / 20, &a), ETIMEDOUT, "wait 50 ms for a lock that is held");
	that(g, ms_since(begin) >= 50 && ms_since(begin) < 20000, "a wait of %llu ms",
	     (unsigned long long)ms_since(begin));
	that(g, there_are(w->fd, name, 1), "who gave up has left the queue");
	release_later(&l);
	want(g, acquire(g, name, 0, 60 * SEC, &a), 0, "wait until it is released");
	release_awaited(g, &l);
	that(g, a.token > l.token, "the next token is above it");
	want(g, release_by(g, name, a.token, 0), 0, "release it");
	dying = handle();
	take(dying, name, 0);
	close(dying);
	want(g, acquire(g, name, 0, 60 * SEC, &a), 0, "wait for the death of a holder");
	that(g, a.info & CONSENSUS_GRANT_DIED, "the grant tells of it");
	want(g, release_by(g, name, a.token, 0), 0, "release it");
}

void by_check(struct gate *g, const struct world *w)
{
	const char *name = fresh("check");
	struct consensus_lock_acquire a;

	want(g, lk_acquire(w->other, name, 0, 30 * SEC, &a), 0, "another node holds it");
	want(g, check_by(g, name, a.token, 0, 0), 0, "check a grant that holds");
	want(g, check_by(g, name, a.token, CONSENSUS_READ_INDEX, a.op.index), 0,
	     "check it causally");
	want(g, check_by(g, name, a.token, CONSENSUS_READ_LOCAL, 0), 0, "check it locally");
	want(g, check_by(g, name, a.token + 1, 0, 0), ESTALE, "check a token that never was");
	want(g, check_by(g, name, 0, 0, 0), EINVAL, "check no token");
	want(g, lk_release(w->other, name, a.token), 0, "it is released");
	want(g, check_by(g, name, a.token, 0, 0), ESTALE, "check a grant that is over");
}

static int revoke_by(struct gate *g, const char *name, uint64_t token, uint64_t *count)
{
	struct consensus_lock_revoke r = lk_good_revoke(name, token);
	int error;

	r.op.status = 4711;
	r.count = 0;
	error = gate_call(g, CONSENSUS_IOC_LOCK_REVOKE, &r);
	same(g, (uint64_t)-r.op.status, (uint64_t)error, "revoke: .status beside the result");
	that(g, error || r.op.index, "revoke: its index");
	*count = r.count;
	return error;
}

void by_revoke(struct gate *g, const struct world *w)
{
	const char *name = fresh("revoke");
	uint64_t count, token;
	int victim = handle(), second = handle_there(w);
	struct consensus_event e = { 0 };

	token = take(victim, name, CONSENSUS_LOCK_SHARED);
	take(second, name, CONSENSUS_LOCK_SHARED);
	want(g, revoke_by(g, name, token, &count), 0, "revoke one of two");
	same(g, count, 1, "revoked");
	that(g, await_event(victim, CONSENSUS_EVENT_LOST, &e) && e.status == -EKEYREVOKED,
	     "its holder is told (%d)", e.status);
	want(g, revoke_by(g, name, token, &count), ENOENT, "revoke it again");
	want(g, revoke_by(g, name, 0, &count), 0, "revoke all");
	same(g, count, 1, "revoked");
	want(g, revoke_by(g, name, 0, &count), ENOENT, "revoke what nobody holds");
	close(victim);
	close(second);
	that(g, there_are(w->fd, name, 0), "nothing is left of it");
}

/* The session of @node that has handles with locks; 0: none in 20 s. */
static uint64_t session_of(int fd, const char *node)
{
	struct consensus_session_info s[16];
	uint64_t until = now_ns() + 20 * SEC;
	int i, n;

	do {
		n = lk_sessions(fd, s, 16);
		for (i = 0; i < n; i++) {
			if (!strcmp(s[i].node, node) && s[i].handles)
				return s[i].id;
		}
		sleep_ms(10);
	} while (now_ns() < until);
	return 0;
}

static int expire_by(struct gate *g, uint64_t session)
{
	struct consensus_session_expire x = { .session = session };
	int error;

	x.op.timeout_ns = 30 * SEC;
	x.op.status = 4711;
	error = gate_call(g, CONSENSUS_IOC_SESSION_EXPIRE, &x);
	same(g, (uint64_t)-x.op.status, (uint64_t)error, "expire: .status beside the result");
	return error;
}

/* The other node's session ends: who held a lock there has lost it. */
void by_expire(struct gate *g, const struct world *w)
{
	const char *name = fresh("expire");
	struct consensus_event e = { 0 };
	int victim = handle_there(w);
	uint64_t session;

	take(victim, name, 0);
	session = session_of(w->fd, w->there);
	that(g, session, "%s has a session with locks", w->there);
	want(g, expire_by(g, session), 0, "expire a session");
	that(g, await_event(victim, CONSENSUS_EVENT_LOST, &e) && e.status == -EKEYREVOKED,
	     "who held is told (%d)", e.status);
	want(g, expire_by(g, session), ENOENT, "expire it again");
	want(g, add(victim, fresh("expire"), 1, SEC, NULL), EKEYREVOKED, "its handle is lost");
	want(g, expire_by(g, 0), EINVAL, "expire no session");
	close(victim);
	that(g, there_are(w->fd, name, 0), "nothing is left of it");
}

static int heartbeat_by(struct gate *g, uint64_t period_ns)
{
	struct consensus_handle_heartbeat h = { .period_ns = period_ns };

	return gate_call(g, CONSENSUS_IOC_HANDLE_HEARTBEAT, &h);
}

static int reset_by(struct gate *g)
{
	struct consensus_handle_reset r = { 0 };

	return gate_call(g, CONSENSUS_IOC_HANDLE_RESET, &r);
}

/* What a lost handle answers: the same to everything. */
static void lost(struct gate *g, const char *name, uint64_t token)
{
	struct consensus_lock_acquire a;
	struct consensus_counter_add c = good_add(fresh("lost"));
	struct consensus_counter_read r = good_read("nothing", CONSENSUS_READ_LOCAL);
	uint64_t count;

	want(g, gate_call(g, CONSENSUS_IOC_COUNTER_ADD, &c), EKEYEXPIRED, "lost: add");
	want(g, gate_call(g, CONSENSUS_IOC_COUNTER_READ, &r), EKEYEXPIRED, "lost: read");
	want(g, acquire(g, name, 0, SEC, &a), EKEYEXPIRED, "lost: acquire");
	want(g, release_by(g, name, token, 0), EKEYEXPIRED, "lost: release");
	want(g, check_by(g, name, token, 0, 0), EKEYEXPIRED, "lost: check");
	want(g, revoke_by(g, name, token, &count), EKEYEXPIRED, "lost: revoke");
	want(g, expire_by(g, 1ULL << 60), EKEYEXPIRED, "lost: expire");
}

/* Its heart stops, it is lost, and reset. */
void by_heartbeat(struct gate *g, const struct world *w)
{
	const char *name = fresh("heart");
	struct consensus_event e = { 0 };
	struct consensus_lock_acquire a = { 0 };
	int fd = handle();
	struct gate mine = gate_beside(g, fd);

	want(&mine, acquire(&mine, name, 0, 30 * SEC, &a), 0, "acquire");
	if (g->door->array) {
		want(&mine, heartbeat_by(&mine, 60 * SEC), EINVAL, "heartbeat in an array");
		want(&mine, lk_heartbeat(fd, 10000000), 0, "heartbeat by ioctl");
	} else {
		want(&mine, heartbeat_by(&mine, 60 * SEC), 0, "heartbeat of 60 s");
		want(&mine, heartbeat_by(&mine, 0), 0, "no heartbeat");
		want(&mine, heartbeat_by(&mine, 9999999), EINVAL, "heartbeat below 10 ms");
		want(&mine, heartbeat_by(&mine, 10000000), 0, "heartbeat of 10 ms");
	}
	that(&mine, await_event(fd, CONSENSUS_EVENT_LOST, &e) && e.status == -EKEYEXPIRED,
	     "the loss is told (%d)", e.status);
	lost(&mine, name, a.token);
	if (g->door->array)
		want(&mine, lk_reset(fd), 0, "reset by ioctl");
	else
		want(&mine, reset_by(&mine), 0, "reset");
	want(&mine, acquire(&mine, name, 0, 30 * SEC, &a), 0, "acquire it again");
	gate_leave(g, &mine);
	close(fd);
	that(g, there_are(w->fd, name, 0), "nothing is left of it");
}

void by_reset(struct gate *g, const struct world *w)
{
	const char *name = fresh("reset");
	int fd = handle();
	struct gate mine = gate_beside(g, fd);

	take(fd, name, 0);
	if (g->door->array) {
		want(&mine, reset_by(&mine), EINVAL, "reset in an array");
		that(&mine, there_are(w->fd, name, 1), "the lock is held as before");
	} else {
		want(&mine, reset_by(&mine), 0, "reset");
		that(&mine, there_are(w->fd, name, 0), "reset releases what it has");
	}
	gate_leave(g, &mine);
	close(fd);
	that(g, there_are(w->fd, name, 0), "nothing is left of it");
}

static void detach_is_none(struct gate *g)
{
	struct consensus_handle_detach d = { .duration_ns = SEC };
	struct consensus_handle_adopt a = { 0 };

	want(g, gate_call(g, CONSENSUS_IOC_HANDLE_DETACH, &d), EINVAL, "detach in an array");
	want(g, gate_call(g, CONSENSUS_IOC_HANDLE_ADOPT, &a), EINVAL, "adopt in an array");
}

/* A handle lives on without a descriptor, and comes back with its lock. */
void by_detach(struct gate *g, const struct world *w)
{
	struct consensus_handle_detach d = { .duration_ns = 60 * SEC };
	struct consensus_handle_adopt a = { .fd = -1 };
	const char *name = fresh("detach");
	uint64_t token;
	int fd;
	struct gate mine;

	if (g->door->array) {
		detach_is_none(g);
		return;
	}
	fd = handle();
	token = take(fd, name, 0);
	mine = gate_beside(g, fd);
	want(&mine, gate_call(&mine, CONSENSUS_IOC_HANDLE_DETACH, &d), 0, "detach");
	gate_leave(g, &mine);
	close(fd);
	memcpy(a.secret, d.secret, sizeof(a.secret));
	want(g, gate_call(g, CONSENSUS_IOC_HANDLE_ADOPT, &a), 0, "adopt");
	that(g, fcntl(a.fd, F_GETFD) == FD_CLOEXEC, "a descriptor of ours, close-on-exec");
	want(g, lk_release(a.fd, name, token), 0, "release by the adopted handle");
	fd = a.fd;
	want(g, gate_call(g, CONSENSUS_IOC_HANDLE_ADOPT, &a), ENOENT, "adopt it again");
	close(fd);
	that(g, there_are(w->fd, name, 0), "nothing is left of it");
}

/* Three acquires under way by a ring of its own: one is withdrawn by its struct, then all. */
static void cancel_some(struct gate *g, const char *const name[3])
{
	struct consensus_handle_cancel c = { .count = 77 };
	struct consensus_lock_acquire a[3];
	struct ring_cqe cqe;
	struct ring r;
	int i, error = ring_open(&r, 8, 0, 0);

	if (error)
		bail("a ring: %s", strerror(error));
	for (i = 0; i < 3; i++) {
		a[i] = lk_good_acquire(name[i], 0);
		ring_put(&r, g->fd, CONSENSUS_IOC_LOCK_ACQUIRE, &a[i], (uint64_t)i);
	}
	ring_submit(&r);
	for (i = 0; i < 3; i++)
		that(g, there_are(g->fd, name[i], 2), "three wait");
	c.argument = (uintptr_t)&a[1];
	want(g, gate_call(g, CONSENSUS_IOC_HANDLE_CANCEL, &c), 0, "cancel one");
	same(g, c.count, 1, "cancelled");
	want(g, ring_wait(&r, &cqe, 60000), 0, "its completion");
	that(g, cqe.user_data == 1 && cqe.res == -ECANCELED, "it is %llu, with %d",
	     (unsigned long long)cqe.user_data, cqe.res);
	c = (struct consensus_handle_cancel){ .count = 77 };
	want(g, gate_call(g, CONSENSUS_IOC_HANDLE_CANCEL, &c), 0, "cancel all");
	same(g, c.count, 2, "cancelled");
	for (i = 0; i < 2; i++) {
		want(g, ring_wait(&r, &cqe, 60000), 0, "a completion");
		want(g, -cqe.res, ECANCELED, "of one that was cancelled");
	}
	for (i = 0; i < 3; i++)
		that(g, there_are(g->fd, name[i], 1), "who was cancelled has left the queue");
	ring_close(&r);
}

void by_cancel(struct gate *g, const struct world *w)
{
	const char *const name[] = { fresh("cancel"), fresh("cancel"), fresh("cancel") };
	struct consensus_handle_cancel c = { .count = 77 };
	uint64_t token[3];
	int i;

	if (g->door->array) {
		want(g, gate_call(g, CONSENSUS_IOC_HANDLE_CANCEL, &c), EINVAL, "cancel in an array");
		return;
	}
	want(g, gate_call(g, CONSENSUS_IOC_HANDLE_CANCEL, &c), 0, "cancel nothing");
	same(g, c.count, 0, "cancelled");
	c.flags = 1;
	want(g, gate_call(g, CONSENSUS_IOC_HANDLE_CANCEL, &c), EINVAL, "cancel with a flag");
	for (i = 0; i < 3; i++)
		token[i] = take(w->fd, name[i], 0);
	cancel_some(g, name);
	for (i = 0; i < 3; i++)
		want(g, lk_release(w->fd, name[i], token[i]), 0, "release by ioctl");
}
