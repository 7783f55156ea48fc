# SPDX-License-Identifier: GPL-2.0
#
# Programs that die, or are cut off, with many operations under way; for the Makefile here.
#
#	build/bin/ct-torture	processes are killed
#	build/bin/ct-teardown	rings, structs, handles, threads, nodes end
#	build/bin/ct-fullcq	a queue of completions that is too small

torture_programs := $(addprefix $(bin)/,ct-torture ct-teardown ct-fullcq)
torture_common := $(here)/common.c $(top)/ktest/vm/abi/ct.c $(top)/ktest/vm/lock/lk.c

$(bin)/ct-torture: $(addprefix $(here)/,torture.c torture_op.c torture_door.c torture_judge.c)
$(bin)/ct-teardown: $(addprefix $(here)/,teardown.c teardown_swarm.c teardown_ring.c \
	teardown_node.c)
$(bin)/ct-fullcq: $(here)/fullcq.c

$(torture_programs): $(torture_common) $(wildcard $(here)/*.h) $(top)/ktest/vm/abi/ct.h \
		$(top)/ktest/vm/lock/lk.h $(top)/uapi/linux/consensus.h
	@mkdir -p $(bin)
	@echo '  CC  $(@:$(top)/%=%)'
	@$(CC) $(CFLAGS) $(ct_flags) -o $@ $(filter %.c,$^)
