# SPDX-License-Identifier: BSD-2-Clause
#
# The monitor, an ordinary program of the host. libslirp is opened when it is needed, libseccomp is
# used while building only: a generator writes the filter as a header. `coracle` is linked statically,
# because that starts sooner; with user networking it becomes its twin `coracle-user`, linked
# dynamically because of libslirp.

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

GENERATED := $(patsubst monitor/gen/%.c,$(B)/gen/%.h,$(wildcard monitor/gen/*.c))

$(eval $(call remember,$(B)/list/monitor,$(CC) $(MONITOR_CFLAGS) $(MONITOR_LINK) $(MONITOR_SRCS)))

$(MONITOR_OBJECTS): $(B)/obj/monitor/%.o: $(B)/list/monitor $(GENERATED) | $(SETUP)

$(B)/obj/monitor/%.o: monitor/%.c
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MONITOR_CFLAGS) -MD -MP -c -o $@ $<

$(B)/obj/monitor/%.o: monitor/%.S
	$(call say,HOSTAS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MONITOR_CFLAGS) -MD -MP -c -o $@ $<

$(MONITOR): $(filter-out $(MONITOR_TWIN_ONLY),$(MONITOR_OBJECTS)) $(B)/list/monitor | $(MONITOR_TWIN) $(B)/coracle-image
	$(call say,HOSTLD,$@)
	$(Q)$(CC) -static-pie $(MONITOR_LINK) -o $@ $(filter %.o,$^)

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

-include $(MONITOR_OBJECTS:.o=.d) $(wildcard $(B)/gen/*.d)
