/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving (xen/io/netif.h): takes frames out of the pool's pages, each in up to 17 parts, and puts
 * them into the kernel's buffers. Part of netfront.c.
 */
#include "netfront_parts.h"
#include "pvabi/errno.h"

/* A frame that lies in the ring. */
struct rx_frame {
    unsigned count; /* of responses */
    uint32_t bytes; /* 0: to be dropped */
    uint16_t flags; /* of the first response */
    struct {
        uint16_t offset, bytes;
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
    if (response->flags & (NETRXF_extra_info | NETRXF_gso_prefix))
        return "a received frame is of a kind that was not asked for";
    if (response->status > 0 &&
        (uint32_t)response->offset + (uint32_t)response->status > XEN_PAGE_BYTES)
        return "a received frame lies outside of its page";
    return NULL;
}

/* Looks at the first frame in the ring, of which `there` responses have come. 1, 0 when it is not
 * whole yet, -EIO. */
static int frame_look(struct xen_net *frontend, struct rx_frame *frame, unsigned there)
{
    bool more = true, damaged = false;

    frame->count = 0;
    frame->bytes = 0;
    frame->flags = 0;
    while (more) {
        RING_IDX index = frontend->rx.rsp_cons + frame->count;
        struct netif_rx_response response;
        const char *wrong;

        if (frame->count == FRAME_PAGES)
            return xen_net_fail(frontend, "a received frame has too many parts");
        if (frame->count == there)
            return 0;
        RING_COPY_RESPONSE(&frontend->rx, index, &response);
        wrong = response_check(&response, index);
        if (wrong != NULL)
            return xen_net_fail(frontend, wrong);
        if (frame->count == 0)
            frame->flags = response.flags;
        if (response.status <= 0)
            damaged = true;
        frame->parts[frame->count].offset = response.offset;
        frame->parts[frame->count].bytes = response.status > 0 ? (uint16_t)response.status : 0;
        frame->bytes += frame->parts[frame->count++].bytes;
        more = (response.flags & NETRXF_more_data) != 0;
    }
    if (damaged || frame->bytes < FRAME_MIN)
        frame->bytes = 0;
    return 1;
}

/* Copies a frame to a buffer of the kernel's that is large enough. */
static void frame_copy(const struct xen_net *frontend, const struct rx_frame *frame, uint8_t *to)
{
    for (unsigned i = 0; i < frame->count; i++) {
        unsigned page = (frontend->rx.rsp_cons + i) % RX_PAGES;

        memcpy(to, frontend->rx_pool.first + page * XEN_PAGE_BYTES + frame->parts[i].offset,
               frame->parts[i].bytes);
        to += frame->parts[i].bytes;
    }
}

int xen_net_rx_take(struct pv_net *net, void **cookie, uint32_t *frame_bytes,
                    struct pv_net_meta *meta)
{
    struct xen_net *frontend = xen_net_of(net);
    struct rx_frame frame;
    struct rx_buffer *buffer;
    int there, result;

    if (xen_net_ready(frontend) < 0)
        return -EIO;
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
    buffer = &frontend->rx_queue[frontend->rx_next];
    if (frame.bytes > buffer->bytes - HEADROOM)
        frame.bytes = 0;
    if (frame.bytes != 0)
        frame_copy(frontend, &frame, buffer->address + HEADROOM);
    *cookie = buffer->cookie;
    *frame_bytes = frame.bytes;
    /* A blank checksum is a frame that never left the host: its data is as sound as the memory it
     * lies in. */
    *meta = (struct pv_net_meta){
        .csum_valid = (frame.flags & (NETRXF_data_validated | NETRXF_csum_blank)) != 0};
    frontend->rx_next = (frontend->rx_next + 1u) % RX_QUEUE;
    frontend->rx_queued--;
    frontend->rx.rsp_cons += frame.count;
    frontend->rx_channel.responses = true;
    for (unsigned i = 0; i < frame.count; i++)
        rx_slot_post(frontend);
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

    if (xen_net_ready(frontend) < 0)
        return true;
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

    if (xen_net_ready(frontend) < 0)
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
