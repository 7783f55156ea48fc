# SPDX-License-Identifier: GPL-2.0
# Members of an order die 150 times, and locks are lost as in tests/lib-guard.sh.
#
# vm: --kernel release --smp 2 --timeout 3600
# vm: --put ktest/vm/tests/lib-guard.sh:/root/test/lib-guard.sh
# expect: 600
ROUNDS=150
SCALE=3
. ./test/lib-guard.sh
