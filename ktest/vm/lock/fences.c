// SPDX-License-Identifier: GPL-2.0
/* What is done under a grant, and whether a grant still holds. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "locks.h"

static struct consensus_counter_add fenced_add(const char *counter, const char *lock,
					       uint64_t token)
{
	struct consensus_counter_add a = good_add(counter);

	strncpy(a.op.fence_name, lock, sizeof(a.op.fence_name) - 1);
	a.op.fence_token = token;
	return a;
}

static int add_under(int fd, const char *counter, const char *lock, uint64_t token)
{
	struct consensus_counter_add a = fenced_add(counter, lock, token);

	return call(fd, CONSENSUS_IOC_COUNTER_ADD, &a);
}

static void increments(const struct world *w)
{
	const char *lock = own("fence"), *counter = own("fenced");
	uint64_t token = must_take(w->fd, lock, 0), later;

	is_errno(add_under(w->fd, counter, lock, token), 0, "an increment under a grant that holds");
	is_errno(add_under(w->other, counter, lock, token), 0, "another node's, under the same grant");
	is_errno(add_under(w->fd, counter, lock, token + 1), ESTALE, "a token that never was: ESTALE");
	is_errno(add_under(w->other, counter, lock, token - 1), ESTALE, "an older one: ESTALE");
	is_errno(add_under(w->fd, counter, own("fence-not"), token), ESTALE, "another lock: ESTALE");
	is_errno(lk_release(w->fd, lock, token), 0, "the lock is released");
	is_errno(add_under(w->fd, counter, lock, token), ESTALE, "its fence does not hold: ESTALE");
	later = must_take(w->other, lock, 0);
	is_errno(add_under(w->fd, counter, lock, token), ESTALE, "nor when another one has it: ESTALE");
	is_errno(add_under(w->other, counter, lock, later), 0, "whose fence does");
	is_errno(lk_release(w->other, lock, later), 0, "until its release");
	is_errno(add_under(w->other, counter, lock, later), ESTALE, "ESTALE");
	ok(value_of(w->fd, counter) == 3, "what was refused did not happen");
}

static int read_under(int fd, const char *counter, const char *lock, uint64_t token)
{
	struct consensus_counter_read r = good_read(counter, 0);

	strncpy(r.op.fence_name, lock, sizeof(r.op.fence_name) - 1);
	r.op.fence_token = token;
	return call(fd, CONSENSUS_IOC_COUNTER_READ, &r);
}

static int acquire_under(int fd, const char *name, const char *lock, uint64_t token,
			 struct consensus_lock_acquire *a)
{
	*a = lk_good_acquire(name, 0);
	strncpy(a->op.fence_name, lock, sizeof(a->op.fence_name) - 1);
	a->op.fence_token = token;
	return call(fd, CONSENSUS_IOC_LOCK_ACQUIRE, a);
}

/* Any operation may carry one. */
static void other_operations(const struct world *w)
{
	const char *lock = own("outer"), *inner = own("inner");
	uint64_t token = must_take(w->fd, lock, 0);
	struct consensus_lock_acquire a;

	is_errno(read_under(w->fd, own("fenced"), lock, token), 0, "a read under a grant");
	is_errno(read_under(w->other, own("fenced"), lock, token + 1), ESTALE, "and under none: ESTALE");
	is_errno(acquire_under(w->fd, inner, lock, token, &a), 0, "a lock under a lock");
	is_errno(lk_release(w->fd, inner, a.token), 0, "is released");
	is_errno(lk_release(w->fd, lock, token), 0, "and the outer one");
	is_errno(acquire_under(w->fd, inner, lock, token, &a), ESTALE, "a lock under nothing: ESTALE");
	ok(is_gone(w->other, inner), "and nobody waits for it");
}

static int check_as(int fd, const char *lock, uint64_t token, uint32_t flags, uint64_t index)
{
	struct consensus_lock_check c = lk_good_check(lock, token);

	c.op.flags = flags;
	c.op.index = index;
	return call(fd, CONSENSUS_IOC_LOCK_CHECK, &c);
}

static void checks(const struct world *w)
{
	const char *lock = own("check");
	struct consensus_lock_acquire a;
	uint64_t other;
	int error;

	is_errno(lk_check(w->fd, lock, 1), ESTALE, "no such lock: ESTALE");
	error = lk_acquire(w->fd, lock, CONSENSUS_LOCK_SHARED, 30 * SEC, &a);
	is_errno(error, 0, "two share a lock");
	other = must_take(w->other, lock, CONSENSUS_LOCK_SHARED);
	is_errno(lk_check(w->fd, lock, a.token), 0, "the first one's token holds");
	is_errno(lk_check(w->fd, lock, other), 0, "the other one's, too");
	is_errno(lk_check(w->other, lock, a.token), 0, "by whomever it is asked");
	is_errno(check_as(w->fd, lock, a.token, CONSENSUS_READ_LOCAL, 0), 0, "as far as is known here");
	is_errno(check_as(w->other, lock, a.token, CONSENSUS_READ_INDEX, a.op.index), 0,
		 "and there, as of the grant");
	is_errno(lk_check(w->fd, lock, a.token + 1000), ESTALE, "a token of the future: ESTALE");
	is_errno(lk_release(w->fd, lock, a.token), 0, "the first one leaves");
	is_errno(lk_check(w->fd, lock, a.token), ESTALE, "its token: ESTALE");
	is_errno(lk_check(w->other, lock, a.token), ESTALE, "at once, on the other node as well");
	is_errno(lk_check(w->fd, lock, other), 0, "the other one's holds");
	is_errno(lk_release(w->other, lock, other), 0, "and is released");
}

void test_fences(const struct world *w)
{
	increments(w);
	other_operations(w);
	checks(w);
}
