/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FUZZ_OP_H
#define FUZZ_OP_H

#include <linux/consensus.h>

/* Room for any operation; they all begin with .op. */
struct fuzz_op {
	union {
		struct consensus_op op;
		struct consensus_counter_add add;
		struct consensus_counter_read read;
		struct consensus_lock_acquire acquire;
		struct consensus_lock_release release;
		struct consensus_lock_check check;
	};
};

#endif
