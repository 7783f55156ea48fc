// SPDX-License-Identifier: GPL-2.0
/*
 * A group on its way in: what it says, and what its records do to the log.
 *
 * Groups are read from a place where the log may have been any: shorter than the
 * snapshot's index, or longer, and with other entries there than those that were
 * committed in the end (they were cut, and the right ones written, by a group
 * that comes later, or that never became durable). So what is read is followed by
 * index and term alone, as a follower does (paper 5.3), and an entry belongs to
 * the log that is found only if what is before it goes back to the snapshot's
 * last entry: same index, same term. That is "joined".
 *
 * Each group says after which entry it goes on. That is where the group before
 * left off, except after a start that found less than the snapshot in the ring,
 * or nothing that joins it: then the log was the snapshot's own, and the group
 * says that.
 */
#include "layout.h"

u64 record_log_end(const struct record_log *l)
{
	return l->joined ? l->last : l->base->index;
}

u64 record_log_end_term(const struct record_log *l)
{
	return l->joined ? l->term : l->base->term;
}

/* ------------------------------------------------------------------ group */

static bool told_valid(const struct record_told *t)
{
	const struct record_group *g = &t->g;

	return t->len <= RECORD_GROUP_BYTES && !(t->len & 7) &&
	       t->before < RECORD_NUMBER_MAX &&
	       t->before_term <= g->hard.term && !t->before == !t->before_term &&
	       g->last < RECORD_NUMBER_MAX && g->commit <= g->last;
}

/**
 * record_told_read() - what a group says of itself
 * @t: set on success
 * @r: the ring
 * @s: any of its sectors
 * @bytes: the payloads of all of its sectors
 *
 * Return: 0, or -EINVAL.
 */
int record_told_read(struct record_told *t, const struct record_ring *r,
		     const struct record_sector *s, const u8 *bytes)
{
	u32 room = s->sectors * RECORD_PAYLOAD - RECORD_GROUP_HEAD;
	struct record_group_bytes b;
	struct record_told got;
	u16 flags;

	memcpy(&b, bytes, sizeof(b));
	flags = le16_to_cpu(b.flags);
	got.g.hard = s->hard;
	got.g.hard_changed = flags & RECORD_GROUP_HARD;
	got.g.commit = le64_to_cpu(b.commit);
	got.g.last = le64_to_cpu(b.last);
	got.g.last_term = 0;
	got.before = le64_to_cpu(b.before);
	got.before_term = le64_to_cpu(b.before_term);
	got.records = bytes + sizeof(b);
	got.len = le32_to_cpu(b.len);
	if (le16_to_cpu(b.version) != RECORD_VERSION ||
	    flags & ~RECORD_GROUP_HARD ||
	    !raft_id_eq(record_id(&b.cluster), r->cluster) ||
	    !told_valid(&got) || got.len > room ||
	    (got.g.hard_changed && s->sectors < 2) ||
	    memchr_inv(got.records + got.len, 0, room - got.len))
		return -EINVAL;
	*t = got;
	return 0;
}

/* ---------------------------------------------------------------- records */

/**
 * struct step - a record
 * @what: enum record_step
 * @e: ENTRY: it
 * @index: CUT: where the log ends
 * @term: of the entry; of that before @index
 */
struct step {
	u8 what;
	struct raft_entry e;
	u64 index;
	u64 term;
};

/* The record at @p of @len bytes; its length, or 0: malformed. */
static u32 step_read(struct step *s, const u8 *p, u32 len)
{
	struct record_step_bytes b;
	u32 end;

	if (len < sizeof(b))
		return 0;
	memcpy(&b, p, sizeof(b));
	s->what = b.step;
	s->index = le64_to_cpu(b.index);
	s->term = le64_to_cpu(b.term);
	s->e.term = s->term;
	s->e.data = p + sizeof(b);
	s->e.len = le16_to_cpu(b.len);
	s->e.kind = b.kind;
	if (b.zero || s->term > RECORD_NUMBER_MAX)
		return 0;
	if (b.step == RECORD_STEP_CUT)
		return b.len || b.kind || !s->index ||
		       s->index > RECORD_NUMBER_MAX ||
		       (s->index == 1) != !s->term ? 0 : sizeof(b);
	end = record_entry_bytes(s->e.len);
	if (b.step != RECORD_STEP_ENTRY || s->index || !s->term ||
	    s->e.len > RAFT_ENTRY_MAX || !b.kind || b.kind > RAFT_COMMAND ||
	    end > len ||
	    memchr_inv(s->e.data + s->e.len, 0, end - sizeof(b) - s->e.len))
		return 0;
	return end;
}

u64 record_steps_term(const u8 *records, u32 len, u64 term)
{
	struct step s;
	u32 n;

	for (; len; records += n, len -= n) {
		n = step_read(&s, records, len);
		if (!n)
			break;
		term = s.term;
	}
	return term;
}

/* ------------------------------------------------------------------- log */

/* The log is at (@index, @term) now, and only that counts. */
static void log_at(struct record_log *l, u64 index, u64 term)
{
	l->last = index;
	l->term = term;
	l->joined = index == l->base->index && term == l->base->term;
}

/* Is this where the log was left, or where a start may have found it? */
static int log_begin(struct record_log *l, const struct record_told *t)
{
	if (l->begun && t->before == l->last && t->before_term == l->term)
		return 0;
	if (l->begun &&
	    (t->before > l->base->index || record_log_end(l) > l->base->index))
		return -EINVAL;
	l->begun = true;
	log_at(l, t->before, t->before_term);
	return 0;
}

/*
 * The log ends before the entry @s->index; further on than it was only where a
 * leader's snapshot was put in its place: that is the base, or was before it.
 */
static bool log_may_cut(const struct record_log *l, const struct step *s,
			u64 commit)
{
	u64 base = l->base->index;

	/* What is committed stays. */
	if (l->joined && commit > base && s->index <= commit)
		return false;
	if (s->index <= base + 1)
		return true;
	if (s->index <= l->last)
		return s->term <= l->term;
	return s->index == l->last + 1 && s->term == l->term;
}

static int log_step_cut(struct record_log *l, const struct step *s, u64 commit,
			struct record_replay *rp)
{
	u64 was = record_log_end(l), end;

	if (!log_may_cut(l, s, commit))
		return -EINVAL;
	if (s->index > l->base->index + 1) {
		l->last = s->index - 1;
		l->term = s->term;
	} else {
		log_at(l, s->index - 1, s->term);
	}
	end = record_log_end(l);
	if (rp && end < was)
		rp->cut(rp->ctx, end + 1);
	return 0;
}

static int log_step_entry(struct record_log *l, const struct step *s,
			  struct record_replay *rp)
{
	u64 index = l->last + 1, base = l->base->index;

	if (s->term < l->term)
		return -EINVAL;
	if (index <= base) {
		log_at(l, index, s->term);
		return 0;
	}
	l->last = index;
	l->term = s->term;
	return l->joined && rp ? rp->entry(rp->ctx, index, &s->e) : 0;
}

/**
 * record_told_steps() - carry out the records of a group
 * @l: the log before it, then with it
 * @t: the group
 * @commit: index known to be committed before it; at least the base's
 * @rp: whom to tell, or NULL: find out only
 *
 * Return: 0; -EINVAL malformed; or what the handler of an entry returned.
 */
int record_told_steps(struct record_log *l, const struct record_told *t,
		      u64 commit, struct record_replay *rp)
{
	int err = log_begin(l, t);
	struct step s;
	u32 at, n;

	for (at = 0; !err && at < t->len; at += n) {
		n = step_read(&s, t->records + at, t->len - at);
		if (!n || s.term > t->g.hard.term)
			return -EINVAL;
		if (s.what == RECORD_STEP_CUT)
			err = log_step_cut(l, &s, commit, rp);
		else
			err = log_step_entry(l, &s, rp);
	}
	if (!err && l->last != t->g.last)
		return -EINVAL;
	return err;
}
