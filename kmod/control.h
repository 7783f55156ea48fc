/* SPDX-License-Identifier: GPL-2.0 */
/* What the two files of the netlink door share. */
#ifndef CNS_CONTROL_H
#define CNS_CONTROL_H

#include <net/genetlink.h>

#include "node.h"

extern struct genl_family cns_family;

int cns_cmd_status(struct sk_buff *skb, struct genl_info *info);
int cns_dump_peers(struct sk_buff *skb, struct netlink_callback *cb);

#endif
