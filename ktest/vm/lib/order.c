// SPDX-License-Identifier: GPL-2.0
/*
 * Total order on the real module: three members on three nodes send to each other, and
 * die: with a number that nobody has a message for, with a message that one has, while
 * they void what others left. They come back with what they had delivered, and nothing
 * else. All must have delivered the same, in one order.
 *
 *	ct-order [-r ROUNDS] NODE NODE NODE
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "lt.h"
#include "order.h"

enum {
	STUCK_MS = 300,
	BETWEEN = 6,		/* messages of all, until the next one is killed */
	PATIENCE_S = 60,
	ROUNDS_MAX = 200,
};

struct order_shared *order;
static const char *nodes[MEMBERS];
static unsigned int rounds = DEATHS - 1;
static uint64_t lates[ROUNDS_MAX];
static int n_lates;

/* ---- a member ---- */

void member_odd(struct member *m, int call, int error)
{
	atomic_store(&m->disk->odd, (uint64_t)call * 1000 + (uint64_t)-error);
}

void member_die(struct member *m, enum death here)
{
	if (atomic_load(&m->disk->die) == (uint64_t)here)
		raise(SIGKILL);
}

/* The message of @number, if it has it; 0: it has not. */
uint64_t member_has(const struct member *m, uint64_t number)
{
	const uint64_t *message = consensus_receiver_get(m->receiver, number, NULL);
	const struct entry *log = m->disk->log;
	uint64_t low = 0, high = m->disk->n;

	if (message)
		return *message;
	while (low < high) {
		uint64_t i = low + (high - low) / 2;

		if (log[i].number == number)
			return log[i].message;
		if (log[i].number < number)
			low = i + 1;
		else
			high = i;
	}
	return 0;
}

void member_deliver(struct member *m)
{
	struct disk *d = m->disk;
	struct consensus_stamp stamp;
	uint64_t *message;

	while ((message = consensus_receiver_next(m->receiver, &stamp))) {
		d->log[d->n] = (struct entry){ stamp.number, *message };
		/* From here on it is delivered, also after a crash. */
		atomic_fetch_add(&d->n, 1);
	}
	atomic_store(&d->position, consensus_receiver_position(m->receiver));
}

static void put(struct member *m, const struct packet *p)
{
	int ret;

	if (m->out || p->stamp.number >= NUMBERS)
		return;
	ret = consensus_receiver_put(m->receiver, &p->stamp, &m->arrived[p->stamp.number]);
	if (!ret)
		m->arrived[p->stamp.number] = p->messages[0];
	else if (ret != -EEXIST && ret != -ESTALE && ret != -ENOSPC)
		member_odd(m, 1, ret);
}

/* To all, and that is all. What end() says. */
static int give_out(struct member *m, const struct packet *p)
{
	int i;

	for (i = 1; i < MEMBERS; i++) {
		net_send(m, (m->index + i) % MEMBERS, p);
		member_die(m, HALF_SENT);
	}
	put(m, p);
	return consensus_sender_end(m->sender);
}

static void send_one(struct member *m)
{
	struct packet p = { .kind = SEND, .from = (uint32_t)m->index };
	uint64_t n = m->disk->n_ended;
	int ret;

	ret = consensus_sender_begin(m->sender, 0, &p.stamp);
	if (ret) {
		member_odd(m, 2, ret);
		return;
	}
	member_die(m, UNSENT);
	p.messages[0] = (uint64_t)(m->index + 1) << 56 | m->disk->generation << 48 |
			++m->serial;
	if (m->disk->die == LATE) {
		m->late = p;
		atomic_store(&m->disk->late, p.messages[0]);
		return;
	}
	ret = give_out(m, &p);
	/* An administrator takes all grants from time to time. */
	if (ret == -EKEYREVOKED)
		return;
	if (ret) {
		member_odd(m, 3, ret);
		return;
	}
	m->disk->ended[n] = (struct entry){ p.stamp.number, p.messages[0] };
	atomic_store(&m->disk->n_ended, n + 1);
}

/* Its number is void, and now it sends: nobody may take that. */
static void send_late(struct member *m)
{
	int ret;

	if (consensus_receiver_position(m->receiver) <= m->late.stamp.number)
		return;
	ret = give_out(m, &m->late);
	if (ret != -EKEYREVOKED)
		member_odd(m, 4, ret);
	m->late.stamp.number = 0;
	atomic_store(&m->disk->die, LIVES);
}

/* Is something missing for so long that it will hardly come? */
static bool stuck(struct member *m)
{
	uint64_t first, last;

	if (!consensus_receiver_missing(m->receiver, &first, &last)) {
		m->stuck_since = 0;
		return false;
	}
	if (!m->stuck_since)
		m->stuck_since = now_ns();
	if (now_ns() - m->stuck_since < (uint64_t)STUCK_MS * 1000000 * (uint64_t)(m->index + 1))
		return false;
	m->stuck_since = 0;
	return true;
}

/* What is next to be done, when nothing comes in. */
static void act(struct member *m)
{
	uint64_t at = consensus_receiver_position(m->receiver), high = at, first, last;
	bool wants = m->out;

	if (m->voiding.on) {
		void_drive(m);
		return;
	}
	if (m->late.stamp.number) {
		send_late(m);
		return;
	}
	wants |= stuck(m);
	wants |= m->index == 0 && order->stop && !order->settled;
	wants |= m->disk->die == ASKING || m->disk->die == GIVING;
	if (wants) {
		void_begin(m);
		void_drive(m);
		return;
	}
	if (consensus_receiver_missing(m->receiver, &first, &last))
		high = last;
	if (!order->stop && high - at < AHEAD && high < NUMBERS - ROOM)
		send_one(m);
}

static void member_open(struct member *m, int index)
{
	struct disk *d = &order->disks[index];

	m->index = index;
	m->disk = d;
	m->out = d->generation > 1;
	lt_enter(nodes[index]);
	net_open(m);
	if (consensus_sender_new(&m->sender, "order") ||
	    consensus_receiver_new(&m->receiver, d->n ? d->log[d->n - 1].number + 1 : 1, ROOM))
		bail("no member");
}

static int lives(void *arg)
{
	static struct member m;
	struct packet p;
	uint64_t voids = 0;

	member_open(&m, (int)(intptr_t)arg);
	while (!order->quit && !m.disk->odd) {
		while (net_receive(&m, &p, 10)) {
			if (p.kind == SEND)
				put(&m, &p);
			else
				void_receive(&m, &p);
			member_deliver(&m);
		}
		/* The last void is one that began when nobody sent any more. */
		if (order->stop && m.index == 0 && m.disk->voids > voids)
			atomic_store(&order->settled, voids != 0);
		voids = order->stop ? m.disk->voids : 0;
		act(&m);
		member_deliver(&m);
	}
	consensus_sender_free(m.sender);
	consensus_receiver_free(m.receiver);
	return 0;
}

/* ---- the parent ---- */

static pid_t begin(int index)
{
	struct disk *d = &order->disks[index];

	atomic_store(&d->die, LIVES);
	atomic_store(&d->n_ended, 0);
	atomic_fetch_add(&d->generation, 1);
	return lt_child(lives, (void *)(intptr_t)index);
}

/* Until all have delivered @n messages; false: they do not. */
static bool delivered(const uint64_t n[MEMBERS])
{
	uint64_t until = now_ns() + PATIENCE_S * SEC;
	int i, good;

	do {
		for (i = 0, good = 0; i < MEMBERS; i++)
			good += order->disks[i].n >= n[i];
		if (good == MEMBERS)
			return true;
		sleep_ms(5);
	} while (now_ns() < until);
	return false;
}

static bool go_on(void)
{
	uint64_t n[MEMBERS];
	int i;

	for (i = 0; i < MEMBERS; i++)
		n[i] = order->disks[i].n + BETWEEN;
	return delivered(n);
}

static const char *const deaths[DEATHS] = {
	[UNSENT] = "with a number, before it sends",
	[HALF_SENT] = "when one has its message",
	[ASKING] = "while it asks",
	[GIVING] = "while it gives",
};

/* Its grant is taken, its number void, and then it goes on. */
static void late_and_go_on(int who)
{
	struct disk *d = &order->disks[who];
	bool good = go_on();
	uint64_t message;
	int fd = consensus_open(O_RDWR), i, ret;

	atomic_store(&d->late, 0);
	atomic_store(&d->die, LATE);
	message = lt_await(&d->late, PATIENCE_S * 1000);
	/* Others have numbers above it by then, or the next void would not know of it. */
	sleep_ms(100);
	ret = consensus_lock_revoke(fd, "order.send", 0, 0, NULL);
	good &= !ret && message && go_on();
	for (i = 0; i < PATIENCE_S * 100 && d->die == LATE; i++)
		sleep_ms(10);
	good &= d->die == LIVES && go_on();
	consensus_close(fd);
	ok(good, "member %d loses its grant, and sends when its number is void", who);
	lates[n_lates++] = message;
}

static void kill_and_go_on(pid_t pids[MEMBERS], int who, enum death how)
{
	int status;
	bool good = go_on();

	atomic_store(&order->disks[who].die, how);
	status = lt_wait(pids[who]);
	pids[who] = begin(who);
	ok(good && status == 128 + SIGKILL && go_on(), "member %d dies %s, and comes back", who,
	   deaths[how]);
}

/* What was too late is nowhere. */
static bool none_late(void)
{
	const struct disk *d = &order->disks[0];
	uint64_t i;
	int l;

	for (l = 0; l < n_lates; l++)
		for (i = 0; i < d->n; i++)
			if (!lates[l] || d->log[i].message == lates[l])
				return false;
	return n_lates;
}

static void report(const char *why)
{
	int i;

	note("%s", why);
	for (i = 0; i < MEMBERS; i++) {
		struct disk *d = &order->disks[i];

		note("member %d: generation %" PRIu64 ", %" PRIu64 " delivered, next %" PRIu64
		     ", %" PRIu64 " voids, odd %" PRIu64, i, (uint64_t)d->generation,
		     (uint64_t)d->n, (uint64_t)d->position, (uint64_t)d->voids, (uint64_t)d->odd);
	}
}

static bool same_logs(void)
{
	const struct disk *first = &order->disks[0];
	int i;

	for (i = 1; i < MEMBERS; i++) {
		const struct disk *d = &order->disks[i];

		if (d->n != first->n || memcmp(d->log, first->log, d->n * sizeof(d->log[0])))
			return false;
	}
	return true;
}

/* Numbers rise, and those of one sender are in its order. */
static bool in_order(const struct disk *d)
{
	uint64_t last[MEMBERS + 1] = { 0 }, i;

	for (i = 0; i < d->n; i++) {
		uint64_t who = d->log[i].message >> 56, what = d->log[i].message << 8;

		if ((i && d->log[i].number <= d->log[i - 1].number) || !who || who > MEMBERS ||
		    what <= last[who])
			return false;
		last[who] = what;
	}
	return true;
}

/* Whatever was ended by a process that lives is delivered. */
static bool all_ended(const struct disk *sender, const struct disk *d)
{
	uint64_t i, at = 0;

	for (i = 0; i < sender->n_ended; i++) {
		while (at < d->n && d->log[at].number < sender->ended[i].number)
			at++;
		if (at == d->n || d->log[at].number != sender->ended[i].number ||
		    d->log[at].message != sender->ended[i].message)
			return false;
	}
	return true;
}

static void judge(void)
{
	struct consensus_result result = { 0 };
	uint64_t odd = 0;
	int i, fd;
	bool good = true;

	fd = consensus_open(O_RDWR);
	consensus_counter_read(fd, "order.seq", CONSENSUS_LINEARIZABLE, 0, 0, &result);
	for (i = 0; i < MEMBERS; i++) {
		good &= order->disks[i].position == result.value + 1;
		odd |= order->disks[i].odd;
	}
	ok(!odd, "no call failed as it should not");
	ok(good, "all are through, up to %" PRIu64, result.value);
	ok(same_logs(), "all have delivered the same, in one order");
	ok(in_order(&order->disks[0]), "that of the numbers, and of each sender");
	for (i = 0, good = true; i < MEMBERS; i++)
		good &= all_ended(&order->disks[i], &order->disks[0]) && order->disks[i].n_ended;
	ok(good, "nothing is lost that was ended by who lives");
	ok(none_late(), "nothing is delivered that came too late");
	ok(order->disks[0].n < result.value && order->disks[0].n > BETWEEN * DEATHS,
	   "%" PRIu64 " messages, %" PRIu64 " numbers void", (uint64_t)order->disks[0].n,
	   result.value - order->disks[0].n);
}

static void one_round(pid_t pids[MEMBERS], unsigned int round)
{
	enum death how = UNSENT + round % (DEATHS - 1);
	int who = (int)(round % MEMBERS);

	if (how == LATE)
		late_and_go_on(who);
	else
		kill_and_go_on(pids, who, how);
}

int main(int argc, char **argv)
{
	pid_t pids[MEMBERS];
	unsigned int round;
	int i, bad = 0;

	if (argc > 2 && !strcmp(argv[1], "-r")) {
		rounds = (unsigned int)strtoul(argv[2], NULL, 10);
		argc -= 2;
		argv += 2;
	}
	if (argc != MEMBERS + 1 || !rounds || rounds > ROUNDS_MAX)
		return 2;
	order = lt_shared(sizeof(*order));
	for (i = 0; i < MEMBERS; i++)
		nodes[i] = argv[i + 1];
	lt_enter(nodes[0]);
	for (i = 0; i < MEMBERS; i++)
		pids[i] = begin(i);
	for (round = 0; round < rounds; round++)
		one_round(pids, round);
	atomic_store(&order->stop, 1);
	ok(lt_await(&order->settled, PATIENCE_S * 1000), "the last void is through");
	atomic_store(&order->quit, 1);
	for (i = 0; i < MEMBERS; i++)
		bad += !!lt_wait(pids[i]);
	ok(!bad, "all end");
	report("at the end");
	judge();
	return tap_end();
}
