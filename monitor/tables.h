/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's page tables and descriptor tables: built before the first instruction, and afterwards
 * changed only through the page-table writer (stubs.S), whose list tables_protect fills.
 */
#ifndef MONITOR_TABLES_H
#define MONITOR_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"
#include "memory.h"
#include "pvabi/native.h"

struct kvm_sregs;

struct tables {
    const struct guest_memory *memory;
    const struct layout *layout;
};

/* Maps the whole area and the free pages of RAM from `image_end`, and builds GDT, IDT and TSS. */
void tables_build(const struct tables *tables, uint64_t image_end);

/* Maps the whole pages [begin, end) of RAM with an image segment's rights; before the first run. */
void tables_map_image(const struct tables *tables, uint64_t begin, uint64_t end, bool writable,
                      bool executable);

/* The segment, descriptor-table and control registers of a vCPU that starts in ring 3. */
void tables_set_registers(const struct tables *tables, struct kvm_sregs *registers);

/*
 * Puts into the writer's list what gives `rights` to pages from `*at` on, towards `end`, and moves
 * `*at`. Returns the number of entries listed (0: nothing needs to be written, `*at` is `end`), or
 * -EPERM when a page belongs to the image's text or constants, -EINVAL when one is not RAM that is
 * mapped or protected. Call again until `*at` reaches `end`.
 */
int tables_protect(const struct tables *tables, uint64_t *at, uint64_t end, enum pvn_rights rights);

/* What a guest page allows now. */
struct page_rights {
    bool present, writable, executable, user;
};
struct page_rights tables_lookup(const struct tables *tables, uint64_t address);

#endif
