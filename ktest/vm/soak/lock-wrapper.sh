# SPDX-License-Identifier: GPL-2.0
# 3,000 wrappers of `consensusctl lock` are killed, on a kernel full of checks.
#
# vm: --kernel debug --smp 2 --timeout 7200 --put ktest/vm/tests/lock-wrapper.sh:/root/test/lock-wrapper.sh
# expect: 1200
ROUNDS=3000
SCALE=6
TTL=30000
. ./test/lock-wrapper.sh
