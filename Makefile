# SPDX-License-Identifier: BSD-2-Clause
#
# Builds everything into $(B): the guest's archives and images, the monitor, the tests. `make help`
# lists the targets. Sources are found by folder, so a new file needs no line here; an application is
# a new folder below apps/. What is fetched and built once lives in $(CORACLE_CACHE); see mk/deps.mk.

B ?= build
CORACLE_CACHE ?= build
CACHE := $(CORACLE_CACHE)
RUN_PORT ?= 8080
FUZZ_SECONDS ?= 60
PREFIX ?= /usr/local

ifeq ($(origin CC),default)
CC := gcc
endif
V ?= 0
Q := $(if $(filter 0,$(V)),@)
say = $(if $(filter 0,$(V)),@printf '  %-7s %s\n' '$(1)' '$(2)')

# $(call sources,DIRS): the C and assembler files of these folders and those below them.
sources = $(if $(wildcard $(1)),$(shell find $(wildcard $(1)) -name '*.[cS]' | LC_ALL=C sort))

WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings -Wsign-compare

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# Goals that need neither packages nor sources of others.
BARE_GOALS := help clean distclean format check-layers
GOALS := $(or $(MAKECMDGOALS),all)

ifneq ($(filter-out $(BARE_GOALS),$(GOALS)),)
ifneq ($(words $(CURDIR) $(B) $(CORACLE_CACHE)),3)
$(error newlib does not build where a path has a space: move $(CURDIR), B=$(B) or CORACLE_CACHE=$(CORACLE_CACHE))
endif
# One make at a time; others wait until this one ends, or only uses what it has built.
BUILT = @scripts/one-make $(B) end
$(shell scripts/one-make $(B) begin)
include mk/deps.mk
include mk/guest.mk
include mk/host.mk
include mk/tests.mk
include mk/bench.mk
endif

.PHONY: all install run test test-xen bench fuzz check-layers format help clean distclean FORCE

all: $(APPS) $(B)/site.tar $(MONITOR) $(B)/coracle-cc ## everything into B=build (the first time it fetches and builds newlib and lwIP)

install: all ## the commands, what coracle-cc links with and the manual page, into PREFIX=/usr/local below DESTDIR=
	@scripts/install $(B) $(DESTDIR)$(PREFIX)

# Ctrl-C is how this ends, so it is no error.
run: $(MONITOR) $(B)/apps/httpd $(B)/site.tar ## build and boot the web appliance; it serves port RUN_PORT=8080 until Ctrl-C
	$(BUILT)
	@echo "http://127.0.0.1:$(RUN_PORT)/ (Ctrl-C ends it)"
	@$(MONITOR) run --net user,$(RUN_PORT):80 --blk $(B)/site.tar,ro $(B)/apps/httpd & vm=$$!; \
	trap "kill $$vm; wait $$vm; exit 0" INT; trap "kill $$vm; wait $$vm; exit 143" TERM HUP; wait $$vm

test: all $(TESTS) $(BENCHES) ## all tests, or TEST='guest/*'; the last line is "N passed, N failed"
	$(BUILT)
	@B=$(B) tests/run $(foreach pattern,$(TEST),'$(pattern)')

test-xen: all $(GUEST_TESTS) ## guest tests and scripts under a real Xen, in QEMU
	$(BUILT)
	@B=$(B) tests/run '*@xen-pv' '*@xen-pvh'

bench: all $(BENCHES) $(addprefix $(B)/tests/guest/,hello_io sleep_forever threads_small tree) ## all benchmarks (45 minutes; QUICK=1: three), or ONLY=name; see docs/benchmarks.md
	$(BUILT)
	@B=$(B) exec bench/run $(ONLY)

fuzz: $(FUZZERS) ## each fuzz target for FUZZ_SECONDS=60 seconds
	$(BUILT)
	@scripts/fuzz $(B) $(FUZZ_SECONDS) $(notdir $(FUZZERS))

check-layers: ## includes point down only, as LAYERS says
	@scripts/check-layers

# Headers for assembler files only are not C.
format: ## clang-format over our C files
	@command -v clang-format >/dev/null || { echo "make format: clang-format is missing" >&2; exit 1; }
	@find apps arch bench kernel lib monitor net pvabi tests -name '*.[ch]' | xargs grep -L '^ *\.macro' | xargs clang-format -i

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

clean: ## remove what was built, keep what was fetched, newlib and lwIP
	rm -rf $(addprefix $(B)/,obj lib apps tests gen list bench fuzz)
	rm -f $(addprefix $(B)/,coracle coracle-user coracle-image coracle-cc site.tar tests.mk)

distclean: clean ## remove what was fetched and newlib, too
	rm -rf $(addprefix $(CACHE)/,newlib lwip qemu10 xen linux linux-generic list setup-done fetch.log .fetch-lock)
	rm -f $(addprefix $(B)/,.make .make.lock)
	@rmdir --ignore-fail-on-non-empty $(wildcard $(B) $(CACHE)) 2>/dev/null || true

FORCE:
