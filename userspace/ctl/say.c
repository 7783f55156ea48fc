// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "json.h"
#include "progress.h"

static void fail_json(int status, int error, const char *text)
{
	struct json j;

	json_begin(&j, stdout);
	json_object(&j, NULL);
	if (error)
		json_string(&j, "error", strerrorname_np(error));
	else
		json_null(&j, "error");
	json_string(&j, "text", text);
	json_u64(&j, "exit", (uint64_t)status);
	json_bool(&j, "outcome_unknown", status == CTL_UNKNOWN);
	json_end(&j);
	json_finish(&j);
}

int fail(const struct options *o, int status, int error, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	progress_clear();
	if (o && o->json)
		fail_json(status, error < 0 ? -error : error, text);
	else
		fprintf(stderr, "consensusctl: %s\n", text);
	return status;
}

void remark(const struct options *o, const char *format, ...)
{
	va_list args;

	if (o->json)
		return;
	progress_clear();
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
