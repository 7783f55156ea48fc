/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Storage of a node: what of it touches Linux. What lies where, and what is
 * found again, is the pure half's (record/).
 *
 *   file.c     an open file or block device: fit for it, claimed, read, written
 *   wal.c      the log: one thread, one write group in flight
 *   recover.c  what a start finds
 *   keep.c     the keeper: superblock, and who does what when
 *   snapshot.c snapshots: for peers, for the ring, from a leader
 *   backup.c   the state to a file, and a cluster out of one
 *
 * Nobody on the datagram path waits for any of this. The owner hands what is to
 * be durable to the WAL thread, by copying it into the group that is being
 * filled; the thread writes one group while the next one fills, and reports by
 * an item in the inbox. The superblock, and snapshots, are written by the keeper
 * (a work item), one at a time, beside the log.
 *
 * The end. cns_node_stop() marks the storage as stopping and goes on; thread and
 * keeper hold a reference to the node, end by themselves when the disk lets
 * them, and give the claim back. Only unloading the module waits for them.
 */
#ifndef CNS_STORAGE_H
#define CNS_STORAGE_H

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "record/record.h"
#include "wire/wire.h"

struct cns_node;
struct fsm;
struct raft_ready;

/* ------------------------------------------------------------------ file.c */

/**
 * struct cns_file - an open storage, claimed
 * @file: holds a reference
 * @size: bytes
 * @claim: in the list of files in use, by inode
 * @bdev: block device: its exclusive claim, see compat.h; NULL: a file
 */
struct cns_file {
	struct file *file;
	u64 size;
	struct list_head claim;
	void *bdev;
};

/*
 * Take the open file descriptor @fd of the calling process: a regular file of a
 * file system that overwrites in place, fully allocated, or a block device;
 * opened for reading and writing with O_DIRECT. Claims it. 0, or a negative
 * errno and in *why what to do about it.
 */
int cns_file_take(struct cns_file *f, int fd, const char **why);
void cns_file_give(struct cns_file *f);
/*
 * Read or write @len bytes at @pos, both multiples of RECORD_SECTOR, from or to
 * @buf, which is page-aligned (vmalloc). Writing returns when it is durable. 0 or
 * a negative errno; sleeps as long as the disk does. cns_file_flush(): so is what
 * others have written before.
 */
int cns_file_read(struct cns_file *f, u64 pos, void *buf, u64 len);
int cns_file_write(struct cns_file *f, u64 pos, const void *buf, u64 len);
int cns_file_flush(struct cns_file *f);

/* ------------------------------------------------------------------- wal.c */

/**
 * struct cns_stage - records of a group that is being filled
 * @records: RECORD_GROUP_BYTES
 * @len: bytes of @records
 * @g: what the group says beside them
 * @seq: last raft persist in it; 0: nothing to write
 * @entries: how many it holds
 * @touched: it changes the log
 * @term: of the entry that it leaves at the log's end, as raft_persisted() is
 *	told; with @index
 * @index: 0: it only cut the log
 * @at: when the first persist in it was handed over (ns)
 */
struct cns_stage {
	u8 *records;
	u32 len;
	struct record_group g;
	u64 seq;
	u32 entries;
	bool touched;
	u64 term;
	u64 index;
	u64 at;
};

/**
 * struct cns_wal - the log
 * @lock: guards what is marked l; BH disabled
 * @ring: l, where the writer stands
 * @stage: l, one is filled by the owner, the other written by the thread
 * @fill: l, which of them is filled
 * @busy: l, the other one is being written
 * @handed: o, last index of the log as handed over
 * @handed_term: o, that entry's term
 * @admitted: o, entries admitted since
 * @sectors: thread, the group as sectors
 * @hard: l, term and vote as of the last group that is durable
 * @done_seq: l, persist that is durable, to be reported to the core
 * @done_term: l, with it, of the last group that changed the log
 * @done_index: l, with it
 * @error: l, a write failed: for good
 * @room: the ring got room
 * @wait: the thread waits here
 * @idle: who waits until nothing is in flight
 * @groups: l, written
 * @bytes: l, written
 * @latency_ns: l, of writes, smoothed (1/8)
 * @latency_max_ns: l, longest
 */
struct cns_wal {
	spinlock_t lock;
	struct record_ring ring;
	struct cns_stage stage[2];
	u8 fill;
	bool busy;
	u64 handed;
	u64 handed_term;
	u64 admitted;
	u8 *sectors;
	struct raft_hard hard;
	u64 done_seq;
	u64 done_term;
	u64 done_index;
	int error;
	bool room;
	wait_queue_head_t wait;
	wait_queue_head_t idle;
	u64 groups;
	u64 bytes;
	u64 latency_ns;
	u64 latency_max_ns;
};

/**
 * struct cns_storage - a node's storage; all zero in memory mode
 * @on: c, disk mode
 * @started: c, the thread was begun
 * @stopping: no new work
 * @users: the node, the thread, the keeper at work: whoever is last gives the
 *	file back
 * @gone: it was given back
 * @file: the medium
 * @super: as it is in both slots; thread until loaded, then the keeper
 * @layout: c once loaded, that of @super
 * @slot: of the keeper, as @super: one slot to be written
 * @wal: the log
 * @saved_cluster: o, cluster id that is durable
 * @saved_coordinator: o, with it, to whom that is promised
 * @doubt: o, as it is durable
 * @unpromise: stopping, and an unfinished promise is to be dropped first
 * @fail: o, the failure of this node is to be made durable
 * @compact: o, the ring wants a snapshot
 * @compacted: o, index of the snapshot in storage
 * @compacted_bytes: o, its length
 * @past: c, boots of others from before this start
 * @loaded: bytes read at the start
 * @to_load: of so many
 */
struct cns_storage {
	bool on;
	bool started;
	bool stopping;
	bool unpromise;
	refcount_t users;
	struct completion gone;
	struct cns_file file;
	struct record_super super;
	struct record_layout layout;
	u8 *slot;
	struct cns_wal wal;
	struct raft_id saved_cluster;
	struct raft_id saved_coordinator;
	enum raft_doubt doubt;
	bool fail;
	bool compact;
	u64 compacted;
	u64 compacted_bytes;
	struct wire_past past[RECORD_PEERS];
	u64 loaded;
	u64 to_load;
};

/**
 * struct cns_backup - the last backup, see backup.c
 * @file: to be written to, for the keeper to take
 * @state: enum consensus_backup_state
 * @error: negative errno of a failed one
 * @count: begun since the start
 * @index: of the state in it
 * @term: that entry's
 * @bytes: written
 * @checksum: of these
 */
struct cns_backup {
	struct file *file;
	u32 state;
	s32 error;
	u64 count;
	u64 index;
	u64 term;
	u64 bytes;
	u64 checksum;
};

enum cns_restore_state {
	CNS_RESTORE_NONE,
	CNS_RESTORE_READING,	/* nobody was asked to promise anything yet */
	CNS_RESTORE_LOADED,	/* promises are collected */
	CNS_RESTORE_PROMISED,	/* all have */
	CNS_RESTORE_STORING,
};

/**
 * struct cns_restore - creating a cluster out of a backup, see backup.c
 * @file: to be read, for the keeper to take
 * @state: enum cns_restore_state
 * @bytes: of the state in it
 * @checksum: of these
 * @index: behind which the new cluster begins
 * @advance: added to every counter
 * @fsm: the state, once it was read
 * @err: of reading it
 */
struct cns_restore {
	struct file *file;
	u32 state;
	u64 bytes;
	u64 checksum;
	u64 index;
	u64 advance;
	struct fsm *fsm;
	int err;
};

/* ------------------------------------------------------------------- wal.c */
bool cns_wal_room(struct cns_node *n, unsigned int entries);
void cns_wal_hand(struct cns_node *n, const struct raft_ready *rd);
void cns_wal_report(struct cns_node *n, u64 now);
int cns_wal_start(struct cns_node *n);
void cns_wal_stop(struct cns_node *n);
void cns_wal_exit(void);
void cns_storage_put(struct cns_node *n);

/* --------------------------------------------------------------- recover.c */
bool cns_recover(struct cns_node *n);

/* ------------------------------------------------------------------ keep.c */
int cns_super_write(struct cns_storage *st, struct record_super *next,
		    unsigned int first);
int cns_keep_write(struct cns_node *n, struct record_super *next);
void cns_keep_failed(struct cns_node *n, const char *what, int err);
void cns_keep_compact(struct cns_node *n);
void cns_keep_work(struct cns_node *n);
void cns_keep_init(struct cns_node *n);
void cns_fail_durably(struct cns_node *n, const char *why);
bool cns_promise_saved(const struct cns_node *n);
int cns_keep_module_init(void);
void cns_keep_module_exit(void);

/* -------------------------------------------------------------- snapshot.c */
u64 cns_checksum(const u8 *data, u64 len);
bool cns_feed(struct fsm *f);
bool cns_snapshot_load(struct fsm *f, const struct raft_snapshot *s);
void cns_snapshot_room(struct cns_node *n);
void cns_snapshot_install(struct cns_node *n);
void cns_snapshot_make(struct cns_node *n);
int cns_snapshot_take(struct cns_node *n, struct raft_snapshot *s);
int cns_snapshot_first(struct cns_node *n, struct fsm *f,
		       struct raft_snapshot *snap);
void cns_snapshots_free(struct cns_node *n);

/* ---------------------------------------------------------------- backup.c */
int cns_backup_begin(struct cns_node *n, struct file *file);
void cns_backup_write(struct cns_node *n);
void cns_restore(struct cns_node *n);
void cns_backup_free(struct cns_node *n);

#endif
