#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# 1,000 bytes are spoilt in storages.
#
# vm: --kernel release --smp 2 --timeout 3600 --disk 128M
# vm: --put ktest/vm/tests/flips.sh:/root/test/flips.sh
# expect: 900
FLIPS=1000
. ./test/flips.sh
