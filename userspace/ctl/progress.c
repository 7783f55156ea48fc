// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <unistd.h>

#include "progress.h"

/* A line stands there. */
static bool standing;

static const uint64_t every_ns = 100 * 1000 * 1000;

void progress_begin(struct progress *p, const struct options *o, const char *what)
{
	p->what = what;
	p->begin = now_ns();
	p->shown = 0;
	p->on = !o->json && isatty(STDERR_FILENO);
}

void progress_step(struct progress *p, uint64_t done, uint64_t total)
{
	uint64_t now;

	if (!p->on)
		return;
	now = now_ns();
	if (now - p->shown < every_ns)
		return;
	p->shown = now;
	standing = true;
	if (total)
		fprintf(stderr, "\r%s: %3.0f %%, %.0f MiB/s \033[K", p->what,
			100.0 * (double)done / (double)total,
			(double)done / 1048576 / ((double)(now - p->begin + 1000000) / 1e9));
	else
		fprintf(stderr, "\r%s \033[K", p->what);
}

void progress_clear(void)
{
	if (standing)
		fprintf(stderr, "\r\033[K");
	standing = false;
}

void progress_end(struct progress *p)
{
	p->on = false;
	progress_clear();
}
