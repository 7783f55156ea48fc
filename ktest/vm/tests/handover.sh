# SPDX-License-Identifier: GPL-2.0
# A leader that goes down hands leadership on: nobody waits until it is missed, which would be
# many seconds here, and no number is lost or comes twice. Who has nobody to hand it to goes all
# the same.
#
# vm: --kernel debug --smp 2 --timeout 600
# expect: 75
SCALE=120
. /ktest/vm/lib.sh

LEAST=$((150 * SCALE)) # ms: no election comes earlier by itself

down() { on "$1" consensusctl --timeout 60s down; }

# counts NODE: adds there until it is told to stop
counts() {
	until [ -e /tmp/stop ]; do
		inc "$1" "of-$1" >>"/tmp/values-$1" || return
	done
}

# had NODE N: so many were added
had() { [ "$(wc -l <"/tmp/values-$1")" -ge "$2" ]; }

# gapless NODE: every number once, in order
gapless() { seq "$(wc -l <"/tmp/values-$1")" | cmp - "/tmp/values-$1"; }

cluster_up 3
old=$(leader)
set -- $(followers)
for node in "$@"; do
	: >"/tmp/values-$node"
	counts "$node" &
done
within 60 had "$1" 5 && within 60 had "$2" 5 || bail "nothing is added"
began=$(_ms)
check "the leader goes down" down "$old"
note "that took $(($(_ms) - began)) ms"
new=$(wait_leader 60 "$old") || bail "nobody leads: $(states)"
took=$(($(_ms) - began))
check "another leads after $took ms, when no election can have come by itself" test $took -lt $LEAST
for node in "$@"; do
	count=$(wc -l <"/tmp/values-$node")
	check "callers on $node go on" within 60 had "$node" $((count + 5))
done
touch /tmp/stop
wait
for node in "$@"; do
	check "$node: every number once, in order" gapless "$node"
done

note "a leader that is cut off"
[ "$new" = "$1" ] || set -- "$2" "$1"
isolate "$1"
began=$(_ms)
check "it goes down all the same" down "$1"
took=$(($(_ms) - began))
check "after $took ms: it did not wait for an election either" test $took -lt $LEAST
heal
check "who does not lead goes down at once" down "$2"
finish
