# SPDX-License-Identifier: GPL-2.0
# What abi.sh asks of the device, asked by a 32-bit program. On Debian's kernel: the threads
# of a 32-bit C library need system calls of 32-bit time, which the debug kernel lacks.
#
# vm: --kernel release --smp 2 --timeout 600
# expect: 60
SCALE=3
. /ktest/vm/lib.sh

if ! command -v ct-abi32 >/dev/null; then
	skip "ct-abi32" "there was no 32-bit C library (libc6-dev-i386) when it was built"
	finish
fi
cluster_up 3
block="/usr/sbin/nft add rule inet ktest in udp dport 7800 drop"
pass_on="/usr/sbin/nft flush chain inet ktest in"
on n2 ct-abi32 --cut "$block" --heal "$pass_on" >/tmp/abi32.tap 2>&1
result $? "ct-abi32: all is refused as it must be"
grep -A 3 "^not ok\|^Bail\|^#" /tmp/abi32.tap | sed 's/^/# /'
note "$(tail -n 1 /tmp/abi32.tap) cases"
check "the nodes agree" same_state 60
finish
