/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel command line, taken apart. Pure; for the platforms' starts and host tests.
 *
 *     name=NAME net0=ADDR/LEN[,GATEWAY] env.NAME=VALUE wall=NS counters=1 stamps=1 profile=HZ
 *     watchdog=SECONDS virtio_mmio.device=SIZE@ADDR:IRQ[:ID]
 *     OTHERS... -- ARG...
 *
 * Words are parted by white space; double quotes keep white space, a backslash keeps the next
 * character. virtio_mmio.device= counts after "--", too, because VMMs append it (unless quoted).
 * Words that mean nothing to us are passed over.
 */
#ifndef PVABI_CMDLINE_H
#define PVABI_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvabi/pv.h"

#define PV_CMDLINE_STRINGS_MAX 5120u /* the longest line and its NULs; argv[0] */
#define PV_CMDLINE_MMIO_MAX 32u
#define PV_CMDLINE_NETS_MAX 8u

struct pv_cmdline_mmio {
    uint64_t address, bytes;
    uint32_t line;
};

struct pv_cmdline_net {
    uint8_t ip4[4], gateway4[4], dns4[4];
    uint8_t prefix4; /* 0: not given */
};

struct pv_cmdline {
    /* NUL-terminated strings, one after the other; the name first. */
    char args[PV_CMDLINE_STRINGS_MAX];
    uint32_t arg_count, arg_bytes;
    char env[PV_CMDLINE_STRINGS_MAX];
    uint32_t env_count, env_bytes;
    struct pv_cmdline_mmio mmio[PV_CMDLINE_MMIO_MAX];
    unsigned mmio_count;
    struct pv_cmdline_net net[PV_CMDLINE_NETS_MAX];
    uint64_t wall_ns;    /* 0: not given */
    bool counters;       /* somebody reads them at the end: bare/poweroff.c */
    bool stamps;         /* somebody listens for them: stamps.c */
    uint32_t profile_hz; /* the boot record's */
    uint32_t watchdog_s; /* 0: none is wanted; for platforms whose host has one */
    const char *wrong;   /* the first word of ours that was malformed, and what about it; or NULL */
};

/* The one of this VM. */
extern struct pv_cmdline pv_cmdline;

/* `out` starts as zeros. Never fails: what is malformed is passed over and named in `wrong`. */
void pv_cmdline_parse(const char *line, size_t bytes, struct pv_cmdline *out);

struct bootrec;
/* Puts pv_cmdline's strings into the boot record, and says what was wrong with the line. */
void pv_cmdline_hand_over(struct bootrec *record);
/* What net0=, net1=, ... say; prefix 0: nothing. */
struct pv_net_address pv_cmdline_net_address(unsigned index);

#endif
