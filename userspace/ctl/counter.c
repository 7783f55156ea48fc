// SPDX-License-Identifier: GPL-2.0
/*
 * inc and get.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "device.h"
#include "json.h"

static void print(const struct options *o, const struct consensus_result *r,
		  bool read, uint64_t ns)
{
	struct json j;

	if (!o->json) {
		printf("%" PRIu64 "\n", r->value);
		return;
	}
	json_begin(&j, stdout);
	json_object(&j, NULL);
	json_string(&j, "name", o->args[0]);
	json_u64(&j, "value", r->value);
	json_u64(&j, "index", r->index);
	if (read)
		json_u64(&j, "version", r->version);
	json_u64(&j, "elapsed_ms", ns / 1000000);
	json_u64(&j, "elapsed_ns", ns);
	json_end(&j);
	json_finish(&j);
}

int run_inc(const struct options *o)
{
	struct consensus_result result;
	struct consensus_fence fence;
	uint64_t begin;
	int fd, ret, status;

	status = device_name(o, o->args[0]);
	if (!status)
		status = device_open(o, O_RDWR, &fd);
	if (status)
		return status;
	signals_catch();
	begin = now_ns();
	ret = consensus_counter_add_fenced(fd, device_fence(o, &fence), o->args[0], o->by,
					   o->timeout_ns, &result);
	consensus_close(fd);
	if (ret)
		return device_refused(o, ret);
	print(o, &result, false, now_ns() - begin);
	return device_finish(CTL_UNKNOWN);
}

int run_get(const struct options *o)
{
	struct consensus_result result;
	struct consensus_fence fence;
	uint64_t begin;
	int fd, ret, status;

	status = device_name(o, o->args[0]);
	if (!status)
		status = device_open(o, O_RDONLY, &fd);
	if (status)
		return status;
	signals_catch();
	begin = now_ns();
	ret = consensus_counter_read_fenced(fd, device_fence(o, &fence), o->args[0],
					    (enum consensus_consistency)o->consistency,
					    o->index, o->timeout_ns, &result);
	consensus_close(fd);
	if (ret == -ENOENT)
		return fail(o, CTL_ERROR, ret, "there is no counter %s (as of index %" PRIu64 ")",
			    o->args[0], result.index);
	if (ret)
		return device_refused(o, ret);
	print(o, &result, true, now_ns() - begin);
	return device_finish(CTL_ERROR);
}
