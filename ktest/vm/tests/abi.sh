# SPDX-License-Identifier: GPL-2.0
# Every way in which the device must refuse a call, what waits and signals do, random calls,
# on a kernel full of checks. abi32.sh does the same from a 32-bit program.
#
# vm: --kernel debug --smp 2 --timeout 900
# expect: 120
. /ktest/vm/lib.sh

insmod_consensus
net_up 3 || bail "no network"
mkdir -p /etc/consensus
new_key /etc/consensus/demo.key
# shellcheck disable=SC2086 # a list of words
write_config $CONFIG $NODES

cat >/tmp/up <<'UP'
set -e
for n in n1 n2 n3; do
	nsenter --net=/run/netns/$n -- consensusctl up --node $n
done
nsenter --net=/run/netns/n1 -- consensusctl create --with n2,n3 >/dev/null
UP
block="/usr/sbin/nft add rule inet ktest in udp dport 7800 drop"
pass_on="/usr/sbin/nft flush chain inet ktest in"

check "ct-abi: all is refused as it must be" \
	sh -c 'nsenter --net=/run/netns/n1 -- ct-abi --up "sh /tmp/up" --cut "$1" --heal "$2" >/tmp/abi.tap 2>&1; s=$?; tail -n 1 /tmp/abi.tap; grep -A 3 "^not ok\|^Bail\|^#" /tmp/abi.tap | head -n 120; exit $s' \
	sh "$block" "$pass_on"
note "$(tail -n 1 /tmp/abi.tap) cases"

check "ct-fuzz-ioctl: random calls do no harm" on n3 ct-fuzz-ioctl "${FUZZ_SECONDS:-20}"
check "the nodes agree" same_state 60
for node in $NODES; do
	check "$node holds no request" idle "$node"
done
finish
