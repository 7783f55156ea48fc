# SPDX-License-Identifier: GPL-2.0
# `consensusctl lock`: exit codes and environment, what becomes of the command when the lock
# is lost, and ROUNDS wrappers killed while two contend: their commands never overlap.
#
# vm: --kernel release --smp 2 --timeout 900
# expect: 60
ROUNDS=${ROUNDS:-400}
SCALE=${SCALE:-3}
TTL=${TTL:-4000}
. /ktest/vm/lib.sh

lock() { local node; node=$1; shift; on "$node" consensusctl lock "$@"; }

# ends_with NAME STATUS COMMAND...
ends_with() {
	local name wanted
	name=$1
	wanted=$2
	shift 2
	"$@" >/tmp/said 2>&1
	is "$name" $? "$wanted"
	[ "$_failed" = 0 ] || sed 's/^/# /' /tmp/said
}

# Kept until the file is gone, by a command that has the lock.
keep() { touch "$2"; lock "$1" "$3" -- sh -c "echo \$CONSENSUS_LOCK_TOKEN >$2.token; while [ -e $2 ]; do sleep 0.1; done"; }

cluster_up 3
ends_with "the status is the command's" 7 lock n1 job -- sh -c 'exit 7'
ends_with "0 as well" 0 lock n1 job -- true
ends_with "a command that there is not" 127 lock n1 job -- /no/such/command
ends_with "one that is none" 126 lock n1 job -- /etc/passwd
ends_with "a signal ends it" 143 lock n1 job -- sh -c 'kill $$'
is "the command knows name and token" \
	"$(lock n2 job -- sh -c 'echo $CONSENSUS_LOCK_NAME; [ "$CONSENSUS_LOCK_TOKEN" -gt 0 ] && echo token')" \
	"$(printf 'job\ntoken')"

keep n1 /tmp/kept job &
keeper=$!
check "somebody has it" within 30 test -s /tmp/kept.token
ends_with "-n does not wait" 1 lock n2 -n job -- true
ends_with "-n -E says so otherwise" 66 lock n2 -n -E 66 job -- true
ends_with "-w waits for a while" 1 lock n2 -w 0.5 job -- true
ends_with "shared, beside an exclusive one" 1 lock n2 -s -n job -- true
ends_with "check of its token" 0 on n3 consensusctl check job "$(cat /tmp/kept.token)"
check "locks tells who has it" \
	sh -c 'nsenter --net=/run/netns/n3 -- consensusctl locks job | grep -q "^  holds.*n1  consensusctl"'
rm /tmp/kept
wait $keeper
is "it ends in order" $? 0
ends_with "check of it afterwards" 1 on n3 consensusctl check job "$(cat /tmp/kept.token)"

note "what becomes of a command whose lock is lost"
keep n1 /tmp/revoked other >/tmp/revoked.log 2>&1 &
keeper=$!
check "somebody has it" within 30 test -s /tmp/revoked.token
ends_with "an administrator takes it" 0 on n2 consensusctl revoke other
wait $keeper
is "the command is ended: 122" $? 122
set -- $(followers)
keep "$1" /tmp/cut third >/tmp/cut.log 2>&1 &
keeper=$!
check "somebody has it" within 30 test -s /tmp/cut.token
unplug "$1"
wait $keeper
is "its node is cut off: 122" $? 122
plug "$1"
check "nothing is left of it" no_locks

# contend NAME ROUNDS ARGUMENT...
contend() {
	local name rounds
	name=$1
	rounds=$2
	shift 2
	ct-wrapper -g /run/netns/n1 -g /run/netns/n2 -k "$rounds" "$@" "$name" "/tmp/$name" >"/tmp/$name.log" 2>&1
	result $? "$name: $rounds wrappers are killed"
	grep '^#' "/tmp/$name.log"
	if [ -s "/tmp/$name.wrong" ]; then
		sed 's/^/# /' "/tmp/$name.wrong" | head -n 20
		fail "$name: the commands are never both inside, and their tokens rise"
	else
		pass "$name: the commands are never both inside, and their tokens rise"
	fi
	check "$name: the commands did run ($(wc -c <"/tmp/$name.runs"))" \
		test "$(wc -c <"/tmp/$name.runs")" -ge $((rounds / 5))
}

contend plain $((ROUNDS * 8 / 10)) -m 5
contend stubborn $((ROUNDS / 10)) -m 30 -i
contend guardians $((ROUNDS / 10)) -m 30 -G
check "nothing is left of it" no_locks
is "no command is left" "$(pidof ct-alone)" ""
check "nor a guardian or wrapper" sh -c '! pidof consensusctl'
finish
