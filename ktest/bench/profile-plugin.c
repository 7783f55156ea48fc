// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's TCG: counts the instructions that the guest executes, by
 * the address of their translation block, and writes "ADDRESS COUNT" lines to
 * the file given as out=FILE when the guest ends. See ktest/bench/profile.
 *
 * Debian ships no qemu-plugin.h; what is used of it is declared here.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t id,
						      struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
					      enum qemu_plugin_op op, void *ptr,
					      uint64_t add);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
				    void (*cb)(qemu_plugin_id_t id, void *arg),
				    void *arg);
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
			char **argv);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { SLOTS = 1 << 20 };	/* a guest has some 100,000 blocks */

static struct {
	uint64_t address;
	uint64_t count;
	uint64_t times;
} *slot;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *out;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	uint32_t h = (address * 0x9e3779b97f4a7c15ull) >> 44;

	(void)id;
	pthread_mutex_lock(&lock);
	while (slot[h].address && slot[h].address != address)
		h = (h + 1) % SLOTS;
	slot[h].address = address;
	pthread_mutex_unlock(&lock);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
						 &slot[h].count,
						 qemu_plugin_tb_n_insns(tb));
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
						 &slot[h].times, 1);
}

static void ended(qemu_plugin_id_t id, void *arg)
{
	FILE *f = fopen(out, "w");
	int i;

	(void)id;
	(void)arg;
	if (!f)
		return;
	for (i = 0; i < SLOTS; i++)
		if (slot[i].count)
			fprintf(f, "%llx %llu %llu\n",
				(unsigned long long)slot[i].address,
				(unsigned long long)slot[i].count,
				(unsigned long long)slot[i].times);
	fclose(f);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
			char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	out = strdup(argv[0] + 4);
	slot = calloc(SLOTS, sizeof(*slot));
	if (!out || !slot)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
