# SPDX-License-Identifier: GPL-2.0
# The examples of the library do what they say, on three nodes, while those who run them are
# killed, stopped and cut off, on a kernel full of checks.
#
# vm: --kernel debug --smp 2 --timeout 600 --put userspace/examples:/root/examples
# expect: 80
SCALE=${SCALE:-5}
TTL=${TTL:-15000}
. /ktest/vm/lib.sh

# ends_with NAME STATUS COMMAND...
ends_with() {
	local name wanted
	name=$1
	wanted=$2
	shift 2
	"$@" >said 2>&1
	is "$name" $? "$wanted"
	sed 's/^/# /' said
}

# all_end NAME JOB...
all_end() {
	local name job
	name=$1
	shift
	for job in "$@"; do
		wait "$job"
		is "$name" $? 0
	done
}

cd /tmp || bail "no /tmp"
for file in /root/examples/*.c; do
	check "${file##*/} has less than 100 lines" test "$(wc -l <"$file")" -lt 100
done
cluster_up 3
note "the cluster is up at $(_ms) ms"

# ---- increment: on all nodes at once ----

jobs=
for node in $NODES; do
	on "$node" increment numbers 30 >"inc.$node" 2>&1 &
	jobs="$jobs $!"
done
# shellcheck disable=SC2086 # a list of words
all_end "increment" $jobs
seq 180 >wanted
sed 's/.* //' inc.n? | sort -n >got
check "every number once, and none left out" cmp wanted got
for node in $NODES; do
	is "$node: 30 by calls, 30 by a batch" "$(sed 's/ .*//' "inc.$node" | uniq -c | xargs)" \
		"30 call 30 batch"
	check "$node: its numbers rise" sh -c "grep call inc.$node | cut -d ' ' -f 2 | sort -n -c"
done
is "the counter stands there" "$(on n2 consensusctl get numbers)" 180
ends_with "a bad name is refused" 1 on n1 increment "$(printf 'a\tb')"
note "increment is done at $(_ms) ms"

# ---- ring-beside-io: three append to one journal ----

jobs=
rows=2500
for node in $NODES; do
	seq $rows | awk -v node="$node" '{ printf "%s %012d\n", node, $1 }' >"input.$node"
	on "$node" sh -c "until [ -e begin ]; do :; done; exec ring-beside-io journal input.$node journal" \
		>"ring.$node" 2>&1 &
	jobs="$jobs $!"
	rows=$((rows + 333))
done
sleep 0.5
touch begin
# shellcheck disable=SC2086 # a list of words
all_end "ring-beside-io" $jobs
cat ring.n? | sed 's/^/# /'
size=$(cat input.n? | wc -c)
is "the journal is as long as what was appended" "$(wc -c <journal)" "$size"
is "so says the counter" "$(on n3 consensusctl get journal)" "$size"
sort input.n? >wanted
sort journal >got
check "everything is in it, once" cmp wanted got
check "they did append at the same time" \
	test "$(cut -c 1-2 journal | uniq | wc -l)" -gt 3
ends_with "no such input" 1 on n1 ring-beside-io other /no/such journal
ends_with "an input that cannot be read" 1 on n1 ring-beside-io other /tmp journal
ends_with "a journal that is full" 1 on n1 ring-beside-io other input.n1 /dev/full
note "ring-beside-io is done at $(_ms) ms"

# ---- token-store: and a holder that was stopped while its lock was taken ----

ends_with "a token" 0 token-store simple 5 five
ends_with "a higher one" 0 token-store simple 7 seven
ends_with "an older one is refused" 1 token-store simple 6 six
ends_with "the same one again" 0 token-store simple 7 again
is "the last that was let in is there" "$(cat simple)" again
printf '8 eight\n7 seven\n9 the last\n' >lines
ends_with "lines, one of them refused" 1 token-store simple <lines
is "the others are stored" "$(cat simple)" "the last"
ends_with "0 is no token" 2 token-store simple 0 zero
echo nonsense >simple.token
ends_with "a damaged token file lets nobody in" 2 token-store simple 10 ten
is "nothing of that is stored" "$(cat simple)" "the last"

mkfifo orders
token-store shop <orders >shop.old 2>&1 &
old=$!
exec 4>orders
holder n1 shop
within 30 told n1 granted || bail "no lock: $(cat holder.n1)"
token=$(told n1 granted | cut -d ' ' -f 2)
echo "$token old" >&4
check "who holds the lock stores" within 30 grep -q "^stored $token: old" shop.old
kill -STOP "$old" "$HOLDER"
echo "$token stale" >&4
check "it is stopped, and its lock is taken" on n2 consensusctl revoke shop
ends_with "the next one stores" 0 \
	on n3 consensusctl lock shop -- sh -c 'token-store shop "$CONSENSUS_LOCK_TOKEN" new'
kill -CONT "$old" "$HOLDER"
exec 4>&-
wait $old
is "who goes on without knowing that it lost the lock is refused" $? 1
check "it is told so" grep -q "^refused $token: " shop.old
is "what is stored is the next one's" "$(cat shop)" new
wait "$HOLDER"
is "its holder was told, too" $? 0

on n2 one-active piped 2>/dev/null | token-store piped >piped.log 2>&1 &
piped=$!
check "a daemon stores by a pipe" within 30 grep -q "^work" piped
# shellcheck disable=SC2046 # one
kill $(pidof one-active)
wait $piped
is "nothing of it is refused" $? 0
check "its last word is stored" grep -q "^stopped" piped
note "token-store is done at $(_ms) ms"

# ---- broadcast: one is killed, one is stopped, and a number is nobody's ----

mkdir talk
# talk ME COUNT LOG: its pid is TALKER
talk() {
	(cd talk && exec nsenter --net="/run/netns/n$(($1 + 1))" -- \
		broadcast order "$1" "$2" >"../$3" 2>"../$3.err") &
	TALKER=$!
}
# said LOG ME: what ME said, which counts down; heard LOG ME N: so many of these
said() { sed -n "s/.* $2 says //p" "$1"; }
heard() { [ "$(said "$1" "$2" | wc -l)" -ge "$3" ]; }
# all_of_it LOG ME: also what ME said last
all_of_it() { [ "$(said "$1" "$2" | tail -n 1)" = 1 ]; }
is_gone() { [ ! -e "/proc/$1/exe" ]; }
# in_turn LOG ME COUNT: from the first on, and none left out; at the end it may have begun again
in_turn() {
	said "$1" "$2" | awk -v n="$3" '$1 != n && $1 != 5 { exit 1 } { n = $1 - 1 }'
}

count=9000
talk 0 120 heard.0
first=$TALKER
talk 1 $count heard.1
second=$TALKER
talk 2 $count heard.2
all_talk() { heard heard.0 1 10 && heard heard.0 2 10 && [ -s heard.1 ] && [ -s heard.2 ]; }
check "all talk" within 60 all_talk
kill -9 $TALKER
kill -STOP $second
check "a number is taken for no message" on n3 consensusctl inc order.seq
check "the grant of who stands still is taken" on n1 consensusctl revoke order.send
check "the third goes on" within 60 heard heard.0 0 120
talk 2 5 heard.again
third=$TALKER
check "who was killed begins again, and the third hears it" within 60 all_of_it heard.0 2
check "it hears all from the beginning" within 60 all_of_it heard.again 2
before=$(wc -l <heard.0)
went_on() { is_gone "$second" || [ "$(wc -l <heard.0)" -gt "$before" ]; }
kill -CONT $second
check "who was stopped goes on, or is told that it was too late" within 60 went_on
sed 's/^/# /' heard.1.err
kill $second 2>/dev/null
wait $second
cp heard.1 heard.stopped
talk 1 5 heard.1
second=$TALKER
for log in heard.0 heard.1 heard.again; do
	check "it begins again, and all hear it ($log)" within 60 all_of_it $log 1
done
kill $first $second $third
for log in heard.2 heard.stopped; do
	check "what was heard until then is the beginning of the same ($(wc -l <$log))" \
		sh -c "[ -s $log ] && head -n \$(wc -l <$log) heard.0 | cmp - $log"
done
check "two logs are the same" cmp heard.0 heard.1
check "and the third" cmp heard.0 heard.again
seq "$(wc -l <heard.0)" >wanted
sed 's/ .*//' heard.0 >got
check "every number is there once, in order" cmp wanted got
check "the third is heard in the order in which it spoke" in_turn heard.0 0 120
for me in 1 2; do
	check "so is $me" in_turn heard.0 $me $count
done
void=$(grep -c ' void$' heard.0)
check "few numbers are void, but one at least ($void)" test "$void" -ge 1 -a "$void" -le 4
note "broadcast is done at $(_ms) ms: $(wc -l <heard.0) numbers"

# ---- one-active: killed, ended, cut off ----

daemon() { { on "$1" one-active job >>active.log 2>>active.err; echo $? >>ended; } & }
active() { sed -n 's/.* active //p' active.log | tail -n 1; }
another() { [ -n "$(active)" ] && [ "$(active)" != "$1" ]; }
node_of() { ip netns identify "$1"; }

: >killed
old=
for node in $NODES; do
	daemon "$node"
done
for node in n1 n2 n3; do
	check "one is active" within 30 another "$old"
	old=$(active)
	echo "$old" >>killed
	kill -9 "$old"
	daemon "$node"
done
check "one is active" within 30 another "$old"
old=$(active)
kill "$old"
check "SIGTERM ends it in order" within 30 grep -qx 0 ended
check "another is active" within 30 another "$old"
old=$(active)
node=$(node_of "$old")
daemon "$node"
unplug "$node"
note "$node is cut off at $(_ms) ms, with $old"
check "another is active when its node is cut off" within 60 another "$old"
check "it had stopped" grep -q " stopped $old\$" active.log
check "it works no more" test "$(tail -n 1 active.log | sed 's/.* //')" != "$old"
note "another at $(_ms) ms"
plug "$node"
check "it waits, and lives" kill -0 "$old"
sort active.err | uniq -c | sed 's/^/# /'
# shellcheck disable=SC2046 # words
kill $(pidof one-active | tr ' ' '\n' | grep -vx "$old")
check "when the others have ended it is active anew" within 60 eval '[ "$(active)" = $old ]'
kill "$old"
check "nothing is left of it" within 60 sh -c '! pidof one-active'
# a grant: TOKEN active PID, TOKEN work PID..., TOKEN stopped PID, unless it was killed
awk 'FILENAME == "killed" { killed[$1]; next }
	$2 == "active" {
		if (held && !(owner in killed))
			print "still active: " owner
		if ($1 <= token)
			print "an old token: " $0
		held = 1; token = $1; owner = $3; grants++
		next
	}
	!held || $1 != token || $3 != owner { print "not active: " $0 }
	$2 == "stopped" { held = 0 }
	END { if (grants < 7) print "only " grants " grants" }' killed active.log >wrong
head -n 5 wrong | sed 's/^/# /'
check "never were two active at once" test ! -s wrong
note "one-active is done at $(_ms) ms"

check "nobody holds or awaits a lock" no_locks
for node in $NODES; do
	check "$node has no request under way" idle "$node"
done
check "the nodes agree" same_state 60
cluster_down
check "the module unloads" within 60 rmmod consensus
finish
