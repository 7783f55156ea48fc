# SPDX-License-Identifier: GPL-2.0
# The Python binding: every method on a real cluster, on a kernel full of checks.
#
# vm: --kernel debug --smp 2 --timeout 600
# vm: --put build/lib/libconsensus.so.0:/usr/lib/libconsensus.so.0
# vm: --python userspace/python/consensus --python userspace/python/test/tap.py
# vm: --python ktest/vm/python/calls.py --python ktest/vm/python/world.py
# vm: --python ktest/vm/python/test_calls.py --python ktest/vm/python/test_locks.py
# vm: --python ktest/vm/python/test_many.py
# expect: 60
. /ktest/vm/lib.sh

# No lease may end because the host is busy.
TTL=30000
cluster_up 3
lead=$(leader)
# shellcheck disable=SC2046 # two words
set -- $(followers)
on "$1" python3 -S -E -W error calls.pyc "$1" "$2" "$lead" >/tmp/calls.tap 2>&1
result $? "python: every method does what it must"
sed 's/^/# /' /tmp/calls.tap
check "nothing is left of it" no_locks
for node in $NODES; do
	check "$node has no request under way" idle "$node"
done
check "the nodes agree" same_state 60
cluster_down
check "the module unloads" within 60 rmmod consensus
finish
