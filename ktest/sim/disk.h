/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node's storage as bytes, and the driver's part of it: what the kernel's WAL
 * thread, keeper and recovery do behind kmod/record. Included by sim.h.
 *
 *   disk.c      sectors, a volatile cache, what power cuts and time do to them
 *   wal.c       the log: groups, one in flight
 *   keep.c      superblock and snapshots
 *   recover.c   what a start finds
 *   medium.c    what a start must find, from outside of the node
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "../../kmod/record/record.h"

struct world;
struct node;
struct blob;

/**
 * struct write - a persist on its way
 * @seq: as ready.persist
 * @hard: whole
 * @snapshot: the log begins anew behind @first - 1, with @blob
 * @first: entries, @n of them
 * @before: term of the entry before them
 * @commit: known to be committed, and in the log with this
 * @cut: it replaces what the log held from @first on
 * @more: not all of the persist: more of it follows
 * @done: durable, not yet reported
 */
struct write {
	struct write *next;
	u64 seq;
	struct raft_hard hard;
	struct blob *blob;
	u64 first;
	u32 n;
	u64 before;
	u64 commit;
	bool snapshot;
	bool cut;
	bool more;
	bool done;
	struct gentry *e[];
};

/**
 * struct store - what survives a crash
 * @hard: durable
 * @base: log begins behind this, with @blob if not 0
 * @ent: entries, ent[i - base - 1]
 * @reported: highest seq reported to the core
 * @seq: highest seq that is durable
 * @head: writes on their way, in order
 */
struct store {
	struct raft_hard hard;
	u64 base;
	u64 base_term;
	struct blob *blob;
	struct gentry **ent;
	u64 last;
	u64 cap;
	u64 reported;
	u64 seq;
	struct write *head, *tail;
	u64 busy_until;
};

/* Who writes. A flush is for what one of them wrote; the rest may come, or not. */
enum disk_who { DISK_WAL, DISK_KEEP, DISK_ACTORS };

/* What an actor does next. */
enum disk_step { DISK_WRITE, DISK_FLUSH };

/**
 * struct disk - sectors
 * @size: bytes
 * @medium: what is stable
 * @view: what a read returns: the medium, and the volatile cache over it
 * @dirty: of each sector: 0 stable, 1 + who wrote it last
 * @rot: of each sector: bits of it were turned, and it was not written since
 * @n_rot: how many of these
 * @list: the sectors that are not stable, in the order of writing
 * @n_list: how many
 */
struct disk {
	u64 size;
	u8 *medium;
	u8 *view;
	u8 *dirty;
	u8 *rot;
	u32 n_rot;
	u32 *list;
	u32 n_list;
};

void disk_init(struct disk *d, u64 size);
void disk_free(struct disk *d);
void disk_write(struct disk *d, enum disk_who who, u64 pos, const void *buf,
		u64 len);
void disk_flush(struct disk *d, enum disk_who who);
/* The reader of what may be unstable makes it stable before relying on it. */
void disk_flush_all(struct disk *d);
/* The power is cut: of the unstable sectors those survive that @keep names. */
void disk_cut(struct disk *d, bool (*keep)(void *ctx, u32 i), void *ctx);
/* Mutant "retry-flush": what is not stable never will be, and passes for it. */
void disk_forget(struct disk *d);
/* Turn bits of a stable byte around. */
void disk_flip(struct disk *d, u64 pos, u8 bits);

/**
 * struct wal - the log's writer
 * @ring: where it stands
 * @hard: term and vote as of the last durable group
 * @flying: a group is being made, written or flushed
 * @written: it is in the cache
 * @held: the keeper wants no group to begin
 * @full: the next group waits for room
 * @g: the group in flight
 * @sectors: its sectors
 * @n_writes: how many pending writes it holds
 */
struct wal {
	struct record_ring ring;
	struct raft_hard hard;
	bool flying;
	bool written;
	bool held;
	bool full;
	struct record_group g;
	u32 sectors;
	u32 n_writes;
};

enum keep_job {
	KEEP_NOTHING,
	KEEP_SUPER,		/* flags have changed */
	KEEP_OWN,		/* an own snapshot */
	KEEP_INSTALL,		/* a received one */
};

enum { KEEP_TORN = 4 };

/**
 * struct keep - the keeper: one job at a time
 * @super: as it is in both slots
 * @next: as it is going to be
 * @job: enum keep_job
 * @pos: steps of it that are done: 0 area, 1 first slot, 2 second slot
 * @stage: what of @next a power cut may leave: 0 nothing, 1 it was written to the
 *	first slot, 2 it is stable there
 * @torn: attempts that a power cut left in part; another one that is torn, too,
 *	may complete them
 * @n_torn: how many, ever since both slots were whole
 * @waits: for the log to stand still
 * @blob: KEEP_OWN, KEEP_INSTALL: what is written
 * @own: an own snapshot that is to be kept when it may be
 * @incoming: a received one that is to be installed
 * @f: the state of it, built beside the live one; NULL: no memory for that
 */
struct keep {
	struct record_super super;
	struct record_super next;
	u8 job;
	u8 pos;
	u8 stage;
	struct record_super torn[KEEP_TORN];
	u32 n_torn;
	bool waits;
	struct blob *blob;
	struct blob *own;
	struct blob *incoming;
	struct fsm *f;
};

/**
 * struct storage - all of it, and what is known of it from outside
 * @d: the bytes
 * @wal: dies with the power
 * @keep: dies with the power, but for what a start is held against: @super,
 *	@next and @stage as they were
 * @tail_first: lowest index that the last group on the medium changed
 * @tail_hard: term and vote before that group
 * @tail_at: its first sector in the ring
 * @tail_n: its sectors
 * @lost: it was refused at a start: nothing of it counts any more
 * @doubt: the node was in doubt at its start and still is
 * @before: what the medium held before the damage that brought the doubt
 * @since: what it held at each damage since
 * @doubt_gen: generation of the node's start that told of doubt; 0: none did
 */
struct storage {
	struct disk d;
	struct wal wal;
	struct keep keep;
	u64 tail_first;
	struct raft_hard tail_hard;
	u64 tail_at;
	u32 tail_n;
	bool lost;
	enum raft_doubt doubt;
	struct store *before;
	struct past {
		struct past *next;
		struct store st;
	} *since;
	u32 doubt_gen;
};

/* A new storage for @n; it owns n->s from here on. */
void storage_format(struct node *n);
void storage_free(struct node *n);
/* The power is cut; @keep NULL: only the node died, the disk goes on. */
void storage_cut(struct node *n, bool (*keep)(void *ctx, u32 i), void *ctx);
/* An actor's next step is due. */
void storage_step(struct node *n, enum disk_who who, enum disk_step step);
/* A write or flush failed: that is final. */
void storage_broke(struct node *n);
/* Turn some bits somewhere; the node is down. */
void storage_rot(struct node *n);

/* wal.c */
void wal_start(struct node *n, const struct record_ring *ring,
	       const struct raft_hard *hard);
void wal_kick(struct node *n);
void wal_step(struct node *n, enum disk_step step);
bool wal_idle(const struct node *n);
/* Less than an eighth of the ring is free: nothing more may be let in. */
bool wal_tight(const struct node *n);
/* So much is used that it is time for a snapshot. */
bool wal_full(const struct node *n);

/* keep.c */
/* False: the power was cut meanwhile. */
bool keep_start(struct node *n, const struct record_replay *rp, u32 flags,
		int bad_slots);
void keep_own(struct node *n, struct blob *b);
void keep_install(struct node *n, const struct raft_snapshot *s, struct fsm *f);
void keep_kick(struct node *n);
void keep_step(struct node *n, enum disk_step step);
void keep_end(struct node *n);

/* recover.c: false: refused, or the power was cut again. */
bool recover(struct node *n);

/* medium.c */

/**
 * struct found - what a start found
 * @verdict: enum record_verdict
 * @log: the log and the hard state
 * @commit: known to be committed
 */
struct found {
	enum record_verdict verdict;
	struct store log;
	u64 commit;
};

/* What is in force must be what was, or what was on its way. Takes it. */
void medium_super(struct node *n, const struct record_super *s);
/* The log must be what was durable, or that and the group in flight. Takes it. */
void medium_log(struct node *n, struct found *f);
/* Storage refuses itself: only damage explains that. */
void medium_lost(struct node *n, const char *why);
u64 medium_lacks(const struct node *n);
bool medium_had(const struct node *n, const struct gentry *e);
/* The node's doubt is over: it must have again what it had. */
void medium_sure(struct node *n);

#endif
