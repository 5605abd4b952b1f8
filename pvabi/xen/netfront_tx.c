/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending (xen/io/netif.h): copies frames into pages of the pool, completes checksums that the
 * backend would not, and takes answers. Part of netfront.c.
 */
#include "netfront_parts.h"
#include "pvabi/errno.h"

static void tx_page_give(struct xen_net *frontend, uint16_t page)
{
    frontend->tx_pages[page].first = NO_PAGE;
    frontend->tx_pages[page].left = 0;
    frontend->tx_pages[page].next = frontend->tx_free;
    frontend->tx_free = page;
    frontend->tx_free_count++;
}

void xen_net_tx_reset(struct xen_net *frontend)
{
    for (unsigned i = 0; i < TX_PAGES; i++)
        if (frontend->tx_pages[i].left > 0)
            frontend->tx_lost[frontend->tx_lost_count++] = frontend->tx_pages[i].cookie;
    frontend->tx_extras = 0;
    frontend->tx_free = NO_PAGE;
    frontend->tx_free_count = 0;
    for (unsigned i = TX_PAGES; i-- > 0;)
        tx_page_give(frontend, (uint16_t)i);
}

/* The bytes of a well-formed frame; 0 when it is malformed. */
static uint32_t frame_bytes(const struct pv_segment *segments, unsigned count)
{
    uint64_t bytes = 0;

    if (count == 0 || count > SEGMENTS_MAX)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        if (segments[i].bytes == 0)
            return 0;
        bytes += segments[i].bytes;
    }
    return bytes < FRAME_MIN || bytes > XEN_NETIF_MAX_TX_SIZE ? 0 : (uint32_t)bytes;
}

/* Takes pages for a frame of `bytes` bytes; NO_PAGE when there are not enough. The first of them
 * keeps the frame. */
static uint16_t frame_equip(struct xen_net *frontend, uint32_t bytes)
{
    uint16_t pages = (uint16_t)((bytes + XEN_PAGE_BYTES - 1u) / XEN_PAGE_BYTES);
    uint16_t first = frontend->tx_free, page = first;

    if (frontend->tx_free_count < pages)
        return NO_PAGE;
    for (unsigned i = 0; i < pages; i++) {
        frontend->tx_pages[page].first = first;
        page = frontend->tx_pages[page].next;
    }
    frontend->tx_free = page;
    frontend->tx_free_count -= pages;
    frontend->tx_pages[first].left = frontend->tx_pages[first].count = pages;
    return first;
}

static uint8_t *tx_page_at(const struct xen_net *frontend, unsigned page)
{
    return frontend->tx_pool.first + page * XEN_PAGE_BYTES;
}

/* Fills one page from where the segments stand, and wipes what an earlier frame left behind it. */
static void page_fill(struct xen_net *frontend, uint16_t page, uint32_t bytes,
                      const struct pv_segment **segment, uint32_t *at)
{
    struct tx_page *state = &frontend->tx_pages[page];
    uint8_t *to = tx_page_at(frontend, page);
    uint32_t filled = 0;

    while (filled < bytes) {
        uint32_t left = (*segment)->bytes - *at;
        uint32_t part = left < bytes - filled ? left : bytes - filled;

        memcpy(to + filled, (const uint8_t *)(*segment)->address + *at, part);
        filled += part;
        *at += part;
        if (*at == (*segment)->bytes) {
            ++*segment;
            *at = 0;
        }
    }
    if (state->dirty > bytes)
        memset(to + bytes, 0, state->dirty - bytes);
    state->dirty = (uint16_t)bytes;
}

/* Is the place of a checksum in the frame, and in its first page? */
static bool csum_is_inside(uint32_t bytes, const struct pv_net_meta *meta)
{
    uint32_t end = (uint32_t)meta->csum_start + meta->csum_offset + 2u;

    return end <= bytes && end <= XEN_PAGE_BYTES;
}

/* Does the description of a large frame fit it? */
static bool large_is_valid(uint32_t bytes, const struct pv_net_meta *meta)
{
    return (meta->gso == PV_NET_GSO_TCP4 || meta->gso == PV_NET_GSO_TCP6) && meta->csum_partial &&
           meta->csum_offset == 16 && meta->segment_bytes != 0 && meta->header_bytes < bytes;
}

/* Does the backend take a frame of this size, and cut it if it is a large one? */
static bool frame_is_offered(const struct xen_net *frontend, uint32_t bytes, enum pv_net_gso gso)
{
    const bool cuts[] = {true, frontend->net.tx_tso4, frontend->net.tx_tso6};

    return cuts[gso] && (bytes <= XEN_PAGE_BYTES || frontend->sg);
}

/* A frame for what was offered before a restore is lost, as on any wire, and counts as sent. */
static int frame_lose(struct xen_net *frontend, void *cookie)
{
    unsigned state;

    if (!frontend->restored)
        return -EINVAL;
    if (frontend->tx_lost_count > 0)
        return -EAGAIN;
    frontend->tx_lost[frontend->tx_lost_count++] = cookie;
    state = xen_upcalls_mask();
    xen_event_raise(frontend->net.tx_event);
    xen_upcalls_restore(state);
    return 0;
}

/* Can the backend find the place of the checksum by itself? It looks for TCP and UDP in IP. */
static bool csum_is_known(const struct xen_net *frontend, const uint8_t *frame,
                          const struct pv_net_meta *meta)
{
    bool ip4 = frame[12] == 0x08 && frame[13] == 0x00;
    bool ip6 = frame[12] == 0x86 && frame[13] == 0xdd;

    return frontend->csum && (meta->csum_offset == 16 || meta->csum_offset == 6) &&
           (ip4 || (ip6 && frontend->csum6));
}

/* Where it cannot: the sum over all from csum_start on (RFC 1071), put in by ourselves. Its place is
 * in the first page. */
static void csum_complete(const struct xen_net *frontend, uint16_t first, uint32_t bytes,
                          const struct pv_net_meta *meta)
{
    uint32_t place = (uint32_t)meta->csum_start + meta->csum_offset;
    uint64_t sum = 0;
    uint16_t page = first;
    uint8_t *at;

    for (uint32_t i = 0; i < bytes; i++) {
        if (i > 0 && i % XEN_PAGE_BYTES == 0)
            page = frontend->tx_pages[page].next;
        if (i >= meta->csum_start) {
            uint32_t byte = tx_page_at(frontend, page)[i % XEN_PAGE_BYTES];

            sum += (i - meta->csum_start) % 2u == 0 ? byte << 8 : byte;
        }
    }
    while (sum >> 16)
        sum = (sum & 0xffffu) + (sum >> 16);
    sum = sum == 0xffffu ? 0xffffu : ~sum & 0xffffu; /* UDP knows no zero */
    at = tx_page_at(frontend, first) + place;
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

/* Behind the first request of a large frame: how it is to be cut. */
static void extra_request(struct xen_net *frontend, const struct pv_net_meta *meta)
{
    struct netif_extra_info *extra = (void *)RING_GET_REQUEST(&frontend->tx,
                                                              frontend->tx.req_prod_pvt);

    *extra = (struct netif_extra_info){.type = XEN_NETIF_EXTRA_TYPE_GSO};
    extra->u.gso.size = meta->segment_bytes;
    extra->u.gso.type = meta->gso == PV_NET_GSO_TCP4 ? XEN_NETIF_GSO_TYPE_TCPV4
                                                     : XEN_NETIF_GSO_TYPE_TCPV6;
    frontend->tx.req_prod_pvt++;
    frontend->tx_extras++;
}

/* Puts a frame's requests into the ring: the first names the size of all. `meta` of a large frame,
 * otherwise NULL. There is room: a page each, and at most as many descriptions. */
static void frame_request(struct xen_net *frontend, uint16_t first, uint32_t bytes, uint16_t flags,
                          const struct pv_net_meta *meta)
{
    uint16_t page = first;
    uint32_t left = bytes;

    while (left > 0) {
        uint32_t part = left < XEN_PAGE_BYTES ? left : XEN_PAGE_BYTES;
        struct netif_tx_request *request = RING_GET_REQUEST(&frontend->tx,
                                                            frontend->tx.req_prod_pvt);

        request->gref = frontend->tx_refs[page];
        request->offset = 0;
        request->id = page;
        request->size = (uint16_t)(page == first ? bytes : part);
        request->flags = (uint16_t)((page == first ? flags : 0u) |
                                    (left > part ? NETTXF_more_data : 0u));
        frontend->tx.req_prod_pvt++;
        if (meta != NULL && page == first)
            extra_request(frontend, meta);
        left -= part;
        page = frontend->tx_pages[page].next;
    }
}

int xen_net_tx_post(struct pv_net *net, const struct pv_segment *segments, unsigned count,
                    const struct pv_net_meta *meta, void *cookie)
{
    struct xen_net *frontend = xen_net_of(net);
    uint32_t bytes = frame_bytes(segments, count), at = 0;
    bool partial = meta != NULL && meta->csum_partial;
    bool large = meta != NULL && meta->gso != PV_NET_GSO_NONE;
    uint16_t first, page, flags = 0;
    int there = xen_net_ready(frontend);

    if (there < 0)
        return there;
    if (bytes == 0 || (partial && !(net->tx_csum && csum_is_inside(bytes, meta))) ||
        (large && !large_is_valid(bytes, meta)))
        return -EINVAL;
    if (!frame_is_offered(frontend, bytes, large ? meta->gso : PV_NET_GSO_NONE))
        return frame_lose(frontend, cookie);
    first = there > 0 && frontend->tx_lost_count == 0 ? frame_equip(frontend, bytes) : NO_PAGE;
    if (first == NO_PAGE)
        return -EAGAIN;
    page = first;
    for (uint32_t left = bytes; left > 0;) {
        uint32_t part = left < XEN_PAGE_BYTES ? left : XEN_PAGE_BYTES;

        page_fill(frontend, page, part, &segments, &at);
        left -= part;
        page = frontend->tx_pages[page].next;
    }
    if (partial && csum_is_known(frontend, tx_page_at(frontend, first), meta))
        flags = NETTXF_csum_blank | NETTXF_data_validated;
    else if (partial)
        csum_complete(frontend, first, bytes, meta);
    frontend->tx_pages[first].cookie = cookie;
    if (large)
        flags |= NETTXF_extra_info;
    frame_request(frontend, first, bytes, flags, large ? meta : NULL);
    return 0;
}

/* All parts of a frame were answered. */
static void *frame_end(struct xen_net *frontend, uint16_t first)
{
    void *cookie = frontend->tx_pages[first].cookie;
    uint16_t page = first;

    for (unsigned i = 0; i < frontend->tx_pages[first].count; i++) {
        uint16_t next = frontend->tx_pages[page].next;

        tx_page_give(frontend, page);
        page = next;
    }
    return cookie;
}

/* Takes one response. 1: a frame is done; 0: not yet; -EIO. */
static int response_take(struct xen_net *frontend, void **cookie)
{
    struct netif_tx_response response;
    struct tx_page *page, *first;

    RING_COPY_RESPONSE(&frontend->tx, frontend->tx.rsp_cons, &response);
    frontend->tx.rsp_cons++;
    frontend->tx_channel->responses = true;
    if (response.status == NETIF_RSP_NULL) { /* to a description; its id means nothing */
        if (frontend->tx_extras == 0)
            return xen_net_fail(frontend, "a sent frame's status is unknown");
        frontend->tx_extras--;
        return 0;
    }
    if (response.id >= TX_PAGES || frontend->tx_pages[response.id].first == NO_PAGE)
        return xen_net_fail(frontend, "a sent frame's id was never given");
    if (response.status != NETIF_RSP_OKAY && response.status != NETIF_RSP_ERROR &&
        response.status != NETIF_RSP_DROPPED)
        return xen_net_fail(frontend, "a sent frame's status is unknown");
    page = &frontend->tx_pages[response.id];
    first = &frontend->tx_pages[page->first];
    page->first = NO_PAGE;
    if (--first->left > 0)
        return 0;
    *cookie = frame_end(frontend, (uint16_t)(first - frontend->tx_pages));
    return 1;
}

int xen_net_tx_take(struct pv_net *net, void **cookie)
{
    struct xen_net *frontend = xen_net_of(net);
    int result = xen_net_ready(frontend);

    if (result <= 0)
        return result;
    if (frontend->tx_lost_count > 0) {
        *cookie = frontend->tx_lost[--frontend->tx_lost_count];
        return 1;
    }
    result = 0;
    while (result == 0) {
        int there = XEN_RING_RESPONSES(&frontend->tx);

        if (there < 0)
            return xen_net_fail(frontend, "it claims more sent frames than there were");
        if (there == 0)
            return 0;
        result = response_take(frontend, cookie);
    }
    return result;
}

bool xen_net_tx_ask(struct pv_net *net)
{
    struct xen_net *frontend = xen_net_of(net);
    int there = xen_net_ready(frontend);
    bool work;

    if (there <= 0)
        return there < 0;
    RING_FINAL_CHECK_FOR_RESPONSES(&frontend->tx, work);
    return work || frontend->tx_lost_count > 0 ||
           xen_net_channel_ask(frontend, frontend->tx_channel);
}

void xen_net_tx_kick(struct pv_net *net)
{
    struct xen_net *frontend = xen_net_of(net);
    bool notify;

    if (xen_net_ready(frontend) <= 0)
        return;
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&frontend->tx, notify);
    if (notify)
        xen_channel_send(frontend->tx_channel->port);
}
