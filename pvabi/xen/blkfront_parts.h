/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the Xen block frontend share: its state, and how they call each other.
 * blkfront.c takes requests and responses, blkfront_connect.c connects. For these two only.
 */
#ifndef XEN_BLKFRONT_PARTS_H
#define XEN_BLKFRONT_PARTS_H

#include "blkfront.h"
#include "grant.h"
#include "rings.h"
#include "xenbus.h"

#include <xen/io/blkif.h>

#define RING_ORDER_MAX 2u /* 4 pages */
#define RING_PAGES_MAX (1u << RING_ORDER_MAX)
#define SLOTS __CONST_RING_SIZE(blkif, RING_PAGES_MAX *XEN_PAGE_BYTES) /* in flight: 128 */
#define SEGMENTS_MAX 8u                        /* of the kernel's, in one request */
#define REQUEST_PAGES 32u                      /* of data: 128 KiB */
#define POOL_PAGES (4u * (REQUEST_PAGES + 1u)) /* four such with their descriptors */
#define PAGE_SECTORS (XEN_PAGE_BYTES / PV_SECTOR_BYTES)
#define NO_PAGE 0xffffu

_Static_assert(REQUEST_PAGES <= XEN_PAGE_BYTES / sizeof(struct blkif_request_segment),
               "descriptors fit in a page");

/* A request in flight. Its index is its id. */
struct slot {
    void *cookie; /* NULL: free */
    uint64_t sector;
    uint32_t sectors;
    uint8_t operation; /* enum pv_blk_operation */
    uint8_t segment_count;
    uint16_t page_first; /* of the data in the pool, linked by page_next */
    uint16_t page_descriptors;
    uint16_t page_count; /* of data */
    struct pv_segment segments[SEGMENTS_MAX];
};

struct xen_blk {
    struct pv_blk blk; /* first: what the kernel sees */
    struct xenbus_device *bus;
    struct xen_channel channel;
    blkif_front_ring_t ring;
    unsigned in_flight;
    uint32_t indirect_max; /* segments in an indirect request; 0: not offered */
    struct slot slots[SLOTS];
    uint16_t slot_free; /* linked by slot.page_first; SLOTS: none */
    uint16_t page_free; /* linked by page_next; NO_PAGE: none */
    uint16_t pages_free;
    uint16_t page_next[POOL_PAGES];
    uint32_t ring_refs[RING_PAGES_MAX], pool_refs[POOL_PAGES];
    struct xen_pages ring_pages, pool; /* ring_pages.count as the backend can, to RING_PAGES_MAX */
};

static inline struct xen_blk *xen_blk_of(struct pv_blk *blk)
{
    return (struct xen_blk *)(void *)blk;
}

/* blkfront_connect.c: of xen_blk_ops, and how all its functions begin: 1 the device is there, 0 it
 * connects anew after a restore, -EIO. */
size_t xen_blk_memory_bytes(const struct pv_device *device);
int xen_blk_attach(const struct pv_device *device, void *memory, struct pv_blk **blk);
int xen_blk_ready(struct xen_blk *frontend);
/* Out of service: keeps the first reason, and ends what the backend lets go of. Returns -EIO. */
int xen_blk_fail(struct xen_blk *frontend, const char *reason);

/* blkfront.c: a pool with all pages free; whether the device as it is now takes a request; what is in
 * flight put into an empty ring, and the backend told. */
void xen_blk_pool_prepare(struct xen_blk *frontend);
bool xen_blk_slot_fits(const struct xen_blk *frontend, const struct slot *slot);
void xen_blk_slots_post(struct xen_blk *frontend);

#endif
