# SPDX-License-Identifier: BSD-2-Clause
#
# The monitor, an ordinary program of the host. libseccomp is used while building only: a generator
# writes the filter as a header. `coracle` is linked statically with musl, which starts a program in a
# tenth of the time that the host's C library takes for it (that one asks the CPU for all it can do; each
# CPUID is an exit where the host is a VM itself). With user networking the command becomes its twin
# `coracle-user`, linked with the host's C library, because it opens libslirp.

MONITOR := $(B)/coracle
MONITOR_TWIN := $(B)/coracle-user
MONITOR_SRCS := $(filter-out monitor/gen/%,$(call sources,monitor))
MONITOR_OBJECTS := $(addprefix $(B)/obj/,$(addsuffix .o,$(basename $(MONITOR_SRCS))))
MONITOR_CFLAGS := -std=gnu11 -O2 -g -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
    -fstack-clash-protection -fcf-protection -fPIE -pthread $(WARN) -Werror \
    -Ipvabi/include -iquote monitor -I$(B)/gen
MONITOR_LINK := -pthread -Wl,-z,relro,-z,now,-z,noexecstack
MONITOR_TWIN_ONLY := $(patsubst %,$(B)/obj/monitor/%.o,net_user slirp_library slirp_sockets)
MONITOR_STATIC_ONLY := $(B)/obj/monitor/net_user_twin.o
MONITOR_STATIC := $(patsubst $(B)/obj/monitor/%,$(B)/obj/monitor-static/%,$(filter-out $(MONITOR_TWIN_ONLY),$(MONITOR_OBJECTS)))
MUSL_LIB := /usr/lib/x86_64-linux-musl
MUSL_CC := musl-gcc -idirafter $(B)/gen/uapi
# The stack of a thread: musl takes it from here, 128 KiB otherwise.
MUSL_LINK := -Wl,-z,stack-size=1048576

GENERATED := $(patsubst monitor/gen/%.c,$(B)/gen/%.h,$(wildcard monitor/gen/*.c))

$(eval $(call remember,$(B)/list/monitor,$(CC) $(MONITOR_CFLAGS) $(MONITOR_LINK) $(MUSL_LINK) $(MONITOR_SRCS)))

$(MONITOR_OBJECTS): $(B)/obj/monitor/%.o: $(B)/list/monitor $(GENERATED) | $(SETUP)

$(B)/obj/monitor/%.o: monitor/%.c
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MONITOR_CFLAGS) -MD -MP -c -o $@ $<

$(B)/obj/monitor/%.o: monitor/%.S
	$(call say,HOSTAS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MONITOR_CFLAGS) -MD -MP -c -o $@ $<

# The kernel's own headers, which musl does not bring.
$(B)/gen/uapi: | $(SETUP)
	@mkdir -p $@.new
	@for part in linux asm asm-generic; do for at in /usr/include /usr/include/x86_64-linux-gnu; do \
	    ! [ -d $$at/$$part ] || ln -sfn $$at/$$part $@.new/$$part; done; done
	@mv $@.new $@

$(MONITOR_STATIC): $(B)/list/monitor $(GENERATED) | $(SETUP) $(B)/gen/uapi

$(B)/obj/monitor-static/%.o: monitor/%.c
	$(call say,MUSLCC,$<)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(MONITOR_CFLAGS) -MD -MP -c -o $@ $<

$(B)/obj/monitor-static/%.o: monitor/%.S
	$(call say,MUSLAS,$<)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(MONITOR_CFLAGS) -MD -MP -c -o $@ $<

$(MONITOR): $(MONITOR_STATIC) $(B)/list/monitor | $(MONITOR_TWIN) $(B)/coracle-image
	$(call say,HOSTLD,$@)
	$(Q)$(CC) -static-pie -nostdlib $(MONITOR_LINK) $(MUSL_LINK) -o $@ $(addprefix $(MUSL_LIB)/,rcrt1.o crti.o) \
	    $(filter %.o,$^) $(MUSL_LIB)/libc.a -lgcc $(MUSL_LIB)/crtn.o

$(MONITOR_TWIN): $(filter-out $(MONITOR_STATIC_ONLY),$(MONITOR_OBJECTS)) $(B)/list/monitor
	$(call say,HOSTLD,$@)
	$(Q)$(CC) -pie $(MONITOR_LINK) -o $@ $(filter %.o,$^) -ldl

# What the command finds beside itself.
$(B)/coracle-image: scripts/coracle-image
	@mkdir -p $(@D)
	@cp $< $@.new && mv $@.new $@

# monitor/gen/NAME.c is compiled to a program that prints $(B)/gen/NAME.h.
$(B)/gen/%_gen: monitor/gen/%.c | $(SETUP)
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O1 -g -D_GNU_SOURCE $(WARN) -Werror -Ipvabi/include -iquote monitor \
	    $$(pkg-config --cflags libseccomp) -MD -MP -o $@ $< $$(pkg-config --libs libseccomp)

$(B)/gen/%.h: $(B)/gen/%_gen
	$(call say,GEN,$@)
	$(Q)$< >$@.new && mv $@.new $@

.PRECIOUS: $(B)/gen/%_gen

-include $(MONITOR_OBJECTS:.o=.d) $(MONITOR_STATIC:.o=.d) $(wildcard $(B)/gen/*.d)
