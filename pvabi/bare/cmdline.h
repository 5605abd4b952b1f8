/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel command line, taken apart. Pure; for setup.c and host tests.
 *
 *     name=NAME net0=ADDR/LEN[,GATEWAY] env.NAME=VALUE wall=NS counters=1
 * virtio_mmio.device=SIZE@ADDR:IRQ[:ID]
 *     OTHERS... -- ARG...
 *
 * Words are parted by white space; double quotes keep white space, a backslash keeps the next
 * character. virtio_mmio.device= counts after "--", too, because VMMs append it (unless quoted).
 * Words that mean nothing to us are passed over.
 */
#ifndef BARE_CMDLINE_H
#define BARE_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARE_STRINGS_MAX 5120u /* the longest line and its NULs; argv[0] */
#define BARE_MMIO_MAX 32u
#define BARE_NETS_MAX 8u

struct bare_mmio {
    uint64_t address, bytes;
    uint32_t line;
};

struct bare_net {
    uint8_t ip4[4], gateway4[4], dns4[4];
    uint8_t prefix4; /* 0: not given */
};

struct bare_cmdline {
    char args[BARE_STRINGS_MAX]; /* NUL-terminated strings, one after the other; the name first */
    uint32_t arg_count, arg_bytes;
    char env[BARE_STRINGS_MAX];
    uint32_t env_count, env_bytes;
    struct bare_mmio mmio[BARE_MMIO_MAX];
    unsigned mmio_count;
    struct bare_net net[BARE_NETS_MAX];
    uint64_t wall_ns;  /* 0: not given */
    bool counters;     /* somebody reads them at the end: poweroff.c */
    const char *wrong; /* the first word of ours that was malformed, and what about it; or NULL */
};

/* `out` starts as zeros. Never fails: what is malformed is passed over and named in `wrong`. */
void bare_cmdline_parse(const char *line, size_t bytes, struct bare_cmdline *out);

#endif
