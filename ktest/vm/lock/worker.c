// SPDX-License-Identifier: GPL-2.0
/*
 * A worker of ct-lock: takes locks in every way there is, does what only a holder may,
 * and lets go. Whatever it finds wrong is a violation.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "lk.h"
#include "load.h"

/* How an acquire waits; of DICE, so many. */
enum manner { BLOCKING, TIMED, TRYING, ASYNC, IMPATIENT, INTERRUPTED, MANNERS };

static const unsigned int weight[MANNERS] = { 45, 12, 10, 18, 5, 10 };

static enum manner choose_manner(struct worker *w)
{
	unsigned int dice = (unsigned int)(random_next(&w->rng) % 100), m = 0;

	while (dice >= weight[m])
		dice -= weight[m++];
	return (enum manner)m;
}

static bool chance(struct worker *w, unsigned int percent)
{
	return random_next(&w->rng) % 100 < percent;
}

static uint64_t up_to(struct worker *w, uint64_t ns)
{
	return ns ? random_next(&w->rng) % ns : 0;
}

static void nap(uint64_t ns)
{
	if (ns >= MSEC)
		sleep_ms((unsigned int)(ns / MSEC));
}

/* ---- the handle ---- */

static void open_handle(struct worker *w)
{
	int fd;

	while ((fd = lk_open(w->netns, O_RDWR)) < 0) {
		if (atomic_load(&shared->stop))
			_exit(0);
		sleep_ms(20);
	}
	w->fd = fd;
	w->session = atomic_fetch_add(&shared->sessions, 1);
}

/* All that it has is gone, or will be within a moment. */
static void let_go(struct worker *w)
{
	int i;

	for (i = 0; i < MAX_HELD; i++) {
		if (!w->held[i].token)
			continue;
		witness_leave(&w->held[i]);
		record_gone(w->session, w->held[i].lock, w->held[i].token, now_ns());
		w->held[i].token = 0;
	}
}

/* Closing is a release of all, too. */
static void reopen(struct worker *w)
{
	int fd = w->fd;

	let_go(w);
	w->fd = -1;
	close(fd);
	open_handle(w);
}

static bool is_loss(int error)
{
	return error == EKEYEXPIRED || error == EKEYREVOKED || error == ESHUTDOWN ||
	       error == ENOTCONN || error == ESTALE;
}

/* The handle says that it is lost, or will within a moment: its own log says so. */
static void lost(struct worker *w, int error)
{
	int ms;

	atomic_fetch_add(&shared->lost, 1);
	if (!opt.losses) {
		violation("client %u lost its handle: errno %d", w->client, error);
	} else if (error == ESTALE) {
		for (ms = 0; ms < 2000 && !(lk_poll(w->fd, 0) & (POLLERR | POLLHUP)); ms++)
			sleep_ms(1);
		if (ms == 2000)
			violation("client %u: a fence is refused, its handle is not lost",
				  w->client);
	}
	/* Out first: a handle that was reset does not say any more that it was lost. */
	let_go(w);
	atomic_store(&w->lost_ns, now_ns());
	if (error == ENOTCONN || error == ESHUTDOWN || lk_reset(w->fd)) {
		sleep_ms(20);
		reopen(w);
		return;
	}
	w->session = atomic_fetch_add(&shared->sessions, 1);
}

/* ---- taking ---- */

/* Until the event says what became of @a: 0 or an errno. */
static int await_grant(struct worker *w, struct consensus_lock_acquire *a, uint64_t until)
{
	struct consensus_event e;
	int error;

	while (now_ns() < until && !atomic_load(&shared->stop)) {
		error = lk_event(w->fd, &e, 50);
		if (error == ETIMEDOUT)
			continue;
		if (error)
			return error;
		if (e.ticket != a->ticket)
			continue;
		if (e.type == CONSENSUS_EVENT_GRANTED) {
			a->token = e.token;
			a->lease_ns = e.lease_ns;
			a->op.index = e.index;
			a->info = e.info;
			return 0;
		}
		if (e.type == CONSENSUS_EVENT_LOST || e.type == CONSENSUS_EVENT_ENDED)
			return e.status ? -e.status : EBADMSG;
	}
	return ETIMEDOUT;
}

/* ENOTRECOVERABLE: left, and nobody knows whether it was granted in between. */
static int acquire_async(struct worker *w, const char *name, uint32_t flags, uint64_t wait_ns,
			 struct consensus_lock_acquire *a)
{
	int error = lk_acquire(w->fd, name, flags | CONSENSUS_LOCK_ASYNC, opt.timeout_ns, a);

	if (error || a->token)
		return error;
	error = await_grant(w, a, now_ns() + wait_ns);
	if (error != ETIMEDOUT)
		return error;
	error = lk_leave(w->fd, name, a->ticket);
	if (error == EPERM)
		violation("client %u: its own ticket %" PRIu64 " is not its own", w->client,
			  (uint64_t)a->ticket);
	return error && is_loss(error) ? error : ENOTRECOVERABLE;
}

static void alarm_in(uint64_t ns)
{
	struct itimerval t = { .it_value = { (time_t)(ns / SEC),
					     (suseconds_t)(ns % SEC / 1000) } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static int acquire(struct worker *w, const char *name, uint32_t flags, enum manner manner,
		   struct consensus_lock_acquire *a)
{
	uint64_t shortly = MSEC + up_to(w, 4 * opt.hold_ns);
	int error;

	switch (manner) {
	case TRYING:
		return lk_acquire(w->fd, name, flags | CONSENSUS_LOCK_TRY, opt.timeout_ns, a);
	case TIMED:
		return lk_acquire(w->fd, name, flags, shortly, a);
	case ASYNC:
		return acquire_async(w, name, flags, opt.wait_ns, a);
	case IMPATIENT:
		return acquire_async(w, name, flags, shortly, a);
	case INTERRUPTED:
		alarm_in(shortly);
		error = lk_acquire(w->fd, name, flags, opt.wait_ns, a);
		alarm_in(0);
		return error;
	default:
		return lk_acquire(w->fd, name, flags, opt.wait_ns, a);
	}
}

static void granted(struct worker *w, const struct consensus_lock_acquire *a)
{
	uint64_t now = now_ns(), freed = shared->resource[w->op.lock].freed_ns;

	atomic_fetch_add(&shared->grants, 1);
	if (a->info & CONSENSUS_GRANT_DIED)
		atomic_fetch_add(&shared->died, 1);
	raise_to(&shared->longest_wait_ns, now - w->op.call_ns);
	if (w->op.call_ns < freed && freed < now)
		raise_to(&shared->longest_idle_ns, now - freed);
	if (!a->token || !a->lease_ns)
		violation("client %u: granted with token %" PRIu64 " and lease %" PRIu64,
			  w->client, (uint64_t)a->token, (uint64_t)a->lease_ns);
}

/* What the manner allows to come back, beside a grant and losses. */
static bool may_end(enum manner manner, int error)
{
	static const int every[] = { EHOSTUNREACH, ETIMEDOUT, ENOTRECOVERABLE, ECANCELED };
	unsigned int i;

	for (i = 0; i < sizeof(every) / sizeof(every[0]); i++)
		if (error == every[i])
			return true;
	return (manner == TRYING && error == EAGAIN) || (manner == INTERRUPTED && error == EINTR);
}

static int take(struct worker *w, struct held *h, unsigned int lock, bool as_shared,
		enum manner manner)
{
	struct consensus_lock_acquire a;
	char name[CONSENSUS_NAME_SIZE];
	int error;

	load_name(name, 'l', lock);
	h->lock = lock;
	h->shared = as_shared;
	record_begin(w, OP_ACQUIRE, lock);
	w->op.shared = as_shared;
	error = acquire(w, name, as_shared ? CONSENSUS_LOCK_SHARED : 0, manner, &a);
	if (!error) {
		w->op.token = a.token;
		w->op.lease_ns = a.lease_ns;
		w->op.index = a.op.index;
		granted(w, &a);
		/* from here on its death is a release */
		h->token = a.token;
	}
	record_end(w, error);
	if (error && is_loss(error))
		lost(w, error);
	else if (error == ENOTRECOVERABLE)
		reopen(w);
	else if (error && !may_end(manner, error))
		violation("client %u: an acquire of manner %d ended with errno %d", w->client,
			  manner, error);
	return error;
}

/* ---- having, and letting go ---- */

/* An increment that only the holder may make. False: the lock is lost. */
static bool fenced(struct worker *w, struct held *h)
{
	struct consensus_counter_add a = { .op.timeout_ns = opt.timeout_ns, .delta = 1 };
	int error;

	load_name(a.op.fence_name, 'l', h->lock);
	load_name(a.name, 'c', h->lock);
	a.op.fence_token = h->token;
	record_begin(w, OP_INC, h->lock);
	w->op.token = h->token;
	error = call(w->fd, CONSENSUS_IOC_COUNTER_ADD, &a);
	w->op.value = a.value;
	w->op.index = a.op.index;
	record_end(w, error);
	if (!error || !is_loss(error))
		return true;
	lost(w, error);
	return false;
}

static bool holds(struct worker *w, struct held *h)
{
	char name[CONSENSUS_NAME_SIZE];
	int error;

	load_name(name, 'l', h->lock);
	record_begin(w, OP_CHECK, h->lock);
	w->op.token = h->token;
	error = lk_check(w->fd, name, h->token);
	record_end(w, error);
	if (!error || !is_loss(error))
		return true;
	lost(w, error);
	return false;
}

/* What was let go is nothing any more: for a check, a fence, a second release. */
static void stale(struct worker *w, unsigned int lock, uint64_t token)
{
	char name[CONSENSUS_NAME_SIZE], counter[CONSENSUS_NAME_SIZE];
	int error;

	load_name(name, 'l', lock);
	load_name(counter, 'x', lock);
	record_begin(w, OP_CHECK, lock);
	w->op.token = token;
	error = lk_check(w->fd, name, token);
	record_end(w, error);
	if (!error)
		violation("client %u: token %" PRIu64 " holds after its release", w->client, token);
	if (!lk_fenced_add(w->fd, counter, name, token, opt.timeout_ns, NULL))
		violation("client %u: a fence of token %" PRIu64 " holds after its release",
			  w->client, token);
	if (!lk_release(w->fd, name, token))
		violation("client %u: token %" PRIu64 " can be released twice", w->client, token);
}

static void give(struct worker *w, struct held *h)
{
	char name[CONSENSUS_NAME_SIZE];
	uint64_t token = h->token;
	int error, open = 0;

	load_name(name, 'l', h->lock);
	witness_leave(h);
	while (h->token) {
		record_begin(w, OP_RELEASE, h->lock);
		w->op.token = token;
		error = lk_release(w->fd, name, token);
		record_end(w, error);
		if (!error || (open && error == EPERM)) {
			h->token = 0;
			break;
		}
		if (is_loss(error)) {
			lost(w, error);
			return;
		}
		if (error == EPERM)
			violation("client %u: may not release its token %" PRIu64, w->client,
				  token);
		open |= error == ENOTRECOVERABLE;
		sleep_ms(20);
		if (atomic_load(&shared->stop)) {
			reopen(w);
			return;
		}
	}
	if (chance(w, 10))
		stale(w, h->lock, token);
}

/* Beside one lock a second one, without waiting for it. */
static void second(struct worker *w)
{
	struct held *h = &w->held[1];
	unsigned int lock = (w->held[0].lock + 1) % opt.locks;

	if (lock == w->held[0].lock || take(w, h, lock, false, TRYING) || !w->held[0].token)
		return;
	witness_enter(w, h);
	nap(up_to(w, opt.hold_ns));
}

static void turn(struct worker *w)
{
	struct held *h = &w->held[0];
	unsigned int lock = (unsigned int)(random_next(&w->rng) % opt.locks);
	struct consensus_event e;

	while (!lk_event(w->fd, &e, 0))
		;
	if (take(w, h, lock, chance(w, 25), choose_manner(w)))
		return;
	witness_enter(w, h);
	if (!fenced(w, h))
		return;
	nap(up_to(w, opt.hold_ns));
	if (chance(w, 10) && !holds(w, h))
		return;
	if (chance(w, 10))
		second(w);
	if (chance(w, 5)) {
		reopen(w);
		return;
	}
	if (w->held[1].token)
		give(w, &w->held[1]);
	if (w->held[0].token)
		give(w, &w->held[0]);
}

void worker_run(struct worker *w)
{
	unsigned int n = opt.workers * (opt.groups ? opt.groups : 1);

	witness_open();
	open_handle(w);
	while (!atomic_load(&shared->stop)) {
		turn(w);
		if (opt.rate > 0)
			nap(up_to(w, (uint64_t)(2e9 * n / opt.rate)));
	}
	/* what it holds goes with it */
	_exit(0);
}
