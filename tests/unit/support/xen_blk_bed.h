/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/xen/blkfront.c pvabi/xen/blkfront_connect.c pvabi/xen/grant.c */
/* sources: pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_blk_bed.c tests/unit/support/xen_backend.c */
/* sources: tests/unit/support/xen_backend_store.c */
/*
 * A block backend for tests, on the machine of xen_backend.h: attaches the frontend, takes what it
 * finds in the ring as an honest backend would, or answers as the test says. Relies on cmocka.
 */
#ifndef TESTS_XEN_BLK_BED_H
#define TESTS_XEN_BLK_BED_H

#include "pvabi/xen/blkfront.h"
#include "pvabi/xen/rings.h"
#include "tests/unit/support/xen_frontend_bed.h"

#include <xen/io/blkif.h>

#define DATA_BYTES (160u * 1024u)
#define DISK_SECTORS 4096u

extern struct xen_blk_bed {
    const struct pv_device *device;
    struct pv_blk *blk;
    void *memory;
    uint8_t *data;
    uint32_t port;
    blkif_back_ring_t back;
} bed;
extern uint8_t bed_disk[DISK_SECTORS * PV_SECTOR_BYTES];

/* Of a page of the ring, as the frontend told it. */
uint32_t ring_ref(unsigned page);
int bed_submit(enum pv_blk_operation operation, uint64_t sector, void *data, uint32_t bytes,
               void *cookie);
int bed_take(void **cookie);
bool back_next(union blkif_sring_entry *entry);
void back_answer(uint64_t id, uint8_t operation, int16_t status);
void back_transfer(uint8_t operation, uint64_t sector, unsigned count,
                   const struct blkif_request_segment *segments);
/* An honest disk: serves all that was asked for. Returns how many requests that were. */
unsigned back_serve(void);
void bed_fill(uint8_t *data, size_t bytes, unsigned seed);
#endif
