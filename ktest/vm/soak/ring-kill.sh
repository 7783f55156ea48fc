# SPDX-License-Identifier: GPL-2.0
# ring-kill for half an hour, a thousand kills at least.
#
# vm: --kernel debug --smp 2 --timeout 7200 --memory 2048
# expect: 1900
SCALE=${SCALE:-6}
TTL=60000
. /ktest/vm/lib.sh

SECONDS_EACH=${SECONDS_EACH:-300}
groups="-g /run/netns/n1 -g /run/netns/n2 -g /run/netns/n3"
kills=0

cluster_up 3
for turn in 1 2 3 4 5 6; do
	# few with much under way, many with little
	slots=$((turn % 3 + 1))
	# shellcheck disable=SC2086 # a list of words
	ct-torture $groups -n "soak$turn" -t $slots -d $((1024 / slots)) -s "$SECONDS_EACH" \
		-K 100 -H 60000 -L $((1000 * SCALE)) >/tmp/torture.log 2>&1
	result $? "turn $turn: nothing is wrong"
	sed 's/^#* */# /' /tmp/torture.log
	kills=$((kills + $(figure /tmp/torture.log kills)))
	check "turn $turn: nothing is left of it" no_locks
	check "turn $turn: all apply the same" same_state 60
done
check "a thousand were killed ($kills)" test $kills -ge 1000
cluster_down
check "the module unloads" rmmod consensus
finish
