/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Xen's domain builder hands a PV guest, checked and taken apart. Pure; for pv_boot.c and host
 * tests. Pages are pseudo-physical numbers, frames are machine ones.
 */
#ifndef XEN_START_H
#define XEN_START_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory at an address of the guest, or NULL when not all of it is mapped. */
typedef const void *(*xen_reader)(uint64_t address, uint64_t bytes);

#define XEN_START_CMDLINE_MAX 1024u
#define XEN_START_PAGES_MAX (1ull << 27) /* 512 GiB: one entry of the topmost table */

struct xen_start {
    uint64_t page_count;         /* all RAM */
    const uint64_t *frames;      /* of each page */
    uint64_t info;               /* the page with struct start_info */
    uint64_t shared_frame;       /* struct shared_info */
    uint64_t table, table_count; /* pages that hold the builder's page tables */
    uint64_t l3, l2;             /* the tables for the first 512 GiB and for the first 1 GiB */
    uint64_t free;               /* the first page that holds nothing of image or builder */
    uint64_t store, console;     /* pages; 0: none */
    uint32_t store_port, console_port;
    char cmdline[XEN_START_CMDLINE_MAX];
    uint32_t cmdline_bytes; /* without a NUL */
};

/* `info` is the address of struct start_info, `image_end` the end of the image. NULL, or what is
 * wrong. */
const char *xen_start_parse(xen_reader read, uint64_t info, uint64_t image_end,
                            struct xen_start *out);

#endif
