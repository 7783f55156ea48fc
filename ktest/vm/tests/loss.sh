# SPDX-License-Identifier: GPL-2.0
# A tenth of all datagrams lost; then some doubled, some overtaken, all delayed; over IPv6
# and IPv4. Callers are killed and interrupted meanwhile.
#
# vm: --kernel debug --smp 2 --timeout 900 --get /tmp/history.jsonl --get /tmp/first.jsonl
# judge: first.jsonl
# judge: history.jsonl
# expect: 70
. /ktest/vm/lib.sh

seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
note "seed $seed"

FAMILY=6
cluster_up 3
load_begin -- -S "$seed" -k 700
loss 10
before=$(grep -c '"status":"ok"' $HISTORY)
sleep 10
after=$(grep -c '"status":"ok"' $HISTORY)
check "IPv6, 10 % loss: $((after - before)) answers in 10 s" test $((after - before)) -ge 50
heal
load_end "callers, some killed, were answered" 100
check "IPv6: all apply the same" same_state 60
cluster_down
mv $HISTORY /tmp/first.jsonl

FAMILY=4
cluster_up 3
load_begin -- -S "$((seed + 1))" -i 100 -C 1000
for node in $NODES; do
	tc -n "$node" qdisc replace dev eth0 root netem delay 3ms 2ms loss 5% duplicate 20% reorder 20% 50%
done
before=$(grep -c '"status":"ok"' $HISTORY)
sleep 10
after=$(grep -c '"status":"ok"' $HISTORY)
check "IPv4, disorder: $((after - before)) answers in 10 s" test $((after - before)) -ge 50
heal
load_end "callers, some interrupted, were answered" 100
check "IPv4: all apply the same" same_state 60
is "an interrupted call has an error that is documented" \
	"$(grep '"status":"\(fail\|unknown\)"' $HISTORY | grep -vcE 'EINTR|ETIMEDOUT|EHOSTUNREACH|ECANCELED|ENOTRECOVERABLE')" 0
cluster_down
check "the module unloads" rmmod consensus
finish
