# SPDX-License-Identifier: GPL-2.0
# Leases on a kernel full of checks, and 20 leaders that die one after the other.
#
# vm: --kernel debug --smp 2 --timeout 3600 --put ktest/vm/tests/lock-lease.sh:/root/test/lock-lease.sh
# expect: 600
ROUNDS=20
SCALE=6
TTL=16000
. ./test/lock-lease.sh
