/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where everything is in guest-physical (and, for the guest, virtual) memory. One mapping of the
 * host and one memory slot of KVM hold it all:
 *
 *   0x00000000  nothing
 *   0x00100000  RAM: image, then free pages               guest: the image's rights, else RW NX
 *   ram_end     nothing, at least one page up to a 2 MiB border
 *   area        page tables: PML4, PDPT, first PT,        supervisor RW NX
 *               the area's own PTs, page directories
 *     system    GDT, IDT, TSS, trap stack                 supervisor RW NX
 *     stubs     trap stubs and the page-table writer      supervisor R X
 *     record    boot record                               guest R NX
 *     clock     struct pvn_clock                          guest R NX
 *     seed      32 random bytes                           guest RW NX
 *     vcpu      struct pvn_vcpu                           guest RW NX
 *     control   struct pvn_device_control, all devices    guest RW NX
 *     config    devices' configurations                   guest R NX
 *     rings     the virtqueues                            guest RW NX
 *     stamps    struct pvn_stamps, if it is wanted       guest RW NX
 *     split     room for a PT for each 2 MiB of RAM      supervisor RW NX
 *   area_end
 *
 * What every boot touches comes first and together.
 */
#ifndef MONITOR_LAYOUT_H
#define MONITOR_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define LAYOUT_LARGE_PAGE 0x200000ull
#define LAYOUT_RAM_MAX (256ull << 30)

struct layout {
    uint64_t ram_end;
    uint64_t area; /* address of the PML4 */
    uint64_t pdpt;
    uint64_t first_table;
    uint64_t area_tables; /* one page for each 2 MiB of the area */
    unsigned area_table_count;
    uint64_t directories; /* one page for each GiB up to area_end */
    unsigned directory_count;
    uint64_t system;
    uint64_t stubs;
    uint64_t record;
    uint64_t record_bytes; /* whole pages, as are the next ones */
    uint64_t clock;
    uint64_t seed;
    uint64_t vcpu;
    uint64_t control;
    uint64_t control_bytes;
    uint64_t config;
    uint64_t config_bytes;
    uint64_t rings;
    uint64_t rings_bytes;
    uint64_t stamps; /* 0: nobody asks for them */
    uint64_t split;  /* one page for each 2 MiB of RAM, so that a table is found by its region */
    uint64_t split_end;
    uint64_t area_end;
};

/* What the caller needs room for, in bytes. */
struct layout_needs {
    uint64_t ram_bytes; /* whole pages, at most LAYOUT_RAM_MAX */
    uint64_t record_bytes;
    uint64_t control_bytes;
    uint64_t config_bytes;
    uint64_t rings_bytes;
    bool stamps;
};

void layout_compute(struct layout *layout, const struct layout_needs *needs);

#endif
