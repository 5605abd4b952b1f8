/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot protocols hand over, taken apart into one structure. Pure: memory is read through a
 * function of the caller's, and nothing that it says is trusted. For setup.c and host tests.
 */
#ifndef BARE_BOOTINFO_H
#define BARE_BOOTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARE_RANGES_MAX 32u
#define BARE_CMDLINE_MAX 4096u
#define BARE_MODULES_MAX 8u

/* Memory as the other side describes it; RAM ranges are page-aligned inwards, ascending, disjoint
 * and not adjacent, and nothing reserved lies in them. */
struct bare_range {
    uint64_t begin, end;
};

struct bare_info {
    struct bare_range ram[BARE_RANGES_MAX];
    unsigned ram_count;
    bool ranges_dropped;                         /* there were more than fit */
    struct bare_range modules[BARE_MODULES_MAX]; /* as the other side says, then settled */
    unsigned module_count;
    const char *module_wrong; /* why one was left out, or NULL */
    uint64_t rsdp;            /* address of ACPI's root, or 0: unknown, ... */
    bool rsdp_is_final;       /* ... or there is none: the protocol always says where it is */
    uint64_t seed;            /* address of seed_bytes random bytes, or 0 */
    uint32_t seed_bytes;
    char cmdline[BARE_CMDLINE_MAX];
    uint32_t cmdline_bytes; /* without a NUL */
    bool cmdline_truncated; /* longer than fits, or not terminated where the protocol says */
};

/* Returns where [address, address + bytes) can be read, or NULL. */
typedef const void *(*bare_reader)(uint64_t address, uint64_t bytes);

/* Each fills `info` from scratch; NULL, or what is wrong in a few words. */
const char *bare_info_pvh(bare_reader read, uint64_t start_info, struct bare_info *info);
const char *bare_info_linux64(bare_reader read, uint64_t zero_page, struct bare_info *info);
const char *bare_info_multiboot2(bare_reader read, uint64_t information, struct bare_info *info);

/* Keeps the modules that lie in RAM, beside the image at [image_begin, image_end) and beside each
 * other, and takes their pages out of the RAM. Once, after one of the above. */
void bare_info_settle_modules(struct bare_info *info, uint64_t image_begin, uint64_t image_end);

#endif
