# SPDX-License-Identifier: GPL-2.0
#
# Verbs for people. The module itself is described by Kbuild, each folder of tools and
# tests by its own Makefile; here they are only put together.

PREFIX ?= /usr/local
DESTDIR ?=
KERNEL ?= release
KDIR ?= /lib/modules/$(shell uname -r)/build

.DEFAULT_GOAL := help

help:				## this list
	@echo "consensus: a replicated state machine in the kernel"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo
	@echo "  One VM script of your own: ktest/vm/run SCRIPT (see ktest/README.md)"

deps:				## install the Debian packages that are missing
	@ktest/deps

modules: deps			## build the modules for the test kernels (release, 6.12, debug)
	@ktest/vm/module release
	@ktest/vm/module 6.12
	@ktest/vm/module debug

tools: deps			## build consensusctl, the library and the test programs
	@$(MAKE) -s -C userspace
	@$(MAKE) -s -C ktest/history
	@$(MAKE) -s -C ktest/vm
	@$(MAKE) -s -C ktest/vm/abi
	@$(MAKE) -s -C ktest/bench all

demo: deps			## three VMs hand out one sequence while they lose power
	@ktest/vm/demo

check: deps			## every test: ends with `N passed, N failed`
	@ktest/check

soak: deps			## check, and what takes hours
	@ktest/check soak

bench: tools			## the module against its floor and its budgets
	@$(MAKE) -s -C ktest/bench bench

style: deps			## checkpatch, sparse, W=1 and the rules of this project
	@ktest/style/check

sim: deps			## the simulator of whole clusters, as in check
	@$(MAKE) -s -C ktest/sim check

fuzz: deps			## a minute of fuzzing
	@$(MAKE) -s -C ktest/fuzz check

kunit: deps			## the KUnit suites on the debug kernel
	@ktest/vm/test ktest/vm/tests/kunit.sh

vm-tests: tools			## all tests that need a VM
	@ktest/check $$(ls ktest/vm/tests/*.sh | sed 's|.*/\(.*\)\.sh|--only vm-\1|')

install: 			## install module (for KDIR), tools and man pages
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install
	$(MAKE) -C userspace install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

clean:				## remove build/ (the kernels stay in the cache folder)
	rm -rf build

.PHONY: help deps modules tools demo check soak bench style sim fuzz kunit vm-tests install clean
