# SPDX-License-Identifier: GPL-2.0
# The netlink door with descriptors, numbers and whole requests that make no sense: starts,
# backups, restores. Nothing is believed, nothing stays behind.
#
# vm: --kernel debug --smp 2 --timeout 600 --disk 64M
# expect: 30
DURABILITY=disk
STORAGE_SIZE=8M
. /ktest/vm/lib.sh

insmod_consensus
net_up 1 || bail "no network"
storage_on /dev/vda
storage_format n1 >/dev/null || bail "no storage"
check "ct-control: all is refused as it must be" \
	sh -c 'nsenter --net=/run/netns/n1 -- ct-control "$1" "$2" 10 >/tmp/control.tap 2>&1; s=$?; tail -n 1 /tmp/control.tap; grep -B 2 -A 1 "^not ok\|^Bail" /tmp/control.tap | head -n 80; exit $s' \
	sh "$STORAGE" "$(storage n1)"
note "$(tail -n 1 /tmp/control.tap) cases"
check "the module unloads" rmmod consensus
check "and the file system has no user" umount $STORAGE
finish
