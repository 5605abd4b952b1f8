/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block frontend (xen/io/blkif.h) behind struct pv_blk_ops: a ring of up to four pages, which
 * holds as many requests of 4 KiB as there is room for data, indirect descriptors, flush, discard.
 *
 * Data goes through a pool of pages that are granted when the device attaches and stay granted:
 * that is what "persistent grants" are, and other backends map them for each request as they like.
 * So the backend never sees a page with anything else in it (XSA-403), alignment does not matter,
 * and no grant is ended while requests come and go (XSA-396).
 *
 * What is in flight is kept in private memory; the ring is only written, and responses are copied
 * before they are looked at (XSA-155). That memory is enough to post everything anew after a
 * restore, and what is submitted until the device is there again waits in it, too. Called by the
 * kernel through pv_blk_frontends; blkfront_connect.c connects.
 */
#include "blkfront_parts.h"
#include "pvabi/errno.h"

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

void xen_blk_pool_prepare(struct xen_blk *frontend)
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

/* Puts a request into the ring, which has an entry for each that is in flight. */
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

void xen_blk_slots_post(struct xen_blk *frontend)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (frontend->slots[i].cookie != NULL)
            slot_post(frontend, &frontend->slots[i]);
    ring_push(frontend);
}

bool xen_blk_slot_fits(const struct xen_blk *frontend, const struct slot *slot)
{
    const struct pv_blk *blk = &frontend->blk;

    return slot->sectors <= blk->sectors_max && slot->sector <= blk->sector_count &&
           slot->sectors <= blk->sector_count - slot->sector &&
           (slot->operation != PV_BLK_FLUSH || blk->can_flush) &&
           (slot->operation != PV_BLK_DISCARD || blk->can_discard) &&
           (slot->operation != PV_BLK_WRITE || !blk->read_only);
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
        return xen_blk_slot_fits(frontend, slot);
    slot->sector = request->sector;
    slot->sectors = request_sectors(request);
    if (slot->sectors == 0 || !xen_blk_slot_fits(frontend, slot))
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
    struct xen_blk *frontend = xen_blk_of(blk);
    struct slot described, *slot;
    int there = xen_blk_ready(frontend);

    if (there < 0)
        return there;
    if (!slot_describe(frontend, &described, request))
        return -EINVAL;
    if (frontend->in_flight >= RING_SIZE(&frontend->ring) || !slot_equip(frontend, &described))
        return -EAGAIN;
    slot = &frontend->slots[frontend->slot_free];
    frontend->slot_free = slot->page_first;
    *slot = described;
    frontend->in_flight++;
    if (slot->operation == PV_BLK_WRITE)
        data_copy(frontend, slot, true);
    if (there > 0)
        slot_post(frontend, slot);
    return 0;
}

static void blk_kick(struct pv_blk *blk)
{
    struct xen_blk *frontend = xen_blk_of(blk);

    if (xen_blk_ready(frontend) > 0)
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
    struct xen_blk *frontend = xen_blk_of(blk);
    struct blkif_response response;
    struct slot *slot;
    int there = xen_blk_ready(frontend);

    if (there <= 0)
        return there;
    there = XEN_RING_RESPONSES(&frontend->ring);
    if (there < 0)
        return xen_blk_fail(frontend, "it claims more responses than requests");
    if (there == 0)
        return 0;
    RING_COPY_RESPONSE(&frontend->ring, frontend->ring.rsp_cons, &response);
    frontend->ring.rsp_cons++;
    frontend->channel.responses = true;
    if (response.id >= SLOTS || frontend->slots[response.id].cookie == NULL)
        return xen_blk_fail(frontend, "a response's id was never given");
    slot = &frontend->slots[response.id];
    if (response.operation != slot_operation(slot))
        return xen_blk_fail(frontend, "a response is to another operation");
    if (!status_result(response.status, result))
        return xen_blk_fail(frontend, "a response's status is unknown");
    *cookie = slot->cookie;
    if (slot->operation == PV_BLK_READ && *result == 0)
        data_copy(frontend, slot, false);
    slot_release(frontend, slot);
    return 1;
}

static bool blk_ask(struct pv_blk *blk)
{
    struct xen_blk *frontend = xen_blk_of(blk);
    int there = xen_blk_ready(frontend);
    bool work;

    if (there <= 0)
        return there < 0;
    RING_FINAL_CHECK_FOR_RESPONSES(&frontend->ring, work);
    if (work)
        return true;
    if (!xen_channel_rearm(&frontend->channel)) {
        xen_blk_fail(frontend, "it sends events without end");
        return true;
    }
    return false;
}

static void blk_refresh(struct pv_blk *blk)
{
    struct xen_blk *frontend = xen_blk_of(blk);
    uint64_t sectors;

    if (xen_blk_ready(frontend) <= 0)
        return;
    sectors = xenbus_number(frontend->bus, "sectors", blk->sector_count);
    if (sectors > UINT64_MAX / PV_SECTOR_BYTES)
        xen_blk_fail(frontend, "its capacity is too large");
    else
        blk->sector_count = sectors;
}

const struct pv_blk_ops xen_blk_ops = {
    .memory_bytes = xen_blk_memory_bytes,
    .attach = xen_blk_attach,
    .submit = blk_submit,
    .kick = blk_kick,
    .take = blk_take,
    .ask = blk_ask,
    .refresh = blk_refresh,
};
