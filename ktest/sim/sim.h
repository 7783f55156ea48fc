/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The simulator: whole clusters of the pure half in one process.
 *
 *   workload.c  programs on the nodes: requests, reads, cancels, closes
 *   node.c      the driver of one node, duty for duty as raft.h numbers them
 *   forward.c   its requests, on their way to the leader
 *   snap.c      its snapshots, chunks of memory, compaction
 *   store.c     what is durable of a node, and what a crash leaves
 *   disk.c, wal.c, keep.c, recover.c, medium.c
 *               its storage as bytes, see disk.h
 *   net.c       messages in flight
 *   ghost.c     what all nodes ever did, kept outside of them
 *   model.c     an independent model of the state machine
 *   mutants*.c  ways to be wrong
 *   check.c     the properties, checked after every step
 *   draw.c      the weather of a life
 *   lock.h      locks, leases and clocks: says which files they have
 *   world.c     time, the event queue, faults
 *   heal.c      the end: healing, then progress
 *   sim.c       options, many seeds on several processes, TAP
 *   exhaust.c, exhaust_work.c
 *               short workloads, the power cut at every point in every way
 *   simctl.c    the same nodes, moved by commands instead of by chance
 *
 * Everything below world.c is shared by the simulator and by simctl: they
 * differ in the struct sim_ops that decides what becomes of a message, of a
 * write and of a deadline.
 */
#ifndef SIM_H
#define SIM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include "../../kmod/raft/raft.h"
#include "../../kmod/fsm/fsm.h"
#include "../../kmod/fsm/client.h"

enum {
	SIM_SLOTS = 12,		/* machines: members, and nodes that join */
	SIM_NAMES = 8,		/* counters that programs touch */
	SIM_HANDLES = 24,	/* open files a node, at most */
	SIM_REQS = 24,		/* requests of one node, beside a burst */
	SIM_READS = 12,		/* reads waiting on one node */
	SIM_FORWARD = 24,	/* commands in one forward */
	SIM_DEDUP_SHIFT = 500,	/* mutant "dedup": seq of the second run */
};

#define MS 1000000ULL
#define US 1000ULL
#define SIM_RESEND (200 * MS) /* a request unheard of goes out again */

struct world;
struct node;

/* ---------------------------------------------------------- random numbers */

struct rng {
	u64 state;
};

u64 rng_next(struct rng *g);
/* Uniform in [0, n), n at least 1. */
u64 rng_below(struct rng *g, u64 n);
u64 rng_range(struct rng *g, u64 lo, u64 hi);
/* True with a probability of @ppm in a million. */
bool rng_hit(struct rng *g, u32 ppm);

/* ---------------------------------------------------------------- memory */

/* An arena: lives as long as the world. */
void *arena_alloc(struct world *w, size_t n);
void *xcalloc(size_t n, size_t size);
void arena_free(struct world *w);

/**
 * struct blob - bytes of a snapshot, shared by who refers to them
 * @refs: how many do
 * @snap: header; .data is @bytes
 */
struct blob {
	u32 refs;
	struct raft_snapshot snap;
	u8 bytes[];
};

struct blob *blob_new(const struct raft_snapshot *s);
struct blob *blob_get(struct blob *b);
void blob_put(struct blob *b);

#include "ghost.h"
#include "disk.h"

/* -------------------------------------------------------------- messages */

enum msg_kind {
	MSG_RAFT,
	MSG_FORWARD,	/* commands for the leader */
	MSG_HELLO,	/* replicate to me, I am not in the configuration */
	MSG_RENEW,	/* a session is alive: to the leader */
	MSG_RENEWED,	/* the leader acknowledges that */
};

/**
 * struct msg - in flight; immutable, shared by its duplicates
 * @no: numbered in order of sending
 * @from: slot
 * @to: slot
 * @m: raft message without pointers
 * @e: entries that it carries
 * @data: chunk, or forwarded commands, each behind its length
 * @session: of a renewal
 * @renewal: its id
 */
struct msg {
	struct msg *next;
	u64 no;
	u32 refs;
	u8 kind;
	u8 from;
	u8 to;
	u8 n_commands;
	u32 boot;		/* of the receiver, as when it was sent */
	u32 from_boot;		/* of the sender */
	u32 len;
	u32 wire_len;		/* not 0: @data is a datagram */
	u64 session;
	u64 renewal;
	struct raft_id from_id;
	struct raft_id to_id;
	struct raft_msg m;
	struct raft_config config;
	struct gentry *e[RAFT_BATCH_MAX];
	u8 *data;
};

struct msg *msg_new(struct world *w);
struct msg *msg_get(struct msg *m);
void msg_put(struct world *w, struct msg *m);
/* Copy what the core wants sent; NULL if nobody is there any more. */
struct msg *msg_raft(struct world *w, struct node *n, const struct raft_msg *m);
/* Rebuild a message for raft_step(); false: malformed. */
bool msg_open(struct msg *msg, struct raft_msg *m, struct raft_entry *entries,
	      struct raft_config *config);
void msg_print(FILE *f, const struct world *w, const struct msg *m);
const char *msg_type(u8 type);

/* ----------------------------------------------------------------- nodes */

/**
 * struct req - a program's request
 * @r: first, so that they can be cast
 * @floor: highest index any program had been told when this was called
 * @grace: when an unresolved cancellation is answered ENOTRECOVERABLE
 * @answered: the program has its answer
 * @orphan: nobody waits for it any more; it stays until it is resolved
 * @status: what it was told
 * @session: under which it was sent; 0: it was not
 * @run_first: of the run that it left in last
 * @run_count: of that; 0: it was in none
 */
struct req {
	struct fsm_request r;
	struct req *next;
	struct req **at;	/* what points to it */
	u64 called;
	u64 floor;
	u64 timeout;
	u64 grace;
	u64 session;
	u64 seq;
	u64 run_first;
	u32 run_count;
	s32 status;
	bool answered;
	bool orphan;
	bool gave_up;
	bool done;
	u8 name;
	u8 handle;
};

enum read_kind { READ_LINEARIZABLE, READ_AT_LEAST, READ_LOCAL };

struct read {
	bool used;
	bool confirmed;
	u8 kind;
	u8 name;
	u64 ctx;
	u64 called;
	u64 floor;
	u64 index;
	u64 retry;
};

/**
 * struct handle - an open file
 * @no: its number
 * @owner: of its locks
 * @lost: why they are gone, until it is reset; 0: they are not
 */
struct handle {
	u64 no;
	struct fsm_owner *owner;
	s32 lost;
};

struct node {
	struct world *w;
	u8 slot;
	char name[8];
	bool exists;
	bool alive;
	bool paused;
	bool member;		/* of the configuration, under this id */
	bool was_member;	/* an earlier incarnation of this slot was */
	u32 gen;		/* of events; changes with each start */
	u32 starts;
	u64 paused_until;
	struct raft_id id;
	struct raft_id old_id;	/* of the member that was here */
	bool stopping;
	u64 newest_id;		/* of an append sent in this term */
	u64 boot_counter;
	u64 boot_nonce;

	struct raft *r;
	struct fsm *f;
	struct fsm_client c;
	struct raft_log_mem mem;
	struct store st;
	struct store old;	/* what its member's incarnation left */
	struct storage *s;	/* its bytes; NULL: there are none */
	bool broken;		/* its disk failed: it has stopped */
	u32 doubted[SIM_SLOTS];	/* start of each other that told of doubt */
	u64 check_at;		/* applied when it last compared hashes */
	struct msg *held, *held_tail;	/* .after not yet durable */

	struct clock clock;
	u64 deadline;		/* local */
	u64 tick_at;		/* event standing in the queue (global), 0: none */

	/* what the node looked like after its last step */
	enum raft_role role;
	u64 term;
	u64 commit;
	u64 last;
	u64 applied;
	u64 applied_term;
	struct raft_id leader;

	/* snapshots */
	u8 *snap_buf;
	u64 snap_cap;
	u64 snap_index;		/* being made; 0: none */
	u64 snap_term;
	u64 want;		/* bytes that a leader wants to send */
	bool snap_for_store;
	bool snap_for_peer;
	struct blob *offer;
	u8 *recv_buf;
	struct blob *installed;
	struct blob *writing;	/* own snapshot on its way to storage */

	/* programs */
	struct handle handle[SIM_HANDLES];
	u64 next_handle;
	struct req *reqs;
	u32 n_reqs;
	struct read reads[SIM_READS];
	u64 next_ctx;

	/* leases */
	u32 ttl_ms;
	struct fsm_wants ws;
	struct fsm_want *tables[FSM_WANT_TABLES * SIM_BUCKETS];
	struct fsm_warden wd;
	u64 round;		/* context of the last one asked for */
	u64 round_ctx, round_index; /* the last one confirmed */
	bool want_round;
	bool sessions_changed;	/* the warden has to look */
	bool full;		/* the log took no entry */
	u64 reap_index;		/* of the last one appended */
	u64 soon_term, since;	/* of mutants */
	bool pretends;
	u32 notify;		/* slots that are to learn of a commit */

	/* locks */
	struct hold *holds;
	u32 n_holds;
	struct closing *closing;
	bool backlog;		/* something is left to be told, or closed */
	bool finishing;		/* its programs give back what they get */
	struct gone gone[SIM_OLD];
	u32 n_gone;

	bool pump;		/* the client may have something to send */
	u64 user_at;		/* next deadline of a program (global), ~0 */
	struct raft_id observed[SIM_SLOTS];
};

/* What becomes of what a node wants. */
struct sim_ops {
	void (*send)(struct world *w, struct msg *m);	/* takes the reference */
	void (*written)(struct world *w, struct node *n, struct write *wr);
	void (*snap_written)(struct world *w, struct node *n);
	/* With a disk: an actor wants its next step; a group is durable; is
	 * the power cut here, in the middle of a start?
	 */
	void (*disk)(struct world *w, struct node *n, enum disk_who who,
		     enum disk_step step);
	void (*report)(struct world *w, struct node *n, u64 seq);
	bool (*cut)(struct world *w, struct node *n);
	void (*deadline)(struct world *w, struct node *n);
};

#include "mutant.h"

/* Chances in a million, times in ns; drawn from the seed. */
struct knobs {
	u32 members, joiners;
	bool durable;
	bool instant;		/* memory mode: the core reports to itself */
	u32 loss, dup, slow;
	u64 delay_min, delay_max, slow_max;
	u64 disk_min, disk_max;
	u32 disk_silent;
	u64 op_every, fault_every;
	u32 read_share, cancel_share, close_share;
	u32 burst_share;	/* of increments: many at once */
	u32 burst;		/* how many, at most; at least 2 */
	u32 forward;		/* bytes of a datagram of commands; 0: enough */
	u32 n_slots, n_bytes, batch;
	u64 compact_at;
	u32 drift;		/* parts in a million */
	bool epochs;		/* clocks begin anywhere */
	bool leases;		/* sessions have to be renewed */
	u32 ttl_ms;
	u32 lock_share;		/* of what programs do */
	u32 handles, locks;	/* used: SIM_HANDLES, SIM_LOCKS at most */
	u32 shared;		/* of acquires */
	u32 kill, admin;	/* closes, in 100; administrators */
	bool crowd;		/* many acquires at a time */
	bool jumps;		/* clocks jump ahead */
	u64 stop_max;		/* machines stand still for so long */
	bool old_boots;		/* datagrams of earlier boots arrive */
	bool wire;		/* through the codec */
	bool early_faults;	/* before the cluster has formed */
	bool lazy_memory;	/* chunks are given late */
	u32 objects_max;
	u32 doom;		/* memory mode: the majority may be lost */
	bool storage_given;
	bool disk;		/* durable: bytes on a disk, see disk.h */
	u32 ring;		/* sectors */
	u32 ring_at;		/* where it begins, over all laps */
	u32 ring_share;		/* 64ths of it in use that want a snapshot */
	u32 group;		/* bytes of records in a group */
	u32 hang;		/* a step of the log takes seconds */
	u32 hang_keep;		/* a step of the keeper does */
	u32 broken;		/* a write or flush fails */
	u32 rot;		/* bits turn in a storage that is down */
	u32 cut_again;		/* the power is cut in the middle of a start */
	u32 no_memory;		/* an installation fails */
};

struct event {
	u64 at;
	u64 no;
	void *p;
	u32 gen;
	u8 type;
	u8 slot;
};

struct world {
	u64 seed;
	struct rng rng;
	struct knobs k;
	const struct sim_ops *ops;
	/* Exhaustive: a step of @n's storage is done; is the power cut? */
	bool (*boundary)(struct world *w, struct node *n);
	enum mutant mutant;
	FILE *out;		/* where traces go; NULL: none */
	bool stamp;		/* each trace with event and time */
	u32 crash_keep;		/* unreported writes that survive; ~0: by chance */
	bool quiet_clients;	/* no session before a program asks */
	unsigned int snap_budget;
	u8 mood;		/* of a power cut: what it leaves */
	bool healed;
	u64 now;
	u64 counted;		/* delivered messages, ticks, completions */
	u64 msg_no;
	u32 n_slots;
	struct node node[SIM_SLOTS];
	bool cut[SIM_SLOTS][SIM_SLOTS];	/* [from][to] */
	struct ghost g;
	struct event *heap;
	u32 n_heap, cap_heap;
	u64 event_no;
	struct msg *free_msgs;
	struct arena_block *arena;
	struct stats {
		u64 ops, acked, errors, unknown, reads, elections, crashes;
		u64 snapshots, installs, compactions, bytes_sent, entries;
		u64 forwards, cancels, overflow;
		u64 groups, broken, hung, rotten, doubts, refused, checks;
		u64 acquires, grants, lost, wanted, fenced, renewals, expiries;
		u64 reaps, rivals, writes, refused_writes;
		u64 runs, run_adds, run_known, run_closed, run_over;
		u64 resent, regrouped, unsent;
	} stat;
	const char *replay;
};

struct node *node_by_id(struct world *w, struct raft_id id);
struct raft_id fresh_id(struct world *w, u8 slot);

/* Start: as new (blank), or from what its storage holds. */
void node_create(struct world *w, u8 slot);
void node_start(struct node *n);
void node_crash(struct node *n);
void node_off(struct node *n);
void node_apply(struct node *n, u64 first, u64 last);
bool node_admits(const struct node *n);
void node_return(struct node *n);
void node_destroy(struct node *n);
void node_bootstrap(struct node *n, const struct raft_config *c);
void node_deliver(struct node *n, struct msg *m);
void node_tick(struct node *n);
void node_persisted(struct node *n, u64 seq);
/* After anything was done to the node's core: carry out what it wants. */
void node_drain(struct node *n);
void node_hello(struct node *n);
/* forward.c */
void node_pump(struct node *n);
void node_forwarded(struct node *n, struct msg *m);
void node_greeted(struct node *n, struct msg *m);
u32 node_boot_of(const struct node *n, const struct node *to);
bool node_hears(struct node *n, const struct msg *m);

/* snap.c */
void snap_feed(struct node *n);
void snap_feed_all(struct node *n);
void snap_make(struct node *n, bool for_store, bool for_peer);
void snap_step(struct node *n, unsigned int budget);
void snap_abort(struct node *n);
void snap_install(struct node *n);
void snap_swap(struct node *n, struct fsm *f, struct blob *b);
void snap_buffer(struct node *n);
void snap_stored(struct node *n);
void snap_compact(struct node *n);
struct fsm *fsm_new(void);
void fsm_free(struct fsm *f);
/* Build a state from @b at once; NULL if it is unusable. */
struct fsm *fsm_from(const struct raft_snapshot *s);

/* store.c */
struct write *store_write(struct node *n, const struct raft_ready *rd);
bool store_hard_only(const struct store *s, const struct write *wr);
void store_apply(struct node *n, const struct write *wr);
void store_put(struct store *s, u64 index, struct gentry *e);
void store_drop(struct store *s, struct write *wr);
void store_pop(struct store *s);
void store_base(struct node *n, struct blob *b);
/* Make writes up to @seq durable. */
void store_sync(struct node *n, u64 seq);
void store_keep(struct node *n, struct write *wr);
void store_crash(struct node *n);
void store_wipe(struct store *s);
struct gentry *store_at(const struct store *s, u64 index);
bool store_holds(const struct store *s, const struct gentry *e);
bool store_snapshot(struct node *n, struct blob *b);

/* workload.c */
void work_op(struct world *w, struct node *n);
void work_time(struct node *n);
void work_reads(struct node *n, const struct raft_read *r, u32 n_reads);
void work_serve(struct node *n);
void work_done(void *ctx, struct fsm_request *r);
void work_end(struct node *n, bool crash);
void work_start(struct node *n);
struct req *work_request(struct node *n, u8 op, u8 handle, u8 name, u64 arg);
struct req *work_ask(struct node *n, u8 op, u8 handle, u8 name, u64 arg,
		     const struct fsm_extra *extra);
void work_close(struct node *n, u8 handle);
bool work_full(const struct node *n);
void work_withdraw(struct node *n, u64 number);
struct read *work_read(struct node *n, u8 kind, u8 name, u64 index);
void work_give_up(struct node *n, struct req *q, s32 why);
const char *work_name(u8 name);

/* ghost.c */
void ghost_init(struct world *w);
void ghost_free(struct world *w);
struct gentry *ghost_entry(struct world *w, struct node *n, u64 index,
			   const struct raft_entry *e);
struct gentry *ghost_find(const struct world *w, u64 index, u64 term);
struct gresult *ghost_result(struct world *w, u64 session, u64 seq, bool make);
void ghost_sent(struct world *w, struct node *n, const struct fsm_command *c,
		struct req *q);

/* model.c */
struct gsession *model_session(struct world *w, u64 id);
void model_commit(struct world *w, u64 index);
bool model_value(struct world *w, u8 name, u64 index, u64 *value);
void model_applied(struct world *w, struct node *n, u64 index,
		   const struct fsm_outcome *out);

/* check.c */
void __attribute__((noreturn, format(printf, 3, 4)))
sim_fail(struct world *w, const char *property, const char *fmt, ...);
void check_ready(struct node *n, const struct raft_ready *rd);
void check_send(struct node *n, const struct raft_msg *m);
void check_step(struct node *n);
void check_node(struct node *n);
void check_answer(struct node *n, struct req *q);
void check_read(struct node *n, const struct read *rd, bool found, u64 value);
void check_start(struct node *n);
void check_durable(struct node *n, const struct gentry *e);
void check_install(struct node *n, const struct blob *b);
bool majority_lives(const struct world *w);
bool is_lost(const struct node *n);
/* May bits rot in @n without harm to what was promised? */
bool may_rot(const struct world *w, const struct node *n);
void trace(struct world *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* draw.c */
void world_draw(struct world *w);

/* heal.c */
void world_end(struct world *w);

/* world.c */
void world_begin(struct world *w, bool draw);
void world_stop(struct world *w);
void world_until(struct world *w, u64 until);
void world_crash(struct world *w, struct node *n);
void world_return(struct node *n);
void world_init(struct world *w, u64 seed, const struct sim_ops *ops);
void world_free(struct world *w);
/* One whole life: returns if every check held, else sim_fail(). */
void world_run(struct world *w, u64 events);

#endif
