# SPDX-License-Identifier: BSD-2-Clause
#
# What bench/ measures with: floors, programs for Coracle and for the host's Linux, ways to count.

BENCH_FLAGS := -std=gnu11 -O2 -g -D_GNU_SOURCE $(WARN) -Werror
BENCH_CC := $(CC) $(BENCH_FLAGS)
BENCH_FLOORS := $(B)/bench/floor $(B)/bench/port-exit
BENCH_PROGRAMS := $(addprefix $(B)/bench/,primitives null-hypercall stream blockio)
BENCH_LINUX := $(addprefix $(B)/bench/,primitives-linux stream-linux blockio-linux)
BENCHES := $(BENCH_FLOORS) $(BENCH_PROGRAMS) $(BENCH_LINUX) $(B)/bench/insn.so $(B)/bench/touch.so $(B)/bench/tiny $(B)/bench/tiny-xen $(B)/bench/step

# Static and with the monitor's C library, so that they start as fast as can be.
$(BENCH_FLOORS): $(B)/bench/%: bench/%.c $(B)/list/monitor | $(SETUP) $(B)/gen/uapi
	$(call say,MUSLCC,$<)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(BENCH_FLAGS) -static -pthread -o $@ $<

# The least guests.
$(B)/bench/tiny $(B)/bench/tiny-xen: $(B)/bench/%: bench/%.S $(B)/list/monitor | $(SETUP)
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -static -no-pie -nostdlib \
	    -Wl,--build-id=none,-z,noseparate-code,-Ttext-segment=0x100000,-e,tiny_start,--strip-all -o $@ $<

# The same programs, twice.
$(B)/bench/stream $(B)/bench/stream-linux: $(addprefix bench/programs/,iperf.c iperf.h flood.c flood.h stream.h)
$(BENCH_PROGRAMS): $(B)/bench/%: bench/programs/%.c tests/guest/hypercall.h $(IMAGE_DEPS)
	$(call say,IMAGE,$@)
	@mkdir -p $(@D)
	$(Q)$(B)/coracle-cc $(APP_CFLAGS) -I. -o $@ $(filter bench/programs/%.c,$^)

$(BENCH_LINUX): $(B)/bench/%-linux: bench/programs/%.c $(B)/list/monitor | $(SETUP)
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(BENCH_CC) -static -pthread -o $@ $(filter bench/programs/%.c,$^)

# Plugins for QEMU, and the monitor with a vCPU loop of its own, that count instructions and more.
$(B)/bench/insn.so $(B)/bench/touch.so: $(B)/bench/%.so: bench/%.c bench/window.c bench/window.h bench/plugin.h $(B)/list/monitor | $(SETUP)
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(BENCH_CC) -shared -fPIC -fvisibility=hidden -o $@ $< bench/window.c

BENCH_STEP_OBJECTS := $(filter-out $(MONITOR_TWIN_ONLY) $(B)/obj/monitor/vcpu.o $(B)/obj/monitor/sandbox.o,$(MONITOR_OBJECTS))

$(B)/bench/step: bench/step.c monitor/vcpu.c $(BENCH_STEP_OBJECTS)
	$(call say,HOSTLD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MONITOR_CFLAGS) -iquote . -static-pie $(MONITOR_LINK) -o $@ $< $(BENCH_STEP_OBJECTS)
