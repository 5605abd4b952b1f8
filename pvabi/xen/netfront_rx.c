/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving (xen/io/netif.h): takes frames out of the pool's pages, each in up to 17 parts, and puts
 * them into the kernel's buffers. Part of netfront.c.
 */
#include "netfront_parts.h"
#include "pvabi/errno.h"

/* A frame that lies in the ring. */
struct rx_frame {
    unsigned slots; /* of the ring: parts and descriptions */
    unsigned count; /* of parts */
    uint32_t bytes; /* 0: to be dropped */
    uint16_t flags; /* of the first response */
    uint8_t gso;
    uint16_t segment_bytes;
    struct {
        uint16_t slot, offset, bytes;
    } parts[FRAME_PAGES];
};

static void rx_slot_post(struct xen_net *frontend)
{
    RING_IDX index = frontend->rx.req_prod_pvt++;
    struct netif_rx_request *request = RING_GET_REQUEST(&frontend->rx, index);

    request->id = (uint16_t)(index % RX_RING);
    request->pad = 0;
    request->gref = frontend->rx_refs[index % RX_PAGES];
}

void xen_net_rx_reset(struct xen_net *frontend)
{
    frontend->rx_starved = false;
    frontend->rx_partial = 0;
    for (unsigned i = 0; i < RX_PAGES; i++)
        rx_slot_post(frontend);
    RING_PUSH_REQUESTS(&frontend->rx);
}

int xen_net_rx_post(struct pv_net *net, void *buffer, uint32_t bytes, void *cookie)
{
    struct xen_net *frontend = xen_net_of(net);
    int result = xen_net_ready(frontend);

    if (result < 0)
        return result;
    if (bytes < HEADROOM + FRAME_MIN)
        return -EINVAL;
    if (frontend->rx_queued == RX_QUEUE)
        return -EAGAIN;
    frontend->rx_queue[(frontend->rx_next + frontend->rx_queued++) % RX_QUEUE] = (struct rx_buffer){
        buffer, bytes, cookie};
    return 0;
}

/* Judges one response, a copy. NULL, or what is wrong with it. */
static const char *response_check(const struct netif_rx_response *response, RING_IDX index)
{
    if (response->id != index % RX_RING)
        return "a received frame's id is wrong";
    if (response->flags & NETRXF_gso_prefix)
        return "a received frame is of a kind that was not asked for";
    if (response->status > 0 &&
        (uint32_t)response->offset + (uint32_t)response->status > XEN_PAGE_BYTES)
        return "a received frame lies outside of its page";
    return NULL;
}

/* Judges a large frame's description, a copy, which takes the place of a response. */
static const char *extra_check(const struct netif_extra_info *extra, struct rx_frame *frame)
{
    if (extra->type != XEN_NETIF_EXTRA_TYPE_GSO || extra->flags != 0 ||
        (extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
         extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6) ||
        extra->u.gso.size == 0)
        return "a received frame is described in a way that was not asked for";
    frame->gso = extra->u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4 ? PV_NET_GSO_TCP4 : PV_NET_GSO_TCP6;
    frame->segment_bytes = extra->u.gso.size;
    return NULL;
}

/* Adds a part from a response that was checked. */
static void part_add(struct rx_frame *frame, const struct netif_rx_response *response)
{
    uint16_t bytes = response->status > 0 ? (uint16_t)response->status : 0;

    frame->parts[frame->count].slot = (uint16_t)frame->slots++;
    frame->parts[frame->count].offset = response->offset;
    frame->parts[frame->count++].bytes = bytes;
    frame->bytes += bytes;
}

/* Looks at the first frame in the ring, of which `there` responses have come. 1, 0 when it is not
 * whole yet, -EIO. */
static int frame_look(struct xen_net *frontend, struct rx_frame *frame, unsigned there)
{
    struct netif_rx_response response = {.flags = NETRXF_more_data};
    bool damaged = false;

    *frame = (struct rx_frame){0};
    while (response.flags & NETRXF_more_data) {
        RING_IDX index = frontend->rx.rsp_cons + frame->slots;
        const char *wrong = NULL;

        if (frame->count == FRAME_PAGES)
            return xen_net_fail(frontend, "a received frame has too many parts");
        if (frame->slots == there)
            return 0;
        RING_COPY_RESPONSE(&frontend->rx, index, &response);
        wrong = response_check(&response, index);
        if (wrong == NULL && frame->count == 0)
            frame->flags = response.flags;
        if (wrong == NULL && frame->count > 0 && response.flags & NETRXF_extra_info)
            wrong = "a received frame is described in a way that was not asked for";
        if (wrong == NULL) {
            damaged |= response.status <= 0;
            part_add(frame, &response);
        }
        if (wrong == NULL && response.flags & NETRXF_extra_info) {
            struct netif_extra_info extra;

            if (frame->slots == there)
                return 0;
            __builtin_memcpy(&extra, RING_GET_RESPONSE(&frontend->rx, frontend->rx.rsp_cons + 1u),
                             sizeof(extra));
            arch_barrier_compiler(); /* the copy is checked and used, the slot is not read again */
            wrong = extra_check(&extra, frame);
            frame->slots++;
        }
        if (wrong != NULL)
            return xen_net_fail(frontend, wrong);
    }
    if (damaged || frame->bytes < FRAME_MIN)
        frame->bytes = 0;
    return 1;
}

/* How many of the kernel's buffers a frame takes; 0: there are not enough, or it takes too many. */
static unsigned buffers_needed(const struct xen_net *frontend, uint32_t bytes)
{
    uint32_t room = 0;

    for (unsigned i = 0; i < frontend->rx_queued && i < PV_NET_PARTS_MAX; i++) {
        room += frontend->rx_queue[(frontend->rx_next + i) % RX_QUEUE].bytes - HEADROOM;
        if (room >= bytes)
            return i + 1u;
    }
    return 0;
}

/* Copies a frame into the kernel's buffers, which have room, one after the other. */
static void frame_copy(struct xen_net *frontend, const struct rx_frame *frame,
                       struct pv_net_frame *to)
{
    struct rx_buffer *buffer = &frontend->rx_queue[frontend->rx_next];
    struct pv_net_part *part = &to->parts[0];

    for (unsigned i = 0; i < frame->count; i++) {
        unsigned page = (frontend->rx.rsp_cons + frame->parts[i].slot) % RX_PAGES;
        const uint8_t *from = frontend->rx_pool.first + page * XEN_PAGE_BYTES +
                              frame->parts[i].offset;
        uint32_t left = frame->parts[i].bytes;

        while (left > 0) {
            uint32_t room = buffer->bytes - HEADROOM - part->bytes;
            uint32_t bytes = left < room ? left : room;

            memcpy(buffer->address + HEADROOM + part->bytes, from, bytes);
            part->bytes += bytes;
            from += bytes;
            left -= bytes;
            if (bytes == room && part + 1 < to->parts + to->count) {
                part++;
                buffer = &frontend->rx_queue[(frontend->rx_next + (unsigned)(part - to->parts)) %
                                             RX_QUEUE];
            }
        }
    }
}

/* Hands over what was taken: the buffers are the kernel's again, the slots the backend's. */
static void frame_hand_over(struct xen_net *frontend, const struct rx_frame *frame,
                            struct pv_net_frame *to)
{
    for (unsigned i = 0; i < to->count; i++) {
        to->parts[i].cookie = frontend->rx_queue[frontend->rx_next].cookie;
        to->parts[i].offset = HEADROOM;
        frontend->rx_next = (frontend->rx_next + 1u) % RX_QUEUE;
    }
    frontend->rx_queued -= to->count;
    frontend->rx.rsp_cons += frame->slots;
    frontend->rx_channel.responses = true;
    for (unsigned i = 0; i < frame->slots; i++)
        rx_slot_post(frontend);
}

int xen_net_rx_take(struct pv_net *net, struct pv_net_frame *to)
{
    struct xen_net *frontend = xen_net_of(net);
    struct rx_frame frame;
    int there = xen_net_ready(frontend), result;

    if (there <= 0)
        return there;
    there = XEN_RING_RESPONSES(&frontend->rx);
    if (there < 0)
        return xen_net_fail(frontend, "it claims more received frames than there are buffers");
    if (there == 0)
        return 0;
    frontend->rx_starved = frontend->rx_queued == 0;
    if (frontend->rx_starved)
        return 0;
    result = frame_look(frontend, &frame, (unsigned)there);
    frontend->rx_partial = result == 0 ? (unsigned)there : 0;
    if (result <= 0)
        return result;
    to->count = frame.bytes != 0 ? buffers_needed(frontend, frame.bytes) : 1;
    if (to->count == 0) { /* larger than all that was posted */
        to->count = 1;
        frame.bytes = 0;
    }
    for (unsigned i = 0; i < to->count; i++)
        to->parts[i].bytes = 0;
    to->bytes = frame.bytes;
    /* A blank checksum is a frame that never left the host: its data is as sound as the memory it
     * lies in. */
    to->meta = (struct pv_net_meta){
        .csum_valid = (frame.flags & (NETRXF_data_validated | NETRXF_csum_blank)) != 0,
        .gso = frame.gso,
        .segment_bytes = frame.segment_bytes};
    if (frame.bytes != 0)
        frame_copy(frontend, &frame, to);
    frame_hand_over(frontend, &frame, to);
    return 1;
}

/* Shows the backend the slots that were emptied. */
static void rx_push(struct xen_net *frontend)
{
    bool notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&frontend->rx, notify);
    if (notify)
        xen_channel_send(frontend->rx_channel.port);
}

/* As RING_FINAL_CHECK_FOR_RESPONSES, but parts of a frame that is not whole are no work. */
bool xen_net_rx_ask(struct pv_net *net)
{
    struct xen_net *frontend = xen_net_of(net);
    int there = xen_net_ready(frontend);

    if (there <= 0)
        return there < 0;
    rx_push(frontend);
    if (frontend->rx_starved) /* the next kick takes care of that */
        return false;
    frontend->rx.sring->rsp_event = frontend->rx.rsp_cons + frontend->rx_partial + 1u;
    xen_mb(); /* the wish is visible before the index is read; the backend does it in reverse */
    if (xen_ring_index(&frontend->rx.sring->rsp_prod) !=
        frontend->rx.rsp_cons + frontend->rx_partial)
        return true;
    return xen_net_channel_ask(frontend, &frontend->rx_channel);
}

void xen_net_rx_kick(struct pv_net *net)
{
    struct xen_net *frontend = xen_net_of(net);

    if (xen_net_ready(frontend) <= 0)
        return;
    rx_push(frontend);
    if (frontend->rx_starved && frontend->rx_queued > 0) {
        unsigned state = xen_upcalls_mask();

        /* What has come meanwhile raised its event long ago. */
        frontend->rx_starved = false;
        xen_event_raise(frontend->rx_channel.event);
        xen_upcalls_restore(state);
    }
}
