# SPDX-License-Identifier: GPL-2.0
# Leases: a node that is cut off loses its locks by its own clock, is warned before, and
# before another one has them; a dead node's session ends in time however many leaders die
# meanwhile (pitfalls 60, 61); the time of day has no say (58). All times are of one clock.
#
# vm: --kernel release --smp 2 --timeout 600
# expect: 120
ROUNDS=${ROUNDS:-5}
SCALE=${SCALE:-4}
TTL=${TTL:-8000}
. /ktest/vm/lib.sh

# Elections, and what a busy machine takes besides, at the end of a lease.
GRACE=$((TTL * 3 / 4))

# before WHAT A B: A (ns) is before B; says by how much
before() {
	if [ -n "$2" ] && [ -n "$3" ] && [ "$2" -lt "$3" ]; then
		pass "$1 ($((($3 - $2) / 1000000)) ms)"
	else
		note "'$2' is not before '$3'"
		fail "$1"
	fi
}

now() { echo $(($(_ms) * 1000000)); }

# of NODE LINE N: word N behind LINE, which that holder has told
of() { told "$1" "$2" | cut -d ' ' -f "$3"; }

# event NODE TYPE: when its holder was told of the first such event (5 suspect, 6 sure)
event() { sed -n "s/^event \([0-9]*\) $2 .*/\1/p" "/tmp/holder.$1" | head -n 1 | grep .; }

ends() { kill -TERM "$1" 2>/dev/null; wait "$1"; }

# has_lock NODE, waits NODE
has_lock() { within 60 told "$1" granted; }
waits() { within 60 told "$1" waits; }

# granted_after NAME NODE SINCE MS [AT-LEAST-MS]: NODE had the lock so long after SINCE (ns)
granted_after() {
	local took
	has_lock "$2" || { fail "$1: $2 never has it"; return; }
	took=$((($(of "$2" granted 1) - $3) / 1000000))
	check "$1 ($took ms)" test $took -le "$4" -a $took -ge "${5:-0}"
}

cluster_up 5
set -- $(followers)

note "$1 is cut off while it holds; $2 waits"
holder "$1" lease -A $TTL
first=$HOLDER
check "$1 has the lock" has_lock "$1"
holder "$2" lease
second=$HOLDER
check "$2 waits" waits "$2"
sleep 1
cut=$(now)
unplug "$1"
check "$2 has it" has_lock "$2"
is "$1 says that its locks are lost" "$(status "$1" lease)" over
before "$1 was told that it has lost it before $2 had it" "$(of "$1" lost 1)" "$(of "$2" granted 1)"
before "and that it may, before that" "$(event "$1" 5)" "$(of "$1" lost 1)"
before "not before its time" $((cut + TTL * 500000)) "$(of "$1" lost 1)"
granted_after "$2 had it within TTL and a grace" "$2" "$cut" $((TTL + GRACE)) $((TTL * 3 / 4))
plug "$1"
wait $first
is "$1 has done nothing under its token since" $? 0
check "though it tried" test "$(of "$1" zombie 4)" -gt 5
is "its token is stale" "$(of "$1" zombie 5)" ESTALE
check "what it did stands before what $2 was granted" \
	test "$(of "$1" work 4)" -lt "$(of "$2" granted 3)"
check "by a lower token" test "$(of "$1" granted 2)" -lt "$(of "$2" granted 2)"
holder "$1" again
check "$1 has a new session by itself, and locks" has_lock "$1"
ends $HOLDER
ends $second
check "nothing is left of it" no_locks

note "$1 is cut off for less than its lease, while the time of day jumps"
holder "$1" brief
check "$1 has the lock" has_lock "$1"
unplug "$1"
date -s "@$(($(date +%s) + 3600))" >/dev/null
check "$1 is told that it may lose it" within 60 event "$1" 5
date -s "@$(($(date +%s) - 7200))" >/dev/null
plug "$1"
check "and then that it will not" within 60 event "$1" 6
before "each in its time" "$(event "$1" 5)" "$(event "$1" 6)"
sleep $((TTL / 1000 + 1))
refuses "it has not lost it" '' told "$1" lost
check "it goes on with its work" test "$(kill -0 $HOLDER && echo alive)" = alive
ends $HOLDER
check "it worked to its end under one token" test "$(of "$1" work 3)" -gt 10
date -s "@$(($(date +%s) + 3600))" >/dev/null

note "$1 dies, and then leaders do, each half a TTL after the one before"
holder "$1" dead
check "$1 has the lock" has_lock "$1"
holder "$2" dead
second=$HOLDER
check "$2 waits" waits "$2"
on "$1" consensusctl down
down=$(now)
check "its holder is told" within 10 told "$1" lost
NODES=$(echo $NODES | tr ' ' '\n' | grep -vx "$1" | tr '\n' ' ')
lead=$(leader)
began=$(now)
longest=0
for _ in $(seq "$ROUNDS"); do
	while [ "$(now)" -lt $((began + TTL * 500000)) ]; do sleep 0.1; done
	[ $(($(now) - began)) -le $longest ] || longest=$(($(now) - began))
	old=$lead
	unplug "$old"
	lead=$(wait_leader 60 "$old") || fail "nobody leads when $old is cut off"
	began=$(now)
	plug "$old"
done
check "no leader was left alone for a TTL" test $((longest / 1000000)) -lt $((TTL * 9 / 10))
granted_after "$2 has it within TTL and a grace of the last leader's beginning" "$2" "$began" \
	$((TTL + GRACE))
granted_after "and not before the lease of the dead node was over" "$2" "$down" \
	$(((ROUNDS + 2) * (TTL + GRACE))) $((TTL * 3 / 4))
ends $second

note "a node that starts anew has given up what it had, at once"
TTL=60000
write_config /tmp/long.conf n1 n2 n3 n4 n5
node_up "$1" /tmp/long.conf || bail "$1 does not start"
NODES="$NODES $1"
check "$1 is served" within 60 progress "$1"
holder "$1" anew
check "$1 has the lock" has_lock "$1"
holder "$2" anew
second=$HOLDER
check "$2 waits" waits "$2"
on "$1" consensusctl down
began=$(now)
node_up "$1" /tmp/long.conf || bail "$1 does not start"
granted_after "$2 has it long before the TTL of $1" "$2" "$began" 30000
ends $second

note "a namespace goes while programs elsewhere hold locks of its node"
holder "$2" gone
check "$2 has the lock" has_lock "$2"
ip netns del "$2"
ip link del "v${2#n}" 2>/dev/null
NODES=$(echo $NODES | tr ' ' '\n' | grep -vx "$2" | tr '\n' ' ')
check "its holder is told" within 30 told "$2" lost
check "by what a call answers, too" expr "$(of "$2" lost 3)" : 'EKEYEXPIRED$\|ESHUTDOWN$'
ends $HOLDER
holder "$1" gone
check "another node has it in time" has_lock "$1"
ends $HOLDER
cluster_down
check "the module unloads" within 60 rmmod consensus
finish
