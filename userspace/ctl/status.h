/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CTL_STATUS_H
#define CTL_STATUS_H

#include <stdio.h>

#include "node.h"

/* All of @n as one object; consensusctl(8) names the keys. */
void status_json(const struct node *n, FILE *out);

#endif
