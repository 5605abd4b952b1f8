# SPDX-License-Identifier: BSD-2-Clause
#
# Tests that run on the host: unit tests (gcc, sanitized, cmocka) and fuzz targets (clang). Each names
# the sources it is linked with in a comment; scripts/test-rules turns these into rules.

UNIT_TESTS := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/unit/*.c))
FUZZERS := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/fuzz/*.c))
# Boot loaders that tests start images with: programs of their own for the bare machine.
LOADERS := $(patsubst %.c,$(B)/%,$(wildcard tests/boot/*.c))
TESTS := $(UNIT_TESTS) $(FUZZERS) $(GUEST_TESTS) $(LOADERS)

HOST_TEST_CFLAGS := -std=gnu11 -O1 -g -D_GNU_SOURCE -fno-omit-frame-pointer $(WARN) -Werror \
    -fsanitize=address,undefined -fno-sanitize-recover=all \
    -I. -Itests/unit -Ipvabi/include -Iarch/include -Ikernel/include -Ilib/internal -iquote monitor -I$(B)/gen $(XEN_INTERFACE)
UNIT_CC := $(CC) $(HOST_TEST_CFLAGS)
UNIT_LIBS := -lcmocka
FUZZ_CC := clang $(HOST_TEST_CFLAGS) -fsanitize=fuzzer
FUZZ_LIBS :=

$(eval $(call remember,$(B)/list/tests,$(UNIT_CC) $(FUZZ_CC)))

$(B)/tests/boot/%: tests/boot/%.c
	$(call say,LOADER,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -m64 -O1 -ffreestanding -fno-pic -no-pie -mgeneral-regs-only -fno-stack-protector \
	    -fcf-protection=none -fno-asynchronous-unwind-tables -nostdlib -static $(WARN) -Werror \
	    -Wl,-Ttext-segment=0x4000000,-e,start32,--build-id=none,-z,noexecstack -o $@ $<

$(B)/tests.mk: scripts/test-rules $(wildcard tests/unit/*.c tests/unit/*/*.h tests/fuzz/*.c)
	@mkdir -p $(@D)
	@scripts/test-rules $(wildcard tests/unit/*.c tests/fuzz/*.c) >$@.new && mv $@.new $@

include $(B)/tests.mk
