/* SPDX-License-Identifier: GPL-2.0 */
/* Inside the wants of a node: what their files share, and nobody else sees. */
#ifndef CNS_FSM_WANT_STATE_H
#define CNS_FSM_WANT_STATE_H

#include "want.h"

/* want_list.c: how they are found */
struct fsm_want **fsm_want_bucket(const struct fsm_wants *ws,
				  enum fsm_want_table t, u64 key);
void fsm_want_enter(struct fsm_wants *ws, enum fsm_want_table t,
		    struct fsm_want *w);
/* The key of what @o wants of lock @name; and who has it, and that name. */
u64 fsm_want_key(const struct fsm_wants *ws, const struct fsm_owner *o,
		 const char *name, u8 len);
struct fsm_want *fsm_want_find(const struct fsm_wants *ws,
			       const struct fsm_owner *o, u64 key,
			       const char *name, u8 len);
/* Out of a table, if it is in it; out of all. */
void fsm_want_cut(struct fsm_wants *ws, enum fsm_want_table t,
		  struct fsm_want *w);
void fsm_want_cut_all(struct fsm_wants *ws, struct fsm_want *w);
bool fsm_want_is(const struct fsm_want *w, const char *name, u8 len);
/* The one that was granted @token; or NULL. */
struct fsm_want *fsm_want_with(const struct fsm_wants *ws, u64 token);
/* Its owner has one more, or one less. */
void fsm_want_adopt(struct fsm_wants *ws, struct fsm_owner *o,
		    struct fsm_want *w);
void fsm_want_disown(struct fsm_wants *ws, struct fsm_want *w);
/* Out of the ring that it is in, if any. */
void fsm_owner_unlink(struct fsm_wants *ws, struct fsm_owner *o);
/* From now on all that want anything are lost. */
void fsm_wants_lose(struct fsm_wants *ws, s32 status);
void fsm_want_set(struct fsm_wants *ws, struct fsm_want *w,
		  enum fsm_want_state state);
/* It is to be told of its grant when the lease is sure; it is not any more. */
void fsm_want_untold(struct fsm_wants *ws, struct fsm_want *w);
void fsm_want_heard(struct fsm_wants *ws, struct fsm_want *w);

/* want.c: what happens to them */
void fsm_want_over(struct fsm_wants *ws, struct fsm_want *w, s32 status);
void fsm_want_hold(struct fsm_wants *ws, struct fsm_want *w, u64 token);

/* Is there anybody who is to be told of more than the end? */
static inline bool fsm_want_listens(const struct fsm_wants *ws,
				    const struct fsm_want *w)
{
	return !w->gone && !fsm_owner_lost(ws, w->owner);
}

static inline void fsm_want_tell(const struct fsm_wants *ws,
				 struct fsm_want *w, enum fsm_told what)
{
	ws->ops->want(ws->ctx, w, what);
}

/* want_log.c: the session that the lease is of has ended, if that is so. */
void fsm_wants_ended(struct fsm_wants *ws);

#endif
