/* SPDX-License-Identifier: GPL-2.0 */
/* Inside the client: what its files share, and nobody else sees. */
#ifndef CNS_FSM_CLIENT_STATE_H
#define CNS_FSM_CLIENT_STATE_H

#include "client.h"

/* client.c: numbers begin anew; the caller has seen to what was in the window. */
void fsm_client_fresh(struct fsm_client *c, u64 ordinal);

/* client_log.c: the session is gone, as @status says. */
void fsm_client_ended(struct fsm_client *c, s32 status, fsm_done_fn done,
		      void *ctx);

/*
 * Where request @seq is while it is unresolved. No two share a place: the window
 * is as wide as the array (see next_queued()).
 */
static inline struct fsm_request **fsm_client_place(struct fsm_client *c,
						    u64 seq)
{
	return &c->window[seq & (FSM_WINDOW - 1)];
}

#endif
