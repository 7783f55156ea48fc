# SPDX-License-Identifier: GPL-2.0
# The library's guards, sequences and total order, on a kernel full of checks: locks are
# lost in every way, holders and senders are killed, nodes are cut off.
#
# vm: --kernel debug --smp 2 --timeout 600
# expect: 60
TTL=${TTL:-6000}
. /ktest/vm/lib.sh

# tap STATUS NAME FILE: what a program said; its failures are shown
tap() {
	result "$1" "$2"
	grep '^not ok\|^Bail\|^# ' "$3" | sed 's/^[^#]/# &/'
	note "$(tail -n 1 "$3") cases"
}

# outside COMMAND...: words that run it in the root namespace
outside() { echo "nsenter --net=/proc/1/ns/net -- $*"; }

cluster_up 3
lead=$(leader)
# shellcheck disable=SC2046 # a list of words
set -- $(followers)

# In soak its node is stopped, too, and comes back as one that only observes.
set -- "$1" "$2" ${ROUNDS:+"consensusctl down"} ${ROUNDS:+"consensusctl up -c $CONFIG --node $1"}
node=$1
other=$2
shift 2
ct-guard "$node" "$other" "$(outside /bin/ip link set "v${node#n}" nomaster)" \
	"$(outside /bin/ip link set "v${node#n}" master br0)" "$TTL" "$@" >/tmp/guard.tap 2>&1
tap $? "ct-guard: who loses a lock is told, and gives nothing away" /tmp/guard.tap
wait_leader 60 >/dev/null
ct-sequence n1 n2 n3 >/tmp/sequence.tap 2>&1
tap $? "ct-sequence: no number twice" /tmp/sequence.tap
ct-order -r "${ROUNDS:-5}" n1 n2 n3 >/tmp/order.tap 2>&1
tap $? "ct-order: one order, whoever dies" /tmp/order.tap
check "nothing is left of it" no_locks
for node in $NODES; do
	check "$node has no request under way" idle "$node"
done
check "the nodes agree" same_state 60
cluster_down
check "the module unloads" within 60 rmmod consensus
finish
