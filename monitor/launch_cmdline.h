/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the kernel command line, the one string that carries to a guest without the native
 * interface what the options say. Pure code; the guest's parser reads it back. Words are separated
 * by spaces; one that is empty or holds white space, a double quote or a backslash stands in double
 * quotes, within which a backslash makes the next byte an ordinary one.
 */
#ifndef MONITOR_LAUNCH_CMDLINE_H
#define MONITOR_LAUNCH_CMDLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "pvabi/native.h"
#include "words.h"

struct launch_cmdline {
    const char *name;  /* the program's argv[0] */
    char *const *args; /* the others */
    unsigned arg_count;
    const char *const *env; /* NAME=VALUE */
    unsigned env_count;
    const struct pvn_net_address *nets; /* net0, net1, ...; prefix 0: the guest asks DHCP */
    unsigned net_count;
    uint64_t wall_ns;    /* since 1970; 0: the guest finds out by itself */
    bool stamps;         /* somebody listens for them */
    bool counters;       /* the guest says them at its end */
    uint32_t profile_hz; /* samples a second that the guest takes of itself; 0: none */
    uint32_t watchdog_s; /* after which the host ends a guest that hangs; 0: never */
    unsigned mmio_count; /* virtio-mmio devices of QEMU's microvm, the first ones of its bus */
};

/* name=NAME env.NAME=VALUE... netN=ADDR/LEN[,GATEWAY[,DNS]]... wall=NS counters=1 profile=HZ
 * watchdog=SECONDS virtio_mmio.device=512@ADDR:IRQ... [-- ARG...] */
void launch_cmdline_write(const struct launch_cmdline *from, struct text *to);

/* The word netN=... alone. */
void launch_cmdline_net(struct text *to, unsigned index, const struct pvn_net_address *net);

/* The guest reads no more bytes than these, and no network beyond net7. */
#define LAUNCH_CMDLINE_MAX 4096u
#define LAUNCH_NETS_MAX 8u

/* What QEMU's microvm has without ACPI. */
#define LAUNCH_MMIO_MAX 8u
#define LAUNCH_MMIO_BASE 0xfeb00000u
#define LAUNCH_MMIO_BYTES 512u
#define LAUNCH_MMIO_IRQ 5u

#endif
