# SPDX-License-Identifier: GPL-2.0
# 10,000 holders and waiters of locks are killed.
#
# vm: --kernel release --smp 2 --timeout 5400 --memory 1024 --get /tmp/locks.jsonl
# vm: --put ktest/vm/tests/lock-kill.sh:/root/test/lock-kill.sh
# judge: locks.jsonl
# expect: 600
ROUNDS=10000
SCALE=3
. ./test/lock-kill.sh
