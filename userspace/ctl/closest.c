// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "ctl.h"

enum { WORD = 32, CLOSE = 2 };

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Letters inserted, removed, replaced or swapped (optimal string alignment). */
static int distance(const char *a, const char *b)
{
	int d[WORD + 1][WORD + 1];
	int n = (int)strlen(a), m = (int)strlen(b);
	int i, j;

	if (n > WORD || m > WORD)
		return WORD;
	for (i = 0; i <= n; i++)
		d[i][0] = i;
	for (j = 0; j <= m; j++)
		d[0][j] = j;
	for (i = 1; i <= n; i++) {
		for (j = 1; j <= m; j++) {
			d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1);
			d[i][j] = least(d[i][j], d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[n][m];
}

const char *closest(const char *word, const char *const *names, int n)
{
	const char *best = NULL;
	int best_distance = CLOSE + 1;
	int i, d;

	for (i = 0; i < n; i++) {
		d = distance(word, names[i]);
		/* half of a short word is no slip */
		if (d < best_distance && 2 * d < (int)strlen(names[i])) {
			best = names[i];
			best_distance = d;
		}
	}
	return best;
}
