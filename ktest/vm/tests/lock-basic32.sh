# SPDX-License-Identifier: GPL-2.0
# What lock-basic.sh asks of the device, asked by a 32-bit program on the leader. On Debian's
# kernel: see abi32.sh.
#
# vm: --kernel release --smp 2 --timeout 600
# expect: 30
SCALE=10
. /ktest/vm/lib.sh

if ! command -v ct-locks32 >/dev/null; then
	skip "ct-locks32" "there was no 32-bit C library (libc6-dev-i386) when it was built"
	finish
fi
cluster_up 3
lead=$(leader)
set -- $(followers)
on "$lead" ct-locks32 --slow 3 "$lead" "$1" "/run/netns/$1" >/tmp/locks.tap 2>&1
result $? "ct-locks32: every call of locks does what it must"
grep -B 3 "^not ok\|^Bail" /tmp/locks.tap | sed 's/^/# /'
note "$(tail -n 1 /tmp/locks.tap) cases"
check "nothing is left of it" no_locks
check "the nodes agree" same_state 60
finish
