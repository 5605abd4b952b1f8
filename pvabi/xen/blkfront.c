/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block frontend (xen/io/blkif.h) behind struct pv_blk_ops: a ring of one page, which holds
 * more requests than there is room for data, indirect descriptors, flush, discard.
 *
 * Data goes through a pool of pages that are granted when the device attaches and stay granted:
 * that is what "persistent grants" are, and other backends map them for each request as they like.
 * So the backend never sees a page with anything else in it (XSA-403), alignment does not matter,
 * and no grant is ended while requests come and go (XSA-396).
 *
 * What is in flight is kept in private memory; the ring is only written, and responses are copied
 * before they are looked at (XSA-155). That memory is enough to post everything anew after a
 * restore. Called by the kernel through pv_blk_frontends.
 */
#include "blkfront.h"

#include "grant.h"
#include "pvabi/errno.h"
#include "rings.h"
#include "xenbus.h"

#include <xen/io/blkif.h>
#include <xen/io/protocols.h>

#define SLOTS __CONST_RING_SIZE(blkif, XEN_PAGE_BYTES) /* requests in flight: 32 */
#define SEGMENTS_MAX 8u                                /* of the kernel's, in one request */
#define REQUEST_PAGES 32u                              /* of data: 128 KiB */
#define POOL_PAGES (4u * (REQUEST_PAGES + 1u))         /* four such with their descriptors */
#define PAGE_SECTORS (XEN_PAGE_BYTES / PV_SECTOR_BYTES)
#define BLOCK_BYTES_MAX 32768u
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
    uint32_t generation; /* xenbus_generation when it connected */
    struct xen_channel channel;
    blkif_front_ring_t ring;
    unsigned in_flight;
    uint32_t indirect_max; /* segments in an indirect request; 0: not offered */
    struct slot slots[SLOTS];
    uint16_t slot_free; /* linked by slot.page_first; SLOTS: none */
    uint16_t page_free; /* linked by page_next; NO_PAGE: none */
    uint16_t pages_free;
    uint16_t page_next[POOL_PAGES];
    uint32_t ring_ref, pool_refs[POOL_PAGES];
    struct xen_pages ring_page, pool;
};

#define FRONTEND_PAGES ((sizeof(struct xen_blk) + XEN_PAGE_BYTES - 1u) / XEN_PAGE_BYTES)

static struct xen_blk *frontend_of(struct pv_blk *blk)
{
    return (struct xen_blk *)(void *)blk;
}

/* After a restore: grants and channel are not there any more. */
static void blk_forget(struct xen_blk *frontend)
{
    memset(frontend->pool_refs, 0, sizeof(frontend->pool_refs));
    frontend->ring_ref = 0;
    frontend->channel.port = 0;
}

/* Out of service: keeps the first reason, and ends what the backend lets go of. */
static int blk_fail(struct xen_blk *frontend, const char *reason)
{
    if (frontend->blk.fault)
        return -EIO;
    frontend->blk.fault = reason;
    if (frontend->generation != xenbus_generation)
        blk_forget(frontend);
    xenbus_close(frontend->bus);
    if (frontend->channel.port != 0)
        xen_channel_close(frontend->channel.port);
    frontend->channel.port = 0;
    xen_pages_end(&frontend->ring_page);
    xen_pages_end(&frontend->pool);
    return -EIO;
}

/* ---- the pool ----------------------------------------------------------------------------- */

static uint8_t *page_at(const struct xen_blk *frontend, unsigned page)
{
    return frontend->pool.first + page * XEN_PAGE_BYTES;
}

static uint16_t page_take(struct xen_blk *frontend)
{
    uint16_t page = frontend->page_free;

    frontend->page_free = frontend->page_next[page];
    frontend->pages_free--;
    return page;
}

static void page_give(struct xen_blk *frontend, uint16_t page)
{
    frontend->page_next[page] = frontend->page_free;
    frontend->page_free = page;
    frontend->pages_free++;
}

static void pool_prepare(struct xen_blk *frontend)
{
    frontend->page_free = NO_PAGE;
    for (unsigned i = POOL_PAGES; i-- > 0;)
        page_give(frontend, (uint16_t)i);
    frontend->slot_free = SLOTS;
    for (unsigned i = SLOTS; i-- > 0;) {
        frontend->slots[i].page_first = frontend->slot_free;
        frontend->slot_free = (uint16_t)i;
    }
}

/* Copies between a request's segments and its pages. */
static void data_copy(const struct xen_blk *frontend, const struct slot *slot, bool to_pool)
{
    uint16_t page = slot->page_first;
    uint32_t at = 0; /* within the page */

    for (unsigned i = 0; i < slot->segment_count; i++) {
        uint8_t *data = slot->segments[i].address;
        uint32_t left = slot->segments[i].bytes;

        while (left > 0) {
            uint32_t part = left < XEN_PAGE_BYTES - at ? left : XEN_PAGE_BYTES - at;
            uint8_t *pooled = page_at(frontend, page) + at;

            memcpy(to_pool ? pooled : data, to_pool ? data : pooled, part);
            data += part;
            left -= part;
            at += part;
            if (at == XEN_PAGE_BYTES) {
                page = frontend->page_next[page];
                at = 0;
            }
        }
    }
}

static void slot_release(struct xen_blk *frontend, struct slot *slot)
{
    uint16_t page = slot->page_first;

    for (unsigned i = 0; i < slot->page_count; i++) {
        uint16_t next = frontend->page_next[page];

        page_give(frontend, page);
        page = next;
    }
    if (slot->page_descriptors != NO_PAGE)
        page_give(frontend, slot->page_descriptors);
    slot->cookie = NULL;
    slot->page_first = frontend->slot_free;
    frontend->slot_free = (uint16_t)(slot - frontend->slots);
    frontend->in_flight--;
}

/* ---- requests on the wire ----------------------------------------------------------------- */

/* The grants of a request's data. The pool is our own memory, so descriptors that lie in it are
 * written and never read back. */
static void segments_write(const struct xen_blk *frontend, const struct slot *slot,
                           volatile struct blkif_request_segment *segments)
{
    uint16_t page = slot->page_first;
    uint32_t sectors = slot->sectors;

    for (unsigned i = 0; i < slot->page_count; i++) {
        uint32_t part = sectors < PAGE_SECTORS ? sectors : PAGE_SECTORS;

        segments[i].gref = frontend->pool_refs[page];
        segments[i].first_sect = 0;
        segments[i].last_sect = (uint8_t)(part - 1u);
        sectors -= part;
        page = frontend->page_next[page];
    }
}

static void direct_write(const struct xen_blk *frontend, const struct slot *slot,
                         struct blkif_request *wire)
{
    static const uint8_t operations[] = {
        [PV_BLK_READ] = BLKIF_OP_READ,
        [PV_BLK_WRITE] = BLKIF_OP_WRITE,
        [PV_BLK_FLUSH] = BLKIF_OP_FLUSH_DISKCACHE,
    };

    wire->operation = operations[slot->operation];
    wire->nr_segments = (uint8_t)slot->page_count;
    wire->handle = (blkif_vdev_t)frontend->bus->number;
    wire->sector_number = slot->sector;
    segments_write(frontend, slot, wire->seg);
}

static void indirect_write(const struct xen_blk *frontend, const struct slot *slot,
                           struct blkif_request_indirect *wire)
{
    wire->operation = BLKIF_OP_INDIRECT;
    wire->indirect_op = slot->operation == PV_BLK_READ ? BLKIF_OP_READ : BLKIF_OP_WRITE;
    wire->nr_segments = slot->page_count;
    wire->handle = (blkif_vdev_t)frontend->bus->number;
    wire->sector_number = slot->sector;
    wire->indirect_grefs[0] = frontend->pool_refs[slot->page_descriptors];
    segments_write(frontend, slot, (void *)page_at(frontend, slot->page_descriptors));
}

static void discard_write(const struct xen_blk *frontend, const struct slot *slot,
                          struct blkif_request_discard *wire)
{
    wire->operation = BLKIF_OP_DISCARD;
    wire->flag = 0;
    wire->handle = (blkif_vdev_t)frontend->bus->number;
    wire->sector_number = slot->sector;
    wire->nr_sectors = slot->sectors;
}

/* Puts a request into the ring; there is room, as there are no more slots than entries. */
static void slot_post(struct xen_blk *frontend, const struct slot *slot)
{
    void *wire = RING_GET_REQUEST(&frontend->ring, frontend->ring.req_prod_pvt);
    uint64_t id = (uint64_t)(slot - frontend->slots);

    if (slot->operation == PV_BLK_DISCARD) {
        discard_write(frontend, slot, wire);
        ((struct blkif_request_discard *)wire)->id = id;
    } else if (slot->page_descriptors != NO_PAGE) {
        indirect_write(frontend, slot, wire);
        ((struct blkif_request_indirect *)wire)->id = id;
    } else {
        direct_write(frontend, slot, wire);
        ((struct blkif_request *)wire)->id = id;
    }
    frontend->ring.req_prod_pvt++;
}

static void ring_push(struct xen_blk *frontend)
{
    bool notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&frontend->ring, notify);
    if (notify)
        xen_channel_send(frontend->channel.port);
}

/* ---- attach and reconnect ----------------------------------------------------------------- */

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
    blk->requests_max = SLOTS;
    return NULL;
}

static const char *rings_open(struct xen_blk *frontend)
{
    blkif_sring_t *sring = (void *)frontend->ring_page.first;
    uint16_t domain = frontend->bus->backend_domain;

    memset(sring, 0, XEN_PAGE_BYTES);
    XEN_FRONT_RING_INIT(&frontend->ring, sring, XEN_PAGE_BYTES);
    frontend->channel.idle = 0;
    if (xen_pages_grant(&frontend->ring_page, domain) < 0 ||
        xen_pages_grant(&frontend->pool, domain) < 0)
        return "there are no grants left";
    if (xen_channel_open(domain, &frontend->channel.event, &frontend->channel.port) < 0)
        return "there is no event channel left";
    frontend->blk.event = frontend->channel.event;
    return NULL;
}

/* From nothing to a connected device; NULL, or what went wrong. */
static const char *blk_connect(struct xen_blk *frontend)
{
    struct xenbus_device *bus = frontend->bus;
    const char *wrong;

    frontend->generation = xenbus_generation;
    wrong = xenbus_begin(bus);
    if (wrong == NULL)
        wrong = rings_open(frontend);
    if (wrong == NULL) {
        const struct xenbus_value values[] = {
            {"ring-ref", NULL, frontend->ring_ref},
            {"event-channel", NULL, frontend->channel.port},
            {"protocol", XEN_IO_PROTO_ABI_NATIVE, 0},
            {"feature-persistent", NULL, 1},
        };
        wrong = xenbus_publish(bus, values, sizeof(values) / sizeof(values[0]),
                               XenbusStateInitialised);
    }
    if (wrong == NULL)
        wrong = xenbus_connected(bus, frontend->channel.event);
    return wrong != NULL ? wrong : limits_read(frontend);
}

static bool slot_fits(const struct xen_blk *frontend, const struct slot *slot)
{
    const struct pv_blk *blk = &frontend->blk;

    return slot->sectors <= blk->sectors_max && slot->sector <= blk->sector_count &&
           slot->sectors <= blk->sector_count - slot->sector &&
           (slot->operation != PV_BLK_FLUSH || blk->can_flush) &&
           (slot->operation != PV_BLK_DISCARD || blk->can_discard) &&
           (slot->operation != PV_BLK_WRITE || !blk->read_only);
}

/* After a restore: the device anew, with all that was in flight. */
static const char *blk_reconnect(struct xen_blk *frontend)
{
    const char *wrong;

    blk_forget(frontend);
    wrong = blk_connect(frontend);
    for (unsigned i = 0; i < SLOTS && wrong == NULL; i++) {
        if (frontend->slots[i].cookie == NULL)
            continue;
        if (!slot_fits(frontend, &frontend->slots[i]))
            wrong = "its new backend takes less than the old one";
        else
            slot_post(frontend, &frontend->slots[i]);
    }
    if (wrong == NULL)
        ring_push(frontend);
    return wrong;
}

/* Is the device there? Looked at first in every call. */
static int blk_ready(struct xen_blk *frontend)
{
    const char *wrong = NULL;

    if (frontend->blk.fault)
        return -EIO;
    if (frontend->generation != xenbus_generation)
        wrong = blk_reconnect(frontend);
    else if (frontend->bus->lost)
        wrong = "its backend closes";
    return wrong == NULL ? 0 : blk_fail(frontend, wrong);
}

static size_t blk_memory_bytes(const struct pv_device *device)
{
    (void)device;
    return (FRONTEND_PAGES + 1u + POOL_PAGES) * XEN_PAGE_BYTES;
}

static int blk_attach(const struct pv_device *device, void *memory, struct pv_blk **blk)
{
    struct xen_blk *frontend = memory;
    uint8_t *shared = (uint8_t *)memory + FRONTEND_PAGES * XEN_PAGE_BYTES;
    const char *wrong;

    frontend->bus = xenbus_device_of(device);
    frontend->ring_page = (struct xen_pages){shared, &frontend->ring_ref, 1, false};
    frontend->pool = (struct xen_pages){shared + XEN_PAGE_BYTES, frontend->pool_refs, POOL_PAGES,
                                        false};
    pool_prepare(frontend);
    *blk = &frontend->blk;
    wrong = blk_connect(frontend);
    return wrong == NULL ? 0 : blk_fail(frontend, wrong);
}

/* ---- operation ---------------------------------------------------------------------------- */

/* The sectors that a well-formed request covers; 0 when it is malformed (a flush is not asked
 * for). */
static uint32_t request_sectors(const struct pv_blk_request *request)
{
    uint64_t bytes = 0;

    if (request->operation == PV_BLK_DISCARD)
        return request->sector_count;
    if (request->segment_count > SEGMENTS_MAX)
        return 0;
    for (unsigned i = 0; i < request->segment_count; i++) {
        uint32_t part = request->segments[i].bytes;

        if (part == 0 || part % PV_SECTOR_BYTES != 0)
            return 0;
        bytes += part;
    }
    return bytes / PV_SECTOR_BYTES > UINT32_MAX ? 0 : (uint32_t)(bytes / PV_SECTOR_BYTES);
}

/* Fills a slot's description from a request; false when that is malformed. */
static bool slot_describe(const struct xen_blk *frontend, struct slot *slot,
                          const struct pv_blk_request *request)
{
    bool has_data = request->operation == PV_BLK_READ || request->operation == PV_BLK_WRITE;

    if (!request->cookie || (unsigned)request->operation > PV_BLK_DISCARD)
        return false;
    *slot = (struct slot){.cookie = request->cookie,
                          .operation = (uint8_t)request->operation,
                          .page_first = NO_PAGE,
                          .page_descriptors = NO_PAGE};
    if (request->operation == PV_BLK_FLUSH)
        return slot_fits(frontend, slot);
    slot->sector = request->sector;
    slot->sectors = request_sectors(request);
    if (slot->sectors == 0 || !slot_fits(frontend, slot))
        return false;
    if (has_data) {
        slot->page_count = (uint16_t)((slot->sectors + PAGE_SECTORS - 1u) / PAGE_SECTORS);
        slot->segment_count = (uint8_t)request->segment_count;
        memcpy(slot->segments, request->segments,
               request->segment_count * sizeof(request->segments[0]));
    }
    return true;
}

/* Takes the pages that a described slot needs; false: there are not enough. */
static bool slot_equip(struct xen_blk *frontend, struct slot *slot)
{
    bool indirect = slot->page_count > BLKIF_MAX_SEGMENTS_PER_REQUEST;

    if (frontend->pages_free < slot->page_count + (indirect ? 1u : 0u))
        return false;
    for (unsigned i = 0; i < slot->page_count; i++) {
        uint16_t page = page_take(frontend);

        frontend->page_next[page] = slot->page_first;
        slot->page_first = page;
    }
    if (indirect)
        slot->page_descriptors = page_take(frontend);
    return true;
}

static int blk_submit(struct pv_blk *blk, const struct pv_blk_request *request)
{
    struct xen_blk *frontend = frontend_of(blk);
    struct slot described, *slot;
    int result = blk_ready(frontend);

    if (result < 0)
        return result;
    if (!slot_describe(frontend, &described, request))
        return -EINVAL;
    if (frontend->slot_free == SLOTS || !slot_equip(frontend, &described))
        return -EAGAIN;
    slot = &frontend->slots[frontend->slot_free];
    frontend->slot_free = slot->page_first;
    *slot = described;
    frontend->in_flight++;
    if (slot->operation == PV_BLK_WRITE)
        data_copy(frontend, slot, true);
    slot_post(frontend, slot);
    return 0;
}

static void blk_kick(struct pv_blk *blk)
{
    struct xen_blk *frontend = frontend_of(blk);

    if (blk_ready(frontend) == 0)
        ring_push(frontend);
}

/* The operation that a response has to echo; of an indirect request that is the inner one. */
static uint8_t slot_operation(const struct slot *slot)
{
    switch (slot->operation) {
    case PV_BLK_READ:
        return BLKIF_OP_READ;
    case PV_BLK_WRITE:
        return BLKIF_OP_WRITE;
    case PV_BLK_FLUSH:
        return BLKIF_OP_FLUSH_DISKCACHE;
    default:
        return BLKIF_OP_DISCARD;
    }
}

static bool status_result(int16_t status, int *result)
{
    switch (status) {
    case BLKIF_RSP_OKAY:
        *result = 0;
        return true;
    case BLKIF_RSP_ERROR:
        *result = -EIO;
        return true;
    case BLKIF_RSP_EOPNOTSUPP:
        *result = -EOPNOTSUPP;
        return true;
    default:
        return false;
    }
}

static int blk_take(struct pv_blk *blk, void **cookie, int *result)
{
    struct xen_blk *frontend = frontend_of(blk);
    struct blkif_response response;
    struct slot *slot;
    int there;

    if (blk_ready(frontend) < 0)
        return -EIO;
    there = XEN_RING_RESPONSES(&frontend->ring);
    if (there < 0)
        return blk_fail(frontend, "it claims more responses than requests");
    if (there == 0)
        return 0;
    RING_COPY_RESPONSE(&frontend->ring, frontend->ring.rsp_cons, &response);
    frontend->ring.rsp_cons++;
    frontend->channel.responses = true;
    if (response.id >= SLOTS || frontend->slots[response.id].cookie == NULL)
        return blk_fail(frontend, "a response's id was never given");
    slot = &frontend->slots[response.id];
    if (response.operation != slot_operation(slot))
        return blk_fail(frontend, "a response is to another operation");
    if (!status_result(response.status, result))
        return blk_fail(frontend, "a response's status is unknown");
    *cookie = slot->cookie;
    if (slot->operation == PV_BLK_READ && *result == 0)
        data_copy(frontend, slot, false);
    slot_release(frontend, slot);
    return 1;
}

static bool blk_ask(struct pv_blk *blk)
{
    struct xen_blk *frontend = frontend_of(blk);
    bool work;

    if (blk_ready(frontend) < 0)
        return true;
    RING_FINAL_CHECK_FOR_RESPONSES(&frontend->ring, work);
    if (work)
        return true;
    if (!xen_channel_rearm(&frontend->channel)) {
        blk_fail(frontend, "it sends events without end");
        return true;
    }
    return false;
}

static void blk_refresh(struct pv_blk *blk)
{
    struct xen_blk *frontend = frontend_of(blk);
    uint64_t sectors;

    if (blk_ready(frontend) < 0)
        return;
    sectors = xenbus_number(frontend->bus, "sectors", blk->sector_count);
    if (sectors > UINT64_MAX / PV_SECTOR_BYTES)
        blk_fail(frontend, "its capacity is too large");
    else
        blk->sector_count = sectors;
}

const struct pv_blk_ops xen_blk_ops = {
    .memory_bytes = blk_memory_bytes,
    .attach = blk_attach,
    .submit = blk_submit,
    .kick = blk_kick,
    .take = blk_take,
    .ask = blk_ask,
    .refresh = blk_refresh,
};
