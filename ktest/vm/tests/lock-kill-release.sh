# SPDX-License-Identifier: GPL-2.0
# lock-kill.sh as it stands, on Debian's kernel, with more rounds.
#
# vm: --kernel release --smp 2 --timeout 900 --get /tmp/locks.jsonl
# vm: --put ktest/vm/tests/lock-kill.sh
# judge: locks.jsonl
# expect: 70
ROUNDS=${ROUNDS:-2000}
SCALE=3
. ./lock-kill.sh
