# SPDX-License-Identifier: GPL-2.0
# Backups under load, from the leader and from a follower; what of them is refused; a new
# cluster out of one: its counters, its indices, and what of the old one does not come back.
#
# vm: --kernel debug --smp 2 --timeout 900 --disk 192M --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 115
DURABILITY=disk
STORAGE_SIZE=8M
. /ktest/vm/lib.sh

json() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^,\"}]*\).*/\1/p" "$2" | head -n 1; }

# index NODE: of an increment of its own
index() { on "$1" consensusctl inc index --json >/tmp/index.json && json index /tmp/index.json; }

# fresh: three nodes as if just bought
fresh() {
	cluster_down
	rm -f $STORAGE/n*
	nodes_up 3
}

storage_on /dev/vda
BACKUPS=$(mktemp -d)
cluster_up 3
on n1 consensusctl inc orders --by 41 >/dev/null
on n2 consensusctl inc invoices --by 1000 >/dev/null
load_begin
check "callers are answered" within 60 answered 50
lead=$(leader)
set -- $(followers)
check "a backup from the leader" on "$lead" consensusctl backup $BACKUPS/leader
check "and from a follower" on "$1" consensusctl backup $BACKUPS/follower
check "callers are answered" within 60 answered 100
load_end "callers were answered meanwhile" 100
orders=$(inc "$1" orders)
is "the counter counts" "$orders" 42
top=$(index "$lead")
check "another one, at rest" on "$1" consensusctl backup $BACKUPS/last --json
on n2 consensusctl inc full --by 18446744073709551615 >/dev/null
check "and one with a counter that is full" on n2 consensusctl backup $BACKUPS/full
for file in leader follower last full; do
	check "$file: it is whole" consensusctl backup --verify $BACKUPS/$file
done
refuses "what is there is not overwritten" 'exist' on "$1" consensusctl backup $BACKUPS/last

note "what is damaged"
size=$(stat -c %s $BACKUPS/last)
for at in 0 9 100 $((size / 2)) $((size - 1)); do
	cp $BACKUPS/last $BACKUPS/bad
	byte=$(dd if=$BACKUPS/bad bs=1 skip=$at count=1 2>/dev/null | od -An -tu1)
	# shellcheck disable=SC2059 # the byte as an escape
	printf "\\$(printf %o $((byte ^ 4)))" | dd of=$BACKUPS/bad bs=1 seek=$at conv=notrunc 2>/dev/null
	refuses "byte $at of $size flipped: it is not whole" '' consensusctl backup --verify $BACKUPS/bad
done
head -c $((size - 1)) $BACKUPS/last >$BACKUPS/short
refuses "nor without its last byte" '' consensusctl backup --verify $BACKUPS/short
(cat $BACKUPS/last; echo) >$BACKUPS/long
refuses "nor with one more" '' consensusctl backup --verify $BACKUPS/long
refuses "nor is something else" '' consensusctl backup --verify /bin/busybox

note "a new cluster"
old_cluster=$(status "$lead" id)
refuses "a member does not restore" 'member|cluster|exist' on n1 consensusctl restore --yes $BACKUPS/last
fresh
refuses "a damaged one is refused" '' on n1 consensusctl restore --yes $BACKUPS/bad --with n2,n3
is "and leaves the node as it was" "$(status n1 state)" idle
now=$(date +%s)
date -s @1000000 >/dev/null
refuses "a clock before the backup's own time is refused" 'clock|time' \
	on n1 consensusctl restore --yes $BACKUPS/last --with n2,n3
date -s "@$now" >/dev/null
check "it is restored" on n1 consensusctl restore --yes $BACKUPS/last --with n2,n3
wait_leader 120 >/dev/null || bail "no leader: $(states)"
check "it is another cluster" test "$(status n1 id)" != "$old_cluster"
is "a counter is as it was" "$(on n2 consensusctl get orders)" $orders
is "and counts on" "$(inc n3 orders)" $((orders + 1))
is "so is the other" "$(on n2 consensusctl get invoices)" 1000
above=$(index n1)
check "indices are above all that was: $above" test "$above" -ge $((top + (1 << 40)))
check "and above the time" test "$above" -ge $((now << 30))
is "no session but those of its nodes" "$(status n1 sessions)" 3
check "all apply the same" same_state 60
for node in $NODES; do
	on $node consensusctl down
done
for node in $NODES; do
	node_up $node || bail "$node does not start"
done
check "restarted, they lead again" wait_leader 120
is "and count on" "$(inc n2 orders)" $((orders + 2))

note "what is restored again is above that, with counters advanced"
fresh
high=$((above + (1 << 41)))
refuses "a counter that is full cannot be advanced" '2\^64' \
	on n1 consensusctl restore --yes $BACKUPS/full --with n2,n3 --advance-counters 1
check "it is restored, advanced" on n1 consensusctl restore --yes $BACKUPS/last --with n2,n3 \
	--advance-counters 1000 --above $high
wait_leader 120 >/dev/null || bail "no leader: $(states)"
is "a counter is that much further" "$(on n2 consensusctl get orders)" $((orders + 1000))
check "an index is above what was asked for" test "$(index n3)" -gt $high
check "a follower catches up" same_state 60

is "so is the other" "$(on n2 consensusctl get invoices)" 2000

note "a backup of one that was restored"
on n2 consensusctl backup $BACKUPS/again || bail "no backup"
check "is whole" consensusctl backup --verify $BACKUPS/again
fresh
check "a cluster of one out of it" on n1 consensusctl restore --yes $BACKUPS/again
is "counts on" "$(within 60 progress n1; inc n1 orders)" $((orders + 1001))
fresh
check "one with a full counter, as it was" on n1 consensusctl restore --yes $BACKUPS/full
is "is full" "$(within 60 progress n1; on n1 consensusctl get full)" 18446744073709551615
refuses "and stays so" 'overflow|2\^64' on n1 consensusctl inc full
finish
