# SPDX-License-Identifier: GPL-2.0
# What ring-doors.sh asks of the device, asked by a 32-bit program on the leader, with no door
# left out. On Debian's kernel: see abi32.sh. So is what needs seccomp, which the debug kernel
# may lack. While links are cut the leader is not to step down on a busy machine: what is asked of
# it, the order of an array too, is asked of who leads.
#
# vm: --kernel release --smp 2 --timeout 600
# expect: 25
SCALE=10
. /ktest/vm/lib.sh

cluster_up 3
lead=$(leader)
here=$(others "$lead" | cut -d , -f 1)
block="/usr/sbin/nft add rule inet ktest in udp dport 7800 drop"
pass_on="/usr/sbin/nft flush chain inet ktest in"
if command -v ct-ring32 >/dev/null; then
	on "$lead" ct-ring32 --here-leads --all --cut "$block" --heal "$pass_on" \
		"$lead" "$here" "/run/netns/$here" >/tmp/ring.tap 2>&1
	result $? "ct-ring32: every call does the same by every door"
	grep "^not ok\|^Bail" /tmp/ring.tap | sed 's/^/# /'
	grep '^# .*\(: got\|^# got\|is not so\)' /tmp/ring.tap | head -n 60
	note "$(tail -n 1 /tmp/ring.tap) cases"
else
	skip "ct-ring32" "there was no 32-bit C library (libc6-dev-i386) when it was built"
fi
on "$here" ct-queue --seccomp "/run/netns/$lead" >/tmp/queue.tap 2>&1
result $? "ct-queue: queues work where seccomp forbids io_uring"
grep -B 2 "^not ok\|^Bail\|SKIP" /tmp/queue.tap | sed 's/^/# /'
check "nothing is left of it" no_locks
check "the nodes agree" same_state 60
finish
