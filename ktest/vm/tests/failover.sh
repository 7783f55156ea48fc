# SPDX-License-Identifier: GPL-2.0
# Leaders fall silent or go down under load, in clusters of three and of five; who comes
# back in memory mode is a newcomer that is replicated to and not counted.
#
# vm: --kernel debug --smp 2 --timeout 900 --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 130
. /ktest/vm/lib.sh

down() { on "$1" consensusctl down; }

caught_up() { [ "$(status "$1" commit)" -ge "$2" ]; }

cluster_up 5
load_begin

for turn in 1 2; do
	old=$(leader)
	began=$(_ms)
	isolate "$old"
	check "turn $turn: another leads when $old is cut off" wait_leader 120 "$old"
	note "failover took $(($(_ms) - began)) ms, with status calls"
	heal
	check "turn $turn: all agree on a leader again" wait_leader 120
	check "turn $turn: who was cut off catches up" joined "$old"
done

old=$(leader)
first=$(status "$old" incarnation)
check "the leader goes down" down "$old"
check "another leads" wait_leader 120 "$old"
check "it comes back" node_up "$old"
check "under another incarnation" test "$(status "$old" incarnation)" != "$first"
commit=$(status "$(leader)" commit)
check "it is replicated to" within 120 caught_up "$old" "$commit"
check "its programs' requests are forwarded" within 60 progress "$old"

second=$(leader)
check "the next leader goes down, too" down "$second"
check "three of five lead on" wait_leader 120 "$second"
load_end "callers were answered throughout" 300
is "who came back has never led" "$(status "$old" role)" follower

third=$(wait_leader 60) || bail "nobody leads: $(states)"
down "$third"
refuses "without a majority nothing is promised" 'quorum|majority|unknown|timed out' \
	on "$(others "$third" | tr , '\n' | grep -v "$old\|$second" | head -n 1)" \
	consensusctl --timeout 20s inc mine
finish
