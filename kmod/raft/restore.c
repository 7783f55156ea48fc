// SPDX-License-Identifier: GPL-2.0
/*
 * How a log begins: with what storage held, or with a new cluster.
 */
#include "core.h"

/* Everything up to (@index, @term) is in the state, and durable. */
static void begin_behind(struct raft *r, u64 index, u64 term,
			 const struct raft_config *config)
{
	raft_log_reset(&r->log, index, term);
	r->commit = index;
	r->handed = index;
	r->applied = index;
	r->store.given = index;
	r->store.durable = index;
	raft_conf_set(r, index, config);
	raft_follow_reset(r);
}

int raft_restore(struct raft *r, u64 index, u64 term,
		 const struct raft_config *config)
{
	if (r->log.last)
		return -EINVAL;
	if (!index)
		return 0;
	if (!term || index > RAFT_NUMBER_MAX || term > RAFT_NUMBER_MAX ||
	    !config || !raft_config_valid(config))
		return -EINVAL;
	begin_behind(r, index, term, config);
	return 0;
}

/* "Terms ... increase monotonically" (paper 5.1) along any log, too. */
int raft_restore_entry(struct raft *r, const struct raft_entry *e)
{
	int err;

	if (!e->term || e->term > RAFT_NUMBER_MAX ||
	    e->term < raft_log_term(&r->log, r->log.last))
		return -EINVAL;
	err = raft_log_append(&r->log, e);
	if (err)
		return err;
	if (e->kind == RAFT_MEMBERS && raft_conf_appended(r, r->log.last)) {
		raft_log_truncate(&r->log, r->log.last - 1);
		return -EINVAL;
	}
	r->store.given = r->log.last;
	r->store.durable = r->log.last;
	return 0;
}

/**
 * raft_restore_cut() - entries were replaced later
 * @r: a node that is being restored
 * @index: the first of them
 *
 * Return: 0; -EINVAL: some of them are known to be committed, and what is
 * committed is never replaced (paper, figure 3, leader append-only and log
 * matching).
 */
int raft_restore_cut(struct raft *r, u64 index)
{
	u64 last = index > r->log.base ? index - 1 : r->log.base;

	if (last >= r->log.last)
		return 0;
	if (last < r->commit)
		return -EINVAL;
	raft_log_truncate(&r->log, last);
	raft_conf_rollback(r, last);
	r->store.given = last;
	r->store.durable = last;
	return 0;
}

/**
 * raft_restore_commit() - entries are known to be committed
 * @r: a node that is being restored
 * @index: the last of them; the driver applies them, raft does not ask for it
 *
 * Return: 0; -EINVAL: @index is beyond the last entry.
 */
int raft_restore_commit(struct raft *r, u64 index)
{
	if (index > r->log.last)
		return -EINVAL;
	r->commit = max(r->commit, index);
	r->handed = r->commit;
	raft_follow_reset(r);
	return 0;
}

/**
 * raft_restore_end() - that was all
 * @r: a node that is being restored
 * @hard: term and vote, as they were found behind the last entry
 * @doubt: what may be missing behind that
 *
 * A single voter that may have lost what it acknowledged has nobody to ask: it
 * fails (design 8).
 *
 * Return: 0; -EINVAL: an entry is of a later term than @hard, or it is nonsense.
 */
int raft_restore_end(struct raft *r, const struct raft_hard *hard,
		     enum raft_doubt doubt)
{
	if (hard->term > RAFT_NUMBER_MAX ||
	    hard->term < raft_log_term(&r->log, r->log.last) ||
	    (!hard->term && raft_id_some(hard->vote)))
		return -EINVAL;
	r->store.hard = *hard;
	r->said_term = hard->term;
	raft_doubt_begin(r, doubt);
	if (doubt && r->voter && r->conf.config.n_voters == 1)
		raft_fail(r, "the log of the only voter may lack what was acknowledged");
	return 0;
}

static bool config_names_voter(const struct raft_config *c, struct raft_id id)
{
	unsigned int i;

	for (i = 0; i < c->n_voters; i++)
		if (raft_id_eq(c->member[i], id))
			return true;
	return false;
}

/* The first entries of a cluster, or none of them. */
static int first_entries(struct raft *r, const struct raft_config *config,
			 const struct raft_entry *entries, unsigned int n)
{
	u8 buf[RAFT_CONFIG_BYTES_MAX];
	struct raft_entry e = { .term = 1, .data = buf, .kind = RAFT_MEMBERS };
	unsigned int i;
	int err;

	e.len = raft_config_encode(config, buf);
	err = e.len ? raft_log_append(&r->log, &e) : -EINVAL;
	for (i = 0; !err && i < n; i++) {
		e = entries[i];
		e.term = 1;
		err = e.kind == RAFT_COMMAND ? raft_log_append(&r->log, &e) :
					       -EINVAL;
	}
	if (err)
		raft_log_reset(&r->log, 0, 0);
	return err;
}

int raft_bootstrap(struct raft *r, u64 now, const struct raft_config *config,
		   const struct raft_entry *entries, unsigned int n)
{
	int err;

	if (r->failed || r->log.last || r->conf.config.n)
		return -EBUSY;
	if (!raft_config_valid(config) || !config_names_voter(config, r->p.self))
		return -EINVAL;
	err = first_entries(r, config, entries, n);
	if (err)
		return err;
	raft_event(r, now);
	if (!r->store.hard.term)
		raft_become(r, RAFT_FOLLOWER, 1, RAFT_NOBODY);
	raft_conf_appended(r, 1);
	raft_stand(r, RAFT_PRECANDIDATE, false);
	return 0;
}

/**
 * raft_begin_at() - begin a cluster behind a snapshot, and stand at once
 * @r: a node with an empty log
 * @now: ns
 * @index: what the snapshot includes
 * @term: that entry's term
 * @config: the voters, this node among them
 *
 * Return: 0; -EBUSY: the log is not empty; -EINVAL: nonsense, or no voter.
 */
int raft_begin_at(struct raft *r, u64 now, u64 index, u64 term,
		  const struct raft_config *config)
{
	if (r->failed || r->log.last || r->conf.config.n)
		return -EBUSY;
	if (!index || index > RAFT_NUMBER_MAX || !term || term > RAFT_NUMBER_MAX ||
	    !config || !raft_config_valid(config) ||
	    !config_names_voter(config, r->p.self))
		return -EINVAL;
	raft_event(r, now);
	if (r->store.hard.term < term)
		raft_become(r, RAFT_FOLLOWER, term, RAFT_NOBODY);
	begin_behind(r, index, term, config);
	/* Storage has the snapshot, but no log that joins it yet. */
	r->store.anew = true;
	raft_stand(r, RAFT_PRECANDIDATE, false);
	return 0;
}
