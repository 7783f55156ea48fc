# SPDX-License-Identifier: GPL-2.0
# The module is asked to go while handles are open and peers send: it refuses and nothing is
# disturbed; once its users are gone it goes within five seconds, and comes back.
#
# vm: --kernel debug --smp 2 --timeout 600 --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 55
. /ktest/vm/lib.sh

unload() { modprobe -r consensus 2>&1; }

cluster_up 3
load_begin -- -p
before=$(status "$(leader)" term)
for turn in 1 2 3 4 5; do
	unload >/dev/null && break
done
check "with handles open it is refused" grep -q '^consensus ' /proc/modules
is "and nobody noticed" "$(status "$(leader)" term)" "$before"
load_end "callers were answered meanwhile" 30

# holders that only hold
for node in $NODES; do
	on "$node" sh -c 'exec 8<>/dev/consensus; exec sleep 1000' &
done
check "three hold handles" within 60 sh -c '[ "$(ls -l /proc/[0-9]*/fd/8 2>/dev/null | grep -c /dev/consensus)" = 3 ]'
refuses "with idle handles it is refused, too" 'busy|in use|temporarily' unload
# peers send: the nodes are up, heartbeats pass all the time
check "the cluster is alive" progress n1
killall -9 sleep
began=$(_ms)
check "without holders it goes, though nodes run" within 5 unload
took=$(($(_ms) - began))
check "within five seconds ($took ms)" test $took -le 5000
net_down
cluster_up 3
check "it comes back and counts" progress n2
cluster_down
check "and goes again" unload
finish
