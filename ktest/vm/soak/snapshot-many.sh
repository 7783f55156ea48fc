# SPDX-License-Identifier: GPL-2.0
# Thirty times a member is stopped thrice while it catches up by a snapshot.
#
# vm: --kernel debug --smp 2 --timeout 7200 --disk 64M --get /tmp/history.jsonl
# vm: --put ktest/vm/tests/snapshot.sh:/root/test/snapshot.sh
# judge: history.jsonl
# expect: 1500
TURNS=30
. ./test/snapshot.sh
