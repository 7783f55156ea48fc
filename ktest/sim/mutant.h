/* SPDX-License-Identifier: GPL-2.0 */
/* Ways to be wrong. Included by sim.h; what concerns locks is in lock.h. */
#ifndef SIM_MUTANT_H
#define SIM_MUTANT_H

/* Ways to be wrong on purpose, to prove that the checks see it. */
enum mutant {
	MUT_NONE,
	MUT_ACK_EARLY,		/* storage reports before it is durable */
	MUT_ACK_BLIND,		/* the same, with the direct check off */
	MUT_SEND_EARLY,		/* messages do not wait for their persist */
	MUT_FORGET_VOTE,	/* a restart forgets the vote */
	MUT_AMNESIA,		/* a blank node returns under its old name */
	MUT_COUNT_OLD,		/* commits entries of old terms by counting */
	MUT_DEDUP,		/* a repeated request runs again */
	MUT_READ_LOCAL,		/* linearizable reads without a round */
	MUT_STALE_ECHO,		/* old acks pass for acks of the newest round */
	MUT_OLD_VOTES,		/* answers of an earlier poll count as votes */
	MUT_NO_PREV,		/* followers do not look at prevLogTerm */
	MUT_HIGH_COMMIT,	/* heartbeats carry a commit that is too high */
	MUT_SKIP_APPLY,		/* a node leaves out an entry */
	MUT_SNAP_INDEX,		/* a snapshot is named for a later index */
	MUT_CANCEL_LIES,	/* a cancelled call says "nothing happened" */
	MUT_LOSE_ENTRY,		/* storage loses a durable entry */
	MUT_MUTE,		/* a node stays unheard after healing */
	MUT_COUNT_OBSERVER,	/* an observer's acks count as a member's */
	MUT_SKIP_HASH,		/* skip-apply, and only the log compares states */
	/* runs: mutants_run.c */
	MUT_RUN_AGAIN,		/* a run adds also what was resolved already */
	MUT_RUN_STOPS,		/* ... leaves out what is behind that */
	MUT_RUN_CLOSED,		/* ... does not look whether its handle is closed */
	MUT_RUN_LAST,		/* all of a run are told the last value */
	MUT_RUN_FIRST,		/* of a run only the first is told anything */
	MUT_RUN_LONG,		/* a run takes along what follows it */
	MUT_UNSEND_FIRST,	/* of a run that cannot leave, the first goes back */
	MUT_NEWS_FIRST,		/* a leader judges a run by its first */
	MUT_HARD_APART,		/* term and vote are not in the group */
	MUT_COMMIT_NEWEST,	/* a group's commit index is newer than its log */
	MUT_TAKE_TORN,		/* a start takes part of a torn group */
	MUT_CUT_CORRUPT,	/* a damaged log is cut where the damage is */
	MUT_FORGET_DOUBT,	/* a start in doubt is as any other */
	MUT_ONE_SLOT,		/* the superblock is written to one slot only */
	MUT_SLOT_ORDER,		/* ... to the only good slot first */
	MUT_OLD_SLOT,		/* the older superblock is trusted */
	MUT_SNAP_UNFLUSHED,	/* the superblock names what was not flushed */
	MUT_RELEASE_EARLY,	/* the ring is free before the superblock is */
	MUT_WRONG_MARK,		/* what follows a snapshot in the ring is not read */
	MUT_WRITE_AGAIN,	/* a suffix that was kept is cut, to be written again */
	MUT_SNAP_AHEAD,		/* a snapshot of what is not durable here */
	MUT_RETRY_FLUSH,	/* a failed flush is taken for done */
	MUT_TRUST_CACHE,	/* a start relies on what the disk's cache holds */
	MUT_STALE_HARD,		/* a start does not keep the vote that it found */
	MUT_DEAF_DOUBT,		/* a leader does not hear of a peer's doubt */
	/* locks, leases, fencing: mutants_lock.c */
	MUT_LEASE_REPLY,	/* a lease counts from the reply */
	MUT_EXPIRE_SOON,	/* a new leader does not wait for renewals */
	MUT_NO_ROUND,		/* a renewal is acknowledged without a round */
	MUT_ACK_ENDING,		/* ... and after its expiry is in the log */
	MUT_RESURRECT,		/* no timer, and a late reply brings a lease back */
	MUT_TOLD_LATE,		/* a grant is told though the lease is over */
	MUT_RELEASE_ABA,	/* a stale token releases the new holder */
	MUT_OVERTAKE,		/* the last to come is served first */
	MUT_TOKEN_STANDS,	/* a grant does not advance the token */
	MUT_NO_FENCE,		/* fences are not looked at */
	MUT_GIVE_UP_KEEPS,	/* who gives up stays in the queue */
	MUT_CLOSE_KEEPS,	/* a closed handle keeps its locks */
	MUT_REAP_STOPS,		/* what one entry cannot end stays */
	MUT_SNAP_ORDER,		/* a snapshot forgets the order of a queue */
	MUT_DEAF_GRANT,		/* grants are not told to who waits */
	MUT_LATE_LOSS,		/* who holds believes for twice the TTL */
	MUT_RIVALS,		/* the same, with the direct check off */
	MUT_FENCE_TIMER,	/* own fences rely on the timer, which is late */
	MUT_N
};

extern const char *const mutant_name[MUT_N];

/* mutants.c: what a mutant makes of a message; false: it is lost. */
bool mutate(struct node *n, struct msg *msg, struct raft_msg *m);
void mutant_weather(struct world *w);

/* mutants_run.c: runs. The command that leaves: its length, maybe changed. */
u16 mutant_command(struct node *n, u8 *cmd, u16 len);
/* Before the entry @g is applied: what is applied, in @buf; 0: itself. And after. */
u16 mutant_run(struct node *n, const struct gentry *g, u8 *buf);
void mutant_ran(struct node *n, const struct gentry *g, struct fsm_outcome *out);
/* What the client is told of it. */
void mutant_told(struct node *n, struct fsm_outcome *out);
void mutant_run_weather(struct world *w);

#endif
