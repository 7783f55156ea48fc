/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interpreter that simctl and the scenario runner share: nodes that move
 * only when a command says so.
 */
#ifndef SIM_CTL_H
#define SIM_CTL_H

#include "sim.h"

enum { CTL_WORDS = 24 };

/* A command, split into words. */
struct line {
	char text[512];
	char *word[CTL_WORDS];
	int n;
};

/**
 * struct ctl - a world under command
 * @w: first, so that hooks find the rest
 * @pending: messages in flight, oldest first
 * @manual: writes of that slot are reported by the command persist only
 * @seen: highest index shown by the command apply, by slot
 */
struct ctl {
	struct world w;
	struct msg *pending;
	bool manual[SIM_SLOTS];
	bool begun;
	u64 proposed;
	u64 seen[SIM_SLOTS];
	struct {
		u64 seq;	/* last write that is not reported */
		bool snapshot;	/* an own snapshot is on its way */
	} disk[SIM_SLOTS];
};

void ctl_init(struct ctl *c, FILE *out);
void ctl_free(struct ctl *c);
/* Carry out one line; what happens is printed to the world's out. */
void ctl_exec(struct ctl *c, const char *line);
extern const char ctl_help[];

/* What is on its way to the medium of @n, @count writes of it, is reported. */
bool ctl_persist_some(struct ctl *c, struct node *n, u64 count);
/* With automatic storage every write is durable before the next command. */
void ctl_settle(struct ctl *c);

/* ctl_word.c */
void ctl_split(struct line *l, const char *text);
const char *ctl_value_of(const struct line *l, const char *key);
u64 ctl_number_of(const struct line *l, const char *key, u64 otherwise);
bool ctl_has_word(const struct line *l, const char *word);
struct node *ctl_node_word(struct ctl *c, const struct line *l, int i);
struct node *ctl_live_word(struct ctl *c, const struct line *l, int i);
bool ctl_link_word(struct ctl *c, const char *word, struct node **from,
		   struct node **to);
struct msg *ctl_take(struct ctl *c, const struct line *l, u64 newest);

/* ctl_node.c, ctl_move.c */
void cmd_nodes(struct ctl *c, const struct line *l);
void cmd_add(struct ctl *c, const struct line *l);
void cmd_bootstrap(struct ctl *c, const struct line *l);
void cmd_campaign(struct ctl *c, const struct line *l);
void cmd_transfer(struct ctl *c, const struct line *l);
void cmd_propose(struct ctl *c, const struct line *l);
void cmd_inc(struct ctl *c, const struct line *l);
void cmd_cancel(struct ctl *c, const struct line *l);
void cmd_read(struct ctl *c, const struct line *l);
void cmd_deliver(struct ctl *c, const struct line *l);
void cmd_drop(struct ctl *c, const struct line *l);
void cmd_duplicate(struct ctl *c, const struct line *l);
void cmd_delay(struct ctl *c, const struct line *l);
void cmd_stabilize(struct ctl *c, const struct line *l);
void cmd_step(struct ctl *c, const struct line *l);
void cmd_cut(struct ctl *c, const struct line *l);
void cmd_heal(struct ctl *c, const struct line *l);
void cmd_persist(struct ctl *c, const struct line *l);
void cmd_crash(struct ctl *c, const struct line *l);
void cmd_restart(struct ctl *c, const struct line *l);
void cmd_hello(struct ctl *c, const struct line *l);
void cmd_tick(struct ctl *c, const struct line *l);
void cmd_time(struct ctl *c, const struct line *l);
void cmd_run(struct ctl *c, const struct line *l);

/* ctl_lock.c */
void cmd_lock(struct ctl *c, const struct line *l);
void cmd_release(struct ctl *c, const struct line *l);
void cmd_close(struct ctl *c, const struct line *l);
void cmd_revoke(struct ctl *c, const struct line *l);
struct fsm_extra *ctl_fence(struct ctl *c, const char *text);
void ctl_locks(struct ctl *c, struct node *n);

/* ctl_print.c */
void ctl_status(struct ctl *c, struct node *n);
void ctl_peers(struct ctl *c, struct node *n);
void ctl_log(struct ctl *c, struct node *n);
void ctl_messages(struct ctl *c);
void ctl_apply(struct ctl *c, struct node *n);
void ctl_counter(struct ctl *c, struct node *n, const char *name);
void ctl_disk(struct ctl *c, struct node *n);

#endif
