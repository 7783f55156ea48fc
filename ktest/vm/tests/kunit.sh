# SPDX-License-Identifier: GPL-2.0
# The KUnit suites of the module, on the kernel with all checks.
#
# vm: --kernel debug --smp 2 --memory 2560 --timeout 900
# expect: 90
. /ktest/vm/lib.sh

insmod_consensus
modprobe consensus_test || bail "consensus_test.ko does not load"
found=0
for suite in /sys/kernel/debug/kunit/*/results; do
	[ -e "$suite" ] || continue
	found=$((found + 1))
	cat "$suite"
done
begun=$(dmesg | grep -c '    # Subtest: ')
[ $found -gt 0 ] && [ $found = "$begun" ] || bail "$begun suites have begun, $found have results"
rmmod consensus_test || bail "consensus_test.ko does not unload"
rmmod consensus || bail "consensus.ko does not unload"
! dmesg | grep -q '^[^a-z]*not ok'
