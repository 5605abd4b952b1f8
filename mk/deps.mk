# SPDX-License-Identifier: BSD-2-Clause
#
# What comes from elsewhere: Debian packages (scripts/setup), newlib and lwIP (scripts/fetch-source).
# All of it stays in $(CACHE) and survives `make clean`. NEWLIB_SRC= and LWIP_SRC= name unpacked trees.

NEWLIB_TREE := $(if $(NEWLIB_SRC),$(abspath $(NEWLIB_SRC)),$(CACHE)/newlib/src)
LWIP_TREE := $(if $(LWIP_SRC),$(abspath $(LWIP_SRC)),$(CACHE)/lwip/src)

NEWLIB := $(CACHE)/newlib
NEWLIB_BUILT := $(NEWLIB)/built
NEWLIB_ABI := $(addprefix lib/include/,machine/_types.h sys/features.h sys/_pthreadtypes.h)

# A file below a list/ folder holds a variable's value and changes only with it, so that what was
# made from the value is made again.
define remember
$(1): FORCE
	@mkdir -p $$(@D); echo '$(2)' | cmp -s - $$@ || echo '$(2)' >$$@
endef

SETUP := $(CACHE)/setup-done
$(SETUP): scripts/setup
	@mkdir -p $(@D)
	@scripts/setup
	@touch $@

ifndef NEWLIB_SRC
$(NEWLIB_TREE)/newlib/configure: | $(SETUP)
	@scripts/fetch-source newlib $(CACHE)
else
$(NEWLIB_TREE)/newlib/configure:
	@echo "NEWLIB_SRC=$(NEWLIB_SRC) is no newlib source tree: newlib/configure is missing" >&2; exit 1
endif

ifndef LWIP_SRC
$(LWIP_TREE)/src/core/init.c: | $(SETUP)
	@scripts/fetch-source lwip $(CACHE)
else
$(LWIP_TREE)/src/core/init.c:
	@echo "LWIP_SRC=$(LWIP_SRC) is no lwIP source tree: src/core/init.c is missing" >&2; exit 1
endif

$(eval $(call remember,$(CACHE)/list/newlib,$(NEWLIB_TREE) $$(GUEST_ARCH)))
$(eval $(call remember,$(CACHE)/list/lwip,$(LWIP_TREE)))

$(NEWLIB_BUILT): scripts/build-newlib $(NEWLIB_ABI) $(CACHE)/list/newlib $(NEWLIB_TREE)/newlib/configure | $(SETUP)
	@GUEST_ARCH='$(GUEST_ARCH)' scripts/build-newlib $(NEWLIB_TREE) $(NEWLIB)

# Included, so make reads it again once the source is there: LWIP_FILES, relative to the tree. It starts
# as an empty file from long ago, which is due to be made.
$(if $(wildcard $(CACHE)/lwip/sources.mk),,$(shell mkdir -p $(CACHE)/lwip && touch -d @0 $(CACHE)/lwip/sources.mk))
$(CACHE)/lwip/sources.mk: mk/deps.mk $(CACHE)/list/lwip $(LWIP_TREE)/src/core/init.c | $(SETUP)
	@mkdir -p $(@D)
	@cd $(LWIP_TREE) && echo LWIP_FILES := src/core/*.c src/core/ipv4/*.c src/core/ipv6/*.c \
	    src/netif/ethernet.c >$(abspath $@)

include $(CACHE)/lwip/sources.mk
