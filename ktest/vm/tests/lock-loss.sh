# SPDX-License-Identifier: GPL-2.0
# Nodes are cut off for longer than their leases last, while locks are taken through all of
# them: handles are lost, and yet two are never inside, unless the first has been told.
#
# vm: --kernel release --smp 2 --timeout 900 --get /tmp/locks.jsonl
# judge: locks.jsonl
# expect: 55
ROUNDS=${ROUNDS:-6}
SCALE=${SCALE:-2}
TTL=${TTL:-2500}
. /ktest/vm/lib.sh

# seconds MS
seconds() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }

cluster_up 3
ct-lock -g /run/netns/n1 -g /run/netns/n2 -g /run/netns/n3 -t 4 -l 4 -H 100 -T 2000 -L -s 3600 \
	-n loss -o /tmp/locks.jsonl >/tmp/loss.log 2>&1 &
load=$!
sleep 1
for round in $(seq "$ROUNDS"); do
	node=$(leader) || node=n1
	[ $((round % 2)) = 0 ] || node=$(others "$node" | cut -d , -f $((round % 4 / 2 + 1)))
	note "round $round: $node"
	unplug "$node"
	sleep "$(seconds $((TTL * 3 / 2)))"
	plug "$node"
	sleep "$(seconds $((TTL / 2)))"
done
kill -TERM $load
wait $load
result $? "never two inside, and no token that is not above all before"
sed 's/^#* */# /' /tmp/loss.log
check "handles were lost" test "$(figure /tmp/loss.log lost)" -ge "$ROUNDS"
check "locks were granted" test "$(figure /tmp/loss.log grants)" -ge $((50 * ROUNDS))
check "somebody waited for the end of a lease" \
	test "$(figure /tmp/loss.log longest_wait_us)" -ge $((TTL * 750))
check "nothing is left of it" no_locks
check "all apply the same" same_state 60
finish
