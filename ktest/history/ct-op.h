/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _CT_OP_H
#define _CT_OP_H

#include <stdint.h>
#include <stdio.h>

#include <linux/consensus.h>

/* The operations that a history of counters is made of. */
enum ct_kind {
	CT_INC,
	CT_ADD,
	CT_READ,	/* linearizable */
	CT_LOCAL,	/* what this node has applied */
	CT_INDEX,	/* at least index @at */
	CT_KINDS,
};

enum ct_status {
	CT_OK,
	CT_FAIL,	/* certainly no effect */
	CT_UNKNOWN,	/* may take effect after the call, or never */
};

/**
 * struct ct_op - one operation with its outcome
 * @kind: what to do
 * @name: the counter
 * @delta: CT_ADD: how much
 * @at: CT_INDEX: the index asked for
 * @timeout_ns: as in struct consensus_op
 * @call_ns: CLOCK_MONOTONIC before the call
 * @return_ns: and after it
 * @status: outcome
 * @err: errno where not CT_OK, else 0
 * @value: the counter's value, 0 for one that does not exist
 * @version: reads: index of its last change
 * @index: place in the one order
 */
struct ct_op {
	enum ct_kind kind;
	char name[CONSENSUS_NAME_SIZE];
	uint64_t delta;
	uint64_t at;
	uint64_t timeout_ns;
	uint64_t call_ns;
	uint64_t return_ns;
	enum ct_status status;
	int err;
	uint64_t value;
	uint64_t version;
	uint64_t index;
};

extern const char *const ct_kind_names[CT_KINDS];

uint64_t ct_now(void);
void ct_op_run(int fd, struct ct_op *op);
int ct_op_line(char *buf, size_t size, unsigned int client, const struct ct_op *op);
const char *ct_errno_name(int err);
int ct_open(const char *device, const char *netns);

#endif
