/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block frontend through the states of XenBus: attaching, connecting anew after a restore, and
 * going out of service. Part of blkfront.c.
 */
#include "blkfront_parts.h"
#include "pvabi/errno.h"

#include <xen/io/protocols.h>

#define BLOCK_BYTES_MAX 32768u
#define FRONTEND_PAGES ((sizeof(struct xen_blk) + XEN_PAGE_BYTES - 1u) / XEN_PAGE_BYTES)

static void blk_forget(void *driven)
{
    struct xen_blk *frontend = driven;

    memset(frontend->pool_refs, 0, sizeof(frontend->pool_refs));
    memset(frontend->ring_refs, 0, sizeof(frontend->ring_refs));
    frontend->channel.port = 0;
}

int xen_blk_fail(struct xen_blk *frontend, const char *reason)
{
    if (frontend->blk.fault)
        return -EIO;
    frontend->blk.fault = reason;
    xenbus_close(frontend->bus);
    if (frontend->channel.port != 0)
        xen_channel_close(frontend->channel.port);
    frontend->channel.port = 0;
    xen_pages_end(&frontend->ring_pages);
    xen_pages_end(&frontend->pool);
    return -EIO;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the connected backend says of itself. NULL, or what is wrong with it. */
static const char *limits_read(struct xen_blk *frontend)
{
    struct pv_blk *blk = &frontend->blk;
    const struct xenbus_device *bus = frontend->bus;
    uint64_t sectors = xenbus_number(bus, "sectors", UINT64_MAX);
    uint64_t block = xenbus_number(bus, "sector-size", PV_SECTOR_BYTES);
    uint64_t indirect = xenbus_number(bus, "feature-max-indirect-segments", 0);
    uint64_t pages = BLKIF_MAX_SEGMENTS_PER_REQUEST;

    if (sectors > UINT64_MAX / PV_SECTOR_BYTES)
        return "its capacity is missing or too large";
    if (block < PV_SECTOR_BYTES || block > BLOCK_BYTES_MAX || (block & (block - 1u)) != 0)
        return "its block size is no power of two from 512 to 32768";
    blk->sector_count = sectors;
    blk->block_bytes = (uint32_t)block;
    blk->read_only = (xenbus_number(bus, "info", 0) & VDISK_READONLY) != 0;
    blk->can_flush = xenbus_number(bus, "feature-flush-cache", 0) == 1;
    blk->can_discard = xenbus_number(bus, "feature-discard", 0) == 1 && !blk->read_only;
    frontend->indirect_max = (uint32_t)least(indirect, REQUEST_PAGES);
    if (frontend->indirect_max > pages)
        pages = frontend->indirect_max;
    blk->segments_max = SEGMENTS_MAX;
    blk->sectors_max = (uint32_t)pages * PAGE_SECTORS;
    blk->requests_max = RING_SIZE(&frontend->ring);
    return NULL;
}

static const char *ring_open(struct xen_blk *frontend)
{
    blkif_sring_t *sring = (void *)frontend->ring_pages.first;
    uint16_t domain = frontend->bus->backend_domain;
    uint64_t order = least(xenbus_number(frontend->bus, "max-ring-page-order", 0), RING_ORDER_MAX);
    size_t bytes = XEN_PAGE_BYTES << order;

    frontend->ring_pages.count = 1u << order;
    memset(sring, 0, bytes);
    XEN_FRONT_RING_INIT(&frontend->ring, sring, bytes);
    frontend->channel.idle = 0;
    if (xen_pages_grant(&frontend->ring_pages, domain) < 0 ||
        xen_pages_grant(&frontend->pool, domain) < 0)
        return "there are no grants left";
    if (xen_channel_open(domain, &frontend->channel.event, &frontend->channel.port) < 0)
        return "there is no event channel left";
    frontend->blk.event = frontend->bus->event = frontend->channel.event;
    return NULL;
}

static const char *blk_offer(void *driven)
{
    static const char *const names[RING_PAGES_MAX] = {"ring-ref0", "ring-ref1", "ring-ref2",
                                                      "ring-ref3"};
    struct xen_blk *frontend = driven;
    const char *wrong = ring_open(frontend);
    unsigned count = 3, pages = frontend->ring_pages.count;
    struct xenbus_value values[4 + RING_PAGES_MAX] = {
        {"event-channel", NULL, frontend->channel.port},
        {"protocol", XEN_IO_PROTO_ABI_NATIVE, 0},
        {"feature-persistent", NULL, 1},
    };

    if (wrong != NULL)
        return wrong;
    if (pages > 1)
        values[count++] = (struct xenbus_value){"ring-page-order", NULL,
                                                (uint32_t)__builtin_ctz(pages)};
    for (unsigned i = 0; i < pages; i++)
        values[count++] = (struct xenbus_value){pages > 1 ? names[i] : "ring-ref", NULL,
                                                frontend->ring_refs[i]};
    return xenbus_publish(frontend->bus, values, count, XenbusStateInitialised);
}

/* What was submitted before is asked for anew. */
static const char *blk_connected(void *driven)
{
    struct xen_blk *frontend = driven;
    const char *wrong = limits_read(frontend);

    if (wrong == NULL && frontend->in_flight > RING_SIZE(&frontend->ring))
        wrong = "its new backend's ring is smaller than the old one";
    for (unsigned i = 0; i < SLOTS && wrong == NULL; i++)
        if (frontend->slots[i].cookie != NULL && !xen_blk_slot_fits(frontend, &frontend->slots[i]))
            wrong = "its new backend takes less than the old one";
    if (wrong == NULL)
        xen_blk_slots_post(frontend);
    return wrong;
}

int xen_blk_ready(struct xen_blk *frontend)
{
    const char *wrong;

    if (frontend->blk.fault)
        return -EIO;
    if (xenbus_ready(frontend->bus, &wrong))
        return 1;
    return wrong == NULL ? 0 : xen_blk_fail(frontend, wrong);
}

size_t xen_blk_memory_bytes(const struct pv_device *device)
{
    (void)device;
    return (FRONTEND_PAGES + RING_PAGES_MAX + POOL_PAGES) * XEN_PAGE_BYTES;
}

int xen_blk_attach(const struct pv_device *device, void *memory, struct pv_blk **blk)
{
    static const struct xenbus_driver driver = {blk_forget, blk_offer, blk_connected};
    struct xen_blk *frontend = memory;
    uint8_t *shared = (uint8_t *)memory + FRONTEND_PAGES * XEN_PAGE_BYTES;
    const char *wrong;

    frontend->bus = xenbus_device_of(device);
    frontend->bus->driver = &driver;
    frontend->bus->frontend = frontend;
    frontend->ring_pages = (struct xen_pages){shared, frontend->ring_refs, 1, false};
    shared += RING_PAGES_MAX * XEN_PAGE_BYTES;
    frontend->pool = (struct xen_pages){shared, frontend->pool_refs, POOL_PAGES, false};
    xen_blk_pool_prepare(frontend);
    *blk = &frontend->blk;
    wrong = xenbus_attach(frontend->bus);
    return wrong == NULL ? 0 : xen_blk_fail(frontend, wrong);
}
