# SPDX-License-Identifier: BSD-2-Clause
#
# The guest: one archive per layer, and every application linked to a bootable image by coracle-cc,
# as a user's own program is.

# Code generation that libc.a, our archives and every application share. An upcall may come between
# any two instructions, so frame pointers are kept for backtraces, and nothing may lie below the stack
# pointer, where Xen pushes its frame (no red zone); scripts/check-image looks.
GUEST_ARCH := -m64 -march=x86-64 -mno-red-zone -fno-pie -fno-pic -mcmodel=small -ftls-model=local-exec \
    -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables \
    -ffunction-sections -fdata-sections -fcf-protection=none -fno-common \
    -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -D__coracle__=1
GUEST_LINK := -nostdlib -static -no-pie -Wl,--gc-sections -Wl,-z,max-page-size=4096 \
    -Wl,-z,noexecstack -Wl,--build-id=none
GUEST_LIBS := libsys.a libnet.a libkernel.a libpv.a libarch.a

GCC_INCLUDE := $(shell $(CC) -print-file-name=include)
GUEST_CFLAGS := -std=gnu11 -O2 -g $(GUEST_ARCH) -fstack-protector-strong $(WARN) -Werror
GUEST_SYSTEM := -nostdinc -Ilib/include -isystem $(GCC_INCLUDE) -isystem $(NEWLIB)/include

# Include paths and the rest by layer: the top folder's name chooses (LAYERS says why these).
# Of the host's headers pvabi/xen sees Xen's public ones only: a folder that holds nothing but them.
XEN_INCLUDE := $(B)/gen/include
$(if $(wildcard $(XEN_INCLUDE)/xen),,$(shell mkdir -p $(XEN_INCLUDE) && ln -sfn /usr/include/xen $(XEN_INCLUDE)/xen))
XEN_INTERFACE := -D__XEN_INTERFACE_VERSION__=0x00040e00

FLAGS_pvabi := -ffreestanding -Ipvabi/include -Iarch/include
EXTRA_pvabi/xen := $(XEN_INTERFACE) -isystem $(XEN_INCLUDE)
# What interrupts a program touches no SSE register and runs before there is a canary.
EXTRA_pvabi := -mgeneral-regs-only -fno-stack-protector
EXTRA_pvabi/bare := $(EXTRA_pvabi)
EXTRA_pvabi += $(EXTRA_pvabi/xen)
FLAGS_arch := -ffreestanding -Iarch/include -Ipvabi/include
FLAGS_kernel := -ffreestanding -Ikernel/include -Ipvabi/include -Iarch/include
FLAGS_lib := -Ikernel/include -Ipvabi/include -Iarch/include -Ilib/internal
FLAGS_net := -Ikernel/include -Ipvabi/include -Iarch/include -Ilib/internal -Inet/internal -Inet/port/include \
    -isystem $(LWIP_TREE)/src/include

PV_SRCS := $(call sources,pvabi)
ARCH_SRCS := $(call sources,arch/x86_64)
KERNEL_SRCS := $(call sources,kernel)
SYS_SRCS := $(call sources,lib/newlib lib/posix lib/fs)
NET_SRCS := $(call sources,net)
# core/timeouts.c is replaced by net/port/timers.c; net/port/lwip.c includes some others.
LWIP_INCLUDED := $(addprefix src/,$(shell sed -n 's/^\#include "\(.*\.c\)"$$/\1/p' net/port/lwip.c))
LWIP_SRCS := $(addprefix lwip/,$(filter-out src/core/timeouts.c $(LWIP_INCLUDED),$(LWIP_FILES)))
EXTRA_net/port := -isystem $(LWIP_TREE)/src

objects = $(addprefix $(B)/obj/,$(addsuffix .o,$(basename $(1))))

# $(call archive,NAME,SOURCES): the archive as it is compiled, before it is sealed. Its members are named
# by where their sources lie (pvabi-virtio-blk.o), by which scripts/image-parts tells the parts of an image.
member = $(subst /,-,$(1:$(B)/obj/%=%))
define archive
$(eval $(call remember,$(B)/list/$(1),$(2)))
$(B)/obj/lib/$(1): $(call objects,$(2)) $(B)/list/$(1) mk/guest.mk
	$$(call say,AR,$$@)
	@rm -rf $$@ $$@.d; mkdir -p $$@.d
	@$(foreach object,$(call objects,$(2)),ln $(object) $$@.d/$(call member,$(object)) &&) :
	$$(Q)ar rcsD $$@ $(foreach object,$(call objects,$(2)),$$@.d/$(call member,$(object)))
	$$(Q)scripts/check-image --archive $$@
endef
$(eval $(call archive,libpv.a,$(PV_SRCS)))
$(eval $(call archive,libarch.a,$(ARCH_SRCS)))
$(eval $(call archive,libkernel.a,$(KERNEL_SRCS)))
$(eval $(call archive,libsys.a,$(SYS_SRCS)))
$(eval $(call archive,libnet.a,$(NET_SRCS) $(LWIP_SRCS)))
ARCHIVES := $(GUEST_LIBS:%=$(B)/lib/%)

# What programs link with: the same archives, their inner names out of the program's way, and newlib
# without what they replace.
$(B)/lib/sealed: scripts/seal-libs $(GUEST_LIBS:%=$(B)/obj/lib/%) $(NEWLIB_BUILT) arch/x86_64/image.lds \
    $(shell find lib/include -name '*.h')
	$(call say,SEAL,$(@D))
	$(Q)scripts/seal-libs $(NEWLIB) $(@D) $(GUEST_LIBS:%=$(B)/obj/lib/%)
	@touch $@

$(ARCHIVES): $(B)/lib/sealed ;

GUEST_OBJECTS := $(call objects,$(PV_SRCS) $(ARCH_SRCS) $(KERNEL_SRCS) $(SYS_SRCS) $(NET_SRCS))
LWIP_OBJECTS := $(call objects,$(LWIP_SRCS))

$(eval $(call remember,$(B)/list/guest,$(CC) $(GUEST_CFLAGS) $(GUEST_SYSTEM) $(foreach l,pvabi arch kernel lib net,$(FLAGS_$(l))) $(EXTRA_pvabi/bare) $(EXTRA_pvabi/xen)))

$(B)/obj/%.o: %.c $(NEWLIB_BUILT) $(B)/list/guest
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) $(FLAGS_$(firstword $(subst /, ,$*))) $(EXTRA_$(patsubst %/,%,$(dir $*))) $(GUEST_SYSTEM) -MD -MP -c -o $@ $<

$(B)/obj/%.o: %.S $(B)/list/guest
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) $(FLAGS_$(firstword $(subst /, ,$*))) $(EXTRA_$(patsubst %/,%,$(dir $*))) $(GUEST_SYSTEM) -MD -MP -c -o $@ $<

# lwIP's own files: our options, not our warnings.
$(B)/obj/lwip/%.o: $(LWIP_TREE)/%.c $(NEWLIB_BUILT) $(B)/list/guest
	$(call say,CC,lwip/$*.c)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -w $(FLAGS_net) $(GUEST_SYSTEM) -MD -MP -c -o $@ $<

# The driver carries the same flags, and finds all that it needs beside itself, by links from there: a tree
# that was copied or moved uses its own, and what was compiled at another place is compiled anew.
$(eval $(call remember,$(B)/list/place,$(CURDIR)))
$(B)/coracle-cc: scripts/coracle-cc mk/guest.mk $(B)/list/guest $(B)/list/place
	@mkdir -p $(B)/lib
	@ln -sfnr lib/include $(NEWLIB) arch/x86_64/image.lds scripts/check-image scripts/image-parts $(B)/lib/
	@sed -e 's|@GCC@|$(CC)|' -e 's|@GUEST_ARCH@|$(GUEST_ARCH)|' -e 's|@GUEST_LINK@|$(GUEST_LINK)|' \
	    -e 's|@GUEST_LIBS@|$(GUEST_LIBS)|' $< >$@.new
	@chmod +x $@.new && mv $@.new $@

IMAGE_DEPS := $(ARCHIVES) $(B)/coracle-cc arch/x86_64/image.lds scripts/check-image scripts/image-parts

# Applications: apps/NAME/*.c; apps/NAME/app.mk may set NAME_CFLAGS, NAME_LIBS and add to NAME_SRCS.
APP_CFLAGS := -std=gnu11 -O2 -g $(WARN) -Werror
APP_NAMES := $(sort $(patsubst apps/%/,%,$(dir $(wildcard apps/*/*.c))))
APPS := $(APP_NAMES:%=$(B)/apps/%)
-include $(wildcard apps/*/app.mk)

# $(call image,IMAGE,OBJECTS,LIBS)
define image
$(1): $(2) $$(IMAGE_DEPS)
	$$(call say,IMAGE,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(B)/coracle-cc -o $$@ $(2) $(3)
endef

define app
$(1)_SRCS += $$(wildcard apps/$(1)/*.c)
$$(call objects,$$($(1)_SRCS)): APP_EXTRA = -Iapps/$(1) $$($(1)_CFLAGS)
$$(eval $$(call image,$(B)/apps/$(1),$$(call objects,$$($(1)_SRCS)),$$($(1)_LIBS)))
APP_OBJECTS += $$(call objects,$$($(1)_SRCS))
endef
$(foreach name,$(APP_NAMES),$(eval $(call app,$(name))))

GUEST_TESTS := $(patsubst tests/guest/%.c,$(B)/tests/guest/%,$(wildcard tests/guest/*.c))
# What a test needs beside its own file.
upcall_registers_MORE := tests/guest/pattern.S
$(foreach test,$(GUEST_TESTS),$(eval $(call image,$(test),$(test:$(B)/tests/guest/%=$(B)/obj/tests/guest/%.o) $(call objects,$($(notdir $(test))_MORE)))))

$(B)/obj/apps/%.o: apps/%.c $(NEWLIB_BUILT) $(B)/coracle-cc
	$(call say,APPCC,$<)
	@mkdir -p $(@D)
	$(Q)$(B)/coracle-cc $(APP_CFLAGS) $(APP_EXTRA) -MD -MP -c -o $@ $<

$(B)/obj/tests/guest/%.o: tests/guest/%.c $(NEWLIB_BUILT) $(B)/coracle-cc
	$(call say,APPCC,$<)
	@mkdir -p $(@D)
	$(Q)$(B)/coracle-cc $(APP_CFLAGS) -Itests/guest -MD -MP -c -o $@ $<

$(B)/site.tar: $(shell find apps/httpd/site 2>/dev/null)
	$(call say,TAR,$@)
	$(Q)tar -C apps/httpd/site --owner=0 --group=0 -cf $@ .

-include $(patsubst %.o,%.d,$(GUEST_OBJECTS) $(LWIP_OBJECTS) $(APP_OBJECTS) \
    $(GUEST_TESTS:$(B)/tests/guest/%=$(B)/obj/tests/guest/%.o))
