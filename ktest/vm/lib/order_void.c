// SPDX-License-Identifier: GPL-2.0
/*
 * The two rounds by which numbers become void, as consensus_sequence.h has them. All is
 * asked again while there is no answer, and is answered as often.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "../abi/ct.h"
#include "order.h"

enum { AGAIN_MS = 200 };

/* ---- the members ---- */

static void reply(struct member *m, const struct packet *p, enum kind what, uint64_t base)
{
	struct packet r = { .kind = what, .from = (uint32_t)m->index, .stamp = p->stamp,
			    .base = base };
	unsigned int i;

	for (i = 0; what == HAVE && i < ROOM && base + i <= p->stamp.number; i++)
		r.messages[i] = member_has(m, base + i);
	net_send(m, (int)p->from, &r);
}

/* Round 1. Whoever came back answers nobody but itself, until it has. */
static void asked(struct member *m, const struct packet *p)
{
	if (m->out && (int)p->from != m->index)
		return;
	if (consensus_receiver_seal(m->receiver, &p->stamp)) {
		reply(m, p, STALE, 0);
		return;
	}
	m->out = false;
	reply(m, p, HAVE, p->base);
}

/* All of a packet that it has not; what follows is void. 0 or an errno, negative. */
static int take(struct member *m, const struct packet *p)
{
	struct consensus_stamp stamp = { .token = p->stamp.token };
	unsigned int i;
	int ret;

	for (i = 0; i < ROOM && p->base + i <= p->stamp.number; i++) {
		if (!p->messages[i])
			continue;
		stamp.number = p->base + i;
		ret = consensus_receiver_put(m->receiver, &stamp, &m->arrived[stamp.number]);
		if (!ret)
			m->arrived[stamp.number] = p->messages[i];
		else if (ret != -EEXIST)
			return ret;
	}
	return consensus_receiver_void(m->receiver, &p->stamp);
}

/* Round 2. A packet has what may be put from its base on, and must not be any older. */
static void given(struct member *m, const struct packet *p)
{
	int ret = -ENOSPC;

	if (m->out)
		return;
	if (p->base == consensus_receiver_position(m->receiver) ||
	    p->stamp.number < consensus_receiver_position(m->receiver))
		ret = take(m, p);
	member_deliver(m);
	if (!ret)
		reply(m, p, DONE, 0);
	else if (ret == -ENOSPC)
		reply(m, p, MORE, consensus_receiver_position(m->receiver));
	else if (ret == -ESTALE)
		reply(m, p, STALE, 0);
	else
		member_odd(m, 10, ret);
}

/* ---- who voids ---- */

void void_begin(struct member *m)
{
	struct voiding *v = &m->voiding;
	uint64_t n;
	int i, ret;

	memset(v, 0, sizeof(*v));
	ret = consensus_sender_void(m->sender, 0, &v->stamp);
	if (ret) {
		/* A session that was lost, or whatever else: once more, later. */
		if (ret != -EKEYEXPIRED && ret != -ENOTRECOVERABLE)
			member_odd(m, 11, ret);
		return;
	}
	v->on = true;
	for (i = 0; i < MEMBERS; i++)
		v->base[i] = 1;
	for (n = 1; n <= v->stamp.number; n++)
		v->found[n] = member_has(m, n);
}

static void tell(struct member *m, int to)
{
	struct voiding *v = &m->voiding;
	struct packet p = { .kind = v->giving ? GIVE : ASK, .from = (uint32_t)m->index,
			    .stamp = v->stamp, .base = v->base[to] };
	unsigned int i;

	if (v->done[to])
		return;
	for (i = 0; v->giving && i < ROOM && p.base + i <= v->stamp.number; i++)
		p.messages[i] = v->found[p.base + i];
	net_send(m, to, &p);
}

void void_drive(struct member *m)
{
	struct voiding *v = &m->voiding;
	int i;

	if (!v->on || now_ns() - v->sent_at < AGAIN_MS * 1000000ULL)
		return;
	v->sent_at = now_ns();
	for (i = 0; i < MEMBERS; i++) {
		tell(m, i);
		if (i == 1)
			member_die(m, v->giving ? GIVING : ASKING);
	}
}

/* All are done with a round: the next, or that was it. */
static void next_round(struct member *m)
{
	struct voiding *v = &m->voiding;
	int i;

	for (i = 0; i < MEMBERS; i++)
		if (!v->done[i])
			return;
	if (v->giving) {
		v->on = false;
		atomic_fetch_add(&m->disk->voids, 1);
		return;
	}
	v->giving = true;
	v->sent_at = 0;
	memset(v->done, 0, sizeof(v->done));
	for (i = 0; i < MEMBERS; i++)
		v->base[i] = 1;
}

static void answered(struct member *m, const struct packet *p)
{
	struct voiding *v = &m->voiding;
	unsigned int i;

	if (p->base != v->base[p->from])
		return;
	for (i = 0; i < ROOM && p->base + i <= v->stamp.number; i++)
		if (p->messages[i])
			v->found[p->base + i] = p->messages[i];
	v->base[p->from] += ROOM;
	v->done[p->from] = v->base[p->from] > v->stamp.number;
	tell(m, (int)p->from);
}

void void_receive(struct member *m, const struct packet *p)
{
	struct voiding *v = &m->voiding;

	if (p->kind == ASK)
		asked(m, p);
	else if (p->kind == GIVE)
		given(m, p);
	if (p->kind == ASK || p->kind == GIVE || !v->on || p->stamp.token != v->stamp.token)
		return;
	if (p->kind == STALE) {
		v->on = false;
	} else if (p->kind == HAVE && !v->giving && !v->done[p->from]) {
		answered(m, p);
	} else if (p->kind == MORE && v->giving && p->base != v->base[p->from]) {
		v->base[p->from] = p->base;
		tell(m, (int)p->from);
	} else if (p->kind == DONE && v->giving) {
		v->done[p->from] = true;
	}
	if (v->on)
		next_round(m);
}
