/* SPDX-License-Identifier: GPL-2.0 */
/* What the two ends of a snapshot share; the format stands in snapshot.c. */
#ifndef CNS_FSM_SNAPSHOT_H
#define CNS_FSM_SNAPSHOT_H

#include "state.h"

/* "CNSFSM" and the format's number */
#define FSM_SNAP_MAGIC 0x03004d5346534e43ULL

enum {
	FSM_RECORD_CELL = 1,
	FSM_RECORD_SESSION,
};

#endif
